"""A summary that stays in its engine: one row per customer, of which patterns and batches are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from clvmodels.cards import card
from clvmodels.errors import DataError
from clvmodels.rfm import CLOCK_FIELDS, RFM, SPEND_FIELDS, DataReport, Note, fingerprint, hash_of
from clvmodels.transactions import clock, engines, money, orders, summary, wholes
from clvmodels.transactions.columns import as_ids, first_of, row_of
from clvmodels.transactions.door import Log
from clvmodels.units import UNIT_NAMES, Moment, last_observed

STATISTICS = ("spend_sum", "spend_log_sum", "spend_positive_count", "spend_first")
SUMS = ("repeat_sum", "spend_sum", "spend_first", "spend_log_sum")


@dataclass(frozen=True, eq=False)
class RFMTable:
    """An `RFM` that stays where its log is: in DuckDB, Spark, Polars, a warehouse. `rfm_table` makes it.

    A model is fitted to it as to an `RFM` (`clvmodels.CLVModel.fit`), and ``forecast(..., rfm=table, out=folder)``
    forecasts its customers wherever they are.

    Attributes
    ----------
    rows
        One row per customer with the columns of `RFM.to_pandas`, as a lazy narwhals frame.
    time_unit, observed_until, has_spend, report
        As those of `RFM`.
    size
        Number of customers.
    """

    rows: nw.LazyFrame[Any]
    time_unit: str
    observed_until: datetime
    has_spend: bool
    report: DataReport
    size: int

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"RFMTable({'; '.join(self._said())})"

    def _repr_html_(self) -> str:
        counts = str(self.report).splitlines()
        return card(f"RFM of {self.size:,} customers, not in memory", [*self._said()[1:], *counts])

    def _said(self) -> list[str]:
        spend = "with" if self.has_spend else "without"
        return [
            f"{self.size:,} customers",
            f"held by {self.rows.implementation.name.lower()}",
            f"times in {UNIT_NAMES[self.time_unit]}",
            f"observed until before {self.observed_until:%Y-%m-%d %H:%M}",
            f"{spend} spend",
        ]

    @property
    def customers(self) -> float:
        """Number of customers."""
        return float(self.size)

    @property
    def native(self) -> Any:
        """The table as its engine has it: a DuckDB relation, a Spark table, ..."""
        return self.rows.to_native()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns but the ids."""
        return (*CLOCK_FIELDS, *((*SPEND_FIELDS, *STATISTICS) if self.has_spend else ()))

    def patterns(self, names: Sequence[str] = CLOCK_FIELDS) -> RFM:
        """Unique rows of the named columns, counted by the engine, sorted, with the counts as weights.

        Raises
        ------
        DataError
            If the table does not hold one of them.
        """
        for name in names:
            if name not in self.names:
                raise DataError(f"this summary holds no {name}", fix="name the spend column in rfm_table")
        found = self.rows.group_by(*names).agg(weights=nw.len()).collect()
        columns = {name: _floats(found[name]) for name in names}
        order = np.lexsort(list(columns.values())[::-1])
        weights = _floats(found["weights"])[order]
        return RFM.of_patterns({name: column[order] for name, column in columns.items()}, weights, self)

    def weighted(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The different values of a column, and how many customers have each."""
        patterns = self.patterns([name])
        return patterns.columns([name])[0], patterns.weights

    def batches(self, size: int = 8192, order: Sequence[str] = ("customer_id",)) -> Iterator[Any]:
        """The customers in an order, as Arrow record batches of at most `size` rows."""
        return engines.batches(self.rows, order, size)

    def collect(self) -> RFM:
        """The customers in memory, as `rfm_summary` makes them (without a `history`)."""
        found = self.rows.collect()
        table = summary.Table(
            as_ids(found["customer_id"]), {name: _floats(found[name]) for name in self.names}
        )
        table = table.sorted("customer_id")
        return RFM.from_arrays(
            customer_id=table.ids,
            **{name: table[name] for name in self.names if name not in STATISTICS},
            statistics={name: table[name] for name in STATISTICS if self.has_spend},
            time_unit=self.time_unit,
            observation_end=last_observed(self.observed_until),
            report=self.report,
        )

    def fingerprint(self) -> str:
        """Hash of the content, blind to ids and to row order (16 hexadecimal digits): that of `RFM.fingerprint`."""
        names = self.names

        def hashed(batches: Iterator[Any]) -> Iterator[Any]:
            import pyarrow as pa

            for batch in batches:
                columns = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in names}
                yield pa.record_batch({"hash": [str(hash_of(columns, np.ones(batch.num_rows)))]})

        content = sum(int(row["hash"]) for row in self.mapped(hashed, "hash string"))
        return fingerprint(self.time_unit, self.observed_until, names, content)

    @property
    def is_distributed(self) -> bool:
        """Whether functions of `mapped` run in other processes, those of Spark."""
        return engines.is_spark(self.rows)

    def mapped(
        self,
        function: Callable[[Iterator[Any]], Iterator[Any]],
        schema: str,
        order: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """Rows that a function makes of Arrow record batches of the customers; Spark calls it where they are.

        Parameters
        ----------
        function
            From an iterator of batches to one of batches of a few rows. Spark calls it once for each part.
        schema
            Of the rows it makes, as Spark writes it: ``"file string, rows long"``.
        order
            Columns to sort the customers by.
        """
        return engines.mapped(self.rows, function, schema, order)


def _floats(column: nw.Series[Any]) -> np.ndarray:
    return column.to_numpy().astype(np.float64)


def tabulate(log: Log, observation_start: Moment | None, observation_end: Moment | None) -> RFMTable:
    """Summarise a checked log between two moments, without taking the customers out of the engine."""
    end, notes = summary.observed_end(log, observation_end)
    start = summary.observed_start(observation_start, end)
    purchases = summary.purchases_of(log, orders.known(log, end))
    customers = summary.customers_of(log, purchases, with_stamp=start is not None)
    about = [] if start is None else ["stamp"]
    about += [] if log.rules.spend is None else [*money.LIMBS, "largest"]
    columns = _as_columns(log, customers, end).select(
        "customer_id", "rows", "purchases", *about, *_names(log)
    )
    rows = engines.kept(columns)
    found = [*summary.late_rows(log, end), *orders.notes(log, end), *summary.refunded(log, purchases)]
    notes = [*log.notes, *notes, *found]
    if start is not None:
        early = nw.col("stamp") < start
        notes += _note(rows, early, summary.BORN_BEFORE)
        rows = rows.filter(~early)
    totals = _totals(log, rows)
    if not totals["customers"]:
        raise summary.nobody_born(log)
    return RFMTable(
        rows=rows.select("customer_id", *_names(log)),
        time_unit=log.rules.time_unit,
        observed_until=clock.as_moment(end),
        has_spend=log.rules.spend is not None,
        report=_report(log, totals, [*notes, *_notes(log, rows, totals)]),
        size=int(totals["customers"]),
    )


def _names(log: Log) -> tuple[str, ...]:
    return (*CLOCK_FIELDS, *(() if log.rules.spend is None else (*SPEND_FIELDS, *STATISTICS)))


def _as_columns(log: Log, customers: nw.LazyFrame[Any], end: int) -> nw.LazyFrame[Any]:
    """Add the columns of `RFM`, rounded as in memory."""
    rules = log.rules
    length, unit = clock.PERIOD_LENGTH[rules.period], clock.PERIOD_LENGTH[rules.time_unit]
    until = clock.period_of(end - 1, rules.period)
    customers = customers.with_columns(
        frequency=(nw.col("purchases") - 1).cast(nw.Float64),
        recency=((nw.col("last") - nw.col("first")) * length).cast(nw.Float64) / float(unit),
        T=((until - nw.col("first")) * length).cast(nw.Float64) / float(unit),
    )
    return customers if rules.spend is None else _with_spend(log, customers)


def _with_spend(log: Log, customers: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    include = log.rules.first_purchase == "include"
    if wholes.are_in(customers):
        repeat = "whole" if include else "(whole - first_whole)"
        sums = dict(zip(SUMS, (repeat, "whole", "first_whole", "log_whole"), strict=True))
        customers = wholes.with_totals(customers, sums, log.exponent)
    else:
        customers = _with_sums(log, customers, include=include)
    count = nw.col("frequency") + float(include)
    mean = nw.col("repeat_sum") / nw.when(count > 0).then(count).otherwise(nw.lit(1.0))
    positive = nw.col("positive").cast(nw.Float64)
    return customers.with_columns(spend_count=count, monetary_value=mean, spend_positive_count=positive)


def _with_sums(log: Log, customers: nw.LazyFrame[Any], *, include: bool) -> nw.LazyFrame[Any]:
    whole = [nw.col(limb).cast(nw.Int64) for limb in money.LIMBS]
    first = [nw.col(f"first_{limb}").cast(nw.Int64) for limb in money.LIMBS]
    repeat = whole if include else [all_of - one for all_of, one in zip(whole, first, strict=True)]
    logs = [*(nw.col(f"log_{limb}").cast(nw.Int64) for limb in money.LOG_LIMBS), nw.lit(0).cast(nw.Int64)]
    for name, limbs in zip(SUMS, (repeat, whole, first, logs), strict=True):
        exponent = money.LOG_EXPONENT if limbs is logs else log.exponent
        customers = money.with_total(customers, name, limbs, exponent)
    return customers


def _totals(log: Log, rows: nw.LazyFrame[Any]) -> dict[str, Any]:
    """What a report says of all customers, in one pass."""
    found = {"customers": nw.len(), "rows": nw.col("rows").sum(), "purchases": nw.col("purchases").sum()}
    if log.rules.spend is not None:
        free = nw.when((nw.col("purchases") > 1) & (nw.col("monetary_value") == 0)).then(nw.lit(1))
        found |= {
            **money.summed(),
            "largest": nw.col("largest").max(),
            "free": free.otherwise(nw.lit(0)).sum(),
        }
    return row_of(rows.select(**found))


def _report(log: Log, totals: dict[str, Any], notes: Sequence[Note]) -> DataReport:
    return DataReport(log.rows_in, int(totals["rows"]), int(totals["purchases"]), tuple(notes))


def _notes(log: Log, rows: nw.LazyFrame[Any], totals: dict[str, Any]) -> list[Note]:
    notes = []
    if merged := int(totals["rows"]) - int(totals["purchases"]):
        more = nw.col("rows") > nw.col("purchases")
        notes.append(Note(summary.MERGED, merged, tuple(first_of(rows, "customer_id", more))))
    if log.rules.spend is None:
        return notes
    notes += _large_purchases(log, rows, totals)
    if totals["free"]:
        free = (nw.col("purchases") > 1) & (nw.col("monetary_value") == 0)
        notes += _note(rows, free, summary.FREE)
    return notes


def _large_purchases(log: Log, rows: nw.LazyFrame[Any], totals: dict[str, Any]) -> list[Note]:
    purchases, largest = int(totals["purchases"]), totals["largest"]
    if purchases < summary.FEWEST_PURCHASES:
        return []
    limbs = np.array([[int(totals[name])] for name in money.LIMBS])
    total = money.grand_total(limbs, log.exponent)
    is_large = (nw.col("largest") > summary.LARGE_SHARE * total) & (
        nw.col("largest") > summary.LARGE_MULTIPLE * ((total - nw.col("largest")) / float(purchases - 1))
    )
    return _note(rows, is_large, summary.LARGE.format(100 * largest / total if total else 0))


def _note(rows: nw.LazyFrame[Any], condition: nw.Expr, what: str) -> list[Note]:
    count = int(row_of(rows.filter(condition).select(rows=nw.len()))["rows"])
    return [Note(what, count, tuple(first_of(rows, "customer_id", condition)))] if count else []
