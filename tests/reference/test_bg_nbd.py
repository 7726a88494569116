"""BG/NBD against published numbers and against mpmath."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

from clvmodels.models.bg_nbd import BGNBD
from clvmodels.rfm import RFM

MODEL = BGNBD()
CDNOW = np.array([0.2425945, 4.4136019, 0.7929199, 2.4258881])  # optimum on the CDNOW 1/10 sample, weeks
ACCURACY = 1e-8  # absolute or relative, whichever is larger; promised by the docstring
SLOPE_ACCURACY = 1e-6
EXPECTATIONS = Path(__file__).with_name("bg_nbd_expectations.csv")


def customers(*histories: tuple[float, float, float]) -> RFM:
    frequency, recency, T = zip(*histories, strict=True)
    return RFM.from_arrays(frequency=frequency, recency=recency, T=T, time_unit="W")


def test_conditional_expectations_of_the_btyd_walkthrough() -> None:
    # BTYD 2.4.3 walkthrough, BG/NBD, 52 weeks: 25.75659 and 0.9688523 at its optimum, which is looser than
    # ours; an independent SciPy script at this optimum gives 25.75733 and 0.968854.
    loyal = customers((26, 30.857, 31))
    assert MODEL.expected_purchases(CDNOW, loyal, 52.0)[0] == pytest.approx(25.757, abs=1e-3)
    assert MODEL.p_alive(CDNOW, loyal)[0] == pytest.approx(0.96885, abs=5e-6)


def test_increasing_frequency_paradox() -> None:
    # BTYD walkthrough: a customer who bought more before the same silence is more surely gone
    rfm = customers(*((x, 20, 39) for x in (10, 15, 20, 25)))
    expected = MODEL.expected_purchases(CDNOW, rfm, 52.0)
    np.testing.assert_allclose(expected, [0.3474606, 0.04283391, 0.004158973, 0.0003583685], rtol=2e-4)


def test_new_customer_is_alive_and_buys_as_published() -> None:
    # BTYD walkthrough: E[X(52)] = 1.444004 at its optimum, 1.444012 at this one
    newcomer = customers((0, 0, 0), (0, 0, 39))
    assert MODEL.expected_purchases(CDNOW, newcomer, 52.0)[0] == pytest.approx(1.444012, abs=2e-6)
    assert MODEL.p_alive(CDNOW, newcomer).tolist() == [1.0, 1.0]  # no repeat purchase, no chance to leave


def log_likelihood(r: mp.mpf, alpha: mp.mpf, a: mp.mpf, b: mp.mpf, x: float, t_x: float, T: float) -> mp.mpf:
    """Fader, Hardie & Lee (2005), eq. 6, as printed."""
    n = r + x
    total = mp.beta(a, b + x) / mp.beta(a, b) * (alpha + mp.mpf(T)) ** -n
    if x > 0:
        total += mp.beta(a + 1, b + x - 1) / mp.beta(a, b) * (alpha + mp.mpf(t_x)) ** -n
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
    grid = hostile_grid(1000)
    theta, rfm = np.array([point for point, _ in grid]).T, customers(*(history for _, history in grid))
    value, alive = MODEL.loglik(theta, rfm), MODEL.p_alive(theta, rfm)
    for i, (point, (x, t_x, T)) in enumerate(grid):
        with mp.workdps(40):
            r, alpha, a, b = map(mp.mpf, point)
            exact = log_likelihood(r, alpha, a, b, x, t_x, T)
            log_alive = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) - (r + x) * mp.log(alpha + T)
            log_alive += mp.log(mp.beta(a, b + x) / mp.beta(a, b))
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


def test_expectation_agrees_with_mpmath_over_the_whole_range() -> None:
    # bg_nbd_expectations.py wrote the table from the definition of the expectation, at 40 digits
    with EXPECTATIONS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 150
    for row in rows:
        r, alpha, a, b, x, T, horizon, exact = map(float, row.values())
        rfm = customers((x, T if x else 0.0, T))
        expected = MODEL.expected_purchases(np.array([r, alpha, a, b]), rfm, horizon)
        alive = MODEL.p_alive(np.array([r, alpha, a, b]), rfm)
        assert expected[0] / alive[0] == pytest.approx(exact, rel=ACCURACY)


@pytest.mark.parametrize(
    ("a", "b", "x"),
    [
        (1.0, 2.4, 3),
        (1.0 + 1e-9, 2.4, 0),
        (0.25, 0.75, 0),
        (0.01, 0.99, 0),
        (0.79, 2.43, 5000),
        (0.01, 2.4, 7),
    ],
)
def test_expectation_passes_smoothly_through_the_singularities_of_the_closed_form(
    a: float, b: float, x: int
) -> None:
    # Fader, Hardie & Lee (2005), eq. 10, for an alive customer, a moved off its singularities by 1e-30
    r, alpha, age = 0.2426, 4.4136, 39.0
    rfm = customers((x, age if x else 0.0, age))
    for horizon in (1e-3, 4.0, 52.0):
        got = MODEL.expected_purchases(np.array([r, alpha, a, b]), rfm, horizon) / MODEL.p_alive(
            np.array([r, alpha, a, b]), rfm
        )
        with mp.workdps(80):
            n, A, off = mp.mpf(r) + x, mp.mpf(alpha) + age, mp.mpf(a) + mp.mpf(10) ** -30
            z = horizon / (A + horizon)
            above = mp.hyp2f1(n, mp.mpf(b) + x, off + b + x - 1, z)
            exact = float((off + b + x - 1) / (off - 1) * (1 - (A / (A + horizon)) ** n * above))
        assert got[0] == pytest.approx(exact, rel=ACCURACY)


def test_loyal_customer_in_a_world_without_churn_buys_at_the_plain_rate() -> None:
    # b -> infinity: the NBD, (r + x) / (alpha + T) * t
    rfm = customers((5000, 38.9, 39), (0, 0, 0))
    for b in (1e8, 1e12):
        expected = MODEL.expected_purchases(np.array([0.2426, 4.4136, 0.79, b]), rfm, 52.0)
        plain = (0.2426 + rfm.frequency) / (4.4136 + rfm.T) * 52.0
        np.testing.assert_allclose(expected, plain, rtol=1e-3 if b == 1e8 else 1e-7)
    value, slope = MODEL.loglik_grad(np.array([0.2426, 4.4136, 0.79, 1e12]), rfm)
    assert np.isfinite(value).all()
    assert np.abs(slope[3]).max() < 1e-9
