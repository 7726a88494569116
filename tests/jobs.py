"""A small shop with a scheduled job, for the tests of scheduled runs."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clvmodels.artifacts import read_manifest
from clvmodels.batch import Options, Outcome, Shelf, run
from clvmodels.batch.narration import Narrator
from clvmodels.config import Config, read_config

QUICK = """
[log]
source = "log.csv"
[model]
purchase = "bg_nbd"
spend = "gamma_gamma"
method = "laplace"
draws = 200
[forecast]
horizon = ["26W"]
draws = 60
[publish]
shards = 3
"""


def shop(
    customers: int = 400, since: str = "2024-01-01", until: str = "2025-12-31", seed: int = 3
) -> pd.DataFrame:
    """A log with customers who join all the time, buy at rates of their own, and leave at some time."""
    rng = np.random.default_rng(seed)
    days = (pd.Timestamp(until) - pd.Timestamp(since)).days
    rows: list[tuple[int, int, float]] = []
    for customer in range(customers):
        day, rate, mean = rng.integers(0, days), rng.gamma(2.0, 0.02), rng.gamma(6.0, 5.0)
        end = min(days, day + rng.exponential(300))
        while day <= end:
            rows.append((customer, int(day), float(np.round(rng.gamma(8.0, mean / 8.0) + 0.01, 2))))
            day += rng.exponential(1 / rate) + 1
    table = pd.DataFrame(rows, columns=["customer_id", "day", "spend"])
    table["date"] = (pd.Timestamp(since) + pd.to_timedelta(table.pop("day"), unit="D")).dt.strftime(
        "%Y-%m-%d"
    )
    return table.sort_values(["date", "customer_id"], ignore_index=True)[["customer_id", "date", "spend"]]


def set_up(folder: Path, log: pd.DataFrame | None = None, more: str = "", text: str = QUICK) -> Path:
    """A folder with a log and a configuration; returns the latter."""
    (shop() if log is None else log).to_csv(folder / "log.csv", index=False)
    path = folder / "clv.toml"
    path.write_text(text + more)
    return path


def go(path: Path | Config, as_of: str, narrator: Narrator | None = None, **options: Any) -> Outcome:
    """Run the job of a configuration as of a day."""
    config = path if isinstance(path, Config) else read_config(path, {})
    return run(config, Options(date.fromisoformat(as_of), **options), narrator)


def shelf_of(path: Path) -> Shelf:
    config = read_config(path, {})
    return Shelf(config.path(config.publish.folder))


def gate(outcome: Outcome, name: str) -> str:
    """What a gate of a run said."""
    found = {one["gate"]: one["outcome"] for one in (outcome.manifest or {}).get("gates", [])}
    found |= {one.gate: one.outcome for one in outcome.verdicts}
    return found[name]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Everything published, by its path; locks and unfinished runs are not."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def look(folder: Path) -> str | None:
    """What a careful reader sees: the run that the pointer names, every file of every run being whole."""
    for manifest in folder.glob("run_date=*/run_id=*"):
        read_manifest(manifest, "run")
    try:
        pointer = json.loads((folder / "current.json").read_bytes())
    except FileNotFoundError:
        return None
    told = read_manifest(folder / pointer["path"], "run")
    assert told["run_id"] == pointer["run_id"]
    return str(told["as_of"])


def published(folder: Path) -> pd.DataFrame:
    """The table that the pointer names."""
    pointer = json.loads((folder / "current.json").read_bytes())
    parts = sorted((folder / pointer["path"]).glob("part-*.parquet"))
    return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)
