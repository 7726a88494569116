r"""Shocks with heavy tails that multiply everything at once.

A factor is :math:`e^{\sigma t} / E[e^{\sigma t}]`, its mean 1. Here t is a Student variate with 5 degrees of freedom
and unit variance, bounded at ±5: without a bound no Student variate has a mean of its exponential. One in 750 lies
beyond the bound.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import stdtrit

FREEDOM = 5
BOUND = 5.0
GRID = 1 << 12  # of midpoints: the moments change by less than 1e-5 with a finer one
PLASTIC = 1.324717957244746  # the root of g**3 = g + 1
STEPS = np.array([1 / PLASTIC, 1 / PLASTIC**2])


def even_pairs(start: np.ndarray, count: int) -> np.ndarray:
    """(count, 2) uniform pairs that fill the square evenly however many there are, from a start (2,) in [0, 1).

    Roberts' sequence: the first ones are the same whatever the count, and means over them err less than those over
    independent pairs.

    Examples
    --------
    >>> pairs = even_pairs(np.array([0.3, 0.6]), 1000)
    >>> bool(abs(pairs.mean(axis=0) - 0.5).max() < 0.003)
    True
    """
    pairs: np.ndarray = np.modf(start + np.arange(1, count + 1)[:, None] * STEPS)[0]
    return np.clip(pairs, 2.0**-53, 1 - 2.0**-53)


def shock_factors(u: np.ndarray, sigma: float) -> np.ndarray:
    """Factors at the levels u in (0, 1): the quantiles of their law, whose mean is 1.

    Examples
    --------
    >>> shock_factors(np.array([0.05, 0.5, 0.95]), 0.18).round(3).tolist()
    [0.743, 0.984, 1.303]
    """
    factors: np.ndarray = _raw(u, sigma) / _raw(_grid(), sigma).mean()
    return factors


def shock_deviation(sigma: float) -> float:
    """Standard deviation of the factors, a little more than sigma.

    Examples
    --------
    >>> round(shock_deviation(0.18), 3)
    0.183
    """
    return math.sqrt(float((shock_factors(_grid(), sigma) ** 2).mean()) - 1)


def shock_nodes(sigma: float, count: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """(count,) factors and their weights: a Gauss rule for means over the law, right for its first 2 count - 1 moments.

    From the recursion of the polynomials that are orthogonal under the law (Stieltjes' procedure), and the eigenvalues
    of its matrix (Golub and Welsch 1969, doi:10.1090/S0025-5718-69-99647-1).

    Examples
    --------
    >>> nodes, weights = shock_nodes(0.18)
    >>> nodes.round(2).tolist(), round(float(weights @ nodes), 9)
    ([0.69, 0.99, 1.37, 2.27], 1.0)
    """
    law = shock_factors(_grid(), sigma)
    before, now, size_before = np.zeros(GRID), np.ones(GRID), 1.0
    middle, beside = np.zeros(count), np.zeros(count)
    for degree in range(count):
        size = float((now * now).mean())
        middle[degree] = (law * now * now).mean() / size
        beside[degree] = size / size_before if degree else 0.0
        before, now = now, (law - middle[degree]) * now - beside[degree] * before
        size_before = size
    step = np.sqrt(beside[1:])
    nodes, vectors = np.linalg.eigh(np.diag(middle) + np.diag(step, 1) + np.diag(step, -1))
    return nodes, vectors[0] ** 2


def _grid() -> np.ndarray:
    return (np.arange(GRID) + 0.5) / GRID


def _raw(u: np.ndarray, sigma: float) -> np.ndarray:
    unit = stdtrit(FREEDOM, u) * math.sqrt((FREEDOM - 2) / FREEDOM)
    return np.asarray(np.exp(sigma * np.clip(unit, -BOUND, BOUND)))
