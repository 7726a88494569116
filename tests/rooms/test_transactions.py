"""From a log to a summary: the same on every engine, nothing lost, and bad logs refused with the reason."""

from __future__ import annotations

import math
import uuid
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from logs import SMALL, columns, notes, refused, same, shop

import clvmodels.transactions as room
from clvmodels.errors import ArgumentError
from clvmodels.rfm import RFM
from clvmodels.transactions import Holdout, calibration_holdout, money, rfm_summary


class Oracle:
    """The definitions, written once more with datetimes, dictionaries and exact sums."""

    def __init__(self, log: pd.DataFrame, period: str, end: datetime) -> None:
        self.amounts: dict[int, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.period = period
        self.last = self.number(end - timedelta(microseconds=1))
        for customer, stamp, spend in zip(log["customer_id"], log["date"], log["spend"], strict=True):
            if stamp < end:
                self.amounts[customer][self.number(stamp.to_pydatetime())].append(spend)

    def number(self, stamp: datetime) -> int:
        days = (stamp.date() - date(1900, 1, 1)).days  # a Monday
        if self.period in "DW":
            return days if self.period == "D" else days // 7
        hours = days * 24 + stamp.hour
        return hours if self.period == "h" else hours * 60 + stamp.minute

    def row(self, customer: int, include: bool) -> dict[str, float]:
        periods = self.amounts[customer]
        first, *_ = ordered = sorted(periods)
        amounts = [math.fsum(periods[number]) for number in ordered]
        behind = amounts[0 if include else 1 :]
        return {
            "frequency": len(ordered) - 1,
            "recency": ordered[-1] - first,
            "T": self.last - first,
            "spend_count": len(behind),
            "monetary_value": math.fsum(behind) / max(len(behind), 1),
            "spend_first": math.fsum(periods[first]),
            "spend_sum": math.fsum(amounts),
            "spend_log_sum": math.fsum(math.log(amount) for amount in amounts if amount > 0),
            "spend_positive_count": sum(amount > 0 for amount in amounts),
        }


@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize(
    "end", ["1968-08-11", "1968-08-12", "1968-08-15 13:37", "1968-10-31"]
)  # Sunday, Monday
@pytest.mark.parametrize("period", ["min", "h", "D", "W"])
def test_summary_agrees_with_the_definitions(period: Any, end: str, include: bool) -> None:
    log = shop()
    rfm = rfm_summary(
        log,
        spend="spend",
        period=period,
        time_unit=period,
        observation_end=end,
        first_purchase="include" if include else "exclude",
    )
    oracle = Oracle(log, period, rfm.observed_until)
    assert rfm.customer_id.tolist() == sorted(oracle.amounts)
    wanted = pd.DataFrame([oracle.row(customer, include) for customer in rfm.customer_id.tolist()])
    for name, column in zip(wanted, rfm.columns(list(wanted)), strict=True):
        np.testing.assert_allclose(column, wanted[name], rtol=1e-13, atol=1e-13, err_msg=name)


def test_reference_counts_of_cdnow(cdnow_rfm: RFM, cdnow: pd.DataFrame) -> None:
    assert len(cdnow_rfm) == 2357
    assert cdnow_rfm.frequency.sum() == 2457
    assert (cdnow_rfm.frequency > 0).sum() == 946
    assert cdnow_rfm.select([1]).to_pandas().iloc[0, 1:5].round(4).tolist() == [2, 30.4286, 38.8571, 22.345]
    rfm, holdout = calibration_holdout(cdnow, cutoff="1997-09-30", holdout_end="1998-06-30", spend="spend")
    assert rfm.fingerprint() == cdnow_rfm.fingerprint()
    assert holdout.purchases.sum() == 1882
    assert holdout.length == 39
    assert (holdout.new_customers, holdout.new_purchases, holdout.new_spend) == (0, 0, 0)
    weekly, _ = holdout.after.totals(np.arange(40.0))
    assert weekly.sum() == 1882
    repeats, _ = holdout.before.totals(np.arange(-39.0, 1), repeat_only=True)
    assert repeats.sum() == 2457


def test_holdout_means_by_frequency_of_cdnow(cdnow: pd.DataFrame) -> None:
    # published in Fader, Hardie & Lee (2005), figure of conditional expectations
    rfm, holdout = calibration_holdout(cdnow, cutoff="1997-09-30", spend="spend")
    group = np.minimum(rfm.frequency, 7)
    means = [holdout.purchases[group == x].mean().round(3) for x in range(8)]
    assert means == [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359]


moments = st.datetimes(datetime(1968, 1, 1), datetime(1968, 9, 30)).map(
    lambda moment: moment.replace(microsecond=0)
)


@settings(max_examples=30, deadline=None)
@given(
    moments,
    st.integers(0, 90 * 1440),
    st.sampled_from(["min", "h", "D", "W"]),
    st.sampled_from(["W", "D"]),
    st.integers(0, 5),
)
def test_purchases_and_money_are_conserved(
    cutoff: datetime, later: int, period: Any, unit: Any, seed: int
) -> None:
    log = shop(400, seed)
    log["spend"] = (log["spend"] * 100).round()
    holdout_end = cutoff + timedelta(minutes=later + 2 * 1440)
    options = {"spend": "spend", "period": period, "time_unit": unit}
    whole = rfm_summary(log, observation_end=holdout_end, first_purchase="include", **options)
    rfm, holdout = calibration_holdout(log, cutoff=cutoff, holdout_end=holdout_end, **options)
    assert rfm.report.purchases + holdout.purchases.sum() + holdout.new_purchases == whole.report.purchases
    known = rfm.statistics["spend_sum"].sum()
    assert known + holdout.spend.sum() + holdout.new_spend == whole.statistics["spend_sum"].sum()
    assert len(rfm) + holdout.new_customers == len(whole)
    tracked_before(rfm, holdout)
    edges = np.linspace(0, holdout.length, 14)
    purchases, spend = holdout.after.totals(edges)
    assert purchases.sum() == holdout.purchases.sum()
    assert spend.sum() == holdout.spend.sum()


def tracked_before(rfm: RFM, holdout: Holdout) -> None:
    """The calibration's single purchases are those of the summary, and lie at or before the cutoff."""
    assert holdout.start == rfm.observed_until
    edges = np.array([-1e9, 0])
    assert holdout.before.totals(edges, repeat_only=True)[0] == rfm.frequency.sum()
    assert holdout.before.totals(edges)[0] == rfm.report.purchases
    count = np.bincount(holdout.before.customer, minlength=len(rfm))
    np.testing.assert_array_equal(count - 1, rfm.frequency)
    assert holdout.before.is_first.sum() == len(rfm)


@settings(max_examples=15, deadline=None)
@given(moments, st.sampled_from(["min", "h", "D", "W"]))
def test_calibration_reads_nothing_after_the_cutoff(cutoff: datetime, period: Any) -> None:
    log = shop()
    rfm, holdout = calibration_holdout(log, cutoff=cutoff, spend="spend", period=period)
    past = log[log["date"] < holdout.start]
    alone = rfm_summary(past, spend="spend", period=period, observation_end=cutoff)
    assert columns(alone) == columns(rfm)
    assert alone.customer_id.tolist() == rfm.customer_id.tolist()


def test_a_purchase_lies_where_its_first_row_lies() -> None:
    log = pd.DataFrame(
        {
            "customer_id": [1, 1, 1, 2, 3],
            "date": pd.to_datetime(
                [
                    "2026-01-01 09:00",
                    "2026-01-10 09:00",
                    "2026-01-10 15:00",
                    "2026-01-10 16:00",
                    "2026-01-02 10:00",
                ]
            ),
            "spend": [1.0, 2, 4, 8, 16],
        }
    )
    rfm, holdout = calibration_holdout(log, cutoff="2026-01-10 12:00", spend="spend", time_unit="D")
    assert rfm.customer_id.tolist() == [1, 3]
    assert rfm.monetary_value.tolist() == [2, 0]
    assert holdout.purchases.tolist() == [0, 0]
    assert holdout.spend.tolist() == [4, 0]
    assert (holdout.new_customers, holdout.new_purchases, holdout.new_spend) == (1, 1, 8)


def test_times_of_holdout_purchases_count_from_the_cutoff() -> None:
    log = pd.DataFrame(
        {"customer_id": 1, "date": ["2026-01-01", "2026-01-31", "2026-02-01", "2026-02-07", "2026-02-08"]}
    )
    _, holdout = calibration_holdout(log, cutoff="2026-01-31", holdout_end="2026-02-28", time_unit="D")
    assert holdout.before.time.tolist() == [-30, 0]
    assert holdout.after.time.tolist() == [1, 7, 8]
    assert (holdout.start, holdout.end, holdout.length) == (datetime(2026, 2, 1), datetime(2026, 3, 1), 28)
    weekly, spend = holdout.after.totals(np.arange(0, 29, 7))
    assert weekly.tolist() == [2, 1, 0, 0]
    assert spend is None
    assert holdout.spend is None
    assert holdout.new_spend is None


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_row_order_changes_no_bit(random: Any) -> None:
    log = shop().assign(spend=lambda frame: frame["spend"] / 3 + 1e-9)
    order = list(range(len(log)))
    random.shuffle(order)
    wanted, shuffled = (rfm_summary(frame, spend="spend") for frame in (log, log.iloc[order]))
    assert columns(wanted) == columns(shuffled)
    assert wanted.fingerprint() == shuffled.fingerprint()
    assert wanted.report == shuffled.report


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20), min_size=1), st.integers(-12, 12))
def test_money_is_added_without_loss_at_any_scale(customers: list[list[float]], power: int) -> None:
    rows = [(i, date(2026, 1, 1), amount * 10.0**power) for i, row in enumerate(customers) for amount in row]
    log = pl.DataFrame(rows, schema=["customer_id", "date", "spend"], orient="row")
    first = rfm_summary(log, spend="spend").statistics["spend_first"]
    wanted = [math.fsum(amount * 10.0**power for amount in row) for row in customers]
    np.testing.assert_allclose(first, wanted, rtol=4e-16, atol=0)
    single = [i for i, row in enumerate(customers) if len(row) == 1]
    assert first[single].tolist() == [wanted[i] for i in single]


