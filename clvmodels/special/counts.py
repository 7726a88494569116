"""Probabilities of so many purchases by customers who are there at the start."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import betainc, betaincc

from clvmodels.special.gammas import log_rising
from clvmodels.special.lifetimes import lives_ended
from clvmodels.special.quadrature import NEGLIGIBLE, gauss_legendre, node_sum, regimes

SIZES = (8, 11, 16, 24, 32, 40, 48, 64, 96, 128)
LEAST = 1e-300


def log_negative_binomial(k: np.ndarray, r: np.ndarray, odds: np.ndarray) -> np.ndarray:
    r"""Logarithm of the probability of k purchases at a rate that is Gamma(r) across customers.

    .. math:: \log \frac{(r)_k}{k!} + k \log \frac{o}{1+o} - r \log(1 + o),

    with o the time in units of the scale of the rate.

    Parameters
    ----------
    k, r, odds
        Broadcastable arrays, k >= 0 whole, r > 0, odds o >= 0.

    Examples
    --------
    >>> float(np.exp(log_negative_binomial(np.array(2.0), np.array(1.0), np.array(1.0))).round(9))
    0.125
    """
    ways = log_rising(r, k) - log_rising(np.ones_like(k), k)
    return np.asarray(ways - k * np.log1p(1.0 / np.maximum(odds, LEAST)) - r * np.log1p(odds))


def at_least(k: np.ndarray, r: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """Probability of k >= 1 purchases or more; parameters as in `log_negative_binomial`.

    Examples
    --------
    >>> one = np.ones(1)
    >>> float(at_least(one, one, one)[0])
    0.5
    """
    k, r, odds = np.broadcast_arrays(k, r, odds)
    few, many = odds < 1.0, odds >= 1.0
    found = np.full(odds.shape, np.nan)
    with np.errstate(under="ignore"):
        found[few] = betainc(k[few], r[few], odds[few] / (1.0 + odds[few]))
        found[many] = betaincc(r[many], k[many], 1.0 / (1.0 + odds[many]))
    return found


def purchases_before_leaving(
    k: np.ndarray, r: np.ndarray, tau: np.ndarray, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    r"""Probability of k purchases of a customer who may leave after each, with a chance p ~ Beta(a, b).

    .. math:: \frac{B(a, b+k)}{B(a, b)} P(N = k) + \frac{B(a+1, b+k-1)}{B(a, b)} P(N \ge k),

    with N the purchases of a customer who never leaves; the second term needs k > 0.

    Parameters
    ----------
    k
        (m,) whole numbers >= 0.
    r, a, b
        (m,) shapes > 0.
    tau
        (m,) horizon >= 0 in units of the scale of the rate of buying.

    Returns
    -------
    (m,) array
        Probabilities.

    Examples
    --------
    >>> one = np.ones(1)
    >>> float(purchases_before_leaving(0 * one, one, one, one, one)[0])
    0.5
    """
    stays = log_rising(b, k) - log_rising(a + b, k)
    found = np.exp(stays + log_negative_binomial(k, r, tau))
    buys = np.flatnonzero(k > 0.0)
    k, r, tau, a, b = (part[buys] for part in (k, r, tau, a, b))
    leaves = log_rising(b, k - 1.0) - log_rising(a + b, k - 1.0) + np.log(a / (a + b + k - 1.0))
    found[buys] += np.exp(leaves) * at_least(k, r, tau)
    return np.asarray(found)


def purchases_before_end(
    k: np.ndarray, r: np.ndarray, alpha: np.ndarray, s: np.ndarray, beta: np.ndarray, t: np.ndarray
) -> np.ndarray:
    r"""Probability of k purchases in t of a customer whose life ends at a rate of its own.

    .. math:: P(N_t = k) \Big(\frac{\beta}{\beta+t}\Big)^s
              + \int_0^t \frac{s}{\beta} \Big(\frac{\beta}{\beta+u}\Big)^{s+1} P(N_u = k) du

    For k = 0 the integral is that of the lives that end in a silence. Otherwise, in the logarithm of u, the integrand
    is log-concave, its mode the root of a quadratic, and Gauss-Legendre serves its support.

    Parameters
    ----------
    k
        (m,) whole numbers >= 0.
    r, alpha, s, beta
        (m,) shapes and scales > 0 of the rates of buying and leaving.
    t
        (m,) horizon >= 0.

    Returns
    -------
    (m,) array
        Probabilities.

    Examples
    --------
    >>> one = np.ones(1)
    >>> float(purchases_before_end(0 * one, one, one, one, one, one)[0].round(9))  # 1/4 + 3/8
    0.625
    """
    t = np.maximum(t, LEAST)
    found = np.exp(log_negative_binomial(k, r, t / alpha) - s * np.log1p(t / beta))  # alive at t
    none, some = np.flatnonzero(k == 0.0), np.flatnonzero(k > 0.0)
    silent = (part[none] for part in (r, s, alpha, beta, t, found))
    found[none] += lives_ended(*silent, with_moments=False)[0]
    if len(some):
        found[some] += _ended(*(part[some] for part in (k, r, alpha, s, beta, t)))
    return found


def _ended(
    k: np.ndarray, r: np.ndarray, alpha: np.ndarray, s: np.ndarray, beta: np.ndarray, t: np.ndarray
) -> np.ndarray:
    """The integral over the ends of lives."""
    mode = np.minimum(_mode(k, r, alpha, s, beta), t)
    peak = _Peak(r + k, alpha / mode, s + 1.0, beta / mode, k + 1.0)
    left, right = _support(peak, np.log(t / mode))
    falls = _fall(peak, -left) + _fall(peak, right)
    length, total = left + right, np.empty_like(t)
    for size, rows in regimes(4.0 + 3.5 * np.sqrt(length + falls) + 1.2 * length, SIZES):
        y, w = gauss_legendre(size)
        own = _Peak(*(part[rows] for part in peak))
        f = w * np.exp(-_fall(own, y * length[rows] - left[rows]))
        total[rows] = length[rows] * node_sum(f)
    top = log_negative_binomial(k, r, mode / alpha) - s * np.log1p(mode / beta)
    return np.asarray(np.exp(top) * total * (s / (1.0 + beta / mode)))


def _mode(k: np.ndarray, r: np.ndarray, alpha: np.ndarray, s: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Where u^(k+1) (alpha+u)^-(r+k) (beta+u)^-(s+1) is highest, the root of (r+s) u^2 - q u - (k+1) alpha beta."""
    wider = np.maximum(alpha, beta)
    a, b = alpha / wider, beta / wider
    q = (1.0 - r) * b + (k - s) * a
    root = np.sqrt(q * q + 4.0 * (r + s) * (k + 1.0) * a * b)
    above, below = q + root, root - q
    return wider * np.where(
        q > 0.0, above / (2.0 * (r + s)), 2.0 * (k + 1.0) * a * b / np.maximum(below, LEAST)
    )


