"""How far apart two forecasters are on a measure of single customers, and how much of that may be chance.

Losses are paired customer by customer, and customers are resampled: a customer known at several origins is one
customer, drawn with all that is known of them or not at all. Origins are never resampled: their holdouts may overlap,
and nobody knows how they are related. Rankings have no loss per customer; customers are resampled, too, and the
spread of what comes out gives their interval. None of this knows of chance among seasons.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clvmodels import metrics
from clvmodels.report.material import Material, Outcomes
from clvmodels.report.measures import RANKING_MEASURES

CHANCE = "central 90 % interval over resampled customers"
_TAILS = (0.05, 0.95)
_RESAMPLES, FEWEST = 2000, 20
_RANKED, _MOST_RANKED, _SEED = 200, 4000, 20
SPREAD = f"from the quantiles of {_RANKED} resamples"
_RANKING: Mapping[str, Any] = {
    "gini": metrics.normalised_gini,
    "spearman": metrics.spearman,
    "capture_05": lambda actual, mean: metrics.capture_of_value(actual, mean, 0.05),
    "capture_10": metrics.capture_of_value,
    "capture_20": lambda actual, mean: metrics.capture_of_value(actual, mean, 0.2),
    "capture_customers_10": metrics.capture_of_customers,
}


@dataclass(frozen=True)
class Lead:
    """By how much one forecaster is ahead of another on a measure, with central 90 % intervals over customers.

    Attributes
    ----------
    size, low, high
        In the unit of the measure, above 0 if ahead; the bounds are NaN where the customers are too few to resample.
    percent, percent_low, percent_high
        The same as a share of the other's loss, in per cent; NaN for rankings, and where the other loses nothing.
    """

    size: float
    low: float = math.nan
    high: float = math.nan
    percent: float = math.nan
    percent_low: float = math.nan
    percent_high: float = math.nan

    @property
    def is_clear(self) -> bool:
        """Whether it is ahead beyond chance: the whole interval lies above 0.

        Examples
        --------
        >>> Lead(3.0, 1.0, 5.0).is_clear, Lead(1.0, -1.0, 3.0).is_clear, Lead(0.0, 0.0, 0.0).is_clear
        (True, False, False)
        """
        return self.low > 0

    @property
    def is_behind(self) -> bool:
        """Whether it is behind beyond chance."""
        return self.high < 0

    @property
    def is_level(self) -> bool:
        """Whether neither of the two is clearly ahead."""
        return not (self.is_clear or self.is_behind)


NOWHERE = Lead(math.nan)


def paired_lead(
    material: Material,
    quantity: str,
    metric: str,
    model: str,
    other: str,
    origins: Sequence[str] | None = None,
) -> Lead:
    """The lead of `model` over `other` on the average of a measure over the origins that both forecast."""
    asked = (quantity, metric, model, other, None if origins is None else tuple(origins))
    if asked not in material.leads:
        material.leads[asked] = _lead(material, *asked)
    found: Lead = material.leads[asked]
    return found


def _lead(
    material: Material, quantity: str, metric: str, model: str, other: str, origins: Sequence[str] | None
) -> Lead:
    ours, theirs = (material.outcomes(quantity, name) for name in (model, other))
    if model == other or ours is None or theirs is None:
        return NOWHERE
    shared, mine, yours = np.intersect1d(ours.key, theirs.key, assume_unique=True, return_indices=True)
    pair = ours.take(mine), theirs.take(yours)
    if origins is not None:
        kept = np.isin(pair[0].origin, [material.origins.index(origin) for origin in origins])
        pair = pair[0].take(kept), pair[1].take(kept)
        shared = shared[kept]
    if not len(shared):
        return NOWHERE
    return _ranking_lead(metric, *pair) if metric in RANKING_MEASURES else _loss_lead(metric, *pair)


def _loss_lead(metric: str, ours: Outcomes, theirs: Outcomes) -> Lead:
    customers, customer = np.unique(ours.customer, return_inverse=True)
    columns = []
    losses = _losses(metric, ours), _losses(metric, theirs)
    places = np.unique(ours.origin)
    for place in places:
        there = ours.origin == place
        for weights in (*(loss[there] for loss in losses), np.ones(int(there.sum()))):
            columns.append(np.bincount(customer[there], weights, len(customers)))
    whole = np.array([column.sum() for column in columns])[None]
    best = _means(whole, len(places), is_root=metric == "rmse")
    size, percent = float(best[1, 0] - best[0, 0]), float(_percent(best)[0])
    if len(customers) < FEWEST:
        return Lead(size, percent=percent)
    sums = metrics.resampled_sums(columns, np.arange(len(customers)), seed=_SEED, resamples=_RESAMPLES)
    means = _means(sums, len(places), is_root=metric == "rmse")
    return Lead(size, *_bounds(means[1] - means[0]), percent, *_bounds(_percent(means)))


def _losses(metric: str, said: Outcomes) -> np.ndarray:
    """(rows,) losses whose mean at an origin is the measure, or its square for the RMSE."""
    if metric == "crps":
        return said["crps"]
    if metric == "log_score":
        return said["log_score"]
    if metric == "brier":
        return (said["p_purchase"] - (said["actual"] > 0)) ** 2
    error = np.abs(said["q50" if metric == "mae" else "mean"] - said["actual"])
    return error**2 if metric == "rmse" else error


def _means(sums: np.ndarray, origins: int, *, is_root: bool) -> np.ndarray:
    """(2, R) averages over origins of both measures, from (R, 3 * origins) sums of losses and customers."""
    parts = sums.reshape(len(sums), origins, 3)
    with np.errstate(divide="ignore", invalid="ignore"):  # an origin of which no customer was drawn
        means = parts[:, :, :2] / parts[:, :, 2:]
    found: np.ndarray = (np.sqrt(means) if is_root else means).mean(axis=1).T
    return found


def _percent(means: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):  # no loss, nothing to have a share of
        found: np.ndarray = np.where(means[1] > 0, 100 * (1 - means[0] / means[1]), np.nan)
    return found


def _bounds(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if len(finite) < 0.99 * len(values):
        return math.nan, math.nan
    low, high = np.quantile(finite, _TAILS)
    return float(low), float(high)


def _ranking_lead(metric: str, ours: Outcomes, theirs: Outcomes) -> Lead:
    """Above `_MOST_RANKED` customers that many are drawn, and the spread scaled to all of them.

    Quantiles and not a normal: where one customer holds much of the money, the draws with and without it lie apart.
    """
    customers, customer = np.unique(ours.customer, return_inverse=True)
    places, origin = np.unique(ours.origin, return_inverse=True)
    row_of = np.full((len(places), len(customers)), -1)
    row_of[origin, customer] = np.arange(len(origin))
    actual, means = ours["actual"], (ours["mean"], theirs["mean"])

    def lead(chosen: Any) -> float:
        found = []
        for rows in row_of[:, chosen]:
            held = rows[rows >= 0]
            if held.size:
                first, second = (_RANKING[metric](actual[held], mean[held]) for mean in means)
                found.append(first - second)
        return sum(found) / len(found) if found else math.nan

    size, whole = min(len(customers), _MOST_RANKED), lead(slice(None))
    if len(customers) < FEWEST:
        return Lead(whole)
    rng = np.random.default_rng(_SEED)
    draws = np.array([lead(rng.integers(len(customers), size=size)) for _ in range(_RANKED)])
    draws = draws[np.isfinite(draws)]
    if len(draws) < 2:
        return Lead(whole)
    around = (np.quantile(draws, _TAILS) - draws.mean()) * math.sqrt(size / len(customers))
    return Lead(whole, whole + float(around[0]), whole + float(around[1]))
