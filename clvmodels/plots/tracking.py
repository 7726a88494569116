"""Week by week: repeat purchases as they happened and as they were expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from clvmodels.backtesting.scorecard import Scorecard, check_scorecard
from clvmodels.plots.palette import INK, MUTED, SeriesStyle, label_axes, legend_above, new_axes, series_styles
from clvmodels.plots.selection import chosen, models_at

if TYPE_CHECKING:
    import pandas as pd


def tracking_frame(
    scorecard: Scorecard,
    model: str | Sequence[str] | None = None,
    origin: str | None = None,
    cumulative: bool = True,
) -> pd.DataFrame:
    """Repeat purchases per week, or added up since the start of the log.

    A last week that the holdout cuts short is left out of the weeks, where it would look like a drop.

    Parameters
    ----------
    scorecard
        A backtest.
    model
        One forecaster or several; all by default.
    origin
        Last observed date; the most recent by default.
    cumulative
        Added up. In the holdout the forecast starts from what had happened by the origin, as it knew that.

    Returns
    -------
    pandas.DataFrame
        model, week, end_exclusive, is_holdout, actual, mean, q05, q95 (90 % predictive interval).
    """
    check_scorecard(scorecard)
    columns = ["model", "week", "end_exclusive", "is_holdout", "actual", "mean", "q05", "q95"]
    weeks = chosen(scorecard.tracking, scorecard, origin, model)
    if cumulative:
        added_up = {f"cumulative_{name}": name for name in columns[4:]}
        weeks = weeks.drop(columns=columns[4:]).rename(columns=added_up)
    else:
        weeks = weeks[weeks["days"] >= 7]
    return weeks[columns].reset_index(drop=True)


def plot_tracking(
    scorecard: Scorecard,
    model: str | Sequence[str] | None = None,
    origin: str | None = None,
    cumulative: bool = True,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw `tracking_frame`: the actual in black, forecasters in colour, a line where the calibration ends."""
    frame = tracking_frame(scorecard, model, origin, cumulative)
    axes = new_axes() if ax is None else ax
    styles = series_styles(models_at(scorecard))
    first = frame[frame["model"] == frame["model"].iloc[0]]
    axes.plot(first["week"], first["actual"], color=INK, linewidth=1.3, label="Actual")
    for name, part in frame.groupby("model", sort=False):
        _draw_forecaster(axes, part, str(name), styles[str(name)])
    if first["is_holdout"].any():
        end = first.loc[~first["is_holdout"], "week"].max() + 0.5
        axes.axvline(end, color=MUTED, linewidth=1, linestyle=(0, (3, 3)), label="End of calibration")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    what = "Cumulative repeat purchases" if cumulative else "Repeat purchases per week"
    label_axes(axes, "Week of the log", what)
    legend_above(axes)
    return axes


def _draw_forecaster(axes: Axes, part: pd.DataFrame, name: str, style: SeriesStyle) -> None:
    """The calibration, and the holdout with its band, apart: the forecast starts from what had happened."""
    shown = name
    for segment in (part[~part["is_holdout"]], part[part["is_holdout"]]):
        if segment["mean"].isna().all():
            continue
        look: dict[str, Any] = {"color": style.colour, "linestyle": style.dash, "linewidth": 1.8}
        axes.plot(segment["week"], segment["mean"], label=shown, **look)
        shown = "_continued"
        if segment["q05"].notna().any():
            band = segment["week"], segment["q05"], segment["q95"]
            axes.fill_between(
                *band, color=style.colour, alpha=0.18, linewidth=0, label="90 % predictive interval"
            )
