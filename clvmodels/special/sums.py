"""Compiled sums of positive terms, for many rows at a time.

The rows of a chunk go forward together until the sums of all have stopped to change. Terms that a row gets because its
neighbours need them are too small to move it, so it is the same alone, to the last bit.
"""

from __future__ import annotations

import numpy as np

from clvmodels.special.compiled import compiled

LANES = 128  # rows that go forward together: the processor takes several of them at a time
STEPS = 4  # terms between two looks at whether all are done
ROUNDING = 2.0**-54  # a term below this share of the sum does not change it any more


@compiled
def fill_gauss(b: np.ndarray, c: np.ndarray, z: np.ndarray, out: np.ndarray) -> None:
    """Gauss's series F(1, b; c; z) for 0 < b < c and 0 <= z < 1; its terms fall."""
    term = np.empty(LANES)
    for start in range(0, len(z), LANES):
        size = min(LANES, len(z) - start)
        some_b, some_c, some_z = b[start : start + size], c[start : start + size], z[start : start + size]
        total = out[start : start + size]
        total[:] = 1.0
        term[:] = 1.0
        j, done = 0.0, False
        while not done:
            for _ in range(STEPS):
                for i in range(size):
                    term[i] *= some_z[i] * (some_b[i] + j) / (some_c[i] + j)
                    total[i] += term[i]
                j += 1.0
            done = True
            for i in range(size):
                if term[i] > ROUNDING * total[i]:
                    done = False
                    break


@compiled
def fill_purchases(
    n: np.ndarray, q: np.ndarray, one: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray
) -> None:
    """Mean of min(N, G): N has P(1) = `one` and P(k+1) / P(k) = q (n+k) / (k+1), and P(G > k) = (b)_k / (a+b)_k.

    That is the sum of P(N = k) E min(G, k); the terms rise to their largest, which is no end, and fall. They are added
    up as shares of the first, so that none is lost by being too small.
    """
    chance, stays, sure = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for start in range(0, len(n), LANES):
        size = min(LANES, len(n) - start)
        some_n, some_q, some_b = n[start : start + size], q[start : start + size], b[start : start + size]
        both, total = a[start : start + size] + some_b, out[start : start + size]
        total[:] = 1.0
        chance[:] = 1.0
        stays[:] = 1.0
        sure[:] = 1.0
        k, done = 1.0, False
        while not done:
            for _ in range(STEPS):
                per = 1.0 / (k + 1.0)
                for i in range(size):
                    chance[i] *= some_q[i] * (some_n[i] + k) * per
                    stays[i] *= (some_b[i] + (k - 1.0)) / (both[i] + (k - 1.0))
                    sure[i] += stays[i]
                    total[i] += chance[i] * sure[i]
                k += 1.0
            done = True
            for i in range(size):
                if chance[i] * sure[i] > ROUNDING * total[i]:
                    done = False
                    break
        total *= one[start : start + size]
