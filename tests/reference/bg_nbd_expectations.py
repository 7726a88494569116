"""Writes bg_nbd_expectations.csv: E[Y(t) | alive] of the BG/NBD by mpmath, at 40 digits.

The mean of f(p) = [1 - (1 + p t / (alpha + T))^-(r+x)] / p over p ~ Beta(a, b + x), straight from its definition:
trapezoid rule in u, log-odds of p = log(a / (b+x)) + spread * sinh(u), with two interleaved grids that must agree.
Run by hand:

    python tests/reference/bg_nbd_expectations.py
"""

from __future__ import annotations

import csv
from pathlib import Path

import mpmath as mp
import numpy as np

TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = ("r", "alpha", "a", "b", "x", "T", "t", "expected_if_alive")
STEP, AGREEMENT = mp.mpf(1) / 24, 1e-11


def expected_if_alive(*arguments: float) -> mp.mpf:
    """Number of purchases in (T, T + t] of a customer who is alive at T."""
    r, alpha, a, b, x, T, t = map(mp.mpf, arguments)
    n, b, tau = r + x, b + x, t / (alpha + T)
    middle, spread, log_beta = mp.log(a / b), min(1, mp.sqrt(1 / a + 1 / b)), mp.log(mp.beta(a, b))

    def integrand(u: mp.mpf) -> mp.mpf:
        v = middle + spread * mp.sinh(u)
        log_p, log_q = -mp.log1p(mp.exp(-v)), -mp.log1p(mp.exp(v))
        f = -mp.expm1(-n * mp.log1p(mp.exp(log_p) * tau)) / mp.exp(log_p)
        return f * mp.exp(a * log_p + b * log_q - log_beta) * spread * mp.cosh(u)

    def one_side(sign: int, u: mp.mpf) -> mp.mpf:
        total, largest, negligible = mp.mpf(0), mp.mpf(0), 0
        last_feature = middle + mp.log((n + 1) * tau + 1) + 60
        while negligible <= 40 or u <= 1 or (sign < 0 and spread * mp.sinh(u) < last_feature):
            term = integrand(sign * u)
            total, largest = total + term, max(largest, term)
            negligible = negligible + 1 if term < largest * mp.mpf(10) ** -22 else 0
            u += STEP
        return total

    even = STEP * (integrand(mp.mpf(0)) + one_side(1, STEP) + one_side(-1, STEP))
    odd = STEP * (one_side(1, STEP / 2) + one_side(-1, STEP / 2))
    return (even + odd) / 2 if abs(even / odd - 1) < AGREEMENT else mp.nan


def cases(count: int) -> list[tuple[float, ...]]:
    """Scattered over the whole range, with the removable singularities a = 1 and a + b = 1, x = 0 among them."""
    rng = np.random.default_rng(20260101)

    def scattered(low: float, high: float) -> np.ndarray:
        return np.exp(rng.uniform(np.log(low), np.log(high), count))

    columns = [scattered(*ends) for ends in ((0.01, 100), (1e-6, 1e6), (0.01, 100), (0.01, 1e6))]
    x = np.where(rng.random(count) < 0.4, 0, np.floor(scattered(1, 5001)))
    T = np.where(rng.random(count) < 0.2, 0.0, scattered(1e-3, 1e5))
    r, alpha, a, b = (np.array([float(f"{value:.6g}") for value in column]) for column in columns)
    a[::10] = 1.0
    a[5::10], b[5::10], x[5::20] = 0.25, 0.75, 0.0
    T[x > 0] = np.maximum(T[x > 0], 1e-3)
    rows = zip(r, alpha, a, b, x, T.round(3), scattered(1e-3, 1e5).round(3) + 1e-3, strict=True)
    return [tuple(float(value) for value in row) for row in rows]


if __name__ == "__main__":
    with mp.workdps(40), TABLE.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for case in cases(200):
            value = expected_if_alive(*case)
            if mp.isfinite(value):
                table.writerow([*map(repr, case), mp.nstr(value, 17)])
