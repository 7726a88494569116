"""The published runs: a folder each that never changes again, and one pointer file that says which of them counts.

    published/
    ├── current.json                     the pointer, replaced in one step
    ├── history.html
    ├── run_date=2026-10-31/run_id=…/    part-*.parquet, totals.npz, report.html, dictionary.json, manifest.json
    └── .staging/<run_id>/               a run that is not finished

A run is made beside its place and moved there when its manifest has been written; then the pointer is replaced.
Whoever follows the pointer, or looks for manifests, sees whole runs only.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from clvmodels.artifacts import read_manifest
from clvmodels.errors import ArgumentError, ArtifactError, TemporaryError
from clvmodels.io import sync_folder, write_json

POINTER, LOCK, STAGING = "current.json", ".lock", ".staging"
KIND = "run"
_POLLED = 0.1  # seconds between two looks at the lock


@dataclass(frozen=True)
class Run:
    """A published run.

    Attributes
    ----------
    folder
        Where it lies.
    manifest
        What it says of itself.
    """

    folder: Path
    manifest: dict[str, Any]

    @property
    def run_id(self) -> str:
        """Its id."""
        return str(self.manifest["run_id"])

    @property
    def as_of(self) -> date:
        """Its date."""
        return date.fromisoformat(self.manifest["as_of"])


@dataclass(frozen=True)
class Shelf:
    """The folder of the published runs."""

    folder: Path

    def place(self, as_of: date, run_id: str) -> Path:
        """Where a run is published."""
        return self.folder / f"run_date={as_of}" / f"run_id={run_id}"

    def stage(self, run_id: str) -> Path:
        """Where a run is made."""
        return self.folder / STAGING / run_id

    @property
    def pointer(self) -> dict[str, Any]:
        """The content of the pointer file; empty before the first run.

        Raises
        ------
        ArtifactError
            If it cannot be read.
        """
        try:
            pointer = json.loads((self.folder / POINTER).read_bytes())
            return {key: pointer[key] for key in ("run_id", "as_of", "path", "withdrawn")}
        except FileNotFoundError:
            return {"withdrawn": []}
        except (ValueError, KeyError, TypeError, OSError) as problem:
            raise ArtifactError(
                f"{str(self.folder / POINTER)!r} cannot be read ({type(problem).__name__}: {problem}); "
                "remove it and run again with --force"
            ) from None

    @property
    def runs(self) -> list[Run]:
        """All whole runs, by date; of one date, a run follows the one it replaces."""
        found = []
        for path in sorted(self.folder.glob("run_date=*/run_id=*/manifest.json")):
            try:
                found.append(Run(path.parent, read_manifest(path.parent, KIND, check_files=False)))
            except ArtifactError:
                continue
        replaced = {run.run_id: run.manifest["replaces"] for run in found}

        def depth(run_id: str | None) -> int:
            before: set[str] = set()
            while (
                run_id is not None and run_id not in before
            ):  # one that was lost and made again closes a circle
                before.add(run_id)
                run_id = replaced.get(run_id)
            return len(before)

        return sorted(found, key=lambda run: (run.as_of, depth(run.run_id), run.run_id))

    @property
    def torn(self) -> list[Path]:
        """Folders of runs without a manifest that can be read: copied in part, or changed."""
        whole = {run.folder for run in self.runs}
        return sorted(path for path in self.folder.glob("run_date=*/run_id=*") if path not in whole)

    @property
    def lost(self) -> str | None:
        """Id of the run that the pointer names, where it is not on the shelf."""
        current = self.pointer.get("run_id")
        return current if current not in {None, *(run.run_id for run in self.runs)} else None

    @property
    def standing(self) -> list[Run]:
        """The run that counts of each date, by date: not withdrawn, and not replaced by another one."""
        withdrawn = set(self.pointer["withdrawn"])
        return list({run.as_of: run for run in self.runs if run.run_id not in withdrawn}.values())

    def replaced_by(self, as_of: date, run_id: str) -> str | None:
        """Id of the run of the same date that a run replaces: what stood there when it was first made."""
        there = next((run for run in self.runs if run.run_id == run_id), None)
        if there is not None:
            return there.manifest["replaces"]
        return next((run.run_id for run in self.standing if run.as_of == as_of), None)

    def open_stage(self, run_id: str, *, resumes: bool, made_with: Mapping[str, Any]) -> Path:
        """The folder to make a run in, with ``run`` and ``work`` inside.

        Emptied unless the run `resumes` one that was `made_with` the same fit after the same last run: these are no
        part of its id, and half a table by one fit and half by another is no forecast.
        """
        stage, note = self.stage(run_id), self.stage(run_id) / "made_with.json"
        try:
            is_same = resumes and json.loads(note.read_bytes()) == made_with
        except (OSError, ValueError):
            is_same = False
        if stage.exists() and not is_same:
            shutil.rmtree(stage)
        for name in ("run", "work"):
            (stage / name).mkdir(parents=True, exist_ok=True)
        if not is_same:
            write_json(made_with, note)
        return stage

    def check(self, as_of: date, run_id: str) -> Run | None:
        """The published run of that id, after its files have been checked; None if there is none or it is damaged."""
        place = self.place(as_of, run_id)
        if not place.is_dir():
            return None
        try:
            return Run(place, read_manifest(place, KIND))
        except ArtifactError:
            return None

    def check_whole(self, run: Run) -> None:
        """Refuse a run to compare with, or to go back to, whose files are not what its manifest says.

        Raises
        ------
        ArtifactError
            If any is missing, or was changed.
        """
        files: dict[str, str] = run.manifest["files"]
        wrong = [name for name, checksum in files.items() if _checksum_of(run.folder / name) != checksum]
        if wrong:
            raise ArtifactError(
                f"run {run.run_id} of {run.as_of} is no longer what was published: {len(wrong)} of its {len(files)} "
                f"files are missing or were changed ({', '.join(wrong[:3])}). Way out: make it again with --as-of "
                f"{run.as_of}, or bring the files back, or remove {str(run.folder)!r}"
            )

    def shelve(self, as_of: date, run_id: str) -> Path:
        """Move a finished run to its place; what lies there damaged is moved out of the way."""
        place = self.place(as_of, run_id)
        place.parent.mkdir(exist_ok=True)
        if place.exists():
            place.rename(self.stage(run_id) / "damaged")
        (self.stage(run_id) / "run").rename(place)
        sync_folder(place.parent)
        sync_folder(self.folder)
        return place

    def point_to(self, run: Run, *, withdrawing: Sequence[str] = ()) -> None:
        """Make a run the one that counts; those of `withdrawing` never count again by themselves."""
        withdrawn = [one for one in self.pointer["withdrawn"] if one != run.run_id]
        withdrawn += [one for one in withdrawing if one not in withdrawn]
        content = {
            "run_id": run.run_id,
            "as_of": str(run.as_of),
            "path": run.folder.relative_to(self.folder).as_posix(),
            "withdrawn": withdrawn,
        }
        write_json(content, self.folder / POINTER)

    @property
    def unfinished(self) -> list[str]:
        """Ids of runs that were cut off or held back."""
        return sorted(path.name for path in (self.folder / STAGING).glob("*") if path.is_dir())

    def clear_stages(self) -> None:
        """Remove what unfinished runs left behind."""
        shutil.rmtree(self.folder / STAGING, ignore_errors=True)

    @contextmanager
    def locked(self, wait: float) -> Iterator[None]:
        """Hold the shelf against other runs on this machine; the lock goes with the process that holds it.

        Raises
        ------
        TemporaryError
            If another run holds it for longer than `wait` seconds.
        ArgumentError
            If the folder cannot be made or written to.
        """
        import fcntl

        try:
            self.folder.mkdir(exist_ok=True)
            file = (self.folder / LOCK).open("a")
        except OSError as problem:
            raise ArgumentError(
                f"folder {str(self.folder)!r} cannot be written to: {problem.strerror}; choose another [publish] folder"
            ) from None
        with file:
            until = time.monotonic() + wait
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= until:
                        raise TemporaryError(
                            f"another run holds {str(self.folder / LOCK)!r}; run again when it is over"
                        ) from None
                    time.sleep(_POLLED)
            yield

    @property
    def is_busy(self) -> bool:
        """Whether a run is going on."""
        import fcntl

        try:
            with (self.folder / LOCK).open("rb") as file:  # to look takes no right to write
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def _checksum_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
