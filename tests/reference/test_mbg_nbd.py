"""MBG/NBD against published numbers and against mpmath."""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest

import clvmodels as clv
from clvmodels.errors import FitStatus
from clvmodels.models.mbg_nbd import MBGNBD

MODEL = MBGNBD()
CDNOW = np.array([0.525, 6.183, 0.891, 1.614])  # optimum on the CDNOW 1/10 sample, weeks, as printed
ACCURACY = 1e-8  # absolute or relative, whichever is larger; promised by the docstring
SLOPE_ACCURACY = 1e-6


def customers(*histories: tuple[float, float, float]) -> clv.RFM:
    frequency, recency, T = zip(*histories, strict=True)
    return clv.RFM.from_arrays(frequency=frequency, recency=recency, T=T, time_unit="W")


def test_maximum_likelihood_on_cdnow(cdnow_rfm: clv.RFM) -> None:
    # lifetimes 0.11.3, test_estimation.py: r .525, alpha 6.183, a .891, b 1.614. Log-likelihood at the optimum, and
    # the total of the 39 weeks of the holdout, by an independent SciPy script: -9582.1357 and 1576.7
    posterior = clv.fit("mbg_nbd", cdnow_rfm, method="mle")
    assert posterior.status is FitStatus.CONVERGED
    assert list(posterior.params.values()) == pytest.approx(CDNOW, abs=5e-4)
    assert posterior.loglik == pytest.approx(-9582.1357, abs=1e-4)
    expected = MODEL.expected_purchases(posterior.mode, cdnow_rfm, 39.0)
    assert expected.sum() == pytest.approx(1576.7, abs=0.05)


def test_error_of_the_holdout_on_cdnow(cdnow: object, cdnow_rfm: clv.RFM) -> None:
    # the same script: mean absolute error .7648 over the 2,357 customers
    days = cdnow.drop_duplicates(["customer_id", "date"])
    later = days[days["date"] > "1997-09-30"]["customer_id"].value_counts()
    bought = later.reindex(cdnow_rfm.customer_id, fill_value=0).to_numpy()
    assert bought.sum() == 1882
    error = np.abs(MODEL.expected_purchases(CDNOW, cdnow_rfm, 39.0) - bought).mean()
    assert error == pytest.approx(0.7648, abs=1e-4)


def test_customer_who_never_came_back_may_have_left_at_once() -> None:
    # Batislam et al. (2007): at age 0 the first coin has fallen, P(alive) = b / (a + b)
    r, alpha, a, b = CDNOW
    alive = MODEL.p_alive(CDNOW, customers((0, 0, 0), (0, 0, 39), (0, 0, 1e5)))
    odds = a / b * (1.0 + np.array([0.0, 39.0, 1e5]) / alpha) ** r
    np.testing.assert_allclose(alive, 1.0 / (1.0 + odds), rtol=1e-12)


def log_likelihood(r: mp.mpf, alpha: mp.mpf, a: mp.mpf, b: mp.mpf, x: float, t_x: float, T: float) -> mp.mpf:
    """Batislam et al. (2007), eq. 4, as printed: two fates, each with its beta function."""
    n = r + x
    total = mp.beta(a, b + x + 1) / mp.beta(a, b) * (alpha + mp.mpf(T)) ** -n
    total += mp.beta(a + 1, b + x) / mp.beta(a, b) * (alpha + mp.mpf(t_x)) ** -n
    return mp.loggamma(n) - mp.loggamma(r) + r * mp.log(alpha) + mp.log(total)


def hostile_grid(count: int) -> list[tuple[list[float], tuple[float, float, float]]]:
    """Some of the corners of the whole range, chosen once and for all."""
    shapes, scales = (0.01, 0.7, 1.0, 3.3, 100.0, 1e6), (1e-6, 1e-2, 1.0, 10.0, 1e3, 1e6)
    corners = list(itertools.product(shapes[:5], scales, shapes[:5], shapes))
    histories = [
        (x, share * T if x else 0.0, T)
        for x in (0, 1, 5, 300, 5000)
        for share in (0.0, 0.5, 1.0 - 1e-7, 1.0)
        for T in (1e-3, 1.0, 39.0, 1e5)
    ]
    rng = np.random.default_rng(20260101)
    chosen = rng.integers(len(corners), size=count), rng.integers(len(histories), size=count)
    return [(list(corners[i]), histories[j]) for i, j in zip(*chosen, strict=True)]


def test_likelihood_and_probability_alive_agree_with_mpmath_over_the_whole_range() -> None:
    grid = hostile_grid(600)
    theta, rfm = np.array([point for point, _ in grid]).T, customers(*(history for _, history in grid))
    value, alive = MODEL.loglik(theta, rfm), MODEL.p_alive(theta, rfm)
    for i, (point, (x, t_x, T)) in enumerate(grid):
        with mp.workdps(40):
            r, alpha, a, b = map(mp.mpf, point)
            exact = log_likelihood(r, alpha, a, b, x, t_x, T)
            log_alive = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) - (r + x) * mp.log(alpha + T)
            log_alive += mp.log(mp.beta(a, b + x + 1) / mp.beta(a, b))
            probability = float(mp.exp(log_alive - exact))
        assert abs(float(mp.mpf(value[i]) - exact)) < ACCURACY * max(1.0, abs(float(exact)))
        assert alive[i] == pytest.approx(probability, rel=ACCURACY, abs=1e-300)


def test_derivatives_agree_with_mpmath_over_the_whole_range() -> None:
    grid = hostile_grid(150)
    _, slope = MODEL.loglik_grad(np.array([theta for theta, _ in grid]).T, customers(*(h for _, h in grid)))
    for got, (theta, history) in zip(slope.T, grid, strict=True):
        with mp.workdps(80):
            point = list(map(mp.mpf, theta))
            for k, middle in enumerate(point):
                step = middle * mp.mpf(10) ** -25
                ends = [
                    log_likelihood(*point[:k], middle + d, *point[k + 1 :], *history) for d in (-step, step)
                ]
                exact = float((ends[1] - ends[0]) / (2 * step))
                assert got[k] == pytest.approx(exact, rel=SLOPE_ACCURACY, abs=SLOPE_ACCURACY)
