"""What makes values differ: the waterfall from an old forecast to a new one, and the tornado of levers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from clvmodels.errors import ArgumentError
from clvmodels.plots.palette import (
    INK,
    MUTED,
    SERIES,
    beside,
    first_upper,
    grouped,
    label_axes,
    legend_above,
    money_label,
    new_axes,
)
from clvmodels.value import Change

if TYPE_CHECKING:
    import pandas as pd

_LANE = 0.42
TORNADO_COLUMNS = ("lever", "change_low", "change_high", "value_base", "value_low", "value_high")


def waterfall_frame(change: Change) -> pd.DataFrame:
    """The steps from the old to the new forecast.

    Returns
    -------
    pandas.DataFrame
        cause, mean, begins, ends (where each bar stands) and, where there are draws, low and high: bounds of
        the end of each cause's bar.
    """
    frame = change.table.copy()
    if "low" in frame:
        for end in ("low", "high"):
            frame[end] = frame["begins"] + frame[end]
    return frame


def plot_waterfall(change: Change, *, ax: Axes | None = None) -> Axes:
    """Draw `waterfall_frame` from top to bottom: blue bars raise the value, orange ones lower it."""
    frame = waterfall_frame(change)
    axes = new_axes(height=1.2 + _LANE * len(frame)) if ax is None else ax
    lanes = np.arange(len(frame))[::-1]
    whole = np.isin(np.arange(len(frame)), (0, len(frame) - 1))
    for chosen, colour, label in (
        (whole, MUTED, "Forecast"),
        (~whole & (frame["mean"] > 0), SERIES[0], "Raises it"),
        (~whole & (frame["mean"] <= 0), SERIES[1], "Lowers it"),
    ):
        rows = frame[chosen]
        axes.barh(
            lanes[chosen],
            rows["ends"] - rows["begins"],
            left=rows["begins"],
            height=0.62,
            color=colour,
            alpha=0.8,
            label=label,
        )
    ends = frame["ends"].to_numpy()
    axes.vlines(ends[:-1], lanes[1:] - 0.31, lanes[:-1] + 0.31, color=MUTED, linewidth=0.8)
    if "low" in frame:
        axes.hlines(
            lanes[~whole],
            frame.loc[~whole, "low"],
            frame.loc[~whole, "high"],
            color=INK,
            linewidth=1.4,
            label=f"{change.level:.0%} interval of the effect".replace("%", " %"),
        )
    for i, lane in enumerate(lanes):
        beside(axes, lane, _amount(frame["mean"].iloc[i], signed=not whole[i]))
    _near_the_bars(axes, frame[[name for name in ("begins", "ends", "low", "high") if name in frame]], whole)
    label_axes(
        axes, money_label(f"Value, {change.provenance['horizon']} ahead", change.provenance["currency"]), ""
    )
    _finish(axes, lanes, frame["cause"].tolist())
    return axes


def tornado_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Levers with the words for their two ends.

    Parameters
    ----------
    table
        As `clvmodels.tornado` makes it.

    Returns
    -------
    pandas.DataFrame
        lever, low_words, high_words, value_base, value_low, value_high.

    Raises
    ------
    ArgumentError
        If a column is missing.
    """
    missing = [name for name in TORNADO_COLUMNS if name not in table]
    if missing:
        raise ArgumentError(f"the table lacks {', '.join(missing)}; give the one that tornado() makes")
    frame = table[["lever", "value_base", "value_low", "value_high"]].copy()
    for end in ("low", "high"):
        changes = zip(table["lever"], table[f"change_{end}"], strict=True)
        frame[f"{end}_words"] = [_change_words(lever, change) for lever, change in changes]
    return frame


def plot_tornado(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw `tornado_frame`: what the total would be at either end of each lever, the strongest lever on top."""
    frame = tornado_frame(table)
    axes = new_axes(height=1.2 + 0.55 * len(frame)) if ax is None else ax
    lanes = np.arange(len(frame))[::-1]
    base = frame["value_base"].iloc[0]
    for end, colour, label in (("low", SERIES[1], "Lever down"), ("high", SERIES[0], "Lever up")):
        moved = frame[f"value_{end}"] - base
        axes.barh(lanes, moved, left=base, height=0.6, color=colour, alpha=0.8, label=label)
        for lane, value, words in zip(lanes, frame[f"value_{end}"], frame[f"{end}_words"], strict=True):
            right = value > base
            axes.annotate(
                words,
                (value, lane),
                xytext=(4 if right else -4, 0),
                textcoords="offset points",
                ha="left" if right else "right",
                va="center",
                fontsize=8,
                color=INK,
            )
    axes.axvline(base, color=INK, linewidth=1.2, label=f"As it is: {_amount(base)}")
    axes.margins(x=0.16)
    facts: Any = table.attrs
    label_axes(
        axes,
        money_label(f"Total value, {facts.get('horizon', 'in the horizon')}", facts.get("currency", "")),
        "",
    )
    _finish(axes, lanes, frame["lever"].tolist())
    return axes


def _change_words(lever: str, change: float) -> str:
    unit = " points" if lever in ("margin", "discount rate") else " %"
    return f"{100 * change:+.3g}{unit}".replace("-", "−")


def _amount(value: float, *, signed: bool = False) -> str:
    digits = ",.0f" if abs(value) >= 100 or value == 0 else ",.3g"
    return f"{value:{'+' if signed else ''}{digits}}".replace("-", "−")


def _finish(axes: Axes, lanes: np.ndarray, names: list[str]) -> None:
    """Names of the bars, money along the horizontal axis, and the legend."""
    axes.set_yticks(lanes.tolist(), [first_upper(name) for name in names])
    axes.set_ylim(-0.6, len(lanes) - 0.4)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(grouped))
    legend_above(axes)


def _near_the_bars(axes: Axes, places: pd.DataFrame, whole: np.ndarray) -> None:
    """Leave out the long way from nothing where the changes would be too small to see."""
    steps = places[~whole].to_numpy(dtype=float)
    low, high = float(np.nanmin(steps)), float(np.nanmax(steps))
    reach = high - low
    if low > 3 * reach > 0:
        axes.set_xlim(low - 0.25 * reach, high + 0.1 * reach)
