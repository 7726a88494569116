"""Gamma-Gamma on transactions against direct integration, a second optimiser, and worlds with a known truth."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest
from scipy import optimize, special, stats

import clvmodels as clv
from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.models.gamma_gamma_transactions import GammaGammaTransactions
from clvmodels.rfm import RFM

MODEL = GammaGammaTransactions()
THETA = np.array([3.66, 4.62, 33.1, 0.7])  # about CDNOW, and first purchases unlike the others
LIVES = ([12.5, 30.0, 8.0], [55.0], [3.0, 900.0, 41.0, 41.0, 60.0])


def history(lives: tuple[list[float], ...]) -> RFM:
    """Customers with these amounts, the first purchase first."""
    again = np.array([len(life) - 1 for life in lives])
    return RFM.from_arrays(
        frequency=again,
        recency=1.0 * (again > 0),
        T=np.full(len(lives), 2.0),
        monetary_value=[sum(life[1:]) / max(len(life) - 1, 1) for life in lives],
        statistics={
            "spend_positive_count": [sum(z > 0 for z in life) for life in lives],
            "spend_sum": [sum(life) for life in lives],
            "spend_log_sum": [sum(np.log(z) for z in life if z > 0) for life in lives],
            "spend_first": [life[0] for life in lives],
        },
        time_unit="W",
    )


def integrated(theta: np.ndarray, life: list[float]) -> mpmath.mpf:
    """Density of the amounts of one customer: the story itself, integrated over the customer's rate ν."""
    p, q, gamma, phi = (mpmath.mpf(float(value)) for value in theta)

    def gamma_density(z: mpmath.mpf, shape: mpmath.mpf, rate: mpmath.mpf) -> mpmath.mpf:
        return rate**shape * z ** (shape - 1) * mpmath.exp(-rate * z) / mpmath.gamma(shape)

    def joint(log_nu: mpmath.mpf) -> mpmath.mpf:
        nu = mpmath.exp(log_nu)
        first = gamma_density(mpmath.mpf(life[0]), p, nu / phi)  # z/φ ~ Gamma(p, ν) is z ~ Gamma(p, ν/φ)
        later = mpmath.fprod(gamma_density(mpmath.mpf(z), p, nu) for z in life[1:])
        return first * later * gamma_density(nu, q, gamma) * nu

    centre = mpmath.log((p * len(life) + q) / (gamma + sum(life)))
    height = joint(centre)  # mpmath's tolerance is absolute
    points = [centre + step for step in (-60, -10, -4, -2, -1, 0, 1, 2, 4, 6)]
    return height * mpmath.quad(lambda log_nu: joint(log_nu) / height, points)


@pytest.mark.parametrize("theta", [THETA, np.array([0.4, 1.3, 5.0, 3.0]), np.array([20.0, 0.9, 2.0, 1.0])])
def test_likelihood_is_the_integral_over_the_customer_s_rate(theta: np.ndarray) -> None:
    """Killed: the Jacobian of the first purchase (p log φ) left out; the first counted in S without φ."""
    found = MODEL.loglik(theta, history(LIVES))
    with mpmath.workdps(30):
        exact = [float(mpmath.log(integrated(theta, life))) for life in LIVES]
    np.testing.assert_allclose(found, exact, rtol=1e-12)


def loglik_as_printed(
    p: float, q: float, gamma: float, phi: float, n: float, total: float, logs: float, first: float
) -> mpmath.mpf:
    """The formula of the class, from n amounts, their sum, the sum of their logarithms and the first of them."""
    p, q, gamma, phi, n, total, logs, first = map(mpmath.mpf, (p, q, gamma, phi, n, total, logs, first))
    return (
        mpmath.loggamma(p * n + q)
        - mpmath.loggamma(q)
        - n * mpmath.loggamma(p)
        + q * mpmath.log(gamma)
        + (p - 1) * logs
        - p * mpmath.log(phi)
        - (p * n + q) * mpmath.log(gamma + total - first + first / phi)
    )


def slopes_as_printed(theta: tuple[float, ...], told: tuple[float, ...]) -> np.ndarray:
    return np.array(
        [
            float(
                mpmath.diff(lambda t, k=k: loglik_as_printed(*theta[:k], t, *theta[k + 1 :], *told), theta[k])
            )
            for k in range(4)
        ]
    )


def customers(*histories: tuple[float, float, float, float]) -> RFM:
    """Customers with this number of amounts, sum, sum of logarithms and first amount."""
    n, total, logs, first = map(np.array, zip(*histories, strict=True))
    return RFM.from_arrays(
        frequency=n - 1,
        recency=1.0 * (n > 1),
        T=np.full(len(n), 2.0),
        monetary_value=(total - first) / np.maximum(n - 1, 1),
        statistics={
            "spend_positive_count": n,
            "spend_sum": total,
            "spend_log_sum": logs,
            "spend_first": first,
        },
        time_unit="W",
    )


def test_value_and_gradient_against_forty_digits() -> None:
    """Killed: digamma(p n) for n digamma(p); the derivative by φ without the first amount in the sum."""
    thetas = [(0.01, 100.0, 5.0, 0.3), (3.7, 4.6, 33.0, 0.7), (100.0, 0.01, 1e-3, 20.0)]
    for theta, n in itertools.product(thetas, (1, 3, 200, 5000)):
        told = (n, 20.0 * n, 2.7 * n, 20.0 if n == 1 else 31.0)
        value, grad = MODEL.loglik_grad(np.array(theta), customers(told))
        with mpmath.workdps(40):
            exact = float(loglik_as_printed(*theta, *told))
            slopes = slopes_as_printed(theta, told)
        assert value[0] == pytest.approx(exact, rel=1e-11, abs=1e-11)
        np.testing.assert_allclose(theta * grad[:, 0], theta * slopes, rtol=1e-9, atol=1e-9)


