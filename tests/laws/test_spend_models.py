"""Laws of every spend model in the registry; a model passes them or it is none."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from logs import in_money

from clvmodels.contracts import SpendModel
from clvmodels.models import SPEND_MODELS
from clvmodels.rfm import RFM

Z = 4.5  # two-sided 7e-6: seeds are fixed, so a law holds for good or fails for good

MODELS = pytest.mark.parametrize("model", SPEND_MODELS.values(), ids=list(SPEND_MODELS))


def customers_of(purchases: list[np.ndarray], ids: list[object] | None = None) -> RFM:
    """A summary whose customers made those purchases, the first one included, worth something or nothing."""
    again = np.array([len(amounts) - 1 for amounts in purchases], dtype=float)
    first = np.array([amounts[0] for amounts in purchases])
    total = np.array([amounts.sum() for amounts in purchases])
    later = np.array([amounts[1:].sum() for amounts in purchases])
    return RFM.from_arrays(
        frequency=again,
        recency=3.0 * (again > 0),
        T=np.linspace(4, 9, len(purchases)),
        monetary_value=later / np.maximum(again, 1),
        customer_id=ids,
        statistics={
            "spend_positive_count": [(amounts > 0).sum() for amounts in purchases],
            "spend_sum": total,
            "spend_log_sum": [np.log(amounts[amounts > 0]).sum() for amounts in purchases],
            "spend_first": first,
        },
        time_unit="W",
    )


def typical(model: SpendModel, money: float = 30.0) -> np.ndarray:
    """Near the middle of the priors, for purchases worth about `money`; no two shapes alike."""
    return np.array(
        [1.3**k * param.prior_median * money**param.money_power for k, param in enumerate(model.params)]
    )


def hostile(model: SpendModel, money: float = 30.0) -> np.ndarray:
    """(P, 3**P) parameters at the middle and three prior sigmas out, in every combination."""
    steps = [np.exp(param.prior_sigma * np.array([-3.0, 0.0, 3.0])) for param in model.params]
    grid = np.array(list(itertools.product(*steps))).T
    return typical(model, money)[:, None] * grid


def lives(
    model: SpendModel, theta: np.ndarray, counts: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """All purchases of customers by the model's own story."""
    row = np.repeat(np.arange(len(counts)), counts)
    ends = np.cumsum(counts)
    is_first = np.isin(np.arange(len(row)), ends - counts)
    return np.split(model.simulate(theta, row, is_first, rng), ends[:-1])


@pytest.fixture
def crowd(rng: np.random.Generator) -> RFM:
    """Two customers with one free purchase, others with 2 to 41, some alike in their count, and one with 5,001.

    One had the first purchase free and paid the others.
    """
    counts = [1, 1, 1, *range(2, 41, 2), 3, 7, 11, 5000]
    paid = [rng.lognormal(3.4, 0.8, count + 1) * rng.lognormal(0, 0.7) for count in counts]
    return customers_of([np.zeros(1), np.zeros(1), *paid, np.array([0.0, 12.0, 30.0])])


@MODELS
def test_gradient_is_the_slope_of_the_likelihood(model: SpendModel, crowd: RFM) -> None:
    theta = typical(model)
    loglik, grad = model.loglik_grad(theta, crowd)
    np.testing.assert_array_equal(loglik, model.loglik(theta, crowd))
    assert grad.shape == (len(theta), len(crowd))
    for k, step in enumerate(1e-5 * theta):
        up, down = (np.where(np.arange(len(theta)) == k, theta + sign * step, theta) for sign in (1, -1))
        slope = (model.loglik(up, crowd) - model.loglik(down, crowd)) / (2 * step)
        np.testing.assert_allclose(grad[k] * theta[k], slope * theta[k], rtol=1e-6, atol=1e-6)


@MODELS
def test_score_of_the_model_s_own_customers_has_mean_zero(
    model: SpendModel, rng: np.random.Generator
) -> None:
    theta = typical(model)
    history = customers_of(lives(model, theta, rng.integers(2, 7, 40_000), rng))
    _, score = model.loglik_grad(theta, history)
    z = score.mean(axis=1) / (score.std(axis=1) / np.sqrt(len(history)))
    assert np.abs(z).max() < Z


