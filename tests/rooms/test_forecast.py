"""Forecasting: what the tables say, which customers are in them, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.prediction import Forecast, Quantity
from clvmodels.units import plan_horizon


@pytest.fixture(scope="module")
def fitted(cdnow_rfm: clv.RFM) -> clv.FittedCLV:
    return clv.CLVModel("bg_nbd").fit(cdnow_rfm.take(slice(None, None, 10)), draws=200, seed=1)


def test_the_customer_table_has_what_people_act_on(fitted: clv.FittedCLV) -> None:
    table = fitted.forecast("52W", draws=200, seed=1, levels=(0.1, 0.5, 0.975)).customers
    assert list(table.columns) == [
        "customer_id",
        "p_alive",
        "expected_purchases",
        "expected_spend",
        "p_purchase",
        "clv_mean",
        "clv_sd",
        "clv_q10",
        "clv_q50",
        "clv_q97.5",
    ]
    assert np.isfinite(table.drop(columns="customer_id").to_numpy()).all()
    assert (table["clv_q10"] <= table["clv_q50"]).all()
    assert (table["clv_q50"] <= table["clv_q97.5"]).all()
    assert table["p_alive"].between(0, 1).all()
    assert table["p_purchase"].between(0, 1).all()


def test_tables_carry_their_provenance(fitted: clv.FittedCLV) -> None:
    forecast = fitted.forecast("12M", draws=100, seed=3, annual_discount_rate=0.1, margin=0.35)
    facts = forecast.customers.attrs
    assert facts["window"] == "12M: 1997-10-01 to before 1998-10-01"
    assert facts["uncertainty"] == "parameters and chance"
    assert (facts["annual_discount_rate"], facts["margin"], facts["draws"], facts["seed"]) == (
        0.1,
        0.35,
        100,
        3,
    )
    assert [fit["status"] for fit in facts["fits"]] == ["CONVERGED", "CONVERGED"]
    assert forecast.periods.attrs["interval"] == "central 90% predictive interval"
    assert "90 % predictive interval" in str(forecast)


def test_a_maximum_likelihood_forecast_says_that_its_parameters_are_fixed(cdnow_rfm: clv.RFM) -> None:
    point = clv.CLVModel("bg_nbd", method="mle").fit(cdnow_rfm.take(slice(None, None, 10)))
    facts = point.forecast("4W", draws=20).provenance
    assert facts["uncertainty"] == "chance only (one parameter vector)"


def test_months_are_calendar_months(fitted: clv.FittedCLV) -> None:
    periods = fitted.forecast("3M", draws=50).periods
    assert [str(start.date()) for start in periods["start"]] == ["1997-10-01", "1997-11-01", "1997-12-01"]
    assert periods["to_weeks"].tolist() == pytest.approx([31 / 7, 61 / 7, 92 / 7])
    assert (periods["value_low"] < periods["value_mean"]).all()


def test_without_spend_purchases_are_forecast(cdnow_rfm: clv.RFM) -> None:
    some = cdnow_rfm.take(slice(None, None, 20))
    forecast = clv.CLVModel("bg_nbd", spend=None, method="mle").fit(some).forecast("26W", draws=50)
    assert forecast.value is None
    assert forecast.total.name == "purchases"
    assert "purchases_q95" in forecast.columns
    assert "expected_spend" not in forecast.columns


def test_a_customer_who_spent_nothing_informs_no_spend_and_is_forecast(cdnow_rfm: clv.RFM) -> None:
    arrays = cdnow_rfm.take(slice(None, None, 10)).to_pandas()
    arrays.loc[arrays["frequency"].idxmax(), "monetary_value"] = 0.0
    rfm = clv.RFM.from_arrays(
        **{name: arrays[name] for name in ("customer_id", "frequency", "recency", "T", "monetary_value")},
        observation_end="1997-09-30",
        time_unit="W",
    )
    fitted = clv.CLVModel("bg_nbd", method="mle").fit(rfm)
    assert "1 repeat customers spent nothing" in fitted.summary
    forecast = fitted.forecast("26W", draws=50)
    assert len(forecast.customers) == len(rfm)
    assert np.isfinite(forecast.columns["clv_mean"]).all()


def test_customers_of_another_day_can_be_forecast_with_an_old_fit(
    fitted: clv.FittedCLV, cdnow: object
) -> None:
    later = clv.rfm_summary(cdnow, spend="spend", observation_end="1997-12-31")
    forecast = fitted.forecast("4W", rfm=later.take(slice(0, 50)), draws=50)
    assert str(forecast.horizon.starts[0].date()) == "1998-01-01"
    assert len(forecast.customers) == 50


def test_draws_are_kept_on_request(fitted: clv.FittedCLV) -> None:
    forecast = fitted.forecast("26W", draws=60, keep_draws=True)
    assert forecast.draws.shape == (60, len(fitted.rfm))
    np.testing.assert_array_equal(forecast.draws.sum(axis=1), forecast.total.draws)
    assert fitted.forecast("26W", draws=60).draws is None


def test_progress_counts_customers(fitted: clv.FittedCLV) -> None:
    seen: list[tuple[int, int]] = []
    fitted.forecast("4W", draws=10, block_size=100, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(100, 236), (200, 236), (236, 236)]


def test_more_draws_than_the_posterior_has_use_it_in_turn(fitted: clv.FittedCLV) -> None:
    assert fitted.forecast("4W", draws=450).total.draws.shape == (450,)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"margin": 35}, r"35 per cent is 0\.35"),
        ({"margin": 0}, "above 0"),
        ({"annual_discount_rate": 10}, r"ten per cent is 0\.10"),
        ({"draws": 1}, "at least 2"),
        ({"levels": (5, 95)}, "between 0 and 1"),
        ({"levels": ()}, "between 0 and 1"),
        ({"seed": "today"}, "whole number"),
        ({"seed": -1}, "at least 0"),
        ({"period": "fortnight"}, "period 'fortnight'"),
        ({"block_size": 0}, "at least 1"),
    ],
)
def test_arguments_out_of_range_are_refused(fitted: clv.FittedCLV, options: dict, text: str) -> None:
    with pytest.raises(clv.ArgumentError, match=text):
        fitted.forecast("26W", **options)


def test_patterns_of_several_customers_are_refused(fitted: clv.FittedCLV) -> None:
    patterns, _ = fitted.rfm.compress()
    for forecaster in (fitted, clv.HistoricalCLV().fit(patterns)):
        options = {"rfm": patterns} if forecaster is fitted else {}
        with pytest.raises(clv.DataError, match="fitted, but not forecast"):
            forecaster.forecast("26W", **options)


def test_a_mean_outside_its_interval_is_explained() -> None:
    draws = np.r_[np.ones(99), 1e6]
    quantity = Quantity("value", draws, draws[:, None])
    forecast = Forecast(
        "x", True, {"customer_id": np.arange(3)}, quantity, None, plan_horizon("1W", None, "W"), {}
    )
    assert "median 1 (a few draws carry the mean)" in str(forecast)


def test_another_clock_is_refused(fitted: clv.FittedCLV) -> None:
    days = clv.RFM.from_arrays(
        frequency=[1], recency=[7], T=[70], monetary_value=[5], time_unit="D", observation_end="1997-09-30"
    )
    with pytest.raises(clv.ArgumentError, match="time_unit='W'"):
        fitted.forecast("26W", rfm=days)


def test_unknown_names_are_refused_before_any_work() -> None:
    with pytest.raises(clv.ArgumentError, match="pareto_nbd"):
        clv.CLVModel("pareto")
    with pytest.raises(clv.ArgumentError, match="gamma_gamma"):
        clv.CLVModel(spend="gama")
    with pytest.raises(clv.ArgumentError, match="laplace"):
        clv.CLVModel(method="nuts!")
    with pytest.raises(TypeError, match="unexpected"):
        clv.CLVModel(penalizer=0.1)


def test_nobody_who_bought_again_is_no_ground_for_spend() -> None:
    rfm = clv.RFM.from_arrays(
        frequency=[0, 0], recency=[0, 0], T=[9, 8], monetary_value=[0, 0], time_unit="W"
    )
    with pytest.raises(clv.DataError, match="spend=None"):
        clv.CLVModel().fit(rfm)
    with pytest.raises(clv.DataError, match="holds no spend_count"):
        clv.CLVModel().fit(clv.RFM.from_arrays(frequency=[1], recency=[2], T=[9], time_unit="W"))


def test_customers_without_a_mean_spend_are_told_and_get_the_mean_of_their_draws(
    fitted: clv.FittedCLV,
) -> None:
    heavy = replace(fitted.spend, draws=np.array([[3.0, 0.8, 20.0], [6.0, 4.0, 15.0]]))
    customers = fitted.rfm.newcomers(5)
    with pytest.warns(clv.ClvWarning, match="5 customers have no finite mean spend"):
        forecast = replace(fitted, spend=heavy).forecast("52W", rfm=customers, draws=60, keep_draws=True)
    assert np.isinf(forecast.columns["expected_spend"]).all()
    np.testing.assert_allclose(forecast.columns["clv_mean"], forecast.draws.mean(axis=0), rtol=1e-12)


def test_expected_history_is_the_unconditional_curve(fitted: clv.FittedCLV) -> None:
    curve = fitted.expected_history(np.array([0.0, 10.0, 52.0]))
    one = [
        fitted.purchase.model.expected_purchases(fitted.purchase.mode, fitted.rfm.newcomers(1), age)[0]
        for age in (0.0, 10.0, 52.0)
    ]
    np.testing.assert_allclose(curve, one, rtol=1e-14)
