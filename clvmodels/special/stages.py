r"""Means over customers who buy after every k-th of the stages they walk through, and may leave after a purchase.

Notation:

=============  ===========================================================================
k, j           stages from one purchase to the next, and those of them that are over
n, tau         shape of the rate of the stages, and the horizon in units of its scale
m              stages that go by in the horizon: negative binomial
p, q           chance of leaving after a purchase, Beta(a, b), and 1 - p
rho            q^(1/k): the chance of staying, a stage's share of it
omega          the k-th roots of 1
kappa          discount rate in units of 1 / tau
=============  ===========================================================================

A customer in stage j buys :math:`\lfloor (j+m)/k \rfloor` times, if not for leaving. Where few stages go by, which is
where most customers are, means are sums over m. Everywhere else the sum is taken for a given p, where roots of unity
pick every k-th stage,

.. math:: E[N \mid p] = \frac{1}{kq} \sum_\omega (\omega\rho)^{j+1}
          \frac{1 - (1 + (1-\omega\rho)\tau)^{-n}}{1 - \omega\rho},

and the mean over p is taken by the trapezoid rule of `clvmodels.special.chances`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from clvmodels.special.chances import mean_over_odds
from clvmodels.special.counts import at_least, log_negative_binomial
from clvmodels.special.quadrature import NEGLIGIBLE, gauss_legendre, node_sum, regimes

FALL = 32.0  # a sum over m stops at exp(-32) = 1e-14 of itself
MOST_STAGES = 2048
SMALLEST, EPSILON = 1e-300, 1e-15
LEAST_CHANCE = 1e-120  # its square is still a number
SMALL_GAP = 1e-5
NO_DISCOUNT = 1e-12  # of all that a horizon brings, its end discounted like its beginning
TIMES = (8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 384, 512)


def purchases(k: int, j: int, n: np.ndarray, tau: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean number of purchases of a customer who is there in stage j.

    Parameters
    ----------
    k, j
        Stages of a gap, and those that are over, 0 <= j < k.
    n, a, b
        (m,) shapes > 0.
    tau
        (m,) horizon >= 0, finite.

    Returns
    -------
    (m,) array
        Relative error below 1e-9.

    Examples
    --------
    Of two stages one is over, and the customer leaves with the first purchase:

    >>> one = np.ones(1)
    >>> float(purchases(2, 1, one, one, 1e12 * one, one)[0].round(6))
    0.5
    """
    result, _, far = _sums(k, j, n, tau, a, b)
    if len(far):
        result[far] = _purchases_over_odds(k, j, *(part[far] for part in (n, tau, a, b)))
    return result