limbs = st.lists(st.integers(-(2**45), 2**45), min_size=3, max_size=3)


@given(limbs, st.integers(-40, 60))
@example([0, 0, -1], 0)
def test_whole_numbers_become_the_nearest_amount(numbers: list[int], exponent: int) -> None:
    high, middle, low = map(Fraction, numbers)
    exact = (high * 2**72 + middle * 2**36 + low) * Fraction(2) ** (exponent - 108)
    found = money.total(np.array(numbers)[:, None], exponent)[0]
    assert abs(Fraction(float(found)) - exact) <= abs(exact) * Fraction(2) ** -50


def test_ids_keep_their_type_and_order_the_result() -> None:
    log = shop(200)
    for make in (
        lambda number: number,
        lambda number: f"customer {number:03}",
        lambda number: uuid.UUID(int=number),
        lambda number: float(number),
        lambda number: Decimal(number),
    ):
        ids = [make(int(number)) for number in log["customer_id"]]
        rfm = rfm_summary(log.assign(customer_id=pd.Series(ids)), spend="spend")
        assert rfm.customer_id.tolist() == sorted(set(ids))
        assert {type(identity) for identity in rfm.customer_id.tolist()} == {type(ids[0])}
        assert columns(rfm) == columns(rfm_summary(log, spend="spend"))


