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
    order = np.arange(len(actual))[::-1]  # indexing lays the copy out in memory the other way round
    np.testing.assert_array_equal(metrics.crps_from_draws(draws[:, order], actual[order])[order], whole)
    np.testing.assert_array_equal(metrics.crps_from_draws(np.asfortranarray(draws), actual), whole)


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


def test_ranked_probability_score_is_the_crps_of_a_count(rng: np.random.Generator) -> None:
    counts = np.arange(60)[:, None]
    rate, actual = rng.gamma(2, 1, 40), rng.poisson(2, 40)
    pmf = stats.poisson.pmf(counts, rate)
    score = metrics.rps_from_pmf(pmf, actual)
    distance = (pmf * np.abs(counts - actual)).sum(axis=0)
    spread = np.einsum("an,bn,ab->n", pmf, pmf, np.abs(counts - counts.T))
    np.testing.assert_allclose(score, distance - spread / 2, rtol=1e-9, atol=1e-12)
    oracle = [scoringrules.crps_poisson(y, mu) for y, mu in zip(actual, rate, strict=True)]
    np.testing.assert_allclose(score, oracle, rtol=1e-6)


def test_log_score_equals_scoringrules_and_scikit_learn(rng: np.random.Generator) -> None:
    rate, actual = rng.gamma(2, 1, 40), rng.poisson(2, 40)
    score = metrics.log_score(stats.poisson.pmf(actual, rate))
    np.testing.assert_allclose(score, -stats.poisson.logpmf(actual, rate), rtol=1e-12)
    np.testing.assert_allclose(score, scoringrules.logs_poisson(actual, rate), rtol=1e-9)
    bought, chance = actual > 0, -np.expm1(-rate)
    of_what_came = np.where(bought, chance, 1 - chance)
    loss = sklearn_metrics.log_loss(bought, chance)
    assert metrics.log_score(of_what_came).mean() == pytest.approx(loss, rel=1e-12)
    assert metrics.log_score([0.0, 1.0]).tolist() == [np.inf, 0.0]
    assert not np.signbit(metrics.log_score([1.0])).any()


def test_log_score_prefers_the_predictive_probability(purchases: Sample) -> None:
    """The average over parameter draws beats every single draw, which is too sure of itself."""
    rng = np.random.default_rng(5)
    shape, scale = rng.integers(1, 6, 4000) * 0.6, 0.5
    actual = rng.poisson(rng.gamma(shape, scale))
    averaged = stats.nbinom.pmf(actual, shape, 1 / (1 + scale))
    plugged_in = stats.poisson.pmf(actual, shape * scale)
    lost = metrics.log_score(plugged_in) - metrics.log_score(averaged)
    assert lost.mean() / (lost.std() / np.sqrt(len(lost))) > 4


def test_pinball_by_level_equals_scikit_learn(purchases: Sample) -> None:
    actual, draws, _ = purchases
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    quantiles = np.quantile(draws, levels, axis=0)
    oracle = [
        sklearn_metrics.mean_pinball_loss(actual, row, alpha=level)
        for row, level in zip(quantiles, levels, strict=True)
    ]
    np.testing.assert_allclose(metrics.pinball_by_level(actual, quantiles, levels), oracle, rtol=1e-12)


def test_pit_histogram_equals_numpy_and_shows_the_noise(rng: np.random.Generator) -> None:
    table = metrics.pit_histogram(rng.random(50_000), bins=10)
    assert table["customers"].sum() == 50_000
    z = (table["share"] - table["expected"]) / table["standard_error"]
    assert np.abs(z).max() < 4
    assert 0.3 < np.abs(z).mean() < 1.4  # the standard error is of the right size
    assert table["low"][0] == 0
    assert table["high"][-1] == 1


