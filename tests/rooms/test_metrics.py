"""Metrics against scoringrules, scikit-learn and SciPy, and against forecasts with planted mistakes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scoringrules
from scipy import stats
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from clvmodels import metrics
from clvmodels.errors import ArgumentError

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture
def purchases(rng: np.random.Generator) -> Sample:
    """Actual counts, exact predictive draws of them and the exact means: negative binomial customers."""
    rate = rng.gamma(0.6, 2.0, 6000)
    shape, scale = 0.6 + rng.poisson(2 * rate), 1 / (0.5 + 2)  # conditional law of the rate after two periods
    draws = rng.poisson(rng.gamma(shape, scale, (199, 6000)))
    actual = rng.poisson(rng.gamma(shape, scale))
    return actual.astype(float), draws.astype(float), shape * scale


# --- oracles -----------------------------------------------------------------------------------------------


def test_points_equal_scikit_learn(purchases: Sample) -> None:
    actual, _, mean = purchases
    assert metrics.mae(actual, mean) == pytest.approx(
        sklearn_metrics.mean_absolute_error(actual, mean), rel=1e-13
    )
    squared = sklearn_metrics.root_mean_squared_error(actual, mean)
    assert metrics.rmse(actual, mean) == pytest.approx(squared, rel=1e-13)
    for level in (0.05, 0.5, 0.9):
        loss = sklearn_metrics.mean_pinball_loss(actual, mean, alpha=level)
        assert metrics.pinball(actual, mean, level) == pytest.approx(loss, rel=1e-13)
    chance, bought = 1 - np.exp(-mean), actual > 0
    score = sklearn_metrics.brier_score_loss(bought, chance)
    assert metrics.brier(bought, chance) == pytest.approx(score, rel=1e-13)


@pytest.mark.parametrize("estimator", ["qd", "fair"])
@pytest.mark.parametrize("size", [2, 3, 199])
def test_crps_equals_scoringrules(purchases: Sample, estimator: Any, size: int) -> None:
    actual, draws, _ = purchases
    actual, draws = actual[:400], draws[:size, :400]  # the oracle's fair form wants memory for every pair
    oracle = scoringrules.crps_ensemble(actual, draws, m_axis=0, estimator=estimator)
    np.testing.assert_allclose(
        metrics.crps_from_draws(draws, actual, estimator), oracle, rtol=1e-12, atol=1e-12
    )


def test_crps_by_the_definition(rng: np.random.Generator) -> None:
    draws, actual = rng.gamma(2, 3, (7, 11)), rng.gamma(2, 3, 11)
    spread = np.abs(draws[:, None] - draws[None, :]).sum(axis=(0, 1))
    distance = np.abs(draws - actual).mean(axis=0)
    np.testing.assert_allclose(
        metrics.crps_from_draws(draws, actual, "qd"), distance - spread / 2 / 49, rtol=1e-12
    )
    np.testing.assert_allclose(metrics.crps_from_draws(draws, actual), distance - spread / 2 / 42, rtol=1e-12)


def test_fair_crps_does_not_depend_on_the_number_of_draws(rng: np.random.Generator) -> None:
    """E CRPS of a standard normal forecast of a standard normal is 1/√π, for any number of draws."""
    actual, size = rng.normal(size=60_000), 3
    draws = rng.normal(size=(size, 60_000))
    fair = metrics.crps_from_draws(draws, actual)
    z = (fair.mean() - 1 / np.sqrt(np.pi)) / (fair.std() / np.sqrt(len(fair)))
    assert abs(z) < 4
    # "qd" is larger by E|X - X'| / (2S) = 1 / (S √π)
    excess = (metrics.crps_from_draws(draws, actual, "qd") - fair).mean()
    assert excess == pytest.approx(1 / (size * np.sqrt(np.pi)), rel=0.02)


def test_crps_of_a_point_is_that_of_equal_draws(purchases: Sample) -> None:
    actual, _, mean = purchases
    equal = np.tile(mean, (5, 1))
    np.testing.assert_allclose(
        metrics.crps_of_point(actual, mean), metrics.crps_from_draws(equal, actual), rtol=1e-12
    )


def test_crps_is_twice_the_mean_pinball(rng: np.random.Generator) -> None:
    draws, actual = np.sort(rng.normal(size=1999)), 0.7
    levels = (np.arange(1999) + 0.5) / 1999
    losses = [
        metrics.pinball([actual], [quantile], level) for quantile, level in zip(draws, levels, strict=True)
    ]
    assert 2 * np.mean(losses) == pytest.approx(
        metrics.crps_from_draws(draws[:, None], [actual], "qd")[0], rel=1e-9
    )


def test_crps_is_blind_to_blocks_and_far_from_zero(
    purchases: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    actual, draws, _ = purchases
    whole = metrics.crps_from_draws(draws, actual)
    far = metrics.crps_from_draws(draws + 2.0**30, actual + 2.0**30)
    np.testing.assert_array_equal(far, whole)
    monkeypatch.setattr("clvmodels.metrics.distribution.BLOCK_VALUES", 1000)
    np.testing.assert_array_equal(metrics.crps_from_draws(draws, actual), whole)
    assert metrics.crps_from_draws(draws[:, 17:18], actual[17:18])[0] == whole[17]


def test_ranks_equal_scipy(purchases: Sample) -> None:
    actual, draws, _ = purchases
    forecast = draws[0]  # heavily tied
    assert metrics.spearman(actual, forecast) == pytest.approx(
        stats.spearmanr(actual, forecast).statistic, rel=1e-12
    )


def test_gini_of_an_outcome_equals_scikit_learn_s_area(purchases: Sample) -> None:
    actual, draws, _ = purchases
    bought, forecast = actual > 0, draws[0]
    area = sklearn_metrics.roc_auc_score(bought, forecast)
    assert metrics.normalised_gini(bought, forecast) == pytest.approx(2 * area - 1, rel=1e-12)


def test_reliability_equals_scikit_learn(purchases: Sample) -> None:
    actual, _, mean = purchases
    bought, chance = actual > 0, np.round(1 - np.exp(-mean), 2)
    observed, predicted = calibration_curve(bought, chance, n_bins=8, strategy="quantile")
    table = metrics.reliability(bought, chance, bins=8)
    np.testing.assert_allclose(table["observed"], observed, rtol=1e-12)
    np.testing.assert_allclose(table["predicted"], predicted, rtol=1e-12)
    assert table["customers"].sum() == len(actual)


def test_pit_distance_equals_scipy(rng: np.random.Generator) -> None:
    pit = rng.beta(1.2, 1, 301)
    assert metrics.pit_distance(pit) == pytest.approx(stats.kstest(pit, "uniform").statistic, rel=1e-12)


# --- ties and orders ---------------------------------------------------------------------------------------


def sorted_gini(actual: np.ndarray, order: np.ndarray) -> float:
    """The textbook curve for one order of the customers: area between gains and diagonal."""
    gains = np.cumsum(actual[order]) / actual.sum()
    return float((gains - np.arange(1, len(actual) + 1) / len(actual)).sum())


def test_gini_is_the_mean_over_all_orders_of_ties() -> None:
    actual, predicted = np.array([5.0, 0.0, 1.0, 2.0, 0.0]), np.array([3.0, 3.0, 3.0, 1.0, 7.0])
    orders = [np.array(order) for order in itertools.permutations(range(5))]
    legal = [sorted_gini(actual, o) for o in orders if (np.diff(predicted[o]) <= 0).all()]
    perfect = sorted_gini(actual, np.argsort(-actual))
    assert len(set(np.round(legal, 9))) > 1  # the trap is there
    assert metrics.normalised_gini(actual, predicted) == pytest.approx(np.mean(legal) / perfect, rel=1e-12)


@pytest.mark.parametrize("top", [0.2, 0.4, 0.5, 0.75])
def test_captures_are_the_mean_over_all_orders_of_ties(top: float) -> None:
    actual, predicted = np.array([5.0, 0.0, 1.0, 2.0, 0.0]), np.array([3.0, 3.0, 3.0, 1.0, 7.0])
    orders = [np.array(order) for order in itertools.permutations(range(5))]
    k = int(np.ceil(5 * top))
    found = [o[:k] for o in orders if (np.diff(predicted[o]) <= 0).all()]
    best = [o[:k] for o in orders if (np.diff(actual[o]) <= 0).all()]
    value = np.mean([actual[o].sum() for o in found]) / actual.sum()
    shared = np.mean([len(set(one) & set(two)) for one in found for two in best]) / k
    assert metrics.capture_of_value(actual, predicted, top) == pytest.approx(value, rel=1e-12)
    assert metrics.capture_of_customers(actual, predicted, top) == pytest.approx(shared, rel=1e-12)


def test_rounding_takes_no_extra_customer() -> None:
    # 0.07 * 100 is 7.000000000000001 in floating point
    actual = np.arange(100.0)
    assert metrics.capture_of_value(actual, actual, 0.07) == pytest.approx(
        sum(range(93, 100)) / sum(range(100))
    )


SYMMETRIC: list[Callable[[Any, Any], float]] = [
    metrics.mae,
    metrics.rmse,
    metrics.bias,
    metrics.bias_percent,
    metrics.normalised_gini,
    metrics.spearman,
    metrics.capture_of_value,
    metrics.capture_of_customers,
    lambda actual, predicted: metrics.pinball(actual, predicted, 0.3),
    lambda actual, predicted: metrics.brier(actual > 2, np.exp(-predicted)),
    lambda actual, predicted: float(metrics.reliability(actual > 2, np.exp(-predicted))["predicted"].sum()),
    lambda actual, predicted: float(
        metrics.holdout_by_frequency(actual // 1, actual, predicted)["predicted"].sum()
    ),
]


@pytest.mark.parametrize("metric", SYMMETRIC)
def test_the_order_of_customers_leaves_no_trace(metric: Any, rng: np.random.Generator) -> None:
    actual, predicted = rng.gamma(1, 3, 2000), np.round(rng.gamma(1, 3, 2000), 1)
    order = rng.permutation(2000)
    assert metric(actual[order], predicted[order]) == metric(actual, predicted)


# --- planted mistakes in forecasts -------------------------------------------------------------------------


def test_absolute_error_rewards_medians_and_squared_error_means(purchases: Sample) -> None:
    actual, draws, mean = purchases
    median = np.median(draws, axis=0)
    assert metrics.mae(actual, median) < metrics.mae(actual, mean)
    assert metrics.rmse(actual, mean) < metrics.rmse(actual, median)
    assert metrics.bias(actual, median) < -0.05
    assert abs(metrics.bias_percent(actual, mean)) < 5


@pytest.mark.parametrize(
    "mistake", [lambda d: d * 1.5, lambda d: d // 2, lambda d: d + 1, lambda d: d[:, ::-1]]
)
def test_proper_scores_prefer_the_truth(
    purchases: Sample, mistake: Callable[[np.ndarray], np.ndarray]
) -> None:
    actual, draws, _ = purchases
    wrong = mistake(draws)
    truth, lie = (metrics.crps_from_draws(d, actual) for d in (draws, wrong))
    z = (lie - truth).mean() / ((lie - truth).std() / np.sqrt(len(actual)))
    assert z > 4
    chances, lies = (draws > 0).mean(axis=0), (wrong > 0).mean(axis=0)
    assert metrics.brier(actual > 0, chances) <= metrics.brier(actual > 0, lies)


def test_randomised_pit_of_a_right_forecast_is_uniform(purchases: Sample, rng: np.random.Generator) -> None:
    actual, draws, _ = purchases
    pit = metrics.randomised_pit(draws, actual, rng.random(len(actual)))
    critical = 1.95 / np.sqrt(len(actual))  # one in a thousand
    assert metrics.pit_distance(pit) < critical
    assert (
        metrics.pit_distance((draws <= actual).mean(axis=0)) > 5 * critical
    )  # the plain transform of counts
    for level in (0.5, 0.8, 0.9):
        z = (metrics.pit_coverage(pit, level) - level) / np.sqrt(level * (1 - level) / len(actual))
        assert abs(z) < 4


def test_randomised_pit_is_exact_for_any_number_of_draws(rng: np.random.Generator) -> None:
    """One to three draws, counts and money with its mass at zero."""
    for size in (1, 2, 3):
        for sample in (
            rng.poisson(0.7, (size + 1, 20_000)),
            rng.gamma(1, 1, (size + 1, 20_000)) * rng.integers(0, 2),
        ):
            draws = sample * (rng.random(sample.shape) < 0.5)
            pit = metrics.randomised_pit(draws[1:], draws[0], rng.random(len(draws[0])))
            assert stats.kstest(pit, "uniform").pvalue > 1e-3


def test_exact_intervals_of_counts_cover_more_than_they_say(
    purchases: Sample, rng: np.random.Generator
) -> None:
    actual, draws, _ = purchases
    low, high = np.quantile(draws, [0.05, 0.95], axis=0, method="inverted_cdf")
    assert metrics.interval_coverage(actual, low, high) > 0.94
    pit = metrics.randomised_pit(draws, actual, rng.random(len(actual)))
    assert metrics.pit_coverage(pit, 0.9) == pytest.approx(0.9, abs=0.015)
    assert metrics.interval_width(low, high) == pytest.approx((high - low).mean())


def test_pit_shows_distributions_too_narrow_or_too_wide(rng: np.random.Generator) -> None:
    actual, draws = rng.normal(size=4000), rng.normal(size=(99, 4000))
    narrow, wide = (
        metrics.randomised_pit(spread * draws, actual, rng.random(len(actual))) for spread in (0.5, 2.0)
    )
    assert metrics.pit_coverage(narrow, 0.5) < 0.35
    assert metrics.pit_coverage(wide, 0.5) > 0.65


def test_reliability_shows_overconfidence(rng: np.random.Generator) -> None:
    chance = rng.uniform(0.05, 0.95, 20_000)
    bought = rng.random(20_000) < chance
    honest = metrics.reliability(bought, chance)
    z = (honest["observed"] - honest["predicted"]) / honest["standard_error"]
    assert np.abs(z).max() < 4
    boastful = metrics.reliability(bought, np.clip(1.6 * (chance - 0.5) + 0.5, 0, 1))
    assert boastful["observed"][0] > boastful["predicted"][0] + 0.08
    assert boastful["observed"][-1] < boastful["predicted"][-1] - 0.08


# --- by hand -----------------------------------------------------------------------------------------------


def test_holdout_by_frequency_by_hand() -> None:
    table = metrics.holdout_by_frequency([0, 0, 0, 2, 7, 11], [0, 1, 2, 3, 5, 9], [1, 1, 1, 2, 6, 6])
    assert table["frequency"].tolist() == [0, 2, 7]
    assert table["customers"].tolist() == [3, 1, 2]
    assert table["actual"].tolist() == [1, 3, 7]
    assert table["predicted"].tolist() == [1, 2, 6]
    # standard errors: sqrt(((0-1)² + 0 + 1²) / 2 / 3), none for one customer, sqrt((4 + 4) / 1 / 2)
    np.testing.assert_allclose(table["standard_error"], [np.sqrt(1 / 3), np.nan, 2.0])
    assert "predicted" not in metrics.holdout_by_frequency([0], [1])


def test_actual_means_of_cdnow_by_frequency(cdnow: Any, cdnow_rfm: Any) -> None:
    import pandas as pd

    dates = pd.to_datetime(cdnow["date"])
    late = cdnow[dates > "1997-09-30"].drop_duplicates(["customer_id", "date"])
    actual = late.groupby("customer_id").size().reindex(cdnow_rfm.customer_id, fill_value=0)
    table = metrics.holdout_by_frequency(cdnow_rfm.frequency, actual)
    # Fader, Hardie & Lee (2005), as reproduced by the BTYD walkthrough
    assert table["customers"].tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    assert table["actual"].round(3).tolist() == [0.237, 0.697, 1.393, 1.56, 2.532, 2.947, 3.862, 6.359]


def test_skill_is_the_share_of_the_loss_saved() -> None:
    assert [metrics.skill(loss, 2.0) for loss in (0, 1, 2, 3)] == [1, 0.5, 0, -0.5]


def test_undefined_is_nan() -> None:
    assert np.isnan(metrics.bias_percent([0, 0], [1, 2]))
    assert np.isnan(metrics.skill(0, 0))
    assert np.isnan(metrics.normalised_gini([2, 2], [1, 3]))
    assert np.isnan(metrics.spearman([2, 2], [1, 3]))
    assert np.isnan(metrics.capture_of_value([0, 0], [1, 3]))
    assert metrics.normalised_gini([0, 3], [3, 0]) == -1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metrics.mae([1, 2], [1]), "differ in length"),
        (lambda: metrics.mae([], []), "at least one customer"),
        (lambda: metrics.rmse([[1]], [[1]]), "one-dimensional"),
        (lambda: metrics.bias([1, np.nan], [1, 2]), "not finite"),
        (lambda: metrics.crps_from_draws([[1, 2]], [1, 2]), "crps_of_point"),
        (lambda: metrics.crps_from_draws([[1], [2]], [1, 2]), "transpose"),
        (lambda: metrics.crps_from_draws([[1], [np.inf]], [1]), "finite"),
        (lambda: metrics.crps_from_draws([[1], [2]], [1], "nrg"), "'fair' nor 'qd'"),
        (lambda: metrics.pinball([1], [1], 90), "0.1"),
        (lambda: metrics.interval_coverage([1], [3], [2]), "swap"),
        (lambda: metrics.interval_width([3], [2]), "swap"),
        (lambda: metrics.pit_coverage([0.2], 1.0), "strictly between"),
        (lambda: metrics.pit_distance([1.2]), r"outside \[0, 1\]"),
        (lambda: metrics.normalised_gini([-1, 2], [1, 2]), "negative"),
        (lambda: metrics.capture_of_value([1, 2], [1, 2], 10), "ten per cent is 0.1"),
        (lambda: metrics.brier([2], [0.5]), "actual > 0"),
        (lambda: metrics.brier([1], [50]), "0.3"),
        (lambda: metrics.reliability([1], [0.5], 0), "at least 1"),
        (lambda: metrics.holdout_by_frequency([0.5], [1]), "whole"),
        (lambda: metrics.holdout_by_frequency([0], [1], last=0), "at least 1"),
        (lambda: metrics.skill(-1, 1), "losses"),
    ],
)
def test_refusals_say_the_way_out(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        call()
