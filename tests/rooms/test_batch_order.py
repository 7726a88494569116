"""In which order a run makes things safe and shows them: what a power cut, or another run, could get between."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jobs import go, set_up, shelf_of, shop

from clvmodels.batch import Outcome, Shelf
from clvmodels.batch.gates import Verdict
from clvmodels.batch.metrics import write_metrics
from clvmodels.batch.narration import Narrator


@dataclass
class Witness(Narrator):
    """Watches a run in this process, and writes down what it sees.

    Attributes
    ----------
    shelf
        Of the job.
    steps
        What was moved to which path, and which folder was made safe, in their order.
    safe
        Inodes that were written to the disk.
    """

    shelf: Shelf = field(default_factory=lambda: Shelf(Path()))
    steps: list[str] = field(default_factory=list)
    safe: set[int] = field(default_factory=set)
    unsafe: list[str] = field(default_factory=list)
    journal: list[str] = field(default_factory=list)
    busy: dict[str, bool] = field(default_factory=dict)

    def tell(self, event: str, level: str = "info", **facts: Any) -> None:
        self.busy[event] = self.shelf.is_busy

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        sync, replace, rename = os.fsync, os.replace, os.rename

        def synced(descriptor: int) -> None:
            sync(descriptor)
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            self.safe.add(os.fstat(descriptor).st_ino)
            if path.is_dir():
                self.steps.append(f"safe {path.name}")
            if path.name == "journal.jsonl":
                self.judge(path)

        def moved(move: Any) -> Any:
            def moving(source: Any, target: Any, **options: Any) -> None:
                if Path(source).is_file() and Path(source).stat().st_ino not in self.safe:
                    self.unsafe.append(str(target))
                move(source, target, **options)
                self.steps.append(f"moved {Path(target).name}")

            return moving

        patch.setattr(os, "fsync", synced)
        patch.setattr(os, "replace", moved(replace))
        patch.setattr(os, "rename", moved(rename))

    def judge(self, journal: Path) -> None:
        """Whether the shard of the last line was safe, and what it says, when the line was."""
        told = json.loads(journal.read_text().splitlines()[-1])
        stage, number = journal.parents[1], told["shard"]
        files = {
            "table": stage / "run" / f"part-{number:04}.parquet",
            "totals": stage / "work" / f"{number:04}.npz",
        }
        for name, path in files.items():
            is_whole = path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == told[name]
            is_safe = is_whole and path.stat().st_ino in self.safe
            self.journal.append(f"{name} {'safe' if is_safe else 'not yet there'}")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Witness:
    path = set_up(tmp_path_factory.mktemp("order"), shop(60))
    witness = Witness(shelf=shelf_of(path))
    with pytest.MonkeyPatch.context() as patch:
        witness.watch(patch)
        assert go(path, "2025-01-31", witness).code in (0, 5)
    return witness


def test_files_are_safe_before_they_are_shown(seen: Witness) -> None:
    assert seen.unsafe == []
    assert len([step for step in seen.steps if step.startswith("moved part-")]) == 3


def test_journal_names_shards_that_are_safe(seen: Witness) -> None:
    assert seen.journal == ["table safe", "totals safe"] * 3


def test_pointer_follows_the_run_and_the_run_its_manifest(seen: Witness) -> None:
    [run] = [step for step in seen.steps if step.startswith("moved run_id=")]
    ends = seen.steps.index("moved report.html"), len(seen.steps)
    order = [step for step in seen.steps[slice(*ends)] if not step.startswith("safe run")]
    # within the folder of fits nothing may be left to do but the choice of the one in production
    assert [step for step in order if step.startswith("moved")] == [
        "moved report.html", "moved manifest.json", run, "moved current.json", "moved production.json",
        "moved history.html",
    ]  # fmt: skip
    moves = seen.steps.index(run), seen.steps.index("moved current.json")
    assert {"safe run_date=2025-01-31", "safe published"} <= set(seen.steps[slice(*moves)])


def test_shelf_is_held_from_the_first_event_to_the_last(seen: Witness) -> None:
    first, *_, last = seen.busy
    assert (first, last) == ("read", "pointed")
    assert all(seen.busy.values()), seen.busy
    assert not seen.shelf.is_busy


def test_metrics_are_replaced_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "clv.prom"
    path.write_text("old")
    with path.open() as reader:
        write_metrics(path, "2025-01-31", 0, Outcome(0, "published", "abc"), {"read": 1.5})
        assert reader.read() == "old"
    assert "clvmodels_run_exit_code 0" in path.read_text()


def test_metrics_say_of_every_gate_what_it_measured_and_whether_it_tripped(tmp_path: Path) -> None:
    """Killed: warnings that count as nothing; totals of which six digits are left."""
    outcomes: list[Any] = ["passed", "warned", "blocked", "not judged"]
    verdicts = tuple(
        Verdict(f"{one[0]}ate", one, None if one == "not judged" else 0.5, 1.0, "") for one in outcomes
    )
    total = {"quantity": "value", "horizon": "26W", "mean": 15_933_726.25, "low": 12.0, "high": 2e7}
    outcome = Outcome(5, "published", "abc", verdicts, {"totals": [total], "input": {"customers": 1_000_000}})
    write_metrics(tmp_path / "clv.prom", "2025-01-31", 5, outcome, {})
    lines = [line for line in (tmp_path / "clv.prom").read_text().splitlines() if not line.startswith("#")]
    tripped = [line.split()[1] for line in lines if line.startswith("clvmodels_gate_tripped")]
    assert tripped == ["0", "1", "1", "0"]
    assert len([line for line in lines if line.startswith("clvmodels_gate_value")]) == 3
    assert 'clvmodels_total{quantity="value",horizon="26W",bound="mean"} 15933726.25' in lines
    assert {"clvmodels_run_customers 1000000", "clvmodels_run_as_of_seconds 1738281600"} <= set(lines)