def test_gain_curve_meets_captures_and_gini(purchases: Sample) -> None:
    actual, draws, _ = purchases
    forecast = draws[0]  # heavily tied
    curve = metrics.gain_curve(actual, forecast, points=20)
    for top in (0.05, 0.1, 0.2):
        place = round(20 * top)
        assert curve["captured"][place] == pytest.approx(
            metrics.capture_of_value(actual, forecast, top), rel=1e-9
        )
        assert curve["perfect"][place] == pytest.approx(
            metrics.capture_of_value(actual, actual, top), rel=1e-9
        )
    fine = metrics.gain_curve(actual, forecast, points=len(actual))
    area = (fine["captured"] - fine["share"]).sum() / (fine["perfect"] - fine["share"]).sum()
    assert area == pytest.approx(metrics.normalised_gini(actual, forecast), rel=1e-9)
    np.testing.assert_allclose(curve["lift"][1:], curve["captured"][1:] / curve["share"][1:])


def test_gain_band_is_that_of_curves_of_resampled_customers(rng: np.random.Generator) -> None:
    """Killed: the tails of 80 %; ties given to whoever comes first; the share of customers taken as that of all."""
    mean = np.round(rng.gamma(0.5, 2.0, 400), 1)  # tied
    actual = rng.poisson(mean).astype(float)
    band = metrics.gain_band(actual, mean, 50, resamples=4000)
    curves = []
    for _ in range(2000):
        chosen = rng.integers(400, size=400)
        curves.append(metrics.gain_curve(actual[chosen], mean[chosen], 50)["captured"])
    low, high = np.quantile(curves, [0.05, 0.95], axis=0)
    # a bound of 2,000 curves has a standard error of about 0.05 times the width: 0.006 where the band is widest
    np.testing.assert_allclose(band["low"], low, atol=0.015)
    np.testing.assert_allclose(band["high"], high, atol=0.015)
    order = rng.permutation(400)
    again = metrics.gain_band(actual[order], mean[order], 50, resamples=4000)
    np.testing.assert_array_equal(again["high"], band["high"])
    wide = metrics.gain_band(actual, mean, 50, level=0.99)
    assert (wide["high"] - wide["low"])[1:-1].mean() > 1.3 * (band["high"] - band["low"])[1:-1].mean()
    level = metrics.gain_band(actual, np.ones(400))  # no order, no luck
    for bound in ("low", "high"):
        np.testing.assert_allclose(level[bound], level["share"], atol=1e-12)
    assert np.isnan(metrics.gain_band(actual[:19], mean[:19])["low"]).all()
    assert np.isnan(metrics.gain_band(np.zeros(30), mean[:30])["high"]).all()


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
    metrics.squared_error_share,
    lambda actual, predicted: float(metrics.gain_curve(actual, predicted, 7)["captured"].sum()),
    lambda actual, predicted: float(metrics.holdout_by_quantile(predicted, actual)["actual"].sum()),
    lambda actual, predicted: float(metrics.pinball_by_level(actual, [predicted], [0.3])[0]),
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
    four = metrics.reliability([0, 1, 1, 0], [0.2, 0.2, 0.8, 0.8], bins=1)
    assert four["standard_error"].tolist() == pytest.approx([0.2])  # sqrt(0.2 · 0.8 / 4)
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


def test_tracking_error_by_hand() -> None:
    found = metrics.tracking_error([0, 10, 10], [1, 8, 13])
    # running sums 0, 10, 20 against 1, 9, 22: 10 % and 10 %; single weeks 20 % and 30 %
    assert found == pytest.approx({"cumulative_mape": 10, "cumulative_max": 10, "weekly_mape": 25})
    assert metrics.tracking_error([10, 10], [12, 8])["cumulative_max"] == pytest.approx(20)


