"""Decile chart: what a forecaster promised of its best, second best, ... customers, and what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.errors import whole_number
from clvmodels.plots.groups import ACTUAL, CHANCE, REACH
from clvmodels.plots.palette import INK, label_axes, legend_above, money_label, new_axes, series_styles
from clvmodels.plots.selection import chosen, models_at

if TYPE_CHECKING:
    import pandas as pd


def decile_frame(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | None = None,
    bins: int = 10,
) -> pd.DataFrame:
    """Mean forecast and mean actual of ten equally large groups of customers, highest forecast first.

    Customers with equal forecasts are spread evenly over the groups they reach, so the order of rows has no say; a
    group may then hold fractions of customers.

    Parameters
    ----------
    scorecard
        A backtest.
    quantity
        ``purchases`` or ``spend``.
    origin
        Last observed date; the most recent by default.
    model
        One forecaster; the first by default, as every forecaster has deciles of its own.
    bins
        How many groups, at least 1; fewer if there are fewer customers.

    Returns
    -------
    pandas.DataFrame
        model, decile (1 is the highest forecast), customers, mean, actual, standard_error (of the actual mean;
        missing where a group holds no more than one customer), low, high (90 % interval of the mean, if the
        forecast is right, as in `holdout_by_frequency_frame`).

    Raises
    ------
    ArgumentError
        If `bins` < 1, or the scorecard does not hold what is asked for.
    """
    import pandas as pd

    whole_number("bins", bins, least=1)
    rows = chosen(scorecard.predictions, scorecard, origin, model, quantity)
    name = str(rows["model"].iloc[0])
    rows = rows[rows["model"] == name]
    bins = min(bins, len(rows))
    score, actual = (rows[column].to_numpy(dtype=float) for column in ("mean", "actual"))
    variance = rows["sd"].to_numpy(dtype=float) ** 2
    of_mean = score - score.mean(), actual - actual.mean()
    customers, mean, first, second, noise = _per_group(
        score, [*of_mean, of_mean[1] ** 2, variance], bins=bins
    )
    with np.errstate(
        invalid="ignore", divide="ignore"
    ):  # one customer shows no spread, which is no certainty
        spread = np.where(customers > 1, np.maximum(second - first**2, 0.0) / (customers - 1), np.nan)
    mean, reach = mean + score.mean(), REACH * np.sqrt(noise / customers)
    table = {
        "model": name,
        "decile": np.arange(1, bins + 1),
        "customers": customers,
        "mean": mean,
        "actual": first + actual.mean(),
        "standard_error": np.sqrt(spread),
        "low": np.maximum(mean - reach, 0.0),
        "high": mean + reach,
    }
    return pd.DataFrame(table)


def _per_group(score: np.ndarray, columns: list[np.ndarray], bins: int) -> list[np.ndarray]:
    """Customers of each group and the means of columns, linear within ties."""
    _, tie = np.unique(-score, return_inverse=True)
    ends = np.append(0.0, np.cumsum(np.bincount(tie)))
    edges = np.linspace(0.0, len(score), bins + 1)
    customers = np.diff(edges)
    means = []
    for column in columns:
        total = np.append(0.0, np.cumsum(np.bincount(tie, weights=column)))
        means.append(np.diff(np.interp(edges, ends, total)) / customers)
    return [customers, *means]


def plot_deciles(
    scorecard: Scorecard,
    quantity: str = "purchases",
    origin: str | None = None,
    model: str | None = None,
    *,
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw `decile_frame` of one forecaster; thin bars on the actual are 90 % confidence intervals of its mean."""
    frame = decile_frame(scorecard, quantity, origin, model)
    axes = new_axes(height=3.1) if ax is None else ax
    name = frame["model"].iloc[0]
    style = series_styles(models_at(scorecard))[name]
    reach = REACH * frame["standard_error"].fillna(0.0)
    axes.bar(
        frame["decile"], frame["mean"], width=0.72, color=style.colour, alpha=0.45, label=f"{name}, mean"
    )
    if frame["low"].notna().any():
        places = frame["decile"] + 0.18
        axes.vlines(places, frame["low"], frame["high"], color=style.colour, linewidth=2.4, label=CHANCE)
    look: dict[str, Any] = {"color": INK, "linestyle": "none", "marker": "o", "markersize": 5, "capsize": 3}
    axes.errorbar(frame["decile"], frame["actual"], yerr=reach, linewidth=1.3, label=ACTUAL, **look)
    axes.set_xticks(frame["decile"].tolist())
    axes.set_ylim(bottom=0)
    axes.set_xlim(0.4, len(frame) + 0.6)
    size = f"{frame['customers'].iloc[0]:,.0f}"
    parts = "Tenths" if len(frame) == 10 else f"{len(frame)} parts"
    label_axes(
        axes,
        f"{parts} of about {size} customers, highest first",
        f"Mean {money_label(quantity, currency)} in the holdout",
    )
    legend_above(axes)
    return axes
