"""Whether a season is tried, believed and told: worlds with one and without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rooms.shell import Shell

import clvmodels as clv
from clvmodels.forecast import choice_season
from clvmodels.forecast.choice_season import choose_season
from clvmodels.models import get_purchase_model

SEASON = (0.8, 0.7, 0.8, 0.9, 1.0, 1.0, 0.8, 0.7, 0.9, 1.1, 1.5, 1.8)
EVEN = (1.0,) * 12
PARETO = get_purchase_model("pareto_nbd")
END = "2024-03-31"


def shop(season: tuple[float, ...], customers: int = 1200) -> pd.DataFrame:
    """26 full months of a shop, and half a year after it."""
    return clv.simulate(
        "pareto_nbd",
        {"r": 0.9, "alpha": 10.6, "s": 0.6, "beta": 20.0},
        customers=customers,
        start="2022-01-01",
        weeks=143,
        acquisition_weeks=50,
        world=clv.World(season=season),
        resolution="D",
        seed=3,
    )


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return shop(SEASON)


@pytest.fixture(scope="module")
def rfm(log: pd.DataFrame) -> clv.RFM:
    return clv.rfm_summary(log, observation_end=END)


@pytest.fixture(scope="module")
def fitted(rfm: clv.RFM) -> clv.FittedCLV:
    return clv.CLVModel(spend=None, method="map").fit(rfm, seed=1)


def test_a_shop_with_a_season_gets_its_clock_and_is_told_why(fitted: clv.FittedCLV) -> None:
    """Killed: the change taken the wrong way round; months of the window compared with those before it."""
    season = next(line for line in fitted.choices if line.startswith("season: "))
    assert season.startswith("season: a clock of months; CRPS of the totals of 8 months after 2023-07-31 −")
    assert season.endswith(" % against the calendar")
    assert season in fitted.summary
    assert fitted.clock is not None
    assert str(fitted.clock).startswith("fastest in December")
    assert fitted.name == f"{fitted.purchase.model.title} (map)"
    assert "with season" in fitted.name


def test_shocks_are_smaller_where_a_clock_follows_the_season(rfm: clv.RFM, fitted: clv.FittedCLV) -> None:
    """Killed: the default of the calendar for both; two days of a sale taken for a season."""
    assert fitted.discrepancy.sigma == 0.15
    told = fitted.forecast("4W", draws=2, rfm=rfm.take(slice(0, 50))).provenance["discrepancy"]
    assert told == {"sigma": 0.15, "money": 0.08, "source": "what was found across real logs beside a season"}
    small = rfm.take(slice(0, 200))
    for season, wanted, sigma in (
        (clv.Clock(SEASON), "default", 0.15),
        (clv.Clock(SEASON), 0.2, 0.2),
        (clv.Clock.of_series(pd.Series([3.0], index=["2024-04-05"])), "default", 0.18),
        (None, "default", 0.18),
    ):
        model = clv.CLVModel("bg_nbd", None, "map", season=season, discrepancy=wanted)
        assert model.fit(small).discrepancy.sigma == sigma


def test_a_shop_without_season_stays_on_the_calendar() -> None:
    rfm = clv.rfm_summary(shop(EVEN), observation_end=END)
    choice = choose_season(rfm, PARETO, 1)
    assert choice.season is None
    assert "where at least −5 % are asked for" in choice.reason


def test_a_lead_within_chance_is_no_reason(rfm: clv.RFM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed: any smaller score wins."""

    def chosen(seasonal: float) -> bool:
        monkeypatch.setattr(choice_season, "_trial", lambda *_: (1.0, seasonal, "a window"))
        return choose_season(rfm, PARETO, 1).season is not None

    assert [chosen(score) for score in (0.94, 0.96, 1.2)] == [True, False, False]


def test_nothing_after_the_observation_is_seen(log: pd.DataFrame, rfm: clv.RFM) -> None:
    """Killed: months counted from the whole log."""
    after = log[log["date"] > END]
    crowd = pd.concat([log, *[after.assign(customer_id=k) for k in range(20)]])
    assert choose_season(clv.rfm_summary(crowd, observation_end=END), PARETO, 1) == choose_season(
        rfm, PARETO, 1
    )


