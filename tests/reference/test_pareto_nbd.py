"""Pareto/NBD against published numbers and against mpmath."""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest

from clvmodels.models.pareto_nbd import ParetoNBD
from clvmodels.rfm import RFM

MODEL = ParetoNBD()
CDNOW = np.array([0.55328, 10.5777, 0.60624, 11.6687])  # optimum on the CDNOW 1/10 sample, weeks
ACCURACY = 1e-8  # absolute or relative, whichever is larger; promised by the docstring
SLOPE_ACCURACY = 1e-6


def customers(*histories: tuple[float, float, float]) -> RFM:
    frequency, recency, T = zip(*histories, strict=True)
    return RFM.from_arrays(frequency=frequency, recency=recency, T=T, time_unit="W")


def test_conditional_expectations_of_the_btyd_walkthrough() -> None:
    # BTYD 2.4.3 walkthrough, Pareto/NBD, 52 weeks: 25.45647 and 0.997874 at its optimum, which is looser than
    # ours; an independent SciPy script at this optimum gives 25.45518.
    loyal = customers((26, 30.857, 31))
    assert MODEL.expected_purchases(CDNOW, loyal, 52.0)[0] == pytest.approx(25.456, abs=1.5e-3)
    assert MODEL.p_alive(CDNOW, loyal)[0] == pytest.approx(0.99787, abs=5e-6)
    # BTYD manual, pnbd.PAlive: 0.2941633 at its optimum, 0.2942763 at this one
    assert MODEL.p_alive(CDNOW, customers((0, 0, 39)))[0] == pytest.approx(0.29428, abs=1e-5)


def test_increasing_frequency_paradox() -> None:
    # BTYD walkthrough: a customer who bought more before the same silence is more surely gone
    rfm = customers(*((x, 20, 39) for x in (10, 15, 20, 25)))
    expected = MODEL.expected_purchases(CDNOW, rfm, 52.0)
    np.testing.assert_allclose(expected, [0.7062289, 0.1442396, 0.02250658, 0.00309267], rtol=1e-3)


def test_expectation_of_a_new_customer() -> None:
    # BTYD walkthrough: E[X(52)] = 1.473434
    newcomer = customers((0, 0, 0))
    assert MODEL.expected_purchases(CDNOW, newcomer, 52.0)[0] == pytest.approx(1.473434, abs=2e-5)
    assert MODEL.p_alive(CDNOW, newcomer)[0] == 1.0


def test_discounted_residual_purchases_of_the_btyd_manual() -> None:
    # BTYD 2.4.3 manual, pnbd.DERT, inputs of its example (weekly rate for 15 % a year); value by a SciPy script
    theta, rfm = np.array([0.5629966, 12.5590370, 0.4081095, 10.5148048]), customers((7, 35, 77.86))
    dert = MODEL.expected_discounted_purchases(theta, rfm, np.inf, 0.0027)
    np.testing.assert_allclose(dert, 1.864183, atol=5e-7)


def test_likelihoods_that_overflow_in_the_closed_form() -> None:
    # CLVTools test_correctness_pnbd_nocovstaticcov.R asks that these be finite; values by mpmath
    rfm = customers(
        (221, 103.42857, 103.57143), (254, 97.14286, 97.28571), (161, 94.71429, 98), (204, 98.57143, 99.42857)
    )
    value = MODEL.loglik(np.array([0.5143, 2.8845, 0.2856, 14.1087]), rfm)
    np.testing.assert_allclose(value, [-61.584649, -19.623292, -87.429255, -65.198342], atol=1e-6)
    far_apart = MODEL.loglik(np.array([0.5, 1.0, 0.5, 1000.0]), customers((300, 100, 365)))
    np.testing.assert_allclose(far_apart, [15.806], atol=5e-4)


def closed_form(r: mp.mpf, alpha: mp.mpf, s: mp.mpf, beta: mp.mpf, x: float, t_x: float, T: float) -> mp.mpf:
    """Log-likelihood in the papers' own form, a difference of two 2F1 (Fader & Hardie 2005, eq. 14)."""
    x, t_x, T = mp.mpf(x), mp.mpf(t_x), mp.mpf(T)
    n, larger = r + x, max(alpha, beta)
    second = s + 1 if alpha >= beta else n

    def part(t: mp.mpf) -> mp.mpf:
        z = abs(alpha - beta) / (larger + t)
        return mp.hyp2f1(n + s, second, n + s + 1, z) / (larger + t) ** (n + s)

    both = (alpha + T) ** -n * (beta + T) ** -s + s / (n + s) * (part(t_x) - part(T))
    return mp.loggamma(n) - mp.loggamma(r) + r * mp.log(alpha) + s * mp.log(beta) + mp.log(both)