def share_staying(k: int, j: int, n: np.ndarray, tau: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Probability that a customer who is there in stage j stays for tau more.

    Parameters as in `purchases`. Relative error below 1e-9 where the probability exceeds 1e-12, absolute error below
    1e-21 elsewhere.

    Examples
    --------
    >>> one = np.ones(1)
    >>> float(share_staying(2, 1, one, one, 1e12 * one, one)[0].round(6))
    0.5
    """
    _, result, far = _sums(k, j, n, tau, a, b)
    if len(far):
        result[far] = _staying_over_odds(k, j, *(part[far] for part in (n, tau, a, b)))
    return result


def discounted_purchases(
    k: int, j: int, n: np.ndarray, tau: np.ndarray, kappa: np.ndarray, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    r"""Discounted mean number of purchases of a customer who is there in stage j.

    .. math:: e^{-\kappa\tau} E[N(\tau)] + \int_0^\tau \kappa e^{-\kappa y} E[N(y)] dy

    Parameters
    ----------
    k, j, n, a, b
        As in `purchases`.
    tau
        (m,) horizon >= 0, infinite only where kappa > 0.
    kappa
        (m,) discount rate >= 0.

    Returns
    -------
    (m,) array
        Relative error below 1e-9.

    Examples
    --------
    >>> one = np.ones(1)
    >>> float(discounted_purchases(1, 0, one, np.inf * one, 1e9 * one, one, one)[0].round(12))  # rate / kappa
    1e-09
    """
    tau = np.minimum(tau, NEGLIGIBLE / np.maximum(kappa, SMALLEST))
    result = np.exp(-kappa * tau) * purchases(k, j, n, tau, a, b)
    fine = n + k + kappa  # both the first purchases and the discount are resolved
    length = np.log1p(fine * tau)
    needed = np.where(kappa * tau > NO_DISCOUNT, _times_needed(k, length), 0.0)
    some = np.flatnonzero(needed > 0.0)
    for size, block in regimes(needed[some], TIMES):
        rows = some[block]
        y, weight = gauss_legendre(size)
        grown = np.expm1(y * length[rows])
        time = grown / fine[rows]
        spread = (np.broadcast_to(part[rows], time.shape).ravel() for part in (n, a, b))
        n_y, a_y, b_y = spread
        bought = purchases(k, j, n_y, time.ravel(), a_y, b_y).reshape(time.shape)
        worth = weight * length[rows] * (kappa[rows] / fine[rows]) * (1.0 + grown)
        result[rows] += node_sum(worth * np.exp(-kappa[rows] * time) * bought)
    return np.asarray(result)


def exactly(
    k: int, j: int, count: np.ndarray, n: np.ndarray, tau: np.ndarray, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    r"""Probability of exactly `count` purchases of a customer who is there in stage j.

    .. math:: S_c P\big(\lfloor (j+m)/k \rfloor = c\big) + 1\{c>0\} (S_{c-1} - S_c) P(m \ge ck - j)

    with S the chance to stay through so many purchases; parameters as in `purchases`, `count` (m,) whole.

    Examples
    --------
    >>> one = np.ones(1)
    >>> float(exactly(2, 1, 0 * one, one, one, one, one)[0])
    0.5
    """
    from clvmodels.special.gammas import log_rising

    stays = log_rising(b, count) - log_rising(a + b, count)
    first = count * k - j
    still = np.zeros_like(tau)
    for stage in range(k):
        reached = first + stage
        chance = np.exp(stays + log_negative_binomial(np.maximum(reached, 0.0), n, tau))
        still += np.where(reached >= 0.0, chance, 0.0)
    some = np.maximum(count, 1.0)
    leaves = log_rising(b, some - 1.0) - log_rising(a + b, some - 1.0) + np.log(a / (a + b + some - 1.0))
    enough = at_least(some * k - j, n, tau)
    return np.asarray(still + np.where(count > 0.0, np.exp(leaves) * enough, 0.0))


def _stages_needed(n: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """Stages after which the rest of a sum is negligible: a negative binomial tail, bounded as Bernstein does."""
    mean = n * tau
    tail = FALL / np.log1p(1.0 / np.maximum(tau, SMALLEST))
    return np.asarray(mean + np.sqrt(2.0 * FALL * mean * (1.0 + tau)) + tail)


def _times_needed(k: int, length: np.ndarray) -> np.ndarray:
    """Gauss nodes in the logarithm of time: purchases at regular times make it turn faster than a random one."""
    return np.asarray(7.0 + (2.0 + 0.8 * k) * length)


def _sums(
    k: int, j: int, n: np.ndarray, tau: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`purchases` and `share_staying` of the rows of which few stages go by, and the other rows."""
    from clvmodels.special.stage_sums import fill_sums

    quick = _stages_needed(n, tau) <= MOST_STAGES
    near, sums = np.flatnonzero(quick), np.empty((2, len(tau)))
    found = np.empty((2, len(near)))
    fill_sums(k, j, n[near], tau[near], a[near], b[near], found)
    sums[:, near] = found
    return sums[0], sums[1], np.flatnonzero(~quick)


def _purchases_over_odds(
    k: int, j: int, n: np.ndarray, tau: np.ndarray, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """`purchases` by the mean over p of the sums over roots."""

    def part(p: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n_, tau_, q = n[rows], tau[rows], 1.0 - _inside(p)
        value, slope = np.zeros_like(p), np.zeros_like(p)
        for times, u, c, _ in _roots(k, p):
            weight, steep = u ** (j + 1) / (k * q * c), u / (k * q)  # dc / dp
            lasting = -n_ * np.log1p(c * tau_)
            gone = -np.expm1(lasting)
            falls = steep * (gone / c - n_ * tau_ * np.exp(lasting) / (1.0 + c * tau_))
            value += times * np.real(weight * gone)
            slope += times * np.real(weight * (gone * ((k - j - 1) / (k * q)) - falls))
        return value, -slope

    at_one = at_least(np.full_like(n, k - j), n, tau)
    return mean_over_odds(a, b, (n + 1.0) * tau, at_one, part)


def _staying_over_odds(
    k: int, j: int, n: np.ndarray, tau: np.ndarray, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    r"""`share_staying` in the same way, :math:`1 - p E[N \mid p]` for a given p without the digits that would cost."""

    def part(p: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n_, tau_, inner = n[rows], tau[rows], _inside(p)
        q = 1.0 - inner
        value, slope = np.zeros_like(p), np.zeros_like(p)
        for times, u, c, drift in _roots(k, p):
            steep = u / (k * q)  # dc / dp
            share = (inner / c) * u ** (j + 1) / (k * q) * np.exp(-n_ * np.log1p(c * tau_))
            value += times * np.real(share)
            rises = drift + (k - j - 1) / (k * q) - n_ * tau_ * steep / (1.0 + c * tau_)
            slope += times * np.real(share * rises)
        return value, -slope

    none = (np.exp(log_negative_binomial(np.full_like(n, m), n, tau)) for m in range(k - j))
    return mean_over_odds(a, b, (n + 1.0) * tau, sum(none, np.zeros_like(n)), part)


def _inside(p: np.ndarray) -> np.ndarray:
    """Chances that are neither 0 nor 1."""
    return np.clip(p, LEAST_CHANCE, 1.0 - EPSILON)


def _roots(k: int, p: np.ndarray) -> Iterator[tuple[float, np.ndarray, np.ndarray, np.ndarray]]:
    r"""For each pair of roots: how many, :math:`u = \omega\rho`, :math:`c = 1 - u`, the slope of log(p / c) by p."""
    p = _inside(p)
    gap = -np.log1p(-p) / k
    rho, q = np.exp(-gap), 1.0 - p
    drift = 1.0 / p - 1.0 / (k * q * np.expm1(gap))
    series = (1.0 - k) / (2.0 * k) + gap * ((0.5 - k / 2.0) + (k - 1.0 / k) / 12.0)
    yield 1.0, rho, -np.expm1(-gap), np.where(gap < SMALL_GAP, series, drift)
    for root in range(1, k // 2 + 1):
        is_real = 2 * root == k
        u = -rho if is_real else np.exp(2j * np.pi * root / k) * rho
        yield 1.0 if is_real else 2.0, u, 1.0 - u, 1.0 / p - u / (k * q * (1.0 - u))
