"""Time: units of the clock, calendar horizons, and an annual rate turned into a rate per unit.

Models measure time in one unit of fixed length. Months and years have no fixed length, so they
appear only in horizons and periods, which are calendar dates until they are divided by the unit.
"""

from __future__ import annotations

import calendar
import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np

from clvmodels.errors import ArgumentError, check_choice, check_real, is_one_of, percent_hint

DAYS_PER_YEAR = 365.25
UNIT_DAYS = {"min": 1 / 1440, "h": 1 / 24, "D": 1.0, "W": 7.0}
UNIT_NAMES = {"min": "minutes", "h": "hours", "D": "days", "W": "weeks"}
STEP_NAMES = {**UNIT_NAMES, "M": "months", "Q": "quarters", "Y": "years"}
_MONTHS = {"M": 1, "Q": 3, "Y": 12}
MAX_PERIODS = 5_000
"""Most periods of a horizon: a forecast holds as many numbers per draw."""
type Moment = str | date | datetime | np.datetime64
_DURATION = re.compile(r"\s*(\d+)\s*([A-Za-z]+)\s*")


def unit_days(unit: str) -> float:
    """Length of a time unit in days.

    Raises
    ------
    ArgumentError
        If the unit is not one of ``min``, ``h``, ``D``, ``W``.

    Examples
    --------
    >>> unit_days("W")
    7.0
    """
    if not is_one_of(unit, UNIT_DAYS):
        raise ArgumentError(
            f"time unit {unit!r} is not one of {', '.join(UNIT_DAYS)}; "
            "months and years differ in length, so a model's clock cannot tick in them: "
            "use 'D' or 'W' here and '12M' or '1Y' as a horizon"
        )
    return UNIT_DAYS[unit]


def discount_per_unit(annual_rate: float, unit: str) -> float:
    """Continuous discount rate per time unit, ``log(1 + annual_rate) * unit_days / 365.25``.

    Parameters
    ----------
    annual_rate
        Fraction per year, at least 0 and below 1 (0.10 is ten per cent a year).
    unit
        Time unit of the model's clock.

    Raises
    ------
    ArgumentError
        If the rate is outside [0, 1): most often a percentage given as a number.

    Examples
    --------
    >>> round(discount_per_unit(0.15, "W"), 6)
    0.002679
    """
    check_real("annual_discount_rate", annual_rate)
    if not 0 <= annual_rate < 1:
        raise ArgumentError(
            f"annual_discount_rate={annual_rate!r} must be a fraction per year in [0, 1); "
            f"ten per cent is 0.10{percent_hint(annual_rate)}"
        )
    return math.log1p(annual_rate) * unit_days(unit) / DAYS_PER_YEAR


def end_of_observation(moment: Moment) -> datetime:
    """First instant that is no longer observed.

    A date, or a stamp of exactly midnight, means the whole day, so the next midnight is returned;
    a clock time is itself the last observed instant, and one microsecond later is returned.

    Raises
    ------
    ArgumentError
        If it is no date (see `as_datetime`), or the last of the calendar.

    Examples
    --------
    >>> end_of_observation("1997-09-30")
    datetime.datetime(1997, 10, 1, 0, 0)
    >>> end_of_observation("1997-09-30 14:00")
    datetime.datetime(1997, 9, 30, 14, 0, 0, 1)
    """
    stamp = as_datetime(moment)
    step = timedelta(days=1) if stamp.time() == time() else timedelta(microseconds=1)
    try:
        return stamp + step
    except OverflowError:
        raise ArgumentError(f"{moment!r} is the end of the calendar; give an earlier date") from None


def as_datetime(moment: Moment) -> datetime:
    """A plain ``datetime`` from an ISO text, a date, a stamp without time zone or a NumPy day or stamp.

    Raises
    ------
    ArgumentError
        If a text is not an ISO date, the stamp carries a time zone or is missing, or it is no date at all.

    Examples
    --------
    >>> as_datetime(np.datetime64("1997-09-30"))
    datetime.datetime(1997, 9, 30, 0, 0)
    """
    if isinstance(moment, np.datetime64):
        moment = _from_numpy(moment)
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment.strip())
        except ValueError:
            raise ArgumentError(f"{moment!r} is not an ISO date such as '1997-09-30'") from None
    if isinstance(moment, datetime):
        if moment != moment:  # pandas' NaT is a datetime that equals nothing
            raise ArgumentError(f"{moment!r} is a missing date; give a date")
        if moment.tzinfo is not None:
            raise ArgumentError(f"{moment!r} carries a time zone; give business-local time without one")
        return datetime(*moment.timetuple()[:6], moment.microsecond)
    if isinstance(moment, date):
        return datetime.combine(moment, time())
    raise ArgumentError(f"{moment!r} is neither an ISO date nor a datetime.date")


