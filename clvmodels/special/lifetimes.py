"""Integrals over lives that end at a rate of their own."""

from __future__ import annotations

import numpy as np

from clvmodels.special.quadrature import NEGLIGIBLE, drop, gauss_legendre, node_sum, reach, regimes

LIVING_SIZES = (5, 6, 8, 11, 16, 24, 40, 64, 128)
ENDED_SIZES = (7, 9, 11, 13, 16, 20, 24, 32, 40, 64, 128)
LEAST = 1e-300


def discounted_life(s: np.ndarray, kappa: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Integral of a discounted survival function, :math:`\int_0^t e^{-\kappa y} (1 + y)^{-s} dy`, and a moment.

    With y = e^v - 1 and :math:`L = \log(1 + t)` the integrand is :math:`e^{(1-s) v - \kappa (e^v - 1)}` over (0, L):
    log-concave, and analytic in the whole plane, so that one Gauss-Legendre rule over its effective support serves
    every regime.

    Parameters
    ----------
    s
        (m,) exponents > 0.
    kappa
        (m,) discount rates >= 0, in units of the scale of the survival function.
    length
        (m,) L >= 0; infinite only where kappa > 0 or s > 1.

    Returns
    -------
    integral : (m,) array
        Relative error below 1e-11 for L or log(1 / kappa) below 40.
    moment : (m,) array
        The same integral with the factor y / (1 + y).

    Examples
    --------
    Without discounting, and for ever:

    >>> one = np.ones(1)
    >>> float(discounted_life(2.0 * one, 0.0 * one, np.log(4.0) * one)[0].round(9)[0])  # 1 - 1 / (1 + 3)
    0.75
    >>> float(discounted_life(0.0 * one, 0.1 * one, np.inf * one)[0].round(9)[0])
    10.0
    """
    start, length, needed = _living(s, kappa, length)
    integral, moment = np.empty_like(length), np.empty_like(length)
    for size, rows in regimes(needed, LIVING_SIZES):
        y, w = gauss_legendre(size)
        v = start[rows] + y * length[rows]
        grown = np.expm1(v)
        f = w * np.exp((1.0 - s[rows]) * v - kappa[rows] * grown)
        integral[rows] = length[rows] * node_sum(f)
        moment[rows] = length[rows] * node_sum(f * (grown / (1.0 + grown)))
    return integral, moment


def _living(
    s: np.ndarray, kappa: np.ndarray, length: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First value and length of the support, and the number of nodes.

    Both factors e^((1-s) v), for s > 1, and e^(-kappa (e^v - 1)) fall; what comes after either has become
    negligible is negligible in the product. For s < 1 the integrand rises first. The node count is a bound fitted
    to the smallest rule with relative error below 1e-12.
    """
    rise, kappa = 1.0 - s, np.maximum(kappa, LEAST)
    end = np.minimum(length, np.log1p(NEGLIGIBLE / kappa))
    end = np.minimum(end, NEGLIGIBLE / np.maximum(-rise, LEAST))
    top = np.minimum(np.log(np.maximum(rise / kappa, 1.0)), end)
    before = (NEGLIGIBLE + kappa * np.exp(top)) / np.maximum(rise, 1e-9)  # exceeds top if rise is smaller
    start = np.where(rise > 0.0, np.maximum(top - before, 0.0), 0.0)
    change = rise * (2.0 * top - start - end)
    change -= kappa * (2.0 * np.expm1(top) - np.expm1(start) - np.expm1(end))
    return start, end - start, 4.0 + 3.0 * np.sqrt(end - start + change) + 1.2 * (end - start)


def lives_ended(
    n: np.ndarray, s: np.ndarray, A: np.ndarray, B: np.ndarray, D: np.ndarray, *, with_moments: bool
) -> tuple[np.ndarray, np.ndarray]:
    r"""Weight of the lives that ended in a silence, :math:`\frac{s}{B} \int_0^D (1+u/B)^{-(s+1)} (1+u/A)^{-n} du`.

    With C = min(A, B), u = C (e^v - 1) the integrand is exp(-drop(v)), log-concave and analytic within a strip of
    half-width pi.

    Parameters
    ----------
    n, A
        (m,) shape and scale > 0 of the rate of buying at the last purchase.
    s, B
        (m,) shape and scale > 0 of the rate of leaving.
    D
        (m,) length of the silence >= 0.
    with_moments
        Whether the means are wanted.

    Returns
    -------
    weight : (m,) array
        In [0, 1).
    means : (4, m) array, or (0, m)
        Means of log(1+u/A), log(1+u/B), u/(A+u) and u/(B+u) under the integrand.

    Examples
    --------
    >>> one = np.ones(1)
    >>> weight, means = lives_ended(one, one, one, one, one, with_moments=False)
    >>> float(weight[0].round(9))  # the integral of (1+u)^-3 over (0, 1)
    0.375
    """
    buying_first = A <= B
    near, far = np.minimum(A, B), np.maximum(A, B)
    k = np.where(buying_first, s + 1.0, n)
    c = np.where(buying_first, 1.0 - n, -s)
    rho = near / far
    length, needed = _support(np.log1p(D / near), k, rho, c)
    total = np.empty_like(n)
    means = np.empty((4 if with_moments else 0, len(n)))
    for size, rows in regimes(needed, ENDED_SIZES):
        y, w = gauss_legendre(size)
        v = y * length[rows]
        grown = np.expm1(v)
        shrunk = rho[rows] * grown
        log_far = np.log1p(shrunk)
        f = c[rows] * v
        f -= k[rows] * log_far
        np.exp(f, out=f)
        f *= w
        total[rows] = mass = node_sum(f)
        if with_moments:
            shares = grown / (1.0 + grown), shrunk / (1.0 + shrunk)
            for i, part in enumerate((v, log_far, *shares)):
                means[i, rows] = node_sum(f * part) / mass
    if with_moments:
        means = np.where(buying_first, means, means[[1, 0, 3, 2]])
    return s * (near / B) * length * total, means


def _support(
    whole: np.ndarray, k: np.ndarray, rho: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Length of the part of (0, whole) that matters, and the number of nodes it needs.

    The integrand exp(-drop) is highest at 0 or, where c > k rho, at the odds c / (k - c). The node count is a
    bound fitted to the smallest rule with relative error below 1e-11.
    """
    top = np.log(np.maximum(np.maximum(c, 0.0) * (1.0 - rho) / ((k - c) * rho), 1.0))
    risen = -drop(np.minimum(top, whole), k, rho, c)
    fallen = drop(whole, k, rho, c) + risen
    length = whole
    long = np.flatnonzero(fallen > NEGLIGIBLE)
    if len(long):
        k, rho, c, top = k[long], rho[long], c[long], top[long]
        after = reach(k, np.maximum(rho, c / k), c, np.full_like(k, NEGLIGIBLE))
        length = whole.copy()
        length[long] = np.minimum(whole[long], top + after)
        fallen[long] = drop(length[long], k, rho, c) + risen[long]
    return length, 6.0 + 0.5 * (fallen + risen) + 2.3 * length
