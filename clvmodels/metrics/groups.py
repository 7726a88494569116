"""Calibration by groups: chances of buying at all, and mean purchases by whatever tells customers apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.metrics.door import as_columns, mean_of


def brier(outcome: Any, probability: Any) -> float:
    """Brier score of "buys at least once", ``mean (probability - outcome)²``, between 0 and 1; 0 is perfect.

    Strictly proper: rewards the true probability. Whether a customer is alive is never seen; whether they
    buy in the horizon is.

    Parameters
    ----------
    outcome
        (n,) booleans or 0/1.
    probability
        (n,) in [0, 1].

    Raises
    ------
    ArgumentError
        If arrays do not fit, an outcome is neither 0 nor 1, or a probability is outside [0, 1].

    References
    ----------
    Brier, G. W. (1950). Verification of forecasts expressed in terms of probability. Monthly Weather Review
    78. doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2

    Examples
    --------
    >>> round(brier([True, False], [0.8, 0.4]), 6)
    0.1
    """
    outcome, probability = _as_chances(outcome, probability)
    return mean_of((probability - outcome) ** 2)


def reliability(outcome: Any, probability: Any, bins: int = 10) -> dict[str, np.ndarray]:
    """Predicted against observed frequency of "buys at least once", in bins of about equally many customers.

    Bins end at quantiles of the probabilities, so ties stay together and heavy ties make fewer bins. A right
    forecast has observed = predicted within a few standard errors, ``sqrt(predicted (1 - predicted) / n)``.

    Parameters
    ----------
    outcome
        (n,) booleans or 0/1.
    probability
        (n,) in [0, 1].
    bins
        At most how many, at least 1.

    Returns
    -------
    dict of equally long arrays
        ``predicted`` (mean probability), ``observed`` (share who bought), ``standard_error`` (of observed, if
        the forecast is right) and ``customers``, by ascending probability.

    Raises
    ------
    ArgumentError
        If arrays do not fit, an outcome is neither 0 nor 1, a probability is outside [0, 1], or `bins` < 1.

    References
    ----------
    Murphy, A. H. and Winkler, R. L. (1977). Reliability of subjective probability forecasts of precipitation
    and temperature. JRSS C 26. doi:10.2307/2346866

    Examples
    --------
    >>> table = reliability([0, 0, 1, 1], [0.1, 0.1, 0.8, 0.6], bins=2)
    >>> table["predicted"].round(6).tolist(), table["observed"].tolist(), table["customers"].tolist()
    ([0.1, 0.7], [0.0, 1.0], [2, 2])
    """
    outcome, probability = _as_chances(outcome, probability)
    group = _quantile_groups(probability, bins)
    _, customers = np.unique(group, return_counts=True)
    predicted, observed = _means(group, probability), _means(group, outcome)
    noise = _means(group, probability * (1 - probability))
    return {
        "predicted": predicted,
        "observed": observed,
        "standard_error": np.sqrt(noise / customers),
        "customers": customers,
    }


def holdout_by_frequency(
    frequency: Any, actual: Any, predicted: Any = None, last: int = 7
) -> dict[str, np.ndarray]:
    """Mean purchases (or value) in the holdout by number of repeat purchases before it: 0, 1, ..., `last` or more.

    The table of the papers: a good forecast follows the regression to the mean, which a rate of one's own
    does not. Groups without customers are left out.

    Parameters
    ----------
    frequency
        (n,) repeat purchases in the calibration, whole numbers >= 0.
    actual
        (n,) what happened in the holdout.
    predicted
        (n,) forecasts; None for the actual column alone.
    last
        The open group, at least 1.

    Returns
    -------
    dict of equally long arrays
        ``frequency`` (the last one open), ``customers``, ``actual`` (mean), with forecasts ``predicted``
        (mean), and ``standard_error`` (of the actual mean; nan for a single customer).

    Raises
    ------
    ArgumentError
        If arrays do not fit, a frequency is no whole number >= 0, or `last` < 1.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way. Marketing
    Science 24. doi:10.1287/mksc.1040.0098

    Examples
    --------
    >>> table = holdout_by_frequency([0, 0, 1, 9], [0, 1, 1, 6], [0.2, 0.2, 0.8, 5.5])
    >>> table["frequency"].tolist(), table["actual"].tolist(), table["predicted"].tolist()
    ([0, 1, 7], [0.5, 1.0, 6.0], [0.2, 0.8, 5.5])
    """
    if last < 1:
        raise ArgumentError(f"last={last!r} must be at least 1; seven is usual")
    columns = _as_outcomes(actual, predicted)
    counts, _ = as_columns({"frequency": frequency, "actual": actual})
    if odd := int(((counts < 0) | (counts != np.floor(counts))).sum()):
        raise ArgumentError(f"{odd:,} frequencies are no whole numbers >= 0; count repeat purchases")
    group = np.minimum(counts, last).astype(int)
    return {"frequency": np.unique(group), **_group_table(group, columns)}


def holdout_by_label(label: Any, actual: Any, predicted: Any = None) -> dict[str, np.ndarray]:
    """Mean purchases (or value) in the holdout by any label, such as the month of the first purchase.

    Parameters
    ----------
    label
        (n,) labels that can be sorted: months, channels, countries.
    actual
        (n,) what happened in the holdout.
    predicted
        (n,) forecasts; None for the actual column alone.

    Returns
    -------
    dict of equally long arrays
        ``label`` (ascending), ``customers``, ``actual`` (mean), with forecasts ``predicted`` (mean), and
        ``standard_error`` (of the actual mean; nan for a single customer).

    Raises
    ------
    ArgumentError
        If arrays do not fit, a label is missing, or labels have no common order.

    Examples
    --------
    >>> table = holdout_by_label(["1997-01", "1997-02", "1997-01"], [0, 1, 2], [1, 1, 1])
    >>> table["label"].tolist(), table["actual"].tolist(), table["predicted"].tolist()
    (['1997-01', '1997-02'], [1.0, 1.0], [1.0, 1.0])
    """
    labels = np.asarray(label)
    columns = _as_outcomes(actual, predicted)
    if labels.ndim != 1 or len(labels) != len(columns["actual"]):
        raise ArgumentError(
            f"label has the shape {labels.shape}; give one label to each of {len(columns['actual'])} customers"
        )
    if missing := int((labels != labels).sum() + sum(one is None for one in labels.tolist())):
        raise ArgumentError(f"{missing:,} labels are missing; give those customers a label of their own")
    try:
        held, member = np.unique(labels, return_inverse=True)
    except TypeError:
        raise ArgumentError(
            "labels of different types have no common order; make all of them texts"
        ) from None
    return {"label": held, **_group_table(member, columns)}


def holdout_by_quantile(
    values: Any, actual: Any, predicted: Any = None, bins: int = 10
) -> dict[str, np.ndarray]:
    """Mean purchases (or value) in the holdout by equally large groups of customers, lowest values first.

    With the forecasts as `values` it is the decile chart: a right forecast climbs with the actual means, within
    a few standard errors. With recency or age as `values` it shows for whom the forecast goes wrong. Groups end
    at quantiles, so ties stay together and heavy ties make fewer groups.

    Parameters
    ----------
    values
        (n,) finite numbers to group by.
    actual
        (n,) what happened in the holdout.
    predicted
        (n,) forecasts; None for the actual column alone.
    bins
        At most how many groups, at least 1.

    Returns
    -------
    dict of equally long arrays
        ``low`` and ``high`` (smallest and largest value of the group), ``customers``, ``actual`` (mean), with
        forecasts ``predicted`` (mean), and ``standard_error`` (of the actual mean; nan for a single customer).

    Raises
    ------
    ArgumentError
        If arrays do not fit or `bins` < 1.

    Examples
    --------
    >>> table = holdout_by_quantile([1, 2, 3, 4], [0, 1, 3, 5], [1, 2, 3, 4], bins=2)
    >>> table["low"].tolist(), table["actual"].tolist(), table["predicted"].tolist()
    ([1.0, 3.0], [0.5, 4.0], [1.5, 3.5])
    """
    columns = _as_outcomes(actual, predicted)
    values, _ = as_columns({"values": values, "actual": actual})
    group = _quantile_groups(values, bins)
    ends = [(values[group == one].min(), values[group == one].max()) for one in np.unique(group)]
    low, high = np.array(ends).T
    return {"low": low, "high": high, **_group_table(group, columns)}


def _quantile_groups(values: np.ndarray, bins: int) -> np.ndarray:
    """(n,) numbers of groups that end at quantiles; some numbers may be left out."""
    if bins < 1:
        raise ArgumentError(f"bins={bins!r} must be at least 1; ten is usual")
    return np.searchsorted(np.quantile(values, np.arange(1, bins) / bins), values)


def _as_outcomes(actual: Any, predicted: Any) -> dict[str, np.ndarray]:
    """The actual values, and the forecasts if there are any, by name."""
    named = {"actual": actual} | ({} if predicted is None else {"predicted": predicted})
    return dict(zip(named, as_columns(named), strict=True))


def _group_table(group: np.ndarray, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Customers, means and the standard error of the actual mean of each group that occurs, ascending."""
    _, member, customers = np.unique(group, return_inverse=True, return_counts=True)
    means = {name: _means(group, column) for name, column in columns.items()}
    spread = _means(group, (columns["actual"] - means["actual"][member]) ** 2)
    error = np.full(len(customers), np.nan)  # one customer shows no spread, which is no certainty
    np.divide(spread, customers - 1, out=error, where=customers > 1)
    return {"customers": customers, **means, "standard_error": np.sqrt(error)}


def _means(group: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Mean of a column in each group that occurs, groups ascending."""
    return np.array([mean_of(column[group == one]) for one in np.unique(group)])


def _as_chances(outcome: Any, probability: Any) -> list[np.ndarray]:
    columns = as_columns({"outcome": outcome, "probability": probability})
    if odd := int(((columns[0] != 0) & (columns[0] != 1)).sum()):
        raise ArgumentError(f"{odd:,} outcomes are neither 0 nor 1; pass actual > 0")
    if outside := int(((columns[1] < 0) | (columns[1] > 1)).sum()):
        raise ArgumentError(f"{outside:,} probabilities lie outside [0, 1]; thirty per cent is 0.3")
    return columns
