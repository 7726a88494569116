"""Calendar stamps as whole numbers, written so that every dataframe engine computes the same.

An instant is the number of microseconds since the day before 0001-01-01 (day numbers are those of
`datetime.date.toordinal`); a period is the number of the minute, hour, day or Monday-to-Sunday week.
Engines differ in what they can do with dates, none in adding and comparing integers.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from clvmodels.errors import DataError
from clvmodels.units import Moment, as_datetime, end_of_observation

DAY = 86_400_000_000
PERIOD_LENGTH = {"min": DAY // 1440, "h": DAY // 24, "D": DAY, "W": 7 * DAY}
INSTANT = "instant"
_UNIX_EPOCH = date(1970, 1, 1).toordinal() * DAY
_WEEK_ORIGIN = DAY  # 0001-01-01, day number 1, is a Monday
CLOCK = ("hour", "minute", "second", "microsecond")
_PLACES = dict(zip(CLOCK, ((11, 2), (14, 2), (17, 2), (20, 6)), strict=True))

ISO_TEXT = (
    "^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    "(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,9})?)?)?$"
)


def numbered(rows: nw.LazyFrame[Any], period: str, *, is_text: bool, has_clock: bool) -> nw.LazyFrame[Any]:
    """Add ``stamp`` and ``period`` to rows with a ``date``, either plain dates and stamps or valid ISO texts.

    Where the engine has given the microseconds since 1970 already (``instant``), it is enough to divide them.
    Works in stages, because some engines would evaluate a repeated expression again each time.
    """
    if INSTANT in rows.collect_schema().names():
        rows = rows.with_columns(stamp=nw.col(INSTANT) + _UNIX_EPOCH)
        origin, length = _origin(period), PERIOD_LENGTH[period]
        return rows.with_columns(period=(nw.col("stamp") - origin) // length)
    rows = with_calendar(rows, is_text=is_text)
    if is_text:
        day = _day_number(nw.col("year"), nw.col("month"), nw.col("day_of_month"))
    else:
        before = nw.col("year") - 1
        day = before * 365 + before // 4 - before // 100 + before // 400 + nw.col("day_of_year")
    rows = rows.with_columns(day=day)
    if not has_clock:
        rows = rows.with_columns((nw.col("day") * 0).alias(name) for name in CLOCK)
    elif is_text:
        rows = rows.with_columns(**{name: _digits(*place) for name, place in _PLACES.items()})
    else:
        parts = {name: getattr(nw.col("date").dt, name)() for name in CLOCK}
        rows = rows.with_columns(**{name: part.cast(nw.Int64) for name, part in parts.items()})
    return rows.with_columns(stamp=_stamp(), period=_period(period))


def with_calendar(rows: nw.LazyFrame[Any], *, is_text: bool) -> nw.LazyFrame[Any]:
    """Add ``year`` and ``day_of_year``, or for texts ``year``, ``month`` and ``day_of_month``."""
    if is_text:
        text = nw.col("date").str
        parts = {"year": text.slice(0, 4), "month": text.slice(5, 2), "day_of_month": text.slice(8, 2)}
    else:
        parts = {"year": nw.col("date").dt.year(), "day_of_year": nw.col("date").dt.ordinal_day()}
    return rows.with_columns(**{name: part.cast(nw.Int64) for name, part in parts.items()})


def no_such_day() -> nw.Expr:
    """Whether year, month and day of month name no day of the calendar (year 0, 30 February)."""
    year, month = nw.col("year"), nw.col("month")
    is_december = month == 12
    next_year = nw.when(is_december).then(year + 1).otherwise(year)
    next_month = nw.when(is_december).then(month - 11).otherwise(month + 1)
    length = _day_number(next_year, next_month, 1) - _day_number(year, month, 1)
    return (year < 1) | (nw.col("day_of_month") > length)


def _stamp() -> nw.Expr:
    seconds = nw.col("hour") * 3600 + nw.col("minute") * 60 + nw.col("second")
    return nw.col("day") * DAY + seconds * 1_000_000 + nw.col("microsecond")


def _period(period: str) -> nw.Expr:
    """Number of the period, put together from its parts because engines may divide large integers in floats."""
    day, hour, minute = nw.col("day"), nw.col("hour"), nw.col("minute")
    numbers = {"min": day * 1440 + hour * 60 + minute, "h": day * 24 + hour, "D": day, "W": (day - 1) // 7}
    return numbers[period]


def _digits(start: int, count: int) -> nw.Expr:
    digits = nw.concat_str([nw.col("date").str.slice(start, count), nw.lit("0" * count)])
    return digits.str.slice(0, count).cast(nw.Int64)


def _day_number(year: nw.Expr, month: nw.Expr, day: nw.Expr | int) -> nw.Expr:
    """Proleptic Gregorian day number; years start in March so that the leap day comes last."""
    late = month > 2
    y = nw.when(late).then(year).otherwise(year - 1)
    m = nw.when(late).then(month - 3).otherwise(month + 9)
    return y * 365 + y // 4 - y // 100 + y // 400 + (m * 153 + 2) // 5 + day - 306


def first_instant(moment: Moment) -> int:
    """Instant at which a date begins, or the stamp itself."""
    return _as_stamp(as_datetime(moment))


def end_instant(moment: Moment) -> int:
    """First instant that is no longer observed, see `units.end_of_observation`."""
    return _as_stamp(end_of_observation(moment))


def end_of_last(stamp: int, period: str) -> int:
    """End of the period that holds the last stamp; of its day, where periods are longer than a day."""
    length = min(PERIOD_LENGTH[period], DAY)
    return (stamp // length + 1) * length


def as_moment(stamp: int) -> datetime:
    """The datetime of an instant.

    Raises
    ------
    DataError
        If it lies beyond the calendar.
    """
    days, microseconds = divmod(stamp, DAY)
    try:
        return datetime.fromordinal(days) + timedelta(microseconds=microseconds)
    except (ValueError, OverflowError):
        raise DataError(
            "the last date is the end of the calendar, which is no purchase", fix="set observation_end"
        ) from None


def last_observed(end: int) -> date | datetime:
    """The last observed day or instant whose `end_of_observation` is `end`."""
    moment = as_moment(end)
    if moment.time() == time():
        return moment.date() - timedelta(days=1)
    return moment - timedelta(microseconds=1)


def period_of(stamp: int, period: str) -> int:
    """Number of the period that holds an instant."""
    return (stamp - _origin(period)) // PERIOD_LENGTH[period]


def period_end(number: np.ndarray, period: str) -> np.ndarray:
    """First instant after each period."""
    return (number + 1) * PERIOD_LENGTH[period] + _origin(period)


def in_units(microseconds: Any, unit: str) -> np.ndarray:
    """Durations in a time unit, rounded once."""
    return np.asarray(microseconds, dtype=np.int64) / PERIOD_LENGTH[unit]


def _origin(period: str) -> int:
    return _WEEK_ORIGIN if period == "W" else 0


def _as_stamp(moment: datetime) -> int:
    since_midnight = moment - datetime.combine(moment.date(), time())
    return moment.toordinal() * DAY + since_midnight // timedelta(microseconds=1)
