"""Profit, payback, ceilings and referrals against spreadsheets whose cells are written out here.

Every number on the right was worked out by hand, or with a desk calculator, from the numbers on the left.
"""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.units import Horizon
from clvmodels.value.cashflow import Cells
from clvmodels.value.newcomers import NewCustomerValue

YEAR = 365.25  # days; two periods of a year each
TWO_YEARS = Horizon(np.array([0.0, YEAR, 2 * YEAR]), "D", None, None, "two years")
FOUR = Horizon(np.arange(5.0), "W", None, None, "4W")


def new_customers(flows: object, **changes: object) -> NewCustomerValue:
    """Lives with the given (S, N, K) flows over four weeks."""
    flows = np.asarray(flows, dtype=float)
    facts = {
        "label": "shop", "is_distribution": len(flows) > 1, "revenue": flows.sum(axis=2), "horizon": FOUR,
        "currency": "EUR", "provenance": {},
    }  # fmt: skip
    return NewCustomerValue(flows=flows, **{**facts, **changes})


# --- profit of one customer, one draw, two years of a year's length ------------------------------------------
#
#   year   purchases   spend, discounted at each purchase   middle   1.21^-middle
#    1         3                  90.00                       0.5     1/1.1      = 0.909090909
#    2         1                  20.00                       1.5     1/1.331    = 0.751314801
#
#   margin 40 %:            36.00 + 8.00                                   = 44.00
#   2.20 a purchase:        3 · 2.20/1.1 + 1 · 2.20/1.331 = 6.00 + 1.652892562
#   13.31 an active year:   13.31/1.1 + 13.31/1.331       = 12.10 + 10.00
#   once 5.00
#   profit, year 1:         36 - 6 - 12.10 - 5            = 12.90
#   profit, year 2:         8 - 1.652892562 - 10          = -3.652892562


def test_profit_of_one_customer() -> None:
    """Killed: costs discounted at the end of the period; an active period counted by purchases."""
    economics = clv.Economics(
        margin=0.4,
        cost_per_purchase=2.2,
        cost_per_active_period=13.31,
        one_off_cost=5,
        annual_discount_rate=0.21,
    )
    cells = Cells(np.array([0]), np.array([[[3.0, 1.0]]]), np.array([[[90.0, 20.0]]]), TWO_YEARS)
    flows = cells.flows(economics.of_anyone())
    expected = {
        "revenue": [90.0, 20.0],
        "margin": [36.0, 8.0],
        "purchase_cost": [6.0, 1.652892562],
        "active_cost": [12.1, 10.0],
        "one_off_cost": [5.0, 0.0],
        "profit": [12.9, -3.652892562],
    }
    for name, numbers in expected.items():
        np.testing.assert_allclose(flows[name][0, 0], numbers, rtol=1e-9, err_msg=name)


def test_profit_with_a_first_order() -> None:
    """The first order spends 50 now: margin + 20, cost of a purchase + 2.20 undiscounted; year 1 is active anyway.

    Year 2 has no purchase and is not active. Killed: the first order's cost discounted to the middle of the period.
    """
    economics = clv.Economics(
        margin=0.4, cost_per_purchase=2.2, cost_per_active_period=13.31, annual_discount_rate=0.21
    )
    cells = Cells(np.array([0]), np.array([[[0.0, 0.0]]]), np.array([[[0.0, 0.0]]]), TWO_YEARS)
    flows = cells.flows(economics.of_anyone(), np.array([[50.0]]))
    np.testing.assert_allclose(flows["profit"][0, 0], [20.0 - 2.2 - 12.1, 0.0], rtol=1e-12, atol=1e-12)


# --- a formula ----------------------------------------------------------------------------------------------
#
#   Ann buys twice in 20 weeks at 25: 0.1 a week, 2.50 a week. Ten weeks in two periods of five:
#   purchases 0.5 + 0.5, spend 12.50 + 12.50. Margin 40 %: 5 + 5. 1.00 a purchase: 0.50 + 0.50.
#   4.00 an active period, of which a formula has min(0.5, 1): 2 + 2. Profit 2.50 + 2.50.


def test_profit_of_a_formula() -> None:
    """Killed: the cost of an active period taken whole for half a purchase; intervals for a formula."""
    rfm = clv.RFM.from_arrays(
        frequency=[2, 0], recency=[18, 0], T=[20, 20], monetary_value=[25, 0], customer_id=["ann", "bob"],
        time_unit="W",
    )  # fmt: skip
    economics = clv.Economics(margin=0.4, cost_per_purchase=1, cost_per_active_period=4, currency="EUR")
    fitted = clv.HistoricalCLV(basis="repeat").fit(rfm)
    view = clv.profit(
        fitted, "70D", economics, period="D"
    )  # periods of a day add up to the same but for activity
    weekly = clv.profit(fitted, "10W", economics, period="W")
    for one in (view, weekly):
        np.testing.assert_allclose(one.columns["clv_revenue_mean"], [25.0, 0.0], rtol=1e-12)
        np.testing.assert_allclose(one.columns["purchase_cost_mean"], [1.0, 0.0], rtol=1e-12)
        np.testing.assert_allclose(one.columns["active_cost_mean"], [4.0, 0.0], rtol=1e-12)
        np.testing.assert_allclose(one.columns["clv_profit_mean"], [5.0, 0.0], rtol=1e-12)
    assert not [name for name in view.columns if "_q" in name or "_sd" in name or name.startswith("p_")]


