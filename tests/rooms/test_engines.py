"""One log on every dataframe engine: the same summary to the last bit, the same errors, the same report."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import ibis
import numpy as np
import pandas as pd
import polars as pl
import pytest
from logs import SMALL, broken, notes, refused, same, shop
from spark import as_arrow

from clvmodels.errors import ArgumentError, DataError
from clvmodels.transactions import calibration_holdout, rfm_summary, rfm_table

Engine = Callable[[pd.DataFrame], Any]


ENGINES: dict[str, Engine] = {
    "pandas": lambda frame: frame,
    "pandas_arrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "pandas_nullable": lambda frame: frame.convert_dtypes(dtype_backend="numpy_nullable"),
    "polars": pl.from_pandas,
    "polars_lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "pyarrow": as_arrow,
    "duckdb": lambda frame: duckdb.from_arrow(as_arrow(frame)),
    "ibis": lambda frame: ibis.memtable(as_arrow(frame)),
}


@pytest.fixture(scope="module", params=[*ENGINES, "spark", "spark_connect"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param in ENGINES:
        return ENGINES[request.param]
    session = request.getfixturevalue("spark_sessions")[request.param == "spark_connect"]
    return lambda frame: session.createDataFrame(as_arrow(frame))


def test_engines_agree_to_the_last_bit(engine: Engine) -> None:
    options = {"spend": "spend", "observation_end": "1968-08-15 13:37", "observation_start": "1967-12-22"}
    same(rfm_summary(engine(shop()), **options), rfm_summary(shop(), **options))


def test_engines_agree_on_the_holdout(engine: Engine) -> None:
    options = {"spend": "spend", "cutoff": "1968-05-15 13:37", "holdout_end": "1968-08-31", "time_unit": "D"}
    rfm, holdout = calibration_holdout(engine(shop()), **options)
    wanted_rfm, wanted = calibration_holdout(shop(), **options)
    same(rfm, wanted_rfm)
    for events, wanted_events in ((holdout.before, wanted.before), (holdout.after, wanted.after)):
        for name in ("customer", "time", "purchases", "is_first", "spend"):
            np.testing.assert_array_equal(getattr(events, name), getattr(wanted_events, name))
    assert holdout.purchases.tolist() == wanted.purchases.tolist()
    assert holdout.spend.tolist() == wanted.spend.tolist()
    assert holdout.new_purchases == wanted.new_purchases
    assert holdout.new_spend == wanted.new_spend


def test_row_order_changes_no_bit_on_any_engine(engine: Engine) -> None:
    log = shop().assign(spend=lambda frame: frame["spend"] / 3)
    backwards = log.iloc[::-1].reset_index(drop=True)
    first, second = (rfm_summary(engine(frame), spend="spend") for frame in (log, backwards))
    assert first.fingerprint() == second.fingerprint()


def test_integer_and_text_ids_keep_their_type_on_every_engine(engine: Engine) -> None:
    log = shop(50)
    assert rfm_summary(engine(log)).customer_id.dtype == np.int64
    texts = rfm_summary(engine(log.assign(customer_id=log["customer_id"].map("{:03}".format)))).customer_id
    assert texts.dtype == object
    assert texts[0] == f"{log['customer_id'].min():03}"


def test_the_frame_is_not_changed(engine: Engine) -> None:
    log = shop(50).sample(frac=1, random_state=1)
    before = log.copy(deep=True)
    rfm_summary(engine(log), spend="spend", refunds="net", zero_spend="drop")
    pd.testing.assert_frame_equal(log, before)


@pytest.mark.parametrize("period", ["min", "D"])
def test_text_dates_on_every_engine(engine: Engine, period: Any) -> None:
    log = shop()
    texts = log.assign(date=log["date"].map(lambda stamp: stamp.isoformat(sep=" ", timespec="milliseconds")))
    texts.loc[::2, "date"] = log["date"].dt.strftime("%Y-%m-%dT%H:%M")
    options = {"spend": "spend", "period": period, "time_unit": period}
    same(rfm_summary(engine(texts), **options), rfm_summary(log, **options))


BROKEN = [
    ("customer_id", None, "customer ids are missing"),
    ("date", pd.NaT, "dates are missing"),
    ("spend", np.nan, "spend must be finite"),
    ("spend", np.inf, "spend must be finite"),
    ("spend", -5.0, "spend is negative"),
]


@pytest.mark.parametrize(
    "column, value, rule", BROKEN, ids=[f"{column} {value}" for column, value, _ in BROKEN]
)
def test_bad_rows_are_refused_alike_on_every_engine(
    engine: Engine, column: str, value: Any, rule: str
) -> None:
    text = refused(engine(broken(column, 7, value)), spend="spend")
    assert f"column {column!r}: {rule}" in text
    assert "(1 row; first: " in text
    assert "c07" in text or column == "customer_id"


def test_the_first_bad_ids_are_shown_in_order(engine: Engine) -> None:
    log = shop(30).assign(customer_id=lambda frame: [f"c{30 - number:02}" for number in frame.index])
    log.loc[3:20, "spend"] = -1.0
    assert "(18 rows; first: c10, c11, c12, c13, c14)" in refused(engine(log), spend="spend")


@pytest.mark.parametrize(
    "text",
    [
        "31.12.2025",
        "2026-02-29",
        "0000-01-01",
        "2026-13-01",
        "2026-1-1",
        "",
        "2026-01-01T10:00Z",
        "2026-01-01 24:00",
    ],
)
def test_texts_that_are_no_dates_are_shown(engine: Engine, text: str) -> None:
    log = pd.DataFrame({"customer_id": [1, 2], "date": ["2026-01-01", text]})
    message = refused(engine(log))
    assert "texts must be ISO dates" in message
    assert f"(1 row; first: {text!r})" in message


def test_floats_that_lost_an_id_are_refused(engine: Engine) -> None:
    log = shop(20).assign(
        customer_id=lambda frame: frame["customer_id"].astype(float).where(frame.index != 4)
    )
    assert "customer ids are missing" in refused(engine(log))


def test_refunds_are_netted_within_their_period(engine: Engine) -> None:
    rfm = rfm_summary(
        engine(SMALL), spend="spend", time_unit="D", refunds="net", observation_end="2026-01-31"
    )
    assert rfm.customer_id.tolist() == ["ann", "bob"]
    assert rfm.frequency.tolist() == [1, 1]
    assert rfm.recency.tolist() == [7, 1]
    assert rfm.monetary_value.tolist() == [14.9, 0]
    assert rfm.statistics["spend_first"].tolist() == [15, 0]
    assert rfm.statistics["spend_positive_count"].tolist() == [2, 0]
    assert notes(rfm) == {
        "rows of the log with negative spend subtracted within their period": (3, ("ann",)),
        "rows of the log with zero spend kept as purchases": (2, ("bob",)),
        "rows after observation_end not used": (1, ("cid",)),
        "periods left out whose refunds reached or exceeded their purchases, by 7.30 in all": (2, ("ann",)),
        "rows merged into a purchase of the same period": (2, ("ann",)),
        "repeat customers whose mean spend is zero": (1, ("bob",)),
    }
    assert (rfm.report.rows_in, rfm.report.rows_used, rfm.report.purchases) == (10, 6, 4)


def test_refunds_and_free_rows_can_be_dropped(engine: Engine) -> None:
    rfm = rfm_summary(engine(SMALL), spend="spend", refunds="drop", zero_spend="drop")
    assert rfm.customer_id.tolist() == ["ann", "cid"]
    assert rfm.frequency.tolist() == [2, 0]
    assert rfm.monetary_value.tolist() == [25, 0]
    shown = notes(rfm)
    assert shown["rows of the log with negative spend left out"] == (3, ("ann",))
    assert shown["rows of the log with zero spend left out"] == (2, ("bob",))
    assert shown["no observation_end given, so the last date of the log, 2026-02-01; rows on it"] == (
        1,
        ("cid",),
    )


LARGE = "customers with a single purchase of up to {} % of all spend, whose amount is worth a check"


def test_one_purchase_that_decides_the_total_is_noted(engine: Engine) -> None:
    log = shop()
    log.loc[17, "spend"] = log["spend"].sum()
    rfm = rfm_summary(engine(log), spend="spend")
    purchases = log.groupby(["customer_id", log["date"].dt.date])["spend"].sum()
    customer, _ = purchases.idxmax()
    assert notes(rfm)[LARGE.format(round(100 * purchases.max() / purchases.sum()))] == (1, (customer,))
    assert not any("worth a check" in what for what in notes(rfm_summary(engine(shop()), spend="spend")))


def test_zero_spend_can_be_refused(engine: Engine) -> None:
    text = refused(engine(SMALL), spend="spend", refunds="drop", zero_spend="refuse")
    assert "spend is zero, first ids shown (2 rows; first: bob)" in text


def test_amounts_of_every_numeric_kind(engine: Engine) -> None:
    log = shop(60).assign(spend=lambda frame: frame["spend"].round())
    wanted = rfm_summary(log, spend="spend")
    same(rfm_summary(engine(log.astype({"spend": "int64"})), spend="spend"), wanted)
    decimals = log.assign(spend=[Decimal(str(amount)) for amount in log["spend"]])
    same(rfm_summary(engine(decimals), spend="spend"), wanted)


def test_a_summary_that_stays_in_the_engine_says_the_same(engine: Engine) -> None:
    log = shop().assign(spend=lambda frame: frame["spend"] / 3)
    log.loc[[3, 40, 41], "spend"] = [-5.0, 0.0, 9000.0]
    log = pd.concat([log, pd.DataFrame({"customer_id": [99, 99], "date": log["date"][:2], "spend": 0.0})])
    options = {
        "spend": "spend",
        "refunds": "net",
        "observation_start": "1967-12-22",
        "observation_end": "1968-08-15 13:37",
    }
    wanted, table = rfm_summary(log, **options), rfm_table(engine(log), **options)
    found = table.collect()
    same(found, wanted)
    assert len(table) == len(wanted)
    assert table.fingerprint() == wanted.fingerprint()
    for names in (("frequency", "recency", "T"), ("spend_count", "monetary_value")):
        patterns, from_memory = table.patterns(names), wanted.patterns(names)
        for name in (*names, "weights"):
            assert getattr(patterns, name).tolist() == getattr(from_memory, name).tolist()


def test_a_summary_in_the_engine_is_refused_as_in_memory(engine: Engine) -> None:
    with pytest.raises(DataError, match="spend is negative"):
        rfm_table(engine(broken("spend", 7, -5.0)), spend="spend")
    with pytest.raises(DataError, match="first purchase lies within the observation"):
        rfm_table(engine(SMALL[:7]), spend="spend", refunds="drop", observation_start="2026-01-12")
    with pytest.raises(DataError, match="holds no monetary_value"):
        rfm_table(engine(SMALL)).patterns(["monetary_value"])


@pytest.mark.parametrize("period", ["h", "min"])
def test_duckdb_counts_in_whole_numbers_what_others_count_in_three(period: Any) -> None:
    log = shop()  # 255 years of minutes leave DuckDB no room to number them before an amount, 20 of hours do
    log.loc[7, "date"] += pd.DateOffset(years=20 if period == "h" else 250)
    log["spend"] = np.where(log.index % 3, log["spend"] / 3, -log["spend"] / 7).cumsum()
    log.loc[:9, "spend"] = [1e-9, 1e12, -1e12, 2.5e-16, 0.0, -0.0, 1e-17, 3e15, -3e15, 1 / 3]
    options = {"spend": "spend", "refunds": "net", "period": period, "time_unit": period}
    wanted, table = rfm_summary(log, **options), rfm_table(ENGINES["duckdb"](log), **options)
    same(table.collect(), wanted)
    same(rfm_summary(ENGINES["duckdb"](log), **options), wanted)


INSTANTS = ["2026-01-01 23:30", "2026-01-31 12:00", "2026-07-01 21:30", "2026-07-01 22:30"]
WALL_CLOCKS = {
    "Europe/Berlin": ["2026-01-02", "2026-01-31", "2026-07-01", "2026-07-02"],
    "America/New_York": ["2026-01-01", "2026-01-31", "2026-07-01", "2026-07-01"],
    "Asia/Tokyo": ["2026-01-02", "2026-01-31", "2026-07-02", "2026-07-02"],
}


def zoned(zone: str) -> pd.DataFrame:
    stamps = pd.to_datetime(INSTANTS, utc=True).tz_convert(zone)
    return pd.DataFrame({"customer_id": [1, 1, 1, 2], "date": stamps, "spend": [1.0, 2, 3, 4]})


@pytest.mark.parametrize("written_in", ["UTC", "Asia/Tokyo"])
@pytest.mark.parametrize("zone", WALL_CLOCKS)
def test_the_day_of_a_purchase_is_the_day_of_the_business(engine: Engine, zone: str, written_in: str) -> None:
    # the hour that New York has twice would be one hour on the way through its clock
    twice = pd.to_datetime(["2026-11-01 05:30", "2026-11-01 06:30"], utc=True).tz_convert(written_in)
    log = pd.concat([zoned(written_in), pd.DataFrame({"customer_id": 3, "date": twice, "spend": 1.0})])
    table = engine(log)
    options = {"spend": "spend", "time_unit": "h", "period": "h"}
    local = [stamp.tz_convert(zone).tz_localize(None) for stamp in log["date"]]
    assert [str(stamp.date()) for stamp in local[:4]] == WALL_CLOCKS[zone]
    rfm = rfm_summary(table, business_timezone=zone, **options)
    same(rfm, rfm_summary(log.assign(date=local), **options))
    assert rfm.frequency.tolist()[2] == (0 if zone == "America/New_York" else 1)


def test_a_database_of_which_too_little_is_known_converts_no_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    table = ENGINES["ibis"](zoned("UTC"))
    monkeypatch.setattr(type(table.get_backend()), "name", "snowflake")
    text = refused(table, business_timezone="Asia/Tokyo")
    assert "date AT TIME ZONE 'Asia/Tokyo', and leave business_timezone out" in text


def test_stamps_with_a_zone_are_refused_without_that_of_the_business(engine: Engine) -> None:
    text = refused(engine(zoned("UTC")))
    assert "column 'date': stamps carry the time zone" in text
    assert "business_timezone=" in text


def test_stamps_without_a_zone_need_no_business(engine: Engine) -> None:
    with pytest.raises(ArgumentError, match="carries no time zone"):
        rfm_summary(engine(shop(20)), business_timezone="Europe/Berlin")


def test_refunds_find_their_orders_on_every_engine(engine: Engine) -> None:
    """Orders refunded wholly, in part, twice, before they were made; refunds of nobody's and of others' orders."""
    rng = np.random.default_rng(8)
    log = shop(300).assign(order_id=lambda frame: [f"o{number // 2}" for number in range(len(frame))])
    log.loc[::7, "order_id"] = None
    back = log.sample(120, random_state=3)
    share = rng.choice([1.0, 0.5, 0.25, 1.5], len(back))
    back = back.assign(
        spend=-back["spend"] * share,
        date=back["date"] + pd.to_timedelta(rng.integers(-3, 90, len(back)), unit="D"),
        customer_id=np.where(rng.random(len(back)) < 0.1, log["customer_id"].iloc[0], back["customer_id"]),
    )
    both = pd.concat([log, back], ignore_index=True)
    options = {"spend": "spend", "refunds": "match", "order_id": "order_id"}
    same(rfm_summary(engine(both), **options), rfm_summary(both, **options))
    table = rfm_table(engine(both), **options)
    assert table.fingerprint() == rfm_summary(both, **options).fingerprint()
    cutoff = {**options, "cutoff": "1968-05-15", "holdout_end": "1968-08-31"}
    (_, here), (_, there) = (calibration_holdout(log, **cutoff) for log in (engine(both), both))
    np.testing.assert_array_equal(here.spend, there.spend)
    assert here.notes == there.notes
