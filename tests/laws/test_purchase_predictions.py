"""Laws of what every purchase model in the registry says about the future; a model passes them or it is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from laws.purchase_examples import (
    MODELS,
    ROUNDING,
    Z,
    hostile,
    in_unit,
    motley_crowd,
    typical,
    watched,
    z_score,
)

from clvmodels.contracts import PurchaseModel
from clvmodels.rfm import RFM

type Question = Callable[[PurchaseModel, np.ndarray, RFM, float], np.ndarray]

QUESTIONS: dict[str, Question] = {  # the last argument is one week in the unit of time
    "discounted": lambda model, theta, rfm, week: model.expected_discounted_purchases(
        theta, rfm, 52.0 * week, 0.07 / week
    ),
    "for ever": lambda model, theta, rfm, week: model.expected_discounted_purchases(
        theta, rfm, np.inf, 0.07 / week
    ),
    "alive later": lambda model, theta, rfm, week: model.p_alive_later(theta, rfm, 52.0 * week),
    "no purchase": lambda model, theta, rfm, week: model.purchase_pmf(theta, rfm, 0, 52.0 * week),
    "three purchases": lambda model, theta, rfm, week: model.purchase_pmf(theta, rfm, 3, 52.0 * week),
    "many purchases": lambda model, theta, rfm, week: model.purchase_pmf(theta, rfm, 700, 52.0 * week),
}
ASKED = pytest.mark.parametrize("ask", QUESTIONS.values(), ids=list(QUESTIONS))


@pytest.fixture(scope="module")
def crowd() -> RFM:
    return motley_crowd()


@pytest.fixture(scope="module")
def six() -> RFM:
    """A new customer, a silent one, and four who bought."""
    return RFM.from_arrays(
        frequency=[0, 0, 1, 3, 12, 40],
        recency=[0, 0, 6, 38, 20, 38.5],
        T=[0, 39, 39, 39, 26, 39],
        time_unit="W",
    )


def aged(rfm: RFM, time: float | np.ndarray) -> RFM:
    """The same customers, having bought nothing for so long."""
    return RFM.from_arrays(
        frequency=rfm.frequency, recency=rfm.recency, T=rfm.T + time, time_unit=rfm.time_unit
    )


@ASKED
@MODELS
def test_time_unit_leaves_no_trace_in_predictions(model: PurchaseModel, ask: Question, crowd: RFM) -> None:
    """Kills a discount rate that is not per unit of time."""
    factor, theta = 7.0, typical(model)
    other = theta * factor ** np.array([param.time_power for param in model.params])
    before, after = ask(model, theta, crowd, 1.0), ask(model, other, in_unit(crowd, factor), factor)
    np.testing.assert_allclose(after, before, rtol=ROUNDING, atol=1e-300)


@ASKED
@MODELS
def test_prediction_of_a_customer_is_blind_to_the_others(
    model: PurchaseModel, ask: Question, crowd: RFM
) -> None:
    """Kills node counts chosen for a block of customers."""
    for theta in (typical(model), *hostile(model).T[::9]):
        together = ask(model, theta, crowd, 1.0)
        for i in range(0, len(crowd), 5):
            assert ask(model, theta, crowd.take([i]), 1.0)[0] == together[i]


@ASKED
@MODELS
def test_predictions_broadcast_parameters_behind_their_first_axis(
    model: PurchaseModel, ask: Question, crowd: RFM
) -> None:
    """Kills draws laid along the axis of the customers."""
    draws = hostile(model)[:, ::7]
    grid = ask(model, draws[:, :, None], crowd, 1.0)
    assert grid.shape == (draws.shape[1], len(crowd))
    assert np.array_equal(grid, [ask(model, theta, crowd, 1.0) for theta in draws.T])
    assert np.array_equal(ask(model, draws, crowd.take([50]), 1.0), grid[:, 50])
    assert np.array_equal(ask(model, np.repeat(draws[:, 3:4], len(crowd), axis=1), crowd, 1.0), grid[3])


@MODELS
def test_predictions_take_one_horizon_for_each_customer(model: PurchaseModel, six: RFM) -> None:
    """Kills a horizon laid along the draws, and counts laid along the customers."""
    theta, horizons = hostile(model)[:, ::9, None], np.array([0.0, 0.5, 4.0, 26.0, 52.0, 500.0])
    counts = np.array([0, 1, 5])[:, None, None]
    for answers in (
        lambda rfm, horizon: model.expected_discounted_purchases(theta, rfm, horizon, 0.01),
        lambda rfm, horizon: model.p_alive_later(theta, rfm, horizon),
        lambda rfm, horizon: model.purchase_pmf(theta, rfm, counts, horizon),
    ):
        together = answers(six, horizons)
        for i, horizon in enumerate(horizons):
            assert np.array_equal(answers(six.take([i]), horizon)[..., 0], together[..., i])
    each = np.arange(6)
    assert np.array_equal(
        model.purchase_pmf(typical(model), six, each, 9.0),
        np.diag(model.purchase_pmf(typical(model), six, each[:, None], 9.0)),
    )


@MODELS
def test_predictions_are_finite_under_hostile_parameters(model: PurchaseModel, crowd: RFM) -> None:
    """Kills an unguarded logarithm of an empty horizon; warnings are errors here."""
    theta = hostile(model)[:, ::4, None]
    for horizon in (0.0, 1e-3, 52.0, 1e5):
        probabilities = [model.p_alive_later(theta, crowd, horizon)]
        probabilities += [model.purchase_pmf(theta, crowd, count, horizon) for count in (0, 1, 40, 5000)]
        for probability in probabilities:
            assert np.all((probability >= 0.0) & (probability <= 1.0 + ROUNDING))
        for rate in (0.0, 1e-9, 1e-2, 1e6):
            discounted = model.expected_discounted_purchases(theta, crowd, horizon, rate)
            assert np.isfinite(discounted).all()
            assert np.all(discounted >= 0.0)


@MODELS
def test_undiscounted_purchases_are_the_expected_ones(model: PurchaseModel, crowd: RFM) -> None:
    """Kills a discount that does not vanish with its rate."""
    for theta in (typical(model), *hostile(model).T[::9]):
        for horizon in (0.0, 1e-3, 52.0, np.linspace(0.0, 1e5, len(crowd))):
            plain = model.expected_purchases(theta, crowd, horizon)
            for rate in (0.0, 1e-18):
                discounted = model.expected_discounted_purchases(theta, crowd, horizon, rate)
                np.testing.assert_allclose(discounted, plain, rtol=ROUNDING, atol=1e-300)


@MODELS
def test_discounted_purchases_add_up_over_time(model: PurchaseModel, crowd: RFM) -> None:
    """By parts, the discounted purchases are those undiscounted, weighted with the loss of value since.

    Kills a discount that starts at birth, one that is compounded once a period, and an infinite horizon that is
    merely a long one. Gauss's rule with 100 nodes.
    """
    nodes, weights = np.polynomial.legendre.leggauss(100)
    theta = typical(model)
    for horizon, rate in ((26.0, 0.1), (500.0, 2e-3), (np.inf, 2e-3)):
        end = min(horizon, 40.0 / rate)
        times = np.expm1(np.log1p(end) * (nodes + 1.0) / 2.0)
        loss = rate * np.exp(-rate * times) * (1.0 + times) * weights * np.log1p(end) / 2.0
        parts = [f * model.expected_purchases(theta, crowd, t) for t, f in zip(times, loss, strict=True)]
        last = np.exp(-rate * end) * model.expected_purchases(theta, crowd, end)
        discounted = model.expected_discounted_purchases(theta, crowd, horizon, rate)
        np.testing.assert_allclose(discounted, sum(parts) + last, rtol=1e-8, atol=1e-300)


@MODELS
def test_far_horizon_is_the_whole_future(model: PurchaseModel, crowd: RFM) -> None:
    """Kills an infinite horizon handed on to the quadrature. Hostile parameters give finite numbers, too."""
    for rate in (1e-3, 0.3, 1e6):
        far, whole = (
            model.expected_discounted_purchases(hostile(model)[:, ::5, None], crowd, horizon, rate)
            for horizon in (60.0 / rate, np.inf)
        )
        assert np.isfinite(whole).all()
        np.testing.assert_allclose(whole, far, rtol=ROUNDING, atol=1e-300)


@MODELS
def test_discounted_samples_average_to_their_expectation(
    model: PurchaseModel, rng: np.random.Generator
) -> None:
    """Kills an intensity of purchases that does not fall as customers leave.

    20,000 draws of each of 6 histories, one z-score each, for two rates.
    """
    rfm = RFM.from_arrays(
        frequency=[0, 0, 1, 3, 12, 40],
        recency=[0, 0, 6, 38, 20, 38.5],
        T=[0, 39, 39, 39, 26, 39],
        time_unit="W",
    )
    theta = np.repeat(typical(model)[:, None, None], 20_000, axis=1)
    alive = model.p_alive(theta, rfm)
    row, time = model.sample_purchase_times(theta, rfm, alive, 60.0, rng)
    for rate in (0.002, 0.2):
        worth = np.bincount(row, weights=np.exp(-rate * time), minlength=alive.size).reshape(alive.shape)
        expected = model.expected_discounted_purchases(typical(model), rfm, 60.0, rate)
        error = worth.std(axis=0) / np.sqrt(len(worth))
        assert np.all(np.abs(worth.mean(axis=0) - expected) < Z * error)


@MODELS
def test_alive_later_begins_with_alive_and_falls(model: PurchaseModel, crowd: RFM) -> None:
    """Kills P(alive at T + horizon) that forgets P(alive at T)."""
    for theta in (typical(model), *hostile(model).T[::6]):
        later = [model.p_alive_later(theta, crowd, t) for t in (0.0, 1e-3, 0.1, 1.0, 9.0, 52.0, 500.0, 1e5)]
        np.testing.assert_allclose(later[0], model.p_alive(theta, crowd), rtol=ROUNDING)
        assert np.all(np.diff(later, axis=0) <= ROUNDING * np.array(later[:-1]))


@MODELS
def test_alive_later_is_what_will_be_thought_then(model: PurchaseModel, rng: np.random.Generator) -> None:
    """P(alive) is a martingale: the mean of what is thought at T + horizon is what is thought now.

    Kills a chance to leave that waits until the second future purchase. 120,000 whole lives under two parameter
    vectors, in 3 groups by frequency and 2 by the length of the silence: 6 z-scores.
    """
    count, horizon = 120_000, 20.0
    theta = np.where(np.arange(count) % 2, typical(model)[:, None], 0.6 * typical(model, 12.0)[:, None])
    T = rng.choice([4.0, 15.0, 39.0], count)
    row, age = model.simulate(theta, T + horizon, rng)
    now, then = watched(row, age, T), watched(row, age, T + horizon)
    surprise = model.p_alive(theta, then) - model.p_alive_later(theta, now, horizon)
    silent = now.T - now.recency > 8.0
    scores = [
        z_score(surprise[chosen & (now.frequency >= low) & (now.frequency <= high)])
        for low, high in ((0, 0), (1, 2), (3, 10_000))
        for chosen in (silent, ~silent)
    ]
    assert np.max(np.abs(scores)) < Z


@MODELS
def test_no_purchase_is_a_longer_history(model: PurchaseModel, crowd: RFM) -> None:
    """The density of a history that went on in silence is that of the history times P(no purchase since).

    Kills P(0) without those who have left, and P(0) of a customer of age 0. Within the rounding of two likelihoods.
    """
    for theta in (typical(model), typical(model, 3.0), *hostile(model).T[::5]):
        before = model.loglik(theta, crowd)
        for horizon in (0.0, 1e-3, 1.0, 52.0, 1e4):
            silence = np.exp(model.loglik(theta, aged(crowd, horizon)) - before)
            lost = 1e-13 * np.abs(before)  # digits that the likelihoods share
            none = model.purchase_pmf(theta, crowd, 0, horizon)
            assert np.all(np.abs(none - silence) <= (ROUNDING + lost) * silence + 1e-300)


@MODELS
def test_no_purchase_becomes_less_likely_with_the_horizon(model: PurchaseModel, crowd: RFM) -> None:
    """Kills an unconditional P(0) mistaken for the conditional one: an empty horizon is silent for sure."""
    horizons = (0.0, 1e-3, 0.1, 1.0, 9.0, 52.0, 500.0, 1e5)
    for theta in hostile(model).T[::5]:
        none = [model.purchase_pmf(theta, crowd, 0, horizon) for horizon in horizons]
        np.testing.assert_allclose(none[0], 1.0, rtol=ROUNDING)
        assert np.all(np.diff(none, axis=0) <= ROUNDING * np.array(none[:-1]))
        assert not model.purchase_pmf(theta, crowd, 3, 0.0).any()


@MODELS
def test_probabilities_of_counts_sum_to_one_and_to_the_expectation(model: PurchaseModel, six: RFM) -> None:
    """Kills a count that misses the customers who leave with their last purchase. Counts to 4,000."""
    counts = np.arange(4001)[:, None]
    for theta in (typical(model), typical(model, 300.0)):
        for horizon in (0.5, 26.0, 60.0):
            pmf = model.purchase_pmf(theta, six, counts, horizon)
            settled = pmf[-1] < 1e-14
            assert settled[1:].all()  # a new customer's counts have a heavy tail
            np.testing.assert_allclose(pmf.sum(axis=0)[settled], 1.0, rtol=ROUNDING)
            mean = (counts * pmf).sum(axis=0)
            expected = model.expected_purchases(theta, six, horizon)
            np.testing.assert_allclose(mean[settled], expected[settled], rtol=1e-8)


@MODELS
def test_sampled_counts_have_their_probabilities(
    model: PurchaseModel, six: RFM, rng: np.random.Generator
) -> None:
    """Kills a tail P(N >= k) that begins one purchase late.

    50,000 draws of each of 6 histories, for two horizons; chi-square over the counts expected 20 times or more.
    """
    draws = 50_000
    theta = np.repeat(typical(model)[:, None, None], draws, axis=1)
    alive = model.p_alive(theta, six)
    for horizon in (4.0, 40.0):
        row, _ = model.sample_purchase_times(theta, six, alive, horizon, rng)
        sampled = np.bincount(row, minlength=alive.size).reshape(alive.shape)
        pmf = model.purchase_pmf(typical(model), six, np.arange(3000)[:, None], horizon)
        for count, probability in zip(sampled.T, pmf.T, strict=True):
            common = draws * probability >= 20.0
            cells = np.append(draws * probability[common], draws * (1.0 - probability[common].sum()))
            seen = np.bincount(count, minlength=3000)[:3000][common]
            seen = np.append(seen, draws - seen.sum())
            if cells[-1] < 20.0:
                cells, seen = cells[:-1], seen[:-1]
            freedom = len(cells) - 1
            excess = ((seen - cells) ** 2 / cells).sum() - freedom
            assert excess < Z * np.sqrt(2.0 * freedom) + Z**2  # bounds a chi-square's upper tail


@MODELS
def test_newcomers_buy_as_often_as_lives_are_told(model: PurchaseModel, rng: np.random.Generator) -> None:
    """With a customer of age 0 it is the distribution of repeat purchases by an age.

    Kills a first purchase without its chance to leave, where the model has one. 200,000 whole lives, 7 z-scores.
    """
    count, age = 200_000, 30.0
    newcomer = RFM.from_arrays(frequency=[0], recency=[0], T=[0], time_unit="W")
    row, _ = model.simulate(typical(model), np.full(count, age), rng)
    bought = np.bincount(row, minlength=count)
    for k in (0, 1, 2, 3, 5, 9, 20):
        probability = model.purchase_pmf(typical(model), newcomer, k, age)[0]
        error = np.sqrt(probability * (1.0 - probability) / count)
        assert abs((bought == k).mean() - probability) < Z * error
