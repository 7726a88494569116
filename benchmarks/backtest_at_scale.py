"""A backtest of eight origins and six forecasters on all of CDNOW: seconds, where they go, and peak memory.

Three models with 1,000 draws for each of 23,570 customers, and three formulas. Holdouts of 13 weeks, origins four
weeks apart, so that holdouts overlap. Memory is that of all processes added: what belongs to each alone, and once
the most that one of them holds of mapped files, such as libraries. `--workers` sets the number of processes, by
default two.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from pathlib import Path
from time import perf_counter

import clvmodels as clv
from clvmodels.artifacts import load_scorecard, save_scorecard

ORIGINS = clv.Origins("13W", number=8, step="4W")
MODELS = ("pareto_nbd", "bg_nbd", "mbg_nbd")


class Memory:
    """Largest sum of the memory of this process and its children, looked at four times a second."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            self.peak = max(self.peak, _megabytes(_family()))


def _family() -> list[int]:
    """This process and all that descend from it."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    family = [os.getpid()]
    for process in family:
        family += [child for child, parent in parents.items() if parent == process]
    return family


def _megabytes(processes: list[int]) -> float:
    """Counters that the kernel keeps anyway: to walk through the pages would slow down what is measured."""
    own, mapped = 0, [0]
    for process in processes:
        try:
            _, resident, shared = map(int, Path(f"/proc/{process}/statm").read_text().split()[:3])
        except OSError:
            continue
        own += resident - shared
        mapped.append(shared)
    return (own + max(mapped)) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=2)
    workers = parser.parse_args().workers
    log = clv.load_cdnow("master")
    forecasters = [*map(clv.CLVModel, MODELS), clv.HistoricalCLV(), clv.CohortAverage(), clv.ZeroForecast()]
    stages: list[tuple[str, float]] = []
    with Memory() as memory:
        began = perf_counter()
        scorecard = clv.backtest(log, forecasters, origins=ORIGINS, draws=1000, workers=workers)
        stages.append((f"backtest, {workers} workers", perf_counter() - began))
        began = perf_counter()
        scores = scorecard.scores
        stages.append(("scores", perf_counter() - began))
    rows, size = len(scorecard.predictions), scorecard.predictions.memory_usage(deep=True).sum()
    folder = Path(tempfile.mkdtemp()) / "backtest"
    began = perf_counter()
    save_scorecard(scorecard, folder)
    stages.append(("save", perf_counter() - began))
    began = perf_counter()
    load_scorecard(folder)
    stages.append(("load", perf_counter() - began))
    out = sys.stdout.write
    out(
        f"{rows:,} rows of predictions, {size / 1e6:.0f} MB; {len(scores):,} scores; peak {memory.peak:,.0f} MB\n"
    )
    for name, seconds in stages:
        out(f"{name:<24}{seconds:8.1f} s\n")
    costs = scorecard.fits.groupby("model", sort=False)[["fit_seconds", "forecast_seconds"]].sum()
    for model, row in costs.iterrows():
        out(f"  {model:<44}fits {row['fit_seconds']:7.1f} s   forecasts {row['forecast_seconds']:7.1f} s\n")


if __name__ == "__main__":
    main()
