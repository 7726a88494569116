"""Referral value: chances that agree with the formula, streams of the customers' own, refusals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import clvmodels as clv

OPTIONS = {"incremental": 0.5, "annual_discount_rate": 0.2, "cost_per_referral": 3.0}


@pytest.fixture(scope="module")
def customers(cdnow_rfm: clv.RFM) -> clv.RFM:
    return cdnow_rfm.take(slice(None, None, 12))


@pytest.fixture(scope="module")
def new(cdnow_rfm: clv.RFM) -> clv.NewCustomerValue:
    fitted = clv.CLVModel("bg_nbd", method="mle").fit(cdnow_rfm)
    economics = clv.Economics(margin=0.4, currency="USD")
    return clv.new_customer_value(fitted, "12M", economics, customers=100, draws=200, seed=1)


def expected(rate: float, new: clv.NewCustomerValue, *, chain: bool) -> float:
    years = new.horizon.years
    present = (1 - 1.2**-years) / math.log(1.2)
    return rate * 0.5 * present * (new.mean - 3.0) / (1 - chain * rate * 0.5 * present)


@pytest.mark.parametrize("chain", ["first", "all"])
def test_draws_agree_with_the_formula(customers: clv.RFM, new: clv.NewCustomerValue, chain: str) -> None:
    """Killed: referrals at the start of the horizon; the incremental share left out of the chain."""
    found = clv.referral_value(0.8, customers, new, chain=chain, **OPTIONS)
    mean = len(customers) * expected(0.8, new, chain=chain == "all")
    error = found.total.sd / math.sqrt(len(found.total.draws))
    assert abs(found.total.mean - mean) < 4 * error
    assert found.columns["referral_value_mean"].sum() == pytest.approx(found.total.mean, rel=1e-10)
    assert found.reproduction == pytest.approx(0.8 * 0.5 * new.horizon.years, rel=1e-12)


def test_customers_keep_their_draws_in_any_order(customers: clv.RFM, new: clv.NewCustomerValue) -> None:
    """Killed: one stream for all customers; sums in the order of the summary."""
    here = clv.referral_value(0.8, customers, new, **OPTIONS)
    there = clv.referral_value(0.8, customers.take(slice(None, None, -1)), new, **OPTIONS)
    np.testing.assert_array_equal(here.total.draws, there.total.draws)
    np.testing.assert_array_equal(
        here.columns["referral_value_q95"], there.columns["referral_value_q95"][::-1]
    )


def test_counts_make_rates_and_their_uncertainty(customers: clv.RFM, new: clv.NewCustomerValue) -> None:
    """A customer with more referrals behind them is worth more, and their rate is a distribution.

    Killed: the posterior mean used as if it were known.
    """
    rng = np.random.default_rng(7)
    counts = rng.poisson(rng.gamma(0.5, 2.0, size=len(customers)))
    rate = clv.referral_rate(customers, counts, years=1.0)
    assert math.fsum(rate.mean) == pytest.approx(counts.sum(), rel=1e-9)  # shrinking moves no total
    assert (np.diff(rate.mean[np.argsort(counts, kind="stable")]) >= 0).all()
    ones = np.zeros(new.flows.shape)
    ones[:, :, 0] = 1.0  # every referral is worth 1, so that values are counts
    found = clv.referral_value(rate, customers, replace(new, flows=ones), incremental=0.5)
    exposure = 0.5 * new.horizon.years
    variance = rate.mean * exposure + rate.shape * (exposure / rate.rate) ** 2
    drawn = found.columns["referral_value_sd"] ** 2
    # 197 customers of 200 draws: each variance has a relative error of some 0.15, their sum of 0.02
    assert drawn.sum() == pytest.approx(variance.sum(), rel=0.08)
    assert drawn.sum() > 1.2 * (rate.mean * exposure).sum()


def test_rates_belong_to_customers_and_not_to_places(customers: clv.RFM, new: clv.NewCustomerValue) -> None:
    """Killed: the rates of the first customers of a larger summary taken for those of a selection."""
    counts = np.arange(len(customers)) % 7
    rate = clv.referral_rate(customers, counts, years=1.0)
    everyone = clv.referral_value(rate, customers, new, incremental=0.5)
    some = slice(None, 4, -1)
    found = clv.referral_value(rate, customers.take(some), new, incremental=0.5)
    for name, column in found.columns.items():
        np.testing.assert_array_equal(column, everyone.columns[name][some])
    fewer = clv.referral_rate(customers.take(slice(3, None)), counts[3:], years=1.0)
    with pytest.raises(clv.DataError, match="customers must have a rate"):
        clv.referral_value(fewer, customers, new, incremental=0.5)


def test_no_referrals_no_value(customers: clv.RFM, new: clv.NewCustomerValue) -> None:
    for rate in (0.0, clv.referral_rate(customers, 0, years=1.0)):
        found = clv.referral_value(rate, customers, new, **OPTIONS)
        assert not found.total.draws.any()
    assert clv.referral_value(5.0, customers, new, incremental=0.0, chain="all").total.mean == 0


def test_tables_carry_currency_and_choice(customers: clv.RFM, new: clv.NewCustomerValue) -> None:
    table = clv.referral_value(0.1, customers, new, incremental=0.5).customers
    assert table.attrs["currency"] == "USD"
    assert table.attrs["chain"] == "first referrals only"
    assert len(table) == len(customers)


def test_a_formula_gives_one_number(customers: clv.RFM, cdnow_rfm: clv.RFM) -> None:
    new = clv.new_customer_value(clv.CohortAverage().fit(cdnow_rfm), "12M")
    found = clv.referral_value(0.8, customers, new, **OPTIONS)
    assert found.total.draws.shape == (1,)
    assert found.total.mean == pytest.approx(len(customers) * expected(0.8, new, chain=False), rel=1e-9)
    assert "referral_value_sd" not in found.columns


@pytest.mark.parametrize(
    ("rate", "changes", "words"),
    [
        (2.1, {"chain": "all"}, "grows without"),
        (0.1, {"incremental": 50}, "you may mean 0.5"),
        (0.1, {"incremental": -0.1}, "fraction"),
        (0.1, {"annual_discount_rate": 15}, "you may mean 0.15"),
        (0.1, {"chain": "second"}, "'first', 'all'"),
        (0.1, {"cost_per_referral": -4}, "no minus sign"),
        (-0.1, {}, "not be negative"),
        (math.nan, {}, "finite"),
        ({1: 0.1}, {}, "missing"),
        (0.1, {"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_is_refused(
    customers: clv.RFM, new: clv.NewCustomerValue, rate: object, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(clv.ClvError, match=words):
        clv.referral_value(rate, customers, new, **{**OPTIONS, **changes})


def test_broken_counts_are_refused(customers: clv.RFM) -> None:
    for counts, years, words in (
        (0.5, 1.0, "whole numbers"),
        (-1, 1.0, "whole numbers"),
        (1, 0.0, "above 0"),
        ("referrals", 1.0, "holds no referrals"),
    ):
        with pytest.raises(clv.DataError, match=words):
            clv.referral_rate(customers, counts, years=years)
    born = replace(customers.take(slice(0, 1)), T=np.zeros(1), recency=np.zeros(1), frequency=np.zeros(1))
    with pytest.raises(clv.DataError, match="years"):
        clv.referral_rate(born, 1)
