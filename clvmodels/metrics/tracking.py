"""How closely a forecast of totals follows them week by week."""

from __future__ import annotations

from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.metrics.door import as_columns, mean_of


def tracking_error(actual: Any, predicted: Any) -> dict[str, float]:
    """Errors of a weekly forecast of the total, in per cent; 0 is perfect.

    With running sums A_t and P_t,

    - ``cumulative_mape``: mean of ``100 |P_t - A_t| / A_t``, the usual number of tracking plots. Past weeks stay
      in the sum, so it is kind to the last weeks and hard on the first;
    - ``cumulative_max``: the largest of these errors;
    - ``weekly_mape``: mean of ``100 |p_t - a_t| / a_t`` of the single weeks, which noise alone keeps above 0.

    Weeks without actual purchases (of the running sum, or of the week) are left out, and a metric without any
    week is nan. It describes; it is not proper: percentages reward forecasts that are too low.

    Parameters
    ----------
    actual, predicted
        (W,) amounts per week of the holdout, in order of time. Put the calibration in front and the curve
        starts from the birth of the log: errors then look smaller.

    Raises
    ------
    ArgumentError
        If the arrays are empty, differ in length, or hold a value that is negative or not finite.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way. Marketing
    Science 24. doi:10.1287/mksc.1040.0098

    Examples
    --------
    >>> tracking_error([10, 10, 20], [11, 11, 18])["cumulative_max"]
    10.0
    """
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    if negative := int((actual < 0).sum() + (predicted < 0).sum()):
        raise ArgumentError(
            f"{negative:,} weekly amounts are negative; pass amounts per week, not differences"
        )
    running = _percentages(np.cumsum(actual), np.cumsum(predicted))
    weekly = _percentages(actual, predicted)
    return {
        "cumulative_mape": mean_of(running) if len(running) else np.nan,
        "cumulative_max": float(running.max()) if len(running) else np.nan,
        "weekly_mape": mean_of(weekly) if len(weekly) else np.nan,
    }


def _percentages(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    known = actual > 0
    return 100 * np.abs(predicted[known] - actual[known]) / actual[known]
