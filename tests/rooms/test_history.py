"""The way back from a summary to earlier dates of its log."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.errors import ArgumentError
from clvmodels.rfm import RFM

NAMES = ("frequency", "recency", "T", "monetary_value")


def test_an_earlier_summary_is_the_summary_made_at_the_earlier_date(cdnow, cdnow_rfm):
    earlier, outcome = cdnow_rfm.history.split("1997-06-30")
    direct, holdout = clv.calibration_holdout(
        cdnow, spend="spend", cutoff="1997-06-30", holdout_end="1997-09-30"
    )
    for name in NAMES:
        np.testing.assert_array_equal(getattr(earlier, name), getattr(direct, name))
    np.testing.assert_array_equal(outcome.purchases, holdout.purchases)
    np.testing.assert_array_equal(outcome.spend, holdout.spend)


def test_rows_after_the_observation_are_out_of_reach(cdnow_rfm):
    with pytest.raises(ArgumentError, match="observed until 1997-09-30"):
        cdnow_rfm.history.split("1997-06-30", "1997-10-01")


def test_rows_after_the_observation_change_nothing(cdnow, cdnow_rfm):
    past = cdnow[cdnow["date"] <= "1997-09-30"]
    alone = clv.rfm_summary(past, spend="spend", observation_end="1997-09-30")
    with_future, without = cdnow_rfm.history.split("1997-03-31"), alone.history.split("1997-03-31")
    np.testing.assert_array_equal(with_future[0].customer_id, without[0].customer_id)
    np.testing.assert_array_equal(with_future[1].purchases, without[1].purchases)


def test_the_cutoff_must_leave_something_to_see(cdnow_rfm):
    with pytest.raises(ArgumentError, match="not after the cutoff"):
        cdnow_rfm.history.split("1997-09-30")


def test_an_earlier_summary_cannot_reach_forward_again(cdnow_rfm):
    earlier, _ = cdnow_rfm.history.split("1997-06-30")
    with pytest.raises(ArgumentError, match="observed until 1997-06-30"):
        earlier.history.split("1997-03-31", "1997-09-30")


@pytest.mark.parametrize(
    ("options", "cutoff"),
    [
        ({}, "2026-01-31"),
        ({"period": "W"}, "2026-01-29"),
        ({"refunds": "net"}, "2026-01-20 12:00"),
        ({"refunds": "net", "period": "W", "observation_start": "2026-01-08"}, "2026-01-29 12:00"),
        ({"refunds": "match", "order_id": "order", "period": "W"}, "2026-01-29"),
    ],
)
@pytest.mark.parametrize("engine", [pd.DataFrame, duckdb.from_df])
def test_following_customers_finds_what_a_split_does(rng, options, cutoff, engine):
    count = 2000
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 60 * 24, count), unit="h")
    spend = rng.integers(1, 50, count) * np.where((rng.random(count) < 0.3) & ("refunds" in options), -1, 1)
    columns = {"customer_id": rng.integers(0, 150, count), "date": days, "spend": spend}
    log = pd.DataFrame({**columns, "order": rng.integers(0, 5, count)})
    history = clv.rfm_summary(engine(log), spend="spend", observation_end="2026-02-28", **options).history
    (earlier, after), (direct, outcome) = (
        way(cutoff, "2026-02-20") for way in (history.follow, history.split)
    )
    assert earlier.fingerprint() == direct.fingerprint()
    assert earlier.customer_id.tolist() == direct.customer_id.tolist()
    for name in ("customer", "time", "purchases", "is_first", "spend"):
        np.testing.assert_array_equal(getattr(after, name), getattr(outcome.after, name))
    # where the cutoff parts a period, some of its purchases had begun
    assert (after.purchases == 0).any() == (options != {})


def test_following_reaches_as_far_as_a_split(cdnow_rfm):
    with pytest.raises(ArgumentError, match="observed until 1997-09-30"):
        cdnow_rfm.history.follow("1997-06-30", "1997-10-01")
    with pytest.raises(ArgumentError, match="not after the cutoff"):
        cdnow_rfm.history.follow("1997-09-30", "1997-09-30")


@pytest.mark.parametrize(
    "derive",
    [
        lambda rfm: rfm.take(slice(0, 5)),
        lambda rfm: rfm.select([1, 2]),
        lambda rfm: rfm.newcomers(),
        lambda rfm: rfm.compress()[0],
    ],
)
def test_a_selection_has_no_way_back(cdnow_rfm, derive):
    assert derive(cdnow_rfm).history is None


def test_arrays_have_no_way_back():
    assert RFM.from_arrays(frequency=[1], recency=[2], T=[3], time_unit="W").history is None
