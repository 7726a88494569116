"""What the trees of a boosted model go by."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from clvmodels.plots.palette import SERIES, label_axes, name_lanes, new_axes, per_cent
from clvmodels.rivals import FittedBoost

if TYPE_CHECKING:
    import pandas as pd


def importance_frame(fitted: FittedBoost, horizon: str | date | datetime) -> pd.DataFrame:
    """How much of what the trees explain is lost when one feature is shuffled, largest first.

    Parameters
    ----------
    fitted
        A boosted model that corrects something.
    horizon
        As in a forecast: trees are grown for each horizon.

    Returns
    -------
    pandas.DataFrame
        feature, importance (`FittedBoost.importance`).
    """
    return fitted.importance(horizon)


def plot_importance(fitted: FittedBoost, horizon: str | date | datetime, *, ax: Axes | None = None) -> Axes:
    """Draw `importance_frame` as bars, the most important on top."""
    frame = importance_frame(fitted, horizon)
    axes = new_axes(height=0.6 + 0.3 * len(frame)) if ax is None else ax
    places = list(range(len(frame)))[::-1]
    axes.barh(places, frame["importance"], color=SERIES[0], height=0.65)
    label_axes(axes, "Share of what the trees explain that is lost when the feature is shuffled", "")
    name_lanes(axes, places, frame["feature"].tolist())
    axes.xaxis.set_major_formatter(FuncFormatter(per_cent))
    axes.grid(visible=False, axis="y")
    return axes
