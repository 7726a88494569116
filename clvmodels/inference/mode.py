"""The mode of an objective by Newton's method in unit-free coordinates, and an honest status."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clvmodels.errors import FitStatus
from clvmodels.inference.objective import Objective

BOX = 12.0
"""Search box of z on either side of 0: a factor 160,000 from the scale of the data."""
GRADIENT_TOLERANCE = 1e-6
MOST_STEPS = 100
LONGEST_STEP = 2.0
ARRIVED = 1e-9
"""Largest step that counts as standing still; Newton's error is then its square."""
FLAT = 1e-8
NEARBY = 0.1
SHRINKING = 0.2
"""The curvature is kept for steps shorter than `NEARBY` that shrink at least this fast."""
FEW_PATTERNS = 4000
VAGUE_SD = 5.0
"""Standard deviation of a log parameter beyond which the data do not determine it (a factor of 150)."""
PRIOR_SHARE = 0.8
"""Posterior sd over prior sd from which a parameter rests on its prior."""


@dataclass(frozen=True)
class Mode:
    """Where an objective peaks.

    Attributes
    ----------
    z
        (P,) coordinates of the mode.
    covariance
        (P, P) inverse of the negative curvature of the total log density, or None where it has no
        inverse (a flat or a boundary direction).
    status
        Outcome.
    reason
        What the status means here, naming parameters; empty when converged.
    """

    z: np.ndarray
    covariance: np.ndarray | None
    status: FitStatus
    reason: str


def find_mode(objective: Objective) -> Mode:
    """Maximise the objective from its prior centre, and from further starts if that one fails.

    Many patterns are climbed first on a few of them: what is near the summit of a sample is near that
    of all.
    """
    near = objective.thinned(FEW_PATTERNS)
    modes = []
    for shift in (0.0, -1.5, 1.5):
        start = objective.prior_centre + shift
        if near is not objective:
            start = _climb(near, start)
        mode = _judge(objective, _climb(objective, start))
        if mode.status is FitStatus.CONVERGED:
            return mode
        modes.append(mode)
    return max(modes, key=lambda mode: (mode.status.usable, objective.value_and_grad(mode.z)[0]))


def _climb(objective: Objective, z: np.ndarray) -> np.ndarray:
    """Newton steps inside the box until they vanish; a step that does not climb is shortened.

    The curvature is measured again only when steps no longer shrink fast: near the summit it hardly
    changes.
    """
    value, slope = objective.value_and_grad(z)
    curvature, previous = objective.hessian(z), np.inf
    for _ in range(MOST_STEPS):
        step = _newton_step(z, slope, curvature)
        for _ in range(10):
            trial = np.clip(z + step, -BOX, BOX)
            trial_value, trial_slope = objective.value_and_grad(trial)
            if trial_value >= value - 1e-13 * abs(value):
                break
            step = step / 4
        else:
            return z
        moved = float(np.max(np.abs(trial - z)))
        z, value, slope = trial, trial_value, trial_slope
        if moved < ARRIVED:
            return z
        if moved > SHRINKING * previous or moved > NEARBY:
            curvature = objective.hessian(z)
        previous = moved
    return z


def _newton_step(z: np.ndarray, slope: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """Newton's step in the coordinates not pressed against the box, at most `LONGEST_STEP` in each.

    Curvature of the wrong sign counts by its size, so that the step climbs away from saddles.
    """
    free = ~(((z >= BOX) & (slope > 0)) | ((z <= -BOX) & (slope < 0)))
    step = np.zeros(len(z))
    if free.any():
        eigenvalues, axes = np.linalg.eigh(curvature[np.ix_(free, free)])
        size = np.maximum(np.abs(eigenvalues), FLAT)
        step[free] = axes @ ((axes.T @ slope[free]) / size)
    return step * min(1.0, LONGEST_STEP / max(float(np.max(np.abs(step))), FLAT))


def _judge(objective: Objective, z: np.ndarray) -> Mode:
    value, slope = objective.value_and_grad(z)
    if not np.isfinite(value) or not np.all(np.isfinite(slope)):
        return Mode(z, None, FitStatus.FAILED, "the log-likelihood is not finite at the best point found")
    names = [param.name for param in objective.model.params]
    edge = np.abs(z) > BOX - 0.5
    if edge.any():
        ends = ", ".join(f"{name} → {'∞' if z[i] > 0 else '0'}" for i, name in enumerate(names) if edge[i])
        return Mode(z, None, FitStatus.AT_BOUNDARY, f"{ends}: {FitStatus.AT_BOUNDARY.value}")
    curvature = -objective.hessian(z) * objective.customers
    eigenvalues = np.linalg.eigvalsh(curvature)
    if eigenvalues[0] <= 0:
        flat = np.max(np.abs(slope)) <= 1e3 * GRADIENT_TOLERANCE
        status = FitStatus.NOT_IDENTIFIED if flat else FitStatus.FAILED
        return Mode(z, None, status, f"the curvature is not positive: {status.value}")
    covariance = np.linalg.inv(curvature)
    if np.max(np.abs(slope)) > GRADIENT_TOLERANCE:
        return Mode(z, covariance, FitStatus.FAILED, "the gradient does not vanish at the best point found")
    limit = PRIOR_SHARE * objective.prior_sigma if objective.with_prior else np.full(len(z), VAGUE_SD)
    sd = np.sqrt(np.diag(covariance))
    if (sd > limit).any():
        vague = ", ".join(name for name, wide in zip(names, sd > limit, strict=True) if wide)
        return Mode(z, covariance, FitStatus.NOT_IDENTIFIED, f"{vague}: {FitStatus.NOT_IDENTIFIED.value}")
    return Mode(z, covariance, FitStatus.CONVERGED, "")
