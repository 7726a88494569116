"""The compiled loop that puts counts in order."""

from __future__ import annotations

import numpy as np

from clvmodels.special.compiled import compiled

VALUES = 256


@compiled
def fill_sorted_counts(rows: np.ndarray, out: np.ndarray) -> bool:
    """Each row (m, S) ascending, by counting; False, and `out` half done, if not all are whole numbers below 256."""
    often = np.zeros(VALUES, dtype=np.int64)
    for i in range(rows.shape[0]):
        most = 0
        for j in range(rows.shape[1]):
            value = rows[i, j]
            if not 0.0 <= value < VALUES:
                return False
            k = int(value)
            if k != value:
                return False
            often[k] += 1
            most = max(most, k)
        place = 0
        for k in range(most + 1):
            out[i, place : place + often[k]] = k
            place += often[k]
            often[k] = 0
    return True