def test_categories_keep_their_values() -> None:
    log = shop(50)
    wanted = rfm_summary(log, spend="spend")
    same(rfm_summary(log.astype({"customer_id": "category"}), spend="spend"), wanted)
    texts = log.assign(customer_id=log["customer_id"].map("{:03}".format))
    frame = pl.from_pandas(texts).with_columns(pl.col("customer_id").cast(pl.Categorical))
    same(rfm_summary(frame, spend="spend"), rfm_summary(texts, spend="spend"))


def test_columns_may_have_any_name() -> None:
    log = shop(50)
    names = {"customer_id": "stamp", "date": "period", "spend": "customer_id"}
    renamed = log.rename(columns=names).assign(high=1, date="x")
    rfm = rfm_summary(renamed, customer_id="stamp", date="period", spend="customer_id")
    same(rfm, rfm_summary(log, spend="spend"))


DATES: dict[str, Callable[[pd.Series], Any]] = {
    "seconds": lambda stamps: stamps.astype("datetime64[s]"),
    "nanoseconds": lambda stamps: stamps.astype("datetime64[ns]"),
    "dates": lambda stamps: stamps.dt.date,
    "datetimes": lambda stamps: pd.Series(stamps.dt.to_pydatetime().tolist(), dtype=object),
    "arrow dates": lambda stamps: stamps.dt.date.astype(pd.ArrowDtype(pa.date32())),
    "arrow stamps": lambda stamps: stamps.astype(pd.ArrowDtype(pa.timestamp("us"))),
    "texts": lambda stamps: stamps.dt.strftime("%Y-%m-%d"),
    "texts with clock": lambda stamps: stamps.dt.strftime("%Y-%m-%dT%H:%M"),
    "object texts": lambda stamps: stamps.dt.strftime("%Y-%m-%d %H:%M:%S").astype(object),
}


