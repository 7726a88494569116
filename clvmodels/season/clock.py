"""Operational time: the calendar, stretched where customers are busy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from clvmodels.contracts import PurchaseModel
from clvmodels.errors import ArgumentError, check_kind, check_real
from clvmodels.prediction import as_numbers
from clvmodels.rfm import Customers
from clvmodels.season.course import Course
from clvmodels.units import unit_days

if TYPE_CHECKING:
    import pandas as pd

MONTHS_OF_YEAR = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAYS_OF_MONTH = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
ROUNDING = 1e-12
FIRST, LAST = date(1800, 1, 1), date(2400, 1, 1)
"""The clock is summed up from one fixed day on, so that customers of other ages leave no trace in its rounding."""


@runtime_checkable
class Season(Protocol):
    """How a clock comes about: it is given (`Clock`), or learned from the log (`clvmodels.season.SEASONS`)."""

    @property
    def title(self) -> str:
        """What it is called in the name of a model: a model "with season"."""
        ...

    def learn(self, rfm: Customers, model: PurchaseModel) -> Clock:
        """The clock on which the customers of a summary live by the model."""
        ...


@dataclass(frozen=True, eq=False)
class Clock:
    """Speeds of the months of a year, of single calendar months, and of single days.

    A day counts ``months[its month] * days[its date]`` days of operational time; in a calendar month of the course
    the speed of that month takes the place of ``months[its month]``. Months and course are divided by the mean of
    the months over the days of a year, so that an average year has the length of a year and parameters keep their
    meaning; single days are taken as they are.

    Parameters
    ----------
    months
        12 speeds above 0, January to December; by default all alike.
    days
        Factors above 0 by date: holidays, promotions, days on which the shop was closed. Days not named
        count as their month does.
    low, high
        Bounds of the speeds of the months at `level`, where they were learned.
    level
        Of the bounds.
    course
        Calendar months whose own speed is known or foretold, where one was learned (`GaussianProcessSeason`).

    Raises
    ------
    ArgumentError
        If a speed or factor is not finite and above 0, there are not 12 months, or the level is no share.

    Examples
    --------
    >>> clock = Clock(months=[1] * 10 + [1.5, 2])
    >>> days = np.array(["2025-11-30", "2025-12-01", "2025-12-31"], dtype="datetime64[D]")
    >>> clock.speed(days).round(3).tolist()
    [1.332, 1.776, 1.776]
    """

    months: Sequence[float] = (1.0,) * 12
    days: Mapping[date, float] = field(default_factory=dict)
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    level: float = 0.9
    course: Course | None = None

    def __post_init__(self) -> None:
        months = _twelve("months", self.months)
        check_kind("days", self.days, Mapping, "write {date: factor}")
        check_real("level", self.level)
        if not 0 < self.level < 1:
            raise ArgumentError(f"level={self.level!r} must be above 0 and below 1")
        named = dict(zip(MONTHS_OF_YEAR, months.tolist(), strict=True)) | dict(self.days)
        for name, value in named.items():
            check_real(f"the speed of {name}", value)
            if not 0 < value < np.inf:
                raise ArgumentError(
                    f"the speed of {name}, {value!r}, must be finite and above 0; 1 is a usual day"
                )
        for day in self.days:
            if isinstance(day, datetime) or not FIRST <= day < LAST:
                raise ArgumentError(f"{day!r} must be a date from {FIRST} to before {LAST}")
        mean = float(months @ DAYS_OF_MONTH / DAYS_OF_MONTH.sum())
        mean = 1.0 if abs(mean - 1) < ROUNDING else mean  # the months of a clock make the same clock
        object.__setattr__(self, "months", tuple((months / mean).tolist()))
        for name in ("low", "high"):
            if (bound := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple((_twelve(name, bound) / mean).tolist()))
        if self.course is not None:
            check_kind("course", self.course, Course, "leave it out; learned seasons bring it")
            object.__setattr__(self, "course", self.course.over(mean))

    @classmethod
    def of_series(cls, intensity: pd.Series[float]) -> Clock:
        """The clock of a series of factors by date, such as a column of planned promotions.

        Parameters
        ----------
        intensity
            Factors above 0, indexed by date; it should reach to the end of the horizon. 1 is a usual day.

        Raises
        ------
        ArgumentError
            If a date is there twice, or a factor is not legal.

        Examples
        --------
        >>> import pandas as pd
        >>> sale = pd.Series(3.0, index=pd.date_range("2026-01-05", periods=2))
        >>> Clock.of_series(sale).days[date(2026, 1, 6)]
        3.0
        """
        import pandas as pd

        stamps = pd.to_datetime(intensity.index)
        if not stamps.is_unique:
            raise ArgumentError(
                f"the index holds {stamps[stamps.duplicated()][0]:%Y-%m-%d} twice; name a day once"
            )
        return cls(days=dict(zip((stamp.date() for stamp in stamps), map(float, intensity), strict=True)))

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Clock:
        """The clock of its `facts`."""
        days = {date.fromisoformat(day): float(factor) for day, factor in facts["days"].items()}
        course = None if facts.get("course") is None else Course.of_facts(facts["course"])
        return cls(facts["months"], days, facts["low"], facts["high"], float(facts["level"]), course)

    @property
    def facts(self) -> dict[str, Any]:
        """What makes the clock, in numbers and texts, for a file.

        Examples
        --------
        >>> clock = Clock(months=[1] * 11 + [2], days={date(2026, 1, 5): 3.0})
        >>> Clock.of_facts(clock.facts).facts == clock.facts
        True
        """
        days = {day.isoformat(): factor for day, factor in self.days.items()}
        bounds = {"low": self.low, "high": self.high, "level": self.level}
        course = {} if self.course is None else {"course": self.course.facts}
        return {"months": self.months, "days": days, **bounds, **course}

    @property
    def title(self) -> str:
        """A model on it is one with season."""
        return "season"

    def learn(self, rfm: Customers, model: PurchaseModel) -> Clock:  # noqa: ARG002  (it is known already)
        """The clock itself: nothing is left to learn from a summary."""
        return self

    @property
    def is_seasonal(self) -> bool:
        """Whether months differ, and each was seen twice if there is a course; named days are no season."""
        seen_twice = self.course is None or self.course.seen > 2 * len(self.months)
        return seen_twice and any(speed != self.months[0] for speed in self.months)

    def speed(self, days: np.ndarray) -> np.ndarray:
        """(n,) operational days per day, of (n,) days as ``datetime64[D]``."""
        since = np.asarray(days, dtype="datetime64[D]") - np.datetime64(FIRST)
        return self._speeds[since.astype(int)]

    def time(self, moment: np.ndarray | float) -> np.ndarray:
        """Operational days at a moment, in days since 1970-01-01 (fractions are parts of a day).

        Examples
        --------
        An hour in a strong month counts more; over a year it evens out.

        >>> clock = Clock(months=[1] * 11 + [2])
        >>> (np.diff(clock.time(np.array([0.0, 1.0, 365.25 * 4]))) / [1, 365.25 * 4 - 1]).round(3).tolist()
        [0.922, 1.0]
        """
        grid, total = self._grid
        return np.interp(moment, grid, total)

    def moment(self, time: np.ndarray | float) -> np.ndarray:
        """The inverse of `time`."""
        grid, total = self._grid
        return np.interp(time, total, grid)

    def month_speeds(self, months: Sequence[date] | np.ndarray) -> np.ndarray:
        """(n,) speed of (n,) calendar months, but for the days named in them.

        Examples
        --------
        >>> course = Course(date(2025, 12, 1), [3.0], [2.5], [3.5], seen=1)
        >>> clock = Clock(course=course)
        >>> clock.month_speeds([date(2024, 12, 1), date(2025, 12, 1)]).tolist()
        [1.0, 3.0]
        """
        place = np.asarray(months, dtype="datetime64[M]")
        speeds = np.array(self.months)[place.astype(int) % 12]
        if self.course is None:
            return speeds
        at = (place - self.course.months[0]).astype(int)
        own = (at >= 0) & (at < len(self.course.speeds))
        return np.where(own, np.array(self.course.speeds)[np.where(own, at, 0)], speeds)

    @cached_property
    def _speeds(self) -> np.ndarray:
        """Operational days of each day from `FIRST` to `LAST`."""
        months = np.arange(np.datetime64(FIRST), np.datetime64(LAST)).astype("datetime64[M]")
        speeds = self.month_speeds(months)
        for day, factor in self.days.items():
            speeds[(day - FIRST).days] *= factor
        return speeds

    @cached_property
    def _grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Midnights from `FIRST` to `LAST` in days since 1970, and the operational time at each."""
        before = -(date(1970, 1, 1) - FIRST).days
        midnights = before + np.arange(len(self._speeds) + 1.0)
        total = np.concatenate([[0.0], np.cumsum(self._speeds)])
        return midnights, total - total[-before]

    def ahead(self, horizon: float | np.ndarray, of: Customers) -> np.ndarray:
        """Operational length of a horizon that begins with the end of a summary's observation, in its time unit.

        Without a calendar the clock is not known to run otherwise than evenly.
        """
        if of.observed_until is None:
            return np.asarray(horizon, dtype=float)
        day, until = unit_days(of.time_unit), days_since_1970(of.observed_until)
        return np.asarray((self.time(until + np.asarray(horizon) * day) - self.time(until)) / day)

    def dated(self, length: float | np.ndarray, of: Customers) -> np.ndarray:
        """The inverse of `ahead`."""
        if of.observed_until is None:
            return np.asarray(length, dtype=float)
        day, until = unit_days(of.time_unit), days_since_1970(of.observed_until)
        return np.asarray((self.moment(self.time(until) + np.asarray(length) * day) - until) / day)

    def __str__(self) -> str:
        """The strongest and the weakest month, and how many days have factors of their own."""
        order = np.argsort(self.months, kind="stable")
        said = [self._month_text(int(order[-1])), self._month_text(int(order[0]))]
        named = f"; {len(self.days):,} days named" if self.days else ""
        course = "" if self.course is None else f"; {self.course}"
        return f"fastest in {said[0]}, slowest in {said[1]}{course}{named}"

    def _month_text(self, month: int) -> str:
        speed = f"{MONTHS_OF_YEAR[month]} × {self.months[month]:.2f}"
        if self.low is None or self.high is None:
            return speed
        return f"{speed} [{self.low[month]:.2f}, {self.high[month]:.2f}]"

    def frame(self) -> pd.DataFrame:
        """One row per month of the year: month, speed, low, high (NaN where they were given and not learned)."""
        import pandas as pd

        nothing = [np.nan] * 12
        return pd.DataFrame(
            {
                "month": MONTHS_OF_YEAR,
                "speed": self.months,
                "low": nothing if self.low is None else self.low,
                "high": nothing if self.high is None else self.high,
            }
        )


