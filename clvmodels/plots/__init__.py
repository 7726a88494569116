"""Plots: each takes a noun and draws a table of it; its twin named `*_frame` returns that table.

Nothing is estimated here. Frames group and bin what a `Scorecard` or a `Forecast` holds; plots put one
frame on one pair of axes. `ax=None` makes a figure of its own (a `matplotlib.figure.Figure`, never the
global state of pyplot); axes that are passed in keep the style of their owner.
"""

from clvmodels.plots.acquisition import (
    cac_ceilings_frame,
    payback_chance_frame,
    payback_frame,
    plot_cac_ceilings,
    plot_payback,
    plot_payback_chance,
)
from clvmodels.plots.calendar import calendar_frame, plot_calendar
from clvmodels.plots.calibration import (
    calibration_frame,
    plot_calibration,
    plot_reliability,
    reliability_frame,
)
from clvmodels.plots.customers import customer_values_frame, plot_customer_values
from clvmodels.plots.deciles import decile_frame, plot_deciles
from clvmodels.plots.differences import plot_tornado, plot_waterfall, tornado_frame, waterfall_frame
from clvmodels.plots.future import periods_frame, plot_periods, plot_total, total_frame
from clvmodels.plots.heterogeneity import heterogeneity_frame, plot_heterogeneity, trait_names
from clvmodels.plots.holdout import (
    gain_frame,
    holdout_by_cohort_frame,
    holdout_by_frequency_frame,
    holdout_by_recency_frame,
    plot_gain,
    plot_holdout_by_cohort,
    plot_holdout_by_frequency,
    plot_holdout_by_recency,
)
from clvmodels.plots.importance import importance_frame, plot_importance
from clvmodels.plots.matrices import (
    alive_matrix_frame,
    expected_matrix_frame,
    plot_alive_matrix,
    plot_expected_matrix,
)
from clvmodels.plots.palette import GRID, INK, MUTED, SERIES, SeriesStyle, new_axes, series_styles
from clvmodels.plots.prior import plot_prior_predictive, prior_predictive_frame
from clvmodels.plots.repeats import plot_repeat_purchases, repeat_purchases_frame
from clvmodels.plots.runs import (
    hindsight_frame,
    plot_hindsight,
    plot_run_groups,
    plot_run_totals,
    run_groups_frame,
    run_totals_frame,
)
from clvmodels.plots.season import course_frame, plot_course, plot_season, season_frame
from clvmodels.plots.segments import plot_segment_map, segment_map_frame
from clvmodels.plots.selection import latest_origin, models_at
from clvmodels.plots.spend import plot_spend, spend_frame
from clvmodels.plots.timelines import plot_timelines, timelines_frame
from clvmodels.plots.totals import plot_totals, totals_frame
from clvmodels.plots.tracking import plot_tracking, tracking_frame

__all__ = [
    "GRID",
    "INK",
    "MUTED",
    "SERIES",
    "SeriesStyle",
    "alive_matrix_frame",
    "cac_ceilings_frame",
    "calendar_frame",
    "calibration_frame",
    "course_frame",
    "customer_values_frame",
    "decile_frame",
    "expected_matrix_frame",
    "gain_frame",
    "heterogeneity_frame",
    "hindsight_frame",
    "holdout_by_cohort_frame",
    "holdout_by_frequency_frame",
    "holdout_by_recency_frame",
    "importance_frame",
    "latest_origin",
    "models_at",
    "new_axes",
    "payback_chance_frame",
    "payback_frame",
    "periods_frame",
    "plot_alive_matrix",
    "plot_cac_ceilings",
    "plot_calendar",
    "plot_calibration",
    "plot_course",
    "plot_customer_values",
    "plot_deciles",
    "plot_expected_matrix",
    "plot_gain",
    "plot_heterogeneity",
    "plot_hindsight",
    "plot_holdout_by_cohort",
    "plot_holdout_by_frequency",
    "plot_holdout_by_recency",
    "plot_importance",
    "plot_payback",
    "plot_payback_chance",
    "plot_periods",
    "plot_prior_predictive",
    "plot_reliability",
    "plot_repeat_purchases",
    "plot_run_groups",
    "plot_run_totals",
    "plot_season",
    "plot_segment_map",
    "plot_spend",
    "plot_timelines",
    "plot_tornado",
    "plot_total",
    "plot_totals",
    "plot_tracking",
    "plot_waterfall",
    "prior_predictive_frame",
    "reliability_frame",
    "repeat_purchases_frame",
    "run_groups_frame",
    "run_totals_frame",
    "season_frame",
    "segment_map_frame",
    "series_styles",
    "spend_frame",
    "timelines_frame",
    "tornado_frame",
    "total_frame",
    "totals_frame",
    "tracking_frame",
    "trait_names",
    "waterfall_frame",
]


def __dir__() -> list[str]:
    return __all__
