"""The compiled loop that puts purchases where they belong: customer, draw and period."""

from __future__ import annotations

import numpy as np

from clvmodels.special.compiled import compiled


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

    Row d m + j is draw d of customer j. A period holds its end. Where periods are about equally long, the guess
    by proportion is right or next to it.
    """
    customers, periods = by_customer.shape[1], len(edges) - 1
    pace = periods / (edges[periods] - edges[0])
    for i in range(len(row)):
        draw = row[i] // customers
        customer = row[i] - draw * customers
        k = min(int((time[i] - edges[0]) * pace), periods - 1)
        while k > 0 and time[i] <= edges[k]:
            k -= 1
        while k < periods - 1 and time[i] > edges[k + 1]:
            k += 1
        by_customer[0, customer, draw] += 1.0
        by_customer[1, customer, draw] += amount[i]
        by_period[0, draw, k] += 1.0
        by_period[1, draw, k] += amount[i]
