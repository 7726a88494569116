"""From saved predictions to scores; nothing is refitted, so scoring again costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels import metrics
from clvmodels.backtesting.record import LEVELS, QUANTILES
from clvmodels.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("origin", "horizon", "quantity", "model")
_TOPS = {"05": 0.05, "10": 0.1, "20": 0.2}
_LEVEL = 0.9
_WORST = 10
_SKILLS = ("crps", "rmse", "mae", "log_score")
_READ = ("actual", "mean", *QUANTILES, "crps", "pit", "p_purchase", "log_score")


def score_predictions(
    predictions: pd.DataFrame,
    totals: pd.DataFrame,
    baseline: str | None = None,
    tracking: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Score every origin, horizon, quantity and forecaster by itself.

    Parameters
    ----------
    predictions, totals, tracking
        Tables of a `Scorecard`; without `tracking` there are no weekly errors.
    baseline
        Forecaster that skill (``1 - score / score of the baseline``) is measured against.

    Returns
    -------
    pandas.DataFrame
        origin, horizon, quantity, model, metric, value, n (customers), with the metrics

        - of the total: ``total_mean``, ``total_actual``, ``bias_total`` (mean over actual minus 1), ``total_q05``,
          ``total_q95`` (central 90 % predictive interval), ``total_covered`` (0 or 1), ``total_width`` (of that
          interval, over the actual), and the last four with ``_alone``: the same of the model alone, without what moves
          all customers at once;
        - of single customers: ``mae`` of the median, ``mae_of_mean`` and ``rmse`` of the mean, ``bias`` (mean error),
          ``crps`` of the distribution (fair estimator; the absolute error of a point), ``log_score`` of the count
          (purchases, where known); and ``mae_per_mean``, ``mae_of_mean_per_mean``, ``rmse_per_mean``,
          ``crps_per_mean``: the same over the mean actual value; ``worst_10_share``: what part of the squared
          error ten customers make;
        - of quantiles and calibration: ``pinball_05`` to ``pinball_95``, ``coverage_90`` and ``pit_ks`` (share of
          customers whose randomised PIT lies in the central 90 %, and its largest distance from uniform),
          ``width_90`` (mean width of the 90 % interval), ``brier`` of "buys at least once" (purchases only);
        - of the ranking by the mean, ties averaged: ``gini``, ``spearman``, ``capture_05``, ``capture_10``,
          ``capture_20`` (share of the actual total found in the predicted top), ``capture_customers_10`` (share of
          the actual top tenth found in the predicted one);
        - of the weeks of the holdout (purchases, longest horizon), in per cent: ``cumulative_mape``,
          ``cumulative_max``, ``weekly_mape``;
        - ``skill_crps``, ``skill_rmse``, ``skill_mae``, ``skill_log_score`` against the baseline.

        A metric that a forecaster has not (intervals of a point forecast) has no row. A forecaster who called
        impossible what came has an infinite ``log_score``, and nobody has a skill against that.

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
    total_of = {tuple(row[key] for key in KEYS): row for row in totals.to_dict("records")}
    weeks_of = {} if tracking is None else _weeks(tracking)
    is_distribution = predictions["is_distribution"].to_numpy(dtype=bool)
    columns = {name: predictions[name].to_numpy(dtype=float) for name in _READ}
    rows = []
    for key, index in _groups(predictions):
        origin, horizon, quantity, model = key
        of = {name: column[index] for name, column in columns.items()}
        found = _total_scores(total_of[key]) | _customer_scores(of)
        if is_distribution[index[0]]:
            found |= _distribution_scores(of, quantity)
        found |= _ranking_scores(of)
        if quantity == "purchases":
            found |= weeks_of.get((origin, horizon, model), {})
        rows += [(*key, metric, value, len(index)) for metric, value in found.items() if not np.isnan(value)]
    scores = pd.DataFrame(rows, columns=[*KEYS, "metric", "value", "n"])
    return scores if baseline is None else pd.concat([scores, _skill(scores, baseline)], ignore_index=True)


def _groups(predictions: pd.DataFrame) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """Key and positions of each group, in the order of their first rows; the rows are not copied."""
    groups = predictions.groupby(list(KEYS), sort=False, observed=True).indices
    found = [(_texts(key), np.asarray(index)) for key, index in groups.items()]
    return sorted(found, key=lambda group: int(group[1][0]))


def _total_scores(total: Mapping[Any, Any]) -> dict[str, float]:
    scores = {"total_mean": total["mean"], "total_actual": total["actual"]}
    if total["actual"] > 0:
        scores["bias_total"] = total["mean"] / total["actual"] - 1
    if total["is_distribution"]:
        for suffix, prefix in (("", ""), ("_alone", "alone_")):
            low, high = (total.get(f"{prefix}{name}", np.nan) for name in ("q05", "q95"))
            if np.isfinite(low):
                scores |= {f"total_q05{suffix}": low, f"total_q95{suffix}": high}
                scores[f"total_covered{suffix}"] = float(low <= total["actual"] <= high)
                if total["actual"] > 0:
                    scores[f"total_width{suffix}"] = (high - low) / total["actual"]
    return scores


def _customer_scores(of: Mapping[str, np.ndarray]) -> dict[str, float]:
    actual, mean = of["actual"], of["mean"]
    scores = {
        "mae": metrics.mae(actual, of["q50"]),
        "mae_of_mean": metrics.mae(actual, mean),
        "rmse": metrics.rmse(actual, mean),
        "crps": float(of["crps"].mean()),
    }
    relative = {f"{name}_per_mean": metrics.per_mean(score, actual) for name, score in scores.items()}
    return scores | {
        "bias": metrics.bias(actual, mean),
        **relative,
        "worst_10_share": metrics.squared_error_share(actual, mean, _WORST),
    }


def _distribution_scores(of: Mapping[str, np.ndarray], quantity: str) -> dict[str, float]:
    actual, pit = of["actual"], of["pit"]
    scores = {
        "coverage_90": metrics.pit_coverage(pit, _LEVEL),
        "pit_ks": metrics.pit_distance(pit),
        "width_90": metrics.interval_width(of["q05"], of["q95"]),
    }
    losses = metrics.pinball_by_level(actual, np.array([of[name] for name in QUANTILES]), LEVELS)
    scores |= {f"pinball_{name[1:]}": float(loss) for name, loss in zip(QUANTILES, losses, strict=True)}
    if quantity == "purchases":
        scores["brier"] = metrics.brier(actual > 0, of["p_purchase"])
        scores["log_score"] = float(of["log_score"].mean())
    return scores


def _ranking_scores(of: Mapping[str, np.ndarray]) -> dict[str, float]:
    actual, mean = of["actual"], of["mean"]
    if np.any(actual < 0) or not actual.sum() > 0:
        return {}
    captures = {f"capture_{name}": metrics.capture_of_value(actual, mean, top) for name, top in _TOPS.items()}
    return {
        "gini": metrics.normalised_gini(actual, mean),
        "spearman": metrics.spearman(actual, mean),
        **captures,
        "capture_customers_10": metrics.capture_of_customers(actual, mean, _TOPS["10"]),
    }


def _weeks(tracking: pd.DataFrame) -> dict[tuple[str, ...], dict[str, float]]:
    """Weekly errors by origin, horizon and model."""
    holdout = tracking[tracking["is_holdout"].to_numpy(dtype=bool)]
    groups = holdout.groupby(["origin", "horizon", "model"], sort=False, observed=True)
    return {_texts(key): metrics.tracking_error(weeks["actual"], weeks["mean"]) for key, weeks in groups}


def _texts(key: Any) -> tuple[str, ...]:
    return tuple(map(str, key))


def _skill(scores: pd.DataFrame, baseline: str) -> pd.DataFrame:
    keys = ["origin", "horizon", "quantity", "metric"]
    losses = scores[scores["metric"].isin(_SKILLS)]
    base = losses[losses["model"] == baseline].set_index(keys)["value"]
    base_values = base.reindex(list(zip(*(losses[key] for key in keys), strict=True))).to_numpy()
    skill = losses.assign(metric="skill_" + losses["metric"], value=1 - losses["value"] / base_values)
    return skill[(base_values > 0) & np.isfinite(base_values)]
