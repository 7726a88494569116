"""A discrepancy learned from a log's own earlier origins."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.special.shocks import shock_factors, shock_nodes


@pytest.fixture(scope="module")
def scorecard(cdnow: object) -> clv.Scorecard:
    model = clv.CLVModel("bg_nbd", "gamma_gamma", method="mle")
    return clv.backtest(cdnow, [model, clv.HistoricalCLV()], horizon="13W", origins=3, draws=60)


def with_totals(scorecard: clv.Scorecard, error: float, own: float) -> clv.Scorecard:
    """The scorecard with totals that missed by so much where the model alone allowed for so much."""
    table = scorecard.totals.copy()
    table["actual"] = table["mean"] * math.exp(error)
    span = 2 * 1.6448536 * own
    table["alone_q95"] = table["alone_q05"] * math.exp(span)
    return replace(scorecard, totals=table)


def test_a_log_that_moved_as_expected_moves_the_default_little(scorecard: clv.Scorecard) -> None:
    """Killed: the chance that the model knows of counted as discrepancy."""
    found = clv.learn_discrepancy(with_totals(scorecard, math.hypot(0.18, 0.05), 0.05))
    assert found.sigma == pytest.approx(0.18, rel=1e-6)
    quiet = clv.learn_discrepancy(with_totals(scorecard, 0.02, 0.05))
    assert quiet.sigma == pytest.approx(0.18 * math.sqrt(10 / 13), rel=1e-6)
    loud = clv.learn_discrepancy(with_totals(scorecard, -0.6, 0.05))
    assert loud.sigma == pytest.approx(math.sqrt((10 * 0.18**2 + 3 * (0.36 - 0.0025)) / 13), rel=1e-6)


def test_a_forecaster_on_a_seasonal_clock_is_pooled_around_its_own(cdnow: object) -> None:
    """0.15 beside a season, and what was given where it was. Killed: the calendar's centre for all."""
    season = clv.Clock([1.0] * 11 + [1.5])
    models = [
        clv.CLVModel("bg_nbd", None, "mle", "clock", season=season),
        clv.CLVModel("bg_nbd", None, "mle", "own", discrepancy=0.3),
        clv.CLVModel("bg_nbd", None, "mle", "alone", discrepancy=None),
    ]
    scorecard = clv.backtest(cdnow, models, horizon="13W", origins=2, draws=60)
    quiet = with_totals(scorecard, 0.02, 0.05)
    for name, centre in (("clock", 0.15), ("own", 0.3)):
        found = clv.learn_discrepancy(quiet, name)
        assert found.sigma == pytest.approx(centre * math.sqrt(10 / 12), rel=1e-6)
        assert found.source.endswith(f"pooled with the {100 * centre:.0f} % that its forecasts held")
    held = scorecard.fits.set_index("model")["discrepancy"]
    assert held["alone"].isna().all()


def test_money_is_judged_beyond_purchases(scorecard: clv.Scorecard) -> None:
    """Spend that missed by as much as purchases says that amounts did not move. Killed: errors of spend taken whole."""
    found = clv.learn_discrepancy(with_totals(scorecard, 0.4, 0.05))
    assert found.money == pytest.approx(0.08 * math.sqrt(10 / 13), rel=1e-6)
    assert "3 origins of this log" in found.source


def test_overlapping_holdouts_count_once(scorecard: clv.Scorecard) -> None:
    data = scorecard.data.copy()
    data["overlaps"] = ["", "13W", ""]
    assert "2 origins" in clv.learn_discrepancy(replace(scorecard, data=data)).source


def test_a_backtest_reports_both_bands(scorecard: clv.Scorecard) -> None:
    """Killed: a width without its coverage; a band of the model alone for a formula."""
    scores = scorecard.scores.pivot_table(
        index=["origin", "quantity", "model"], columns="metric", values="value"
    )
    model = scores.xs("BG/NBD × Gamma-Gamma (mle)", level="model")
    assert (model["total_width_alone"] < model["total_width"]).all()
    assert model["total_covered_alone"].isin([0, 1]).all()
    formula = scores.xs("Historical CLV (own repeat rate)", level="model")
    assert formula[["total_width", "total_width_alone"]].isna().all(axis=None)
    totals = scorecard.totals.set_index("model").loc["BG/NBD × Gamma-Gamma (mle)"]
    np.testing.assert_array_less(totals["q05"], totals["alone_q05"])


def test_a_forecaster_without_a_discrepancy_is_refused(scorecard: clv.Scorecard) -> None:
    with pytest.raises(clv.ArgumentError, match="with a discrepancy is in this scorecard; there are BG/NBD"):
        clv.learn_discrepancy(scorecard, "Historical CLV (own repeat rate)")
    bare = replace(scorecard, totals=scorecard.totals.drop(columns="alone_q05"))
    with pytest.raises(clv.ArgumentError, match=r"no forecaster with a discrepancy .*; there are none"):
        clv.learn_discrepancy(bare)
    empty = replace(scorecard, totals=scorecard.totals.assign(actual=0.0))
    with pytest.raises(clv.ArgumentError, match="longer horizon"):
        clv.learn_discrepancy(empty)
    assert isinstance(scorecard.totals, pd.DataFrame)


@pytest.mark.parametrize("sigma", [0.05, 0.18, 0.5])
def test_nodes_have_the_moments_of_the_shocks(sigma: float) -> None:
    """A Gauss rule of k nodes is right for the first 2 k - 1 moments, and for no more."""
    nodes, weights = shock_nodes(sigma)
    law = shock_factors((np.arange(1 << 12) + 0.5) / (1 << 12), sigma)
    assert (weights > 0).all()
    for power in range(8):
        assert weights @ nodes**power == pytest.approx(np.mean(law**power), rel=1e-9)
    assert weights @ nodes**8 < np.mean(law**8)
