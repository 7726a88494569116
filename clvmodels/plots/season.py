"""Months, and how fast customers live in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from clvmodels.errors import ArgumentError
from clvmodels.plots.palette import INK, MUTED, SERIES, legend_above, new_axes
from clvmodels.season import Clock

if TYPE_CHECKING:
    import pandas as pd

AGAINST = "Purchases against an average day (%)"


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
    axes.set_ylabel(AGAINST, color=INK, fontsize=9)
    if clock.low is not None:
        axes.legend(frameon=False, fontsize=8.5)
    return axes


def course_frame(clock: Clock, *, ahead: int = 12) -> pd.DataFrame:
    """Single calendar months of a clock: month, effect, low, high (per cent of the average day), season, seen.

    Parameters
    ----------
    clock
        One that holds a course, as `GaussianProcessSeason` learns it. Bounds are at its level.
    ahead
        Months after those that were seen.

    Raises
    ------
    ArgumentError
        If the clock holds no course.

    Examples
    --------
    >>> from datetime import date
    >>> from clvmodels.season import Course
    >>> clock = Clock(course=Course(date(2025, 12, 1), [1.4, 1.1], [1.3, 0.8], [1.5, 1.4], seen=1))
    >>> frame = course_frame(clock)
    >>> frame["effect"].round(1).tolist(), frame["season"].tolist(), frame["seen"].tolist()
    ([40.0, 10.0], [0.0, 0.0], [True, False])
    """
    if clock.course is None:
        raise ArgumentError(
            "this clock knows months of the year and no single calendar months; learn one with "
            "season='gaussian_process', or draw it with plot_season"
        )
    frame = clock.course.frame().iloc[: clock.course.seen + ahead]
    effects = {name: 100 * (frame[name] - 1) for name in ("speed", "low", "high")}
    season = 100 * (np.array(clock.months)[frame["month"].dt.month - 1] - 1)
    return frame.assign(**effects, season=season).rename(columns={"speed": "effect"})


def plot_course(clock: Clock, *, ahead: int = 12, ax: Axes | None = None) -> Axes:
    """Draw `course_frame`: months as they were and as they are foretold, beside the season that comes every year."""
    frame = course_frame(clock, ahead=ahead)
    axes = new_axes(width=7.6, height=3.3) if ax is None else ax
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.step(
        frame["month"], frame["season"], where="mid", color=MUTED, linewidth=1.2, label="Season of every year"
    )
    for seen, marker in ((True, "o"), (False, "D")):
        part = frame[frame["seen"] == seen]
        if part.empty:
            continue
        reach = np.abs(part[["low", "high"]].to_numpy().T - part["effect"].to_numpy())
        colour = SERIES[0] if seen else SERIES[1]
        axes.errorbar(
            part["month"], part["effect"], reach, fmt="none", ecolor=colour, elinewidth=2, alpha=0.5
        )
        face = colour if seen else "white"
        label = f"{'Month as it was' if seen else 'Foretold'}, {100 * clock.level:.4g} % interval"
        axes.plot(
            part["month"],
            part["effect"],
            marker,
            color=colour,
            markerfacecolor=face,
            markersize=5,
            label=label,
        )
    axes.set_ylabel(AGAINST, color=INK, fontsize=9)
    legend_above(axes)
    return axes
