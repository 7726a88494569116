"""Laws of every purchase model in the registry; a model passes them or it is none."""

from __future__ import annotations

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


@pytest.fixture(scope="module")
def crowd() -> RFM:
    return motley_crowd()


@MODELS
def test_derivatives_are_those_of_the_likelihood(model: PurchaseModel, crowd: RFM) -> None:
    """Kills a derivative that forgets one of the two fates of a customer."""
    for theta in (typical(model), typical(model, 3.0), typical(model)[::-1].copy()):
        value, slope = model.loglik_grad(theta, crowd)
        assert np.array_equal(value, model.loglik(theta, crowd))
        for k, step in enumerate(1e-4 * theta):
            up, down, far_up, far_down = (
                model.loglik(theta + shift * step * np.eye(len(theta))[k], crowd) for shift in (1, -1, 2, -2)
            )
            numeric = (8.0 * (up - down) - (far_up - far_down)) / (12.0 * step)
            scale = 1.0 + np.abs(numeric * theta[k])
            assert np.all(np.abs(slope[k] - numeric) * theta[k] < 1e-7 * scale)  # rounding over the step


@MODELS
def test_score_of_simulated_lives_has_mean_zero(model: PurchaseModel, rng: np.random.Generator) -> None:
    """Kills a likelihood that is not the one of the story, such as one that counts the silence from birth.

    40,000 lives, one z-score for each parameter.
    """
    theta, T = typical(model), rng.uniform(5.0, 60.0, 40_000)
    _, slope = model.loglik_grad(theta, watched(*model.simulate(theta, T, rng), T))
    assert max(abs(z_score(part)) for part in slope) < Z


@MODELS
def test_time_unit_leaves_no_trace(model: PurchaseModel, crowd: RFM) -> None:
    """Kills a parameter declared a shape that is a time."""
    factor, theta = 7.0, typical(model)
    other = theta * factor ** np.array([param.time_power for param in model.params])
    shifted = model.loglik(other, in_unit(crowd, factor)) + crowd.frequency * np.log(factor)
    np.testing.assert_allclose(shifted, model.loglik(theta, crowd), rtol=ROUNDING, atol=ROUNDING)
    for before, after in (
        (model.p_alive(theta, crowd), model.p_alive(other, in_unit(crowd, factor))),
        (
            model.expected_purchases(theta, crowd, 52.0),
            model.expected_purchases(other, in_unit(crowd, factor), 52.0 * factor),
        ),
    ):
        np.testing.assert_allclose(after, before, rtol=ROUNDING, atol=1e-300)


@MODELS
def test_customer_is_blind_to_the_others(model: PurchaseModel, crowd: RFM) -> None:
    """Kills a sum over nodes whose order depends on how many customers are evaluated (BLAS, pairwise sums)."""
    for theta in (typical(model), *hostile(model).T[::7]):
        value, slope = model.loglik_grad(theta, crowd)
        alive = model.p_alive(theta, crowd)
        expected = model.expected_purchases(theta, crowd, 52.0)
        for i in range(0, len(crowd), 3):
            alone = crowd.take([i])
            assert model.loglik(theta, alone)[0] == value[i]
            assert np.array_equal(model.loglik_grad(theta, alone)[1][:, 0], slope[:, i])
            assert model.p_alive(theta, alone)[0] == alive[i]
            assert model.expected_purchases(theta, alone, 52.0)[0] == expected[i]


@MODELS
def test_order_of_customers_leaves_no_trace(
    model: PurchaseModel, crowd: RFM, rng: np.random.Generator
) -> None:
    """Kills results returned in the order of the regimes of the quadrature."""
    order, theta = rng.permutation(len(crowd)), typical(model)
    shuffled = crowd.take(order)
    assert np.array_equal(model.loglik(theta, shuffled), model.loglik(theta, crowd)[order])
    assert np.array_equal(model.p_alive(theta, shuffled), model.p_alive(theta, crowd)[order])
    assert np.array_equal(
        model.expected_purchases(theta, shuffled, 9.0), model.expected_purchases(theta, crowd, 9.0)[order]
    )


