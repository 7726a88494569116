"""Scores of a backtest, each worked out once more by somebody else from the saved predictions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scoringrules
from scipy import stats
from sklearn import metrics as theirs

import clvmodels as clv
from clvmodels.backtesting import Scorecard
from clvmodels.backtesting.scoring import score_predictions
from clvmodels.metrics import capture_of_customers, capture_of_value

MODEL = clv.CLVModel("bg_nbd", method="mle", label="Ours")
DRAWS, SEED = 80, 3
EVERYBODY = {
    *("total_mean", "total_actual", "bias_total", "bias", "rmse", "mae", "mae_of_mean", "crps"),
    *("rmse_per_mean", "mae_per_mean", "mae_of_mean_per_mean", "crps_per_mean", "worst_10_share"),
    *("gini", "spearman", "capture_05", "capture_10", "capture_20", "capture_customers_10"),
    *("skill_crps", "skill_rmse", "skill_mae"),
}
DISTRIBUTIONS = {
    *("total_q05", "total_q95", "total_covered", "total_width"),
    *("total_q05_alone", "total_q95_alone", "total_covered_alone", "total_width_alone"),
    *("pinball_05", "pinball_25", "pinball_50", "pinball_75", "pinball_95"),
    *("coverage_90", "width_90", "pit_ks"),
}
OF_PURCHASES = {"cumulative_mape", "cumulative_max", "weekly_mape"}
OF_CHANCES = {"brier", "log_score"}


@pytest.fixture(scope="module")
def log(cdnow: pd.DataFrame) -> pd.DataFrame:
    return cdnow[cdnow["customer_id"] % 6 == 0]


@pytest.fixture(scope="module")
def card(log: pd.DataFrame) -> Scorecard:
    rivals = [MODEL, clv.HistoricalCLV()]
    return clv.backtest(log, rivals, horizon="26W", origins=["1997-09-30"], draws=DRAWS, seed=SEED)


def rows_of(card: Scorecard, quantity: str, model: str = "Ours") -> dict[str, np.ndarray]:
    rows = card.predictions.query("quantity == @quantity and model == @model")
    return {name: rows[name].to_numpy() for name in rows.columns}


def score(card: Scorecard, quantity: str, metric: str) -> float:
    return float(card.table(quantity).xs("Ours", level="model")[metric].iloc[0])


def formula(card: Scorecard, quantity: str, metric: str) -> float:
    return float(card.table(quantity).xs(clv.HistoricalCLV().name, level="model")[metric].iloc[0])


def test_every_score_is_there_by_name(card: Scorecard) -> None:
    names = card.scores.groupby(["quantity", "model"])["metric"].agg(set)
    formula = clv.HistoricalCLV().name
    assert names["purchases", formula] == EVERYBODY | OF_PURCHASES
    assert names["spend", formula] == EVERYBODY
    assert names["purchases", "Ours"] == EVERYBODY | DISTRIBUTIONS | OF_PURCHASES | OF_CHANCES
    assert names["spend", "Ours"] == EVERYBODY | DISTRIBUTIONS


@pytest.mark.parametrize("quantity", ["purchases", "spend"])
def test_scores_equal_those_of_other_libraries(card: Scorecard, quantity: str) -> None:
    """Killed: MAE of the mean instead of the median; quantiles of another level; the sign of a bias."""
    said = rows_of(card, quantity)
    actual, mean, median = said["actual"], said["mean"], said["q50"]
    expected: dict[str, Any] = {
        "mae": theirs.mean_absolute_error(actual, median),
        "mae_of_mean": theirs.mean_absolute_error(actual, mean),
        "rmse": theirs.root_mean_squared_error(actual, mean),
        "bias": np.mean(mean - actual),
        "rmse_per_mean": theirs.root_mean_squared_error(actual, mean) / actual.mean(),
        "spearman": stats.spearmanr(actual, mean).statistic,
        "pit_ks": stats.kstest(said["pit"].astype(float), "uniform").statistic,
        "coverage_90": np.mean((said["pit"] >= 0.05) & (said["pit"] <= 0.95)),
        "width_90": np.mean(said["q95"] - said["q05"]),
        **{
            f"pinball_{level}": theirs.mean_pinball_loss(actual, said[f"q{level}"], alpha=int(level) / 100)
            for level in ("05", "25", "50", "75", "95")
        },
    }
    squares = np.sort((mean - actual).astype(float) ** 2)
    expected |= {
        "crps": said["crps"].mean(),
        "crps_per_mean": said["crps"].mean() / actual.mean(),
        "mae_per_mean": theirs.mean_absolute_error(actual, median) / actual.mean(),
        "worst_10_share": squares[-10:].sum() / squares.sum(),
        "capture_05": capture_of_value(actual, mean, 0.05),
        "capture_20": capture_of_value(actual, mean, 0.2),
        "capture_customers_10": capture_of_customers(actual, mean, 0.1),
        "bias_total": mean.sum() / actual.sum() - 1,
        "skill_mae": 1 - theirs.mean_absolute_error(actual, median) / formula(card, quantity, "mae"),
    }
    if quantity == "purchases":
        expected["brier"] = theirs.brier_score_loss(actual > 0, said["p_purchase"].astype(float))
        expected["log_score"] = said["log_score"].mean()
    for metric, value in expected.items():
        assert score(card, quantity, metric) == pytest.approx(float(value), rel=1e-10), metric


def test_scores_of_totals_and_weeks_by_hand(card: Scorecard) -> None:
    """Killed: the mean held against its own interval; a width over the forecast; weeks of the calibration counted."""
    total = card.totals.query("quantity == 'purchases' and model == 'Ours'").iloc[0]
    assert score(card, "purchases", "total_width") == pytest.approx(
        (total["q95"] - total["q05"]) / total["actual"]
    )
    for low, high, held in ((0.9, 1.1, 1), (1.1, 1.2, 0), (0.8, 0.9, 0)):
        moved = card.totals.assign(q05=low * card.totals["actual"], q95=high * card.totals["actual"])
        moved = moved.assign(alone_q05=0.5 * moved["actual"], alone_q95=2 * moved["actual"])
        found = score_predictions(card.predictions, moved).set_index(["model", "quantity", "metric"])["value"]
        assert found["Ours", "spend", "total_covered"] == held
        assert found["Ours", "spend", "total_covered_alone"] == 1
    weeks = card.tracking.query("model == 'Ours' and is_holdout")
    actual, mean = weeks["actual"].to_numpy(), weeks["mean"].to_numpy()
    sums = np.abs(mean.cumsum() / actual.cumsum() - 1)
    assert score(card, "purchases", "cumulative_mape") == pytest.approx(100 * sums.mean())
    assert score(card, "purchases", "cumulative_max") == pytest.approx(100 * sums.max())
    single = np.abs(mean / np.where(actual > 0, actual, np.nan) - 1)
    assert score(card, "purchases", "weekly_mape") == pytest.approx(100 * np.nanmean(single))


def test_rankings_equal_the_mean_over_shuffled_ties(card: Scorecard, rng: np.random.Generator) -> None:
    """By sorting 4,000 times with ties in another order: standard errors below a thousandth."""
    said = rows_of(card, "purchases", clv.HistoricalCLV().name)
    actual, mean = said["actual"].astype(float), said["mean"].astype(float)
    table = card.table("purchases").xs(clv.HistoricalCLV().name, level="model").iloc[0]
    top = round(0.1 * len(actual), 9)
    best, area = [], []
    perfect = np.cumsum(np.sort(actual)[::-1]).sum()
    for _ in range(4000):
        order = np.lexsort((rng.random(len(mean)), -mean))
        running = np.concatenate([[0.0], np.cumsum(actual[order])])
        best.append(np.interp(top, np.arange(len(running)), running) / actual.sum())
        area.append(running[1:].sum())
    chance = actual.sum() * (len(actual) + 1) / 2
    assert table["capture_10"] == pytest.approx(np.mean(best), abs=0.004)
    assert table["gini"] == pytest.approx((np.mean(area) - chance) / (perfect - chance), abs=0.004)


def test_crps_and_quantiles_are_those_of_the_draws_of_the_same_seed(
    log: pd.DataFrame, card: Scorecard
) -> None:
    """Killed: the biased estimator; draws of another horizon; bounds of another level, with the market or without.
    P(buys) of two purchases; ties of the PIT not broken."""
    rfm, _ = clv.calibration_holdout(log, cutoff="1997-09-30", spend="spend")
    forecast = MODEL.fit(rfm, seed=SEED).forecast(
        datetime(1998, 3, 31), period="W", draws=DRAWS, seed=SEED, levels=(0.5,), keep_draws=True
    )
    draws, said = forecast.draws, rows_of(card, "spend")
    assert draws is not None
    crps = scoringrules.crps_ensemble(
        said["actual"].astype(float), draws.T, estimator="fair", backend="numba"
    )
    np.testing.assert_allclose(said["crps"].astype(float), crps, rtol=1e-6, atol=1e-8)
    assert score(card, "spend", "crps") == pytest.approx(crps.mean(), rel=1e-8)
    for level, name in ((0.05, "q05"), (0.5, "q50"), (0.95, "q95")):
        np.testing.assert_allclose(said[name].astype(float), np.quantile(draws, level, axis=0), atol=1e-9)
    np.testing.assert_allclose(said["sd"].astype(float), draws.std(axis=0), atol=1e-9)
    for quantity in ("purchases", "spend"):
        chance = rows_of(card, quantity)["p_purchase"].astype(float)
        np.testing.assert_allclose(chance, forecast.columns["p_purchase"], atol=1e-12)
    actual = said["actual"].astype(float)
    below, equal = (draws < actual).sum(axis=0), (draws == actual).sum(axis=0)
    lot = (said["pit"].astype(float) * (DRAWS + 1) - below) / (equal + 1)  # uniform, whatever the forecast
    assert lot.min() > 0
    assert stats.kstest(lot, "uniform").pvalue > 1e-4
    assert forecast.total.alone is not None
    for suffix, total in (("", forecast.total.draws), ("_alone", forecast.total.alone.draws)):
        assert score(card, "spend", f"total_q05{suffix}") == pytest.approx(np.quantile(total, 0.05))
        assert score(card, "spend", f"total_q95{suffix}") == pytest.approx(np.quantile(total, 0.95))