@pytest.mark.parametrize("convert", DATES.values(), ids=DATES)
def test_dates_of_every_kind(convert: Callable[[pd.Series], Any]) -> None:
    log = shop()
    same(rfm_summary(log.assign(date=convert(log["date"])), spend="spend"), rfm_summary(log, spend="spend"))


def test_day_numbers_agree_with_the_calendar_of_ten_thousand_years() -> None:
    ends = [
        date(year, month, day)
        for year in range(1, 10_000)
        for month, day in ((1, 1), (2, 28), (3, 1), (12, 31))
    ]
    ends = [*ends[:-1], *(date(2024, 1, 1) + timedelta(days=day) for day in range(1500))]
    stamps = [datetime(day.year, day.month, day.day, 23, 59, 59) for day in ends]
    for values in (ends, stamps, [day.isoformat() for day in ends], [stamp.isoformat() for stamp in stamps]):
        frame = pl.DataFrame({"customer_id": range(len(ends)), "date": values})
        rfm = rfm_summary(frame, time_unit="D", observation_end=date(9999, 12, 30))
        last = date(9999, 12, 30).toordinal()
        assert rfm.T.tolist() == [last - day.toordinal() for day in ends]


def test_columns_of_other_kinds_are_refused() -> None:
    log = shop(20)
    assert "must be dates, datetimes or ISO texts" in refused(log.assign(date=19970101))
    assert "to_timestamp" in refused(log.assign(date=log["date"].dt.to_period("D")))
    assert "must be numbers" in refused(log.assign(spend="12,50"), spend="spend")
    assert "must be numbers" in refused(log.assign(spend=True), spend="spend")
    assert "must be numbers" in refused(log.assign(spend=[object()] * 20), spend="spend")
    assert "business_timezone=" in refused(log.assign(date=log["date"].dt.tz_localize("UTC")))
    assert "types int and str" in refused(log.assign(customer_id=[1, "a"] * 10))
    assert "is a dict, not a dataframe" in refused({"customer_id": [1]})
    assert "column names repeat" in refused(pd.concat([log, log], axis=1))


def test_missing_columns_are_named_with_a_guess() -> None:
    log = shop(20).rename(columns={"customer_id": "CustomerID", "spend": "amount"})
    text = refused(log)
    assert "column 'customer_id': there is no such column" in text
    assert "with customer_id=, on the command line with --customer-column" in text
    assert "did you mean 'CustomerID'?" in text
    assert "the columns are 'CustomerID', 'date', 'amount'" in refused(log, customer_id="zzz")


@pytest.mark.parametrize("make", [lambda frame: frame, pl.DataFrame.lazy, pl.DataFrame.to_arrow, "duckdb"])
def test_what_is_not_a_number_is_not_taken_for_one(make: Any) -> None:
    frame = pl.DataFrame(
        {"customer_id": [1.0, 2], "date": [date(2026, 1, 1)] * 2, "spend": [3.0, float("nan")]}
    )
    swapped = frame.rename({"customer_id": "spend", "spend": "customer_id"})
    make = (lambda frame: duckdb.from_arrow(frame.to_arrow())) if make == "duckdb" else make
    assert "spend must be finite, first ids shown (1 row; first: 2.0)" in refused(make(frame), spend="spend")
    assert "customer ids are missing" in refused(make(swapped), spend="spend")


