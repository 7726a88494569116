"""Logs in many files: the same summary as from one table, and refusals that name the file and the row."""

from __future__ import annotations

import gc
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs import same, shop

import clvmodels as clv
from clvmodels.errors import ArgumentError, DataError
from clvmodels.io import connect, read_table, scan_log, watched, write_table
from clvmodels.transactions import calibration_holdout, rfm_summary

FILES = 7


def rows() -> pd.DataFrame:
    return shop().assign(shop=lambda frame: np.where(frame.index % 2, "DE", "FR"))


def split(frame: pd.DataFrame, folder: Path, suffix: str) -> list[Path]:
    """The rows dealt out to files, in one folder."""
    paths = []
    for number in range(FILES):
        path = folder / f"part-{number}{suffix}"
        write_table(frame.iloc[number::FILES], path)
        paths.append(path)
    return paths


@pytest.fixture(params=[".parquet", ".csv", ".csv.gz"])
def suffix(request: pytest.FixtureRequest) -> str:
    return request.param


def refused(source: Any, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        rfm_summary(scan_log(source, spend="spend", **options), spend="spend")
    assert "Way out: " in str(caught.value)
    return str(caught.value)


def test_files_give_the_summary_of_their_rows(tmp_path: Path, suffix: str) -> None:
    split(rows(), tmp_path, suffix)
    wanted = rfm_summary(rows(), spend="spend")
    for source in (tmp_path, tmp_path / f"*{suffix}", str(tmp_path / "part-?.*")):
        same(rfm_summary(scan_log(source, spend="spend", memory_limit="300MB"), spend="spend"), wanted)


def test_one_scan_serves_several_questions(tmp_path: Path, suffix: str) -> None:
    split(rows(), tmp_path, suffix)
    log = scan_log(tmp_path, spend="spend")
    options = {"cutoff": "1968-05-15", "spend": "spend"}
    rfm, holdout = calibration_holdout(log, **options)
    wanted, wanted_holdout = calibration_holdout(rows(), **options)
    same(rfm, wanted)
    assert holdout.spend.tolist() == wanted_holdout.spend.tolist()
    same(rfm_summary(log, spend="spend"), rfm_summary(rows(), spend="spend"))


@pytest.mark.parametrize("kind", [".parquet", ".csv"])
def test_folders_that_name_a_value_make_a_column(tmp_path: Path, kind: str) -> None:
    for name, part in rows().groupby("shop"):
        folder = tmp_path / f"shop={name}"
        folder.mkdir()
        write_table(part.drop(columns="shop"), folder / f"rows{kind}")
    (tmp_path / "_temporary").mkdir()
    (tmp_path / "_temporary" / "half.parquet").write_bytes(b"PAR1")
    same(rfm_summary(scan_log(tmp_path, spend="spend"), spend="spend"), rfm_summary(rows(), spend="spend"))
    by_shop = rfm_summary(scan_log(tmp_path, customer_id="shop", spend="spend"), customer_id="shop")
    assert by_shop.customer_id.tolist() == ["DE", "FR"]


@pytest.mark.parametrize("ids", [["007", "12"], ["7", "9223372036854775808"], ["1.0", "2"], ["7", "12"]])
def test_ids_of_csv_files_are_what_they_are_in_one(tmp_path: Path, ids: list[str]) -> None:
    path = tmp_path / "log.csv"
    path.write_text("".join(["customer_id,date\n", *(f"{identity},2026-01-01\n" for identity in ids)]))
    scanned, read = rfm_summary(scan_log(path)), rfm_summary(read_table(path))
    assert scanned.customer_id.tolist() == read.customer_id.tolist()


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("customer_id", None, "customer ids are missing"),
        ("date", None, "dates are missing"),
        ("spend", None, "spend must be finite"),
        ("spend", -1.0, "spend is negative"),
    ],
)
def test_a_poisoned_row_is_found_among_many_files(
    tmp_path: Path, suffix: str, column: str, value: Any, rule: str
) -> None:
    frame = rows().astype({"customer_id": "Int64"})
    frame.loc[4 + 3 * FILES, column] = value
    paths = split(frame, tmp_path, suffix)
    text = refused(tmp_path)
    assert f"column {column!r}: {rule}" in text
    assert f"the first is in row 4 of {str(paths[4])!r} (1 row; " in text


