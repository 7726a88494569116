"""The door: a dataframe of any engine becomes a checked log of whole numbers, or is refused with the reason."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals.stable.v2 as nw
import numpy as np

from clvmodels.errors import SHOWN_IDS, ArgumentError, DataError
from clvmodels.rfm import Note
from clvmodels.transactions import clock, money
from clvmodels.units import unit_days

Period = Literal["min", "h", "D", "W"]
FirstPurchase = Literal["exclude", "include"]
Refunds = Literal["refuse", "drop", "net"]
ZeroSpend = Literal["purchase", "drop", "refuse"]
type Frame = nw.DataFrame[Any] | nw.LazyFrame[Any]
_CHOICES = {"first_purchase": FirstPurchase, "refunds": Refunds, "zero_spend": ZeroSpend}
_LARGEST = np.finfo(float).max
_CONVERTS_ZONES = {"pandas", "polars", "pyarrow"}


@dataclass(frozen=True)
class Rules:
    """How a log is to be read: the names of its columns and the choices of the caller."""

    customer_id: str
    date: str
    spend: str | None
    period: str
    time_unit: str
    first_purchase: str
    refunds: str
    zero_spend: str
    business_timezone: str | None

    def __post_init__(self) -> None:
        for name in ("period", "time_unit"):
            unit_days(getattr(self, name))
        for name, choice in _CHOICES.items():
            value = getattr(self, name)
            if value not in get_args(choice):
                raise ArgumentError(
                    f"{name}={value!r} is not one of {', '.join(map(repr, get_args(choice)))}"
                )
        if len({self.customer_id, self.date, self.spend}) < 3:
            raise ArgumentError("customer_id, date and spend must name different columns")
        if self.business_timezone is not None:
            try:
                ZoneInfo(self.business_timezone)
            except (ZoneInfoNotFoundError, ValueError):
                raise ArgumentError(
                    f"business_timezone={self.business_timezone!r} is no time zone; write e.g. 'Europe/Berlin'"
                ) from None

    @property
    def columns(self) -> dict[str, str]:
        """The caller's column of each role."""
        named = {"customer_id": self.customer_id, "date": self.date, "spend": self.spend}
        return {role: column for role, column in named.items() if column is not None}


@dataclass(frozen=True)
class Log:
    """A checked log.

    Attributes
    ----------
    rows
        Columns customer_id, stamp (microseconds), period (number) and, with spend, the three numbers of
        `money` and ``refund`` (1 for a negative row).
    rules
        How it is read.
    rows_in
        Rows before anything was dropped.
    exponent
        Scale of the money.
    has_refunds
        Whether rows with negative spend are among them.
    first_stamp, last_stamp
        Of the rows kept.
    notes
        What was dropped or kept specially.
    """

    rows: nw.LazyFrame[Any]
    rules: Rules
    rows_in: int
    exponent: int
    has_refunds: bool
    first_stamp: int
    last_stamp: int
    notes: tuple[Note, ...]


def open_log(transactions: Any, rules: Rules) -> Log:
    """Check a dataframe against the rules and read its dates and money into whole numbers."""
    frame = _as_frame(transactions)
    _check_columns(frame, rules)
    frame = frame.select(nw.col(column).alias(role) for role, column in rules.columns.items())
    frame = _plain_spend(_plain_dates(_plain_ids(frame), rules), rules)
    dtype = frame.collect_schema()["date"]
    is_text = dtype == nw.String
    rows = frame.lazy()
    counts = _count(rows, rules, is_text)
    _refuse_holes(rows, counts, rules)
    _refuse_money(rows, counts, rules)
    has_clock = bool(counts["clock"]) if is_text else dtype != nw.Date
    kept, notes = _apply_choices(rows, counts, rules)
    exponent = money.exponent_of(counts.get("largest", 0.0))
    kept = _with_numbers(kept, rules, is_text, has_clock, exponent)
    bounds = row_of(
        kept.select(nw.len().alias("rows"), nw.col("stamp").min(), nw.col("stamp").max().alias("last"))
    )
    if not bounds["rows"]:
        raise DataError("no purchase is left", fix="check how refunds and zero spend are treated")
    has_refunds = rules.refunds == "net" and counts.get("negative", 0) > 0
    return Log(
        kept,
        rules,
        counts["rows"],
        exponent,
        has_refunds,
        int(bounds["stamp"]),
        int(bounds["last"]),
        tuple(notes),
    )


def row_of(frame: nw.LazyFrame[Any]) -> dict[str, Any]:
    """The only row of a frame."""
    return frame.collect().rows(named=True)[0]


def first_of(rows: nw.LazyFrame[Any], column: str, condition: nw.Expr) -> list[object]:
    """The first distinct values, in their order, among the rows that meet a condition."""
    found = rows.filter(condition).select(column).unique()
    try:
        return found.sort(column).head(SHOWN_IDS).collect()[column].to_list()
    except TypeError:  # ids of several types have no order
        return found.head(SHOWN_IDS).collect()[column].to_list()


