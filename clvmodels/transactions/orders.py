"""Refunds find the purchase they take back by the number of its order.

A refund is booked to the time of its order, where it reduces what was paid; an order of which all was paid back was
never made. Both hold from the moment of the refund on: whoever looks at the log as of an earlier date (`known`) sees
the purchase as it then was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw

from clvmodels.rfm import Note
from clvmodels.transactions.columns import first_of, row_of
from clvmodels.transactions.door import Log

KEYS = ("customer_id", "order_id")
MATCH = "match"
ROUNDING = 1e-9
"""Share of an order that is no money: 0.1 and 0.2 do not add up to 0.3 in binary numbers."""
MATCHED = "refunds booked to the order they take back"
CANCELLED = "orders left out because all that was paid for them was refunded by then"
OVERPAID = (
    "of these orders, those for which more was paid back than had been paid; what is beyond is left out"
)
UNMATCHED = "refunds of no earlier order of the same customer, subtracted within their period"
LATER = "refunds in the holdout of orders before it, which are none of its business"


def known(log: Log, end: int) -> nw.LazyFrame[Any]:
    """The rows before an instant, refunds of orders where their orders are."""
    rows = log.rows.filter(nw.col("stamp") < end)
    if log.rules.refunds != MATCH:
        return rows
    rows = with_orders(rows)
    gone = (nw.col("is_cancelled") == 1) & ((nw.col("refund") == 0) | (nw.col("is_matched") == 1))
    moved = nw.col("is_matched") == 1
    return rows.filter(~gone).with_columns(
        stamp=nw.when(moved).then(nw.col("order_stamp")).otherwise(nw.col("stamp")),
        period=nw.when(moved).then(nw.col("order_period")).otherwise(nw.col("period")),
    )


def with_orders(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add to every row what became of its order: ``order_stamp`` and ``order_period`` of its first purchase, where
    something of it was paid back, ``is_matched`` (1 for a refund with such an order) and ``is_cancelled``.
    """
    is_refund = nw.col("refund") == 1
    rows = rows.join(_orders(rows), on=list(KEYS), how="left")
    matched = is_refund & (nw.col("order_stamp") <= nw.col("stamp"))
    return rows.with_columns(
        is_matched=nw.when(matched).then(nw.lit(1)).otherwise(nw.lit(0)),
        is_cancelled=nw.when(nw.col("cancelled") == 1).then(nw.lit(1)).otherwise(nw.lit(0)),
    )


def notes(log: Log, end: int) -> list[Note]:
    """What became of the refunds before an instant."""
    if log.rules.refunds != MATCH:
        return []
    rows = with_orders(log.rows.filter(nw.col("stamp") < end))
    matched = nw.col("is_matched") == 1
    alone = (nw.col("refund") == 1) & ~matched
    orders = rows.filter(nw.col("is_cancelled") == 1).select(*KEYS).unique()
    overpaid = rows.filter(nw.col("overpaid") == 1).select(*KEYS).unique()
    somebody = ~nw.col("customer_id").is_null()
    found = [
        _note(MATCHED, rows, matched),
        _note(CANCELLED, orders, somebody),
        _note(OVERPAID, overpaid, somebody),
    ]
    return [note for note in (*found, _note(UNMATCHED, rows, alone)) if note.count]


def later_notes(log: Log, start: int, end: int) -> Sequence[Note]:
    """Note of refunds between two instants of orders before the first."""
    if log.rules.refunds != MATCH:
        return ()
    rows = with_orders(log.rows.filter(nw.col("stamp") < end))
    late = (nw.col("is_matched") == 1) & (nw.col("stamp") >= start) & (nw.col("order_stamp") < start)
    note = _note(LATER, rows, late)
    return (note,) if note.count else ()


def _orders(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Orders of which something was paid back: when they were made, and whether nothing is left."""
    named = rows.filter(~nw.col("order_id").is_null())
    bought = (
        named.filter(nw.col("refund") == 0)
        .group_by(*KEYS)
        .agg(
            order_stamp=nw.col("stamp").min(), order_period=nw.col("period").min(), paid=nw.col("spend").sum()
        )
    )
    back = (
        named.filter(nw.col("refund") == 1)
        .join(bought, on=list(KEYS), how="inner")
        .filter(nw.col("order_stamp") <= nw.col("stamp"))
        .group_by(*KEYS)
        .agg(back=nw.col("spend").sum())
    )
    left = nw.col("paid") + nw.col("back")
    nothing, beyond = left <= ROUNDING * nw.col("paid"), left < -ROUNDING * nw.col("paid")
    return (
        bought.join(back, on=list(KEYS), how="inner")
        .with_columns(
            cancelled=nw.when(nothing).then(nw.lit(1)).otherwise(nw.lit(0)),
            overpaid=nw.when(beyond).then(nw.lit(1)).otherwise(nw.lit(0)),
        )
        .select(*KEYS, "order_stamp", "order_period", "cancelled", "overpaid")
    )


def _note(what: str, rows: nw.LazyFrame[Any], condition: nw.Expr) -> Note:
    count = int(row_of(rows.filter(condition).select(rows=nw.len()))["rows"])
    return Note(what, count, tuple(first_of(rows, "customer_id", condition)) if count else ())
