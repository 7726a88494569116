"""Coordinates in which a posterior is round: the log parameters, centred and scaled by a covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clvmodels.errors import FitError
from clvmodels.inference.mode import Mode
from clvmodels.inference.objective import Objective


@dataclass(frozen=True, eq=False)
class Whitened:
    """An objective as a function of w, where ``z = centre + root @ w``.

    Samplers step alike in all directions of w, whatever ridges z has. Nothing here is written to after
    construction, so threads may share it.

    Attributes
    ----------
    objective
        Log density of z.
    centre
        (P,) mode or mean of z.
    root
        (P, P) lower Cholesky factor of a covariance of z, at the mode or of draws.
    """

    objective: Objective
    centre: np.ndarray
    root: np.ndarray

    def z(self, w: np.ndarray) -> np.ndarray:
        """Coordinates (P, ...) of whitened coordinates (P, ...)."""
        return np.tensordot(self.root, w, axes=1) + self.centre.reshape((-1,) + (1,) * (w.ndim - 1))

    def value_and_grad(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Log density of all customers and its gradient (P,) by w (P,); NaN or -inf where it has no value."""
        with np.errstate(all="ignore"):
            value, slope = self.objective.value_and_grad(self.centre + self.root @ w)
        customers = self.objective.customers
        return value * customers, (slope @ self.root) * customers


def whiten(objective: Objective, mode: Mode) -> Whitened:
    """The objective in the coordinates of its mode.

    Raises
    ------
    FitError
        If the mode has no covariance: it lies on a boundary, or a direction is flat.
    """
    if mode.covariance is None:
        raise FitError(f"{objective.model.title} has no curvature at its mode to scale by; {mode.reason}")
    return Whitened(objective, mode.z, np.linalg.cholesky(mode.covariance))
