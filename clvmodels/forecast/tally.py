"""The compiled loops that put purchases where they belong: customer, draw and period."""

from __future__ import annotations

import numpy as np

from clvmodels.special.compiled import compiled


@compiled
def period_of(time: float, edges: np.ndarray, per_time: float) -> int:
    """Period that a time falls into; a period holds its end. `per_time` is how many there are per unit of time.

    Where periods are about equally long, the guess by proportion is right or next to it.
    """
    last = len(edges) - 2
    k = min(int((time - edges[0]) * per_time), last)
    while k > 0 and time <= edges[k]:
        k -= 1
    while k < last and time > edges[k + 1]:
        k += 1
    return k


@compiled
def add_up(
    row: np.ndarray,
    time: np.ndarray,
    amount: np.ndarray,
    edges: np.ndarray,
    by_customer: np.ndarray,
    by_period: np.ndarray,
) -> None:
    """Add purchases, and their amounts, to the sums by customer (2, m, S) and by period (2, S, K).

    Row d m + j is draw d of customer j. Purchases after the last edge do not count.
    """
    customers, end = by_customer.shape[1], edges[-1]
    per_time = (len(edges) - 1) / (end - edges[0])
    for i in range(len(row)):
        if time[i] > end:
            continue
        draw = row[i] // customers
        customer = row[i] - draw * customers
        k = period_of(time[i], edges, per_time)
        by_customer[0, customer, draw] += 1.0
        by_customer[1, customer, draw] += amount[i]
        by_period[0, draw, k] += 1.0
        by_period[1, draw, k] += amount[i]


@compiled
def add_periods(
    row: np.ndarray,
    time: np.ndarray,
    amount: np.ndarray,
    edges: np.ndarray,
    customers: int,
    by_period: np.ndarray,
) -> None:
    """As `add_up` for that many customers, by period only."""
    end = edges[-1]
    per_time = (len(edges) - 1) / (end - edges[0])
    for i in range(len(row)):
        if time[i] <= end:
            k = period_of(time[i], edges, per_time)
            draw = row[i] // customers
            by_period[0, draw, k] += 1.0
            by_period[1, draw, k] += amount[i]
