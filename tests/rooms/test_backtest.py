"""Backtests: no leakage, nothing lost, failures told, scores that can be recomputed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels import metrics
from clvmodels.backtesting import Scorecard, score_predictions
from clvmodels.backtesting.weeks import expected_weeks
from clvmodels.baselines import HistoricalCLV, ZeroForecast

MLE = clv.CLVModel("bg_nbd", method="mle", label="BG/NBD")
RATE = HistoricalCLV(basis="repeat")


@pytest.fixture(scope="module")
def log(cdnow: pd.DataFrame) -> pd.DataFrame:
    return cdnow[cdnow["customer_id"] % 5 == 0]


@pytest.fixture(scope="module")
def scorecard(log: pd.DataFrame) -> Scorecard:
    return clv.backtest(log, [MLE, RATE], horizon="13W", origins=3, draws=200, seed=1)


def test_holdouts_follow_each_other_and_end_with_the_log(scorecard: Scorecard) -> None:
    assert list(scorecard.data["origin"]) == ["1997-09-30", "1997-12-30", "1998-03-31"]


def test_what_happened_is_what_the_log_says(scorecard: Scorecard, log: pd.DataFrame) -> None:
    known = log[log["date"] <= "1997-09-30"]["customer_id"].unique()
    window = log[
        (log["date"] > "1997-09-30") & (log["date"] <= "1997-12-30") & log["customer_id"].isin(known)
    ]
    totals = scorecard.totals.set_index(["origin", "quantity", "model"])["actual"]
    assert totals["1997-09-30", "purchases", "BG/NBD"] == len(window.drop_duplicates(["customer_id", "date"]))
    assert totals["1997-09-30", "spend", RATE.name] == pytest.approx(window["spend"].sum(), rel=1e-12)


def test_later_rows_change_no_earlier_forecast(scorecard: Scorecard, log: pd.DataFrame) -> None:
    """Rows after the first origin are rewritten: its forecasts stay, to the bit."""
    changed = log.copy()
    changed.loc[changed["date"] > "1997-09-30", "spend"] *= 7
    dropped = (
        (changed["date"] > "1997-10-15")
        & (changed["customer_id"] % 2 == 0)
        & (changed["date"] < "1998-06-01")
    )
    again = clv.backtest(
        changed[~dropped], [MLE, RATE], horizon="13W", origins=["1997-09-30"], draws=200, seed=1
    )
    first = scorecard.predictions[scorecard.predictions["origin"] == "1997-09-30"].reset_index(drop=True)
    said = ["model", "quantity", "customer_id", "mean", "q05", "q50", "q95", "p_purchase"]
    pd.testing.assert_frame_equal(again.predictions[said], first[said])


def test_customers_first_seen_in_the_holdout_are_reported_apart(log: pd.DataFrame) -> None:
    result = clv.backtest(log, [RATE], horizon="8W", origins=["1997-02-10"])
    early = log[log["date"] <= "1997-02-10"]["customer_id"]
    new = log[(log["date"] > "1997-02-10") & (log["date"] <= "1997-04-07") & ~log["customer_id"].isin(early)]
    came = result.newcomers.set_index("quantity")["actual"]
    assert came["customers"] == new["customer_id"].nunique()
    assert came["purchases"] == len(new.drop_duplicates(["customer_id", "date"]))
    assert came["spend"] == pytest.approx(new["spend"].sum())
    assert set(result.predictions["customer_id"]) == set(early)


def test_scores_are_those_of_the_saved_predictions(scorecard: Scorecard) -> None:
    one = scorecard.predictions.query(
        "origin == '1997-12-30' and model == 'BG/NBD' and quantity == 'purchases'"
    )
    scores = scorecard.table("purchases").loc[("1997-12-30", "BG/NBD")]
    assert scores["rmse"] == metrics.rmse(one["actual"], one["mean"])
    assert scores["mae"] == metrics.mae(one["actual"], one["q50"])
    assert scores["crps"] == one["crps"].to_numpy().mean()
    assert scores["coverage_90"] == metrics.pit_coverage(one["pit"], 0.9)
    again = score_predictions(scorecard.predictions, scorecard.totals, scorecard.baseline, scorecard.tracking)
    pd.testing.assert_frame_equal(again, scorecard.scores)


def test_skill_is_measured_against_the_formula(scorecard: Scorecard) -> None:
    assert scorecard.baseline == RATE.name
    table = scorecard.table("spend")
    for origin in table.index.get_level_values("origin").unique():
        model, formula = table.loc[(origin, "BG/NBD")], table.loc[(origin, RATE.name)]
        assert model["skill_rmse"] == pytest.approx(1 - model["rmse"] / formula["rmse"])
        assert formula["skill_crps"] == 0


def test_calling_the_impossible_is_not_forgotten(scorecard: Scorecard) -> None:
    """Killed: infinite scores left out, as if there were none."""
    said = scorecard.predictions.copy()
    worst = said.index[(said["model"] == "BG/NBD") & (said["quantity"] == "purchases")][0]
    said.loc[worst, "log_score"] = np.inf
    scores = score_predictions(said, scorecard.totals, "BG/NBD").query("origin == '1997-09-30'")
    found = scores.set_index("metric")["value"]
    assert found["log_score"] == np.inf
    assert "skill_log_score" not in found
    assert "skill_crps" in found


def test_a_formula_has_no_interval_and_no_pit(scorecard: Scorecard) -> None:
    point = scorecard.predictions[scorecard.predictions["model"] == RATE.name]
    assert not point["is_distribution"].any()
    assert point[["sd", "q05", "q25", "q75", "q95", "pit", "p_purchase", "log_score"]].isna().all().all()
    np.testing.assert_allclose(point["crps"], (point["mean"] - point["actual"]).abs())
    assert "coverage_90" not in set(scorecard.scores.query("model == @RATE.name")["metric"])


def test_customers_add_up_to_the_totals(scorecard: Scorecard) -> None:
    """Killed: the mean of a few draws beside the exact means of the customers."""
    keys = ["origin", "horizon", "model", "quantity"]
    sums = scorecard.predictions.groupby(keys, observed=True)[["mean", "actual"]].sum()
    totals = scorecard.totals.set_index(keys)[["mean", "actual"]]
    assert len(sums) == len(totals)
    np.testing.assert_allclose(sums.loc[totals.index], totals, rtol=1e-9)


def test_weeks_add_up_to_the_totals(scorecard: Scorecard, log: pd.DataFrame) -> None:
    weeks = scorecard.tracking.query("origin == '1998-03-31' and model == 'BG/NBD'")
    holdout = weeks[weeks["is_holdout"]]
    total = scorecard.totals.query(
        "origin == '1998-03-31' and model == 'BG/NBD' and quantity == 'purchases'"
    ).iloc[0]
    assert len(holdout) == 13
    assert holdout["actual"].sum() == total["actual"]
    assert holdout["mean"].sum() == pytest.approx(total["mean"], rel=0.05)  # simulated against closed form
    known = log[log["date"] <= "1998-03-31"]
    repeats = len(known.drop_duplicates(["customer_id", "date"])) - known["customer_id"].nunique()
    assert weeks.loc[~weeks["is_holdout"], "actual"].sum() == repeats
    assert weeks["cumulative_actual"].iloc[-1] == weeks["actual"].sum()
    inside = weeks["cumulative_mean"].between(weeks["cumulative_q05"], weeks["cumulative_q95"])
    assert inside[weeks["is_holdout"]].all()
    assert str(weeks["end_exclusive"].iloc[-1].date()) == "1998-07-01"


def test_the_expected_weeks_are_the_sum_of_unconditional_means(log: pd.DataFrame) -> None:
    rfm = clv.rfm_summary(log, spend="spend", observation_end="1997-09-30")
    fitted = clv.CLVModel("pareto_nbd", method="mle").fit(rfm)
    edges = np.arange(-39, 1.0)
    model, newcomer = fitted.purchase.model, rfm.newcomers(1)
    by_hand = np.zeros(len(edges))
    for age in rfm.T:
        for k, edge in enumerate(edges):
            if age + edge > 0:
                by_hand[k] += model.expected_purchases(fitted.purchase.mode, newcomer, age + edge)[0]
    np.testing.assert_allclose(expected_weeks(rfm, fitted, edges), np.diff(by_hand), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("time_unit", ["D", "h"])
def test_weeks_are_weeks_on_every_clock(log: pd.DataFrame, time_unit: str) -> None:
    here = clv.backtest(log, [MLE], horizon="6M", draws=20)
    there = clv.backtest(log, [MLE], horizon="6M", draws=20, time_unit=time_unit)
    for name in ("week", "actual", "is_holdout"):
        assert here.tracking[name].equals(there.tracking[name])
    np.testing.assert_allclose(here.tracking["mean"], there.tracking["mean"], rtol=1e-6)
    days = here.tracking["days"]
    assert (days[:-1] == 7).all()
    assert days.iloc[-1] == 181 - 25 * 7


def test_a_holdout_shorter_than_a_week_is_one_short_week(log: pd.DataFrame) -> None:
    weeks = clv.backtest(log, [MLE], horizon="3D", draws=20).tracking
    assert weeks["days"].tolist() == [7.0] * (len(weeks) - 1) + [3.0]


@dataclass(frozen=True)
class Stubborn:
    """A forecaster whose fit always fails."""

    name: str = "stubborn"

    def fit(self, rfm: clv.RFM, *, seed: int = 0) -> clv.FittedCLV:
        raise clv.FitError(f"no optimum for {len(rfm)} customers with seed {seed}")


def test_a_fit_that_fails_is_a_row_with_its_reason(log: pd.DataFrame) -> None:
    result = clv.backtest(log, [Stubborn(), RATE], horizon="13W")
    row = result.fits.set_index("model").loc["stubborn"]
    assert row["status"] == "failed"
    assert "no optimum" in row["reason"]
    assert set(result.scores["model"]) == {RATE.name}


@dataclass(frozen=True)
class Broken:
    """A forecaster with a mistake in it."""

    name: str = "broken"

    def fit(self, rfm: clv.RFM, *, seed: int = 0) -> clv.FittedCLV:
        raise ZeroDivisionError(f"{len(rfm)} / {seed - seed}")


def test_a_guest_that_breaks_does_not_take_the_others_with_it(log: pd.DataFrame) -> None:
    result = clv.backtest(log, [Broken(), RATE], horizon="13W")
    assert result.fits.set_index("model").loc["broken", "reason"].startswith("ZeroDivisionError: ")
    assert set(result.scores["model"]) == {RATE.name}


def test_the_kind_of_id_leaves_no_trace_in_scores(log: pd.DataFrame) -> None:
    def scores(ids: pd.Series) -> pd.Series:
        result = clv.backtest(log.assign(customer_id=ids), [MLE], horizon="13W", draws=100, seed=2)
        return result.scores.set_index(["quantity", "metric"])["value"]

    numbers = log["customer_id"]
    whole = scores(numbers)
    for other in (numbers.astype(str), numbers.astype(float)):
        pd.testing.assert_series_equal(whole, scores(other), rtol=1e-12)


def test_a_stray_last_row_can_be_left_out(log: pd.DataFrame) -> None:
    stray = log.iloc[[0]].assign(date=pd.Timestamp("2099-01-01"))
    result = clv.backtest(pd.concat([log, stray]), [RATE], horizon="13W", observation_end="1998-06-30")
    assert list(result.data["origin"]) == ["1998-03-31"]


def test_notes_of_the_holdout_are_kept(log: pd.DataFrame) -> None:
    refund = log.iloc[[0]].assign(date=pd.Timestamp("1998-05-05"), spend=-500.0)
    result = clv.backtest(pd.concat([log, refund]), [RATE], horizon="13W", refunds="net")
    assert "holdout: " in result.data["report"].iloc[0]


def test_months_follow_each_other_to_the_end_of_the_log(log: pd.DataFrame) -> None:
    early = log[log["date"] <= "1998-03-30"]
    result = clv.backtest(early, [RATE], horizon="1M", origins=3, observation_end="1998-03-30")
    ends = result.tracking.groupby("origin")["end_exclusive"].max().dt.date.astype(str)
    assert ends.tolist() == ["1998-01-31", "1998-02-28", "1998-03-31"]


def test_if_nothing_can_be_fitted_that_is_an_error(log: pd.DataFrame) -> None:
    with pytest.raises(clv.FitError, match="no optimum"):
        clv.backtest(log, [Stubborn()], horizon="13W")


def test_the_same_inputs_give_the_same_bytes(log: pd.DataFrame) -> None:
    def run(rows: pd.DataFrame) -> Scorecard:
        return clv.backtest(rows, [MLE, ZeroForecast()], horizon="13W", draws=100, seed=5)

    here, there = run(log), run(log.sample(frac=1, random_state=1))
    for name in ("predictions", "totals", "tracking", "newcomers"):
        pd.testing.assert_frame_equal(getattr(here, name), getattr(there, name), check_exact=True)
    assert (
        not run(log)
        .predictions["mean"]
        .equals(
            clv.backtest(
                log, [replace(MLE, method="map"), ZeroForecast()], horizon="13W", draws=100
            ).predictions["mean"]
        )
    )


def test_progress_names_what_comes(log: pd.DataFrame) -> None:
    seen: list[tuple[int, int, str]] = []
    clv.backtest(log, [RATE], horizon="13W", origins=2, progress=lambda *step: seen.append(step))
    assert [step[:2] for step in seen] == [(0, 2), (1, 2), (2, 2)]
    assert seen[0][2].startswith("1997-12-30")


def test_without_spend_only_purchases_are_scored(log: pd.DataFrame) -> None:
    model = clv.CLVModel("bg_nbd", spend=None, method="mle")
    result = clv.backtest(log, [model, RATE], horizon="13W", spend=None, draws=50)
    assert set(result.scores["quantity"]) == {"purchases"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"origins": 0}, "at least 1"),
        ({"origins": ["1998-06-01"]}, "use earlier origins or a shorter horizon"),
        ({"origins": []}, "none given"),
        ({"horizon": "1998-06-30"}, "not a duration"),
        ({"baseline": "nobody"}, "not among the forecasters"),
        ({"forecasters": [RATE, RATE]}, "names of their own"),
        ({"forecasters": []}, "names of their own"),
        ({"forecasters": RATE}, "must be a list"),
        ({"forecasters": ["bg_nbd"]}, "must be such as CLVModel"),
        ({"origins": True}, "whole number of at least 1"),
        ({"origins": 2.0}, "whole number of at least 1"),
        ({"origins": 50}, r"and \d+ more nobody had bought yet"),
        ({"horizon": 26}, "must be a duration"),
        ({"seed": -1}, "at least 0"),
    ],
)
def test_plans_that_cannot_be_carried_out_are_refused(log: pd.DataFrame, options: dict, text: str) -> None:
    plan = {"forecasters": [RATE], "horizon": "13W"} | options
    with pytest.raises(clv.ArgumentError, match=text):
        clv.backtest(log, plan.pop("forecasters"), **plan)


def test_an_origin_before_the_log_is_refused(log: pd.DataFrame) -> None:
    with pytest.raises(clv.ArgumentError, match="nobody had bought yet"):
        clv.backtest(log, [RATE], horizon="13W", origins="1990-01-01")


def test_a_scorecard_says_what_was_scored() -> None:
    log = clv.load_cdnow("sample").head(2000)
    card = clv.backtest(log, [clv.ZeroForecast()], horizon="13W")
    with pytest.raises(clv.ArgumentError, match="quantity='spending' is not one of 'purchases', 'spend'"):
        card.table("spending")
    with pytest.raises(clv.ArgumentError, match="horizon='26W' is not one of '13W'"):
        card.table("spend", "26W")
