"""The way back from a summary to earlier dates of its log."""

from __future__ import annotations

import numpy as np
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
