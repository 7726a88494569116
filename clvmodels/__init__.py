"""Customer lifetime value as a distribution: transactions → RFM → Posterior → Forecast → value and report."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clvmodels import criticism as criticism
    from clvmodels import metrics as metrics
    from clvmodels import models as models
    from clvmodels import plots as plots
    from clvmodels.artifacts import load_fit as load_fit
    from clvmodels.artifacts import load_scorecard as load_scorecard
    from clvmodels.artifacts import save_fit as save_fit
    from clvmodels.artifacts import save_scorecard as save_scorecard
    from clvmodels.backtesting import Origins as Origins
    from clvmodels.backtesting import Scorecard as Scorecard
    from clvmodels.backtesting import backtest as backtest
    from clvmodels.backtesting import learn_discrepancy as learn_discrepancy
    from clvmodels.baselines import AOVFrequencyLifespan as AOVFrequencyLifespan
    from clvmodels.baselines import CohortAverage as CohortAverage
    from clvmodels.baselines import HiatusRule as HiatusRule
    from clvmodels.baselines import HistoricalCLV as HistoricalCLV
    from clvmodels.baselines import LifespanCLV as LifespanCLV
    from clvmodels.baselines import NetHistoricalCLV as NetHistoricalCLV
    from clvmodels.baselines import PastBest as PastBest
    from clvmodels.baselines import ZeroForecast as ZeroForecast
    from clvmodels.datasets import World as World
    from clvmodels.datasets import load_cdnow as load_cdnow
    from clvmodels.datasets import load_donations as load_donations
    from clvmodels.datasets import simulate as simulate
    from clvmodels.ensemble import Stack as Stack
    from clvmodels.errors import ArgumentError as ArgumentError
    from clvmodels.errors import ArtifactError as ArtifactError
    from clvmodels.errors import ClvError as ClvError
    from clvmodels.errors import ClvWarning as ClvWarning
    from clvmodels.errors import DataError as DataError
    from clvmodels.errors import FitError as FitError
    from clvmodels.errors import FitStatus as FitStatus
    from clvmodels.forecast import CLVModel as CLVModel
    from clvmodels.forecast import Discrepancy as Discrepancy
    from clvmodels.forecast import FittedCLV as FittedCLV
    from clvmodels.forecast import Scorer as Scorer
    from clvmodels.forecast import closed_form_scores as closed_form_scores
    from clvmodels.forecast import load_forecast as load_forecast
    from clvmodels.inference import Bootstrap as Bootstrap
    from clvmodels.inference import Laplace as Laplace
    from clvmodels.inference import LogNormal as LogNormal
    from clvmodels.inference import Nuts as Nuts
    from clvmodels.inference import Posterior as Posterior
    from clvmodels.inference import business_priors as business_priors
    from clvmodels.inference import compare as compare
    from clvmodels.inference import fit as fit
    from clvmodels.inference import fit_joint as fit_joint
    from clvmodels.inference import given as given
    from clvmodels.inference import joint_model as joint_model
    from clvmodels.inference import likelihood_ratio as likelihood_ratio
    from clvmodels.inference import prior_predictive as prior_predictive
    from clvmodels.inference import prior_predictive_spend as prior_predictive_spend
    from clvmodels.inference import pymc_model as pymc_model
    from clvmodels.io import scan_log as scan_log
    from clvmodels.migration import from_lifetimes as from_lifetimes
    from clvmodels.migration import rfm_from_frame as rfm_from_frame
    from clvmodels.prediction import Forecast as Forecast
    from clvmodels.progress import progress_bar as progress_bar
    from clvmodels.report import action_section as action_section
    from clvmodels.report import refunds_section as refunds_section
    from clvmodels.report import write_report as write_report
    from clvmodels.report import write_sections as write_sections
    from clvmodels.rfm import RFM as RFM
    from clvmodels.rivals import BoostedCLV as BoostedCLV
    from clvmodels.rivals import LifetimesCLV as LifetimesCLV
    from clvmodels.rivals import RegressionCLV as RegressionCLV
    from clvmodels.season import Clock as Clock
    from clvmodels.season import GaussianProcessSeason as GaussianProcessSeason
    from clvmodels.season import MonthlySeason as MonthlySeason
    from clvmodels.transactions import RefundRecord as RefundRecord
    from clvmodels.transactions import RFMTable as RFMTable
    from clvmodels.transactions import calibration_holdout as calibration_holdout
    from clvmodels.transactions import refund_record as refund_record
    from clvmodels.transactions import rfm_summary as rfm_summary
    from clvmodels.transactions import rfm_table as rfm_table
    from clvmodels.value import Acquisition as Acquisition
    from clvmodels.value import AcquisitionForecast as AcquisitionForecast
    from clvmodels.value import Calculator as Calculator
    from clvmodels.value import Change as Change
    from clvmodels.value import ChannelFits as ChannelFits
    from clvmodels.value import Decisions as Decisions
    from clvmodels.value import Economics as Economics
    from clvmodels.value import GroupComparison as GroupComparison
    from clvmodels.value import Lifespan as Lifespan
    from clvmodels.value import NetForecast as NetForecast
    from clvmodels.value import NewCustomers as NewCustomers
    from clvmodels.value import NewCustomerValue as NewCustomerValue
    from clvmodels.value import Payback as Payback
    from clvmodels.value import ProfitForecast as ProfitForecast
    from clvmodels.value import ReferralRate as ReferralRate
    from clvmodels.value import ReferralValue as ReferralValue
    from clvmodels.value import Scenario as Scenario
    from clvmodels.value import Segment as Segment
    from clvmodels.value import Segmentation as Segmentation
    from clvmodels.value import SegmentRules as SegmentRules
    from clvmodels.value import Snapshot as Snapshot
    from clvmodels.value import WhatIf as WhatIf
    from clvmodels.value import acquisition as acquisition
    from clvmodels.value import acquisition_plan as acquisition_plan
    from clvmodels.value import benchmark as benchmark
    from clvmodels.value import budget_table as budget_table
    from clvmodels.value import calculate_clv as calculate_clv
    from clvmodels.value import cohort_labels as cohort_labels
    from clvmodels.value import compare_groups as compare_groups
    from clvmodels.value import compare_with_realised as compare_with_realised
    from clvmodels.value import elasticities as elasticities
    from clvmodels.value import explain_change as explain_change
    from clvmodels.value import fit_channels as fit_channels
    from clvmodels.value import lifespan as lifespan
    from clvmodels.value import longer_life as longer_life
    from clvmodels.value import net_of_refunds as net_of_refunds
    from clvmodels.value import new_customer_value as new_customer_value
    from clvmodels.value import payback as payback
    from clvmodels.value import profit as profit
    from clvmodels.value import profit_run as profit_run
    from clvmodels.value import realised_value as realised_value
    from clvmodels.value import referral_rate as referral_rate
    from clvmodels.value import referral_value as referral_value
    from clvmodels.value import segment_customers as segment_customers
    from clvmodels.value import split_customers as split_customers
    from clvmodels.value import tornado as tornado
    from clvmodels.value import what_if as what_if

_HOME = {
    "AOVFrequencyLifespan": "baselines",
    "Acquisition": "value",
    "AcquisitionForecast": "value",
    "ArgumentError": "errors",
    "ArtifactError": "errors",
    "BoostedCLV": "rivals",
    "Bootstrap": "inference",
    "CLVModel": "forecast",
    "Calculator": "value",
    "Change": "value",
    "ChannelFits": "value",
    "ClvError": "errors",
    "ClvWarning": "errors",
    "Clock": "season",
    "CohortAverage": "baselines",
    "DataError": "errors",
    "Decisions": "value",
    "Discrepancy": "forecast",
    "Economics": "value",
    "FitError": "errors",
    "FitStatus": "errors",
    "FittedCLV": "forecast",
    "Forecast": "prediction",
    "GaussianProcessSeason": "season",
    "GroupComparison": "value",
    "HiatusRule": "baselines",
    "HistoricalCLV": "baselines",
    "Laplace": "inference",
    "Lifespan": "value",
    "LifespanCLV": "baselines",
    "LifetimesCLV": "rivals",
    "LogNormal": "inference",
    "MonthlySeason": "season",
    "NetForecast": "value",
    "NetHistoricalCLV": "baselines",
    "NewCustomerValue": "value",
    "NewCustomers": "value",
    "Nuts": "inference",
    "Origins": "backtesting",
    "PastBest": "baselines",
    "Payback": "value",
    "Posterior": "inference",
    "ProfitForecast": "value",
    "RFM": "rfm",
    "RFMTable": "transactions",
    "ReferralRate": "value",
    "ReferralValue": "value",
    "RefundRecord": "transactions",
    "RegressionCLV": "rivals",
    "Scenario": "value",
    "Scorecard": "backtesting",
    "Scorer": "forecast",
    "Segment": "value",
    "SegmentRules": "value",
    "Segmentation": "value",
    "Snapshot": "value",
    "WhatIf": "value",
    "Stack": "ensemble",
    "World": "datasets",
    "ZeroForecast": "baselines",
    "acquisition": "value",
    "acquisition_plan": "value",
    "action_section": "report",
    "backtest": "backtesting",
    "benchmark": "value",
    "budget_table": "value",
    "business_priors": "inference",
    "calculate_clv": "value",
    "calibration_holdout": "transactions",
    "closed_form_scores": "forecast",
    "cohort_labels": "value",
    "compare": "inference",
    "compare_groups": "value",
    "compare_with_realised": "value",
    "elasticities": "value",
    "explain_change": "value",
    "fit": "inference",
    "fit_channels": "value",
    "fit_joint": "inference",
    "from_lifetimes": "migration",
    "given": "inference",
    "joint_model": "inference",
    "learn_discrepancy": "backtesting",
    "lifespan": "value",
    "likelihood_ratio": "inference",
    "load_cdnow": "datasets",
    "load_donations": "datasets",
    "load_fit": "artifacts",
    "load_forecast": "forecast",
    "load_scorecard": "artifacts",
    "longer_life": "value",
    "net_of_refunds": "value",
    "new_customer_value": "value",
    "payback": "value",
    "prior_predictive": "inference",
    "prior_predictive_spend": "inference",
    "profit": "value",
    "progress_bar": "progress",
    "profit_run": "value",
    "pymc_model": "inference",
    "realised_value": "value",
    "referral_rate": "value",
    "referral_value": "value",
    "refund_record": "transactions",
    "refunds_section": "report",
    "rfm_from_frame": "migration",
    "rfm_summary": "transactions",
    "rfm_table": "transactions",
    "save_fit": "artifacts",
    "save_scorecard": "artifacts",
    "segment_customers": "value",
    "scan_log": "io",
    "simulate": "datasets",
    "split_customers": "value",
    "tornado": "value",
    "what_if": "value",
    "write_report": "report",
    "write_sections": "report",
}

_ROOMS = ("criticism", "metrics", "models", "plots")
"""Rooms whose names are not repeated here: ``clv.plots.plot_tracking``."""

__version__ = "0.1.0"
__all__ = sorted([*_HOME, *_ROOMS])


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"clvmodels.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'clvmodels' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"clvmodels.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
