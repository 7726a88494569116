"""A scorecard made by hand: simulated customers, forecasts by importance sampling, no room of the package run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.metrics import crps_from_draws, randomised_pit
from clvmodels.prediction import Forecast, Quantity
from clvmodels.rfm import DataReport, Note
from clvmodels.units import plan_horizon

PARETO = "Pareto/NBD × Gamma-Gamma (laplace)"
BGNBD = "BG/NBD × Gamma-Gamma (mle)"
RATE = "Cohort average"
HORIZON = "39W"
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
QUANTILES = ("q05", "q25", "q50", "q75", "q95")
START, WEEKS, CUSTOMERS, DRAWS = pd.Timestamp("1997-01-01"), 78, 300, 400


@dataclass(frozen=True)
class Log:
    """Repeat purchases (customer, week as a real number, amount) and the week of each first purchase."""

    birth: np.ndarray
    customer: np.ndarray
    week: np.ndarray
    amount: np.ndarray


def simulated_log(rng: np.random.Generator) -> Log:
    birth = rng.uniform(0, 12, CUSTOMERS)
    rate = rng.gamma(0.6, 1 / 10, CUSTOMERS)
    death = birth + rng.exponential(1 / rng.gamma(0.6, 1 / 12, CUSTOMERS))
    level = rng.gamma(6, 6, CUSTOMERS)
    counts = rng.poisson(rate * (WEEKS - birth))
    customer = np.repeat(np.arange(CUSTOMERS), counts)
    week = birth[customer] + rng.uniform(size=len(customer)) * (WEEKS - birth[customer])
    alive = week < death[customer]
    amount = rng.gamma(6, level[customer] / 6)
    return Log(birth, customer[alive], week[alive], amount[alive].round(2))


def predictive_draws(
    log: Log, cut: float, scale: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(DRAWS, n) purchases and spend between `cut` and the end of the log."""
    known = log.week <= cut
    x = np.bincount(log.customer[known], minlength=CUSTOMERS)
    last = log.birth.copy()
    np.maximum.at(last, log.customer[known], log.week[known])
    t_x, age = last - log.birth, cut - log.birth
    lam = rng.gamma(0.6, scale / 10, 4000)[:, None]
    mu = rng.gamma(0.6, 1 / 12, 4000)[:, None] + 1e-12
    alive_part = lam / (lam + mu) * np.exp(-(lam + mu) * age)
    dead_part = mu / (lam + mu) * np.exp(-(lam + mu) * t_x)
    weight = lam**x * (alive_part + dead_part)
    purchases, spend = np.zeros((2, DRAWS, CUSTOMERS))
    total = np.bincount(log.customer[known], log.amount[known], minlength=CUSTOMERS)
    for j in range(CUSTOMERS):
        drawn = rng.choice(4000, DRAWS, p=weight[:, j] / weight[:, j].sum())
        p_alive = (alive_part / (alive_part + dead_part))[drawn, j]
        stays = np.minimum(rng.exponential(1 / mu[drawn, 0]), WEEKS - cut)
        count = rng.poisson(lam[drawn, 0] * stays) * (rng.uniform(size=DRAWS) < p_alive)
        level = rng.gamma(6 + 6 * x[j], 36 / (6 + 6 * x[j]), DRAWS) * (36 + total[j]) / (36 + 36 * x[j])
        purchases[:, j] = count
        spend[:, j] = np.where(count > 0, rng.gamma(np.maximum(6 * count, 1), level / 6), 0.0)
    return purchases, spend


@cache
def example_scorecard(
    *, baseline_wins_money: bool = False, cuts: tuple[int, ...] = (39,), baseline: str | None = RATE
) -> Scorecard:
    """Three forecasters; with `baseline_wins_money` both models forecast three times the money. Do not change it."""
    rng = np.random.default_rng(11)
    log = simulated_log(rng)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in ("predictions", "totals", "tracking")}
    fits, newcomers, data = [], [], []
    for cut in cuts:
        origin = f"{START + pd.Timedelta(weeks=cut) - pd.Timedelta(days=1):%Y-%m-%d}"
        for name in (PARETO, BGNBD, RATE):
            for key, frame in _one(log, cut, name, 3.0 if baseline_wins_money else 1.0, rng).items():
                parts[key].append(frame.assign(origin=origin, horizon=HORIZON))
            fits.append(_fit_row(origin, name))
            newcomers += _newcomers(origin, name)
        notes = (Note("purchases of one customer on one day merged into one", 12, ("id-3", "id-8")),)
        data.append([origin, CUSTOMERS, 1388, "", str(DataReport(1400, 1388, 1388, notes))])
    return Scorecard(
        **{name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()},
        fits=pd.DataFrame(fits),
        newcomers=pd.DataFrame(newcomers),
        data=pd.DataFrame(data, columns=["origin", "customers", "rows_used", "overlaps", "report"]),
        baseline=baseline,
        provenance={
            "horizon": HORIZON,
            "horizons": [HORIZON],
            "overlapping_horizons": [],
            "draws": DRAWS,
            "seed": 11,
            "interval": "central 90 % predictive interval",
            "time_unit": "W",
        },
    )


