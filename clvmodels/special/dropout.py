r"""Customers who may leave only at a purchase, with a chance p ~ Beta(a, b) of their own.

What BG/NBD and MBG/NBD share; they differ in whether the first purchase is such an occasion. Notation:

=============  ===========================================================================
x, t_x, T      repeat purchases, age at the last one, age at the end of observation
r, alpha       rate of buying ~ Gamma(r, rate alpha) across customers
k              occasions that a customer who is alive at T has stayed through
=============  ===========================================================================
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from clvmodels.special.chances import discounted_purchases, share_staying
from clvmodels.special.counts import purchases_before_leaving
from clvmodels.special.gammas import digamma_rise, log_rising, once_per_value, softplus
from clvmodels.special.streams import Streams, streams_of
from clvmodels.special.times import MOST_PURCHASES, scatter_times

SMALLEST = 1e-300


class Occasions(NamedTuple):
    """Parameters and histories, broadcastable against each other."""

    r: np.ndarray
    alpha: np.ndarray
    a: np.ndarray
    b: np.ndarray
    x: np.ndarray
    t_x: np.ndarray
    T: np.ndarray
    k: np.ndarray

    def log_odds_left(self) -> np.ndarray:
        r"""Log-odds of having left at the last occasion against being alive; -inf without an occasion.

        .. math:: \log \frac{a}{b+k-1} + (r+x) \log \frac{\alpha+T}{\alpha+t_x}
        """
        silence = (self.r + self.x) * np.log1p((self.T - self.t_x) / (self.alpha + self.t_x))
        odds = np.log(self.a / (self.b + np.maximum(self.k - 1.0, 0.0))) + silence
        return np.where(self.k > 0, odds, -np.inf)

    def p_alive(self) -> np.ndarray:
        """Probability of being alive at T given the history."""
        return np.asarray(expit(-self.log_odds_left()))

    def loglik(self) -> np.ndarray:
        r"""Log-likelihood of each history.

        .. math:: \log \frac{\Gamma(r+x)}{\Gamma(r)} - r \log(1 + T/\alpha) - x \log(\alpha + T)
                  + \log \frac{B(a, b+k)}{B(a, b)} - \log P(\text{alive})
        """
        r, alpha, a, b, x, _, T, k = self
        rising = once_per_value(lambda x: log_rising(r, x), x, r)
        buying = rising - r * np.log1p(T / alpha) - x * np.log(alpha + T)
        staying = once_per_value(lambda k: log_rising(b, k) - log_rising(a + b, k), k, a, b)
        return np.asarray(buying + staying + softplus(self.log_odds_left()))

    def slopes(self) -> np.ndarray:
        """Derivatives (4, *broadcast) of `loglik` by r, alpha, a and b."""
        r, alpha, a, b, x, t_x, T, k = self
        left = expit(self.log_odds_left())
        silent = T - t_x
        either = digamma_rise(a + b, k)
        slope = np.empty((4, *left.shape))
        slope[0] = digamma_rise(r, x) - np.log1p(T / alpha) + left * np.log1p(silent / (alpha + t_x))
        slope[1] = (r * (T / alpha) - x - left * (r + x) * (silent / (alpha + t_x))) / (alpha + T)
        slope[2] = left / a - either
        slope[3] = digamma_rise(b, k) - either - left / (b + np.maximum(k - 1.0, 0.0))
        return slope

    def purchases_if_alive(self, horizon: float | np.ndarray, rate: float) -> np.ndarray:
        """Discounted mean number of purchases in (T, T + horizon] of a customer who is alive at T."""
        n, scale, a, b, length, discount = self._rows(horizon, rate)
        shape = np.broadcast_shapes(*(np.shape(part) for part in (self.r, self.x, horizon)))
        return discounted_purchases(n, length / scale, discount * scale, a, b).reshape(shape)

    def p_alive_later(self, horizon: float | np.ndarray) -> np.ndarray:
        """Probability of being alive at T + horizon."""
        n, scale, a, b, length = self._rows(horizon)
        alive = self.p_alive()
        return np.asarray(alive * share_staying(n, length / scale, a, b).reshape(alive.shape))

    def purchase_pmf(self, count: float | np.ndarray, horizon: float | np.ndarray) -> np.ndarray:
        """Probability of exactly `count` purchases in (T, T + horizon], in the broadcast shape of everything."""
        alive, k = self.p_alive(), np.asarray(count, dtype=float)
        n, scale, a, b, length, wanted = self._rows(horizon, k)
        bought = purchases_before_leaving(wanted, n, length / scale, a, b)
        bought = bought.reshape(np.broadcast_shapes(alive.shape, k.shape))
        return np.asarray(alive * bought + np.where(k == 0.0, expit(self.log_odds_left()), 0.0))

    def _rows(self, *others: float | np.ndarray) -> list[np.ndarray]:
        """r+x, alpha+T, a, b+k and the others, each spread over the rows of the broadcast shape."""
        parts = (self.r + self.x, self.alpha + self.T, self.a, self.b + self.k, *others)
        shape = np.broadcast_shapes(*(np.shape(part) for part in parts))
        return [np.broadcast_to(part, shape).ravel() for part in parts]


def times_before_leaving(
    now: Occasions, p_alive: np.ndarray, horizon: float | np.ndarray, rng: np.random.Generator | Streams
) -> tuple[np.ndarray, np.ndarray]:
    r"""Exact draws of the purchases in (T, T + horizon] given the history.

    Given that the customer is alive, :math:`\lambda \sim \text{Gamma}(r+x, \alpha+T)` and, independent of it,
    :math:`p \sim \text{Beta}(a, b+k)`; the G-th future purchase is the last, G ~ Geometric(p). The number N that would
    come if nobody left is negative binomial; given N the times need not know the rate. Where G < N, the first G times
    are uniform up to the (G+1)-th order statistic of N.

    Returns
    -------
    row, time : two (m,) arrays
        Flat row of the shape of `p_alive`, and time since T; ascending.
    """
    shape = p_alive.shape
    streams = streams_of(rng, np.arange(p_alive.size))
    alive = np.flatnonzero(streams.uniform() < p_alive.ravel())
    streams = streams.take(alive)
    n, scale, a, b = (
        np.broadcast_to(part, shape).ravel()[alive]
        for part in (now.r + now.x, now.alpha + now.T, now.a, now.b + now.k)
    )
    span = np.array(np.broadcast_to(horizon, shape), dtype=float).ravel()[alive]
    bought = streams.negative_binomial(n, span / scale, MOST_PURCHASES)
    several = np.flatnonzero(bought > 1)  # the first purchase happens whatever the coin says after it
    theirs, would = streams.take(several), bought[several]
    hazard = np.maximum(softplus(theirs.log_odds(a[several], b[several])), SMALLEST)  # -log(1 - p)
    happen = np.minimum(np.floor(theirs.exponential() / hazard) + 1.0, would)
    cut = np.flatnonzero(happen < would)
    bought[several] = happen
    span[several[cut]] *= expit(theirs.take(cut).log_odds(happen[cut] + 1.0, would[cut] - happen[cut]))
    return scatter_times(alive, bought, span, streams)
