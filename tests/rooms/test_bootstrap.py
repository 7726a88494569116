"""The weighted-likelihood bootstrap: every draw is the summit of its own weights, and the spread is the sandwich."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.errors import FitStatus
from clvmodels.inference import bootstrap
from clvmodels.inference.bootstrap import Bootstrap, draw_weights
from clvmodels.inference.mode import find_mode
from clvmodels.inference.objective import build_objective
from clvmodels.models import REGISTRY


@pytest.fixture(scope="module")
def customers(cdnow_rfm: clv.RFM) -> clv.RFM:
    return cdnow_rfm.take(slice(None, None, 4))


@pytest.mark.parametrize("name", REGISTRY)
def test_every_draw_is_the_summit_of_its_own_weights(
    name: str, customers: clv.RFM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a Newton climb from the prior. Killed: weights of the first draws used for all; CLOSE = 0.3."""
    seen: list[np.ndarray] = []

    def remembering(*arguments: object) -> np.ndarray:
        seen.append(draw_weights(*arguments))
        return seen[-1]

    monkeypatch.setattr(bootstrap, "draw_weights", remembering)
    objective = build_objective(REGISTRY[name], customers, with_prior=True)
    mode = find_mode(objective)
    drawn = Bootstrap().draw(objective, mode, 12, 5)
    centres = objective.prior.sample(12, np.random.default_rng(5).spawn(2)[0])
    assert drawn.diagnostics["converged_share"] == 1
    for z, weights, centre in zip(drawn.z.T, np.concatenate(seen), centres.T, strict=True):
        own = replace(
            objective,
            patterns=replace(objective.patterns, weights=weights),
            prior=replace(objective.prior, mean=centre),
        )
        again = find_mode(own)
        away = z - again.z
        assert away @ np.linalg.solve(again.covariance, away) < 1e-6  # in variances: a thousandth of an sd


@pytest.mark.parametrize("name", REGISTRY)
def test_the_spread_is_the_sandwich(name: str, cdnow_rfm: clv.RFM) -> None:
    """Inverse curvature times variance of the slopes times inverse curvature; 2,000 draws.

    Every customer stands for 25, so that the sandwich, the first term of an expansion in 1/n, is all there is.
    Killed: Exponential(1) for a pattern of several customers; the curvature of the mode in place of the refits.
    """
    many = replace(cdnow_rfm, weights=25 * cdnow_rfm.weights)
    objective = build_objective(REGISTRY[name], many, with_prior=True)
    mode = find_mode(objective)
    theta = objective.theta(mode.z)
    slopes = objective.model.loglik_grad(theta, objective.patterns)[1] * theta[:, None]
    middle = (slopes * objective.patterns.weights) @ slopes.T
    sandwich = mode.covariance @ (middle + objective.prior.precision) @ mode.covariance
    z = Bootstrap().draw(objective, mode, 2000, 7).z
    ratio = np.var(np.linalg.solve(np.linalg.cholesky(sandwich), z), axis=1, ddof=1)
    # sampling error of a variance 3 %, of the largest of four 5 %, and 3 % of curvature
    np.testing.assert_allclose(ratio, 1, atol=0.15)


def test_identical_customers_may_stand_in_one_pattern() -> None:
    """A pattern of w customers weighs what its customers weigh together. Killed: Gamma(1) for every pattern."""
    together = draw_weights(np.array([5.0, 95.0]), 20_000, np.random.default_rng(1))[:, 0]
    alone = draw_weights(np.ones(100), 20_000, np.random.default_rng(2))[:, :5].sum(axis=1)
    beta_variance = 100**2 * 0.05 * 0.95 / 101  # Dirichlet weights: the share is Beta(5, 95)
    for weights in (together, alone):
        assert weights.mean() == pytest.approx(5, abs=4 * np.sqrt(beta_variance / 20_000))
        assert weights.var() == pytest.approx(beta_variance, rel=0.08)


