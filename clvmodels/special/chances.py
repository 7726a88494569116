r"""Means over customers who leave after a purchase with a chance p ~ Beta(a, b) of their own.

Notation:

=============  ===========================================================================
n, tau         shape of the rate of buying, and the horizon in units of its scale
kappa          discount rate in the same units
M(y)           mean of (1 + p y)^-n over p, the share still there at y
z              y / (1 + y)
w              log-odds of p, above the mode of its density
=============  ===========================================================================

Without discounting, the mean number of purchases is a sum over counts. Otherwise, where few terms suffice, which is
where most customers are, M is Euler's series

.. math:: M(y) = (1+y)^{-a} \sum_k \frac{(a)_k (a+b-n)_k}{(a+b)_k k!} z^k,

positive term by term for n <= a + b, and losing few digits as long as n is not much larger. Everywhere else the
mean over p is taken by the trapezoid rule in w.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clvmodels.special.lifetimes import discounted_life
from clvmodels.special.quadrature import NEGLIGIBLE, gauss_legendre, node_sum, reach, regimes

MOST_TERMS = 256
MOST_COUNTED = 64.0  # purchases, on average, up to which the sum over counts is the quickest way
LONGEST_COUNTED = 4.0  # and horizon in units of the scale of the rate
FALL = 28.0  # the series stops at exp(-28) = 7e-13 of its sum
LOST = 9.0  # logarithm of the digits that the series may lose
TIMES = (5, 6, 8, 10, 13, 16, 20, 26, 32, 40, 64)
SIZES = tuple(size * 2**i for i in range(11) for size in (32, 40, 48, 56))
DIGITS = 26.0  # the trapezoid rule errs by about exp(-26) = 5e-12 of the result
SMALLEST = 1e-300
LEAST_CHANCE = 1e-150  # its square is still a number

Part = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def discounted_purchases(
    n: np.ndarray, tau: np.ndarray, kappa: np.ndarray, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    r"""Discounted purchases of a customer who is there, :math:`\int_0^\tau n e^{-\kappa y} E (1+py)^{-(n+1)} dy`.

    The mean is over p ~ Beta(a, b).

    Parameters
    ----------
    n, a, b
        (m,) shapes > 0.
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
    A customer who will leave at the first purchase, and may buy once in a unit of time:

    >>> one = np.ones(1)
    >>> float(discounted_purchases(one, one, 0 * one, 1e9 * one, one)[0].round(6))  # 1 - 1 / (1 + 1)
    0.5
    """
    counted = (kappa == 0.0) & (tau <= LONGEST_COUNTED) & (n * tau <= MOST_COUNTED)
    if counted.all():
        return _over_counts(n, tau, a, b)
    result = np.empty_like(tau)
    few, rest = np.flatnonzero(counted), np.flatnonzero(~counted)
    result[few] = _over_counts(*(part[few] for part in (n, tau, a, b)))
    result[rest] = _over_time(*(part[rest] for part in (n, tau, kappa, a, b)))
    return result


def _over_counts(n: np.ndarray, tau: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The mean of min(N, G): N would come of a customer who never leaves, and the G-th is the last."""
    from clvmodels.special.sums import fill_purchases

    q, result = tau / (1.0 + tau), np.empty_like(tau)
    fill_purchases(n, q, n * q * np.exp(-n * np.log1p(tau)), a, b, result)
    return result


