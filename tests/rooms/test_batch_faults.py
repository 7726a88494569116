"""Faults of the world around a run: two runs at once, full and read-only disks, torn files, and users' mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jobs import QUICK, bytes_of, go, look, set_up, shelf_of, shop

from clvmodels.batch import Shelf
from clvmodels.batch.delivery import deliver, opened
from clvmodels.batch.narration import Narrator
from clvmodels.cli import main
from clvmodels.config import config_from, read_config, template
from clvmodels.errors import ArgumentError, ArtifactError, ClvError, ClvWarning, DataError, TemporaryError

SMALL = shop(120)
IS_ROOT = sys.platform == "linux" and os.getuid() == 0


def clvmodels(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "clvmodels", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **variables}
    )


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code and output of a command in this process."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


# --- the command line ----------------------------------------------------------------------------------------


def test_commands_as_a_new_user_would_give_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = set_up(tmp_path, SMALL)
    metrics = tmp_path / "clv.prom"
    assert told(capsys, "validate", str(path))[0] == 0
    code, out, err = told(capsys, "run", str(path), "--as-of", "2025-01-31", "--metrics-file", str(metrics))
    assert code in (0, 5)
    assert "90 % predictive interval" in out
    events = [json.loads(line) for line in err.splitlines()]
    assert events[-1]["event"] == "ended"
    assert events[-1]["exit_code"] == code
    lines = metrics.read_text().splitlines()
    assert f"clvmodels_run_exit_code {code}" in lines
    assert any(
        line.startswith('clvmodels_total{quantity="value",horizon="26W",bound="low"} ') for line in lines
    )
    assert all(line.startswith("#") or len(line.rsplit(" ", 1)) == 2 for line in lines)
    assert told(capsys, "run", str(path), "--as-of", "2025-01-31")[0] == 99
    assert "2025-01-31" in told(capsys, "status", str(path))[1]
    assert "current" in told(capsys, "history", str(path))[1]
    assert told(capsys, "rollback", str(path))[0] == 2


@pytest.mark.parametrize("word", ["31.01.2025", "2025-01-31T12:00", "yesterday", ""])
def test_dates_that_are_none_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    code, out, err = told(capsys, "run", str(set_up(tmp_path, SMALL)), "--as-of", word)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert json.loads(err)["exit_code"] == 2


def test_init_writes_what_validate_accepts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SMALL.to_csv(tmp_path / "log.csv", index=False)
    path = tmp_path / "clv.toml"
    assert told(capsys, "init", str(path))[0] == 0
    assert told(capsys, "validate", str(path))[0] == 0
    assert told(capsys, "init", str(path))[0] == 2
    said = [
        line.removeprefix("# ") for line in template().splitlines() if line.startswith("# ") and " = " in line
    ]
    given = [line for line in said if not line.endswith("= ") and line.split(" = ")[0].isidentifier()]
    assert len(given) > 40
    for line in given:  # every default that is shown can be uncommented
        tomllib.loads(line)
    text = "\n".join(
        line.removeprefix("# ") if line.removeprefix("# ") in given else line
        for line in template().splitlines()
        if not line.startswith("# name = ")  # of the contenders, whose table is commented out
    )
    shown = config_from(tomllib.loads(text))
    assert shown == config_from({"log": {"source": "log.csv"}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (QUICK.replace("log.csv", "gone.csv"), "gone.csv"),
        (QUICK.replace("log.csv", "gone/*.csv"), "gone/*.csv"),
        (QUICK.replace("log.csv", "**gone"), "**gone"),
        (QUICK + 'folder = "no/where"\n', "[publish] folder"),
        (QUICK + '[store]\nfolder = "no/where"\n', "[store] folder"),
        (QUICK + 'target = "env:CLV_TEST_UNSET"\n', "CLV_TEST_UNSET"),
    ],
)
def test_validate_looks_for_what_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    code, _, err = told(capsys, "validate", str(set_up(tmp_path, SMALL, text=text)))
    assert code == 2
    assert words in err


def test_validate_loads_nothing_heavy(tmp_path: Path) -> None:
    path = set_up(tmp_path, SMALL)
    program = (
        "import sys\nfrom clvmodels.cli import main\n"
        f"try:\n    main(['validate', {str(path)!r}])\nexcept SystemExit:\n    pass\n"
        "print(' '.join({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {
        "pandas",
        "pymc",
        "arviz",
        "matplotlib",
        "duckdb",
        "psycopg",
        "ibis",
        "pyarrow",
    }


# --- two at once, and the disk -------------------------------------------------------------------------------


def test_second_run_waits_or_leaves(tmp_path: Path) -> None:
    path = set_up(tmp_path, SMALL)
    shelf = shelf_of(path)
    with shelf.locked(0):
        assert shelf.is_busy
        with pytest.raises(TemporaryError, match="another run"):
            go(path, "2025-01-31")
        assert clvmodels("run", str(path), "--as-of", "2025-01-31").returncode == 75
    assert not shelf.is_busy


def test_two_racing_jobs_publish_once(tmp_path: Path) -> None:
    path = set_up(tmp_path, SMALL, more="wait = 300\n")
    command = [sys.executable, "-m", "clvmodels", "run", str(path), "--as-of", "2025-01-31"]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    codes = sorted(process.wait() for process in both)
    assert codes[1] == 99
    assert codes[0] in (0, 5)
    assert look(tmp_path / "published") == "2025-01-31"
    assert len(shelf_of(path).runs) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1.5 MB; only root may mount one."""
    if not IS_ROOT:
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_leaves_the_last_forecast(small_disk: Path, tmp_path: Path) -> None:
    path = set_up(tmp_path, SMALL, more=f'folder = "{small_disk}/published"\n')
    assert go(path, "2025-01-31").code in (0, 5)
    before = bytes_of(small_disk / "published")
    ballast = small_disk / "ballast"
    with suppress(OSError):
        ballast.write_bytes(b"x" * 2_000_000)
    with pytest.raises(TemporaryError, match="no room left"):
        go(path, "2025-02-28")
    assert bytes_of(small_disk / "published") == before
    assert look(small_disk / "published") == "2025-01-31"
    ballast.unlink()
    assert go(path, "2025-02-28", resume=True).code in (0, 5)
    assert look(small_disk / "published") == "2025-02-28"


