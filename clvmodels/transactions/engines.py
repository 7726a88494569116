"""What each engine does with a table of customers: keep it where it is, sort it, hand it out in batches."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import narwhals.stable.v2 as nw

ROWS_IN_PART = 20_000
"""Rows of which Spark makes one task."""


def kept(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The rows, worked out once and kept by their engine: DuckDB and Spark put on disk what memory does not hold."""
    native = rows.to_native()
    if rows.implementation.is_duckdb():
        name = f"clvmodels_{secrets.token_hex(8)}"
        native.query(f"{name}_source", f"CREATE TEMP TABLE {name} AS SELECT * FROM {name}_source")
        return _lazy(native.query(f"{name}_again", f"SELECT * FROM temp.{name}"))
    if is_spark(rows):
        return _lazy(native.persist())
    if rows.implementation.is_ibis():
        name = f"clvmodels_{secrets.token_hex(8)}"
        return _lazy(native.get_backend().create_table(name, native, temp=True))
    return rows.collect().lazy()


def is_spark(rows: nw.LazyFrame[Any]) -> bool:
    """Whether the rows are a table of Spark, classic or behind Spark Connect."""
    return rows.implementation.is_pyspark() or rows.implementation.is_pyspark_connect()


def batches(rows: nw.LazyFrame[Any], order: Sequence[str], size: int) -> Iterator[Any]:
    """The rows in an order, as Arrow record batches of at most so many rows."""
    rows = rows.sort(*order) if order else rows
    native = rows.to_native()
    if rows.implementation.is_duckdb():
        yield from native.to_arrow_reader(size)
    else:  # Ibis 12 cannot hand out batches of DuckDB 2
        yield from rows.collect(backend="pyarrow").to_native().to_batches(max_chunksize=size)


def mapped(
    rows: nw.LazyFrame[Any],
    function: Callable[[Iterator[Any]], Iterator[Any]],
    schema: str,
    order: Sequence[str] = (),
    size: int = 8192,
) -> list[dict[str, Any]]:
    """What a function makes of an iterator of Arrow record batches: few rows, as dictionaries.

    Spark calls it where the rows are, once for each part of them, and again for a part that was lost; `schema` is
    what Spark calls that of the result. Everywhere else it is called once, here.
    """
    if not is_spark(rows):
        parts = function(batches(rows, order, size))
        return [row for part in parts for row in part.to_pylist()]
    native = rows.to_native()
    if (
        order
    ):  # a fixed number of parts, which Spark does not merge: the rows are few, the work on each is much
        pieces = max(1, -(-native.count() // ROWS_IN_PART))
        native = native.repartitionByRange(pieces, *order).sortWithinPartitions(*order)
    return [row.asDict() for row in native.mapInArrow(function, schema).collect()]


def _lazy(native: Any) -> nw.LazyFrame[Any]:
    frame: nw.LazyFrame[Any] = nw.from_native(native).lazy()
    return frame
