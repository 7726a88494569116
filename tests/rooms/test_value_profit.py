"""Profit of present customers: sums that tie, draws that are the forecast's, refusals that help."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.prediction import DrawBlock

ECONOMICS = clv.Economics(
    margin=0.4, cost_per_purchase=2, cost_per_active_period=1.5, one_off_cost=0.5, annual_discount_rate=0.1,
    currency="USD",
)  # fmt: skip


@pytest.fixture(scope="module")
def customers(cdnow_rfm: clv.RFM) -> clv.RFM:
    return cdnow_rfm.take(slice(None, None, 40))


@pytest.fixture(scope="module")
def fitted(cdnow_rfm: clv.RFM) -> clv.FittedCLV:
    return clv.CLVModel("bg_nbd").fit(cdnow_rfm, draws=100, seed=1)


@pytest.fixture(scope="module")
def view(fitted: clv.FittedCLV, customers: clv.RFM) -> clv.ProfitForecast:
    return clv.profit(fitted, "12M", ECONOMICS, rfm=customers, draws=100, seed=3, keep_draws=True)


def test_flows_customers_and_totals_tie(view: clv.ProfitForecast) -> None:
    """Killed: a period lost; a cost entered in one view only; closed-form means beside drawn totals."""
    for name, column in (
        ("revenue", "clv_revenue"),
        ("profit", "clv_profit"),
        ("active_cost", "active_cost"),
    ):
        flow = view.flows[name]
        np.testing.assert_allclose(flow.period_draws.sum(axis=1), flow.draws, rtol=1e-10)
        assert view.columns[f"{column}_mean"].sum() == pytest.approx(flow.mean, rel=1e-10)
        assert view.periods[f"{name}_mean"].sum() == pytest.approx(flow.mean, rel=1e-10)
    np.testing.assert_allclose(view.draws.sum(axis=1), view.profit.draws, rtol=1e-10)
    costs = sum(view.flows[f"{kind}_cost"].draws for kind in ("purchase", "active", "one_off"))
    np.testing.assert_allclose(view.flows["margin"].draws - costs, view.profit.draws, rtol=1e-10)
    assert view.periods["profit_so_far_mean"].iloc[-1] == pytest.approx(view.profit.mean, rel=1e-10)


def test_revenue_is_that_of_the_forecast(
    view: clv.ProfitForecast, fitted: clv.FittedCLV, customers: clv.RFM
) -> None:
    """Killed: discounting twice; other draws than the forecast's."""
    forecast = fitted.forecast("12M", rfm=customers, annual_discount_rate=0.1, draws=100, seed=3)
    np.testing.assert_allclose(view.revenue.draws, forecast.value.draws, rtol=1e-12)
    np.testing.assert_allclose(view.revenue.period_draws, forecast.value.period_draws, rtol=1e-12)
    np.testing.assert_allclose(view.columns["clv_revenue_sd"], forecast.columns["clv_sd"], rtol=1e-9)


def test_cost_per_purchase_lies_within_what_its_timing_allows(
    view: clv.ProfitForecast, fitted: clv.FittedCLV, customers: clv.RFM
) -> None:
    """Costs are discounted in the middle of the period; at either end they would be a factor 1.1^(half a month) off."""
    forecast = fitted.forecast("12M", rfm=customers, draws=100, seed=3)
    years = view.horizon.edges * 7 / 365.25
    count = forecast.purchases.period_draws.mean(axis=0)
    cost = view.flows["purchase_cost"].period_draws.mean(axis=0)
    np.testing.assert_allclose(cost, 2 * count * 1.1 ** -((years[:-1] + years[1:]) / 2), rtol=1e-12)


def test_an_active_period_costs_once_however_much_is_bought(view: clv.ProfitForecast) -> None:
    """Killed: activity counted by purchases. Each customer's active cost is at most 12 periods of 1.50."""
    assert (view.columns["active_cost_mean"] <= 12 * 1.5).all()
    assert (view.columns["active_cost_mean"] <= 0.75 * view.columns["purchase_cost_mean"] + 1e-12).all()
    assert view.flows["active_cost"].mean < 0.75 * view.flows["purchase_cost"].mean


def test_numbers_per_customer_in_every_form(fitted: clv.FittedCLV, customers: clv.RFM) -> None:
    """Killed: values taken by position from a Series whose rows are shuffled."""
    import pandas as pd

    margin = np.linspace(0.1, 0.9, len(customers))
    series = pd.Series(margin, index=customers.customer_id).sample(frac=1, random_state=1)
    column = replace(customers, statistics={**customers.statistics, "margin": margin})
    forms = [(customers, margin), (customers, series), (customers, series.to_dict()), (column, "margin")]
    views = [
        clv.profit(fitted, "3M", clv.Economics(margin=form), rfm=rfm, draws=20, seed=1) for rfm, form in forms
    ]
    plain = clv.profit(fitted, "3M", rfm=customers, draws=20, seed=1)
    for one in views:
        expected = margin * plain.columns["clv_revenue_mean"]
        np.testing.assert_allclose(one.columns["clv_profit_mean"], expected, rtol=1e-12)


def test_a_discount_rate_per_customer_is_each_ones_own(fitted: clv.FittedCLV, customers: clv.RFM) -> None:
    """Killed: rates applied in the order of the rates instead of that of the customers."""
    rates = np.where(np.arange(len(customers)) % 3 == 0, 0.3, 0.0)
    mixed, high, none = (
        clv.profit(fitted, "12M", clv.Economics(annual_discount_rate=rate), rfm=customers, draws=20, seed=1)
        for rate in (rates, 0.3, 0.0)
    )
    expected = np.where(rates > 0, high.columns["clv_profit_mean"], none.columns["clv_profit_mean"])
    np.testing.assert_array_equal(mixed.columns["clv_profit_mean"], expected)
    assert mixed.profit.mean == pytest.approx(expected.sum(), rel=1e-12)