def stretched(
    clock: Clock | None, horizon: float | np.ndarray, factor: float | np.ndarray, of: Customers
) -> np.ndarray:
    """The horizon within which customers live `factor` times as long as within `horizon`.

    Parameters
    ----------
    clock
        On which they live; None is the calendar, on which it is the product.
    horizon, factor
        Times since the end of observation, and factors > 0; they broadcast.
    of
        The summary, for its unit and the end of its observation.

    Examples
    --------
    In the four weeks before December customers live as much as in two of December.

    >>> from clvmodels.rfm import RFM
    >>> rfm = RFM.from_arrays(frequency=[0], recency=[0], T=[9], time_unit="W", observation_end="2025-11-02")
    >>> busy = Clock(months=[1] * 11 + [2])
    >>> [float(stretched(clock, 4.0, 2.0, rfm)) for clock in (None, busy)]
    [8.0, 6.0]
    """
    if clock is None:
        return np.asarray(horizon * factor)
    return clock.dated(clock.ahead(horizon, of) * factor, of)


def days_since_1970(moment: datetime) -> float:
    """Days, with fractions, since the first day of 1970.

    Examples
    --------
    >>> days_since_1970(datetime(1970, 1, 2, 12))
    1.5
    """
    return (moment - datetime(1970, 1, 1)).total_seconds() / 86400


def _twelve(name: str, speeds: Any) -> np.ndarray:
    """(12,) numbers, one per month of the year."""
    months = as_numbers(name, speeds)
    if months.shape != (12,):
        raise ArgumentError(f"{name} holds {months.size} speeds; give 12, January to December")
    return months
