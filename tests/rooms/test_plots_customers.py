"""Plots of chosen customers: their lives so far, and what they may be worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from rooms.example_scorecard import example_forecast

import clvmodels as clv
from clvmodels import plots
from clvmodels.errors import ArgumentError, DataError
from clvmodels.inference import Posterior
from clvmodels.models import get_purchase_model
from clvmodels.plots.palette import SERIES, shortened
from clvmodels.prediction import Forecast
from clvmodels.transactions import Holdout

CHOSEN = [157, 1901, 1153]


@pytest.fixture(scope="module")
def holdout(cdnow: pd.DataFrame) -> Holdout:
    return clv.calibration_holdout(cdnow, cutoff="1997-09-30", holdout_end="1998-06-30", spend="spend")[1]


@pytest.fixture(scope="module")
def fitted(cdnow_rfm: clv.RFM) -> Posterior:
    return clv.fit("bg_nbd", cdnow_rfm, method="laplace", draws=40, seed=1)


@pytest.fixture
def kept() -> Forecast:
    """Fifty customers with draws of their own; one of them certain to bring nothing."""
    forecast = example_forecast()
    draws = np.random.default_rng(3).gamma(0.7, 80.0, (200, 50)) * (np.arange(50) % 7 > 0)
    return replace(forecast, draws=draws)


@pytest.mark.parametrize("day", ["1997-05-20", "1997-09-30", "1998-02-10"])
def test_path_is_p_alive_of_the_summary_as_of_that_day(
    cdnow: pd.DataFrame, holdout: Holdout, fitted: Posterior, day: str
) -> None:
    """Kills a path that counts first purchases, or the silence from birth."""
    frame = plots.timelines_frame(fitted, holdout, CHOSEN)
    rfm = clv.rfm_summary(cdnow, observation_end=day, spend="spend").select(CHOSEN)
    alive = get_purchase_model("bg_nbd").p_alive(fitted.draws.T[:, :, None], rfm)
    at = float((pd.Timestamp(day) + pd.Timedelta(days=1) - pd.Timestamp(holdout.start)).days) / 7
    for k, identity in enumerate(CHOSEN):
        life = frame[frame["customer_id"] == identity]
        known = life[life["time"] <= at].iloc[-1]
        assert known["frequency"] == rfm.frequency[k]
        assert known["recency"] == pytest.approx(rfm.recency[k])
        after = life[life["time"] >= at].iloc[0]
        around = sorted([known["mean"], after["mean"]])
        assert around[0] - 1e-9 <= alive[:, k].mean() <= around[1] + 1e-9
        assert around[1] - around[0] < 0.05  # the grid is fine


def test_every_purchase_is_a_tick_and_paths_end_with_the_holdout(
    cdnow: pd.DataFrame, holdout: Holdout, fitted: Posterior
) -> None:
    frame = plots.timelines_frame(fitted, holdout, CHOSEN)
    assert list(dict.fromkeys(frame["customer_id"])) == CHOSEN
    for identity, life in frame.groupby("customer_id"):
        days = cdnow.loc[cdnow["customer_id"] == identity, "date"].drop_duplicates().sort_values()
        ticks = life.loc[life["is_purchase"], "date"] - pd.Timedelta(days=1)
        assert (ticks.dt.round("min").to_numpy() == days.to_numpy()).all()
        assert life["time"].iloc[-1] == pytest.approx(holdout.length)
        assert (life["is_holdout"] == (life["date"] > holdout.start)).all()
        assert (life["low"] <= life["mean"]).all()
        jumps = life["is_purchase"].to_numpy()[1:]
        assert (np.diff(life["mean"])[~jumps] <= 1e-12).all()  # between purchases it only falls


def test_timelines_plot_shows_a_lane_each_with_ids_as_text(
    holdout: Holdout, fitted: Posterior, rng: np.random.Generator
) -> None:
    ids = np.array(
        [f"$x_{i}$<script> with a long name" for i in range(len(holdout.customer_id))], dtype=object
    )
    named = replace(holdout, customer_id=ids)
    given = Figure().subplots()
    assert plots.plot_timelines(fitted, named, list(ids[:3]), ax=given) is given
    for axes in (given, plots.plot_timelines(fitted, named, list(ids[:1]))):
        axes.figure.draw_without_rendering()
        assert axes.get_yticklabels()[0].get_text() == shortened(str(ids[0]))
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        legend = axes.get_legend()
        assert legend is not None
        assert any("90 %" in text.get_text() for text in legend.get_texts())
    single = plots.timelines_frame(replace(fitted, draws=fitted.draws[:1]), holdout, CHOSEN)
    assert single["low"].isna().all()


def test_timelines_refuse_whom_they_do_not_know(holdout: Holdout, fitted: Posterior) -> None:
    with pytest.raises(DataError, match=r"not in the calibration.*first: nobody"):
        plots.timelines_frame(fitted, holdout, [157, "nobody"])
    with pytest.raises(ArgumentError, match="at least one"):
        plots.timelines_frame(fitted, holdout, [])
    with pytest.raises(ArgumentError, match="list of at least one id"):
        plots.timelines_frame(fitted, holdout, "157")
    with pytest.raises(ArgumentError, match="time_unit='W'"):
        plots.timelines_frame(fitted, replace(holdout, time_unit="D"), CHOSEN)


def test_customer_values_are_quantiles_of_their_own_draws(kept: Forecast) -> None:
    frame = plots.customer_values_frame(kept, ["id-9", "id-0"])
    assert kept.draws is not None
    assert frame["customer_id"].tolist() == ["id-9", "id-0"]
    np.testing.assert_allclose(frame["q05"].iloc[0], np.quantile(kept.draws[:, 9], 0.05))
    np.testing.assert_allclose(frame["q75"].iloc[0], np.quantile(kept.draws[:, 9], 0.75))
    assert frame["mean"].iloc[0] == kept.columns["clv_mean"][9]
    assert frame["nothing"].tolist() == [0.0, 1.0]


def test_customer_values_plot_names_units_and_levels(kept: Forecast) -> None:
    given = Figure().subplots()
    assert plots.plot_customer_values(kept, ["id-1", "id-7"], currency="USD", ax=given) is given
    for axes in (given, plots.plot_customer_values(kept, ["id-7"], currency="USD")):
        axes.figure.draw_without_rendering()
        assert axes.get_xlabel() == "Value (USD) within 12M"
        assert axes.get_ylabel()
        legend = axes.get_legend()
        assert legend is not None
        assert "90 % predictive interval" in [text.get_text() for text in legend.get_texts()]


def test_bands_of_one_colour_keep_it_in_the_legend(holdout: Holdout, fitted: Posterior) -> None:
    """Killed: a grey band in the legend, where the bands of all lanes are blue."""
    legend = plots.plot_timelines(fitted, holdout, CHOSEN).get_legend()
    assert legend is not None
    named = dict(zip([text.get_text() for text in legend.get_texts()], legend.legend_handles, strict=True))
    band = named["90 % posterior interval"]
    assert isinstance(band, Patch)
    assert to_rgba(band.get_facecolor())[:3] == to_rgba(SERIES[0])[:3]


@pytest.mark.parametrize("others", [1, 4])
def test_one_large_customer_does_not_flatten_the_others(kept: Forecast, others: int) -> None:
    """Killed: a linear axis, on which everybody else is a dot at 0."""
    ids = [f"id-{i}" for i in range(1, 2 + others)]
    assert kept.draws is not None
    large = replace(kept, draws=kept.draws * np.where(np.arange(50) == 1, 1000.0, 1.0))
    for forecast, word in ((kept, "log"), (large, "(logarithmic from 10 on)")):
        axes = plots.plot_customer_values(forecast, ids, currency="EUR")
        assert (word in axes.get_xlabel()) == (forecast is large)
        high = plots.customer_values_frame(forecast, ids)["q95"].to_numpy()
        places = axes.transData.transform(np.column_stack([high, np.zeros_like(high)]))[:, 0]
        box = axes.get_window_extent()
        assert ((places - box.x0) / box.width > 0.15).all()
        assert not [text for text in axes.get_xticklabels() if "$" in text.get_text()]


def test_a_large_customer_among_those_who_bring_nothing(kept: Forecast) -> None:
    nobody = plots.plot_customer_values(kept, ["id-7", "id-14"])
    assert nobody.get_xscale() == "linear"
    assert plots.plot_customer_values(kept, ["id-7", "id-1"]).get_xscale() == "linear"


def test_customer_values_refuse_forecasts_without_draws_and_unknown_customers(kept: Forecast) -> None:
    with pytest.raises(ArgumentError, match="keep_draws=True"):
        plots.customer_values_frame(example_forecast(), ["id-1"])
    with pytest.raises(DataError, match="first: 1"):
        plots.customer_values_frame(kept, [1])
    with pytest.raises(DataError, match="twice"):
        plots.customer_values_frame(kept, ["id-1", "id-1"])
    with pytest.raises(ArgumentError, match="at least one"):
        plots.customer_values_frame(kept, [])
