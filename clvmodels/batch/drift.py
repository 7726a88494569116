"""How far the customers of two runs are apart, told from a small description that each run keeps of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from clvmodels.rfm import RFM

BINS, GRID = 10, 200
_LEAST = 1e-4  # share of an empty bin, so that the index stays finite


def describe(rfm: RFM, value: np.ndarray) -> dict[str, dict[str, Any]]:
    """Quantiles, bins and standard deviation of frequency, recency, T, spend and value, to compare a later run with.

    Parameters
    ----------
    rfm
        The customers.
    value
        (n,) mean value of each.
    """
    columns = {"frequency": rfm.frequency, "recency": rfm.recency, "T": rfm.T}
    if rfm.monetary_value is not None and rfm.spend_count is not None:
        columns["spend"] = rfm.monetary_value[rfm.spend_count > 0]
    return {name: _described(values) for name, values in {**columns, "value": value}.items() if len(values)}


def _described(values: np.ndarray) -> dict[str, Any]:
    middles = (np.arange(GRID) + 0.5) / GRID
    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    return {
        "quantiles": np.quantile(values, middles, method="inverted_cdf").tolist(),
        "edges": edges.tolist(),
        "shares": shares_of(values, edges).tolist(),
        "sd": float(values.std()),
    }


def shares_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Shares of the values in the bins up to, and including, each edge, and above the last.

    Examples
    --------
    >>> shares_of(np.array([0.0, 0.0, 1.0, 5.0]), np.array([0.0, 1.0])).tolist()
    [0.5, 0.25, 0.25]
    """
    place = np.searchsorted(edges, values, side="left")
    return np.bincount(place, minlength=len(edges) + 1) / len(values)


def stability_index(expected: np.ndarray, found: np.ndarray) -> float:
    r"""Population stability index of shares `found` against shares `expected`.

    .. math:: \sum_k (f_k - e_k) \log (f_k / e_k)

    Shares below 0.0001 count as that. 0.1 and 0.25 are custom, not tests: with few customers chance alone
    exceeds them.

    Examples
    --------
    >>> round(stability_index(np.array([0.5, 0.5]), np.array([0.6, 0.4])), 4)
    0.0405
    """
    e, f = np.maximum(expected, _LEAST), np.maximum(found, _LEAST)
    return float(np.sum((f - e) * np.log(f / e)))


def compare(before: Mapping[str, Any], rfm: RFM, value: np.ndarray) -> list[dict[str, Any]]:
    """Stability index and Wasserstein distance (in standard deviations of before) of each variable.

    The distance is the mean difference of the quantiles, ``∫ |Q(p) - Q'(p)| dp``, on a grid of 200.
    """
    now = describe(rfm, value)
    found = []
    for name, old in before.items():
        if name not in now:
            continue
        new = _values_of(name, rfm, value)
        gap = np.abs(np.subtract(now[name]["quantiles"], old["quantiles"])).mean()
        index = stability_index(np.array(old["shares"]), shares_of(new, np.array(old["edges"])))
        distance = gap / old["sd"] if old["sd"] > 0 else (0.0 if gap == 0 else np.inf)
        found.append({"variable": name, "stability": index, "distance": float(distance)})
    return found


def _values_of(name: str, rfm: RFM, value: np.ndarray) -> np.ndarray:
    if name == "value":
        return value
    if name == "spend" and rfm.monetary_value is not None and rfm.spend_count is not None:
        return rfm.monetary_value[rfm.spend_count > 0]
    return rfm.columns([name])[0]
