"""Tables in and out: ids and numbers as they are, whole files or none, mistakes named."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clvmodels.errors import ArgumentError, DataError
from clvmodels.io import FORMATS, as_json, read_table, replacing, table_format, write_json, write_table


@pytest.fixture
def table(rng: np.random.Generator) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "customer_id": ["007", "42", "ünï", "a,b", 'q"q'],
            "purchases": [1, 2, 3, 4, 5],
            "clv_mean": [1 / 3, 1e-300, 1.7976931348623157e308, 0.1 + 0.2, rng.normal()],
        }
    )
    frame.attrs = {"levels": (0.05, 0.95), "margin": np.float64(0.35), "fits": [{"model": "bg_nbd"}]}
    return frame


@pytest.mark.parametrize("suffix", FORMATS)
def test_round_trip_keeps_ids_and_every_bit(table: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clv{suffix}"
    write_table(table, path)
    pd.testing.assert_frame_equal(read_table(path), table, check_exact=True)


def test_floats_of_every_size_survive_csv(tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.integers(0, 2**63 - 1, 20_000).view(float)
    values = values[np.isfinite(values)]
    write_table(pd.DataFrame({"value": values}), tmp_path / "values.csv")
    np.testing.assert_array_equal(read_table(tmp_path / "values.csv")["value"], values)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("1\n20\n", [1, 20]),
        ("0\n9223372036854775807\n", [0, 2**63 - 1]),
        ("007\n20\n", ["007", "20"]),
        ("1\n9223372036854775808\n", ["1", "9223372036854775808"]),
        ("1\n123456789012345678901234\n", ["1", "123456789012345678901234"]),
        ("1.0\n2\n", ["1.0", "2"]),
        ("+1\n2\n", ["+1", "2"]),
        ("1e5\n2\n", ["1e5", "2"]),
        ("NA\nnull\n", ["NA", "null"]),
        (" 1\n2\n", [" 1", "2"]),
    ],
)
def test_ids_of_csv_are_names(tmp_path: Path, text: str, ids: list[object]) -> None:
    path = tmp_path / "log.csv"
    path.write_text("who,spend\n" + text.replace("\n", ",2.5\n"))
    assert read_table(path, customer_id="who")["who"].tolist() == ids


@pytest.mark.parametrize(
    "start", [b"", b"\xef\xbb\xbf", b"\n"], ids=["plain", "byte order mark", "blank line"]
)
def test_two_columns_of_one_name_are_refused(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(start + b'spend,customer_id,"spend",,\n1,2,3,,\n')
    with pytest.raises(DataError, match=r"column names of .*log\.csv' repeat: 'spend'\. Way out: name"):
        read_table(path)
    packed = tmp_path / "log.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(DataError, match="repeat: 'spend'"):
        read_table(packed)


def test_two_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["spend", "spend"]), path)
    with pytest.raises(DataError, match=r"column names of .* repeat: 'spend'"):
        read_table(path)


def test_columns_without_a_name_and_with_like_names_are_read(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("customer_id,spend,spend.1,,\n1,2,3,4,5\n")
    table = read_table(tmp_path / "log.csv")
    assert list(table.columns)[:3] == ["customer_id", "spend", "spend.1"]
    assert table.iloc[0].tolist() == [1, 2, 3, 4, 5]


def test_missing_id_stays_missing(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("customer_id,spend\n1,2\n,3\n")
    assert read_table(tmp_path / "log.csv")["customer_id"].isna().tolist() == [False, True]


def test_missing_spend_is_missing_and_byte_order_mark_is_no_letter(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(b"\xef\xbb\xbfcustomer_id,spend\n1,NA\n2,3.5\n")
    table = read_table(tmp_path / "log.csv")
    assert table["customer_id"].tolist() == [1, 2]
    assert table["spend"].isna().tolist() == [True, False]


def test_parquet_carries_what_a_table_says_of_itself(table: pd.DataFrame, tmp_path: Path) -> None:
    assert write_table(table, tmp_path / "clv.parquet") == (tmp_path / "clv.parquet",)
    assert read_table(tmp_path / "clv.parquet").attrs == as_json(table.attrs)
    assert isinstance(table.attrs["levels"], tuple)


def test_csv_has_it_beside(table: pd.DataFrame, tmp_path: Path) -> None:
    path, beside = write_table(table, tmp_path / "clv.csv")
    meta = json.loads(beside.read_text())
    assert beside.name == "clv.csv.meta.json"
    assert meta["attrs"] == as_json(table.attrs)
    assert meta["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_no_stale_facts_beside_a_table_without_any(table: pd.DataFrame, tmp_path: Path) -> None:
    write_table(table, tmp_path / "clv.csv")
    table.attrs = {}
    assert write_table(table, tmp_path / "clv.csv") == (tmp_path / "clv.csv",)
    assert [path.name for path in tmp_path.iterdir()] == ["clv.csv"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_same_table_same_bytes(table: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / name / f"clv{suffix}" for name in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        write_table(table, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_named_index_becomes_columns_and_the_frame_is_not_changed(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"mean": [1.5, 2.5]}, index=pd.Index(["r", "alpha"], name="parameter"))
    write_table(frame, tmp_path / f"summary{suffix}")
    assert list(read_table(tmp_path / f"summary{suffix}").columns) == ["parameter", "mean"]
    assert list(frame.columns) == ["mean"]


def test_index_without_name_is_left_out(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"a": [1, 2, 3]}).iloc[[2, 0]], tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").to_dict("list") == {"a": [3, 1]}


@pytest.mark.parametrize("name", ["log.xlsx", "log", "log.csv.zip", "log.gz", "log.parquet.tmp"])
def test_other_endings_are_refused_by_name(table: pd.DataFrame, tmp_path: Path, name: str) -> None:
    for act in (lambda: read_table(tmp_path / name), lambda: write_table(table, tmp_path / name)):
        with pytest.raises(ArgumentError, match=r"\.csv, \.csv\.gz, \.parquet"):
            act()
    assert not list(tmp_path.iterdir())


def test_case_of_the_ending_does_not_matter() -> None:
    assert table_format(Path("LOG.CSV.GZ")) == ".csv.gz"


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_file_a_folder_and_an_empty_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log{suffix}"
    with pytest.raises(ArgumentError, match="there is no file"):
        read_table(path)
    path.mkdir()
    with pytest.raises(ArgumentError, match="not a file"):
        read_table(path)
    path.rmdir()
    path.touch()
    with pytest.raises(DataError, match="is empty"):
        read_table(path)


@pytest.mark.parametrize("suffix", [".csv.gz", ".parquet"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_cut_off_files_are_refused(table: pd.DataFrame, tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"log{suffix}"
    write_table(pd.concat([table] * 50), path)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(DataError, match="not a whole"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.parquet", b"customer_id,spend\n1,2\n", "not a whole Parquet file"),
        ("log.csv.gz", b"customer_id,spend\n1,2\n", "not a whole gzip file"),
        ("log.csv", b"customer_id,name\n1,\xff\xfe\n", "not UTF-8"),
        ("log.csv.gz", gzip.compress(b"customer_id,name\n1,\xff\n", mtime=0), "not UTF-8"),
        ("log.csv", b'customer_id,name\n1,"open\n', "comma-separated"),
        ("log.csv", b"customer_id,spend\n1,2\n3,4,5\n", "comma-separated"),
        ("log.csv", b"customer_id,spend\n1,2,3\n4,5,6\n", "comma-separated"),
        ("log.csv", b"\n\n", "comma-separated"),
    ],
)
def test_files_that_are_not_what_they_say(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as refusal:
        read_table(tmp_path / name)
    assert "Way out" in str(refusal.value)


def test_parquet_refuses_a_column_of_mixed_types(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one type"):
        write_table(pd.DataFrame({"a": [1, "x"]}), tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", FORMATS)
def test_folder_must_exist(table: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ArgumentError, match="no folder"):
        write_table(table, tmp_path / "nowhere" / f"clv{suffix}")


def test_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "clv.csv"
    path.write_text("old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    with pytest.raises(TypeError), replacing(path) as file:
        file.write("half a text")  # type: ignore[arg-type]
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("clv.csv", "new")]


def test_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_json({}, tmp_path / "ours")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_forbidden_folder(table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(
        *_: object, **__: object
    ) -> None:  # root may write everywhere, so permissions would prove nothing
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", forbid)
    with pytest.raises(ArgumentError, match="cannot be written"):
        write_table(table, tmp_path / "clv.csv")


def test_json_of_everything_a_table_says() -> None:
    facts = {
        "array": np.arange(2),
        "date": date(1997, 9, 30),
        "stamp": datetime(1997, 9, 30, 12),
        "odd": (float("nan"), float("-inf"), None, True),
        "path": Path("a/b"),
        3: np.int64(4),
    }
    assert as_json(facts) == {
        "array": [0, 1],
        "date": "1997-09-30",
        "stamp": "1997-09-30T12:00:00",
        "odd": ["nan", "-inf", None, True],
        "path": "a/b",
        "3": 4,
    }


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_other_separators_are_told_with_the_way_out(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        mark.join(("customer_id", "date", "spend")) + "\n" + mark.join(("1", "2026-01-01", "9,50")) + "\n"
    )
    with pytest.raises(DataError) as refused:
        read_table(path)
    assert f"separates its columns by {mark!r}" in str(refused.value)
    assert f"sep={mark!r}, decimal=','" in str(refused.value)


def test_one_column_is_no_other_separator(tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_text("customer_id\n7\n")
    assert read_table(path)["customer_id"].tolist() == [7]
