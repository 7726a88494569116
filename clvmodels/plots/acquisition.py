"""What new customers bring against what they cost: payback curves, chances of payback, ceilings of the CAC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from clvmodels.errors import ArgumentError
from clvmodels.plots.palette import (
    INK,
    MUTED,
    SERIES,
    first_upper,
    grouped,
    label_axes,
    legend_above,
    money_label,
    name_lanes,
    new_axes,
    per_cent,
    series_styles,
)
from clvmodels.units import STEP_NAMES
from clvmodels.value import Acquisition, Payback

if TYPE_CHECKING:
    import pandas as pd

_CEILINGS = {
    "cac_ceiling_customer": ("v", "one customer is worth more with probability {level}"),
    "cac_ceiling_average": ("s", "the average customer is worth more with probability {level}"),
    "cac_ceiling_target": ("D", "expected LTV:CAC is {target:g}"),
}


def payback_frame(payback: Payback, level: float = 0.9) -> pd.DataFrame:
    """Profit per new customer so far, from the first order to the end of each period.

    Parameters
    ----------
    payback
        A payback curve.
    level
        Of the interval of the average.

    Returns
    -------
    pandas.DataFrame
        time (in the clock's unit, from 0), mean, low, high (missing columns of a formula), cac.
    """
    import pandas as pd

    table = payback.table(level)
    columns = {"mean": "profit_so_far_mean", "low": "profit_so_far_low", "high": "profit_so_far_high"}
    frame = {"time": payback.horizon.edges}
    for name, column in columns.items():
        if column in table:
            frame[name] = np.append(0.0, table[column])
    return pd.DataFrame({**frame, "cac": payback.cac})


def plot_payback(payback: Payback, *, level: float = 0.9, ax: Axes | None = None) -> Axes:
    """Draw `payback_frame`: where the curve crosses the line, the average customer has paid for the acquisition."""
    frame = payback_frame(payback, level)
    axes = new_axes(height=3.1) if ax is None else ax
    if "low" in frame:
        axes.fill_between(
            frame["time"],
            frame["low"],
            frame["high"],
            color=SERIES[0],
            alpha=0.22,
            linewidth=0,
            label=f"{level:.0%} predictive interval of the average".replace("%", " %"),
        )
    axes.plot(
        frame["time"], frame["mean"], color=SERIES[0], linewidth=1.8, label="Profit so far per new customer"
    )
    axes.axhline(
        payback.cac,
        color=SERIES[1],
        linewidth=1.5,
        linestyle=(0, (5, 2)),
        label=f"Acquisition cost {grouped(payback.cac)}",
    )
    axes.set_xlim(0, payback.horizon.length)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    currency = payback.provenance.get("currency", "")
    label_axes(axes, _since(payback), money_label("Profit before acquisition", currency))
    legend_above(axes)
    return axes


def payback_chance_frame(paybacks: Sequence[Payback]) -> pd.DataFrame:
    """Probability that one new customer, and the average of many, has paid back by the end of each period.

    Parameters
    ----------
    paybacks
        Curves of channels with one horizon.

    Returns
    -------
    pandas.DataFrame
        channel, time, p_customer, p_average.

    Raises
    ------
    ArgumentError
        If there is none, clocks differ, or one is a formula's.
    """
    import pandas as pd

    if not paybacks:
        raise ArgumentError("there is no payback curve to draw; give at least one")
    formulas = [one.label for one in paybacks if not one.is_distribution]
    if formulas:
        raise ArgumentError(f"{', '.join(formulas)}: a formula gives no probability of payback")
    if len({one.horizon.unit for one in paybacks}) > 1:
        raise ArgumentError("the channels' clocks differ; value them with one time_unit")
    parts = [
        pd.DataFrame(
            {
                "channel": one.label,
                "time": one.horizon.edges[1:],
                "p_customer": one.p_customer,
                "p_average": one.p_average,
            }
        )
        for one in paybacks
    ]
    return pd.concat(parts, ignore_index=True)


def plot_payback_chance(paybacks: Sequence[Payback], *, ax: Axes | None = None) -> Axes:
    """Draw `payback_chance_frame` of one customer: how many of them will have paid back by when."""
    frame = payback_chance_frame(paybacks)
    axes = new_axes(height=3.1) if ax is None else ax
    names = list(dict.fromkeys(frame["channel"]))
    styles = series_styles(names)
    for name in names:
        part, style = frame[frame["channel"] == name], styles[name]
        axes.plot(
            part["time"],
            part["p_customer"],
            color=style.colour,
            linestyle=style.dash,
            marker=style.marker,
            markersize=4,
            linewidth=1.6,
            label=first_upper(name),
        )
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    label_axes(axes, _since(paybacks[0]), "Chance of payback, one customer")
    axes.yaxis.set_major_formatter(FuncFormatter(per_cent))
    legend_above(axes)
    return axes


def cac_ceilings_frame(acquisition: Acquisition) -> pd.DataFrame:
    """What each channel costs per new customer, and how much it might.

    Returns
    -------
    pandas.DataFrame
        channel, cac and, as in `Acquisition.table`, cac_ceiling_customer and cac_ceiling_average (not of
        formulas), cac_ceiling_target.
    """
    table = acquisition.table.reset_index()
    return table[["channel", "cac", *(name for name in _CEILINGS if name in table)]]


def plot_cac_ceilings(acquisition: Acquisition, *, ax: Axes | None = None) -> Axes:
    """Draw `cac_ceilings_frame`, one lane per channel: a cost right of a ceiling is too high by that measure."""
    frame = cac_ceilings_frame(acquisition)
    axes = new_axes(height=1.5 + 0.45 * len(frame)) if ax is None else ax
    lanes = np.arange(len(frame))[::-1]
    said = {"level": f"{acquisition.level:.0%}".replace("%", " %"), "target": acquisition.target}
    there = [name for name in _CEILINGS if name in frame]
    ends = frame[["cac", *there]]
    axes.hlines(lanes, ends.min(axis=1), ends.max(axis=1), color=MUTED, linewidth=1)
    look: dict[str, Any] = {"linestyle": "none", "markersize": 7, "zorder": 3}
    for name, colour in zip(there, SERIES, strict=False):
        marker, words = _CEILINGS[name]
        axes.plot(
            frame[name],
            lanes,
            marker=marker,
            color=colour,
            label=f"Ceiling: {words.format(**said)}",
            **look,
        )
    axes.plot(
        frame["cac"],
        lanes,
        marker="|",
        color=INK,
        label="Acquisition cost",
        **{**look, "markersize": 12, "markeredgewidth": 2},
    )
    label_axes(axes, money_label("Per new customer", acquisition.currency), "")
    axes.xaxis.set_major_formatter(FuncFormatter(grouped))
    name_lanes(axes, lanes.tolist(), frame["channel"].tolist())
    axes.set_ylim(-0.6, len(frame) - 0.4)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    legend_above(axes)
    return axes


def _since(payback: Payback) -> str:
    return f"{STEP_NAMES[payback.horizon.unit].capitalize()} since the first order"
