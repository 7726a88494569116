"""Several processes do what one does, to the last bit, or say why they cannot."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from guest_forecasters import Curious, Moody

import clvmodels as clv
from clvmodels.backtesting import Origins
from clvmodels.backtesting.progress import Watch

TABLES = ("predictions", "totals", "tracking", "newcomers", "data")
MODEL = clv.CLVModel("bg_nbd", label="BG/NBD")


@pytest.fixture(scope="module")
def log(cdnow: pd.DataFrame) -> pd.DataFrame:
    return cdnow[cdnow["customer_id"] % 20 == 0]


@pytest.mark.parametrize("workers", [2, 8])
def test_the_number_of_workers_leaves_no_trace(log: pd.DataFrame, workers: int) -> None:
    plan = Origins(("4W", "13W"), number=2, step="4W", first_seen=("1997-01-01", "1997-03-20"))
    forecasters = [MODEL, Curious(), Moody(least=10**6)]
    one, many = (
        clv.backtest(log, forecasters, origins=plan, draws=60, seed=4, workers=count)
        for count in (1, workers)
    )
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(many, name), check_exact=True)
    pd.testing.assert_frame_equal(one.scores, many.scores, check_exact=True)
    told = ["origin", "model", "status", "convergence", "reason", "warnings", "summary"]
    pd.testing.assert_frame_equal(one.fits[told], many.fits[told])
    assert one.provenance == many.provenance


def test_progress_counts_up_to_the_end(log: pd.DataFrame) -> None:
    seen: list[tuple[int, int, str]] = []
    clv.backtest(
        log, [Moody()], horizon="13W", origins=2, workers=2, progress=lambda *step: seen.append(step)
    )
    assert [step[:2] for step in seen] == [(0, 2), (1, 2), (2, 2), (2, 2)]
    assert seen[-1][2] == "done"


def test_what_cannot_be_sent_is_named(log: pd.DataFrame) -> None:
    class Local(Moody):
        """Defined where no other process finds it."""

    with pytest.raises(clv.ArgumentError, match=r"forecaster 'moody' cannot be sent.*workers=1"):
        clv.backtest(log, [Local()], horizon="13W", workers=2)
    clv.backtest(log, [Local()], horizon="13W", workers=1)


def test_a_class_that_only_this_process_knows_is_named(log: pd.DataFrame) -> None:
    import __main__

    class Noted(Moody):
        """As if it had been typed into a notebook."""

    Noted.__module__, Noted.__qualname__ = "__main__", "Noted"
    __main__.Noted = Noted  # type: ignore[attr-defined]
    try:
        with pytest.raises(clv.ArgumentError, match=r"not in a notebook; or use workers=1"):
            clv.backtest(log, [Noted()], horizon="13W", workers=2)
    finally:
        del __main__.Noted  # type: ignore[attr-defined]


def test_a_log_that_cannot_be_sent_is_named(log: pd.DataFrame) -> None:
    odd = log.copy()
    odd.attrs["reader"] = lambda: None
    with pytest.raises(clv.ArgumentError, match=r"a log that is a DataFrame cannot be sent.*collect it"):
        clv.backtest(odd, [Moody()], horizon="13W", workers=2)


def test_a_query_is_collected_once_for_all_workers(log: pd.DataFrame, tmp_path: Path) -> None:
    """Killed: the relation itself, which stays with its connection; ids or times changed on the way."""
    log.to_parquet(tmp_path / "log.parquet", index=False)
    query = clv.scan_log(tmp_path / "log.parquet", spend="spend", memory_limit="500MB")
    here, alone = (clv.backtest(rows, [Curious()], horizon="13W") for rows in (log, query))
    there = clv.backtest(query, [Curious()], horizon="13W", workers=2)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(here, name), getattr(alone, name), check_exact=True)
        pd.testing.assert_frame_equal(getattr(alone, name), getattr(there, name), check_exact=True)


@pytest.mark.parametrize("workers", [0, -1, True, 2.0, "2"])
def test_workers_are_a_whole_number(log: pd.DataFrame, workers: object) -> None:
    with pytest.raises(clv.ArgumentError, match="workers="):
        clv.backtest(log, [Moody()], horizon="13W", workers=workers)  # type: ignore[arg-type]


def test_the_time_left_is_reckoned_from_what_each_forecaster_cost() -> None:
    said: list[str] = []
    watch = Watch(["slow", "quick", "slow", "quick"], 2, lambda _done, _all, text: said.append(text))
    watch.tell("one")
    watch.note("slow", 100.0)
    watch.note("quick", 2.0)
    watch.tell("two")
    watch.note("slow", 300.0)
    watch.tell("three")
    watch.note("quick", 0.5)
    watch.tell("four")
    assert said == ["one", "two, 51 s left", "three, 1 s left", "four"]
