"""Mathematics that the models share: stable differences of gamma functions, quadrature, uniform times.

Every function works on each element for itself: a row gives the same bits alone and among others. So
node counts depend on the row only, and sums over nodes run in the order of the nodes (no BLAS, no pairwise sums).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from scipy.special import gammaln, psi

NEGLIGIBLE = 34.0
"""An integrand that has fallen to exp(-34) = 2e-15 of its maximum contributes nothing more."""

BLOCK = 1 << 15
"""Nodes worked on at a time; the arrays of a block stay in the cache of one core."""

MOST_PURCHASES = 1e6
"""Largest mean of a Poisson draw for one row; the arrays of more purchases would not fit in memory."""

STIRLING_FROM = 16.0
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)


def log_rising(z: np.ndarray, n: np.ndarray) -> np.ndarray:
    r"""Logarithm of the rising factorial, :math:`\log \Gamma(z+n) - \log \Gamma(z)`, for z > 0 and n >= 0.

    For large z the difference of Stirling's series is taken term by term, because the two logarithms
    agree in most of their digits.

    Parameters
    ----------
    z, n
        Broadcastable arrays, z > 0, n >= 0 (not necessarily whole).

    Returns
    -------
    np.ndarray
        In the broadcast shape; exactly 0 where n is 0.

    Examples
    --------
    >>> float(np.exp(log_rising(np.array(2.0), np.array(3.0))).round(9))  # 2 * 3 * 4
    24.0
    >>> bool(np.isclose(log_rising(np.array(1e12), np.array(1.0)), np.log(1e12), rtol=1e-15))
    True
    """
    large = np.asarray(z >= STIRLING_FROM)
    if not large.any():
        return np.asarray(gammaln(z + n) - gammaln(z))
    far = np.maximum(z, STIRLING_FROM)
    end = far + n
    leading = (far - 0.5) * np.log1p(n / far) + n * (np.log(end) - 1.0)
    difference = leading + _stirling_sum(end) - _stirling_sum(far)
    if large.all():
        return np.asarray(difference)
    near = np.minimum(z, STIRLING_FROM)
    return np.where(large, difference, gammaln(near + n) - gammaln(near))


def digamma_rise(z: np.ndarray, n: np.ndarray) -> np.ndarray:
    r"""Difference :math:`\psi(z+n) - \psi(z)`, the derivative of `log_rising` by z, for z > 0 and n >= 0.

    Examples
    --------
    >>> float(digamma_rise(np.array(2.0), np.array(2.0)).round(9))  # 1/2 + 1/3
    0.833333333
    """
    large = np.asarray(z >= STIRLING_FROM)
    if not large.any():
        return np.asarray(psi(z + n) - psi(z))
    far = np.maximum(z, STIRLING_FROM)
    end = far + n
    difference = np.log1p(n / far) + n / (2.0 * far * end) + _stirling_slope(end) - _stirling_slope(far)
    if large.all():
        return np.asarray(difference)
    near = np.minimum(z, STIRLING_FROM)
    return np.where(large, difference, psi(near + n) - psi(near))


def _stirling_sum(z: np.ndarray) -> np.ndarray:
    inverse = 1.0 / z
    square = inverse * inverse
    total = np.zeros_like(inverse)
    for coefficient in reversed(STIRLING):
        total = total * square + coefficient
    return total * inverse


def _stirling_slope(z: np.ndarray) -> np.ndarray:
    square = 1.0 / (z * z)
    total = np.zeros_like(square)
    for i, coefficient in reversed(list(enumerate(STIRLING))):
        total = total * square - (2 * i + 1) * coefficient
    return total * square


def drop(d: np.ndarray, k: np.ndarray, p: np.ndarray, c: np.ndarray) -> np.ndarray:
    r"""How far the log-integrand has fallen at distance d, :math:`k \log(1 + p (e^d - 1)) - c d`.

    In the logarithm of time, and in the log-odds of a probability, the integrands of the models are
    exp(-drop): log-concave for k >= 0 and 0 < p <= 1, analytic as far as :math:`|\Im d| < \pi`.
    """
    return np.asarray(k * np.log1p(p * np.expm1(d)) - c * d)


def reach(k: np.ndarray, p: np.ndarray, c: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """Distance d > 0 at which `drop` has come to `fall`, or a little further.

    Needs c <= k p (the drop does not begin with a rise) and c < k. `drop` is convex, so Newton's steps
    from outside never pass the solution.
    """
    d = (fall - k * np.log(p)) / (k - c)  # from log(1 + p (e^d - 1)) >= d + log p
    curvature = k * p * (1.0 - p)  # at 0; within d <= 1 it keeps more than 1/e of itself
    peaked = curvature >= 2.0 * np.e * fall
    d = np.where(peaked, np.minimum(d, np.sqrt(2.0 * np.e * fall / np.maximum(curvature, 1e-300))), d)
    own = np.minimum(fall / np.maximum(-c, 1e-9), np.log1p(np.expm1(np.minimum(fall / k, 600.0)) / p))
    d = np.minimum(
        np.where(c <= 0.0, np.minimum(d, own), d), 700.0
    )  # for c <= 0 both terms fall by themselves
    for _ in range(6):
        grown = p * np.exp(d)
        slope = k * grown / (1.0 - p + grown) - c
        d = d - np.maximum(drop(d, k, p, c) - fall, 0.0) / slope
    return np.asarray(d)


@cache
def gauss_legendre(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (order, 1) of the Gauss-Legendre rule on [0, 1].

    Examples
    --------
    >>> y, w = gauss_legendre(8)
    >>> float((w * y**3).sum().round(12))
    0.25
    """
    nodes, weights = np.polynomial.legendre.leggauss(order)
    column = (nodes[:, None] + 1.0) / 2.0, weights[:, None] / 2.0
    for array in column:
        array.setflags(write=False)
    return column


