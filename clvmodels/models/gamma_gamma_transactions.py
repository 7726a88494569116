"""Gamma-Gamma on single transactions: what a purchase is worth, learned from each amount and not from their means.

Notation, after Fader & Hardie (2013):

=============  ===========================================================================
p              shape of one customer's transactions, Gamma(p, rate ν)
ν              a customer's own rate, Gamma(q, rate γ) across customers
φ              a first purchase over a later one: z₀/φ is Gamma(p, rate ν)
n              amounts above 0, the first purchase included (``spend_positive_count``)
Σz, Σ log z    sums over them (``spend_sum``, ``spend_log_sum``)
z₀             the first of them (``spend_first``); 0 where it is not known or was worth nothing
=============  ===========================================================================

With ν integrated out, a customer's amounts are Dirichlet in their proportions, and S/(γ + S) is Beta(p n, q) for
their sum S = Σz - z₀ + z₀/φ.
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
class GammaGammaTransactions:
    """Gamma-Gamma with the likelihood of every amount, and first purchases on a scale of their own.

        log L = log Γ(pn+q) - log Γ(q) - n log Γ(p) + q log γ + (p-1) Σ log z - p log φ - (pn+q) log(γ + S)

    with S = Σz - z₀ + z₀/φ; a customer whose first amount is not known loses the terms in φ.

    Use it wherever the log of purchases is at hand: `rfm_summary` brings the sums that it reads. The customers' means
    alone tell the shape p only from how means of many purchases differ less than means of few; where levels also
    drift, that overstates p (6.2 for 3.7 on CDNOW), trusts a customer's own mean too much and makes ranges of spend too
    narrow. Here p comes from the amounts themselves, and one-time buyers teach by their first purchase.
    The form on means, `gamma_gamma`, is for summaries that hold nothing else.

    Amounts of 0 have no logarithm: they are left out, and the report of `rfm_summary` counts them. Every future
    purchase is forecast to be worth something, so where free purchases are a good part, summarise with
    ``zero_spend="drop"``, which forecasts paid purchases.

    φ is a parameter and no property of the data, so that a forecast of some of the customers, or of others, is the
    same as that of all. The plain geometric ratio of first to later amounts compares customers who came back with
    themselves; the likelihood also compares strangers.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2013). The Gamma-Gamma model of monetary value.
    http://www.brucehardie.com/notes/025/ (section 1, before amounts are averaged)

    Examples
    --------
    >>> sums = {
    ...     "spend_positive_count": [3, 1], "spend_sum": [60, 20], "spend_log_sum": np.log([8000, 20]),
    ...     "spend_first": [20, 20],
    ... }
    >>> rfm = RFM.from_arrays(
    ...     frequency=[2, 0], recency=[30.4, 0], T=[39, 39], monetary_value=[20, 0], statistics=sums, time_unit="W"
    ... )
    >>> theta = np.array([3.66, 4.62, 33.08, 0.97])
    >>> GammaGammaTransactions().expected_spend(theta, rfm).round(2).tolist()
    [23.49, 27.0]
    """

    @property
    def name(self) -> str:
        """Key in the registry."""
        return "gamma_gamma_transactions"

    @property
    def title(self) -> str:
        """Name people read."""
        return "Gamma-Gamma on transactions"

    @property
    def params(self) -> tuple[Param, ...]:
        """p, q, γ and φ."""
        return (
            Param(
                "p",
                "regularity: the squared coefficient of variation of a customer's amounts is 1/p",
                3.0,
                1.5,
            ),
            Param("q", "alikeness of customers: the larger, the less their mean amounts differ", 3.0, 1.0),
            Param("gamma", "scale of amounts: the mean is p γ / (q - 1)", 1.0, 1.5, money_power=1),
            Param("phi", "a first purchase over a later one of the same customer", 1.0, 0.5),
        )

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns the likelihood reads."""
        return ("spend_positive_count", "spend_sum", "spend_log_sum", "spend_first")

    @property
    def given(self) -> tuple[str, ...]:
        """Nothing: the story begins at birth."""
        return ()

    def informs(self, rfm: RFM) -> np.ndarray:
        """(n,) mask of the customers with at least one amount above 0."""
        count, *_ = rfm.columns(self.needs)
        return count > 0

    def loglik(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Log density of each customer's amounts given the number of purchases.

        Parameters
        ----------
        theta
            (4, ...) p, q, φ (pure numbers) and γ (money), all > 0.
        rfm
            Summary with the sums of a log.

        Returns
        -------
        (n,) or the broadcast shape
            0 for customers who do not inform the fit.
        """
        p, q, gamma, phi = theta
        informs, amounts = self._history(phi, rfm)
        return np.where(informs, log_density(p, q, gamma, phi, amounts), 0.0)

    def loglik_grad(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
        """`loglik` and its derivatives by p, q, γ and φ, (4, *broadcast); see `log_density_slopes`."""
        p, q, gamma, phi = theta
        informs, amounts = self._history(phi, rfm)
        slopes = log_density_slopes(p, q, gamma, phi, amounts)
        grad = np.stack(np.broadcast_arrays(*slopes))
        return self.loglik(theta, rfm), np.where(informs, grad, 0.0)

    def expected_spend(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Mean of a future transaction given the history, p (γ + S) / (p n + q - 1); see `mean_amount`."""
        return mean_amount(*self._level(theta, rfm))

    def median_spend(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Median of a future transaction given the history; see `median_amount`."""
        return median_amount(*self._level(theta, rfm))

    def heterogeneity(self, theta: np.ndarray) -> tuple[Trait, ...]:
        """A customer's own mean spend p / ν, after the first purchase: inverse gamma of shape q and scale p γ."""
        p, q, gamma, _ = theta
        return (Trait("mean spend per purchase", InverseGammaSpread(q, p * gamma), money_power=1),)

    def sample_spend(
        self, theta: np.ndarray, rfm: RFM, row: np.ndarray, rng: np.random.Generator | Streams
    ) -> np.ndarray:
        """Exact draws of future transactions: one ν ~ Gamma(q + p n, γ + S) per row, amounts ~ Gamma(p, ν).

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
        """Amounts of whole lives: those of strangers, first ones times φ."""
        p, q, gamma, phi = each_customer(theta, row)
        return sample_amounts(p, q, gamma, row, rng) * np.where(is_first, phi[row], 1.0)

    def _level(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """p, and the shape q + p n and scale γ + S of what is known of ν."""
        p, q, gamma, phi = theta
        count, *_ = rfm.columns(self.needs)
        return p, q + p * count, gamma + self._total(phi, rfm)

    def _total(self, phi: np.ndarray, rfm: RFM) -> np.ndarray:
        """S: the sum of the amounts, the first on the scale of the others."""
        _, total, _, first = rfm.columns(self.needs)
        return np.asarray(np.maximum(total - first, 0.0) + first / phi)

    def _history(
        self, phi: np.ndarray, rfm: RFM
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Who informs, and (n, S, Σ log z, z₀) with harmless numbers where nobody asks."""
        informs = self.informs(rfm)
        count, _, logs, first = rfm.columns(self.needs)
        total = np.where(informs, self._total(phi, rfm), 1.0)
        return informs, (np.where(informs, count, 1.0), total, logs, np.where(informs, first, 0.0))
