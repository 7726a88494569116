"""Parameter uncertainty that does not take the model's word for it: the weighted-likelihood bootstrap.

Each draw gives every customer a random weight, Exponential(1) and scaled to mean 1 (Rubin's Bayesian
bootstrap), and refits. The spread of the refits is the parameters' sampling spread under whatever law made
the data, not under the model: where the model is wrong, so is its curvature, but not this.

A pattern that stands for w identical customers gets a Gamma(w) weight, which is what the sum of their w
weights is distributed as. Each draw also draws the centre of its prior from the prior, so that a direction on
which the data say nothing keeps the prior's spread, and a normal model gives its exact posterior.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from clvmodels.errors import FitStatus
from clvmodels.inference.method import Draws, only_the_mode
from clvmodels.inference.mode import Mode, find_mode
from clvmodels.inference.objective import CELLS_PER_BATCH, Objective
from clvmodels.progress import progress_bar

CLOSE = 1e-4
"""A refit has converged once its next Newton step is shorter than this many of its standard deviations."""
MOST_STEPS = 15
LONGEST_STEP = 1.0
CELLS_IN_MEMORY = 4_000_000
ENOUGH = 0.95
"""Share of converged refits below which the draws are called unreliable."""
DIFFERENCE = 1e-4
LEAST_CURVATURE = 1e-6


@dataclass(frozen=True)
class Bootstrap:
    """Draws as refits under random weights of the customers (Newton & Raftery 1994).

    Quasi-Newton steps from the mode, with the curvature of the draw's own weights to begin with, until the
    next step is below 1e-4 standard deviations. A refit that does not get there starts anew from the prior.
    Diagnostics: `converged_share` of the refits, and `mean_steps`.

    References
    ----------
    Newton, M. A. and Raftery, A. E. (1994), Approximate Bayesian Inference with the Weighted Likelihood
    Bootstrap, JRSS B 56(1):3-48. Rubin, D. B. (1981), The Bayesian Bootstrap, Annals of Statistics 9(1).
    """

    name: ClassVar[str] = "bootstrap"
    with_prior: ClassVar[bool] = True

    def draw(self, objective: Objective, mode: Mode, draws: int, seed: int) -> Draws:
        """As `Method.draw`; where the mode has no curvature to start from, the mode is the only draw."""
        if mode.covariance is None or not mode.status.usable:
            return only_the_mode(mode)
        prior_stream, weight_stream = np.random.default_rng(seed).spawn(2)
        centres = objective.prior.sample(draws, prior_stream)
        parts, steps, close = [], 0.0, 0
        with progress_bar("bootstrap") as move:
            for z, arrived, taken in _batches(objective, mode, centres, weight_stream):
                parts.append(z)
                steps += float(taken.sum())
                close += int(arrived.sum())
                if move is not None:
                    move(sum(part.shape[1] for part in parts), draws)
        diagnostics = {"converged_share": close / draws, "mean_steps": steps / draws}
        if close < ENOUGH * draws:
            reason = f"unreliable: only {close / draws:.0%} of the bootstrap's refits converged"
            return Draws(np.concatenate(parts, axis=1), diagnostics, FitStatus.UNRELIABLE, reason)
        return Draws(np.concatenate(parts, axis=1), diagnostics, mode.status, mode.reason)


def _batches(
    objective: Objective, mode: Mode, centres: np.ndarray, stream: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Refits around the (P, S) centres of their priors, as many at a time as memory holds."""
    curvature = _curvature_by_pattern(objective, mode.z)
    batch = max(1, CELLS_IN_MEMORY // len(objective.patterns))
    for start in range(0, centres.shape[1], batch):
        centre = centres[:, start : start + batch]
        weights = draw_weights(objective.patterns.weights, centre.shape[1], stream)
        refits = _Refits(objective, weights, centre)
        z, arrived, taken = _climb(refits, mode.z, refits.start_from(curvature))
        for lost in np.flatnonzero(~arrived):
            z[:, lost], arrived[lost] = refits.anew(int(lost))
        yield z, arrived, taken


def draw_weights(customers: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(S, m) random weights of patterns that stand for (m,) customers each; every row adds up to all of them.

    Normalised Gamma(w) variates: the w customers of a pattern together, each of weight Exponential(1).

    Examples
    --------
    >>> weights = draw_weights(np.array([1.0, 98.0, 1.0]), 2, np.random.default_rng(1))
    >>> weights.sum(axis=1).round(9).tolist()
    [100.0, 100.0]
    """
    raw = rng.standard_gamma(customers, (draws, len(customers)))
    return np.asarray(raw * (customers.sum() / raw.sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class _Refits:
    """S objectives that differ in weights (S, m) and prior centre (P, S)."""

    objective: Objective
    weights: np.ndarray
    centre: np.ndarray

    def value_and_slope(self, z: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log densities (k,) and their gradients (P, k) of the refits `which` at coordinates (P, k)."""
        model, patterns, precision = (
            self.objective.model,
            self.objective.patterns,
            self.objective.prior.precision,
        )
        batch = max(1, CELLS_PER_BATCH // len(patterns))
        away = z - self.centre[:, which]
        value = -0.5 * np.sum(away * (precision @ away), axis=0)
        slope = -precision @ away
        for start in range(0, len(which), batch):
            part = slice(start, start + batch)
            theta = self.objective.theta(z[:, part])[:, :, None]
            loglik, grad = model.loglik_grad(theta, patterns)
            weights = self.weights[which[part]]
            value[part] += np.sum(weights * loglik, axis=1)
            slope[:, part] += np.sum(weights * grad, axis=2) * theta[:, :, 0]
        return value, slope

    def start_from(self, curvature: np.ndarray) -> np.ndarray:
        """(S, P, P) inverse curvature of each refit at the common mode, made positive where it is not."""
        total = np.einsum("si,pqi->spq", self.weights, curvature) + self.objective.prior.precision
        size, axes = np.linalg.eigh(total)
        size = np.maximum(np.abs(size), LEAST_CURVATURE * size.max(axis=1, keepdims=True))
        return np.asarray((axes / size[:, None, :]) @ axes.transpose(0, 2, 1))

    def anew(self, index: int) -> tuple[np.ndarray, bool]:
        """One refit from the start, and whether it converged."""
        objective = replace(
            self.objective,
            patterns=replace(self.objective.patterns, weights=self.weights[index]),
            prior=replace(self.objective.prior, mean=self.centre[:, index]),
        )
        mode = find_mode(objective)
        return mode.z, mode.covariance is not None and mode.status.usable


def _climb(
    refits: _Refits, start: np.ndarray, inverse: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """BFGS steps of all refits side by side: coordinates (P, S), who arrived (S,), steps taken (S,)."""
    count = len(inverse)
    z = np.repeat(start[:, None], count, axis=1)
    value, slope = refits.value_and_slope(z, np.arange(count))
    shrink, taken, arrived = np.ones(count), np.zeros(count), np.zeros(count, dtype=bool)
    for _ in range(MOST_STEPS):
        step = np.einsum("spq,qs->ps", inverse, slope)
        arrived |= np.sum(step * slope, axis=0) < CLOSE**2
        going = np.flatnonzero(~arrived)
        if not len(going):
            break
        reach = np.max(np.abs(step[:, going]), axis=0)
        step = step[:, going] * (shrink[going] * np.minimum(1.0, LONGEST_STEP / np.maximum(reach, CLOSE)))
        new_value, new_slope = refits.value_and_slope(z[:, going] + step, going)
        taken[going] += 1
        better = new_value >= value[going] - 1e-12 * np.abs(value[going])
        shrink[going] = np.where(better, 1.0, shrink[going] / 4)
        up, step = going[better], step[:, better]
        inverse[up] = _bfgs(inverse[up], step, slope[:, up] - new_slope[:, better])
        z[:, up] += step
        value[up], slope[:, up] = new_value[better], new_slope[:, better]
    return z, arrived, taken


def _bfgs(inverse: np.ndarray, step: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """Inverse curvatures (k, P, P) after steps (P, k) along which the gradients fell by (P, k)."""
    along = np.sum(step * fall, axis=0)
    usable = along > 0
    s, y = step[:, usable].T, fall[:, usable].T
    rho = (1 / along[usable])[:, None, None]
    left = np.eye(len(step)) - rho * s[:, :, None] * y[:, None, :]
    updated = inverse.copy()
    updated[usable] = left @ inverse[usable] @ left.transpose(0, 2, 1) + rho * s[:, :, None] * s[:, None, :]
    return updated


def _curvature_by_pattern(objective: Objective, z: np.ndarray) -> np.ndarray:
    """(P, P, m) negative second derivatives by z of each pattern's log-likelihood."""

    def slopes(at: np.ndarray) -> np.ndarray:
        theta = objective.theta(at)
        return np.asarray(objective.model.loglik_grad(theta, objective.patterns)[1] * theta[:, None])

    rows = [
        (slopes(z - DIFFERENCE * axis) - slopes(z + DIFFERENCE * axis)) / (2 * DIFFERENCE)
        for axis in np.eye(len(z))
    ]
    matrix = np.array(rows)
    return (matrix + matrix.transpose(1, 0, 2)) / 2
