"""Writes purchase_predictions.csv: what follows a last purchase seen at T, by mpmath, straight from the definitions.

Three numbers for each case: the discounted purchases of the horizon, P(alive at its end) and P(count purchases in it).

- Pareto/NBD: such a customer is alive. The first two are an integral over the survival function and that function, the
  third is the mean of a negative binomial probability over the end of the life.
- BG/NBD and MBG/NBD: such a customer has left by the last coin, which falls with the mean of Beta(a, b + coins survived
  before). The first two are Gauss's hypergeometric function and its integral, the third is built from negative binomial
  probabilities, their tail as what the others leave.

Every integral is taken twice, with other subdivisions, and must agree. Takes some minutes. Run by hand:

    python tests/reference/purchase_predictions.py
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from functools import cache
from pathlib import Path

import mpmath as mp
import numpy as np

TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = (
    "model", "p1", "p2", "p3", "p4", "x", "T", "horizon", "rate", "count", "discounted", "alive_later", "pmf",
)  # fmt: skip
AGREEMENT = mp.mpf(10) ** -11
Number = mp.mpf


def integral(f: Callable[[Number], Number], points: list[Number], parts: int) -> Number:
    """Over the intervals between the points, each divided into `parts`, and again into one and a half times as many."""
    results = []
    for count in (parts, parts + parts // 2 + 1):
        grid = [a + (b - a) * mp.mpf(i) / count for a, b in itertools.pairwise(points) for i in range(count)]
        results.append(mp.quad(f, [*grid, points[-1]], maxdegree=5))
    return results[1] if abs(results[0] - results[1]) <= AGREEMENT * abs(results[1]) else mp.nan


@cache
def log_ways(k: int, r: Number) -> Number:
    """Logarithm of the binomial coefficient of r + k - 1 over k."""
    return mp.loggamma(r + k) - mp.loggamma(r) - mp.loggamma(k + 1)


def purchases_without_end(k: int, r: Number, odds: Number) -> Number:
    """Negative binomial probability of k purchases."""
    if odds == 0:
        return mp.mpf(k == 0)
    return mp.exp(log_ways(k, r) + k * mp.log(odds / (1 + odds)) - r * mp.log1p(odds))


def pareto_nbd(theta: list[Number], x: int, T: Number, t: Number, rate: Number, k: int) -> list[Number]:
    r, alpha, s, beta = theta
    n, A, B = r + x, alpha + T, beta + T
    end = mp.log1p(min(t, 60 / rate) / B)
    end = min(end, 60 / (s - 1)) if s > 1 else end
    lived = B * integral(lambda v: mp.exp((1 - s) * v - rate * B * mp.expm1(v)), [mp.mpf(0), end], 6)
    if not mp.isfinite(t):
        return [n / A * lived, mp.mpf(0), mp.nan]

    def density(v: Number) -> Number:  # v = log u
        u = mp.exp(v)
        return s * u / (B + u) * mp.exp(-s * mp.log1p(u / B)) * purchases_without_end(k, n, u / A)

    low, high = mp.mpf(-40), mp.log(t)
    for _ in range(40):  # the logarithm of the density is concave in v
        top = (low + high) / 2
        low, high = (top, high) if density(top + mp.mpf("1e-9")) > density(top) else (low, top)
    width = 1 / mp.sqrt(max(-mp.diff(lambda w: mp.log(density(w)), top, 2), mp.mpf("1e-3")))
    reach = [d * width for d in (1, 3, 8, 20, 60, 200)]
    points = sorted(
        {min(mp.log(t), top + sign * d) for d in reach for sign in (-1, 1)} | {min(mp.log(t), top)}
    )
    still = mp.exp(-s * mp.log1p(t / B))
    pmf = still * purchases_without_end(k, n, t / A) + integral(density, points, 3)
    return [n / A * lived, still, pmf]


def leaving_at_purchases(
    theta: list[Number], x: int, first_counts: bool, T: Number, t: Number, rate: Number, k: int
) -> list[Number]:
    r, alpha, a, b = theta
    n, A, chances = r + x, alpha + T, x + first_counts
    alive = 1 - a / (a + b + chances - 1) if chances else mp.mpf(1)
    B = b + chances

    def intensity(v: Number) -> Number:
        y = mp.expm1(v)
        return n * mp.exp(v - rate * A * y) * mp.hyp2f1(n + 1, a, a + B, -y)

    discounted = integral(intensity, [mp.mpf(0), mp.log1p(min(t, 60 / rate) / A)], 3)
    if not mp.isfinite(t):
        return [alive * discounted, mp.mpf(0), mp.nan]
    later = mp.hyp2f1(n, a, a + B, -t / A)
    with mp.workdps(120):  # the difference loses digits
        odds = t / A
        share, term = odds / (1 + odds), (1 + odds) ** -n
        tail = mp.mpf(1)
        for j in range(k):
            tail -= term
            term *= share * (n + j) / (j + 1)
    pmf = mp.beta(a, B + k) / mp.beta(a, B) * purchases_without_end(k, n, t / A)
    if k:
        pmf += mp.beta(a + 1, B + k - 1) / mp.beta(a, B) * tail
    return [alive * discounted, alive * later, alive * pmf + (1 - alive) * (k == 0)]


def cases(count: int) -> list[tuple[float, ...]]:
    """Scattered over the whole range, every fourth horizon infinite."""
    rng = np.random.default_rng(20260101)

    def scattered(low: float, high: float) -> np.ndarray:
        values = np.exp(rng.uniform(np.log(low), np.log(high), count))
        return np.array([float(f"{value:.6g}") for value in values])

    r, alpha, s = scattered(0.01, 100), scattered(1e-3, 1e4), scattered(0.01, 100)
    beta = scattered(1e-3, 1e4)
    x = np.where(rng.random(count) < 0.4, 0, np.floor(scattered(1, 1000)))
    T = np.where(x == 0, 0.0, scattered(1e-2, 1e4))
    t = np.where(np.arange(count) % 4 == 3, np.inf, scattered(1e-3, 1e4))
    mean = np.minimum((r + x) / (alpha + T) * np.where(np.isfinite(t), t, 1.0), 2000.0)
    k = np.where(rng.random(count) < 0.3, 0, np.floor(mean * scattered(0.2, 5.0)))
    rate = scattered(1e-8, 1e2)
    s[::8], beta[1::8] = scattered(100, 5000)[::8], scattered(1e3, 1e6)[1::8]
    return [tuple(map(float, row)) for row in zip(r, alpha, s, beta, x, T, t, rate, k, strict=True)]


def answers(model: str, case: tuple[float, ...]) -> list[Number]:
    theta, (x, T, t, rate, k) = list(map(mp.mpf, case[:4])), case[4:]
    rest = (mp.mpf(T), mp.mpf(t), mp.mpf(rate), int(k))
    if model == "pareto_nbd":
        return pareto_nbd(theta, int(x), *rest)
    return leaving_at_purchases(theta, int(x), model == "mbg_nbd", *rest)


def within_reach(model: str, case: tuple[float, ...]) -> tuple[float, ...]:
    """The case, with b at most 300 where mpmath's hypergeometric function would take minutes."""
    return case if model == "pareto_nbd" else (*case[:3], min(case[3], 300.0), *case[4:])


if __name__ == "__main__":
    with mp.workdps(30), TABLE.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for model in ("pareto_nbd", "bg_nbd", "mbg_nbd"):
            for case in (within_reach(model, case) for case in cases(40)):
                try:
                    numbers = answers(model, case)
                except (mp.mp.NoConvergence, ValueError, ZeroDivisionError):
                    continue
                if mp.isfinite(numbers[0]):
                    table.writerow([model, *map(repr, case), *(mp.nstr(value, 17) for value in numbers)])
