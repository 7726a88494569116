"""What the recommended default gains on a real log and costs on simulated ones; writes docs/evidence.md.

The CDNOW master log at three origins, with the score of the whole distribution (fair CRPS) beside the classical models;
and simulated worlds in which one thing is known to be there, or not. Takes a few minutes. Run by hand:

    python benchmarks/real_logs.py
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

import clvmodels as clv
from clvmodels.metrics import crps_from_draws
from clvmodels.rivals import BoostedCLV
from clvmodels.special.shocks import shock_factors

PAGE = Path(__file__).resolve().parents[1] / "docs" / "evidence.md"
WINDOWS = (("1997-06-30", "91D"), ("1997-09-30", "136D"), ("1997-12-31", "181D"))
CLASSICAL = clv.CLVModel("pareto_nbd", "gamma_gamma", label="classical")
DEFAULT = clv.CLVModel(label="default")
BOOSTED = BoostedCLV(DEFAULT, label="default, boosted")
FORMULA = clv.HistoricalCLV(label="formula")
DRAWS, WORLDS, EMPTY = 1000, 12, 2
LIFE = {"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7}
AMOUNTS = {"p": 6.25, "q": 3.74, "gamma": 15.4}
TRUTHS: dict[str, dict[str, float]] = {
    "pareto_nbd": LIFE,
    "bg_nbd": {"r": 0.243, "alpha": 4.41, "a": 0.793, "b": 2.43},
    "mbg_nbd": {"r": 0.525, "alpha": 6.18, "a": 0.891, "b": 1.61},
}


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def signed(change: float) -> str:
    return f"{100 * change:+.2f} %".replace("-", "−")


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
        print(f"{origin}: done", flush=True)
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
        for name in ("gamma_gamma", "gamma_gamma_transactions"):
            fitted = clv.fit(name, rfm, seed=2)
            scores[name] = given_counts(fitted, rfm.take(buyers), count[buyers], actual[buyers])
        means, single = (float(scores[name].mean()) for name in scores)
        rows.append((origin, f"{len(buyers):,}", f"{means:.3f}", f"{single:.3f}", signed(single / means - 1)))
    return table(("origin", "buyers", "Gamma-Gamma on means", "on transactions", "change"), rows)


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
    print("\n".join(fitted.choices))
    return (
        f"{len(rfm):,} customers: choice and fit {fit_wall:.1f} s, with the forecast of 12 months from 1,000 draws "
        f"{wall:.1f} s ({cpu:.1f} s of processor time)"
    )


def world(truth: str, seed: int, *, customers: int = 1000, factor: float = 1.0, **effects: Any) -> Any:
    """A log of 78 weeks whose last 26 weeks run faster by a factor."""
    shocks = [(date(2024, 12, 30), factor)] if factor != 1 else ()
    return clv.simulate(
        truth, TRUTHS[truth], customers=customers, weeks=78, spend_params=AMOUNTS, seed=seed,
        world=clv.World(shocks=shocks, **effects),
    )  # fmt: skip


def scores(log: Any, models: Sequence[Any], draws: int = 500) -> clv.Scorecard:
    return clv.backtest(
        log, models, origins="2024-12-29", horizon="26W", observation_end="2025-06-29", draws=draws
    )


def shocked_worlds() -> str:
    """How often 90 % intervals hold the total where a shock comes after the origin, and where none does."""
    model = clv.CLVModel("pareto_nbd", "gamma_gamma", label="model")
    factors = shock_factors((np.arange(WORLDS) + 0.5) / WORLDS, 0.18)
    rows = []
    for name, sizes in (("a shock of 18 % on everybody", factors), ("no shock", np.ones(WORLDS))):
        held = []
        for seed, factor in enumerate(sizes):
            found = scores(world("pareto_nbd", seed, factor=float(factor)), [model], 300).table("purchases")
            row = found.iloc[0]
            held.append(
                [row[f"total_{what}{suffix}"] for suffix in ("", "_alone") for what in ("covered", "width")]
            )
        covered, width, alone, narrow = np.mean(held, axis=0)
        rows.append((name, f"{covered:.0%}", f"{width:.2f}", f"{alone:.0%}", f"{narrow:.2f}"))
    return table(("world", "with market discrepancy", "width", "model only", "width"), rows)


def costs() -> str:
    """CRPS of single customers where there is nothing to find: what each device costs."""
    rows = []
    for truth in TRUTHS:
        lines: dict[str, list[float]] = {}
        for seed in range(EMPTY):
            log = world(truth, 100 + seed, customers=3000)
            rfm = clv.rfm_summary(log, spend="spend", observation_end="2024-12-29")
            right = clv.CLVModel(truth, "gamma_gamma", label="truth")
            result = scores(log, [right, DEFAULT, BoostedCLV(right, label="truth, boosted")]).table(
                "purchases"
            )
            found = result["crps"].droplevel("origin")
            plain = alone(right.fit(rfm), log, rfm)
            lines.setdefault("market discrepancy", []).append(found["truth"] / plain - 1)
            lines.setdefault("automatic choice", []).append(found["default"] / found["truth"] - 1)
            lines.setdefault("boosting", []).append(found["truth, boosted"] / found["truth"] - 1)
        rows += [(truth, name, signed(float(np.mean(change)))) for name, change in lines.items()]
    return table(("truth", "device", "CRPS of purchases"), rows)


def alone(fitted: clv.FittedCLV, log: Any, rfm: clv.RFM) -> float:
    """Mean CRPS of purchases of the model without discrepancy."""
    _, holdout = clv.calibration_holdout(
        log, cutoff="2024-12-29", holdout_end="2025-06-29", spend="spend", period="D", time_unit="W"
    )
    seen: list[np.ndarray] = []
    options: dict[str, Any] = {"draws": 500, "discrepancy": None, "seed": 0}
    fitted.forecast("2025-06-29", rfm=rfm, observe=lambda block: seen.append(block.purchases), **options)
    return float(crps_from_draws(np.concatenate(seen, axis=1), holdout.purchases).mean())


def errors_to_find() -> str:
    """A world whose later cohorts live faster: what boosting finds of it."""
    right = clv.CLVModel("pareto_nbd", "gamma_gamma", label="model")
    changes = []
    for seed in range(EMPTY):
        log = clv.simulate(
            "pareto_nbd", LIFE, customers=4000, weeks=78, acquisition_weeks=40, spend_params=AMOUNTS,
            seed=200 + seed, world=clv.World(cohort_drift=-1.5),
        )  # fmt: skip
        found = (
            scores(log, [right, BoostedCLV(right, label="boosted")])
            .table("purchases")["crps"]
            .droplevel("origin")
        )
        changes.append(found["boosted"] / found["model"] - 1)
    return table(("world", "boosting changes CRPS of purchases by"),
                 [("customers born a year later live 4.5 times slower", signed(float(np.mean(changes))))])  # fmt: skip


TEXT = """# What the default is worth

