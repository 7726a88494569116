r"""Customers who leave at a time of their own: what a history and the silence after it are worth. Notation:

=============  ===========================================================================
x, t_x, T      repeat purchases, age at the last one, age at the end of observation
r, alpha       rate of buying ~ Gamma(r, rate alpha) across customers
s, beta        rate of leaving ~ Gamma(s, rate beta) across customers
A, B, D        alpha + t_x, beta + t_x, T - t_x
n              r + x
Q              what the silence is worth: alive at T, plus left in between
=============  ===========================================================================
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clvmodels.special.gammas import digamma_rise, log_rising, once_per_value
from clvmodels.special.lifetimes import lives_ended


class Silence(NamedTuple):
    """Parameters and histories, broadcastable, and the two terms of Q in the broadcast shape."""

    r: np.ndarray
    alpha: np.ndarray
    s: np.ndarray
    beta: np.ndarray
    x: np.ndarray
    t_x: np.ndarray
    A: np.ndarray
    B: np.ndarray
    D: np.ndarray
    alive: np.ndarray
    left: np.ndarray
    moments: np.ndarray

    def p_alive(self) -> np.ndarray:
        """Probability of being alive at T given the history."""
        return np.asarray(self.alive / (self.alive + self.left))

    def loglik(self) -> np.ndarray:
        r"""Log-likelihood of each history.

        .. math:: \log \frac{\Gamma(r+x)}{\Gamma(r)} - s \log(1 + t_x/\beta) - r \log(1 + t_x/\alpha)
                  - x \log(\alpha + t_x) + \log Q
        """
        before = (
            once_per_value(lambda x: log_rising(self.r, x), self.x, self.r)
            - self.s * np.log1p(self.t_x / self.beta)
            - self.r * np.log1p(self.t_x / self.alpha)
        )
        return np.asarray(before - self.x * np.log(self.A) + np.log(self.alive + self.left))

    def slopes(self) -> np.ndarray:
        """Derivatives (4, *broadcast) of `loglik` by r, alpha, s and beta, from the moments."""
        r, alpha, s, beta, x, t_x, A, B, D, *_ = self
        n, log_a, log_b, share_a, share_b = r + x, *self.moments
        whole = self.alive + self.left
        alive, left = self.alive / whole, self.left / whole
        slopes = np.empty((4, *whole.shape))
        slopes[0] = digamma_rise(r, x) - np.log1p(t_x / alpha) - alive * np.log1p(D / A) - left * log_a
        before = r * (t_x / alpha) - x
        slopes[1] = (before + n * (alive * (D / (A + D)) + left * share_a)) / A
        slopes[2] = left / s - np.log1p(t_x / beta) - alive * np.log1p(D / B) - left * log_b
        dying = left * ((s + 1.0) * share_b - 1.0)
        slopes[3] = (s * (t_x / beta + alive * (D / (B + D))) + dying) / B
        return slopes


def silence_after(
    theta: np.ndarray, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, *, with_moments: bool
) -> Silence:
    """The two terms of Q for parameters (4, ...) and customers (n,); derivatives need the moments, too."""
    r, alpha, s, beta = np.ascontiguousarray(theta, dtype=float)
    D = T - t_x
    A, B, n = alpha + t_x, beta + t_x, r + x
    alive = np.exp(-s * np.log1p(D / B) - n * np.log1p(D / A))
    rows = [np.broadcast_to(part, alive.shape).ravel() for part in (n, s, A, B, D, alive)]
    left, moments = lives_ended(*rows, with_moments=with_moments)
    shape = alive.shape
    return Silence(
        r, alpha, s, beta, x, t_x, A, B, D, alive, left.reshape(shape), moments.reshape(-1, *shape)
    )
