r"""Pareto/NBD: customers buy at a constant rate and leave at a time of their own.

Notation, as in the papers:

=============  ===========================================================================
x, t_x, T      repeat purchases, age at the last one, age at the end of observation
r, alpha       rate of buying ~ Gamma(r, rate alpha) across customers
s, beta        rate of leaving ~ Gamma(s, rate beta) across customers
A, B, D        alpha + t_x, beta + t_x, T - t_x
n              r + x
u              age at which the customer left, minus t_x
=============  ===========================================================================

The likelihood is that of the history up to t_x times

.. math:: Q = (1 + D/B)^{-s} (1 + D/A)^{-n} + \frac{s}{B} \int_0^D (1 + u/B)^{-(s+1)} (1 + u/A)^{-n} du,

alive at T plus left in between: two positive terms instead of the papers' difference of two hypergeometric
functions. With C = min(A, B), u = C (e^v - 1) the integrand is exp(-drop(v)), log-concave and analytic within
a strip of half-width pi, so that one Gauss-Legendre rule over its effective support serves every regime; only
the number of nodes differs. Derivatives are moments of the same nodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import exprel

from clvmodels.contracts import Param, Trait
from clvmodels.rfm import RFM
from clvmodels.special.counts import purchases_before_end
from clvmodels.special.lifetimes import discounted_life
from clvmodels.special.silence import Silence, silence_after
from clvmodels.special.spreads import GammaSpread
from clvmodels.special.streams import Streams, streams_of
from clvmodels.special.times import MOST_PURCHASES, live, scatter_times


@dataclass(frozen=True)
class ParetoNBD:
    r"""Pareto/NBD (Schmittlein, Morrison & Colombo 1987).

    While alive a customer buys as a Poisson process with rate :math:`\lambda \sim \text{Gamma}(r, \alpha)`;
    the lifetime is exponential with rate :math:`\mu \sim \text{Gamma}(s, \beta)`, independent of it.

    Attributes
    ----------
    name, title, params, needs
        As in `clvmodels.contracts.PurchaseModel`. Parameters (r, alpha, s, beta) > 0; alpha and beta are times.

    References
    ----------
    Schmittlein, Morrison & Colombo (1987), Management Science 33(1), doi:10.1287/mnsc.33.1.1;
    Fader & Hardie (2005), "A Note on Deriving the Pareto/NBD Model and Related Expressions".

    Examples
    --------
    A customer of the CDNOW sample, 26 repeat purchases in 31 weeks:

    >>> model, theta = ParetoNBD(), np.array([0.5533, 10.578, 0.6062, 11.669])
    >>> rfm = RFM.from_arrays(frequency=[26], recency=[30.857], T=[31], time_unit="W")
    >>> model.p_alive(theta, rfm).round(4).tolist(), model.expected_purchases(theta, rfm, 52).round(2).tolist()
    ([0.9979], [25.46])
    """

    @property
    def name(self) -> str:
        """Key in the registry."""
        return "pareto_nbd"

    @property
    def title(self) -> str:
        """Name people read."""
        return "Pareto/NBD"

    @property
    def params(self) -> tuple[Param, ...]:
        """Parameters in the order of the first axis of theta."""
        return (
            Param("r", "shape of the purchase rates; small means customers differ a lot", 1.0, 1.5),
            Param("alpha", "scale of the purchase rates; r / alpha is the mean rate", 1.0, 2.0, time_power=1),
            Param("s", "shape of the leaving rates; small means customers differ a lot", 1.0, 1.5),
            Param("beta", "scale of the leaving rates; s / beta is the mean rate", 1.0, 2.0, time_power=1),
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

        .. math:: \log \frac{\Gamma(r+x)}{\Gamma(r)} - s \log(1 + t_x/\beta) - r \log(1 + t_x/\alpha)
                  - x \log(\alpha + t_x) + \log Q

        Parameters
        ----------
        theta
            (4, ...) r, alpha, s, beta > 0; alpha and beta in the time unit of `rfm`.
        rfm
            Histories; frequency, recency and T are read.

        Returns
        -------
        np.ndarray
            In the broadcast shape, relative or absolute error below 1e-8.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[221], recency=[103.42857], T=[103.57143], time_unit="W")
        >>> ParetoNBD().loglik(np.array([0.5143, 2.8845, 0.2856, 14.1087]), rfm).round(5).tolist()
        [-61.58465]
        """
        return _silence(theta, rfm, with_moments=False).loglik()

    def loglik_grad(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihood and its exact derivatives (4, ...) by r, alpha, s and beta.

        Parameters, and the first of the two results, as in `loglik`.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[2, 0], recency=[30.4, 0], T=[38.9, 38.9], time_unit="W")
        >>> value, slope = ParetoNBD().loglik_grad(np.array([0.55, 10.6, 0.61, 11.7]), rfm)
        >>> value.shape, slope.shape
        ((2,), (4, 2))
        """
        silence = _silence(theta, rfm, with_moments=True)
        return silence.loglik(), silence.slopes()

    def p_alive(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Probability of being alive at T given the history: the first term of Q over Q.

        Parameters as in `loglik`. Returns probabilities in the broadcast shape.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[0], recency=[0], T=[39], time_unit="W")
        >>> ParetoNBD().p_alive(np.array([0.5533, 10.578, 0.6062, 11.669]), rfm).round(3).tolist()
        [0.294]
        """
        return _silence(theta, rfm, with_moments=False).p_alive()

    def expected_purchases(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        r"""Mean number of purchases in (T, T + t] given the history.

        .. math:: P(\text{alive}) \frac{r+x}{\alpha+T} \int_0^t \Big(\frac{\beta+T}{\beta+T+u}\Big)^s du

        With L = log(1 + t / (beta + T)) the integral is (beta + T) times that of exp((1-s) l) over (0, L),
        smooth through s = 1.

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
        >>> ParetoNBD().expected_purchases(np.array([0.5533, 10.578, 0.6062, 11.669]), rfm, 52).round(2).tolist()
        [1.47]
        """
        return self.expected_discounted_purchases(theta, rfm, horizon, 0.0)

    def expected_discounted_purchases(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        r"""Discounted mean number of purchases in (T, T + t] given the history; for t infinite, DERT.

        .. math:: P(\text{alive}) \frac{r+x}{\alpha+T} \int_0^t e^{-\delta u} \Big(\frac{\beta+T}{\beta+T+u}\Big)^s du

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

        References
        ----------
        Fader, Hardie & Lee (2005), "RFM and CLV", Journal of Marketing Research 42(4).

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[7], recency=[35], T=[77.86], time_unit="W")
        >>> theta = np.array([0.5629966, 12.5590370, 0.4081095, 10.5148048])
        >>> ParetoNBD().expected_discounted_purchases(theta, rfm, np.inf, 0.0027).round(4).tolist()
        [1.8642]
        """
        return np.asarray(self.p_alive(theta, rfm) * self.purchases_if_alive(theta, rfm, horizon, rate))

    def purchases_if_alive(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        """`expected_discounted_purchases` of a customer who is alive at T: without the factor P(alive)."""
        r, alpha, s, beta = np.ascontiguousarray(theta, dtype=float)
        scale = beta + rfm.T
        length = np.log1p(horizon / scale)
        if rate > 0:
            parts = np.broadcast_arrays(s, rate * scale, length)
            lived = discounted_life(*(part.ravel() for part in parts))[0].reshape(parts[0].shape)
        else:
            lived = length * exprel((1.0 - s) * length)
        return np.asarray((r + rfm.frequency) / (alpha + rfm.T) * (scale * lived))

    def p_alive_later(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        r"""Probability of being alive at T + t given the history, :math:`P(\text{alive}) (1 + t/(\beta+T))^{-s}`.

        Parameters as in `expected_purchases`. Returns probabilities in the broadcast shape.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[26], recency=[30.857], T=[31], time_unit="W")
        >>> ParetoNBD().p_alive_later(np.array([0.5533, 10.578, 0.6062, 11.669]), rfm, 52).round(3).tolist()
        [0.616]
        """
        _, _, s, beta = np.ascontiguousarray(theta, dtype=float)
        return np.asarray(self.p_alive(theta, rfm) * np.exp(-s * np.log1p(horizon / (beta + rfm.T))))

    def purchase_pmf(
        self, theta: np.ndarray, rfm: RFM, count: float | np.ndarray, horizon: float | np.ndarray
    ) -> np.ndarray:
        r"""Probability of exactly k purchases in (T, T + t] given the history.

        P(alive) times the probability for a new customer with r + x, alpha + T, s and beta + T, plus P(left) at
        k = 0; see `clvmodels.special.counts.purchases_before_end`.

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
        Fader & Hardie (2014), "Deriving an Expression for P(X(t,t+tau)=x) Under the Pareto/NBD Model".

        Examples
        --------
        >>> model, theta = ParetoNBD(), np.array([0.5533, 10.578, 0.6062, 11.669])
        >>> rfm = RFM.from_arrays(frequency=[0], recency=[0], T=[0], time_unit="W")
        >>> model.purchase_pmf(theta, rfm, np.arange(3)[:, None], 39).round(3).tolist()
        [[0.594], [0.166], [0.083]]
        """
        terms = _silence(theta, rfm, with_moments=False)
        whole, k = terms.alive + terms.left, np.asarray(count, dtype=float)
        shape = np.broadcast_shapes(whole.shape, k.shape)
        parts = (k, terms.r + terms.x, terms.alpha + rfm.T, terms.s, terms.beta + rfm.T, horizon)
        bought = purchases_before_end(*(np.broadcast_to(part, shape).ravel() for part in parts))
        left = np.where(k == 0.0, terms.left, 0.0)
        return np.asarray((terms.alive * bought.reshape(shape) + left) / whole)

    def sample_purchase_times(
        self,
        theta: np.ndarray,
        rfm: RFM,
        p_alive: np.ndarray,
        horizon: float | np.ndarray,
        rng: np.random.Generator | Streams,
    ) -> tuple[np.ndarray, np.ndarray]:
        r"""Exact draws of the purchases in (T, T + horizon] given the history.

        Given that the customer is alive, :math:`\lambda \sim \text{Gamma}(r+x, \alpha+T)`, and the remaining life
        has survival :math:`((\beta+T)/(\beta+T+u))^s`, independent of it. The number of purchases in what is lived
        of the horizon is negative binomial, and they fall anywhere in it.

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
        >>> model, theta = ParetoNBD(), np.array([0.5533, 10.578, 0.6062, 11.669])
        >>> rfm = RFM.from_arrays(frequency=[26], recency=[30.857], T=[31], time_unit="W")
        >>> draws = np.repeat(theta[:, None], 4000, axis=1)
        >>> row, time = model.sample_purchase_times(draws, rfm, model.p_alive(draws, rfm), 52, np.random.default_rng(2))
        >>> bool(abs(len(row) / 4000 - 25.46) < 1.0), bool(time.max() <= 52)
        (True, True)
        """
        shape, theta = p_alive.shape, np.asarray(theta, dtype=float)
        streams = streams_of(rng, np.arange(p_alive.size))
        alive = np.flatnonzero(streams.uniform() < p_alive.ravel())
        streams = streams.take(alive)
        r, alpha, s, beta = theta
        n, a, s, b = (
            np.broadcast_to(part, shape).ravel()[alive]
            for part in (r + rfm.frequency, alpha + rfm.T, s, beta + rfm.T)
        )
        ends = np.broadcast_to(horizon, shape).ravel()[alive]
        longest = np.log1p(ends / b)
        life = np.expm1(np.minimum(streams.exponential() / s, longest)) * b
        life = np.minimum(life, ends)
        counts = streams.negative_binomial(n, life / a, MOST_PURCHASES)
        return scatter_times(alive, counts, life, streams)

    def heterogeneity(self, theta: np.ndarray) -> tuple[Trait, ...]:
        """The rate of buying, Gamma(r, alpha), and the rate of leaving, Gamma(s, beta).

        Examples
        --------
        >>> traits = ParetoNBD().heterogeneity(np.array([1.0, 10.0, 1.0, 20.0]))
        >>> [f"{trait.name}: median {float(trait.spread.quantile(0.5)):.4f}" for trait in traits]
        ['rate of buying: median 0.0693', 'rate of leaving: median 0.0347']
        """
        r, alpha, s, beta = theta
        return (
            Trait("rate of buying", GammaSpread(r, alpha), time_power=-1),
            Trait("rate of leaving", GammaSpread(s, beta), time_power=-1),
        )

    def simulate(
        self, theta: np.ndarray, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Whole repeat-purchase histories from birth to age T, waiting time by waiting time.

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
        >>> theta = np.array([0.5533, 10.578, 0.6062, 11.669])
        >>> row, age = ParetoNBD().simulate(theta, np.full(20000, 52.0), np.random.default_rng(1))
        >>> bool(abs(len(row) / 20000 - 1.473) < 0.1)
        True
        """
        r, alpha, s, beta = np.asarray(theta, dtype=float)
        with np.errstate(divide="ignore", over="ignore"):  # a rate that underflows to 0: no purchase, no end
            mean_wait = 1.0 / rng.gamma(r, 1.0 / alpha, len(T))
            end = np.minimum(T, rng.exponential(1.0, len(T)) / rng.gamma(s, 1.0 / beta, len(T)))
            return live(mean_wait, end, None, rng)


def _silence(theta: np.ndarray, rfm: RFM, *, with_moments: bool) -> Silence:
    return silence_after(theta, rfm.frequency, rfm.recency, rfm.T, with_moments=with_moments)