@MODELS
def test_parameters_broadcast_behind_their_first_axis(model: PurchaseModel, crowd: RFM) -> None:
    """Kills draws laid along the axis of the customers."""
    draws = hostile(model)[:, ::4]
    count, one = draws.shape[1], crowd.take([50])
    each = [model.loglik_grad(theta, crowd) for theta in draws.T]
    value, slope = model.loglik_grad(draws[:, :, None], crowd)
    assert np.array_equal(value, [v for v, _ in each])
    assert np.array_equal(slope, np.moveaxis([s for _, s in each], 0, 1))
    for method in (model.loglik, model.p_alive, lambda theta, rfm: model.expected_purchases(theta, rfm, 4.0)):
        grid = method(draws[:, :, None], crowd)
        assert grid.shape == (count, len(crowd))
        assert np.array_equal(grid, [method(theta, crowd) for theta in draws.T])
        assert np.array_equal(method(draws, one), grid[:, 50])
        repeated = np.repeat(draws[:, 3:4], len(crowd), axis=1)
        assert np.array_equal(method(repeated, crowd), grid[3])


@MODELS
def test_results_are_finite_wherever_the_mathematics_is(model: PurchaseModel, crowd: RFM) -> None:
    """Kills an unguarded logarithm of 0 at T = t_x; warnings are errors here."""
    theta = hostile(model)[:, :, None]
    value, slope = model.loglik_grad(theta, crowd)
    alive = model.p_alive(theta, crowd)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()
    assert np.all((alive >= 0.0) & (alive <= 1.0))
    for horizon in (0.0, 1e-3, 52.0, 1e5):
        expected = model.expected_purchases(theta, crowd, horizon)
        assert np.isfinite(expected).all()
        assert np.all(expected >= 0.0)


@MODELS
def test_customer_seen_buying_now_is_alive(model: PurchaseModel) -> None:
    """A later last purchase never makes death more likely. Kills P(alive) that is P(left)."""
    recency = np.linspace(0.0, 39.0, 200)
    for x in (1, 2, 30, 1000):
        rfm = RFM.from_arrays(frequency=np.full(200, x), recency=recency, T=np.full(200, 39.0), time_unit="W")
        for theta in hostile(model).T:
            alive = model.p_alive(theta, rfm)
            assert np.all(np.diff(alive) >= -ROUNDING * alive[1:])


@MODELS
def test_longer_horizon_never_expects_less(model: PurchaseModel, crowd: RFM) -> None:
    """Kills an expectation that does not vanish with its horizon."""
    horizons = (0.0, 1e-6, 1e-3, 0.1, 1.0, 1.1, 10.0, 52.0, 500.0, 1e5)
    for theta in hostile(model).T[::5]:
        expected = np.array([model.expected_purchases(theta, crowd, horizon) for horizon in horizons])
        assert np.all(expected[0] == 0.0)
        assert np.all(np.diff(expected, axis=0) >= -ROUNDING * expected[1:])


@MODELS
def test_sampled_purchases_average_to_their_expectation(
    model: PurchaseModel, rng: np.random.Generator
) -> None:
    """Kills a sampler that draws the rate of the prior, and one that lays draws along the customers.

    20,000 draws of each of 6 histories, one z-score each, for two horizons.
    """
    rfm = RFM.from_arrays(
        frequency=[0, 0, 1, 3, 12, 40],
        recency=[0, 0, 6, 38, 20, 38.5],
        T=[0, 39, 39, 39, 26, 39],
        time_unit="W",
    )
    theta = np.repeat(typical(model)[:, None, None], 20_000, axis=1)
    alive = model.p_alive(theta, rfm)
    for horizon in (0.5, 60.0):
        row, _ = model.sample_purchase_times(theta, rfm, alive, horizon, rng)
        counts = np.bincount(row, minlength=alive.size).reshape(alive.shape)
        expected = model.expected_purchases(typical(model), rfm, horizon)
        error = np.sqrt((counts.var(axis=0) + 1.0 / len(counts)) / len(counts))  # a purchase that nobody drew
        assert np.all(np.abs(counts.mean(axis=0) - expected) < Z * error)


