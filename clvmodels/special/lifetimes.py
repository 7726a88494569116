"""Integrals over lives that end at a rate of their own."""

from __future__ import annotations

import numpy as np

from clvmodels.special.quadrature import NEGLIGIBLE, drop, gauss_legendre, node_sum, reach, regimes

LIVING_SIZES = (5, 6, 8, 11, 16, 24, 40, 64, 128)
ENDED_SIZES = (7, 9, 11, 13, 16, 20, 24, 32, 40, 64, 128)
LEAST = 1e-300
EQUAL_ENOUGH = 0.6
"""Up to this share by which two scales differ their series needs fewer operations than their integral."""


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
    n: np.ndarray,
    s: np.ndarray,
    A: np.ndarray,
    B: np.ndarray,
    D: np.ndarray,
    alive: np.ndarray,
    *,
    with_moments: bool,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Weight of the lives that ended in a silence, :math:`\frac{s}{B} \int_0^D (1+u/B)^{-(s+1)} (1+u/A)^{-n} du`.

    What the moments need is integrated: with C = min(A, B), u = C (e^v - 1) the integrand is exp(-drop(v)), log-concave
    and analytic within a strip of half-width pi. The weight alone is the lives that end ever after, less those that
    end after D, where the two scales are not too different (`ended_ever_after`).

    Parameters
    ----------
    n, A
        (m,) shape and scale > 0 of the rate of buying at the last purchase.
    s, B
        (m,) shape and scale > 0 of the rate of leaving.
    D
        (m,) length of the silence >= 0.
    alive
        (m,) weight of the lives that did not end in it, :math:`(1+D/B)^{-s} (1+D/A)^{-n}`.
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
    >>> weight, means = lives_ended(one, one, one, one, one, 0.25 * one, with_moments=False)
    >>> float(weight[0].round(9))  # the integral of (1+u)^-3 over (0, 1)
    0.375
    """
    equal = np.minimum(A, B) >= (1.0 - EQUAL_ENOUGH) * np.maximum(A, B)  # False where one is infinite
    if equal.all() and not with_moments:
        return _subtracted(n, s, A, B, D, alive), np.empty((0, len(n)))
    few, integrated = np.flatnonzero(equal), slice(None) if with_moments else np.flatnonzero(~equal)
    weight = np.empty_like(n)
    weight[integrated], means = _integrated(
        *(part[integrated] for part in (n, s, A, B, D)), with_moments=with_moments
    )
    weight[few] = _subtracted(*(part[few] for part in (n, s, A, B, D, alive)))
    return weight, means if with_moments else np.empty((0, len(n)))


def ended_ever_after(n: np.ndarray, s: np.ndarray, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    r"""`lives_ended` for a silence without end: the chance that the customer leaves before the next purchase.

    By Gauss's series, positive term by term and falling at least as fast as the powers of z:

    .. math:: \frac{s}{n+s} F(1, n; n+s+1; 1 - B/A) \; (B \le A), \qquad
              \frac{s}{n+s} \frac{A}{B} F(1, s+1; n+s+1; 1 - A/B) \; (A < B)

    Parameters as in `lives_ended`; the series is as long as the scales are different, so they must not be more than a
    few times apart.

    References
    ----------
    DLMF 15.8.1 for the transformation of the form that Fader & Hardie (2005) give.

    Examples
    --------
    >>> one = np.ones(1)
    >>> ended_ever_after(2 * one, one, one, one).round(12).tolist()  # of rates 2 and 1 the slower is first
    [0.333333333333]
    """
    from clvmodels.special.sums import fill_gauss

    z, series = 1.0 - np.minimum(A, B) / np.maximum(A, B), np.empty_like(n)
    fill_gauss(np.where(B <= A, n, s + 1.0), n + s + 1.0, z, series)
    return np.asarray(series * np.where(B <= A, 1.0, 1.0 - z) * (s / (n + s)))


def _subtracted(
    n: np.ndarray, s: np.ndarray, A: np.ndarray, B: np.ndarray, D: np.ndarray, alive: np.ndarray
) -> np.ndarray:
    """The weight: lives that end, less those that are still lived at D and end later.

    It errs by a rounding of the whole, not of itself, which is all that the likelihood and P(alive) ask for.
    """
    return np.maximum(ended_ever_after(n, s, A, B) - alive * ended_ever_after(n, s, A + D, B + D), 0.0)


def _integrated(
    n: np.ndarray, s: np.ndarray, A: np.ndarray, B: np.ndarray, D: np.ndarray, *, with_moments: bool
) -> tuple[np.ndarray, np.ndarray]:
    """`lives_ended` by Gauss-Legendre rules."""
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
