"""What is known of amounts ~ Gamma(p, rate ν) when the rate ν of their customer is ~ Gamma(shape, rate scale).

Every Gamma-Gamma model ends here: `shape` and `scale` are what the customer's history makes of the population's,
all arguments are above 0 and broadcast.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from clvmodels.special.gammas import digamma_rise, log_rising, once_per_value
from clvmodels.special.streams import Streams, streams_of


def each_customer(theta: np.ndarray, row: np.ndarray) -> np.ndarray:
    """(P, n) parameters of the customers that `row` counts, from (P,) or (P, n).

    Examples
    --------
    >>> each_customer(np.array([2.0, 5.0]), np.array([0, 0, 2])).tolist()
    [[2.0, 2.0, 2.0], [5.0, 5.0, 5.0]]
    """
    if theta.ndim > 1:
        return theta
    return np.repeat(theta[:, None], int(row.max(initial=-1)) + 1, axis=1)


def log_density(
    p: np.ndarray,
    q: np.ndarray,
    gamma: np.ndarray,
    phi: np.ndarray,
    amounts: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    """Log density of the amounts of customers whose rates ν are Gamma(q, rate γ), first ones on a scale φ of their own.

        log Γ(pn+q) - log Γ(q) - n log Γ(p) + q log γ + (p-1) Σ log z - p log φ - (pn+q) log(γ + S)

    Parameters
    ----------
    p, q, gamma, phi
        Shapes, scale of money, first amounts over later ones; γ may differ from customer to customer.
    amounts
        n >= 1, S > 0, Σ log z and z₀ (0 where it is not known: then there is no term in φ), all of one shape or
        broadcastable; S counts the first amount as z₀ / φ.

    Examples
    --------
    One amount of 30 is a beta-prime, here of shapes 2 and 3 and scale 40.

    >>> one = np.ones(1)
    >>> known = (one, 30 * one, np.log(30 * one), 0 * one)
    >>> bool(np.isclose(log_density(2 * one, 3 * one, 40 * one, one, known)[0],
    ...     np.log(12) - 2 * np.log(40) + np.log(30) - 5 * np.log(1 + 30 / 40)))
    True
    """
    count, total, logs, first = amounts
    shape = p * count
    rise = once_per_value(lambda n: log_rising(q, p * n) - n * special.gammaln(p), count, p, q)
    level = shape * np.log(gamma) + (shape + q) * np.log1p(total / gamma)
    return np.asarray(rise + (p - 1) * logs - p * np.log(phi) * (first > 0) - level)


def log_density_slopes(
    p: np.ndarray,
    q: np.ndarray,
    gamma: np.ndarray,
    phi: np.ndarray,
    amounts: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Derivatives of `log_density` by p, q, γ and φ.

    With ψ the digamma function: n [ψ(pn+q) - ψ(p)] + Σ log z - log φ - n log(γ + S),
    ψ(pn+q) - ψ(q) - log(1 + S/γ), (q S - pn γ) / (γ (γ + S)) and [(pn+q) z₀/(φ (γ + S)) - p] / φ.
    """
    count, total, logs, first = amounts
    shape, known = p * count, first > 0
    rise = digamma_rise(shape, q)
    gap = logs - known * np.log(phi) - count * np.log(total)
    by_p = count * (digamma_rise(p, shape - p) + rise - np.log1p(gamma / total)) + gap
    by_q = rise + special.digamma(shape) - special.digamma(q) - np.log1p(total / gamma)
    by_gamma = (q * total - shape * gamma) / (gamma * (gamma + total))
    by_phi = ((shape + q) * first / (phi * (gamma + total)) - p * known) / phi
    return by_p, by_q, by_gamma, by_phi


def mean_amount(p: np.ndarray, shape: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Mean of an amount, p · scale / (shape - 1); infinite for shape <= 1, where no mean exists.

    Examples
    --------
    >>> mean_amount(np.array(2.0), np.array([3.0, 1.0]), np.array(10.0)).tolist()
    [10.0, inf]
    """
    excess = shape - 1
    exists = excess > 0
    return np.where(exists, p * scale / np.where(exists, excess, 1.0), np.inf)


def median_amount(p: np.ndarray, shape: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Median of an amount, to a relative error below 1e-12; it exists where the mean does not.

    An amount y is the scale G times a ratio of independent gamma variates of the shapes p and Q, so y / (G + y) is
    Beta(p, Q) and G / (G + y) is Beta(Q, p); the median is G times the ratio of their medians. It is 0 or infinity
    where it leaves the range of floating point, for p or the shape below 0.002.

    References
    ----------
    DLMF 8.17 for the incomplete beta function that is inverted.

    Examples
    --------
    The ratio of two exponentials is above 1 as often as below.

    >>> float(median_amount(np.array(1.0), np.array(1.0), np.array(10.0)).round(12))
    10.0
    """
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        odds = special.betaincinv(p, shape, 0.5) / special.betaincinv(shape, p, 0.5)
        return np.asarray(scale * odds)


def sample_amounts(
    p: np.ndarray,
    shape: np.ndarray,
    scale: np.ndarray,
    row: np.ndarray,
    rng: np.random.Generator | Streams,
) -> np.ndarray:
    """Exact draws of amounts: one rate per row, and amounts of that rate.

    Parameters
    ----------
    p, shape, scale
        Of each row, in the broadcast shape that `row` counts through.
    row
        (m,) flat index of the row of each amount, in any order.
    rng
        A stream for each row, or a generator that streams are made from.

    Returns
    -------
    (m,)
        Amounts, finite and > 0 (gamma variates below 1e-100, met for shapes near 0, count as 1e-100).

    Examples
    --------
    >>> one = np.ones(2)
    >>> sample_amounts(2 * one, 50 * one, 100 * one, np.array([0, 0, 1]), np.random.default_rng(1)).shape
    (3,)
    """
    broadcast = np.broadcast_shapes(*(np.shape(values) for values in (p, shape, scale)))
    if not (row[1:] >= row[:-1]).all():
        order = np.argsort(row, kind="stable")
        result = np.empty(len(row))
        result[order] = sample_amounts(p, shape, scale, row[order], rng)
        return result
    spread = (
        np.ascontiguousarray(np.broadcast_to(values, broadcast)).ravel() for values in (p, shape, scale)
    )
    return _streams_of(rng, row, math.prod(broadcast)).amounts(row, *spread)


def _streams_of(rng: np.random.Generator | Streams, row: np.ndarray, rows: int) -> Streams:
    """The streams of all rows: those they have, or new ones for the rows that buy, as the generator says."""
    if isinstance(rng, Streams):
        return rng
    start, buying = np.zeros(rows, dtype=np.uint64), np.unique(row)
    start[buying] = streams_of(rng, buying).start
    return Streams(start)
