"""The two ways in: a log becomes a summary, or a summary and what followed it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from clvmodels.rfm import RFM
from clvmodels.transactions.door import open_log
from clvmodels.transactions.history import LogHistory
from clvmodels.transactions.holdout import Holdout, cut
from clvmodels.transactions.rules import FirstPurchase, Period, Refunds, Rules, ZeroSpend
from clvmodels.transactions.summary import summarise
from clvmodels.transactions.table import RFMTable, tabulate
from clvmodels.units import Moment


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
    order_id: str | None = None,
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
        ``"match"`` looks for an earlier purchase of the same customer with the same `order_id` and books the refund
        there: an order of which all was paid back was never made, of others less was paid. It holds from the moment
        of the refund on, so an earlier `observation_end` sees the purchase as it then was. Refunds without such
        a purchase are subtracted as by ``"net"``, and the report counts them all.
    zero_spend
        Rows with zero spend: ``"purchase"`` counts them, ``"drop"`` leaves them out, ``"refuse"`` raises.
    business_timezone
        Where stamps carry a time zone, the zone whose calendar the business lives by, e.g.
        ``"Europe/Berlin"``. Only for tables in memory and lazy Polars.
    order_id
        Column of order numbers, by which ``refunds="match"`` finds what a refund takes back; rows may have none.

    Returns
    -------
    RFM
        Customers sorted by id. `report` says what happened to the rows; it also names customers one of
        whose purchases is more than a tenth of all spend and ten times the mean of the others (in a log of
        20 purchases or more), which is often a slip of the decimal point. With spend, `statistics` holds
        of all purchases, the first included, ``spend_sum``, ``spend_positive_count`` and ``spend_log_sum``
        (number and sum of natural logarithms of those above zero), and ``spend_first``, the first one.
        The result is the same to the last bit in any order of rows.

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
        customer_id,
        date,
        spend,
        period,
        time_unit,
        first_purchase,
        refunds,
        zero_spend,
        business_timezone,
        order_id,
    )
    rfm = summarise(open_log(transactions, rules), observation_start, observation_end)
    return _with_history(rfm, transactions, rules, observation_start)


def rfm_table(
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
    order_id: str | None = None,
) -> RFMTable:
    """`rfm_summary` for more customers than memory holds: the summary stays in the engine of the log.

    The log is read twice, once to check it and once to add it up; then the engine keeps one row per customer,
    DuckDB and Spark on disk where memory is short. A fit takes patterns of these rows, a forecast takes them in
    batches.

    Parameters
    ----------
    transactions, customer_id, date, spend, period, time_unit, observation_start, observation_end, first_purchase, \
refunds, zero_spend, business_timezone, order_id
        As in `rfm_summary`.

    Returns
    -------
    RFMTable
        The same numbers as those of `rfm_summary`, and the same `report`.

    Raises
    ------
    DataError, ArgumentError
        As `rfm_summary`.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({
    ...     "customer_id": ["ann", "bob", "cid", "ann"],
    ...     "date": ["2026-01-01", "2026-01-01", "2026-01-05", "2026-01-08"],
    ... })
    >>> table = rfm_table(log, observation_end="2026-01-29")
    >>> len(table), table.collect().frequency.tolist(), table.patterns(["T"]).weights.tolist()
    (3, [1.0, 0.0, 0.0], [1.0, 2.0])
    """
    rules = Rules(
        customer_id,
        date,
        spend,
        period,
        time_unit,
        first_purchase,
        refunds,
        zero_spend,
        business_timezone,
        order_id,
    )
    return tabulate(open_log(transactions, rules), observation_start, observation_end)


def calibration_holdout(
    transactions: Any,
    *,
    cutoff: Moment,
    holdout_end: Moment | None = None,
    customer_id: str = "customer_id",
    date: str = "date",
    spend: str | None = None,
    period: Period = "D",
    time_unit: Period = "W",
    observation_start: Moment | None = None,
    first_purchase: FirstPurchase = "exclude",
    refunds: Refunds = "refuse",
    zero_spend: ZeroSpend = "purchase",
    business_timezone: str | None = None,
    order_id: str | None = None,
) -> tuple[RFM, Holdout]:
    """Cut a log at a date: summarise what was known by then, and collect what followed.

    The summary reads no row after the cutoff. A purchase lies on the side of its first row: if a
    clock time cuts a period, later rows of a purchase that began before the cutoff bring money to the
    holdout, but no purchase.

    Parameters
    ----------
    cutoff
        Last observed date of the calibration (the whole day) or instant.
    holdout_end
        Last date or instant of the holdout. Default: the last date of the log.
    transactions, customer_id, date, spend, period, time_unit, observation_start, first_purchase, refunds, \
zero_spend, business_timezone, order_id
        As in `rfm_summary`. Customers left out by `observation_start` are in neither part.

    Returns
    -------
    RFM, Holdout
        The holdout's arrays follow the customers of the summary. With ``refunds="net"`` money is netted
        on each side of the cutoff. With ``"match"`` the summary knows no refund after it; refunds in the holdout of
        orders before it are counted in the notes and change neither part.

    Raises
    ------
    DataError
        As `rfm_summary`.
    ArgumentError
        If the holdout does not end after the cutoff, or an argument has no such value.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({
    ...     "customer_id": [1, 1, 2, 1, 3],
    ...     "date": ["2026-01-01", "2026-01-08", "2026-01-05", "2026-02-02", "2026-02-03"],
    ... })
    >>> rfm, holdout = calibration_holdout(log, cutoff="2026-01-31", holdout_end="2026-02-28")
    >>> rfm.frequency.tolist(), holdout.purchases.tolist(), holdout.new_purchases, holdout.length
    ([1.0, 0.0], [1.0, 0.0], 1, 4.0)
    """
    rules = Rules(
        customer_id,
        date,
        spend,
        period,
        time_unit,
        first_purchase,
        refunds,
        zero_spend,
        business_timezone,
        order_id,
    )
    log = open_log(transactions, rules)
    rfm, holdout = cut(log, cutoff, holdout_end, observation_start)
    return _with_history(rfm, transactions, rules, observation_start), holdout


def _with_history(rfm: RFM, transactions: Any, rules: Rules, observation_start: Moment | None) -> RFM:
    history = LogHistory(transactions, rules, observation_start, cast(datetime, rfm.observed_until))
    return replace(rfm, history=history)
