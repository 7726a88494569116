r"""MBG/NBD: customers buy at a constant rate and may leave after each purchase, the first included.

Notation, as in the papers:

=============  ===========================================================================
x, t_x, T      repeat purchases, age at the last one, age at the end of observation
r, alpha       rate of buying ~ Gamma(r, rate alpha) across customers
a, b           probability of leaving after a purchase, p ~ Beta(a, b) across customers
n, b'          r + x, b + x + 1
tau            t / (alpha + T), the horizon in units of the mean waiting time
=============  ===========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clvmodels.contracts import Param, Trait
from clvmodels.rfm import RFM
from clvmodels.special.dropout import Occasions, times_before_leaving
from clvmodels.special.spreads import BetaSpread, GammaSpread
from clvmodels.special.streams import Streams
from clvmodels.special.times import live


@dataclass(frozen=True)
class MBGNBD:
    r"""MBG/NBD (Batislam, Denizel & Filiztekin 2007; Hoppe & Wagner 2007).

    While alive a customer buys as a Poisson process with rate :math:`\lambda \sim \text{Gamma}(r, \alpha)`; after each
    purchase, the first one at age 0 included, the customer leaves with probability :math:`p \sim \text{Beta}(a, b)`.
    Customers without a repeat purchase may therefore have left, as they cannot in BG/NBD.

    Attributes
    ----------
    name, title, params, needs
        As in `clvmodels.contracts.PurchaseModel`. Parameters (r, alpha, a, b) > 0; alpha is a time.

    References
    ----------
    Batislam, Denizel & Filiztekin (2007), Int. Journal of Research in Marketing 24(3),
    doi:10.1016/j.ijresmar.2006.12.005; Hoppe & Wagner (2007), Marketing - Journal of Research and Management 3(2).

    Examples
    --------
    A customer of the CDNOW sample who never came back, and a loyal one:

    >>> model, theta = MBGNBD(), np.array([0.525, 6.183, 0.891, 1.614])
    >>> rfm = RFM.from_arrays(frequency=[0, 26], recency=[0, 30.857], T=[31, 31], time_unit="W")
    >>> model.p_alive(theta, rfm).round(4).tolist(), model.expected_purchases(theta, rfm, 52).round(2).tolist()
    ([0.4139, 0.9655], [0.25, 24.0])
    """

    @property
    def name(self) -> str:
        """Key in the registry."""
        return "mbg_nbd"

    @property
    def title(self) -> str:
        """Name people read."""
        return "MBG/NBD"

    @property
    def params(self) -> tuple[Param, ...]:
        """Parameters in the order of the first axis of theta."""
        return (
            Param("r", "shape of the purchase rates; small means customers differ a lot", 1.0, 1.5),
            Param("alpha", "scale of the purchase rates; r / alpha is the mean rate", 1.0, 2.0, time_power=1),
            Param("a", "weight of leaving after a purchase; a / (a + b) is the mean probability", 1.0, 1.5),
            Param("b", "weight of staying after a purchase", 1.0, 1.5),
        )

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns the likelihood reads."""
        return ("frequency", "recency", "T")

    @property
    def needs_if_alive(self) -> tuple[str, ...]:
        """Columns that matter to the future of a customer who is alive at T."""
        return ("frequency", "T")

    def loglik(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        r"""Log-likelihood of each history.

        .. math:: \log \frac{\Gamma(r+x)}{\Gamma(r)} - r \log(1 + T/\alpha) - x \log(\alpha + T)
                  + \log \frac{B(a, b')}{B(a, b)} - \log P(\text{alive})

        Parameters
        ----------
        theta
            (4, ...) r, alpha, a, b > 0; alpha in the time unit of `rfm`.
        rfm
            Histories; frequency, recency and T are read.

        Returns
        -------
        np.ndarray
            In the broadcast shape, relative or absolute error below 1e-8.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[2], recency=[30.43], T=[38.86], time_unit="W")
        >>> MBGNBD().loglik(np.array([0.525, 6.183, 0.891, 1.614]), rfm).round(4).tolist()
        [-9.4856]
        """
        return _occasions(theta, rfm).loglik()

    def loglik_grad(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihood and its exact derivatives (4, ...) by r, alpha, a and b.

        Parameters, and the first of the two results, as in `loglik`.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[2, 0], recency=[30.4, 0], T=[38.9, 38.9], time_unit="W")
        >>> value, slope = MBGNBD().loglik_grad(np.array([0.525, 6.183, 0.891, 1.614]), rfm)
        >>> value.shape, slope.shape
        ((2,), (4, 2))
        """
        history = _occasions(theta, rfm)
        return history.loglik(), history.slopes()

    def p_alive(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        r"""Probability of being alive at T given the history.

        .. math:: \Big[1 + \frac{a}{b+x} \Big(\frac{\alpha+T}{\alpha+t_x}\Big)^{r+x}\Big]^{-1}

        Parameters as in `loglik`. Returns probabilities in the broadcast shape.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[0, 10], recency=[0, 20], T=[39, 39], time_unit="W")
        >>> MBGNBD().p_alive(np.array([0.525, 6.183, 0.891, 1.614]), rfm).round(3).tolist()
        [0.389, 0.04]
        """
        return _occasions(theta, rfm).p_alive()

    def expected_purchases(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        r"""Mean number of purchases in (T, T + t] given the history.

        .. math:: P(\text{alive}) \int_0^1 \frac{1 - (1 + p \tau)^{-n}}{p} \text{Beta}(p; a, b') dp

        The integral replaces the papers' hypergeometric function, which divides by a - 1 and overflows for very
        loyal customers; see `clvmodels.special.chances`.

        Parameters
        ----------
        theta, rfm
            As in `loglik`.
        horizon
            Length t >= 0 in the time unit of `rfm`, finite; one for all or (n,) one per customer.

        Returns
        -------
        np.ndarray
            Purchases, in the broadcast shape.

        Examples
        --------
        A new customer of CDNOW, in 52 weeks:

        >>> rfm = RFM.from_arrays(frequency=[0], recency=[0], T=[0], time_unit="W")
        >>> MBGNBD().expected_purchases(np.array([0.525, 6.183, 0.891, 1.614]), rfm, 52).round(3).tolist()
        [1.42]
        """
        return self.expected_discounted_purchases(theta, rfm, horizon, 0.0)

    def expected_discounted_purchases(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        r"""Discounted mean number of purchases in (T, T + t] given the history.

        .. math:: P(\text{alive}) \int_0^t e^{-\delta u} \frac{r+x}{\alpha+T}
                  E_p \Big(1 + \frac{p u}{\alpha+T}\Big)^{-(n+1)} du, \quad p \sim \text{Beta}(a, b')

        Parameters
        ----------
        theta, rfm
            As in `loglik`.
        horizon
            Length t >= 0 in the time unit of `rfm`, or infinity; one for all or (n,) one per customer.
        rate
            Continuous discount rate >= 0 per time unit; > 0 for an infinite horizon.

        Returns
        -------
        np.ndarray
            Purchases, in the broadcast shape, relative error below 1e-8.

        Examples
        --------
        >>> model, theta = MBGNBD(), np.array([0.525, 6.183, 0.891, 1.614])
        >>> rfm = RFM.from_arrays(frequency=[26], recency=[30.857], T=[31], time_unit="W")
        >>> model.expected_discounted_purchases(theta, rfm, 52, 0.002).round(2).tolist()
        [22.94]
        """
        return np.asarray(self.p_alive(theta, rfm) * self.purchases_if_alive(theta, rfm, horizon, rate))

    def purchases_if_alive(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        """`expected_discounted_purchases` of a customer who is alive at T: without the factor P(alive)."""
        return _occasions(theta, rfm).purchases_if_alive(horizon, rate)

    def p_alive_later(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        r"""Probability of being alive at T + t given the history.

        .. math:: P(\text{alive}) E_p \Big(1 + \frac{p t}{\alpha+T}\Big)^{-(r+x)}, \quad p \sim \text{Beta}(a, b')

        Parameters as in `expected_purchases`. Returns probabilities in the broadcast shape.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[10], recency=[37], T=[39], time_unit="W")
        >>> MBGNBD().p_alive_later(np.array([0.525, 6.183, 0.891, 1.614]), rfm, 52).round(3).tolist()
        [0.505]
        """
        return _occasions(theta, rfm).p_alive_later(horizon)

    def purchase_pmf(
        self, theta: np.ndarray, rfm: RFM, count: float | np.ndarray, horizon: float | np.ndarray
    ) -> np.ndarray:
        r"""Probability of exactly k purchases in (T, T + t] given the history.

        .. math:: P(\text{alive}) \Big[ \frac{B(a, b'+k)}{B(a, b')} P(N = k)
                  + 1\{k>0\} \frac{B(a+1, b'+k-1)}{B(a, b')} P(N \ge k) \Big] + 1\{k=0\} P(\text{left}),

        with N negative binomial: the purchases of a customer who never leaves.

        Parameters
        ----------
        theta, rfm, horizon
            As in `expected_purchases`.
        count
            Whole numbers k >= 0, broadcast against the customers: (K, 1) gives K numbers for each.

        Returns
        -------
        np.ndarray
            Probabilities in the broadcast shape of everything.

        References
        ----------
        Hoppe & Wagner (2007), for a new customer.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[0], recency=[0], T=[0], time_unit="W")
        >>> model, theta = MBGNBD(), np.array([0.525, 6.183, 0.891, 1.614])
        >>> model.purchase_pmf(theta, rfm, np.arange(3)[:, None], 39).round(3).tolist()
        [[0.582], [0.183], [0.087]]
        """
        return _occasions(theta, rfm).purchase_pmf(count, horizon)

    def sample_purchase_times(
        self,
        theta: np.ndarray,
        rfm: RFM,
        p_alive: np.ndarray,
        horizon: float | np.ndarray,
        rng: np.random.Generator | Streams,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Exact draws of the purchases in (T, T + horizon] given the history.

        See `clvmodels.special.dropout.times_before_leaving`.

        Parameters
        ----------
        theta, rfm
            As in `loglik`.
        horizon
            Length > 0, finite: one for all, or an array that broadcasts against the rows.
        p_alive
            ``p_alive(theta, rfm)``.
        rng
            Source of randomness.

        Returns
        -------
        row, time : two (m,) arrays
            Flat row of the broadcast shape and time since T of each purchase, ascending. A row whose mean
            exceeds a million purchases is drawn with a million.

        Examples
        --------
        >>> model, theta = MBGNBD(), np.array([0.525, 6.183, 0.891, 1.614])
        >>> rfm = RFM.from_arrays(frequency=[26], recency=[30.857], T=[31], time_unit="W")
        >>> draws = np.repeat(theta[:, None], 4000, axis=1)
        >>> row, time = model.sample_purchase_times(draws, rfm, model.p_alive(draws, rfm), 52, np.random.default_rng(1))
        >>> bool(abs(len(row) / 4000 - 24.0) < 1.0), bool(time.max() <= 52)
        (True, True)
        """
        return times_before_leaving(_occasions(theta, rfm), p_alive, horizon, rng)

    def heterogeneity(self, theta: np.ndarray) -> tuple[Trait, ...]:
        """The rate of buying, Gamma(r, alpha), and the chance of leaving after a purchase, Beta(a, b).

        Examples
        --------
        >>> traits = MBGNBD().heterogeneity(np.array([1.0, 10.0, 1.0, 2.0]))
        >>> [f"{trait.name}: median {float(trait.spread.quantile(0.5)):.4f}" for trait in traits]
        ['rate of buying: median 0.0693', 'chance of leaving after a purchase: median 0.2929']
        """
        r, alpha, a, b = theta
        return (
            Trait("rate of buying", GammaSpread(r, alpha), time_power=-1),
            Trait("chance of leaving after a purchase", BetaSpread(a, b)),
        )

    def simulate(
        self, theta: np.ndarray, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Whole repeat-purchase histories from birth to age T, purchase by purchase.

        Parameters
        ----------
        theta
            (4,) or (4, n).
        T
            (n,) ages at the end of observation.
        rng
            Source of randomness.

        Returns
        -------
        row, age : two (m,) arrays
            Customer and age of each repeat purchase, ascending.

        Examples
        --------
        >>> theta = np.array([0.525, 6.183, 0.891, 1.614])
        >>> row, age = MBGNBD().simulate(theta, np.full(20000, 52.0), np.random.default_rng(1))
        >>> bool(abs(len(row) / 20000 - 1.42) < 0.1)
        True
        """
        r, alpha, a, b = np.asarray(theta, dtype=float)
        with np.errstate(divide="ignore", over="ignore"):  # a rate that underflows to 0: no purchase
            mean_wait, leaves = 1.0 / rng.gamma(r, 1.0 / alpha, len(T)), rng.beta(a, b, len(T))
            end = np.where(rng.random(len(T)) < leaves, 0.0, T)  # gone after the first purchase
            return live(mean_wait, end, leaves, rng)


def _occasions(theta: np.ndarray, rfm: RFM) -> Occasions:
    """The first purchase and each repeat purchase are occasions to leave."""
    r, alpha, a, b = np.ascontiguousarray(theta, dtype=float)
    return Occasions(r, alpha, a, b, rfm.frequency, rfm.recency, rfm.T, rfm.frequency + 1.0)
