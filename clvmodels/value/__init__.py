"""What a business does with a forecast: profit, acquisition, referral, segments, change and what-if.

Everything works on joint draws and asks nobody how they were made: a formula is the case of a single draw,
of which no intervals and no probabilities are shown.
"""

from __future__ import annotations

from clvmodels.value.acquisition import Acquisition, Payback, acquisition, payback
from clvmodels.value.calculator import Calculator, calculate_clv
from clvmodels.value.calculator_formulas import Lifespan, lifespan
from clvmodels.value.cashflow_economics import Economics
from clvmodels.value.change import Change, explain_change
from clvmodels.value.change_realised import compare_with_realised, realised_value
from clvmodels.value.change_steps import Snapshot
from clvmodels.value.decisions import Decisions
from clvmodels.value.groups import GroupComparison, cohort_labels, compare_groups, split_customers
from clvmodels.value.groups_benchmarks import benchmark
from clvmodels.value.newcomers import NewCustomerValue, new_customer_value
from clvmodels.value.newcomers_counts import NewCustomers
from clvmodels.value.plan import AcquisitionForecast, acquisition_plan, budget_table
from clvmodels.value.pooling import ChannelFits, fit_channels
from clvmodels.value.profit import ProfitForecast, profit, profit_run
from clvmodels.value.referral import ReferralRate, ReferralValue, referral_rate, referral_value
from clvmodels.value.refunds import NetForecast, net_of_refunds
from clvmodels.value.segments import Segmentation, segment_customers
from clvmodels.value.segments_rules import Segment, SegmentRules
from clvmodels.value.whatif import WhatIf, elasticities, tornado, what_if
from clvmodels.value.whatif_levers import Scenario, longer_life

__all__ = [
    "Acquisition",
    "AcquisitionForecast",
    "Calculator",
    "Change",
    "ChannelFits",
    "Decisions",
    "Economics",
    "GroupComparison",
    "Lifespan",
    "NetForecast",
    "NewCustomerValue",
    "NewCustomers",
    "Payback",
    "ProfitForecast",
    "ReferralRate",
    "ReferralValue",
    "Scenario",
    "Segment",
    "SegmentRules",
    "Segmentation",
    "Snapshot",
    "WhatIf",
    "acquisition",
    "acquisition_plan",
    "benchmark",
    "budget_table",
    "calculate_clv",
    "cohort_labels",
    "compare_groups",
    "compare_with_realised",
    "elasticities",
    "explain_change",
    "fit_channels",
    "lifespan",
    "longer_life",
    "net_of_refunds",
    "new_customer_value",
    "payback",
    "profit",
    "profit_run",
    "realised_value",
    "referral_rate",
    "referral_value",
    "segment_customers",
    "split_customers",
    "tornado",
    "what_if",
]
