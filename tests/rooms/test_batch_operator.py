"""What happens overnight: runs and fits deleted or copied in part, odd deliveries, disks, and somebody's Ctrl-C."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from jobs import bytes_of, gate, go, look, published, set_up, shelf_of, shop

from clvmodels.batch import Store
from clvmodels.batch.narration import Narrator
from clvmodels.cli import main
from clvmodels.errors import ArgumentError, ArtifactError, DataError, TemporaryError

SMALL = shop(150)


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that ran twice; read only."""
    path = set_up(tmp_path_factory.mktemp("job"), SMALL)
    for day in ("2025-01-31", "2025-02-28"):
        go(path, day, force=True)
    return path.parent


@pytest.fixture
def job(two_runs: Path, tmp_path: Path) -> Path:
    """A copy of it to work with; its configuration."""
    shutil.copytree(two_runs, tmp_path / "job")
    return tmp_path / "job" / "clv.toml"


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code and output of a command in this process."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


class Told(Narrator):
    """Remembers what was told."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, dict[str, Any]] = {}

    def tell(self, event: str, level: str = "info", **facts: Any) -> None:
        self.of[event] = {"level": level, **facts}


# --- runs that are not what they were ------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("which", [0, 1], ids=["oldest in view", "last"])
@pytest.mark.parametrize("name", ["totals.npz", "part-0001.parquet"])
@pytest.mark.parametrize("harm", [Path.unlink, cut])
def test_run_that_is_looked_back_at_and_was_copied_in_part_is_named(
    job: Path, which: int, name: str, harm: Any
) -> None:
    """Killed: an error of the system after the whole forecast was made; a torn part that the log is blamed for."""
    run = shelf_of(job).runs[which]
    harm(run.folder / name)
    before = bytes_of(job.parent / "published")
    words = rf"run {run.run_id} of {run.as_of} .* 1 of its 6 files .*{name}.* make it again with --as-of {run.as_of}"
    with pytest.raises(ArtifactError, match=words):
        go(job, "2025-03-31")
    assert bytes_of(job.parent / "published") == before
    assert go(job, str(run.as_of)).code != 99  # the way out
    assert go(job, "2025-03-31", force=True).code in (0, 5)


def test_files_that_are_wrong_are_counted(job: Path) -> None:
    run = shelf_of(job).runs[-1]
    for name in ("part-0000.parquet", "part-0001.parquet", "part-0002.parquet", "totals.npz", "report.html"):
        (run.folder / name).unlink()
    with pytest.raises(
        ArtifactError, match=r"5 of its 6 files .*\(part-0000.parquet, part-0001.parquet, part-0002"
    ):
        go(job, "2025-03-31")


def test_run_that_is_lost_or_torn_is_told(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed: a status that names a run which is no longer there, and says nothing."""
    first, second = shelf_of(job).runs
    assert (shelf_of(job).lost, shelf_of(job).torn) == (None, [])
    assert "not on the shelf" not in told(capsys, "status", str(job))[1]
    (second.folder / "manifest.json").write_text("{")
    narrator = Told()
    _, out, _ = told(capsys, "status", str(job))
    assert (
        f"run {second.run_id} of 2025-02-28, which is not on the shelf: make it again with --as-of 2025-02-28"
        in out
    )
    assert f"torn: 1 without a manifest that can be read, first {str(second.folder)!r}" in out
    outcome = go(job, "2025-03-31", narrator, force=True)
    assert outcome.manifest is not None
    assert outcome.manifest["previous"] == first.run_id
    assert narrator.of["lost run"]["lost"] == second.run_id
    assert narrator.of["torn runs"] == {
        "level": "warning", "count": 1, "first": str(second.folder.relative_to(job.parent / "published")),
    }  # fmt: skip


