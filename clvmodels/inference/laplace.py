"""Draws from a posterior without a Markov chain: mode, heavy-tailed proposal, smoothed weights.

The first proposal is a multivariate t at the mode. Where its weights show that the posterior is bent
or skewed (Pareto/NBD's s and beta form a ridge), the weighted draws become the centres of a mixture of
t kernels, which is the next proposal (West 1993, JRSS B 55:409), until the weights can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from clvmodels.errors import FitStatus
from clvmodels.inference.method import Draws, Method, only_the_mode
from clvmodels.inference.mode import Mode
from clvmodels.inference.objective import Objective
from clvmodels.inference.psis import SmoothedWeights, smooth_weights

DEGREES_OF_FREEDOM = 5
"""Tails of the proposals: heavier than the posterior's, near enough to waste few draws."""
PROPOSALS_PER_DRAW = 2
LEAST_PROPOSALS = 64
"""So many are judged whatever is asked for: the first part of fewer has no tail to fit."""
ROUNDS = 5
PROBE = 0.4
"""Share of the proposals that decides whether a proposal is good enough for the others."""
GOOD_K_HAT = 0.5
K_HAT_LIMIT = 0.7
LEAST_SHARE = 0.1
"""Effective size over draws below which too few proposals carry all the weight."""
CENTRES = 250
BANDWIDTH = 0.8
"""Kernel width in standard deviations of the draws: wide, so that long tails are proposed often enough."""


@dataclass(frozen=True)
class Laplace:
    """Draws from the posterior by adaptive importance resampling around its mode.

    The weights of the last round against the exact posterior are Pareto smoothed, and the draws are
    kept by stratified resampling, in random order. k̂ above 0.7, or an effective size below a tenth of the
    draws, makes the fit `UNRELIABLE`, or hands it over.

    Attributes
    ----------
    fallback
        The method that draws instead where this one cannot be trusted, such as ``Nuts()``; the reason, the
        method and the diagnostics of the fit then name both. None leaves the fit unreliable.
    """

    fallback: Method | None = None

    name: ClassVar[str] = "laplace"
    with_prior: ClassVar[bool] = True

    def draw(self, objective: Objective, mode: Mode, draws: int, seed: int) -> Draws:
        """As `Method.draw`; where the mode has no curvature to propose from, the mode is the only draw."""
        if mode.covariance is None or not mode.status.usable:
            return only_the_mode(mode)
        rng = np.random.default_rng(seed)
        proposal = _KernelMixture(mode.z[:, None], np.linalg.cholesky(mode.covariance))
        z, smoothed = _propose(objective, proposal, draws, rng)
        rounds = 1
        while rounds < ROUNDS and not _is_good(smoothed):
            proposal = _learn(z, smoothed, rng)
            z, smoothed = _propose(objective, proposal, draws, rng)
            rounds += 1
        kept = z[:, rng.permutation(_resample(smoothed.weights, draws, rng))]
        drawn = _judged(kept, smoothed, rounds, mode)
        if drawn.status is not FitStatus.UNRELIABLE or self.fallback is None:
            return drawn
        return _handed_over(drawn, self.fallback, self.fallback.draw(objective, mode, draws, seed))


def _handed_over(refused: Draws, method: Method, drawn: Draws) -> Draws:
    """The draws of the other method, with what this one found out about itself."""
    refusal = refused.reason.removeprefix("unreliable: ")
    outcome = drawn.reason or "converged"
    return replace(
        drawn,
        diagnostics={**refused.diagnostics, **drawn.diagnostics},
        reason=f"{outcome}; drawn by {method.name}, since in laplace {refusal}",
        drawn_by=f"laplace, {method.name}",
    )


def _judged(z: np.ndarray, smoothed: SmoothedWeights, rounds: int, mode: Mode) -> Draws:
    diagnostics = {"k_hat": smoothed.k_hat, "effective_size": smoothed.effective_size, "rounds": rounds}
    few = smoothed.effective_size < LEAST_SHARE * z.shape[1]
    if smoothed.k_hat > K_HAT_LIMIT or few:
        fault = (
            f"the effective size is {smoothed.effective_size:.0f} for {z.shape[1]} draws"
            if few
            else f"Pareto k is {smoothed.k_hat:.2f}, above {K_HAT_LIMIT}"
        )
        reason = f"unreliable: {fault}, so intervals may be too narrow"
        return Draws(z, diagnostics, FitStatus.UNRELIABLE, reason)
    return Draws(z, diagnostics, mode.status, mode.reason)


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


def _propose(
    objective: Objective, proposal: _KernelMixture, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, SmoothedWeights]:
    """Proposals (P, S) and their weights against the exact posterior.

    A first part of them decides whether the others are worth their time.
    """
    count = max(PROPOSALS_PER_DRAW * draws, LEAST_PROPOSALS)
    z = proposal.sample(count, rng)
    part = z[:, : int(PROBE * count)]
    ratios = objective.log_density(part) - proposal.log_density(part)
    probed = smooth_weights(ratios)
    if not _is_good(probed):
        return part, probed
    rest = z[:, part.shape[1] :]
    more = objective.log_density(rest) - proposal.log_density(rest)
    return z, smooth_weights(np.concatenate([ratios, more]))


def _is_good(smoothed: SmoothedWeights) -> bool:
    return smoothed.k_hat <= GOOD_K_HAT and smoothed.effective_size >= len(smoothed.weights) / 4


def _learn(z: np.ndarray, smoothed: SmoothedWeights, rng: np.random.Generator) -> _KernelMixture:
    """The mixture of kernels around weighted draws, wider than what it was learned from."""
    deviation = z - (z @ smoothed.weights)[:, None]
    covariance = (deviation * smoothed.weights) @ deviation.T
    centres = z[:, _resample(smoothed.weights, CENTRES, rng)]
    return _KernelMixture(centres, BANDWIDTH * np.linalg.cholesky(covariance))


def _resample(weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Stratified resampling: one uniform in each of `count` equal slices."""
    positions = (np.arange(count) + rng.random(count)) / count
    return np.searchsorted(np.cumsum(weights), positions).clip(max=len(weights) - 1)
