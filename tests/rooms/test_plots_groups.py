"""Plots of groups of customers: by frequency, recency, cohort and decile of the forecast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rooms.example_scorecard import CUSTOMERS, PARETO, RATE, example_scorecard

from clvmodels import plots
from clvmodels.backtesting import Scorecard
from clvmodels.errors import ArgumentError


@pytest.fixture(scope="module")
def scorecard() -> Scorecard:
    """The example with columns of its own: a customer's recency, cohort and spread follow from the number."""
    card = example_scorecard(cuts=(39,))
    rows = card.predictions
    number = rows["customer_id"].str.removeprefix("id-").astype(int)
    recency = np.where(rows["frequency"] > 0, 1.0 + number % 37, 0.0)
    cohort = np.array(["1997-01", "1997-02", "1997-03"])[number % 3]
    sd = np.where(rows["is_distribution"], 2.0, np.nan)
    return replace(card, predictions=rows.assign(recency=recency, cohort=cohort, sd=sd))


def few(scorecard: Scorecard, count: int) -> Scorecard:
    """The scorecard of its first customers."""
    ids = [f"id-{j}" for j in range(count)]
    rows = scorecard.predictions
    return replace(scorecard, predictions=rows[rows["customer_id"].isin(ids)])


DRAWN: list[tuple[str, Callable[..., Axes]]] = [
    ("frequency", plots.plot_holdout_by_frequency),
    ("recency", plots.plot_holdout_by_recency),
    ("cohort", plots.plot_holdout_by_cohort),
    ("deciles", plots.plot_deciles),
]


@pytest.mark.parametrize("count", [CUSTOMERS, 7, 1])
@pytest.mark.parametrize("draw", [draw for _, draw in DRAWN], ids=[name for name, _ in DRAWN])
def test_plot_draws_on_own_or_given_axes_and_names_units_and_level(
    scorecard: Scorecard, draw: Callable[..., Axes], count: int
) -> None:
    given = Figure().subplots()
    card = few(scorecard, count)
    assert draw(card, "spend", currency="USD", ax=given) is given
    for axes in (given, draw(card, "spend", currency="USD")):
        assert axes.get_xlabel()
        assert "USD" in axes.get_ylabel()
        legend = axes.get_legend()
        assert legend is not None
        names = [text.get_text() for text in legend.get_texts()]
        assert sum("90 %" in name for name in names) == 2  # of the actual, of the forecast
        axes.figure.draw_without_rendering()


def test_groups_hold_everybody_once_with_the_mean_of_their_own(scorecard: Scorecard) -> None:
    rows = scorecard.predictions.query("model == @PARETO and quantity == 'purchases'")
    frames = {
        "recency": plots.holdout_by_recency_frame(scorecard, model=PARETO),
        "cohort": plots.holdout_by_cohort_frame(scorecard, model=PARETO),
    }
    assert list(frames["recency"]["recency"])[:3] == ["0", ">0–5", "5–10"]
    assert list(frames["cohort"]["cohort"]) == ["1997-01", "1997-02", "1997-03"]
    of = {
        "0": rows["recency"] == 0,
        ">0–5": (rows["recency"] > 0) & (rows["recency"] <= 5),
        "5–10": (rows["recency"] > 5) & (rows["recency"] <= 10),
        "1997-02": rows["cohort"] == "1997-02",
    }
    for name, frame in frames.items():
        assert frame["customers"].sum() == CUSTOMERS
        found = frame.set_index(name)
        for label in set(of) & set(found.index):
            group = rows[of[label]]
            assert found.loc[label, "customers"] == len(group)
            assert found.loc[label, "mean"] == pytest.approx(group["mean"].mean())
            assert found.loc[label, "actual"] == pytest.approx(group["actual"].mean())
            assert found.loc[label, "standard_error"] == pytest.approx(group["actual"].sem())


def test_interval_of_a_group_is_that_of_the_mean_of_independent_customers(scorecard: Scorecard) -> None:
    """Every sd is 2: the standard error of the mean of n customers is 2 / sqrt(n)."""
    for frame in (
        plots.holdout_by_frequency_frame(scorecard, model=PARETO),
        plots.decile_frame(scorecard, model=PARETO),
    ):
        reach = 1.645 * 2 / np.sqrt(frame["customers"])
        np.testing.assert_allclose(frame["high"], frame["mean"] + reach)
        np.testing.assert_allclose(frame["low"], np.maximum(frame["mean"] - reach, 0))
    assert plots.holdout_by_frequency_frame(scorecard, model=RATE)["low"].isna().all()
    assert plots.decile_frame(scorecard, model=RATE)["high"].isna().all()


def test_deciles_are_means_of_equally_many_customers_from_the_highest_forecast(scorecard: Scorecard) -> None:
    rows = scorecard.predictions.query("model == @PARETO and quantity == 'spend'")
    rows = rows.assign(mean=rows["mean"] + 1e-9 * np.arange(len(rows)))  # no ties
    card = replace(scorecard, predictions=rows)
    frame = plots.decile_frame(card, "spend")
    ranked = rows.sort_values("mean", ascending=False).reset_index(drop=True)
    groups = ranked.groupby(ranked.index // 30)
    assert (frame["customers"] == 30).all()
    np.testing.assert_allclose(frame["mean"], groups["mean"].mean())
    np.testing.assert_allclose(frame["actual"], groups["actual"].mean())
    np.testing.assert_allclose(frame["standard_error"], groups["actual"].sem())


def test_deciles_share_equal_customers_evenly_and_ignore_row_order(
    scorecard: Scorecard, rng: np.random.Generator
) -> None:
    """Kills a sort that gives ties to deciles by their place in the table."""
    level = replace(scorecard, predictions=scorecard.predictions.assign(mean=1.0))
    frame = plots.decile_frame(level)
    rows = scorecard.predictions.query("model == @PARETO and quantity == 'purchases'")
    np.testing.assert_allclose(frame["actual"], rows["actual"].mean())
    mixed = replace(scorecard, predictions=scorecard.predictions.sample(frac=1, random_state=rng))
    pd.testing.assert_frame_equal(
        plots.decile_frame(mixed, model=PARETO), plots.decile_frame(scorecard, model=PARETO)
    )


def test_few_customers_make_few_deciles(scorecard: Scorecard) -> None:
    frame = plots.decile_frame(few(scorecard, 3))
    assert frame["customers"].tolist() == [1, 1, 1]
    assert frame["standard_error"].isna().all()


def test_scorecard_without_the_columns_and_empty_bins_are_refused(scorecard: Scorecard) -> None:
    bare = replace(scorecard, predictions=scorecard.predictions.drop(columns=["recency", "cohort"]))
    with pytest.raises(ArgumentError, match="'recency'"):
        plots.holdout_by_recency_frame(bare)
    with pytest.raises(ArgumentError, match="'cohort'"):
        plots.plot_holdout_by_cohort(bare)
    with pytest.raises(ArgumentError, match="bins=0"):
        plots.decile_frame(scorecard, bins=0)
    with pytest.raises(ArgumentError, match="bins=0"):
        plots.holdout_by_recency_frame(scorecard, bins=0)
