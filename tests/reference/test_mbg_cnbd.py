"""MBG/CNBD-k against mpmath, against lives told purchase by purchase, and against MBG/NBD."""

from __future__ import annotations

import itertools
import math

import mpmath as mp
import numpy as np
import pytest

import clvmodels as clv
from clvmodels.models.mbg_cnbd import MBGCNBD
from clvmodels.models.mbg_nbd import MBGNBD

THETA = np.array(
    [0.85, 4.35, 0.79, 2.42]
)  # BTYDplus 1.2.0 simulates its tests from these: k = 3, alpha 4.35 / 3
ACCURACY = 1e-8  # absolute or relative, whichever is larger; promised by the docstrings
STAGES = (1, 2, 3, 5)


def customers(*histories: tuple[float, float, float]) -> clv.RFM:
    frequency, recency, T = zip(*histories, strict=True)
    return clv.RFM.from_arrays(frequency=frequency, recency=recency, T=T, time_unit="W")


HISTORIES = [
    (0, 0.0, 0.0),
    (0, 0.0, 39.0),
    (1, 39.0, 39.0),
    (1, 3.0, 39.0),
    (6, 33.0, 39.0),
    (40, 38.0, 39.0),
    (300, 38.9, 39.0),
]


@pytest.mark.parametrize("horizon", [1e-3, 9.0, 400.0])
def test_one_stage_is_mbg_nbd(horizon: float) -> None:
    """Two ways to the same numbers: sums over stages and roots of unity here, hypergeometric functions there."""
    one, other, rfm = MBGCNBD(1), MBGNBD(), customers(*HISTORIES, (5000, 38.999, 39.0))
    assert [param.prior_median for param in one.params] == [param.prior_median for param in other.params]
    for theta in (THETA, np.array([0.5, 60.0, 3.0, 0.2]), np.array([20.0, 0.1, 0.05, 9.0])):
        for here, there in (
            *zip(one.loglik_grad(theta, rfm), other.loglik_grad(theta, rfm), strict=True),
            (one.p_alive(theta, rfm), other.p_alive(theta, rfm)),
            (one.p_alive_later(theta, rfm, horizon), other.p_alive_later(theta, rfm, horizon)),
            (one.expected_purchases(theta, rfm, horizon), other.expected_purchases(theta, rfm, horizon)),
            *(
                (
                    one.expected_discounted_purchases(theta, rfm, end, 0.01),
                    other.expected_discounted_purchases(theta, rfm, end, 0.01),
                )
                for end in (horizon, np.inf)
            ),
            *(
                (one.purchase_pmf(theta, rfm, c, horizon), other.purchase_pmf(theta, rfm, c, horizon))
                for c in (0, 1, 30)
            ),
        ):
            np.testing.assert_allclose(here, there, rtol=1e-9, atol=1e-9)


def integrals(k: int, theta: np.ndarray, history: tuple[float, float, float]) -> tuple[mp.mpf, mp.mpf]:
    """Density of (x, t_x) and of being alive, and of having left, over that of x - 1 points anywhere before t_x.

    Over the rate by quadrature, and with the incomplete gamma function for the gap that is still open: no sum over
    stages. Over the chance of leaving by the beta function.
    """
    r, alpha, a, b = map(mp.mpf, theta)
    alpha /= k
    x, t_x, T = history[0], mp.mpf(history[1]), mp.mpf(history[2])
    known = mp.mpf(1)
    if x:
        known = t_x ** (k * x - 1) / mp.gamma(k * x) / (t_x ** (x - 1) / mp.gamma(x))

    def over_rates(survival: object) -> mp.mpf:
        shape, scale = r + k * x, alpha + t_x
        middle, wide = shape / scale, mp.sqrt(shape) / scale

        def density(u: mp.mpf) -> mp.mpf:  # u = log(rate)
            rate = mp.exp(u)
            return mp.exp(shape * u - rate * scale) * survival(rate)

        reach = [
            mp.log(middle) + mp.mpf(d) * min(wide / middle, 1)
            for d in (-60, -20, -9, -4, -2, -1, 0, 1, 2, 4, 8)
        ]
        if r < 1 and not x:
            reach = [reach[0] - 100, *reach]
        return alpha**r / mp.gamma(r) * mp.quad(density, [*reach, reach[-1] + 3])

    silence = T - t_x
    alive = over_rates(lambda rate: mp.gammainc(k, rate * silence, regularized=True))
    left = over_rates(lambda _: mp.mpf(1))
    stay, leave = mp.beta(a, b + x + 1) / mp.beta(a, b), mp.beta(a + 1, b + x) / mp.beta(a, b)
    return known * alive * stay, known * left * leave


