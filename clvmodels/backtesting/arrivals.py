"""Arrivals: how many customers will come who are not there yet, and what they will buy."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

import numpy as np

from clvmodels.contracts import FittedForecaster
from clvmodels.forecast.simulation import customer_stream
from clvmodels.prediction import DrawBlock
from clvmodels.rfm import RFM
from clvmodels.units import Moment, unit_days

STRETCH_WEEKS = 13
"""The last weeks of the calibration that tell how many come: a quarter, or what there is."""
MOST_GROUPS = 200
"""Above as many arrivals they come in groups that arrive together."""


def takes(fitted: FittedForecaster, *names: str) -> bool:
    """Whether a forecaster's `forecast` has these arguments, which the contract leaves to it."""
    return set(names) <= set(signature(fitted.forecast).parameters)


def arrival_draws(
    ages: np.ndarray, weeks: float, unit: str, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """(S,) draws of how many customers arrive in the next `weeks`, from the ages of those who are there.

    The mean is that of the last `STRETCH_WEEKS` weeks (K of them, m per week), ``μ = m·W``. Chance and the
    uncertainty of m give the variance ``φ μ (1 + W/K)``, where φ >= 1 is the variance of the weekly counts over
    their mean: a negative-binomial distribution with these two moments. Nobody in the last weeks means nobody.
    The law knows neither season nor campaign.

    Parameters
    ----------
    ages
        (n,) ages at the origin, in `unit`.
    weeks
        Length of the window.
    unit, draws, rng
        Of the ages; how many; their chance.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> arrival_draws(np.arange(130) / 10, 26.0, "W", 4000, rng).mean().round(-1)
    np.float64(260.0)
    >>> arrival_draws(np.full(50, 40.0), 26.0, "W", 3, rng).tolist()
    [0, 0, 0]
    """
    if not len(ages):
        return np.zeros(draws, dtype=int)
    week = 7 / unit_days(unit)
    count = int(np.clip(np.floor(ages.max() / week), 1, STRETCH_WEEKS))
    recent = np.floor(ages / week + 1e-9)
    per_week = np.bincount(recent[recent < count].astype(int), minlength=count)
    rate = float(per_week.mean())
    if rate == 0:
        return np.zeros(draws, dtype=int)
    dispersion = max(1.0, float(per_week.var(ddof=1)) / rate) if count > 1 else 1.0
    mean = rate * weeks
    excess = dispersion * (1 + weeks / count) - 1  # variance over mean, minus the Poisson's 1
    return rng.negative_binomial(mean / excess, 1 / (1 + excess), draws)


def newcomer_draws(
    fitted: Any,
    rfm: RFM,
    ages: np.ndarray,
    last: Moment,
    weeks: float,
    options: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    """(S,) draws of customers, purchases and spend of those who will come in a window, first purchases included.

    Arrivals spread evenly over the window; whoever arrives lives the rest of it as `RFM.newcomers` do. First
    purchases are worth what those of known customers were worth.

    Parameters
    ----------
    fitted
        A forecaster whose `forecast` takes `rfm` and `block_size`.
    rfm, ages
        The known customers; and the ages of all who count as arrivals.
    last, weeks
        Last date of the window, and its length in weeks.
    options
        Further arguments of the forecast: draws and seed at least.
    """
    draws, rng = options["draws"], customer_stream(options["seed"], "all", "arrivals")
    counts = arrival_draws(ages, weeks, rfm.time_unit, draws, rng)
    first_spend = rfm.statistics.get("spend_first")
    totals = {"customers": counts.astype(float), "purchases": counts.astype(float)}
    if rfm.has_spend and first_spend is not None:
        totals["spend"] = np.zeros(draws)
    most = int(counts.max())
    if most == 0:
        return totals
    size = -(-most // MOST_GROUPS)
    in_groups = counts / size  # the last group of a draw counts in part
    groups = -(-most // size)

    def observe(block: DrawBlock) -> None:
        number = int(block.index[0]) // size
        weight = np.clip(in_groups - number, 0.0, 1.0)
        place = (number + weight * rng.random(draws)) / np.maximum(in_groups, 1 / size)
        left = 1.0 - np.minimum(place, 1.0)
        totals["purchases"] += weight * _by(block.period_purchases, left)
        if "spend" in totals and block.period_value is not None and first_spend is not None:
            opening = rng.choice(first_spend, (size, draws)).sum(axis=0)
            totals["spend"] += weight * (opening + _by(block.period_value, left))

    fitted.forecast(
        last,
        rfm=rfm.newcomers(groups * size),
        period="D" if weeks < 13 else "W",
        observe=observe,
        block_size=size,
        **options,
    )
    return totals


def _by(per_period: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(S,) sum over the first `share` (S,) of the periods of (S, K), the last one in part."""
    running = np.pad(np.cumsum(per_period, axis=1), ((0, 0), (1, 0)))
    place = share * per_period.shape[1]
    below = np.minimum(place.astype(int), per_period.shape[1] - 1)
    row = np.arange(len(running))
    return running[row, below] + (place - below) * (running[row, below + 1] - running[row, below])
