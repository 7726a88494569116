"""The calculator: every formula worked out as in a spreadsheet, beside a model and its record."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rooms.drawn import run_of

import clvmodels as clv
from clvmodels.baselines import BASELINES
from clvmodels.value.calculator import calculate_clv
from clvmodels.value.calculator_formulas import lifespan
from clvmodels.value.calculator_record import backtest_record

WEEKS = 365.25 / 7  # in a year


@pytest.fixture
def two() -> clv.RFM:
    """Ann spent 100 in 4 purchases over 20 weeks (5 a week), bob 20 in one over 10 (2 a week): 120 in 30 weeks."""
    return clv.RFM.from_arrays(
        customer_id=["ann", "bob"],
        frequency=[3, 0],
        recency=[18, 0],
        T=[20, 10],
        monetary_value=[25, 0],
        statistics={"spend_first": [25, 20]},
        time_unit="W",
        observation_end="2026-06-30",
    )


def column(found: object, name: str) -> list[float]:
    return found.table.set_index("formula")[name].tolist()


def test_every_formula_is_that_of_the_spreadsheet(two: clv.RFM) -> None:
    """Half are lost every 13 weeks, so the lifespan is 26 weeks.

    net            120 / 2                                  = 60 so far;  4 a week for 10 weeks = 40
    value          (5 + 2) / 2 = 3.5 a week · 26            = 91;         3.5 · 10 = 35
    order value    120 / 5 = 24 · 5 / 30 a week · 26        = 104;        4 · 10 = 40
    annual         120 / 30 = 4 a week · 3 years of 52.18   = 626.14;     4 · 10 = 40
    """
    found = calculate_clv(two, "10W", churn=0.5)
    np.testing.assert_allclose(column(found, "value"), [60, 91, 104, 4 * 3 * WEEKS], rtol=1e-12)
    np.testing.assert_allclose(column(found, "in_horizon"), [40, 35, 40, 40], rtol=1e-12)
    assert found.lifespan.years == pytest.approx(26 / WEEKS)
    longer = calculate_clv(two, "52W", churn=0.5)
    np.testing.assert_allclose(column(longer, "in_horizon"), [4 * 52, 91, 104, 4 * 52], rtol=1e-12)


def test_margin_and_costs_enter_where_they_belong(two: clv.RFM) -> None:
    """Margin 0.5, 3 to win and 5.2179 a year (0.1 a week) to keep a customer.

    net            (60 - 6 - 0.1 · 30) / 2 = 25.5; within 10 weeks 51 / 30 · 10 = 17
    annual         (2 - 0.1) a week: 19 in 10 weeks, and winning is over
    """
    found = calculate_clv(
        two, "10W", churn=0.5, margin=0.5, acquisition_cost=3, retention_cost=0.1 * WEEKS, years=2
    )
    np.testing.assert_allclose(column(found, "value"), [25.5, 45.5, 52, 1.9 * 2 * WEEKS], rtol=1e-12)
    np.testing.assert_allclose(column(found, "in_horizon"), [17, 17.5, 20, 19], rtol=1e-12)


def test_discounted_lifespans(two: clv.RFM) -> None:
    found = calculate_clv(two, "10W", churn=0.5, annual_discount_rate=0.1)
    delta = np.log(1.1) / WEEKS
    np.testing.assert_allclose(column(found, "value")[1], 3.5 * (1 - np.exp(-26 * delta)) / delta, rtol=1e-12)
    np.testing.assert_allclose(
        column(found, "in_horizon")[1], 3.5 * (1 - np.exp(-10 * delta)) / delta, rtol=1e-12
    )
    assert "discounted at 0.1 a year" in found.calculations[2].steps


def test_the_steps_say_the_numbers_and_the_assumption(two: clv.RFM) -> None:
    text = str(calculate_clv(two, "10W", churn=0.5, currency="EUR", margin=0.5))
    assert "customer value × lifespan: 45.50 EUR per customer" in text
    assert "1 / 0.5 (given churn per 13W) = 0.4983 years" in text
    assert "(margin 0.5 × 120.00 - 0.00 to win - 0.00 to keep) / 2 customers = 30.00" in text
    assert "24.00 per order" in text
    assert text.count("assumes that") == 4


def test_churn_is_measured_once_and_for_all_formulas(cdnow_rfm: clv.RFM) -> None:
    found = calculate_clv(cdnow_rfm, "39W")
    silence = cdnow_rfm.T - cdnow_rfm.recency
    kept = ((silence < 13) & (cdnow_rfm.T >= 13)).sum()
    lost = ((silence >= 13) & (silence < 26)).sum()
    assert found.lifespan.churn == lost / (lost + kept)
    assert found.lifespan.is_measured
    for row, baseline in zip(found.calculations[1:3], ("lifespan", "aov_frequency_lifespan"), strict=True):
        forecast = BASELINES[baseline]().fit(cdnow_rfm).forecast("39W")
        assert row.in_horizon == pytest.approx(forecast.total.mean / len(cdnow_rfm), rel=1e-12)


def test_formulas_have_records_under_the_names_of_their_forecasters(two: clv.RFM) -> None:
    names = {make().name for make in BASELINES.values()}
    found = calculate_clv(two, "10W", churn=0.5)
    assert {one.backtested_as for one in found.calculations} <= names
    assert found.calculations[3].backtested_as == found.calculations[0].backtested_as
    # beyond the chosen years, or with costs, annual contribution is a formula that nobody has tried
    assert calculate_clv(two, "3Y", churn=0.5, years=2).calculations[3].backtested_as is None
    assert calculate_clv(two, "10W", churn=0.5, retention_cost=1).calculations[3].backtested_as is None


def scores(two_origins: bool = True) -> pd.DataFrame:
    rows = [
        ("2025-06-30", "spend", "Customer value × lifespan", "bias_total", 0.6),
        ("2025-06-30", "spend", "Customer value × lifespan", "rmse", 30.0),
        ("2025-06-30", "purchases", "Customer value × lifespan", "bias_total", 9.0),
    ]
    if two_origins:
        rows.append(("2025-12-31", "spend", "Customer value × lifespan", "bias_total", -0.2))
        rows.append(("2025-12-31", "spend", "Customer value × lifespan", "rmse", 50.0))
    return pd.DataFrame(rows, columns=["origin", "quantity", "model", "metric", "value"])


def test_the_record_stands_beside_the_answer(two: clv.RFM) -> None:
    found = calculate_clv(two, "10W", churn=0.5, scores=scores())
    row = found.table.set_index("formula").loc["customer value × lifespan"]
    names = [
        "backtest_bias",
        "backtest_bias_least",
        "backtest_bias_largest",
        "backtest_rmse",
        "backtest_origins",
    ]
    assert row[names].tolist() == pytest.approx([0.2, -0.2, 0.6, 40.0, 2])
    assert found.table["backtest_bias"].isna().sum() == 3
    assert "off by +20% on average over 2 origins (from -20% to +60%)" in str(found)
    assert str(backtest_record(scores(False))["Customer value × lifespan"]).endswith("over 1 origin")


def test_money_with_its_own_margin_is_read_first(two: clv.RFM) -> None:
    table = pd.concat([scores(), scores(False).assign(quantity="value", value=0.1)])
    assert backtest_record(table)["Customer value × lifespan"].bias == pytest.approx(0.1)


def test_the_model_stands_beside_the_formulas(two: clv.RFM) -> None:
    """Draws of the total 30, 50, 40, 60 for two customers: mean 22.5 each, against 35 of a formula."""
    forecast = run_of(two, [[1, 1]] * 4, [[10, 20], [20, 30], [30, 10], [30, 30]])()
    found = calculate_clv(two, "52W", churn=0.5, model=forecast)
    table = found.table.set_index("formula")
    assert table["model_mean"].tolist() == [22.5] * 4
    bounds = np.quantile([15, 25, 20, 30], [0.05, 0.95])
    np.testing.assert_allclose(table[["model_low", "model_high"]].iloc[0], bounds)
    assert table.loc["customer value × lifespan", "off_model"] == pytest.approx(91 / 22.5 - 1)
    with pytest.raises(clv.ArgumentError, match="give horizon='52W'"):
        calculate_clv(two, "10W", churn=0.5, model=forecast)
    with pytest.raises(clv.ArgumentError, match=r"margin=1, the formulas 0\.5"):
        calculate_clv(two, "52W", churn=0.5, margin=0.5, model=forecast)
    with pytest.raises(clv.DataError, match="same order"):
        calculate_clv(two.take([1, 0]), "52W", churn=0.5, model=forecast)
    with pytest.raises(clv.ArgumentError, match="purchases only"):
        calculate_clv(two, "52W", churn=0.5, model=run_of(two, [[1, 1]], None)())
    formula = clv.ZeroForecast().fit(two).forecast("52W")
    beside = calculate_clv(two, "52W", churn=0.5, model=formula).table
    assert "model_low" not in beside
    assert beside["off_model"].isna().all()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"churn": 50}, "ten per cent a period is 0.1"),
        ({"churn": 0}, "above 0"),
        ({"margin": 40}, "fraction"),
        ({"annual_discount_rate": 10}, r"0\.10"),
        ({"years": 0}, "at most 100"),
        ({"years": float("nan")}, "at most 100"),
        ({"acquisition_cost": -3}, "no minus sign"),
        ({"retention_cost": -3}, "no minus sign"),
        ({"period": "1Q", "churn": 0.2}, "Q"),
    ],
)
def test_arguments_out_of_range_are_refused(two: clv.RFM, options: dict, text: str) -> None:
    with pytest.raises(clv.ArgumentError, match=text):
        calculate_clv(two, "10W", **{"churn": 0.5, **options})


def test_data_that_cannot_answer_are_refused(two: clv.RFM) -> None:
    moneyless = clv.RFM.from_arrays(frequency=[1], recency=[2], T=[9], time_unit="W")
    with pytest.raises(clv.DataError, match="need spend"):
        calculate_clv(moneyless, "10W", churn=0.5)
    faithful = clv.RFM.from_arrays(frequency=[1, 1], recency=[38, 39], T=[40, 40], time_unit="W")
    with pytest.raises(clv.DataError, match="has no end"):
        lifespan(faithful)
    with pytest.raises(clv.DataError, match="cannot be measured"):
        lifespan(clv.RFM.from_arrays(frequency=[0], recency=[0], T=[99], time_unit="W"))
    with pytest.raises(clv.DataError, match="lacks metric"):
        backtest_record(scores().drop(columns="metric"))
    with pytest.raises(clv.DataError, match="no quantity of money"):
        backtest_record(scores().assign(quantity="purchases"))
    several = scores().assign(horizon=["4W", "4W", "4W", "8W", "8W"])
    with pytest.raises(clv.ArgumentError, match="several horizons"):
        backtest_record(several)
