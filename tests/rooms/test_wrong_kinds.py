"""Arguments of a kind that nobody meant: every public function refuses them in words, or can work with them.

Each row of `CALLS` is a call that works; each of its arguments is replaced in turn by everything in `WRONG`. What comes
is either an answer or an error of this project: never a traceback from the depths. Where a number belongs, whatever is
none has no answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.plots import totals_frame, tracking_frame
from clvmodels.report import action_section

NOTHING = object()
WRONG: tuple[Any, ...] = (
    "abc", "", b"x", True, -1.5, float("nan"), float("inf"), [], [1], {}, (), None, NOTHING, pd.NaT, Decimal("2.5")
)  # fmt: skip


@cache
def some() -> Mapping[str, Any]:
    """A small log, its summary, a fit of given parameters, and what is made of them."""
    days = pd.date_range("2025-01-06", periods=30, freq="5D")
    log = pd.DataFrame({
        "customer_id": [i % 7 for i in range(30)],
        "date": days,
        "spend": [10.0 + i for i in range(30)],
    })  # fmt: skip
    rfm = clv.rfm_summary(log, spend="spend")
    purchase = clv.given("bg_nbd", {"r": 0.5, "alpha": 4.0, "a": 0.7, "b": 2.0}, rfm, source="a test")
    spend = clv.given("gamma_gamma", {"p": 6.0, "q": 4.0, "gamma": 15.0}, rfm, source="a test")
    fitted = clv.FittedCLV("given", rfm, purchase, spend)
    card = clv.backtest(log, [clv.ZeroForecast(), clv.HistoricalCLV()], horizon="4W", draws=5)
    return {
        "log": log,
        "rfm": rfm,
        "fitted": fitted,
        "forecast": fitted.forecast("4W", draws=5),
        "card": card,
    }


CALLS: dict[str, Callable[[], tuple[Callable[..., Any], dict[str, Any]]]] = {
    "RFM.from_arrays": lambda: (
        clv.RFM.from_arrays, {"frequency": [1, 2], "recency": [1, 2], "T": [4, 5], "time_unit": "W"}
    ),
    "CLVModel": lambda: (clv.CLVModel, {}),
    "CLVModel.fit": lambda: (clv.CLVModel("bg_nbd", None, "map").fit, {"rfm": some()["rfm"]}),
    "fit": lambda: (clv.fit, {"model": "bg_nbd", "rfm": some()["rfm"], "method": "map"}),
    "prior_predictive": lambda: (clv.prior_predictive, {"model": "bg_nbd", "rfm": some()["rfm"], "draws": 2}),
    "given": lambda: (
        clv.given, {"model": "bg_nbd", "parameters": {}, "rfm": some()["rfm"], "source": "a test"}
    ),
    "FittedCLV.forecast": lambda: (some()["fitted"].forecast, {"horizon": "4W", "draws": 5}),
    "FittedCLV.scorer": lambda: (some()["fitted"].scorer, {"horizon": "4W"}),
    "FittedCLV.purchase_probability": lambda: (
        some()["fitted"].purchase_probability, {"purchases": np.zeros(7), "horizon": 4.0}
    ),
    "rfm_summary": lambda: (clv.rfm_summary, {"transactions": some()["log"], "spend": "spend"}),
    "refund_record": lambda: (clv.refund_record, {"transactions": some()["log"]}),
    "scan_log": lambda: (clv.scan_log, {"source": "nowhere.csv"}),
    "calibration_holdout": lambda: (
        clv.calibration_holdout, {"transactions": some()["log"], "cutoff": "2025-04-01"}
    ),
    "cohort_labels": lambda: (clv.cohort_labels, {"rfm": some()["rfm"]}),
    "split_customers": lambda: (clv.split_customers, {"rfm": some()["rfm"], "labels": {}}),
    "profit": lambda: (clv.profit, {"fitted": some()["fitted"], "horizon": "4W", "draws": 4}),
    "NewCustomers": lambda: (clv.NewCustomers, {"mean": [3.0, 4.0]}),
    "new_customer_value": lambda: (
        clv.new_customer_value,
        {"fitted": some()["fitted"], "horizon": "4W", "first_order": 10.0, "customers": 2, "draws": 2},
    ),
    "acquisition": lambda: (clv.acquisition, {"values": {}, "cac": 20.0}),
    "payback": lambda: (clv.payback, {"value": None, "cac": 20.0}),
    "budget_table": lambda: (clv.budget_table, {"plan": None, "cac": 20.0}),
    "acquisition_plan": lambda: (
        clv.acquisition_plan, {"fitted": some()["fitted"], "horizon": "4W", "new": "many"}
    ),
    "segment_customers": lambda: (
        clv.segment_customers, {"run": some, "rfm": None}
    ),
    "SegmentRules": lambda: (clv.SegmentRules, {}),
    "referral_rate": lambda: (clv.referral_rate, {"rfm": some()["rfm"], "referrals": 1.0}),
    "referral_value": lambda: (
        clv.referral_value, {"rate": 1.0, "rfm": some()["rfm"], "new": None, "incremental": 0.5}
    ),
    "what_if": lambda: (
        clv.what_if, {"fitted": some()["fitted"], "rfm": some()["rfm"], "horizon": "4W", "scenarios": []}
    ),
    "elasticities": lambda: (
        clv.elasticities, {"fitted": some()["fitted"], "rfm": some()["rfm"], "horizon": "4W", "draws": 4}
    ),
    "tornado": lambda: (
        clv.tornado, {"fitted": some()["fitted"], "rfm": some()["rfm"], "horizon": "4W", "draws": 4}
    ),
    "explain_change": lambda: (clv.explain_change, {"old": None, "new": None, "horizon": "4W"}),
    "compare_groups": lambda: (
        clv.compare_groups, {"model": clv.ZeroForecast(), "groups": {}, "horizon": "4W", "randomised": True}
    ),
    "compare_with_realised": lambda: (
        clv.compare_with_realised, {"forecast": some()["forecast"], "holdout": None}
    ),
    "calculate_clv": lambda: (clv.calculate_clv, {"rfm": some()["rfm"], "horizon": "4W", "period": "4W"}),
    "lifespan": lambda: (clv.lifespan, {"rfm": some()["rfm"], "period": "4W"}),
    "NetHistoricalCLV": lambda: (clv.NetHistoricalCLV, {}),
    "Origins": lambda: (clv.Origins, {"horizon": "4W"}),
    "backtest": lambda: (
        clv.backtest, {"transactions": some()["log"], "forecasters": [clv.ZeroForecast()], "horizon": "4W"}
    ),
    "net_of_refunds": lambda: (
        clv.net_of_refunds, {"forecast": some()["forecast"], "refunds": clv.refund_record(some()["log"])}
    ),
    "benchmark": lambda: (clv.benchmark, {"own": {"now": some()["forecast"]}}),
    "fit_channels": lambda: (
        clv.fit_channels, {"model": clv.CLVModel("bg_nbd", None, "map"), "rfm": some()["rfm"], "channel": {}}
    ),
    "write_report": lambda: (clv.write_report, {"scorecard": some()["card"], "path": Path(mkdtemp()) / "page.html"}),
    "action_section": lambda: (action_section, {"decisions": None}),
    "totals_frame": lambda: (totals_frame, {"scorecard": some()["card"]}),
    "tracking_frame": lambda: (tracking_frame, {"scorecard": some()["card"]}),
    "learn_discrepancy": lambda: (clv.learn_discrepancy, {"scorecard": None}),
    "load_fit": lambda: (clv.load_fit, {"folder": "nowhere"}),
    "load_forecast": lambda: (clv.load_forecast, {"folder": "nowhere"}),
    "load_scorecard": lambda: (clv.load_scorecard, {"folder": "nowhere"}),
    "save_fit": lambda: (clv.save_fit, {"fitted": None, "folder": "nowhere/fit"}),
    "save_scorecard": lambda: (clv.save_scorecard, {"scorecard": None, "folder": "nowhere/card"}),
    "compare": lambda: (clv.compare, {"posteriors": {}, "rfm": some()["rfm"]}),
    "likelihood_ratio": lambda: (
        clv.likelihood_ratio, {"smaller": some()["fitted"].purchase, "larger": some()["fitted"].purchase}
    ),
    "business_priors": lambda: (clv.business_priors, {"model": "bg_nbd", "purchases_per_year": (1, 10)}),
    "simulate": lambda: (
        clv.simulate, {"model": "bg_nbd", "params": {"r": 0.5, "alpha": 4.0, "a": 0.7, "b": 2.0}, "customers": 5}
    ),
    "closed_form_scores": lambda: (clv.closed_form_scores, {"fitted": some()["fitted"], "horizon": "4W"}),
    "Posterior.summary": lambda: (some()["fitted"].purchase.summary, {}),
    "prior_predictive_spend": lambda: (
        clv.prior_predictive_spend, {"model": "gamma_gamma", "rfm": some()["rfm"], "draws": 2}
    ),
    "RFM.select": lambda: (some()["rfm"].select, {"customer_ids": [1]}),
    "FittedCLV.expected_history": lambda: (some()["fitted"].expected_history, {"age": np.arange(3.0)}),
    "Forecast.period_table": lambda: (some()["forecast"].period_table, {"level": 0.9}),
    "LogNormal": lambda: (clv.LogNormal, {"median": 1.0, "sigma": 1.0}),
    "LogNormal.between": lambda: (clv.LogNormal.between, {"low": 1.0, "high": 2.0}),
    "Discrepancy": lambda: (clv.Discrepancy, {}),
    "Nuts": lambda: (clv.Nuts, {}),
    "World": lambda: (clv.World, {}),
    "Clock": lambda: (clv.Clock, {}),
    "MonthlySeason": lambda: (clv.MonthlySeason, {}),
}  # fmt: skip
MEANT = {  # arguments that are names, switches or functions, and are not looked at
    "label", "source", "unit_free", "observe", "keep_draws", "progress", "out", "path", "report", "title", "hash_ids",
    "customer_id",
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_what_nobody_meant_is_refused_in_words(name: str) -> None:
    function, works = CALLS[name]()
    fallen = []
    for argument, parameter in inspect.signature(function).parameters.items():
        if argument in MEANT:
            continue
        is_number = type(works.get(argument, parameter.default)) in (int, float)
        for wrong in WRONG:
            try:
                function(**works | {argument: wrong})
                if is_number and (type(wrong) is not float or wrong != wrong):
                    fallen.append(f"{argument}={wrong!r} is taken for a number")
            except clv.ClvError:
                continue
            except Exception as error:  # noqa: BLE001
                fallen.append(f"{argument}={wrong!r}: {type(error).__name__}: {error}")
    assert not fallen, f"{name}: " + "\n".join(fallen)


def test_numbers_of_numpy_are_numbers() -> None:
    seen = some()
    ints, floats = (np.int64, np.int32), (np.float64, np.float32)
    plain = seen["fitted"].forecast("4W", draws=4, seed=3, margin=0.5, annual_discount_rate=0.125)
    for whole, real in zip(ints, floats, strict=True):
        asked = {"draws": whole(4), "seed": whole(3), "block_size": whole(2), "workers": whole(1)}
        told = seen["fitted"].forecast("4W", margin=real(0.5), annual_discount_rate=real(0.125), **asked)
        pd.testing.assert_frame_equal(told.customers, plain.customers)


@pytest.mark.parametrize("summary", ["log", "fitted", "forecast"])
def test_a_fit_says_what_it_wants_instead(summary: str) -> None:
    for fit in (clv.CLVModel().fit, clv.CLVModel("bg_nbd", None).fit):
        with pytest.raises(clv.ArgumentError, match=r"not RFM: make one of a log with rfm_summary"):
            fit(some()[summary])


def test_a_class_is_no_model() -> None:
    from clvmodels.models.bg_nbd import BGNBD

    for model in (BGNBD, "bgnbd", clv.CLVModel()):
        with pytest.raises(clv.ArgumentError, match="no purchase model"):
            clv.CLVModel(model)  # type: ignore[arg-type]
    with pytest.raises(clv.ArgumentError, match="is no purchase model: give an instance"):
        clv.CLVModel(clv.models.get_model("gamma_gamma"))  # type: ignore[arg-type]
    with pytest.raises(clv.ArgumentError, match=r"method=.* is not one of 'mle'"):
        clv.CLVModel(method=clv.Laplace)  # type: ignore[arg-type]
