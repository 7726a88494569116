"""What the prior takes for possible, against the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from clvmodels.inference.prior_predictive import PriorPredictive
from clvmodels.plots.palette import INK, SERIES, grouped, label_axes, legend_above, new_axes

if TYPE_CHECKING:
    import pandas as pd

_NARROWEST = 1e-4


def prior_predictive_frame(predictive: PriorPredictive) -> pd.DataFrame:
    """Central 50 % and 90 % intervals of each statistic under the prior, and its value in the data.

    Returns
    -------
    pandas.DataFrame
        statistic, observed, q05, q25, q50, q75, q95, share_below (of the simulated bases that lie below
        the data), draws (simulated bases in which the statistic has a value).
    """
    import pandas as pd

    rows = []
    for name, draws, observed in zip(predictive.names, predictive.draws.T, predictive.observed, strict=True):
        valid = draws[np.isfinite(draws)]
        levels = (0.05, 0.25, 0.5, 0.75, 0.95)
        quantiles = np.quantile(valid, levels) if len(valid) else np.full(len(levels), np.nan)
        rows.append(
            {
                "statistic": name,
                "observed": observed,
                **{f"q{100 * level:02.0f}": value for level, value in zip(levels, quantiles, strict=True)},
                "share_below": np.mean(valid < observed) if len(valid) else np.nan,
                "draws": len(valid),
            }
        )
    return pd.DataFrame(rows)


def plot_prior_predictive(predictive: PriorPredictive, *, ax: Axes | None = None) -> Axes:
    """Draw `prior_predictive_frame`, each statistic divided by its value in the data, on a log scale.

    A bar that reaches the line at 1 holds the data. Statistics that are 0 in the data, or have no value
    there, cannot be divided and are left out.
    """
    frame = prior_predictive_frame(predictive)
    frame = frame[(frame["observed"] > 0) & (frame["draws"] > 0)].reset_index(drop=True)
    axes = new_axes(width=7.2, height=1.3 + 0.5 * max(len(frame), 1)) if ax is None else ax
    places = np.arange(len(frame))[::-1]
    ratio = {
        name: (frame[name] / frame["observed"]).clip(lower=_NARROWEST) for name in frame.filter(like="q")
    }
    axes.axvline(1, color=INK, linewidth=1, linestyle=(0, (3, 3)), label="The data")
    axes.hlines(places, ratio["q05"], ratio["q95"], color=SERIES[0], linewidth=2, label="90 % of the prior")
    axes.hlines(places, ratio["q25"], ratio["q75"], color=SERIES[0], linewidth=7, label="50 %")
    axes.plot(ratio["q50"], places, "o", color="white", markeredgecolor=INK, markersize=5, label="Median")
    axes.set_xscale("log")
    label_axes(axes, f"Prior of {predictive.title}, divided by the data", "Statistic")
    axes.set_yticks(places, list(frame["statistic"]))
    axes.set_ylim(-0.6, len(frame) - 0.4)
    axes.xaxis.set_major_formatter(FuncFormatter(grouped))
    legend_above(axes)
    return axes
