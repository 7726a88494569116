"""A year of monthly runs of a small shop: drift, a bad delivery, a late delivery, and a change of prices."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from jobs import bytes_of, gate, go, look, set_up, shelf_of, shop

MONTHS = [str(day.date()) for day in pd.date_range("2025-01-31", "2025-12-31", freq="ME")]
BAD, LATE, DEARER, GONE = "2025-03-31", "2025-05-31", "2025-08-01", "2025-10-01"


def deliver(folder: Path, log: pd.DataFrame, until: str) -> None:
    log[log["date"] <= until].to_csv(folder / "log.csv", index=False)


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    """Prices half as high again from August on; from October on, only every fourth purchase still happens."""
    log = shop(700)
    log["spend"] = log["spend"].where(log["date"] < DEARER, log["spend"] * 1.5).round(2)
    return log[(log["date"] < GONE) | (log.index % 4 == 0)]


def test_year(world: pd.DataFrame, tmp_path: Path) -> None:
    path = set_up(tmp_path, world, more="[gates]\nbias = {limit = 0.2}\nvolume = {limit = 6}\n")
    told: dict[str, int] = {}
    warned: dict[str, set[str]] = {}
    for month in MONTHS:
        if month == BAD:  # the export lost every second row
            world[world["date"] <= month].iloc[::2].to_csv(tmp_path / "log.csv", index=False)
            before = bytes_of(tmp_path / "published")
            refused = go(path, month)
            assert (refused.code, gate(refused, "lost")) == (3, "blocked")
            assert bytes_of(tmp_path / "published") == before
        if month == LATE:  # the export of the last days did not come in time
            deliver(tmp_path, world, "2025-05-20")
            refused = go(path, month)
            assert (refused.code, gate(refused, "freshness")) == (3, "blocked")
            assert look(tmp_path / "published") == "2025-04-30"
        deliver(tmp_path, world, month)
        outcome = go(path, month)
        told[month] = outcome.code
        assert outcome.manifest is not None
        warned[month] = {one["gate"] for one in outcome.manifest["gates"] if one["outcome"] == "warned"}
        assert go(path, month).code == 99
        assert look(tmp_path / "published") == month
    assert [told[month] for month in MONTHS] == [0] * 8 + [5] * 4, warned
    assert warned["2025-09-30"] == {"bias"}  # prices
    assert warned["2025-10-31"] == {"total", "coverage", "segments"}  # purchases
    assert warned["2025-11-30"] == warned["2025-12-31"] == {"coverage", "bias"}
    assert [str(run.as_of) for run in shelf_of(path).standing] == MONTHS
