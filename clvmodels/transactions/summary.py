"""From a log to one row per customer: `rfm_summary`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from clvmodels.errors import SHOWN_IDS, ArgumentError, DataError
from clvmodels.rfm import RFM, DataReport, Note
from clvmodels.transactions import clock, money
from clvmodels.transactions.columns import as_ids, first_of, row_of
from clvmodels.transactions.door import Log, open_log
from clvmodels.transactions.rules import FirstPurchase, Period, Refunds, Rules, ZeroSpend
from clvmodels.units import Moment

LARGE_SHARE = 0.10
LARGE_MULTIPLE = 10
FEWEST_PURCHASES = 20
"""A purchase is worth a note if it is more than this share of all spend and more than this many times the
mean of the others; in a log of fewer purchases one often is."""


def rfm_summary(
    transactions: Any,
    *,
    customer_id: str = "customer_id",
    date: str = "date",
    spend: str | None = None,
    period: Period = "D",
    time_unit: Period = "W",
    observation_start: Moment | None = None,
    observation_end: Moment | None = None,
    first_purchase: FirstPurchase = "exclude",
    refunds: Refunds = "refuse",
    zero_spend: ZeroSpend = "purchase",
    business_timezone: str | None = None,
) -> RFM:
    """Summarise a transaction log: one row per customer with frequency, recency, T and monetary value.

    All rows of a customer within one `period` are **one purchase**, worth their sum. Then

    - **frequency** is the number of *repeat* purchases: distinct purchase periods minus one;
    - **recency** is the age of the customer at the last purchase, last minus first purchase period
      (not the time since the last purchase: a large recency is a good sign), 0 without repeat purchase;
    - **T** is the age at the end of observation: last observed period minus first purchase period, so
      that ``0 <= recency <= T``;
    - **monetary_value** is the mean spend of the repeat purchases, the first left out; it is 0 where
      there is none.

    Parameters
    ----------
    transactions
        One row per transaction: a pandas, Polars (eager or lazy), pyarrow, DuckDB, Spark or Ibis table.
        It is never changed.
    customer_id, date, spend
        Names of its columns. Dates are dates, stamps in business-local time or ISO texts; spend is
        numeric, in one currency. Without `spend` the summary knows no money.
    period
        What counts as one purchase: ``min``, ``h``, ``D`` or ``W`` (weeks start on Monday).
    time_unit
        Unit of recency and T: ``min``, ``h``, ``D`` or ``W``.
    observation_start
        Date or instant from which all purchases are in the log. Customers whose first purchase is
        earlier are left out whole, because their true first purchase is not known.
    observation_end
        Last observed date (the whole day) or instant; later rows are not used. Default: the last date
        of the log. A period cut by a clock time counts as observed.
    first_purchase
        ``"exclude"`` leaves the first purchase out of monetary_value, ``"include"`` keeps it
        (`spend_count` is then frequency + 1).
    refunds
        Rows with negative spend: ``"refuse"`` raises, ``"drop"`` leaves them out, ``"net"`` subtracts them
        from what the customer spent in the same period. A period whose refunds reach or exceed its
        purchases is no purchase; what exceeds is not carried to other periods but stated in the report.
    zero_spend
        Rows with zero spend: ``"purchase"`` counts them, ``"drop"`` leaves them out, ``"refuse"`` raises.
    business_timezone
        Where stamps carry a time zone, the zone whose calendar the business lives by, e.g.
        ``"Europe/Berlin"``. Only for tables in memory and lazy Polars.

    Returns
    -------
    RFM
        Customers sorted by id. `report` says what happened to the rows; it also names customers one of
        whose purchases is more than a tenth of all spend and ten times the mean of the others (in a log of
        20 purchases or more), which is often a slip of the decimal point. With spend, `statistics` holds
        of the purchases behind monetary_value ``spend_sum``, ``spend_positive_count`` and
        ``spend_log_sum`` (number and sum of natural logarithms of those above zero), and
        ``spend_first``, the first purchase. The result is the same to the last bit in any order of rows.

    Raises
    ------
    DataError
        If the log breaks a rule: a column is missing, ids, dates or amounts are missing or not what
        they should be, stamps carry an unexplained time zone, no purchase is left.
    ArgumentError
        If an argument has no such value.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({
    ...     "customer": ["ann", "bob", "ann", "ann"],
    ...     "day": ["2026-01-01", "2026-01-05", "2026-01-08", "2026-01-08"],
    ...     "paid": [10.0, 7.0, 20.0, 5.0],
    ... })
    >>> rfm = rfm_summary(log, customer_id="customer", date="day", spend="paid", observation_end="2026-01-29")
    >>> rfm.to_pandas()[["customer_id", "frequency", "recency", "T", "monetary_value"]]
      customer_id  frequency  recency         T  monetary_value
    0         ann        1.0      1.0  4.000000            25.0
    1         bob        0.0      0.0  3.428571             0.0
    >>> print(rfm.report)
    rows in 4, used 4, purchases 3
    rows merged into a purchase of the same period: 1 (first: ann)
    """
    rules = Rules(
        customer_id, date, spend, period, time_unit, first_purchase, refunds, zero_spend, business_timezone
    )
    log = open_log(transactions, rules)
    return summarise(log, observation_start, observation_end)


def summarise(log: Log, observation_start: Moment | None, observation_end: Moment | None) -> RFM:
    """Summarise a checked log between two moments."""
    end, notes = _observation_end(log, observation_end)
    start = None if observation_start is None else clock.first_instant(observation_start)
    if start is not None and start >= end:
        raise ArgumentError(f"observation_start={observation_start!s} must be before the end of observation")
    used = log.rows.filter(nw.col("stamp") < end)
    purchases = purchases_of(log, used)
    table = _per_customer(log, purchases)
    table, left_out = _born_since(log, table, start)
    notes = [*log.notes, *notes, *_late_rows(log, end), *_refunded(log, purchases), *left_out]
    return _as_rfm(log, table, end, notes)


def purchases_of(log: Log, rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """One row per customer and period: first stamp, number of rows, carried money.

    With netted refunds, periods without positive money are still there; see `without_refunded`.
    """
    measures = {"stamp": nw.col("stamp").min(), "rows": nw.len()}
    if log.rules.spend is not None:
        measures |= {**money.summed(), "refund": nw.col("refund").sum()}
    purchases = rows.group_by("customer_id", "period").agg(**measures)
    return purchases if log.rules.spend is None else money.carried(purchases)


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


def _per_customer(log: Log, purchases: nw.LazyFrame[Any]) -> Table:
    purchases = without_refunded(log, purchases)
    measures = {
        "first": nw.col("period").min(),
        "last": nw.col("period").max(),
        "stamp": nw.col("stamp").min(),
        "purchases": nw.len(),
        "rows": nw.col("rows").sum(),
    }
    if log.rules.spend is not None:
        purchases = _with_first_apart(log, purchases)
        prefixes = ("", "first_", "log_", "first_log_")
        measures |= {name: column for prefix in prefixes for name, column in money.summed(prefix).items()}
        measures |= {name: nw.col(name).sum() for name in ("positive", "first_positive")}
        measures["largest"] = nw.col("spent").max()
    table = collect_table(purchases.group_by("customer_id").agg(**measures), floats=("largest",))
    return table.sorted(log.rules.customer_id)


def _with_first_apart(log: Log, purchases: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add money and logarithm of each purchase, and once more with zeros where it is not the first."""
    birth = purchases.group_by("customer_id").agg(birth=nw.col("period").min())
    purchases = purchases.join(birth, on="customer_id", how="inner").with_columns(
        spent=money.amount(log.exponent)
    )
    positive = nw.col("spent") > 0
    purchases = purchases.with_columns(
        positive=nw.when(positive).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64),
        logarithm=nw.when(positive).then(nw.col("spent")).otherwise(nw.lit(1.0)).log(),
        first=(nw.when(nw.col("period") == nw.col("birth")).then(nw.lit(1)).otherwise(nw.lit(0))).cast(
            nw.Int64
        ),
    )
    purchases = money.with_limbs(purchases, "logarithm", money.LOG_EXPONENT, "log_")
    names = [*money.LIMBS, *(f"log_{name}" for name in money.LIMBS), "positive"]
    return purchases.with_columns((nw.col(name) * nw.col("first")).alias(f"first_{name}") for name in names)


