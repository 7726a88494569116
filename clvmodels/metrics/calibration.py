"""Calibration of whole distributions: where in its own forecast each outcome fell."""

from __future__ import annotations

from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.metrics.door import as_columns, as_draws, as_share


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


def pit_histogram(pit: Any, bins: int = 20) -> dict[str, np.ndarray]:
    """Histogram of PIT values, with what a right forecast would show: every bin alike.

    High ends mean distributions too narrow, a hump in the middle too wide, a slope a bias. A right
    forecast has 1/bins of the customers in each bin, within a few standard errors ``sqrt((1/b)(1 - 1/b) / n)``.

    Parameters
    ----------
    pit
        (n,) values in [0, 1], from `randomised_pit`.
    bins
        Number of bins of one width, at least 2.

    Returns
    -------
    dict of (bins,) arrays
        ``low`` and ``high`` (edges), ``customers``, ``share`` (of all), ``expected`` (1/bins) and
        ``standard_error`` (of the share, if the forecast is right).

    Raises
    ------
    ArgumentError
        If a value is outside [0, 1] or there are fewer than 2 bins.

    References
    ----------
    Gneiting, T., Balabdaoui, F. and Raftery, A. E. (2007). Probabilistic forecasts, calibration and
    sharpness. JRSS B 69. doi:10.1111/j.1467-9868.2007.00587.x

    Examples
    --------
    >>> pit_histogram([0.1, 0.2, 0.3, 0.9], bins=2)["share"].tolist()
    [0.75, 0.25]
    """
    if bins < 2:
        raise ArgumentError(f"bins={bins!r} must be at least 2; twenty is usual")
    values = _as_pit(pit)
    edges = np.linspace(0, 1, bins + 1)
    customers, _ = np.histogram(values, edges)
    return {
        "low": edges[:-1],
        "high": edges[1:],
        "customers": customers,
        "share": customers / len(values),
        "expected": np.full(bins, 1 / bins),
        "standard_error": np.full(bins, np.sqrt((1 / bins) * (1 - 1 / bins) / len(values))),
    }


def _as_pit(pit: Any) -> np.ndarray:
    (values,) = as_columns({"pit": pit})
    if outside := int(((values < 0) | (values > 1)).sum()):
        raise ArgumentError(f"{outside:,} PIT values lie outside [0, 1]; make them with randomised_pit")
    return values
