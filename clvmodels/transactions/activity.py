"""How many rows a log has on each day, and of which types its columns are: what a delivery is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from clvmodels.transactions.door import open_log
from clvmodels.transactions.rules import Rules

_EPOCH = 719_163  # number of 1970-01-01


@dataclass(frozen=True, eq=False)
class Activity:
    """Rows per day.

    Attributes
    ----------
    day
        (d,) days with a row that counts, ascending, as ``datetime64[D]``.
    rows
        (d,) their numbers of rows.
    types
        Type of the column of each role (customer_id, date, spend).
    """

    day: np.ndarray
    rows: np.ndarray
    types: Mapping[str, str]

    def until(self, day: np.datetime64) -> int:
        """Rows up to a day, the day included."""
        return int(self.rows[self.day <= day].sum())


def activity(
    transactions: Any,
    *,
    customer_id: str = "customer_id",
    date: str = "date",
    spend: str | None = None,
    refunds: str = "refuse",
    zero_spend: str = "purchase",
    business_timezone: str | None = None,
    order_id: str | None = None,
) -> Activity:
    """Count the rows of every day of a log, read as `rfm_summary` reads it.

    Parameters
    ----------
    transactions, customer_id, date, spend, refunds, zero_spend, business_timezone, order_id
        As in `rfm_summary`.

    Raises
    ------
    DataError
        As `rfm_summary`.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": [1, 2, 1], "date": ["2026-01-01", "2026-01-01", "2026-01-08"]})
    >>> found = activity(log)
    >>> found.day.astype(str).tolist(), found.rows.tolist()
    (['2026-01-01', '2026-01-08'], [2, 1])
    """
    rules = Rules(
        customer_id, date, spend, "D", "D", "exclude", refunds, zero_spend, business_timezone, order_id
    )
    schema = nw.from_native(transactions).collect_schema()
    types = {role: str(schema[column]) for role, column in rules.columns.items() if column in schema}
    log = open_log(transactions, rules)
    counted = log.rows.group_by("period").agg(rows=nw.len()).collect()
    day, rows = (counted[name].cast(nw.Int64).to_numpy() for name in ("period", "rows"))
    order = np.argsort(day)
    return Activity((day[order] - _EPOCH).astype("datetime64[D]"), rows[order], types)
