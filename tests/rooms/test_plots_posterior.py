"""Plots of a fit: matrices of histories, differences between customers, and mean spend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import clvmodels as clv
from clvmodels import plots
from clvmodels.errors import ArgumentError, DataError
from clvmodels.inference import Posterior
from clvmodels.models import PURCHASE_MODELS, REGISTRY, get_purchase_model
from clvmodels.rfm import RFM


@pytest.fixture(scope="module")
def fits(cdnow_rfm: RFM) -> dict[str, Posterior]:
    return {name: clv.fit(name, cdnow_rfm, method="laplace", draws=60, seed=1) for name in REGISTRY}


def one_draw(posterior: Posterior) -> Posterior:
    return replace(posterior, draws=posterior.draws[:1])


def by_frequency(frame: pd.DataFrame, column: str, frequency: int) -> np.ndarray:
    return frame.loc[frame["frequency"] == frequency, column].to_numpy()


DRAWN: list[tuple[str, Callable[..., Axes], str]] = [
    ("alive", lambda fits, rfm, ax: plots.plot_alive_matrix(fits["pareto_nbd"], rfm, ax=ax), "weeks"),
    (
        "expected",
        lambda fits, rfm, ax: plots.plot_expected_matrix(fits["bg_nbd"], rfm, "39W", ax=ax),
        "weeks",
    ),
    ("rate", lambda fits, _, ax: plots.plot_heterogeneity(fits["pareto_nbd"], ax=ax), "per week"),
    (
        "level",
        lambda fits, _, ax: plots.plot_heterogeneity(fits["gamma_gamma"], currency="€", ax=ax),
        "€",
    ),
    ("spend", lambda fits, rfm, ax: plots.plot_spend(fits["gamma_gamma"], rfm, currency="€", ax=ax), "€"),
]


@pytest.mark.parametrize(("draw", "unit"), [row[1:] for row in DRAWN], ids=[row[0] for row in DRAWN])
def test_plot_draws_on_own_or_given_axes_and_names_units_and_level(
    fits: dict[str, Posterior], cdnow_rfm: RFM, draw: Callable[..., Axes], unit: str
) -> None:
    given = Figure().subplots()
    assert draw(fits, cdnow_rfm, given) is given
    single = {name: one_draw(fit) for name, fit in fits.items()}
    for axes in (given, draw(fits, cdnow_rfm, None), draw(single, cdnow_rfm, None)):
        assert unit in axes.get_xlabel()
        assert axes.get_ylabel()
        legend = axes.get_legend()
        assert legend is not None
        axes.figure.draw_without_rendering()
        if axes is given:
            assert any("90 %" in text.get_text() for text in legend.get_texts())


def test_a_thousand_cells_are_a_picture(fits: dict[str, Posterior], cdnow_rfm: RFM) -> None:
    axes = plots.plot_alive_matrix(fits["bg_nbd"], cdnow_rfm)
    assert len(axes.images) == 1
    assert all(points.get_rasterized() for points in axes.collections if len(points.get_offsets()) > 1)


@pytest.mark.parametrize("name", PURCHASE_MODELS)
def test_matrix_cells_are_what_the_model_says_of_such_a_customer(
    fits: dict[str, Posterior], cdnow_rfm: RFM, name: str
) -> None:
    model, fit = get_purchase_model(name), fits[name]
    frame = plots.alive_matrix_frame(fit, cdnow_rfm)
    ahead = plots.expected_matrix_frame(fit, cdnow_rfm, "39W")
    for place in (0, 1, 333, len(frame) - 1):
        cell = frame.iloc[place]
        rfm = RFM.from_arrays(
            frequency=cell[["frequency"]], recency=cell[["recency"]], T=cell[["T"]], time_unit="W"
        )
        alive = model.p_alive(fit.draws.T, rfm)
        assert cell["mean"] == pytest.approx(alive.mean(), rel=1e-9)
        assert [cell["low"], cell["high"]] == pytest.approx(np.quantile(alive, [0.05, 0.95]), rel=1e-9)
        expected = model.expected_purchases(fit.draws.T, rfm, 39.0).mean()
        assert ahead["mean"].iloc[place] == pytest.approx(expected, rel=1e-9)
    assert frame["T"].unique().tolist() == [cdnow_rfm.T.max()]
    assert (np.diff(by_frequency(frame, "mean", 7)) >= 0).all()  # a later last purchase never hurts


def test_matrix_counts_every_customer_once_up_to_thirty_purchases(
    fits: dict[str, Posterior], cdnow_rfm: RFM
) -> None:
    frame = plots.alive_matrix_frame(fits["bg_nbd"], cdnow_rfm)
    assert frame["customers"].sum() == (cdnow_rfm.frequency <= 30).sum()
    for frequency in (0, 1, 5):
        held = (cdnow_rfm.frequency == frequency).sum()
        assert by_frequency(frame, "customers", frequency).sum() == held


def test_matrix_of_customers_who_never_came_back_or_have_just_come(fits: dict[str, Posterior]) -> None:
    for rfm in (
        RFM.from_arrays(frequency=[0], recency=[0], T=[5], time_unit="W"),
        RFM.from_arrays(frequency=[3, 0], recency=[2, 0], T=[2, 0], time_unit="W"),
        RFM.from_arrays(frequency=[900], recency=[30], T=[39], time_unit="W"),
    ):
        axes = plots.plot_alive_matrix(fits["pareto_nbd"], rfm)
        axes.figure.draw_without_rendering()
        plots.plot_expected_matrix(fits["pareto_nbd"], rfm, "4W").figure.draw_without_rendering()


def test_matrix_refuses_customers_of_another_clock_and_a_failed_fit(
    fits: dict[str, Posterior], cdnow_rfm: RFM
) -> None:
    days = RFM.from_arrays(frequency=[1], recency=[7], T=[70], time_unit="D")
    with pytest.raises(ArgumentError, match="time_unit='W'"):
        plots.alive_matrix_frame(fits["bg_nbd"], days)
    with pytest.raises(ArgumentError, match="no recency to show"):
        plots.alive_matrix_frame(fits["bg_nbd"], cdnow_rfm.newcomers(2))
    with pytest.raises(ArgumentError, match="no recency to show"):
        plots.alive_matrix_frame(fits["bg_nbd"], cdnow_rfm.take(cdnow_rfm.T < 0))
    with pytest.raises(ArgumentError, match="pass that of a purchase model"):
        plots.expected_matrix_frame(fits["gamma_gamma"], cdnow_rfm, "4W")
    with pytest.raises(ArgumentError, match="pass that of a spend model"):
        plots.spend_frame(fits["bg_nbd"], cdnow_rfm)
    failed = replace(fits["bg_nbd"], status=clv.FitStatus.FAILED, reason="no optimum")
    with pytest.raises(clv.FitError, match="no optimum"):
        plots.alive_matrix_frame(failed, cdnow_rfm)
    with pytest.raises(clv.FitError, match="no optimum"):
        plots.heterogeneity_frame(failed)


@pytest.mark.parametrize("name", REGISTRY)
def test_shares_of_customers_are_those_of_the_spread_and_add_up_to_one(
    fits: dict[str, Posterior], name: str
) -> None:
    fit = fits[name]
    for k, trait in enumerate(plots.trait_names(fit)):
        frame = plots.heterogeneity_frame(fit, trait, level=0.8)
        assert frame["mean"].sum() == pytest.approx(1)
        assert np.isinf(frame["to"].iloc[-1])
        assert frame["mean"].iloc[-1] < 0.05  # 99 % of customers lie within the bars, or nearly
        spread = fit.model.heterogeneity(fit.draws.T)[k].spread
        third = spread.cdf(frame["to"].iloc[2]) - spread.cdf(frame["from"].iloc[2])
        row = frame.iloc[2]
        assert row["mean"] == pytest.approx(third.mean())
        assert [row["low"], row["high"]] == pytest.approx(np.quantile(third, [0.1, 0.9]))
    assert plots.heterogeneity_frame(one_draw(fit))["low"].isna().all()


def test_unknown_trait_and_customers_too_unlike_to_draw_are_refused(fits: dict[str, Posterior]) -> None:
    with pytest.raises(ArgumentError, match="it knows rate of buying, rate of leaving"):
        plots.heterogeneity_frame(fits["pareto_nbd"], "rate of everything")
    with pytest.raises(ArgumentError, match="bins=0"):
        plots.heterogeneity_frame(fits["pareto_nbd"], bins=0)
    extreme = replace(fits["pareto_nbd"], draws=np.array([[1e-6, 1.0, 1.0, 1.0]]))
    with pytest.raises(ArgumentError, match="no scale shows it"):
        plots.heterogeneity_frame(extreme)


def test_simulated_mean_spend_is_that_of_as_many_purchases(cdnow_rfm: RFM) -> None:
    """Kills means of one purchase each, and a level of their own for every purchase.

    Customers of one purchase each follow y / (γ + y) ~ Beta(p, q); with a million purchases their mean is p / ν.
    Shares of 400 customers in 500 draws: standard errors below 0.0012, hence 0.005.
    """
    theta = np.array([6.25, 3.74, 15.44])
    fit = replace(clv.fit("gamma_gamma", cdnow_rfm, method="mle"), draws=theta[None])
    ones = np.ones(400)
    few = RFM.from_arrays(
        frequency=ones, recency=ones, T=2 * ones, monetary_value=np.linspace(1, 120, 400), time_unit="W"
    )
    from scipy.stats import beta, invgamma

    frame = plots.spend_frame(fit, few, draws=500)
    upper = frame["to"].to_numpy()[:-1]
    cdf = beta(theta[0], theta[1]).cdf(upper / (theta[2] + upper))
    np.testing.assert_allclose(frame["mean"].cumsum().to_numpy()[:-1], cdf, atol=0.005)
    many = replace(few, frequency=400 * ones, spend_count=400 * ones)
    frame = plots.spend_frame(fit, many, draws=500)
    cdf = invgamma(theta[1], scale=theta[0] * theta[2]).cdf(upper)
    np.testing.assert_allclose(frame["mean"].cumsum().to_numpy()[:-1], cdf, atol=0.005)


def test_spend_frame_leaves_out_who_has_no_mean(cdnow_rfm: RFM) -> None:
    """One-time buyers inform the model of single transactions, and have no mean spend to show."""
    fit = clv.fit("gamma_gamma_transactions", cdnow_rfm, method="map")
    frame = plots.spend_frame(fit, cdnow_rfm, draws=5)
    assert frame["customers"].sum() == np.sum(cdnow_rfm.monetary_value > 0)


def test_spend_frame_counts_who_informs_and_ignores_row_order(
    fits: dict[str, Posterior], cdnow_rfm: RFM, rng: np.random.Generator
) -> None:
    frame = plots.spend_frame(fits["gamma_gamma"], cdnow_rfm, draws=5)
    assert cdnow_rfm.monetary_value is not None
    assert frame["customers"].sum() == (cdnow_rfm.monetary_value > 0).sum()
    assert frame["actual"].sum() == pytest.approx(1)
    mixed = cdnow_rfm.take(rng.permutation(len(cdnow_rfm)))
    pd.testing.assert_frame_equal(frame, plots.spend_frame(fits["gamma_gamma"], mixed, draws=5))


def test_spend_plot_of_one_customer_and_refusals(fits: dict[str, Posterior], cdnow_rfm: RFM) -> None:
    fit = fits["gamma_gamma"]
    assert cdnow_rfm.monetary_value is not None
    buyer = cdnow_rfm.take([int(np.argmax(cdnow_rfm.monetary_value))])
    plots.plot_spend(fit, buyer).figure.draw_without_rendering()
    with pytest.raises(ArgumentError, match="nothing to show"):
        plots.spend_frame(fit, cdnow_rfm.take(cdnow_rfm.monetary_value == 0))
    with pytest.raises(ArgumentError, match="draws=1 must"):
        plots.spend_frame(fit, cdnow_rfm, draws=1)
    with pytest.raises(DataError, match="no spend_count"):
        plots.spend_frame(fit, RFM.from_arrays(frequency=[1], recency=[1], T=[2], time_unit="W"))
    with pytest.raises(DataError, match="several customers"):
        plots.spend_frame(fit, cdnow_rfm.compress(("spend_count", "monetary_value"))[0])
