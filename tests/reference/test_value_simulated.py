"""New customers, payback and plans against lives told by a few lines of NumPy that share no code with the package.

BG/NBD (Fader, Hardie & Lee 2005): a rate Gamma(r, α), after every repeat purchase an end with probability
p ~ Beta(a, b). Gamma-Gamma (Fader & Hardie 2013): an amount Gamma(p, ν), ν ~ Gamma(q, γ).
"""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv

MARGIN, COST, RATE, FIRST = 0.4, 1.5, 0.12, 30.0
LIVES = 150_000
WEEKS_PER_YEAR = 365.25 / 7


@pytest.fixture(scope="module")
def point(cdnow_rfm: clv.RFM) -> clv.FittedCLV:
    """One parameter vector for everybody, so that all spread is chance."""
    return clv.CLVModel("bg_nbd", method="mle").fit(cdnow_rfm)


def told(point: clv.FittedCLV, horizon: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Life, time since the first order, and amount of each repeat purchase of len(horizon) new customers."""
    one = {**point.purchase.params, **point.spend.params}
    rate = rng.gamma(one["r"], 1 / one["alpha"], len(horizon))
    end = rng.beta(one["a"], one["b"], len(horizon))
    scale = rng.gamma(one["q"], 1 / one["gamma"], len(horizon))
    life, time = np.arange(len(horizon)), np.zeros(len(horizon))
    found = []
    while len(life):
        time = time + rng.exponential(1 / rate[life])
        inside = time <= horizon[life]
        life, time = life[inside], time[inside]
        found.append((life, time, rng.gamma(one["p"], 1 / scale[life])))
        stays = rng.random(len(life)) >= end[life]
        life, time = life[stays], time[stays]
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def test_lives_chances_and_payback_of_new_customers(point: clv.FittedCLV, rng: np.random.Generator) -> None:
    """Killed: the first order's margin twice, its cost left out, spend discounted at the period's end."""
    economics = clv.Economics(MARGIN, COST, annual_discount_rate=RATE)
    new = clv.new_customer_value(point, "52W", economics, first_order=FIRST, draws=300, period="W", seed=5)
    life, time, amount = told(point, np.full(LIVES, 52.0), rng)
    week = np.minimum(np.ceil(time).astype(int) - 1, 51)
    discounted = MARGIN * amount * (1 + RATE) ** (-time / WEEKS_PER_YEAR)
    cost = COST * (1 + RATE) ** (-(week + 0.5) / WEEKS_PER_YEAR)
    flows = np.zeros((LIVES, 52))
    np.add.at(flows, (life, week), discounted - cost)
    flows[:, 0] += MARGIN * FIRST - COST
    so_far = np.cumsum(flows, axis=1)
    ours = new.lives.ravel()
    error = np.hypot(so_far[:, -1].std() / np.sqrt(LIVES), ours.std() / np.sqrt(len(ours)))
    assert abs(ours.mean() - so_far[:, -1].mean()) < 4 * error
    table = clv.acquisition({new.label: new}, {new.label: 14.0}, target=2).table.iloc[0]
    curve = clv.payback(new, 14.0)
    paid = (np.maximum.accumulate(so_far, axis=1) >= 14.0).mean(axis=0)
    apart = 4 * np.sqrt(0.25 * (1 / LIVES + 1 / len(ours)))
    assert abs(table["p_customer_clv_above_cac"] - (so_far[:, -1] > 14).mean()) < apart
    assert abs(table["p_customer_ltv_cac_above_target"] - (so_far[:, -1] > 28).mean()) < apart
    assert np.abs(curve.p_customer - paid).max() < apart
    assert 0.05 < paid[-1] < 0.95  # the comparison says something


def test_a_plan_brings_what_its_customers_bring(point: clv.FittedCLV, rng: np.random.Generator) -> None:
    """Killed: customers who arrive at the start of their month, or first orders in the wrong month."""
    plan = clv.acquisition_plan(
        point, "3M", 60, clv.Economics(margin=MARGIN), first_order=FIRST, draws=200, seed=6
    )
    edges = plan.horizon.edges
    each = LIVES // 3
    money = np.zeros((3, each, 3))  # (month of arrival, life, month)
    for k in range(3):
        born = rng.uniform(edges[k], edges[k + 1], each)
        life, time, amount = told(point, edges[3] - born, rng)
        np.add.at(money[k], (life, np.searchsorted(edges, born[life] + time) - 1), amount)
        money[k, :, k] += FIRST
    expected = 60 * money.mean(axis=1).sum(axis=0)
    error = np.sqrt(60 * money.var(axis=1).sum(axis=0) / 200 + 60**2 * money.var(axis=1).sum(axis=0) / each)
    ours = plan.new["revenue"].period_draws
    assert (np.abs(ours.mean(axis=0) - expected) < 4 * error).all()
    spread = np.sqrt(60 * money.var(axis=1).sum(axis=0))
    np.testing.assert_allclose(
        ours.std(axis=0), spread, rtol=0.25
    )  # sd of 200 draws: 5 %, of heavy tails more
    np.testing.assert_array_equal(
        plan.total("revenue").period_draws, plan.existing["revenue"].period_draws + ours
    )


def test_referrals_bring_what_a_branching_process_brings(
    point: clv.FittedCLV, rng: np.random.Generator
) -> None:
    """Every generation told one by one, each within a year of its own first order, discounted from there.

    Killed: later generations discounted twice; the chain's sum with R in place of R*.
    """
    new = clv.new_customer_value(
        point, "365D", clv.Economics(margin=MARGIN), first_order=FIRST, draws=100, seed=7
    )
    rfm = point.rfm.take(slice(0, 300))
    rho, share, rate = 0.8, 0.5, 0.5  # a high rate tells R* = 0.33 from R = 0.4
    found = clv.referral_value(
        rho, rfm, new, incremental=share, annual_discount_rate=rate, chain="all", seed=1
    )
    count, total, years = 40_000, 0.0, new.horizon.years
    delay = np.zeros(count)  # discount exponent (years) at which each member of the generation starts
    while len(delay):
        brought = rng.poisson(rho * share * years, len(delay))
        delay = np.repeat(delay, brought) + years * rng.random(brought.sum())
        total += ((1 + rate) ** -delay).sum()
    expected = total / count * new.mean
    each = found.customers["referral_value_mean"].mean()
    assert each == pytest.approx(expected, rel=0.03)  # 30,000 lives of ours, 40,000 trees: 1 % each
