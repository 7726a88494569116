"""Gamma-Gamma by frequency against direct integration, a second optimiser, and a world with a known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reference.test_gamma_gamma_transactions import LIVES, history
from scipy import integrate, optimize, special, stats

import clvmodels as clv
from clvmodels.models.gamma_gamma_frequency import GammaGammaFrequency
from clvmodels.models.gamma_gamma_transactions import GammaGammaTransactions
from clvmodels.rfm import RFM

MODEL = GammaGammaFrequency()
THETA = np.array([3.66, 4.62, 33.1, 0.7, 1.15])
TRUTH = dict(zip(("p", "q", "gamma", "phi", "growth"), THETA, strict=True))
LIFE = {"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7}


def test_likelihood_is_the_integral_over_rates_that_follow_frequency() -> None:
    """The story by quadrature, to a relative 1e-8. Killed: log₂ x for log₂(1+x); the natural logarithm."""
    p, q, gamma, phi, growth = THETA
    b = np.log2(growth)

    def density(nu: float, life: list[float]) -> float:
        scale = gamma * len(life) ** b  # 1+x purchases
        first = stats.gamma.pdf(life[0] / phi, p, scale=1 / nu) / phi
        later = np.prod(stats.gamma.pdf(life[1:], p, scale=1 / nu))
        return float(first * later * stats.gamma.pdf(nu, q, scale=1 / scale))

    exact = []
    for life in LIVES:
        peak = (p * len(life) + q) / (gamma + sum(life))
        grid = peak * np.exp(np.linspace(-14, 4, 4001))
        values = np.array([density(nu, life) * nu for nu in grid])
        exact.append(np.log(integrate.simpson(values, x=np.log(grid))))
    np.testing.assert_allclose(MODEL.loglik(THETA, history(LIVES)), exact, rtol=1e-8)


def test_without_growth_it_is_the_model_on_transactions() -> None:
    rfm, plain = history(LIVES), GammaGammaTransactions()
    even = np.append(THETA[:4], 1.0)
    np.testing.assert_array_equal(MODEL.loglik(even, rfm), plain.loglik(THETA[:4], rfm))
    np.testing.assert_array_equal(MODEL.expected_spend(even, rfm), plain.expected_spend(THETA[:4], rfm))
    np.testing.assert_array_equal(MODEL.loglik_grad(even, rfm)[1][:4], plain.loglik_grad(THETA[:4], rfm)[1])


def test_cdnow_against_the_printed_formula_and_another_optimiser(cdnow_rfm: RFM) -> None:
    count, total, logs, first, again = cdnow_rfm.columns(MODEL.needs)
    told = count > 0

    def loss(z: np.ndarray) -> float:
        p, q, gamma, phi, growth = np.exp(z)
        scale = gamma * growth ** np.log2(1 + again)
        s = total - first + first / phi
        each = special.gammaln(p * count + q) - special.gammaln(q) - count * special.gammaln(p)
        each += q * np.log(scale) + (p - 1) * logs - p * (first > 0) * np.log(phi)
        each -= (p * count + q) * np.log(scale + s)
        return -float(each[told].sum())

    found = optimize.minimize(loss, np.log([3.0, 3.0, 30.0, 1.0, 1.0]), method="L-BFGS-B")
    posterior = clv.fit(MODEL, cdnow_rfm, method="mle")
    assert posterior.loglik >= -found.fun - 1e-6
    np.testing.assert_allclose(posterior.mode, np.exp(found.x), rtol=2e-2)
    plain = clv.fit("gamma_gamma_transactions", cdnow_rfm, method="mle")
    assert posterior.loglik > plain.loglik


def test_parameters_come_back_and_no_growth_where_there_is_none() -> None:
    """z-scores of worlds of 4,000 customers by the covariance of the fit. Killed: the first purchase counted in x."""
    for growth in (THETA[4], 0.85, 1.0):
        log = clv.simulate(
            "pareto_nbd",
            LIFE,
            customers=4000,
            spend="gamma_gamma_frequency",
            spend_params={**TRUTH, "growth": growth},
            seed=3,
        )
        posterior = clv.fit(MODEL, clv.rfm_summary(log, spend="spend", period="min"), method="mle")
        z = (posterior.mode - [*THETA[:4], growth]) / np.sqrt(np.diag(posterior.covariance))
        assert np.abs(z).max() < 4


def test_newcomers_are_refused_with_a_way_out(cdnow: pd.DataFrame) -> None:
    """Killed: newcomers worth what customers are who never came back."""
    rfm = clv.rfm_summary(cdnow, spend="spend", observation_end="1997-09-30").take(slice(0, 300))
    fitted = clv.CLVModel("bg_nbd", "gamma_gamma_frequency", method="map").fit(rfm)
    assert not fitted.tells_newcomers
    assert fitted.forecast("4W", draws=10).value is not None
    for ask in (
        lambda: fitted.forecast("4W", rfm=rfm.newcomers(), draws=10),
        lambda: clv.new_customer_value(fitted, "4W", customers=10, draws=10),
    ):
        with pytest.raises(clv.ArgumentError, match=r"frequency is known.*spend='gamma_gamma_transactions'"):
            ask()


def test_a_backtest_scores_known_customers_and_leaves_newcomers_out(cdnow: pd.DataFrame) -> None:
    models = [
        clv.CLVModel("bg_nbd", name, method="map", label=name)
        for name in ("gamma_gamma_frequency", "gamma_gamma_transactions")
    ]
    log = cdnow[cdnow["customer_id"] % 5 == 0]
    result = clv.backtest(log, models, origins="1997-02-15", horizon="13W", draws=20)
    spend = result.table("spend")["crps"].droplevel("origin")
    assert spend.index.tolist() == ["gamma_gamma_frequency", "gamma_gamma_transactions"]
    told = result.newcomers.dropna(subset=["mean"])
    assert set(told["model"]) == {"gamma_gamma_transactions"}
