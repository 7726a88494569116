"""The summary's own room: what it refuses, and what compressing, choosing and hashing preserve."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvmodels.errors import ArgumentError, DataError
from clvmodels.rfm import RFM, DataReport, Note, id_text


def make(**changes: Any) -> RFM:
    columns: dict[str, Any] = {
        "customer_id": ["ann", "bob", "cid"],
        "frequency": [2, 0, 1],
        "recency": [3.5, 0, 1],
        "T": [4, 4, 2],
        "monetary_value": [10.0, 0.0, 7.0],
        "time_unit": "W",
    }
    return RFM.from_arrays(**{**columns, **changes})


REFUSED = [
    ({"frequency": [2, -1, 1]}, "must not be negative", "bob"),
    ({"frequency": [2, 0.5, 1]}, "whole numbers", "bob"),
    ({"frequency": [np.nan, 0, 1]}, "finite", "ann"),
    ({"recency": [5, 0, 1]}, "must not exceed T", "ann"),
    ({"recency": [3.5, 1, 1]}, "must be 0 where frequency is 0", "bob"),
    ({"T": [4, 4, np.inf]}, "finite", "cid"),
    ({"monetary_value": [-1.0, 0, 7]}, "must not be negative", "ann"),
    ({"monetary_value": [10.0, 0, np.nan]}, "finite", "cid"),
    ({"weights": [1, 0, 1]}, "above 0", "bob"),
    ({"statistics": {"spend_sum": [1, 2, np.nan]}}, "finite", "cid"),
    ({"customer_id": ["ann", "bob", "ann"]}, "unique", "ann"),
    ({"customer_id": [("a", 1), ("b", 1), ("c", 1)]}, "one column", "(3, 2)"),
    ({"T": [4, 4]}, "differ in length", "2"),
    ({"frequency": ["x", "y", "z"]}, "must be numbers", "frequency"),
    ({"frequency": [[2, 0, 1]]}, "one column", "(1, 3)"),
    ({"monetary_value": None, "spend_count": [1, 1, 1]}, "without monetary_value", "both or neither"),
]


@pytest.mark.parametrize(
    "changes, rule, shown", REFUSED, ids=[f"{changes}: {rule}" for changes, rule, _ in REFUSED]
)
def test_broken_rules_are_refused_with_the_culprit(changes: dict[str, Any], rule: str, shown: str) -> None:
    with pytest.raises(DataError) as caught:
        make(**changes)
    assert rule in str(caught.value)
    assert shown in str(caught.value)


def test_an_empty_summary_is_refused() -> None:
    with pytest.raises(DataError, match="no customer"):
        RFM.from_arrays(frequency=[], recency=[], T=[], time_unit="W")


def test_months_are_no_clock() -> None:
    with pytest.raises(ArgumentError, match="months"):
        make(time_unit="M")


def test_arrays_without_their_unit_of_time_are_refused() -> None:
    with pytest.raises(TypeError, match="time_unit"):
        RFM.from_arrays(frequency=[1], recency=[2], T=[4])


def test_defaults() -> None:
    rfm = RFM.from_arrays(frequency=[1], recency=[2], T=[4], observation_end="1997-09-30", time_unit="W")
    assert rfm.customer_id.tolist() == [0]
    assert rfm.weights.tolist() == [1.0]
    assert rfm.observed_until == datetime(1997, 10, 1)
    assert not rfm.has_spend
    assert make().spend_count.tolist() == [2.0, 0.0, 1.0]


def test_mean_spend_may_be_missing_where_nothing_is_behind_it() -> None:
    assert make(monetary_value=[10.0, np.nan, 7.0]).monetary_value.tolist() == [10.0, 0.0, 7.0]


def test_arrays_are_copies_and_cannot_be_written() -> None:
    frequency = np.array([2.0, 0.0, 1.0])
    rfm = make(frequency=frequency)
    frequency[0] = 99
    assert rfm.frequency[0] == 2
    for array in (rfm.frequency, rfm.customer_id, rfm.monetary_value):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize(
    "ids",
    [
        [3, 1, 2],
        ["b", "a", "c"],
        [uuid.UUID(int=i) for i in range(3)],
        [1, "a", 2.5],
        np.array(["x", "y", "z"]),
    ],
    ids=["int", "str", "uuid", "mixed", "numpy text"],
)
def test_ids_keep_their_type(ids: Any) -> None:
    kept = make(customer_id=ids).customer_id
    assert kept.tolist() == list(ids)
    assert [type(identity) for identity in kept.tolist()] == [
        str if isinstance(identity, str) else type(identity) for identity in ids
    ]


@pytest.mark.parametrize(
    "ids", [[7, "7", "x"], [7.0, "7", "x"], np.array([7, 7.0, "x"], dtype=object), [7.5, 2.0, 2.0], [3, 3, 1]]
)
def test_ids_of_one_text_are_one_customer(ids: Any) -> None:
    with pytest.raises(DataError, match=r"'customer_id': ids must be unique.*\(2 rows.*Way out"):
        make(customer_id=ids)


def test_ids_that_hold_several_values_are_refused() -> None:
    ids = np.empty(3, dtype=object)
    ids[:] = [[1], [2], [3]]
    with pytest.raises(DataError, match="'customer_id': ids must be single values, not list"):
        make(customer_id=ids)


def test_the_text_of_an_id_is_blind_to_a_column_that_became_float() -> None:
    assert [id_text(number) for number in (7, 7.0, np.int64(7), np.float32(7), -0.0)] == ["7"] * 4 + ["0"]
    assert [id_text(other) for other in ("7.0", 7.25, 2.0**70)] == ["7.0", "7.25", str(2**70)]
    assert id_text(float("inf")) == "inf"
    assert id_text(uuid.UUID(int=1)) == str(uuid.UUID(int=1))


def test_take_and_select_keep_rows_together() -> None:
    rfm = make(statistics={"extra": [1, 2, 3]}, weights=[1, 2, 3])
    for chosen in (rfm.take([2, 0]), rfm.select(["cid", "ann"])):
        assert chosen.customer_id.tolist() == ["cid", "ann"]
        assert chosen.T.tolist() == [2.0, 4.0]
        assert chosen.monetary_value.tolist() == [7.0, 10.0]
        assert chosen.weights.tolist() == [3.0, 1.0]
        assert chosen.statistics["extra"].tolist() == [3.0, 1.0]
    assert rfm.take(rfm.frequency > 0).customers == 4.0


def test_select_names_the_unknown_and_hints_at_types() -> None:
    with pytest.raises(DataError, match=r"not in the summary .*first: dan.*1 is not '1'"):
        make().select(["ann", "dan"])


def test_columns_finds_statistics_and_refuses_what_is_not_there() -> None:
    rfm = make(statistics={"extra": [1, 2, 3]})
    assert [column.tolist() for column in rfm.columns(["extra", "T"])] == [[1, 2, 3], [4, 4, 2]]
    with pytest.raises(DataError, match="holds no spend_log_sum"):
        rfm.columns(["spend_log_sum"])


histories = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(2, 3), st.integers(1, 3)),
    min_size=1,
    max_size=30,
)


@given(histories)
def test_compress_and_its_inverse(rows: list[tuple[int, int, int, int]]) -> None:
    frequency, recency, age, weights = np.array(rows, dtype=float).T
    rfm = RFM.from_arrays(
        frequency=frequency, recency=recency * (frequency > 0), T=age, weights=weights, time_unit="W"
    )
    patterns, pattern_of = rfm.compress()
    for name in ("frequency", "recency", "T"):
        np.testing.assert_array_equal(getattr(patterns, name)[pattern_of], getattr(rfm, name))
    assert patterns.customers == rfm.customers
    distinct = set(zip(patterns.frequency, patterns.recency, patterns.T, strict=True))
    assert len(distinct) == len(patterns)
    again, identity = patterns.compress()
    assert identity.tolist() == list(range(len(patterns)))
    assert again.weights.tolist() == patterns.weights.tolist()


@given(histories, st.randoms(use_true_random=False))
def test_order_of_customers_leaves_no_trace(rows: list[tuple[int, int, int, int]], random: Any) -> None:
    frequency, recency, age, weights = np.array(rows, dtype=float).T
    rfm = RFM.from_arrays(
        frequency=frequency, recency=recency * (frequency > 0), T=age, weights=weights, time_unit="W"
    )
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = rfm.take(order)
    assert shuffled.fingerprint() == rfm.fingerprint()
    np.testing.assert_array_equal(shuffled.compress()[0].weights, rfm.compress()[0].weights)


def test_compress_by_further_columns() -> None:
    rfm = RFM.from_arrays(
        frequency=[1, 1, 1],
        recency=[2, 2, 2],
        T=[4, 4, 4],
        monetary_value=[5, 6, 5],
        statistics={"z": [1, 1, 1]},
        time_unit="W",
    )
    assert len(rfm.compress()[0]) == 1
    patterns, pattern_of = rfm.compress(["spend_count", "monetary_value"])
    assert patterns.monetary_value.tolist() == [5.0, 6.0]
    assert pattern_of.tolist() == [0, 1, 0]
    assert patterns.T.tolist() == [0.0, 0.0]
    assert dict(patterns.statistics) == {}


def test_fingerprint_sees_content_and_not_ids() -> None:
    prints = {
        make(**changes).fingerprint()
        for changes in (
            {},
            {"T": [4, 4, 3]},
            {"monetary_value": [10.0, 0, 8]},
            {"weights": [1, 1, 2]},
            {"time_unit": "D"},
            {"observation_end": "2026-01-01"},
            {"statistics": {"z": [1, 2, 3]}},
        )
    }
    assert len(prints) == 7
    assert make(customer_id=[7, 8, 9]).fingerprint() == make().fingerprint()
    assert make(recency=[3.5, -0.0, 1]).fingerprint() == make().fingerprint()


def test_fingerprint_is_blind_to_the_last_bits_of_a_logarithm() -> None:
    logs = np.array([4.3, 0.0, 17.2])
    prints = [
        make(statistics={"spend_log_sum": sums}).fingerprint() for sums in (logs, logs + 1e-13, logs + 0.01)
    ]
    assert prints[0] == prints[1] != prints[2]


def test_repeated_customers_weigh_as_much_as_weights() -> None:
    twice = make().take([0, 0, 1, 2])
    assert twice.fingerprint() == make(weights=[2, 1, 1]).fingerprint()


def test_newcomers_know_the_clock_and_nothing_else() -> None:
    newcomers = make(observation_end="2026-01-31", time_unit="D", statistics={"z": [1, 2, 3]}).newcomers(2)
    assert newcomers.observed_until == datetime(2026, 2, 1)
    assert newcomers.time_unit == "D"
    for column in newcomers.columns(["frequency", "recency", "T", "monetary_value", "spend_count", "z"]):
        assert column.tolist() == [0.0, 0.0]
    assert not RFM.from_arrays(frequency=[1], recency=[1], T=[1], time_unit="W").newcomers().has_spend


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_newcomers_are_counted_in_whole_numbers(count: Any) -> None:
    with pytest.raises(ArgumentError, match=f"count={count!r} must be a whole number of at least 1"):
        make().newcomers(count)


def test_tables_and_texts_for_people() -> None:
    report = DataReport(5, 4, 3, (Note("rows merged", 1, ("ann",)),))
    rfm = make(statistics={"z": [1, 2, 3]}, report=report, observation_end="2026-01-31")
    table = rfm.to_pandas()
    assert list(table.columns) == [
        "customer_id",
        "frequency",
        "recency",
        "T",
        "monetary_value",
        "spend_count",
        "z",
    ]
    assert table.loc[table["customer_id"] == "cid", "monetary_value"].item() == 7.0
    assert "3 customers" in repr(rfm)
    assert "weeks" in repr(rfm)
    assert str(rfm.report) == "rows in 5, used 4, purchases 3\nrows merged: 1 (first: ann)"


def test_labels_of_series_must_agree() -> None:
    counts, ages = pd.Series([1, 2], index=[5, 3]), pd.Series([4.0, 5.0], index=[3, 5])
    with pytest.raises(DataError, match="Series with different indexes"):
        RFM.from_arrays(frequency=counts, recency=counts, T=ages, time_unit="W")
    same = RFM.from_arrays(frequency=counts, recency=counts, T=ages.set_axis([5, 3]), time_unit="W")
    assert same.T.tolist() == [4.0, 5.0]


def test_durations_and_masked_values_are_no_numbers() -> None:
    with pytest.raises(DataError, match="column 'T': values must be numbers"):
        RFM.from_arrays(frequency=[1], recency=[1], T=pd.to_timedelta([4], "D"), time_unit="W")
    masked = np.ma.array([1, 2], mask=[False, True])
    with pytest.raises(DataError, match="column 'frequency': values must be finite"):
        RFM.from_arrays(frequency=masked, recency=[1, 1], T=[4, 4], time_unit="W")
