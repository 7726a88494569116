"""A run that is killed anywhere goes on where it was, ends in the same bytes, and never shows half of itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from jobs import bytes_of, go, look, set_up, shelf_of, shop

TESTS = Path(__file__).resolve().parents[1]
EVENTS = 12  # of an undisturbed run: six stages, three shards, ready, shelved, pointed
RANDOM = int(os.environ.get("CLV_KILLS", "3"))
"""Kills at random times; `make proof` asks for fifty."""


class Reader(threading.Thread):
    """Looks at every published folder all the time, and remembers what it saw."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home, self.over, self.looks = home, threading.Event(), 0
        self.seen: dict[str, list[str]] = {}
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.over.wait(0.02):
            for folder in sorted(self.home.glob("kill-*/published")):
                try:
                    day = look(folder)
                except Exception as problem:  # noqa: BLE001 (whatever it is, a reader must not see it)
                    self.wrong.append(f"{folder.parent.name}: {problem!r}")
                    continue
                self.looks += 1
                days = self.seen.setdefault(folder.parent.name, [])
                if day is not None and day not in days[-1:]:
                    days.append(day)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that has run once; its configuration."""
    folder = tmp_path_factory.mktemp("kills")
    path = set_up(folder, shop(200))
    go(path, "2025-01-31")
    return path


def check(once: Path, folder: Path, kills: list[str]) -> list[bool]:
    """Kill and resume copies of a job in a folder; returns which runs were still alive when they were killed."""
    job = folder / "job" / once.name
    shutil.copytree(once.parent, job.parent)
    reader = Reader(job.parent.parent)
    reader.start()
    command = [sys.executable, str(TESTS / "killer.py"), str(job), "2025-02-28", *kills]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    reader.over.set()
    reader.join()
    assert done.returncode == 0, done.stderr
    assert reader.wrong == []
    assert reader.looks > len(kills)
    told = [line.split() for line in done.stdout.splitlines()]
    assert told[0][0] == "undisturbed"
    home = job.parent.with_name("undisturbed")
    expected = bytes_of(home / "published"), bytes_of(home / "fits")
    alive = []
    for kill, was_alive, code in told[1:]:
        folder = job.parent.with_name(f"kill-{kill}")
        assert code in (told[0][1], "99"), (kill, done.stderr)
        found = bytes_of(folder / "published"), bytes_of(folder / "fits")
        assert [name for part, whole in zip(found, expected, strict=True) for name in part | whole
                if part.get(name) != whole.get(name)] == [], kill  # fmt: skip
        assert shelf_of(folder / "clv.toml").unfinished == [], kill
        assert reader.seen[folder.name] in (["2025-01-31", "2025-02-28"], ["2025-01-31"]), reader.seen
        alive.append(was_alive == "True")
    return alive


def test_killed_at_every_boundary(job: Path, tmp_path: Path) -> None:
    assert check(job, tmp_path, [f"e{number}" for number in range(1, EVENTS + 2)]) == [True] * EVENTS + [
        False
    ]


def test_killed_at_random_times(job: Path, tmp_path: Path) -> None:
    shares = np.random.default_rng(20250228).uniform(0, 1, RANDOM)
    assert any(check(job, tmp_path, [f"t{share:.6f}" for share in shares]))
