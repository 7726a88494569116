"""Scorecard: what a backtest predicted, what happened, and how far apart they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clvmodels.backtesting.scoring import score_predictions
from clvmodels.cards import card, table
from clvmodels.errors import check_choice, check_kind
from clvmodels.prediction import labelled

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ("rmse", "mae", "crps", "coverage_90", "bias_total", "skill_crps")
_MOST_ROWS = 12
_BY_HORIZON = ("predictions", "totals", "tracking", "newcomers")


@dataclass(frozen=True, eq=False)
class Scorecard:
    """The record of a backtest; `scores` is computed from it and never refits.

    Every table is tidy. `origin` is the last observed date (text), `horizon` the length of the holdout as it was
    asked for (text), `model` the forecaster's name. `quantity` is ``purchases``, ``spend`` (undiscounted, full
    margin) or ``value`` (discounted margin, where a rate or a margin was given). Columns q05 to q95 are quantiles
    of the predictive distribution; q05 to q95 is its central 90 % interval.

    Attributes
    ----------
    predictions
        origin, horizon, model, quantity, customer_id, frequency, recency, T (of the calibration, in the summary's
        unit), cohort (month of the first purchase), is_distribution, mean, sd, q05, q25, q50, q75, q95, crps, pit
        (randomised), p_purchase, log_score (``-log P(count)``, of forecasters that know the probability of a count;
        purchases only), actual. A point forecast is its own q50; it has no sd, no other quantile, no pit and no
        probability.
    totals
        origin, horizon, model, quantity, is_distribution, mean, q05, q25, q50, q75, q95, alone_q05, alone_q95 (the
        90 % interval of the model alone, where the others hold what moves all customers at once), actual: sums over
        the customers known at the origin.
    tracking
        origin, horizon (the longest), model, week (of the log, 1-based), end_exclusive, days, is_holdout, actual,
        mean, q05, q95, and the same four with prefix ``cumulative_``: repeat purchases per week of the customers
        known at the origin. In the calibration part `mean` is what the model expects knowing nothing but births,
        and q05 and q95 are missing.
    fits
        origin, model, status (``ok`` or ``failed``), convergence (outcome of each posterior; empty where there is no
        optimum to find), reason, warnings, summary, fit_seconds, forecast_seconds, discrepancy (sigma of the shock that
        its forecasts held; missing where they held none); a failed fit is a row, too.
    newcomers
        origin, horizon, model, quantity (``customers``, ``purchases`` or ``spend``), mean, q05, q95, actual:
        customers first seen in the holdout, first purchases included. The forecast is missing where a forecaster
        makes none.
    data
        origin, customers, rows_used, overlaps (horizons whose holdout begins before that of the origin before is
        over), report: what the summary of each origin was made of.
    baseline
        Name of the forecaster that skill is measured against, or None.
    provenance
        Horizons, draws, seed, interval level, time unit, versions; `overlapping_horizons` says at which horizons
        holdouts overlap: their origins are not independent, and no standard error may be taken over them.
    """

    predictions: pd.DataFrame
    totals: pd.DataFrame
    tracking: pd.DataFrame
    fits: pd.DataFrame
    newcomers: pd.DataFrame
    data: pd.DataFrame
    baseline: str | None
    provenance: Mapping[str, Any]

    @property
    def horizons(self) -> list[str]:
        """The horizons that were scored, shortest first."""
        return [str(horizon) for horizon in dict.fromkeys(self.totals["horizon"])]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Tidy scores: origin, horizon, quantity, model, metric, value, n (customers). See `score_predictions`."""
        return score_predictions(self.predictions, self.totals, self.baseline, self.tracking)

    def at(self, horizon: str | None = None) -> Scorecard:
        """The scorecard of one horizon, by default the longest.

        Parameters
        ----------
        horizon
            One of `horizons`. Tracking is there for the longest only.

        Raises
        ------
        ArgumentError
            If there is no such horizon.
        """
        known = self.horizons
        if len(known) < 2 and horizon in (None, *known):
            return self
        chosen = known[-1] if horizon is None else horizon
        check_choice("horizon", chosen, known)
        tables = {name: getattr(self, name) for name in _BY_HORIZON}
        rows = {name: table[table["horizon"] == chosen] for name, table in tables.items()}
        return replace(self, **rows, provenance={**self.provenance, "horizon": chosen})

    def table(self, quantity: str = "purchases", horizon: str | None = None) -> pd.DataFrame:
        """One row per origin and model, one column per metric, for one quantity and horizon (the longest).

        Parameters
        ----------
        quantity
            ``"purchases"`` or, where the log holds amounts, ``"spend"``.
        horizon
            One of `horizons`.

        Raises
        ------
        ArgumentError
            If that was not scored.
        """
        scores = self.scores
        check_choice("quantity", quantity, dict.fromkeys(scores["quantity"]))
        horizon = self.horizons[-1] if horizon is None else horizon
        check_choice("horizon", horizon, self.horizons)
        chosen = scores[(scores["quantity"] == quantity) & (scores["horizon"] == horizon)]
        wide = chosen.pivot(index=["origin", "model"], columns="metric", values="value")
        order = list(dict.fromkeys(chosen["metric"]))
        models = list(dict.fromkeys(chosen["model"]))
        wide = wide[order].reindex(models, level="model")
        return labelled(wide, {**self.provenance, "quantity": quantity, "horizon": horizon})

    def __repr__(self) -> str:
        origins, models = self.fits["origin"].nunique(), self.fits["model"].nunique()
        return f"Scorecard({models} forecasters, {origins} origins, horizons {', '.join(self.horizons)})"

    def _repr_html_(self) -> str:
        quantities = list(dict.fromkeys(self.scores["quantity"]))
        wide = {quantity: self.table(quantity) for quantity in quantities}
        shown = [name for name in _SHOWN if any(name in found.columns for found in wide.values())]
        rows = [
            [quantity, *place, *(row.get(name) for name in shown)]
            for quantity, found in wide.items()
            for place, row in zip(found.index, found.to_dict("records"), strict=True)
        ]
        failed = int((self.fits["status"] == "failed").sum())
        lines = [
            f"holdout of {self.horizons[-1]}; less is better, but coverage should be near 0.9 and bias near 0"
        ]
        lines += [f"{failed} fits failed: see .fits"] if failed else []
        known = ("interval", "crps", "draws", "seed", "time_unit", "period", "versions")
        return card(
            f"Backtest: {self.fits['model'].nunique()} forecasters, {self.fits['origin'].nunique()} origins",
            lines,
            [table(["quantity", "origin", "model", *shown], rows[:_MOST_ROWS], of=len(rows))],
            {name: self.provenance[name] for name in known if name in self.provenance},
        )


def check_scorecard(scorecard: Any) -> None:
    """Refuse what is no `Scorecard`.

    Raises
    ------
    ArgumentError
        If it is none.
    """
    check_kind("scorecard", scorecard, Scorecard, "make one with backtest(log, forecasters)")