def hostile_grid(count: int) -> list[tuple[list[float], tuple[float, float, float]]]:
    """Some of the corners of the whole range, chosen once and for all.

    Without whole shapes, where mpmath needs a limit and a hundred times as long.
    """
    shapes, scales = (0.01, 0.7, 1.3, 3.3, 99.7), (1e-6, 1e-2, 1.0, 10.0, 1e3, 1e6)
    corners = list(itertools.product(shapes, scales, shapes, scales))
    histories = [
        (x, share * T if x else 0.0, T)
        for x in (0, 1, 5, 300, 5000)
        for share in (0.0, 0.5, 1.0 - 1e-7, 1.0)
        for T in (1e-3, 1.0, 39.0, 1e5)
    ]
    rng = np.random.default_rng(20260101)
    chosen = rng.integers(len(corners), size=count), rng.integers(len(histories), size=count)
    return [(list(corners[i]), histories[j]) for i, j in zip(*chosen, strict=True)]


def test_likelihood_agrees_with_mpmath_over_the_whole_range() -> None:
    grid = hostile_grid(300)
    grid += [([1.0, 10.0, 2.0, 30.0], (3, 20, 39)), ([2.0, 30.0, 1.0, 10.0], (0, 0, 39))]
    value = MODEL.loglik(
        np.array([theta for theta, _ in grid]).T, customers(*(history for _, history in grid))
    )
    with mp.workdps(120):  # the closed form cancels: 40 digits must be left
        exact = [closed_form(*map(mp.mpf, theta), *history) for theta, history in grid]
    error = [abs(float(mp.mpf(v) - e)) / max(1.0, abs(float(e))) for v, e in zip(value, exact, strict=True)]
    assert max(error) < ACCURACY


def test_probability_alive_agrees_with_mpmath_over_the_whole_range() -> None:
    grid = hostile_grid(100)
    value = MODEL.p_alive(
        np.array([theta for theta, _ in grid]).T, customers(*(history for _, history in grid))
    )
    for got, (theta, (x, t_x, T)) in zip(value, grid, strict=True):
        with mp.workdps(120):
            r, alpha, s, beta = map(mp.mpf, theta)
            log_alive = mp.loggamma(r + x) - mp.loggamma(r) - r * mp.log1p(T / alpha) - x * mp.log(alpha + T)
            log_alive -= s * mp.log1p(T / beta)
            exact = float(mp.exp(log_alive - closed_form(r, alpha, s, beta, x, t_x, T)))
        assert got == pytest.approx(exact, rel=ACCURACY, abs=1e-300)


def test_derivatives_agree_with_mpmath_over_the_whole_range() -> None:
    grid = hostile_grid(40)
    _, slope = MODEL.loglik_grad(np.array([theta for theta, _ in grid]).T, customers(*(h for _, h in grid)))
    for got, (theta, history) in zip(slope.T, grid, strict=True):
        with mp.workdps(160):
            point = list(map(mp.mpf, theta))
            for k, middle in enumerate(point):
                step = middle * mp.mpf(10) ** -30
                ends = [closed_form(*point[:k], middle + d, *point[k + 1 :], *history) for d in (-step, step)]
                exact = float((ends[1] - ends[0]) / (2 * step))
                assert got[k] == pytest.approx(exact, rel=SLOPE_ACCURACY, abs=SLOPE_ACCURACY)


@pytest.mark.parametrize("s", [0.01, 1.0 - 1e-9, 1.0, 1.0 + 1e-12, 1.5, 100.0])
@pytest.mark.parametrize("beta", [1e-6, 10.0, 1e6])
def test_expectation_passes_smoothly_through_s_of_one(s: float, beta: float) -> None:
    for horizon in (1e-3, 52.0, 1e5):
        got = MODEL.expected_purchases(np.array([0.5, 10.0, s, beta]), customers((0, 0, 0)), horizon)[0]
        with mp.workdps(60):
            power = mp.mpf(s) - 1 if s != 1 else mp.mpf(10) ** -30
            ratio = (mp.mpf(beta) / (mp.mpf(beta) + horizon)) ** power
            exact = float(mp.mpf(0.5) / 10 * beta / power * (1 - ratio))
        assert got == pytest.approx(exact, rel=ACCURACY)


def test_neighbours_of_the_limiting_models_keep_their_digits() -> None:
    # r, alpha -> infinity at a fixed rate: everyone buys alike (a Poisson process that stops)
    rfm, rate = customers((3, 20, 39), (0, 0, 39)), 0.1
    alike = [MODEL.loglik(np.array([rate * scale, scale, 0.6, 11.7]), rfm) for scale in (1e9, 1e10)]
    np.testing.assert_allclose(alike[0], alike[1], atol=1e-6)
    # s, beta -> infinity at a fixed rate: everyone is as likely to leave
    alike = [MODEL.loglik(np.array([0.55, 10.6, rate * scale, scale]), rfm) for scale in (1e9, 1e10)]
    np.testing.assert_allclose(alike[0], alike[1], atol=1e-6)
    # s -> 0: nobody leaves
    assert MODEL.p_alive(np.array([0.55, 10.6, 1e-12, 11.7]), rfm) == pytest.approx(1.0, abs=1e-9)
