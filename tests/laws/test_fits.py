"""Laws of fitting, for every registered model and method."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from logs import in_money

import clvmodels as clv
from clvmodels.inference import METHODS
from clvmodels.inference.mode import find_mode
from clvmodels.inference.objective import CELLS_PER_BATCH, build_objective
from clvmodels.models import REGISTRY

TIME_FACTORS = {"W": 7.0, "h": 1 / 24, "min": 1 / 1440}  # days per unit


def in_other_units(rfm: clv.RFM, unit: str, money: float) -> clv.RFM:
    """The same customers with times in another unit and spend in another currency."""
    factor = 7.0 / TIME_FACTORS[unit]
    times = {"recency": rfm.recency * factor, "T": rfm.T * factor}
    return replace(in_money(rfm, money), time_unit=unit, **times)


@pytest.fixture(scope="module")
def customers(cdnow_rfm: clv.RFM) -> clv.RFM:
    """Every fourth customer of the sample: small enough to fit often."""
    return cdnow_rfm.take(slice(None, None, 4))


@pytest.mark.parametrize(
    "method", [name for name in METHODS if name != "nuts"]
)  # see tests/rooms/test_nuts.py
@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize(("unit", "money"), [("h", 100.0), ("min", 1e-2), ("W", 1e4)])
def test_parameters_scale_with_the_units_and_nothing_else(
    name: str, method: str, unit: str, money: float, customers: clv.RFM
) -> None:
    """Killed: a prior centred on alpha itself instead of alpha over the mean age."""
    here = clv.fit(name, customers, method=method, draws=200, seed=3)
    there = clv.fit(name, in_other_units(customers, unit, money), method=method, draws=200, seed=3)
    time = 7.0 / TIME_FACTORS[unit]
    scale = [time**param.time_power * money**param.money_power for param in here.model.params]
    # Newton stops at 1e-10 in the logs; draws repeat the same random numbers around that mode
    np.testing.assert_allclose(there.draws, here.draws * scale, rtol=1e-7)
    assert there.status is here.status


@pytest.mark.parametrize("name", REGISTRY)
def test_the_order_of_customers_leaves_no_trace(name: str, customers: clv.RFM) -> None:
    """Killed: patterns kept in order of appearance, which moved the last bits of the mode."""
    shuffled = customers.take(np.random.default_rng(5).permutation(len(customers)))
    for method in ("mle", "laplace"):
        here, there = (clv.fit(name, rfm, method=method, draws=100) for rfm in (customers, shuffled))
        np.testing.assert_array_equal(here.draws, there.draws)


@pytest.mark.parametrize("name", REGISTRY)
def test_a_weight_is_that_many_customers(name: str, customers: clv.RFM) -> None:
    """Killed: weights left out of the gradient."""
    counts = np.random.default_rng(6).integers(1, 4, len(customers))
    weighted = replace(customers, weights=counts.astype(float))
    repeated = customers.take(np.repeat(np.arange(len(customers)), counts))
    here, there = (clv.fit(name, rfm, method="mle") for rfm in (weighted, repeated))
    assert here.loglik == pytest.approx(there.loglik, rel=1e-12)
    np.testing.assert_allclose(here.mode, there.mode, rtol=1e-8)  # sums of other rounding move Newton's end
    np.testing.assert_allclose(here.covariance, there.covariance, rtol=1e-5)


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("with_prior", [False, True])
def test_the_mode_is_a_summit(name: str, with_prior: bool, customers: clv.RFM) -> None:
    """Killed: the sign of the prior's slope."""
    objective = build_objective(REGISTRY[name], customers, with_prior=with_prior)
    mode = find_mode(objective)
    summit, slope = objective.value_and_grad(mode.z)
    assert np.max(np.abs(slope)) < 1e-9
    for axis in np.eye(len(mode.z)):
        for step in (-0.01, 0.01):
            assert objective.value_and_grad(mode.z + step * axis)[0] < summit


@pytest.mark.parametrize("name", REGISTRY)
def test_the_density_of_draws_is_the_objective(name: str, customers: clv.RFM) -> None:
    """Killed: a batch of draws scored under the parameters of the previous batch."""
    objective = build_objective(REGISTRY[name], customers, with_prior=True)
    z = objective.prior_centre[:, None] + np.random.default_rng(7).normal(
        0, 0.3, (len(objective.prior_centre), 1500)
    )
    assert z.shape[1] * len(objective.patterns) > CELLS_PER_BATCH
    one_by_one = [objective.value_and_grad(column)[0] * objective.customers for column in z.T[::149]]
    np.testing.assert_allclose(objective.log_density(z)[::149], one_by_one, rtol=1e-11)


@pytest.mark.parametrize("name", REGISTRY)
def test_the_covariance_is_the_inverse_of_second_differences(name: str, customers: clv.RFM) -> None:
    """Killed: curvature per customer taken for that of all; covariance left in log parameters."""
    posterior = clv.fit(name, customers, method="mle")
    model = posterior.model

    def loglik(theta: np.ndarray) -> float:
        return float(np.sum(model.loglik(theta, customers)))

    theta, h = posterior.mode, 1e-3 * posterior.mode
    size = len(theta)
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            ei, ej = h * np.eye(size)[i], h * np.eye(size)[j]
            corners = (
                loglik(theta + ei + ej)
                - loglik(theta + ei - ej)
                - loglik(theta - ei + ej)
                + loglik(theta - ei - ej)
            )
            hessian[i, j] = corners / (4 * h[i] * h[j])
    # second differences of a sum of some thousands carry four digits at this step
    np.testing.assert_allclose(
        np.linalg.inv(-hessian), posterior.covariance, rtol=5e-3, atol=1e-6 * np.max(posterior.covariance)
    )


@pytest.mark.parametrize("name", REGISTRY)
def test_laplace_draws_have_the_moments_of_the_posterior(name: str, customers: clv.RFM) -> None:
    """Against a long random walk on the same density. Killed: weights squared, and the t left unweighted."""
    objective = build_objective(REGISTRY[name], customers, with_prior=True)
    mode = find_mode(objective)
    root = np.linalg.cholesky(mode.covariance)
    rng = np.random.default_rng(8)
    size, chains = len(mode.z), 60
    z = mode.z[:, None] + root @ rng.standard_normal((size, chains))
    density, kept = objective.log_density(z), []
    for step in range(900):
        proposal = z + 1.2 * root @ rng.standard_normal((size, chains))
        proposed = objective.log_density(proposal)
        accept = np.log(rng.random(chains)) < proposed - density
        z, density = np.where(accept, proposal, z), np.where(accept, proposed, density)
        if step >= 200:
            kept.append(z)
    walk = np.stack(kept)  # (steps, P, chains)
    drawn = np.log(
        clv.fit(name, customers, method="laplace", draws=2000, seed=9).draws
        / objective.scales.of(objective.model)
    ).T
    sd = walk.std(axis=(0, 2))
    error = walk.mean(axis=0).std(axis=1) / np.sqrt(chains)  # of the walk's mean, chains being independent
    difference = np.abs(drawn.mean(axis=1) - walk.mean(axis=(0, 2)))
    assert np.all(
        difference < 4 * np.hypot(error, sd / np.sqrt(1000))
    )  # effective size of the draws is above 1,000
    np.testing.assert_allclose(drawn.std(axis=1), sd, rtol=0.15)
