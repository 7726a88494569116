"""Runs a job in processes that are killed, and once more to its end: `python killer.py CONFIG DATE KILLS...`.

A kill is the number of an event of the run (``e3``: at once after the third one), or a share of the time that a run
takes (``t0.42``). Each kill has a copy of the job to itself, beside the configuration's folder. All processes are
forked from this one, which has imported everything and started no thread.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import clvmodels.forecast.tally  # noqa: F401
from clvmodels.batch import Options, run
from clvmodels.batch.narration import Narrator
from clvmodels.config import read_config
from clvmodels.forecast import CLVModel
from clvmodels.rfm import RFM


class Deadly(Narrator):
    """Kills its own process when it has heard so many events, shards included."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.left = last

    def tell(self, event: str, level: str = "info", **facts: Any) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def warm() -> None:
    """Compile what a forecast needs, once for all forked processes, and without a thread."""
    rfm = RFM.from_arrays(
        frequency=[2, 1, 0, 4], recency=[30, 2, 0, 36], T=[39, 38, 37, 39], time_unit="W",
        monetary_value=[5.0, 7.0, 0.0, 9.0], observation_end="2025-01-31",
    )  # fmt: skip
    model = CLVModel("bg_nbd", method="map")
    model.fit(rfm).forecast("8W", draws=10, workers=1)


def started(path: Path, day: str, narrator: Narrator, **options: Any) -> int:
    """The process id of a forked run; its exit code is that of the run."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:

        def move(_done: int, _total: int) -> None:
            narrator.tell("shard")

        code = run(read_config(path, {}), Options(date.fromisoformat(day), **options), narrator, move).code
    finally:
        os._exit(code)


def ended(child: int) -> int:
    """How it ended: the exit code, or less than 0 if it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(path: Path, day: str, kill: str, seconds: float) -> bool:
    """Start a run and kill it; whether it was still alive then."""
    if kill[0] == "e":
        return ended(started(path, day, Deadly(int(kill[1:])))) == -signal.SIGKILL
    child = started(path, day, Narrator())
    time.sleep(float(kill[1:]) * seconds)
    os.kill(child, signal.SIGKILL)  # a process that is over is there until it is waited for
    return ended(child) == -signal.SIGKILL


def main(config: str, day: str, kills: list[str]) -> None:
    source = Path(config)
    home = source.parent.with_name("undisturbed")
    shutil.copytree(source.parent, home)
    warm()
    began = time.monotonic()
    code = ended(started(home / source.name, day, Narrator()))
    seconds = time.monotonic() - began
    print("undisturbed", code, flush=True)
    for kill in kills:
        folder = source.parent.with_name(f"kill-{kill}")
        copy = shutil.copytree(source.parent, folder.with_name(f"copy-{kill}"))
        copy.rename(folder)  # a reader looks at it from now on
        was_alive = killed(folder / source.name, day, kill, seconds)
        print(kill, was_alive, ended(started(folder / source.name, day, Narrator(), resume=True)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
