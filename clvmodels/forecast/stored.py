"""A forecast in a folder: files written beside it by whoever works, published when all are whole.

    out/customers/part-00000.parquet ...   one row per customer
    out/totals.parquet                     draw, period, purchases, value, and the same of the model alone
    out/manifest.json                      written last: window, provenance, files, checksums

A worker writes one file and tells of it in a receipt when it has ended. A file without a receipt is left by a worker
that died; it counts nowhere and is deleted. So totals are right however often a piece of work was begun.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.errors import ArgumentError, ArtifactError, DataError, as_path
from clvmodels.forecast.scoring import Scored, Scorer, ids_of
from clvmodels.forecast.simulation import in_turn
from clvmodels.io import as_json, write_json
from clvmodels.prediction import Forecast, Quantity
from clvmodels.units import Horizon

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = 1
CUSTOMERS, TOTALS, MANIFEST = "customers", "totals.parquet", "manifest.json"
RECEIPT = "file string, rows long, without_mean long, sha256 string"


@dataclass(frozen=True)
class PartWriter:
    """Writes the forecasts of batches to a file in a folder; yields the receipt, an Arrow batch of one row.

    Attributes
    ----------
    scorer
        The forecast.
    folder
        On a disk that all workers see.
    workers
        Threads.
    moved
        Called with the number of customers done.
    """

    scorer: Scorer
    folder: str
    workers: int = 1
    moved: Callable[[int], None] | None = None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The receipt, or nothing where there is no customer."""
        import pyarrow as pa
        from pyarrow import parquet

        path = Path(self.folder) / f"{secrets.token_hex(8)}.parquet"
        writer, sums, rows, without_mean = None, None, 0, 0
        try:
            for scored in self._scored(batches):
                writer = writer or parquet.ParquetWriter(path, scored.batch.schema, compression="zstd")
                writer.write_batch(scored.batch)
                sums = scored.totals if sums is None else sums + scored.totals
                rows += scored.batch.num_rows
                without_mean += scored.without_mean
                if self.moved is not None:
                    self.moved(rows)
        finally:
            if writer is not None:
                writer.close()
        if sums is None:
            return
        np.save(path.with_suffix(".npy"), sums)
        with path.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        receipt = {"file": path.name, "rows": rows, "without_mean": without_mean, "sha256": checksum}
        yield pa.record_batch({name: [value] for name, value in receipt.items()})

    def _scored(self, batches: Iterator[pa.RecordBatch]) -> Iterator[Scored]:
        return in_turn(self.scorer.score, (batch for batch in batches if batch.num_rows), self.workers)


class StoredColumns(Mapping[str, np.ndarray]):
    """The customer table of a forecast in files; a column is read when it is asked for, and not kept."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self._folder, self._names = folder, names

    def __getitem__(self, name: str) -> np.ndarray:
        from pyarrow import parquet

        if name not in self._names:
            raise KeyError(name)
        column = parquet.read_table(self._folder, columns=[name]).column(name).combine_chunks()
        return ids_of(column) if name == "customer_id" else column.to_numpy(zero_copy_only=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def check_out(out: str | Path) -> Path:
    """A folder that a forecast may be written to.

    Raises
    ------
    ArgumentError
        If it is an address, its parent does not exist, or it holds something else than a forecast.
    """
    if "://" in str(out):
        raise ArgumentError(
            f"out={str(out)!r} is no folder on a disk; write there with what `FittedCLV.scorer` returns"
        )
    out = Path(out).absolute()
    if not out.parent.is_dir():
        raise ArgumentError(
            f"there is no folder {str(out.parent)!r} to make {out.name!r} in; create it first"
        )
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or _holds_forecast(out))):
        raise ArgumentError(f"{str(out)!r} holds something else than a forecast; give another folder")
    return out


def _holds_forecast(folder: Path) -> bool:
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("kind") == "forecast"


def write(
    scorer: Scorer,
    out: Path,
    expected: int,
    provenance: Mapping[str, Any],
    work: Callable[[str], Iterable[Mapping[str, Any]]],
) -> tuple[Forecast, int]:
    """Have `work` write files to a folder and return their receipts; publish them, whole or not at all.

    Returns
    -------
    Forecast, int
        What was published, and the number of customers without a mean spend.
    """
    beside = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    folder = beside / CUSTOMERS
    folder.mkdir(parents=True)
    try:
        receipts = sorted(work(str(folder)), key=lambda receipt: str(receipt["sha256"]))
        rows = sum(int(receipt["rows"]) for receipt in receipts)
        if rows != expected:
            raise DataError(
                f"{expected:,} customers were to be forecast and {rows:,} were; nothing was published",
                fix="see to it that nothing changes the table meanwhile, then forecast again",
            )
        sums = np.zeros((1, 1, 1, 1), dtype=np.int64)
        for receipt in receipts:
            sums = sums + np.load((folder / receipt["file"]).with_suffix(".npy"))
        files = _tidy(folder, receipts)
        _write_totals(scorer, sums, beside / TOTALS)
        _write_manifest(
            scorer, beside, files, {**provenance, "levels": scorer.levels, "forecast_customers": rows}
        )
        _replace(beside, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return load_forecast(out), sum(int(receipt["without_mean"]) for receipt in receipts)


def _tidy(folder: Path, receipts: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Number the files that have a receipt, delete the rest, and list what there is."""
    files = []
    for number, receipt in enumerate(receipts):
        name = f"part-{number:05d}.parquet"
        (folder / receipt["file"]).rename(folder / name)
        files.append({"file": f"{CUSTOMERS}/{name}", "rows": receipt["rows"], "sha256": receipt["sha256"]})
    kept = {Path(entry["file"]).name for entry in files}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
    return files


