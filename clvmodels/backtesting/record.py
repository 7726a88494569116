"""Record: what one forecaster said at one origin and horizon, kept beside what happened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from clvmodels import metrics
from clvmodels.prediction import DrawBlock, Forecast, Quantity

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
QUANTILES = ("q05", "q25", "q50", "q75", "q95")
ALONE = ("alone_q05", "alone_q95")
"""Bounds of the 90 % interval of a total by the model alone."""
SAID = ("mean", "sd", *QUANTILES, "crps", "pit", "p_purchase", "log_score")
"""What is said of a customer, in the order of the table."""


@dataclass(frozen=True, eq=False)
class Said:
    """What a forecaster said of one horizon.

    Attributes
    ----------
    customers
        By quantity and name (see `SAID`), (n,) each; a name that is missing is missing for everybody.
    totals
        By quantity: mean and quantiles of the sum, and bounds of the model alone where they differ.
    newcomers
        By quantity (``customers``, ``purchases``, ``spend``): mean, q05 and q95; empty where none were forecast.
    is_distribution
        Whether draws stood for uncertainty.
    """

    customers: dict[str, dict[str, np.ndarray]]
    totals: dict[str, dict[str, float]]
    newcomers: dict[str, dict[str, float]]
    is_distribution: bool


@dataclass
class Record:
    """Collects a forecaster's draws of one quantity or two, block by block, and scores them."""

    actual: Mapping[str, np.ndarray]
    lots: np.ndarray
    money: str = "spend"
    parts: dict[str, list[dict[str, np.ndarray]]] = field(default_factory=dict)

    def observe(self, block: DrawBlock) -> None:
        """Score a block of draws and keep the scores."""
        if "purchases" in self.actual:
            expected = block.columns.get("expected_purchases")
            self._keep("purchases", block, block.sorted_purchases, mean=expected)
        if block.value is not None and self.money in self.actual:
            self._keep(self.money, block, block.sorted_value, mean=block.value_mean, sd=block.value_sd)

    def _keep(self, quantity: str, block: DrawBlock, ordered: np.ndarray, **known: np.ndarray | None) -> None:
        row = score_draws(ordered, self.actual[quantity][block.index], self.lots[block.index], **known)
        row["index"] = block.index
        if len(block.purchases) > 1:
            row["p_purchase"] = block.p_purchase
        self.parts.setdefault(quantity, []).append(row)

    def customers(self) -> dict[str, dict[str, np.ndarray]]:
        """The scores of all customers, by quantity and name, in the order of the summary."""
        found = {}
        for quantity, parts in self.parts.items():
            columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            order = np.argsort(columns.pop("index"), kind="stable")
            found[quantity] = {name: column[order] for name, column in columns.items()}
        return found


def score_draws(
    ordered: np.ndarray,
    actual: np.ndarray,
    lots: np.ndarray,
    mean: np.ndarray | None = None,
    sd: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Mean, sd, quantiles, CRPS and randomised PIT of (m, S) sorted draws, (m,) each; of one draw what a point has.

    The mean and sd are those of the draws where they are not given.

    Examples
    --------
    >>> said = score_draws(np.array([[0.0, 1.0, 5.0]]), np.array([1.0]), np.array([0.5]))
    >>> [float(said[name][0].round(3)) for name in ("mean", "sd", "q50", "pit")]
    [2.0, 2.16, 1.0, 0.5]
    """
    if ordered.shape[1] == 1:
        point = ordered[:, 0]
        said = {"mean": point, "q50": point, "crps": metrics.crps_of_point(actual, point)}
        return said if mean is None else {**said, "mean": mean}
    return {
        "mean": ordered.mean(axis=1) if mean is None else mean,
        "sd": ordered.std(axis=1) if sd is None else sd,
        **dict(zip(QUANTILES, _quantiles(ordered), strict=True)),
        "crps": metrics.crps_from_draws(ordered.T, actual),
        "pit": metrics.randomised_pit(ordered.T, actual, lots),
    }


def _quantiles(ordered: np.ndarray) -> list[np.ndarray]:
    """Linear interpolation between the order statistics of (m, S) sorted draws, at `LEVELS`."""
    found = []
    for level in LEVELS:
        place = level * (ordered.shape[1] - 1)
        below = int(place)
        above = min(below + 1, ordered.shape[1] - 1)
        high = ordered[:, above]
        between = ordered[:, below] + (place - below) * (high - ordered[:, below])
        found.append(np.minimum(between, high))  # rounding must not carry it over the next quantile
    return found


def total_of(quantity: str, total: Quantity, forecast: Forecast, actual: np.ndarray) -> dict[str, float]:
    """Mean and quantiles of a total; the mean adds up those of the customers, exact where the forecaster knows them.

    Where the draws hold what moves all customers at once, the interval of the model alone stands beside them.
    """
    column = "clv_mean" if quantity != "purchases" else "expected_purchases"
    means = forecast.columns.get(column)
    mean = total.mean if means is None else math.fsum(means.tolist())
    row = {"mean": mean}
    if forecast.is_distribution:
        row |= dict(zip(QUANTILES, np.quantile(total.draws, LEVELS).tolist(), strict=True))
        if total.alone is not None:
            row |= dict(zip(ALONE, total.alone.interval(), strict=True))
    else:
        row["q50"] = mean
    return row | {"actual": math.fsum(actual.tolist())}
