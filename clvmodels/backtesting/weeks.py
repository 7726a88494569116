"""Weeks: repeat purchases of the known customers week by week, as they happened and as they were expected."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from clvmodels.contracts import FittedForecaster
from clvmodels.prediction import Forecast, tail_levels
from clvmodels.rfm import RFM
from clvmodels.transactions import Holdout
from clvmodels.units import unit_days


def weekly_record(
    rfm: RFM, holdout: Holdout, fitted: FittedForecaster, forecast: Forecast
) -> dict[str, np.ndarray]:
    """Actual and expected repeat purchases per week of the known customers, (W,) columns by name.

    `week` counts from the first week of the log, `days` says how long it is: the last week of a holdout
    may be short. `q05`, `q95` and their cumulative twins are central 90 % predictive intervals, missing
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
            bounds = np.quantile(values, tail_levels(0.9), axis=0)
        low, high = np.concatenate([missing, bounds], axis=1)
        columns |= {f"{prefix}q05": low, f"{prefix}q95": high}
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
