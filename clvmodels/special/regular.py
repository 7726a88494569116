r"""Customers who buy at regular times and may leave only at a purchase, the first one included.

Between two purchases lie k stages, each over at one rate: gaps are Erlang-k. Notation:

=============  ===========================================================================
k              stages from one purchase to the next
x, t_x, T      repeat purchases, age at the last one, age at the end of observation
r, alpha       rate of the stages ~ Gamma(r, rate alpha) across customers
a, b           probability of leaving after a purchase, p ~ Beta(a, b) across customers
n, b'          r + k x, b + x + 1
j, z           stages since the last purchase of a customer who is alive; (T - t_x) / (alpha + T)
=============  ===========================================================================

A customer who is alive at T has seen fewer than k stages since t_x. Given that j are over, the rate is
Gamma(n + j, alpha + T), and j has the weight :math:`s_j = (n)_j z^j / j!` among k of them: k terms replace the one
of purchases at random, and every conditional fact stays exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, gammaln

from clvmodels.special.gammas import digamma_rise, log_rising
from clvmodels.special.stages import discounted_purchases, exactly, purchases, share_staying
from clvmodels.special.streams import Streams, streams_of
from clvmodels.special.times import MOST_PURCHASES, number_in_row, scatter_times

SMALLEST = 1e-300


class RegularOccasions(NamedTuple):
    """Parameters and histories, broadcastable against each other; `k` is one whole number >= 1."""

    k: int
    r: np.ndarray
    alpha: np.ndarray
    a: np.ndarray
    b: np.ndarray
    x: np.ndarray
    t_x: np.ndarray
    T: np.ndarray

    def stage_terms(self) -> list[np.ndarray]:
        """The k weights s_j, none below 0; the first is 1."""
        n, z = self.r + self.k * self.x, (self.T - self.t_x) / (self.alpha + self.T)
        terms = [np.ones_like(n * z)]
        for j in range(1, self.k):
            terms.append(terms[-1] * ((n + (j - 1.0)) * z / j))
        return terms

    def log_odds_left(self) -> np.ndarray:
        r"""Log-odds of having left at the last purchase against being alive.

        .. math:: \log \frac{a}{b+x} + (r+kx) \log \frac{\alpha+T}{\alpha+t_x} - \log \sum_{j<k} s_j
        """
        silence = (self.r + self.k * self.x) * np.log1p((self.T - self.t_x) / (self.alpha + self.t_x))
        return np.asarray(np.log(self.a / (self.b + self.x)) + silence - np.log(sum(self.stage_terms())))

    def p_alive(self) -> np.ndarray:
        """Probability of being alive at T given the history."""
        return np.asarray(expit(-self.log_odds_left()))

    def loglik(self) -> np.ndarray:
        r"""Log-likelihood of each history.

        .. math:: \log \frac{t_x^{(k-1)x} \Gamma(x)}{\Gamma(kx)} + \log \frac{\Gamma(r+kx)}{\Gamma(r)}
                  - r \log(1 + T/\alpha) - kx \log(\alpha + T) + \log \frac{B(a, b')}{B(a, b)}
                  + \log \sum_{j<k} s_j - \log P(\text{alive})
        """
        _, r, alpha, a, b, x, _, T = self
        buying = np.where(x > 0, self._log_repeats(), 0.0) - r * np.log1p(T / alpha)
        staying = log_rising(b, x + 1.0) - log_rising(a + b, x + 1.0)
        alive = np.log(sum(self.stage_terms())) + np.logaddexp(0.0, self.log_odds_left())
        return np.asarray(buying + staying + alive)

    def slopes(self) -> np.ndarray:
        """Derivatives (4, *broadcast) of `loglik` by r, alpha, a and b."""
        k, r, alpha, a, b, x, t_x, T = self
        left, silent, n = expit(self.log_odds_left()), T - t_x, r + k * x
        terms = self.stage_terms()
        weight = [term / sum(terms) for term in terms]
        inverses = np.cumsum(
            [np.zeros_like(weight[0]), *(1.0 / (n + j) + 0.0 * left for j in range(k - 1))], axis=0
        )
        rising = sum(w * rise for w, rise in zip(weight, inverses, strict=True))
        stage = sum(j * w for j, w in enumerate(weight))
        either = digamma_rise(a + b, x + 1.0)
        slope = np.empty((4, *left.shape))
        slope[0] = digamma_rise(r, k * x) - np.log1p(T / alpha) + left * np.log1p(silent / (alpha + t_x))
        slope[0] += (1.0 - left) * rising
        slope[1] = (r * (T / alpha) - k * x - left * n * (silent / (alpha + t_x)) - (1.0 - left) * stage) / (
            alpha + T
        )
        slope[1] += np.where(t_x > 0, 0.0, (k - 1.0) * x / alpha)
        slope[2] = left / a - either
        slope[3] = digamma_rise(b, x + 1.0) - either - left / (b + x)
        return slope

    def purchases_if_alive(self, horizon: float | np.ndarray, rate: float) -> np.ndarray:
        """Discounted mean number of purchases in (T, T + horizon] of a customer who is alive at T."""
        some, place = self._futures(horizon)

        def bought(j: int, rows: list[np.ndarray]) -> np.ndarray:
            n, scale, a, b, length, discount = rows
            if rate == 0.0:
                return purchases(self.k, j, n, length / scale, a, b)
            return discounted_purchases(self.k, j, n, length / scale, discount * scale, a, b)

        return self._over_stages([part[..., place] for part in some._each_stage(bought, horizon, rate)])

    def p_alive_later(self, horizon: float | np.ndarray) -> np.ndarray:
        """Probability of being alive at T + horizon."""

        def stays(j: int, rows: list[np.ndarray]) -> np.ndarray:
            n, scale, a, b, length = rows
            return share_staying(self.k, j, n, length / scale, a, b)

        return np.asarray(self.p_alive() * self._over_stages(self._each_stage(stays, horizon)))

    def purchase_pmf(self, count: float | np.ndarray, horizon: float | np.ndarray) -> np.ndarray:
        """Probability of exactly `count` purchases in (T, T + horizon], in the broadcast shape of everything."""
        wanted = np.asarray(count, dtype=float)

        def buys(j: int, rows: list[np.ndarray]) -> np.ndarray:
            n, scale, a, b, length, number = rows
            return exactly(self.k, j, number, n, length / scale, a, b)

        alive = self.p_alive() * self._over_stages(self._each_stage(buys, horizon, wanted))
        return np.asarray(alive + np.where(wanted == 0.0, expit(self.log_odds_left()), 0.0))

    def _log_repeats(self) -> np.ndarray:
        r"""The terms of `loglik` that repeat purchases bring, arranged so that large ones do not cancel.

        .. math:: \log \frac{\Gamma(kx+r)}{\Gamma(kx) \Gamma(r)} - kx \log \frac{\alpha+T}{t_x}
                  + \log \Gamma(x) - x \log t_x
        """
        x = np.maximum(self.x, 1.0)
        span = np.where(self.t_x > 0, self.t_x, self.alpha)  # regular purchases cannot all fall on age 0
        spread = log_rising(self.k * x, self.r) - gammaln(self.r)
        late = self.k * x * np.log1p((self.alpha + (self.T - span)) / span)
        return np.asarray(spread - late + (gammaln(x) - x * np.log(span)))

    def _over_stages(self, values: list[np.ndarray]) -> np.ndarray:
        """Mean of what each stage says, for a customer who is alive at T."""
        terms = self.stage_terms()
        total = sum(terms)
        return np.asarray(sum(term / total * value for term, value in zip(terms, values, strict=True)))

    def _each_stage(
        self, answer: Callable[[int, list[np.ndarray]], np.ndarray], *others: float | np.ndarray
    ) -> list[np.ndarray]:
        """What `answer` makes of each stage j and of n + j, alpha + T, a, b' and the others, one value a row."""
        parts = (self.r + self.k * self.x, self.alpha + self.T, self.a, self.b + self.x + 1.0, *others)
        shape = np.broadcast_shapes(*(np.shape(part) for part in parts))
        n, *rest = (np.broadcast_to(part, shape).ravel() for part in parts)
        return [answer(j, [n + j, *rest]).reshape(shape) for j in range(self.k)]

    def _futures(self, horizon: float | np.ndarray) -> tuple[RegularOccasions, np.ndarray | slice]:
        """Histories that differ in x or T, and which of them each has: t_x tells nothing but the stage.

        All histories where each has parameters or a horizon of its own.
        """
        own = (self.r, self.alpha, self.a, self.b, horizon)
        if any(np.ndim(part) > 0 and np.shape(part)[-1] > 1 for part in own):
            return self, slice(None)
        (x, T), place = np.unique(np.stack([self.x, self.T]), axis=1, return_inverse=True)
        return self._replace(x=x, t_x=np.zeros_like(x), T=T), place


def regular_times_before_leaving(
    now: RegularOccasions,
    p_alive: np.ndarray,
    horizon: float | np.ndarray,
    rng: np.random.Generator | Streams,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Exact draws of the purchases in (T, T + horizon] given the history.

    Given that the customer is alive, the stage j has the weight s_j, :math:`\lambda \sim \text{Gamma}(n+j, \alpha+T)`
    and, independent of both, :math:`p \sim \text{Beta}(a, b')`; the G-th future purchase is the last, G ~
    Geometric(p). Stages are over at the times of a Poisson process, and a purchase happens at every k-th of them.

    Returns
    -------
    row, time : two (m,) arrays
        Flat row of the shape of `p_alive`, and time since T; ascending.
    """
    shape, k = p_alive.shape, now.k
    streams = streams_of(rng, np.arange(p_alive.size))
    alive = np.flatnonzero(streams.uniform() < p_alive.ravel())
    streams = streams.take(alive)
    n, scale, a, b, *terms = (
        np.broadcast_to(part, shape).ravel()[alive]
        for part in (now.r + k * now.x, now.alpha + now.T, now.a, now.b + now.x + 1.0, *now.stage_terms())
    )
    reached = np.cumsum(terms, axis=0)
    done = np.sum(reached[:-1] <= streams.uniform() * reached[-1], axis=0)
    span = np.array(np.broadcast_to(horizon, shape), dtype=float).ravel()[alive]
    stages = streams.negative_binomial(n + done, span / scale, MOST_PURCHASES)
    bought = (stages + done) // k
    several = np.flatnonzero(bought > 1)  # the first purchase happens whatever the coin says after it
    theirs = streams.take(several)
    hazard = np.maximum(np.logaddexp(0.0, theirs.log_odds(a[several], b[several])), SMALLEST)  # -log(1 - p)
    bought[several] = np.minimum(np.floor(theirs.exponential() / hazard) + 1.0, bought[several])
    last = np.where(bought > 0, bought * k - done, 0)  # the stage that ends with the last purchase
    cut = np.flatnonzero((last > 0) & (last < stages))
    span[cut] *= expit(streams.take(cut).log_odds(last[cut] + 1.0, stages[cut] - last[cut]))
    place, time = scatter_times(np.arange(len(alive)), last, span, streams)
    buys = (number_in_row(place) + 1 + done[place]) % k == 0
    return alive[place[buys]], time[buys]
