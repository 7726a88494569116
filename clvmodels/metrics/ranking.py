"""How well a forecast orders customers. Forecasts tie heavily, so every ranking here averages over ties."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.metrics.door import as_columns, as_share, ratio
from clvmodels.metrics.paired import FEWEST_CUSTOMERS
from clvmodels.metrics.resampling import resampled_sums
from clvmodels.prediction import tail_levels


def normalised_gini(actual: Any, predicted: Any) -> float:
    """Gini of the predicted order over the Gini of the perfect order; 1 is perfect, 0 is chance, -1 reversed.

    ``G(y, p) = Σ y_i ((n+1)/2 - r_i) / (n Σ y)`` with r_i the rank of customer i from the best forecast down,
    ties given their mean rank; the result is G(y, p) / G(y, y). That is twice the area between the gain curve
    and the diagonal, averaged over every order in which ties can be sorted: without the average the same
    forecasts can score .68 or .72 by the order of the rows.

    Rewards the order of means, and nothing of the size of forecasts. nan where all actual values are equal.

    Parameters
    ----------
    actual
        (n,) finite numbers >= 0.
    predicted
        (n,) forecasts.

    Raises
    ------
    ArgumentError
        If arrays do not fit, or an actual value is negative (shares of a total then mean nothing).

    References
    ----------
    Wang, X., Liu, T. and Miao, J. (2019). A deep probabilistic model for customer lifetime value prediction.
    doi:10.48550/arXiv.1912.07753

    Examples
    --------
    >>> normalised_gini([0, 1, 3], [5, 6, 9])
    1.0
    >>> normalised_gini([0, 1, 3], [7, 7, 7])
    0.0
    """
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    _check_amounts(actual)
    return ratio(_concentration(actual, predicted), _concentration(actual, actual))


def spearman(actual: Any, predicted: Any) -> float:
    """Spearman's rank correlation with mean ranks for ties, between -1 and 1; 1 is perfect.

    ``corr(rank y, rank p)``. Rewards the order of all customers alike, the many who buy nothing as much as the
    few who matter; nan where one of the arrays is constant.

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
    Spearman, C. (1904). The proof and measurement of association between two things. doi:10.2307/1412159

    Examples
    --------
    >>> round(spearman([0, 0, 1, 5], [1, 2, 3, 4]), 6)
    0.948683
    """
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    centre = (len(actual) + 1) / 2
    first, second = _mean_rank(actual) - centre, _mean_rank(predicted) - centre
    joint, one, two = (
        math.fsum((a * b).tolist()) for a, b in ((first, second), (first, first), (second, second))
    )
    return ratio(joint, math.sqrt(one * two))


def capture_of_value(actual: Any, predicted: Any, top: float = 0.1) -> float:
    """Share of the actual total that the predicted best customers brought, between 0 and 1.

    ``Σ_{i in top} y_i / Σ y`` with the ⌈top · n⌉ customers of the highest forecast; where the cut falls into
    tied forecasts, each of them counts in part. Chance gives `top`. Rewards finding the value, whoever
    holds it; nan where the actual total is 0.

    Parameters
    ----------
    actual
        (n,) finite numbers >= 0.
    predicted
        (n,) forecasts.
    top
        Fraction of customers, strictly between 0 and 1.

    Raises
    ------
    ArgumentError
        If arrays do not fit, an actual value is negative, or `top` is outside (0, 1).

    References
    ----------
    Malthouse, E. C. and Blattberg, R. C. (2005). Can we predict customer lifetime value? Journal of
    Interactive Marketing 19. doi:10.1002/dir.20027

    Examples
    --------
    >>> capture_of_value([10, 0, 30, 60], [4, 1, 3, 2], top=0.5)
    0.4
    """
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    _check_amounts(actual)
    member = _membership(predicted, top)
    return ratio(math.fsum((member * actual).tolist()), math.fsum(actual.tolist()))


def capture_of_customers(actual: Any, predicted: Any, top: float = 0.1) -> float:
    """Share of the actual best customers who were predicted to be among the best, between 0 and 1.

    ``|top(y) ∩ top(p)| / k`` with k = ⌈top · n⌉; where a cut falls into ties, on either side, it is the mean
    over all ways to settle them. Chance gives k/n. Rewards finding the largest customers, however much
    larger they are.

    Parameters
    ----------
    actual, predicted
        (n,) finite numbers, one per customer, in one order.
    top
        Fraction of customers, strictly between 0 and 1.

    Raises
    ------
    ArgumentError
        If arrays do not fit or `top` is outside (0, 1).

    References
    ----------
    Donkers, B., Verhoef, P. C. and de Jong, M. G. (2007). Modeling CLV: a test of competing models in the
    insurance industry. Quantitative Marketing and Economics 5. doi:10.1007/s11129-006-9016-y

    Examples
    --------
    >>> capture_of_customers([10, 0, 30, 60], [4, 1, 3, 2], top=0.5)
    0.5
    """
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    found, best = _membership(predicted, top), _membership(actual, top)
    return math.fsum((found * best).tolist()) / _count(len(actual), top)


def gain_curve(actual: Any, predicted: Any, points: int = 100) -> dict[str, np.ndarray]:
    """What share of the total the best k % of customers brought, for every k: the gain chart as data.

    Tied forecasts share what they bring, so the curve is the mean over all orders of ties; it passes through
    `capture_of_value` wherever a share of customers is a whole number of them. `normalised_gini` is the
    area between ``captured`` and the diagonal over that between ``perfect`` and the diagonal.

    Parameters
    ----------
    actual
        (n,) finite numbers >= 0.
    predicted
        (n,) forecasts.
    points
        Steps of the share of customers, at least 1.

    Returns
    -------
    dict of (points + 1,) arrays
        ``share`` of customers from 0 to 1, ``captured`` (share of the total), ``lift`` (captured / share; nan
        at 0) and ``perfect`` (captured by the order of the actual values). nan where the total is 0.

    Raises
    ------
    ArgumentError
        If arrays do not fit, an actual value is negative, or `points` < 1.

    References
    ----------
    Malthouse, E. C. and Blattberg, R. C. (2005). Can we predict customer lifetime value? Journal of
    Interactive Marketing 19. doi:10.1002/dir.20027

    Examples
    --------
    >>> curve = gain_curve([10, 0, 30, 60], [4, 1, 3, 3], points=4)
    >>> curve["captured"].tolist(), curve["lift"].tolist()
    ([0.0, 0.1, 0.55, 1.0, 1.0], [nan, 0.4, 1.1, 1.3333333333333333, 1.0])
    """
    if points < 1:
        raise ArgumentError(f"points={points!r} must be at least 1; a hundred is usual")
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    _check_amounts(actual)
    share = np.arange(points + 1) / points
    captured, perfect = (_gains(actual, order, share) for order in (predicted, actual))
    lift = np.full(points + 1, np.nan)
    np.divide(captured, share, out=lift, where=share > 0)
    return {"share": share, "captured": captured, "lift": lift, "perfect": perfect}


def gain_band(
    actual: Any,
    predicted: Any,
    points: int = 100,
    *,
    level: float = 0.9,
    seed: int = 0,
    resamples: int = 1000,
) -> dict[str, np.ndarray]:
    """How far the gain curve of these forecasts would lie elsewhere with other customers of the same kind.

    Customers are drawn with replacement; a resample's curve passes through ``(Σ m_k / n, Σ m_k y / Σ y)`` over its
    customers, m_k being 1 for those among the best k of `points` parts, 0 for the others and a share for ties, and
    is straight between them. The band is central, point by point; the whole curve leaves it more often.

    Parameters
    ----------
    actual, predicted, points
        As of `gain_curve`.
    level
        Of the band, strictly between 0 and 1.
    seed, resamples
        As of `resampled_sums`.

    Returns
    -------
    dict of (points + 1,) arrays
        ``share`` of customers as in `gain_curve`, ``low`` and ``high`` (shares of the total). nan with fewer than 20
        customers, whose resamples show too little spread, or where the total is 0.

    Raises
    ------
    ArgumentError
        If arrays do not fit, an actual value is negative, or another argument is outside its range.

    References
    ----------
    Efron, B. (1979). Bootstrap methods: another look at the jackknife. Annals of Statistics 7.
    doi:10.1214/aos/1176344552

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> mean = rng.gamma(1.0, 2.0, 500)
    >>> band = gain_band(rng.poisson(mean), mean, points=10, seed=1)
    >>> band["low"][[0, 1, 10]].round(2).tolist(), band["high"][[0, 1, 10]].round(2).tolist()
    ([0.0, 0.27, 1.0], [0.0, 0.34, 1.0])
    """
    share = gain_curve(actual, predicted, points)["share"]
    actual, predicted = as_columns({"actual": actual, "predicted": predicted})
    tails = tail_levels(level)
    sums = resampled_sums(
        _of_the_best(actual, predicted, share),
        np.lexsort((actual, predicted)),
        seed=seed,
        resamples=resamples,
    )
    held, gained = sums[:, 0::2], sums[:, 1::2]
    low = high = np.full(points + 1, np.nan)
    if len(actual) >= FEWEST_CUSTOMERS and (gained[:, -1] > 0).all():
        low, high = np.quantile(
            [np.interp(share, x / x[-1], y / y[-1]) for x, y in zip(held, gained, strict=True)], tails, axis=0
        )
    return {"share": share, "low": low, "high": high}


def _of_the_best(actual: np.ndarray, score: np.ndarray, share: np.ndarray) -> Iterator[np.ndarray]:
    """For each share of customers who belongs to the best, in part where forecasts tie, and what they bring."""
    _, tie, size = np.unique(-score, return_inverse=True, return_counts=True)
    before, size = (np.cumsum(size) - size)[tie], size[tie]
    for places in share * len(score):
        member = np.clip((places - before) / size, 0.0, 1.0)
        yield member
        yield member * actual


def _gains(actual: np.ndarray, score: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Share of the total held by the best of a score, linear within ties."""
    order = np.lexsort((actual, -score))  # one order for equal data, so that rounding does not depend on rows
    total = np.concatenate([[0.0], np.cumsum(actual[order])])
    last = np.flatnonzero(np.diff(score[order], append=np.nan) != 0) + 1
    ends = np.concatenate([[0], last])
    if not total[-1]:
        return np.full(len(share), np.nan)
    return np.interp(share * len(actual), ends, total[ends] / total[-1])


