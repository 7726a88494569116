"""Boosted trees on earlier windows: what they may see, what they draw, and what they leave to others."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.errors import ArgumentError, DataError
from clvmodels.prediction import DrawBlock
from clvmodels.rfm import RFM
from clvmodels.rivals import RegressionCLV
from clvmodels.rivals.trees import Lesson, features


@pytest.fixture(scope="module")
def forecast(cdnow_rfm: RFM) -> clv.Forecast:
    return RegressionCLV().fit(cdnow_rfm, seed=1).forecast("12W", draws=400, seed=1)


def summary(log: pd.DataFrame, end: str = "1997-09-30") -> RFM:
    return clv.rfm_summary(log, spend="spend", observation_end=end)


def steady(rng: np.random.Generator, customers: int, days: int) -> pd.DataFrame:
    """A world without dropout: half the customers buy once in 100 days for 20, half once in ten for 5."""
    rows = []
    for who in range(customers):
        gap, price = (100, 20.0) if who % 2 else (10, 5.0)
        bought = rng.random(days) < 1 / gap
        bought[0] = True
        rows += [(who, np.datetime64("2024-01-01") + np.timedelta64(int(day), "D"), price)
                 for day in np.flatnonzero(bought)]  # fmt: skip
    return pd.DataFrame(rows, columns=["customer_id", "date", "spend"])


# --- what is learned ---------------------------------------------------------------------------------------


def test_features_by_hand() -> None:
    rfm = RFM.from_arrays(
        frequency=[4, 0],
        recency=[18, 0],
        T=[20, 0.5],
        monetary_value=[25, 0],
        statistics={"spend_first": [7, 9]},
        time_unit="W",
    )
    table = features(rfm, amount=2.0)
    assert {name: column[0] for name, column in table.items()} == pytest.approx({
        "frequency": 4, "recency": 126, "T": 140, "silence": 14, "silence / mean gap": 2 / 4.5,
        "frequency / T": 4 / 140, "mean spend": 12.5, "first spend": 3.5,
    }, abs=1e-9)  # fmt: skip
    assert np.isnan(table["silence / mean gap"][1])
    assert np.isnan(table["mean spend"][1])


def test_windows_are_as_long_as_the_horizon_and_follow_each_other(
    forecast: clv.Forecast, cdnow_rfm: RFM
) -> None:
    assert forecast.provenance["windows"] == (
        "2,357 customers as of 1997-07-08, watched until 1997-09-30",
        "2,357 customers as of 1997-04-15, watched until 1997-07-08",
    )
    assert forecast.provenance["scaled"] == pytest.approx(1)
    far = RegressionCLV().fit(cdnow_rfm).forecast("39W", draws=10)
    assert far.provenance["windows"] == ("2,357 customers as of 1997-05-17, watched until 1997-09-30",)
    assert far.provenance["scaled"] == pytest.approx(273 / 136)


def test_rows_after_the_observation_change_nothing(cdnow: pd.DataFrame, forecast: clv.Forecast) -> None:
    future = cdnow["date"].astype(str) > "1997-09-30"
    changed = cdnow.assign(spend=cdnow["spend"].where(~future, 10 * cdnow["spend"] + 1))
    again = RegressionCLV().fit(summary(changed), seed=1).forecast("12W", draws=400, seed=1)
    pd.testing.assert_frame_equal(again.customers, forecast.customers, check_exact=True)


def test_a_world_that_does_not_change_is_forecast(rng: np.random.Generator) -> None:
    """600 customers, 360 days known, 90 days ahead: the truth of each is 0.9 purchases of 20 or 9 of 5."""
    rfm = summary(steady(rng, 600, 360), "2024-12-25")
    forecast = RegressionCLV().fit(rfm).forecast("90D", draws=300)
    rare = rfm.customer_id % 2 == 1
    mean = forecast.columns["expected_purchases"]
    # 300 customers known by 3.6 or 36 purchases each: their groups' means stray by 1/sqrt(300 * 3.6 or 36)
    assert mean[rare].mean() == pytest.approx(0.9, rel=0.12)
    assert mean[~rare].mean() == pytest.approx(9.0, rel=0.04)
    assert forecast.columns["expected_spend"][~rare].mean() == pytest.approx(5.0, rel=0.02)
    bought = rare & (rfm.frequency > 0)
    assert forecast.columns["expected_spend"][bought].mean() == pytest.approx(20.0, rel=0.05)
    # Poisson counts stray by sqrt(0.9) and sqrt(9); money by 5 sqrt(9) = 15
    sd = forecast.columns["clv_sd"]
    assert np.median(sd[~rare]) == pytest.approx(15, rel=0.25)
    truth = 300 * 0.9 + 300 * 9.0
    low, high = forecast.purchases.interval(0.99)
    assert low < truth < high
    # 270 days are one and a half windows of half the observation
    longer = RegressionCLV().fit(rfm).forecast("270D", draws=2).columns["expected_purchases"]
    assert longer[~rare].mean() == pytest.approx(27.0, rel=0.06)
    assert longer[rare].mean() == pytest.approx(2.7, rel=0.15)


def test_neighbours_lie_around_the_level() -> None:
    level = np.sort(np.concatenate([np.linspace(0.1, 1, 300), np.full(400, 2.0), np.linspace(3, 9, 300)]))
    lesson = Lesson(None, None, 1.0, 1.0, level, level, level, ())  # type: ignore[arg-type]
    assert lesson.neighbours == 50
    first = lesson.first_neighbour(np.array([0.0, 0.55, 2.0, 99.0]))
    assert first.tolist() == [0, 125, 475, 950]  # 0.55 lies between the 150th and 151st, the 2s around 500


# --- what is drawn -----------------------------------------------------------------------------------------


def test_means_are_those_of_the_draws(cdnow_rfm: RFM) -> None:
    seen: list[DrawBlock] = []
    draws = 2000
    forecast = (
        RegressionCLV()
        .fit(cdnow_rfm)
        .forecast("12W", draws=draws, annual_discount_rate=0.2, margin=0.3, observe=seen.append)
    )
    for drawn, mean in (
        (np.hstack([block.purchases for block in seen]), forecast.columns["expected_purchases"]),
        (np.hstack([block.value for block in seen if block.value is not None]), forecast.columns["clv_mean"]),
    ):
        error = np.maximum(drawn.std(axis=0), 1e-9) / np.sqrt(draws)
        z = (drawn.mean(axis=0) - mean) / error
        assert abs(z.mean() * np.sqrt(len(z))) < 4  # one number from 2,357 independent customers
        assert np.std(z) < 1.1
    assert (forecast.purchases.draws == forecast.purchases.period_draws.sum(axis=1)).all()
    assert forecast.total.draws.sum() == forecast.total.period_draws.sum()


def test_purchases_are_whole_and_worth_something(cdnow_rfm: RFM) -> None:
    seen: list[DrawBlock] = []
    RegressionCLV().fit(cdnow_rfm).forecast("30W", draws=50, observe=seen.append)
    for block in seen:
        assert block.value is not None
        assert (block.purchases == np.floor(block.purchases)).all()
        assert (block.value[block.purchases == 0] == 0).all()


def test_customers_are_independent_given_the_trees(cdnow_rfm: RFM) -> None:
    seen: list[DrawBlock] = []
    forecast = RegressionCLV().fit(cdnow_rfm).forecast("12W", draws=1000, observe=seen.append)
    own = np.hstack([block.purchases for block in seen]).var(axis=0, ddof=1).sum()
    # the variance of 1,000 draws of a sum is known to sqrt(2 / 999)
    assert forecast.purchases.draws.var(ddof=1) / own == pytest.approx(1, abs=4 * np.sqrt(2 / 999))
    assert "too narrow" in forecast.provenance["uncertainty"]
    assert "too narrow" in RegressionCLV().fit(cdnow_rfm).summary


def test_order_type_of_ids_and_repetition_leave_no_trace(cdnow: pd.DataFrame, forecast: clv.Forecast) -> None:
    shuffled = cdnow.sample(frac=1, random_state=3)
    texts = shuffled.assign(customer_id=shuffled["customer_id"].astype(str))
    tables = []
    for log in (shuffled, texts):
        again = RegressionCLV().fit(summary(log), seed=1).forecast("12W", draws=400, seed=1)
        assert (again.total.draws == forecast.total.draws).all()
        table = again.customers.assign(customer_id=again.customers["customer_id"].astype(int))
        tables.append(table.sort_values("customer_id", ignore_index=True))
    expected = forecast.customers.sort_values("customer_id", ignore_index=True)
    for table in tables:
        pd.testing.assert_frame_equal(table, expected, check_exact=True)


def test_units_of_time_and_money_leave_no_trace(cdnow: pd.DataFrame) -> None:
    """Killed: trees that split between two customers whose ages or amounts differ by rounding only."""
    log = cdnow[cdnow["customer_id"] % 6 == 0]
    options = {"spend": "spend", "observation_end": "1997-12-28"}
    weeks = clv.rfm_summary(log, **options)
    for other, money in (
        (clv.rfm_summary(log, time_unit="D", **options), 1.0),
        (clv.rfm_summary(log.assign(spend=1000 * log["spend"]), **options), 1000.0),
    ):
        here, there = (
            RegressionCLV(windows=1).fit(rfm).forecast("26W", draws=20).customers for rfm in (weeks, other)
        )
        np.testing.assert_allclose(there["expected_purchases"], here["expected_purchases"], rtol=1e-9)
        np.testing.assert_allclose(there["clv_mean"], money * here["clv_mean"], rtol=1e-9)


def test_seeds_change_the_draws(cdnow_rfm: RFM, forecast: clv.Forecast) -> None:
    fitted = RegressionCLV().fit(cdnow_rfm, seed=1)
    other = fitted.forecast("12W", draws=400, seed=2)
    assert (other.total.draws != forecast.total.draws).any()
    np.testing.assert_array_equal(other.columns["expected_purchases"], forecast.columns["expected_purchases"])
    assert len(fitted.lessons) == 1
    fitted.forecast("12W", draws=2)
    assert len(fitted.lessons) == 1


# --- edges -------------------------------------------------------------------------------------------------


def test_without_spend_only_purchases(cdnow: pd.DataFrame) -> None:
    rfm = clv.rfm_summary(cdnow, spend=None, observation_end="1997-09-30")
    forecast = RegressionCLV().fit(rfm).forecast("12W", draws=20)
    assert forecast.value is None
    assert "purchases_mean" in forecast.columns


@pytest.mark.parametrize("customers", [1, 2, 7])
def test_few_customers(rng: np.random.Generator, customers: int) -> None:
    forecast = (
        RegressionCLV().fit(summary(steady(rng, customers, 80), "2024-03-20")).forecast("30D", draws=20)
    )
    assert np.isfinite(forecast.total.draws).all()


def test_nobody_ever_came_back_and_nobody_ever_paid() -> None:
    log = pd.DataFrame({"customer_id": [1, 2, 3], "date": ["2024-01-01"] * 3, "spend": [1.0, 2.0, 3.0]})
    silent = RegressionCLV().fit(summary(log, "2024-03-01")).forecast("30D", draws=20)
    assert silent.total.mean == 0
    again = pd.concat([log.assign(date=day) for day in ("2024-01-01", "2024-01-20", "2024-02-20")])
    free = RegressionCLV().fit(summary(again.assign(spend=0.0), "2024-03-01")).forecast("30D", draws=20)
    assert free.total.mean == 0
    assert free.purchases.mean > 0


def test_refusals(cdnow_rfm: RFM, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = RegressionCLV().fit(cdnow_rfm)
    for call, words in (
        (lambda: RegressionCLV(windows=0), "at least 1"),
        (lambda: RegressionCLV(windows=True), "at least 1"),
        (lambda: fitted.forecast("12W", draws=1), "at least 2"),
        (lambda: fitted.forecast("12W", margin=35), "35 per cent"),
        (lambda: fitted.forecast("12W", seed=-1), "seed=-1"),
        (lambda: RegressionCLV().fit(cdnow_rfm, seed=0.5), "seed="),  # type: ignore[arg-type]
        (lambda: RegressionCLV().fit(replace(cdnow_rfm, history=None)), "rfm_summary or calibration_holdout"),
    ):
        with pytest.raises(ArgumentError, match=words):
            call()
    log = pd.DataFrame({"customer_id": [1], "date": ["2024-01-01"], "spend": [1.0]})
    with pytest.raises(DataError, match="too short"):
        RegressionCLV().fit(summary(log, "2024-01-02"))
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ArgumentError, match=r"pip install clvmodels\[ml\]"):
        RegressionCLV().fit(cdnow_rfm)