def regimes(needed: np.ndarray, sizes: tuple[int, ...]) -> Iterator[tuple[int, np.ndarray]]:
    """Rows grouped by the number of nodes they need, in blocks of bounded size.

    Parameters
    ----------
    needed
        (m,) number of nodes that each row needs.
    sizes
        Node counts on offer, ascending; the last one serves whatever needs more.

    Yields
    ------
    size : int
        Node count of the block.
    rows : (j,) int array
        Its positions in `needed`; every position comes once.
    """
    place = np.minimum(np.searchsorted(sizes, needed), len(sizes) - 1)
    for i, size in enumerate(sizes):
        rows = np.flatnonzero(place == i)
        step = max(BLOCK // size, 1)
        for start in range(0, len(rows), step):
            yield size, rows[start : start + step]


def node_sum(terms: np.ndarray) -> np.ndarray:
    """Sum over the nodes (axis 0) of (nodes, rows), strictly in their order.

    NumPy adds row by row unless there is one column, which it would add pairwise.
    """
    return np.asarray(terms.sum(axis=0) if terms.shape[1] > 1 else terms.cumsum(axis=0)[-1])


def scatter_times(
    rows: np.ndarray, counts: np.ndarray, span: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Times of a Poisson process given their number: uniform in (0, span], ascending within each row.

    Parameters
    ----------
    rows
        (m,) ascending labels.
    counts
        (m,) purchases of each row.
    span
        (m,) or scalar length of the time in which they fall.

    Returns
    -------
    row, time : two (counts.sum(),) arrays
        Rows ascend; times ascend within a row. Times are multiples of about span * m / 1e16, the resolution
        of the sorting key.
    """
    position = np.repeat(np.arange(len(rows)), counts)
    key = position + (1.0 - rng.random(len(position)))
    key.sort()
    share = np.maximum(key - position, np.finfo(float).eps)
    return rows[position], share * (span[position] if np.ndim(span) else span)
