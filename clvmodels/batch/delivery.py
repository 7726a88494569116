"""The log as it was delivered for a run: customers as of a day, and what there is to say of the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import numpy as np

from clvmodels.config import Config, secret
from clvmodels.config.sections import FROM_ENVIRONMENT
from clvmodels.errors import DataError
from clvmodels.rfm import RFM, id_text
from clvmodels.transactions import Activity, LogHistory, PurchaseEvents, activity, rfm_summary


@dataclass(frozen=True)
class Delivery:
    """A log, read as of a day.

    Attributes
    ----------
    table
        The log, as a query or a table.
    rules
        How it is read.
    as_of
        Last day that counts.
    rfm
        The customers.
    activity
        Rows per day that count, and types of columns.
    dropped
        Rows up to the day of the run that were left out for what they say (refunds, zero spend).
    fingerprint
        Hash of customers and what they did (16 hexadecimal digits).
    """

    table: Any
    rules: dict[str, Any]
    as_of: date
    rfm: RFM
    activity: Activity
    dropped: int
    fingerprint: str

    @property
    def rows(self) -> int:
        """Rows up to the day of the run that count."""
        return self.activity.until(np.datetime64(self.as_of))

    @property
    def days(self) -> np.ndarray:
        """Days up to the day of the run that have a row, ascending."""
        return self.activity.day[self.activity.day <= np.datetime64(self.as_of)]

    def follow(self, origin: date, until: date) -> tuple[RFM, PurchaseEvents]:
        """The customers of an earlier day, and what they bought from then until another day."""
        return cast(LogHistory, self.rfm.history).follow(origin, until)


@contextmanager
def opened(config: Config) -> Iterator[Any]:
    """The log of a configuration while the block runs, for `rfm_summary` and whatever else takes a table.

    One file is read whole, unless there is a limit of memory; files that are many, or large, are queried.

    Raises
    ------
    ArgumentError
        If it is not where the configuration says.
    DataError
        If it cannot be read.
    TemporaryError
        If its server cannot be reached, or is lost.
    """
    from clvmodels.io import postgres_table

    log = config.log
    if not log.source.startswith(FROM_ENVIRONMENT):
        yield _from_files(config)
        return
    with postgres_table(secret(log.source), log.table or "", log.table_schema) as table:
        yield table


def _from_files(config: Config) -> Any:
    from clvmodels.io import connect, open_duckdb, read_table, scan

    log = config.log
    path = config.path(log.source)
    if log.source.endswith(".duckdb"):
        return open_duckdb(path, log.table or "", log.table_schema, log.memory_limit)
    if log.memory_limit is None and path.is_file():
        table = read_table(path, customer_id=log.customer_column)
        if not len(table):
            raise DataError(f"{str(path)!r} has a head and no rows", fix="look at the delivery")
        return table
    columns = tuple(log.rules[name] for name in ("customer_id", "date", "spend", "order_id"))
    return scan(connect(log.memory_limit), path, columns)


def deliver(config: Config, table: Any, as_of: date) -> Delivery:
    """Read the log of a configuration, which has been `opened`, as of a day.

    Raises
    ------
    DataError
        If it breaks a rule, or holds nothing up to that day.
    """
    rules: dict[str, Any] = dict(config.log.rules)
    names = ("customer_id", "date", "spend", "refunds", "zero_spend", "business_timezone", "order_id")
    counting = {name: rules[name] for name in names}
    counted = activity(table, **counting)
    if not counted.until(np.datetime64(as_of)):
        raise DataError(
            f"the log has no row up to {as_of}; its first is of {counted.day[0]}",
            fix="check --as-of and what was delivered",
        )
    dropped = 0
    if "drop" in (rules["refunds"], rules["zero_spend"]):
        kept = "net" if rules["order_id"] is None else "match"
        every = activity(table, **{**counting, "refunds": kept, "zero_spend": "purchase"})
        dropped = every.until(np.datetime64(as_of)) - counted.until(np.datetime64(as_of))
    rfm = rfm_summary(table, observation_end=as_of, **rules)
    digest = hashlib.sha256(rfm.fingerprint().encode())
    for identity in rfm.customer_id.tolist():
        digest.update(id_text(identity).encode() + b"\0")
    return Delivery(table, rules, as_of, rfm, counted, dropped, digest.hexdigest()[:16])
