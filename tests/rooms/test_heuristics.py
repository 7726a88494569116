"""Managers' rules against a log worked out by hand.

Observed until 2026-02-10; half of the oldest customer's 40 days is 20, so the earlier date is 2026-01-21.

===  ==================  ==========================  ==============  =============
id   bought on           silent at the earlier date  came back       silent at the end
===  ==================  ==========================  ==============  =============
ann  Jan 1, 20, Feb 5    1 day                       yes             5 days
bob  Jan 1, 15, Feb 1    6 days                      yes             9 days
cat  Jan 1, 10           11 days                     no              31 days
dan  Jan 5               16 days                     no              36 days
===  ==================  ==========================  ==============  =============
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.baselines import BASELINES, HiatusRule, PastBest
from clvmodels.errors import ArgumentError, DataError
from clvmodels.rfm import RFM, earlier_windows

BOUGHT = {
    "ann": ["2026-01-01", "2026-01-20", "2026-02-05"],
    "bob": ["2026-01-01", "2026-01-15", "2026-02-01"],
    "cat": ["2026-01-01", "2026-01-10"],
    "dan": ["2026-01-05"],
}
SPEND = {"ann": [5, 10, 30], "bob": [5, 20, 20], "cat": [5, 20], "dan": [5]}


def log_of(bought: dict[str, list[str]], spend: dict[str, list[float]]) -> pd.DataFrame:
    rows = [(who, day, amount) for who in bought for day, amount in zip(bought[who], spend[who], strict=True)]
    return pd.DataFrame(rows, columns=["customer_id", "date", "spend"])


@pytest.fixture
def log() -> pd.DataFrame:
    return log_of(BOUGHT, SPEND)


def summary(log: pd.DataFrame, end: str = "2026-02-10", unit: str = "D") -> RFM:
    return clv.rfm_summary(log, spend="spend", observation_end=end, time_unit=unit)


def by_customer(forecast: clv.Forecast, column: str) -> dict[str, float]:
    return dict(zip(forecast.columns["customer_id"].tolist(), forecast.columns[column].tolist(), strict=True))


# --- the hiatus rule ---------------------------------------------------------------------------------------


def test_the_cut_parts_those_who_came_back_from_those_who_did_not(log: pd.DataFrame) -> None:
    fitted = HiatusRule().fit(summary(log))
    assert "silent for at most 8.5 days" in fitted.summary  # halfway between 6 and 11
    assert "as of 2026-01-21, watched until 2026-02-10" in fitted.summary
    assert "100% of the 2 who came back, 100% of the 2 who did not" in fitted.summary
    assert "1 of 4 are" in fitted.summary
    forecast = fitted.forecast("10D")
    # ann alone is active: 2 repeat purchases and 40 of spend in 40 days
    assert by_customer(forecast, "expected_purchases") == pytest.approx(
        {"ann": 0.5, "bob": 0, "cat": 0, "dan": 0}
    )
    assert by_customer(forecast, "clv_mean") == pytest.approx({"ann": 10, "bob": 0, "cat": 0, "dan": 0})


def test_a_silence_as_long_as_the_cut_is_still_active(log: pd.DataFrame) -> None:
    rates = {
        cut: HiatusRule(cut=cut).fit(summary(log)).forecast("10D").purchases.mean for cut in ("8D", "9D")
    }
    assert rates == pytest.approx({"8D": 0.5, "9D": 1.0})


def test_the_window_has_the_length_asked_for(log: pd.DataFrame) -> None:
    # from February 1 on: ann (12 days silent then) came back on the 5th; bob, who came on the 1st, had just been
    fitted = HiatusRule(window="9D").fit(summary(log))
    assert "as of 2026-02-01, watched until 2026-02-10" in fitted.summary
    assert "100% of the 1 who came back" in fitted.summary


def test_the_cut_is_the_best_of_all(rng: np.random.Generator) -> None:
    """Against every cut tried one by one, with the shares as they are defined."""
    for _ in range(20):
        days = [np.sort(rng.choice(60, rng.integers(1, 6), replace=False)) for _ in range(25)]
        start = np.datetime64("2026-01-01")
        bought = {
            f"c{i}": [str(start)] * (i == 0)
            + [str(start + np.timedelta64(int(d), "D")) for d in day if i or d]
            for i, day in enumerate(days)
        }
        rfm = summary(
            log_of(bought, {who: [1.0] * len(dates) for who, dates in bought.items()}), "2026-03-10"
        )
        (window,) = earlier_windows(rfm)
        silence, back = window.summary.T - window.summary.recency, window.outcome.purchases > 0
        kinds = np.unique(silence)
        cuts = [-1.0, *((kinds[1:] + kinds[:-1]) / 2), 1e9]
        score = [np.mean([(silence[back] <= cut).mean(), (silence[~back] > cut).mean()]) for cut in cuts]
        best = cuts[int(np.flatnonzero(np.isclose(score, max(score), atol=1e-12))[0])]
        active = rfm.T - rfm.recency <= best
        fitted = HiatusRule().fit(rfm)
        np.testing.assert_allclose(fitted.purchase_rate, active * rfm.frequency / np.maximum(rfm.T, 7))


@pytest.mark.parametrize(
    ("later", "words", "active"),
    [
        ({"ann": [], "bob": []}, "active is nobody", 0),
        ({"cat": ["2026-02-01"], "dan": ["2026-02-01"]}, "active whatever the silence", 4),
    ],
)
def test_all_came_back_or_none(later: dict[str, list[str]], words: str, active: int) -> None:
    bought = {who: [day for day in days if day < "2026-01-22"] for who, days in BOUGHT.items()}
    if active:
        bought = BOUGHT | {who: [*bought[who], *days] for who, days in later.items()}
    fitted = HiatusRule().fit(
        summary(log_of(bought, {who: [1.0] * len(days) for who, days in bought.items()}))
    )
    assert words in fitted.summary
    assert f"{active} of 4 are" in fitted.summary


# --- past best stays best ----------------------------------------------------------------------------------


def test_shares_are_held_and_the_last_total_repeats_itself(log: pd.DataFrame) -> None:
    forecast = PastBest().fit(summary(log)).forecast("20D")
    # of five repeat purchases two fell into the last 20 days; spend: 100 in all, 50 in the last 20 days
    assert by_customer(forecast, "expected_purchases") == pytest.approx(
        {"ann": 0.8, "bob": 0.8, "cat": 0.4, "dan": 0}
    )
    assert by_customer(forecast, "clv_mean") == pytest.approx({"ann": 20, "bob": 20, "cat": 10, "dan": 0})
    assert forecast.purchases.mean == pytest.approx(2)
    assert forecast.total.mean == pytest.approx(50)


def test_the_total_is_that_of_the_window(cdnow: pd.DataFrame, cdnow_rfm: RFM) -> None:
    repeat = cdnow.drop_duplicates(["customer_id", "date"]).sort_values("date")
    repeat = repeat[repeat.duplicated("customer_id") & (repeat["date"].astype(str) <= "1997-09-30")]
    recent = (repeat["date"].astype(str) > "1997-07-08").sum()
    forecast = PastBest(window="12W").fit(cdnow_rfm).forecast("12W")
    assert forecast.purchases.mean == pytest.approx(recent, rel=1e-12)
    order = np.argsort(forecast.columns["expected_purchases"], kind="stable")
    assert (np.diff(cdnow_rfm.frequency[order]) >= 0).all()


def test_nobody_ever_came_back() -> None:
    bought = {"ann": ["2026-01-01"], "bob": ["2026-01-05"]}
    rfm = summary(log_of(bought, {"ann": [1.0], "bob": [2.0]}))
    for rule in (HiatusRule(), PastBest()):
        forecast = rule.fit(rfm).forecast("10D")
        assert (forecast.purchases.mean, forecast.total.mean) == (0, 0)


# --- what holds for both -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [HiatusRule(), PastBest()], ids=lambda rule: rule.name)
class TestBothRules:
    def test_rows_after_the_observation_change_nothing(self, rule, log):
        future = pd.DataFrame(
            {"customer_id": ["cat", "dan"] * 3, "date": ["2026-02-11"] * 6, "spend": [99.0] * 6}
        )
        here, there = (
            rule.fit(summary(table)) for table in (log, pd.concat([log, future], ignore_index=True))
        )
        assert here.summary == there.summary
        np.testing.assert_array_equal(here.purchase_rate, there.purchase_rate)

    def test_the_order_of_rows_leaves_no_trace(self, rule, cdnow):
        shuffled = cdnow.sample(frac=1, random_state=5)
        tables = [
            rule.fit(clv.rfm_summary(table, spend="spend", observation_end="1997-09-30"))
            .forecast("39W")
            .customers.sort_values("customer_id", ignore_index=True)
            for table in (cdnow, shuffled)
        ]
        pd.testing.assert_frame_equal(*tables, check_exact=True)

    def test_the_unit_of_time_does_not_matter(self, rule, log):
        days, weeks = (rule.fit(summary(log, unit=unit)).forecast("10D") for unit in ("D", "W"))
        np.testing.assert_allclose(days.columns["clv_mean"], weeks.columns["clv_mean"], rtol=1e-12)

    def test_without_spend_only_purchases(self, rule, log):
        rfm = clv.rfm_summary(log, spend=None, observation_end="2026-02-10", time_unit="D")
        forecast = rule.fit(rfm).forecast("10D")
        assert forecast.value is None
        assert forecast.purchases.mean == rule.fit(summary(log)).forecast("10D").purchases.mean

    def test_a_summary_without_a_log_is_refused(self, rule, log):
        with pytest.raises(ArgumentError, match="rfm_summary or calibration_holdout"):
            rule.fit(replace(summary(log), history=None))

    def test_too_short_an_observation_is_refused(self, rule, log):
        with pytest.raises(DataError, match="too short"):
            rule.fit(summary(log, end="2026-01-02"))

    def test_a_backtest_takes_it(self, rule, cdnow):
        card = clv.backtest(cdnow, [rule], horizon="26W", origins=2)
        assert card.fits["status"].tolist() == ["ok", "ok"]


def test_rules_are_listed() -> None:
    assert [BASELINES[name]().name for name in ("hiatus_rule", "past_best")] == [
        "Hiatus rule",
        "Past best stays best",
    ]
    assert HiatusRule(cut="26W").name == "Hiatus rule (26W)"


@pytest.mark.parametrize(
    "make", [lambda: HiatusRule(cut="6M"), lambda: HiatusRule(window="1Q"), lambda: PastBest("1Y")]
)
def test_a_length_that_varies_is_refused(make) -> None:
    with pytest.raises(ArgumentError, match="months and years differ"):
        make()


# --- windows of the past -----------------------------------------------------------------------------------


def test_windows_follow_each_other_and_leave_room(log: pd.DataFrame) -> None:
    rfm = summary(log)
    cuts = [(str(one.cutoff), str(one.last)) for one in earlier_windows(rfm, 10, most=9)]
    assert cuts == [
        ("2026-01-31", "2026-02-10"),
        ("2026-01-21", "2026-01-31"),
        ("2026-01-11", "2026-01-21"),
    ]
    assert len(earlier_windows(rfm, 10, most=2)) == 2
    (half,) = earlier_windows(rfm, 1000, most=9)
    assert half.outcome.length == 20
    np.testing.assert_array_equal(half.summary.frequency, [1, 1, 1, 0])


def test_a_window_in_weeks_is_cut_to_whole_days(log: pd.DataFrame) -> None:
    (window,) = earlier_windows(summary(log, unit="W"), 17 / 7)
    assert window.outcome.length * 7 == pytest.approx(17)


@pytest.mark.parametrize(("length", "most"), [(0.0, 1), (-1.0, 1), (float("nan"), 1), (5.0, 0)])
def test_windows_out_of_range_are_refused(log: pd.DataFrame, length: float, most: int) -> None:
    with pytest.raises(ArgumentError, match="above 0"):
        earlier_windows(summary(log), length, most)
