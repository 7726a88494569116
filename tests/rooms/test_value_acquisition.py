"""New customers, channels and plans: chances of one customer and of the average, pooling, calendar sums, refusals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.value.acquisition import cac_ceiling

ECONOMICS = clv.Economics(margin=0.4, cost_per_purchase=2, annual_discount_rate=0.1, currency="USD")


@pytest.fixture(scope="module")
def fitted(cdnow_rfm: clv.RFM) -> clv.FittedCLV:
    return clv.CLVModel("bg_nbd").fit(cdnow_rfm, draws=200, seed=1)


@pytest.fixture(scope="module")
def point(cdnow_rfm: clv.RFM) -> clv.FittedCLV:
    return clv.CLVModel("bg_nbd", "gamma_gamma", method="mle").fit(cdnow_rfm)


@pytest.fixture(scope="module")
def new(fitted: clv.FittedCLV) -> clv.NewCustomerValue:
    return clv.new_customer_value(fitted, "12M", ECONOMICS, customers=100, draws=200, seed=1, label="shop")


# --- what a new customer brings ------------------------------------------------------------------------------


def test_mean_of_new_customers_is_the_closed_form(point: clv.FittedCLV, cdnow_rfm: clv.RFM) -> None:
    """First order + discounted purchases × spend. Killed: the first order left out, or discounted with the rest."""
    value = clv.new_customer_value(
        point, "12M", clv.Economics(annual_discount_rate=0.1), customers=200, draws=200, seed=2
    )
    newcomer = cdnow_rfm.newcomers(1)
    model, spend = point.purchase.model, point.spend.model
    rate = math.log(1.1) * 7 / 365.25
    later = model.expected_discounted_purchases(point.purchase.mode, newcomer, value.horizon.length, rate)
    expected = cdnow_rfm.statistics["spend_first"].mean()
    expected += float(later[0] * spend.expected_spend(point.spend.mode, newcomer)[0])
    error = value.averages.std() / math.sqrt(len(value.averages))
    assert abs(value.mean - expected) < 4 * error


def test_first_orders_can_be_stated_or_left_out(point: clv.FittedCLV) -> None:
    """Killed: a stated first order without margin, or with the cost of the purchase forgotten."""
    none, stated = (
        clv.new_customer_value(point, "6M", ECONOMICS, first_order=spend, customers=20, draws=20, seed=1)
        for spend in (0.0, 50.0)
    )
    np.testing.assert_allclose(stated.lives - none.lives, 0.4 * 50.0, rtol=1e-9)
    assert np.median(none.flows[:, :, 0]) == -2.0  # most buy nothing more in the first month


def test_one_customer_is_less_certain_than_the_average(new: clv.NewCustomerValue) -> None:
    """Killed: the two swapped. Lives differ far more than averages of 100."""
    assert new.lives.std() > 5 * new.averages.std()
    assert new.averages.mean() == pytest.approx(new.lives.mean(), rel=1e-12)
    table = new.table()
    assert table.loc[("profit", "one customer"), "sd"] == pytest.approx(new.lives.std())
    assert table.attrs["currency"] == "USD"


def test_lives_are_told_by_label_and_seed(fitted: clv.FittedCLV, new: clv.NewCustomerValue) -> None:
    """Killed: two channels with the same chance, whose sum would look more uncertain than it is."""
    options = {"customers": 100, "draws": 200}
    again = clv.new_customer_value(fitted, "12M", ECONOMICS, seed=1, label="shop", **options)
    np.testing.assert_array_equal(again.flows, new.flows)
    for change in ({"seed": 2, "label": "shop"}, {"seed": 1, "label": "fair"}):
        other = clv.new_customer_value(fitted, "12M", ECONOMICS, **change, **options)
        assert abs(np.corrcoef(other.lives.ravel(), new.lives.ravel())[0, 1]) < 0.05


def test_few_first_orders_are_uncertain(cdnow_rfm: clv.RFM, point: clv.FittedCLV) -> None:
    """The mean of five first orders has a spread of its own. Killed: draws with equal weights in every draw."""
    few = replace(point, rfm=cdnow_rfm.take(slice(0, 5)))
    many, five = (
        clv.new_customer_value(one, "1M", clv.Economics(), customers=400, draws=100, seed=1)
        for one in (point, few)
    )
    orders = cdnow_rfm.statistics["spend_first"][:5]
    sd = orders.std() / math.sqrt(6)  # of the mean under Dirichlet(1, ..., 1) weights of five
    chance = orders.std() / math.sqrt(400)
    assert five.averages.std() > 0.7 * sd > 3 * chance
    assert five.averages.std() > many.averages.std()


# --- against what they cost ----------------------------------------------------------------------------------


def test_ceilings_hold_what_they_promise(new: clv.NewCustomerValue) -> None:
    """At the ceiling the chance is at least the level; a cent above, it is not."""
    for profits in (new.lives, new.averages):
        for level in (0.5, 0.8, 0.95):
            ceiling = cac_ceiling(profits, level)
            assert ceiling == 0 or np.mean(profits > ceiling) >= level
            assert np.mean(profits > ceiling + 0.01) < level + 1 / profits.size
    assert cac_ceiling(-new.lives, 0.9) == 0.0


def test_table_of_channels(new: clv.NewCustomerValue) -> None:
    found = clv.acquisition({"a": new, "b": new}, {"a": 5.0, "b": 500.0}, target=2.0)
    table = found.table
    assert table.loc["a", "p_customer_clv_above_cac"] > table.loc["b", "p_customer_clv_above_cac"]
    assert table.loc["b", "payback_period"] == 0
    assert table.loc["b", "p_average_paid_back"] == 0
    for channel in ("a", "b"):
        row = table.loc[channel]
        assert row["p_customer_ltv_cac_above_target"] <= row["p_customer_clv_above_cac"]
        assert row["ltv_cac_low"] < row["ltv_cac_mean"] < row["ltv_cac_high"]
    curve = found.payback("a").table()
    assert curve["p_customer_paid_back"].is_monotonic_increasing
    assert curve["profit_so_far_mean"].iloc[-1] == pytest.approx(new.mean, rel=1e-12)


def test_formulas_show_no_probability(cdnow_rfm: clv.RFM) -> None:
    """Killed: P = 0 or 1 printed as if it were certain."""
    formula = clv.AOVFrequencyLifespan(churn=0.3).fit(cdnow_rfm)
    value = clv.new_customer_value(formula, "12M", ECONOMICS)
    assert value.flows.shape[:2] == (1, 1)
    found = clv.acquisition({"shop": value}, 10.0)
    assert not [
        name for name in found.table if name.startswith("p_") or "_low" in name or "ceiling_c" in name
    ]
    assert "formula_paid_back" in found.payback("shop").table()
    with pytest.raises(clv.ArgumentError, match="no probability"):
        value.interval()


def test_acquisition_refuses(new: clv.NewCustomerValue, cdnow_rfm: clv.RFM) -> None:
    formula = clv.new_customer_value(clv.HistoricalCLV().fit(cdnow_rfm), "12M", ECONOMICS)
    two = {"a": new, "b": new}
    cases = [
        (clv.DataError, "without a CAC.*first: b", two, {"a": 5.0}, {}),
        (clv.DataError, "unknown channels.*first: tv", {"a": new}, {"a": 5.0, "tv": 3.0}, {}),
        (clv.ArgumentError, "no minus sign", {"a": new}, -5.0, {}),
        (clv.ArgumentError, "above 0", {"a": new}, 0.0, {}),
        (clv.ArgumentError, "above 0", {"a": new}, math.nan, {}),
        (clv.ArgumentError, "ninety per cent is 0.9", {"a": new}, 5.0, {"level": 90}),
        (clv.ArgumentError, "target", {"a": new}, 5.0, {"target": 0}),
        (clv.ArgumentError, "no channel", {}, 5.0, {}),
        (clv.ArgumentError, "differ in kind", {"a": new, "b": formula}, 5.0, {}),
        (clv.ArgumentError, "differ in currency", {"a": new, "b": replace(new, currency="EUR")}, 5.0, {}),
    ]
    for kind, words, values, cac, options in cases:
        with pytest.raises(kind, match=words):
            clv.acquisition(values, cac, **options)
    with pytest.raises(clv.ArgumentError, match="not one of a, b"):
        clv.acquisition(two, 5.0).payback("c")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"customers": 0}, "customers=0"),
        ({"draws": 1}, "draws=1"),
        ({"first_order": -1.0}, "at least 0"),
        ({"first_order": "mean"}, "observed"),
        ({"customers": 100_000, "draws": 10_000}, "fewer customers"),
        ({"economics": clv.Economics(margin="margin")}, "none of them"),
    ],
)
def test_new_customers_refuse(point: clv.FittedCLV, options: dict[str, object], words: str) -> None:
    with pytest.raises(clv.ArgumentError, match=words):
        clv.new_customer_value(point, "6M", **options)


def test_first_orders_that_are_not_there(point: clv.FittedCLV, cdnow_rfm: clv.RFM) -> None:
    bare = replace(point, rfm=replace(cdnow_rfm, statistics={}))
    with pytest.raises(clv.DataError, match=r"spend_first.*give first_order"):
        clv.new_customer_value(bare, "6M")


# --- channels ------------------------------------------------------------------------------------------------


def test_few_customers_lean_on_the_others(cdnow_rfm: clv.RFM) -> None:
    """Ten customers fitted alone are far from everyone's parameters, or much less certain; leaning, they are near.

    Killed: priors centred on 1 in scales of the data; the channel's own customers counted in its prior.
    """
    channel = np.where(np.arange(len(cdnow_rfm)) < 10, "small", "large")
    model = clv.CLVModel("bg_nbd", method="map")
    wide, narrow = (clv.fit_channels(model, cdnow_rfm, channel, between=b) for b in (3.0, 0.01))
    centre = np.log(wide.fits["large"].purchase.mode)
    gap = {
        name: np.abs(np.log(fits.fits["small"].purchase.mode) - centre).max()
        for name, fits in (("wide", wide), ("narrow", narrow))
    }
    assert gap["narrow"] < 0.5 * gap["wide"]
    large = cdnow_rfm.take(channel == "large")
    alone = model.fit(large)  # 2,347 customers say what they say
    np.testing.assert_allclose(wide.fits["large"].purchase.mode, alone.purchase.mode, rtol=0.2)
    others = model.fit(cdnow_rfm.take(channel == "small"))  # what the large channel leans on
    for name, belief in wide.fits["large"].purchase.provenance["priors"].items():
        assert belief["median"] == pytest.approx(others.purchase.params[name], rel=1e-6)
    assert wide.table["customers"].to_dict() == {"large": 2347, "small": 10, "everyone": 2357}


def test_a_channel_without_repeat_customers_borrows_spend(cdnow_rfm: clv.RFM) -> None:
    silent = np.flatnonzero(cdnow_rfm.frequency == 0)[:8]
    channel = np.full(len(cdnow_rfm), "shop", dtype=object)
    channel[silent] = "fair"
    fits = clv.fit_channels(clv.CLVModel("bg_nbd", "gamma_gamma", method="map"), cdnow_rfm, channel)
    assert fits.borrowed == ("fair",)
    assert fits.table.loc["fair", "spend_of"] == "everyone"
    value = clv.new_customer_value(fits.fits["fair"], "6M", customers=10, draws=20, label="fair")
    assert value.mean > 0


def test_labels_by_id_and_one_channel_only(cdnow_rfm: clv.RFM) -> None:
    model = clv.CLVModel("bg_nbd", method="map")
    some = cdnow_rfm.take(slice(None, None, 10))
    only = clv.fit_channels(model, some, dict.fromkeys(some.customer_id.tolist(), "shop"))
    assert list(only.fits) == ["shop"]
    np.testing.assert_array_equal(only.fits["shop"].purchase.mode, model.fit(some).purchase.mode)
    labels = np.array(["shop"] * len(some), dtype=object)
    labels[3] = None
    for channel, words in (
        (labels, "every customer needs a label"),
        (["shop"], "one value for each"),
        ({1: "shop"}, "missing"),
    ):
        with pytest.raises(clv.DataError, match=words):
            clv.fit_channels(model, some, channel)
    with pytest.raises(clv.ArgumentError, match="uses no prior"):
        clv.fit_channels(clv.CLVModel(method="mle"), some, labels)
    with pytest.raises(clv.ArgumentError, match="between"):
        clv.fit_channels(model, some, labels, between=0)


# --- plans ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plan(fitted: clv.FittedCLV, cdnow_rfm: clv.RFM) -> clv.AcquisitionForecast:
    small = replace(fitted, rfm=cdnow_rfm.take(slice(None, None, 40)))
    return clv.acquisition_plan(small, "6M", clv.NewCustomers(30, 10), ECONOMICS, draws=100, seed=1)


def test_total_is_present_plus_new_by_calendar_month(plan: clv.AcquisitionForecast) -> None:
    table = plan.period_table()
    assert [start.date().isoformat() for start in table["start"]][:2] == ["1997-10-01", "1997-11-01"]
    for name in ("revenue", "profit"):
        total = plan.existing[name].period_draws + plan.new[name].period_draws
        np.testing.assert_allclose(plan.total(name).period_draws, total, rtol=1e-12)
        np.testing.assert_allclose(table[f"total_{name}_mean"], total.mean(axis=0), rtol=1e-12)
    assert table.attrs["discounting"] == "none"


def test_new_customers_bring_what_they_are_worth(point: clv.FittedCLV, cdnow_rfm: clv.RFM) -> None:
    """All in the first month, arriving evenly over it: by the end of three months, the mean over their ages.

    Killed: all arriving on the first; customers of another month counted; counts ignored.
    """
    small = replace(point, rfm=cdnow_rfm.take(slice(None, None, 100)))
    plan = clv.acquisition_plan(small, "3M", [200, 0, 0], first_order=10.0, draws=100, seed=1)
    newcomer, days = cdnow_rfm.newcomers(1), (np.arange(31) + 0.5)
    spend = point.spend.model.expected_spend(point.spend.mode, newcomer)[0]
    ages = (92 - days) / 7  # October has 31 days; October to December 92
    bought = [point.purchase.model.expected_purchases(point.purchase.mode, newcomer, age)[0] for age in ages]
    expected = 200 * (10.0 + spend * np.mean(bought))
    revenue = plan.new["revenue"].draws
    assert abs(revenue.mean() - expected) < 4 * revenue.std() / math.sqrt(100)
    assert (plan.new["revenue"].period_draws[:, 0] >= 2000).all()


def test_nobody_buys_before_being_acquired(point: clv.FittedCLV, cdnow_rfm: clv.RFM) -> None:
    """Killed: flows of later arrivals entered from the first month on."""
    small = replace(point, rfm=cdnow_rfm.take(slice(None, None, 100)))
    plan = clv.acquisition_plan(small, "3M", [0, 0, 20], first_order=10.0, draws=20, seed=1)
    flow = plan.new["revenue"].period_draws
    assert not flow[:, :2].any()
    assert (flow[:, 2] >= 200).all()


def test_lives_that_stand_for_several_keep_the_mean(point: clv.FittedCLV, cdnow_rfm: clv.RFM) -> None:
    """Killed: lives weighted by their share instead of the customers they stand for."""
    small = replace(point, rfm=cdnow_rfm.take(slice(None, None, 100)))
    each, many = (
        clv.acquisition_plan(small, "2M", 150, draws=100, seed=1, most_lives=lives) for lives in (300, 60)
    )
    assert (each.provenance["customers_per_life"], many.provenance["customers_per_life"]) == (1, 5)
    here, there = each.new["revenue"].draws, many.new["revenue"].draws
    assert abs(here.mean() - there.mean()) < 4 * math.hypot(here.std(), there.std()) / 10
    assert there.std() > here.std()


@pytest.mark.parametrize(
    ("law", "common"), [("negative_binomial", True), ("negative_binomial", False), ("log_normal", True)]
)
def test_counts_have_the_mean_and_sd_asked_for(law: str, common: bool, rng: np.random.Generator) -> None:
    """Killed: Poisson's variance added on top of the sd; one level per period where one for all was asked."""
    counts = clv.NewCustomers(50, 20, law, common).sample(40_000, 3, rng)
    assert counts.mean(axis=0) == pytest.approx([50] * 3, rel=0.01)  # 4 standard errors are 0.8 %
    assert counts.std(axis=0) == pytest.approx([20] * 3, rel=0.05)
    together = np.corrcoef(counts[:, 0], counts[:, 1])[0, 1]
    assert together == pytest.approx(350 / 400 if common else 0.0, abs=0.04)


