"""What the package is installed with is enough for what the README promises; extras are extras."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import clvmodels as clv

ROOT = Path(__file__).resolve().parents[2]
MODULE_OF = {"scikit-learn": "sklearn", "ibis-framework": "ibis"}
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
from clvmodels.cli import main
main()
"""


def requirement(text: str) -> str:
    """The name of what is required: `pyspark` of ``pyspark[connect]>=4.0``."""
    return text.split("[")[0].split(">")[0].split("=")[0].strip()


def extras() -> set[str]:
    """Modules that come only with an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = {requirement(line) for line in project["dependencies"]}
    found = {
        requirement(line) for lines in project["optional-dependencies"].values() for line in lines
    } - core
    return {MODULE_OF.get(name, name) for name in found}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    log = clv.load_cdnow()
    log[log["customer_id"] <= 400].to_csv(folder / "log.csv", index=False)
    return folder


def plainly(folder: Path, *words: str) -> str:
    """Run a command in a fresh interpreter without the extras."""
    command = [sys.executable, "-c", BLOCKED.format(names=sorted(extras())), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_extras_are_what_is_blocked() -> None:
    assert {"polars", "pyspark", "sklearn"} <= extras()
    assert not {"duckdb", "pandas", "pyarrow"} & extras()


def test_a_forecast_needs_no_extra(folder: Path) -> None:
    """Killed: DuckDB, which reads files, as an extra."""
    said = plainly(
        folder,
        "forecast",
        "log.csv",
        "--purchase",
        "bg_nbd",
        "--horizon",
        "12M",
        "--draws",
        "50",
        "--out",
        "clv.csv",
    )
    assert "total value" in said
    assert (folder / "clv.csv").exists()


def test_a_backtest_and_its_report_need_no_extra(folder: Path) -> None:
    plainly(
        folder,
        "backtest",
        "log.csv",
        "--horizon",
        "26W",
        "--model",
        "bg_nbd",
        "--draws",
        "50",
        "--out",
        "backtest",
    )
    plainly(folder, "report", "backtest", "--out", "report.html")
    assert (folder / "report.html").stat().st_size > 10_000