@MODELS
def test_future_purchase_ranks_evenly_among_its_forecast(model: SpendModel, rng: np.random.Generator) -> None:
    """Whole lives, cut: the purchase after the cut is one more draw of the forecast made at the cut.

    The number of purchases, which a model may take as given, is that of the story.
    """
    theta, draws, people = typical(model), 99, 4000
    purchases = lives(model, theta, rng.integers(2, 7, people), rng)
    told = np.array([len(life) - 1.0 for life in purchases])
    history = replace(customers_of([life[:-1] for life in purchases]), frequency=told)
    future = np.array([life[-1] for life in purchases])
    grid = np.broadcast_to(theta[:, None, None], (len(theta), draws, 1))
    forecast = model.sample_spend(grid, history, np.arange(draws * people), rng).reshape(draws, people)
    observed = np.bincount((forecast < future).sum(axis=0) // 10, minlength=10)
    expected = people / 10
    chi_square = ((observed - expected) ** 2 / expected).sum()
    assert chi_square < 33.7  # 1e-4 quantile of 9 degrees of freedom


@MODELS
def test_sampler_has_the_expected_mean(model: SpendModel, crowd: RFM, rng: np.random.Generator) -> None:
    """Customers with five purchases or more: fewer, and the tail is too heavy for a normal mean."""
    theta, draws = typical(model), 40_000
    assert crowd.spend_count is not None
    regulars = crowd.take(crowd.spend_count >= 5)
    grid = np.broadcast_to(theta[:, None, None], (len(theta), draws, 1))
    amounts = model.sample_spend(grid, regulars, np.arange(draws * len(regulars)), rng).reshape(draws, -1)
    z = (amounts.mean(axis=0) - model.expected_spend(theta, regulars)) / (
        amounts.std(axis=0) / np.sqrt(draws)
    )
    assert np.abs(z).max() < Z


@MODELS
def test_half_of_the_draws_lie_below_the_median(
    model: SpendModel, crowd: RFM, rng: np.random.Generator
) -> None:
    """Kills a median of the customer's level instead of a purchase, and one of the population's.

    10,000 draws of each customer, for typical parameters and for such as leave no mean; one z-score each.
    """
    draws, heavy = 10_000, typical(model)
    heavy = heavy * np.where([param.money_power for param in model.params], 1.0, 0.1)
    for theta in (typical(model), heavy):
        grid = np.broadcast_to(theta[:, None, None], (len(theta), draws, 1))
        amounts = model.sample_spend(grid, crowd, np.arange(draws * len(crowd)), rng).reshape(draws, -1)
        below = (amounts < model.median_spend(theta, crowd)).mean(axis=0)
        assert np.abs(below - 0.5).max() < Z * 0.5 / np.sqrt(draws)


@MODELS
@pytest.mark.parametrize("factor", [0.01, 117.3])
def test_a_new_currency_moves_only_the_declared_parameters(
    model: SpendModel, crowd: RFM, factor: float
) -> None:
    theta = hostile(model)[:, :, None]
    scale = np.array([factor**param.money_power for param in model.params])[:, None, None]
    abroad = in_money(crowd, factor)
    shift = model.loglik(theta * scale, abroad) - model.loglik(theta, crowd)
    # a density of amounts: each customer loses log(factor) once per amount it describes, whatever theta is
    amounts_described = np.round(-shift[0] / np.log(factor))
    informs = model.informs(crowd)
    assert (amounts_described[informs] >= 1).all()
    assert not amounts_described[~informs].any()
    expected = np.broadcast_to(-amounts_described * np.log(factor), shift.shape)
    size = np.abs(model.loglik(theta, crowd))
    assert (np.abs(shift - expected) <= 1e-10 * (1 + size)).all()
    at_home, over_there = model.expected_spend(theta, crowd), model.expected_spend(theta * scale, abroad)
    np.testing.assert_allclose(over_there, at_home * factor, rtol=1e-10)
    medians = model.median_spend(theta, crowd), model.median_spend(theta * scale, abroad)
    np.testing.assert_allclose(medians[1], medians[0] * factor, rtol=1e-10)


@MODELS
def test_a_new_currency_scales_every_draw(model: SpendModel, crowd: RFM) -> None:
    theta, row = typical(model), np.repeat(np.arange(len(crowd)), 3)
    abroad = theta * np.array([8.0**param.money_power for param in model.params])
    here = model.sample_spend(theta, crowd, row, np.random.default_rng(5))
    there = model.sample_spend(abroad, in_money(crowd, 8.0), row, np.random.default_rng(5))
    np.testing.assert_allclose(there, 8 * here, rtol=1e-12)


@MODELS
def test_customers_do_not_see_each_other(model: SpendModel, crowd: RFM) -> None:
    """Bit for bit: alone, and in another order."""
    theta = typical(model)
    loglik, grad = model.loglik_grad(theta, crowd)
    expected, median = model.expected_spend(theta, crowd), model.median_spend(theta, crowd)
    for i in range(len(crowd)):
        alone = crowd.take([i])
        assert model.loglik(theta, alone)[0] == loglik[i]
        assert model.expected_spend(theta, alone)[0] == expected[i]
        assert model.median_spend(theta, alone)[0] == median[i]
        assert (model.loglik_grad(theta, alone)[1][:, 0] == grad[:, i]).all()
    backwards = np.arange(len(crowd))[::-1]
    assert (model.loglik(theta, crowd.take(backwards)) == loglik[backwards]).all()


@MODELS
def test_shapes_broadcast(model: SpendModel, crowd: RFM) -> None:
    theta, one = hostile(model), crowd.take([7])
    count, n, draws = len(theta), len(crowd), theta.shape[1]
    own = np.repeat(theta[:, :1], n, axis=1)
    shapes = [(theta[:, 0], crowd, (n,)), (own, crowd, (n,)), (theta, one, (draws,))]
    for values, rfm, shape in [*shapes, (theta[:, :, None], crowd, (draws, n))]:
        loglik, grad = model.loglik_grad(values, rfm)
        assert (
            loglik.shape
            == model.loglik(values, rfm).shape
            == model.expected_spend(values, rfm).shape
            == model.median_spend(values, rfm).shape
            == shape
        )
        assert grad.shape == (count, *shape)
        row = np.arange(np.prod(shape, dtype=int))
        assert model.sample_spend(values, rfm, row, np.random.default_rng(3)).shape == row.shape
    grid = model.loglik(theta[:, :, None], crowd)
    np.testing.assert_array_equal(grid[4], model.loglik(theta[:, 4], crowd))
    np.testing.assert_array_equal(grid[:, 7], model.loglik(theta, one))


@MODELS
def test_rows_mean_cells_of_the_grid(model: SpendModel, crowd: RFM) -> None:
    """Rows that do not occur leave no trace, and a flat row is the cell it stands for."""
    theta = hostile(model)[:, :, None]
    draw, customer = np.array([2, 5, 5, 11]), np.array([9, 0, 28, 4])
    inside = model.sample_spend(
        theta, crowd, np.repeat(draw * len(crowd) + customer, 2), np.random.default_rng(1)
    )
    chosen, cells = crowd.take(customer), theta[:, draw, 0]
    alone = model.sample_spend(cells, chosen, np.repeat(np.arange(4), 2), np.random.default_rng(1))
    np.testing.assert_array_equal(inside, alone)


@MODELS
def test_draws_repeat(model: SpendModel, crowd: RFM) -> None:
    theta, row = typical(model), np.repeat(np.arange(len(crowd)), 2)
    first, again = (model.sample_spend(theta, crowd, row, np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first)) == len(first)


@MODELS
def test_hostile_parameters_give_numbers(model: SpendModel, crowd: RFM) -> None:
    theta = hostile(model)[:, :, None]
    loglik, grad = model.loglik_grad(theta, crowd)
    assert np.isfinite(loglik).all()
    assert np.isfinite(grad).all()
    expected = model.expected_spend(theta, crowd)
    assert (expected > 0).all()
    median = model.median_spend(theta, crowd)
    assert ((median > 0) & np.isfinite(median)).all()
    amounts = model.sample_spend(theta, crowd, np.arange(expected.size), np.random.default_rng(2))
    assert (amounts > 0).all()
    assert np.isfinite(amounts).all()


@MODELS
def test_the_likelihood_reads_only_what_it_declares(model: SpendModel, crowd: RFM) -> None:
    theta = typical(model)
    others = {name: 7.0 * np.ones(len(crowd)) for name in crowd.statistics if name not in model.needs}
    disguised = replace(
        crowd, recency=crowd.recency + 1, T=crowd.T + 2, statistics={**crowd.statistics, **others}
    )
    np.testing.assert_array_equal(model.loglik(theta, disguised), model.loglik(theta, crowd))
    twice = crowd.take(np.tile(np.arange(len(crowd)), 2))
    patterns, pattern_of = twice.compress(model.needs)
    assert len(patterns) <= len(crowd)
    np.testing.assert_array_equal(model.loglik(theta, patterns)[pattern_of], model.loglik(theta, twice))
    assert model.informs(patterns).sum() <= model.informs(twice).sum() / 2
    assert (model.informs(patterns)[pattern_of] == model.informs(twice)).all()


@MODELS
def test_who_does_not_inform_adds_nothing(model: SpendModel, crowd: RFM) -> None:
    theta = typical(model)
    silent = crowd.take(~model.informs(crowd))
    assert len(silent) == 2
    assert not model.loglik(theta, silent).any()
    assert not model.loglik_grad(theta, silent)[1].any()