def _from_numpy(moment: np.datetime64) -> date:
    if np.isnat(moment):
        raise ArgumentError(f"{moment!r} is a missing date; give a date")
    resolution = np.datetime_data(moment.dtype)[0]
    if resolution in ("Y", "M", "W"):
        raise ArgumentError(
            f"{moment!r} is not a single day; give a date such as np.datetime64('1997-09-30')"
        )
    if resolution not in ("D", "h", "m", "s", "ms"):
        moment = moment.astype("datetime64[us]")
    stamp = moment.item()
    if not isinstance(stamp, date):
        raise ArgumentError(f"{moment!r} lies beyond the calendar, which ends with the year 9999")
    return stamp


def add_months(moment: datetime, months: int) -> datetime:
    """The same day `months` later, or the last day of that month if it is shorter."""
    index = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(index, 12)
    last_day = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last_day))


@dataclass(frozen=True)
class Horizon:
    """The future window of a forecast, cut into periods.

    Attributes
    ----------
    edges
        (K+1,) times since the end of observation, in ``unit``; the first is 0.
    unit
        Time unit of the edges.
    starts, ends
        (K,) calendar bounds of the periods (``ends`` exclusive), or None without a calendar.
    text
        The horizon as the caller wrote it.
    """

    edges: np.ndarray
    unit: str
    starts: tuple[datetime, ...] | None
    ends: tuple[datetime, ...] | None
    text: str

    @property
    def length(self) -> float:
        """Length in time units."""
        return float(self.edges[-1])

    @property
    def window(self) -> str:
        """The horizon in words, with its dates where there is a calendar."""
        if self.starts and self.ends:
            return f"{self.text}: {self.starts[0]:%Y-%m-%d} to before {self.ends[-1]:%Y-%m-%d}"
        return f"{self.text} ({self.length:g} {UNIT_NAMES[self.unit]})"

    @property
    def years(self) -> float:
        """Length in years of 365.25 days."""
        return self.length * unit_days(self.unit) / DAYS_PER_YEAR


def parse_duration(text: str) -> tuple[int, str]:
    """Number and step of a duration such as ``52W``, ``12M``, ``1Y``.

    Raises
    ------
    ArgumentError
        If it is none.

    Examples
    --------
    >>> parse_duration("12M")
    (12, 'M')
    """
    match = _DURATION.fullmatch(str(text))
    if match is None or match[2] not in STEP_NAMES or int(match[1]) < 1:
        raise ArgumentError(
            f"{text!r} is not a duration: write a whole number above 0 and one of {', '.join(STEP_NAMES)}, "
            "as in '52W', '12M', '1Y'"
        )
    return int(match[1]), match[2]


def check_horizon(horizon: Moment) -> None:
    """Refuse what is neither a duration nor a date.

    Raises
    ------
    ArgumentError
        If it is neither.

    Examples
    --------
    >>> check_horizon("12")
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: horizon='12' is neither a duration such as '52W', '12M' or '1Y' nor a date such as
    '1997-09-30'
    """
    if isinstance(horizon, str) and _DURATION.fullmatch(horizon):
        parse_duration(horizon)
        return
    try:
        as_datetime(horizon)
    except ArgumentError as problem:
        if isinstance(horizon, date | np.datetime64):
            raise
        raise ArgumentError(
            f"horizon={horizon!r} is neither a duration such as '52W', '12M' or '1Y' nor a date such as '1997-09-30'"
        ) from problem