def test_counts_of_poisson_and_none(rng: np.random.Generator) -> None:
    poisson = clv.NewCustomers([0, 16], [0, 4]).sample(20_000, 2, rng)
    assert (poisson[:, 0] == 0).all()
    assert poisson[:, 1].std() == pytest.approx(4.0, rel=0.03)
    assert clv.NewCustomers([3, 0]).sample(2, 2, rng).tolist() == [[3, 0], [3, 0]]


def test_budget(plan: clv.AcquisitionForecast) -> None:
    """Killed: acquisition cost per plan instead of per customer; a running sum without the present customers."""
    table = clv.budget_table(plan, 7.0)
    np.testing.assert_allclose(table["acquisition_cost_mean"], 7 * plan.counts.mean(axis=0), rtol=1e-12)
    after = plan.total("profit").period_draws - 7 * plan.counts
    np.testing.assert_allclose(table["profit_mean"], after.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(table["profit_so_far_mean"].iloc[-1], after.sum(axis=1).mean(), rtol=1e-12)
    assert table["p_profit_so_far"].iloc[-1] == np.mean(after.sum(axis=1) > 0)
    assert table.attrs["currency"] == "USD"
    for cac, words in ((-1, "at least 0"), ([1, 2], "6 periods")):
        with pytest.raises(clv.ArgumentError, match=words):
            clv.budget_table(plan, cac)


def test_plans_refuse(point: clv.FittedCLV, cdnow_rfm: clv.RFM) -> None:
    small = replace(point, rfm=cdnow_rfm.take(slice(0, 20)))
    clockless = replace(small, rfm=replace(small.rfm, observed_until=None))
    cases = [
        (small, 10, {"period": "W"}, "calendar months"),
        (small, -5, {}, "at least 0"),
        (small, 2.5, {}, "whole numbers"),
        (small, [1, 2], {}, "3 periods"),
        (small, "many", {}, "must be a number"),
        (small, 10, {"economics": clv.Economics(margin=np.full(20, 0.3))}, "none of them"),
        (clockless, 10, {}, "observation_end"),
        (clv.HistoricalCLV().fit(cdnow_rfm), 10, {}, "formula"),
        (replace(small, rfm=None), 10, {}, "loaded fit"),
    ]
    for fitted, new, options, words in cases:
        with pytest.raises(clv.ArgumentError, match=words):
            clv.acquisition_plan(fitted, "3M", new, draws=5, **options)
    for changes, words in (
        ({"sd": 5}, "square root"),
        ({"sd": 20, "law": "normal"}, "is not one of"),
        ({"sd": [20, -1]}, "at least 0"),
    ):
        with pytest.raises(clv.ArgumentError, match=words):
            clv.NewCustomers(100, **changes)
    with pytest.raises(clv.ArgumentError, match="log_normal"):
        clv.NewCustomers([10, 100], [10, 20]).sample(5, 2, np.random.default_rng(1))
