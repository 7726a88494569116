"""From a log to one row per customer: `rfm_summary`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from clvmodels.errors import SHOWN_IDS, ArgumentError, DataError
from clvmodels.rfm import RFM, DataReport, Note
from clvmodels.transactions import clock, money, orders, wholes
from clvmodels.transactions.columns import as_ids, first_of, row_of
from clvmodels.transactions.door import Log
from clvmodels.units import Moment

LARGE_SHARE = 0.10
LARGE_MULTIPLE = 10
FEWEST_PURCHASES = 20
"""A purchase is worth a note if it is more than this share of all spend and more than this many times the
mean of the others; in a log of fewer purchases one often is."""
BORN_BEFORE = "customers left out because they bought before observation_start"
MERGED = "rows merged into a purchase of the same period"
FREE = "repeat customers whose mean spend is zero"
LARGE = "customers with a single purchase of up to {:.0f} % of all spend, whose amount is worth a check"


def summarise(log: Log, observation_start: Moment | None, observation_end: Moment | None) -> RFM:
    """Summarise a checked log between two moments."""
    end, notes = observed_end(log, observation_end)
    start = observed_start(observation_start, end)
    purchases = purchases_of(log, orders.known(log, end))
    table = _per_customer(log, purchases, with_stamp=start is not None)
    table, left_out = _born_since(log, table, start)
    found = [*late_rows(log, end), *orders.notes(log, end), *refunded(log, purchases), *left_out]
    notes = [*log.notes, *notes, *found]
    return _as_rfm(log, table, end, notes)


def observed_start(observation_start: Moment | None, end: int) -> int | None:
    """First observed instant, or None.

    Raises
    ------
    ArgumentError
        If it is not before the end.
    """
    start = None if observation_start is None else clock.first_instant(observation_start)
    if start is not None and start >= end:
        raise ArgumentError(f"observation_start={observation_start!s} must be before the end of observation")
    return start


def purchases_of(log: Log, rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """One row per customer and period: first stamp, number of rows, carried money.

    With netted refunds, periods without positive money are still there; see `without_refunded`.
    """
    measures = {"stamp": nw.col("stamp").min(), "rows": nw.len()}
    if log.rules.spend is None:
        return rows.group_by("customer_id", "period").agg(**measures)
    in_one = wholes.are_in(rows)
    sums = {"whole": nw.col("whole").sum()} if in_one else money.summed()
    purchases = rows.group_by("customer_id", "period").agg(**measures, **sums, refund=nw.col("refund").sum())
    return wholes.with_limbs(purchases, {"whole": ""}) if in_one else money.carried(purchases)


def without_refunded(log: Log, purchases: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The purchases, without periods whose refunds reach or exceed what was spent."""
    return purchases.filter((nw.col("refund") == 0) | money.is_positive()) if log.has_refunds else purchases


@dataclass(frozen=True)
class Table:
    """Customer ids and columns by name: whole numbers, and floats where asked for."""

    ids: np.ndarray
    columns: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def limbs(self, prefix: str) -> np.ndarray:
        """(3, rows) whole numbers of an amount."""
        return np.array([self.columns[prefix + name] for name in money.LIMBS])

    def take(self, index: np.ndarray) -> Table:
        """The rows at positions or under a mask."""
        return Table(self.ids[index], {name: values[index] for name, values in self.columns.items()})

    def sorted(self, id_column: str) -> Table:
        """The rows in the order of the ids."""
        try:
            return self.take(np.argsort(self.ids, kind="stable"))
        except TypeError:
            kinds = sorted({type(identity).__name__ for identity in self.ids})
            raise DataError(
                f"ids of types {' and '.join(kinds)} have no common order",
                column=id_column,
                fix="give all ids one type",
            ) from None

    def examples(self, mask: np.ndarray) -> tuple[object, ...]:
        """The first ids under a mask."""
        return tuple(self.ids[mask][:SHOWN_IDS].tolist())


def _per_customer(log: Log, purchases: nw.LazyFrame[Any], *, with_stamp: bool) -> Table:
    customers = customers_of(log, purchases, with_stamp=with_stamp)
    return collect_table(customers, floats=("largest",)).sorted(log.rules.customer_id)


