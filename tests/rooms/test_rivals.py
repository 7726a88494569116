"""The fitters of lifetimes as forecasters: their own numbers, their own failures, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import warnings
from copy import copy
from dataclasses import replace

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.errors import ArgumentError, DataError, FitError
from clvmodels.prediction import DrawBlock
from clvmodels.rfm import RFM
from clvmodels.rivals import FittedLifetimes, LifetimesCLV

# Fader, Hardie & Lee (2005a, Marketing Science 24) table 2, and their note on Pareto/NBD (table 1 there);
# Gamma-Gamma: Fader & Hardie (2013), note 025. 39-week totals: lifetimes 0.11.3 by itself, on the rows as they are.
PUBLISHED = {
    "bg_nbd": ({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, 1653.4),
    "pareto_nbd": ({"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}, 1665.5),
}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}


@pytest.fixture(scope="module")
def fitted(cdnow_rfm: RFM) -> dict[str, FittedLifetimes]:
    return {name: LifetimesCLV(name).fit(cdnow_rfm) for name in ("bg_nbd", "mbg_nbd", "pareto_nbd")}


def crowd(**columns: object) -> RFM:
    return RFM.from_arrays(time_unit="W", observation_end="2026-06-30", **columns)


# --- the numbers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_parameters_and_totals(name: str, fitted: dict[str, FittedLifetimes]) -> None:
    parameters, total = PUBLISHED[name]
    found = fitted[name].parameters
    assert {key: found[key] for key in parameters} == pytest.approx(parameters, abs=2e-3)
    assert {key: found[key] for key in SPEND} == pytest.approx(SPEND, abs=6e-3)
    assert fitted[name].forecast("39W").purchases.mean == pytest.approx(total, abs=0.5)


def test_a_customer_is_worth_purchases_times_spend(
    fitted: dict[str, FittedLifetimes], cdnow_rfm: RFM
) -> None:
    """Asked of lifetimes directly, customer by customer."""
    import lifetimes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bg = lifetimes.BetaGeoFitter()
        bg.params_ = fitted["bg_nbd"].purchase.params_
        bought = bg.conditional_expected_number_of_purchases_up_to_time(
            39, cdnow_rfm.frequency, cdnow_rfm.recency, cdnow_rfm.T
        )
        gg = lifetimes.GammaGammaFitter()
        gg.params_ = fitted["bg_nbd"].spend.params_
        spend = gg.conditional_expected_average_profit(cdnow_rfm.spend_count, cdnow_rfm.monetary_value)
    forecast = fitted["bg_nbd"].forecast("39W", margin=0.3)
    np.testing.assert_allclose(forecast.columns["expected_purchases"], bought, rtol=1e-10)
    np.testing.assert_allclose(forecast.columns["expected_spend"], spend, rtol=1e-10)
    np.testing.assert_allclose(forecast.columns["clv_mean"], 0.3 * bought * spend, rtol=1e-10)


def test_discounting_is_the_integral(fitted: dict[str, FittedLifetimes]) -> None:
    """Against our own closed form of the discounted purchases at lifetimes' parameters."""
    from clvmodels.models import get_purchase_model

    fit = fitted["pareto_nbd"]
    model = get_purchase_model("pareto_nbd")
    theta = np.array([fit.parameters[name] for name in ("r", "alpha", "s", "beta")])
    forecast = fit.forecast("52W", annual_discount_rate=0.15, period="W")
    rate = np.log(1.15) * 7 / 365.25
    present = model.expected_discounted_purchases(theta, fit.rfm, 52.0, rate)
    np.testing.assert_allclose(
        forecast.columns["clv_mean"], present * forecast.columns["expected_spend"], rtol=1e-6
    )
    for period in ("W", "D", "M", "Y"):
        cut = fit.forecast("1Y", annual_discount_rate=0.15, period=period)
        assert cut.total.mean == pytest.approx(cut.columns["clv_mean"].sum(), rel=1e-12)
        assert cut.total.mean == pytest.approx(
            fit.forecast("1Y", annual_discount_rate=0.15).total.mean, rel=1e-9
        )


def test_history_is_the_mean_by_age(fitted: dict[str, FittedLifetimes], cdnow_rfm: RFM) -> None:
    curve = fitted["bg_nbd"].expected_history(np.array([0.0, 10.0, 39.0]))
    assert curve[0] == 0
    ours = clv.CLVModel("bg_nbd", method="mle").fit(cdnow_rfm).expected_history(np.array([0.0, 10.0, 39.0]))
    np.testing.assert_allclose(curve, ours, rtol=1e-3)


# --- a forecaster among others -----------------------------------------------------------------------------


