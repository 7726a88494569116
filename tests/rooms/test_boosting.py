"""Residual boosting: what the trees correct, what they must not touch, and where they keep still."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.plots import importance_frame, plot_importance
from clvmodels.rivals import boosting
from clvmodels.rivals.boosting import FittedBoost
from clvmodels.rivals.trees import one_thread

MODEL = clv.CLVModel("bg_nbd", None, method="map")


@pytest.fixture(scope="module")
def rfm(cdnow: pd.DataFrame) -> clv.RFM:
    return clv.rfm_summary(cdnow, spend="spend", observation_end="1997-09-30")


@pytest.fixture(scope="module")
def fitted(rfm: clv.RFM) -> FittedBoost:
    return clv.BoostedCLV(MODEL, windows=2).fit(rfm, seed=1)


def test_multipliers_are_bounded_and_move_no_total(fitted: FittedBoost, rfm: clv.RFM) -> None:
    """Killed: raw multipliers, which carry the last season; a plain mean in place of the weighted one."""
    pace = fitted.multipliers(13.0)
    assert 0.3**0.8 - 1e-12 <= pace.min() < pace.max() <= 3**0.8 + 1e-12
    model, theta = fitted.fitted.purchase.model, fitted.fitted.purchase.mode
    before = model.expected_purchases(theta, rfm, 13.0)
    after = model.expected_purchases(theta, rfm, 13.0 * pace)
    assert after.sum() == pytest.approx(
        before.sum(), rel=0.06
    )  # the power and the bounds come after the division


def test_a_season_that_all_shared_is_not_learned(
    fitted: FittedBoost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed: the forecast-weighted mean left in."""
    lesson = fitted.lesson(13.0)
    twice = replace(lesson, multiply=lambda rows: 2 * lesson.multiply(rows))
    usual = fitted.multipliers(13.0)
    monkeypatch.setitem(fitted.lessons, 13.0, twice)
    np.testing.assert_allclose(fitted.multipliers(13.0), usual, rtol=1e-12)


def test_trees_find_whom_the_model_misjudges() -> None:
    """Half the customers buy twice what the model says of them and half of them half of it.

    Killed: trees without the offset, whose multipliers follow the level instead of the error.
    """
    rng = np.random.default_rng(1)
    means = rng.gamma(1.0, 2.0, 6000)
    rows = np.column_stack([means, rng.random(6000)])
    wrong = np.where(rows[:, 1] > 0.5, 2.0, 0.5)
    fold = np.arange(6000) % 5
    with one_thread():
        grown = boosting._grow(rows, rng.poisson(means * wrong).astype(float), means, fold, 1)
        found = grown(rows)
    assert np.median(found[rows[:, 1] > 0.55]) == pytest.approx(2.0, rel=0.15)
    assert np.median(found[rows[:, 1] < 0.45]) == pytest.approx(0.5, rel=0.15)


def test_where_the_model_is_right_no_tree_is_grown_far() -> None:
    """Killed: as many trees as there may be, whatever customers left out say."""
    rng = np.random.default_rng(2)
    means = rng.gamma(1.0, 2.0, 4000)
    rows = np.column_stack([means, rng.random((4000, 4))])
    with one_thread():
        raw = boosting._grow(rows, rng.poisson(means).astype(float), means, np.arange(4000) % 5, 1)(rows)
    assert np.std(raw) < 0.03


def test_draws_are_whole_purchases_at_the_corrected_rate(fitted: FittedBoost) -> None:
    seen = []
    forecast = fitted.forecast("12W", draws=100, seed=2, observe=seen.append)
    draws = np.concatenate([block.purchases for block in seen], axis=1)
    assert np.array_equal(draws, draws.round())
    plain = fitted.fitted.forecast("12W", draws=100, seed=2)
    pace = fitted.multipliers(12.0)
    ratio = forecast.columns["expected_purchases"] / plain.columns["expected_purchases"]
    assert np.corrcoef(ratio, pace)[0, 1] > 0.99
    assert forecast.name == "BG/NBD (map), boosted"
    assert forecast.provenance["multipliers"]["highest"] == pace.max()
    assert len(forecast.provenance["learned_from"]) == 2


def test_below_a_thousand_customers_it_is_the_model(rfm: clv.RFM, cdnow: pd.DataFrame) -> None:
    """Killed: the gate taken away."""
    some = cdnow[cdnow["customer_id"].isin(cdnow["customer_id"].unique()[:900])]
    small = clv.BoostedCLV(MODEL).fit(clv.rfm_summary(some, spend="spend", observation_end="1997-09-30"))
    assert "not corrected: 900 customers are fewer than 1,000" in small.summary
    here, there = small.forecast("13W", draws=20), small.fitted.forecast("13W", draws=20)
    np.testing.assert_array_equal(here.purchases.draws, there.purchases.draws)
    assert "not_corrected" in here.provenance
    with pytest.raises(clv.ArgumentError, match="corrects nothing"):
        small.importance("13W")
    forgotten = clv.BoostedCLV(MODEL).fit(replace(rfm, history=None))
    assert "does not remember its log" in forgotten.summary


def test_row_order_leaves_no_trace(cdnow: pd.DataFrame, fitted: FittedBoost, rfm: clv.RFM) -> None:
    shuffled = clv.rfm_summary(
        cdnow.sample(frac=1, random_state=1), spend="spend", observation_end="1997-09-30"
    )
    again = clv.BoostedCLV(MODEL, windows=2).fit(shuffled, seed=1)
    here = dict(zip(rfm.customer_id, fitted.multipliers(13.0), strict=True))
    there = dict(zip(shuffled.customer_id, again.multipliers(13.0), strict=True))
    assert all(there[who] == pytest.approx(here[who], rel=1e-9) for who in here)


def test_importance_is_told_and_drawn(fitted: FittedBoost) -> None:
    table = importance_frame(fitted, "13W")
    assert list(table.columns) == ["feature", "importance"]
    assert table["importance"].is_monotonic_decreasing
    assert table["importance"].iloc[0] > 0.05
    axes = plot_importance(fitted, "13W")
    widths = [bar.get_width() for bar in axes.patches]
    assert sorted(widths, reverse=True) == pytest.approx(table["importance"].tolist())
    assert len(axes.get_yticklabels()) == len(table)


@pytest.mark.parametrize("windows", [0, True, 1.5])
def test_a_number_of_windows_that_is_none_is_refused(windows: object) -> None:
    with pytest.raises(clv.ArgumentError, match="at least 1"):
        clv.BoostedCLV(MODEL, windows=windows)
