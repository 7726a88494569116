"""Scorecard: what a backtest predicted, what happened, and how far apart they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clvmodels.backtesting.scoring import score_predictions
from clvmodels.prediction import labelled

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Scorecard:
    """The record of a backtest; `scores` is computed from it and never refits.

    Every table is tidy. `origin` is the last observed date (text), `model` the forecaster's name,
    `quantity` is ``purchases`` or ``spend`` (undiscounted, full margin).

    Attributes
    ----------
    predictions
        origin, model, quantity, customer_id, frequency (calibration), is_distribution, mean, median, low,
        high (central 90 % predictive interval; missing for a point forecast), crps, pit (randomised;
        missing for a point forecast), p_purchase, actual.
    totals
        origin, model, quantity, is_distribution, mean, low, high, actual: sums over the customers known
        at the origin.
    tracking
        origin, model, week (of the log, 1-based), end_exclusive, days, is_holdout, actual, mean, low, high, and
        the same four with prefix ``cumulative_``: repeat purchases per week of the customers known at the
        origin. In the calibration part `mean` is what the model expects knowing nothing but births, and
        low and high are missing.
    fits
        origin, model, status, reason, summary, fit_seconds, forecast_seconds; a failed fit is a row, too.
    newcomers
        origin, customers, purchases, spend: customers first seen in the holdout, scored nowhere.
    data
        origin, customers, rows_used, report: what the summary of each origin was made of.
    baseline
        Name of the forecaster that skill is measured against, or None.
    provenance
        Horizon, draws, seed, interval level, time unit, versions.
    """

    predictions: pd.DataFrame
    totals: pd.DataFrame
    tracking: pd.DataFrame
    fits: pd.DataFrame
    newcomers: pd.DataFrame
    data: pd.DataFrame
    baseline: str | None
    provenance: Mapping[str, Any]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Tidy scores: origin, quantity, model, metric, value, n (customers). See `score_predictions`."""
        return score_predictions(self.predictions, self.totals, self.baseline)

    def table(self, quantity: str = "purchases") -> pd.DataFrame:
        """One row per origin and model, one column per metric, for one quantity."""
        chosen = self.scores[self.scores["quantity"] == quantity]
        wide = chosen.pivot(index=["origin", "model"], columns="metric", values="value")
        order = list(dict.fromkeys(chosen["metric"]))
        models = list(dict.fromkeys(chosen["model"]))
        wide = wide[order].reindex(models, level="model")
        return labelled(wide, {**self.provenance, "quantity": quantity})
