"""The months of the year and how fast customers live in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from clvmodels.plots.palette import INK, MUTED, SERIES, new_axes
from clvmodels.season import Clock

if TYPE_CHECKING:
    import pandas as pd


def season_frame(clock: Clock) -> pd.DataFrame:
    """Month effects of a clock: month, effect, low, high, in per cent above or below the average day.

    Bounds are at the clock's level, and NaN where the speeds were given and not learned.

    Examples
    --------
    >>> frame = season_frame(Clock(months=[1] * 11 + [2]))
    >>> frame["month"][11], float(frame["effect"][11].round(1))
    ('December', 84.4)
    """
    frame = clock.frame()
    effects = {name: 100 * (frame[name] - 1) for name in ("speed", "low", "high")}
    return frame.assign(**effects).rename(columns={"speed": "effect"})


def plot_season(clock: Clock, *, ax: Axes | None = None) -> Axes:
    """Draw `season_frame`: a point for each month with its interval, around the average day."""
    frame = season_frame(clock)
    axes = new_axes(height=3.1) if ax is None else ax
    place = np.arange(12)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    if clock.low is not None and clock.high is not None:
        reach = np.abs(frame[["low", "high"]].to_numpy().T - frame["effect"].to_numpy())
        label = f"{100 * clock.level:.4g} % interval"
        axes.errorbar(
            place, frame["effect"], reach, fmt="none", ecolor=SERIES[0], elinewidth=2, alpha=0.6, label=label
        )
    axes.plot(place, frame["effect"], "o", color=SERIES[0], markersize=5, label="Month")
    axes.set_xticks(place, [name[:3] for name in frame["month"]])
    axes.set_ylabel("Purchases against an average day (%)", color=INK, fontsize=9)
    if clock.low is not None:
        axes.legend(frameon=False, fontsize=8.5)
    return axes
