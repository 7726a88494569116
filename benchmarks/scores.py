"""CRPS of 50,000 customers from 400 draws, and what a comparison and a pool cost; scoringrules in the same run.

Prints CPU seconds (the best of three), the ratio to scoringrules' numba form of the same estimator, the memory
beyond the draws, and by how much the two estimators differ.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from time import process_time

import numpy as np
import scoringrules

from clvmodels import metrics

CUSTOMERS, DRAWS = 50_000, 400
TARGET = 0.3


def seconds(call: Callable[[], object]) -> float:
    """CPU seconds, the best of three."""
    taken = []
    for _ in range(3):
        began = process_time()
        call()
        taken.append(process_time() - began)
    return min(taken)


def main() -> None:
    """Print the table."""
    out = sys.stdout.write
    rng = np.random.default_rng(1)
    rate = rng.gamma(0.6, 2.0, CUSTOMERS)
    worlds = {
        "purchases": (rng.poisson(rate, (DRAWS, CUSTOMERS)).astype(float), rng.poisson(rate).astype(float)),
        "money": (rng.gamma(2.0, 30.0, (DRAWS, CUSTOMERS)), rng.gamma(2.0, 30.0, CUSTOMERS)),
    }
    out(f"{'CRPS':>10}{'ours s':>9}{'theirs s':>10}{'ratio':>7}{'extra MB':>10}  fair against n²\n")
    for name, (draws, actual) in worlds.items():
        ours = seconds(lambda d=draws, a=actual: metrics.crps_from_draws(d, a))

        def oracle(draws: np.ndarray = draws, actual: np.ndarray = actual) -> np.ndarray:
            found = scoringrules.crps_ensemble(actual, draws, m_axis=0, estimator="fair", backend="numba")
            return np.asarray(found)

        fair, square = (metrics.crps_from_draws(draws, actual, estimator) for estimator in ("fair", "qd"))
        np.testing.assert_allclose(fair, oracle(), rtol=1e-9, atol=1e-9)  # compiles it, too
        theirs = seconds(oracle)
        tracemalloc.start()
        metrics.crps_from_draws(draws, actual)
        extra = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        apart = 100 * (square.mean() / fair.mean() - 1)
        verdict = f"{'within' if ours < TARGET else 'ABOVE'} {TARGET} s"
        out(
            f"{name:>10}{ours:9.3f}{theirs:10.3f}{theirs / ours:7.1f}{extra:10.1f}  {apart:.2f} % apart, {verdict}\n"
        )
    draws, actual = worlds["purchases"]
    scores = metrics.crps_from_draws(draws, actual), np.abs(np.median(draws, axis=0) - actual)
    comparison = seconds(lambda: metrics.paired_difference(*scores, seed=1))
    out(f"paired difference, 2,000 resamples: {comparison:.3f} s\n")
    few = slice(0, 5000)
    pool = [draws[:, few], worlds["money"][0][:, few], np.median(draws[:, few], axis=0)[None]]
    took = seconds(lambda: metrics.stacking_weights(metrics.pool_terms(pool, actual[few])))
    out(f"pool of three, 5,000 customers: {took:.3f} s\n")


if __name__ == "__main__":
    main()