def collect_table(frame: nw.LazyFrame[Any], floats: Sequence[str] = ()) -> Table:
    """Collect customer ids and columns of whole numbers or floats; the engine decides on the order."""
    collected = frame.collect()
    names = [name for name in collected.columns if name != "customer_id"]
    columns = {}
    for name in names:
        kind, dtype = (nw.Float64, np.float64) if name in floats else (nw.Int64, np.int64)
        columns[name] = collected[name].cast(kind).to_numpy().astype(dtype)
    return Table(as_ids(collected["customer_id"]), columns)


def _observation_end(log: Log, observation_end: Moment | None) -> tuple[int, list[Note]]:
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


def _late_rows(log: Log, end: int) -> list[Note]:
    if log.last_stamp < end:
        return []
    return [Note("rows after observation_end not used", *_count_rows(log, nw.col("stamp") >= end))]


def _born_since(log: Log, table: Table, start: int | None) -> tuple[Table, list[Note]]:
    early = np.zeros(len(table.ids), dtype=bool) if start is None else table["stamp"] < start
    if early.all():
        raise DataError(
            "no customer's first purchase lies within the observation",
            column=log.rules.date,
            fix="choose an earlier observation_start, or check how refunds are treated",
        )
    if not early.any():
        return table, []
    what = "customers left out because they bought before observation_start"
    return table.take(~early), [Note(what, int(early.sum()), table.examples(early))]


