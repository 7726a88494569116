"""The columns of a log, found in a dataframe of any engine and brought to plain types."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from clvmodels.errors import SHOWN_IDS, ArgumentError, DataError
from clvmodels.transactions import clock
from clvmodels.transactions.rules import Rules

type Frame = nw.DataFrame[Any] | nw.LazyFrame[Any]
_CONVERTS_ZONES = {"pandas", "polars", "pyarrow"}
_SPARK_CLOCK = (
    "convert_timezone('UTC', '{zone}', "
    "timestampadd(MICROSECOND, unix_micros(date), TIMESTAMP_NTZ '1970-01-01 00:00:00'))"
)
_ENGINES_CLOCK = {
    "duckdb": "date AT TIME ZONE '{zone}'",
    "pyspark": _SPARK_CLOCK,
    "pyspark[connect]": _SPARK_CLOCK,
}
"""What an engine that keeps the time zone in its session calls the clock of another zone; the session has no say."""
_HAS_TIMEZONE = {"duckdb", "postgres"}
"""Databases behind Ibis whose function ``timezone`` gives the clock of a zone."""
_INTEGERS = np.iinfo(np.int64)
_NUMBER = r"^\s*[-+]?\d+\.?\d*\s*$"


PLACE = ("source_file", "source_row")
"""Columns by which a log says where each row came from, see `clvmodels.io.scan_log`."""


def place_of(rows: nw.LazyFrame[Any], condition: nw.Expr) -> str:
    """Where the first row that meets a condition stands, as the end of a sentence; empty where nothing says so."""
    if not set(PLACE) <= set(rows.collect_schema().names()):
        return ""
    first = row_of(rows.filter(condition).select(*PLACE).sort(*PLACE).head(1))
    return f"; the first is in row {first['source_row']:,} of {first['source_file']!r}"


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


def plain_columns(transactions: Any, rules: Rules) -> Frame:
    """The columns customer_id, date and spend: ids that can be sorted, plain dates or texts, floats."""
    frame = _as_frame(transactions)
    _check_columns(frame, rules)
    names = frame.collect_schema().names()
    places = PLACE if set(PLACE) <= set(names) else ()
    roles = {**rules.columns, **dict(zip(places, places, strict=True))}
    frame = frame.select(nw.col(column).alias(role) for role, column in roles.items())
    frame = _plain_spend(_plain_dates(_plain_ids(_without_index(frame), rules), rules), rules)
    frame = _plain_orders(frame, rules)
    return _with_instants(frame)


def collected(transactions: Any, columns: Iterable[str | None]) -> Any:
    """A log that other processes can be sent: a table in memory as it is, the columns of a query as an Arrow table.

    Examples
    --------
    >>> import polars as pl
    >>> query = pl.LazyFrame({"id": [1], "day": ["2026-01-05"], "note": ["gift"]})
    >>> collected(query, ("id", "day", None)).column_names
    ['id', 'day']
    """
    frame = _as_frame(transactions)
    if isinstance(frame, nw.DataFrame):
        return transactions
    names = [name for name in frame.collect_schema().names() if name in {*columns, *PLACE}]
    return frame.select(*names).collect(backend="pyarrow").to_native()


def _as_frame(transactions: Any) -> Frame:
    try:
        frame: Frame = nw.from_native(transactions)
        frame.collect_schema()
    except TypeError:
        raise DataError(
            f"transactions is a {type(transactions).__name__}, not a dataframe",
            fix="pass a pandas, Polars, pyarrow, DuckDB, Spark or Ibis table; for files, what scan_log makes of them",
        ) from None
    except nw.exceptions.DuplicateError as error:
        names = ", ".join(str(error).splitlines()[1:]).replace("- ", "")
        raise DataError(f"column names repeat: {names}", fix="rename them, or leave one out") from None
    return frame


def _check_columns(frame: Frame, rules: Rules) -> None:
    names = list(frame.collect_schema().names())
    for role, column in rules.columns.items():
        if column in names:
            continue
        if column in getattr(getattr(frame.to_native(), "index", None), "names", ()):
            raise DataError(
                "this is the index, not a column", column=str(column), fix="call .reset_index() first"
            )
        lower = {str(name).lower(): name for name in names}
        close = difflib.get_close_matches(str(column).lower(), lower, n=1, cutoff=0.5)
        hint = f"did you mean {lower[close[0]]!r}? " if close else ""
        option = role.removesuffix("_id")
        raise DataError(
            f"there is no such column; the columns are {', '.join(map(repr, names))}",
            column=str(column),
            fix=f"{hint}Name the column with {role}=, on the command line with --{option}-column, in a configuration "
            f"with [log] {option}_column",
        )


def _without_index(frame: Frame) -> Frame:
    """The frame with rows merely numbered: pandas takes the name of an index for that of a column."""
    if not frame.implementation.is_pandas_like():
        return frame
    plain: Frame = nw.from_native(frame.to_native().reset_index(drop=True))
    return plain


def _plain_ids(frame: Frame, rules: Rules) -> Frame:
    dtype = frame.collect_schema()["customer_id"]
    is_pandas = frame.implementation.is_pandas_like()
    if dtype.is_nested() or (dtype == nw.Object and not is_pandas):
        raise _no_ids(str(dtype), rules)
    if dtype == nw.Object and isinstance(frame, nw.DataFrame):
        _refuse_composed_ids(frame, rules)
    if dtype in (nw.Int128, nw.UInt128):
        _refuse_long_ids(frame, rules)
        return frame.with_columns(nw.col("customer_id").cast(nw.Int64))
    if dtype in (nw.Categorical, nw.Enum) and not is_pandas:
        return frame.with_columns(nw.col("customer_id").cast(nw.String))
    return frame


def _refuse_composed_ids(frame: nw.DataFrame[Any], rules: Rules) -> None:
    composed = []
    for identity in frame["customer_id"].to_list():
        try:
            hash(identity)
        except TypeError:
            composed.append(identity)
    if composed:
        kinds = sorted({type(identity).__name__ for identity in composed})
        raise _no_ids(" or ".join(kinds), rules, len(composed), composed)


def _no_ids(kind: str, rules: Rules, rows: int | None = None, examples: Iterable[object] = ()) -> DataError:
    return DataError(
        f"ids must be numbers or texts, not {kind}",
        column=rules.customer_id,
        rows=rows,
        examples=examples,
        fix="turn each id into one number or text first",
    )


def _refuse_long_ids(frame: Frame, rules: Rules) -> None:
    identity = nw.col("customer_id")
    is_long = (identity > int(_INTEGERS.max)) | (identity < int(_INTEGERS.min))
    long = frame.lazy().filter(is_long)
    rows = int(row_of(long.select(rows=nw.len()))["rows"])
    if rows:
        texts = long.select(identity.cast(nw.String))
        raise DataError(
            "ids are whole numbers beyond 64 bits",
            column=rules.customer_id,
            rows=rows,
            examples=first_of(texts, "customer_id", ~identity.is_null()),
            fix="cast the column to text first",
        )


def _plain_dates(frame: Frame, rules: Rules) -> Frame:
    dtype = frame.collect_schema()["date"]
    if dtype == nw.Object and isinstance(frame, nw.DataFrame):
        values = frame["date"].drop_nulls().to_list()
        others = [value for value in values if not isinstance(value, date)]
        if others:
            kinds = " or ".join(sorted({type(value).__name__ for value in others}))
            mixed = "dates mixed with " if len(others) < len(values) else ""
            raise _no_dates(mixed + kinds, rules, len(others), map(repr, others))
        try:
            return frame.with_columns(nw.col("date").cast(nw.Datetime("us")))
        except (TypeError, ValueError):
            pass
    if isinstance(dtype, nw.Datetime) and dtype.time_zone is not None:
        return _to_business_time(frame, dtype.time_zone, rules)
    if not (dtype in (nw.Date, nw.String) or isinstance(dtype, nw.Datetime)):
        raise _no_dates(str(dtype), rules)
    if rules.business_timezone is not None:
        raise ArgumentError(
            f"business_timezone is given, but column {rules.date!r} carries no time zone; "
            "leave it out if the stamps are business-local, else first say which zone they are in"
        )
    return frame


def _no_dates(kind: str, rules: Rules, rows: int | None = None, examples: Iterable[object] = ()) -> DataError:
    return DataError(
        f"values must be dates, datetimes or ISO texts, not {kind}",
        column=rules.date,
        rows=rows,
        examples=examples,
        fix="convert the column first, in pandas with pd.to_datetime(..., format=...) "
        "or, for periods, .dt.to_timestamp()",
    )


def _to_business_time(frame: Frame, zone: str, rules: Rules) -> Frame:
    if rules.business_timezone is None:
        raise DataError(
            f"stamps carry the time zone {zone}, and the day of a purchase depends on the zone",
            column=rules.date,
            fix="name the zone of the business with business_timezone=, e.g. 'Europe/Berlin'",
        )
    engine = frame.implementation.value
    if engine in _ENGINES_CLOCK:
        return _computed(frame, "date", _ENGINES_CLOCK[engine].format(zone=rules.business_timezone))
    if frame.implementation.is_ibis() and frame.to_native().get_backend().name in _HAS_TIMEZONE:
        return _in_query(frame, rules.business_timezone)
    if engine not in _CONVERTS_ZONES:
        raise DataError(
            f"this database behind {frame.implementation.name} has a way of its own with time zones, so stamps cannot "
            "be converted safely here",
            column=rules.date,
            fix=f"convert them in the query to stamps without zone, e.g. "
            f"{rules.date} AT TIME ZONE '{rules.business_timezone}', and leave business_timezone out",
        )
    local = nw.col("date").dt.convert_time_zone(rules.business_timezone).dt.replace_time_zone(None)
    return frame.with_columns(date=local)


def _in_query(frame: Frame, zone: str) -> Frame:
    """A query of Ibis with the clock of a zone as its dates; Ibis itself has no word for it."""
    import ibis

    native = frame.to_native()

    def timezone(zone: Any, stamp: Any) -> Any: ...

    types = (("string", native["date"].type()), "timestamp")
    local = ibis.udf.scalar.builtin(timezone, signature=types)(zone, native["date"])
    plain: Frame = nw.from_native(native.mutate(date=local))
    return plain


def _computed(frame: Frame, name: str, sql: str) -> Frame:
    """A frame of DuckDB or Spark with one column computed by the engine itself."""
    native = frame.to_native()
    others = [column for column in frame.collect_schema().names() if column != name]
    columns = [*others, f"{sql} AS {name}"]
    is_duckdb = frame.implementation.is_duckdb()
    table = native.project(", ".join(columns)) if is_duckdb else native.selectExpr(*columns)
    plain: Frame = nw.from_native(table)
    return plain


def _with_instants(frame: Frame) -> Frame:
    """DuckDB counts microseconds itself, faster than from the parts of a date; what is finer it would round."""
    dtype = frame.collect_schema()["date"]
    is_fine = isinstance(dtype, nw.Datetime) and dtype.time_unit == "ns"
    if not frame.implementation.is_duckdb() or dtype == nw.String or is_fine:
        return frame
    return _computed(frame, clock.INSTANT, "epoch_us(date)")


def _plain_orders(frame: Frame, rules: Rules) -> Frame:
    """Order numbers that can be compared; those of no number are missing."""
    if rules.order_id is None:
        return frame
    dtype, order = frame.collect_schema()["order_id"], nw.col("order_id")
    if dtype.is_nested():
        raise DataError(
            f"order numbers must be numbers or texts, not {dtype}",
            column=rules.order_id,
            fix="turn each of them into one number or text first",
        )
    if dtype in (nw.Categorical, nw.Enum):
        return frame.with_columns(order.cast(nw.String))
    return frame.with_columns(order_id=nw.when(~order.is_nan()).then(order)) if dtype.is_float() else frame


def _plain_spend(frame: Frame, rules: Rules) -> Frame:
    if rules.spend is None:
        return frame
    dtype = frame.collect_schema()["spend"]
    if dtype.is_numeric() or (dtype == nw.Object and isinstance(frame, nw.DataFrame)):
        try:
            return frame.with_columns(nw.col("spend").cast(nw.Float64))
        except (TypeError, ValueError):
            pass
    examples: list[object] = []
    if dtype == nw.String:
        examples = [
            repr(text) for text in first_of(frame.lazy(), "spend", ~nw.col("spend").str.contains(_NUMBER))
        ]
    raise DataError(
        f"values must be numbers, not {dtype}",
        column=rules.spend,
        examples=examples,
        fix="convert the column to a numeric type first",
    )
