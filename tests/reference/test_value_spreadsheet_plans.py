"""Plans, budgets, change, channels and segments of profit against spreadsheets whose cells are written out here.

Every number on the right was worked out by hand from the numbers on the left.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.prediction import Quantity
from clvmodels.units import plan_horizon

# --- a plan of two months, two draws ------------------------------------------------------------------------
#
#            new customers   profit of existing   of new    total      at 6.00 each       profit after
#   draw       July August      July August     July Aug   July Aug     July August    July August  so far
#    1           4     6          100   80        -8  20     92 100       24   36        68   64   68  132
#    2           6     2           60   40         4  10     64  50       36   12        28   38   28   66
#
#   means: 5, 4 new; 80, 60 existing; -2, 15 new; 78, 75 total; 30, 24 spent; 48, 51 after; 48, 99 so far


@pytest.fixture
def plan() -> clv.AcquisitionForecast:
    months = plan_horizon("2M", pd.Timestamp("2026-07-01").to_pydatetime(), "D", "M")

    def flow(*draws: list[float]) -> Quantity:
        return Quantity("profit", np.array(draws).sum(axis=1), np.array(draws, dtype=float))

    existing, new = flow([100, 80], [60, 40]), flow([-8, 20], [4, 10])
    return clv.AcquisitionForecast(
        counts=np.array([[4.0, 6.0], [6.0, 2.0]]),
        existing={"revenue": existing, "profit": existing},
        new={"revenue": new, "profit": new},
        horizon=months,
        currency="EUR",
        provenance={"currency": "EUR"},
    )


def test_totals_of_a_plan(plan: clv.AcquisitionForecast) -> None:
    """Killed: an interval of the sum that adds the intervals of its parts."""
    assert plan.total("profit").period_draws.tolist() == [[92, 100], [64, 50]]
    table = plan.period_table(0.5)
    assert table["new_customers_mean"].tolist() == [5, 4]
    assert table["existing_profit_mean"].tolist() == [80, 60]
    assert table["new_profit_mean"].tolist() == [-2, 15]
    assert table["total_profit_mean"].tolist() == [78, 75]
    assert table["total_profit_low"].tolist() == [71, 62.5]  # a quarter of the way from 64 to 92, 50 to 100
    assert table["total_profit_high"].tolist() == [85, 87.5]


def test_budget_of_a_plan(plan: clv.AcquisitionForecast) -> None:
    table = clv.budget_table(plan, 6.0)
    assert table["acquisition_cost_mean"].tolist() == [30, 24]
    assert table["profit_before_acquisition_mean"].tolist() == [78, 75]
    assert table["profit_mean"].tolist() == [48, 51]
    assert table["profit_so_far_mean"].tolist() == [48, 99]
    assert table["p_profit_so_far"].tolist() == [1.0, 1.0]
    dear = clv.budget_table(plan, [20.0, 10.0])  # 12, 40 and -56, 30 after; so far 12, 52 and -56, -26
    assert dear["profit_mean"].tolist() == [-22, 35]
    assert dear["p_profit_so_far"].tolist() == [0.5, 0.5]


# --- change of a formula's value ----------------------------------------------------------------------------
#
#   ann then: 2 repeat purchases of 25 in 20 weeks, 2.50 a week; ten weeks at margin 50 %:   12.50
#   ann now:  4 repeat purchases of 30 in 30 weeks, 4.00 a week; ten weeks at margin 50 %:   20.00   (+7.50)
#                                                             ten weeks at margin 40 %:   16.00   (-4.00)
#   bob then: 1 of 10 in 20 weeks, 0.50 a week: 2.50, and gone from the list now:                   (-2.50)
#   eve now:  3 of 10 in 10 weeks, 3.00 a week, at 40 %:                                 12.00  (+12.00)


def test_change_of_a_formula() -> None:
    """Killed: new terms before new data; a lost customer at the new margin."""

    def summary(ids: list[str], frequency: list[int], T: list[int], spend: list[float], end: str) -> clv.RFM:
        return clv.RFM.from_arrays(
            customer_id=ids, frequency=frequency, recency=np.array(T) - 1, T=T, monetary_value=spend,
            time_unit="W", observation_end=end,
        )  # fmt: skip

    then = summary(["ann", "bob"], [2, 1], [20, 20], [25, 10], "2026-01-04")
    now = summary(["ann", "eve"], [4, 3], [30, 10], [30, 10], "2026-03-15")
    formula = clv.HistoricalCLV(basis="repeat")
    change = clv.explain_change(
        clv.Snapshot(formula.fit(then), then, margin=0.5),
        clv.Snapshot(formula.fit(now), now, margin=0.4),
        "10W",
    )
    expected = {
        "old forecast": 15.0, "formula on new data": 7.5, "margin and discount": -4.0, "lost customers": -2.5,
        "new customers": 12.0, "new forecast": 28.0,
    }  # fmt: skip
    found = change.table.set_index("cause")["mean"]
    assert found.to_dict() == pytest.approx(expected, rel=1e-12)
    assert change.table["ends"].tolist() == pytest.approx([15.0, 22.5, 18.5, 16.0, 28.0, 28.0], rel=1e-12)


# --- what a channel leans on --------------------------------------------------------------------------------


def test_beliefs_about_a_channel(cdnow_rfm: clv.RFM) -> None:
    """sd(log θ)² = 0.5² + the variance of the others' fit, on the logarithm. Killed: the sum of the two sds."""
    channel = np.where(np.arange(len(cdnow_rfm)) < 300, "small", "large")
    model = clv.CLVModel("bg_nbd", method="map")
    others = model.fit(cdnow_rfm.take(channel == "large")).purchase
    beliefs = clv.fit_channels(model, cdnow_rfm, channel).fits["small"].purchase.provenance["priors"]
    for i, name in enumerate(others.names):
        variance = others.covariance[i, i] / others.mode[i] ** 2
        assert beliefs[name]["sigma"] == pytest.approx(np.sqrt(0.25 + variance), rel=1e-6)


# --- profit, segment by segment -----------------------------------------------------------------------------
#
#   Ann spends 2.50 a week, bob 0.50. Ten weeks, margin 40 %, 1.00 a purchase (1.0 and 0.5 purchases):
#   ann 10 - 1 = 9.00, bob 2 - 0.5 = 1.50. The tier begins at 5.00, both count as buying (half a purchase).


def test_segments_of_profit() -> None:
    """Killed: tiers of revenue (25 and 5) where profit was asked for."""
    rfm = clv.RFM.from_arrays(
        customer_id=["ann", "bob"], frequency=[2, 1], recency=[18, 9], T=[20, 20], monetary_value=[25, 10],
        time_unit="W",
    )  # fmt: skip
    fitted = clv.HistoricalCLV(basis="repeat").fit(rfm)
    run = clv.profit_run(fitted, "10W", clv.Economics(margin=0.4, cost_per_purchase=1))
    found = clv.segment_customers(run, rfm, clv.SegmentRules(money=(5.0,)))
    assert found.customers["value_mean"].tolist() == pytest.approx([9.0, 1.5], rel=1e-12)
    assert found.labels.tolist() == ["protect", "grow"]
    assert found.table["share_of_value"].tolist() == pytest.approx([9 / 10.5, 1.5 / 10.5, 0, 0], rel=1e-12)
