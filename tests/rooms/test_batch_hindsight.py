"""Earlier forecasts against what happened: a world whose totals hold while its customers have changed places."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jobs import gate, go, set_up, shelf_of, shop

from clvmodels.batch.hindsight_customers import uncovered, worst_segment
from clvmodels.cli import main

HASHED = 'hash_ids = true\nhash_key = "env:CLV_TEST_KEY"\n'


def swapped(log: pd.DataFrame, since: str) -> pd.DataFrame:
    """The same purchases on the same days, but from a date on those of known customers are anybody's of these."""
    known = np.array(sorted(set(log.loc[log["date"] <= since, "customer_id"])))
    later = (log["date"] > since) & log["customer_id"].isin(known)
    anybody = np.random.default_rng(1).choice(known, later.sum())
    return log.assign(customer_id=log["customer_id"].where(~later, pd.Series(log.index).map(
        dict(zip(log.index[later], anybody, strict=True))
    ))).astype({"customer_id": int})  # fmt: skip


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return shop(700)


@pytest.fixture(scope="module")
def two_runs(log: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that ran twice, with hashed ids; read only."""
    folder = tmp_path_factory.mktemp("job")
    path = set_up(folder, log, more=HASHED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLV_TEST_KEY", "s3cret")
        for day in ("2025-01-31", "2025-02-28"):
            assert go(path, day).code == 0
    return folder


@pytest.fixture
def job(two_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work with; its configuration."""
    monkeypatch.setenv("CLV_TEST_KEY", "s3cret")
    shutil.copytree(two_runs, tmp_path / "job")
    return tmp_path / "job" / "clv.toml"


def test_single_customers_and_segments_of_a_steady_world_come_as_forecast(job: Path) -> None:
    outcome = go(job, "2025-04-30")
    assert gate(outcome, "customers") == gate(outcome, "segments") == "passed"
    assert outcome.manifest is not None
    told = outcome.manifest["singles"]
    assert [(row["window"], row["as_of"], row["quantity"]) for row in told] == [
        ("to the next run", "2025-02-28", "purchases"), ("to the next run", "2025-02-28", "value"),
        ("to now", "2025-01-31", "purchases"), ("to now", "2025-01-31", "value"),
    ]  # fmt: skip
    totals = {(row["window"], row["run_id"], row["quantity"]): row for row in outcome.manifest["hindsight"]}
    for row in told:  # fewer customers than a sample: segments add up to what the totals say
        total = totals[row["window"], row["run_id"], row["quantity"]]
        assert row["customers"] == total["customers"] == sum(one["customers"] for one in row["segments"])
        assert sum(one["actual"] for one in row["segments"]) == pytest.approx(total["actual"])
        assert sum(one["forecast"] for one in row["segments"]) == pytest.approx(total["forecast"], rel=0.05)
        # 0.9 ± 3 standard errors of a share of 377 customers or more
        assert row["covered"] == pytest.approx(0.9, abs=0.047)


def test_customers_who_change_places_are_seen_where_totals_hold(
    job: Path, log: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    swapped(log, "2025-02-28").to_csv(job.parent / "log.csv", index=False)
    job.write_text(job.read_text() + '[gates]\nsegments = {action = "block"}\n')
    outcome = go(job, "2025-04-30")
    assert outcome.code == 4
    assert "'let go' of 2025-02-28 brought " in outcome.words
    assert gate(outcome, "customers") == "warned"
    assert gate(outcome, "bias") == "passed"
    assert gate(outcome, "coverage") == "not judged"  # two windows only
    metrics = job.parent / "clv.prom"
    with pytest.raises(SystemExit):
        main(["run", str(job), "--as-of", "2025-04-30", "--force", "--metrics-file", str(metrics)])
    capsys.readouterr()
    lines = metrics.read_text().splitlines()
    covered = 'clvmodels_customers_covered{quantity="value",window="to the next run"} 0.7'
    assert any(line.startswith(covered) for line in lines)
    came = 'clvmodels_segment_came{quantity="value",window="to the next run",segment="let go"} 5.'
    assert any(line.startswith(came) for line in lines)
    assert 'clvmodels_gate_tripped{gate="segments"} 1' in lines
    page = (shelf_of(job).runs[-1].folder / "report.html").read_text()
    assert "Single customers within their intervals" in page
    assert "Forecasts of value by segment, and what came since" in page


def test_fit_that_is_gone_leaves_customers_unjudged(job: Path) -> None:
    shutil.rmtree(job.parent / "fits")
    outcome = go(job, "2025-03-31")
    assert gate(outcome, "customers") == gate(outcome, "segments") == "not judged"
    assert outcome.manifest is not None
    assert outcome.manifest["singles"] == []
    assert outcome.manifest["hindsight"]


def row(covered: float, customers: int, *segments: dict[str, object]) -> dict[str, object]:
    return {
        "quantity": "value",
        "covered": covered,
        "level": 0.9,
        "customers": customers,
        "segments": segments,
    }


def test_worst_rows_are_those_that_say_something() -> None:
    assert uncovered([row(0.5, 299)], "value") is None
    found = uncovered([row(0.86, 300), row(0.93, 300)], "value")
    assert found is not None
    assert found["covered"] == 0.86
    assert uncovered([row(0.5, 300)], "purchases") is None
    few = {"is_judged": False, "inside": False, "forecast": 10.0, "actual": 90.0}
    within = {"is_judged": True, "inside": True, "forecast": 100.0, "actual": 190.0}
    below = {"is_judged": True, "inside": False, "forecast": 100.0, "actual": 40.0}
    assert worst_segment([row(0.9, 300, few)], "value") is None
    assert [worst_segment([row(0.9, 300, *ones)], "value")[0] for ones in ([few, within], [within, below])] == [
        0.0, pytest.approx(0.6),
    ]  # type: ignore[index]  # fmt: skip