def test_one_poisoned_row_is_found_in_the_last_of_731_files(tmp_path: Path) -> None:
    table = pa.table({"customer_id": [1, 2, 3], "date": [date(2026, 1, 1)] * 3, "spend": [5.0, 6.0, 7.0]})
    paths = [tmp_path / f"day={number:03}" / "rows.parquet" for number in range(1, 732)]
    for path in paths:
        path.parent.mkdir()
        pq.write_table(table, path)
    pq.write_table(table.set_column(2, "spend", pa.array([5.0, -6.0, 7.0])), paths[-1])
    text = refused(tmp_path)
    assert (
        f"spend is negative, first ids shown; the first is in row 2 of {str(paths[-1])!r} (1 row; first: 2)"
        in text
    )
    pq.write_table(table.drop_columns("spend"), paths[-1])
    assert f"holds this column and {str(paths[-1])!r} does not" in refused(tmp_path)


def test_words_among_amounts_and_dates_are_found(tmp_path: Path) -> None:
    frame = rows().assign(date=lambda frame: frame["date"].dt.strftime("%Y-%m-%d"))
    other = frame.index == 9
    where = f"is in row 2 of {str(tmp_path / 'part-2.csv')!r} (1 row; first: "
    split(frame.assign(spend=frame["spend"].astype(object).mask(other, "9,50")), tmp_path, ".csv")
    assert f"column 'spend': values must be numbers; the first that is none {where}'9,50')" in refused(
        tmp_path
    )
    split(frame.assign(date=frame["date"].mask(other, "31.12.2025")), tmp_path, ".csv")
    assert f"the first {where}'31.12.2025')" in refused(tmp_path)


def renamed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={"spend": "amount"})


def test_a_column_that_one_file_lacks_is_named_with_both_files(tmp_path: Path, suffix: str) -> None:
    paths = split(rows(), tmp_path, suffix)
    write_table(renamed(rows()), paths[5])
    text = refused(tmp_path)
    assert f"column 'spend': {str(paths[0])!r} holds this column and {str(paths[5])!r} does not" in text
    assert "'amount'" in text
    assert "that file out" in text


def test_a_type_that_differs_is_named_with_both_files(tmp_path: Path) -> None:
    paths = split(rows(), tmp_path, ".parquet")
    for number in (3, 6):
        write_table(rows().astype({"spend": str}), paths[number])
    text = refused(tmp_path)
    assert f"column 'spend': {str(paths[0])!r} holds DOUBLE and {str(paths[3])!r} holds VARCHAR" in text
    assert "the 2 files of the second kind out" in text


def test_columns_may_stand_in_any_order(tmp_path: Path, suffix: str) -> None:
    paths = split(rows(), tmp_path, suffix)
    write_table(rows().iloc[5::FILES, ::-1].assign(more=1), paths[5])
    same(rfm_summary(scan_log(tmp_path, spend="spend"), spend="spend"), rfm_summary(rows(), spend="spend"))


def test_a_column_that_no_file_holds_is_named_by_the_summary(tmp_path: Path, suffix: str) -> None:
    split(renamed(rows()), tmp_path, suffix)
    assert "column 'spend': there is no such column" in refused(tmp_path)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_files_that_are_not_whole_are_named(tmp_path: Path) -> None:
    for kind in (".parquet", ".csv.gz"):
        (folder := tmp_path / kind[1:]).mkdir()
        cut_off(split(rows(), folder, kind)[2])
        assert "part-2" in refused(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no header"),
        (b"customer_id,date,spend\n1,2026-01-01,5,6\n", "Line: 2"),
        (b"customer_id,customer_id,date\n", "columns of one name: 'customer_id'"),
        ("customer_id,date,spend\nJos\xe9,2026-01-01,5\n".encode("latin-1"), "not"),
    ],
)
def test_csv_files_that_are_no_tables_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    paths = split(rows(), tmp_path, ".csv")
    paths[2].write_bytes(content)
    text = refused(tmp_path)
    assert repr(str(paths[2])) in text
    assert said in text


def test_an_empty_file_among_others_is_nothing(tmp_path: Path, suffix: str) -> None:
    paths = split(rows(), tmp_path, suffix)
    (tmp_path / "none").mkdir()
    write_table(rows().iloc[:0], tmp_path / "none" / f"none{suffix}")
    same(rfm_summary(scan_log(tmp_path, spend="spend"), spend="spend"), rfm_summary(rows(), spend="spend"))
    for path in paths:
        path.unlink()
    assert "no rows" in refused(tmp_path)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"source": "nowhere/*.parquet"}, "there is no file 'nowhere/"),
        ({"source": "."}, "holds no file that ends in"),
        ({"memory_limit": "1"}, "is no size"),
        ({"memory_limit": "'; DROP"}, "is no size"),
        ({"temp_directory": "nowhere"}, "there is no folder 'nowhere'"),
        ({"spend": "date"}, "different columns"),
    ],
)
def test_arguments_without_such_a_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=text):
        scan_log(**{"source": "log.csv", **options})