def test_mean_of_the_next_purchase_is_a_ratio_of_integrals() -> None:
    with mpmath.workdps(30):
        exact = []
        for life in LIVES:
            joint = [integrated(THETA, [*life, z]) for z in (10.0, 40.0)]
            exact.append(float(joint[0] / joint[1]))  # density of the next purchase at 10 over that at 40
    p, q, gamma, phi = THETA
    count = np.array([len(life) for life in LIVES])
    total = np.array([sum(life) + life[0] * (1 / phi - 1) for life in LIVES])
    law = stats.betaprime(p, q + p * count, scale=gamma + total)
    np.testing.assert_allclose(law.pdf(10.0) / law.pdf(40.0), exact, rtol=1e-10)
    np.testing.assert_allclose(MODEL.expected_spend(THETA, history(LIVES)), law.mean(), rtol=1e-12)
    np.testing.assert_allclose(MODEL.median_spend(THETA, history(LIVES)), law.median(), rtol=1e-9)


def test_cdnow_against_the_printed_formula_and_another_optimiser(cdnow_rfm: RFM) -> None:
    """The formula of the class, as printed, climbed by SciPy's Nelder-Mead; p is far below that of the means."""
    count, total, logs, first = cdnow_rfm.columns(MODEL.needs)
    told = count > 0

    def loss(z: np.ndarray) -> float:
        p, q, gamma, phi = np.exp(z)
        s, known = total - first + first / phi, first > 0
        each = special.gammaln(p * count + q) - special.gammaln(q) - count * special.gammaln(p)
        each += q * np.log(gamma) + (p - 1) * logs - p * known * np.log(phi)
        each -= (p * count + q) * np.log(gamma + s)
        return -float(each[told].sum())

    start = np.log([3.0, 3.0, 30.0, 1.0])
    found = optimize.minimize(
        loss, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 4000}
    )
    posterior = clv.fit("gamma_gamma_transactions", cdnow_rfm, method="mle")
    assert posterior.loglik == pytest.approx(-found.fun, abs=1e-6)
    np.testing.assert_allclose(posterior.mode, np.exp(found.x), rtol=1e-4)
    of_means = clv.fit("gamma_gamma", cdnow_rfm, method="mle").params["p"]
    assert of_means > 1.5 * posterior.params["p"]


def test_parameters_come_back() -> None:
    """z-scores of a world of 4,000 customers by the covariance of the fit. Killed: first purchases not scaled."""
    truth = dict(zip(("p", "q", "gamma", "phi"), THETA, strict=True))
    log = clv.simulate(
        "pareto_nbd",
        {"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7},
        customers=4000,
        spend="gamma_gamma_transactions",
        spend_params=truth,
        seed=3,
    )
    rfm = clv.rfm_summary(log, spend="spend", period="min")
    posterior = clv.fit(MODEL, rfm, method="mle")
    z = (posterior.mode - THETA) / np.sqrt(np.diag(posterior.covariance))
    assert np.abs(z).max() < 4


def test_the_first_purchase_in_the_mean_or_not_is_all_the_same(cdnow: object) -> None:
    """Killed: the first amount taken twice where monetary_value holds it."""
    found = []
    for first_purchase in ("exclude", "include"):
        rfm = clv.rfm_summary(
            cdnow, spend="spend", observation_end="1997-09-30", first_purchase=first_purchase
        )
        found.append(MODEL.loglik(THETA, rfm))
    np.testing.assert_array_equal(*found)


def test_purchases_worth_nothing_say_nothing() -> None:
    lives = ([0.0, 30.0, 0.0], [0.0], [30.0])
    rfm = history(lives)
    assert MODEL.informs(rfm).tolist() == [True, False, True]
    value, grad = MODEL.loglik_grad(THETA, rfm)
    assert value[1] == 0
    assert not grad[:, 1].any()
    one = THETA.copy()
    one[3] = 1.0  # a single repeat amount is a beta-prime; and the first one, if it is no different
    law = stats.betaprime(THETA[0], THETA[1], scale=THETA[2])
    np.testing.assert_allclose(MODEL.loglik(one, rfm)[[0, 2]], law.logpdf(30.0), rtol=1e-12)
    np.testing.assert_allclose(MODEL.loglik(THETA, rfm)[0], law.logpdf(30.0), rtol=1e-12)


def test_where_nobody_came_back_first_purchases_are_the_scale() -> None:
    """Killed: a scale of 1 in any currency, which the priors then follow."""
    rng = np.random.default_rng(4)
    amounts = rng.gamma(3, 1, 300) * 30 / rng.gamma(4, 1, 300)
    here, there = (history(tuple([float(z)] for z in amounts * money)) for money in (1.0, 1000.0))
    fits = [clv.fit(MODEL, rfm, method="map") for rfm in (here, there)]
    np.testing.assert_allclose(fits[1].mode, fits[0].mode * [1, 1, 1000, 1], rtol=1e-7)


def test_a_summary_of_means_is_refused_with_a_way_out() -> None:
    rfm = RFM.from_arrays(frequency=[2], recency=[1], T=[2], monetary_value=[5.0], time_unit="W")
    with pytest.raises(clv.DataError, match=r"holds no spend_positive_count.*rfm_summary"):
        clv.fit(MODEL, rfm)


def test_same_predictive_algebra_as_the_form_on_means() -> None:
    """With no first purchase known, both forms see the same n and sum, and say the same of the future."""
    rfm = history(([0.0, 12.0, 30.0, 8.0], [0.0, 3.0, 900.0]))
    np.testing.assert_allclose(
        MODEL.expected_spend(THETA, rfm), GammaGamma().expected_spend(THETA[:3], rfm), rtol=1e-14
    )