def _over_time(n: np.ndarray, tau: np.ndarray, kappa: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The integral over time, of a series or of a mean over p."""
    tau = np.minimum(tau, NEGLIGIBLE / np.maximum(kappa, SMALLEST))
    length = np.log1p(tau)
    times = 4.0 + 2.3 * np.sqrt((n + 2.0) * length + kappa * tau) + 1.2 * length
    terms = _terms_needed(n + 1.0, tau, a, b)
    quick = (terms <= MOST_TERMS) & (times <= TIMES[-1])
    result = np.empty_like(tau)
    few, rest = np.flatnonzero(quick), np.flatnonzero(~quick)
    for size, block in regimes(times[few], TIMES):
        rows = few[block]
        y, weight = gauss_legendre(size)
        v = y * length[rows]
        grown = np.expm1(v)
        f = weight * np.exp((1.0 - a[rows]) * v - kappa[rows] * grown)
        f *= _series(n[rows] + 1.0, a[rows], b[rows], grown / (1.0 + grown), terms[rows])
        result[rows] = n[rows] * length[rows] * node_sum(f)
    if len(rest):
        result[rest] = _discounted_over_odds(*(part[rest] for part in (n, tau, kappa, a, b)))
    return result


def share_staying(n: np.ndarray, tau: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    r"""Probability that a customer who is there stays for tau more, :math:`M(\tau)`.

    Parameters as in `discounted_purchases`. Relative error below 1e-9 where the probability exceeds 1e-15, and below
    1e-4 down to 1e-40, which is as good as 0.

    Examples
    --------
    >>> one = np.ones(1)
    >>> float(share_staying(one, one, one, one)[0].round(9))  # the mean of 1 / (1 + p)
    0.693147181
    """
    terms = _terms_needed(n, tau, a, b)
    few, rest = np.flatnonzero(terms <= MOST_TERMS), np.flatnonzero(terms > MOST_TERMS)
    result = np.empty_like(tau)
    z = (tau[few] / (1.0 + tau[few]))[None, :]
    series = _series(n[few], a[few], b[few], z, terms[few])[0]
    result[few] = np.exp(-a[few] * np.log1p(tau[few])) * series
    if len(rest):
        n, tau, a, b = n[rest], tau[rest], a[rest], b[rest]

        def part(p: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            met = p * tau[rows]
            share = np.exp(-n[rows] * np.log1p(met))
            return share, n[rows] * tau[rows] * share / (1.0 + met)

        result[rest] = mean_over_odds(a, b, (n + 1.0) * tau, np.exp(-n * np.log1p(tau)), part)
    return result


def _terms_needed(n: np.ndarray, tau: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Terms after which the rest of the series is negligible; infinite where it would lose too many digits.

    Of the two upper parameters the larger, over the lower one, only makes terms smaller; the terms of the other, m,
    are a negative binomial distribution with mean m tau, whose tail is bounded as Bernstein does. For n > a + b the
    signs of n - a - b terms alternate, and the sum is at least (1-z)^(n-a-b).
    """
    z = np.maximum(tau / (1.0 + tau), SMALLEST)
    rest = a + b - n
    excess = np.maximum(-rest, 0.0)
    lost = excess * np.log1p(2.0 * tau)  # (1+z) / (1-z)
    mean = np.maximum(np.minimum(a, rest) - 1.0, 0.0) * tau
    tail = np.sqrt(2.0 * FALL * mean * (1.0 + tau)) + (FALL + lost) / np.maximum(-np.log(z), SMALLEST)
    return np.where(lost < LOST, 2.0 + excess + mean + tail, np.inf)


def _series(n: np.ndarray, a: np.ndarray, b: np.ndarray, z: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Euler's series for (m,) parameters at z (j, m), ascending along j, as many terms as each row needs."""
    from clvmodels.special.euler import fill_series

    result = np.empty_like(z)
    fill_series(n, a, b, z, terms, result)
    return result


def _discounted_over_odds(
    n: np.ndarray, tau: np.ndarray, kappa: np.ndarray, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """`discounted_purchases` with the time integral inside, at each node of p."""

    def part(p: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p, n_p = np.maximum(p, LEAST_CHANCE), np.broadcast_to(n[rows], p.shape).ravel()
        life, moment = discounted_life(n_p + 1.0, (kappa[rows] / p).ravel(), np.log1p(p * tau[rows]).ravel())
        per = 1.0 / p
        return n[rows] * life.reshape(p.shape) * per, (n_p * (n_p + 1.0) * moment).reshape(
            p.shape
        ) * per * per

    at_one = n * discounted_life(n + 1.0, kappa, np.log1p(tau))[0]
    return mean_over_odds(a, b, (n + 1.0) * tau, at_one, part)


def mean_over_odds(
    a: np.ndarray, b: np.ndarray, feature: np.ndarray, at_one: np.ndarray, part: Part
) -> np.ndarray:
    r"""Mean of a falling positive f(p) over p ~ Beta(a, b).

    Integrating by parts moves the weight away from p = 0, taking f(1) out moves it away from p = 1:

    .. math:: E_{a,b} f = f(1) + \frac{b}{a+b+1} E_{a+1,b+1}
              \Big[ \frac{f - f(1)}{1-p} + \frac{-f'}{a+b} \Big],

    every term positive, and as a function of w the integrand decays at least as fast as exp(-|w|) on both sides.
    Hence the trapezoid rule, exponentially accurate; it divides by the sum of the density over the same nodes.

    Parameters
    ----------
    feature
        (m,) f falls no faster than a power of p, and not before p = 1 / feature.
    at_one
        (m,) f(1).
    part
        From p (j, k) and the rows (k,) it belongs to: f and -f', in the shape of p.
    """
    A, B = a + 1.0, b + 1.0
    N = A + B
    growing = np.maximum(np.log(np.maximum(feature, SMALLEST)) + np.log(A / B), 0.0)
    enough = np.full_like(N, NEGLIGIBLE)
    left, right = reach(N, B / N, B, enough) + growing, reach(N, A / N, A, enough)
    mean = np.empty_like(N)
    for size, rows in regimes((left + right) / _step(A, B), SIZES):
        A_, B_, N_ = A[rows], B[rows], N[rows]
        w = (left + right)[rows] * ((np.arange(size) + 0.5)[:, None] / size) - left[rows]
        change = np.expm1(w)
        lift = 1.0 + (A_ / N_) * change
        density = np.exp(A_ * w - N_ * np.log1p((A_ / N_) * change))
        p, q = (A_ / N_) * np.exp(w) / lift, (B_ / N_) / lift
        value, slope = part(p, rows)
        integrand = (value - at_one[rows]) / q + slope / (N_ - 2.0)
        mean[rows] = node_sum(density * integrand) / node_sum(density)
    return np.asarray(at_one + (b / (A + b)) * mean)


def _step(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Step of the trapezoid rule, from its error exp(-2 pi theta / step) G(theta) for any strip |Im w| < theta.

    G is the growth of the density towards the edge of the strip, and theta nearly the best choice; below pi / 2 the
    other factor of the integrand does not grow.
    """
    N = A + B
    theta = np.minimum(1.4, np.sqrt(2.0 * DIGITS * N / (A * B)))
    growth = -A * np.log(np.cos(theta * (B / N))) - B * np.log(np.cos(theta * (A / N)))
    return np.asarray(2.0 * np.pi * theta / (DIGITS + growth))
