"""Scores, calibration and lift: arrays in, numbers out; nothing here knows a model.

`point` judges one number per customer, `distribution` judges draws, `ranking` judges the order and
`groups` compares means of groups. A score is worth reading with the functional it rewards: the absolute
error rewards medians, the squared error means, and either can be won by a forecast nobody wants.

There is no log score of counts from draws: a count that no draw showed would cost infinity, and every
cure for that is an invention. The CRPS asks the same question and needs no cure.

Where a metric is not defined (a skill against a perfect baseline, a ranking of equal customers) it is
nan, and its docstring says when.
"""

from clvmodels.metrics.distribution import (
    crps_from_draws,
    crps_of_point,
    interval_coverage,
    interval_width,
    pinball,
    pit_coverage,
    pit_distance,
    randomised_pit,
)
from clvmodels.metrics.groups import brier, holdout_by_frequency, reliability
from clvmodels.metrics.point import bias, bias_percent, mae, rmse, skill
from clvmodels.metrics.ranking import capture_of_customers, capture_of_value, normalised_gini, spearman

__all__ = [
    "bias",
    "bias_percent",
    "brier",
    "capture_of_customers",
    "capture_of_value",
    "crps_from_draws",
    "crps_of_point",
    "holdout_by_frequency",
    "interval_coverage",
    "interval_width",
    "mae",
    "normalised_gini",
    "pinball",
    "pit_coverage",
    "pit_distance",
    "randomised_pit",
    "reliability",
    "rmse",
    "skill",
    "spearman",
]
