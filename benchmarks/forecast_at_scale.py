"""CLV of many customers, 1,000 draws each, beside a plain loop over customers with NumPy's generators.

Prints seconds, processor time in all and per customer and draw (closed forms, samples, sums and quantiles), the peak
of memory, and how many times as long the loop takes that makes the same columns for 200 of the customers. The more
customers, the more of them share a pattern, and the less closed forms cost.

    python benchmarks/forecast_at_scale.py [--customers 1000000] [--model pareto_nbd]
"""

from __future__ import annotations

import argparse
import resource
import sys
from time import perf_counter, process_time

import numpy as np
from fit_at_scale import simulated

import clvmodels as clv

DRAWS, PERIODS, IN_LOOP = 1000, "12M", 200
ANNUAL_RATE, MARGIN = 0.1, 0.3
DAILY_RATE = np.log1p(ANNUAL_RATE) / 365.25


def with_spend(rfm: clv.RFM, seed: int) -> clv.RFM:
    """Mean amounts near those of CDNOW for those who came back, and the day the observation ended."""
    rng = np.random.default_rng(seed)
    level = 37.0 * rng.gamma(4.0, 0.25, len(rfm))
    count = rfm.frequency
    mean = np.where(
        count > 0, level * rng.gamma(6.0 * np.maximum(count, 1)) / (6.0 * np.maximum(count, 1)), 0.0
    )
    return clv.RFM.from_arrays(
        frequency=count,
        recency=rfm.recency,
        T=rfm.T,
        monetary_value=mean,
        observation_end="2025-12-31",
        time_unit="D",
    )


def loop_seconds(fitted: clv.FittedCLV, rfm: clv.RFM, length: float, rate: float) -> float:
    """Processor time of the same table by one customer after the other, Pareto/NBD and Gamma-Gamma."""
    model = fitted.purchase.model
    theta, (p, q, gamma) = fitted.purchase.draws.T, fitted.spend.draws.T
    r, alpha, s, beta = theta
    began = process_time()
    for i in range(len(rfm)):
        one, rng = rfm.take(slice(i, i + 1)), np.random.default_rng([1, i])
        p_alive = model.p_alive(theta, one)
        alive = np.flatnonzero(rng.random(DRAWS) < p_alive)
        leaving = np.maximum(rng.gamma(s[alive]) / (beta[alive] + one.T), 1e-300)
        life = np.minimum(rng.exponential(1.0, len(alive)) / leaving, length)
        each = rng.poisson(rng.gamma(r[alive] + one.frequency) / (alpha[alive] + one.T) * life)
        draw, time = np.repeat(alive, each), np.repeat(life, each) * rng.random(each.sum())
        level = rng.gamma(q + p * one.spend_count) / (gamma + one.spend_count * one.monetary_value)
        amount = rng.gamma(p[draw]) / level[draw] * np.exp(-rate * time)
        value = np.bincount(draw, amount, minlength=DRAWS)
        np.quantile(value, (0.05, 0.25, 0.5, 0.75, 0.95)), value.std(), p_alive.mean()
        (
            model.expected_purchases(theta, one, length).mean(),
            fitted.spend.model.expected_spend(fitted.spend.draws.T, one).mean(),
        )
        model.expected_discounted_purchases(theta, one, length, rate).mean()
    return process_time() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--model", action="append", help="one or several; by default all")
    parser.add_argument("--workers", type=int, default=None)
    chosen = parser.parse_args()
    out = sys.stdout.write
    rfm = with_spend(simulated(chosen.customers, seed=1), seed=2)
    learning = rfm.take(slice(0, 10_000))
    out(f"{chosen.customers:,} customers, {len(rfm.compress()[0]):,} patterns, {DRAWS:,} draws, {PERIODS}\n")
    out(
        f"{'model':<12}{'seconds':>9}{'CPU s':>8}{'CPU ns per draw':>17}{'loop ns':>9}{'ratio':>7}{'peak MB':>9}\n"
    )
    for name in chosen.model or ("bg_nbd", "mbg_nbd", "pareto_nbd"):
        fitted = clv.CLVModel(name).fit(learning, draws=DRAWS, seed=1)
        options = {"annual_discount_rate": ANNUAL_RATE, "margin": MARGIN, "draws": DRAWS}
        fitted.forecast(PERIODS, rfm=rfm.take(slice(0, 10)), **options)  # compiles, where that is still to do
        began, busy = perf_counter(), process_time()
        forecast = fitted.forecast(PERIODS, rfm=rfm, workers=chosen.workers, **options)
        seconds, busy = perf_counter() - began, process_time() - busy
        per_draw = busy / chosen.customers / DRAWS * 1e9
        ratio = loop = "-"
        if name == "pareto_nbd":
            plain = loop_seconds(fitted, rfm.take(slice(0, IN_LOOP)), forecast.horizon.length, DAILY_RATE)
            plain *= 1e9 / min(IN_LOOP, chosen.customers) / DRAWS
            loop, ratio = f"{plain:.0f}", f"{plain / per_draw:.1f}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        out(f"{name:<12}{seconds:9.1f}{busy:8.1f}{per_draw:17.0f}{loop:>9}{ratio:>7}{peak:9.0f}\n")


if __name__ == "__main__":
    main()
