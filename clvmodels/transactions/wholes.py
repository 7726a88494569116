"""Money in DuckDB: one whole number of 128 bits instead of the three of `money`, and the same sums to the last bit.

The two ways give each other's numbers; this one reads shorter rows, of which more fit into memory, and adds once where
the other adds three times. It is written in SQL, because narwhals has no words for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw

from clvmodels.transactions import money

NAMES = ("whole", "first_whole", "log_whole")
"""Columns of whole numbers; `whole` is an amount in units of 2^(exponent-108)."""
BITS = 36 * len(money.LIMBS)
LOG_BITS = 36 * len(money.LOG_LIMBS)
MOST_PERIODS = 2 ** (126 - BITS)
"""Numbers that there is room for before a whole number of `BITS` bits."""


def are_in(rows: nw.LazyFrame[Any]) -> bool:
    """Whether the engine has such numbers."""
    return rows.implementation.is_duckdb()


def with_whole(rows: nw.LazyFrame[Any], exponent: int) -> nw.LazyFrame[Any]:
    """Add the whole number of ``spend``; what is below its unit is cut off, as by `money.with_limbs`."""
    return _project(rows, "*", f"CAST(trunc(spend * {_power(BITS - exponent)}) AS HUGEINT) AS whole")


def with_limbs(rows: nw.LazyFrame[Any], names: Mapping[str, str]) -> nw.LazyFrame[Any]:
    """Add the carried numbers of `money` to whole numbers of given names, under a prefix each."""
    limbs = [
        f"CAST({limb} AS BIGINT) AS {prefix}{name}"
        for whole, prefix in names.items()
        for name, limb in zip(_limbs_of(prefix), _parts(whole, len(_limbs_of(prefix))), strict=True)
    ]
    return _project(rows, "*", *limbs)


def per_customer(
    purchases: nw.LazyFrame[Any], exponent: int, first: int, last: int, *, with_stamp: bool
) -> nw.LazyFrame[Any]:
    """Add up purchases between two periods by customer, and once more their logarithms and the first of each alone.

    The least of the amounts with the number of the period before them is that of the first purchase. Where periods
    are too many for that, DuckDB looks for it in a way that takes twice as long.
    """
    is_short, width = last - first < MOST_PERIODS, f"CAST({2**BITS} AS HUGEINT)"
    place = f"(CAST(period - {first} AS HUGEINT) * {width})"
    spent = f"(CAST(whole AS DOUBLE) * {_power(exponent - BITS)})"
    logarithm = f"CAST(trunc(ln({spent}) * {_power(LOG_BITS - money.LOG_EXPONENT)}) AS HUGEINT)"
    measures = [
        "customer_id",
        "min(period) AS first",
        "max(period) AS last",
        "count(*) AS purchases",
        "CAST(sum(rows) AS BIGINT) AS rows",
        "sum(whole) AS whole",
        f"{f'min({place} + whole)' if is_short else 'arg_min(whole, period)'} AS first_whole",
        f"sum(CASE WHEN whole > 0 THEN {logarithm} ELSE 0 END) AS log_whole",
        "count(*) FILTER (whole > 0) AS positive",
        f"max({spent}) AS largest",
        *(["min(stamp) AS stamp"] if with_stamp else []),
    ]
    customers = _lazy(purchases.to_native().aggregate(", ".join(measures), "customer_id"))
    if is_short:
        apart = f"first_whole - CAST(first - {first} AS HUGEINT) * {width}"
        customers = _project(customers, f"* REPLACE ({apart} AS first_whole)")
    return with_limbs(customers, dict(zip(NAMES, ("", "first_", "log_"), strict=True)))


def with_totals(rows: nw.LazyFrame[Any], totals: Mapping[str, str], exponent: int) -> nw.LazyFrame[Any]:
    """Add floats of sums of whole numbers by name: what `money.total` is in memory, to the last bit."""
    floats = []
    for name, whole in totals.items():
        is_log = whole == NAMES[2]
        bits, place = (LOG_BITS, money.LOG_EXPONENT) if is_log else (BITS, exponent)
        floats.append(f"sign({whole}) * {_float(f'abs({whole})', bits, place)} AS {name}")
    return _project(rows, "*", *floats)


def _limbs_of(prefix: str) -> Sequence[str]:
    return money.LOG_LIMBS if prefix == "log_" else money.LIMBS


def _parts(whole: str, count: int) -> list[str]:
    """The numbers of 36 bits that a whole number consists of, the sign in the first."""
    parts = [f"({whole} >> {36 * place})" for place in reversed(range(count))]
    return [parts[0], *(f"({part} & {2**36 - 1})" for part in parts[1:])]


def _float(whole: str, bits: int, exponent: int) -> str:
    parts = _parts(whole, bits // 36)
    floats = [
        f"CAST({part} AS DOUBLE) * {_power(exponent - 36 * (place + 1))}" for place, part in enumerate(parts)
    ]
    return f"({floats[0]} + ({' + '.join(floats[1:])}))"


def _power(exponent: int) -> str:
    """A power of two as SQL writes it, in an exponent's notation, because all others are decimal numbers to DuckDB."""
    return f"{2.0**exponent:.17e}"


def _project(rows: nw.LazyFrame[Any], *columns: str) -> nw.LazyFrame[Any]:
    return _lazy(rows.to_native().project(", ".join(columns)))


def _lazy(relation: Any) -> nw.LazyFrame[Any]:
    frame: nw.LazyFrame[Any] = nw.from_native(relation).lazy()
    return frame