Made by `python benchmarks/real_logs.py`. The CRPS is the fair estimator from {draws:,} draws, that of a formula its
absolute error. "Classical" is Pareto/NBD with Gamma-Gamma on means; "default" is `CLVModel()`; both with market
discrepancy, and beside it the band of the model only.

## CDNOW, all 23,570 customers: single customers

{singles}

## Their totals

Width is that of the interval over the actual.

{totals}

## Spend of those who bought, given how often

{given}

## Speed

{speed}

## Simulated worlds: totals

{worlds} worlds each, 1,000 customers, 26 weeks.

{shocked}

## Simulated worlds: what it costs where there is nothing to find

{empty} worlds each, 3,000 customers; change of CRPS against a forecast that knows the true model.

{costs}

## Simulated worlds: what boosting finds

{found}
"""


def main() -> None:
    log = clv.load_cdnow("master")
    parts = {}
    for name, work in (("shocked", shocked_worlds), ("costs", costs), ("found", errors_to_find)):
        parts[name] = work()
        print(parts[name], flush=True)
    speed = stopwatch(log)
    print(speed, flush=True)
    given = spend_given_counts(log)
    print(given, flush=True)
    singles, totals = real(log)
    print(singles, totals, sep="\n\n", flush=True)
    text = TEXT.format(
        draws=DRAWS,
        worlds=WORLDS,
        empty=EMPTY,
        singles=singles,
        totals=totals,
        given=given,
        speed=speed,
        **parts,
    )
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
