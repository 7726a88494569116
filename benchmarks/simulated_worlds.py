"""What each device finds where there is something to find, and costs where there is nothing, in worlds of known truth.

Each row is a device and two kinds of worlds, with its effect and without; the change of CRPS is that of the forecast
with the device against the same without it. Some minutes of processor time. By hand:

    python benchmarks/simulated_worlds.py [--write]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
from evidence import publish, signed, table
from real_logs import given_counts

import clvmodels as clv
from clvmodels.metrics import crps_from_draws
from clvmodels.rivals import BoostedCLV
from clvmodels.special.shocks import shock_factors

WORLDS, SEEDS, CUSTOMERS, DRAWS = 12, 3, 2000, 400
LIFE = {"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7}
BUSY = {"r": 0.9, "alpha": 10.6, "s": 0.6, "beta": 20.0}
AMOUNTS = {"p": 6.25, "q": 3.74, "gamma": 15.4}
SINGLE = {"p": 3.66, "q": 4.62, "gamma": 33.1, "phi": 1.0}
REGULAR = {"r": 1.0, "alpha": 6.0, "a": 0.5, "b": 2.5}
STAGES = 3
SEASON = (0.8, 0.7, 0.8, 0.9, 1.0, 1.0, 0.8, 0.7, 0.9, 1.1, 1.5, 1.8)
TRUTHS = {
    "pareto_nbd": LIFE,
    "bg_nbd": {"r": 0.243, "alpha": 4.41, "a": 0.793, "b": 2.43},
    "mbg_nbd": {"r": 0.525, "alpha": 6.18, "a": 0.891, "b": 1.61},
}
RUSH = ((date(2024, 5, 1), 1.5), (date(2024, 7, 1), 1 / 1.5))
CUT, LAST = "2024-12-29", "2025-06-29"


def life(seed: int, truth: str = "pareto_nbd", factor: float = 1.0, **changes: Any) -> Any:
    """78 weeks of a shop; the last 26 run faster by a factor."""
    shocks = [(date(2024, 12, 30), factor)] if factor != 1 else ()
    options: dict[str, Any] = {"customers": CUSTOMERS, "spend_params": AMOUNTS, "weeks": 78, **changes}
    worldly = {
        name: options.pop(name)
        for name in ("cohort_drift", "spend_tail", "first_purchase")
        if name in options
    }
    return clv.simulate(truth, TRUTHS[truth], seed=seed, world=clv.World(shocks=shocks, **worldly), **options)


def score(log: Any, models: Sequence[Any], quantity: str = "purchases", **when: Any) -> Any:
    """The scores of forecasters at the last origin."""
    window = {"origins": CUT, "horizon": "26W", "observation_end": LAST, **when}
    return clv.backtest(log, models, draws=DRAWS, **window).table(quantity).droplevel("origin")


def change(found: Any) -> float:
    return float(found.loc["with", "crps"] / found.loc["without", "crps"] - 1)


def words(values: Sequence[float]) -> str:
    """Mean over worlds, with its standard error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{signed(float(np.mean(values)))} ± {100 * error:.2f}"


def shocks() -> str:
    """How often 90 % intervals hold the total where a shock comes after the origin, and where none does."""
    model = clv.CLVModel("pareto_nbd", None, label="with", method="map")
    factors = shock_factors((np.arange(WORLDS) + 0.5) / WORLDS, 0.18)
    rows = []
    for name, sizes in (("a shock of 18 % on everybody", factors), ("no shock", np.ones(WORLDS))):
        held = []
        for seed, factor in enumerate(sizes):
            row = score(life(seed, factor=float(factor), customers=1000), [model]).iloc[0]
            held.append(
                [row[f"total_{what}{end}"] for end in ("", "_alone") for what in ("covered", "width")]
            )
        covered, width, alone, narrow = np.mean(held, axis=0)
        rows.append((name, f"{covered:.0%}", f"{width:.2f}", f"{alone:.0%}", f"{narrow:.2f}"))
    return table(("world", "with market discrepancy", "width", "model only", "width"), rows)


def discrepancy_costs() -> list[float]:
    """Change of the CRPS of single customers by the discrepancy, over all seeds."""
    model, changes = clv.CLVModel("pareto_nbd", "gamma_gamma", method="map"), []
    for seed in range(SEEDS):
        log = life(300 + seed)
        rfm, holdout = clv.calibration_holdout(log, cutoff=CUT, holdout_end=LAST, spend="spend")
        fitted, found = model.fit(rfm), []
        for discrepancy in ("default", None):
            seen: list[np.ndarray] = []
            options: dict[str, Any] = {"draws": DRAWS, "seed": 1, "discrepancy": discrepancy}
            fitted.forecast(LAST, observe=lambda block, to=seen: to.append(block.purchases), **options)
            found.append(crps_from_draws(np.concatenate(seen, axis=1), holdout.purchases).mean())
        changes.append(found[0] / found[1] - 1)
    return changes


