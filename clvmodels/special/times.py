"""Times of purchases, given how many there are."""

from __future__ import annotations

import numpy as np

MOST_PURCHASES = 1e6
"""Largest mean of a Poisson draw for one row; the arrays of more purchases would not fit in memory."""


def scatter_times(
    rows: np.ndarray, counts: np.ndarray, span: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Times of a Poisson process given their number: uniform in (0, span], ascending within each row.

    Parameters
    ----------
    rows
        (m,) ascending labels.
    counts
        (m,) purchases of each row.
    span
        (m,) or scalar length of the time in which they fall.

    Returns
    -------
    row, time : two (counts.sum(),) arrays
        Rows ascend; times ascend within a row. Times are multiples of about span * m / 1e16, the resolution
        of the sorting key.
    """
    position = np.repeat(np.arange(len(rows)), counts)
    key = position + (1.0 - rng.random(len(position)))
    key.sort()
    share = np.maximum(key - position, np.finfo(float).eps)
    return rows[position], share * (span[position] if np.ndim(span) else span)