def as_ids(column: nw.Series[Any]) -> np.ndarray:
    """Ids as they came: numbers keep their dtype, everything else becomes an object array."""
    if column.dtype.is_numeric() or column.dtype == nw.Boolean:
        values = column.to_numpy()
        return values if values.dtype != object else np.array(column.to_list())
    ids = np.empty(len(column), dtype=object)
    ids[:] = column.to_list()
    return ids


def _as_frame(transactions: Any) -> Frame:
    try:
        frame: Frame = nw.from_native(transactions)
        frame.collect_schema()
    except TypeError:
        raise DataError(
            f"transactions is a {type(transactions).__name__}, not a dataframe",
            fix="pass a pandas, Polars, pyarrow, DuckDB, Spark or Ibis table",
        ) from None
    except nw.exceptions.DuplicateError as error:
        raise DataError(f"column names repeat: {error}", fix="rename them") from None
    return frame


def _check_columns(frame: Frame, rules: Rules) -> None:
    names = list(frame.collect_schema().names())
    for role, column in rules.columns.items():
        if column in names:
            continue
        lower = {str(name).lower(): name for name in names}
        close = difflib.get_close_matches(str(column).lower(), lower, n=1, cutoff=0.5)
        hint = f"did you mean {lower[close[0]]!r}? " if close else ""
        raise DataError(
            f"there is no such column; the columns are {', '.join(map(repr, names))}",
            column=str(column),
            fix=f"{hint}Name the column with {role}=",
        )


def _plain_ids(frame: Frame) -> Frame:
    dtype = frame.collect_schema()["customer_id"]
    if dtype in (nw.Int128, nw.UInt128):
        return frame.with_columns(nw.col("customer_id").cast(nw.Int64))
    if dtype in (nw.Categorical, nw.Enum) and frame.implementation.value != "pandas":
        return frame.with_columns(nw.col("customer_id").cast(nw.String))
    return frame


def _plain_dates(frame: Frame, rules: Rules) -> Frame:
    dtype = frame.collect_schema()["date"]
    if dtype == nw.Object and isinstance(frame, nw.DataFrame):
        try:
            return frame.with_columns(nw.col("date").cast(nw.Datetime("us")))
        except (TypeError, ValueError):
            pass
    if isinstance(dtype, nw.Datetime) and dtype.time_zone is not None:
        return _to_business_time(frame, dtype.time_zone, rules)
    if not (dtype in (nw.Date, nw.String) or isinstance(dtype, nw.Datetime)):
        raise DataError(
            f"values must be dates, datetimes or ISO texts, not {dtype}",
            column=rules.date,
            fix="convert the column first, in pandas with pd.to_datetime(..., format=...) "
            "or, for periods, .dt.to_timestamp()",
        )
    if rules.business_timezone is not None:
        raise ArgumentError(
            f"business_timezone is given, but column {rules.date!r} carries no time zone; "
            "leave it out if the stamps are business-local, else first say which zone they are in"
        )
    return frame


def _to_business_time(frame: Frame, zone: str, rules: Rules) -> Frame:
    if rules.business_timezone is None:
        raise DataError(
            f"stamps carry the time zone {zone}, and the day of a purchase depends on the zone",
            column=rules.date,
            fix="name the zone of the business with business_timezone=, e.g. 'Europe/Berlin'",
        )
    if frame.implementation.value not in _CONVERTS_ZONES:
        raise DataError(
            f"{frame.implementation.name} keeps time zones in its session, so stamps cannot be converted safely here",
            column=rules.date,
            fix=f"convert them in the query to stamps without zone, e.g. "
            f"{rules.date} AT TIME ZONE '{rules.business_timezone}', and leave business_timezone out",
        )
    local = nw.col("date").dt.convert_time_zone(rules.business_timezone).dt.replace_time_zone(None)
    return frame.with_columns(date=local)


def _plain_spend(frame: Frame, rules: Rules) -> Frame:
    if rules.spend is None:
        return frame
    dtype = frame.collect_schema()["spend"]
    if dtype.is_numeric() or (dtype == nw.Object and isinstance(frame, nw.DataFrame)):
        try:
            return frame.with_columns(nw.col("spend").cast(nw.Float64))
        except (TypeError, ValueError):
            pass
    raise DataError(
        f"values must be numbers, not {dtype}",
        column=rules.spend,
        fix="convert the column to a numeric type first",
    )


def _count(rows: nw.LazyFrame[Any], rules: Rules, is_text: bool) -> dict[str, Any]:
    """One pass over the raw rows for everything the door wants to know."""
    tallies = {"null_ids": _tally(_missing_id(rows)), "null_dates": _tally(nw.col("date").is_null())}
    if is_text:
        length = nw.col("date").str.len_chars()
        tallies |= {"bad_texts": _tally(~_is_iso()), "clock": _tally(length > 10)}
    if rules.spend is not None:
        spend = nw.col("spend")
        tallies |= {
            "bad_spend": nw.when(spend.abs() <= _LARGEST).then(nw.lit(0)).otherwise(nw.lit(1)).sum(),
            "negative": _tally(spend < 0),
            "zero": _tally(spend == 0),
            "largest": spend.abs().max(),
        }
    counts = row_of(rows.select(nw.len().alias("rows"), **tallies))
    if not counts["rows"]:
        raise DataError("the log has no rows", fix="check the filters before the summary")
    return {name: count if name == "largest" else int(count) for name, count in counts.items()}


