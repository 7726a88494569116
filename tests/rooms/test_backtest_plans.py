"""Plans of a backtest: origins that roll, several horizons, cohorts, new customers, value, and what it records."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np
import pandas as pd
import pytest
from guest_forecasters import Curious, Moody, Peeping, Unfit

import clvmodels as clv
from clvmodels import metrics
from clvmodels.backtesting import Origins, Scorecard
from clvmodels.backtesting.arrivals import arrival_draws, newcomer_draws
from clvmodels.backtesting.record import QUANTILES, score_draws
from clvmodels.baselines import HistoricalCLV, ZeroForecast
from clvmodels.special.shocks import shock_nodes

MLE = clv.CLVModel("bg_nbd", method="mle", label="BG/NBD")
RATE = HistoricalCLV()
FIRST, END = datetime(1997, 1, 2), datetime(1998, 7, 1)


@pytest.fixture(scope="module")
def log(cdnow: pd.DataFrame) -> pd.DataFrame:
    return cdnow[cdnow["customer_id"] % 5 == 0]


@pytest.fixture(scope="module")
def open_log() -> pd.DataFrame:
    """Four new customers a day for 400 days; each buys again every 30 days, four times in all."""
    birth = np.repeat(np.arange(400), 4)
    days = birth[:, None] + np.array([0, 30, 60, 90])
    table = {
        "customer_id": np.repeat(np.arange(len(birth)), 4),
        "date": pd.Timestamp("2025-01-01") + pd.to_timedelta(days.ravel(), unit="D"),
        "spend": np.tile([10.0, 20.0, 20.0, 20.0], len(birth)),
    }
    whole = pd.DataFrame(table)
    return whole[whole["date"] < "2026-02-01"]


def origins_of(plan: Origins) -> list[str]:
    return [str(window.origin) for window in plan.plan(FIRST, END)]


# --- origins ---------------------------------------------------------------------------------------------------


def test_origins_roll_back_from_the_end_of_the_log() -> None:
    windows = Origins("13W", number=3, step="4W").plan(FIRST, END)
    assert [str(window.origin) for window in windows] == ["1998-02-03", "1998-03-03", "1998-03-31"]
    assert windows[-1].ends == (END,)


def test_as_many_origins_as_leave_enough_before_them() -> None:
    plan = Origins("13W", step="8W", min_calibration="39W")
    assert origins_of(plan) == ["1997-10-14", "1997-12-09", "1998-02-03", "1998-03-31"]
    assert origins_of(replace(plan, number=2)) == ["1998-02-03", "1998-03-31"]


def test_months_roll_from_the_end_of_the_log_in_one_leap() -> None:
    windows = Origins("1M", number=3).plan(FIRST, datetime(1998, 3, 31))
    assert [window.ends[0].day for window in windows] == [31, 28, 31]


def test_horizons_are_put_in_order() -> None:
    window = Origins(("6M", "13W", "1Y"), dates=("1997-06-29",)).plan(FIRST, END)[0]
    assert [f"{end:%Y-%m-%d}" for end in window.ends] == ["1997-09-29", "1997-12-30", "1998-06-30"]


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        ({"horizon": ()}, "must be a duration"),
        ({"horizon": ("13W", "13W")}, "twice"),
        ({"horizon": "13W", "dates": ("1997-09-30",), "step": "4W"}, "not both"),
        ({"horizon": "13W", "step": "often"}, "not a duration"),
        ({"horizon": "13W", "number": 0}, "at least 1"),
        ({"horizon": "13W", "min_age": "1M"}, "fixed length"),
        ({"horizon": "13W", "first_seen": "1997-01-01"}, "pair of dates"),
        ({"horizon": "13W", "first_seen": ("1997-03-01", "1997-01-01")}, "before it begins"),
    ],
)
def test_plans_that_contradict_themselves_are_refused(plan: dict, text: str) -> None:
    with pytest.raises(clv.ArgumentError, match=text):
        Origins(**plan)


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (Origins("13W", number=4, min_calibration="39W"), "less than 39W were observed"),
        (Origins("13W", number=9), "nobody had bought yet"),
        (Origins("60W", min_calibration="39W"), "too short for 39W"),
        (Origins(("91D", "13W"), number=1), "end together"),
        (Origins("13W", dates=("1998-06-01",)), "earlier origins"),
    ],
)
def test_plans_that_the_log_does_not_hold_are_refused(plan: Origins, text: str) -> None:
    with pytest.raises(clv.ArgumentError, match=text):
        plan.plan(FIRST, END)


def test_the_horizon_is_given_once(log: pd.DataFrame) -> None:
    with pytest.raises(clv.ArgumentError, match="part of Origins"):
        clv.backtest(log, [RATE], horizon="13W", origins=Origins("13W"))
    with pytest.raises(clv.ArgumentError, match="how far"):
        clv.backtest(log, [RATE])


def test_holdouts_that_overlap_are_flagged(log: pd.DataFrame) -> None:
    plan = Origins(("4W", "13W"), number=3, step="4W")
    card = clv.backtest(log, [RATE], origins=plan)
    assert card.provenance["overlapping_horizons"] == ["13W"]
    assert card.data["overlaps"].tolist() == ["", "13W", "13W"]
    apart = clv.backtest(log, [RATE], horizon="13W", origins=2)
    assert apart.provenance["overlapping_horizons"] == []


# --- horizons --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def card(log: pd.DataFrame) -> Scorecard:
    plan = Origins(("8W", "13W"), number=2, step="4W")
    return clv.backtest(log, [MLE, RATE], origins=plan, draws=200, seed=1)


def test_every_horizon_is_what_it_would_be_alone(card: Scorecard, log: pd.DataFrame) -> None:
    dates = tuple(card.data["origin"])
    for horizon in card.horizons:
        alone = clv.backtest(log, [MLE, RATE], origins=Origins(horizon, dates=dates), draws=200, seed=1)
        mine = card.at(horizon)
        for name in ("mean", "q95", "pit", "crps", "log_score", "actual"):
            np.testing.assert_array_equal(mine.predictions[name], alone.predictions[name])
        pd.testing.assert_frame_equal(
            mine.totals.reset_index(drop=True), alone.totals.reset_index(drop=True), check_exact=True
        )
        assert mine.provenance["horizon"] == horizon
    with pytest.raises(clv.ArgumentError, match="not one of '8W', '13W'"):
        card.at("26W")


def test_scores_know_their_horizon(card: Scorecard) -> None:
    short, long = (card.table("purchases", horizon)["total_actual"].iloc[0] for horizon in ("8W", "13W"))
    assert short < long
    assert card.table("purchases").equals(card.table("purchases", "13W"))
    assert set(card.tracking["horizon"]) == {"13W"}
    weekly = card.scores[card.scores["metric"] == "cumulative_mape"]
    assert set(weekly["horizon"]) == {"13W"}


# --- what is recorded ------------------------------------------------------------------------------------------


def test_quantiles_crps_and_pit_are_those_of_the_draws() -> None:
    rng = np.random.default_rng(3)
    draws = rng.gamma(0.4, 5, (333, 40)) * (rng.random((333, 40)) < 0.4)
    actual, lots = rng.gamma(0.4, 5, 40), rng.random(40)
    said = score_draws(np.sort(draws.T, axis=1), actual, lots)
    expected = np.quantile(draws, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    np.testing.assert_allclose([said[name] for name in QUANTILES], expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(said["crps"], metrics.crps_from_draws(draws, actual), rtol=1e-10)
    np.testing.assert_array_equal(said["pit"], metrics.randomised_pit(draws, actual, lots))


def test_the_log_score_is_that_of_the_exact_probability(log: pd.DataFrame) -> None:
    card = clv.backtest(log, [MLE, RATE], horizon="13W", draws=20)
    rfm, holdout = clv.calibration_holdout(log, cutoff="1998-03-31", spend="spend")
    fitted = clv.CLVModel("bg_nbd", method="mle").fit(rfm)
    ask = partial(fitted.purchase.model.purchase_pmf, fitted.purchase.mode, rfm, holdout.purchases)
    pmf = np.sum([weight * ask(13.0 * node) for node, weight in zip(*shock_nodes(0.18), strict=True)], axis=0)
    rows = card.predictions.query("model == 'BG/NBD' and quantity == 'purchases'")
    np.testing.assert_allclose(rows["log_score"], -np.log(pmf), rtol=1e-9)
    assert card.table("purchases").loc[("1998-03-31", "BG/NBD"), "log_score"] == pytest.approx(
        -np.log(pmf).mean()
    )
    others = card.predictions.query("model != 'BG/NBD' or quantity != 'purchases'")
    assert others["log_score"].isna().all()


def test_a_posterior_s_probability_is_the_mean_over_its_draws(log: pd.DataFrame) -> None:
    rfm = clv.rfm_summary(log, observation_end="1997-09-30").take(slice(0, 30))
    posterior = clv.CLVModel("bg_nbd", spend=None).fit(rfm, draws=100)
    counts = np.arange(30) % 3
    pmf = posterior.purchase.model.purchase_pmf(posterior.purchase.draws.T[:, :, None], rfm, counts, 10.0)
    alone = posterior.purchase_probability(counts, 10.0, discrepancy=None)
    np.testing.assert_allclose(alone, pmf.mean(axis=0), rtol=1e-12)
    for wrong in (counts - 1, counts + 0.5, counts[1:]):
        with pytest.raises(clv.ArgumentError, match="whole numbers"):
            posterior.purchase_probability(wrong, 10.0)
    with pytest.raises(clv.ArgumentError, match="horizon"):
        posterior.purchase_probability(counts, np.inf)


def test_a_log_score_judges_the_distribution_that_was_drawn(log: pd.DataFrame) -> None:
    """Killed: the probability of the model alone below draws that hold shocks; nodes without their weights."""
    rfm, holdout = clv.calibration_holdout(log, cutoff="1997-09-30")
    fitted = clv.CLVModel("bg_nbd", spend=None, method="mle", discrepancy=0.3).fit(rfm)
    came, length = holdout.purchases, holdout.length
    assert fitted.discrepancy is not None
    shocks, _ = fitted.discrepancy.shocks(7, 400)
    ask = partial(fitted.purchase.model.purchase_pmf, fitted.purchase.mode, rfm, came)
    drawn = -np.log(np.mean([ask(length * shock) for shock in shocks], axis=0)).mean()
    said = -np.log(fitted.purchase_probability(came, length)).mean()
    alone = -np.log(fitted.purchase_probability(came, length, discrepancy=None)).mean()
    assert alone == pytest.approx(-np.log(ask(length)).mean())
    assert abs(said - drawn) < 0.1 * abs(alone - drawn)


def test_rows_carry_the_past_of_their_customer(card: Scorecard, log: pd.DataFrame) -> None:
    origin = card.data["origin"].iloc[0]
    rfm = clv.rfm_summary(log, observation_end=origin)
    rows = card.predictions.query("origin == @origin and horizon == '8W' and model == 'BG/NBD'")
    rows = rows[rows["quantity"] == "spend"]
    for name in ("customer_id", "frequency", "recency", "T"):
        np.testing.assert_array_equal(rows[name], getattr(rfm, name))
    first = log.groupby("customer_id")["date"].min().dt.strftime("%Y-%m")
    assert rows["cohort"].tolist() == first[rows["customer_id"]].tolist()


def test_few_labels_are_kept_once(card: Scorecard) -> None:
    kinds = card.predictions.dtypes
    assert all(
        isinstance(kinds[name], pd.CategoricalDtype) for name in ("origin", "horizon", "model", "cohort")
    )
    assert card.predictions["origin"].max() == card.data["origin"].iloc[-1]


def test_ties_are_settled_anew_at_every_origin(card: Scorecard) -> None:
    """The same lot at each origin would let customers without purchases repeat their PIT."""
    rows = card.predictions.query("model == 'BG/NBD' and quantity == 'purchases' and horizon == '8W'")
    one, two = (group.set_index("customer_id")["pit"] for _, group in rows.groupby("origin"))
    quiet = rows.groupby("customer_id")["actual"].sum() == 0
    both = one[quiet[one.index]].corr(two[quiet[two.index]])
    assert abs(both) < 4 / np.sqrt(quiet.sum()) + 0.2  # lots differ; what is known of a customer is alike


def test_a_scorecard_survives_its_folder(card: Scorecard, tmp_path) -> None:
    again = clv.load_scorecard(clv.save_scorecard(card, tmp_path / "backtest"))
    for name in ("predictions", "totals", "tracking", "fits", "newcomers", "data"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(card, name), check_exact=True)
    pd.testing.assert_frame_equal(again.scores, card.scores, check_exact=True)


def test_value_is_discounted_margin(log: pd.DataFrame) -> None:
    card = clv.backtest(
        log, [MLE, RATE], horizon="13W", draws=400, annual_discount_rate=0.2, margin=0.5, seed=3
    )
    rows = {name: group.reset_index() for name, group in card.predictions.groupby("quantity")}
    assert set(rows) == {"purchases", "spend", "value"}
    late = log[(log["date"] > "1998-03-31")]
    known = late[late["customer_id"].isin(log[log["date"] <= "1998-03-31"]["customer_id"])]
    days = (known["date"] - pd.Timestamp("1998-03-31")).dt.days
    worth = (0.5 * known["spend"] / 1.2 ** (days / 365.25)).groupby(known["customer_id"]).sum()
    mine = rows["value"].query("model == 'BG/NBD'").set_index("customer_id")
    np.testing.assert_allclose(mine.loc[worth.index, "actual"], worth, rtol=1e-9)
    full = rows["spend"].query("model == 'BG/NBD'").set_index("customer_id")
    share = (mine["mean"] / full["mean"]).dropna()
    assert share.between(0.5 / 1.2**0.25, 0.5).all()
    assert "bias_total" in card.table("value")
    with pytest.raises(clv.ArgumentError, match="needs spend"):
        clv.backtest(log, [RATE], horizon="13W", spend=None, margin=0.5)


# --- cohorts and history ---------------------------------------------------------------------------------------


def test_a_cohort_is_fitted_and_scored_alone(log: pd.DataFrame) -> None:
    plan = Origins("13W", first_seen=("1997-02-01", "1997-02-28"))
    card = clv.backtest(log, [RATE, Curious()], origins=plan)
    first = log.groupby("customer_id")["date"].min()
    cohort = first[(first >= "1997-02-01") & (first <= "1997-02-28")].index
    assert set(card.predictions["customer_id"]) == set(cohort)
    assert card.fits["status"].tolist() == ["ok", "ok"]
    part = log[log["customer_id"].isin(cohort)]
    alone = clv.backtest(part, [RATE], horizon="13W", observation_end="1998-06-30")
    mine = card.predictions[card.predictions["model"] == RATE.name]
    np.testing.assert_array_equal(mine["mean"], alone.predictions["mean"])
    np.testing.assert_array_equal(mine["actual"], alone.predictions["actual"])
    weeks = card.tracking[card.tracking["model"] == RATE.name]
    assert weeks["actual"].sum() == alone.tracking["actual"].sum()
    assert "left out by the cohort rule" in card.data["report"].iloc[0]


def test_the_young_are_left_out_on_request(open_log: pd.DataFrame) -> None:
    card = clv.backtest(open_log, [RATE], origins=Origins("4W", min_age="13W"))
    assert card.predictions["T"].min() == 13
    everyone = clv.backtest(open_log, [RATE], horizon="4W")
    assert everyone.predictions["T"].min() < 1


def test_a_cohort_of_nobody_is_refused(log: pd.DataFrame) -> None:
    with pytest.raises(clv.ArgumentError, match="no customer belongs"):
        clv.backtest(log, [RATE], origins=Origins("13W", first_seen=("1998-01-01", None)))


def test_who_looks_into_history_sees_no_row_after_the_origin(log: pd.DataFrame) -> None:
    plan = Origins("13W", dates=("1997-09-30",))
    here = clv.backtest(log, [Curious()], origins=plan)
    changed = log.copy()
    late = changed["date"] > "1997-09-30"
    changed.loc[late, "date"] += pd.Timedelta(days=3)
    there = clv.backtest(changed, [Curious()], origins=plan)
    assert here.predictions["mean"].sum() > 0
    np.testing.assert_array_equal(here.predictions["mean"], there.predictions["mean"])
    assert not here.predictions["actual"].equals(there.predictions["actual"])
    peeped = clv.backtest(log, [RATE, Peeping()], origins=plan).fits.set_index("model").loc["peeping"]
    assert peeped["status"] == "failed"
    assert "none of its business" in peeped["reason"]


# --- new customers ---------------------------------------------------------------------------------------------


def test_arrivals_have_the_moments_they_state() -> None:
    """Two a week for 13 weeks, none dispersed: mean 26, variance 26 (1 + 13/13) over 13 weeks."""
    ages = np.repeat(np.arange(20) + 0.5, 2)
    draws = arrival_draws(ages, 13.0, "W", 200_000, np.random.default_rng(1))
    assert abs(draws.mean() - 26) < 4 * np.sqrt(52 / 200_000)
    assert abs(draws.var() - 52) < 4 * 52 * np.sqrt(2.5 / 200_000)
    same = arrival_draws(ages * 7, 13.0, "D", 200_000, np.random.default_rng(1))
    np.testing.assert_array_equal(draws, same)


def test_who_came_long_ago_announces_nobody() -> None:
    rng = np.random.default_rng(1)
    assert not arrival_draws(np.full(9, 13.0), 13.0, "W", 50, rng).any()
    assert arrival_draws(np.array([13.0, 12.9]), 13.0, "W", 50, rng).any()
    assert not arrival_draws(np.array([]), 13.0, "W", 50, rng).any()


def test_new_customers_are_forecast_as_a_whole(open_log: pd.DataFrame) -> None:
    """Four a day for eight weeks are 224. They buy more regularly and fewer times than the model believes."""
    card = clv.backtest(open_log, [MLE, RATE], horizon="8W", draws=400, seed=1)
    said = card.newcomers.query("model == 'BG/NBD'").set_index("quantity")
    assert said.loc["customers", "actual"] == 224
    assert abs(said.loc["customers", "mean"] / 224 - 1) < 0.05  # 400 draws of sd 19
    assert said.loc["customers", "q05"] < 224 < said.loc["customers", "q95"]
    for quantity in ("purchases", "spend"):
        assert 1 < said.loc[quantity, "mean"] / said.loc[quantity, "actual"] < 1.4
        assert said.loc[quantity, "q05"] < said.loc[quantity, "mean"] < said.loc[quantity, "q95"]
    formula = card.newcomers.query("model != 'BG/NBD'")
    assert formula["mean"].isna().all()
    assert (formula["actual"].to_numpy() == said["actual"].to_numpy()).all()


@pytest.mark.parametrize("groups", [200, 3])
def test_lives_of_new_customers_add_up_to_their_closed_form(
    open_log: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, groups: int
) -> None:
    """Killed: the last group, which counts in part, spread over as long a time as a whole one."""
    monkeypatch.setattr("clvmodels.backtesting.arrivals.MOST_GROUPS", groups)
    rfm = clv.rfm_summary(open_log, spend="spend")
    fitted = MLE.fit(rfm)
    options = {"draws": 300, "seed": 2}
    drawn = newcomer_draws(fitted, rfm, rfm.T, "2026-05-23", 16.0, options)
    new, model = rfm.newcomers(), fitted.purchase.model
    middle = (np.arange(64) + 0.5) / 4  # weeks left, seen from a quarter of a week to the next
    again = np.mean([model.expected_purchases(fitted.purchase.mode, new, left)[0] for left in middle])
    repeats = (drawn["purchases"] - drawn["customers"]) / drawn["customers"]
    assert abs(repeats.mean() - again) < 4 * repeats.std() / np.sqrt(300) + 0.01 * again
    spend = drawn["spend"] / drawn["customers"]
    level = model and fitted.spend.model.expected_spend(fitted.spend.mode, new)[0]
    assert abs(spend.mean() - 10 - again * level) < 4 * spend.std() / np.sqrt(300) + 0.02 * again * level


def test_those_too_young_to_be_scored_still_announce_new_ones(open_log: pd.DataFrame) -> None:
    """Killed: arrivals counted among the scored, of whom none came in the last weeks."""
    said = []
    for min_age in (None, "13W"):
        plan = Origins("8W", number=1, min_age=min_age)
        card = clv.backtest(
            open_log, [clv.CLVModel("bg_nbd", spend=None, method="mle")], origins=plan, draws=20
        )
        said.append(card.newcomers.query("quantity == 'customers'")[["mean", "q05", "q95", "actual"]])
    np.testing.assert_array_equal(*said)
    assert said[0]["mean"].iloc[0] > 100


def test_a_closed_cohort_has_no_newcomers(log: pd.DataFrame, open_log: pd.DataFrame) -> None:
    closed = clv.backtest(log, [MLE], horizon="13W", draws=50).newcomers
    assert (closed[["mean", "q05", "q95", "actual"]] == 0).all().all()
    plan = Origins("8W", first_seen=("2025-01-01", "2025-06-30"))
    chosen = clv.backtest(open_log, [MLE], origins=plan, draws=50).newcomers
    assert (chosen[["mean", "q05", "q95", "actual"]] == 0).all().all()


# --- failures and edges ----------------------------------------------------------------------------------------


def test_who_fails_at_one_origin_is_scored_at_the_others(open_log: pd.DataFrame) -> None:
    card = clv.backtest(open_log, [Moody(least=1300), RATE], horizon="8W", origins=3)
    fits = card.fits.query("model == 'moody'")
    assert fits["status"].tolist() == ["failed", "ok", "ok"] or fits["status"].tolist() == [
        "failed",
        "failed",
        "ok",
    ]
    good = set(fits.query("status == 'ok'")["origin"])
    assert set(card.predictions.query("model == 'moody'")["origin"].astype(str)) == good
    assert set(card.newcomers.query("model == 'moody'")["origin"]) == set(card.data["origin"])


def test_a_fit_that_may_not_be_used_is_a_row(log: pd.DataFrame) -> None:
    row = clv.backtest(log, [Unfit(), RATE], horizon="13W").fits.set_index("model").loc["unfit"]
    assert (row["status"], row["reason"]) == ("failed", "the optimum was not found")


def test_convergence_and_warnings_are_told(log: pd.DataFrame) -> None:
    fits = clv.backtest(log, [MLE, RATE], horizon="13W", draws=20).fits.set_index("model")
    assert fits.loc["BG/NBD", "convergence"] == "CONVERGED; CONVERGED"
    assert fits.loc[RATE.name, "convergence"] == ""
    assert (fits["warnings"] == "").all()
    assert (fits[["fit_seconds", "forecast_seconds"]] > 0).all().all()


def test_a_holdout_without_spend_has_no_ranking_and_no_nan(log: pd.DataFrame) -> None:
    free = log.assign(spend=log["spend"].where(log["date"] <= "1998-03-31", 0.0))
    card = clv.backtest(free, [MLE, RATE], horizon="13W", draws=50)
    assert np.isfinite(card.scores["value"]).all()
    spend = set(card.scores.query("quantity == 'spend'")["metric"])
    assert "total_mean" in spend
    assert not spend & {"gini", "capture_10", "bias_total", "crps_per_mean"}


def test_one_customer_is_enough_for_a_formula() -> None:
    log = pd.DataFrame({"customer_id": ["a"] * 3, "date": ["2026-01-01", "2026-02-01", "2026-03-01"]})
    card = clv.backtest(log, [RATE, ZeroForecast(), MLE], horizon="4W", spend=None)
    assert len(card.predictions) == 2
    assert card.fits.set_index("model").loc["BG/NBD", "status"] == "failed"


def test_ids_are_kept_as_they_are(log: pd.DataFrame) -> None:
    texts = log.assign(customer_id=[f"{identity:05d}" for identity in log["customer_id"]])
    card = clv.backtest(texts, [RATE], horizon="13W")
    assert card.predictions["customer_id"].iloc[0] == "00005"
    mixed = log.assign(customer_id=[str(i) if i % 2 else i for i in log["customer_id"]])
    with pytest.raises(clv.DataError, match="no common order"):
        clv.backtest(mixed, [RATE], horizon="13W")
