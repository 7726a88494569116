"""Workers: walks in this process one after the other, or in several processes with the same result."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

from clvmodels.backtesting.cut import Cut
from clvmodels.backtesting.progress import Watch
from clvmodels.backtesting.walk import Terms, Walk, walk
from clvmodels.contracts import Forecaster
from clvmodels.errors import ArgumentError

_LOG = "log"
_ALONE = "use workers=1, which runs everything in this process"


def walk_all(
    cuts: Iterable[Cut],
    forecasters: Sequence[Forecaster],
    terms: Terms,
    watch: Watch,
    transactions: Any,
    workers: int,
) -> list[Walk]:
    """Every forecaster at every origin, in order; the number of workers leaves no trace in what they say.

    Raises
    ------
    ArgumentError
        See `walk_together`.
    """
    if workers == 1:
        walks = walk_alone(cuts, forecasters, terms, watch)
    else:
        walks = walk_together(cuts, forecasters, terms, watch, transactions=transactions, workers=workers)
    watch.tell("done")
    return walks


def walk_alone(
    cuts: Iterable[Cut], forecasters: Sequence[Forecaster], terms: Terms, watch: Watch
) -> list[Walk]:
    """Every forecaster at every origin, one after the other."""
    done = []
    for cut in cuts:
        for forecaster in forecasters:
            watch.tell(f"{cut.origin} {forecaster.name}")
            done.append(walk(forecaster, cut, terms))
            watch.note(forecaster.name, done[-1].seconds)
    return done


def walk_together(
    cuts: Iterable[Cut],
    forecasters: Sequence[Forecaster],
    terms: Terms,
    watch: Watch,
    *,
    transactions: Any,
    workers: int,
) -> list[Walk]:
    """As `walk_alone`, with the same result, in several processes.

    Every process gets the log once; a task names the log instead of carrying it along. Processes are started
    afresh (spawn), so nothing of this one leaks into them.

    Raises
    ------
    ArgumentError
        If the log or a forecaster cannot be sent to another process, or a process dies.
    """
    packed = [
        _packed(one, f"forecaster {one.name!r}", "define its class in a module that can be imported")
        for one in forecasters
    ]
    log = _packed(
        transactions, f"a log that is a {type(transactions).__name__}", "collect it into a table first"
    )
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_welcome, initargs=(log,)
    )
    tasks: list[Future[Walk]] = []
    try:
        watch.tell(f"starting {workers} workers")
        for cut in cuts:
            task = _pack(cut, transactions)
            tasks += [pool.submit(_work, task, one, replace(terms, is_shared=True)) for one in packed]
        waiting = set(tasks)
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for done in (one.result() for one in finished):
                watch.note(done.name, done.seconds)
                watch.tell(f"{done.origin} {done.name} is done")
        return [one.result() for one in tasks]
    except BrokenProcessPool as problem:
        raise ArgumentError(
            f"a worker process died ({problem}): a script that asks for workers must call backtest under "
            f"if __name__ == '__main__':, and every process needs its memory. Or {_ALONE}"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _packed(thing: Any, what: str, way_out: str) -> bytes:
    try:
        return pickle.dumps(thing)
    except Exception as problem:  # noqa: BLE001  (whatever a guest's pickling raises)
        raise ArgumentError(
            f"{what} cannot be sent to another process ({type(problem).__name__}: {problem}); {way_out}, or {_ALONE}"
        ) from None


class _Sender(pickle.Pickler):
    """A pickler that writes the name of the log where the log itself is met."""

    def __init__(self, file: io.BytesIO, transactions: Any) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._transactions = transactions

    def persistent_id(self, obj: Any) -> str | None:
        return _LOG if obj is self._transactions else None


class _Receiver(pickle.Unpickler):
    """A pickler's other end: the log is the one this process was given."""

    def persistent_load(self, pid: Any) -> Any:
        return _given[pid]


def _pack(cut: Cut, transactions: Any) -> bytes:
    file = io.BytesIO()
    _Sender(file, transactions).dump(cut)
    return file.getvalue()


_given: dict[str, Any] = {}
"""What a worker process was given when it started; empty in every other process."""


def _welcome(log: bytes) -> None:
    _given[_LOG] = pickle.loads(log)


def _work(cut: bytes, forecaster: bytes, terms: Terms) -> Walk:
    try:
        guest = pickle.loads(forecaster)
    except Exception as problem:  # noqa: BLE001  (whatever a guest's unpickling raises)
        raise ArgumentError(
            f"a forecaster could not be read in another process ({type(problem).__name__}: {problem}): define its "
            f"class in a module that can be imported, not in a notebook; or {_ALONE}"
        ) from None
    return walk(guest, _Receiver(io.BytesIO(cut)).load(), terms)