def _refunded(log: Log, purchases: nw.LazyFrame[Any]) -> list[Note]:
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
        what = "rows merged into a purchase of the same period"
        notes = [*notes, Note(what, int(merged.sum()), table.examples(merged > 0))]
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
    include = int(log.rules.first_purchase == "include")

    def behind_mean(name: str) -> np.ndarray:
        return table[name] if include else table[name] - table[f"first_{name}"]

    def total(prefix: str, exponent: int) -> np.ndarray:
        return money.total(np.array([behind_mean(prefix + limb) for limb in money.LIMBS]), exponent)

    count = table["purchases"] - 1 + include
    spend_sum = total("", log.exponent)
    mean = spend_sum / np.maximum(count, 1)
    columns = {
        "monetary_value": mean,
        "spend_count": count,
        "statistics": {
            "spend_sum": spend_sum,
            "spend_log_sum": total("log_", money.LOG_EXPONENT),
            "spend_positive_count": behind_mean("positive"),
            "spend_first": money.total(table.limbs("first_"), log.exponent),
        },
    }
    notes = _large_purchases(log, table)
    free = (table["purchases"] > 1) & (mean == 0)
    if free.any():
        what = "repeat customers whose mean spend is zero"
        notes = [*notes, Note(what, int(free.sum()), table.examples(free))]
    return columns, notes


def _large_purchases(log: Log, table: Table) -> list[Note]:
    """Note of single purchases that decide what all customers together spent."""
    purchases = int(table["purchases"].sum())
    if purchases < FEWEST_PURCHASES:
        return []
    total = money.total(table.limbs("").sum(axis=1, keepdims=True), log.exponent)[0]
    largest = table["largest"]
    mean_of_others = (total - largest) / (purchases - 1)
    is_large = (largest > LARGE_SHARE * total) & (largest > LARGE_MULTIPLE * mean_of_others)
    if not is_large.any():
        return []
    share = 100 * largest.max() / total
    what = (
        f"customers with a single purchase of up to {share:.0f} % of all spend, whose amount is worth a check"
    )
    return [Note(what, int(is_large.sum()), table.examples(is_large))]
