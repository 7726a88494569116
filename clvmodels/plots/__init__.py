"""Plots: each takes a noun and draws a table of it; its twin named `*_frame` returns that table.

Nothing is estimated here. Frames group and bin what a `Scorecard` or a `Forecast` holds; plots put one
frame on one pair of axes. `ax=None` makes a figure of its own (a `matplotlib.figure.Figure`, never the
global state of pyplot); axes that are passed in keep the style of their owner.
"""

from clvmodels.plots.calibration import (
    calibration_frame,
    plot_calibration,
    plot_reliability,
    reliability_frame,
)
from clvmodels.plots.future import periods_frame, plot_periods, plot_total, total_frame
from clvmodels.plots.holdout import (
    gain_frame,
    holdout_by_frequency_frame,
    plot_gain,
    plot_holdout_by_frequency,
)
from clvmodels.plots.palette import GRID, INK, MUTED, SERIES, SeriesStyle, new_axes, series_styles
from clvmodels.plots.prior import plot_prior_predictive, prior_predictive_frame
from clvmodels.plots.selection import latest_origin, models_at
from clvmodels.plots.tracking import plot_tracking, tracking_frame

__all__ = [
    "GRID",
    "INK",
    "MUTED",
    "SERIES",
    "SeriesStyle",
    "calibration_frame",
    "gain_frame",
    "holdout_by_frequency_frame",
    "latest_origin",
    "models_at",
    "new_axes",
    "periods_frame",
    "plot_calibration",
    "plot_gain",
    "plot_holdout_by_frequency",
    "plot_periods",
    "plot_prior_predictive",
    "plot_reliability",
    "plot_total",
    "plot_tracking",
    "prior_predictive_frame",
    "reliability_frame",
    "series_styles",
    "total_frame",
    "tracking_frame",
]
