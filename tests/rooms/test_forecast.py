"""Forecasting: what the tables say, which customers are in them, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels.forecast.simulation import in_turn
from clvmodels.forecast.tally import add_up
from clvmodels.prediction import DrawBlock, Forecast, Quantity, quantile_name
from clvmodels.units import plan_horizon


@pytest.fixture(scope="module")
def fitted(cdnow_rfm: clv.RFM) -> clv.FittedCLV:
    return clv.CLVModel("bg_nbd", "gamma_gamma").fit(cdnow_rfm.take(slice(None, None, 10)), draws=200, seed=1)


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
    assert facts["uncertainty"] == f"parameters and chance, and {clv.Discrepancy()}"
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
    assert facts["uncertainty"].startswith("chance (one parameter vector), and a shock shared by all")


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
        ({"period": "fortnight"}, "period='fortnight'"),
        ({"block_size": 0}, "at least 1"),
        ({"workers": 0}, "workers=0 must be a whole number of at least 1"),
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


def test_values_follow_a_plain_simulation(fitted: clv.FittedCLV) -> None:
    """Purchases and values of one customer after the other, told with NumPy's generators: 10 tests at 1e-5.

    Killed: amounts of one purchase repeated; latent spend drawn anew per purchase. The third customer's leaving is
    all but impossible to see, the amounts have no mean for whoever has not come back.
    """
    rfm = replace(
        fitted.rfm.take(slice(0, 5)),
        frequency=np.array([0, 0, 2, 20, 300.0]),
        recency=np.array([0, 0, 30, 38.9, 38.9]),
        T=np.array([0, 39, 39, 39, 39.0]),
        spend_count=np.array([0, 0, 2, 20, 300.0]),
        monetary_value=np.array([0, 0, 30, 5, 80.0]),
    )
    draws, (r, alpha, a, b), (p, q, gamma) = 20_000, (0.24, 4.4, 1e-3, 1e4), (0.7, 0.6, 15.0)
    point = replace(
        fitted,
        purchase=replace(fitted.purchase, draws=np.array([[r, alpha, a, b]])),
        spend=replace(fitted.spend, draws=np.array([[p, q, gamma]])),
    )
    seen: list[DrawBlock] = []
    with pytest.warns(clv.ClvWarning, match="no finite mean"):
        point.forecast(
            "10W", rfm=rfm, draws=draws, annual_discount_rate=0.3, discrepancy=None, observe=seen.append
        )
    rng, rate = np.random.default_rng(5), np.log(1.3) * 7 / 365.25
    alive = fitted.purchase.model.p_alive(np.array([r, alpha, a, b]), rfm)
    for j in range(5):
        x, T = rfm.frequency[j], rfm.T[j]
        purchases, value = np.zeros((2, draws))
        for d in np.flatnonzero(rng.random(draws) < alive[j]):
            wait, leaving = (alpha + T) / max(rng.gamma(r + x), 1e-300), rng.beta(a, b + x)
            level, time = rng.gamma(q + p * x) / (gamma + x * rfm.monetary_value[j]), rng.exponential(wait)
            while time <= 10.0:
                purchases[d] += 1.0
                value[d] += rng.gamma(p) / max(level, 1e-100) * np.exp(-rate * time)
                time = np.inf if rng.random() < leaving else time + rng.exponential(wait)
        assert stats.ks_2samp(seen[0].purchases[:, j], purchases).pvalue > 1e-5
        assert stats.ks_2samp(seen[0].value[:, j], value).pvalue > 1e-5


def test_quantiles_are_those_of_numpy(fitted: clv.FittedCLV) -> None:
    levels = (0.001, 0.05, 0.35, 0.5, 0.95, 0.999)
    for draws in (2, 7, 100):
        forecast = fitted.forecast("26W", draws=draws, levels=levels, keep_draws=True)
        expected = np.quantile(forecast.draws, levels, axis=0)
        for level, row in zip(levels, expected, strict=True):
            np.testing.assert_allclose(forecast.columns[quantile_name("clv", level)], row, rtol=1e-12)
        np.testing.assert_allclose(
            forecast.columns["clv_sd"], forecast.draws.std(axis=0), rtol=1e-9, atol=1e-9
        )


def test_purchases_fall_in_their_periods() -> None:
    """Killed: a purchase at the end of a period put in the next; a guess that stops one short."""
    rng = np.random.default_rng(3)
    edges = np.concatenate([[0.0], np.cumsum([0.1, 7.0, 30.0, 31.0, 1e-6, 400.0])])
    time = np.concatenate([edges[1:], rng.uniform(0.0, edges[-1], 200), rng.uniform(0.0, 0.2, 50)])
    row, amount = rng.integers(0, 12, len(time)), rng.integers(1, 9, len(time)).astype(float)
    by_customer, by_period = np.zeros((2, 4, 3)), np.zeros((2, 3, 6))
    add_up(row, time, amount, edges, by_customer, by_period)
    expected = np.zeros((2, 3, 4, 6))  # draw, customer, period
    place = (row // 4, row % 4, np.searchsorted(edges[1:-1], time))
    np.add.at(expected[0], place, 1.0)
    np.add.at(expected[1], place, amount)
    np.testing.assert_array_equal(by_period, expected.sum(axis=2))
    np.testing.assert_array_equal(by_customer, expected.sum(axis=3).transpose(0, 2, 1))


def test_a_horizon_of_thousands_of_periods_adds_up(fitted: clv.FittedCLV) -> None:
    some = fitted.rfm.take(slice(0, 9))
    forecast = fitted.forecast("5000W", period="W", rfm=some, draws=20, keep_draws=True)
    assert forecast.value.period_draws.shape == (20, 5000)
    np.testing.assert_array_equal(forecast.value.period_draws.sum(axis=1), forecast.draws.sum(axis=1))


def test_work_is_handed_back_in_order_and_its_errors_too() -> None:
    def work(part: int) -> int:
        if part == 7:
            raise ValueError("seven")
        return part * part

    assert list(in_turn(work, range(6), 3)) == [0, 1, 4, 9, 16, 25]
    assert list(in_turn(work, [], 3)) == []
    with pytest.raises(ValueError, match="seven"):
        list(in_turn(work, range(40), 3))
    assert next(in_turn(work, range(6), 2)) == 0  # one who stops early is not kept waiting


def test_both_bands_are_told_and_named(fitted: clv.FittedCLV) -> None:
    """Killed: one band shown under the name of the other."""
    forecast = fitted.forecast("26W", draws=300, seed=2)
    wide, alone = forecast.value.interval(), forecast.value.alone.interval()
    assert wide[0] < alone[0] < alone[1] < wide[1]
    text = str(forecast)
    assert (
        f"interval {wide[0]:,.0f} to {wide[1]:,.0f} (model only: {alone[0]:,.0f} to {alone[1]:,.0f})" in text
    )
    assert "a shock shared by all customers, of 18 % (one standard deviation) on purchases" in text
    assert forecast.provenance["discrepancy"]["sigma"] == 0.18
    periods = forecast.periods
    inner = periods["value_alone_high"] - periods["value_alone_low"]
    assert (
        inner.mean() < 0.98 * (periods["value_high"] - periods["value_low"]).mean()
    )  # weeks are mostly chance
    plain = fitted.forecast("26W", draws=300, seed=2, discrepancy=None)
    assert "model only" not in str(plain)
    assert "value_alone_low" not in plain.periods
    assert plain.provenance["discrepancy"] is None
    assert plain.provenance["uncertainty"] == "parameters and chance only"


@pytest.mark.parametrize("discrepancy", ["none", 0, 18, -0.1, True, float("nan")])
def test_a_discrepancy_that_is_none_is_refused(fitted: clv.FittedCLV, discrepancy: object) -> None:
    with pytest.raises(clv.ArgumentError, match="discrepancy"):
        fitted.forecast("26W", draws=10, discrepancy=discrepancy)


def test_shocks_have_mean_one_and_do_not_depend_on_their_number() -> None:
    """Killed: a shock that shifts; pairs that are the same number twice."""
    exposure, money = clv.Discrepancy().shocks(7, 2000)
    assert abs(exposure.mean() - 1) < 0.002
    assert abs(money.mean() - 1) < 0.001
    assert exposure.std() == pytest.approx(0.183, rel=0.03)
    assert money.std() == pytest.approx(0.08, rel=0.03)
    assert abs(np.corrcoef(exposure, money)[0, 1]) < 0.05
    np.testing.assert_array_equal(clv.Discrepancy().shocks(7, 100)[0], exposure[:100])
    assert not np.array_equal(clv.Discrepancy().shocks(8, 100)[0], exposure[:100])
    low, high = clv.Discrepancy(0.3).nodes()
    many = clv.Discrepancy(0.3).shocks(1, 20_000)[0]
    assert (low + high) / 2 == pytest.approx(1)
    assert abs(high - low) / 2 == pytest.approx(many.std(), rel=0.01)