def test_order_and_type_of_ids_leave_no_trace(
    view: clv.ProfitForecast, fitted: clv.FittedCLV, customers: clv.RFM
) -> None:
    """Killed: sums in the order of the summary."""
    text = replace(customers, customer_id=customers.customer_id.astype(str).astype(object))
    for rfm, step in ((customers.take(slice(None, None, -1)), -1), (text, 1)):
        other = clv.profit(fitted, "12M", ECONOMICS, rfm=rfm, draws=100, seed=3)
        np.testing.assert_array_equal(other.profit.draws, view.profit.draws)
        np.testing.assert_array_equal(other.columns["clv_profit_q95"][::step], view.columns["clv_profit_q95"])


def test_formulas_have_no_spread(customers: clv.RFM) -> None:
    view = clv.profit(clv.CohortAverage().fit(customers), "12M", ECONOMICS)
    assert not view.is_distribution
    assert "profit_low" not in view.periods
    assert not [name for name in view.customers if name.startswith("p_") or "_q" in name or "_sd" in name]
    assert "interval" not in str(view)
    assert view.periods["profit_mean"].sum() == pytest.approx(
        view.customers["clv_profit_mean"].sum(), rel=1e-10
    )


def test_every_table_carries_the_currency(view: clv.ProfitForecast) -> None:
    for table in (view.customers, view.periods, view.summary()):
        assert table.attrs["currency"] == "USD"
        assert table.attrs["cost_per_purchase"] == 2
    assert "USD" in str(view)


def test_one_customer_who_never_spends() -> None:
    """A formula of no purchases: 0 everywhere but for what is paid once."""
    rfm = clv.RFM.from_arrays(frequency=[0], recency=[0], T=[20], monetary_value=[0], time_unit="W")
    view = clv.profit(clv.ZeroForecast().fit(rfm), "10W", ECONOMICS)
    assert view.revenue.mean == 0
    assert view.profit.mean == -0.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"margin": 35}, "you may mean 0.35"),
        ({"margin": 1.2}, "fraction in"),
        ({"margin": -0.1}, "cost_per_purchase"),
        ({"margin": float("nan")}, "margin"),
        ({"cost_per_purchase": -3}, "you may mean 3"),
        ({"one_off_cost": math.inf}, "one_off_cost"),
        ({"annual_discount_rate": 10}, "you may mean 0.1"),
        ({"annual_discount_rate": 1.0}, "fraction"),
        ({"currency": ""}, "label"),
        ({"currency": 5}, "label"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(clv.ArgumentError, match=words):
        clv.Economics(**changes)


@pytest.mark.parametrize(
    ("margin", "words"),
    [
        ([0.3, 40.0], "35 per cent is 0.35"),
        ([0.3], "one value for each of 2"),
        ({"ann": 0.3}, "missing.*bob"),
        ({"ann": 0.3, "bob": 0.3, "eve": 0.3}, "unknown.*eve"),
        ({"ann": 0.3, "bob": math.nan}, "finite.*bob"),
        ("margin", "holds no margin"),
        ({"ann": "much", "bob": 0.3}, "must be a number"),
    ],
)
def test_broken_numbers_per_customer_are_refused(margin: object, words: str) -> None:
    rfm = clv.RFM.from_arrays(
        frequency=[1, 1], recency=[2, 2], T=[4, 4], customer_id=["ann", "bob"], time_unit="W"
    )
    with pytest.raises(clv.ClvError, match=words):
        clv.Economics(margin=margin).of(rfm)


def test_what_cannot_be_valued_is_refused(fitted: clv.FittedCLV, customers: clv.RFM) -> None:
    with pytest.raises(clv.ArgumentError, match="purchases only"):
        clv.profit(clv.CLVModel("bg_nbd", None, method="mle").fit(customers), "3M", draws=5)
    with pytest.raises(clv.ArgumentError, match="formula of the customers it was fitted to"):
        clv.profit(clv.HistoricalCLV().fit(customers), "3M", rfm=customers.take(slice(0, 3)))
    with pytest.raises(clv.ArgumentError, match="costs of its own"):
        clv.profit(clv.NetHistoricalCLV(acquisition_cost=9).fit(customers), "3M")
    with pytest.raises(clv.ArgumentError, match="loaded fit"):
        clv.profit(replace(fitted, rfm=None), "3M")


def test_forecasters_that_know_no_customer_s_periods_are_refused() -> None:
    """Killed: the periods of one draw of all customers shared out to every draw of each."""
    log = clv.load_cdnow()
    some = clv.rfm_summary(log[log["customer_id"] < 300], spend="spend", observation_end="1997-09-30")
    stack = clv.Stack((clv.HistoricalCLV(), clv.CLVModel("bg_nbd", method="map"))).fit(some)
    for forecaster in (clv.RegressionCLV(windows=1).fit(some), stack):
        with pytest.raises(clv.ArgumentError, match="does not say what each customer buys in each period"):
            clv.profit(forecaster, "4W", draws=5)


def test_a_forecaster_asked_for_one_customer_hands_out_that_ones_periods(
    fitted: clv.FittedCLV, customers: clv.RFM
) -> None:
    """What cash flows per customer rest on: in a block of one, sums over customers are the customer's."""
    seen: list[DrawBlock] = []
    fitted.forecast("3M", rfm=customers, draws=20, block_size=1, observe=seen.append)
    for block in seen:
        np.testing.assert_allclose(block.period_value.sum(axis=1), block.value[:, 0], rtol=1e-12)
