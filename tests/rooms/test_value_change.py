"""Change between two forecasts: steps that add up, worked out by hand; realised against forecast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.value.change import explain_change
from clvmodels.value.change_realised import compare_with_realised, realised_value
from clvmodels.value.change_steps import Snapshot
from clvmodels.value.expectations import moved_forward


@pytest.fixture(scope="module")
def log(cdnow: pd.DataFrame) -> pd.DataFrame:
    return cdnow[cdnow["customer_id"] <= 400]


@pytest.fixture(scope="module")
def old(log: pd.DataFrame) -> Snapshot:
    rfm = clv.rfm_summary(log, spend="spend", observation_end="1997-09-30")
    return Snapshot(clv.CLVModel("bg_nbd", "gamma_gamma").fit(rfm, draws=60, seed=1), rfm)


@pytest.fixture(scope="module")
def new(log: pd.DataFrame) -> Snapshot:
    rfm = clv.rfm_summary(log, spend="spend", observation_end="1998-01-31")
    return Snapshot(
        clv.CLVModel("bg_nbd", "gamma_gamma").fit(rfm, draws=60, seed=1),
        rfm,
        margin=0.5,
        annual_discount_rate=0.1,
    )


def test_the_parts_add_up_to_the_two_forecasts(old: Snapshot, new: Snapshot) -> None:
    change = explain_change(old, new, "52W", draws=60)
    np.testing.assert_allclose(change.old + change.effects.sum(axis=0), change.new, rtol=1e-11, atol=1e-11)
    before = old.fitted.forecast("52W", draws=60).columns["clv_mean"]
    after = new.fitted.forecast("52W", draws=60, margin=0.5, annual_discount_rate=0.1).columns["clv_mean"]
    np.testing.assert_allclose(change.old, before, rtol=1e-12)
    np.testing.assert_allclose(change.new, after, rtol=1e-12)
    table = change.table
    np.testing.assert_allclose(table["ends"].iloc[-2], table["mean"].iloc[-1], rtol=1e-12)
    np.testing.assert_allclose(table["mean"].iloc[0] + table["mean"].iloc[1:-1].sum(), table["mean"].iloc[-1])
    assert (table["low"].dropna() <= table["mean"][table["low"].notna()]).all()
    assert (table["begins"].iloc[2:-1].to_numpy() == table["ends"].iloc[1:-2].to_numpy()).all()


def test_each_cause_is_the_difference_of_the_two_forecasts_around_it(old: Snapshot, new: Snapshot) -> None:
    """Every rung forecast by hand from the fitted models: means are closed forms, so they agree to rounding."""
    change = explain_change(old, new, "52W", draws=60)
    waiting = moved_forward(old.rfm, new.rfm)
    spend_as_then = clv.RFM.from_arrays(
        customer_id=new.rfm.customer_id,
        frequency=new.rfm.frequency,
        recency=new.rfm.recency,
        T=new.rfm.T,
        monetary_value=old.rfm.monetary_value,
        spend_count=old.rfm.spend_count,
        time_unit="W",
        observation_end="1998-01-31",
    )
    repriced = replace(old.fitted, purchase=new.fitted.purchase)
    rungs = [
        old.fitted.forecast("52W", draws=60),
        old.fitted.forecast("52W", draws=60, rfm=waiting),
        old.fitted.forecast("52W", draws=60, rfm=spend_as_then),
        old.fitted.forecast("52W", draws=60, rfm=new.rfm),
        repriced.forecast("52W", draws=60, rfm=new.rfm),
        new.fitted.forecast("52W", draws=60),
        new.fitted.forecast("52W", draws=60, margin=0.5, annual_discount_rate=0.1),
    ]
    means = np.array([rung.columns["clv_mean"] for rung in rungs])
    np.testing.assert_allclose(change.effects[:6], np.diff(means, axis=0), rtol=1e-9, atol=1e-9)
    assert change.causes[0] == "passage of time"
    assert (change.effects[0] <= 1e-9).all()  # silence is never good news
    assert change.causes[3:5] == ("parameters of purchasing", "parameters of spending")


def test_effects_have_the_exact_size_where_one_thing_changes(old: Snapshot) -> None:
    """Halving the margin halves the value: everything is margin, and nothing else moves."""
    change = explain_change(old, replace(old, margin=0.5), "52W", draws=60)
    margin = change.causes.index("margin and discount")
    np.testing.assert_allclose(change.effects[margin], -change.old / 2, rtol=1e-12)
    others = np.delete(change.effects, margin, axis=0)
    assert (others == 0).all()
    row = change.table.set_index("cause").loc["margin and discount"]
    draws = change.group_draws[margin].sum(axis=0)
    assert [row["low"], row["high"]] == pytest.approx(np.quantile(draws, [0.05, 0.95]))
    assert row["low"] < row["mean"] < row["high"]


def test_customers_of_one_date_only_count_with_their_whole_value(old: Snapshot, new: Snapshot) -> None:
    then, now = old.rfm.take(slice(0, 300)), new.rfm.take(slice(100, 400))
    change = explain_change(replace(old, rfm=then), replace(new, rfm=now), "52W", draws=60)
    assert len(change.customer_id) == 400
    lost, fresh = change.effects[-2], change.effects[-1]
    np.testing.assert_array_equal(lost[:100], -change.old[:100])
    np.testing.assert_array_equal(fresh[300:], change.new[300:])
    assert (lost[100:] == 0).all()
    assert (fresh[:300] == 0).all()
    assert (change.effects[:-2, :100] == 0).all()
    assert (change.new[:100] == 0).all()
    np.testing.assert_allclose(change.old + change.effects.sum(axis=0), change.new, rtol=1e-11, atol=1e-11)
    assert change.provenance["customers_in_both"] == 200


def test_groups_add_up_and_intervals_are_those_of_their_draws(old: Snapshot, new: Snapshot) -> None:
    half = {int(one): "even" if one % 2 == 0 else "odd" for one in old.rfm.customer_id}
    change = explain_change(old, new, "52W", groups=pd.Series(half), draws=60)
    assert change.group_names == ("even", "odd")
    table = change.groups
    np.testing.assert_allclose(
        table.groupby("cause", sort=False)["mean"].sum().to_numpy(), change.effects.sum(axis=1), rtol=1e-12
    )
    chosen = table[(table["group"] == "odd") & (table["cause"] == "passage of time")].iloc[0]
    assert [chosen["low"], chosen["high"]] == pytest.approx(
        np.quantile(change.group_draws[0, 1], [0.05, 0.95])
    )
    odd = old.rfm.customer_id % 2 == 1
    assert chosen["mean"] == pytest.approx(change.effects[0, odd].sum())
    alone = explain_change(
        replace(old, rfm=old.rfm.take(odd)), replace(new, rfm=new.rfm.take(odd)), "52W", draws=60
    )
    np.testing.assert_allclose(alone.group_draws[:, 0], change.group_draws[:, 1], rtol=1e-9, atol=1e-9)


def test_cutting_the_work_leaves_no_trace(
    old: Snapshot, new: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = explain_change(old, new, "26W", draws=60)
    monkeypatch.setattr("clvmodels.value.expectations.CUSTOMERS_AT_ONCE", 37)
    cut = explain_change(old, new, "26W", draws=60)
    np.testing.assert_allclose(whole.effects, cut.effects, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(whole.group_draws, cut.group_draws, rtol=1e-9)
    np.testing.assert_allclose(whole.low, cut.low, rtol=1e-12, atol=1e-12)


def test_one_draw_has_no_interval(old: Snapshot) -> None:
    point = clv.CLVModel("bg_nbd", "gamma_gamma", method="mle").fit(old.rfm)
    change = explain_change(Snapshot(point, old.rfm), Snapshot(point, old.rfm, margin=0.4), "26W")
    assert "low" not in change.table
    assert "none" in change.table.attrs["interval"]
    assert "low" not in change.groups


def test_a_formula_has_no_parameters_apart_from_its_data(old: Snapshot, new: Snapshot) -> None:
    """One customer bought 4 times 25 in 20 weeks, then nothing for 20: 5 a week becomes 2.5, so 50 become 25."""

    def at(age: float, date: str) -> clv.RFM:
        return clv.RFM.from_arrays(
            frequency=[4], recency=[18], T=[age], monetary_value=[25], time_unit="W", observation_end=date
        )

    then, now = at(20, "2026-01-31"), at(40, "2026-06-20")
    change = explain_change(
        Snapshot(clv.HistoricalCLV().fit(then), then),
        Snapshot(clv.HistoricalCLV().fit(now), now, margin=0.2),
        "10W",
    )
    assert change.table["mean"].tolist() == [50.0, -25.0, -20.0, 0.0, 0.0, 5.0]
    assert change.causes[:2] == ("formula on new data", "margin and discount")
    assert "low" not in change.table


def test_the_text_tells_the_story(old: Snapshot, new: Snapshot) -> None:
    lines = str(explain_change(old, new, "52W", draws=60)).splitlines()
    assert lines[0] == "1997-09-30 to 1998-01-31, 52W ahead"
    assert "passage of time" in lines[2]
    assert " to " in lines[2]


def test_what_does_not_go_together_is_refused(old: Snapshot, new: Snapshot) -> None:
    with pytest.raises(clv.ArgumentError, match="swapped"):
        explain_change(new, old, "52W")
    with pytest.raises(clv.ArgumentError, match="EUR"):
        explain_change(replace(old, currency="EUR"), replace(new, currency="USD"), "52W")
    formula = Snapshot(clv.HistoricalCLV().fit(new.rfm), new.rfm)
    with pytest.raises(clv.ArgumentError, match="like with like"):
        explain_change(old, formula, "52W")
    other = Snapshot(clv.CLVModel("mbg_nbd", "gamma_gamma", method="mle").fit(new.rfm), new.rfm)
    with pytest.raises(clv.ArgumentError, match="would be the model"):
        explain_change(old, other, "52W")
    with pytest.raises(clv.ArgumentError, match="35 per cent"):
        explain_change(old, replace(new, margin=35), "52W")
    with pytest.raises(clv.DataError, match="no label"):
        explain_change(old, new, "52W", groups={1: "web"})
    with pytest.raises(clv.ArgumentError, match="Series"):
        explain_change(old, new, "52W", groups=["web"])
    stranger = replace(new.rfm, customer_id=np.array([f"x{i}" for i in range(len(new.rfm))], dtype=object))
    with pytest.raises(clv.DataError, match="no customer is in both"):
        explain_change(old, replace(new, rfm=stranger), "52W")
    timeless = replace(old.rfm, observed_until=None)
    with pytest.raises(clv.ArgumentError, match="calendar"):
        explain_change(replace(old, rfm=timeless), new, "52W")
    with pytest.raises(clv.DataError, match="only the customers it was fitted to"):
        explain_change(Snapshot(clv.HistoricalCLV().fit(new.rfm.take(slice(0, 5))), new.rfm), formula, "52W")


# Two customers, forecast on 2026-03-31: ann buys for 40 after one week and 60 after two, bob never again.
EVENTS = pd.DataFrame(
    {
        "customer_id": ["ann", "bob", "ann", "ann"],
        "date": ["2026-03-10", "2026-03-20", "2026-04-07", "2026-04-14"],
        "spend": [30.0, 20.0, 40.0, 60.0],
    }
)


def test_realised_value_has_the_terms_of_the_forecast() -> None:
    rfm, holdout = clv.calibration_holdout(
        EVENTS, cutoff="2026-03-31", holdout_end="2026-04-28", spend="spend"
    )
    forecast = clv.HistoricalCLV(basis="all").fit(rfm).forecast("4W", margin=0.5, annual_discount_rate=0.2)
    # purchases count at the end of their day: 7 and 14 days after the cutoff
    expected = 0.5 * (40 * 1.2 ** (-7 / 365.25) + 60 * 1.2 ** (-14 / 365.25))
    np.testing.assert_allclose(realised_value(forecast, holdout), [expected, 0.0], rtol=1e-12)


def test_the_forecast_is_judged_in_all_and_by_group(log: pd.DataFrame) -> None:
    rfm, holdout = clv.calibration_holdout(log, cutoff="1997-09-30", spend="spend", holdout_end="1998-03-31")
    fitted = clv.CLVModel("bg_nbd", method="map").fit(rfm)
    forecast = fitted.forecast("1998-03-31", draws=100, keep_draws=True)
    half = {int(one): "even" if one % 2 == 0 else "odd" for one in rfm.customer_id}
    table = compare_with_realised(forecast, holdout, groups=half).set_index("group")
    even = rfm.customer_id % 2 == 0
    assert table.loc["even", "realised"] == pytest.approx(holdout.spend[even].sum())
    assert table.loc["even", "forecast"] == pytest.approx(forecast.columns["clv_mean"][even].sum())
    draws = forecast.draws[:, even].sum(axis=1)
    assert table.loc["even", ["low", "high"]].tolist() == pytest.approx(
        np.quantile(draws, [0.05, 0.95]).tolist()
    )
    assert table.loc["even", "chance_of_less"] == np.mean(draws < holdout.spend[even].sum())
    np.testing.assert_allclose(table.loc["all", "difference"], table.loc[["even", "odd"], "difference"].sum())
    assert table.loc["all", "customers"] == 400


def test_other_windows_and_customers_are_refused(log: pd.DataFrame) -> None:
    rfm, holdout = clv.calibration_holdout(log, cutoff="1997-09-30", spend="spend", holdout_end="1998-03-31")
    zero = clv.ZeroForecast()
    assert "chance_of_less" not in compare_with_realised(zero.fit(rfm).forecast("1998-03-31"), holdout)
    with pytest.raises(clv.ArgumentError, match="reaches 52 units"):
        compare_with_realised(zero.fit(rfm).forecast("52W"), holdout)
    with pytest.raises(clv.DataError, match="same order"):
        compare_with_realised(zero.fit(rfm.take(slice(0, 5))).forecast("1998-03-31"), holdout)
    later = replace(rfm, observed_until=rfm.observed_until.replace(year=1998))
    with pytest.raises(clv.ArgumentError, match="begins 1998"):
        compare_with_realised(zero.fit(later).forecast("26W"), holdout)
    fitted = clv.CLVModel("bg_nbd", method="map").fit(rfm)
    with pytest.raises(clv.ArgumentError, match="keep_draws"):
        compare_with_realised(fitted.forecast("1998-03-31", draws=20), holdout, groups={1: "a"})
    moneyless = clv.calibration_holdout(log, cutoff="1997-09-30", holdout_end="1998-03-31")[1]
    with pytest.raises(clv.ArgumentError, match="name spend="):
        realised_value(fitted.forecast("1998-03-31", draws=20), moneyless)
    purchases = clv.CLVModel("bg_nbd", spend=None, method="map").fit(rfm).forecast("1998-03-31", draws=20)
    np.testing.assert_array_equal(realised_value(purchases, moneyless), holdout.purchases)
