"""How far apart two forecasters are on a measure of single customers, and how much of that may be chance.

Losses are paired customer by customer. A customer known at several origins is one customer: their differences are
added up over the origins before the standard error is taken over customers. Rankings have no loss per customer;
their standard error comes from resampling customers. Neither knows of chance among seasons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels import metrics
from clvmodels.report.material import Material
from clvmodels.report.measures import RANKING_MEASURES

if TYPE_CHECKING:
    import pandas as pd

_BOUND = 2.0
_RESAMPLES, _MOST_RESAMPLED, _SEED = 200, 4000, 20
_RANKING = {"gini": metrics.normalised_gini, "capture_10": metrics.capture_of_value}


@dataclass(frozen=True)
class Lead:
    """By how much one forecaster is ahead of another on a measure.

    Attributes
    ----------
    size
        In the unit of the measure, above 0 if ahead; NaN where there is nothing to compare.
    error
        Its standard error; NaN where one customer alone shows no spread.
    """

    size: float
    error: float

    @property
    def is_clear(self) -> bool:
        """Whether it is ahead by more than two standard errors; never where the error is unknown.

        Examples
        --------
        >>> Lead(3.0, 1.0).is_clear, Lead(1.0, 1.0).is_clear, Lead(0.0, 0.0).is_clear
        (True, False, False)
        """
        return self.size > _BOUND * self.error

    @property
    def is_level(self) -> bool:
        """Whether neither of the two is clearly ahead."""
        return not abs(self.size) > _BOUND * self.error


def paired_lead(
    material: Material,
    quantity: str,
    metric: str,
    model: str,
    other: str,
    origins: Sequence[str] | None = None,
) -> Lead:
    """The lead of `model` over `other` on the average of a measure over the origins that both forecast."""
    ours, theirs = (material.outcomes(quantity, name) for name in (model, other))
    if model == other or ours is None or theirs is None:
        return Lead(math.nan, math.nan)
    shared = ours.index.intersection(theirs.index, sort=False)
    if origins is not None:
        shared = shared[shared.get_level_values("origin").isin(list(origins))]
    if shared.empty:
        return Lead(math.nan, math.nan)
    pair = ours.loc[shared], theirs.loc[shared]
    origin, customer = (shared.get_level_values(name).factorize()[0] for name in ("origin", "customer_id"))
    compare = _ranking_lead if metric in RANKING_MEASURES else _loss_lead
    return compare(metric, *pair, origin, customer)


def _loss_lead(
    metric: str, ours: pd.DataFrame, theirs: pd.DataFrame, origin: np.ndarray, customer: np.ndarray
) -> Lead:
    difference = _losses(metric, theirs, origin) - _losses(metric, ours, origin)
    rows = np.bincount(origin)
    means = np.bincount(origin, difference) / rows
    part = (difference - means[origin]) / (rows[origin] * len(rows))
    per_customer = np.bincount(customer, part)
    count = len(per_customer)
    if count < 2:
        return Lead(float(means.mean()), math.nan)
    return Lead(float(means.mean()), math.sqrt(count / (count - 1) * float(per_customer @ per_customer)))


def _losses(metric: str, table: pd.DataFrame, origin: np.ndarray) -> np.ndarray:
    """(rows,) losses whose mean at an origin is the measure.

    The root of a mean square is expanded about itself, ``√m ≈ (m / √m₀ + √m₀) / 2``, so that it, too, is a mean.
    """
    column = {name: table[name].to_numpy(dtype=float) for name in ("mean", "q50", "actual", "crps")}
    if metric == "crps":
        return column["crps"]
    if metric == "brier":
        return (table["p_purchase"].to_numpy(dtype=float) - (column["actual"] > 0)) ** 2
    error = np.abs(column["q50" if metric == "mae" else "mean"] - column["actual"])
    if metric != "rmse":
        return error
    root = np.sqrt(np.bincount(origin, error**2) / np.bincount(origin))[origin]
    return (np.divide(error**2, root, out=np.zeros_like(root), where=root > 0) + root) / 2


def _ranking_lead(
    metric: str, ours: pd.DataFrame, theirs: pd.DataFrame, origin: np.ndarray, customer: np.ndarray
) -> Lead:
    """Above `_MOST_RESAMPLED` customers that many are drawn, and the error scaled to all of them."""
    count = int(customer.max()) + 1
    row_of = np.full((int(origin.max()) + 1, count), -1)
    row_of[origin, customer] = np.arange(len(origin))
    actual = ours["actual"].to_numpy(dtype=float)
    means = [table["mean"].to_numpy(dtype=float) for table in (ours, theirs)]

    def lead(customers: Any) -> float:
        found = []
        for rows in row_of[:, customers]:
            held = rows[rows >= 0]
            if held.size:
                first, second = (_RANKING[metric](actual[held], mean[held]) for mean in means)
                found.append(first - second)
        return sum(found) / len(found) if found else math.nan

    rng = np.random.default_rng(_SEED)
    size = min(count, _MOST_RESAMPLED)
    draws = np.array([lead(rng.integers(count, size=size)) for _ in range(_RESAMPLES)])
    draws = draws[np.isfinite(draws)]
    error = float(draws.std(ddof=1)) * math.sqrt(size / count) if len(draws) > 1 and count > 1 else math.nan
    return Lead(lead(slice(None)), error)