def test_one_draw_and_no_intervals(fitted: dict[str, FittedLifetimes]) -> None:
    seen: list[DrawBlock] = []
    forecast = fitted["mbg_nbd"].forecast("13W", draws=7, seed=3, observe=seen.append)
    assert not forecast.is_distribution
    assert forecast.total.draws.shape == (1,)
    assert list(forecast.customers) == ["customer_id", "expected_purchases", "expected_spend", "clv_mean"]
    assert len(seen) == 1
    assert forecast.name == "lifetimes MBG/NBD × Gamma-Gamma"
    assert "own maximum likelihood" in fitted["mbg_nbd"].summary
    assert fitted["mbg_nbd"].usable


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_the_order_of_customers_leaves_no_trace(name: str, cdnow_rfm: RFM) -> None:
    order = np.random.default_rng(4).permutation(len(cdnow_rfm))
    here, there = (
        LifetimesCLV(name).fit(rfm).forecast("13W", annual_discount_rate=0.1)
        for rfm in (cdnow_rfm, cdnow_rfm.take(order))
    )
    assert here.total.mean == there.total.mean
    assert here.purchases.mean == there.purchases.mean
    np.testing.assert_array_equal(here.columns["clv_mean"][order], there.columns["clv_mean"])


def test_without_spend_only_purchases(cdnow_rfm: RFM, fitted: dict[str, FittedLifetimes]) -> None:
    silent = replace(cdnow_rfm, monetary_value=None, spend_count=None)
    for fit in (LifetimesCLV().fit(silent), LifetimesCLV(with_spend=False).fit(cdnow_rfm)):
        forecast = fit.forecast("39W")
        assert forecast.value is None
        assert forecast.purchases.mean == fitted["bg_nbd"].forecast("39W").purchases.mean
        assert "no spend" in fit.summary


def test_nothing_is_left_behind() -> None:
    """Filters of warnings, pandas' options, the global stream and the screen are as they were."""
    program = """
import warnings, numpy as np, pandas as pd
import clvmodels as clv
from clvmodels.rivals import LifetimesCLV
warnings.simplefilter("error")
rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")
def option():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pd.get_option("mode.chained_assignment")
before = (list(warnings.filters), option(), str(np.random.get_state()), np.geterr())
LifetimesCLV("pareto_nbd").fit(rfm).forecast("13W")
assert before == (list(warnings.filters), option(), str(np.random.get_state()), np.geterr())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stdout
    assert not done.stderr


# --- failures ----------------------------------------------------------------------------------------------


def test_spend_without_a_mean_is_refused(rng: np.random.Generator) -> None:
    # levels of spend from an inverse gamma with shape 0.6: no mean exists
    count = rng.poisson(3, 800) + 1
    level = 10 / rng.gamma(0.6, 1, 800)
    mean = level * rng.gamma(4 * count) / (4 * count)
    rfm = crowd(frequency=count, recency=np.full(800, 15), T=np.full(800, 20), monetary_value=mean)
    with pytest.raises(FitError, match="not above 1, so no mean spend exists"):
        LifetimesCLV("pareto_nbd").fit(rfm)


def test_customers_without_a_number_are_named(fitted: dict[str, FittedLifetimes]) -> None:
    """At these parameters lifetimes gives an active customer of 300 purchases no number, as its users report."""
    busy = crowd(
        customer_id=["calm", "busy"],
        frequency=[2, 300],
        recency=[30, 100],
        T=[365, 365],
        monetary_value=[10, 10],
    )
    guest = copy(fitted["pareto_nbd"].purchase)
    guest.params_ = guest.params_ * 0 + [0.5, 1.0, 0.5, 1000.0]
    with pytest.raises(FitError, match=r"1 of 2 customers no expected number of purchases.*first: busy"):
        replace(fitted["pareto_nbd"], rfm=busy, purchase=guest).forecast("39W")


def test_no_repeat_purchase_is_a_reason() -> None:
    rfm = crowd(frequency=[0, 0, 0], recency=[0, 0, 0], T=[9, 8, 7], monetary_value=[0, 0, 0])
    for name in ("bg_nbd", "mbg_nbd", "pareto_nbd"):
        with pytest.raises(FitError, match="cannot be fitted: "):
            LifetimesCLV(name).fit(rfm)


def test_a_backtest_shows_the_reason(cdnow) -> None:
    free = cdnow.assign(spend=0.0)
    good = clv.HistoricalCLV()
    card = clv.backtest(free, [LifetimesCLV(), good], horizon="26W", draws=2)
    row = card.fits.set_index("model").loc[LifetimesCLV().name]
    assert row["status"] == "failed"
    assert "no customer has a repeat purchase with a mean spend above 0" in row["reason"]


def test_refused_arguments(fitted: dict[str, FittedLifetimes], cdnow_rfm: RFM, monkeypatch) -> None:
    with pytest.raises(ArgumentError, match="'bgnbd' is not one of bg_nbd"):
        LifetimesCLV("bgnbd")
    with pytest.raises(ArgumentError, match=r"35 per cent is 0\.35"):
        fitted["bg_nbd"].forecast("10W", margin=35)
    with pytest.raises(DataError, match="stand for several"):
        replace(fitted["bg_nbd"], rfm=cdnow_rfm.compress()[0]).forecast("10W")
    monkeypatch.setitem(sys.modules, "lifetimes", None)
    with pytest.raises(ArgumentError, match="pip install lifetimes"):
        LifetimesCLV().fit(cdnow_rfm)
