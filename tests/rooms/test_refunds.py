"""Refunds that find the order they take back: counts, money, what was known when, and what is said of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rooms.shell import Shell

import clvmodels as clv
from clvmodels.report import refunds_section, write_sections

EVIL = "<script>document.title = 'taken over'</script>"
ROWS = [  # customer, date, amount, order
    ("ann", "2026-01-05", 40.0, "a1"),
    ("ann", "2026-02-10", 30.0, "a2"),
    ("ann", "2026-02-10", 15.0, "a3"),
    ("ann", "2026-03-01", -30.0, "a2"),  # wholly: what is left of that day is a3
    ("bob", "2026-01-20", 25.0, "b1"),
    ("bob", "2026-02-20", 35.0, "b2"),
    ("bob", "2026-03-05", -10.0, "b2"),  # in part
    ("cleo", "2026-01-02", 20.0, "c1"),
    ("cleo", "2026-02-02", 19.99, "c2"),
    ("cleo", "2026-02-02", 5.01, "c2"),
    ("cleo", "2026-02-25", -25.0, "c2"),  # wholly, of two rows
    ("dan", "2026-01-10", 50.0, "d1"),
    ("dan", "2026-01-11", 60.0, None),
    ("dan", "2026-03-10", -60.0, None),  # no number
    ("eve", "2026-01-15", 12.0, "e1"),
    ("eve", "2026-02-15", -12.0, "a1"),  # somebody else's order
    ("eve", "2026-02-16", 9.0, "e2"),
    ("fay", "2026-01-03", -8.0, "f1"),  # before the order itself
    ("fay", "2026-01-04", 8.0, "f1"),
]
OPTIONS: dict[str, Any] = {"spend": "spend", "refunds": "match", "order_id": "order", "time_unit": "D"}


def log(rows: list[tuple[Any, ...]] = ROWS) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "date", "spend", "order"])


def summary(frame: Any = None, end: str = "2026-03-31", **changes: Any) -> clv.RFM:
    return clv.rfm_summary(log() if frame is None else frame, observation_end=end, **(OPTIONS | changes))


def test_a_refund_changes_its_order_and_nothing_else() -> None:
    """By hand. Killed: a cancelled order kept for its date; the other order of its day cancelled with it; an order of
    somebody else's; a part taken for the whole.
    """
    table = summary().to_pandas().set_index("customer_id")
    assert table["frequency"].to_dict() == {"ann": 1, "bob": 1, "cleo": 0, "dan": 1, "eve": 1, "fay": 0}
    assert table["recency"].to_dict() == {"ann": 36, "bob": 31, "cleo": 0, "dan": 1, "eve": 32, "fay": 0}
    value = table["monetary_value"].to_dict()
    assert value == {"ann": 15, "bob": 25, "cleo": 0, "dan": 60, "eve": 9, "fay": 0}
    assert table["spend_sum"].to_dict() == pytest.approx(
        {"ann": 55, "bob": 50, "cleo": 20, "dan": 110, "eve": 21, "fay": 8}
    )


def test_each_refund_is_counted() -> None:
    assert str(summary().report).splitlines() == [
        "rows in 19, used 11, purchases 10",
        "refunds booked to the order they take back: 3 (first: ann, bob, cleo)",
        "orders left out because all that was paid for them was refunded by then: 2 (first: ann, cleo)",
        "refunds of no earlier order of the same customer, subtracted within their period: 3 (first: dan, eve, fay)",
        "periods left out whose refunds reached or exceeded their purchases, by 80.00 in all: 3 (first: dan, eve, fay)",
        "rows merged into a purchase of the same period: 1 (first: bob)",
    ]


def test_what_is_refunded_later_is_not_known_yet() -> None:
    """Killed: a refund carried back over the end of the observation, which no forecaster could have known."""
    before = log()[lambda frame: frame["date"] <= "2026-02-20"]
    plain = clv.rfm_summary(
        before[before["spend"] > 0], spend="spend", observation_end="2026-02-20", time_unit="D"
    )
    early = summary(end="2026-02-20")
    for name in ("frequency", "recency", "T", "monetary_value"):
        np.testing.assert_array_equal(getattr(early, name), getattr(plain, name))
    assert "booked to the order" not in str(early.report)


def test_a_holdout_counts_its_own_orders_only() -> None:
    """Killed: a refund of an earlier order taken from the money of the holdout; one of a later order left in it."""
    rows = [*ROWS, ("bob", "2026-03-20", 70.0, "b3"), ("bob", "2026-03-22", -70.0, "b3")]
    rfm, holdout = clv.calibration_holdout(
        log(rows), cutoff="2026-02-22", holdout_end="2026-03-31", **OPTIONS
    )
    assert dict(zip(rfm.customer_id, rfm.frequency, strict=True))["ann"] == 1
    assert rfm.statistics["spend_sum"].tolist()[:2] == [85, 60]
    assert holdout.purchases.sum() == 0
    assert holdout.spend.sum() == 0
    later = [
        note for note in holdout.notes if note.what.startswith("refunds in the holdout of orders before")
    ]
    assert [(note.count, note.examples) for note in later] == [(3, ("ann", "bob", "cleo"))]


def test_history_and_table_read_refunds_alike() -> None:
    rfm = summary()
    earlier, _ = rfm.history.split("2026-02-20")
    np.testing.assert_array_equal(earlier.frequency, summary(end="2026-02-20").frequency)
    assert len(rfm.history.repeat_times(rfm)) == rfm.frequency.sum()
    table = clv.rfm_table(log(), observation_end="2026-03-31", **OPTIONS)
    assert table.collect().fingerprint() == rfm.fingerprint()
    assert str(table.report) == str(rfm.report)


def test_row_order_and_kinds_of_numbers_leave_no_trace() -> None:
    shuffled = summary(log().sample(frac=1, random_state=2))
    assert shuffled.fingerprint() == summary().fingerprint()
    codes = {name: float(code) for code, name in enumerate(log()["order"].dropna().unique())}
    numbers = log().assign(order=lambda frame: frame["order"].map(codes))
    assert numbers["order"].dtype == float
    assert summary(numbers).fingerprint() == summary().fingerprint()
    assert summary(log().astype({"order": "category"})).fingerprint() == summary().fingerprint()


def test_more_refunded_than_paid_takes_no_other_order_along() -> None:
    rows = [("ann", "2026-01-05", 40.0, 1), ("ann", "2026-01-05", 30.0, 2), ("ann", "2026-02-01", -90.0, 1)]
    rfm = summary(log(rows))
    assert rfm.statistics["spend_sum"].tolist() == [30.0]


def test_what_binary_numbers_leave_of_an_order_is_no_purchase() -> None:
    """Killed: amounts compared to the last bit, of which 0.1 and 0.2 leave something over 0.3."""
    rows = [("ann", "2026-01-05", 9.0, 1), ("ann", "2026-01-09", 0.1, 2), ("ann", "2026-01-09", 0.2, 2)]
    assert summary(log([*rows, ("ann", "2026-02-01", -0.3, 2)])).frequency.tolist() == [0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"order_id": None}, r"refunds='match' finds the order of a refund: name the columns.*order_id="),
        ({"spend": None}, "name the columns of amounts"),
        ({"refunds": "net"}, "order_id='order' is read by refunds='match' only"),
        ({"order_id": "spend"}, "must name different columns"),
    ],
)
def test_half_an_instruction_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(clv.ArgumentError, match=words):
        summary(**changes)


def test_a_column_that_is_not_there_is_named_with_its_option() -> None:
    with pytest.raises(
        clv.DataError, match=r"did you mean 'order'\? Name the column with order_id=.*--order-column"
    ):
        summary(order_id="orders")
    nested = log().assign(order=[[1]] * len(ROWS))
    import pyarrow as pa

    with pytest.raises(clv.DataError, match="order numbers must be numbers or texts"):
        summary(pa.Table.from_pandas(nested))


def test_a_backtest_with_workers_reads_order_numbers(cdnow: pd.DataFrame) -> None:
    """Killed: order numbers left behind on the way to the workers."""
    sold = cdnow[cdnow["customer_id"] % 8 == 0].reset_index(drop=True)
    sold = sold.assign(order=np.arange(len(sold)))
    back = sold.iloc[::9].assign(spend=lambda rows: -rows["spend"], date=lambda rows: rows["date"])
    both = pd.concat([sold, back], ignore_index=True)
    options = {"refunds": "match", "order_id": "order", "spend": "spend"}
    results = [
        clv.backtest(both, [clv.HistoricalCLV()], horizon="13W", workers=workers, **options)
        for workers in (1, 2)
    ]
    kept = clv.backtest(sold.drop(index=sold.index[::9]), [clv.HistoricalCLV()], horizon="13W", spend="spend")
    for result in results:
        assert result.table("spend")["rmse"].tolist() == kept.table("spend")["rmse"].tolist()


def test_gross_refunds_and_net_stand_side_by_side() -> None:
    """By hand. Killed: refunds that find no order left out of the net money; delays in periods; a mean over orders."""
    record = clv.refund_record(log(), order_id="order", observation_end="2026-03-31")
    total = record.total
    assert total["number"].to_dict() == {"gross": 11, "refunds": 6, "net": 10}
    assert total["value"].to_dict() == pytest.approx({"gross": 329, "refunds": 145, "net": 184})
    assert total.loc["refunds", "share_of_gross"] == pytest.approx(145 / 329)
    assert record.delay.tolist() == [13, 19, 23]  # bob, ann, cleo
    assert record.matched_back.tolist() == [30, 10, 25, 0, 0, 0]
    assert total.loc["refunds", "mean_delay_days"] == pytest.approx(55 / 3)
    table = record.customers.set_index("customer_id")
    assert table["gross_purchases"].to_dict() == {"ann": 2, "bob": 2, "cleo": 2, "dan": 2, "eve": 2, "fay": 1}
    assert table["net_purchases"].to_dict() == {"ann": 2, "bob": 2, "cleo": 1, "dan": 2, "eve": 2, "fay": 1}
    assert table["refunded_value"].tolist() == [30, 10, 25, 60, 12, 8]
    rfm = summary()
    np.testing.assert_array_equal(rfm.frequency + 1, table["net_purchases"])
    plain = clv.refund_record(log(), observation_end="2026-03-31")
    assert np.isnan(plain.total.loc["refunds", "mean_delay_days"])
    assert plain.total["value"].tolist() == pytest.approx(total["value"].tolist())


def sold_and_returned(share: float, seed: int = 1) -> pd.DataFrame:
    """CDNOW, of whose orders a share comes back whole within ten weeks."""
    rng = np.random.default_rng(seed)
    sold = clv.load_cdnow("sample")
    sold = sold.assign(order=np.arange(len(sold)), date=pd.to_datetime(sold["date"]))
    back = sold[rng.random(len(sold)) < share]
    late = pd.to_timedelta(rng.integers(1, 70, len(back)), unit="D")
    return pd.concat([sold, back.assign(spend=-back["spend"], date=back["date"] + late)], ignore_index=True)


def test_the_share_that_comes_back_is_found_from_orders_old_enough() -> None:
    """Truth 0.2. Killed: young orders counted although their refunds are still to come."""
    both = sold_and_returned(0.2)
    record = clv.refund_record(both, order_id="order", spend="spend", observation_end="1997-04-30")
    assert 60 < record.mature < 70
    share = record.mature_back.sum() / record.mature_paid.sum()
    young = record.back.sum() / record.paid.sum()
    assert young < share - 0.02
    rfm = clv.rfm_summary(both, spend="spend", refunds="drop", observation_end="1997-04-30")
    forecast = clv.CLVModel("bg_nbd", method="map").fit(rfm).forecast("13W", draws=400, seed=1)
    net = clv.net_of_refunds(forecast, record, seed=1)
    low, high = np.quantile(net.share, [0.001, 0.999])
    assert low < 0.2 < high
    assert high - low < 0.12
    total, each = net.total["mean"], net.customers
    assert total["gross value"] == pytest.approx(total["expected refunds"] + total["net value"])
    assert each["net_value"].sum() == pytest.approx(each["gross_value"].sum() * (1 - net.share.mean()))
    assert (each["gross_value"] >= each["net_value"]).all()
    again = clv.net_of_refunds(forecast, record, seed=1)
    np.testing.assert_array_equal(again.share, net.share)


def test_a_share_of_too_few_or_of_no_money_is_refused() -> None:
    record = clv.refund_record(log(), observation_end="2026-03-31")
    rfm = clv.rfm_summary(log(), spend="spend", refunds="drop", observation_end="2026-03-31")
    fitted = clv.CLVModel("bg_nbd", None, method="map").fit(rfm)
    with pytest.raises(clv.ArgumentError, match="a forecast of purchases only has no value"):
        clv.net_of_refunds(fitted.forecast("4W", draws=10), record)
    worth = clv.CLVModel("bg_nbd", "gamma_gamma", method="map").fit(rfm).forecast("4W", draws=10)
    with pytest.raises(clv.DataError, match=r"6 customers paid something.*20 are needed"):
        clv.net_of_refunds(worth, record)


def test_the_command_shows_log_and_forecast(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell(capsys)
    both = sold_and_returned(0.2)
    both[both["customer_id"] <= 400].to_csv("log.csv", index=False)
    words = ("refunds", "log.csv", "--order-column", "order")
    text = shell.good(*words, "--out", "a.csv")
    assert [line.split()[0] for line in text.splitlines()[2:5]] == ["gross", "refunds", "net"]
    text = shell.good(
        *words, "--out", "b.csv", "--horizon", "3M", "--draws", 50, "--purchase", "bg_nbd", "--method", "map"
    )
    assert "expected refunds" in text
    assert "share of refunds " in text
    day = pd.to_datetime(pd.read_csv("log.csv")["date"]).max() + pd.Timedelta(days=1)
    assert f"forecast of 3M: {day:%Y-%m-%d}" in text  # refunds come after the last purchase
    table = pd.read_csv("b.csv")
    assert len(table) == len(pd.read_csv("a.csv"))
    gap = table["forecast_gross_value"] - table["forecast_expected_refunds"] - table["forecast_net_value"]
    assert gap.abs().max() < 1e-9
    assert "leaves no money" in shell(*words, "--out", "c.csv", "--no-spend").err


def test_what_is_paid_back_beyond_an_order_is_told() -> None:
    """Killed: the comparison turned round, which counts orders paid back exactly."""
    frame = log([*ROWS, ("bob", "2026-03-06", -90.0, "b2")])
    words = (
        "of these orders, those for which more was paid back than had been paid; what is beyond is left out"
    )
    assert f"{words}: 1 (first: bob)" in str(summary(frame).report).splitlines()
    assert words not in str(summary().report)


def test_a_formula_has_no_interval_after_refunds_either(cdnow: pd.DataFrame) -> None:
    """Killed: one draw of the share in place of its mean."""
    sold = cdnow[cdnow["customer_id"] <= 300]
    back = sold[sold.index % 10 == 9].assign(spend=lambda rows: -rows["spend"])
    record = clv.refund_record(pd.concat([sold, back]), spend="spend", observation_end="1997-09-30")
    rfm = clv.rfm_summary(sold, spend="spend", observation_end="1997-09-30")
    net = clv.net_of_refunds(clv.HistoricalCLV().fit(rfm).forecast("13W"), record)
    assert net.total.columns.tolist() == ["mean"]
    assert net.total.attrs["interval"] == "none: a formula"
    assert net.total.loc["net value", "mean"] == pytest.approx(net.customers["net_value"].sum())
    assert repr(net).startswith("NetForecast(3 rows")


def net_forecast(
    both: pd.DataFrame, model: clv.CLVModel | clv.HistoricalCLV, record: clv.RefundRecord
) -> clv.NetForecast:
    gross = clv.rfm_summary(both, spend="spend", refunds="drop", observation_end="1997-09-30")
    return clv.net_of_refunds(model.fit(gross).forecast("13W", draws=200, seed=1), record, seed=1)


def texts(section: Any, key: str) -> list[list[str]]:
    table = next(block for block in section.blocks if getattr(block, "key", "") == key)
    return [[cell.text for cell in row] for row in table.rows]


def test_the_section_says_of_a_log_what_its_record_says() -> None:
    """By hand. Killed: shares of the net money; a delay where no number of an order tells one."""
    record = clv.refund_record(log(), order_id="order", observation_end="2026-03-31")
    section = refunds_section(record, currency="€", note="Nothing is forecast.")
    assert texts(section, "refunds-log") == [
        ["Gross: what was sold", "11", "€329.00", "100.0 %", "—"],
        ["Refunds", "6", "€145.00", "44.1 %", "18.3"],
        ["Refunds of an earlier order", "3", "€65.00", "19.8 %", "18.3"],
        ["Refunds of no order that is known", "3", "€80.00", "24.3 %", "—"],
        ["Net: what is left", "10", "€184.00", "55.9 %", "—"],
    ]
    assert section.blocks[-1].parts == ["Nothing is forecast."]
    assert [note.split(";")[0] for note in section.blocks[1].notes] == [
        "A refund is taken from the order of its number",
        "19 of 20 refunds came within 23 days.",
    ]
    plain = refunds_section(clv.refund_record(log(), observation_end="2026-03-31"))
    assert texts(plain, "refunds-log")[1] == ["Refunds", "6", "145.00", "44.1 %", "—"]
    assert len(texts(plain, "refunds-log")) == 3
    assert "without order numbers" in plain.blocks[1].notes[0]


def test_the_section_shows_the_three_views_of_a_forecast() -> None:
    """Killed: an interval of a formula; a share that is not the one of the table; margin called what will be sold."""
    both = sold_and_returned(0.2)
    both = both[both["customer_id"] <= 600]
    record = clv.refund_record(both, order_id="order", spend="spend", observation_end="1997-09-30")
    net = net_forecast(both, clv.CLVModel("bg_nbd", "gamma_gamma", "map"), record)
    section = refunds_section(record, net, currency="EUR")
    rows = texts(section, "refunds-forecast")
    assert [row[0] for row in rows] == [
        "Gross value, before refunds",
        "Expected refunds",
        "Net value, what is expected to stay",
    ]
    amounts = [float(row[1].replace(",", "").removesuffix(" EUR")) for row in rows]
    assert amounts[0] - amounts[1] == pytest.approx(amounts[2], abs=2)
    assert amounts[0] == pytest.approx(net.total.loc["gross value", "mean"], rel=1e-3)
    assert all(" to " in row[2] for row in rows)
    note = section.blocks[-1].notes[0]
    assert f"{100 * net.share.mean():.1f} %" in note
    assert f"at least {record.mature:,.0f} days old" in note
    assert not any("margin" in text for text in section.blocks[-1].notes)
    worth = replace(net.forecast, provenance={**net.forecast.provenance, "margin": 0.4})
    told = refunds_section(record, replace(net, forecast=worth)).blocks[-1].notes[1]
    assert told.startswith(
        "Not what will be sold, but value: discounted at 0.0 % a year, and 40.0 % of spend as margin"
    )
    formula = refunds_section(record, net_forecast(both, clv.HistoricalCLV(), record))
    assert {len(row) for row in texts(formula, "refunds-forecast")} == {2}
    assert "no interval" in formula.blocks[-1].notes[1]
    with pytest.raises(clv.ArgumentError, match="there is one"):
        refunds_section(record, net, note="none")


def test_what_is_written_into_the_section_stays_text(tmp_path: Path) -> None:
    record = clv.refund_record(log(), observation_end="2026-03-31")
    page = write_sections(
        [refunds_section(record, currency=EVIL, note=EVIL)], tmp_path / "p.html", title=EVIL
    )
    assert "<script" not in page.read_text(encoding="utf-8")


def test_a_record_shows_itself_as_a_card() -> None:
    record = clv.refund_record(log(), order_id="order", observation_end="2026-03-31")
    assert repr(record) == "RefundRecord(3 rows; money in that of the log)"
    assert "<td>refunds</td><td>6</td><td>145</td>" in record._repr_html_()
    assert "&lt;script" in replace(record, facts={"source": EVIL})._repr_html_()


def test_the_command_writes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    log().to_csv("log.csv", index=False)
    words = ("refunds", "log.csv", "--order-column", "order", "--out", "a.csv", "--currency", "EUR", "--page")
    Shell(capsys).good(*words, "a.html")
    assert "145.00 EUR" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "no folder" in Shell(capsys)(*words, "nowhere/a.html").err


@pytest.mark.parametrize(
    ("refunds", "words"),
    [
        ("drop", "What of the forecast is expected to come back"),
        ("net", "The forecast above is of net money"),
    ],
)
def test_a_comparison_of_a_log_with_refunds_reports_them(
    refunds: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    both = sold_and_returned(0.2)
    both = both[both["customer_id"] <= 150]
    bought = both.loc[both["spend"] > 0, "date"].max()
    both = both[both["date"] <= bought]
    late = both.iloc[[0, 1]].assign(spend=-1.0, date=bought + pd.Timedelta(days=9))
    pd.concat([both, late]).to_csv("log.csv", index=False)
    Path("config.toml").write_text(
        f"""
        [log]
        source = "log.csv"
        refunds = "{refunds}"
        [model]
        purchase = "bg_nbd"
        spend = "gamma_gamma"
        method = "map"
        [backtest]
        horizon = "13W"
        draws = 20
        [[models]]
        name = "historical"
        [forecast]
        horizon = "13W"
        draws = 50
        """,
        encoding="utf-8",
    )
    Shell(capsys).good("compare", "config.toml")
    page = Path("report.html").read_text(encoding="utf-8")
    assert 'id="refunds"' in page
    assert words in page
    ends = re.search(r"that customers paid before ([\d-]+),", page)
    begins = re.search(r"13W \(([\d-]+) to", page)
    assert ends is not None
    assert begins is not None
    assert ends[1] == begins[1]
    left_out = f"2 refunds after {bought:%Y-%m-%d}, where the forecast begins, are left out."
    assert (left_out in page) == (
        refunds == "drop"
    )  # netted or matched, they are rows of the log like others
