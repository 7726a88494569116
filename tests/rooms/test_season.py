"""The clock that runs fast in a strong season: its arithmetic, the models on it, and how it is learned."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import clvmodels as clv
from clvmodels.contracts import PurchaseModel
from clvmodels.models import PURCHASE_MODELS, get_purchase_model
from clvmodels.rfm import RFM
from clvmodels.season import Clock, MonthlySeason, OnClock, full_months
from clvmodels.season.monthly import monthly_effects

SEASON = (0.8, 0.7, 0.8, 0.9, 1.0, 1.0, 0.8, 0.7, 0.9, 1.1, 1.5, 1.8)
BUSY = Clock(SEASON, days={date(2025, 11, 28): 6.0})
PARETO = {"r": 0.9, "alpha": 10.6, "s": 0.6, "beta": 20.0}
Z = 4.5

MODELS = pytest.mark.parametrize("model", PURCHASE_MODELS.values(), ids=list(PURCHASE_MODELS))


def people(**changes: object) -> RFM:
    facts = {
        "frequency": [0, 1, 5, 12],
        "recency": [0, 20.0, 71.5, 104.0],
        "T": [10.0, 60.0, 72.0, 104.0],
        "time_unit": "W",
        "observation_end": "2025-10-15",
    }
    return RFM.from_arrays(**(facts | changes))  # type: ignore[arg-type]


def typical(model: PurchaseModel) -> np.ndarray:
    return np.array([1.3**k * p.prior_median * 20.0**p.time_power for k, p in enumerate(model.params)])


def shop(season: tuple[float, ...], customers: int = 2500, seed: int = 1) -> pd.DataFrame:
    return clv.simulate(
        "pareto_nbd",
        PARETO,
        customers=customers,
        start="2022-01-01",
        weeks=190,
        acquisition_weeks=100,
        world=clv.World(season=season),
        resolution="D",
        seed=seed,
    )


def test_operational_time_counts_days_by_their_speed() -> None:
    """Against a sum over days. Killed: a holiday that scales its whole month; months counted from February."""
    days = np.arange(np.datetime64("2025-11-25"), np.datetime64("2026-02-03"))
    months = days.astype("datetime64[M]").astype(int) % 12
    mean = np.mean(np.repeat(SEASON, [124, 113, 124, 120, 124, 120, 124, 124, 120, 124, 120, 124]))
    expected = np.array(SEASON)[months] / mean * np.where(days == np.datetime64("2025-11-28"), 6.0, 1.0)
    np.testing.assert_allclose(BUSY.speed(days), expected, rtol=1e-12)
    at = days.astype(float)
    np.testing.assert_allclose(np.diff(BUSY.time(at)), expected[:-1], rtol=1e-9)
    middle = (BUSY.time(at[3] + 0.5) - BUSY.time(at[3])) / (BUSY.time(at[4]) - BUSY.time(at[3]))
    assert middle == pytest.approx(0.5)  # within a day time runs evenly
    moments = np.linspace(-40_000, 60_000, 1001)
    np.testing.assert_allclose(BUSY.moment(BUSY.time(moments)), moments, atol=1e-6)
    year = BUSY.time(365.25 * 8) - BUSY.time(0.0)
    assert year == pytest.approx(365.25 * 8, rel=1e-3)


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"months": [1.0] * 11}, "11 speeds; give 12"),
        ({"months": [1.0] * 11 + [0.0]}, "speed of December"),
        ({"days": {date(2025, 1, 1): float("nan")}}, "speed of 2025-01-01"),
        ({"days": {datetime(2025, 1, 1, 5): 2.0}}, "must be a date"),
        ({"days": {date(1700, 1, 1): 2.0}}, "must be a date from 1800-01-01"),
    ],
)
def test_clocks_without_such_a_speed(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(clv.ArgumentError, match=text):
        Clock(**arguments)  # type: ignore[arg-type]


def test_a_series_of_promotions_becomes_a_clock() -> None:
    sale = pd.Series([3.0, 2.0], index=["2026-01-05", "2026-01-06"])
    clock = Clock.of_series(sale)
    assert clock.days == {date(2026, 1, 5): 3.0, date(2026, 1, 6): 2.0}
    with pytest.raises(clv.ArgumentError, match="2026-01-05 twice"):
        Clock.of_series(pd.Series([3.0, 2.0], index=["2026-01-05"] * 2))


@MODELS
def test_on_the_calendar_s_own_clock_a_model_is_itself(model: PurchaseModel) -> None:
    """Killed: recency measured from the end instead of from the birth; discounting by operational time."""
    theta, rfm, plain = typical(model), people(), OnClock(model, Clock())
    value, grad = plain.loglik_grad(theta, rfm)
    np.testing.assert_allclose(value, model.loglik(theta, rfm), rtol=1e-9)
    np.testing.assert_allclose(grad, model.loglik_grad(theta, rfm)[1], rtol=1e-7, atol=1e-9)
    horizon = np.array([1.0, 26.0, 52.0, 0.0])
    for name, arguments in (
        ("p_alive", ()),
        ("p_alive_later", (horizon,)),
        ("expected_purchases", (horizon,)),
        ("purchase_pmf", (2, 26.0)),
    ):
        here, there = (getattr(some, name)(theta, rfm, *arguments) for some in (plain, model))
        np.testing.assert_allclose(here, there, rtol=1e-8, err_msg=name)
    for ahead in (
        horizon,
        52.0,
        np.inf,
    ):  # weekly steps: (rate x week)² / 24, and the quadrature of what is far
        here, there = (
            some.expected_discounted_purchases(theta, rfm, ahead, 0.005) for some in (plain, model)
        )
        np.testing.assert_allclose(here, there, rtol=2e-5)
    draws = [
        some.sample_purchase_times(theta, rfm, model.p_alive(theta, rfm), 52.0, np.random.default_rng(3))
        for some in (plain, model)
    ]
    np.testing.assert_array_equal(draws[0][0], draws[1][0])
    np.testing.assert_allclose(draws[0][1], draws[1][1], rtol=1e-6, atol=1e-9)


@MODELS
def test_draws_agree_with_the_means_in_season(model: PurchaseModel) -> None:
    """Purchases, discounted purchases and those of December, 4,000 draws of four customers."""
    theta, rfm, draws, rate, on = typical(model), people(), 4000, 0.02, OnClock(model, BUSY)
    grid = np.broadcast_to(theta[:, None, None], (len(theta), draws, 1))
    alive = np.broadcast_to(on.p_alive(theta, rfm), (draws, len(rfm)))
    row, time = on.sample_purchase_times(grid, rfm, alive, 26.0, np.random.default_rng(5))
    assert ((time > 0) & (time <= 26)).all()
    december = (time > 47 / 7) & (time <= 78 / 7)  # 15 October to the days of December
    means = {
        "all": (np.ones(len(row)), on.expected_purchases(theta, rfm, 26.0)),
        "present": (np.exp(-rate * time), on.expected_discounted_purchases(theta, rfm, 26.0, rate)),
        "december": (
            december.astype(float),
            on.expected_purchases(theta, rfm, 78 / 7) - on.expected_purchases(theta, rfm, 47 / 7),
        ),
    }
    for name, (worth, expected) in means.items():
        each = np.bincount(row, worth, minlength=draws * len(rfm)).reshape(draws, -1)
        z = (each.mean(axis=0) - expected) / (each.std(axis=0) / np.sqrt(draws))
        assert np.abs(z).max() < Z, name


def test_december_holds_more_purchases_than_a_calendar_gives_it() -> None:
    model, rfm = get_purchase_model("pareto_nbd"), people()
    theta = typical(model)
    plain, busy = (
        some.expected_purchases(theta, rfm, 78 / 7) - some.expected_purchases(theta, rfm, 47 / 7)
        for some in (model, OnClock(model, BUSY))
    )
    assert (busy > 1.4 * plain).all()


def test_the_unit_of_time_leaves_no_trace() -> None:
    """Killed: days taken for weeks on the way to the clock."""
    model = OnClock(get_purchase_model("bg_nbd"), BUSY)
    weeks, theta = people(), np.array([0.5, 6.0, 0.9, 2.0])
    days = people(recency=weeks.recency * 7, T=weeks.T * 7, time_unit="D")
    there = model.expected_purchases(theta * [1, 7, 1, 1], days, 7 * 26.0)
    np.testing.assert_allclose(there, model.expected_purchases(theta, weeks, 26.0), rtol=1e-9)


def test_without_a_calendar_a_model_answers_on_its_own_clock() -> None:
    model, rfm = get_purchase_model("bg_nbd"), replace(people(), observed_until=None)
    theta = typical(model)
    for rate in (0.0, 0.01):
        here, there = (
            some.expected_discounted_purchases(theta, rfm, 26.0, rate)
            for some in (OnClock(model, BUSY), model)
        )
        np.testing.assert_allclose(here, there, rtol=1e-12)


@pytest.mark.parametrize("season", [SEASON, (1.0,) * 12], ids=["season", "none"])
def test_the_season_of_a_world_comes_back(season: tuple[float, ...]) -> None:
    """Truth within 4 standard deviations of its estimate, and where there is none, months near 1."""
    rfm = clv.rfm_summary(shop(season), observation_end="2025-08-21")
    clock = MonthlySeason(level=0.9).learn(rfm, get_purchase_model("pareto_nbd"))
    true, found = np.array(Clock(season).months), np.array(clock.months)
    assert clock.low is not None
    assert clock.high is not None
    sd = np.log(np.array(clock.high) / np.array(clock.low)) / (2 * 1.645)
    assert (np.abs(np.log(found / true)) < 4 * sd + 0.005).all()
    if season is SEASON:
        assert np.corrcoef(found, true)[0, 1] > 0.97
        assert str(clock).startswith("fastest in December")
    else:
        assert np.abs(found - 1).max() < 0.06


def test_a_forecast_in_season_holds_where_the_calendar_s_fails() -> None:
    """Two strong months ahead: actual within the interval, and the calendar's forecast is a fifth too low.

    Killed: a horizon on the calendar's clock; purchases not dated back, so that periods are wrong.
    """
    log = shop(SEASON)
    rfm, holdout = clv.calibration_holdout(log, cutoff="2024-10-31", holdout_end="2025-01-31")
    actual = holdout.purchases.sum()
    plain, seasonal = (
        clv.CLVModel("pareto_nbd", None, season=season).fit(rfm, seed=1) for season in (None, MonthlySeason())
    )
    assert seasonal.name == "Pareto/NBD with season (laplace)"
    options = {"draws": 300, "seed": 2, "period": "M"}
    low, high = (fitted.forecast("2025-01-31", **options) for fitted in (plain, seasonal))
    assert low.purchases.mean < 0.85 * actual
    assert abs(high.purchases.mean / actual - 1) < 0.1
    assert "season: fastest in December" in seasonal.summary
    monthly, _ = holdout.after.totals(high.horizon.edges)
    assert np.abs(high.periods["purchases_mean"] / monthly - 1).max() < 0.2


def test_a_seasonal_forecast_does_not_know_its_blocks() -> None:
    rfm = clv.rfm_summary(shop(SEASON, 300), observation_end="2024-10-31")
    fitted = clv.CLVModel("bg_nbd", None, season=Clock(SEASON)).fit(rfm, draws=50, seed=1)
    options = {"draws": 50, "seed": 2, "annual_discount_rate": 0.1}
    whole = fitted.forecast("26W", **options)
    cut = fitted.forecast("26W", block_size=7, **options)
    some = fitted.forecast("26W", rfm=rfm.take(slice(40, 80)), **options)
    (batch,) = pa.Table.from_pandas(rfm.to_pandas()).to_batches()
    (scored,) = fitted.scorer("26W", rfm=rfm, **options)(iter([batch]))
    for name, column in whole.columns.items():
        np.testing.assert_array_equal(column, scored[name].to_numpy())
        np.testing.assert_array_equal(column, cut.columns[name])
        np.testing.assert_array_equal(column[40:80], some.columns[name])


def test_effects_are_pooled_as_far_as_years_disagree() -> None:
    """The same strong December in 2 of 4 years is believed less than in 4 of 4. Killed: σ left out."""
    month, flat = np.arange(48) % 12, np.full(48, 2000.0)
    effects = []
    for years in ((0, 1, 2, 3), (0, 2), ()):
        actual = flat.copy()
        for year in years:
            actual[12 * year + 11] *= 1.6
        mean, sd = monthly_effects(actual, flat, month)
        effects.append((mean[11], sd[11]))
    assert effects[0][0] > 0.4
    assert 0 <= effects[1][0] < 0.7 * effects[0][0] * 0.5
    assert effects[1][1] > effects[0][1]
    assert abs(effects[2][0]) < 0.01


def test_what_cannot_be_learned_is_refused() -> None:
    model, log = get_purchase_model("bg_nbd"), shop(SEASON, 150)
    young = clv.rfm_summary(log, observation_end="2023-11-30")
    with pytest.raises(clv.DataError, match=r"22 full months; 24 are needed"):
        MonthlySeason().learn(young, model)
    with pytest.raises(clv.DataError, match=r"repeat purchases in full months; 200 are needed"):
        MonthlySeason().learn(clv.rfm_summary(log[log["customer_id"] < 30]), model)
    with pytest.raises(clv.ArgumentError, match="does not remember its log"):
        MonthlySeason().learn(clv.rfm_summary(log).take([0, 1]), model)
    with pytest.raises(clv.ArgumentError, match="level=90"):
        MonthlySeason(level=90)


def test_full_months_begin_with_the_first_birth() -> None:
    rfm = people()
    assert rfm.observed_until is not None
    starts, edges = full_months(rfm, rfm.observed_until)
    assert (starts[0], starts[-1]) == (datetime(2023, 11, 1), datetime(2025, 9, 1))
    assert edges[-1] == -15 / 7


def test_repeat_times_are_those_of_the_summary(cdnow: pd.DataFrame) -> None:
    rfm = clv.rfm_summary(cdnow, spend="spend", observation_end="1997-09-30")
    assert rfm.history is not None
    times = rfm.history.repeat_times(rfm)
    assert len(times) == rfm.frequency.sum()
    assert times.max() == -np.min((rfm.T - rfm.recency)[rfm.frequency > 0])
    some = rfm.take(slice(0, 100))
    assert len(rfm.history.repeat_times(some)) == some.frequency.sum()


def test_the_plot_shows_the_frame() -> None:
    clock = Clock(SEASON, low=[0.9 * s for s in SEASON], high=[1.1 * s for s in SEASON])
    frame, axes = clv.plots.season_frame(clock), clv.plots.plot_season(clock)
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), frame["effect"])
    assert (frame["low"] < frame["effect"]).all()
    assert axes.get_legend() is not None
    assert clv.plots.plot_season(Clock(SEASON)).get_legend() is None
