"""Criticism: each check in simulated shops with the effect and without it, and by hand where that can be done."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels import metrics
from clvmodels.backtesting import Scorecard
from clvmodels.criticism import (
    Sampling,
    Suspicion,
    cohort_drift,
    criticise,
    origin_drift,
    purchase_regularity,
    seasonality,
    spend_and_frequency,
    spend_shape,
    spend_spread,
    suspicion_table,
)
from clvmodels.criticism.spread import _expected_gap
from clvmodels.errors import ArgumentError, DataError
from clvmodels.rfm import RFM
from clvmodels.transactions import PurchaseEvents
from clvmodels.transactions.gaps import rounding_of

Shop = tuple[RFM, PurchaseEvents]
QUICK = Sampling(resamples=300)
START = date(2024, 1, 1)


def shop(
    rng: np.random.Generator,
    customers: int = 1500,
    weeks: int = 78,
    *,
    acquisition: float = 26,
    rate: float = 0.35,
    stages: float = 1.0,
    season: float = 0.0,
    drift: float = 0.0,
    day: float = 1.0,
) -> Shop:
    """Customers of gamma rates, who leave after an exponential time and buy at Erlang gaps; dates by days."""
    birth = rng.uniform(0, acquisition, customers)
    pace = rng.gamma(1.2, rate / 1.2, customers) * np.exp(drift * birth)
    leave = birth + rng.exponential(1, customers) / rng.gamma(1.5, 0.02, customers)
    gaps = rng.gamma(stages, 1 / stages, (customers, int(2.5 * weeks * max(rate, 1)) + 20)) / pace[:, None]
    moments = birth[:, None] + np.cumsum(gaps, axis=1)
    swing = (1 + season * np.cos(2 * np.pi * (moments / 52.18 - 0.95))) / (1 + season)  # highest in December
    bought = (moments < np.minimum(leave, weeks)[:, None]) & (rng.random(moments.shape) < swing)
    who, _ = np.nonzero(bought)
    who = np.concatenate([np.arange(customers), who])
    ticks = np.floor(np.concatenate([birth, moments[bought]]) * 7 / day)
    who, ticks = np.unique(np.stack([who, ticks]), axis=1)
    return summary(who.astype(int), (ticks + 1) * day / 7 - weeks, weeks, day / 7)


def summary(who: np.ndarray, time: np.ndarray, weeks: int, tick: float = 1 / 7) -> Shop:
    """The summary and the events of purchases that end at a time (weeks from the cutoff)."""
    is_first = np.diff(who, prepend=-1) != 0
    events = PurchaseEvents(who, time, np.ones(len(who)), is_first, None)
    first, last = time[is_first], time[np.append(is_first[1:], True)]
    rfm = RFM.from_arrays(
        frequency=np.bincount(who) - 1,
        recency=np.maximum(last - first, 0),
        T=np.maximum(-first, last - first),
        time_unit="W",
        observation_end=START + timedelta(days=7 * weeks - 1),
    )
    return rfm, events


def priced(rng: np.random.Generator, one: Shop, amount: Callable[[np.ndarray], np.ndarray]) -> Shop:
    """The shop with amounts, given by a function of the customer of each purchase."""
    rfm, events = one
    spend = amount(events.customer)
    repeat = ~events.is_first
    who, n = events.customer, len(rfm)
    total, first = (np.bincount(who[some], spend[some], n) for some in (repeat, ~repeat))
    logs = np.bincount(who, np.log(spend), n)
    money = RFM.from_arrays(
        frequency=rfm.frequency,
        recency=rfm.recency,
        T=rfm.T,
        time_unit="W",
        monetary_value=total / np.maximum(rfm.frequency, 1),
        statistics={
            "spend_log_sum": logs,
            "spend_positive_count": rfm.frequency + 1,
            "spend_first": first,
        },
        observation_end=START + timedelta(days=7 * 78 - 1),
    )
    return money, replace(events, spend=spend)


def gamma_amounts(rng: np.random.Generator, one: Shop, p: Any = 3.0, slope: float = 0.0) -> Shop:
    """Gamma-Gamma, or customers with shapes of their own (n,), or levels that grow with the frequency."""
    level = 15.4 / rng.gamma(3.74, 1, len(one[0])) * (1 + one[0].frequency) ** slope
    shape = np.broadcast_to(np.asarray(p, dtype=float), len(one[0]))
    return priced(rng, one, lambda who: rng.gamma(shape[who]) * level[who])


def alarms(check: Callable[[int], Suspicion], worlds: int) -> Counter[str]:
    return Counter(check(seed).verdict for seed in range(worlds))


def assert_calm(found: Counter[str], share: float = 0.1) -> None:
    """No harm is seen where there is none, and no more worlds than the level says are worth a look (z = 3)."""
    worlds = sum(found.values())
    assert found["not run"] == 0
    assert found["suspect"] == 0
    assert found["worth a look"] <= worlds * share + 3 * np.sqrt(worlds * share * (1 - share))


# --- purchase regularity -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stages", [0.5, 1.0, 2.0, 5.0])
def test_share_of_two_gaps_is_beta(stages: float, rng: np.random.Generator) -> None:
    """What the check rests on: M of Erlang gaps is Beta(k, k), and k comes back from its variance."""
    first, second = rng.gamma(stages, 1, (2, 20_000))
    share = first / (first + second)
    assert stats.kstest(share, stats.beta(stages, stages).cdf).pvalue > 1e-3
    variance = stats.beta(stages, stages).var()
    assert variance == pytest.approx(1 / (4 * (2 * stages + 1)))
    assert (1 - 4 * variance) / (8 * variance) == pytest.approx(stages)


def pairs(gaps: list[tuple[int, int]], weeks: int = 200) -> Shop:
    """One customer per pair of gaps in days."""
    days = np.array([[0, one, one + two] for one, two in gaps]) + 7
    who = np.repeat(np.arange(len(gaps)), 3)
    return summary(who, (days.ravel() + 1) / 7 - weeks, weeks)


@pytest.mark.parametrize("span", [8, 9, 30])
def test_every_split_of_a_span_of_days_is_exactly_random(span: int) -> None:
    """Purchases of a memoryless customer put the middle one on any day with equal chances: k = 1, not more."""
    found = purchase_regularity(*pairs([(g, span - g) for g in range(1, span)] * 20), QUICK)
    assert found.estimate == pytest.approx(1, rel=1e-9)
    assert found.verdict == "clear"
    assert found.frame["customers"].sum() == 20 * (span - 1)


def test_the_middle_gaps_are_taken() -> None:
    """Four gaps of 9, 10, 10, 9 days and three of 10, 10, 99: the 9 and the 99 stay out; all M are one half."""
    days = [np.cumsum([7, 9, 10, 10, 9])] * 30 + [np.cumsum([7, 10, 10, 99])] * 30
    who = np.repeat(np.arange(60), [5] * 30 + [4] * 30)
    found = purchase_regularity(*summary(who, (np.concatenate(days) + 1) / 7 - 200, 200), QUICK)
    assert (found.frame["customers"] > 0).sum() == 1
    # v = 1 / (12 · 19²), so k = (1 - 4 v) / (8 v)
    v = 1 / (12 * 19**2)
    assert found.estimate == pytest.approx((1 - 4 * v) / (8 * v), rel=1e-9)


def test_random_purchases_raise_no_alarm() -> None:
    assert_calm(alarms(lambda seed: purchase_regularity(*shop(np.random.default_rng(seed)), QUICK), 40))


def test_rounding_to_days_fakes_no_regularity() -> None:
    """Customers who buy every other day: raw gaps in days look regular, and the check does not fall for it."""

    def fast(seed: int) -> Shop:
        return shop(np.random.default_rng(seed), 800, 40, acquisition=10, rate=2.5)

    assert_calm(alarms(lambda seed: purchase_regularity(*fast(seed), QUICK), 20))
    _, events = fast(1)
    gaps = np.diff(events.time)[1:][np.diff(events.customer)[1:] == 0]
    share = gaps[:-1:2] / (gaps[:-1:2] + gaps[1::2])[: len(gaps[:-1:2])]
    raw = np.mean((share - 0.5) ** 2)
    assert (1 - 4 * raw) / (8 * raw) > 1.3
    assert "rounded to days" in purchase_regularity(*fast(1), QUICK).sentence


@pytest.mark.parametrize(("stages", "verdict"), [(0.3, "suspect"), (2.0, "suspect"), (1.25, "worth a look")])
def test_regular_and_bursting_customers_are_seen(stages: float, verdict: str) -> None:
    found = purchase_regularity(*shop(np.random.default_rng(1), 4000, stages=stages), QUICK)
    assert found.verdict == verdict
    # the end of observation cuts long gaps off, of bursts most of all, which pulls k towards 1
    assert min(stages, 1) < found.estimate < max(stages, 1) * 1.1
    assert abs(found.estimate - 1) > 0.6 * abs(stages - 1)
    assert found.low < found.estimate < found.high
    assert ("bursts" in found.sentence) == (stages < 1)
    assert "never observed" in found.sentence


def test_rounding_is_told_from_weekly_customers() -> None:
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(60), 10)
    weekly = np.tile(np.arange(10), 60) + np.repeat(rng.integers(0, 7, 60) / 7, 10) - 20
    assert rounding_of(summary(who, weekly, 20)[1], "W") == pytest.approx(1 / 7)
    assert rounding_of(shop(rng, 100, day=7.0)[1], "W") == 1
    assert rounding_of(summary(who, np.sort(rng.uniform(-9, -1, (60, 10))).ravel(), 20)[1], "W") == 0


def test_too_few_gaps_are_said() -> None:
    few = purchase_regularity(*shop(np.random.default_rng(1), 60, rate=0.01), QUICK)
    assert few.verdict == "not run"
    assert "50 are needed" in few.sentence
    assert (
        purchase_regularity(*shop(np.random.default_rng(1), 500, day=7.0, rate=2.0), QUICK).verdict
        == "not run"
    )


# --- seasonality -------------------------------------------------------------------------------------------


def test_a_shop_without_seasons_raises_no_alarm() -> None:
    assert_calm(alarms(lambda seed: seasonality(*shop(np.random.default_rng(seed)), None, QUICK), 25))


@pytest.mark.parametrize("weeks", [78, 130])
def test_a_season_is_seen_with_its_size_and_its_month(weeks: int) -> None:
    found = seasonality(*shop(np.random.default_rng(3), 4000, weeks, season=0.4), None, QUICK)
    assert found.verdict == "suspect"
    assert found.low < 100 * 0.4 / np.sqrt(2) < found.high  # root mean square of a cosine
    assert any(month in found.sentence for month in ("November", "December"))
    assert ("single event" in found.sentence) == (weeks < 104)
    frame = found.frame
    assert frame["actual"].sum() == pytest.approx(frame["expected"].sum() * 1.0, rel=0.05)
    assert str(frame["month"].iloc[0])[:7] == "2024-02"  # the first customer came in January


def test_months_are_counted_by_hand() -> None:
    rfm, events = shop(np.random.default_rng(3), 800)
    frame = seasonality(rfm, events, None, QUICK).frame
    day = np.datetime64(START) + np.round((events.time + 78) * 7 - 1).astype("timedelta64[D]")
    month = day[~events.is_first].astype("datetime64[M]")
    for found, actual in zip(frame["month"].to_numpy().astype("datetime64[M]"), frame["actual"], strict=True):
        assert actual == (month == found).sum()
    assert frame["month"].max() == np.datetime64("2025-05-01")  # June ends on the 29th here: not full


def test_a_fitted_model_s_curve_is_used() -> None:
    class Flat:
        """Expects one purchase a week from everybody for ever."""

        asked = 0

        def expected_history(self, age: np.ndarray) -> np.ndarray:
            self.asked += 1
            return age

    rfm, events = shop(np.random.default_rng(3), 800)
    flat: Any = Flat()
    found = seasonality(rfm, events, flat, QUICK)
    assert flat.asked == 1
    own = seasonality(rfm, events, clv.CLVModel("pareto_nbd", None, "mle").fit(rfm), QUICK)
    plain = seasonality(rfm, events, None, QUICK)
    assert own.estimate == plain.estimate
    assert found.estimate != plain.estimate


@pytest.mark.parametrize(
    ("options", "has_calendar", "words"),
    [
        ({}, False, "observation_end"),
        ({"weeks": 40}, True, "8 full months"),
        ({"rate": 0.003}, True, "200 are needed"),
    ],
)
def test_seasons_need_a_year_and_a_calendar(options: dict[str, Any], has_calendar: bool, words: str) -> None:
    rfm, events = shop(np.random.default_rng(1), 300, **options)
    found = seasonality(rfm if has_calendar else replace(rfm, observed_until=None), events, None, QUICK)
    assert found.verdict == "not run"
    assert words in found.sentence
    assert np.isnan(found.estimate)


# --- drift -------------------------------------------------------------------------------------------------


def test_equal_cohorts_raise_no_alarm() -> None:
    assert_calm(alarms(lambda seed: cohort_drift(*shop(np.random.default_rng(seed)), QUICK), 40))


def test_cohorts_that_buy_less_are_seen() -> None:
    found = cohort_drift(*shop(np.random.default_rng(1), 4000, drift=-0.04), QUICK)
    assert found.verdict == "suspect"
    # half a window of 26 weeks apart on average: exp(-0.04 · 13) = 0.59, a little blurred by those who leave
    assert found.low < 0.62 < found.high
    assert "same prospects" in found.sentence
    frame = found.frame
    assert frame["customers"].sum() == 4000
    assert frame["purchases"].is_monotonic_increasing  # the oldest come last


def test_cohorts_are_compared_at_one_age() -> None:
    """Two cohorts by hand: 40 customers of age 20 and 40 of age 10, all count purchases up to age 10 only."""
    who = np.repeat(np.arange(80), [3] * 40 + [2] * 40)
    early, late = [-20.0, -15.0, -5.0], [-10.0, -1.0]
    found = cohort_drift(*summary(who, np.array(early * 40 + late * 40), 30), QUICK)
    assert found.estimate == 1  # one purchase by age 10 each; the early ones' second came at age 15
    assert found.frame["purchases"].tolist() == [1, 1]


def test_one_cohort_cannot_drift() -> None:
    who = np.repeat(np.arange(80), 2)
    found = cohort_drift(*summary(who, np.tile([-20.0, -5.0], 80), 30), QUICK)
    assert found.verdict == "not run"


def backtest(ratios: list[float], error: float = 0.05, **columns: Any) -> Scorecard:
    """A scorecard of one model with totals only: actual over expected, and intervals of a relative error."""
    import pandas as pd

    count, nothing = len(ratios), pd.DataFrame()
    totals = {
        "origin": [f"2025-0{i + 1}-01" for i in range(count)],
        "horizon": "26W",
        "model": "Pareto/NBD",
        "quantity": "purchases",
        "is_distribution": True,
        "mean": 1000.0,
        "q05": 1000 * (1 - 1.6448536 * error),
        "q95": 1000 * (1 + 1.6448536 * error),
        "actual": 1000.0 * np.array(ratios),
    }
    table = pd.DataFrame({**totals, **columns})
    return Scorecard(nothing, table, nothing, nothing, nothing, nothing, None, {})


@pytest.mark.parametrize("dependence", [-1.0, 0.0, 1.0])
def test_drift_between_origins_is_calm_however_origins_depend(dependence: float) -> None:
    """The worst case, errors of opposite signs, is the one the interval is made for."""
    rng, found = np.random.default_rng(4), Counter[str]()
    for _ in range(200):
        one, own = rng.normal(0, 0.05, 2)
        other = dependence * one + np.sqrt(1 - dependence**2) * own
        found[origin_drift(backtest([np.exp(one), np.exp(other)]), "Pareto/NBD").verdict] += 1
    assert_calm(found)
    if dependence == -1:
        assert found["worth a look"] > 200 * 0.1 - 3 * np.sqrt(200 * 0.09)


def test_drift_between_origins_by_hand() -> None:
    found = origin_drift(backtest([1.0, 0.9, 0.5]), "Pareto/NBD")
    assert found.estimate == pytest.approx(0.5)
    assert found.high == pytest.approx(0.5 * np.exp(1.6448536 * 0.1))
    assert found.verdict == "suspect"
    assert "2 of 3 totals lie outside" in found.sentence  # 0.9 and 0.5 are outside 1 ± 0.08
    assert found.frame["covered"].tolist() == [True, False, False]
    assert origin_drift(backtest([1.0]), "Pareto/NBD").verdict == "not run"
    assert origin_drift(backtest([1.0, 0.7], q05=np.nan), "Pareto/NBD").verdict == "not run"
    assert origin_drift(backtest([1.0, 0.0]), "Pareto/NBD").verdict == "not run"
    with pytest.raises(ArgumentError, match="Pareto/NBD"):
        origin_drift(backtest([1.0]), "BG/NBD")


# --- spend -------------------------------------------------------------------------------------------------


def test_unrelated_spend_raises_no_alarm_where_the_usual_correlation_does() -> None:
    def world(seed: int) -> Shop:
        rng = np.random.default_rng(seed)
        return gamma_amounts(rng, shop(rng), p=1.0)

    assert_calm(alarms(lambda seed: spend_and_frequency(*world(seed), QUICK), 40))
    rfm, _ = world(1)
    repeat = rfm.frequency > 0
    mean_of_all = metrics.spearman(rfm.frequency[repeat], rfm.monetary_value[repeat])  # type: ignore[index]
    assert mean_of_all > 3.3 / np.sqrt(repeat.sum())  # the means of many skewed amounts have a higher median


@pytest.mark.parametrize("slope", [-0.5, 0.5])
def test_spend_that_goes_with_frequency_is_seen(slope: float) -> None:
    rng = np.random.default_rng(1)
    found = spend_and_frequency(*gamma_amounts(rng, shop(rng, 3000), slope=slope), QUICK)
    assert found.verdict == "suspect"
    assert found.low < found.estimate < found.high
    assert np.sign(found.estimate) == np.sign(slope)
    assert ("pay more" in found.sentence) == (slope > 0)
    means = found.frame["mean_spend"]
    assert (means.iloc[-1] > means.iloc[0]) == (slope > 0)


def test_correlation_equals_scipy_on_the_middle_amounts() -> None:
    rng = np.random.default_rng(1)
    rfm, events = gamma_amounts(rng, shop(rng, 400))
    assert events.spend is not None
    repeat = ~events.is_first
    middle = {
        one: np.array(list(chosen))
        for one, chosen in itertools.groupby(np.flatnonzero(repeat), key=lambda row: events.customer[row])
    }
    amount = [events.spend[rows[(len(rows) - 1) // 2]] for rows in middle.values()]
    frequency = rfm.frequency[list(middle)]
    found = spend_and_frequency(rfm, events, QUICK)
    assert found.estimate == pytest.approx(stats.spearmanr(frequency, amount).statistic, rel=1e-12)
    wide = 2 * 1.645 / np.sqrt(len(amount))
    assert found.high - found.low == pytest.approx(wide, rel=0.25)
    held = metrics.holdout_by_frequency(frequency, rfm.monetary_value[list(middle)])  # type: ignore[index]
    np.testing.assert_allclose(found.frame["mean_spend"], held["actual"], rtol=1e-9)


@pytest.mark.parametrize("p", [0.5, 3.0])
@pytest.mark.parametrize("purchases", [2, 7])
def test_moments_of_the_log_gap(p: float, purchases: int, rng: np.random.Generator) -> None:
    """E D and Var D of gamma amounts, against 200,000 simulated customers."""
    amounts = rng.gamma(p, 1, (200_000, purchases))
    gap = np.log(amounts.mean(axis=1)) - np.log(amounts).mean(axis=1)
    mean, variance = (float(found[0, 0]) for found in _expected_gap(np.array([purchases]), np.array([p])))
    assert abs(gap.mean() - mean) < 4 * gap.std() / np.sqrt(200_000)
    assert abs(gap.var() - variance) < 4 * ((gap - mean) ** 2).std() / np.sqrt(200_000)


@pytest.mark.parametrize(("customers", "p"), [(300, 3.0), (2500, 1.0)])
def test_amounts_of_gamma_gamma_raise_no_alarm(customers: int, p: float) -> None:
    def world(seed: int) -> RFM:
        rng = np.random.default_rng(seed)
        return gamma_amounts(rng, shop(rng, customers), p)[0]

    assert_calm(alarms(lambda seed: spend_spread(world(seed), QUICK), 25))
    assert_calm(alarms(lambda seed: spend_shape(world(seed), QUICK), 8), share=0.2)


def test_customers_of_different_regularity_are_seen() -> None:
    rng = np.random.default_rng(1)
    one = shop(rng, 3000)
    mixed = rng.choice([0.8, 30.0], 3000)
    found = spend_spread(gamma_amounts(rng, one, mixed)[0], QUICK)
    assert found.verdict == "suspect"
    assert found.estimate > 1.5
    outliers = priced(
        rng, one, lambda who: rng.gamma(3.0, 10, len(who)) * np.where(rng.random(len(who)) < 0.01, 50, 1)
    )
    assert spend_spread(outliers[0], QUICK).verdict == "suspect"
    frame = found.frame
    assert (frame["variance_d"] > frame["expected_variance"]).mean() > 0.7
    assert frame["customers"].sum() == ((one[0].frequency > 1) & (one[0].frequency <= 30)).sum()


def test_shape_of_amounts_comes_back_and_wandering_levels_are_seen() -> None:
    rng = np.random.default_rng(2)
    one = shop(rng, 6000)
    found = spend_shape(gamma_amounts(rng, one, 3.0)[0], QUICK)
    assert found.frame["p"].iloc[0] == pytest.approx(3, rel=0.05)
    assert found.low < 1 < found.high
    level = 15.4 / rng.gamma(3.74, 1, 6000)
    alike = 1 / rng.gamma(3, 1, 6000)  # one level per customer in the means, and amounts that hardly vary

    def trended(who: np.ndarray) -> np.ndarray:
        return level[who] * alike[who] * rng.gamma(40, 1 / 40, len(who)) * rng.gamma(2, 1 / 2, 6000)[who]

    steady = spend_shape(priced(rng, one, trended)[0], QUICK)
    assert steady.estimate > 1.5
    assert steady.verdict != "clear"
    assert "too little" in steady.sentence


def test_spend_checks_say_what_they_lack() -> None:
    rng = np.random.default_rng(1)
    rfm, events = shop(rng, 300)
    assert "no amounts" in spend_and_frequency(rfm, events, QUICK).sentence
    assert "rfm_summary" in spend_spread(rfm, QUICK).sentence
    same, paid = priced(rng, (rfm, events), lambda who: np.full(len(who), 9.99))
    assert "pays the same" in spend_spread(same, QUICK).sentence
    assert "pays the same" in spend_shape(same, QUICK).sentence
    assert spend_and_frequency(same, paid, QUICK).verdict == "not run"


# --- all together ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cdnow_shop() -> Shop:
    rfm, holdout = clv.calibration_holdout(clv.load_cdnow("sample"), cutoff="1998-06-29", spend="spend")
    return rfm, holdout.before


def test_criticise_runs_what_the_data_allow(cdnow_shop: Shop) -> None:
    found = {one.name: one for one in criticise(*cdnow_shop, scorecard=backtest([1.0, 0.98]), resamples=200)}
    assert list(found) == [
        "purchase regularity",
        "seasonality",
        "drift between cohorts",
        "spend and frequency",
        "over-dispersed spend",
        "spend shape",
        "drift between origins: Pareto/NBD",
    ]
    assert {one.verdict for one in found.values()} <= {"clear", "worth a look", "suspect"}
    assert found["purchase regularity"].verdict == "clear"
    table = suspicion_table(found.values())
    assert table["name"].tolist() == list(found)
    assert all("90 %" in sentence for sentence in table["sentence"])
    for one in found.values():
        assert one.frame.attrs["check"] == one.name
        assert str(one).startswith(f"{one.name}: {one.verdict}. ")


def test_what_cannot_be_run_is_listed_with_its_reason() -> None:
    found = criticise(*shop(np.random.default_rng(1), 300, 40), resamples=200)
    reasons = {one.name: one.sentence for one in found if one.verdict == "not run"}
    assert set(reasons) == {
        "seasonality",
        "spend and frequency",
        "over-dispersed spend",
        "spend shape",
        "drift between origins",
    }
    assert all(reason.startswith("Not checked: ") for reason in reasons.values())
    formula = criticise(
        *shop(np.random.default_rng(1), 300, 40),
        resamples=200,
        scorecard=backtest([1.0], is_distribution=False),
    )
    assert "no forecaster of the backtest gives a distribution" in formula[-1].sentence


def test_one_customer_is_enough_to_be_told_no() -> None:
    rfm, events = shop(np.random.default_rng(1), 1)
    assert {one.verdict for one in criticise(rfm, events, resamples=200)} == {"not run"}


def test_the_order_of_customers_and_the_type_of_ids_leave_no_trace(cdnow_shop: Shop) -> None:
    rfm, events = cdnow_shop
    order = np.random.default_rng(1).permutation(len(rfm))
    place = np.argsort(order)[events.customer]
    rows = np.argsort(place, kind="stable")
    mixed = PurchaseEvents(
        place[rows],
        events.time[rows],
        events.purchases[rows],
        events.is_first[rows],
        None if events.spend is None else events.spend[rows],
    )
    renamed = replace(rfm.take(order), customer_id=rfm.customer_id[order].astype(str))
    for one, two in zip(
        criticise(rfm, events, resamples=200), criticise(renamed, mixed, resamples=200), strict=True
    ):
        assert (one.estimate, one.low, one.high, one.sentence) == (
            two.estimate,
            two.low,
            two.high,
            two.sentence,
        ) or (one.verdict == two.verdict == "not run")
        for name, column in one.evidence.items():
            np.testing.assert_array_equal(column, two.evidence[name])
    assert purchase_regularity(rfm, events, Sampling(seed=1)).low != purchase_regularity(rfm, events).low


def test_events_of_another_summary_are_refused(cdnow_shop: Shop) -> None:
    rfm, events = cdnow_shop
    with pytest.raises(DataError, match="before"):
        criticise(rfm.take(slice(0, 100)), events)
    with pytest.raises(DataError, match="as many repeat purchases"):
        cohort_drift(rfm.take(np.arange(len(rfm))[::-1]), events)
    with pytest.raises(DataError, match="up to its end"):
        purchase_regularity(rfm, replace(events, time=events.time + 500))
    patterns, _ = rfm.compress()
    with pytest.raises(DataError, match="several customers"):
        criticise(patterns, events)
    with pytest.raises(DataError, match="several customers"):
        spend_spread(patterns)


@pytest.mark.parametrize(
    ("options", "words"), [({"level": 90}, "0.9"), ({"resamples": 5}, "at least 100"), ({"seed": -1}, "seed")]
)
def test_settings_out_of_range_are_refused(cdnow_shop: Shop, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        criticise(*cdnow_shop, **options)


def test_a_smaller_interval_finds_more(cdnow_shop: Shop) -> None:
    wide, narrow = (purchase_regularity(*cdnow_shop, Sampling(level=level)) for level in (0.99, 0.5))
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high
    assert "99 %" in wide.sentence
