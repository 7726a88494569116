"""Scores and calibration of predictive distributions that are given as draws, quantiles or intervals."""

from __future__ import annotations

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
    estimate of F's; "fair" is unbiased for F, so that forecasts with different numbers of draws can be
    compared (it may fall slightly below 0). Rewards the whole distribution: strictly proper. A point
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
        error = table[:, block].T - actual[block, None]
        distance = np.abs(error).mean(axis=1)
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


def randomised_pit(draws: Any, actual: Any, lots: Any) -> np.ndarray:
    """Randomised probability integral transform, (n,) in (0, 1): uniform if the forecast is right.

    ``u = F(y-) + V (F(y) - F(y-))`` with V uniform, which for counts, and for money with its mass at zero,
    is uniform where the plain F(y) is not. From S draws, with b of them below y and e equal to y,

        u = (b + V (e + 1)) / (S + 1)

    is exactly uniform for every S: y is one more draw, and ties are settled by lot. A histogram with high
    ends means distributions too narrow, a hump means too wide, a slope means bias.

    Parameters
    ----------
    draws
        (S, n) finite draws, S >= 1.
    actual
        (n,) what happened.
    lots
        (n,) uniform numbers in [0, 1), one V per customer. Tied to the customer rather than to the row,
        they keep the result free of the order of rows.

    Raises
    ------
    ArgumentError
        If shapes do not fit or values are not finite.

    References
    ----------
    Czado, C., Gneiting, T. and Held, L. (2009). Predictive model assessment for count data. Biometrics 65.
    doi:10.1111/j.1541-0420.2009.01191.x

    Examples
    --------
    >>> pit = randomised_pit([[0, 5], [0, 6], [1, 7]], [0, 9], lots=[0.3, 0.8])
    >>> bool(0 < pit[0] < 0.75), bool(0.75 < pit[1] < 1)
    (True, True)
    """
    actual, lots = as_columns({"actual": actual, "lots": lots})
    if ((lots < 0) | (lots >= 1)).any():
        raise ArgumentError("lots must lie in [0, 1); draw them with Generator.random")
    table = as_draws(draws, len(actual))
    below = (table < actual).sum(axis=0)
    equal = (table == actual).sum(axis=0)
    lot = 1 - lots  # (0, 1]: a value below all draws may not be exactly 0
    return np.asarray(np.minimum((below + lot * (equal + 1)) / (len(table) + 1), np.nextafter(1, 0)))


def pit_coverage(pit: Any, level: float) -> float:
    """Share of customers inside the central interval of a level, judged by their randomised PIT.

    ``mean 1{|u - 1/2| <= level/2}``, between 0 and 1; `level` itself if the forecast is right, also for
    counts. Rewards nothing: it tests, it does not rank.

    Parameters
    ----------
    pit
        (n,) values in [0, 1], from `randomised_pit`.
    level
        Strictly between 0 and 1.

    Raises
    ------
    ArgumentError
        If a value is outside [0, 1] or the level is outside (0, 1).

    References
    ----------
    Czado, C., Gneiting, T. and Held, L. (2009). Predictive model assessment for count data. Biometrics 65.
    doi:10.1111/j.1541-0420.2009.01191.x

    Examples
    --------
    >>> pit_coverage([0.02, 0.4, 0.6, 0.97], 0.9)
    0.5
    """
    central = as_share("level", level)
    return float((np.abs(_as_pit(pit) - 0.5) <= central / 2).mean())


def pit_distance(pit: Any) -> float:
    """Kolmogorov-Smirnov distance of PIT values from uniform, ``max |F_n(u) - u|``; 0 is perfect.

    Between 1/(2n) and 1; above 1.63/√n in one of a hundred samples of a right forecast.

    Parameters
    ----------
    pit
        (n,) values in [0, 1], from `randomised_pit`.

    Raises
    ------
    ArgumentError
        If a value is outside [0, 1].

    References
    ----------
    Massey, F. J. (1951). The Kolmogorov-Smirnov test for goodness of fit. JASA 46.
    doi:10.1080/01621459.1951.10500769

    Examples
    --------
    >>> pit_distance([0.125, 0.375, 0.625, 0.875])
    0.125
    """
    ordered = np.sort(_as_pit(pit))
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))


def _as_pit(pit: Any) -> np.ndarray:
    (values,) = as_columns({"pit": pit})
    if outside := int(((values < 0) | (values > 1)).sum()):
        raise ArgumentError(f"{outside:,} PIT values lie outside [0, 1]; make them with randomised_pit")
    return values
