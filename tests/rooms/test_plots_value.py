"""Plots of decisions: payback, ceilings, calendar, segments, waterfall and tornado; frames against written numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from rooms.drawn import run_of

import clvmodels as clv
from clvmodels import plots
from clvmodels.errors import ArgumentError
from clvmodels.prediction import Quantity
from clvmodels.units import Horizon, plan_horizon
from clvmodels.value.newcomers import NewCustomerValue

FOUR = Horizon(np.arange(5.0), "W", None, None, "4W")
LIVES = np.array([[[10, 10, 10, 10], [0, 0, 0, 40]], [[40, 0, 0, 0], [10, -10, 10, 0]]], dtype=float)


def new_customers(flows: np.ndarray = LIVES, label: str = "shop") -> NewCustomerValue:
    """Lives with the given (S, N, K) flows over four weeks."""
    return NewCustomerValue(
        label=label,
        is_distribution=len(flows) > 1,
        flows=flows,
        revenue=flows.sum(axis=2),
        horizon=FOUR,
        currency="EUR",
        provenance={"currency": "EUR"},
    )


@pytest.fixture(scope="module")
def plan() -> clv.AcquisitionForecast:
    """Two draws of two months, written out."""
    months = plan_horizon("2M", pd.Timestamp("2026-07-01").to_pydatetime(), "D", "M")

    def flow(*draws: list[float]) -> Quantity:
        return Quantity("revenue", np.array(draws).sum(axis=1), np.array(draws, dtype=float))

    existing, new = flow([10, 8], [12, 6]), flow([1, 5], [3, 7])
    return clv.AcquisitionForecast(
        counts=np.ones((2, 2)),
        existing={"revenue": existing, "profit": existing},
        new={"revenue": new, "profit": new},
        horizon=months,
        currency="EUR",
        provenance={"currency": "EUR"},
    )


@pytest.fixture(scope="module")
def segmentation() -> clv.Segmentation:
    rfm = clv.RFM.from_arrays(
        customer_id=["ann", "bob"], frequency=[1, 0], recency=[3, 0], T=[9, 9], monetary_value=[30, 0],
        time_unit="W", observation_end="2026-06-30",
    )  # fmt: skip
    run = run_of(rfm, [[1, 0], [1, 0], [0, 0], [1, 1]], [[50, 0], [70, 0], [0, 0], [60, 20]])
    return clv.segment_customers(run, rfm, clv.SegmentRules(money=(40,)), currency="EUR")


@pytest.fixture(scope="module")
def change(cdnow: pd.DataFrame) -> clv.Change:
    log = cdnow[cdnow["customer_id"] <= 120]
    sides = []
    for end in ("1997-09-30", "1997-12-31"):
        rfm = clv.rfm_summary(log, spend="spend", observation_end=end)
        sides.append(clv.Snapshot(clv.CLVModel("bg_nbd").fit(rfm, draws=30, seed=1), rfm, currency="USD"))
    return clv.explain_change(*sides, "52W", draws=30)


TORNADO = pd.DataFrame(
    {
        "lever": ["margin", "purchase rate", "discount rate"],
        "change_low": [-0.05, -0.1, -0.025],
        "change_high": [0.05, 0.1, 0.05],
        "value_base": 100.0,
        "value_low": [80.0, 90.0, 104.0],
        "value_high": [120.0, 110.0, 97.0],
    }
)


def test_payback_starts_at_nothing_and_adds_up() -> None:
    """Averages so far: 5 10 15 40 and 25 20 25 25; their means 15 15 20 32.5."""
    frame = plots.payback_frame(clv.payback(new_customers(), 30.0), level=0.5)
    assert frame["time"].tolist() == [0, 1, 2, 3, 4]
    assert frame["mean"].tolist() == [0, 15, 15, 20, 32.5]
    assert frame["low"].tolist() == [0, 10, 12.5, 17.5, 28.75]
    assert frame["high"].tolist() == [0, 20, 17.5, 22.5, 36.25]
    assert frame["cac"].unique().tolist() == [30.0]
    formula = plots.payback_frame(clv.payback(new_customers(LIVES[:1, :1]), 30.0))
    assert formula.columns.tolist() == ["time", "mean", "cac"]


def test_chances_of_payback_by_channel() -> None:
    """Paid back 30: life a week 3, b week 4, c week 1, d never."""
    curves = [clv.payback(new_customers(), 30.0), clv.payback(new_customers(label="mail"), 5.0)]
    frame = plots.payback_chance_frame(curves)
    assert frame.loc[frame["channel"] == "shop", "p_customer"].tolist() == [0.25, 0.25, 0.5, 0.75]
    assert frame.loc[frame["channel"] == "mail", "p_customer"].tolist() == [0.75, 0.75, 0.75, 1.0]
    with pytest.raises(ArgumentError, match="at least one"):
        plots.payback_chance_frame([])
    with pytest.raises(ArgumentError, match="formula gives no probability"):
        plots.payback_chance_frame([clv.payback(new_customers(LIVES[:1, :1]), 30.0)])


def test_ceilings_are_those_of_the_table() -> None:
    found = clv.acquisition({"shop": new_customers()}, 20.0, target=2.0, level=0.75)
    frame = plots.cac_ceilings_frame(found)
    assert frame.columns.tolist() == [
        "channel", "cac", "cac_ceiling_customer", "cac_ceiling_average", "cac_ceiling_target"
    ]  # fmt: skip
    assert frame.loc[0, "cac_ceiling_target"] == 16.25  # 32.50 / 2
    assert frame.loc[0, "cac_ceiling_customer"] == pytest.approx(40.0)  # three of four lives bring 40
    only = clv.acquisition({"rule": new_customers(LIVES[:1, :1], "rule")}, 20.0)
    assert plots.cac_ceilings_frame(only).columns.tolist() == ["channel", "cac", "cac_ceiling_target"]


def test_the_calendar_stacks_existing_and_new(plan: clv.AcquisitionForecast) -> None:
    frame = plots.calendar_frame(plan, level=0.5)
    assert frame["label"].tolist() == ["2026-07-01", "2026-08-01"]
    assert frame["existing"].tolist() == [11, 7]
    assert frame["new"].tolist() == [2, 6]
    assert frame["total"].tolist() == [13, 13]  # draws 11 and 15, 13 and 13
    assert frame["low"].tolist() == [12, 13]
    assert frame["high"].tolist() == [14, 13]
    with pytest.raises(ArgumentError, match="not one of 'revenue', 'profit'"):
        plots.calendar_frame(plan, "purchases")


def test_every_customer_is_on_the_map(segmentation: clv.Segmentation) -> None:
    """Ann buys in 3 of 4 draws, worth 60 if so; bob in 1, worth 20."""
    frame = plots.segment_map_frame(segmentation)
    assert frame["p_buys"].tolist() == [0.75, 0.25]
    assert frame["worth_if_buying"].tolist() == [60.0, 20.0]
    assert frame["segment"].tolist() == ["protect", "let go"]
    assert frame["p_segment"].tolist() == [0.75, 0.75]


def test_bars_of_the_waterfall_meet(change: clv.Change) -> None:
    frame = plots.waterfall_frame(change)
    steps = frame.iloc[1:-1]
    np.testing.assert_allclose(steps["begins"], frame["ends"].iloc[:-2], rtol=1e-12)
    assert frame["ends"].iloc[-1] == pytest.approx(frame["ends"].iloc[-2], rel=1e-12)
    inside = (steps["low"] <= steps["ends"] + 1e-9) & (steps["ends"] <= steps["high"] + 1e-9)
    assert inside.mean() > 0.7  # the mean of a skewed effect may lie outside its own interval


def test_ends_of_the_tornado_in_words() -> None:
    frame = plots.tornado_frame(TORNADO)
    assert frame["low_words"].tolist() == ["−5 points", "−10 %", "−2.5 points"]
    assert frame["high_words"].tolist() == ["+5 points", "+10 %", "+5 points"]
    with pytest.raises(ArgumentError, match="value_low"):
        plots.tornado_frame(TORNADO.drop(columns="value_low"))


def drawn(axes: Axes, path: Path) -> str:
    """All words of a picture after it has been drawn."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(path / "picture.png")
    texts = [
        *axes.texts,
        *axes.get_xticklabels(),
        *axes.get_yticklabels(),
        axes.xaxis.label,
        axes.yaxis.label,
    ]
    legend = axes.get_legend()
    return "\n".join(text.get_text() for text in [*texts, *(legend.get_texts() if legend else [])])


