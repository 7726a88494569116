"""The compiled loop behind the series of `clvmodels.special.chances`."""

from __future__ import annotations

import math

import numpy as np

from clvmodels.special.compiled import compiled

MOST_TERMS = 256


@compiled
def fill_series(
    n: np.ndarray, a: np.ndarray, b: np.ndarray, z: np.ndarray, terms: np.ndarray, out: np.ndarray
) -> None:
    """Euler's series for (m,) parameters at z (j, m), ascending along j, by Horner's rule.

    Coefficients count powers of z over its largest value: they are the terms there, which cannot overflow.
    """
    nodes = len(z)
    share, total, coefficient = np.empty(nodes), np.empty(nodes), np.empty(MOST_TERMS)
    for i in range(len(n)):
        both, rest, size = a[i] + b[i], a[i] + b[i] - n[i], min(math.ceil(terms[i]), MOST_TERMS)
        most = max(z[nodes - 1, i], 1e-300)
        for j in range(nodes):
            share[j] = z[j, i] / most
        for k in range(size - 1):
            coefficient[k + 1] = (a[i] + k) * (rest + k) / ((both + k) * (k + 1.0)) * most
        coefficient[0] = 1.0
        for k in range(1, size):
            coefficient[k] *= coefficient[k - 1]
        total[:] = coefficient[size - 1]
        for k in range(size - 2, -1, -1):
            for j in range(nodes):
                total[j] = total[j] * share[j] + coefficient[k]
        out[:, i] = total