def test_logs_without_anything_to_use() -> None:
    log = shop(20)
    assert "no rows" in refused(log.iloc[:0], spend="spend")
    assert "no rows" in refused(pl.from_pandas(log).clear().lazy(), spend="spend")
    assert "before the first row" in refused(log, observation_end="1960-01-01")
    assert "no purchase is left" in refused(log.assign(spend=0.0), spend="spend", zero_spend="drop")
    assert "no customer's first purchase" in refused(
        log, observation_start="1968-12-01", observation_end="1968-12-31"
    )
    netted = pd.DataFrame({"customer_id": 1, "date": ["2026-01-01"], "spend": [-1.0]})
    assert "no customer's first purchase" in refused(netted, spend="spend", refunds="net")


@pytest.mark.parametrize(
    "options, text",
    [
        ({"period": "M"}, "months"),
        ({"time_unit": "Y"}, "years"),
        ({"refunds": "ignore"}, "'refuse', 'drop', 'net'"),
        ({"zero_spend": "keep"}, "'purchase', 'drop', 'refuse'"),
        ({"first_purchase": True}, "'exclude', 'include'"),
        ({"business_timezone": "Berlin"}, "is no time zone"),
        ({"business_timezone": "Europe/Berlin"}, "carries no time zone"),
        ({"spend": "date"}, "different columns"),
        ({"observation_end": "30.09.1997"}, "not an ISO date"),
        ({"observation_end": "9999-12-31"}, "end of the calendar"),
        (
            {"observation_start": "1968-06-01", "observation_end": "1968-05-01"},
            "before the end of observation",
        ),
    ],
)
def test_arguments_without_such_a_value(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        rfm_summary(shop(20), **options)


def test_a_holdout_needs_time() -> None:
    with pytest.raises(ArgumentError, match="not after the cutoff"):
        calibration_holdout(shop(20), cutoff="1968-05-01", holdout_end="1968-05-01")


LARGE = "customers with a single purchase of up to {} % of all spend, whose amount is worth a check"


@pytest.mark.parametrize(
    ("purchases", "amounts", "share"),
    [
        (20, [19.0], 50),
        (20, [9.0], None),  # a third of all, but not ten times the others
        (19, [1000.0], None),
        (200, [22.0], None),
        (200, [23.0], 10),
        (200, [100.0, 50.0], 29),
    ],
)
def test_what_is_large_depends_on_the_others(purchases: int, amounts: list[float], share: int | None) -> None:
    spend = [*amounts, *[1.0] * (purchases - len(amounts))]
    log = pd.DataFrame({"customer_id": range(purchases), "date": "2026-01-01", "spend": spend})
    found = notes(rfm_summary(log, spend="spend"))
    wanted = (len(amounts), tuple(range(len(amounts))))
    assert share is None or found[LARGE.format(share)] == wanted
    assert any("worth a check" in what for what in found) is (share is not None)


def test_netting_is_conserved_at_whole_days() -> None:
    rfm, holdout = calibration_holdout(
        SMALL, cutoff="2026-01-07", spend="spend", refunds="net", time_unit="D"
    )
    assert rfm.frequency.tolist() == [0, 1]
    assert holdout.purchases.tolist() == [1, 0]
    assert holdout.spend.tolist() == [14.9, 0]
    assert (holdout.new_customers, holdout.new_purchases, holdout.new_spend) == (1, 1, 1)
    assert [note.count for note in holdout.notes] == [2]


def test_a_refund_later_on_the_day_of_the_cutoff_costs_the_holdout() -> None:
    stamps = pd.to_datetime(["2026-01-01 09:00", "2026-01-01 18:00", "2026-01-02 10:00"])
    log = pd.DataFrame({"customer_id": 1, "date": stamps, "spend": [10.0, -4, 1]})
    rfm, holdout = calibration_holdout(log, cutoff="2026-01-01 12:00", spend="spend", refunds="net")
    assert rfm.statistics["spend_first"].tolist() == [10]
    assert (holdout.purchases[0], holdout.spend[0]) == (1, -3)


def test_customers_whose_birth_is_not_known_are_left_out_everywhere() -> None:
    options = {"spend": "spend", "observation_start": "2026-01-03", "refunds": "drop"}
    rfm = rfm_summary(SMALL, **options)
    assert rfm.customer_id.tolist() == ["bob", "cid"]
    assert notes(rfm)["customers left out because they bought before observation_start"] == (1, ("ann",))
    assert rfm_summary(SMALL, **{**options, "observation_start": "2026-01-05"}).customer_id.tolist() == [
        "bob",
        "cid",
    ]
    rfm, holdout = calibration_holdout(SMALL, cutoff="2026-01-10", **options)
    assert rfm.customer_id.tolist() == ["bob"]
    assert (holdout.new_customers, holdout.new_purchases) == (1, 1)


def test_a_log_that_ends_before_the_holdout_is_noted() -> None:
    _, holdout = calibration_holdout(SMALL, cutoff="2026-01-10", holdout_end="2026-02-28")
    assert [(note.what, note.count) for note in holdout.notes] == [
        ("days of the holdout after the last row of the log", 27)
    ]


@pytest.mark.parametrize(
    "period, end, until",
    [
        ("D", None, datetime(2026, 1, 9)),
        ("W", None, datetime(2026, 1, 9)),
        ("h", None, datetime(2026, 1, 8, 15)),
        ("min", None, datetime(2026, 1, 8, 14, 31)),
        ("D", "2026-01-31", datetime(2026, 2, 1)),
        ("D", date(2026, 1, 31), datetime(2026, 2, 1)),
        ("D", datetime(2026, 1, 31, 12), datetime(2026, 1, 31, 12, 0, 0, 1)),
    ],
)
def test_end_of_observation(period: Any, end: Any, until: datetime) -> None:
    log = pd.DataFrame({"customer_id": 1, "date": pd.to_datetime(["2026-01-01 10:00", "2026-01-08 14:30"])})
    rfm = rfm_summary(log, period=period, observation_end=end)
    assert rfm.observed_until == until
    assert not rfm.has_spend


def test_the_last_instant_is_observed_and_the_next_is_not() -> None:
    log = pd.DataFrame({"customer_id": 1, "date": ["2026-01-01", "2026-01-31 23:59:59.999999", "2026-02-01"]})
    assert rfm_summary(log, observation_end="2026-01-31").frequency.tolist() == [1]
    assert rfm_summary(log, observation_end="2026-01-31 23:00").frequency.tolist() == [0]
    assert rfm_summary(log, observation_end="2026-01-31 23:59:59.999998").frequency.tolist() == [0]
    assert rfm_summary(log, observation_end="2026-01-31 23:59:59.999999").frequency.tolist() == [1]


@pytest.mark.parametrize("unit, factor", [("min", 1440), ("h", 24), ("D", 1), ("W", 1 / 7)])
def test_units_of_time(unit: Any, factor: float) -> None:
    rfm = rfm_summary(SMALL, time_unit=unit, observation_end="2026-02-28")
    assert rfm.recency.tolist() == pytest.approx([21 * factor, factor, 0], rel=1e-15)
    assert rfm.T.tolist() == pytest.approx([58 * factor, 54 * factor, 27 * factor], rel=1e-15)


def test_names_of_the_room() -> None:
    functions = ["activity", "calibration_holdout", "collected", "refund_record", "rfm_summary", "rfm_table"]
    nouns = ["Activity", "Holdout", "LogHistory", "PurchaseEvents", "RFMTable", "RefundRecord"]
    assert sorted(room.__all__) == [*nouns, *functions]


def test_stamps_in_utc_name_their_zone() -> None:
    log = pd.DataFrame({"customer_id": [1], "date": [datetime(2026, 1, 1, tzinfo=UTC)]})
    assert "stamps carry the time zone UTC" in refused(log)


def test_dates_too_far_apart_for_minutes_are_refused() -> None:
    far = pl.DataFrame({"customer_id": 1, "date": [date(1700, 1, 1), date(2026, 1, 1)], "spend": 1.0})
    assert rfm_summary(far, spend="spend", period="h").frequency.tolist() == [1]
    text = refused(far, spend="spend", period="min")
    assert "column 'date': dates from 1700-01-01 00:00:00 to 2026-01-01 00:00:00 are too far apart" in text
