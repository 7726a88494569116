"""A job that is moved: the shelf, the fits and the log elsewhere, another key, and a shelf of an earlier version."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from zipfile import ZipFile

import duckdb
import pandas as pd
import pytest
from jobs import bytes_of, go, look, published, set_up, shelf_of, shop

from clvmodels.batch import Store, roll_back
from clvmodels.cli import main
from clvmodels.config import read_config

SMALL = shop(150)
EARLIER = Path(__file__).with_name("earlier_shelf.zip")
"""Two runs and their fits, as they were written when folders were part of a fingerprint and refunds were not told."""


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that ran once; read only."""
    folder = tmp_path_factory.mktemp("moves")
    assert go(set_up(folder, SMALL), "2025-01-31").code in (0, 5)
    return folder


@pytest.fixture
def moved(one_run: Path, tmp_path: Path) -> Path:
    """The same job, but log, shelf and fits lie elsewhere, and it waits for others; its configuration."""
    for name in ("published", "fits"):
        (tmp_path / "mnt").mkdir(exist_ok=True)
        shutil.copytree(one_run / name, tmp_path / "mnt" / f"{name}-2")
    path = set_up(tmp_path, SMALL)
    (tmp_path / "log.csv").rename(tmp_path / "mnt" / "sales.csv")
    text = path.read_text().replace('"log.csv"', f'"{tmp_path}/mnt/sales.csv"')
    path.write_text(text + 'folder = "mnt/published-2"\nwait = 3\n[store]\nfolder = "mnt/fits-2"\n')
    return path


def test_job_that_moved_has_nothing_to_do(one_run: Path, moved: Path) -> None:
    """Killed: folders, the source and the time to wait as part of what a run is known by."""
    before = bytes_of(one_run / "published")
    assert go(moved, "2025-01-31").code == 99
    assert bytes_of(moved.parent / "mnt" / "published-2") == before


def test_job_that_moved_makes_the_same_bytes_again(one_run: Path, moved: Path) -> None:
    shutil.rmtree(moved.parent / "mnt" / "published-2")
    outcome = go(moved, "2025-01-31")
    assert outcome.code in (0, 5)
    assert bytes_of(moved.parent / "mnt" / "published-2") == bytes_of(one_run / "published")
    assert "mnt" not in json.dumps(outcome.manifest)


def test_log_in_another_format_is_the_same_run(one_run: Path, moved: Path) -> None:
    SMALL.to_parquet(moved.parent / "log.parquet")
    moved.write_text(moved.read_text().replace("mnt/sales.csv", "log.parquet"))
    assert go(moved, "2025-01-31").code == 99
    with duckdb.connect(str(moved.parent / "log.duckdb")) as connection:
        connection.register("small", SMALL.assign(date=pd.to_datetime(SMALL["date"])))
        connection.execute("CREATE TABLE orders AS SELECT * FROM small")
    moved.write_text(moved.read_text().replace('log.parquet"', 'log.duckdb"\ntable = "orders"'))
    assert go(moved, "2025-01-31").code == 99


def test_another_key_of_hashed_ids_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed: the name of the variable in place of the key, so that ids under a new key were never published."""
    path = set_up(tmp_path, SMALL, more='hash_ids = true\nhash_key = "env:CLV_TEST_KEY"\n')
    monkeypatch.setenv("CLV_TEST_KEY", "s3cret")
    first = go(path, "2025-01-31")
    ids = set(published(tmp_path / "published")["customer_id"])
    path.write_text(path.read_text().replace("CLV_TEST_KEY", "CLV_TEST_SAME"))
    monkeypatch.setenv("CLV_TEST_SAME", "s3cret")
    assert go(path, "2025-01-31").code == 99
    monkeypatch.setenv("CLV_TEST_SAME", "another")
    second = go(path, "2025-01-31")
    assert second.run_id != first.run_id
    assert ids.isdisjoint(published(tmp_path / "published")["customer_id"])


# --- a shelf of an earlier version ---------------------------------------------------------------------------


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A job whose runs were written by an earlier version; its configuration."""
    with ZipFile(EARLIER) as archive:
        archive.extractall(tmp_path)
    return tmp_path / "clv.toml"


def test_shelf_of_an_earlier_version_is_read_on(earlier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    then = shelf_of(earlier).pointer["run_id"]
    outcome = go(earlier, "2025-03-31", force=True)
    assert outcome.manifest is not None
    assert outcome.manifest["previous"] == then
    assert {row["run_id"] for row in outcome.manifest["hindsight"]} == {
        run.run_id for run in shelf_of(earlier).runs[:2]
    }
    assert outcome.manifest["singles"]  # the fit of then is read, too
    assert published(earlier.parent / "published")["last_segment"].notna().any()
    for command in ("status", "history", "fits"):
        with pytest.raises(SystemExit) as ended:
            main([command, str(earlier)])
        assert ended.value.code == 0
    assert then in capsys.readouterr().out
    config = read_config(earlier, {})
    assert roll_back(config, shelf_of(earlier), Store(config.path("fits"))).run_id == then
    assert look(earlier.parent / "published") == "2025-02-28"


def test_day_of_an_earlier_version_is_made_once_more_and_replaces(earlier: Path) -> None:
    then = shelf_of(earlier).pointer["run_id"]
    again = go(earlier, "2025-02-28", force=True)
    assert again.manifest is not None
    assert again.manifest["replaces"] == then
    assert go(earlier, "2025-02-28").code == 99
    assert [run.run_id for run in shelf_of(earlier).standing][-1] == again.run_id
    ours = published(earlier.parent / "published")
    before = pd.read_parquet(next(shelf_of(earlier).runs[-2].folder.glob("part-*")))
    assert ours.drop(columns="run_id").equals(before.drop(columns="run_id"))