def shop(seed: int, start: str, world: Any) -> Any:
    """A shop until the end of 2024, whose customers come in the first half."""
    weeks = (date(2024, 12, 31) - date.fromisoformat(start)).days / 7
    return clv.simulate(
        "pareto_nbd", BUSY, customers=CUSTOMERS, start=start, weeks=weeks, acquisition_weeks=weeks / 2,
        world=world, spend_params=AMOUNTS, seed=seed,
    )  # fmt: skip


def clocked(
    label: str, season: str, start: str, effect: Any, found: Callable[[Sequence[Any]], str]
) -> tuple[str, ...]:
    """Thirteen weeks from October on, with a clock that is learned and without, in worlds with an effect and not."""
    row = []
    for world in (effect, clv.World()):
        changes, clocks = [], []
        for seed in range(SEEDS):
            log = shop(400 + seed, start, world)
            models = [
                clv.CLVModel("pareto_nbd", None, "map", "with", season=season),
                clv.CLVModel("pareto_nbd", None, "map", "without"),
            ]
            when = {"origins": "2024-09-30", "horizon": "88D", "observation_end": "2024-12-27"}
            changes.append(change(score(log, models, **when)))
            fitted = models[0].fit(clv.rfm_summary(log, observation_end="2024-09-30"))
            clocks += [] if fitted.clock is None else [fitted.clock]
        told = [f"clock chosen in {len(clocks)} of {SEEDS}"] if season == "auto" else []
        told += [found(clocks)] if world is effect and clocks else []
        row += [", ".join(told), words(changes)]
    return (label, *row)


def months_off(clocks: Sequence[Any]) -> str:
    """How far the speeds of the months are from the truth."""
    truth = np.array(clv.Clock(SEASON).months)
    errors = [np.abs(np.array(clock.months) / truth - 1).mean() for clock in clocks]
    return f"months {np.mean(errors):.1%} off in the mean"


def rush(clocks: Sequence[Any]) -> str:
    """The pace of the two months of the rush against that of the six before, and what is foretold for a year later."""
    past, later = [], []
    for clock in clocks:
        usual = clock.month_speeds(np.arange("2023-11", "2024-05", dtype="datetime64[M]")).mean()
        past.append(clock.month_speeds([date(2024, 5, 1), date(2024, 6, 1)]).mean() / usual)
        later.append(clock.month_speeds([date(2025, 5, 1), date(2025, 6, 1)]).mean())
    return f"pace × {np.mean(past):.2f}; the same months a year later × {np.mean(later):.2f}"


def seasons() -> Iterator[tuple[str, ...]]:
    """Clocks of a long log and of little more than a year."""
    christmas, once = clv.World(season=SEASON), clv.World(shocks=RUSH)
    yield clocked("season, learned if it helps (purchases)", "auto", "2022-01-01", christmas, months_off)
    yield clocked(
        "the same log, Gaussian process in any case (purchases)",
        "gaussian_process",
        "2022-01-01",
        christmas,
        months_off,
    )
    yield clocked(
        "Gaussian process from 13 months of a log (purchases)",
        "gaussian_process",
        "2023-08-31",
        christmas,
        months_off,
    )
    yield clocked(
        "the same, a rush of two months, truly × 1.5 and never again (purchases)", "gaussian_process", "2023-08-31",
        once, rush,
    )  # fmt: skip


def regular() -> tuple[str, ...]:
    """Customers whose gaps are Erlang-3, and such who buy at random otherwise alike: the choice against MBG/NBD."""
    row = []
    for truth in (f"mbg_cnbd_{STAGES}", "mbg_nbd"):
        changes, taken = [], []
        for seed in range(SEEDS):
            log = clv.simulate(
                truth,
                REGULAR,
                customers=CUSTOMERS,
                weeks=78,
                spend_params=AMOUNTS,
                resolution="D",
                seed=800 + seed,
            )
            models = [
                clv.CLVModel("auto", None, "map", "with", season=None),
                clv.CLVModel("mbg_nbd", None, "map", "without"),
            ]
            changes.append(change(score(log, models)))
            taken.append(models[0].fit(clv.rfm_summary(log, observation_end=CUT)).purchase.model.name)
        right, even = taken.count(truth), sum(name.startswith("mbg_cnbd") for name in taken)
        row += [f"true model taken in {right} of {SEEDS}, a regular one in {even}", words(changes)]
    return ("regular buyers, gaps Erlang-3 or random: choice against MBG/NBD (purchases)", *row)


