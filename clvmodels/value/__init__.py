"""What a business does with a forecast: profit, acquisition, referral, segments, change and what-if.

Everything works on joint draws and asks nobody how they were made: a formula is the case of a single draw,
of which no intervals and no probabilities are shown.
"""

from __future__ import annotations

from clvmodels.value.acquisition import Acquisition, Payback, acquisition, payback
from clvmodels.value.cashflow_economics import Economics
from clvmodels.value.newcomers import NewCustomerValue, new_customer_value
from clvmodels.value.profit import ProfitForecast, profit
from clvmodels.value.segments import Segmentation, segment_customers
from clvmodels.value.segments_rules import Segment, SegmentRules

__all__ = [
    "Acquisition",
    "Economics",
    "NewCustomerValue",
    "Payback",
    "ProfitForecast",
    "Segment",
    "SegmentRules",
    "Segmentation",
    "acquisition",
    "new_customer_value",
    "payback",
    "profit",
    "segment_customers",
]
