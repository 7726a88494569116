"""Scores, calibration and lift: arrays in, numbers out; nothing here knows a model.

`point` judges one number per customer, `distribution` draws and quantiles, `counts` exact probabilities,
`calibration` where outcomes fell in their forecasts, `ranking` the order, `groups` means of groups and `tracking`
totals week by week; `paired` compares two forecasters, and `pooling` mixes several. A score is worth reading
with the functional it rewards: the absolute error rewards medians, the squared error means, and either can be
won by a forecast nobody wants.

There is no log score of counts from draws: a count that no draw showed would cost infinity, and every
cure for that is an invention. The CRPS asks the same question and needs no cure. Where a model gives the exact
probability of each count, `log_score` reads that.

Where a metric is not defined (a skill against a perfect baseline, a ranking of equal customers) it is
nan, and its docstring says when.
"""

from clvmodels.metrics.calibration import pit_coverage, pit_distance, pit_histogram, randomised_pit
from clvmodels.metrics.counts import log_score, rps_from_pmf
from clvmodels.metrics.distribution import (
    crps_from_draws,
    crps_of_point,
    interval_coverage,
    interval_width,
    pinball,
    pinball_by_level,
)
from clvmodels.metrics.groups import (
    brier,
    holdout_by_frequency,
    holdout_by_label,
    holdout_by_quantile,
    reliability,
)
from clvmodels.metrics.paired import OriginDifferences, PairedDifference, paired_by_origin, paired_difference
from clvmodels.metrics.point import bias, bias_percent, mae, per_mean, rmse, skill, squared_error_share
from clvmodels.metrics.pooling import PoolTerms, pool_terms, stacking_weights
from clvmodels.metrics.ranking import (
    capture_of_customers,
    capture_of_value,
    gain_band,
    gain_curve,
    normalised_gini,
    spearman,
)
from clvmodels.metrics.resampling import resampled_sums
from clvmodels.metrics.tracking import tracking_error

__all__ = [
    "OriginDifferences",
    "PairedDifference",
    "PoolTerms",
    "bias",
    "bias_percent",
    "brier",
    "capture_of_customers",
    "capture_of_value",
    "crps_from_draws",
    "crps_of_point",
    "gain_band",
    "gain_curve",
    "holdout_by_frequency",
    "holdout_by_label",
    "holdout_by_quantile",
    "interval_coverage",
    "interval_width",
    "log_score",
    "mae",
    "normalised_gini",
    "paired_by_origin",
    "paired_difference",
    "per_mean",
    "pinball",
    "pinball_by_level",
    "pit_coverage",
    "pit_distance",
    "pit_histogram",
    "pool_terms",
    "randomised_pit",
    "reliability",
    "resampled_sums",
    "rmse",
    "rps_from_pmf",
    "skill",
    "spearman",
    "squared_error_share",
    "stacking_weights",
    "tracking_error",
]


def __dir__() -> list[str]:
    return __all__
