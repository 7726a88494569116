"""Fixtures that rooms, laws and reference tests share."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.rfm import RFM

os.environ["MPLBACKEND"] = "Agg"  # before any test can import matplotlib: no window, no display

PROGRAMS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "java": ("java",),
    "postgres": ("postgres",),
    "systemd-analyze": ("systemd-analyze",),
}
"""Programs that some tests drive, and the names under which they are looked for."""
MISSING = "not run here, because missing: "


def pytest_make_parametrize_id(val: object) -> str | None:
    """A lambda among parameters is called by the place where it is written; everything else keeps its name."""
    if getattr(val, "__name__", "") != "<lambda>":
        return None
    code = val.__code__  # type: ignore[attr-defined]
    column = max(place[2] or 0 for place in code.co_positions())
    return f"lambda in line {code.co_firstlineno}, {column}"


@pytest.fixture(scope="session")
def need() -> Callable[[str], str]:
    """A function that gives the path of one of `PROGRAMS`.

    Where the program is missing, the test is skipped and counted at the end of the output; where the
    environment variable CI is set, it fails, so that nothing goes untested in silence.
    """

    def find(program: str) -> str:
        for name in PROGRAMS[program]:
            if found := shutil.which(name, path=_search_path()):
                return found
        if os.environ.get("CI"):
            pytest.fail(
                f"{program} is missing, and CI is set: {' or '.join(PROGRAMS[program])}", pytrace=False
            )
        pytest.skip(MISSING + program)

    return find


@pytest.fixture(scope="session")
def spark_sessions(
    need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Any]]:
    """Sessions of Spark, classic and Connect, which start once in a process, with the first test that asks."""
    need("java")
    from spark import spark_sessions

    with spark_sessions(tmp_path_factory.mktemp("spark")) as sessions:
        yield sessions


def _search_path() -> str:
    """PATH, and the folders that Debian keeps PostgreSQL's programs in, which are not on it."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Name the missing programs in the last lines of the output, behind everything else."""
    yield
    reasons = [str(report.longrepr[-1]) for report in terminalreporter.stats.get("skipped", [])]
    counts = Counter(reason.split(MISSING)[1] for reason in reasons if MISSING in reason)
    if counts:
        named = ", ".join(
            f"{program} ({count} test{'s' if count > 1 else ''})" for program, count in sorted(counts.items())
        )
        terminalreporter.write_line(MISSING + named, yellow=True)


@pytest.fixture(scope="session")
def cdnow() -> pd.DataFrame:
    """Transactions of the CDNOW sample: customer_id, date, spend. Copy it before changing it."""
    import clvmodels as clv

    return clv.load_cdnow("sample")


@pytest.fixture(scope="session")
def cdnow_rfm(cdnow: pd.DataFrame) -> RFM:
    """The sample as the papers use it: days merged, weeks counted, 39 weeks observed."""
    import clvmodels as clv

    return clv.rfm_summary(
        cdnow,
        customer_id="customer_id",
        date="date",
        spend="spend",
        period="D",
        time_unit="W",
        observation_end="1997-09-30",
    )


@pytest.fixture
def rng() -> np.random.Generator:
    """The same stream for every test that asks, whatever ran before it."""
    return np.random.default_rng(20260101)