def _write_totals(scorer: Scorer, sums: np.ndarray, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    purchases, value = scorer.totals(sums)
    draws, periods = purchases.period_draws.shape
    table = {
        "draw": np.repeat(np.arange(draws), periods),
        "period": np.tile(np.arange(1, periods + 1), draws),
    }
    for quantity in (purchases, value):
        if quantity is not None:
            table[quantity.name] = quantity.period_draws.ravel()
            if quantity.alone is not None:
                table[f"{quantity.name}_alone"] = quantity.alone.period_draws.ravel()
    parquet.write_table(pa.table(table), path)


def _write_manifest(
    scorer: Scorer, folder: Path, files: list[dict[str, Any]], provenance: Mapping[str, Any]
) -> None:
    from pyarrow import parquet

    content = {
        "kind": "forecast",
        "schema": SCHEMA,
        "clvmodels": version("clvmodels"),
        "name": scorer.name,
        "columns": parquet.read_schema(folder / files[0]["file"]).names,
        "horizon": asdict(scorer.horizon),
        "provenance": provenance,
        "totals": hashlib.sha256((folder / TOTALS).read_bytes()).hexdigest(),
        "files": files,
    }
    write_json(as_json(content), folder / MANIFEST)


def _replace(beside: Path, out: Path) -> None:
    """Put a whole folder where an earlier one may be."""
    if not out.exists():
        beside.rename(out)
        return
    former = out.with_name(f".{out.name}.{secrets.token_hex(4)}.old")
    out.rename(former)
    beside.rename(out)
    shutil.rmtree(former, ignore_errors=True)


def load_forecast(folder: str | Path) -> Forecast:
    """A forecast that was written with ``forecast(..., out=folder)``; customers are read when they are asked for.

    Parameters
    ----------
    folder
        Where it was written.

    Raises
    ------
    ArgumentError
        If there is no such folder.
    ArtifactError
        If it holds no whole forecast, or one that was written by a newer version.

    Examples
    --------
    >>> import tempfile
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), observation_end="1997-09-30").take(slice(0, 100))
    >>> fitted = clv.CLVModel("bg_nbd", spend=None).fit(rfm, draws=50)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = fitted.forecast("52W", draws=50, out=f"{folder}/forecast")
    ...     again = load_forecast(f"{folder}/forecast")
    ...     table = again.customers
    >>> len(table), again.total.mean == fitted.forecast("52W", draws=50).total.mean
    (100, True)
    """
    folder = as_path("folder", folder)
    content = _read_manifest(folder)
    from pyarrow import parquet

    table = parquet.read_table(folder / TOTALS)
    periods = len(content["horizon"]["edges"]) - 1
    found = {
        name: column.to_numpy().reshape(-1, periods)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    totals = {
        name: Quantity.by_period(name, found[name], found.get(f"{name}_alone"))
        for name in ("purchases", "value")
        if name in found
    }
    return Forecast(
        name=content["name"],
        is_distribution=True,
        columns=StoredColumns(folder / CUSTOMERS, content["columns"]),
        purchases=totals["purchases"],
        value=totals.get("value"),
        horizon=_horizon(content["horizon"]),
        provenance=content["provenance"],
    )


def _horizon(stated: Mapping[str, Any]) -> Horizon:
    bounds = {
        name: None if stated[name] is None else tuple(map(datetime.fromisoformat, stated[name]))
        for name in ("starts", "ends")
    }
    return Horizon(
        np.array(stated["edges"]), stated["unit"], bounds["starts"], bounds["ends"], stated["text"]
    )


def _read_manifest(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise ArgumentError(f"there is no folder {str(folder)!r}; check the path")
    if not _holds_forecast(folder):
        raise ArtifactError(f"folder {str(folder)!r} holds no whole forecast. Way out: write it again")
    content: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    if not isinstance(content.get("schema"), int) or content["schema"] > SCHEMA:
        raise ArtifactError(
            f"folder {str(folder)!r} was written by clvmodels {content.get('clvmodels')}. Way out: upgrade clvmodels"
        )
    missing = [entry["file"] for entry in content["files"] if not (folder / entry["file"]).is_file()]
    totals = folder / TOTALS
    if missing or not totals.is_file():
        raise ArtifactError(
            f"folder {str(folder)!r} lacks {(missing or [TOTALS])[0]!r}. Way out: write the forecast again"
        )
    if hashlib.sha256(totals.read_bytes()).hexdigest() != content["totals"]:
        raise ArtifactError(f"{str(totals)!r} was changed. Way out: write the forecast again")
    return content
