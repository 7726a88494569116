"""What a model and a forecaster must do; the docstrings are the specification.

Shapes. `theta` is (P, ...) and broadcasts behind its first axis against the customers' (n,) columns:
(P,) gives one value per customer, (P, n) a parameter vector per customer, (P, S) with a one-row RFM
S draws for one customer, (P, S, 1) the full grid (S, n). "Row" below means a flat index into that
broadcast shape. Times are in the RFM's unit. All functions are pure: they trust their arguments, hold
no data, and return finite numbers wherever the mathematics does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import numpy as np

from clvmodels.prediction import DrawBlock, Forecast
from clvmodels.rfm import RFM
from clvmodels.special.streams import Streams


@dataclass(frozen=True)
class Param:
    """A positive parameter of a model.

    Attributes
    ----------
    name
        As in the paper.
    meaning
        One line for people.
    prior_median, prior_sigma
        Log-normal prior of the parameter divided by ``time_scale**time_power * money_scale**money_power``,
        where the scales are the mean age and the mean spend of the data: free of units.
    time_power, money_power
        How the parameter scales with the unit of time and of money (0 for a shape, 1 for a time or an amount).
    """

    name: str
    meaning: str
    prior_median: float = 1.0
    prior_sigma: float = 2.0
    time_power: int = 0
    money_power: int = 0


class Spread(Protocol):
    """How a value is spread across customers."""

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Share of customers at or below x >= 0, broadcast against the parameters."""
        ...

    def quantile(self, share: np.ndarray) -> np.ndarray:
        """Value at or below which a share in [0, 1] of customers lies, broadcast against the parameters."""
        ...


@dataclass(frozen=True)
class Trait:
    """What nobody sees of a customer and a model infers: a rate, a chance, a level of spend.

    Attributes
    ----------
    name
        For people; without units.
    spread
        How it is spread across customers of whom nothing is known.
    time_power, money_power
        How its values scale with the unit of time and of money; 0 for both is a chance in [0, 1].
    """

    name: str
    spread: Spread
    time_power: int = 0
    money_power: int = 0


