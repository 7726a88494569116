"""Gamma-Gamma: what a purchase is worth, when it is worth and how many there are tell nothing of each other.

Notation of the paper (Fader & Hardie 2013):

========  ===========================================================================
p         shape of one customer's transactions, Gamma(p, rate ν)
ν         a customer's own rate, Gamma(q, rate γ) across customers
n, m      transactions behind the mean (``spend_count``), and the mean (``monetary_value``)
z = n m   their sum, Gamma(p n, rate ν)
========  ===========================================================================

With ν integrated out, z/(γ + z) is Beta(p n, q). Everything below is that one fact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from clvmodels.contracts import Param, Trait
from clvmodels.rfm import RFM
from clvmodels.special.amounts import each_customer, mean_amount, median_amount, sample_amounts
from clvmodels.special.gammas import digamma_rise, log_rising, once_per_value
from clvmodels.special.spreads import InverseGammaSpread
from clvmodels.special.streams import Streams


@dataclass(frozen=True)
class GammaGamma:
    """Gamma spread of transactions within a customer, gamma spread of their rate across customers.

    The density of the mean m of n transactions is

        f(m | p, q, γ) = Γ(pn+q) / (Γ(pn) Γ(q)) · γ^q m^(pn-1) n^(pn) / (γ + n m)^(pn+q)

    and given (n, m) a customer's rate is again gamma: ν ~ Gamma(q + pn, rate γ + n m). The population's
    mean transaction is pγ/(q-1), and exists for q > 1.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2013). The Gamma-Gamma model of monetary value.
    http://www.brucehardie.com/notes/025/

    Examples
    --------
    >>> rfm = RFM.from_arrays(
    ...     frequency=[2, 0], recency=[30.43, 0], T=[38.86, 38.86], monetary_value=[22.345, 0], time_unit="W"
    ... )
    >>> theta = np.array([6.24957, 3.74423, 15.44352])
    >>> GammaGamma().expected_spend(theta, rfm).round(2).tolist()
    [24.65, 35.17]
    """

    @property
    def name(self) -> str:
        """Key in the registry."""
        return "gamma_gamma"

    @property
    def title(self) -> str:
        """Name people read."""
        return "Gamma-Gamma"

    @property
    def params(self) -> tuple[Param, ...]:
        """p, q and γ."""
        return (
            Param(
                "p",
                "regularity: the squared coefficient of variation of a customer's amounts is 1/p",
                3.0,
                1.5,
            ),
            Param("q", "alikeness of customers: the larger, the less their mean amounts differ", 3.0, 1.0),
            Param("gamma", "scale of amounts: the mean is p γ / (q - 1)", 1.0, 1.5, money_power=1),
        )

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns the likelihood reads."""
        return ("spend_count", "monetary_value")

    @property
    def given(self) -> tuple[str, ...]:
        """Nothing: the story begins at birth."""
        return ()

    def informs(self, rfm: RFM) -> np.ndarray:
        """(n,) mask of the customers with at least one transaction and a mean above 0."""
        count, mean = rfm.columns(self.needs)
        return (count > 0) & (mean > 0)

    def loglik(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Log density of each customer's mean spend given the number of transactions.

        Parameters
        ----------
        theta
            (3, ...) p, q (pure numbers) and γ (money), all > 0.
        rfm
            Summary with spend.

        Returns
        -------
        (n,) or the broadcast shape
            0 for customers who do not inform the fit.
        """
        p, q, gamma = theta
        informs, count, mean = self._history(rfm)
        shape, total = p * count, count * mean
        density = (
            once_per_value(lambda n: log_rising(p * n, q), count, p, q)
            - special.gammaln(q)
            - shape * np.log1p(gamma / total)
            - q * np.log1p(total / gamma)
            - np.log(mean)
        )
        return np.where(informs, density, 0.0)

    def loglik_grad(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
        """`loglik` and its derivatives by p, q and γ, (3, *broadcast).

        With ψ the digamma function: n [ψ(pn+q) - ψ(pn) - log(1 + γ/z)], ψ(pn+q) - ψ(q) - log(1 + z/γ) and
        (q z - pn γ) / (γ (γ + z)).
        """
        p, q, gamma = theta
        informs, count, mean = self._history(rfm)
        shape, total = p * count, count * mean
        rise = digamma_rise(shape, q)
        by_p = count * (rise - np.log1p(gamma / total))
        by_q = rise + special.digamma(shape) - special.digamma(q) - np.log1p(total / gamma)
        by_gamma = (q * total - shape * gamma) / (gamma * (gamma + total))
        grad = np.stack(np.broadcast_arrays(by_p, by_q, by_gamma))
        return self.loglik(theta, rfm), np.where(informs, grad, 0.0)

    def expected_spend(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Mean of a future transaction given the history, p (γ + n m) / (p n + q - 1).

        A weighted mean of the customer's own mean and the population's. Infinite where p n + q <= 1:
        amounts so heavy-tailed that no mean exists.
        """
        return mean_amount(*self._level(theta, rfm))

    def median_spend(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Median of a future transaction given the history: it exists where the mean does not.

        Parameters
        ----------
        theta, rfm
            As in `loglik`; who has no transaction has n = 0.

        Returns
        -------
        (n,) or the broadcast shape
            Money; see `median_amount`.

        Examples
        --------
        >>> rfm = RFM.from_arrays(
        ...     frequency=[2, 0], recency=[30.43, 0], T=[38.86, 38.86], monetary_value=[22.345, 0], time_unit="W"
        ... )
        >>> GammaGamma().median_spend(np.array([6.24957, 3.74423, 15.44352]), rfm).round(2).tolist()
        [22.37, 26.75]
        """
        return median_amount(*self._level(theta, rfm))

    def heterogeneity(self, theta: np.ndarray) -> tuple[Trait, ...]:
        """A customer's own mean spend p / ν: inverse gamma of shape q and scale p γ.

        Examples
        --------
        >>> (trait,) = GammaGamma().heterogeneity(np.array([6.25, 3.74, 15.44]))
        >>> trait.name, float(trait.spread.quantile(0.5).round(2))
        ('mean spend per purchase', 28.28)
        """
        p, q, gamma = theta
        return (Trait("mean spend per purchase", InverseGammaSpread(q, p * gamma), money_power=1),)

    def sample_spend(
        self, theta: np.ndarray, rfm: RFM, row: np.ndarray, rng: np.random.Generator | Streams
    ) -> np.ndarray:
        """Exact draws of future transactions: one ν ~ Gamma(q + p n, γ + n m) per row, amounts ~ Gamma(p, ν).

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
        self,
        theta: np.ndarray,
        row: np.ndarray,
        is_first: np.ndarray,  # noqa: ARG002  (first purchases are like all others)
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Amounts of whole lives: those of strangers."""
        p, q, gamma = each_customer(theta, row)
        return sample_amounts(p, q, gamma, row, rng)

    def _level(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """p, and the shape q + p n and scale γ + n m of what is known of ν."""
        p, q, gamma = theta
        count, mean = rfm.columns(self.needs)
        return p, q + p * count, gamma + count * mean

    def _history(self, rfm: RFM) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Who informs, and (n, m) with ones where nobody asks."""
        informs = self.informs(rfm)
        count, mean = rfm.columns(self.needs)
        return informs, np.where(informs, count, 1.0), np.where(informs, mean, 1.0)
