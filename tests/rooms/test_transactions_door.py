"""What the door of the summary refuses: columns that look like dates, ids or money and are not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from clvmodels.errors import DataError
from clvmodels.transactions import calibration_holdout, rfm_summary

DAYS = [date(2026, 1, 1), date(2026, 1, 8)]


def refused(log: Any, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        rfm_summary(log, **options)
    text = str(caught.value)
    assert "Way out: " in text
    return text


def objects(values: list[Any]) -> pd.Series:
    return pd.Series(values, dtype=object)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([19970101, 19970201], "not int (2 rows; first: 19970101, 19970201)"),
        ([DAYS[0], "02/03/2024"], "not dates mixed with str (1 row; first: '02/03/2024')"),
        ([DAYS[0], 20240102, None], "not dates mixed with int (1 row; first: 20240102)"),
        ([1.5, None], "not float (1 row; first: 1.5)"),
        ([*[DAYS[0]] * 200, "2024-03-02"], "not dates mixed with str (1 row; first: '2024-03-02')"),
    ],
)
def test_objects_that_are_no_dates_are_refused(values: list[Any], text: str) -> None:
    message = refused(pd.DataFrame({"customer_id": range(len(values)), "day": objects(values)}), date="day")
    assert f"column 'day': values must be dates, datetimes or ISO texts, {text}" in message
    assert "pd.to_datetime(..., format=...)" in message


def test_objects_that_are_dates_are_read() -> None:
    values = [DAYS[0], datetime(2026, 1, 8, 13), pd.Timestamp("2026-01-15")]
    rfm = rfm_summary(pd.DataFrame({"customer_id": 1, "date": objects(values)}))
    assert (rfm.frequency[0], rfm.recency[0]) == (2, 2)
    holes = pd.DataFrame({"customer_id": 1, "date": objects([DAYS[0], None, pd.NaT, float("nan"), pd.NA])})
    assert "dates are missing, first ids shown (4 rows; first: 1)" in refused(holes)


@pytest.mark.parametrize(
    "index", ["customer_id", "date", "spend", "stamp", "period", ["customer_id", "date"]]
)
def test_the_name_of_an_index_does_not_matter(index: Any) -> None:
    log = pd.DataFrame({"customer_id": [1, 1, 2], "date": [*DAYS, DAYS[0]], "spend": [1.0, 2, 3]})
    log = log.assign(stamp=0, period=0)
    indexed = log.set_index(index, drop=False)
    before = indexed.copy(deep=True)
    options = {"spend": "spend", "cutoff": "2026-01-04"}
    rfm, holdout = calibration_holdout(indexed, **options)
    wanted_rfm, wanted = calibration_holdout(log, **options)
    assert rfm.fingerprint() == wanted_rfm.fingerprint()
    assert holdout.spend.tolist() == wanted.spend.tolist()
    pd.testing.assert_frame_equal(indexed, before)


def identified(ids: Any) -> dict[str, Any]:
    return {"customer_id": ids, "date": DAYS}


@pytest.mark.parametrize(
    "log",
    [
        pd.DataFrame(identified([[1], [2]])),
        pd.DataFrame(identified([{"a": 1}, {"a": 2}])),
        pl.DataFrame(identified([[1], [2]])),
        pl.DataFrame(identified([{"a": 1}, {"a": 2}])).lazy(),
        pl.DataFrame(identified(pl.Series([uuid.UUID(int=1), uuid.UUID(int=2)], dtype=pl.Object))),
        pa.table(identified([[1], [2]])),
    ],
    ids=["pandas lists", "pandas dicts", "polars lists", "lazy structs", "polars objects", "arrow lists"],
)
def test_ids_of_several_values_are_refused(log: Any) -> None:
    assert "column 'customer_id': ids must be numbers or texts, not " in refused(log)


def test_one_id_of_several_values_is_shown() -> None:
    assert "not list (1 row; first: [2])" in refused(pd.DataFrame(identified(["a", [2]])))


@pytest.mark.parametrize("number", [2**64, 2**100, -(2**63) - 1])
def test_ids_beyond_64_bits_are_refused(number: int) -> None:
    query = f"select unnest([{number}, 3])::hugeint as customer_id, date '2026-01-01' as date"
    polars = pl.DataFrame(identified(pl.Series([number, 3], dtype=pl.Int128)))
    for log in (duckdb.sql(query), polars, polars.lazy()):
        assert f"ids are whole numbers beyond 64 bits (1 row; first: {number})" in refused(log)


def test_long_integers_within_64_bits_are_read() -> None:
    ids = [2**63 - 1, -(2**63)]
    log = pl.DataFrame(identified(pl.Series(ids, dtype=pl.Int128)))
    assert rfm_summary(log).customer_id.tolist() == sorted(ids)


ENGINES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "polars lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "duckdb": lambda frame: duckdb.from_arrow(pa.Table.from_pandas(frame, preserve_index=False)),
}


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("large", [1.7e308, 9e307])
def test_amounts_beyond_all_numbers_are_refused(engine: Callable[[pd.DataFrame], Any], large: float) -> None:
    spend = np.array([large, 5.0, large, 7.0])
    log = pd.DataFrame({"customer_id": ["ann", "bob", "cid", "dan"], "date": DAYS * 2, "paid": spend})
    text = refused(engine(log), spend="paid")
    assert "column 'paid': amounts add up to more than a number can hold" in text
    assert "(2 rows; first: ann, cid)" in text
    assert rfm_summary(engine(log.iloc[:2]), spend="paid").statistics["spend_first"][0] == large


def test_an_index_is_no_column() -> None:
    log = pd.DataFrame({"customer_id": [1], "date": ["2026-01-01"]}).set_index("customer_id")
    with pytest.raises(
        DataError, match=r"column 'customer_id': this is the index, not a column.*reset_index"
    ):
        rfm_summary(log)
    named_by_numbers = log.reset_index().set_axis([0, 1], axis=1)
    assert len(rfm_summary(named_by_numbers, customer_id=0, date=1)) == 1  # type: ignore[arg-type]
