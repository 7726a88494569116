"""What the holdout held: means by frequency, recency and cohort, and who was found by ranking customers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.errors import whole_number
from clvmodels.metrics import gain_band, gain_curve
from clvmodels.plots.draws import percent_text
from clvmodels.plots.groups import column_of, draw_means, grouped_means
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
from clvmodels.units import UNIT_NAMES

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
        the actual mean; missing for a single customer), low, high (90 % interval of the mean, if the
        forecast is right: normal, customers taken as independent, so that what they share, an error of the parameters,
        is not in it; missing for point forecasts).
    """
    rows = chosen(scorecard.predictions, scorecard, origin, model, quantity)
    labels = [*(str(value) for value in range(top)), f"{top}+"]
    return grouped_means(rows, lambda part: part["frequency"].to_numpy(), labels, "frequency")


def plot_holdout_by_frequency(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | Sequence[str] | None = None,
    *,
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw `holdout_by_frequency_frame`; thin bars on the actual are 90 % confidence intervals of its mean."""
    frame = holdout_by_frequency_frame(scorecard, quantity, origin, model)
    return _plot_means(scorecard, frame, "Repeat purchases before the origin", quantity, currency, ax)


def holdout_by_recency_frame(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | Sequence[str] | None = None,
    bins: int = 8,
) -> pd.DataFrame:
    """Mean per customer in the holdout by the age at the last purchase before it.

    Customers without repeat purchase have recency 0 and a group of their own; the others share about `bins`
    groups of equal width, each with its upper end.

    Parameters
    ----------
    scorecard, quantity, origin, model
        As in `holdout_by_frequency_frame`.
    bins
        About how many groups, at least 1.

    Returns
    -------
    pandas.DataFrame
        As of `holdout_by_frequency_frame`, with recency (text, in the time unit of the fit: ``0``, ``>0–5``, ``5–10``)
        for frequency.

    Raises
    ------
    ArgumentError
        If the predictions hold no column ``recency``.
    """
    whole_number("bins", bins, least=1)
    rows = chosen(scorecard.predictions, scorecard, origin, model, quantity)
    longest = max(float(np.max(column_of(rows, "recency"))), 1e-9)
    edges = MaxNLocator(bins, steps=[1, 2, 2.5, 5, 10]).tick_values(0, longest)
    labels = ["0"] + [f"{low:,g}–{high:,g}" for low, high in pairwise(edges)]
    labels[1] = f">{labels[1]}"
    return grouped_means(
        rows, lambda part: np.searchsorted(edges, column_of(part, "recency")), labels, "recency"
    )


def plot_holdout_by_recency(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | Sequence[str] | None = None,
    *,
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw `holdout_by_recency_frame` as `plot_holdout_by_frequency` does."""
    frame = holdout_by_recency_frame(scorecard, quantity, origin, model)
    unit = UNIT_NAMES.get(str(scorecard.provenance.get("time_unit")), "units of the fit")
    label = f"Recency ({unit}; 0 is no repeat purchase)"
    return _plot_means(scorecard, frame, label, quantity, currency, ax)


def holdout_by_cohort_frame(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Mean per customer in the holdout by the month of the first purchase.

    Parameters
    ----------
    scorecard, quantity, origin, model
        As in `holdout_by_frequency_frame`.

    Returns
    -------
    pandas.DataFrame
        As of `holdout_by_frequency_frame`, with cohort (text, in the order of the calendar) for frequency.

    Raises
    ------
    ArgumentError
        If the predictions hold no column ``cohort``.
    """
    rows = chosen(scorecard.predictions, scorecard, origin, model, quantity)
    labels = sorted(set(column_of(rows, "cohort").astype(str)))
    return grouped_means(
        rows, lambda part: np.searchsorted(labels, column_of(part, "cohort").astype(str)), labels, "cohort"
    )


def plot_holdout_by_cohort(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | Sequence[str] | None = None,
    *,
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw `holdout_by_cohort_frame` as `plot_holdout_by_frequency` does."""
    frame = holdout_by_cohort_frame(scorecard, quantity, origin, model)
    return _plot_means(scorecard, frame, "Month of the first purchase", quantity, currency, ax)


def _plot_means(
    scorecard: Scorecard, frame: pd.DataFrame, label: str, quantity: str, currency: str, ax: Axes | None
) -> Axes:
    axes = new_axes() if ax is None else ax
    draw_means(axes, scorecard, frame, frame.columns[1])
    label_axes(axes, label, f"Mean {money_label(quantity, currency)} in the holdout")
    legend_above(axes)
    return axes


def gain_frame(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | Sequence[str] | None = None,
    points: int = 101,
    level: float = 0.9,
    seed: int = 0,
) -> pd.DataFrame:
    """Share of the holdout's total that came from the customers a forecaster ranked highest.

    Customers with equal forecasts share their place, so the order of rows has no say.

    Parameters
    ----------
    scorecard, quantity, origin, model
        As in `holdout_by_frequency_frame`.
    points
        How many shares of customers, from 0 to 1; at least 2.
    level, seed
        Of the band, as in `clvmodels.metrics.gain_band`.

    Returns
    -------
    pandas.DataFrame
        model, customers (share, from 0 to 1), captured, low, high (interval of captured over resampled customers;
        missing for fewer than 20), perfect (captured by a ranking by the actual).

    Raises
    ------
    ArgumentError
        If an actual value is negative (shares of a total then mean nothing), or an argument is outside its range.
    """
    import pandas as pd

    rows = chosen(scorecard.predictions, scorecard, origin, model, quantity)
    parts = []
    for name in rows["model"].unique().tolist():
        part = rows[rows["model"] == name]
        curve = gain_curve(part["actual"], part["mean"], points - 1)
        band = gain_band(part["actual"], part["mean"], points - 1, level=level, seed=seed)
        table = {
            "model": name,
            "customers": curve["share"],
            "captured": curve["captured"],
            "low": band["low"],
            "high": band["high"],
            "perfect": curve["perfect"],
        }
        parts.append(pd.DataFrame(table))
    return pd.concat(parts, ignore_index=True)


def plot_gain(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | Sequence[str] | None = None,
    *,
    level: float = 0.9,
    ax: Axes | None = None,
) -> Axes:
    """Draw `gain_frame`: the higher a curve, the more of the future is found among few customers.

    Bands of two rankings may overlap though one is clearly better: both are drawn from the same customers, and
    `clvmodels.metrics.paired_difference` compares customer by customer.
    """
    frame = gain_frame(scorecard, quantity, origin, model, level=level)
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
        if part["low"].notna().any():
            band = part["customers"], part["low"], part["high"]
            text = f"{percent_text(level)} interval over resampled customers"
            axes.fill_between(*band, color=style.colour, alpha=0.15, linewidth=0, label=text)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 2)), label="Random order")
    axes.axvline(0.1, color=MUTED, linewidth=0.8)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    label_axes(axes, "Share of customers, highest forecast first", f"Share of the holdout's {quantity}")
    axes.xaxis.set_major_formatter(FuncFormatter(per_cent))
    axes.yaxis.set_major_formatter(FuncFormatter(per_cent))
    legend_above(axes)
    return axes