@MODELS
def test_sampled_purchases_come_in_order_and_in_time(
    model: PurchaseModel, crowd: RFM, rng: np.random.Generator
) -> None:
    """Kills times counted from birth, and times left unsorted."""
    theta, horizon = typical(model)[:, None, None] * np.ones((1, 50, 1)), 4.0
    rfm = crowd.take(crowd.T > 1.0)
    row, time = model.sample_purchase_times(theta, rfm, model.p_alive(theta, rfm), horizon, rng)
    assert row.shape == time.shape
    assert len(row) > 1000
    assert np.all(np.diff(row) >= 0)
    assert np.all(np.diff(time)[np.diff(row) == 0] >= 0.0)
    assert row.min() >= 0
    assert row.max() < 50 * len(rfm)
    assert time.min() > 0.0
    assert time.max() <= horizon
    row, time = model.sample_purchase_times(theta, rfm, model.p_alive(theta, rfm), 0.0, rng)
    assert len(row) == len(time) == 0


@MODELS
def test_sampling_survives_hostile_parameters(model: PurchaseModel, rng: np.random.Generator) -> None:
    """Kills an overflow in the life of a customer who never leaves; warnings are errors here."""
    theta = np.repeat(hostile(model, sigmas=5.0), 100, axis=1)
    for x, t_x, age in ((7, 20.0, 39.0), (0, 0.0, 39.0), (0, 0.0, 0.0)):
        rfm = RFM.from_arrays(frequency=[x], recency=[t_x], T=[age], time_unit="W")
        expected = model.expected_purchases(theta, rfm, 4.0)
        calm = theta[:, expected < 100.0]
        row, time = model.sample_purchase_times(calm, rfm, model.p_alive(calm, rfm), 4.0, rng)
        assert np.isfinite(time).all()
        assert np.all(np.diff(row) >= 0)
    row, age = model.simulate(calm, np.full(calm.shape[1], 4.0), rng)
    assert np.all((age > 0.0) & (age <= 4.0))
    assert np.all(np.diff(row) >= 0)
    assert np.all(np.diff(age)[np.diff(row) == 0] >= 0.0)


@MODELS
def test_lives_go_on_as_predicted(model: PurchaseModel, rng: np.random.Generator) -> None:
    """Kills what sampler and expectation share, such as a P(alive) not divided by the likelihood.

    120,000 whole lives under two parameter vectors, cut at T; what followed against the expectation and against one
    draw each, in 5 groups by frequency and 2 by the length of the silence: 50 z-scores.
    """
    count, horizon = 120_000, 20.0
    theta = np.where(np.arange(count) % 2, typical(model)[:, None], 0.6 * typical(model, 12.0)[:, None])
    T = rng.choice([4.0, 15.0, 39.0], count)
    row, age = model.simulate(theta, T + horizon, rng)
    rfm = watched(row, age, T)
    later = age > T[row]
    sampled_row, sampled_time = model.sample_purchase_times(
        theta, rfm, model.p_alive(theta, rfm), horizon, rng
    )
    followed = _facts(row[later], (age - T[row])[later], count)
    drawn = _facts(sampled_row, sampled_time, count)
    surprise = followed[0] - model.expected_purchases(theta, rfm, horizon)
    differences = [surprise, *(a - b for a, b in zip(followed, drawn, strict=True))]
    silent = rfm.T - rfm.recency > 8.0
    scores = [
        z_score(difference[chosen])
        for low, high in ((0, 0), (1, 1), (2, 3), (4, 8), (9, 10_000))
        for chosen in (
            (rfm.frequency >= low) & (rfm.frequency <= high) & silent,
            (rfm.frequency >= low) & (rfm.frequency <= high) & ~silent,
        )
        for difference in differences
    ]
    assert np.max(np.abs(scores)) < Z


def _facts(row: np.ndarray, time: np.ndarray, count: int) -> list[np.ndarray]:
    """Per customer: purchases, whether any, whether more than two, and the sum of their times."""
    counts = np.bincount(row, minlength=count).astype(float)
    return [counts, 1.0 * (counts > 0), 1.0 * (counts > 2), np.bincount(row, weights=time, minlength=count)]
