"""Gamma-Gamma on single transactions, for logs in which those who buy often spend more, or less, a time.

Notation as in `gamma_gamma_transactions`, and

=============  ===========================================================================
x              repeat purchases by the end of observation (``frequency``)
γ_x            scale of amounts of customers with x of them, γ (1+x)^b
g              growth, 2^b: what twice as many purchases make of the mean amount
=============  ===========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clvmodels.contracts import Param, Trait
from clvmodels.rfm import RFM
from clvmodels.special.amounts import (
    each_customer,
    log_density,
    log_density_slopes,
    mean_amount,
    median_amount,
    sample_amounts,
)
from clvmodels.special.spreads import InverseGammaSpread
from clvmodels.special.streams import Streams


@dataclass(frozen=True)
class GammaGammaFrequency:
    """Gamma-Gamma on transactions whose level follows the number of purchases.

        ν ~ Gamma(q, rate γ_x),   γ_x = γ (1+x)^b = γ g^(log₂(1+x)),   g = 2^b

    and all else as in `gamma_gamma_transactions`, which is the case g = 1; the prior of g is centred there.

    The law of amounts is that *given* how often a customer had bought by the end of observation. Of the customers of a
    summary that is all a forecast asks, whatever they buy later: the level of a customer is what it is. Of customers
    who are still to come x is not known, and those who will come back often are not those who have come once, so the
    model tells nothing of them, and forecasts of newcomers refuse it. Customers are compared by number of purchases
    and not by rate: where some are observed much longer than others, their numbers differ for that reason, too.

    It is not in the default, which takes spend to be independent of frequency.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2013). The Gamma-Gamma model of monetary value, section 1, on the assumption
    that is given up here. http://www.brucehardie.com/notes/025/

    Examples
    --------
    Of two customers with the same amounts the one who came back is believed to be of a better kind.

    >>> sums = {
    ...     "spend_positive_count": [2, 2], "spend_sum": [40, 40], "spend_log_sum": np.log([400, 400]),
    ...     "spend_first": [20, 20],
    ... }
    >>> rfm = RFM.from_arrays(
    ...     frequency=[1, 7], recency=[30, 30], T=[39, 39], monetary_value=[20, 20], statistics=sums, time_unit="W"
    ... )
    >>> theta = np.array([3.66, 4.62, 33.08, 0.97, 1.2])
    >>> GammaGammaFrequency().expected_spend(theta, rfm).round(2).tolist()
    [26.87, 32.71]
    """

    @property
    def name(self) -> str:
        """Key in the registry."""
        return "gamma_gamma_frequency"

    @property
    def title(self) -> str:
        """Name people read."""
        return "Gamma-Gamma by frequency"

    @property
    def params(self) -> tuple[Param, ...]:
        """p, q, γ, φ and g."""
        return (
            Param(
                "p",
                "regularity: the squared coefficient of variation of a customer's amounts is 1/p",
                3.0,
                1.5,
            ),
            Param("q", "alikeness of customers: the larger, the less their mean amounts differ", 3.0, 1.0),
            Param(
                "gamma",
                "scale of amounts of customers with one purchase: the mean is p γ / (q - 1)",
                1.0,
                1.5,
                money_power=1,
            ),
            Param("phi", "a first purchase over a later one of the same customer", 1.0, 0.5),
            Param("growth", "what twice as many purchases make of the mean amount", 1.0, 0.3),
        )

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns the likelihood reads."""
        return ("spend_positive_count", "spend_sum", "spend_log_sum", "spend_first", "frequency")

    @property
    def given(self) -> tuple[str, ...]:
        """The number of purchases is taken as given."""
        return ("frequency",)

    def informs(self, rfm: RFM) -> np.ndarray:
        """(n,) mask of the customers with at least one amount above 0."""
        count, *_ = rfm.columns(self.needs)
        return count > 0

    def loglik(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Log density of each customer's amounts given the number of purchases; see `log_density`.

        Parameters
        ----------
        theta
            (5, ...) p, q, φ, g (pure numbers) and γ (money), all > 0.
        rfm
            Summary with the sums of a log.

        Returns
        -------
        (n,) or the broadcast shape
            0 for customers who do not inform the fit.
        """
        p, q, gamma, phi, growth = theta
        informs, amounts = self._history(phi, rfm)
        value = log_density(p, q, _scale(gamma, growth, rfm), phi, amounts)
        return np.where(informs, value, 0.0)

    def loglik_grad(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
        """`loglik` and its derivatives by p, q, γ, φ and g, (5, *broadcast).

        Those of `log_density_slopes`, and by the chain rule γ_x / γ and γ_x log₂(1+x) / g times that by γ_x.
        """
        p, q, gamma, phi, growth = theta
        informs, amounts = self._history(phi, rfm)
        scale = _scale(gamma, growth, rfm)
        by_p, by_q, by_scale, by_phi = log_density_slopes(p, q, scale, phi, amounts)
        by_gamma, by_growth = by_scale * scale / gamma, by_scale * scale * _doublings(rfm) / growth
        grad = np.stack(np.broadcast_arrays(by_p, by_q, by_gamma, by_phi, by_growth))
        return self.loglik(theta, rfm), np.where(informs, grad, 0.0)

    def expected_spend(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Mean of a future transaction given the history, p (γ_x + S) / (p n + q - 1); see `mean_amount`."""
        return mean_amount(*self._level(theta, rfm))

    def median_spend(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Median of a future transaction given the history; see `median_amount`."""
        return median_amount(*self._level(theta, rfm))

    def heterogeneity(self, theta: np.ndarray) -> tuple[Trait, ...]:
        """Mean spend p / ν of customers with one purchase: inverse gamma of shape q and scale p γ."""
        p, q, gamma, _, _ = theta
        return (Trait("mean spend per purchase", InverseGammaSpread(q, p * gamma), money_power=1),)

    def sample_spend(
        self, theta: np.ndarray, rfm: RFM, row: np.ndarray, rng: np.random.Generator | Streams
    ) -> np.ndarray:
        """Exact draws of future transactions: one ν ~ Gamma(q + p n, γ_x + S) per row, amounts ~ Gamma(p, ν).

        Parameters
        ----------
        row
            (m,) flat index into the broadcast shape of `theta` and the customers, in any order.

        Returns
        -------
        (m,)
            Amounts, finite and > 0; see `sample_amounts`.
        """
        return sample_amounts(*self._level(theta, rfm), row, rng)

    def simulate(
        self, theta: np.ndarray, row: np.ndarray, is_first: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Amounts of histories that end now: x is how often `row` names the customer, but for the first time."""
        p, q, gamma, phi, growth = each_customer(theta, row)
        again = np.bincount(row, ~is_first, minlength=len(p))
        amounts = sample_amounts(p, q, gamma * growth ** np.log2(1 + again), row, rng)
        return amounts * np.where(is_first, phi[row], 1.0)

    def _level(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """p, and the shape q + p n and scale γ_x + S of what is known of ν."""
        p, q, gamma, phi, growth = theta
        count, *_ = rfm.columns(self.needs)
        return p, q + p * count, _scale(gamma, growth, rfm) + self._total(phi, rfm)

    def _total(self, phi: np.ndarray, rfm: RFM) -> np.ndarray:
        """S: the sum of the amounts, the first on the scale of the others."""
        _, total, _, first, _ = rfm.columns(self.needs)
        return np.asarray(np.maximum(total - first, 0.0) + first / phi)

    def _history(
        self, phi: np.ndarray, rfm: RFM
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Who informs, and (n, S, Σ log z, z₀) with harmless numbers where nobody asks."""
        informs = self.informs(rfm)
        count, _, logs, first, _ = rfm.columns(self.needs)
        total = np.where(informs, self._total(phi, rfm), 1.0)
        return informs, (np.where(informs, count, 1.0), total, logs, np.where(informs, first, 0.0))


def _doublings(rfm: RFM) -> np.ndarray:
    """(n,) log₂(1+x)."""
    return np.log2(1 + rfm.frequency)


def _scale(gamma: np.ndarray, growth: np.ndarray, rfm: RFM) -> np.ndarray:
    """γ_x of each customer."""
    return np.asarray(gamma * growth ** _doublings(rfm))