def test_the_months_that_are_scored_are_those_that_were_forecast(
    log: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: repeat purchases, per month, of customers born before the window. Killed: newcomers among them."""
    seen = []

    def watch(fitted: clv.FittedCLV, last: object, actual: np.ndarray, seed: int) -> float:
        seen.append((str(last), actual.tolist()))
        return 1.0

    monkeypatch.setattr(choice_season, "_score", watch)
    born_later = log.assign(customer_id=-log["customer_id"], date=log["date"] + pd.Timedelta(weeks=90))
    log = pd.concat([log, born_later])
    choose_season(clv.rfm_summary(log, observation_end=END), PARETO, 1)
    known = log[log["date"] < "2023-08-01"]["customer_id"].unique()
    window = log[log["customer_id"].isin(known) & log["date"].between("2023-08-01", END)].drop_duplicates()
    monthly = window.groupby(window["date"].dt.to_period("M")).size().tolist()
    assert seen == [(END, monthly)] * 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"history": None}, "none; the summary does not remember its log"),
        ({"observed_until": None}, "none; the summary does not remember its log"),
    ],
)
def test_what_cannot_be_tried_is_told(rfm: clv.RFM, change: dict, words: str) -> None:
    assert choose_season(replace(rfm, **change), PARETO, 1).reason == words


def test_short_and_thin_logs_have_no_season(log: pd.DataFrame) -> None:
    young = clv.rfm_summary(log, observation_end="2023-11-30")
    assert choose_season(young, PARETO, 1).reason == "none; 22 full months, and 24 are needed to know one"
    thin = clv.rfm_summary(log[log["customer_id"] <= 30], observation_end=END)
    reason = choose_season(thin, PARETO, 1).reason
    assert reason.startswith("none; it could not be tried (")
    assert "repeat purchases in full months; 200 are needed" in reason


def test_a_shop_that_nobody_comes_to_any_more_stays_on_the_calendar() -> None:
    """Killed: the logarithm of what came over an expectation of nothing, which underflows after so many years."""
    bought = pd.to_datetime(["2010-03-01", "2010-03-05", "2010-03-10", "2010-03-14"])
    gone = pd.DataFrame({"customer_id": np.repeat(range(300), 4), "date": np.tile(bought, 300)})
    ends = pd.DataFrame({"customer_id": [998, 999], "date": pd.to_datetime(["2009-12-15", "2025-12-30"])})
    rfm = clv.rfm_summary(pd.concat([gone, ends]), time_unit="D")
    choice = choose_season(rfm, get_purchase_model("mbg_nbd"), 1)
    assert choice.season is None
    assert "the model expects no purchase at all" in choice.reason


def test_a_calendar_without_an_error_is_kept(rfm: clv.RFM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice_season, "_trial", lambda *_: (0.0, 0.0, "6 months"))
    assert choose_season(rfm, get_purchase_model("bg_nbd"), 1).season is None


@pytest.mark.parametrize(
    ("arguments", "name", "lines"),
    [
        ({"purchase": "bg_nbd"}, "BG/NBD (map)", 0),
        ({"purchase": "bg_nbd", "season": None}, "BG/NBD (map)", 0),
        ({"season": None}, "Automatic choice × no spend (map)", 1),
        ({"purchase": "bg_nbd", "season": "auto"}, "BG/NBD with season if it helps (map)", 1),
        ({"purchase": "bg_nbd", "season": "monthly"}, "BG/NBD with season (map)", 0),
    ],
)
def test_words_say_who_is_tried(rfm: clv.RFM, arguments: dict, name: str, lines: int) -> None:
    """Killed: a named model put on a clock that nobody asked for."""
    model = clv.CLVModel(spend=None, method="map", **arguments)
    assert model.name == name
    fitted = model.fit(rfm)
    assert len(fitted.choices) == lines
    assert (fitted.clock is not None) == (model.season in ("auto", "monthly"))


def test_other_words_are_refused() -> None:
    with pytest.raises(
        clv.ArgumentError, match="season='weekly' must be one of 'default', 'auto', 'monthly'"
    ):
        clv.CLVModel(season="weekly")


def test_channels_share_the_season_of_the_shop(rfm: clv.RFM) -> None:
    """Killed: a clock learned again of customers whose log is not remembered."""
    channel = np.where(rfm.customer_id % 3 == 0, "a", "b")
    fits = clv.fit_channels(clv.CLVModel("bg_nbd", None, "map", season="monthly"), rfm, channel)
    assert {fit.clock.months for fit in fits.fits.values()} == {fits.everyone.clock.months}


def test_a_fit_with_a_season_survives_saving(fitted: clv.FittedCLV, rfm: clv.RFM, tmp_path: Path) -> None:
    again = clv.load_fit(clv.save_fit(fitted, tmp_path / "fit"))
    assert again.choices == fitted.choices
    assert again.discrepancy == fitted.discrepancy
    some = rfm.take(slice(0, 40))
    here, there = (one.forecast("8W", rfm=some, draws=20, seed=1) for one in (fitted, again))
    np.testing.assert_array_equal(here.purchases.draws, there.purchases.draws)


def test_the_command_line_knows_seasons(
    log: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log.to_csv("log.csv", index=False)
    shell = Shell(capsys)
    forecast = (
        "forecast",
        "log.csv",
        "--horizon",
        "3M",
        "--draws",
        20,
        "--no-spend",
        "--observation-end",
        END,
    )
    forecast = (*forecast, "--method", "map", "--purchase", "bg_nbd", "--out")
    assert "bg_nbd on a seasonal clock" in shell.good(*forecast, "a.csv", "--season", "monthly")
    assert "season: a clock of months" in shell.good(*forecast, "b.csv", "--season", "auto")
    text = shell.good(*forecast, "c.csv", "--season", "none")
    assert "season: none" not in text
    assert "seasonal clock" not in text
    refused = shell(*forecast, "d.csv", "--season", "weekly")
    assert (refused.code, "season='weekly' must be one of" in refused.err) == (2, True)
    saved = shell(
        "forecast", "log.csv", "--fit", "fit", "--season", "none", "--horizon", "3M", "--out", "e.csv"
    )
    assert "--fit brings its models" in saved.err