def plan_horizon(
    horizon: Moment, observed_until: datetime | None, unit: str, period: str | None = None
) -> Horizon:
    """Cut a horizon that starts at the end of observation into periods.

    Parameters
    ----------
    horizon
        A duration (``"52W"``, ``"12M"``, ``"1Y"``) or the last date of the future window (whole day).
    observed_until
        First instant after the observation, or None where only a clock without calendar is known
        (then durations in ``min``, ``h``, ``D``, ``W`` still work).
    unit
        Time unit of the model's clock.
    period
        Step of the periods. ``M``, ``Q`` and ``Y`` end on calendar months, quarters and years, so
        the first and last may be short; the others are steps from the start. Default: the
        horizon's own step, months for years and for dates.

    Raises
    ------
    ArgumentError
        If the horizon cannot be read, does not lie in the future, needs a calendar that is not there, or
        has more than `MAX_PERIODS` periods.

    Examples
    --------
    >>> plan = plan_horizon("12M", datetime(1997, 10, 1), "W")
    >>> len(plan.edges) - 1, plan.ends[-1].date().isoformat(), round(plan.length, 2)
    (12, '1998-10-01', 52.14)
    """
    check_horizon(horizon)
    if isinstance(horizon, str) and _DURATION.fullmatch(horizon):
        count, step = parse_duration(horizon)
        period = {"Y": "M", "Q": "M"}.get(step, step) if period is None else period
        if observed_until is None:
            return _plan_without_calendar(count, step, unit, period, horizon)
        end = shift(observed_until, count, step)
    elif observed_until is None:
        raise ArgumentError(
            "a horizon given as a date needs the date on which the observation ends: set observation_end"
        )
    else:
        end, period = end_of_observation(horizon), "M" if period is None else period
    if end <= observed_until:
        raise ArgumentError(f"horizon {horizon!s} ends on or before the end of observation {observed_until}")
    _check_count(str(horizon), period, {step: _count(observed_until, end, step) for step in STEP_NAMES})
    bounds = _period_bounds(observed_until, end, period)
    seconds = np.array([(bound - observed_until).total_seconds() for bound in bounds])
    edges = seconds / 86400 / unit_days(unit)
    return Horizon(edges, unit, tuple(bounds[:-1]), tuple(bounds[1:]), str(horizon))


def _plan_without_calendar(count: int, step: str, unit: str, period: str, text: str) -> Horizon:
    if step in _MONTHS or period in _MONTHS:
        raise ArgumentError(
            f"horizon {text!r} with period {period!r} needs a calendar: set observation_end, or use days or weeks"
        )
    length = count * unit_days(step)
    _check_count(text, period, {other: math.ceil(length / unit_days(other)) for other in UNIT_DAYS})
    width = unit_days(period)
    days = np.append(np.arange(0, length - 1e-9 * width, width), length)
    return Horizon(days / unit_days(unit), unit, None, None, text)


def last_observed(until: datetime) -> date | datetime:
    """The date or instant whose `end_of_observation` is `until`.

    Examples
    --------
    >>> last_observed(datetime(1997, 10, 1))
    datetime.date(1997, 9, 30)
    """
    if until.time() == time():
        return until.date() - timedelta(days=1)
    return until - timedelta(microseconds=1)


def shift(moment: datetime, count: int, step: str) -> datetime:
    """The moment `count` steps later, or earlier where `count` is negative.

    Examples
    --------
    >>> shift(datetime(1998, 7, 1), -39, "W")
    datetime.datetime(1997, 10, 1, 0, 0)
    """
    try:
        if step in _MONTHS:
            return add_months(moment, count * _MONTHS[step])
        return moment + timedelta(days=count * unit_days(step))
    except (OverflowError, ValueError):
        raise ArgumentError(f"{count}{step} from {moment} reaches beyond the calendar") from None


def _check_count(horizon: str, period: str, counts: dict[str, int]) -> None:
    """Refuse a step that would cut the horizon too fine; `counts` are the periods by step, finest first."""
    check_choice("period", period, STEP_NAMES)
    if counts[period] > MAX_PERIODS:
        coarser = next((step for step, count in counts.items() if count <= MAX_PERIODS), None)
        way_out = "shorten the horizon" if coarser is None else f"choose period={coarser!r}"
        raise ArgumentError(
            f"horizon {horizon!r} has {counts[period]:,} periods of {STEP_NAMES[period]}, "
            f"more than {MAX_PERIODS:,}: {way_out}"
        )


def _count(start: datetime, end: datetime, period: str) -> int:
    """How many periods reach from start to end, the short ones at both ends included."""
    if period not in _MONTHS:
        return -((start - end) // timedelta(days=unit_days(period)))
    first, last = _inner_steps(start, end, _MONTHS[period])
    return last - first + 2


def _inner_steps(start: datetime, end: datetime, months: int) -> tuple[int, int]:
    """Numbers of the first and last calendar step (since year 0) that begins between start and end."""
    before_end = end - timedelta(microseconds=1)
    first, last = ((moment.year * 12 + moment.month - 1) // months for moment in (start, before_end))
    return first + 1, last


def _period_bounds(start: datetime, end: datetime, period: str) -> list[datetime]:
    if period not in _MONTHS:
        step, count = timedelta(days=unit_days(period)), _count(start, end, period)
        return [*(start + i * step for i in range(count)), end]
    months = _MONTHS[period]
    first, last = _inner_steps(start, end, months)
    begins = [divmod(number * months, 12) for number in range(first, last + 1)]
    return [start, *(datetime(year, month + 1, 1) for year, month in begins), end]
