"""Scenarios, elasticities and the tornado, against worlds in which the scaled parameters are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.models import REGISTRY
from clvmodels.value.expectations import Valuation, expected_values
from clvmodels.value.whatif import elasticities, tornado, what_if
from clvmodels.value.whatif_levers import Changed, Scenario, changed, longer_life

# CDNOW, Fader & Hardie (2005), "A Note on Deriving the Pareto/NBD Model"
PARETO = np.array([0.5533, 10.578, 0.6062, 11.669])
LIFE, RATE = 1.25, 1.2


@pytest.fixture(scope="module")
def some(cdnow_rfm: clv.RFM) -> clv.RFM:
    return cdnow_rfm.take(slice(0, 200))


@pytest.fixture(scope="module")
def fitted(some: clv.RFM) -> clv.FittedCLV:
    return clv.CLVModel("pareto_nbd").fit(some, draws=60, seed=2)


@pytest.fixture
def formula() -> tuple[clv.RFM, object]:
    """Spends 5 a week and stays 26 weeks more: 130 in a year."""
    rfm = clv.RFM.from_arrays(
        frequency=[3],
        recency=[18],
        T=[20],
        monetary_value=[25],
        statistics={"spend_first": [25]},
        time_unit="W",
    )
    return rfm, clv.LifespanCLV(churn=0.5).fit(rfm)


def scaled() -> np.ndarray:
    """Of a newcomer, rates of buying times RATE and rates of leaving through LIFE are alpha / RATE and beta · LIFE."""
    return PARETO * np.array([1, 1 / RATE, 1, LIFE])


@pytest.mark.parametrize("discount", [0.0, 0.002])
def test_means_of_newcomers_are_those_of_the_scaled_parameters(some: clv.RFM, discount: float) -> None:
    model, new = REGISTRY["pareto_nbd"], some.newcomers(1)
    found = Changed(model, LIFE, RATE).expected_discounted_purchases(PARETO, new, 52.0, discount)
    truth = model.expected_discounted_purchases(scaled(), new, 52.0, discount)
    np.testing.assert_allclose(found, truth, rtol=1e-8)
    np.testing.assert_allclose(
        Changed(model, LIFE, RATE).p_alive_later(PARETO, new, 52.0),
        model.p_alive_later(scaled(), new, 52.0),
        rtol=1e-10,
    )


@pytest.mark.parametrize(("life", "rate"), [(LIFE, RATE), (0.8, 1.0), (1.0, 0.7), (1.0, 2.0), (0.9, 2.5)])
@pytest.mark.parametrize("name", ["pareto_nbd", "bg_nbd", "mbg_nbd"])
def test_drawn_futures_agree_with_the_means(name: str, life: float, rate: float, some: clv.RFM) -> None:
    """20,000 draws of one customer: totals and discounted totals within four standard errors; times in order."""
    model = Changed(REGISTRY[name], life, rate)
    theta = np.repeat(
        {"pareto_nbd": PARETO}.get(name, np.array([0.2426, 4.4136, 0.7929, 2.4259]))[:, None], 20_000, 1
    )
    one = clv.RFM.from_arrays(frequency=[4], recency=[30.0], T=[35.0], time_unit="W")
    alive = model.p_alive(theta, one)
    row, time = model.sample_purchase_times(theta, one, alive, 40.0, np.random.default_rng(5))
    count = np.bincount(row, minlength=20_000)
    error = count.std() / np.sqrt(20_000)
    assert abs(count.mean() - model.expected_purchases(theta[:, :1], one, 40.0)[0]) < 4 * error
    worth = np.bincount(row, np.exp(-0.01 * time), minlength=20_000)
    truth = model.expected_discounted_purchases(theta[:, :1], one, 40.0, 0.01)[0]
    assert abs(worth.mean() - truth) < 4 * worth.std() / np.sqrt(20_000)
    assert (np.diff(row) >= 0).all()
    assert ((time > 0) & (time <= 40)).all()
    assert (np.diff(time)[np.diff(row) == 0] >= 0).all()


def test_thinning_gives_the_whole_distribution(some: clv.RFM) -> None:
    """A rate of 0.7 leaves out three purchases in ten, which is exact: chances of 0, 1, 2 purchases, z-scores."""
    model, new, n = REGISTRY["pareto_nbd"], some.newcomers(1), 40_000
    theta = np.repeat(PARETO[:, None], n, axis=1)
    slow = Changed(model, 1.0, 0.7)
    row, _ = slow.sample_purchase_times(theta, new, model.p_alive(theta, new), 52.0, np.random.default_rng(9))
    counts = np.bincount(row, minlength=n)
    truth = model.purchase_pmf(PARETO * np.array([1, 1 / 0.7, 1, 1]), new, np.arange(3)[:, None], 52.0)[:, 0]
    found = np.array([(counts == k).mean() for k in range(3)])
    assert (np.abs(found - truth) / np.sqrt(truth * (1 - truth) / n) < 4).all()


def test_nothing_changed_is_the_forecast_itself(fitted: clv.FittedCLV) -> None:
    assert changed(fitted, Scenario(margin_points=0.1)) is fitted
    plain = fitted.forecast("52W", draws=50, seed=1)
    model = Changed(fitted.purchase.model, 1.0, 1.0)
    same = replace(fitted, purchase=replace(fitted.purchase, model=model)).forecast("52W", draws=50, seed=1)
    np.testing.assert_allclose(same.columns["clv_mean"], plain.columns["clv_mean"], rtol=1e-12)


def test_scenarios_of_a_formula_are_those_of_the_spreadsheet(formula: tuple) -> None:
    rfm, fitted = formula
    scenarios = [
        Scenario(retention=0.1),  # 28.6 weeks
        Scenario(retention=1.0),  # 52 weeks, all there are
        Scenario(purchase_rate=-0.2),
        Scenario(margin_points=0.1),
        Scenario(retention=0.1, purchase_rate=0.1, margin_points=-0.25, label="all"),
    ]
    table = what_if(fitted, rfm, "52W", scenarios, margin=0.5).table
    np.testing.assert_allclose(table["mean"], [65, 71.5, 130, 52, 78, 28.6 * 5.5 * 0.25], rtol=1e-12)
    np.testing.assert_allclose(
        table["change"], [0, 0.1, 1, -0.2, 0.2, 28.6 * 5.5 * 0.25 / 65 - 1], atol=1e-12
    )
    assert "low" not in table
    assert table["scenario"].tolist()[:3] == ["as it is", "retention +10 %", "retention +100 %"]


def test_means_of_scenarios_are_those_of_their_forecasts(fitted: clv.FittedCLV, some: clv.RFM) -> None:
    found = what_if(
        fitted,
        some,
        "52W",
        [Scenario(retention=0.2, purchase_rate=0.1, annual_discount_rate=0.15), Scenario(purchase_rate=0.1)],
        margin=0.4,
        annual_discount_rate=0.1,
        draws=60,
        seed=3,
    )
    table = found.table
    for row, forecast in zip(table.to_dict("records"), found.forecasts.values(), strict=True):
        assert row["mean"] == pytest.approx(forecast.columns["clv_mean"].sum(), rel=1e-12)
        assert row["low"] < row["mean"] < row["high"]
    plain = fitted.forecast("52W", draws=60, seed=3, margin=0.4, annual_discount_rate=0.1)
    np.testing.assert_array_equal(found.forecasts["as it is"].total.draws, plain.total.draws)
    assert table["change"].iloc[2] == pytest.approx(0.1, rel=1e-9)
    gain = found.expected[2] - found.expected[0]
    assert table["difference_low"].iloc[2] == pytest.approx(np.quantile(gain, 0.05))
    # what is not luck is known far better: a tenth of the expected total, and no more uncertain than it
    np.testing.assert_allclose(gain, 0.1 * found.expected[0], rtol=1e-9)
    assert found.forecasts[found.table["scenario"][1]].name.endswith("discount rate 15 %")


def test_elasticities_are_derivatives(fitted: clv.FittedCLV, some: clv.RFM) -> None:
    """Of rate and margin exactly 1; of lifetime 1 - H m(H) / M(H), with m from a difference of the closed forms."""
    purchase = replace(fitted.purchase, draws=fitted.purchase.draws[:1])
    point = replace(fitted, purchase=purchase, discrepancy=None)
    table = elasticities(point, some, "52W", margin=0.4).set_index("lever")
    assert table.loc["purchase rate", "elasticity"] == pytest.approx(1, rel=1e-9)
    assert table.loc["margin", "elasticity"] == pytest.approx(1, rel=1e-9)
    assert table.loc["margin", "per_point"] == pytest.approx(0.01 / 0.4, rel=1e-9)
    theta, model = fitted.purchase.draws[0], fitted.purchase.model
    spend = expected_values(point, some, Valuation("52W")).mean / model.expected_purchases(theta, some, 52.0)

    def worth(horizon: float) -> float:
        return float((model.expected_purchases(theta, some, horizon) * spend).sum())

    slope = (worth(52.01) - worth(51.99)) / 0.02
    assert table.loc["retention", "elasticity"] == pytest.approx(1 - 52 * slope / worth(52.0), rel=1e-4)
    assert table.loc["discount rate", "elasticity"] == 0
    assert table.loc["discount rate", "per_point"] < 0
    assert "low" not in table.drop(columns=["per_point"]) or table["low"].notna().all()


def test_elasticity_of_the_discount_rate_of_a_steady_flow(formula: tuple) -> None:
    """V = 5 ∫_0^26 e^(-δu) du, δ = 7/365.25 · log(1 + r): dV/dr by hand, relative to V at r = 0.2."""
    rfm, fitted = formula
    table = elasticities(fitted, rfm, "52W", annual_discount_rate=0.2).set_index("lever")
    week, r = 7 / 365.25, 0.2
    delta = week * np.log1p(r)
    worth = (1 - np.exp(-26 * delta)) / delta
    by_delta = (26 * np.exp(-26 * delta) - worth) / delta
    expected = r / worth * by_delta * week / (1 + r)
    assert table.loc["discount rate", "elasticity"] == pytest.approx(expected, rel=1e-5)
    # at a margin of 1 the derivative is taken from below; the retention of 26 weeks within 52 counts in full
    assert table.loc["margin", "elasticity"] == pytest.approx(1, rel=1e-9)
    plain = elasticities(fitted, rfm, "52W").set_index("lever")
    assert plain.loc["retention", "elasticity"] == pytest.approx(1, rel=1e-9)


def test_elasticities_carry_the_uncertainty_of_the_parameters(fitted: clv.FittedCLV, some: clv.RFM) -> None:
    table = elasticities(fitted, some, "52W", annual_discount_rate=0.1, draws=60).set_index("lever")
    retention = table.loc["retention"]
    assert 0 < retention["low"] < retention["elasticity"] < retention["high"] < 1
    assert table.loc["purchase rate", "high"] == pytest.approx(1, rel=1e-9)


def test_the_tornado_puts_the_strongest_lever_first(formula: tuple) -> None:
    rfm, fitted = formula
    table = tornado(
        fitted,
        rfm,
        "52W",
        {"retention": (-0.1, 0.1), "purchase rate": (-0.3, 0.2), "margin": (-0.1, 0.2)},
        margin=0.5,
    )
    assert table["lever"].tolist() == ["margin", "purchase rate", "retention"]
    np.testing.assert_allclose(table["value_low"], [52, 45.5, 58.5])
    np.testing.assert_allclose(table["value_high"], [91, 78, 71.5])
    np.testing.assert_allclose(table["swing"], [39, 32.5, 13])
    assert table["value_base"].tolist() == [65.0] * 3
    usual = tornado(fitted, rfm, "52W", margin=0.98).set_index("lever")
    assert usual.loc["margin", "change_high"] == pytest.approx(0.02)
    assert usual.loc["discount rate", "change_low"] == 0


def test_scenarios_and_tables_do_not_hang_on_the_order_of_rows(fitted: clv.FittedCLV, some: clv.RFM) -> None:
    turned = some.take(np.arange(len(some))[::-1])
    first = tornado(fitted, some, "52W", margin=0.5, draws=60)
    assert first.equals(tornado(fitted, turned, "52W", margin=0.5, draws=60))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"retention": 10}, r"ten per cent \(or ten points\) is 0\.10"),
        ({"purchase_rate": -1}, "above -1"),
        ({"margin_points": float("nan")}, "fraction"),
        ({"margin_points": 5}, r"is 0\.10"),
    ],
)
def test_levers_out_of_range_are_refused(options: dict, text: str) -> None:
    with pytest.raises(clv.ArgumentError, match=text):
        Scenario(**options)


def test_settings_out_of_range_are_refused(formula: tuple) -> None:
    rfm, fitted = formula
    with pytest.raises(clv.ArgumentError, match="give the present margin"):
        what_if(fitted, rfm, "52W", [Scenario(margin_points=0.1)])
    with pytest.raises(clv.ArgumentError, match=r"ten per cent is 0\.10"):
        what_if(fitted, rfm, "52W", [Scenario(annual_discount_rate=10)])
    with pytest.raises(clv.ArgumentError, match="different names"):
        what_if(fitted, rfm, "52W", [Scenario(retention=0.1), Scenario(retention=0.1)])
    with pytest.raises(clv.ArgumentError, match=r"a lever of swings=.price. is not one of"):
        tornado(fitted, rfm, "52W", {"price": (0, 1)})
    with pytest.raises(clv.ArgumentError, match="from low to high"):
        tornado(fitted, rfm, "52W", {"retention": (0.1, -0.1)})
    with pytest.raises(clv.ArgumentError, match="total is 0"):
        elasticities(clv.ZeroForecast().fit(rfm), rfm, "52W")
    with pytest.raises(clv.ArgumentError, match=r"eighty per cent is 0\.80"):
        longer_life(80, 84)
    assert longer_life(0.5, 0.5) == 0
