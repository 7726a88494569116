"""The function that fits climb: log-likelihood on patterns, as a function of unit-free coordinates.

Coordinates are ``z = log(theta / unit)`` where ``unit = time_scale**time_power * money_scale**money_power``
is a property of the data (mean age, mean spend). A change of the user's units changes `unit` and leaves
z, the priors on it and every step of the search alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import DataError
from clvmodels.inference.priors import NormalPrior, Priors, build_prior
from clvmodels.rfm import RFM, Customers, check_customers

CELLS_PER_BATCH = 1 << 16
PATTERNS_AT_ONCE = 65_536
"""Patterns whose likelihood is worked out at once: what a kernel holds besides does not grow with the data. Sums of
blocks are added up in order, so another size would change the last digits of a double only."""


@dataclass(frozen=True)
class Scales:
    """Mean age and mean spend of the data: what a unit-free parameter is measured in."""

    time: float
    money: float

    def of(self, model: PurchaseModel | SpendModel) -> np.ndarray:
        """(P,) unit of each parameter of the model."""
        powers = [(param.time_power, param.money_power) for param in model.params]
        return np.array([self.time**time * self.money**money for time, money in powers])


@dataclass(frozen=True)
class Objective:
    """Log-likelihood and prior of one model on compressed data.

    Attributes
    ----------
    model
        Purchase or spend model.
    patterns
        Unique rows with weights.
    scales
        What the coordinates are measured in.
    with_prior
        Whether the prior is part of the objective.
    prior
        Multivariate normal on the coordinates; also where the search starts.
    """

    model: PurchaseModel | SpendModel
    patterns: RFM
    scales: Scales
    with_prior: bool
    prior: NormalPrior

    @property
    def prior_centre(self) -> np.ndarray:
        """(P,) prior means of z; also where the search starts."""
        return self.prior.mean

    @property
    def prior_sigma(self) -> np.ndarray:
        """(P,) marginal prior standard deviations of z."""
        return self.prior.sigma

    @property
    def customers(self) -> float:
        """Number of customers behind the patterns."""
        return self.patterns.customers

    def theta(self, z: np.ndarray) -> np.ndarray:
        """Parameters in the user's units; z is (P,) or (P, S)."""
        unit = self.scales.of(self.model)
        return np.exp(z) * unit.reshape((-1,) + (1,) * (z.ndim - 1))

    def loglik(self, z: np.ndarray) -> float:
        """Log-likelihood of all customers in the user's units, without prior."""
        theta = self.theta(z)
        return sum(float(np.sum(block.weights * self.model.loglik(theta, block))) for block in self._blocks())

    def _blocks(self) -> Iterator[RFM]:
        if len(self.patterns) <= PATTERNS_AT_ONCE:
            yield self.patterns
            return
        for start in range(0, len(self.patterns), PATTERNS_AT_ONCE):
            yield self.patterns.take(slice(start, start + PATTERNS_AT_ONCE))

    def value_and_grad(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """Log density per customer and its gradient by z."""
        theta = self.theta(z)
        value, slope = 0.0, np.zeros(len(z))
        for block in self._blocks():
            loglik, grad = self.model.loglik_grad(theta, block)
            value += float(np.sum(block.weights * loglik))
            slope = slope + np.sum(block.weights * grad, axis=1) * theta
        if self.with_prior:
            value += float(self.prior.log_density(z))
            slope = slope + self.prior.slope(z)
        return value / self.customers, slope / self.customers

    def hessian(self, z: np.ndarray, step: float = 2e-4) -> np.ndarray:
        """(P, P) curvature of `value_and_grad` by z.

        Central differences of the exact gradient, at a step where their own error and that of rounding
        are both near 1e-8 of the curvature.
        """
        rows = [
            self.value_and_grad(z + step * axis)[1] - self.value_and_grad(z - step * axis)[1]
            for axis in np.eye(len(z))
        ]
        matrix = np.array(rows) / (2 * step)
        return (matrix + matrix.T) / 2

    def thinned(self, patterns: int) -> Objective:
        """The objective of evenly spaced patterns, about that many; itself where there are no more."""
        stride = len(self.patterns) // patterns
        if stride < 2:
            return self
        return replace(self, patterns=self.patterns.take(slice(stride // 2, None, stride)))

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """(S,) log posterior densities (up to a constant) of coordinates (P, S), in batches."""
        total = np.zeros(z.shape[1])
        for block in self._blocks():
            batch = max(1, CELLS_PER_BATCH // len(block))
            for start in range(0, z.shape[1], batch):
                theta = self.theta(z[:, start : start + batch])[:, :, None]
                loglik = self.model.loglik(theta, block)
                total[start : start + batch] += np.sum(block.weights * loglik, axis=1)
        if self.with_prior:
            total += self.prior.log_density(z)
        return total


def build_objective(
    model: PurchaseModel | SpendModel, rfm: Customers, *, with_prior: bool, priors: Priors | None = None
) -> Objective:
    """Compress the customers to what the model needs, measure the scales, and build the prior.

    Raises
    ------
    ArgumentError
        If the priors do not fit the model (`build_prior`).
    DataError
        If the summary lacks a column the model needs, or nobody was observed for any time.
    """
    scales = measure_scales(rfm)
    patterns = rfm.patterns(model.needs)
    prior = build_prior(model, priors, scales.of(model), rfm.time_unit)
    return Objective(model, patterns, scales, with_prior, prior)


def measure_scales(rfm: Customers) -> Scales:
    """Mean age, and mean spend over the customers who spent, free of the order of customers.

    Where nobody's repeat purchase has a worth, first purchases are the scale.

    Raises
    ------
    DataError
        If no customer has been observed for any time.
    """
    check_customers(rfm)
    time = _weighted_mean(*rfm.weighted("T"))
    if time <= 0:
        raise DataError(
            "every customer was first seen at the very end of observation, so nothing can be learned",
            column="T",
            fix="set a later observation_end, or an earlier cutoff",
        )
    money = 1.0
    for name in ("monetary_value", "spend_first"):  # the second where nobody came back
        if name in rfm.names:
            amount, weights = rfm.weighted(name)
            if (amount > 0).any():
                money = _weighted_mean(amount[amount > 0], weights[amount > 0])
                break
    return Scales(time, money)


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> float:
    return math.fsum(values * weights) / math.fsum(weights)
