"""Forecast: a distribution of what customers will buy and be worth, and how it is put together.

Whoever forecasts yields `DrawBlock`s, one per block of customers; `gather` turns the stream into a
`Forecast` and keeps only what a table needs, so memory is bounded by the block. Axes are always
(draw, customer, period).
"""

from clvmodels.prediction.checks import (
    as_numbers,
    check_levels,
    check_margin,
    check_seed,
    check_single,
    tail_levels,
)
from clvmodels.prediction.draws import DEFAULT_LEVELS, DrawBlock, gather, over_draws, quantile_name
from clvmodels.prediction.forecast import MODEL_ONLY, WITH_MARKET, Forecast, Quantity, labelled

__all__ = [
    "DEFAULT_LEVELS",
    "MODEL_ONLY",
    "WITH_MARKET",
    "DrawBlock",
    "Forecast",
    "Quantity",
    "as_numbers",
    "check_levels",
    "check_margin",
    "check_seed",
    "check_single",
    "gather",
    "labelled",
    "over_draws",
    "quantile_name",
    "tail_levels",
]
