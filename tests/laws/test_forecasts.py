"""Laws of forecasting, for every pair of registered models."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from logs import in_money
from scipy import stats

import clvmodels as clv
from clvmodels.models import PURCHASE_MODELS, SPEND_MODELS
from clvmodels.prediction import DrawBlock, Forecast

PAIRS = list(itertools.product(PURCHASE_MODELS, SPEND_MODELS))
UNITS = {"D": 7, "h": 168, "min": 10080}  # per week


@pytest.fixture(scope="module")
def customers(cdnow_rfm: clv.RFM) -> clv.RFM:
    return cdnow_rfm.take(slice(None, None, 8))


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def fitted(request: pytest.FixtureRequest, customers: clv.RFM) -> clv.FittedCLV:
    purchase, spend = request.param
    return clv.CLVModel(purchase, spend).fit(customers, draws=300, seed=1)


def same(here: Forecast, there: Forecast) -> None:
    """Equal to the last bit, customers matched by id."""
    order = {identity: i for i, identity in enumerate(map(str, there.columns["customer_id"].tolist()))}
    index = [order[str(identity)] for identity in here.columns["customer_id"].tolist()]
    for name in [name for name in here.columns if name != "customer_id"]:
        np.testing.assert_array_equal(here.columns[name], there.columns[name][index], err_msg=name)


def test_blocks_and_order_and_kind_of_id_leave_no_trace(fitted: clv.FittedCLV, customers: clv.RFM) -> None:
    """Nor do threads.

    Killed: one stream for all customers; tries of a sampler numbered for all rows together; totals added up in
    floating point, block by block; blocks in the order in which they are ready.
    """
    options = {"draws": 300, "seed": 4, "annual_discount_rate": 0.1, "margin": 0.3}
    whole = fitted.forecast("26W", workers=1, **options)
    threads = fitted.forecast("26W", workers=3, block_size=16, **options)
    cut = fitted.forecast("26W", block_size=7, **options)
    single = fitted.forecast("26W", block_size=1, **options)
    backwards = fitted.forecast("26W", rfm=customers.take(slice(None, None, -1)), **options)
    text = fitted.forecast(
        "26W", rfm=replace(customers, customer_id=customers.customer_id.astype(str)), **options
    )
    for other in (threads, cut, single, backwards, text):
        same(whole, other)
        np.testing.assert_array_equal(whole.value.period_draws, other.value.period_draws)
        np.testing.assert_array_equal(whole.purchases.draws, other.purchases.draws)


def test_a_customer_alone_has_the_draws_they_have_among_others(
    fitted: clv.FittedCLV, customers: clv.RFM
) -> None:
    """Killed: a stream keyed by position."""
    some = customers.take(np.flatnonzero(customers.frequency > 2)[:5])
    everyone = fitted.forecast("26W", draws=200, seed=2, keep_draws=True)
    alone = fitted.forecast("26W", draws=200, seed=2, keep_draws=True, rfm=some)
    position = {identity: i for i, identity in enumerate(customers.customer_id)}
    np.testing.assert_array_equal(alone.draws, everyone.draws[:, [position[i] for i in some.customer_id]])


def test_the_first_draws_do_not_depend_on_how_many_follow(fitted: clv.FittedCLV, customers: clv.RFM) -> None:
    """Killed: the number of draws in the key."""
    few, more = (fitted.forecast("26W", draws=draws, seed=2, keep_draws=True) for draws in (150, 300))
    np.testing.assert_array_equal(few.draws, more.draws[:150])


def test_counts_of_every_customer_have_their_probabilities(fitted: clv.FittedCLV, customers: clv.RFM) -> None:
    """Counts, spread within their step by a lot, are uniform: a newcomer, the silent, the loyal, the very busy.

    Killed: the last purchase of those who leave cut off; a rate that is not the customer's own. 20,000 draws of 5
    histories for two horizons: 10 tests at 1e-5.
    """
    rfm = replace(
        customers.take(slice(0, 5)),
        frequency=np.array([0, 0, 2, 20, 300.0]),
        recency=np.array([0, 0, 3, 38.9, 38.9]),
        T=np.array([0, 39, 39, 39, 39.0]),
    )
    model, theta = fitted.purchase.model, fitted.purchase.mode
    point = replace(fitted, purchase=replace(fitted.purchase, draws=theta[None]), spend=None)
    lot = np.random.default_rng(12).random((20_000, 5))
    for horizon in (1, 40):
        options = {"rfm": rfm, "draws": 20_000, "seed": 12, "keep_draws": True, "discrepancy": None}
        drawn = point.forecast(f"{horizon}W", **options).draws
        pmf = model.purchase_pmf(theta, rfm, np.arange(3000)[:, None], float(horizon))
        below = np.vstack([np.zeros(5), np.cumsum(pmf, axis=0)])
        for j, counts in enumerate(np.minimum(drawn, 2999).astype(int).T):
            assert stats.kstest(below[counts, j] + lot[:, j] * pmf[counts, j], "uniform").pvalue > 1e-5


def test_another_seed_is_another_future(fitted: clv.FittedCLV) -> None:
    """Killed: the seed left out of the key."""
    here, there = (fitted.forecast("26W", draws=50, seed=seed) for seed in (1, 2))
    assert not np.array_equal(here.value.draws, there.value.draws)


def test_totals_are_the_sums_of_customers_draw_by_draw(fitted: clv.FittedCLV) -> None:
    """Killed: a period edge that lost the purchases of the last period."""
    seen: list[DrawBlock] = []
    forecast = fitted.forecast("12M", draws=100, seed=3, annual_discount_rate=0.1, observe=seen.append)
    value = np.concatenate([block.value for block in seen], axis=1)
    purchases = np.concatenate([block.purchases for block in seen], axis=1)
    np.testing.assert_array_equal(forecast.value.draws, value.sum(axis=1))
    np.testing.assert_array_equal(forecast.purchases.draws, purchases.sum(axis=1))
    np.testing.assert_array_equal(forecast.value.period_draws.sum(axis=1), forecast.value.draws)
    error = forecast.value.sd / math.sqrt(100)
    assert abs(forecast.columns["clv_mean"].sum() - forecast.value.mean) < 3 * error


@pytest.mark.parametrize("discrepancy", [None, "default"])
def test_simulated_means_equal_the_closed_forms(
    fitted: clv.FittedCLV, customers: clv.RFM, discrepancy: str | None
) -> None:
    """Killed: purchases counted to the end of life beyond the horizon; a discount forgotten in one of the two; with a
    discrepancy, means of the horizon itself, a discount by exposure instead of calendar time.
    """
    point = clv.CLVModel(fitted.purchase.model, fitted.spend.model, method="mle").fit(customers)
    draws = 4000
    options = {"annual_discount_rate": 0.4, "margin": 0.5, "discrepancy": discrepancy}
    forecast = point.forecast("52W", draws=draws, seed=5, keep_draws=True, **options)
    expected = forecast.columns["expected_purchases"].sum()
    assert abs(forecast.purchases.mean - expected) < 3 * forecast.purchases.sd / math.sqrt(draws)
    exact = forecast.columns["clv_mean"]
    assert abs(forecast.value.mean - exact.sum()) < 3 * forecast.value.sd / math.sqrt(draws)
    busy = forecast.columns["expected_purchases"] > 0.5  # enough draws with a purchase for a z-score
    z = (forecast.draws.mean(axis=0) - exact)[busy] / (forecast.columns["clv_sd"][busy] / math.sqrt(draws))
    assert np.abs(z).max() < 5
    assert np.abs(z.mean()) < 3 / math.sqrt(busy.sum())


@pytest.mark.parametrize("method", ["mle", "map", "laplace"])
@pytest.mark.parametrize(("unit", "money"), [("D", 100.0), ("h", 1e-2), ("min", 1e4)])
def test_forecasts_do_not_know_the_units(
    fitted: clv.FittedCLV, customers: clv.RFM, method: str, unit: str, money: float
) -> None:
    """Killed: a discount rate per unit applied to days; a quantum of money fixed in the currency."""
    times = {"recency": customers.recency * UNITS[unit], "T": customers.T * UNITS[unit]}
    there_rfm = replace(in_money(customers, money), time_unit=unit, **times)
    model = clv.CLVModel(fitted.purchase.model, fitted.spend.model, method=method)
    here, there = (
        model.fit(rfm, draws=200, seed=1).forecast("52W", annual_discount_rate=0.15, draws=200, seed=6)
        for rfm in (customers, there_rfm)
    )
    limit = 1e-6 if method == "mle" else 1e-4
    for name in ("p_alive", "expected_purchases", "p_purchase"):
        np.testing.assert_allclose(there.columns[name], here.columns[name], rtol=limit, atol=1e-12)
    for name in ("expected_spend", "clv_mean", "clv_sd", "clv_q95"):
        # amounts are multiples of 2**-24 of the mean spend
        np.testing.assert_allclose(there.columns[name] / money, here.columns[name], rtol=limit, atol=1e-5)
    np.testing.assert_allclose(there.value.draws / money, here.value.draws, rtol=limit)


def test_discounting_happens_at_the_time_of_the_purchase(fitted: clv.FittedCLV) -> None:
    """A draw's value falls with the rate by an amount between discounting at the start and at the end of the period.

    Killed: discounting at the end of the horizon.
    """
    plain, discounted = (
        fitted.forecast("12M", draws=100, seed=7, annual_discount_rate=rate) for rate in (0.0, 0.25)
    )
    years = plain.horizon.edges * 7 / 365.25
    ratio = discounted.value.period_draws.sum(axis=0) / plain.value.period_draws.sum(axis=0)
    assert np.all(ratio < 1.25 ** -years[:-1])
    assert np.all(ratio > 1.25 ** -years[1:])


def test_margin_multiplies(fitted: clv.FittedCLV) -> None:
    """Killed: margin applied to the mean only."""
    whole, part = (fitted.forecast("26W", draws=100, seed=8, margin=margin) for margin in (1.0, 0.25))
    np.testing.assert_allclose(part.value.draws, 0.25 * whole.value.draws, rtol=1e-6)


def test_a_longer_horizon_is_worth_no_less(fitted: clv.FittedCLV) -> None:
    """Killed: expected purchases of a horizon in periods instead of units."""
    means = [fitted.forecast(f"{weeks}W", draws=300, seed=9) for weeks in (4, 13, 52, 208)]
    expected = np.array([forecast.columns["expected_purchases"] for forecast in means])
    assert np.all(np.diff(expected, axis=0) >= 0)
    assert np.all(np.diff([forecast.value.mean for forecast in means]) > 0)


def test_totals_carry_parameter_and_process_noise(fitted: clv.FittedCLV, customers: clv.RFM) -> None:
    """Killed: parameters drawn anew for every customer, which averages their uncertainty away."""
    both = fitted.forecast("39W", draws=300, seed=10, discrepancy=None).purchases.sd
    point = replace(
        fitted, purchase=replace(fitted.purchase, draws=fitted.purchase.draws.mean(axis=0, keepdims=True))
    )
    chance = point.forecast("39W", draws=300, seed=10, discrepancy=None).purchases.sd
    expected = [
        fitted.purchase.model.expected_purchases(theta, customers, 39.0).sum()
        for theta in fitted.purchase.draws
    ]
    assert both > chance
    assert both == pytest.approx(
        math.hypot(chance, float(np.std(expected))), rel=0.15
    )  # sd of 300 draws: 4 %


def test_new_customers_are_forecast_like_anyone(fitted: clv.FittedCLV, customers: clv.RFM) -> None:
    """Or refused, where the spend model takes as given what is not known of them.

    Killed: a newcomer's spend taken as 0 because nothing was observed.
    """
    if fitted.spend.model.given:
        with pytest.raises(clv.ArgumentError, match="only just been born"):
            fitted.forecast("52W", rfm=customers.newcomers(200))
        return
    forecast = fitted.forecast("52W", rfm=customers.newcomers(200), draws=300, seed=11, discrepancy=None)
    assert np.ptp(forecast.columns["expected_purchases"]) == 0
    curve = [
        fitted.purchase.model.expected_purchases(theta, customers.newcomers(1), 52.0)[0]
        for theta in fitted.purchase.draws
    ]
    assert forecast.columns["expected_purchases"][0] == pytest.approx(np.mean(curve), rel=1e-12)
    assert forecast.value.mean > 0
    assert np.ptp(forecast.columns["p_alive"]) == 0


def test_a_discrepancy_widens_totals_by_itself_and_leaves_the_model_alone(fitted: clv.FittedCLV) -> None:
    """Relative variances add up, the model's own and that of the shock, as far as purchases follow exposure.

    Killed: a shock of its own for each customer, which averages out; the band of the model alone drawn with the shock;
    no shock on money.
    """
    options = {"draws": 1000, "seed": 3}
    plain = fitted.forecast("13W", discrepancy=None, **options)
    shocked = fitted.forecast("13W", discrepancy=clv.Discrepancy(0.3, 0.2), **options)
    assert plain.purchases.alone is None
    for wide, narrow, sigma in (
        (shocked.purchases, plain.purchases, 0.3),
        (shocked.value, plain.value, math.hypot(0.3, 0.2)),
    ):
        error = math.hypot(narrow.sd, narrow.sd) / math.sqrt(1000)
        assert abs(wide.alone.mean - narrow.mean) < 4 * error
        assert wide.alone.sd == pytest.approx(narrow.sd, rel=0.15)  # sd of 1,000 draws, heavy tails: 4 %
        added = math.sqrt((wide.sd / wide.mean) ** 2 - (narrow.sd / narrow.mean) ** 2)
        assert added == pytest.approx(
            sigma, rel=0.2
        )  # purchases follow exposure by a bit less than one to one


def test_shocks_belong_to_the_draw_and_to_nobody_else(fitted: clv.FittedCLV, customers: clv.RFM) -> None:
    """Two halves of the customers have the same shocks: their totals go together, draw by draw.

    Killed: shocks keyed by customer or block, which leave halves as independent as chance is.
    """
    model = replace(fitted, purchase=replace(fitted.purchase, draws=fitted.purchase.draws[:1]), spend=None)
    halves = [customers.take(slice(start, None, 2)) for start in (0, 1)]
    drawn = [
        model.forecast("52W", rfm=half, draws=400, seed=8, discrepancy=clv.Discrepancy(0.4)).purchases
        for half in halves
    ]
    together = np.corrcoef(drawn[0].draws, drawn[1].draws)[0, 1]
    apart = np.corrcoef(drawn[0].alone.draws, drawn[1].alone.draws)[0, 1]
    assert together > 0.5
    assert abs(apart) < 4 / math.sqrt(400)


def test_purchases_of_a_stretched_draw_spread_over_the_whole_calendar(fitted: clv.FittedCLV) -> None:
    """Whatever the exposure, the last month has about its share: exposure is walked through in calendar time.

    Killed: purchases beyond the horizon cut off, or left at the time of their exposure.
    """
    plain = fitted.forecast("12M", draws=1000, seed=4, discrepancy=None).purchases.period_draws
    wide = fitted.forecast("12M", draws=1000, seed=4, discrepancy=0.4).purchases.period_draws
    long = np.argsort(wide.sum(axis=1))[-300:]
    here, there = plain.sum(axis=0) / plain.sum(), wide[long].sum(axis=0) / wide[long].sum()
    np.testing.assert_allclose(there, here, rtol=0.35)


def test_a_pace_is_a_horizon_of_ones_own(fitted: clv.FittedCLV, customers: clv.RFM) -> None:
    """Whoever walks twice as fast through 13 weeks buys what they would buy in 26, spread over 13.

    Killed: the pace of a neighbour; times left on the model's clock; means of the plain horizon.
    """
    options = {"draws": 200, "seed": 5, "discrepancy": None, "keep_draws": True}
    pace = np.where(np.arange(len(customers)) % 3 == 0, 2.0, 1.0)
    purchases = replace(fitted, spend=None)
    mixed = purchases.forecast("13W", pace=pace, **options)
    plain, long = (purchases.forecast(horizon, **options) for horizon in ("13W", "26W"))
    fast = pace == 2
    np.testing.assert_array_equal(mixed.draws[:, ~fast], plain.draws[:, ~fast])
    np.testing.assert_array_equal(mixed.draws[:, fast], long.draws[:, fast])
    expected = np.where(fast, long.columns["expected_purchases"], plain.columns["expected_purchases"])
    np.testing.assert_allclose(mixed.columns["expected_purchases"], expected, rtol=1e-12)
    with pytest.raises(clv.ArgumentError, match="pace must be"):
        fitted.forecast("13W", pace=pace[:-1])
    worth = fitted.forecast("13W", pace=pace, annual_discount_rate=0.2, seed=5, draws=200)
    assert abs(worth.columns["clv_mean"].sum() / worth.value.mean - 1) < 1e-9  # means of the draws
