"""Record: what one forecaster said at one origin, kept beside what happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels import metrics
from clvmodels.contracts import FittedForecaster
from clvmodels.forecast.simulation import customer_stream
from clvmodels.prediction import DrawBlock, Forecast, over_draws, tail_levels
from clvmodels.rfm import RFM
from clvmodels.transactions import Holdout
from clvmodels.units import last_observed, unit_days

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (*tail_levels(0.9), 0.5)


@dataclass
class Record:
    """Collects one forecaster's draws at one origin, block by block, and turns them into rows."""

    name: str
    rfm: RFM
    holdout: Holdout
    seed: int
    reason: str = ""
    summary: str = ""
    fit_seconds: float = float("nan")
    forecast_seconds: float = float("nan")
    is_done: bool = False
    is_distribution: bool = False
    forecast: Forecast | None = None
    weeks: dict[str, np.ndarray] = field(default_factory=dict)
    parts: dict[str, list[dict[str, np.ndarray]]] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Last observed date, as text."""
        return str(last_observed(self.holdout.start))

    @property
    def actual(self) -> dict[str, np.ndarray]:
        """What happened, (n,) per quantity."""
        found = {"purchases": self.holdout.purchases}
        if self.holdout.spend is not None:
            found["spend"] = self.holdout.spend
        return found

    def observe(self, block: DrawBlock) -> None:
        """Score a block of draws and keep the scores."""
        drawn = {"purchases": block.purchases}
        if block.value is not None and "spend" in self.actual:
            drawn["spend"] = block.value
        for quantity, draws in drawn.items():
            row = self._score(draws, self.actual[quantity][block.index], block.index)
            row["p_purchase"] = over_draws(block.purchases > 0)
            if quantity == "spend":
                row["mean"] = block.value_mean()
            elif "expected_purchases" in block.columns:
                row["mean"] = block.columns["expected_purchases"]
            self.parts.setdefault(quantity, []).append(row)

    def _score(self, draws: np.ndarray, actual: np.ndarray, index: np.ndarray) -> dict[str, np.ndarray]:
        if len(draws) == 1:
            missing = np.full(len(actual), np.nan)
            point = draws[0]
            error = metrics.crps_of_point(actual, point)
            return {
                "mean": point,
                "median": point,
                "low": missing,
                "high": missing,
                "crps": error,
                "pit": missing,
            }
        low, high, median = np.quantile(draws, LEVELS, axis=0)
        lots = [
            customer_stream(self.seed, identity, "lot").random() for identity in self.rfm.customer_id[index]
        ]
        return {
            "mean": over_draws(draws),
            "median": median,
            "low": low,
            "high": high,
            "crps": metrics.crps_from_draws(draws, actual),
            "pit": metrics.randomised_pit(draws, actual, lots),
        }

    def finish(self, forecast: Forecast, weeks: dict[str, np.ndarray]) -> None:
        """Close the record with the forecast's totals and weeks."""
        self.forecast, self.weeks, self.is_done = forecast, weeks, True
        self.is_distribution = forecast.is_distribution

    def predictions(self) -> pd.DataFrame:
        """One row per quantity and customer."""
        import pandas as pd

        tables = []
        for quantity, parts in self.parts.items():
            scored = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            table = pd.DataFrame(
                {"customer_id": self.rfm.customer_id, "frequency": self.rfm.frequency, **scored}
            )
            if not self.is_distribution:
                table["p_purchase"] = np.nan
            table["actual"] = self.actual[quantity]
            tables.append(self._signed(table, quantity))
        return pd.concat(tables, ignore_index=True)

    def totals(self) -> pd.DataFrame:
        """One row per quantity."""
        import pandas as pd

        if self.forecast is None:
            return pd.DataFrame()
        drawn = {"purchases": self.forecast.purchases, "spend": self.forecast.value}
        rows = []
        for quantity in self.parts:
            total = drawn[quantity]
            if total is None:
                continue
            low, high = total.interval(0.9) if self.is_distribution else (np.nan, np.nan)
            mean = total.mean
            if quantity == "purchases" and "expected_purchases" in self.forecast.columns:
                mean = float(self.forecast.columns["expected_purchases"].sum())
            row = {"mean": mean, "low": low, "high": high, "actual": float(self.actual[quantity].sum())}
            rows.append(self._signed(pd.DataFrame([row]), quantity))
        return pd.concat(rows, ignore_index=True)

    def tracking(self) -> pd.DataFrame:
        """One row per week."""
        import pandas as pd

        table = pd.DataFrame(self.weeks)
        table.insert(0, "model", self.name)
        table.insert(0, "origin", self.origin)
        return table

    def _signed(self, table: pd.DataFrame, quantity: str) -> pd.DataFrame:
        table.insert(0, "is_distribution", self.is_distribution)
        table.insert(0, "quantity", quantity)
        table.insert(0, "model", self.name)
        table.insert(0, "origin", self.origin)
        return table

    def fit_row(self) -> dict[str, Any]:
        """How the fit went and what it cost."""
        return {
            "origin": self.origin,
            "model": self.name,
            "status": "ok" if self.is_done else "failed",
            "reason": self.reason,
            "summary": self.summary,
            "fit_seconds": self.fit_seconds,
            "forecast_seconds": self.forecast_seconds,
        }

    def newcomer_row(self) -> dict[str, Any]:
        """Customers first seen in the holdout."""
        return {
            "origin": self.origin,
            "customers": self.holdout.new_customers,
            "purchases": self.holdout.new_purchases,
            "spend": np.nan if self.holdout.new_spend is None else self.holdout.new_spend,
        }

    def data_row(self) -> dict[str, Any]:
        """What the summary of this origin was made of, and what is worth knowing of its holdout."""
        report = self.rfm.report
        lines = [] if report is None else [str(report)]
        lines += [f"holdout: {note}" for note in self.holdout.notes]
        return {
            "origin": self.origin,
            "customers": len(self.rfm),
            "rows_used": None if report is None else report.rows_used,
            "report": "\n".join(lines),
        }