def _fit_row(origin: str, name: str) -> dict[str, Any]:
    return {
        "origin": origin,
        "model": name,
        "status": "ok",
        "convergence": "" if name == RATE else "CONVERGED; CONVERGED",
        "reason": "",
        "warnings": "",
        "summary": f"{name}: r 0.6, α 10.1",
        "fit_seconds": 1.25,
        "forecast_seconds": 0.5,
        "discrepancy": 0.18,
    }


def _newcomers(origin: str, name: str) -> list[dict[str, Any]]:
    actual = {"customers": 41.0, "purchases": 60.0, "spend": 2210.5}
    spread = (np.nan, np.nan, np.nan) if name == RATE else (1.1, 0.7, 1.6)
    shares = dict(zip(("mean", "q05", "q95"), spread, strict=True))
    return [
        {"origin": origin, "horizon": HORIZON, "model": name, "quantity": quantity}
        | {key: share * came for key, share in shares.items()}
        | {"actual": came}
        for quantity, came in actual.items()
    ]


def with_formula(
    scorecard: Scorecard, name: str, said: Callable[[pd.DataFrame], np.ndarray | float]
) -> Scorecard:
    """The scorecard with one more formula; `said` gives its forecasts from the rows of the rate."""
    rows = scorecard.predictions[scorecard.predictions["model"] == RATE].assign(model=name)
    mean = np.broadcast_to(np.asarray(said(rows), dtype=float), len(rows))
    rows = rows.assign(mean=mean, q50=mean, crps=np.abs(mean - rows["actual"]))
    keys = ["origin", "quantity"]
    totals = scorecard.totals[scorecard.totals["model"] == RATE].assign(model=name).set_index(keys)
    totals = totals.assign(mean=rows.groupby(keys)["mean"].sum()).reset_index()
    return replace(
        scorecard,
        predictions=pd.concat([scorecard.predictions, rows], ignore_index=True),
        totals=pd.concat([scorecard.totals, totals], ignore_index=True),
    )


def without(scorecard: Scorecard, condition: str) -> Scorecard:
    """The scorecard without the predictions and totals that a query finds."""
    tables = {
        name: getattr(scorecard, name).query(f"not ({condition})") for name in ("predictions", "totals")
    }
    return replace(scorecard, **tables)