def test_target_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    path = set_up(tmp_path, SMALL)
    (tmp_path / "published").write_text("a file\n")
    with pytest.raises(ArgumentError, match="cannot be written to"):
        go(path, "2025-01-31")


def test_read_only_target_is_refused(tmp_path: Path) -> None:
    if not IS_ROOT:
        (tmp_path / "out").mkdir(mode=0o500)
        folder = str(tmp_path / "out" / "published")
    else:  # root may write anywhere but where nobody can
        folder = "/proc/published"
    path = set_up(tmp_path, SMALL, more=f'folder = "{folder}"\n')
    with pytest.raises(ArgumentError, match="cannot be written to"):
        go(path, "2025-01-31")
    assert clvmodels("run", str(path), "--as-of", "2025-01-31").returncode == 2


def test_torn_parquet_publishes_nothing(tmp_path: Path) -> None:
    path = set_up(tmp_path, SMALL, text=QUICK.replace("log.csv", "log.parquet"))
    SMALL.to_parquet(tmp_path / "log.parquet")
    go(path, "2025-01-31")
    before = bytes_of(tmp_path / "published")
    whole = (tmp_path / "log.parquet").read_bytes()
    for size in (0, 4, len(whole) // 2, len(whole) - 5):
        (tmp_path / "log.parquet").write_bytes(whole[:size])
        with pytest.raises(DataError):
            go(path, "2025-02-28")
    assert bytes_of(tmp_path / "published") == before


def test_date_that_goes_back_moves_nothing_back(tmp_path: Path) -> None:
    path = set_up(tmp_path, SMALL, more='[store]\nrefit = "28D"\n')
    go(path, "2025-03-31")
    outcome = go(path, "2025-02-28")
    assert outcome.manifest is not None
    assert outcome.manifest["model"]["fitted_as_of"] == "2025-02-28"  # never a fit that knows the future
    assert look(tmp_path / "published") == "2025-03-31"


def test_shards_that_are_not_what_the_journal_says_are_made_again(tmp_path: Path) -> None:
    """Killed: a journal that is believed without a look at the files."""
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    late = '[gates]\nvolume = {limit = 9}\ntotal = {action = "block", limit = -1}\n'
    for folder in (whole, torn):
        folder.mkdir()
        path = set_up(folder, SMALL, more=late)
        go(path, "2025-01-31")
        assert go(path, "2025-02-28").code == 4
    [stage] = (torn / "published" / ".staging").iterdir()
    first, second, third = sorted((stage / "run").glob("part-*"))
    first.write_bytes(first.read_bytes()[:-1])
    second.unlink()
    with (stage / "work" / "journal.jsonl").open("a") as journal:
        journal.write('{"shard": 2, "ro')
    kept = Told()
    again = read_config(torn / "clv.toml", {})
    assert go(again, "2025-02-28", kept, resume=True, force=True).code == 5
    assert kept.facts_of["forecast"]["kept"] == 1  # the third
    assert go(whole / "clv.toml", "2025-02-28", force=True).code == 5
    assert bytes_of(torn / "published") == bytes_of(whole / "published")
    assert third.name == "part-0002.parquet"


class Told(Narrator):
    """Remembers what stages said."""

    def __init__(self) -> None:
        super().__init__()
        self.facts_of: dict[str, dict[str, Any]] = {}

    def tell(self, event: str, level: str = "info", **facts: Any) -> None:
        self.facts_of[event] = facts


@pytest.mark.parametrize("content", ['{"run_id": ', "[]", "3", '{"run_id": "abc"}', "\udcff"])
def test_torn_pointer_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "current.json").write_text(content, errors="surrogateescape")
    with pytest.raises(ArtifactError, match=r"current\.json.*remove it and run again with --force"):
        _ = Shelf(tmp_path).standing


