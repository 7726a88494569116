"""What the holdout held: means by calibration frequency, and who was found by ranking customers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.metrics import holdout_by_frequency
from clvmodels.plots.palette import (
    INK,
    MUTED,
    label_axes,
    legend_above,
    money_label,
    new_axes,
    per_cent,
    series_styles,
)
from clvmodels.plots.selection import chosen, models_at

if TYPE_CHECKING:
    import pandas as pd


def holdout_by_frequency_frame(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | Sequence[str] | None = None,
    top: int = 7,
) -> pd.DataFrame:
    """Mean per customer in the holdout by the number of repeat purchases before it.

    Parameters
    ----------
    scorecard
        A backtest.
    quantity
        ``purchases`` or ``spend``.
    origin
        Last observed date; the most recent by default.
    model
        One forecaster or several; all by default.
    top
        Frequencies from here on share one group.

    Returns
    -------
    pandas.DataFrame
        model, frequency (text, the last group as ``7+``), customers, mean, actual, standard_error (of
        the actual mean; missing for a single customer).
    """
    import pandas as pd

    rows = chosen(scorecard.predictions, scorecard, origin, model, quantity)
    parts = []
    for name in dict.fromkeys(rows["model"]):
        part = rows[rows["model"] == name]
        groups = holdout_by_frequency(part["frequency"], part["actual"], part["mean"], last=top)
        table = {
            "model": name,
            "frequency": [f"{value}+" if value == top else str(value) for value in groups["frequency"]],
            "customers": groups["customers"],
            "mean": groups["predicted"],
            "actual": groups["actual"],
            "standard_error": groups["standard_error"],
        }
        parts.append(pd.DataFrame(table))
    return pd.concat(parts, ignore_index=True)


def plot_holdout_by_frequency(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | Sequence[str] | None = None,
    *,
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw `holdout_by_frequency_frame`; the bars on the actual are 90 % confidence intervals of its mean."""
    frame = holdout_by_frequency_frame(scorecard, quantity, origin, model)
    axes = new_axes() if ax is None else ax
    styles = series_styles(models_at(scorecard))
    names = list(dict.fromkeys(frame["model"]))
    first = frame[frame["model"] == names[0]].reset_index(drop=True)
    place = {text: i for i, text in enumerate(first["frequency"])}
    look: dict[str, Any] = {"markersize": 5, "linewidth": 1.3}
    reach = 1.645 * first["standard_error"].fillna(0.0)
    axes.errorbar(
        first.index, first["actual"], yerr=reach, color=INK, marker="o", capsize=3, label="Actual", **look
    )
    for i, name in enumerate(names):
        part, style = frame[frame["model"] == name], styles[name]
        shift = 0.12 * (i + 1 - (len(names) + 1) / 2)
        axes.plot(
            [place[text] + shift for text in part["frequency"]],
            part["mean"],
            color=style.colour,
            linestyle=style.dash,
            marker=style.marker,
            label=name,
            **look,
        )
    axes.set_xticks(list(place.values()), list(place))
    axes.set_ylim(bottom=0)
    noun = money_label(quantity, currency)
    label_axes(axes, "Repeat purchases before the origin", f"Mean {noun} in the holdout")
    legend_above(axes)
    return axes


def gain_frame(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | Sequence[str] | None = None,
    points: int = 101,
) -> pd.DataFrame:
    """Share of the holdout's total that came from the customers a forecaster ranked highest.

    Customers with equal forecasts share their place, so the order of rows has no say.

    Returns
    -------
    pandas.DataFrame
        model, customers (share, from 0 to 1), captured, perfect (the same for a ranking by the actual).
    """
    import pandas as pd

    rows = chosen(scorecard.predictions, scorecard, origin, model, quantity)
    share = np.linspace(0, 1, points)
    parts = []
    for name in dict.fromkeys(rows["model"]):
        part = rows[rows["model"] == name]
        actual = part["actual"].to_numpy(dtype=float)
        captured = _captured(part["mean"].to_numpy(dtype=float), actual, share)
        perfect = _captured(actual, actual, share)
        table = {"model": name, "customers": share, "captured": captured, "perfect": perfect}
        parts.append(pd.DataFrame(table))
    return pd.concat(parts, ignore_index=True)


def _captured(score: np.ndarray, actual: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Share of the actual's sum among the top `share` of customers, linear within ties."""
    _, tie = np.unique(-score, return_inverse=True)
    customers = np.append(0, np.cumsum(np.bincount(tie))) / len(score)
    total = actual.sum()
    if total == 0:
        return np.full(len(share), np.nan)
    gained = np.append(0, np.cumsum(np.bincount(tie, weights=actual))) / total
    found: np.ndarray = np.interp(share, customers, gained)
    return found


def plot_gain(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw `gain_frame`: the higher a curve, the more of the future is found among few customers."""
    frame = gain_frame(scorecard, quantity, origin, model)
    axes = new_axes() if ax is None else ax
    styles = series_styles(models_at(scorecard))
    names = list(dict.fromkeys(frame["model"]))
    first = frame[frame["model"] == names[0]]
    axes.plot(first["customers"], first["perfect"], color=INK, linewidth=1.3, label="Perfect foresight")
    for name in names:
        part, style = frame[frame["model"] == name], styles[name]
        axes.plot(
            part["customers"],
            part["captured"],
            color=style.colour,
            linestyle=style.dash,
            linewidth=1.8,
            label=name,
        )
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 2)), label="Random order")
    axes.axvline(0.1, color=MUTED, linewidth=0.8)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    label_axes(axes, "Share of customers, highest forecast first", f"Share of the holdout's {quantity}")
    axes.xaxis.set_major_formatter(FuncFormatter(per_cent))
    axes.yaxis.set_major_formatter(FuncFormatter(per_cent))
    legend_above(axes)
    return axes
