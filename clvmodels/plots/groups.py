"""Means per customer in the holdout, by what was known before: the frame of one grouping, and its drawing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.errors import ArgumentError
from clvmodels.metrics import holdout_by_frequency
from clvmodels.plots.palette import INK, name_places, series_styles
from clvmodels.plots.selection import models_at

if TYPE_CHECKING:
    import pandas as pd

REACH = 1.645
"""Standard errors to either side that hold 90 % of a normal distribution."""
ACTUAL = "Actual, 90 % confidence interval of its mean"
CHANCE = "90 % interval of the forecast (chance)"


def grouped_means(
    rows: pd.DataFrame, number: Callable[[pd.DataFrame], np.ndarray], labels: Sequence[str], name: str
) -> pd.DataFrame:
    """Means of groups of customers, one row per forecaster and group that has customers.

    Parameters
    ----------
    rows
        Predictions of one origin and quantity.
    number
        Says to which group each row belongs: whole numbers from 0.
    labels
        What the groups are called, at least two.
    name
        Column of the labels.

    Returns
    -------
    pandas.DataFrame
        model, `name`, customers, mean, actual, standard_error (of the actual mean; missing for a single
        customer), low, high (90 % interval of the mean, if the forecast is right: normal, customers taken as
        independent, so that what they share, an error of the parameters, is not in it; missing for point forecasts).
    """
    import pandas as pd

    last = max(len(labels) - 1, 1)
    parts = []
    for model in rows["model"].unique().tolist():
        part = rows[rows["model"] == model]
        group = number(part)
        found = holdout_by_frequency(group, part["actual"], part["mean"], last=last)
        reach = REACH * _error_of_means(part, np.minimum(group, last), found["frequency"])
        table = {
            "model": model,
            name: [labels[int(k)] for k in found["frequency"]],
            "customers": found["customers"],
            "mean": found["predicted"],
            "actual": found["actual"],
            "standard_error": found["standard_error"],
            "low": np.maximum(found["predicted"] - reach, 0.0),
            "high": found["predicted"] + reach,
        }
        parts.append(pd.DataFrame(table))
    return pd.concat(parts, ignore_index=True)


def _error_of_means(part: pd.DataFrame, group: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Standard error that the forecast itself gives to each group's mean, customers being independent."""
    variance = part["sd"].to_numpy(dtype=float) ** 2
    return np.array([np.sqrt(variance[group == k].sum()) / (group == k).sum() for k in held])


def column_of(rows: pd.DataFrame, name: str) -> np.ndarray:
    """A column of the predictions.

    Raises
    ------
    ArgumentError
        If the scorecard was made without it.
    """
    if name not in rows:
        raise ArgumentError(f"the predictions of this scorecard hold no {name!r}; run the backtest again")
    return np.asarray(rows[name])


def draw_means(axes: Axes, scorecard: Scorecard, frame: pd.DataFrame, name: str) -> None:
    """Points of every group: the actual in black, forecasters beside it in their colours."""
    styles, names = series_styles(models_at(scorecard)), list(dict.fromkeys(frame["model"]))
    first = frame[frame["model"] == names[0]].reset_index(drop=True)
    place = {text: i for i, text in enumerate(first[name])}
    look: dict[str, Any] = {"markersize": 5, "linewidth": 1.3}
    reach = REACH * first["standard_error"].fillna(0.0)
    axes.errorbar(
        first.index, first["actual"], yerr=reach, color=INK, marker="o", capsize=3, label=ACTUAL, **look
    )
    bars = []
    for i, model in enumerate(names):
        part, style = frame[frame["model"] == model], styles[model]
        shift = 0.12 * (i + 1 - (len(names) + 1) / 2)
        shift += 0.06 * (shift >= 0) if len(names) % 2 else 0.0  # beside the actual, never on it
        x = np.array([place[text] for text in part[name]]) + shift
        bars.append((x, part["low"], part["high"], style.colour))
        axes.plot(
            x,
            part["mean"],
            color=style.colour,
            linestyle=style.dash,
            marker=style.marker,
            label=model,
            clip_on=False,
            zorder=2.5,
            **look,
        )
    for x, low, high, colour in bars:
        if low.notna().any():
            axes.vlines(x, low, high, color=colour, linewidth=2.4, alpha=0.45, label=CHANCE)
    name_places(axes, list(place.values()), list(place))
    axes.set_xlim(-0.5, len(place) - 0.5)
    axes.set_ylim(bottom=0)