def _tally(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0)).sum()


def _is_iso() -> nw.Expr:
    return nw.col("date").str.contains(clock.ISO_TEXT)


def _missing_id(rows: nw.LazyFrame[Any]) -> nw.Expr:
    missing = nw.col("customer_id").is_null()
    return (
        missing | nw.col("customer_id").is_nan()
        if rows.collect_schema()["customer_id"].is_float()
        else missing
    )


def _refuse_holes(rows: nw.LazyFrame[Any], counts: Mapping[str, Any], rules: Rules) -> None:
    if counts["null_ids"]:
        raise DataError(
            "customer ids are missing, first dates shown",
            column=rules.customer_id,
            rows=counts["null_ids"],
            examples=first_of(rows, "date", _missing_id(rows)),
            fix="drop those rows, or give their customers an id",
        )
    if counts["null_dates"]:
        raise DataError(
            "dates are missing, first ids shown",
            column=rules.date,
            rows=counts["null_dates"],
            examples=first_of(rows, "customer_id", nw.col("date").is_null()),
            fix="drop those rows, or find their dates",
        )
    if "bad_texts" not in counts:
        return
    bad, number = ~_is_iso(), counts["bad_texts"]
    if not number:
        rows, bad = clock.with_calendar(rows, is_text=True), clock.no_such_day()
        number = int(row_of(rows.select(bad=_tally(bad)))["bad"])
    if number:
        raise DataError(
            "texts must be ISO dates without time zone, such as 1997-09-30 or 1997-09-30 14:05:00",
            column=rules.date,
            rows=number,
            examples=[repr(text) for text in first_of(rows, "date", bad)],
            fix="convert the column to dates first, in pandas with pd.to_datetime(..., format=...)",
        )


def _refuse_money(rows: nw.LazyFrame[Any], counts: Mapping[str, Any], rules: Rules) -> None:
    def refuse(number: int, rule: str, broken: nw.Expr, fix: str) -> None:
        if number:
            ids = first_of(rows, "customer_id", broken)
            raise DataError(rule, column=rules.spend, rows=number, examples=ids, fix=fix)

    if rules.spend is None:
        return
    spend = nw.col("spend")
    bad = nw.when(spend.abs() <= _LARGEST).then(nw.lit(0)).otherwise(nw.lit(1)) == 1
    refuse(
        counts["bad_spend"],
        "spend must be finite, first ids shown",
        bad,
        "drop those rows, or find their amounts",
    )
    if rules.refunds == "refuse":
        refuse(
            counts["negative"],
            "spend is negative, first ids shown",
            spend < 0,
            "choose refunds='drop' to leave such rows out, or refunds='net' to subtract them within a period",
        )
    if rules.zero_spend == "refuse":
        refuse(
            counts["zero"],
            "spend is zero, first ids shown",
            spend == 0,
            "choose zero_spend='purchase' to count such rows as purchases, or zero_spend='drop'",
        )


def _apply_choices(
    rows: nw.LazyFrame[Any], counts: Mapping[str, Any], rules: Rules
) -> tuple[nw.LazyFrame[Any], Sequence[Note]]:
    notes = []
    kept = rows
    cases = (
        ("negative", rules.refunds == "drop", nw.col("spend") < 0, "rows of the log with negative spend"),
        ("zero", rules.zero_spend == "drop", nw.col("spend") == 0, "rows of the log with zero spend"),
    )
    for name, drop, condition, what in cases:
        if not counts.get(name):
            continue
        fate = (
            "left out"
            if drop
            else "subtracted within their period"
            if name == "negative"
            else "kept as purchases"
        )
        notes.append(Note(f"{what} {fate}", counts[name], tuple(first_of(rows, "customer_id", condition))))
        if drop:
            kept = kept.filter(~condition)
    return kept, notes


def _with_numbers(
    rows: nw.LazyFrame[Any], rules: Rules, is_text: bool, has_clock: bool, exponent: int
) -> nw.LazyFrame[Any]:
    rows = clock.numbered(rows, rules.period, is_text=is_text, has_clock=has_clock)
    numbers = ["customer_id", "stamp", "period"]
    if rules.spend is not None:
        refund = nw.when(nw.col("spend") < 0).then(nw.lit(1)).otherwise(nw.lit(0))
        rows = money.with_limbs(rows.with_columns(refund=refund.cast(nw.Int64)), "spend", exponent)
        numbers += [*money.LIMBS, "refund"]
    return rows.select(*numbers)
