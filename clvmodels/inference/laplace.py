"""Draws from a posterior without a Markov chain: mode, heavy-tailed proposal, smoothed weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clvmodels.inference.mode import Mode
from clvmodels.inference.objective import Objective
from clvmodels.inference.psis import smooth_weights

DEGREES_OF_FREEDOM = 7
"""Tails of the proposal: heavier than the posterior's, near enough to waste few draws."""
PROPOSALS_PER_DRAW = 2


@dataclass(frozen=True)
class LaplaceDraws:
    """Coordinates (P, S) of the resampled draws, with the diagnostics of their weights."""

    z: np.ndarray
    k_hat: float
    effective_size: float
    proposals: int


def draw_laplace(objective: Objective, mode: Mode, draws: int, rng: np.random.Generator) -> LaplaceDraws:
    """Importance resampling around the mode.

    Proposals are multivariate t with the scale matrix of the Laplace approximation; their weights
    against the exact posterior are Pareto smoothed, and `draws` of them are kept by stratified
    resampling, in random order. `mode.covariance` must exist.
    """
    if mode.covariance is None:
        raise ValueError("the mode has no covariance to propose from")
    count = PROPOSALS_PER_DRAW * draws
    normal = rng.standard_normal((len(mode.z), count))
    chi2 = rng.chisquare(DEGREES_OF_FREEDOM, count)
    standard = normal * np.sqrt(DEGREES_OF_FREEDOM / chi2)
    z = mode.z[:, None] + np.linalg.cholesky(mode.covariance) @ standard
    exponent = -(DEGREES_OF_FREEDOM + len(mode.z)) / 2
    log_proposal = exponent * np.log1p(np.sum(standard**2, axis=0) / DEGREES_OF_FREEDOM)
    smoothed = smooth_weights(objective.log_density(z) - log_proposal)
    positions = (np.arange(draws) + rng.random(draws)) / draws
    chosen = np.searchsorted(np.cumsum(smoothed.weights), positions).clip(max=count - 1)
    return LaplaceDraws(z[:, rng.permutation(chosen)], smoothed.k_hat, smoothed.effective_size, count)
