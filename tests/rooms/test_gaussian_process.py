"""The clock of a Gaussian process: its algebra by brute force, worlds it finds again, and what it leaves alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rooms.shell import Shell
from scipy.stats import multivariate_normal, norm

import clvmodels as clv
from clvmodels.models import get_purchase_model
from clvmodels.season import SEASONS, Clock, Course, GaussianProcessSeason, gaussian_process
from clvmodels.season.gaussian_process import AHEAD, grid, year_and_course, year_kernel

SEASON = (0.8, 0.7, 0.8, 0.9, 1.0, 1.0, 0.8, 0.7, 0.9, 1.1, 1.5, 1.8)
EVEN = (1.0,) * 12
RUSH = ((date(2022, 6, 1), 1.5), (date(2022, 8, 1), 1 / 1.5))
PARETO = get_purchase_model("pareto_nbd")
BG = get_purchase_model("bg_nbd")


def shop(
    season: tuple[float, ...], shocks: tuple[tuple[date, float], ...] = (), customers: int = 2000
) -> pd.DataFrame:
    return clv.simulate(
        "pareto_nbd",
        {"r": 0.9, "alpha": 10.6, "s": 0.6, "beta": 20.0},
        customers=customers,
        start="2021-12-31",
        weeks=100,
        acquisition_weeks=45,
        world=clv.World(season=season, shocks=shocks),
        resolution="D",
        seed=4,
    )  # fmt: skip


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return shop(SEASON)


@pytest.fixture(scope="module")
def rfm(log: pd.DataFrame) -> clv.RFM:
    return clv.rfm_summary(log, observation_end="2023-03-31")


@pytest.fixture(scope="module")
def clock(rfm: clv.RFM) -> Clock:
    return GaussianProcessSeason().learn(rfm, PARETO)


def test_the_algebra_is_that_of_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """Densities and conditional means under each level on a fine grid of levels, each point of the prior by itself.

    Killed: σ and τ swapped; the level of the restricted likelihood left out; noise of 1 / expected; the first month of
    the log taken for January.
    """
    points = [
        (np.array([[0.3, 0.1], [0.05, 0.2]]), memory, smooth)
        for memory in (0.2, 0.8)
        for smooth in (0.0, 0.7)
    ]
    monkeypatch.setattr(gaussian_process, "grid", lambda: iter(points))
    rng, first = np.random.default_rng(7), 4
    expected = rng.uniform(40, 400, 15)
    actual = np.round(expected * np.exp(rng.normal(0.1, 0.3, 15))) + 1
    y, levels = np.log(actual / expected), np.linspace(-3, 3, 601)
    time = np.arange(-1, 15 + AHEAD)
    months = np.concatenate([np.arange(12), (first + time) % 12])
    weights, firsts, seconds = [], [], []
    for sizes, memory, smooth in points:
        year = [[year_kernel(smooth)[i, j] for j in months] for i in months]
        for tau, sigma in sizes:
            prior = tau**2 * np.array(year)
            prior[12:, 12:] += [[sigma**2 * memory ** abs(int(s - t)) for s in time] for t in time]
            seen = np.arange(13, 28)
            covariance = prior[np.ix_(seen, seen)] + np.diag(1 / actual)
            gain = np.linalg.solve(covariance, prior[seen]).T
            spread = np.diag(prior - gain @ prior[seen])
            for level in levels:
                weights.append(multivariate_normal(np.full(15, level), covariance).pdf(y))
                mean = gain @ (y - level)
                firsts.append(mean)
                seconds.append(spread + mean**2)
    share = np.array(weights) / np.sum(weights)
    mean = share @ np.array(firsts)
    found, sd = year_and_course(actual, expected, first)
    np.testing.assert_allclose(found, mean, atol=1e-9)
    np.testing.assert_allclose(sd**2, share @ np.array(seconds) - mean**2, atol=1e-9)


def test_the_year_s_kernel_is_a_circle_without_level() -> None:
    """Killed: a centred kernel that is not scaled back to variance 1."""
    for smooth in (0.0, 0.5, 1.0):
        kernel = year_kernel(smooth)
        np.testing.assert_allclose(np.diag(kernel), 1)
        np.testing.assert_allclose(kernel.sum(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(np.roll(kernel, (1, 1), (0, 1)), kernel, atol=1e-12)
    raw = np.exp(-2 * np.sin(np.pi * np.arange(12) / 12) ** 2 / 0.25)
    expected = (raw - raw.mean()) / (1 - raw.mean())
    np.testing.assert_allclose(year_kernel(0.5)[0], expected, atol=1e-12)


def test_the_grid_has_the_priors_that_are_documented() -> None:
    """Half-normal with scales 0.3 and 0.15, ρ uniform: points stand for equal parts of them."""
    points = list(grid())
    sizes = points[0][0]
    below = [2 * norm.cdf(np.unique(sizes[:, k]) / scale) - 1 for k, scale in enumerate((0.3, 0.15))]
    for part in below:
        np.testing.assert_allclose(part, (np.arange(len(part)) + 0.5) / len(part))
    memories = sorted({memory for _, memory, _ in points})
    np.testing.assert_allclose(memories, (np.arange(len(memories)) + 0.5) / len(memories))


def test_a_season_comes_back_from_fifteen_months(clock: Clock) -> None:
    """Half of what a calendar misses, and truth within 3 deviations as told. Killed: a course one month off."""
    truth = np.log(Clock(SEASON).months)
    found = np.log(clock.months)
    assert np.abs(found - truth).mean() < 0.5 * np.abs(truth).mean()
    assert np.corrcoef(found, truth)[0, 1] > 0.9
    assert clock.low is not None
    assert clock.high is not None
    sd = np.log(np.array(clock.high) / np.array(clock.low)) / (2 * 1.645)
    assert (np.abs(found - truth) < 3 * sd).all()
    assert clock.course is not None
    assert (clock.course.first, clock.course.seen) == (date(2021, 12, 1), 16)
    assert clock.course.months[clock.course.seen] == np.datetime64("2023-04")
    lived = Clock(SEASON).month_speeds(clock.course.months)[1:16]
    assert np.corrcoef(np.log(clock.course.speeds[1:16]), np.log(lived))[0, 1] > 0.95


def test_a_rush_that_came_once_is_in_the_past_and_fades() -> None:
    """Two months at 1.5 times the pace, in a shop without season. Killed: departures left out of the past."""
    rfm = clv.rfm_summary(shop(EVEN, RUSH, 4000), observation_end="2022-07-31")
    with pytest.raises(clv.DataError, match="7 full months"):
        GaussianProcessSeason().learn(rfm, PARETO)
    rfm = clv.rfm_summary(shop(EVEN, RUSH, 4000), observation_end="2023-09-30")
    clock = GaussianProcessSeason().learn(rfm, PARETO)
    rush = clock.month_speeds([date(2022, 6, 1), date(2022, 7, 1)])
    usual = clock.month_speeds(np.arange("2022-09", "2023-10", dtype="datetime64[M]"))
    np.testing.assert_allclose(rush / usual.mean(), 1.5, rtol=0.1)
    ahead = clock.month_speeds([date(2024, 6, 1), date(2024, 7, 1)])
    assert (ahead < 1.25).all()  # June and July were usual in one year of two


def test_what_is_left_of_a_departure_fades_month_by_month() -> None:
    flat = np.full(30, 3000.0)
    rush = flat * np.where(np.arange(30) > 26, 1.5, 1.0)
    mean, sd = year_and_course(rush, flat, 0)
    ahead = (mean[12:] - mean[(np.arange(len(mean) - 12) - 1) % 12])[31:]
    assert ahead[0] > 0.1
    assert (np.diff(ahead) < 0).all()
    assert ahead[-1] < 0.02
    assert sd[12 + 30] < sd[12 + 31] < sd[12 + 40]


def test_in_a_shop_without_season_the_clock_is_near_the_calendar() -> None:
    rfm = clv.rfm_summary(shop(EVEN), observation_end="2023-03-31")
    clock = GaussianProcessSeason().learn(rfm, PARETO)
    assert np.abs(np.array(clock.months) - 1).max() < 0.05
    assert clock.course is not None
    assert np.abs(np.array(clock.course.speeds) - 1).max() < 0.1


def test_an_average_year_has_the_length_of_a_year(clock: Clock) -> None:
    """Killed: a course that is not divided as the months are."""
    assert clock.time(365.25 * 200) - clock.time(365.25 * 100) == pytest.approx(36525.0, rel=1e-3)
    double = Clock([2.0] * 12, course=Course(date(2024, 1, 1), [3.0], [2.0], [4.0], seen=1))
    assert double.months == EVEN
    assert double.course is not None
    assert (double.course.speeds, double.course.low, double.course.high) == ((1.5,), (1.0,), (2.0,))
    days = np.array(["2023-12-31", "2024-01-01", "2024-01-31", "2024-02-01"], dtype="datetime64[D]")
    assert double.speed(days).tolist() == [1.0, 1.5, 1.5, 1.0]


def test_days_that_are_known_are_no_part_of_a_month(log: pd.DataFrame, rfm: clv.RFM, clock: Clock) -> None:
    """A sale that doubled ten days of March 2023, given, leaves the speeds of months where they were."""
    sale = pd.date_range("2023-03-10", periods=10)
    again = log[log["date"].isin(sale)].assign(date=lambda rows: rows["date"] + pd.Timedelta(hours=1))
    crowd = clv.rfm_summary(pd.concat([log, again]), observation_end="2023-03-31", period="h")
    days = {day.date(): 2.0 for day in sale}
    known, naive = (
        GaussianProcessSeason(days=some).learn(crowd, PARETO).month_speeds([date(2023, 3, 1)])[0]
        for some in (days, {})
    )
    plain = clock.month_speeds([date(2023, 3, 1)])[0]
    assert abs(np.log(known / plain)) < 0.08
    assert np.log(naive / plain) > 0.1


def test_twelve_months_are_enough_and_eleven_are_not(log: pd.DataFrame) -> None:
    with pytest.raises(clv.DataError, match="11 full months; 12 are needed"):
        GaussianProcessSeason().learn(clv.rfm_summary(log, observation_end="2022-12-30"), BG)
    year = clv.rfm_summary(log, observation_end="2022-12-31")
    clock = GaussianProcessSeason().learn(year, BG)
    assert clock.course is not None
    assert clock.course.seen == 13
    with pytest.raises(clv.ArgumentError, match="does not remember its log"):
        GaussianProcessSeason().learn(year.take([0, 1]), BG)
    with pytest.raises(clv.ArgumentError, match="level=90"):
        GaussianProcessSeason(level=90)


def test_neither_unit_nor_order_leaves_a_trace(log: pd.DataFrame, clock: Clock) -> None:
    """The same clock from days and from rows in another order; fits stop within their tolerance."""
    mixed = log.sample(frac=1, random_state=1)
    days = clv.rfm_summary(mixed, observation_end="2023-03-31", time_unit="D")
    again = GaussianProcessSeason().learn(days, PARETO)
    assert again.course is not None
    assert clock.course is not None
    np.testing.assert_allclose(again.months, clock.months, rtol=1e-4)
    np.testing.assert_allclose(again.course.speeds, clock.course.speeds, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"first": date(2024, 1, 2)}, "begins with 2024-01-02"),
        ({"low": [1.0]}, "course of 2 speeds, 1 and 2 bounds"),
        ({"seen": 3}, "seen=3 must be from 0 to 2"),
        ({"speeds": [1.0, 0.0]}, "speed 1 of the course, 0.0, must be finite"),
    ],
)
def test_courses_that_cannot_be(changes: dict[str, object], text: str) -> None:
    facts = {"first": date(2024, 1, 1), "speeds": [1.0, 1.1], "low": [0.9, 1], "high": [1.1, 1.2], "seen": 1}
    with pytest.raises(clv.ArgumentError, match=text):
        Course(**(facts | changes))  # type: ignore[arg-type]


def test_a_fit_on_it_is_named_saved_and_forecast_in_any_blocks(rfm: clv.RFM, tmp_path: Path) -> None:
    fitted = clv.CLVModel("bg_nbd", None, "map", season="gaussian_process").fit(rfm)
    assert fitted.name == "BG/NBD with season and departures (map)"
    assert "16 calendar months on speeds of their own, 36 foretold" in fitted.summary
    assert fitted.discrepancy is not None
    assert fitted.discrepancy.sigma == 0.18  # a season seen once is no reason for narrower totals
    again = clv.load_fit(clv.save_fit(fitted, tmp_path / "fit"))
    assert fitted.clock is not None
    assert again.clock is not None
    assert again.clock.facts == fitted.clock.facts
    some = rfm.take(slice(0, 200))
    here = fitted.forecast("6M", rfm=some, draws=20, seed=1)
    for other in (
        again.forecast("6M", rfm=some, draws=20, seed=1),
        fitted.forecast("6M", rfm=some, draws=20, seed=1, block_size=7),
    ):
        np.testing.assert_array_equal(here.purchases.draws, other.purchases.draws)
        np.testing.assert_array_equal(here.columns["expected_purchases"], other.columns["expected_purchases"])


def test_a_course_is_a_season_once_each_month_was_seen_twice() -> None:
    """With the month before the first, which is not whole, 25 are seen. Killed: any course is one; no course is one."""
    bounds = np.ones(30).tolist()
    seen = [
        Clock(SEASON, course=Course(date(2022, 1, 1), bounds, bounds, bounds, seen=n)).is_seasonal
        for n in (13, 24, 25)
    ]
    assert seen == [False, False, True]


def test_words_are_those_of_the_registry() -> None:
    """Killed: a word that the registry does not know in the message."""
    with pytest.raises(
        clv.ArgumentError, match="'monthly', 'gaussian_process', a Clock, one of MonthlySeason, Gauss"
    ):
        clv.CLVModel(season="gp")
    for word, season in SEASONS.items():
        assert clv.CLVModel("bg_nbd", None, season=word).name == f"BG/NBD with {season.title} (laplace)"


def test_the_plot_of_the_course_shows_its_frame(clock: Clock) -> None:
    """Killed: months that were seen drawn as foretold."""
    frame, axes = clv.plots.course_frame(clock, ahead=6), clv.plots.plot_course(clock, ahead=6)
    assert len(frame) == 16 + 6
    season, past, ahead = axes.lines[1:]
    np.testing.assert_allclose(np.array(season.get_ydata()), frame["season"])
    np.testing.assert_allclose(np.array(past.get_ydata()), frame["effect"][frame["seen"]])
    np.testing.assert_allclose(np.array(ahead.get_ydata()), frame["effect"][~frame["seen"]])
    assert (frame["low"] < frame["effect"]).all()
    with pytest.raises(clv.ArgumentError, match="no single calendar months"):
        clv.plots.plot_course(Clock(SEASON))


def test_the_command_line_asks_for_it(
    log: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log.to_csv("log.csv", index=False)
    told = Shell(capsys).good(
        "forecast", "log.csv", "--horizon", "3M", "--draws", 20, "--no-spend", "--observation-end", "2023-03-31",
        "--method", "map", "--purchase", "bg_nbd", "--season", "gaussian_process", "--out", "a.csv",
    )  # fmt: skip
    assert "bg_nbd on a seasonal clock" in told


def test_another_round_moves_nothing(log: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the shortest log, by less than half a per cent. Killed: as few rounds as each month seen twice needs."""
    year, clocks = clv.rfm_summary(log, observation_end="2022-12-31"), []
    for more in (0, 1):
        monkeypatch.setattr(gaussian_process, "ROUNDS", gaussian_process.ROUNDS + more)
        clocks.append(GaussianProcessSeason().learn(year, PARETO))
    np.testing.assert_allclose(clocks[1].months, clocks[0].months, rtol=0.005)