class _Peak(NamedTuple):
    """(1 + e^d / A)^-n (1 + e^d / B)^-m e^(c d), over its value at d = 0."""

    n: np.ndarray
    A: np.ndarray
    m: np.ndarray
    B: np.ndarray
    c: np.ndarray


def _fall(peak: _Peak, d: np.ndarray) -> np.ndarray:
    """How far the logarithm has fallen at d; convex."""
    n, A, m, B, c = peak
    return np.asarray(n * _log_growth(A, d) + m * _log_growth(B, d) - c * d)


def _log_growth(A: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Logarithm of (A + e^d) / (A + 1), to all digits near d = 0 and far below it."""
    near = np.log1p(np.expm1(np.maximum(d, -1.0)) / (1.0 + A))
    return np.where(d > -1.0, near, np.log((A + np.exp(d)) / (1.0 + A)))


def _support(peak: _Peak, most: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances to the left and right, at most `most` to the right, where the fall is negligible.

    Newton's steps from where the asymptotes of a convex function have fallen so far never pass the solution.
    """
    n, A, m, B, c = peak
    left = (NEGLIGIBLE + n * np.log1p(1.0 / A) + m * np.log1p(1.0 / B)) / c
    right = np.minimum((NEGLIGIBLE + n * np.log1p(A) + m * np.log1p(B)) / (n + m - c), most)
    for _ in range(8):
        left, right = left - _excess(peak, -left), right - _excess(peak, right)
    return left, right


def _excess(peak: _Peak, d: np.ndarray) -> np.ndarray:
    """Newton's step from d towards the top; 0 where the fall is not too large already."""
    n, A, m, B, c = peak
    grown = np.exp(d)
    slope = n * grown / (A + grown) + m * grown / (B + grown) - c
    return np.maximum(_fall(peak, d) - NEGLIGIBLE, 0.0) / np.maximum(np.abs(slope), LEAST)