def test_yesterday_deleted_by_hand(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = shelf_of(job).runs
    shutil.rmtree(second.folder.parent)
    assert told(capsys, "rollback", str(job))[0] == 0
    assert shelf_of(job).pointer["run_id"] == first.run_id
    assert look(job.parent / "published") == "2025-01-31"


# --- fits that are not what they were ------------------------------------------------------------------------


def test_fit_that_is_gone_is_made_again(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job.write_text(job.read_text() + '[store]\nrefit = "52W"\n')
    store = Store(job.parent / "fits")
    gone = str(store.production)
    shutil.rmtree(store.folder / gone)
    assert f"{gone}, which is not in the store" in told(capsys, "status", str(job))[1]
    narrator = Told()
    assert go(job, "2025-03-31", narrator, force=True).code in (0, 5)
    assert narrator.of["fit"]["why"] == f"the fit in production, {gone}, is no longer in the store"
    assert store.production in store.versions


def test_fit_that_is_damaged_is_named_with_a_way_out(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed: a list of fits that ends at the first damaged one; advice to save a fit that nobody has."""
    store = Store(job.parent / "fits")
    version = str(store.production)
    cut(store.folder / version / "arrays.npz")
    with pytest.raises(ArtifactError, match=rf"{version}.*Way out: remove that folder and run again"):
        go(job, "2025-03-31")
    code, out, _ = told(capsys, "fits", str(job))
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if "2025-0" in line] == ["BG/NBD", "damaged"]
    shutil.rmtree(store.folder / version)
    assert go(job, "2025-03-31", force=True).code in (0, 5)


def test_fit_that_was_cut_off_while_it_was_saved_is_made_again(job: Path) -> None:
    """Killed: a fit that is there under its name, and whole or not is not asked."""
    store = Store(job.parent / "fits")
    version = str(store.production)
    shutil.rmtree(shelf_of(job).runs[-1].folder)
    (store.folder / "production.json").unlink()
    cut(store.folder / version / "arrays.npz")
    assert go(job, "2025-02-28", force=True).code in (0, 5)
    assert store.load(version).name.startswith("BG/NBD")


@pytest.mark.parametrize("change", ["fit", "last run"])
def test_shards_of_another_fit_or_another_last_run_are_not_resumed(job: Path, change: str) -> None:
    """Killed: half a table by yesterday's fit, or with segments since a run that is gone."""
    text = job.read_text()
    job.write_text(text + '[store]\nrefit = "52W"\n[gates]\ntotal = { action = "block", limit = -1 }\n')
    store, narrator = Store(job.parent / "fits"), Told()
    assert go(job, "2025-03-31").code == 4
    assert go(job, "2025-03-31", narrator, resume=True).code == 4
    assert narrator.of["forecast"]["kept"] == 3
    if change == "fit":
        store.promote(store.versions[0])
    else:
        shutil.rmtree(shelf_of(job).runs[-1].folder)
    assert go(job, "2025-03-31", narrator, resume=True, force=True).code == 5
    assert narrator.of["forecast"]["kept"] == 0
    assert len(set(published(job.parent / "published")["model_version"])) == 1


@pytest.mark.parametrize("content", ["{", "[]", '{"run": "abc"}'])
def test_torn_alias_is_named_and_mended_by_what_it_advises(
    job: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    """Killed: advice to promote a version, which fails for the very reason it was given."""
    store = Store(job.parent / "fits")
    (store.folder / "production.json").write_text(content)
    code, _, err = told(capsys, "status", str(job))
    assert code == 3
    assert "production.json' cannot be read (" in err
    assert "clvmodels fits --promote" in err
    assert told(capsys, "fits", str(job), "--promote", store.versions[-1])[0] == 0
    assert store.production == store.versions[-1]


def test_oldest_runs_and_fits_may_be_removed(job: Path) -> None:
    """What the guide says of a shelf that grows: whole folders, and never the one that counts."""
    first = shelf_of(job).runs[0]
    shutil.rmtree(first.folder.parent)
    shutil.rmtree(job.parent / "fits" / first.manifest["model"]["version"])
    narrator = Told()
    assert go(job, "2025-03-31", narrator, force=True).code in (0, 5)
    assert not {"lost run", "torn runs"} & narrator.of.keys()


# --- odd deliveries ------------------------------------------------------------------------------------------


def test_log_that_holds_its_rows_twice_is_held_back(job: Path) -> None:
    """Killed: a forecast of twice the money, published with a warning."""
    pd.concat([SMALL, SMALL]).to_csv(job.parent / "log.csv", index=False)
    before = bytes_of(job.parent / "published")
    outcome = go(job, "2025-03-31")
    assert (outcome.code, gate(outcome, "grown"), gate(outcome, "late")) == (3, "blocked", "warned")
    assert "grown: " in outcome.words
    assert bytes_of(job.parent / "published") == before


def test_log_that_is_a_head_only_is_called_so(job: Path) -> None:
    (job.parent / "log.csv").write_text("customer_id,date,spend\n")
    with pytest.raises(DataError, match=r"log\.csv' has a head and no rows"):
        go(job, "2025-03-31")


def test_column_that_is_lost_overnight_is_named_with_its_key(job: Path) -> None:
    SMALL.drop(columns="spend").to_csv(job.parent / "log.csv", index=False)
    with pytest.raises(DataError, match=r"'spend'.*in a configuration with \[log\] spend_column"):
        go(job, "2025-03-31")
    assert look(job.parent / "published") == "2025-02-28"


def test_database_that_is_being_written_is_tried_again_later(job: Path) -> None:
    """Killed: a lock that is taken for a bad delivery."""
    path = job.parent / "log.duckdb"
    program = (
        f"import duckdb; there = duckdb.connect({str(path)!r}); there.execute('CREATE TABLE t (x INT)'); "
        "print(1, flush=True)"
    )
    job.write_text(job.read_text().replace('"log.csv"', '"log.duckdb"\ntable = "t"'))
    with subprocess.Popen(
        [sys.executable, "-c", f"{program}; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline()
        with pytest.raises(TemporaryError, match=r"log\.duckdb' is held by another program.*run again later"):
            go(job, "2025-03-31")
        writer.communicate(b"\n")


def test_run_that_is_published_already_keeps_its_metrics(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed: a second call in a night after which a collector finds no total."""
    metrics = job.parent / "clv.prom"
    seen = []
    for code in (99, 99):
        ended, out, _ = told(capsys, "run", str(job), "--as-of", "2025-02-28", "--metrics-file", str(metrics))
        assert ended == code
        assert "value within 26W" in out
        seen.append([line for line in metrics.read_text().splitlines() if "stage" not in line])
    assert seen[0] == seen[1]
    assert any(line.startswith("clvmodels_total{") for line in seen[0])
    assert any(line.startswith("clvmodels_gate_value{") for line in seen[0])


# --- disks and people ----------------------------------------------------------------------------------------


def test_store_that_cannot_be_written_to_is_refused_before_the_fit(tmp_path: Path) -> None:
    narrator = Told()
    path = set_up(tmp_path, SMALL, more='[store]\nfolder = "occupied/fits"\n')
    (path.parent / "occupied").write_text("a file, in which nobody may make a folder, root included")
    with pytest.raises(ArgumentError, match=r"fits' cannot be written to: .*choose another \[store\] folder"):
        go(path, "2025-01-31", narrator)
    assert narrator.of == {}


def test_busy_shelf_is_seen_without_the_right_to_write(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed: a status that fails on a shelf that is mounted for reading only."""
    shelf, opened = shelf_of(job), Path.open
    with shelf.locked(0):
        assert shelf.is_busy

    def reading_only(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if set(mode) & set("wax+"):
            raise OSError(30, "Read-only file system", str(path))
        return opened(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", reading_only)
    assert not shelf.is_busy


def interrupted(*_: Any) -> Iterator[Any]:
    raise KeyboardInterrupt


def full(*_: Any) -> Iterator[Any]:
    raise OSError(28, "No space left on device", "journal.jsonl")


def broken(*_: Any) -> Iterator[Any]:
    raise OSError(5, "Input/output error", "part-0000.parquet")


@pytest.mark.parametrize(
    ("what", "code", "words"),
    [(interrupted, 130, "--resume"), (full, 75, "No space left"), (broken, 1, "the system refused")],
)
def test_whatever_ends_a_run_is_told_with_its_code(
    job: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    what: Any,
    code: int,
    words: str,
) -> None:
    """Killed: log lines that just stop, and metrics of another code than that of the process."""
    monkeypatch.setattr("clvmodels.batch.shards.Shards.write", what)
    metrics, before = job.parent / "clv.prom", bytes_of(job.parent / "published")
    ended, _, err = told(capsys, "run", str(job), "--as-of", "2025-03-31", "--metrics-file", str(metrics))
    last = json.loads(err.splitlines()[-1])
    assert (ended, last["event"], last["exit_code"]) == (code, "ended", code)
    assert words in last["words"]
    assert "the last whole forecast stands" in last["words"]
    assert f"clvmodels_run_exit_code {code}" in metrics.read_text()
    assert bytes_of(job.parent / "published") == before