def test_pictures_name_what_they_show(
    plan: clv.AcquisitionForecast, segmentation: clv.Segmentation, change: clv.Change, tmp_path: Path
) -> None:
    curve = clv.payback(new_customers(), 30.0)
    words = drawn(plots.plot_payback(curve), tmp_path)
    assert "Acquisition cost 30" in words
    assert "Profit before acquisition (EUR)" in words
    assert "90 % predictive interval of the average" in words
    assert "Shop" in drawn(plots.plot_payback_chance([curve, replace(curve, label="mail")]), tmp_path)
    ceilings = clv.acquisition({"shop": new_customers(), "mail": new_customers()}, 20.0)
    words = drawn(plots.plot_cac_ceilings(ceilings), tmp_path)
    assert {"shop", "mail", "Per new customer (EUR)"} <= set(words.splitlines())
    words = drawn(plots.plot_calendar(plan), tmp_path)
    assert {"2026-07-01", "Revenue (EUR)", "90 % predictive interval of the total"} <= set(words.splitlines())
    words = drawn(plots.plot_segment_map(segmentation), tmp_path)
    assert "protect: 1 customer, 90 % of value" in words  # 45 of 50
    assert "Worth (EUR) if they buy" in words
    words = drawn(plots.plot_waterfall(change), tmp_path)
    assert {"Old forecast", "Passage of time", "Value, 52W ahead (USD)"} <= set(words.splitlines())
    table = TORNADO.copy()
    table.attrs = {"horizon": "52W", "currency": "USD"}
    words = drawn(plots.plot_tornado(table), tmp_path)
    assert {"Margin", "As it is: 100", "Total value, 52W (USD)", "−5 points"} <= set(words.splitlines())


def test_axes_that_are_given_are_drawn_on(plan: clv.AcquisitionForecast) -> None:
    axes = plots.new_axes()
    assert plots.plot_calendar(plan, ax=axes) is axes
    assert plots.plot_tornado(TORNADO, ax=axes) is axes
