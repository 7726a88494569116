r"""BG/NBD: customers buy at a constant rate and may leave after each repeat purchase.

Notation, as in the papers:

=============  ===========================================================================
x, t_x, T      repeat purchases, age at the last one, age at the end of observation
r, alpha       rate of buying ~ Gamma(r, rate alpha) across customers
a, b           probability of leaving after a purchase, p ~ Beta(a, b) across customers
n              r + x
tau            t / (alpha + T), the horizon in units of the mean waiting time
=============  ===========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from clvmodels.contracts import Param
from clvmodels.rfm import RFM
from clvmodels.special.chances import discounted_purchases
from clvmodels.special.gammas import digamma_rise, log_rising
from clvmodels.special.times import MOST_PURCHASES, scatter_times

SMALLEST = 1e-300


@dataclass(frozen=True)
class BGNBD:
    r"""BG/NBD (Fader, Hardie & Lee 2005).

    While alive a customer buys as a Poisson process with rate :math:`\lambda \sim \text{Gamma}(r, \alpha)`;
    after each repeat purchase the customer leaves with probability :math:`p \sim \text{Beta}(a, b)`.

    Attributes
    ----------
    name, title, params, needs
        As in `clvmodels.contracts.PurchaseModel`. Parameters (r, alpha, a, b) > 0; alpha is a time.

    References
    ----------
    Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2),
    doi:10.1287/mksc.1040.0098.

    Examples
    --------
    A customer of the CDNOW sample, 26 repeat purchases in 31 weeks:

    >>> model, theta = BGNBD(), np.array([0.2426, 4.4136, 0.7929, 2.4259])
    >>> rfm = RFM.from_arrays(frequency=[26], recency=[30.857], T=[31])
    >>> model.p_alive(theta, rfm).round(4).tolist(), model.expected_purchases(theta, rfm, 52).round(2).tolist()
    ([0.9689], [25.76])
    """

    @property
    def name(self) -> str:
        """Key in the registry."""
        return "bg_nbd"

    @property
    def title(self) -> str:
        """Name people read."""
        return "BG/NBD"

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

    def loglik(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        r"""Log-likelihood of each history.

        .. math:: \log \frac{\Gamma(r+x)}{\Gamma(r)} - r \log(1 + T/\alpha) - x \log(\alpha + T)
                  + \log \frac{B(a, b+x)}{B(a, b)} - \log P(\text{alive})

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
        >>> rfm = RFM.from_arrays(frequency=[2], recency=[30.43], T=[38.86])
        >>> BGNBD().loglik(np.array([0.243, 4.414, 0.793, 2.426]), rfm).round(4).tolist()
        [-9.4586]
        """
        r, alpha, a, b = np.ascontiguousarray(theta, dtype=float)
        x, age = rfm.frequency, rfm.T
        buying = log_rising(r, x) - r * np.log1p(age / alpha) - x * np.log(alpha + age)
        staying = log_rising(b, x) - log_rising(a + b, x)
        return np.asarray(buying + staying + np.logaddexp(0.0, _log_odds_left(theta, rfm)))

    def loglik_grad(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihood and its exact derivatives (4, ...) by r, alpha, a and b.

        Parameters, and the first of the two results, as in `loglik`.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[2, 0], recency=[30.4, 0], T=[38.9, 38.9])
        >>> value, slope = BGNBD().loglik_grad(np.array([0.243, 4.414, 0.793, 2.426]), rfm)
        >>> value.shape, slope.shape
        ((2,), (4, 2))
        """
        r, alpha, a, b = np.ascontiguousarray(theta, dtype=float)
        x, t_x, age = rfm.frequency, rfm.recency, rfm.T
        value = self.loglik(theta, rfm)
        left = expit(_log_odds_left(theta, rfm))
        silent = age - t_x
        either = digamma_rise(a + b, x)
        slope = np.empty((4, *value.shape))
        slope[0] = digamma_rise(r, x) - np.log1p(age / alpha) + left * np.log1p(silent / (alpha + t_x))
        slope[1] = (r * (age / alpha) - x - left * (r + x) * (silent / (alpha + t_x))) / (alpha + age)
        slope[2] = left / a - either
        slope[3] = digamma_rise(b, x) - either - left / (b + np.maximum(x - 1.0, 0.0))
        return value, slope

    def p_alive(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        r"""Probability of being alive at T given the history; 1 without a repeat purchase.

        .. math:: \Big[1 + \frac{a}{b+x-1} \Big(\frac{\alpha+T}{\alpha+t_x}\Big)^{r+x}\Big]^{-1}

        Parameters as in `loglik`. Returns probabilities in the broadcast shape.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[0, 10], recency=[0, 20], T=[39, 39])
        >>> BGNBD().p_alive(np.array([0.243, 4.414, 0.793, 2.426]), rfm).round(3).tolist()
        [1.0, 0.038]
        """
        return np.asarray(expit(-_log_odds_left(theta, rfm)))

    def expected_purchases(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        r"""Mean number of purchases in (T, T + t] given the history.

        .. math:: P(\text{alive}) \int_0^1 \frac{1 - (1 + p \tau)^{-n}}{p} \text{Beta}(p; a, b+x) dp

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

        >>> rfm = RFM.from_arrays(frequency=[0], recency=[0], T=[0])
        >>> BGNBD().expected_purchases(np.array([0.2426, 4.4136, 0.7929, 2.4259]), rfm, 52).round(3).tolist()
        [1.444]
        """
        return self.expected_discounted_purchases(theta, rfm, horizon, 0.0)

    def expected_discounted_purchases(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        r"""Discounted mean number of purchases in (T, T + t] given the history.

        .. math:: P(\text{alive}) \int_0^t e^{-\delta u} \frac{r+x}{\alpha+T}
                  E_p \Big(1 + \frac{p u}{\alpha+T}\Big)^{-(n+1)} du, \quad p \sim \text{Beta}(a, b+x)

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
        >>> model, theta = BGNBD(), np.array([0.2426, 4.4136, 0.7929, 2.4259])
        >>> rfm = RFM.from_arrays(frequency=[26], recency=[30.857], T=[31])
        >>> model.expected_discounted_purchases(theta, rfm, 52, 0.002).round(2).tolist()
        [24.61]
        """
        r, alpha, a, b = np.ascontiguousarray(theta, dtype=float)
        alive, scale = self.p_alive(theta, rfm), alpha + rfm.T
        parts = (r + rfm.frequency, horizon / scale, rate * scale, a, b + rfm.frequency)
        rows = [np.broadcast_to(part, alive.shape).ravel() for part in parts]
        return np.asarray(alive * discounted_purchases(*rows).reshape(alive.shape))

    def sample_purchase_times(
        self, theta: np.ndarray, rfm: RFM, p_alive: np.ndarray, horizon: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        r"""Exact draws of the purchases in (T, T + horizon] given the history.

        Given that the customer is alive, :math:`\lambda \sim \text{Gamma}(r+x, \alpha+T)` and, independent of it,
        :math:`p \sim \text{Beta}(a, b+x)`; the G-th future purchase is the last, G ~ Geometric(p). Where G < N, the
        number that would have come, the first G times are uniform up to the (G+1)-th order statistic of N.

        Parameters
        ----------
        theta, rfm, horizon
            As in `expected_purchases`.
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
        >>> model, theta = BGNBD(), np.array([0.2426, 4.4136, 0.7929, 2.4259])
        >>> rfm = RFM.from_arrays(frequency=[26], recency=[30.857], T=[31])
        >>> draws = np.repeat(theta[:, None], 4000, axis=1)
        >>> row, time = model.sample_purchase_times(draws, rfm, model.p_alive(draws, rfm), 52, np.random.default_rng(1))
        >>> bool(abs(len(row) / 4000 - 25.76) < 0.5), bool(time.max() <= 52)
        (True, True)
        """
        shape = p_alive.shape
        alive = np.flatnonzero(rng.random(p_alive.size) < p_alive.ravel())
        r, alpha, a, b = np.asarray(theta, dtype=float)
        n, scale, a, b = (
            np.broadcast_to(part, shape).ravel()[alive]
            for part in (r + rfm.frequency, alpha + rfm.T, a, b + rfm.frequency)
        )
        mean = rng.standard_gamma(n) * (horizon / scale)
        counts = rng.poisson(np.minimum(mean, MOST_PURCHASES))
        several = np.flatnonzero(counts > 1)  # the first purchase happens whatever the coin says after it
        leaving = np.clip(rng.beta(a[several], b[several]), SMALLEST, 1.0 - np.finfo(float).eps)
        stays = np.floor(rng.standard_exponential(len(several)) / -np.log1p(-leaving))  # G - 1
        cut = several[stays + 1.0 < counts[several]]
        missed = counts.copy()
        counts[several] = np.minimum(counts[several], stays + 1.0)
        missed -= counts
        span = np.full(len(alive), float(horizon))
        first_missed = rng.beta(counts[cut] + 1.0, missed[cut])
        span[cut] *= first_missed
        return scatter_times(alive, counts, span, rng)

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
        >>> theta = np.array([0.2426, 4.4136, 0.7929, 2.4259])
        >>> row, age = BGNBD().simulate(theta, np.full(20000, 52.0), np.random.default_rng(1))
        >>> bool(abs(len(row) / 20000 - 1.444) < 0.1)
        True
        """
        r, alpha, a, b = np.asarray(theta, dtype=float)
        count = len(T)
        with np.errstate(divide="ignore", over="ignore"):  # a rate that underflows to 0: no purchase
            mean_wait = 1.0 / rng.gamma(r, 1.0 / alpha, count)
            leaves = rng.beta(a, b, count)
            buying, age = np.arange(count), np.zeros(count)
            rows, ages = [buying[:0]], [age[:0]]
            while len(buying):
                age = age + rng.exponential(1.0, len(buying)) * mean_wait[buying]
                bought = age <= T[buying]
                buying, age = buying[bought], age[bought]
                rows.append(buying)
                ages.append(age)
                stays = rng.random(len(buying)) >= leaves[buying]
                buying, age = buying[stays], age[stays]
        row = np.concatenate(rows)
        order = np.argsort(row, kind="stable")
        return row[order], np.concatenate(ages)[order]


def _log_odds_left(theta: np.ndarray, rfm: RFM) -> np.ndarray:
    """Log-odds of having left at the last purchase against being alive; -inf without a repeat purchase."""
    r, alpha, a, b = np.ascontiguousarray(theta, dtype=float)
    x, t_x = rfm.frequency, rfm.recency
    silence = (r + x) * np.log1p((rfm.T - t_x) / (alpha + t_x))
    odds = np.log(a / (b + np.maximum(x - 1.0, 0.0))) + silence
    return np.where(x > 0, odds, -np.inf)
