"""From saved predictions to scores; nothing is refitted, so scoring again costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels import metrics
from clvmodels.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd

TOP = 0.1
LEVEL = 0.9


def score_predictions(
    predictions: pd.DataFrame, totals: pd.DataFrame, baseline: str | None = None
) -> pd.DataFrame:
    """Score every origin, quantity and forecaster by itself.

    Parameters
    ----------
    predictions, totals
        Tables of a `Scorecard`.
    baseline
        Forecaster that skill (``1 - score / score of the baseline``) is measured against.

    Returns
    -------
    pandas.DataFrame
        origin, quantity, model, metric, value, n (customers), with the metrics

        - ``total_mean``, ``total_actual``, ``bias_total`` (mean over actual minus 1), ``total_low``,
          ``total_high``, ``total_covered`` (0 or 1): the sum over customers and its central 90 %
          predictive interval;
        - ``mae`` of the median, ``mae_of_mean`` and ``rmse`` of the mean, ``crps`` of the distribution
          (fair estimator; the absolute error of a point);
        - ``coverage_90`` and ``pit_ks``: share of customers whose randomised PIT lies in the central
          90 %, and the PIT's largest distance from uniform;
        - ``gini``, ``capture_10``: ranking by the mean, ties averaged; the second is the share of the
          actual total found in the predicted top 10 %;
        - ``brier`` of "buys at least once" (purchases only);
        - ``skill_crps``, ``skill_rmse``, ``skill_mae`` against the baseline.

        A metric that a forecaster has not (intervals of a point forecast) has no row.

    Raises
    ------
    ArgumentError
        If the baseline is not among the forecasters.
    """
    import pandas as pd

    if baseline is not None and baseline not in set(predictions["model"]):
        raise ArgumentError(
            f"baseline {baseline!r} made no prediction; there are {sorted(set(predictions['model']))}"
        )
    keys = ["origin", "quantity", "model"]
    total_of = dict(iter(totals.groupby(keys, sort=False)))
    rows = []
    for key, group in predictions.groupby(keys, sort=False):
        found = _total_scores(total_of[key].iloc[0]) | _customer_scores(group)
        rows += [(*key, metric, value, len(group)) for metric, value in found.items()]
    scores = pd.DataFrame(rows, columns=[*keys, "metric", "value", "n"])
    return scores if baseline is None else pd.concat([scores, _skill(scores, baseline)], ignore_index=True)


def _total_scores(total: Any) -> dict[str, float]:
    scores = {"total_mean": total["mean"], "total_actual": total["actual"]}
    if total["actual"] > 0:
        scores["bias_total"] = total["mean"] / total["actual"] - 1
    if total["is_distribution"]:
        covered = float(total["low"] <= total["actual"] <= total["high"])
        scores |= {"total_low": total["low"], "total_high": total["high"], "total_covered": covered}
    return scores


def _customer_scores(group: pd.DataFrame) -> dict[str, float]:
    actual, mean = group["actual"].to_numpy(), group["mean"].to_numpy()
    scores = {
        "mae": metrics.mae(actual, group["median"].to_numpy()),
        "mae_of_mean": metrics.mae(actual, mean),
        "rmse": metrics.rmse(actual, mean),
        "crps": float(group["crps"].mean()),
    }
    is_distribution = bool(group["is_distribution"].iloc[0])
    if is_distribution:
        pit = group["pit"].to_numpy()
        scores |= {"coverage_90": metrics.pit_coverage(pit, LEVEL), "pit_ks": metrics.pit_distance(pit)}
    if np.all(actual >= 0) and actual.sum() > 0:
        scores |= {
            "gini": metrics.normalised_gini(actual, mean),
            "capture_10": metrics.capture_of_value(actual, mean, TOP),
        }
    if is_distribution and group["quantity"].iloc[0] == "purchases":
        scores["brier"] = metrics.brier(actual > 0, group["p_purchase"].to_numpy())
    return {metric: value for metric, value in scores.items() if np.isfinite(value)}


def _skill(scores: pd.DataFrame, baseline: str) -> pd.DataFrame:
    losses = scores[scores["metric"].isin(["crps", "rmse", "mae"])]
    base = losses[losses["model"] == baseline].set_index(["origin", "quantity", "metric"])["value"]
    keys = list(zip(losses["origin"], losses["quantity"], losses["metric"], strict=True))
    base_values = base.reindex(keys).to_numpy()
    skill = losses.assign(metric="skill_" + losses["metric"], value=1 - losses["value"] / base_values)
    return skill[base_values > 0]
