"""Tests that drive a program are skipped and counted where it is missing, and fail where nothing may be missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TESTS = """
import pytest

@pytest.fixture(scope="module")
def session(need):
    return need("java")

@pytest.mark.parametrize("number", range(3))
def test_with_java(session, number):
    pass

def test_with_chromium(need):
    assert need("chromium")

def test_without_programs():
    pass
"""


def run(folder: Path, *, programs: tuple[str, ...] = (), ci: bool = False, workers: int = 0) -> str:
    """Output of a run of `TESTS` on a machine that has these programs."""
    shutil.copy(HERE / "conftest.py", folder)
    (folder / "test_programs_there.py").write_text(TESTS)
    path = folder / "bin"
    path.mkdir()
    for program in programs:
        (path / program).touch(mode=0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "CI"))}
    environment |= {"PATH": str(path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | ({"CI": "true"} if ci else {})
    options = ["-q", "-ra", "-p", "xdist", "-n", str(workers), "-c", os.devnull, "--rootdir", str(folder)]
    command = [sys.executable, "-m", "pytest", *options]
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    return result.stdout + result.stderr


@pytest.mark.parametrize("workers", [0, 1])
def test_missing_programs_are_named_in_the_last_lines(tmp_path: Path, workers: int) -> None:
    lines = run(tmp_path, workers=workers).splitlines()
    assert lines[-2] == "not run here, because missing: chromium (1 test), java (3 tests)"
    assert re.match("1 passed, 4 skipped", lines[-1])


def test_nothing_is_said_where_nothing_is_missing(tmp_path: Path) -> None:
    output = run(tmp_path, programs=("java", "google-chrome"))
    assert "5 passed" in output
    assert "missing" not in output


def test_a_missing_program_is_a_failure_where_all_must_run(tmp_path: Path) -> None:
    output = run(tmp_path, programs=("chromium",), ci=True)
    assert "2 passed, 3 errors" in output
    assert "java is missing, and CI is set" in output
    assert "not run here" not in output
