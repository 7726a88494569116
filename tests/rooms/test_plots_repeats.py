"""Numbers of repeat purchases, seen and expected: held against simulated lives, chance included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import clvmodels as clv
from clvmodels import plots
from clvmodels.errors import ArgumentError
from clvmodels.inference import Posterior
from clvmodels.models import get_purchase_model
from clvmodels.rfm import RFM
from clvmodels.season import Clock, OnClock

THETA = {
    "bg_nbd": [0.24, 4.4, 0.8, 2.4],
    "mbg_nbd": [0.5, 6.0, 0.9, 2.9],
    "pareto_nbd": [0.55, 10.6, 0.6, 11.7],
}


def of_ages(ages: np.ndarray, frequency: np.ndarray | float = 0.0) -> RFM:
    x = np.broadcast_to(frequency, ages.shape).astype(float)
    return RFM.from_arrays(
        frequency=x,
        recency=np.where(x > 0, ages, 0.0),
        T=ages,
        time_unit="W",
        observation_end="2025-12-31",
    )


@pytest.fixture(scope="module")
def fit(cdnow_rfm: RFM) -> Posterior:
    return clv.fit("bg_nbd", cdnow_rfm, draws=60, seed=1)


def known(fit: Posterior, name: str, *draws: list[float]) -> Posterior:
    return replace(fit, model=get_purchase_model(name), draws=np.array(draws))


@pytest.mark.parametrize("name", THETA)
def test_expected_numbers_are_those_of_whole_lives(
    fit: Posterior, name: str, rng: np.random.Generator
) -> None:
    """Killed: all customers at the mean age; the open group without its tail. Shares of 40,000 lives: s.e. < 0.0025."""
    ages = np.repeat([4.0, 20.0, 52.0, 100.0], 10_000)
    row, _ = get_purchase_model(name).simulate(np.array(THETA[name]), ages, rng)
    lived = np.minimum(np.bincount(row, minlength=len(ages)), 5)
    frame = plots.repeat_purchases_frame(known(fit, name, THETA[name]), of_ages(ages), most=5, draws=2)
    assert list(frame["frequency"]) == ["0", "1", "2", "3", "4", "5+"]
    np.testing.assert_allclose(frame["mean"] / len(ages), np.bincount(lived) / len(ages), atol=0.01)
    assert frame["mean"].sum() == pytest.approx(len(ages))


def test_nine_intervals_in_ten_hold_what_simulated_customers_did(
    fit: Posterior, rng: np.random.Generator
) -> None:
    """Killed: an interval of the expected number, without the lots. 100 logs of 8 numbers, whose own s.e. is 0.012."""
    ages = np.linspace(10, 39, 300)
    frame = plots.repeat_purchases_frame(known(fit, "bg_nbd", THETA["bg_nbd"]), of_ages(ages), draws=2000)
    inside = []
    for _ in range(100):
        row, _ = get_purchase_model("bg_nbd").simulate(np.array(THETA["bg_nbd"]), ages, rng)
        came = np.bincount(np.minimum(np.bincount(row, minlength=len(ages)), 7), minlength=8)
        inside.append((came >= frame["low"]) & (came <= frame["high"]))
    assert 0.88 <= np.mean(inside) <= 0.97


def test_what_is_not_known_of_the_parameters_widens_the_interval(fit: Posterior) -> None:
    rfm = of_ages(np.linspace(10, 39, 2000))
    one, two = [0.24, 4.4, 0.8, 2.4], [0.36, 4.4, 0.8, 2.4]
    narrow, wide = (
        plots.repeat_purchases_frame(known(fit, "bg_nbd", *draws), rfm) for draws in ([one], [one, two])
    )
    assert (wide["high"] - wide["low"])[0] > 2 * (narrow["high"] - narrow["low"])[0]
    middle = plots.repeat_purchases_frame(known(fit, "bg_nbd", two), rfm)["mean"]
    np.testing.assert_allclose(wide["mean"], (narrow["mean"] + middle) / 2, rtol=1e-12)


def test_customers_are_counted_once_in_any_order_and_by_weight(fit: Posterior, cdnow_rfm: RFM) -> None:
    frame = plots.repeat_purchases_frame(fit, cdnow_rfm)
    expected = np.bincount(np.minimum(cdnow_rfm.frequency, 7).astype(int))
    np.testing.assert_array_equal(frame["customers"], expected)
    mixed = cdnow_rfm.take(np.random.default_rng(0).permutation(len(cdnow_rfm)))
    pd.testing.assert_frame_equal(plots.repeat_purchases_frame(fit, mixed), frame)
    patterns, _ = cdnow_rfm.compress()
    assert len(patterns) < len(cdnow_rfm)
    pd.testing.assert_frame_equal(plots.repeat_purchases_frame(fit, patterns), frame)


def test_many_ages_share_those_of_their_neighbours(fit: Posterior) -> None:
    """By ages one by one and merged: the numbers differ by less than one customer in two thousand."""
    ages = np.linspace(5, 200, 4000)
    single = known(fit, "bg_nbd", THETA["bg_nbd"])
    merged = plots.repeat_purchases_frame(single, of_ages(ages), draws=2)["mean"]
    model, theta = single.model, np.array(THETA["bg_nbd"])
    counts = np.arange(7.0)[:, None]
    exact = model.purchase_pmf(theta, of_ages(0 * ages), counts, ages).sum(axis=1)  # type: ignore[union-attr]
    np.testing.assert_allclose(merged[:7], exact, atol=2)


def test_on_a_seasonal_clock_customers_are_born_when_they_were(fit: Posterior) -> None:
    """Killed: strangers who are born at the end of the observation, and live through the season that follows."""
    clock = Clock(months=[0.4] * 10 + [4.0, 4.0])
    christmas = replace(fit, model=OnClock(get_purchase_model("bg_nbd"), clock), draws=fit.draws[:1])
    ages = np.full(1000, 8.6)  # born at the end of October; the season is behind them at the end of December
    plain = plots.repeat_purchases_frame(replace(fit, draws=fit.draws[:1]), of_ages(ages), draws=2)
    strong = plots.repeat_purchases_frame(christmas, of_ages(ages), draws=2)
    assert strong["mean"][0] < 0.8 * plain["mean"][0]


def test_the_picture_names_units_and_level(fit: Posterior, cdnow_rfm: RFM) -> None:
    given = Figure().subplots()
    assert plots.plot_repeat_purchases(fit, cdnow_rfm, ax=given) is given
    own = plots.plot_repeat_purchases(fit, cdnow_rfm, most=3, level=0.5)
    assert [tick.get_text() for tick in own.get_xticklabels()] == ["0", "1", "2", "3+"]
    assert (own.get_xlabel(), own.get_ylabel()) == ("Repeat purchases while observed", "Customers")
    legend = own.get_legend()
    assert legend is not None
    assert {text.get_text() for text in legend.get_texts()} == {
        "Actual",
        "50 % predictive interval",
        "BG/NBD, expected",
    }


def test_refusals(fit: Posterior, cdnow_rfm: RFM) -> None:
    with pytest.raises(ArgumentError, match="most=0 must be a whole number"):
        plots.repeat_purchases_frame(fit, cdnow_rfm, most=0)
    with pytest.raises(ArgumentError, match="draws=1 must"):
        plots.repeat_purchases_frame(fit, cdnow_rfm, draws=1)
    with pytest.raises(ArgumentError, match="pass that of a purchase model"):
        plots.repeat_purchases_frame(clv.fit("gamma_gamma", cdnow_rfm, method="mle"), cdnow_rfm)
    days = RFM.from_arrays(frequency=[1], recency=[1], T=[2], time_unit="D")
    with pytest.raises(ArgumentError, match="the fit measured time in weeks"):
        plots.repeat_purchases_frame(fit, days)
