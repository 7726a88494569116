"""How regular the times between a customer's purchases are, whatever the customer's rate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clvmodels.rfm import Purchases
from clvmodels.units import UNIT_DAYS, unit_days

LEAST_TICKS = 8
"""Pairs of gaps shorter than this many periods of the log say little: the day they are rounded to fills them."""
SAME_PHASE = 1e-4


class Spacing(NamedTuple):
    """Where the middle one of three purchases lies between its neighbours, one for each customer with so many.

    Attributes
    ----------
    customer
        (m,) positions in the summary.
    place
        (m,) in [0, 1], the middle of what the rounding of dates leaves open.
    moment
        (m,) its second moment about one half, the rounding averaged out.
    lost
        Share of the customers with two gaps who buy too fast for the rounding, and are left out.
    tick
        The period that dates are rounded to, in the unit of time; 0 if there is none.
    """

    customer: np.ndarray
    place: np.ndarray
    moment: np.ndarray
    lost: float
    tick: float


def spacing(events: Purchases, time_unit: str) -> Spacing:
    """Wheat and Morrison's two gaps: the middle ones of each customer.

    Random purchases of which s periods lie between the outer two put the middle one on 1..s-1 with equal chances.

    Examples
    --------
    >>> import pandas as pd, clvmodels as clv
    >>> days = pd.to_datetime(["2026-01-01", "2026-01-11", "2026-01-21"])
    >>> rfm = clv.rfm_summary(pd.DataFrame({"customer_id": 1, "date": days}), observation_end="2026-01-31")
    >>> spacing(rfm.history.purchases(rfm), rfm.time_unit).place.tolist()
    [0.5]
    """
    customer, first, second = middle_gaps(events)
    tick = rounding_of(events, time_unit)
    span = np.round((first + second) / tick) if tick else np.full(len(first), np.inf)
    long = span >= LEAST_TICKS
    first, second, steps = first[long], second[long], span[long] - 1
    place = np.clip((first - tick / 2) / (first + second - tick), 0, 1)
    lost = float(1 - long.mean()) if len(long) else 0.0
    return Spacing(customer[long], place, (place - 0.5) ** 2 + 1 / (12 * steps**2), lost, tick)


def erlang_stages(moment: np.ndarray | float) -> np.ndarray:
    """Stages k of the gaps, 1 for purchases at random, from the mean of `Spacing.moment`.

    Examples
    --------
    >>> float(erlang_stages(1 / 12).round(9)), float(erlang_stages(1 / 20).round(9))
    (1.0, 2.0)
    """
    return np.asarray((1 - 4 * np.asarray(moment)) / (8 * np.asarray(moment)))


def middle_gaps(events: Purchases) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Customers with at least three purchases, and the lengths of their two middle gaps, (m,) each."""
    bought = events.purchases > 0
    customer, time = events.customer[bought], events.time[bought]
    order = np.lexsort((time, customer))
    customer, time = customer[order], time[order]
    held, start, purchases = np.unique(customer, return_index=True, return_counts=True)
    enough = purchases >= 3
    place = start[enough] + (purchases[enough] - 3) // 2
    gaps = np.diff(time)
    return held[enough], gaps[place], gaps[place + 1]


def rounding_of(events: Purchases, time_unit: str) -> float:
    """The longest of week, day, hour and minute that dates are rounded to, in `time_unit`; 0 if none is.

    All purchases of all customers then end at one phase of it. Gaps alone cannot tell: customers with a weekly
    delivery have gaps of whole weeks, but on different days.
    """
    time = events.time[events.time < 0]  # a period that the end of observation cuts short ends there, at 0
    for days in sorted(UNIT_DAYS.values(), reverse=True):
        tick = days / unit_days(time_unit)
        away = np.abs((time - time[:1]) / tick % 1)
        if (np.minimum(away, 1 - away) < SAME_PHASE).all():
            return tick
    return 0.0
