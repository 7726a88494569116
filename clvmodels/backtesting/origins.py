"""Origins: where in time forecasts are made, how far they reach, and for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError, whole_number
from clvmodels.units import (
    DAYS_PER_YEAR,
    UNIT_DAYS,
    Moment,
    end_of_observation,
    last_observed,
    parse_duration,
    shift,
)

_NOMINAL_DAYS = {**UNIT_DAYS, "M": DAYS_PER_YEAR / 12, "Q": DAYS_PER_YEAR / 4, "Y": DAYS_PER_YEAR}
_SHOWN = 5  # origins that an error names


@dataclass(frozen=True)
class Window:
    """One origin: the first instant after it, and the first instant after each holdout, shortest first."""

    start: datetime
    ends: tuple[datetime, ...]

    @property
    def origin(self) -> date | datetime:
        """The last observed day or instant."""
        return last_observed(self.start)


@dataclass(frozen=True)
class Origins:
    """The dates from which a backtest forecasts, the lengths of the holdouts, and whose future counts.

    Give `dates`, or let them roll back from the end of the log by `step`. A step shorter than the longest horizon
    makes holdouts that overlap: more of the log is used, but origins are then not independent, which the
    `Scorecard` says.

    Parameters
    ----------
    horizon
        Length of the holdouts, such as ``"13W"`` or ``"6M"``; or several, each forecast from the same fit.
    dates
        Last observed dates.
    number
        How many origins, the last holdout ending with the log. Default: as many as leave `min_calibration`
        where that is given, else 1.
    step
        From one origin to the next; by default the longest horizon, so that holdouts follow each other.
    min_calibration
        What must lie between the first purchase of the log and an origin, at least.
    first_seen
        ``(from, to)``: only customers whose first purchase lies between these dates, both included; either may be
        None. A cohort with an end is closed: who comes later is no newcomer of it.
    min_age
        Only customers observed at least this long at the origin, a duration of fixed length. They alone are
        fitted and scored.

    Raises
    ------
    ArgumentError
        If a duration cannot be read, both `dates` and `number` or `step` are given, or a number is below 1.

    Examples
    --------
    >>> Origins(("13W", "26W"), number=4, step="4W").horizons
    ('13W', '26W')
    """

    horizon: str | tuple[str, ...]
    dates: tuple[Moment, ...] | None = None
    number: int | None = None
    step: str | None = None
    min_calibration: str | None = None
    first_seen: tuple[Moment | None, Moment | None] | None = None
    min_age: str | None = None

    def __post_init__(self) -> None:
        for name in ("horizon", "dates"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        _check_horizons(self.horizon)
        for duration in (self.step, self.min_calibration, self.min_age):
            if duration is not None:
                parse_duration(duration)
        if self.min_age is not None and parse_duration(self.min_age)[1] not in UNIT_DAYS:
            raise ArgumentError(f"min_age={self.min_age!r} must have a fixed length, such as '13W' or '90D'")
        if self.dates is not None and (self.number is not None or self.step is not None):
            raise ArgumentError("give the dates of the origins, or their number and step, not both")
        if self.number is not None:
            _check_number(self.number)
        if self.first_seen is not None:
            self._check_cohort()

    def _check_cohort(self) -> None:
        if not isinstance(self.first_seen, tuple) or len(self.first_seen) != 2:
            raise ArgumentError(
                f"first_seen={self.first_seen!r} must be a pair of dates, as ('1997-01-01', '1997-03-31')"
            )
        since, until = self.first_seen
        if since is not None and until is not None and end_of_observation(since) > end_of_observation(until):
            raise ArgumentError(f"first_seen ends on {until!s}, before it begins on {since!s}")

    @property
    def horizons(self) -> tuple[str, ...]:
        """The horizons as texts, shortest first."""
        texts = (self.horizon,) if isinstance(self.horizon, str) else self.horizon
        return tuple(sorted(texts, key=_nominal_days))

    @property
    def is_closed(self) -> bool:
        """Whether nobody can join the cohort after its end."""
        return self.first_seen is not None and self.first_seen[1] is not None

    def plan(self, first: datetime, end: datetime) -> list[Window]:
        """The windows of a log whose first purchase was over at `first` and whose last instant is before `end`.

        Raises
        ------
        ArgumentError
            If a holdout would reach beyond the log, or an origin leaves too little before it.
        """
        horizons = [parse_duration(text) for text in self.horizons]
        least = first if self.min_calibration is None else shift(first, *parse_duration(self.min_calibration))
        if self.dates is not None:
            starts = sorted({end_of_observation(moment) for moment in self.dates})
            windows = [_window(start, horizons) for start in starts]
        else:
            windows = self._rolling(horizons, least, end)
        self._check_ends(windows, end)
        early = [str(window.origin) for window in windows if window.start <= first or window.start < least]
        if early:
            needed = (
                "nobody had bought yet"
                if self.min_calibration is None or windows[0].start <= first
                else (f"less than {self.min_calibration} were observed")
            )
            raise ArgumentError(
                f"at origin {_some(early)} {needed}: the first purchase is of {last_observed(first)!s}; "
                "use fewer or later origins, or a shorter horizon"
            )
        return windows

    def _check_ends(self, windows: Sequence[Window], end: datetime) -> None:
        late = [str(window.origin) for window in windows if window.ends[-1] > end]
        if late or not windows:
            raise ArgumentError(
                f"the log ends on {last_observed(end)}, before the {' or '.join(self.horizons)} after origin "
                f"{_some(late) or '(none given)'} are over; use earlier origins or a shorter horizon"
            )

    def _rolling(self, horizons: list[tuple[int, str]], least: datetime, end: datetime) -> list[Window]:
        """Origins that roll back from the end of the log; the longest holdout ends with it."""
        longest = horizons[-1]
        count, unit = longest if self.step is None else parse_duration(self.step)
        number = 1 if self.number is None and self.min_calibration is None else self.number
        windows: list[Window] = []
        while number is None or len(windows) < number:
            back = len(windows) * count
            last = shift(end, -back, unit)
            # from the end of the log in one leap where the steps allow it: months are of unequal length
            start = (
                shift(end, -back - longest[0], unit)
                if unit == longest[1]
                else shift(last, -longest[0], longest[1])
            )
            if number is None and start < least:
                break
            windows.append(_window(start, horizons, last))
        if number is None and not windows:
            raise ArgumentError(
                f"the log is too short for {self.min_calibration} before an origin and {self.horizons[-1]} after it"
            )
        return windows[::-1]


def as_origins(origins: Any, horizon: Any) -> Origins:
    """`Origins` from what `backtest` was given: a number, a date, dates, or an object of its own.

    Raises
    ------
    ArgumentError
        If the horizon is missing or given twice.
    """
    if isinstance(origins, Origins):
        if horizon is not None:
            raise ArgumentError(
                f"the horizon is part of Origins, {origins.horizon!r}; leave out horizon={horizon!r}"
            )
        return origins
    if horizon is None:
        raise ArgumentError("how far to forecast? Give horizon='39W', say")
    if not isinstance(horizon, str | tuple | list):
        raise ArgumentError(f"horizon={horizon!r} must be a duration such as '39W', or several of them")
    chosen = horizon if isinstance(horizon, str) else tuple(horizon)
    if isinstance(origins, str | date | np.datetime64):
        return Origins(chosen, dates=(origins,))
    if isinstance(origins, Sequence | np.ndarray):
        return Origins(chosen, dates=tuple(origins))
    return Origins(chosen, number=_check_number(origins))


def overlapping(windows: Sequence[Window]) -> list[tuple[int, ...]]:
    """For each origin the positions of the horizons whose holdout begins before that of the origin before is over."""
    found: list[tuple[int, ...]] = [()]
    for before, window in pairwise(windows):
        found.append(tuple(k for k, end in enumerate(before.ends) if window.start < end))
    return found


def _window(start: datetime, horizons: Sequence[tuple[int, str]], last: datetime | None = None) -> Window:
    """The window of a start; `last` is the end of its longest holdout where that is known."""
    ends = [shift(start, *duration) for duration in horizons]
    if last is not None:
        ends[-1] = last
    if any(end >= later for end, later in pairwise(ends)):
        raise ArgumentError(
            f"two horizons end together (or change places) after {last_observed(start)}; leave one of them out"
        )
    return Window(start, tuple(ends))


def _check_horizons(horizon: Any) -> None:
    texts = (horizon,) if isinstance(horizon, str) else horizon
    if not isinstance(texts, tuple) or not texts or not all(isinstance(text, str) for text in texts):
        raise ArgumentError(f"horizon={horizon!r} must be a duration such as '39W', or several of them")
    for text in texts:
        parse_duration(text)
    if len(set(texts)) < len(texts):
        raise ArgumentError(f"horizon={horizon!r} names a duration twice")


def _some(origins: Sequence[str]) -> str:
    """The first of a list of dates; of a long one, how many more there are."""
    more = len(origins) - _SHOWN
    return ", ".join(origins[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _nominal_days(duration: str) -> float:
    """Length in days, months being a twelfth of a year: good enough to put durations in order."""
    count, step = parse_duration(duration)
    return count * _NOMINAL_DAYS[step]


def _check_number(number: Any) -> int:
    return whole_number("origins", number, least=1)