def test_metrics_that_cannot_be_written_are_refused_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed: a run that was published, and ended as if the configuration were wrong."""
    path = set_up(tmp_path, SMALL)
    words = ("run", str(path), "--as-of", "2025-01-31", "--metrics-file", str(tmp_path / "gone" / "clv.prom"))
    code, _, err = told(capsys, *words)
    assert code == 2
    assert "no folder" in json.loads(err.splitlines()[-1])["words"]
    assert not (tmp_path / "published").exists()


def test_metrics_tell_of_errors_that_nobody_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a mistake of our own")

    monkeypatch.setattr(sys.modules["clvmodels.batch.run"], "deliver", fail)
    path, metrics = set_up(tmp_path, SMALL), tmp_path / "clv.prom"
    metrics.write_text("clvmodels_run_exit_code 0\n")
    with pytest.raises(RuntimeError):
        main(["run", str(path), "--as-of", "2025-01-31", "--metrics-file", str(metrics)])
    assert "clvmodels_run_exit_code 1" in metrics.read_text().splitlines()


# --- users' mistakes never end in a traceback ----------------------------------------------------------------

fields = st.one_of(
    st.sampled_from(
        ["", "2025-01-05", "2025-13-01", "12.50", "-3", "1e400", "nan", "ann", '"', "a,b", "\x00", "é"]
    ),
    st.text(max_size=6),
)
lines = st.lists(st.lists(fields, min_size=1, max_size=4).map(",".join), max_size=8)
heads = st.sampled_from(["customer_id,date,spend", "customer_id,date", "date,spend,customer_id", "", "x,x,x"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(heads, lines, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["csv", "parquet", "csv.gz"]))
def test_any_file_is_read_or_refused_in_words(
    tmp_path: Path, head: str, rows: list[str], ending: str, suffix: str
) -> None:
    (tmp_path / f"log.{suffix}").write_bytes(ending.join([head, *rows]).encode("utf-8", "surrogatepass"))
    (tmp_path / "clv.toml").write_text(f'[log]\nsource = "log.{suffix}"\n')
    config = read_config(tmp_path / "clv.toml", {})
    with suppress(ClvError), opened(config) as table:
        deliver(config, table, pd.Timestamp("2025-01-31").date())


customers = st.sampled_from(["ann", "bob", "eve", "zoe", "é"])
purchases = st.tuples(customers, st.integers(0, 200), st.sampled_from(["1", "0", "0.01", "12.5", "1e12"]))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(purchases, max_size=14))
def test_any_small_log_is_forecast_or_refused_in_words(
    tmp_path: Path, rows: list[tuple[str, int, str]]
) -> None:
    """One customer, one day, nothing but zeros, one giant: odd logs that break no rule."""
    first = pd.Timestamp("2024-08-01")
    lines = [f"{who},{(first + pd.Timedelta(days=day)).date()},{spend}" for who, day, spend in rows]
    (tmp_path / "log.csv").write_text("\n".join(["customer_id,date,spend", *lines]))
    (tmp_path / "clv.toml").write_text(QUICK.replace("draws = 200", "draws = 20").replace("= 60", "= 10"))
    with warnings.catch_warnings(), suppress(ClvError):
        warnings.simplefilter("ignore", ClvWarning)
        go(tmp_path / "clv.toml", "2025-01-31", dry_run=True, force=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [
                "[log]", "[gates]", "[publish]", "[forecast]", 'source = "log.csv"', "shards = 0", "margin = 2", "x",
                "horizon = []", 'bias = {action = "stop"}', "bias = 3", "wait = -1", 'hash_ids = true', "seed = 1.5",
            ]
        ),
        max_size=7,
    )
)  # fmt: skip
def test_any_configuration_is_run_or_refused_in_one_line(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "clv.toml"
    path.write_text("\n".join(lines))
    with suppress(ClvError):
        read_config(path, {})


def test_shelf_reads_past_what_is_unfinished(tmp_path: Path) -> None:
    folder = tmp_path / "run_date=2025-01-31" / "run_id=abc"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    assert Shelf(tmp_path).runs == []
    assert Shelf(tmp_path).check(pd.Timestamp("2025-01-31").date(), "abc") is None
