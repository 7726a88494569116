"""What a log says of refunds: how many, how much, how late, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np

from clvmodels.cards import shown
from clvmodels.errors import DataError, check_kind
from clvmodels.transactions import clock, money, orders
from clvmodels.transactions.door import Log, open_log
from clvmodels.transactions.rules import Period, Rules, ZeroSpend
from clvmodels.transactions.summary import collect_table, observed_end, purchases_of, without_refunded
from clvmodels.units import Moment

if TYPE_CHECKING:
    import pandas as pd

LATEST = 0.95
"""Quantile of the delays after which a purchase is old enough for its refund to have come."""


@shown("total")
@dataclass(frozen=True, eq=False)
class RefundRecord:
    """Gross, refunds and net of a log, and of each customer.

    Attributes
    ----------
    customer_id
        (n,) ids, ascending.
    purchases, paid
        (n,) gross: purchases and money before refunds.
    refunds, back
        (n,) number of refunds and money paid back, at least 0.
    matched_back
        (n,) money paid back of an order that its number finds, 0 where order numbers are not read.
    net_purchases, net
        (n,) what is left of both.
    delay
        (m,) days between order and refund, ascending, where order numbers tell; else empty.
    mature
        Days after which a purchase is taken to be old enough for its refund to have come: the 95 % quantile of the
        delays, 0 where they are not known.
    mature_paid, mature_back
        (n,) money paid at least `mature` days before the end of observation, and what of it was paid back.
    facts
        How the log was read.
    """

    customer_id: np.ndarray
    purchases: np.ndarray
    paid: np.ndarray
    refunds: np.ndarray
    back: np.ndarray
    matched_back: np.ndarray
    net_purchases: np.ndarray
    net: np.ndarray
    delay: np.ndarray
    mature: float
    mature_paid: np.ndarray
    mature_back: np.ndarray
    facts: Mapping[str, Any]

    @property
    def customers(self) -> pd.DataFrame:
        """One row per customer: gross, refunds and net side by side."""
        import pandas as pd

        table = pd.DataFrame(
            {
                "customer_id": self.customer_id,
                "gross_purchases": self.purchases,
                "gross_value": self.paid,
                "refunds": self.refunds,
                "refunded_value": self.back,
                "net_purchases": self.net_purchases,
                "net_value": self.net,
            }
        )
        table.attrs.update(self.facts)
        return table

    @property
    def total(self) -> pd.DataFrame:
        """Three rows, gross, refunds and net: their number, value, share of the gross value, and mean delay in days."""
        import pandas as pd

        paid = float(self.paid.sum())
        values = [paid, float(self.back.sum()), float(self.net.sum())]
        late = float(self.delay.mean()) if len(self.delay) else np.nan
        table = pd.DataFrame(
            {
                "number": [self.purchases.sum(), self.refunds.sum(), self.net_purchases.sum()],
                "value": values,
                "share_of_gross": [value / paid if paid else np.nan for value in values],
                "mean_delay_days": [np.nan, late, np.nan],
            },
            index=pd.Index(["gross", "refunds", "net"], name="view"),
        )
        table.attrs.update(self.facts)
        return table


def refund_record(
    transactions: Any,
    *,
    customer_id: str = "customer_id",
    date: str = "date",
    spend: str = "spend",
    period: Period = "D",
    observation_end: Moment | None = None,
    zero_spend: ZeroSpend = "purchase",
    business_timezone: str | None = None,
    order_id: str | None = None,
) -> RefundRecord:
    """Gross, refunds and net of a log, and of each of its customers.

    Parameters
    ----------
    transactions, customer_id, date, spend, period, observation_end, zero_spend, business_timezone
        As in `rfm_summary`.
    order_id
        Column of order numbers: refunds are then matched to the orders they take back (``refunds="match"``), so that
        delays are known and net purchases are right; without it they are subtracted within their period
        (``refunds="net"``). Net money is gross money less all refunds, whether they find an order or not.

    Raises
    ------
    DataError, ArgumentError
        As `rfm_summary`.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({
    ...     "customer_id": ["ann", "ann", "bob", "ann"],
    ...     "date": ["2026-01-01", "2026-01-05", "2026-01-08", "2026-01-25"],
    ...     "spend": [10.0, 30.0, 20.0, -30.0],
    ...     "order": [1, 2, 3, 2],
    ... })
    >>> total = refund_record(log, order_id="order", observation_end="2026-01-31").total
    >>> total.loc["refunds", ["number", "value", "share_of_gross", "mean_delay_days"]].tolist()
    [1.0, 30.0, 0.5, 20.0]
    """
    check_kind("spend", spend, (str, int), "name the column of amounts")
    how = "net" if order_id is None else "match"
    roles = customer_id, date, spend, period
    log = open_log(transactions, Rules(*roles, "D", "exclude", how, zero_spend, business_timezone, order_id))
    end, _ = observed_end(log, observation_end)
    rows = log.rows.filter(nw.col("stamp") < end)
    ids = collect_table(rows.group_by("customer_id").agg(rows=nw.len())).sorted(customer_id).ids
    paid, _, purchases = _sums(log, rows.filter(nw.col("refund") == 0), ids)
    taken, refunds_number, _ = _sums(log, rows.filter(nw.col("refund") == 1), ids)
    left = without_refunded(log, purchases_of(log, orders.known(log, end)))
    net_purchases = _placed(collect_table(left.group_by("customer_id").agg(found=nw.len())), "found", ids)
    unknown = np.empty(0), 0.0, paid, -taken, np.zeros(len(ids))
    delay, mature, old, old_back, found = unknown if order_id is None else _matured(log, rows, ids, end)
    return RefundRecord(
        customer_id=ids,
        purchases=purchases,
        paid=paid,
        refunds=refunds_number,
        back=-taken,
        matched_back=found,
        net_purchases=net_purchases,
        net=paid + taken,
        delay=delay,
        mature=mature,
        mature_paid=old,
        mature_back=old_back,
        facts={"refunds": how, "observed_until": clock.as_moment(end), "currency": "that of the log"},
    )


def _matured(
    log: Log, rows: nw.LazyFrame[Any], ids: np.ndarray, end: int
) -> tuple[np.ndarray, float, np.ndarray, np.ndarray, np.ndarray]:
    """Delays in days, the age from which on purchases are old enough, money paid and back of such, and all back."""
    told = orders.with_orders(rows)
    matched = told.filter(nw.col("is_matched") == 1)
    late = collect_table(matched.select("customer_id", late=nw.col("stamp") - nw.col("order_stamp")))["late"]
    delay = np.sort(late / clock.DAY)
    mature = float(np.quantile(delay, LATEST)) if len(delay) else 0.0
    before = end - int(mature * clock.DAY)
    if before <= log.first_stamp:
        raise DataError(
            f"refunds come up to {mature:.0f} days late, and no purchase is as old",
            column=log.rules.date,
            fix="use a longer log",
        )
    paid, _, _ = _sums(log, told.filter((nw.col("refund") == 0) & (nw.col("stamp") < before)), ids)
    back, _, _ = _sums(log, matched.filter(nw.col("order_stamp") < before), ids)
    every, _, _ = _sums(log, matched, ids)
    return delay, mature, paid, -back, -every


def _sums(log: Log, rows: nw.LazyFrame[Any], ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) money, rows and periods of the customers, exact as in a summary."""
    periods = purchases_of(log, rows)
    customers = periods.group_by("customer_id").agg(
        **money.summed(), number=nw.col("rows").sum(), periods=nw.len()
    )
    table = collect_table(customers)
    amounts = money.total(table.limbs(""), log.exponent)
    table = replace(table, columns={**table.columns, "amount": amounts})
    return _placed(table, "amount", ids), _placed(table, "number", ids), _placed(table, "periods", ids)


def _placed(table: Any, name: str, ids: np.ndarray) -> np.ndarray:
    """A column of some customers in the place of all, 0 for the others."""
    place = {identity: row for row, identity in enumerate(ids.tolist())}
    found = np.zeros(len(ids))
    found[[place[identity] for identity in table.ids.tolist()]] = table[name]
    return found