def drift() -> tuple[str, ...]:
    """Customers born a year later live 4.5 times slower: boosting finds some of it."""
    right = clv.CLVModel("pareto_nbd", "gamma_gamma", "map", label="without")
    found = []
    for size in (-1.5, 0.0):
        changes = []
        for seed in range(SEEDS):
            log = life(500 + seed, cohort_drift=size, acquisition_weeks=40, customers=4000)
            changes.append(change(score(log, [right, BoostedCLV(right, label="with")])))
        found.append(words(changes))
    return (
        "boosting, where later cohorts live slower, 4,000 customers (purchases)",
        "",
        found[0],
        "",
        found[1],
    )


def choices() -> tuple[str, ...]:
    """Worlds of each purchase model: the automatic choice against the truth, and against the usual model."""
    against_usual, against_truth, right = [], [], 0
    for truth in TRUTHS:
        for seed in range(SEEDS):
            log = life(600 + seed, truth)
            models = [
                clv.CLVModel("auto", None, "map", "with", season=None),
                clv.CLVModel("pareto_nbd", None, "map", "without"),
                *([] if truth == "pareto_nbd" else [clv.CLVModel(truth, None, "map", "truth")]),
            ]
            found = score(log, models)
            (against_truth if truth == "pareto_nbd" else against_usual).append(change(found))
            if truth != "pareto_nbd":
                against_truth.append(float(found.loc["with", "crps"] / found.loc["truth", "crps"] - 1))
            fitted = models[0].fit(clv.rfm_summary(log, observation_end=CUT))
            right += fitted.purchase.model.name == truth
    told = f"the true model taken in {right} of {len(TRUTHS) * SEEDS}"
    return ("choice of the purchase model (purchases)", told, words(against_usual),
            "against a forecast that knows the true one", words(against_truth))  # fmt: skip


def given(log: Any, name: str, against: str) -> float:
    """Change of the CRPS of what buyers spent, given how often they bought."""
    rfm, holdout = clv.calibration_holdout(log, cutoff=CUT, holdout_end=LAST, spend="spend")
    count = holdout.purchases.astype(int)
    buyers, scores = np.flatnonzero(count > 0), []
    for spend in (name, against):
        fitted = clv.fit(spend, rfm, seed=2)
        found = given_counts(fitted, rfm.take(buyers), count[buyers], holdout.spend[buyers])
        scores.append(float(found.mean()))
    return scores[0] / scores[1] - 1


def spend_device(
    label: str, name: str, effects: Sequence[dict[str, Any]], param: str, against: str = "gamma_gamma"
) -> tuple[str, ...]:
    """A spend model against another, in worlds with an effect and without, and what it makes of its parameter."""
    found = []
    for effect in effects:
        changes, values = [], []
        for seed in range(SEEDS):
            log = life(700 + seed, **effect)
            changes.append(given(log, name, against))
            known = clv.rfm_summary(log, spend="spend", period="min")
            values.append(clv.fit(name, known, method="mle").params[param])
        found += [f"{param} {np.mean(values):.2f}", words(changes)]
    return (label, *found)


def devices() -> Iterator[tuple[str, ...]]:
    yield choices()
    yield regular()
    yield from seasons()
    yield drift()
    single = {"spend": "gamma_gamma_transactions", "spend_params": SINGLE}
    yield spend_device(
        "spend on transactions, where amounts have heavy tails (spend given counts)", "gamma_gamma_transactions",
        [{"spend_tail": 0.8}, {}], "p",
    )  # fmt: skip
    yield spend_device(
        "first purchases on a scale of their own, truly 0.5 and 1 (spend given counts)", "gamma_gamma_transactions",
        [{"spend_params": {**SINGLE, "phi": 0.5}, "spend": single["spend"]}, single], "phi",
    )  # fmt: skip
    follows = {"spend": "gamma_gamma_frequency"}
    yield spend_device(
        "spend that follows frequency, growth truly 1.25 and 1 (spend given counts)", "gamma_gamma_frequency",
        [{**follows, "spend_params": {**SINGLE, "growth": growth}} for growth in (1.25, 1.0)], "growth",
        against="gamma_gamma_transactions",
    )  # fmt: skip


def parts() -> Iterator[str]:
    yield (
        f"{CUSTOMERS:,} customers and {SEEDS} worlds of each kind unless said; fair CRPS from {DRAWS} draws of single "
        "customers; changes are means over worlds with their standard errors."
    )
    yield "### What each device finds, and what it costs where there is nothing to find"
    head = ("device (what is scored)", "with the effect: found", "CRPS", "without: found", "CRPS")
    costs = ("market discrepancy (purchases)", "see below", "", "", words(discrepancy_costs()))
    yield table(head, [*devices(), costs])
    yield "### Shocks on everybody, and the intervals of totals"
    yield f"{WORLDS} worlds each, 1,000 customers, 26 weeks ahead, 90 % intervals."
    yield shocks()


if __name__ == "__main__":
    publish("simulated_worlds", parts)