# --- payback and ceilings -----------------------------------------------------------------------------------
#
#   draw   life   profit of week 1 2 3 4    so far            paid back 30?
#    1      a      10  10  10  10           10 20 30 40        week 3
#    1      b       0   0   0  40            0  0  0 40        week 4
#    2      a      40   0   0   0           40 40 40 40        week 1
#    2      b      10 -10  10   0           10  0 10 10        never
#
#   averages so far: draw 1: 5 10 15 40 (week 4); draw 2: 25 20 25 25 (never). Mean: 15 15 20 32.5 (week 4).
#   CLV of lives: 40 40 40 10, mean 32.5; averages 40 and 25.

LIVES = [[[10, 10, 10, 10], [0, 0, 0, 40]], [[40, 0, 0, 0], [10, -10, 10, 0]]]


def test_payback() -> None:
    """Killed: payback of one customer taken from the average; the CAC compared with one week's profit."""
    curve = clv.payback(new_customers(LIVES), 30.0)
    assert curve.p_customer.tolist() == [0.25, 0.25, 0.5, 0.75]
    assert curve.p_average.tolist() == [0.0, 0.0, 0.0, 0.5]
    assert curve.so_far.mean(axis=0).tolist() == [15.0, 15.0, 20.0, 32.5]
    assert curve.expected_period == 4
    assert curve.median_period == 3
    assert clv.payback(new_customers(LIVES), 33.0).expected_period is None


def test_payback_is_the_first_time_even_if_costs_take_it_back() -> None:
    """Killed: the share that is above the CAC now, which may fall."""
    curve = clv.payback(new_customers([[[30, -5, 0, 0]], [[0, 0, 0, 0]]]), 30.0)
    assert curve.p_customer.tolist() == [0.5, 0.5, 0.5, 0.5]


def test_acquisition() -> None:
    """LTV:CAC = 32.5/20; three of four lives and both averages above 20, none above 3 · 20.

    75 % of lives exceed every CAC below 40, and 100 % of averages every CAC below 25; 32.5/3 gives three to one.
    Killed: chances of one customer and of the average swapped; a ceiling at the upper quantile.
    """
    table = clv.acquisition({"shop": new_customers(LIVES)}, 20.0, target=3.0, level=0.75).table
    row = table.loc["shop"]
    assert row["ltv_cac_mean"] == 1.625
    assert row["expected_return"] == 0.625
    assert row["p_customer_clv_above_cac"] == 0.75
    assert row["p_average_clv_above_cac"] == 1.0
    assert row["p_customer_ltv_cac_above_target"] == 0.0
    assert row["cac_ceiling_customer"] == pytest.approx(40.0, rel=1e-12)
    assert row["cac_ceiling_average"] == pytest.approx(25.0, rel=1e-12)
    assert row["cac_ceiling_target"] == pytest.approx(10.833333333333334, rel=1e-12)
    assert row["payback_period"] == 3  # so far 15 15 20 32.5: 20 is reached in week 3
    assert table.attrs["currency"] == "EUR"


# --- referrals ----------------------------------------------------------------------------------------------
#
#   0.5 referrals a year, 40 % of them incremental, over a year, a new customer worth 60, reward 10:
#   0.5 · 0.4 · (60 - 10)                                 = 10
#   discounted at 21 % a year: ∫ 1.21^-u du = (1 - 1/1.21)/ln 1.21 = 0.173553719/0.190620360 = 0.910467903
#                                                         = 9.104679026
#   chain: R* = 0.5 · 0.4 · 0.910467903 = 0.182093581; 9.104679026/0.817906419 = 11.131688


def test_referrals_of_a_formula() -> None:
    """Killed: the reward forgotten in later generations; discounting from the end of the year."""
    rfm = clv.RFM.from_arrays(frequency=[0], recency=[0], T=[10], time_unit="W")
    year = Horizon(np.array([0.0, 365.25]), "D", None, None, "a year")
    new = new_customers([[[60.0]]], horizon=year)
    options = {"incremental": 0.4, "cost_per_referral": 10.0}
    assert clv.referral_value(0.5, rfm, new, **options).total.mean == pytest.approx(10.0, rel=1e-12)
    later = clv.referral_value(0.5, rfm, new, annual_discount_rate=0.21, **options)
    assert later.total.mean == pytest.approx(9.104679026, rel=1e-9)
    chain = clv.referral_value(0.5, rfm, new, annual_discount_rate=0.21, chain="all", **options)
    assert chain.total.mean == pytest.approx(11.131688, rel=1e-7)
    assert chain.reproduction == pytest.approx(0.2, rel=1e-12)


def test_referral_rates() -> None:
    """Counts 0 0 0 4 in a year each: mean 1, squares about it 12, so a = 1 · 4 / (12 - 4) = 0.5 and b = 0.5.

    A customer with none: 0.5/1.5; with four: 4.5/1.5. Killed: the variance of counts not reduced by Poisson's.
    """
    rfm = clv.RFM.from_arrays(frequency=[0] * 4, recency=[0] * 4, T=[52] * 4, time_unit="W")
    rate = clv.referral_rate(rfm, [0, 0, 0, 4], years=1.0)
    np.testing.assert_allclose(rate.mean, [1 / 3, 1 / 3, 1 / 3, 3.0], rtol=1e-12)
    alike = clv.referral_rate(rfm, [1, 1, 0, 2], years=1.0)
    assert alike.mean.tolist() == [1.0, 1.0, 1.0, 1.0]
