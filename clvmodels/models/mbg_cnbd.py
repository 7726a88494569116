r"""MBG/CNBD-k: customers buy at regular times and may leave after each purchase, the first included.

Notation, as in the paper:

=============  ===========================================================================
k              stages from one purchase to the next, a whole number that is not estimated
x, t_x, T      repeat purchases, age at the last one, age at the end of observation
r, alpha       rate of buying ~ Gamma(r, rate alpha) across customers
A              alpha / k: stages go by at k times the rate of buying, Gamma(r, rate A); the paper's alpha
a, b           probability of leaving after a purchase, p ~ Beta(a, b) across customers
n, b'          r + k x, b + x + 1
z              (T - t_x) / (A + T), the silence in units of the mean waiting time
s_j            (n)_j z^j / j!, the weight of j stages since the last purchase, 0 <= j < k
=============  ===========================================================================

Gaps between purchases are Erlang-k, and r / alpha is the mean rate of buying whatever k is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clvmodels.contracts import Param, Trait
from clvmodels.errors import ArgumentError
from clvmodels.rfm import RFM
from clvmodels.special.regular import RegularOccasions, regular_times_before_leaving
from clvmodels.special.spreads import BetaSpread, GammaSpread
from clvmodels.special.streams import Streams
from clvmodels.special.times import live

MOST_STAGES = 12


@dataclass(frozen=True)
class MBGCNBD:
    r"""MBG/CNBD-k (Reutterer, Platzer & Schroeder 2021).

    While alive a customer buys at a rate :math:`\lambda \sim \text{Gamma}(r, \alpha)`, after every k-th stage of a
    Poisson process that is k times as fast: gaps are Erlang-k, the more even the larger k. After each purchase, the
    first one at age 0 included, the customer leaves with probability :math:`p \sim \text{Beta}(a, b)`. With k = 1 it is
    MBG/NBD. The paper's alpha is the one here divided by k.

    k is fixed. Days and weeks that dates are rounded to make gaps look regular, and a likelihood falls for it: choose
    k by how well it forecasts, as ``CLVModel(purchase="auto")`` does.

    Attributes
    ----------
    k
        Stages from one purchase to the next, 1 to 12.
    name, title, params, needs
        As in `clvmodels.contracts.PurchaseModel`. Parameters (r, alpha, a, b) > 0; alpha is a time.

    Raises
    ------
    ArgumentError
        If k is no whole number from 1 to 12.

    References
    ----------
    Reutterer, Platzer & Schroeder (2021), Leveraging purchase regularity for predicting customer behavior the easy
    way, Int. Journal of Research in Marketing 38(1), doi:10.1016/j.ijresmar.2020.09.002. Its conditional expectations
    are approximations; those here are exact.

    Examples
    --------
    Nine weeks of silence after ten purchases in thirty weeks. Who buys at random may be back; who buys every three
    weeks, hardly:

    >>> rfm = RFM.from_arrays(frequency=[10], recency=[30], T=[39], time_unit="W")
    >>> theta = np.array([1.0, 3.0, 0.9, 3.0])
    >>> [MBGCNBD(k).p_alive(theta, rfm).round(2).tolist() for k in (1, 2, 4)]
    [[0.5], [0.29], [0.07]]
    """

    k: int

    def __post_init__(self) -> None:
        if type(self.k) is not int or not 1 <= self.k <= MOST_STAGES:
            raise ArgumentError(f"k={self.k!r} must be a whole number from 1 to {MOST_STAGES}")

    @property
    def name(self) -> str:
        """Key in the registry."""
        return f"mbg_cnbd_{self.k}"

    @property
    def title(self) -> str:
        """Name people read."""
        return f"MBG/CNBD-{self.k}"

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
        """Columns that matter to the future of a customer who is alive at T: a regular one is due."""
        return ("frequency", "T", "recency")

    def loglik(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        r"""Log-likelihood of each history.

        .. math:: \log \frac{t_x^{(k-1)x} \Gamma(x)}{\Gamma(kx)} + \log \frac{\Gamma(r+kx)}{\Gamma(r)}
                  - r \log(1 + T/A) - kx \log(A + T) + \log \frac{B(a, b')}{B(a, b)}
                  + \log \sum_{j<k} s_j - \log P(\text{alive})

        The first term holds no parameter. With it the likelihood is the density of (x, t_x), over that of x - 1 points
        anywhere before t_x: histories have one density under every k, in the unit of MBG/NBD, and k can be compared
        without the single gaps.

        Parameters
        ----------
        theta
            (4, ...) r, alpha, a, b > 0; alpha in the time unit of `rfm`.
        rfm
            Histories; frequency, recency and T are read.

        Returns
        -------
        np.ndarray
            In the broadcast shape, relative or absolute error below 1e-8. Repeat purchases that all fall on age 0 are
            impossible for k > 1; so that the number stays finite, they count as spread over alpha.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[2], recency=[30.43], T=[38.86], time_unit="W")
        >>> MBGCNBD(2).loglik(np.array([0.525, 6.0, 0.891, 1.614]), rfm).round(4).tolist()
        [-9.3185]
        """
        return self._occasions(theta, rfm).loglik()

    def loglik_grad(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihood and its exact derivatives (4, ...) by r, alpha, a and b.

        Parameters, and the first of the two results, as in `loglik`.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[2, 0], recency=[30.4, 0], T=[38.9, 38.9], time_unit="W")
        >>> value, slope = MBGCNBD(3).loglik_grad(np.array([0.525, 6.0, 0.891, 1.614]), rfm)
        >>> value.shape, slope.shape
        ((2,), (4, 2))
        """
        history = self._occasions(theta, rfm)
        slopes = history.slopes()
        slopes[1] /= self.k
        return history.loglik(), slopes

    def p_alive(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        r"""Probability of being alive at T given the history.

        .. math:: \Big[1 + \frac{a}{b+x} \Big(\frac{A+T}{A+t_x}\Big)^{n} \Big/ \sum_{j<k} s_j \Big]^{-1}

        Parameters as in `loglik`. Returns probabilities in the broadcast shape.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[0, 10], recency=[0, 20], T=[39, 39], time_unit="W")
        >>> MBGCNBD(2).p_alive(np.array([0.525, 6.0, 0.891, 1.614]), rfm).round(3).tolist()
        [0.403, 0.001]
        """
        return self._occasions(theta, rfm).p_alive()

    def expected_purchases(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        r"""Mean number of purchases in (T, T + t] given the history.

        .. math:: P(\text{alive}) \sum_{j<k} \frac{s_j}{\sum_i s_i}
                  \sum_{g \ge 1} \frac{B(a, b'+g-1)}{B(a, b')} P(M_j \ge gk - j),

        with :math:`M_j` negative binomial: the stages that go by at a rate :math:`\text{Gamma}(n+j, A+T)`. How it
        is summed stands in `clvmodels.special.stages`.

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
        A new customer, in 52 weeks:

        >>> rfm = RFM.from_arrays(frequency=[0], recency=[0], T=[0], time_unit="W")
        >>> MBGCNBD(2).expected_purchases(np.array([0.525, 6.0, 0.891, 1.614]), rfm, 52).round(3).tolist()
        [1.392]
        """
        return self.expected_discounted_purchases(theta, rfm, horizon, 0.0)

    def expected_discounted_purchases(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        r"""Discounted mean number of purchases in (T, T + t] given the history.

        .. math:: e^{-\delta t} E[N(t)] + \int_0^t \delta e^{-\delta u} E[N(u)] du,

        with :math:`E[N(u)]` from `expected_purchases`.

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
        >>> model, theta = MBGCNBD(2), np.array([0.525, 6.0, 0.891, 1.614])
        >>> rfm = RFM.from_arrays(frequency=[26], recency=[30.857], T=[31], time_unit="W")
        >>> model.expected_discounted_purchases(theta, rfm, 52, 0.002).round(2).tolist()
        [24.46]
        """
        return np.asarray(self.p_alive(theta, rfm) * self.purchases_if_alive(theta, rfm, horizon, rate))

    def purchases_if_alive(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        """`expected_discounted_purchases` of a customer who is alive at T: without the factor P(alive)."""
        return self._occasions(theta, rfm).purchases_if_alive(horizon, rate)

    def p_alive_later(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        r"""Probability of being alive at T + t given the history.

        .. math:: P(\text{alive}) \sum_{j<k} \frac{s_j}{\sum_i s_i}
                  E\Big[\frac{B(a, b'+\lfloor (j+M_j)/k \rfloor)}{B(a, b')}\Big]

        Parameters as in `expected_purchases`. Returns probabilities in the broadcast shape.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[10], recency=[37], T=[39], time_unit="W")
        >>> MBGCNBD(2).p_alive_later(np.array([0.525, 6.0, 0.891, 1.614]), rfm, 52).round(3).tolist()
        [0.489]
        """
        return self._occasions(theta, rfm).p_alive_later(horizon)

    def purchase_pmf(
        self, theta: np.ndarray, rfm: RFM, count: float | np.ndarray, horizon: float | np.ndarray
    ) -> np.ndarray:
        r"""Probability of exactly c purchases in (T, T + t] given the history.

        .. math:: P(\text{alive}) \sum_{j<k} \frac{s_j}{\sum_i s_i} \Big[ \frac{B(a, b'+c)}{B(a, b')}
                  P\Big(\Big\lfloor \frac{j+M_j}{k} \Big\rfloor = c\Big)
                  + 1\{c>0\} \frac{B(a+1, b'+c-1)}{B(a, b')} P(M_j \ge ck - j) \Big] + 1\{c=0\} P(\text{left})

        Parameters
        ----------
        theta, rfm, horizon
            As in `expected_purchases`.
        count
            Whole numbers c >= 0, broadcast against the customers: (C, 1) gives C numbers for each.

        Returns
        -------
        np.ndarray
            Probabilities in the broadcast shape of everything.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[0], recency=[0], T=[0], time_unit="W")
        >>> model, theta = MBGCNBD(2), np.array([0.525, 6.0, 0.891, 1.614])
        >>> model.purchase_pmf(theta, rfm, np.arange(3)[:, None], 39).round(3).tolist()
        [[0.595], [0.177], [0.084]]
        """
        return self._occasions(theta, rfm).purchase_pmf(count, horizon)

    def sample_purchase_times(
        self,
        theta: np.ndarray,
        rfm: RFM,
        p_alive: np.ndarray,
        horizon: float | np.ndarray,
        rng: np.random.Generator | Streams,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Exact draws of the purchases in (T, T + horizon] given the history.

        See `clvmodels.special.regular.regular_times_before_leaving`.

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
            exceeds a million stages is drawn with a million.

        Examples
        --------
        >>> model, theta = MBGCNBD(2), np.array([0.525, 6.0, 0.891, 1.614])
        >>> rfm = RFM.from_arrays(frequency=[26], recency=[30.857], T=[31], time_unit="W")
        >>> draws = np.repeat(theta[:, None], 4000, axis=1)
        >>> row, time = model.sample_purchase_times(draws, rfm, model.p_alive(draws, rfm), 52, np.random.default_rng(1))
        >>> bool(abs(len(row) / 4000 - 25.55) < 0.5), bool(time.max() <= 52)
        (True, True)
        """
        return regular_times_before_leaving(self._occasions(theta, rfm), p_alive, horizon, rng)

    def heterogeneity(self, theta: np.ndarray) -> tuple[Trait, ...]:
        """The rate of buying, Gamma(r, alpha), and the chance of leaving after a purchase, Beta(a, b).

        Examples
        --------
        >>> traits = MBGCNBD(2).heterogeneity(np.array([1.0, 10.0, 1.0, 2.0]))
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
        >>> theta = np.array([0.525, 6.0, 0.891, 1.614])
        >>> row, age = MBGCNBD(2).simulate(theta, np.full(20000, 52.0), np.random.default_rng(1))
        >>> bool(abs(len(row) / 20000 - 1.42) < 0.1)
        True
        """
        r, alpha, a, b = np.asarray(theta, dtype=float)
        with np.errstate(divide="ignore", over="ignore"):  # a rate that underflows to 0: no purchase
            mean_wait = 1.0 / (self.k * rng.gamma(r, 1.0 / alpha, len(T)))
            leaves = rng.beta(a, b, len(T))
            end = np.where(rng.random(len(T)) < leaves, 0.0, T)  # gone after the first purchase
            return live(mean_wait, end, leaves, rng, self.k)

    def _occasions(self, theta: np.ndarray, rfm: RFM) -> RegularOccasions:
        r, alpha, a, b = np.ascontiguousarray(theta, dtype=float)
        return RegularOccasions(self.k, r, alpha / self.k, a, b, rfm.frequency, rfm.recency, rfm.T)
