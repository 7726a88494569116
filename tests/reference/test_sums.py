"""Sums of positive terms, against mpmath at 40 digits, and alone as among others."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from clvmodels.prediction import DrawBlock
from clvmodels.special.chances import LONGEST_COUNTED, MOST_COUNTED, discounted_purchases
from clvmodels.special.lifetimes import EQUAL_ENOUGH, ended_ever_after, lives_ended
from clvmodels.special.sums import LANES, fill_gauss, fill_purchases

CASES = 60
TOLERANCE = 1e-13  # logarithms of powers as large as a hundred lose that much


def spread(seed: int, low: float, high: float) -> np.ndarray:
    """Numbers from 10**low to 10**high."""
    return 10.0 ** np.random.default_rng(seed).uniform(low, high, CASES)


def waited(n: float, s: float, A: float, B: float) -> mpmath.mpf:
    """Leaving before the next purchase, by the form of Fader & Hardie (2005) without a transformation."""
    n, s, A, B = map(mpmath.mpf, (n, s, A, B))
    if B <= A:
        return s / (n + s) * (B / A) ** s * mpmath.hyp2f1(n + s, s + 1, n + s + 1, 1 - B / A)
    return s / (n + s) * (A / B) ** n * mpmath.hyp2f1(n + s, n, n + s + 1, 1 - A / B)


def test_lives_that_end_before_a_purchase() -> None:
    """Killed: the shapes of the two cases crossed; the factor A/B left out."""
    n, s, A = spread(1, -4, 2), spread(2, -4, 2), spread(3, -3, 3)
    B = A * np.random.default_rng(4).uniform(1 - EQUAL_ENOUGH, 1 / (1 - EQUAL_ENOUGH), CASES)
    with mpmath.workdps(40):
        truth = np.array([float(waited(*row)) for row in zip(n, s, A, B, strict=True)])
    np.testing.assert_allclose(ended_ever_after(n, s, A, B), truth, rtol=TOLERANCE)


def test_silences_of_equal_and_of_different_scales() -> None:
    """What is alive or has left is right to the last digits on both sides of where the way changes.

    Killed: lives that go on after the silence left out; indices of the two ways crossed.
    """
    n, s, A, D = spread(5, -2, 1.5), spread(6, -2, 1.5), spread(7, -2, 2), spread(8, -3, 3)
    B = A * np.random.default_rng(9).uniform(0.15, 6.0, CASES)
    assert 10 < (np.abs(A - B) > EQUAL_ENOUGH * np.maximum(A, B)).sum() < CASES - 10
    alive = np.exp(-s * np.log1p(D / B) - n * np.log1p(D / A))
    with mpmath.workdps(40):
        truth = []
        for row in zip(n, s, A, B, D, strict=True):
            n_, s_, A_, B_, D_ = map(mpmath.mpf, row)
            still = (1 + D_ / B_) ** -s_ * (1 + D_ / A_) ** -n_
            truth.append(float(still + waited(n_, s_, A_, B_) - still * waited(n_, s_, A_ + D_, B_ + D_)))
    left = lives_ended(n, s, A, B, D, alive, with_moments=False)[0]
    np.testing.assert_allclose(alive + left, truth, rtol=TOLERANCE)
    np.testing.assert_array_equal(left, lives_ended(n, s, A, B, D, alive, with_moments=True)[0])


def test_sums_end_where_parameters_left_the_range_of_numbers() -> None:
    """Killed: scales compared by their difference, of which infinite ones have none; sums of subnormal terms."""
    one, inf = np.ones(3), np.array([np.inf, 1.0, np.inf])
    with np.errstate(all="ignore"):
        lives_ended(one, one, inf, inf[::-1][[0, 0, 1]], one, 0.5 * one, with_moments=False)
        lives_ended(one, one, one, inf, one, 0.5 * one, with_moments=False)
        lives_ended(one, one, inf, one, one, 0.5 * one, with_moments=False)
    tiny = discounted_purchases(
        np.array([1e-307, 1e-308]), np.array([4.0, 2.0]), np.zeros(2), np.ones(2), np.ones(2)
    )
    np.testing.assert_allclose(tiny, [2.369939797e-307, 1.436746367e-308], rtol=1e-9)  # added up by mpmath


def test_silence_of_no_length_ends_no_life() -> None:
    one = np.ones(5)
    n, A = np.geomspace(0.01, 100, 5), np.geomspace(0.5, 2, 5)
    assert not lives_ended(n, one, A, one, 0 * one, one, with_moments=False)[0].any()


@pytest.mark.parametrize("discount", [0.0, 1e-9])
def test_purchases_before_leaving_by_counts_and_over_time(discount: float) -> None:
    """The mean of (1 - (1 + p t)^-n) / p over p ~ Beta(a, b): the two ways meet it, and each other where they meet.

    Killed: the chance of staying taken after the purchase instead of before; a sum that ends before its largest term.
    """
    n, a, b = spread(11, -3, 2), spread(12, -2, 2), spread(13, -2, 2)
    tau = np.minimum(spread(14, -4, np.log10(LONGEST_COUNTED)), MOST_COUNTED / n)
    with mpmath.workdps(40):
        truth = [float(before_leaving(*row)) for row in zip(n, tau, a, b, strict=True)]
    found = discounted_purchases(n, tau, np.full(CASES, discount), a, b)
    np.testing.assert_allclose(found, truth, rtol=TOLERANCE if discount == 0 else 2e-8)


def before_leaving(n: float, tau: float, a: float, b: float) -> mpmath.mpf:
    """Mean of min(N, G) by P(N >= k) P(G >= k), added up until nothing changes."""
    n, tau, a, b = map(mpmath.mpf, (n, tau, a, b))
    chance = (1 + tau) ** -n
    above, stays, total, k = 1 - chance, mpmath.mpf(1), mpmath.mpf(0), 1
    while above > 1e-32:
        total += above * stays
        chance *= (n + k - 1) / k * tau / (1 + tau)
        above -= chance
        stays *= (b + k - 1) / (a + b + k - 1)
        k += 1
    return total


def test_rows_do_not_know_their_neighbours() -> None:
    """A row whose neighbours need more terms is the same to the last bit. Killed: a look at the first row only."""
    rows = 2 * LANES + 7
    z, b, c = np.linspace(0, 0.6, rows), np.geomspace(0.1, 40, rows), np.geomspace(0.3, 90, rows)
    one = np.full(rows, 0.1)
    together, counted = np.empty((2, rows))
    fill_gauss(b, c, z, together)
    fill_purchases(c, z, one, b, c, counted)
    for i in range(0, rows, 17):
        alone = np.empty((2, 1))
        row = slice(i, i + 1)
        fill_gauss(b[row], c[row], z[row], alone[0])
        fill_purchases(c[row], z[row], one[row], b[row], c[row], alone[1])
        assert alone[:, 0].tolist() == [together[i], counted[i]]


@pytest.mark.parametrize("mean", [0.3, 300.0, 0.0])
def test_counts_are_put_in_order_as_numbers_are(mean: float) -> None:
    """Whole numbers and others, small ones and large. Killed: how often a number was met kept for the next row."""
    drawn = np.random.default_rng(15).poisson(mean, (400, 30)).astype(float)
    for draws in (drawn, drawn + 0.5, drawn - 1.0, drawn[:2]):
        block = DrawBlock(np.arange(30), draws, None, draws[:, :1], None, {})
        np.testing.assert_array_equal(block.sorted_purchases, np.sort(draws, axis=0).T)