def test_a_wrong_model_gets_its_honest_spread() -> None:
    """Regularity of spend differs between customers, which Gamma-Gamma does not know: true spread over 20 samples.

    Killed: the curvature in place of the refits.
    """
    rng = np.random.default_rng(11)
    regularity = np.where(rng.random(8000) < 0.1, 0.1, 50.0)
    count = rng.integers(1, 12, 8000)
    mean = (
        np.maximum(rng.gamma(regularity * count, 1 / (regularity * count)), 1e-6)
        * 30
        / rng.gamma(4, 0.25, 8000)
    )

    def log_p(method: str, rows: slice) -> np.ndarray:
        rfm = clv.RFM.from_arrays(
            frequency=count[rows],
            recency=np.full(400, 5.0),
            T=np.full(400, 10.0),
            monetary_value=mean[rows],
            time_unit="W",
        )
        return np.log(clv.fit("gamma_gamma", rfm, method=method, draws=400, seed=1).draws[:, 0])

    parts = [slice(start, start + 400) for start in range(0, 8000, 400)]
    modes = [log_p("map", rows)[0] for rows in parts]
    truth = np.std(modes, ddof=1)  # over 20 samples: known to 16 %
    honest = np.median([log_p("bootstrap", rows).std() for rows in parts[:6]])
    model_based = np.median([log_p("laplace", rows).std() for rows in parts[:6]])
    assert honest == pytest.approx(truth, rel=0.4)
    assert model_based < 0.5 * truth


def test_order_leaves_no_trace_and_the_seed_decides(customers: clv.RFM) -> None:
    """Killed: weights drawn by customer in the order of rows."""
    shuffled = customers.take(np.random.default_rng(5).permutation(len(customers)))
    here, there, again, other = (
        clv.fit("bg_nbd", rfm, method="bootstrap", draws=60, seed=seed).draws
        for rfm, seed in ((customers, 1), (shuffled, 1), (customers, 1), (customers, 2))
    )
    np.testing.assert_array_equal(here, there)
    np.testing.assert_array_equal(here, again)
    assert not np.array_equal(here, other)


def test_batches_do_not_change_the_draws(customers: clv.RFM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed: a batch that starts the stream of weights again."""
    whole = clv.fit("bg_nbd", customers, method="bootstrap", draws=30, seed=3).draws
    monkeypatch.setattr(bootstrap, "CELLS_IN_MEMORY", 7 * 500)
    cut = clv.fit("bg_nbd", customers, method="bootstrap", draws=30, seed=3).draws
    np.testing.assert_allclose(cut, whole, rtol=1e-9)


def test_every_customer_is_forecast(customers: clv.RFM) -> None:
    fitted = clv.CLVModel("bg_nbd", method="bootstrap").fit(customers, draws=100)
    forecast = fitted.forecast("26W", draws=100)
    assert len(forecast.columns["clv_mean"]) == len(customers)
    assert np.all(np.isfinite(forecast.columns["clv_mean"]))
    assert fitted.purchase.diagnostics["converged_share"] == 1
    assert fitted.purchase.is_distribution


def test_nothing_observed_leaves_the_prior() -> None:
    """One customer who says next to nothing: draws spread like the prior. Killed: a prior centre that stays put."""
    rfm = clv.RFM.from_arrays(frequency=[0], recency=[0], T=[1], time_unit="W")
    posterior = clv.fit("bg_nbd", rfm, method="bootstrap", draws=400, seed=1)
    spread = np.log(posterior.draws).std(axis=0)
    np.testing.assert_allclose(spread[2:], [1.5, 1.5], rtol=0.15)  # a and b; sd of 400 draws: 3.5 %


def test_refits_that_do_not_converge_are_counted_and_told(
    customers: clv.RFM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "MOST_STEPS", 1)
    patient = clv.fit("bg_nbd", customers, method="bootstrap", draws=20, seed=3)
    assert patient.diagnostics["converged_share"] == 1  # started anew from the prior
    monkeypatch.setattr(bootstrap._Refits, "anew", lambda self, index: (self.centre[:, index], False))
    lost = clv.fit("bg_nbd", customers, method="bootstrap", draws=20, seed=3)
    assert lost.status is FitStatus.UNRELIABLE
    assert "of the bootstrap's refits converged" in str(lost)
    assert lost.diagnostics["converged_share"] < 0.95
