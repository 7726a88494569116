"""Errors of point forecasts: one number per customer against what happened."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.metrics.door import as_columns, mean_of, ratio


def mae(actual: Any, predicted: Any) -> float:
    """Mean absolute error, ``mean |predicted - actual|``, in the unit of `actual`; 0 is perfect.

    Rewards the median of each customer's distribution. Most customers buy nothing, so the median is
    often 0 and a forecast of zero for everybody can win: read it beside `rmse` and `bias`.

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
    Gneiting, T. (2011). Making and evaluating point forecasts. JASA 106. doi:10.1198/jasa.2011.r10138

    Examples
    --------
    >>> mae([0, 2, 1], [1, 2, 4])
    1.3333333333333333
    """
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    return mean_of(np.abs(predicted - actual))


def rmse(actual: Any, predicted: Any) -> float:
    """Root mean squared error, ``sqrt(mean (predicted - actual)²)``, in the unit of `actual`; 0 is perfect.

    Rewards the mean of each customer's distribution, and is moved most by the few largest customers.

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
    Gneiting, T. (2011). Making and evaluating point forecasts. JASA 106. doi:10.1198/jasa.2011.r10138

    Examples
    --------
    >>> rmse([0, 2, 1], [1, 2, 3])
    1.2909944487358056
    """
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    error = predicted - actual
    return math.sqrt(mean_of(error * error))


def bias(actual: Any, predicted: Any) -> float:
    """Mean error, ``mean (predicted - actual)``: above 0 the forecast promises too much.

    0 says that the totals agree and nothing of single customers; it is no score and rewards only the mean
    over all customers.

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
    Murphy, A. H. and Winkler, R. L. (1987). A general framework for forecast verification. Monthly Weather
    Review 115. doi:10.1175/1520-0493(1987)115<1330:AGFFFV>2.0.CO;2

    Examples
    --------
    >>> bias([0, 2, 1], [1, 2, 3])
    1.0
    """
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    return mean_of(predicted - actual)


def bias_percent(actual: Any, predicted: Any) -> float:
    """Error of the total in per cent, ``100 (Σ predicted - Σ actual) / Σ actual``; 0 is perfect.

    nan where the actual total is 0. Like `bias` it judges the total only.

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
    Murphy, A. H. and Winkler, R. L. (1987). A general framework for forecast verification. Monthly Weather
    Review 115. doi:10.1175/1520-0493(1987)115<1330:AGFFFV>2.0.CO;2

    Examples
    --------
    >>> bias_percent([0, 2, 2], [1, 2, 2])
    25.0
    """
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    return 100 * ratio(math.fsum((predicted - actual).tolist()), math.fsum(actual.tolist()))


def per_mean(score: float, actual: Any) -> float:
    """An error in units of the mean actual value, ``score / mean actual``: comparable across quantities.

    For `mae`, `rmse`, `bias` or a mean CRPS of the same customers. nan where the mean actual value is 0.

    Parameters
    ----------
    score
        An error in the unit of `actual`.
    actual
        (n,) what happened.

    Raises
    ------
    ArgumentError
        If the array is empty or holds a value that is not finite.

    References
    ----------
    Kolassa, S. and Schütz, W. (2007). Advantages of the MAD/mean ratio over the MAPE. Foresight 6.

    Examples
    --------
    >>> per_mean(1.5, [0, 2, 4])
    0.75
    """
    (actual,) = as_columns({"actual": actual})
    return ratio(score, mean_of(actual))


def squared_error_share(actual: Any, predicted: Any, customers: int = 10) -> float:
    """Share of the squared error that the worst-predicted customers make, between 0 and 1.

    ``Σ_{i in worst} e_i² / Σ e²``. Near 1, `rmse` is a statement about these few customers, and a change of
    them would change the verdict. nan where every forecast is exact.

    Parameters
    ----------
    actual, predicted
        (n,) finite numbers, one per customer, in one order.
    customers
        How many of the largest errors, at least 1.

    Raises
    ------
    ArgumentError
        If arrays do not fit, or `customers` is no whole number of at least 1.

    References
    ----------
    Huber, P. J. (1964). Robust estimation of a location parameter. Annals of Mathematical Statistics 35.
    doi:10.1214/aoms/1177703732

    Examples
    --------
    >>> squared_error_share([0, 2, 9], [1, 1, 2], customers=1)
    0.9607843137254902
    """
    if customers != int(customers) or customers < 1:
        raise ArgumentError(f"customers={customers!r} must be a whole number of at least 1")
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    squares = np.sort((predicted - actual) ** 2)
    return ratio(math.fsum(squares[-int(customers) :].tolist()), math.fsum(squares.tolist()))


def skill(score: float, baseline: float) -> float:
    """Share of the baseline's loss that is saved, ``1 - score / baseline``.

    For losses (smaller is better, 0 is perfect) of the same customers: 1 is perfect, 0 as good as the
    baseline, below 0 worse. nan where the baseline is perfect. Rewards what the score rewards.

    Parameters
    ----------
    score, baseline
        Losses >= 0, such as `mae`, `rmse` or a mean CRPS.

    Raises
    ------
    ArgumentError
        If one is negative: then it is no loss.

    References
    ----------
    Murphy, A. H. (1988). Skill scores based on the mean square error. Monthly Weather Review 116.
    doi:10.1175/1520-0493(1988)116<2417:SSBOTM>2.0.CO;2

    Examples
    --------
    >>> skill(0.75, 1.0)
    0.25
    """
    if score < 0 or baseline < 0:
        raise ArgumentError(f"score {score!r} and baseline {baseline!r} must be losses, which are at least 0")
    return 1 - ratio(score, baseline)