class PurchaseModel(Protocol):
    """When customers buy, and when they stop.

    Attributes
    ----------
    name, title
        Key in the registry, and the name people read.
    params
        The parameters, in the order of the first axis of `theta`.
    needs
        RFM columns the likelihood reads; rows equal in them have equal likelihood.
    needs_if_alive
        Those among them that matter to the future of a customer who is alive at T.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def params(self) -> tuple[Param, ...]: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def needs_if_alive(self) -> tuple[str, ...]: ...

    def loglik(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Log-likelihood of each customer's history (weights not applied), shape ``broadcast``."""
        ...

    def loglik_grad(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihood ``broadcast`` and its derivatives (P, *broadcast) by the parameters themselves."""
        ...

    def p_alive(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Probability of being alive at T given the history, ``broadcast``, in [0, 1]."""
        ...

    def expected_purchases(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        """Mean number of purchases in (T, T + horizon] given the history, ``broadcast``.

        `horizon` is finite and >= 0: one for all, or (n,) one per customer.
        """
        ...

    def expected_discounted_purchases(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        """Mean of the sum of exp(-rate u) over the purchases at T + u, u in (0, horizon], ``broadcast``.

        `rate` >= 0 is continuous, per time unit. `horizon` as in `expected_purchases`, or infinite where rate > 0:
        the discounted expected residual transactions (DERT). With rate 0 it is `expected_purchases`.
        """
        ...

    def purchases_if_alive(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        """`expected_discounted_purchases` over `p_alive`: the mean of a customer known to be alive at T.

        It reads the columns `needs_if_alive`, of which there are fewer patterns, and costs more than `p_alive`.
        """
        ...

    def p_alive_later(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        """Probability of being alive at T + horizon given the history, ``broadcast``; `horizon` is finite."""
        ...

    def purchase_pmf(
        self, theta: np.ndarray, rfm: RFM, count: float | np.ndarray, horizon: float | np.ndarray
    ) -> np.ndarray:
        """Probability of exactly `count` purchases in (T, T + horizon] given the history.

        `count` holds whole numbers >= 0 that broadcast against ``broadcast``: (K, 1) gives (K, n), (K, 1, 1) gives
        (K, S, n). `horizon` as in `expected_purchases`. For a customer with T = 0 it is the distribution of purchases
        by the age `horizon`.
        """
        ...

    def sample_purchase_times(
        self,
        theta: np.ndarray,
        rfm: RFM,
        p_alive: np.ndarray,
        horizon: float | np.ndarray,
        rng: np.random.Generator | Streams,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Exact draws of the purchases in (T, T + horizon] given the history.

        Parameters
        ----------
        p_alive
            What `p_alive(theta, rfm)` returned, in the shape ``broadcast`` (computed once per pattern by the caller).
        horizon
            Finite and > 0: one for all, or an array that broadcasts against ``broadcast``, (S, 1) for one per draw.
        rng
            A stream for each row, or a generator that streams are made from (`streams_of`): a row is drawn from
            its own stream, so that other rows leave no trace in it.

        Returns
        -------
        row, time : two (m,) arrays
            One entry per purchase: flat row of the broadcast shape, and time since T in (0, horizon].
            Rows ascend; times ascend within a row.
        """
        ...

    def heterogeneity(self, theta: np.ndarray) -> tuple[Trait, ...]:
        """How customers differ before any history, theta (P, ...): rate of buying while alive first."""
        ...

    def simulate(
        self, theta: np.ndarray, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Whole repeat-purchase histories from birth to age `T` (n,), with theta (P,) or (P, n).

        Written from the model's story, not from the conditional facts, so that it can judge them.
        Returns (row, time) as `sample_purchase_times`, times being ages in (0, T].
        """
        ...


class SpendModel(Protocol):
    """How much a purchase is worth. Attributes as in `PurchaseModel`.

    Attributes
    ----------
    given
        Columns of a summary that the story takes as given, as they are at the end of observation: how often a
        customer has bought. A model with such columns says nothing of customers who are still to come. Empty for those
        whose story begins at birth.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def params(self) -> tuple[Param, ...]: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def given(self) -> tuple[str, ...]: ...

    def informs(self, rfm: RFM) -> np.ndarray:
        """(n,) mask of the customers whose history has something to say to the fit."""
        ...

    def loglik(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Log-likelihood of each customer's spend given the number of purchases, ``broadcast``.

        0 for the customers that `informs` leaves out.
        """
        ...

    def loglik_grad(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihood ``broadcast`` and its derivatives (P, *broadcast)."""
        ...

    def expected_spend(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Mean spend of a future purchase given the history, ``broadcast``; infinite where no mean exists."""
        ...

    def median_spend(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Median spend of a future purchase given the history, ``broadcast``; it exists where the mean does not."""
        ...

    def heterogeneity(self, theta: np.ndarray) -> tuple[Trait, ...]:
        """How customers differ before any history, theta (P, ...): the mean spend of their own first, then the rest."""
        ...

    def sample_spend(
        self, theta: np.ndarray, rfm: RFM, row: np.ndarray, rng: np.random.Generator | Streams
    ) -> np.ndarray:
        """Exact draws of the value of future purchases given the history.

        `row` (m,) says to which row of the broadcast shape each purchase belongs; purchases of one row
        share that row's latent spend level. `rng` as in `sample_purchase_times`. Returns (m,) amounts > 0.
        """
        ...

    def simulate(
        self, theta: np.ndarray, row: np.ndarray, is_first: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Amounts (m,) > 0 of whole lives from birth, with theta (P,) or (P, n).

        `row` (m,) says whose purchase it is, and `is_first` (m,) whether it is that customer's first.
        """
        ...


class FittedForecaster(Protocol):
    """A forecaster that has seen its data.

    A backtest asks more of those that know more. `posteriors` (each with a `status`) tells how the fit converged.
    ``purchase_probability(purchases, horizon)`` gives the (n,) predictive probability of (n,) counts, for the log
    score, or None where it is not known. A `forecast` that also takes `rfm` and `block_size` can forecast customers it
    has not seen, so that new customers are forecast, unless its `tells_newcomers` is false; one that takes `workers` is
    asked for a single thread beside other processes.
    """

    def forecast(
        self,
        horizon: str | date | datetime,
        *,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        draws: int = 1000,
        seed: int = 0,
        levels: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95),
        period: str | None = None,
        observe: Callable[[DrawBlock], None] | None = None,
    ) -> Forecast:
        """Forecast the customers it was fitted to; `observe` is handed every block of draws."""
        ...

    def expected_history(self, age: np.ndarray) -> np.ndarray | None:
        """(m,) mean repeat purchases by each age (m,), or None if the forecaster has no such notion."""
        ...

    @property
    def summary(self) -> str:
        """What was fitted and how it went, in a few lines of text."""
        ...

    @property
    def usable(self) -> bool:
        """Whether the fit may be used."""
        ...


class Forecaster(Protocol):
    """Anything that forecasts customers: a CLV model or a historical formula."""

    @property
    def name(self) -> str: ...

    def fit(self, rfm: RFM, *, seed: int = 0) -> FittedForecaster:
        """Learn from the summary; returns a new object."""
        ...
