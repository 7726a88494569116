"""What the recommended default gains on a real log: the CDNOW master log at three origins.

The score of the whole distribution (fair CRPS) beside the classical model, the interval of totals, spend given counts,
and the time it takes. Some minutes of processor time. By hand:

    python benchmarks/real_logs.py [--write]
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
from evidence import publish, signed, table

import clvmodels as clv
from clvmodels.metrics import crps_from_draws
from clvmodels.rivals import BoostedCLV

WINDOWS = (("1997-06-30", "91D"), ("1997-09-30", "136D"), ("1997-12-31", "181D"))
CLASSICAL = clv.CLVModel("pareto_nbd", "gamma_gamma", label="classical")
DEFAULT = clv.CLVModel(label="default")
BOOSTED = BoostedCLV(DEFAULT, label="default, boosted")
FORMULA = clv.HistoricalCLV(label="formula")
DRAWS = 1000


def real(log: Any) -> tuple[str, str]:
    """Scores of single customers, and totals, at three origins."""
    singles, totals = [], []
    for origin, horizon in WINDOWS:
        models = [CLASSICAL, DEFAULT, BOOSTED, FORMULA]
        result = clv.backtest(log, models, origins=origin, horizon=horizon, baseline="formula", draws=DRAWS)
        for quantity in ("purchases", "spend"):
            found = result.table(quantity).droplevel("origin")
            base = found.loc["classical", "crps"]
            for name, row in found.iterrows():
                singles.append(
                    (origin, horizon, quantity, name, f"{row['crps']:.4f}", signed(row["crps"] / base - 1),
                     f"{row['worst_10_share']:.0%}")
                )  # fmt: skip
                if name != "formula":
                    totals.append((origin, quantity, name, *bands(row)))
    head = (
        "origin",
        "horizon",
        "quantity",
        "forecaster",
        "CRPS",
        "against classical",
        "ten customers' share of MSE",
    )
    bars = ("origin", "quantity", "forecaster", "mean", "actual", "90 % interval", "holds it", "width",
            "model only", "holds it", "width")  # fmt: skip
    return table(head, singles), table(bars, totals)


def bands(row: Any) -> list[str]:
    cells = [f"{row['total_mean']:,.0f}", f"{row['total_actual']:,.0f}"]
    for suffix in ("", "_alone"):
        low, high = row[f"total_q05{suffix}"], row[f"total_q95{suffix}"]
        cells += [f"{low:,.0f} to {high:,.0f}", "yes" if row[f"total_covered{suffix}"] else "no"]
        cells.append(f"{row[f'total_width{suffix}']:.2f}")
    return cells


def spend_given_counts(log: Any) -> str:
    """CRPS of what customers spent, given how often they bought: single amounts against means."""
    rows = []
    for origin, horizon in WINDOWS:
        end = date.fromisoformat(origin) + timedelta(days=int(horizon[:-1]))
        rfm, holdout = clv.calibration_holdout(
            log, cutoff=origin, holdout_end=end.isoformat(), spend="spend", period="D", time_unit="W"
        )
        count, actual = holdout.purchases.astype(int), holdout.spend
        buyers = np.flatnonzero(count > 0)
        scores = {}
        for name in ("gamma_gamma", "gamma_gamma_transactions", "gamma_gamma_frequency"):
            fitted = clv.fit(name, rfm, seed=2)
            scores[name] = given_counts(fitted, rfm.take(buyers), count[buyers], actual[buyers])
        means, single, often = (float(scores[name].mean()) for name in scores)
        found = [f"{means:.3f}", f"{single:.3f}", signed(single / means - 1)]
        growth = f"{fitted.params['growth']:.3f}"
        rows.append((origin, f"{len(buyers):,}", *found, f"{often:.3f}", signed(often / means - 1), growth))
    head = ("origin", "buyers", "on means", "on transactions", "change", "by frequency", "change", "growth")
    return table(head, rows)


def given_counts(fitted: clv.Posterior, rfm: clv.RFM, count: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """(n,) CRPS of the sum of so many amounts, from 200 draws of the parameters and of chance."""
    draws, rng = 200, np.random.default_rng(1)
    theta = fitted.draws[:draws].T[:, :, None]
    found = []
    for start in range(0, len(rfm), 500):
        some = slice(start, min(start + 500, len(rfm)))
        times = np.tile(count[some], draws)
        row = np.repeat(np.arange(len(times)), times)
        amount = fitted.model.sample_spend(theta, rfm.take(some), row, rng)
        spent = np.bincount(row, amount, minlength=len(times)).reshape(draws, -1)
        found.append(crps_from_draws(spent, actual[some]))
    return np.concatenate(found)


def stopwatch(log: Any) -> str:
    """Seconds of the default at the middle origin: choice, fit, and 1,000 draws of everybody."""
    rfm = clv.rfm_summary(log, spend="spend", observation_end=WINDOWS[1][0])
    clv.CLVModel().fit(rfm.take(slice(0, 50))).forecast("1W", draws=10)  # compiles, where that is still to do
    wall, cpu = time.perf_counter(), time.process_time()
    fitted = clv.CLVModel().fit(rfm, seed=1)
    fit_wall = time.perf_counter() - wall
    fitted.forecast("12M", annual_discount_rate=0.1, seed=1)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    told = "".join(f"\n- {choice}" for choice in fitted.choices)
    return (
        f"{len(rfm):,} customers: choice and fit {fit_wall:.1f} s, with the forecast of 12 months from 1,000 draws "
        f"{wall:.1f} s ({cpu:.1f} s of processor time). What it chose:\n{told}"
    )


def parts() -> Iterator[str]:
    log = clv.load_cdnow("master")
    singles, totals = real(log)
    yield f"CRPS: the fair estimator from {DRAWS:,} draws; that of a formula is its absolute error."
    yield "### CDNOW, all 23,570 customers: single customers"
    yield singles
    yield "### Their totals"
    yield "Width is that of the 90 % interval over the actual total."
    yield totals
    yield "### Spend of those who bought, given how often"
    yield spend_given_counts(log)
    yield "### Speed"
    yield stopwatch(log)


if __name__ == "__main__":
    publish("real_logs", parts)
