"""Gamma-Gamma against the paper, mpmath and SciPy."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.rfm import RFM

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL = GammaGamma()
# Fader & Hardie (2013) on the CDNOW sample, 946 repeaters; further digits from CLVTools 0.12.1
CDNOW = np.array([6.24957, 3.74423, 15.44352])
CDNOW_LOGLIK = -4055.918


def histories(count: Sequence[float], mean: Sequence[float]) -> RFM:
    return RFM.from_arrays(
        frequency=count, recency=np.sign(count), T=np.ones(len(count)), monetary_value=mean, time_unit="W"
    )


def test_the_paper_s_optimum_on_cdnow(cdnow_rfm: RFM) -> None:
    loglik, grad = MODEL.loglik_grad(CDNOW, cdnow_rfm)
    assert MODEL.informs(cdnow_rfm).sum() == 946
    assert loglik.sum() == pytest.approx(CDNOW_LOGLIK, abs=5e-4)
    # an optimum printed to six digits: the slope of log parameters is far below one unit of log-likelihood
    assert np.abs(CDNOW * grad.sum(axis=1)).max() < 1e-2


def test_conditional_means_of_the_paper_s_spreadsheet(cdnow_rfm: RFM) -> None:
    chosen = cdnow_rfm.select([1, 2, 3, 6, 9])
    # as printed by Hardie's spreadsheet, kept in lifetimes 0.11.3, test_estimation.py
    np.testing.assert_allclose(
        MODEL.expected_spend(CDNOW, chosen), [24.65, 18.91, 35.17, 71.46, 27.28], atol=0.05
    )


def loglik_as_printed(p: float, q: float, gamma: float, n: float, m: float) -> mpmath.mpf:
    p, q, gamma, n, m = map(mpmath.mpf, (p, q, gamma, n, m))
    return (
        mpmath.loggamma(p * n + q)
        - mpmath.loggamma(p * n)
        - mpmath.loggamma(q)
        + q * mpmath.log(gamma)
        + (p * n - 1) * mpmath.log(m)
        + p * n * mpmath.log(n)
        - (p * n + q) * mpmath.log(gamma + n * m)
    )


def slopes_as_printed(p: float, q: float, gamma: float, n: float, m: float) -> list[mpmath.mpf]:
    at = [mpmath.mpf(value) for value in (p, q, gamma)]
    return [
        mpmath.diff(lambda t, k=k: loglik_as_printed(*at[:k], t, *at[k + 1 :], n, m), at[k]) for k in range(3)
    ]


def test_value_and_gradient_against_forty_digits() -> None:
    shapes = itertools.product((0.01, 1, 6.25, 100), (0.01, 1, 3.74, 100), (1e-3, 15.44, 1e5))
    for theta, n, m in itertools.product(shapes, (1, 3, 200, 5000), (0.01, 1e4)):
        value, grad = MODEL.loglik_grad(np.array(theta), histories([n], [m]))
        with mpmath.workdps(40):
            exact = float(loglik_as_printed(*theta, n, m))
            slopes = np.array([float(slope) for slope in slopes_as_printed(*theta, n, m)])
        assert value[0] == pytest.approx(exact, rel=1e-11, abs=1e-11)
        np.testing.assert_allclose(theta * grad[:, 0], theta * slopes, rtol=1e-9, atol=1e-9)


def test_median_against_forty_digits() -> None:
    # the distribution of a purchase at the median is one half: the incomplete beta function of mpmath, and its slope
    shapes = itertools.product((0.01, 0.2, 1, 6.25, 100), (0.01, 0.99, 1, 3.74, 100))
    for (p, q), n in itertools.product(shapes, (0, 1, 30, 5000)):
        got = MODEL.median_spend(np.array([p, q, 15.44]), histories([n], [20.0 * (n > 0)]))[0]
        with mpmath.workdps(40):
            second = mpmath.mpf(q) + mpmath.mpf(p) * n
            odds = mpmath.mpf(got) / (mpmath.mpf(15.44) + 20 * n)
            share, rest = odds / (1 + odds), 1 / (1 + odds)
            small = share < rest
            ends = (p, second, 0, share) if small else (second, p, 0, rest)
            below = mpmath.betainc(*ends, regularized=True)
            slope = mpmath.exp(p * mpmath.log(share) + second * mpmath.log(rest)) / mpmath.beta(p, second)
            assert abs(below - mpmath.mpf("0.5")) < 1e-12 * slope  # a relative error of 1e-12


def test_value_passes_smoothly_through_the_end_of_the_mean() -> None:
    # p n + q = 1: nothing happens to the likelihood, its slopes and the median, only the mean goes to infinity
    for n, p in ((1, 0.25), (3, 0.01), (5000, 1e-4)):
        people, edge = histories([n], [20.0]), 1.0 - p * n
        around = [np.array([p, edge + step, 15.44]) for step in (-1e-6, -1e-9, 0.0, 1e-9, 1e-6)]
        for theta in around:
            value, grad = MODEL.loglik_grad(theta, people)
            with mpmath.workdps(40):
                exact = float(loglik_as_printed(*theta, n, 20.0))
                slopes = np.array([float(slope) for slope in slopes_as_printed(*theta, n, 20.0)])
            assert value[0] == pytest.approx(exact, rel=1e-11, abs=1e-11)
            np.testing.assert_allclose(theta * grad[:, 0], theta * slopes, rtol=1e-9, atol=1e-9)
        means = [MODEL.expected_spend(theta, people)[0] for theta in around]
        assert means[:2] == [np.inf, np.inf]
        assert means[3] > means[4] > 0.0


def test_density_of_the_mean_integrates_to_one() -> None:
    def density(m: float) -> float:
        return float(np.exp(MODEL.loglik(np.array([2.3, 1.7, 20.0]), histories([4], [m]))[0]))

    assert integrate.quad(density, 0, np.inf)[0] == pytest.approx(1, abs=1e-7)


def test_density_is_of_the_mean_alone() -> None:
    # a density of one amount per customer: a new currency costs log(factor) once, however many transactions
    people = histories([1, 4, 300], [12.0, 30.0, 55.0])
    abroad = histories([1, 4, 300], [1200.0, 3000.0, 5500.0])
    shift = MODEL.loglik(CDNOW * [1, 1, 100], abroad) - MODEL.loglik(CDNOW, people)
    np.testing.assert_allclose(shift, -np.log(100), rtol=1e-10)


def test_single_transaction_is_a_beta_prime() -> None:
    # z/γ of one transaction is beta-prime(p, q); SciPy's density, written by others
    p, q, gamma = 2.3, 1.7, 20.0
    spend = np.array([0.3, 20.0, 800.0])
    ours = MODEL.loglik(np.array([p, q, gamma]), histories([1, 1, 1], spend))
    np.testing.assert_allclose(ours, stats.betaprime.logpdf(spend, p, q, scale=gamma), rtol=1e-12)


def test_no_mean_is_infinite_never_negative() -> None:
    theta = np.array([0.3, 0.5, 10.0])
    got = MODEL.expected_spend(theta, histories([0, 1, 2], [0, 20, 20]))
    assert got[:2].tolist() == [np.inf, np.inf]
    assert got[2] == pytest.approx(0.3 * 50 / 0.1)


def test_customers_without_spend_say_nothing() -> None:
    silent = histories([0, 3], [0, 0])
    value, grad = MODEL.loglik_grad(CDNOW, silent)
    assert not MODEL.informs(silent).any()
    assert not value.any()
    assert not grad.any()


def test_amounts_follow_the_beta_prime_of_a_customer(rng: np.random.Generator) -> None:
    # each amount alone, given (n, m), is beta-prime(p, q + pn) with scale γ + nm
    customer, draws = histories([3], [40.0]), 20_000
    theta = np.repeat(CDNOW[:, None], draws, axis=1)
    amounts = MODEL.sample_spend(theta, customer, np.arange(draws), rng)
    p, q, gamma = CDNOW
    law = stats.betaprime(p, q + 3 * p, scale=gamma + 120)
    assert stats.kstest(amounts, law.cdf).pvalue > 1e-4


def test_purchases_of_a_row_share_its_level(rng: np.random.Generator) -> None:
    # Given ν the two amounts are independent, so cov(a, b) = var of p/ν with ν ~ Gamma(q + pn, γ + nm)
    draws = 100_000
    theta = np.repeat(CDNOW[:, None], draws, axis=1)
    amounts = MODEL.sample_spend(theta, histories([2], [30.0]), np.repeat(np.arange(draws), 2), rng)
    pairs = amounts.reshape(draws, 2)
    p, q, gamma = CDNOW
    level = stats.invgamma(q + 2 * p, scale=p * (gamma + 60))
    products = (pairs[:, 0] - level.mean()) * (pairs[:, 1] - level.mean())
    z = (products.mean() - level.var()) / (products.std() / np.sqrt(draws))
    assert abs(z) < 4.5


def test_tiny_shapes_still_give_amounts(rng: np.random.Generator) -> None:
    theta = np.repeat(np.array([0.005, 0.005, 1.0])[:, None], 5000, axis=1)
    amounts = MODEL.sample_spend(theta, histories([0], [0]), np.arange(5000), rng)
    assert (amounts > 0).all()
    assert np.isfinite(amounts**2).all()


def test_no_purchase_no_amount(rng: np.random.Generator) -> None:
    assert MODEL.sample_spend(CDNOW, histories([1], [5.0]), np.array([], dtype=int), rng).shape == (0,)