def customers_of(log: Log, purchases: nw.LazyFrame[Any], *, with_stamp: bool) -> nw.LazyFrame[Any]:
    """One row per customer: numbers of periods, purchases and rows, carried money, and the first stamp if asked."""
    purchases = without_refunded(log, purchases)
    measures = {
        "first": nw.col("period").min(),
        "last": nw.col("period").max(),
        "purchases": nw.len(),
        "rows": nw.col("rows").sum(),
    }
    if with_stamp:
        measures["stamp"] = nw.col("stamp").min()
    if log.rules.spend is None:
        return purchases.group_by("customer_id").agg(**measures)
    return _with_money(log, purchases, measures)


def _with_money(log: Log, purchases: nw.LazyFrame[Any], measures: dict[str, nw.Expr]) -> nw.LazyFrame[Any]:
    """Add up money and its logarithms, and once more the money of the first purchase alone."""
    origin, last = _span(log)
    if wholes.are_in(purchases):
        return wholes.per_customer(purchases, log.exponent, origin, last, with_stamp="stamp" in measures)
    purchases = money.with_number_before(purchases, "period", origin)
    purchases = _with_logarithm(purchases.with_columns(spent=money.amount(log.exponent)))
    measures = {
        **measures,
        **money.summed(),
        **money.summed("log_", money.LOG_LIMBS),
        **{f"first_{name}": nw.col(f"first_{name}").min() for name in money.LIMBS},
        "positive": nw.col("positive").sum(),
        "largest": nw.col("spent").max(),
    }
    customers = purchases.group_by("customer_id").agg(**measures)
    return money.without_number(customers, "first", origin)


def _span(log: Log) -> tuple[int, int]:
    """Numbers of the periods of the first and the last row.

    Raises
    ------
    DataError
        If more periods lie between it and the last than whole numbers have room for (255 years of minutes).
    """
    first, last = (clock.period_of(stamp, log.rules.period) for stamp in (log.first_stamp, log.last_stamp))
    if last - first <= money.LARGEST_NUMBER_BEFORE:
        return first, last
    begin, end = clock.as_moment(log.first_stamp), clock.as_moment(log.last_stamp)
    raise DataError(
        f"dates from {begin} to {end} are too far apart for periods as short as {log.rules.period!r}",
        column=log.rules.date,
        fix="look for dates that stand for something else, or choose a longer period",
    )