@pytest.mark.parametrize("k", STAGES)
def test_likelihood_and_probability_alive_agree_with_quadrature(k: int) -> None:
    """Killed: a survival one stage short; a gamma function of x where kx is meant; no coin at the first purchase."""
    for theta in (THETA, np.array([0.3, 20.0, 2.5, 0.4])):
        value = MBGCNBD(k).loglik(theta, customers(*HISTORIES))
        alive = MBGCNBD(k).p_alive(theta, customers(*HISTORIES))
        for i, history in enumerate(HISTORIES):
            with mp.workdps(30):
                there, gone = integrals(k, theta, history)
                exact, probability = float(mp.log(there + gone)), float(there / (there + gone))
            assert value[i] == pytest.approx(exact, rel=ACCURACY, abs=ACCURACY)
            assert alive[i] == pytest.approx(probability, rel=ACCURACY)


def future(
    k: int, theta: np.ndarray, history: tuple[float, float, float], t: float, most: int
) -> list[mp.mpf]:
    """Purchases in t, chance to be there still, and chance of two purchases, of a customer who is alive.

    Summed over the number of stages that go by, with 60 digits, from the weights of the stages reached.
    """
    r, alpha, a, b = map(mp.mpf, theta)
    alpha /= k
    x, t_x, T = history[0], mp.mpf(history[1]), mp.mpf(history[2])
    n, z = r + k * x, (T - t_x) / (alpha + T)
    weights = [mp.rf(n, j) * z**j / mp.factorial(j) for j in range(k)]
    tau, chances = mp.mpf(t) / (alpha + T), b + x + 1
    share = tau / (1 + tau)
    stays, means = [mp.mpf(1)], [mp.mpf(0)]
    for g in range(most // k + 2):
        means.append(means[-1] + stays[-1])
        stays.append(stays[-1] * (chances + g) / (a + chances + g))
    total = [mp.mpf(0)] * 3
    for j, weight in enumerate(weights):
        term, tail, once = (1 + tau) ** -(n + j), mp.mpf(1), [mp.mpf(0)] * 3
        for m in range(most):
            bought = (j + m) // k
            once[0] += term * means[bought]
            once[1] += term * stays[bought]
            if bought < 2:
                tail -= term
            if bought == 2:
                once[2] += term * stays[2]
            term *= share * (n + j + m) / (m + 1)
        once[2] += tail * (stays[1] - stays[2])
        total = [s + weight * o for s, o in zip(total, once, strict=True)]
    return [part / sum(weights) for part in total]


@pytest.mark.parametrize("k", STAGES)
def test_future_agrees_with_mpmath(k: int) -> None:
    """Short horizons, where few terms matter, and long ones, where roots of unity take over. 5,000 terms and more."""
    for theta, history, t, most in (
        (THETA, HISTORIES[0], 52.0, 9000),
        (THETA, HISTORIES[3], 1e-2, 100),
        (THETA, HISTORIES[4], 52.0, 1500),
        (np.array([0.3, 20.0, 2.5, 0.4]), HISTORIES[1], 300.0, 2000),
        (np.array([5.0, 40.0, 0.1, 3.0]), HISTORIES[5], 700.0, 9000),
    ):
        model, rfm = MBGCNBD(k), customers(history)
        with mp.workdps(60):
            bought, stays, twice = map(float, future(k, theta, history, t, most))
        alive = model.p_alive(theta, rfm)[0]
        assert model.purchases_if_alive(theta, rfm, t, 0.0)[0] == pytest.approx(bought, rel=ACCURACY)
        assert model.p_alive_later(theta, rfm, t)[0] == pytest.approx(alive * stays, rel=ACCURACY)
        assert model.purchase_pmf(theta, rfm, 2, t)[0] == pytest.approx(
            alive * twice, rel=ACCURACY, abs=1e-40
        )


@pytest.mark.parametrize("k", STAGES)
def test_predictions_agree_with_lives_told_purchase_by_purchase(k: int, rng: np.random.Generator) -> None:
    """Customers live on from t_x, where their rate and their chance of leaving are conjugate: nothing is open there.

    Nothing of the stages: gaps are gamma variates, and lives with a purchase before T are not what was seen. 150,000
    lives for each history, 4 standard errors of the means. Killed: stages counted from T; a coin forgotten after the
    last purchase seen.
    """
    lives, horizon, rate = 150_000, 20.0, 0.03
    r, alpha, a, b = theta = np.array([2.0, 4.0, 0.79, 2.42])
    for x, t_x, T in [
        (0, 0.0, 0.0),
        (0, 0.0, 9.0),
        (1, 9.0, 9.0),
        (1, 3.0, 9.0),
        (8, 14.0, 17.0),
        (30, 38.0, 39.0),
    ]:
        pace, leaves = rng.gamma(r + k * x, 1 / (alpha / k + t_x), lives), rng.beta(a, b + x, lives)
        there, moment = rng.random(lives) >= leaves, np.full(lives, t_x)
        moment += rng.gamma(k, size=lives) / pace
        seen = ~(there & (moment <= T))
        facts = np.zeros((4, lives))
        facts[0] = there
        buying = there & seen & (moment <= T + horizon)
        while buying.any():
            facts[1] += buying
            facts[2] += buying * np.exp(-rate * (moment - T))
            buying &= rng.random(lives) >= leaves
            moment = moment + rng.gamma(k, size=lives) / pace
            buying &= moment <= T + horizon
        facts[3] = facts[1] == 2
        model, rfm = MBGCNBD(k), customers((x, t_x, T))
        expected = [
            model.p_alive(theta, rfm)[0],
            model.expected_purchases(theta, rfm, horizon)[0],
            model.expected_discounted_purchases(theta, rfm, horizon, rate)[0],
            model.purchase_pmf(theta, rfm, 2, horizon)[0],
        ]
        for fact, exact in zip(facts, expected, strict=True):
            error = max(float(fact[seen].std()), 0.01) / math.sqrt(seen.sum())  # a purchase that nobody drew
            assert abs(fact[seen].mean() - exact) < 4 * error


def test_discount_agrees_with_a_dense_rule() -> None:
    """By parts, with Simpson's rule over 2,001 moments. Killed: nodes too few for the waves of regular purchases."""
    model, rate = MBGCNBD(4), 0.02
    times = np.linspace(0.0, 200.0, 2001)
    bought = model.expected_purchases(THETA, customers(*[(12, 30.0, 39.0)] * len(times)), times)
    f = rate * np.exp(-rate * times) * bought
    simpson = 0.1 * (f[0] + 4 * f[1::2].sum() + 2 * f[2:-1:2].sum() + f[-1]) / 3
    total = simpson + np.exp(-rate * 200.0) * bought[-1]
    got = model.expected_discounted_purchases(THETA, customers((12, 30.0, 39.0)), 200.0, rate)[0]
    assert got == pytest.approx(total, rel=ACCURACY)


def test_regular_buyers_are_given_up_sooner() -> None:
    """The paper's point: after the same silence a regular buyer is less likely to be alive, right after buying more."""
    rfm = customers((10, 30.0, 33.0), (10, 30.0, 45.0), (10, 30.0, 30.0))
    soon, late, now = ([float(MBGCNBD(k).p_alive(THETA, rfm)[i]) for k in STAGES] for i in range(3))
    assert all(earlier > later for earlier, later in itertools.pairwise(late))
    assert soon[-1] > late[-1]
    assert now == pytest.approx([now[0]] * len(STAGES))


@pytest.mark.parametrize("k", [0, 13, 2.0, True, "2", None])
def test_stages_are_a_whole_number(k: object) -> None:
    with pytest.raises(clv.ArgumentError, match=r"must be a whole number from 1 to 12"):
        MBGCNBD(k)


def test_truth_is_recovered_from_many_customers() -> None:
    """Killed: simulated gaps of one stage. 8,000 customers as in BTYDplus's own test; 4 standard errors."""
    truth = dict(zip(("r", "alpha", "a", "b"), THETA, strict=True))
    log = clv.simulate("mbg_cnbd_3", truth, customers=8000, weeks=72, acquisition_weeks=24, seed=3)
    rfm = clv.rfm_summary(log, period="min", time_unit="W", observation_end="2025-05-18")
    fit = clv.fit("mbg_cnbd_3", rfm, method="mle")
    error = np.sqrt(np.diag(fit.covariance))
    assert np.all(np.abs(fit.mode - THETA) < 4 * error)
    assert np.all(error < 0.12 * THETA)
    others = [clv.fit(name, rfm, method="mle").loglik for name in ("mbg_nbd", "mbg_cnbd_2", "mbg_cnbd_4")]
    assert fit.loglik > max(others)  # dates to the minute hide nothing