def test_groups_by_label_and_quantile_by_hand() -> None:
    table = metrics.holdout_by_label(["b", "a", "b"], [1, 5, 3], [2, 2, 4])
    assert table["label"].tolist() == ["a", "b"]
    assert table["customers"].tolist() == [1, 2]
    assert table["actual"].tolist() == [5, 2]
    assert table["predicted"].tolist() == [2, 3]
    np.testing.assert_allclose(table["standard_error"], [np.nan, 1.0])  # sqrt(((1-2)² + (3-2)²) / 1 / 2)
    deciles = metrics.holdout_by_quantile(np.repeat([0.0, 1.0, 2.0], [7, 2, 1]), np.arange(10.0), bins=10)
    assert deciles["low"].tolist() == [0, 1, 2]  # ties stay together
    halves = metrics.holdout_by_quantile([4.0, 1.0, 3.0, 2.0], np.arange(4.0), bins=2)
    assert halves["low"].tolist() == [1, 3]
    assert halves["high"].tolist() == [2, 4]
    assert deciles["customers"].tolist() == [7, 2, 1]


def test_errors_in_units_of_the_mean_and_their_concentration() -> None:
    assert metrics.per_mean(1.5, [0, 1, 5]) == 0.75
    # errors 1, 1, 7: squares 1, 1, 49
    assert metrics.squared_error_share([0, 2, 9], [1, 1, 2], 1) == pytest.approx(49 / 51)
    assert metrics.squared_error_share([0, 2, 9], [1, 1, 2], 2) == pytest.approx(50 / 51)
    assert metrics.squared_error_share(np.zeros(100), np.ones(100)) == pytest.approx(0.1)


# --- one forecaster against another ------------------------------------------------------------------------


def test_paired_difference_equals_the_plain_bootstrap(rng: np.random.Generator) -> None:
    """The same relative difference, and the interval of a loop that draws customers one by one."""
    hard = rng.gamma(0.5, 2, 800)
    a, b = hard * rng.gamma(50, 1 / 50, 800), hard * rng.gamma(50, 1 / 48, 800)
    found = metrics.paired_difference(a, b, seed=3, resamples=4000)
    picks = rng.integers(800, size=(4000, 800))
    loop = 100 * (1 - a[picks].mean(axis=1) / b[picks].mean(axis=1))
    assert found.percent == pytest.approx(100 * (1 - a.mean() / b.mean()), rel=1e-12)
    # a 5 % quantile of 4,000 values has a standard error of sqrt(.05 .95 / 4000) / .103 = 0.033 sd; two of them
    assert abs(found.low - np.quantile(loop, 0.05)) < 4 * 0.047 * loop.std()
    assert abs(found.high - np.quantile(loop, 0.95)) < 4 * 0.047 * loop.std()
    assert found.share_better == (a < b).mean()


def test_bundles_leave_the_spread_alone(rng: np.random.Generator) -> None:
    """With 20,000 customers bundles are drawn; the delta method knows the standard error."""
    hard = rng.gamma(0.5, 2, 20_000)
    a, b = hard * rng.gamma(20, 1 / 20, 20_000), hard * rng.gamma(20, 1 / 19, 20_000)
    ratio = a.mean() / b.mean()
    error = 100 * (a - ratio * b).std() / b.mean() / np.sqrt(20_000)
    found = [metrics.paired_difference(a, b, seed=seed) for seed in range(12)]
    widths = np.array([(one.high - one.low) / (2 * 1.645 * error) for one in found])
    # 2,048 bundles know a standard error to 1/sqrt(2 · 2048) = 1.6 %, heavy tails to some 2 %, and 2,000 resamples
    # know the width of a 90 % interval to 2.4 %: together 3 % for one seed
    assert widths.mean() == pytest.approx(1, abs=0.05)
    assert widths.std() < 0.045


def test_paired_interval_covers_the_truth() -> None:
    """A loses exactly a tenth less; 300 samples of 200 customers. sqrt(.9 .1 / 300) = 0.017."""
    rng, covered = np.random.default_rng(8), []
    for _ in range(300):
        hard = rng.gamma(2, 1, 200)
        a, b = 0.9 * hard * rng.gamma(4, 1 / 4, 200), hard * rng.gamma(4, 1 / 4, 200)
        found = metrics.paired_difference(a, b, seed=1, resamples=400)
        covered.append(found.low <= 10 <= found.high)
    assert 0.9 - 4 * 0.017 - 0.01 < np.mean(covered) < 0.9 + 4 * 0.017