def _check_amounts(actual: np.ndarray) -> None:
    if negative := int((actual < 0).sum()):
        raise ArgumentError(
            f"{negative:,} actual values are negative; shares need amounts that are at least 0"
        )


def _concentration(actual: np.ndarray, predicted: np.ndarray) -> float:
    """n Σ y times G(y, p): ranks ascend here, so the best count most."""
    centre = (len(actual) + 1) / 2
    return math.fsum((actual * (_mean_rank(predicted) - centre)).tolist())


def _mean_rank(values: np.ndarray) -> np.ndarray:
    """Ranks 1..n from the smallest up; ties share their mean."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    return np.asarray((last - (size - 1) / 2)[group])


def _count(customers: int, top: float) -> int:
    """⌈top · n⌉, blind to the rounding of the product."""
    return math.ceil(round(as_share("top", top) * customers, 9))


def _membership(values: np.ndarray, top: float) -> np.ndarray:
    """How far each customer belongs to the highest ⌈top · n⌉: 1, 0, or an equal part of the places left."""
    places = _count(len(values), top)
    cut = np.partition(values, len(values) - places)[len(values) - places]
    above, tied = values > cut, values == cut
    return np.where(above, 1.0, np.where(tied, (places - above.sum()) / tied.sum(), 0.0))
