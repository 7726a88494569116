"""Supports, node counts and sums of the integrals over log-concave functions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

NEGLIGIBLE = 34.0
"""An integrand that has fallen to exp(-34) = 2e-15 of its maximum contributes nothing more."""

BLOCK = 1 << 14
"""Nodes worked on at a time; the arrays of a block stay in the cache of one core."""


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


def regimes(
    needed: np.ndarray, sizes: tuple[int, ...], width: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Rows grouped by the number of nodes they need, in blocks of bounded size.

    Parameters
    ----------
    needed
        (m,) number of nodes that each row needs.
    sizes
        Node counts on offer, ascending; the last one serves whatever needs more.
    width
        Numbers a row keeps at a time, if not one for each node.

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
        step = max(BLOCK // (width or size), 1)
        for start in range(0, len(rows), step):
            yield size, rows[start : start + step]


def node_sum(terms: np.ndarray) -> np.ndarray:
    """Sum over the nodes (axis 0) of (nodes, rows), strictly in their order.

    NumPy adds row by row unless there is one column, which it would add pairwise.
    """
    return np.asarray(terms.sum(axis=0) if terms.shape[1] > 1 else terms.cumsum(axis=0)[-1])
