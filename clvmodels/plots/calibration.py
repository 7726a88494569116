"""Whether stated probabilities come true: PIT histograms, and how often likely buyers bought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.errors import ArgumentError
from clvmodels.metrics import reliability
from clvmodels.plots.groups import REACH
from clvmodels.plots.palette import INK, MUTED, label_axes, legend_above, new_axes, per_cent, series_styles
from clvmodels.plots.selection import chosen, models_at

if TYPE_CHECKING:
    import pandas as pd


def calibration_frame(
    scorecard: Scorecard,
    model: str | Sequence[str] | None = None,
    quantity: str = "purchases",
    origin: str | None = None,
    bins: int = 10,
) -> pd.DataFrame:
    """Histogram of the randomised PIT, the place of each actual within its predictive distribution.

    If forecasts are calibrated the places are uniform: all bars at 1. The band holds a bar of that
    histogram with probability 90 % (normal approximation of the binomial, bar by bar).

    Returns
    -------
    pandas.DataFrame
        model, from, to, customers, density, band_low, band_high; point forecasts have no rows.

    Raises
    ------
    ArgumentError
        If none of the forecasters gives a distribution.
    """
    import pandas as pd

    rows = chosen(scorecard.predictions, scorecard, origin, model, quantity).dropna(subset=["pit"])
    if rows.empty:
        raise ArgumentError("none of these forecasters gives a distribution, so there is no PIT to show")
    edges = np.linspace(0, 1, bins + 1)
    parts = []
    for name in rows["model"].unique().tolist():
        places = rows.loc[rows["model"] == name, "pit"].to_numpy(dtype=float)
        counts = np.histogram(places, bins=edges)[0]
        reach = REACH * np.sqrt((bins - 1) / len(places))
        table = {
            "model": name,
            "from": edges[:-1],
            "to": edges[1:],
            "customers": counts,
            "density": counts * bins / len(places),
            "band_low": max(0.0, 1 - reach),
            "band_high": 1 + reach,
        }
        parts.append(pd.DataFrame(table))
    return pd.concat(parts, ignore_index=True)


def plot_calibration(
    scorecard: Scorecard,
    model: str | None = None,
    quantity: str = "purchases",
    origin: str | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw `calibration_frame` of one forecaster (the first with a distribution by default)."""
    frame = calibration_frame(scorecard, model, quantity, origin)
    name = str(frame["model"].iloc[0])
    frame = frame[frame["model"] == name]
    axes = new_axes(height=2.9) if ax is None else ax
    band = frame.iloc[0]
    axes.axhspan(band["band_low"], band["band_high"], color=MUTED, alpha=0.3, linewidth=0, zorder=2.5)
    axes.axhline(1, color=INK, linewidth=1, linestyle=(0, (3, 3)), zorder=2.6, label="Uniform, 90 % band")
    axes.bar(
        frame["from"],
        frame["density"],
        width=frame["to"] - frame["from"],
        align="edge",
        color=series_styles(models_at(scorecard))[name].colour,
        alpha=0.5,
        edgecolor=INK,
        linewidth=0.6,
        label=name,
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(2.0, 1.08 * frame["density"].max()))
    label_axes(axes, f"Place of the actual {quantity} in its forecast (PIT)", "Density (1 if calibrated)")
    legend_above(axes)
    return axes


def reliability_frame(
    scorecard: Scorecard,
    model: str | Sequence[str] | None = None,
    origin: str | None = None,
    bins: int = 10,
) -> pd.DataFrame:
    """Stated probability of at least one purchase against the share of customers who bought.

    Bins hold about equally many customers (`clvmodels.metrics.reliability`).

    Returns
    -------
    pandas.DataFrame
        model, customers, predicted (mean), observed (share), standard_error (of observed, if the
        forecast is right), low, high (90 % interval of observed by it, normal, within 0 and 1); forecasters without a
        probability have no rows.
    """
    import pandas as pd

    rows = chosen(scorecard.predictions, scorecard, origin, model, "purchases").dropna(subset=["p_purchase"])
    columns = ["model", "customers", "predicted", "observed", "standard_error", "low", "high"]
    parts = [pd.DataFrame(columns=columns)] if rows.empty else []
    for name in rows["model"].unique().tolist():
        part = rows[rows["model"] == name]
        table = pd.DataFrame(reliability(part["actual"] > 0, part["p_purchase"], bins))
        reach = REACH * table["standard_error"]
        low, high = ((table["observed"] + side * reach).clip(0, 1) for side in (-1, 1))
        parts.append(table.assign(model=name, low=low, high=high)[columns])
    return pd.concat(parts, ignore_index=True)


def plot_reliability(
    scorecard: Scorecard,
    model: str | Sequence[str] | None = None,
    origin: str | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw `reliability_frame`; the bars are its 90 % intervals."""
    frame = reliability_frame(scorecard, model, origin)
    axes = new_axes(height=3.6) if ax is None else ax
    styles = series_styles(models_at(scorecard))
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (3, 3)), label="Perfectly reliable")
    for name in [model for model in styles if model in set(frame["model"])]:
        part, style = frame[frame["model"] == name], styles[name]
        axes.plot(
            part["predicted"],
            part["observed"],
            color=style.colour,
            linestyle=style.dash,
            marker=style.marker,
            markersize=5,
            linewidth=1.3,
            label=name,
        )
        axes.errorbar(
            part["predicted"],
            part["observed"],
            yerr=[part["observed"] - part["low"], part["high"] - part["observed"]],
            fmt="none",
            color=style.colour,
            elinewidth=1.3,
            capsize=3,
            label="90 % interval of the share, if the forecast is right",
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.02, 1.02)
    label_axes(axes, "Stated probability of at least one purchase", "Share of customers who bought")
    axes.xaxis.set_major_formatter(FuncFormatter(per_cent))
    axes.yaxis.set_major_formatter(FuncFormatter(per_cent))
    legend_above(axes)
    return axes