def test_files_of_two_kinds_are_refused(tmp_path: Path) -> None:
    split(rows(), tmp_path, ".csv")
    split(rows(), tmp_path, ".parquet")
    with pytest.raises(ArgumentError, match=r"is a Parquet file and .* is not"):
        scan_log(tmp_path)


def test_names_with_quotes_are_names(tmp_path: Path, suffix: str) -> None:
    names = {"customer_id": 'the "customer"', "date": "it's", "spend": "spend; DROP"}
    (folder := tmp_path / "it's").mkdir()
    split(rows().rename(columns=names), folder, suffix)
    same(rfm_summary(scan_log(folder, **names), **names), rfm_summary(rows(), spend="spend"))


def test_memory_stays_within_the_limit_and_the_rest_on_disk(tmp_path: Path) -> None:
    connection = connect("50MB", tmp_path)
    (settings,) = connection.execute(
        "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
    ).fetchall()
    assert settings[0] == "47.6 MiB"
    assert Path(settings[1]).parent == tmp_path
    numbers = "SELECT hash(i) AS h, i FROM range(6_000_000) t(i) ORDER BY h"
    assert connection.execute(f"SELECT count(*), sum(i) FROM ({numbers} LIMIT 6_000_000)").fetchall()


def test_a_log_that_nobody_holds_leaves_no_threads(tmp_path: Path) -> None:
    split(rows(), tmp_path, ".parquet")

    def threads() -> int:
        gc.collect()
        return len(list(Path("/proc/self/task").iterdir()))

    scan_log(tmp_path, spend="spend")  # what DuckDB starts once
    before = threads()
    for _ in range(3):
        rfm_summary(scan_log(tmp_path, spend="spend"), spend="spend")
        assert threads() <= before


@pytest.mark.parametrize("kept", ["log", "connection", "log, connection"])
def test_temporary_files_go_when_the_program_ends(tmp_path: Path, suffix: str, kept: str) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    (files := tmp_path / "files").mkdir()
    split(rows(), files, suffix)
    program = (
        "from clvmodels.io.scans import connect, scan\n"
        f"connection = connect('300MB', {str(temporary)!r})\n"
        f"log = scan(connection, {str(files)!r}, ('customer_id', 'date', 'spend'))\n"
        f"kept = {kept}\ndel connection, log\nprint('held')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("held\n", "")
    assert not list(temporary.iterdir())


def test_progress_is_told_while_a_query_runs() -> None:
    seen: list[tuple[int, int]] = []
    connection = connect()
    with watched(connection, lambda done, total: seen.append((done, total))):
        query = "SELECT max(hash(i)) FROM range({}) t(i)"
        size = 20_000_000
        while not seen and size < 10**10:
            connection.execute(query.format(size)).fetchall()
            size *= 4
    assert all(0 <= done <= total == 100 for done, total in seen)
    assert seen


def test_a_fit_sees_the_patterns_of_a_table_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split(rows(), tmp_path, ".parquet")
    table = clv.rfm_table(clv.scan_log(tmp_path, spend="spend"), spend="spend")
    wanted = clv.CLVModel("bg_nbd", method="map").fit(clv.rfm_summary(rows(), spend="spend"))
    monkeypatch.setattr(clv.RFMTable, "collect", None)
    fitted = clv.CLVModel("bg_nbd", method="map").fit(table)
    assert fitted.rfm is None
    for ours, theirs in zip(fitted.posteriors, wanted.posteriors, strict=True):
        np.testing.assert_allclose(ours.draws, theirs.draws, rtol=1e-9)
        assert ours.diagnostics["customers"] == theirs.diagnostics["customers"] == len(table)
    with pytest.raises(ArgumentError, match="made from an RFMTable holds no customers"):
        fitted.forecast("12W")


def test_semicolons_are_told(tmp_path: Path) -> None:
    for name, mark in (("log.csv", ";"), ("tabs.csv", "\t")):
        (tmp_path / name).write_text(f"customer_id{mark}date\n1{mark}2026-01-01\n")
        with pytest.raises(DataError, match="separates its columns by") as refused:
            scan_log(tmp_path / name)
        assert repr(mark) in str(refused.value)
        assert name in str(refused.value)