def _with_logarithm(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add ``positive`` and the whole numbers of the logarithm of what was ``spent`` (0 for nothing)."""
    positive = nw.col("spent") > 0
    one, nothing = nw.lit(1), nw.lit(0)
    rows = rows.with_columns(
        nw.when(positive).then(one).otherwise(nothing).cast(nw.Int64).alias("positive"),
        logarithm=nw.when(positive).then(nw.col("spent")).otherwise(nw.lit(1.0)).log(),
    )
    return money.with_limbs(rows, "logarithm", money.LOG_EXPONENT, "log_", money.LOG_LIMBS)


def collect_table(frame: nw.LazyFrame[Any], floats: Sequence[str] = ()) -> Table:
    """Collect customer ids and columns of whole numbers or floats; the engine decides on the order."""
    collected = frame.drop(*wholes.NAMES, strict=False).collect()
    names = [name for name in collected.columns if name != "customer_id"]
    columns = {}
    for name in names:
        kind, dtype = (nw.Float64, np.float64) if name in floats else (nw.Int64, np.int64)
        columns[name] = collected[name].cast(kind).to_numpy().astype(dtype)
    return Table(as_ids(collected["customer_id"]), columns)


def observed_end(log: Log, observation_end: Moment | None) -> tuple[int, list[Note]]:
    """First instant that is no longer observed, and a note where the log itself says so."""
    if observation_end is not None:
        end = clock.end_instant(observation_end)
        if end <= log.first_stamp:
            raise DataError(
                f"observation_end {observation_end!s} is before the first row, {clock.as_moment(log.first_stamp)}",
                column=log.rules.date,
                fix="choose a later end",
            )
        return end, []
    end = clock.end_of_last(log.last_stamp, log.rules.period)
    last = nw.col("stamp") >= end - min(clock.PERIOD_LENGTH[log.rules.period], clock.DAY)
    rows, examples = _count_rows(log, last)
    shown = clock.last_observed(end)
    return end, [
        Note(f"no observation_end given, so the last date of the log, {shown}; rows on it", rows, examples)
    ]


def _count_rows(log: Log, condition: nw.Expr) -> tuple[int, tuple[object, ...]]:
    rows = int(row_of(log.rows.filter(condition).select(rows=nw.len()))["rows"])
    return rows, tuple(first_of(log.rows, "customer_id", condition)) if rows else ()


def late_rows(log: Log, end: int) -> list[Note]:
    """Note of the rows after the observation."""
    if log.last_stamp < end:
        return []
    return [Note("rows after observation_end not used", *_count_rows(log, nw.col("stamp") >= end))]


def _born_since(log: Log, table: Table, start: int | None) -> tuple[Table, list[Note]]:
    early = np.zeros(len(table.ids), dtype=bool) if start is None else table["stamp"] < start
    if early.all():
        raise nobody_born(log)
    if not early.any():
        return table, []
    return table.take(~early), [Note(BORN_BEFORE, int(early.sum()), table.examples(early))]


def nobody_born(log: Log) -> DataError:
    """What is wrong where nobody is left."""
    return DataError(
        "no customer's first purchase lies within the observation",
        column=log.rules.date,
        fix="choose an earlier observation_start, or check how refunds are treated",
    )


def refunded(log: Log, purchases: nw.LazyFrame[Any]) -> list[Note]:
    """Note of the periods that refunds made vanish."""
    if not log.has_refunds:
        return []
    vanished = purchases.filter((nw.col("refund") > 0) & ~money.is_positive())
    table = collect_table(vanished.group_by("customer_id").agg(periods=nw.len(), **money.summed()))
    table = table.sorted(log.rules.customer_id)
    if not len(table.ids):
        return []
    lost = money.total(table.limbs(""), log.exponent).sum()
    what = f"periods left out whose refunds reached or exceeded their purchases, by {-lost:,.2f} in all"
    return [Note(what, int(table["periods"].sum()), table.examples(table["periods"] > 0))]


def _as_rfm(log: Log, table: Table, end: int, notes: Sequence[Note]) -> RFM:
    rules = log.rules
    length = clock.PERIOD_LENGTH[rules.period]
    frequency = table["purchases"] - 1
    money_columns, money_notes = ({}, []) if rules.spend is None else _money_columns(log, table)
    merged = table["rows"] - table["purchases"]
    if merged.any():
        notes = [*notes, Note(MERGED, int(merged.sum()), table.examples(merged > 0))]
    report = DataReport(
        rows_in=log.rows_in,
        rows_used=int(table["rows"].sum()),
        purchases=int(table["purchases"].sum()),
        notes=(*notes, *money_notes),
    )
    return RFM.from_arrays(
        customer_id=table.ids,
        frequency=frequency,
        recency=clock.in_units((table["last"] - table["first"]) * length, rules.time_unit),
        T=clock.in_units((clock.period_of(end - 1, rules.period) - table["first"]) * length, rules.time_unit),
        time_unit=rules.time_unit,
        observation_end=clock.last_observed(end),
        report=report,
        **money_columns,
    )


def _money_columns(log: Log, table: Table) -> tuple[dict[str, Any], list[Note]]:
    """Mean spend and its statistics, from sums of whole numbers that are rounded once."""
    include = log.rules.first_purchase == "include"
    whole, first = table.limbs(""), table.limbs("first_")
    count = table["purchases"] - (not include)
    mean = money.total(whole if include else whole - first, log.exponent) / np.maximum(count, 1)
    logs = [table[f"log_{limb}"] for limb in money.LOG_LIMBS]
    columns = {
        "monetary_value": mean,
        "spend_count": count,
        "statistics": {
            "spend_sum": money.total(whole, log.exponent),
            "spend_log_sum": money.total(np.array([*logs, np.zeros_like(count)]), money.LOG_EXPONENT),
            "spend_positive_count": table["positive"],
            "spend_first": money.total(first, log.exponent),
        },
    }
    notes = _large_purchases(log, table)
    free = (table["purchases"] > 1) & (mean == 0)
    if free.any():
        notes = [*notes, Note(FREE, int(free.sum()), table.examples(free))]
    return columns, notes


def _large_purchases(log: Log, table: Table) -> list[Note]:
    """Note of single purchases that decide what all customers together spent."""
    purchases = int(table["purchases"].sum())
    if purchases < FEWEST_PURCHASES:
        return []
    total = money.grand_total(table.limbs(""), log.exponent)
    largest = table["largest"]
    mean_of_others = (total - largest) / (purchases - 1)
    is_large = (largest > LARGE_SHARE * total) & (largest > LARGE_MULTIPLE * mean_of_others)
    if not is_large.any():
        return []
    what = LARGE.format(100 * largest.max() / total)
    return [Note(what, int(is_large.sum()), table.examples(is_large))]
