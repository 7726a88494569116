"""A purchase model on another clock than the calendar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from clvmodels.contracts import Param, PurchaseModel, Trait
from clvmodels.rfm import RFM
from clvmodels.season.clock import Clock, days_since_1970
from clvmodels.special.streams import Streams
from clvmodels.units import unit_days

STEP = 7.0  # days over which discounting takes purchases to be spread evenly
LONGEST = 30 * 365.25  # days ahead in which seasons are followed; beyond, the clock is the calendar


@dataclass(frozen=True)
class OnClock:
    """A purchase model whose customers live on an operational clock, asked and answering in calendar time.

    A purchase model itself: it bends the columns and the horizon, asks the model, and dates purchases back.
    Parameters are those of the model, per unit of operational time, which over a year is calendar time. Without a
    calendar (`RFM.observed_until` is None) no season can be followed, and the model answers on its own clock.

    Attributes
    ----------
    model
        The purchase model.
    clock
        Its clock.

    Examples
    --------
    >>> from clvmodels.models import get_purchase_model
    >>> busy = OnClock(get_purchase_model("bg_nbd"), Clock(months=[1] * 11 + [3]))
    >>> theta = np.array([0.24, 4.41, 0.79, 2.43])
    >>> rfm = RFM.from_arrays(
    ...     frequency=[2], recency=[30], T=[39], time_unit="W", observation_end="2025-11-30"
    ... )
    >>> [model.expected_purchases(theta, rfm, 4.4).round(2).tolist() for model in (busy.model, busy)]
    [[0.16], [0.45]]
    """

    model: PurchaseModel
    clock: Clock

    @property
    def name(self) -> str:
        """No key of the registry: such a model is made, and cannot be looked up."""
        return f"{self.model.name} on a seasonal clock"

    @property
    def title(self) -> str:
        """Name people read."""
        return f"{self.model.title} with season"

    @property
    def params(self) -> tuple[Param, ...]:
        """Parameters of the model."""
        return self.model.params

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns the model reads, and those that date its customers."""
        return tuple(dict.fromkeys((*self.model.needs, "recency", "T")))

    @property
    def needs_if_alive(self) -> tuple[str, ...]:
        """Those that matter to the future of a customer who is alive."""
        return tuple(dict.fromkeys((*self.model.needs_if_alive, "T")))

    def loglik(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Log-likelihood on the operational clock.

        The density per calendar time differs by the speeds at the purchases, which no parameter changes: do not
        compare it with that of another clock.
        """
        return self.model.loglik(theta, self._bent(rfm))

    def loglik_grad(self, theta: np.ndarray, rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
        """`loglik` and its derivatives."""
        return self.model.loglik_grad(theta, self._bent(rfm))

    def p_alive(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Probability of being alive at T."""
        return self.model.p_alive(theta, self._bent(rfm))

    def p_alive_later(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        """Probability of being alive at T + horizon."""
        return self.model.p_alive_later(theta, self._bent(rfm), self.clock.ahead(horizon, rfm))

    def expected_purchases(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        """Mean number of purchases in (T, T + horizon]."""
        return self.model.expected_purchases(theta, self._bent(rfm), self.clock.ahead(horizon, rfm))

    def expected_discounted_purchases(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        """Discounted mean number of purchases, `purchases_if_alive` times `p_alive`."""
        return self.p_alive(theta, rfm) * self.purchases_if_alive(theta, rfm, horizon, rate)

    def purchases_if_alive(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        """Discounted mean number of purchases of a customer known to be alive at T.

        The model gives the purchases of each week ahead, and they are discounted as if spread evenly over it: a
        relative error below (rate x week)² / 24. Beyond thirty years the clock is taken for the calendar.
        """
        if rfm.observed_until is None:
            return self.model.purchases_if_alive(theta, rfm, horizon, rate)
        bent = self._bent(rfm)
        if rate == 0:
            return self.model.purchases_if_alive(theta, bent, self.clock.ahead(horizon, rfm), 0.0)
        day = unit_days(rfm.time_unit)
        farthest = min(float(np.max(horizon)), LONGEST / day)
        edges = np.linspace(0.0, farthest, max(1, int(np.ceil(farthest * day / STEP))) + 1)
        total, before = np.zeros(()), np.zeros(())
        for start, end in pairwise(edges):
            reached = np.minimum(end, horizon)
            length = np.maximum(reached - start, 0.0)
            worth = (
                np.exp(-rate * start) * -np.expm1(-rate * length) / np.where(length > 0, rate * length, 1.0)
            )
            bought = self.model.purchases_if_alive(theta, bent, self.clock.ahead(reached, rfm), 0.0)
            total, before = total + (bought - before) * worth, bought
        return np.asarray(total + self._far(theta, bent, rfm, horizon, rate, farthest))

    def _far(
        self,
        theta: np.ndarray,
        bent: RFM,
        rfm: RFM,
        horizon: float | np.ndarray,
        rate: float,
        reached: float,
    ) -> np.ndarray | float:
        """Discounted purchases beyond the years whose seasons are followed."""
        if np.max(horizon) <= reached:
            return 0.0
        near = self.clock.ahead(reached, rfm)
        far = near + np.maximum(np.asarray(horizon) - reached, 0.0)
        whole, part = (self.model.purchases_if_alive(theta, bent, end, rate) for end in (far, near))
        return np.asarray((whole - part) * np.exp(-rate * (reached - near)))

    def purchase_pmf(
        self, theta: np.ndarray, rfm: RFM, count: float | np.ndarray, horizon: float | np.ndarray
    ) -> np.ndarray:
        """Probability of exactly `count` purchases in (T, T + horizon]."""
        return self.model.purchase_pmf(theta, self._bent(rfm), count, self.clock.ahead(horizon, rfm))

    def sample_purchase_times(
        self,
        theta: np.ndarray,
        rfm: RFM,
        p_alive: np.ndarray,
        horizon: float | np.ndarray,
        rng: np.random.Generator | Streams,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws of the model on its clock, dated back to the calendar."""
        ahead = self.clock.ahead(horizon, rfm)
        row, time = self.model.sample_purchase_times(theta, self._bent(rfm), p_alive, ahead, rng)
        time = np.maximum(self.clock.dated(time, rfm), np.nextafter(0.0, 1.0))
        rows = np.broadcast_shapes(theta.shape[1:], (len(rfm),))
        return row, np.minimum(time, np.broadcast_to(horizon, rows).ravel()[row])

    def heterogeneity(self, theta: np.ndarray) -> tuple[Trait, ...]:
        """As the model tells, rates per unit of operational time."""
        return self.model.heterogeneity(theta)

    def simulate(
        self, theta: np.ndarray, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Whole histories by operational age: births have no date here (`clvmodels.datasets.World` has seasons)."""
        return self.model.simulate(theta, T, rng)

    def _bent(self, rfm: RFM) -> RFM:
        """The summary with recency and T in operational time."""
        if rfm.observed_until is None:
            return rfm
        day, until = unit_days(rfm.time_unit), days_since_1970(rfm.observed_until)
        end, born = self.clock.time(until), until - rfm.T * day
        birth = self.clock.time(born)
        age = (end - birth) / day
        recency = np.clip((self.clock.time(born + rfm.recency * day) - birth) / day, 0.0, age)
        return replace(rfm, T=age, recency=np.where(rfm.recency == rfm.T, age, recency))
