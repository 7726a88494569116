"""A log cut in two: the summary of what was known at the cutoff, and what its customers did afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from clvmodels.errors import SHOWN_IDS, ArgumentError
from clvmodels.rfm import RFM, Note
from clvmodels.transactions import clock, money, orders
from clvmodels.transactions.door import Log
from clvmodels.transactions.summary import Table, collect_table, purchases_of, summarise
from clvmodels.units import Moment


@dataclass(frozen=True, eq=False)
class PurchaseEvents:
    """Purchases of known customers, one by one.

    Attributes
    ----------
    customer
        (m,) positions in the summary, ascending.
    time
        (m,) time of the end of the purchase's period, measured from the cutoff in the summary's unit:
        at or below 0 in the calibration, above 0 in the holdout.
    purchases
        (m,) 1, or 0 where later rows of a purchase that began before the cutoff bring only money.
    is_first
        (m,) whether it is the customer's first purchase ever.
    spend
        (m,) money, or None without spend.
    """

    customer: np.ndarray
    time: np.ndarray
    purchases: np.ndarray
    is_first: np.ndarray
    spend: np.ndarray | None

    def totals(self, edges: np.ndarray, *, repeat_only: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
        """Purchases and spend per bin ``(edges[k], edges[k+1]]``, two (K,) arrays; spend may be None.

        Parameters
        ----------
        edges
            (K+1,) ascending times from the cutoff in the summary's unit, such as `Horizon.edges`.
        repeat_only
            Leave first purchases out, as frequency does.

        Examples
        --------
        >>> one = np.ones(3)
        >>> events = PurchaseEvents(np.zeros(3, int), np.array([0.5, 1.0, 1.5]), one, one < 0, 10 * one)
        >>> purchases, spend = events.totals(np.array([0.0, 1.0, 2.0]))
        >>> purchases.tolist(), spend.tolist()
        ([2.0, 1.0], [20.0, 10.0])
        """
        edges = np.asarray(edges, dtype=float)
        position = np.searchsorted(edges, self.time, side="left") - 1
        kept = (position >= 0) & (position < len(edges) - 1)
        if repeat_only:
            kept &= ~self.is_first

        def add(values: np.ndarray) -> np.ndarray:
            return np.bincount(position[kept], weights=values[kept], minlength=len(edges) - 1)

        return add(self.purchases), None if self.spend is None else add(self.spend)


@dataclass(frozen=True, eq=False)
class Holdout:
    """What happened after the cutoff.

    Purchases and money are conserved: those of the calibration, of known customers and of new customers
    add up to those of the log until the end of the holdout.

    Attributes
    ----------
    customer_id
        (n,) as in the summary, same order.
    purchases, spend
        (n,) purchases and money in the holdout; `spend` is None without spend.
    new_customers, new_purchases, new_spend
        Customers first seen in the holdout, all their purchases (the first included) and money.
    start, end
        First instant after the cutoff, and first instant after the holdout.
    length
        Length of the holdout in `time_unit`.
    time_unit
        Unit of the summary.
    before, after
        The known customers' purchases one by one, in the calibration (first purchases included) and
        in the holdout, for totals per week or month.
    notes
        What is worth knowing of the holdout's rows.
    """

    customer_id: np.ndarray
    purchases: np.ndarray
    spend: np.ndarray | None
    new_customers: int
    new_purchases: int
    new_spend: float | None
    start: datetime
    end: datetime
    length: float
    time_unit: str
    before: PurchaseEvents
    after: PurchaseEvents
    notes: tuple[Note, ...] = ()


def cut(
    log: Log, cutoff: Moment, holdout_end: Moment | None, observation_start: Moment | None
) -> tuple[RFM, Holdout]:
    """Summarise a checked log up to a cutoff, and collect what followed."""
    start = clock.end_instant(cutoff)
    end = (
        clock.end_of_last(log.last_stamp, log.rules.period)
        if holdout_end is None
        else clock.end_instant(holdout_end)
    )
    if end <= start:
        raise _ends_too_early(end, cutoff)
    rfm = summarise(log, observation_start, cutoff)
    before = _side(log, orders.known(log, start))
    after = _side(log, orders.known(log, end).filter(nw.col("stamp") >= start))
    return rfm, _holdout(log, rfm, before, after, start, end)


def purchases_until(log: Log, rfm: RFM, until: datetime) -> PurchaseEvents:
    """The purchases of the summary's customers before an instant, first ones included."""
    end = clock.first_instant(until)
    before = _side(log, orders.known(log, end))
    before = before.take(~_is_refunded(log, before))
    where = _positions(rfm, before)
    return _events(log, before, where, where >= 0, np.ones(len(where)), end, end)


def follow(
    log: Log, cutoff: Moment, until: Moment, observation_start: Moment | None
) -> tuple[RFM, PurchaseEvents]:
    """Summarise a checked log up to a cutoff, and collect the purchases of its customers from then on.

    The same as in `cut`, without what came before: of a long history that is most of the memory.
    """
    start, end = clock.end_instant(cutoff), clock.end_instant(until)
    if end <= start:
        raise _ends_too_early(end, cutoff)
    rfm = summarise(log, observation_start, cutoff)
    after = _side(log, orders.known(log, end).filter(nw.col("stamp") >= start))
    # no other period can lie on both sides
    is_parted = nw.col("period") == clock.period_of(start, log.rules.period)
    begun = _side(log, orders.known(log, start).filter(is_parted))
    begun = begun.take(~_is_refunded(log, begun))
    where = _positions(rfm, after)
    continues = _continues(begun, _positions(rfm, begun), after, where, len(rfm))
    kept = (where >= 0) & (~_is_refunded(log, after) | continues)
    return rfm, _events(log, after, where, kept, (~continues).astype(float), start, end)


