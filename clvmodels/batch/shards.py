"""The shards of a run on disk: a file each, a line in a journal when it is whole, and their sums.

A run that is cut off leaves the shards it has finished. To resume is to trust those whose checksums match
the journal and to do the others; since every shard is the same bytes whenever it is made, so is the run.
"""

from __future__ import annotations

import hashlib
import io as memory
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.batch.scoring import Scoring, dealt, score
from clvmodels.io import read_table, replacing, write_table
from clvmodels.rfm import RFM

if TYPE_CHECKING:
    import pandas as pd

JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Shards:
    """Where the shards of a run are made.

    Attributes
    ----------
    files
        Folder of the files that will be published.
    work
        Folder of what is needed on the way: the journal, and the sums of each shard.
    count
        How many shards the customers are dealt to.
    """

    files: Path
    work: Path
    count: int

    def write(
        self,
        scoring: Scoring,
        rfm: RFM,
        last: Callable[[int, np.ndarray], Mapping[Any, str]],
        move: Callable[[int, int], None],
    ) -> int:
        """Write the shards that are not there yet; returns how many were there.

        Parameters
        ----------
        last
            Gives the last segments of the customers of a shard, by (shard, published ids).
        move
            Called with (customers done, customers in all).
        """
        shard_of, kept, done = dealt(rfm, self.count), self._whole(), 0
        for number in np.unique(shard_of).tolist():
            index = np.flatnonzero(shard_of == number)
            if number not in kept:
                self._write(number, scoring, rfm.take(index), last)
            done += len(index)
            move(done, len(rfm))
        return len(kept)

    def _write(self, number: int, scoring: Scoring, rfm: RFM, last: Callable[..., Any]) -> None:
        published = scoring.published_ids(rfm)
        known = last(number, published)
        pairs = zip(rfm.customer_id.tolist(), map(known.get, published.tolist()), strict=True)
        before = {identity: segment for identity, segment in pairs if segment is not None}
        table, totals = score(scoring, rfm, before or None)
        buffer = memory.BytesIO()
        np.savez(buffer, allow_pickle=False, **totals)
        with replacing(self.work / f"{number:04}.npz") as file:
            file.write(buffer.getvalue())
        write_table(table, self.files / file_of(number))
        line = {"shard": number, "rows": len(table), **self._checksums(number)}
        with (self.work / JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(line) + "\n")
            journal.flush()
            os.fsync(journal.fileno())

    def _checksums(self, number: int) -> dict[str, str]:
        paths = {"table": self.files / file_of(number), "totals": self.work / f"{number:04}.npz"}
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}

    def _whole(self) -> set[int]:
        """Shards of the journal whose files are still what it says; a torn last line counts for nothing."""
        try:
            lines = (self.work / JOURNAL).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return set()
        whole = set()
        for line in lines:
            try:
                told = json.loads(line)
                if self._checksums(told["shard"]).items() <= told.items():
                    whole.add(int(told["shard"]))
            except (ValueError, KeyError, TypeError, OSError):
                continue
        return whole

    @property
    def names(self) -> list[str]:
        """The files to publish, in their order."""
        return [path.name for path in sorted(self.files.glob("part-*.parquet"))]

    def totals(self) -> dict[str, np.ndarray]:
        """Sums over all shards; draws are multiples of one power of two, so the order does not matter."""
        sums: dict[str, np.ndarray] = {}
        for path in sorted(self.work.glob("*.npz")):
            with np.load(path, allow_pickle=False) as archive:
                for name in archive.files:
                    sums[name] = archive[name] + sums.get(name, 0.0)
        return sums

    def tables(self) -> Iterator[pd.DataFrame]:
        """The published table, shard by shard."""
        return tables_of(self.files)


def tables_of(folder: Path) -> Iterator[pd.DataFrame]:
    """The published table of a run's folder, shard by shard."""
    for path in sorted(folder.glob("part-*.parquet")):
        yield read_table(path)


def file_of(number: int) -> str:
    """Name of the file of a shard."""
    return f"part-{number:04}.parquet"


def last_segments(
    folder: Path | None, horizon: str, *, same_shards: bool
) -> Callable[[int, np.ndarray], dict[Any, str]]:
    """A function that looks up the segments of an earlier run for a shard of customers.

    Parameters
    ----------
    folder
        Of that run, or None where there is none.
    horizon
        Its main one.
    same_shards
        Whether its customers were dealt to shards in the same way, so that one file is enough.
    """

    def look_up(number: int, published: np.ndarray) -> dict[Any, str]:
        names = file_of(number) if same_shards else "part-*.parquet"
        paths = [] if folder is None else sorted(folder.glob(names))
        wanted = set(published.tolist())
        found: dict[Any, str] = {}
        for path in paths:
            table = read_table(path)
            main = table[(table["horizon"] == horizon) & table["customer_id"].isin(wanted)]
            found |= dict(zip(main["customer_id"].tolist(), main["segment"].tolist(), strict=True))
        return found

    return look_up
