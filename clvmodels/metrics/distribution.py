"""Scores of predictive distributions that are given as draws, quantiles or intervals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.metrics.door import as_columns, as_draws, as_share, mean_of

BLOCK_VALUES = 2**18  # 2 MB of draws at a time: they stay in the processor's cache while they are sorted


def crps_from_draws(draws: Any, actual: Any, estimator: Literal["fair", "qd"] = "fair") -> np.ndarray:
    """Continuous ranked probability score of each customer, in the unit of `actual`; 0 is perfect.

    ``CRPS(F, y) = ∫ (F(x) - 1{y <= x})² dx = E|X - y| - E|X - X'| / 2`` with X, X' drawn from F. From draws
    x_1..x_S, sorted as x_(1) <= ... <= x_(S),

        mean |x_i - y|  -  Σ (2i - S - 1) x_(i) / S²           estimator "qd"
        mean |x_i - y|  -  Σ (2i - S - 1) x_(i) / (S (S - 1))  estimator "fair"

    "qd" is the score of the empirical distribution itself, and too large by about E|X - X'| / (2S) as an
    estimate of F's: of a forecast that is right, by 1/S of the mean score, a quarter of a per cent for 400 draws.
    "fair" is unbiased for F, so that forecasts with different numbers of draws can be compared (it may fall
    slightly below 0). Rewards the whole distribution: strictly proper. A point
    forecast has `crps_of_point`, its absolute error, so both kinds share one column.

    Parameters
    ----------
    draws
        (S, n) finite draws; S >= 2 for "fair", S >= 1 for "qd".
    actual
        (n,) what happened.
    estimator
        As above.

    Returns
    -------
    (n,)
        One score per customer; their mean is the score of the forecast.

    Raises
    ------
    ArgumentError
        If shapes do not fit, values are not finite, draws are too few, or the estimator is unknown.

    References
    ----------
    Gneiting, T. and Raftery, A. E. (2007). Strictly proper scoring rules, prediction, and estimation.
    JASA 102. doi:10.1198/016214506000001437
    Ferro, C. A. T. (2014). Fair scores for ensemble forecasts. QJRMS 140. doi:10.1002/qj.2270

    Examples
    --------
    >>> crps_from_draws([[0.0, 1.0], [2.0, 1.0]], [1.0, 3.0], estimator="qd").tolist()
    [0.5, 2.0]
    >>> crps_from_draws([[0.0, 1.0], [2.0, 1.0]], [1.0, 3.0]).tolist()
    [0.0, 2.0]
    """
    if estimator not in ("fair", "qd"):
        raise ArgumentError(f"estimator={estimator!r} is neither 'fair' nor 'qd'")
    (actual,) = as_columns({"actual": actual})
    table = as_draws(draws, len(actual), least=2 if estimator == "fair" else 1)
    size = len(table)
    pairs = size * (size - 1) if estimator == "fair" else size * size
    order = (2 * np.arange(1, size + 1) - size - 1) / pairs
    scores = np.empty(len(actual))
    width = max(1, BLOCK_VALUES // size)
    for start in range(0, len(actual), width):
        block = slice(start, start + width)
        rows = np.ascontiguousarray(table[:, block].T)  # or sums would depend on how the draws lie in memory
        error = rows - actual[block, None]
        distance = np.abs(error).mean(axis=1)
        if (error[:, 1:] < error[:, :-1]).any():  # sorted draws need no sorting
            error.sort(axis=1)
        error *= order
        scores[block] = distance - error.sum(axis=1)
    return scores


def crps_of_point(actual: Any, predicted: Any) -> np.ndarray:
    """CRPS of a point forecast, which is its absolute error ``|predicted - actual|``, (n,).

    Rewards the median; never below the CRPS of the distribution whose median it is.

    Parameters
    ----------
    actual, predicted
        (n,) finite numbers, one per customer, in one order.

    Raises
    ------
    ArgumentError
        If the arrays are empty, differ in length or hold a value that is not finite.

    References
    ----------
    Gneiting, T. and Raftery, A. E. (2007). Strictly proper scoring rules, prediction, and estimation.
    JASA 102. doi:10.1198/016214506000001437

    Examples
    --------
    >>> crps_of_point([0, 3], [1, 3]).tolist()
    [1.0, 0.0]
    """
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    return np.asarray(np.abs(predicted - actual))


def pinball(actual: Any, quantile: Any, level: float) -> float:
    """Mean quantile loss, ``mean max(τ (y - q), (τ - 1) (y - q))`` at τ = `level`; 0 is perfect.

    Rewards the `level` quantile; at 0.5 it is half the absolute error. Averaged over all levels it is half
    the CRPS.

    Parameters
    ----------
    actual
        (n,) what happened.
    quantile
        (n,) predicted quantile of each customer.
    level
        Strictly between 0 and 1.

    Raises
    ------
    ArgumentError
        If arrays do not fit or the level is outside (0, 1).

    References
    ----------
    Koenker, R. and Bassett, G. (1978). Regression quantiles. Econometrica 46. doi:10.2307/1913643

    Examples
    --------
    >>> round(pinball([0, 10], [1, 1], 0.9), 6)
    4.1
    """
    tau = as_share("level", level)
    actual, quantile = as_columns({"actual": actual, "quantile": quantile})
    error = actual - quantile
    return mean_of(np.maximum(tau * error, (tau - 1) * error))


def pinball_by_level(actual: Any, quantiles: Any, levels: Sequence[float]) -> np.ndarray:
    """`pinball` at each published quantile, (Q,); their mean judges all of them at once.

    Twice the mean over levels spread evenly over (0, 1) is the CRPS; over the few that a table publishes it is
    a rough one that stresses what was published.

    Parameters
    ----------
    actual
        (n,) what happened.
    quantiles
        (Q, n) predicted quantiles, one row per level.
    levels
        Q levels, ascending, strictly between 0 and 1.

    Raises
    ------
    ArgumentError
        If shapes do not fit, levels do not ascend within (0, 1), or quantiles of a customer cross.

    References
    ----------
    Koenker, R. and Bassett, G. (1978). Regression quantiles. Econometrica 46. doi:10.2307/1913643

    Examples
    --------
    >>> pinball_by_level([0, 10], [[1, 1], [4, 8]], [0.5, 0.9]).round(6).tolist()
    [2.5, 1.1]
    """
    (actual,) = as_columns({"actual": actual})
    table = as_draws(quantiles, len(actual), what="quantiles")
    if len(table) != len(levels) or any(low >= high for low, high in pairwise(levels)):
        raise ArgumentError(
            f"{len(table)} rows of quantiles need as many ascending levels, not {list(levels)!r}"
        )
    if crossed := int((np.diff(table, axis=0) < 0).any(axis=0).sum()):
        raise ArgumentError(f"quantiles of {crossed:,} customers cross; order the rows as the levels")
    return np.array([pinball(actual, row, level) for row, level in zip(table, levels, strict=True)])


def interval_coverage(actual: Any, low: Any, high: Any) -> float:
    """Share of customers whose actual value lies in [low, high], between 0 and 1.

    Compare it with the nominal level for continuous quantities only. Counts jump over the nominal level:
    exact 90 % intervals of purchases cover some 96 % of customers, so more than nominal is no evidence of
    intervals too wide; use `pit_coverage`. No score by itself: (-inf, inf) covers everybody.

    Parameters
    ----------
    actual, low, high
        (n,) finite numbers with low <= high.

    Raises
    ------
    ArgumentError
        If arrays do not fit or a lower bound lies above its upper bound.

    References
    ----------
    Gneiting, T., Balabdaoui, F. and Raftery, A. E. (2007). Probabilistic forecasts, calibration and
    sharpness. JRSS B 69. doi:10.1111/j.1467-9868.2007.00587.x

    Examples
    --------
    >>> interval_coverage([0, 3, 5, 9], [0, 1, 6, 2], [2, 3, 8, 8])
    0.5
    """
    actual, low, high = as_columns({"actual": actual, "low": low, "high": high})
    _check_bounds(low, high)
    return float(((low <= actual) & (actual <= high)).mean())


def interval_width(low: Any, high: Any) -> float:
    """Mean width, ``mean (high - low)`` >= 0, in the unit of the bounds: sharpness, at equal calibration.

    Parameters
    ----------
    low, high
        (n,) finite numbers with low <= high.

    Raises
    ------
    ArgumentError
        If arrays do not fit or a lower bound lies above its upper bound.

    References
    ----------
    Gneiting, T., Balabdaoui, F. and Raftery, A. E. (2007). Probabilistic forecasts, calibration and
    sharpness. JRSS B 69. doi:10.1111/j.1467-9868.2007.00587.x

    Examples
    --------
    >>> interval_width([0, 1], [2, 5])
    3.0
    """
    low, high = as_columns({"low": low, "high": high})
    _check_bounds(low, high)
    return mean_of(high - low)


def _check_bounds(low: np.ndarray, high: np.ndarray) -> None:
    if crossed := int((low > high).sum()):
        raise ArgumentError(f"{crossed:,} lower bounds lie above their upper bounds; swap low and high")