def _ends_too_early(end: int, cutoff: Moment) -> ArgumentError:
    return ArgumentError(
        f"the holdout would end on {clock.last_observed(end)}, which is not after the cutoff {cutoff!s}"
    )


def _positions(rfm: RFM, table: Table) -> np.ndarray:
    """(m,) positions in the summary of the customers of a table, -1 for those who are not there."""
    ids = table.ids.tolist()
    wanted = set(ids)
    position = {identity: i for i, identity in enumerate(rfm.customer_id.tolist()) if identity in wanted}
    return np.array([position.get(identity, -1) for identity in ids], dtype=int)


def _continues(
    before: Table, where: np.ndarray, after: Table, where_after: np.ndarray, customers: int
) -> np.ndarray:
    """Which rows of a table belong to a purchase that is in the one before, by positions in the summary."""
    last_period = np.full(customers, -1)
    np.maximum.at(last_period, where[where >= 0], before["period"][where >= 0])
    return (where_after >= 0) & (after["period"] == last_period[np.maximum(where_after, 0)])


def _side(log: Log, rows: nw.LazyFrame[Any]) -> Table:
    return collect_table(purchases_of(log, rows))


def _holdout(log: Log, rfm: RFM, before: Table, after: Table, start: int, end: int) -> Holdout:
    before = before.take(~_is_refunded(log, before))
    left_out, new = -2, -1
    position = dict.fromkeys(before.ids.tolist(), left_out)
    position |= {identity: i for i, identity in enumerate(rfm.customer_id.tolist())}

    def positions(table: Table) -> np.ndarray:
        return np.array([position.get(identity, new) for identity in table.ids.tolist()], dtype=int)

    where = positions(before)
    where_after = positions(after)
    continues = _continues(before, where, after, where_after, len(rfm))
    vanished = _is_refunded(log, after) & ~continues
    known, fresh = (where_after >= 0) & ~vanished, (where_after == new) & ~vanished
    events_before = _events(log, before, where, where >= 0, np.ones(len(where)), start, start)
    events_after = _events(log, after, where_after, known, (~continues).astype(float), start, end)
    newcomers = after.take(fresh)
    return Holdout(
        customer_id=rfm.customer_id,
        purchases=_add(events_after.customer, events_after.purchases, len(rfm)),
        spend=None
        if events_after.spend is None
        else _add(events_after.customer, events_after.spend, len(rfm)),
        new_customers=len(set(newcomers.ids.tolist())),
        new_purchases=len(newcomers.ids),
        new_spend=None if log.rules.spend is None else math.fsum(_amounts(log, newcomers)),
        start=clock.as_moment(start),
        end=clock.as_moment(end),
        length=float(clock.in_units(end - start, log.rules.time_unit)),
        time_unit=log.rules.time_unit,
        before=events_before,
        after=events_after,
        notes=(*_notes(log, after.take(vanished), end), *orders.later_notes(log, start, end)),
    )


def _events(
    log: Log, table: Table, where: np.ndarray, kept: np.ndarray, purchases: np.ndarray, start: int, end: int
) -> PurchaseEvents:
    """The kept purchases in the order of customers and periods; their times end with the side they lie on."""
    order = np.flatnonzero(kept)
    order = order[np.lexsort((table["period"][order], where[order]))]
    chosen, customer = table.take(order), where[order]
    ends = np.minimum(clock.period_end(chosen["period"], log.rules.period), end)
    is_first = np.zeros(len(order), dtype=bool)
    if end == start:
        is_first = np.diff(customer, prepend=-1) != 0
    return PurchaseEvents(
        customer=customer,
        time=clock.in_units(ends - start, log.rules.time_unit),
        purchases=purchases[order],
        is_first=is_first,
        spend=None if log.rules.spend is None else _amounts(log, chosen),
    )


def _amounts(log: Log, table: Table) -> np.ndarray:
    return money.total(table.limbs(""), log.exponent)


def _is_refunded(log: Log, table: Table) -> np.ndarray:
    if not log.has_refunds:
        return np.zeros(len(table.ids), dtype=bool)
    return (table["refund"] > 0) & (_amounts(log, table) <= 0)


def _add(customer: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(customer, weights=values, minlength=count)


def _notes(log: Log, vanished: Table, end: int) -> tuple[Note, ...]:
    notes = []
    if len(vanished.ids):
        ids = tuple(dict.fromkeys(vanished.sorted(log.rules.customer_id).ids.tolist()))[:SHOWN_IDS]
        what = "periods of the holdout left out whose refunds reached or exceeded their purchases"
        notes.append(Note(what, len(vanished.ids), ids))
    silent = (end - 1) // clock.DAY - log.last_stamp // clock.DAY
    if silent > 0:
        notes.append(Note("days of the holdout after the last row of the log", silent))
    return tuple(notes)