def weekly_record(
    rfm: RFM, holdout: Holdout, fitted: FittedForecaster, forecast: Forecast
) -> dict[str, np.ndarray]:
    """Actual and expected repeat purchases per week of the known customers, (W,) columns by name.

    `week` counts from the first week of the log, `days` says how long it is: the last week of a holdout
    may be short. `low`, `high` and their cumulative twins are central 90 % predictive intervals, missing
    in the calibration and for point forecasts. In the holdout cumulative forecasts start from what had
    happened by the origin.
    """
    unit = unit_days(rfm.time_unit)
    week, ahead = 7 / unit, forecast.horizon.edges
    back = np.arange(-int(np.ceil(rfm.T.max() / week - 1e-9)), 1) * week
    before = holdout.before.totals(back, repeat_only=True)[0]
    after = holdout.after.totals(ahead)[0]
    expected = expected_weeks(rfm, fitted, back)
    mean = forecast.purchases.period_draws.mean(axis=0)
    known = before.sum()
    ends = np.concatenate([back[1:], ahead[1:]]) * unit
    columns = {
        "week": np.arange(1, len(ends) + 1),
        "end_exclusive": np.array(
            [holdout.start + timedelta(days=end) for end in ends], dtype="datetime64[us]"
        ),
        "days": np.round(np.concatenate([np.diff(back), np.diff(ahead)]) * unit, 9),
        "is_holdout": ends > 0,
        "actual": np.concatenate([before, after]),
        "mean": np.concatenate([expected, mean]),
        "cumulative_actual": np.cumsum(np.concatenate([before, after])),
        "cumulative_mean": np.concatenate([np.cumsum(expected), known + np.cumsum(mean)]),
    }
    return columns | _bands(forecast, known, len(before))


def _bands(forecast: Forecast, known: float, weeks_before: int) -> dict[str, np.ndarray]:
    """Bounds of the weeks and of their running sum; missing before the origin and for a point forecast."""
    draws = forecast.purchases.period_draws
    missing = np.full((2, weeks_before), np.nan)
    columns: dict[str, np.ndarray] = {}
    for prefix, values in (("", draws), ("cumulative_", known + np.cumsum(draws, axis=1))):
        bounds = np.full((2, draws.shape[1]), np.nan)
        if forecast.is_distribution:
            bounds = np.quantile(values, LEVELS[:2], axis=0)
        low, high = np.concatenate([missing, bounds], axis=1)
        columns |= {f"{prefix}low": low, f"{prefix}high": high}
    return columns


def expected_weeks(rfm: RFM, fitted: FittedForecaster, edges: np.ndarray) -> np.ndarray:
    """(W,) repeat purchases expected between edges (W+1,) <= 0 from the origin, knowing nothing but births.

    ``sum over customers of E[X(T + edge)]`` from edge to edge; nan if the forecaster has no such notion.
    """
    age_at_origin, customers = np.unique(rfm.T, return_counts=True)
    ages = np.maximum(age_at_origin[:, None] + edges, 0.0)
    curve = fitted.expected_history(ages.ravel())
    if curve is None:
        return np.full(len(edges) - 1, np.nan)
    return np.diff(customers @ curve.reshape(ages.shape))
