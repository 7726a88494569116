"""What each engine does with a table of customers: keep it where it is, sort it, hand it out in batches."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import narwhals.stable.v2 as nw


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


def over_batches(rows: nw.LazyFrame[Any], number_of: Callable[[Any], int], size: int) -> int:
    """The sum over Arrow record batches of a whole number below 2**64, modulo that; on Spark where the rows are."""
    if not is_spark(rows):
        return sum(number_of(batch) for batch in batches(rows, (), size)) % 2**64

    def numbers(parts: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in parts:
            yield pa.record_batch({"number": [str(number_of(batch))]})

    found = rows.to_native().mapInArrow(numbers, "number string").collect()
    return sum(int(row["number"]) for row in found) % 2**64


def _lazy(native: Any) -> nw.LazyFrame[Any]:
    frame: nw.LazyFrame[Any] = nw.from_native(native).lazy()
    return frame
