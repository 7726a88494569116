"""Draws from a posterior without a Markov chain: mode, heavy-tailed proposal, smoothed weights.

The first proposal is a multivariate t at the mode. Where its weights show that the posterior is bent
or skewed (Pareto/NBD's s and beta form a ridge), the weighted draws become the centres of a mixture of
t kernels, which is the next proposal (West 1993, JRSS B 55:409), until the weights can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clvmodels.inference.mode import Mode
from clvmodels.inference.objective import Objective
from clvmodels.inference.psis import SmoothedWeights, smooth_weights

DEGREES_OF_FREEDOM = 5
"""Tails of the proposals: heavier than the posterior's, near enough to waste few draws."""
PROPOSALS_PER_DRAW = 2
ROUNDS = 5
GOOD_K_HAT = 0.5
CENTRES = 250
BANDWIDTH = 0.6
"""Kernel width in standard deviations; centres are pulled to the mean so that the mixture keeps its spread."""


@dataclass(frozen=True)
class LaplaceDraws:
    """Coordinates (P, S) of the resampled draws, with the diagnostics of their weights."""

    z: np.ndarray
    k_hat: float
    effective_size: float
    rounds: int


@dataclass(frozen=True)
class _KernelMixture:
    """Equal mixture of multivariate t kernels: centres (P, K), and a common scale ``root @ root.T``."""

    centres: np.ndarray
    root: np.ndarray

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        kernel = rng.integers(self.centres.shape[1], size=count)
        normal = rng.standard_normal((len(self.centres), count))
        stretch = np.sqrt(DEGREES_OF_FREEDOM / rng.chisquare(DEGREES_OF_FREEDOM, count))
        return self.centres[:, kernel] + self.root @ (normal * stretch)

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """(S,) log densities of (P, S), up to a constant that depends on the number of kernels."""
        white, white_centres = np.linalg.solve(self.root, z), np.linalg.solve(self.root, self.centres)
        distance = sum((a[:, None] - b) ** 2 for a, b in zip(white, white_centres, strict=True))
        exponent = -(DEGREES_OF_FREEDOM + len(z)) / 2
        density: np.ndarray = np.log(np.mean((1 + distance / DEGREES_OF_FREEDOM) ** exponent, axis=1))
        return density


def draw_laplace(objective: Objective, mode: Mode, draws: int, rng: np.random.Generator) -> LaplaceDraws:
    """Adaptive importance resampling that starts from the Laplace approximation at the mode.

    The weights of the last round against the exact posterior are Pareto smoothed, and `draws`
    proposals are kept by stratified resampling, in random order. `mode.covariance` must exist.
    """
    if mode.covariance is None:
        raise ValueError("the mode has no covariance to propose from")
    proposal = _KernelMixture(mode.z[:, None], np.linalg.cholesky(mode.covariance))
    z, smoothed = _propose(objective, proposal, draws, rng)
    rounds = 1
    while rounds < ROUNDS and (smoothed.k_hat > GOOD_K_HAT or smoothed.effective_size < draws / 2):
        proposal = _learn(z, smoothed, rng)
        z, smoothed = _propose(objective, proposal, draws, rng)
        rounds += 1
    chosen = rng.permutation(_resample(smoothed.weights, draws, rng))
    return LaplaceDraws(z[:, chosen], smoothed.k_hat, smoothed.effective_size, rounds)


def _propose(
    objective: Objective, proposal: _KernelMixture, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, SmoothedWeights]:
    """Proposals (P, S) and their weights against the exact posterior."""
    z = proposal.sample(PROPOSALS_PER_DRAW * draws, rng)
    return z, smooth_weights(objective.log_density(z) - proposal.log_density(z))


def _learn(z: np.ndarray, smoothed: SmoothedWeights, rng: np.random.Generator) -> _KernelMixture:
    """The mixture of kernels around weighted draws, with their mean and covariance."""
    mean = z @ smoothed.weights
    deviation = z - mean[:, None]
    covariance = (deviation * smoothed.weights) @ deviation.T
    shrink = np.sqrt(1 - BANDWIDTH**2)
    centres = mean[:, None] + shrink * deviation[:, _resample(smoothed.weights, CENTRES, rng)]
    return _KernelMixture(centres, BANDWIDTH * np.linalg.cholesky(covariance))


def _resample(weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Stratified resampling: one uniform in each of `count` equal slices."""
    positions = (np.arange(count) + rng.random(count)) / count
    return np.searchsorted(np.cumsum(weights), positions).clip(max=len(weights) - 1)
