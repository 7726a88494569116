"""Historical CLV formulas and managers' rules behind the contract of a forecaster: what a model has to beat.

A formula knows arithmetic and the past; it gives one number per customer and no uncertainty. Each says its
assumption in words, and each is stated in its strongest honest form (tenure has a floor, the first
purchase can be left out), because beating a straw man proves nothing.

`projection` carries a rate per customer into the future; the other files say how each formula finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from clvmodels.baselines.heuristics import HiatusRule, PastBest
from clvmodels.baselines.lifespan import AOVFrequencyLifespan, LifespanCLV, churn_between_periods
from clvmodels.baselines.net import NetHistoricalCLV, net_historical_clv
from clvmodels.baselines.projection import Projection
from clvmodels.baselines.rates import CohortAverage, HistoricalCLV, ZeroForecast
from clvmodels.contracts import Forecaster

BASELINES: Mapping[str, Callable[[], Forecaster]] = {
    "historical": HistoricalCLV,
    "historical_all": partial(HistoricalCLV, basis="all"),
    "cohort_average": CohortAverage,
    "net_historical": NetHistoricalCLV,
    "lifespan": LifespanCLV,
    "aov_frequency_lifespan": AOVFrequencyLifespan,
    "hiatus_rule": HiatusRule,
    "past_best": PastBest,
    "zero": ZeroForecast,
}

__all__ = [
    "BASELINES",
    "AOVFrequencyLifespan",
    "CohortAverage",
    "HiatusRule",
    "HistoricalCLV",
    "LifespanCLV",
    "NetHistoricalCLV",
    "PastBest",
    "Projection",
    "ZeroForecast",
    "churn_between_periods",
    "net_historical_clv",
]
