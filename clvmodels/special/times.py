"""Times of purchases, given how many there are."""

from __future__ import annotations

import numpy as np

from clvmodels.special.streams import Streams

MOST_PURCHASES = 1e6
"""Largest mean of a Poisson draw for one row; the arrays of more purchases would not fit in memory."""


def scatter_times(
    rows: np.ndarray, counts: np.ndarray, span: np.ndarray, streams: Streams
) -> tuple[np.ndarray, np.ndarray]:
    """Times of a Poisson process given their number: uniform in (0, span], ascending within each row.

    Parameters
    ----------
    rows
        (m,) ascending labels.
    counts
        (m,) purchases of each row.
    span
        (m,) length of the time in which they fall.
    streams
        Of the m rows.

    Returns
    -------
    row, time : two (counts.sum(),) arrays
        Rows ascend; times ascend within a row.
    """
    return streams.ordered(counts, rows, span)


def number_in_row(row: np.ndarray) -> np.ndarray:
    """How many of the same row stand before each place, the rows being together.

    Examples
    --------
    >>> number_in_row(np.array([3, 3, 5, 7, 7, 7])).tolist()
    [0, 1, 0, 0, 1, 2]
    """
    place = np.arange(len(row))
    first = np.ones(len(row), dtype=bool)
    first[1:] = row[1:] != row[:-1]
    return place - np.maximum.accumulate(np.where(first, place, 0))


def live(
    mean_wait: np.ndarray,
    end: np.ndarray,
    leaves: np.ndarray | None,
    rng: np.random.Generator,
    stages: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Whole lives of customers who buy at a constant rate, waiting time by waiting time.

    Parameters
    ----------
    mean_wait
        (n,) mean time between purchases > 0, or between their stages; may be infinite.
    end
        (n,) age at which each is no longer seen.
    leaves
        (n,) probability of leaving after each purchase, or None if nobody does.
    rng
        Source of randomness.
    stages
        Exponential waiting times from one purchase to the next: 1 for purchases at random.

    Returns
    -------
    row, age : two (m,) arrays
        Customer and age of each purchase, ascending.

    Examples
    --------
    >>> one = np.ones(1000)
    >>> row, age = live(one, 5 * one, one, np.random.default_rng(1))  # all leave at the first purchase
    >>> bool(len(np.unique(row)) == len(row)), bool(age.max() <= 5)
    (True, True)
    """
    count = len(end)
    buying, age = np.arange(count), np.zeros(count)
    rows, ages = [buying[:0]], [age[:0]]
    while len(buying):
        age = age + rng.standard_gamma(stages, len(buying)) * mean_wait[buying]
        bought = age <= end[buying]
        buying, age = buying[bought], age[bought]
        rows.append(buying)
        ages.append(age)
        if leaves is not None:
            stays = rng.random(len(buying)) >= leaves[buying]
            buying, age = buying[stays], age[stays]
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    return row[order], np.concatenate(ages)[order]
