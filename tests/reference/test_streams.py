"""Random numbers by address: what they are, that they stand alone, and that they follow their distributions.

The hash is checked against the numbers of SplitMix64 from the seed 1234567 as Vigna's public reference code gives
them; distributions are SciPy's.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from clvmodels.special.streams import Streams, streams_of
from clvmodels.special.variates import GOLDEN, TAIL, any_gamma, mix, normal, poisson

SPLITMIX64 = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431)
DRAWS = 200_000
RARE = 1e-5  # about forty tests of this size in the file


def streams(seed: int, rows: int = DRAWS) -> Streams:
    return streams_of(np.random.default_rng(seed), np.arange(rows))


def assert_uniform(u: np.ndarray) -> None:
    assert stats.kstest(u, "uniform").pvalue > RARE


def test_the_hash_is_that_of_splitmix() -> None:
    """Killed: a shift of 29 for 30."""
    start = np.uint64(1234567)
    with np.errstate(over="ignore"):
        found = [int(mix(start + np.uint64(k) * GOLDEN)) for k in range(1, 5)]
    assert found == list(SPLITMIX64)


@pytest.mark.parametrize("shape", [1e-3, 0.05, 0.3, 0.999, 1.0, 3.0, 300.0, 1e6, 1e9])
def test_gamma_variates(shape: float) -> None:
    """Killed: a boost of shapes below 1 left out; a squeeze that accepts too much."""
    log = streams(1).log_gamma(np.full(DRAWS, shape))
    assert np.isfinite(log).all()
    # below exp(-30) the distribution function is x**shape / Gamma(shape + 1) to the last digit
    near_zero = np.exp(shape * np.minimum(log, -30.0) - special.gammaln(shape + 1.0))
    assert_uniform(np.where(log < -30.0, near_zero, special.gammainc(shape, np.exp(log))))


@pytest.mark.parametrize(
    ("a", "b"), [(1e-3, 1e6), (1e6, 1e-3), (1e-3, 1e-3), (0.3, 40.0), (0.8, 2.4), (5.0, 2.0), (1e6, 1e6)]
)
def test_beta_variates_by_their_log_odds(a: float, b: float) -> None:
    """Killed: odds from two variates that share a number. Each side of 1/2 is judged by its own small tail."""
    odds = streams(2).log_odds(np.full(DRAWS, a), np.full(DRAWS, b))
    assert_uniform(np.where(odds < 0, tail_of_beta(a, b, odds), 1.0 - tail_of_beta(b, a, -odds)))


def tail_of_beta(a: float, b: float, odds: np.ndarray) -> np.ndarray:
    """P(p < p0) by the log-odds of p0; where p0 b is negligible it is p0**a / (a B(a, b))."""
    log = -np.logaddexp(0.0, -odds)
    far = -30.0 - np.log1p(b)
    near_zero = np.exp(a * np.minimum(log, far) - np.log(a) - special.betaln(a, b))
    return np.where(log < far, near_zero, special.betainc(a, b, np.exp(log)))


def poissons(source: Streams, mean: float) -> np.ndarray:
    return np.array([poisson(place, mean, math.exp(-mean)) for place in source.start])


@pytest.mark.parametrize("mean", [0.0, 1e-6, 0.1, 3.0, 11.999, 12.0, 40.0, 300.0, 1e4, 1e6])
def test_poisson_variates(mean: float) -> None:
    """Killed: a distribution walked up from one on. Counts are spread within their step to be uniform."""
    count, lot = poissons(streams(3), mean), streams(31).uniform()
    assert_uniform(stats.poisson.cdf(count - 1, mean) + lot * stats.poisson.pmf(count, mean))


@pytest.mark.parametrize(
    ("shape", "odds"),
    [
        (0.3, 0.0),
        (1e-3, 1.0),
        (0.5, 0.2),
        (5.9, 2.0),
        (6.1, 2.0),
        (1.0, 2.1),
        (300.0, 0.03),
        (1e4, 0.5),
        (0.4, 1e4),
    ],
)
def test_negative_binomial_variates(shape: float, odds: float) -> None:
    """Both ways, and where they meet. Killed: terms of the Poisson distribution; odds for the share of them."""
    source = streams(14)
    count, lot = source.negative_binomial(np.full(DRAWS, shape), np.full(DRAWS, odds), 1e6), source.uniform()
    law = stats.nbinom(shape, 1.0 / (1.0 + odds))
    assert_uniform(law.cdf(count - 1) + lot * law.pmf(count))


def test_negative_binomial_variates_have_a_largest_mean() -> None:
    count = streams(15).negative_binomial(np.full(DRAWS, 50.0), np.full(DRAWS, 1e9), 1e3)
    assert_uniform(stats.poisson.cdf(count - 1, 1e3) + streams(16).uniform() * stats.poisson.pmf(count, 1e3))


@pytest.mark.parametrize(("shape", "odds"), [(np.nan, 1.0), (1.0, np.nan)])
def test_no_number_is_not_tried_for_ever(shape: float, odds: float) -> None:
    """Killed: a mean that is no number given to the sampler that rejects."""
    assert not streams(17, 3).negative_binomial(np.full(3, shape), np.full(3, odds), 1e6).any()
    assert not poissons(streams(18, 3), math.nan).any()


@pytest.mark.parametrize("shape", [1e-3, 0.3, 1.0, 3.0, 1e6])
def test_gamma_variates_without_logarithms(shape: float) -> None:
    """Killed: a boost of shapes below 1 left out."""
    places = zip(streams(11).start, streams(19).start, strict=True)
    found = np.array([any_gamma(place, other, shape) for place, other in places])
    uniform = special.gammainc(shape, found)
    lots = np.random.default_rng(12).random(
        DRAWS
    )  # what underflowed is somewhere between 0 and the least number
    assert_uniform(np.where(found > 0, uniform, lots * special.gammainc(shape, 5e-324)))


def test_normal_variates() -> None:
    """Killed: layers one off; heights of the wedge crossed; a sign that shares bits with the layer; no tail.

    The places used are those of a row, one after another. In the tail beyond the lowest layer are 517 of 2,000,000.
    """
    found, last = np.empty(2_000_000), 20
    with np.errstate(over="ignore"):
        for i in range(len(found)):
            found[i], last = normal(np.uint64(last))
    assert_uniform(stats.norm.cdf(found))
    middle = found[np.abs(found) < 0.3]
    assert_uniform(0.5 + (stats.norm.cdf(middle) - 0.5) / (2 * stats.norm.cdf(0.3) - 1))
    tail = np.abs(found[np.abs(found) > TAIL])
    assert abs(len(tail) - 2e6 * 2 * stats.norm.sf(TAIL)) < 4.5 * np.sqrt(517)
    assert_uniform(stats.norm.sf(tail) / stats.norm.sf(TAIL))


@pytest.mark.parametrize("count", [2, 5, 8, 9, 12])
def test_order_statistics(count: int) -> None:
    """Killed: the waiting time after the last left out, which puts the last at 1; a place passed over in sorting."""
    every = np.arange(50_000)
    row, value = streams(4, 50_000).ordered(np.full(50_000, count), every + 7, np.full(50_000, 3.0))
    np.testing.assert_array_equal(row, np.repeat(every + 7, count))
    value = value.reshape(-1, count) / 3.0
    assert (np.diff(value, axis=1) > 0).all()
    for i, column in enumerate(value.T):
        assert_uniform(stats.beta(i + 1, count - i).cdf(column))
    assert_uniform(np.random.default_rng(5).permuted(value, axis=1)[:, 0])


def test_amounts() -> None:
    """Given a rate amounts are Gamma(p, rate) and independent; with it spread they are a ratio of gamma variates.

    Killed: one rate for all rows; a rate for each purchase; a purchase that repeats the one before.
    """
    p, shape, scale = 2.0, 3.0, 10.0
    rows = np.repeat(np.arange(DRAWS), 2)
    every = np.ones(DRAWS)
    found = streams(13).amounts(rows, p * every, shape * every, scale * every).reshape(-1, 2)
    for column in found.T:
        assert_uniform(special.betainc(p, shape, column / (scale + column)))
    assert_uniform(special.betainc(p, p, found[:, 0] / found.sum(axis=1)))
    both = found.sum(axis=1)
    assert_uniform(special.betainc(2 * p, shape, both / (scale + both)))


def test_a_row_alone_is_the_row_among_others() -> None:
    """Killed: tries numbered for all rows together."""
    shape, mean = np.geomspace(0.01, 1e3, 500), np.geomspace(1e-3, 1e4, 500)
    rows = np.array([7, 3, 444])

    def drawn(source: Streams, some: np.ndarray) -> list[np.ndarray]:
        found = [source.log_gamma(shape[some]), source.exponential()]
        counts = np.arange(500)[some] % 12 + 1
        row, value = source.ordered(counts, np.arange(len(some)), np.ones(len(some)))
        found += [np.bincount(row, value)]
        p, scale = shape[some], mean[some]
        found += [np.bincount(row, source.amounts(row, p, 2.0 * p, scale))]
        found += [source.negative_binomial(shape[some], mean[some], 1e6)]
        return [*found, source.each(np.arange(len(some)), counts).log_gamma(shape[some])]

    inside, alone = drawn(streams(6, 500), np.arange(500)), drawn(streams(6, 500).take(rows), rows)
    for whole, part in zip(inside, alone, strict=True):
        np.testing.assert_array_equal(whole[rows], part)


def test_streams_keep_apart() -> None:
    """No correlation between customers, draws, calls and purchases: z-scores of products of uniforms.

    Killed: a call that comes twice.
    """
    keys = np.stack([np.arange(300, dtype=np.uint64), np.zeros(300, dtype=np.uint64)], axis=1)
    source = Streams.keyed(keys, 700)
    first, second = (source.uniform().reshape(700, 300) - 0.5 for _ in range(2))
    every = np.arange(700 * 300)
    bought = [source.each(every, np.full(len(every), k)).uniform().reshape(700, 300) - 0.5 for k in (0, 1)]
    pairs = [(first[1:], first[:-1]), (first[:, 1:], first[:, :-1]), (first, second), (first, bought[0])]
    pairs += [
        (second, bought[0]),
        (bought[0], bought[1]),
        (first[1:], second[:-1]),
        (bought[0][1:], bought[1][:-1]),
    ]
    for here, there in pairs:
        assert abs((here * there).sum()) * 12.0 / np.sqrt(here.size) < 4.5
    numbers = np.concatenate([first.ravel(), second.ravel(), *(part.ravel() for part in bought)])
    assert len(np.unique(numbers)) == len(numbers)


def test_more_draws_begin_with_the_fewer() -> None:
    """Killed: the number of draws in the hash."""
    keys = np.random.default_rng(7).integers(0, 2**64, (4, 2), dtype=np.uint64)
    np.testing.assert_array_equal(Streams.keyed(keys, 9).start[:20], Streams.keyed(keys, 5).start)


def test_no_row_no_number() -> None:
    source = streams(8, 0)
    nothing = np.empty(0)
    assert len(source.log_gamma(nothing)) == len(source.negative_binomial(nothing, nothing, 1.0)) == 0
    assert len(source.uniform()) == 0
    assert len(source.ordered(np.empty(0, dtype=np.int64), nothing, nothing)[0]) == 0