def _one(
    log: Log, cut: int, name: str, inflation: float, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    known = log.week <= cut
    x = np.bincount(log.customer[known], minlength=CUSTOMERS)
    future = log.customer[~known]
    actual = {
        "purchases": np.bincount(future, minlength=CUSTOMERS).astype(float),
        "spend": np.bincount(future, log.amount[~known], minlength=CUSTOMERS),
    }
    if name == RATE:
        rate = x / (cut - log.birth) * (WEEKS - cut)
        mean_spend = np.bincount(log.customer[known], log.amount[known], minlength=CUSTOMERS) / np.maximum(
            x, 1
        )
        draws = {"purchases": rate[None], "spend": (rate * mean_spend)[None]}
    else:
        purchases, spend = predictive_draws(log, cut, 1.0 if name == PARETO else 1.35, rng)
        draws = {"purchases": purchases, "spend": spend * inflation}
    last = log.birth.copy()
    np.maximum.at(last, log.customer[known], log.week[known])
    born = (START + pd.to_timedelta(7 * log.birth, unit="D")).strftime("%Y-%m")
    past = {"frequency": x, "recency": last - log.birth, "T": cut - log.birth, "cohort": np.asarray(born)}
    tables = {
        "predictions": pd.concat([_predictions(q, draws[q], actual[q], past, rng) for q in draws]),
        "totals": pd.concat([_total(q, draws[q].sum(axis=1), actual[q].sum()) for q in draws]),
        "tracking": _tracking(log, cut, draws["purchases"], rng),
    }
    return {key: table.assign(model=name) for key, table in tables.items()}


def _predictions(
    quantity: str, draws: np.ndarray, actual: np.ndarray, past: dict[str, Any], rng: np.random.Generator
) -> pd.DataFrame:
    many = len(draws) > 1
    missing = np.full(len(actual), np.nan)
    columns: dict[str, Any] = {
        "quantity": quantity,
        "customer_id": [f"id-{j}" for j in range(len(actual))],
        **past,
        "is_distribution": many,
        "mean": draws.mean(axis=0),
        "sd": draws.std(axis=0) if many else missing,
        **_quantiles(draws),
        "crps": crps_from_draws(draws, actual) if many else np.abs(draws[0] - actual),
        "pit": randomised_pit(draws, actual, rng.random(len(actual))) if many else missing,
        "p_purchase": (draws > 0).mean(axis=0) if many else missing,
        "log_score": missing,
        "actual": actual,
    }
    return pd.DataFrame(columns)


def _total(quantity: str, totals: np.ndarray, actual: float) -> pd.DataFrame:
    row = {"quantity": quantity, "is_distribution": len(totals) > 1, "mean": totals.mean()}
    return pd.DataFrame([row | _quantiles(totals) | {"actual": actual}])


def _quantiles(draws: np.ndarray) -> dict[str, np.ndarray]:
    """By name; of a single draw the median alone."""
    found = dict(zip(QUANTILES, np.quantile(draws, LEVELS, axis=0), strict=True))
    return (
        found if len(draws) > 1 else {name: q if name == "q50" else q + np.nan for name, q in found.items()}
    )


def _tracking(log: Log, cut: int, draws: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    week = np.arange(1, WEEKS + 1)
    actual = np.histogram(log.week, bins=np.arange(WEEKS + 1))[0].astype(float)
    is_holdout = week > cut
    many = len(draws) > 1
    fading = np.linspace(1.1, 0.9, WEEKS - cut)
    weekly = draws.sum(axis=1).mean() / (WEEKS - cut) * fading / fading.mean()
    known = actual[~is_holdout].sum()
    mean, low, high, cumulative_mean, cumulative_low, cumulative_high = np.full((6, WEEKS), np.nan)
    mean[is_holdout], cumulative_mean[is_holdout] = weekly, known + np.cumsum(weekly)
    if many:
        mean[~is_holdout] = np.convolve(actual, np.ones(9) / 9, mode="same")[:cut]
        cumulative_mean[~is_holdout] = np.cumsum(mean[~is_holdout])
        paths = rng.poisson(weekly, (DRAWS, WEEKS - cut)) * rng.gamma(80, 1 / 80, (DRAWS, 1))
        low[is_holdout], high[is_holdout] = np.quantile(paths, [0.05, 0.95], axis=0)
        added_up = known + np.cumsum(paths, axis=1)
        cumulative_low[is_holdout], cumulative_high[is_holdout] = np.quantile(added_up, [0.05, 0.95], axis=0)
    table = {
        "week": week,
        "end_exclusive": START + pd.to_timedelta(7 * week, unit="D"),
        "days": np.full(WEEKS, 7.0),
        "is_holdout": is_holdout,
        "actual": actual,
        "mean": mean,
        "q05": low,
        "q95": high,
        "cumulative_actual": np.cumsum(actual),
        "cumulative_mean": cumulative_mean,
        "cumulative_q05": cumulative_low,
        "cumulative_q95": cumulative_high,
    }
    return pd.DataFrame(table)


def example_forecast(*, ids: list[str] | None = None, is_distribution: bool = True) -> Forecast:
    """Fifty customers over twelve months, with money."""
    rng = np.random.default_rng(5)
    names = [f"id-{j}" for j in range(50)] if ids is None else ids
    plan = plan_horizon("12M", pd.Timestamp("1998-07-01").to_pydatetime(), "W")
    draws, periods = (DRAWS if is_distribution else 1), len(plan.edges) - 1
    level = rng.gamma(0.8, 3, len(names))
    purchases = rng.poisson(level, (draws, len(names))).astype(float)
    value = purchases * rng.gamma(8, 5, (draws, len(names)))
    share = rng.dirichlet(np.linspace(12, 8, periods), draws)
    columns: dict[str, np.ndarray] = {
        "customer_id": np.array(names, dtype=object),
        "p_alive": rng.beta(4, 2, len(names)),
        "expected_purchases": level,
        "expected_spend": rng.gamma(8, 5, len(names)),
    }
    if is_distribution:
        columns["p_purchase"] = (purchases > 0).mean(axis=0)
    columns["clv_mean"] = value.mean(axis=0)
    if is_distribution:
        columns["clv_sd"] = value.std(axis=0)
        for q in (5, 25, 50, 75, 95):
            columns[f"clv_q{q:02d}"] = np.quantile(value, q / 100, axis=0)
    return Forecast(
        name=PARETO if is_distribution else RATE,
        is_distribution=is_distribution,
        columns=columns,
        purchases=Quantity("purchases", purchases.sum(axis=1), share * purchases.sum(axis=1)[:, None]),
        value=Quantity("value", value.sum(axis=1), share * value.sum(axis=1)[:, None]),
        horizon=plan,
        provenance={
            "forecaster": PARETO if is_distribution else RATE,
            "window": "12M: 1998-07-01 to before 1999-07-01",
            "uncertainty": "parameters and chance",
            "annual_discount_rate": 0.1,
            "margin": 0.35,
            "draws": draws,
            "seed": 5,
            "levels": (0.05, 0.25, 0.5, 0.75, 0.95),
            "fits": [{"model": "pareto_nbd", "status": "CONVERGED"}],
        },
    )
