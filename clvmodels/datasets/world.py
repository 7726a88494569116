"""What happens to customers that no model for purchases knows of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from clvmodels.contracts import PurchaseModel
from clvmodels.errors import ArgumentError, check_real
from clvmodels.prediction import as_numbers

WEEKS_PER_YEAR = 365.25 / 7
MONTHS = 12


@dataclass(frozen=True)
class World:
    """Season, shocks and drift for `simulate`, each with a size that is known.

    Customers live on an operational clock that runs fast in a strong season and slow in a weak one: on that
    clock they buy and leave as the model tells. By default the clock is the calendar and nothing else happens.

    Attributes
    ----------
    season
        12 speeds of the clock above 0, January to December; 1 is the model's own pace.
    shocks
        Pairs of a date and a factor above 0: from that date on the clock runs `factor` times as fast.
    cohort_drift
        Customers born a year later live exp(`cohort_drift`) times as fast.
    spend_tail
        At least 0; every amount is multiplied by exp(z - v / 2), z normal with variance v = `spend_tail` ** 2:
        same mean, heavier tail.
    first_purchase
        Above 0; the amount of a first purchase is multiplied by it.

    Raises
    ------
    ArgumentError
        If one of them is outside its range.

    Examples
    --------
    >>> christmas = World(season=(1.0,) * 10 + (1.5, 2.0))
    >>> World(first_purchase=0)
    Traceback (most recent call last):
        ...
    clvmodels.errors.ArgumentError: first_purchase=0 must be finite and above 0; 1 changes nothing
    """

    season: Sequence[float] = (1.0,) * MONTHS
    shocks: Sequence[tuple[date, float]] = ()
    cohort_drift: float = 0.0
    spend_tail: float = 0.0
    first_purchase: float = 1.0

    def __post_init__(self) -> None:
        if (speeds := as_numbers("season", self.season)).shape != (MONTHS,):
            raise ArgumentError(f"season holds {speeds.size} speeds; give 12, January to December")
        _check_pairs(self.shocks)
        factors: dict[str, Any] = {f"season[{month}]": speed for month, speed in enumerate(self.season)}
        factors |= {f"the factor of {day}": factor for day, factor in self.shocks}
        for name, value in (factors | {"first_purchase": self.first_purchase}).items():
            check_real(name, value)
            if not 0 < value < np.inf:
                raise ArgumentError(f"{name}={value!r} must be finite and above 0; 1 changes nothing")
        check_real("cohort_drift", self.cohort_drift)
        check_real("spend_tail", self.spend_tail)
        if not np.isfinite(self.cohort_drift):
            raise ArgumentError(f"cohort_drift={self.cohort_drift!r} must be finite; 0 changes nothing")
        if not 0 <= self.spend_tail < np.inf:
            raise ArgumentError(f"spend_tail={self.spend_tail!r} must be finite and at least 0")

    def intensity(self, days: Sequence[date]) -> np.ndarray:
        """(n,) speed of the clock on each day.

        Examples
        --------
        >>> world = World(season=(1.0,) * 11 + (2.0,), shocks=[(date(2025, 12, 15), 0.5)])
        >>> world.intensity([date(2025, 11, 30), date(2025, 12, 1), date(2025, 12, 15)]).tolist()
        [1.0, 2.0, 1.0]
        """
        speed = np.array([self.season[day.month - 1] for day in days], dtype=float)
        for since, factor in self.shocks:
            speed[[day >= since for day in days]] *= factor
        return speed

    def lives(
        self,
        model: PurchaseModel,
        theta: np.ndarray,
        births: np.ndarray,
        start: datetime,
        weeks: float,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Repeat purchases (row, age in calendar weeks) of customers born `births` weeks after `start`.

        They are observed until `weeks` after the start; the model tells their story on the operational clock.
        """
        count = int(np.ceil(7 * weeks))
        calendar = np.arange(count + 1) / 7
        speed = self.intensity([(start + timedelta(days=day)).date() for day in range(count)])
        if np.all(speed == 1) and self.cohort_drift == 0:
            return model.simulate(theta, weeks - births, rng)
        operational = np.concatenate([[0.0], np.cumsum(speed)]) / 7
        born = np.interp(births, calendar, operational)
        pace = np.exp(self.cohort_drift * births / WEEKS_PER_YEAR)
        row, age = model.simulate(theta, (np.interp(weeks, calendar, operational) - born) * pace, rng)
        moment = np.interp(born[row] + age / pace[row], operational, calendar)
        return row, moment - births[row]

    def amount_factors(self, is_first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(n,) factor of each amount, given which purchases are first ones."""
        noise = self.spend_tail * rng.standard_normal(len(is_first)) - self.spend_tail**2 / 2
        return np.exp(noise) * np.where(is_first, self.first_purchase, 1.0)


def _check_pairs(shocks: Any) -> None:
    if not isinstance(shocks, Sequence) or not all(
        isinstance(pair, tuple) and len(pair) == 2 for pair in shocks
    ):
        raise ArgumentError(f"shocks={shocks!r} must be a list of pairs (date, factor)")