def test_ties_are_counted_apart() -> None:
    found = metrics.paired_difference([1, 2, 3] * 10, [1, 3, 2] * 10, seed=1)
    assert found.share_better == found.share_equal == pytest.approx(1 / 3)


@pytest.mark.parametrize("customers", [300, 5000])
def test_paired_difference_is_blind_to_rows(customers: int, rng: np.random.Generator) -> None:
    a, b = np.round(rng.gamma(1, 1, (2, customers)), 1)  # ties
    order = rng.permutation(customers)
    one, two = metrics.paired_difference(a, b, seed=1), metrics.paired_difference(a[order], b[order], seed=1)
    assert one == two
    assert one != metrics.paired_difference(a, b, seed=2)


def test_root_compares_as_rmse_does(purchases: Sample) -> None:
    actual, draws, mean = purchases
    median = np.median(draws, axis=0)
    squares = [(forecast - actual) ** 2 for forecast in (mean, median)]
    found = metrics.paired_difference(*squares, seed=1, root=True, names=("mean", "median"))
    skill = metrics.skill(metrics.rmse(actual, mean), metrics.rmse(actual, median))
    assert found.percent == pytest.approx(100 * skill, rel=1e-9)
    assert found.losses[0] == pytest.approx(metrics.rmse(actual, mean), rel=1e-12)
    assert 0 < found.low < found.percent < found.high
    plain = metrics.paired_difference(*squares, seed=1)
    assert found.low == pytest.approx(100 * (1 - np.sqrt(1 - plain.low / 100)), rel=0.02)


def test_the_sentence_says_who_wins_and_how_surely(rng: np.random.Generator) -> None:
    hard = rng.gamma(1, 1, 400)
    noise = hard * rng.gamma(9, 1 / 9, 400)
    win, lose = (0.8 * hard, hard), (hard, 0.8 * hard)
    assert metrics.paired_difference(*win, seed=1, names=("Pareto", "Zero")).text == (
        "Pareto beats Zero by 20.0 % [20.0, 20.0] (90 % customer bootstrap, one origin)"
    )
    assert (
        "A is worse than B by 25.0 % [25.0, 25.0] (80 %"
        in metrics.paired_difference(*lose, seed=1, level=0.8).text
    )
    assert "cannot be told apart" in metrics.paired_difference(noise, hard, seed=1).text
    assert "too few customers" in metrics.paired_difference([1, 2], [2, 3], seed=1).text
    nobody = metrics.paired_difference(np.ones(50), np.zeros(50), seed=1)
    assert np.isnan(nobody.percent)
    assert "not above 0" in nobody.text


def test_origins_are_never_pooled(rng: np.random.Generator) -> None:
    hard = rng.gamma(1, 1, 400)
    scores = {"May": (0.9 * hard, hard), "June": (1.1 * hard, hard), "July": (0.7 * hard, hard)}
    found = metrics.paired_by_origin(scores, seed=1)
    assert found.range == pytest.approx((-10, 30))
    assert "2 of 3 origins" in found.text
    assert "not independent" in found.text
    assert found.by_origin["May"] == metrics.paired_difference(*scores["May"], seed=1)
    table = found.table
    assert table["origin"].tolist() == ["May", "June", "July"]
    assert "90 %" in table.attrs["interval"]
    assert "one origin" in metrics.paired_by_origin({"May": scores["May"]}, seed=1).text


# --- mixtures ----------------------------------------------------------------------------------------------


def test_crps_of_a_mixture_is_that_of_its_draws(rng: np.random.Generator) -> None:
    """Repeating draws in proportion to the weights makes the mixture itself."""
    one, two, actual = rng.gamma(2, 1, (6, 30)), rng.gamma(1, 3, (4, 30)), rng.gamma(2, 1, 30)
    terms = metrics.pool_terms([one, two], actual, "qd")
    mixed = np.concatenate([one, np.repeat(two, 3, axis=0)])  # 6 draws against 12: weights 1/3 and 2/3
    np.testing.assert_allclose(
        terms.crps([1 / 3, 2 / 3]), metrics.crps_from_draws(mixed, actual, "qd"), rtol=1e-9
    )
    fair = metrics.pool_terms([one, two], actual)
    np.testing.assert_allclose(fair.crps([1, 0]), metrics.crps_from_draws(one, actual), rtol=1e-9, atol=1e-12)


