"""Criticism: which of the models' assumptions the data speak against, each by a small check of its own.

    RFM, purchases ──checks──► Suspicion (estimate, interval, verdict, a sentence, the numbers behind it)

`regularity`, `season`, `drift`, `spend` and `spread` hold the checks; each is calibrated, so that a world in which the
assumption holds is called clear as often as the level says. `criticise` runs all that the data allow.
"""

from clvmodels.criticism.drift import cohort_drift, origin_drift
from clvmodels.criticism.regularity import purchase_regularity
from clvmodels.criticism.run import criticise
from clvmodels.criticism.season import seasonality
from clvmodels.criticism.spend import spend_and_frequency
from clvmodels.criticism.spread import spend_shape, spend_spread
from clvmodels.criticism.suspicion import Sampling, Suspicion, suspicion_table

__all__ = [
    "Sampling",
    "Suspicion",
    "cohort_drift",
    "criticise",
    "origin_drift",
    "purchase_regularity",
    "seasonality",
    "spend_and_frequency",
    "spend_shape",
    "spend_spread",
    "suspicion_table",
]