def test_pool_terms_by_the_definition_and_blind_to_blocks(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = [rng.poisson(3, (size, 50)).astype(float) for size in (7, 5, 1)]
    actual = rng.poisson(3, 50).astype(float)
    terms = metrics.pool_terms(draws, actual)
    for i, j in itertools.combinations(range(3), 2):
        apart = np.abs(draws[i][:, None] - draws[j][None, :])
        if j < 2:  # draws of one number may share their chance; a point has none
            apart = apart[~np.eye(7, 5, dtype=bool)][:, None]
        across = apart.mean(axis=(0, 1))
        np.testing.assert_allclose(terms.spread[:, i, j], across, rtol=1e-12)
        np.testing.assert_allclose(terms.spread[:, j, i], across, rtol=1e-12)
    np.testing.assert_allclose(terms.error[:, 2], np.abs(draws[2][0] - actual))
    assert (terms.spread[:, 2, 2] == 0).all()
    monkeypatch.setattr("clvmodels.metrics.pooling.BLOCK_VALUES", 30)
    again = metrics.pool_terms(draws, actual)
    np.testing.assert_array_equal(again.spread, terms.spread)
    np.testing.assert_array_equal(again.error, terms.error)


def test_draws_that_share_their_chance_resemble_each_other_no_more_for_it(rng: np.random.Generator) -> None:
    """Two forecasters who say the same, with one seed: a mixture of them is neither better nor worse than one."""
    actual, same = rng.gamma(2, 1, 40), rng.gamma(2, 1, (20, 40))
    terms = metrics.pool_terms([same, same], actual)
    np.testing.assert_allclose(terms.spread[:, 0, 1], terms.spread[:, 0, 0], rtol=1e-9)
    np.testing.assert_allclose(metrics.stacking_weights(terms), [0.5, 0.5], atol=1e-9)


def simplex(count: int, steps: int) -> np.ndarray:
    """All weights in steps of 1/steps."""
    grid = itertools.product(range(steps + 1), repeat=count - 1)
    return np.array([[*cut, steps - sum(cut)] for cut in grid if sum(cut) <= steps]) / steps


@pytest.mark.parametrize("seed", range(6))
def test_stacking_beats_every_point_of_a_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    actual = rng.gamma(2, 1, 300)
    draws = [rng.gamma(2, scale, (size, 300)) for scale, size in ((0.5, 30), (1.6, 20), (1.0, 10))]
    draws += [np.full((1, 300), 1.5)]
    terms = metrics.pool_terms(draws, actual)
    weights = metrics.stacking_weights(terms)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    scores = [terms.crps(point).mean() for point in simplex(4, 12)]
    assert terms.crps(weights).mean() <= min(scores) + 1e-12
    order = rng.permutation(300)
    again = metrics.pool_terms([table[:, order] for table in draws], actual[order])
    np.testing.assert_array_equal(metrics.stacking_weights(again), weights)


def test_stacking_finds_the_forecaster_who_knows_and_mixes_those_who_know_half(
    rng: np.random.Generator,
) -> None:
    rate = rng.gamma(2, 1, 4000)
    actual = rng.poisson(rate)
    truth = rng.poisson(rate, (60, 4000))
    strangers = [rng.poisson(rate * 1.7, (60, 4000)), rng.poisson(2.0, (40, 4000)), np.zeros((1, 4000))]
    weights = metrics.stacking_weights(metrics.pool_terms([truth, *strangers], actual))
    assert weights[0] > 0.93
    from_one = (
        rng.random(4000) < 0.5
    )  # each forecaster is right for half of the customers, nobody knows which
    actual = np.where(from_one, rng.normal(0, 1, 4000), rng.normal(6, 1, 4000))
    halves = [rng.normal(0, 1, (60, 4000)), rng.normal(6, 1, (60, 4000))]
    np.testing.assert_allclose(
        metrics.stacking_weights(metrics.pool_terms(halves, actual)), [0.5, 0.5], atol=0.05
    )


def test_equal_forecasters_share_alike(rng: np.random.Generator) -> None:
    actual, same = rng.normal(0, 1, 50), rng.normal(0, 1, (9, 50))
    terms = metrics.pool_terms([same, same, same + 40], actual, "qd")
    weights = metrics.stacking_weights(terms)
    assert weights[0] == pytest.approx(weights[1], abs=1e-9)
    assert weights[2] < 0.01
    parts = [
        metrics.pool_terms([table[:, cut] for table in (same, same + 1)], actual[cut])
        for cut in (slice(0, 20), slice(20, 50))
    ]
    joined = metrics.PoolTerms.joined(parts)
    whole = metrics.pool_terms([same, same + 1], actual)
    np.testing.assert_array_equal(metrics.stacking_weights(joined), metrics.stacking_weights(whole))


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
        (lambda: metrics.mae(["a"], [1]), "numeric type"),
        (lambda: metrics.log_score([-0.7]), "logarithm"),
        (lambda: metrics.rps_from_pmf([[1.0], [0.0]], [2]), "more counts"),
        (lambda: metrics.rps_from_pmf([[0.9], [0.05]], [0]), "more counts"),
        (lambda: metrics.rps_from_pmf([[0.9], [0.3]], [0]), "at most 1"),
        (lambda: metrics.rps_from_pmf([[0.9, 0.1]], [0]), "transpose"),
        (lambda: metrics.rps_from_pmf([[1.0]], [0.5]), "no counts"),
        (lambda: metrics.pinball_by_level([1], [[1], [2]], [0.9, 0.5]), "ascending"),
        (lambda: metrics.pinball_by_level([1], [[2], [1]], [0.5, 0.9]), "cross"),
        (lambda: metrics.pit_histogram([0.2], 1), "at least 2"),
        (lambda: metrics.tracking_error([1, -1], [1, 1]), "negative"),
        (lambda: metrics.squared_error_share([1], [2], 0), "at least 1"),
        (lambda: metrics.gain_curve([1], [2], 0), "at least 1"),
        (lambda: metrics.gain_curve([-1], [2]), "negative"),
        (lambda: metrics.gain_band([-1], [2]), "negative"),
        (lambda: metrics.gain_band([1], [2], level=90), "level"),
        (lambda: metrics.gain_band([1], [2], resamples=9), "resamples"),
        (lambda: metrics.holdout_by_label(["a"], [1, 2]), "one label"),
        (lambda: metrics.holdout_by_label(["a", None], [1, 2]), "missing"),
        (lambda: metrics.holdout_by_label(np.array(["a", 1], dtype=object), [1, 2]), "texts"),
        (lambda: metrics.holdout_by_quantile([1], [1], bins=0), "at least 1"),
        (lambda: metrics.paired_difference([1, 2], [1], seed=1), "differ in length"),
        (lambda: metrics.paired_difference([-1, 2], [1, 2], seed=1, root=True), "root=False"),
        (lambda: metrics.paired_difference([1], [1], seed=1, resamples=5), "2000 is usual"),
        (lambda: metrics.paired_difference([1], [1], seed=1, level=90), "0.1"),
        (lambda: metrics.paired_by_origin({}, seed=1), "at least one"),
        (lambda: metrics.pool_terms([], [1]), "1 to 10"),
        (lambda: metrics.pool_terms([[[1]]], [1], "nrg"), "'fair' nor 'qd'"),
        (lambda: metrics.pool_terms([[[1]]], [1]).crps([0.5]), "add up to 1"),
        (lambda: metrics.PoolTerms.joined([]), "at least one"),
    ],
)
def test_refusals_say_the_way_out(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        call()
