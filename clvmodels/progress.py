"""Progress bars: on a terminal, in a notebook, and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from multiprocessing import parent_process
from threading import Lock

type Move = Callable[..., None]
_one_bar = Lock()


@contextmanager
def progress_bar(what: str, *, tells_time: bool = True) -> Iterator[Move | None]:
    """A bar while the block runs, and the callback that moves it; it is gone when the block is left.

    On a terminal the bar is on stderr, in a notebook it is in the cell. Elsewhere (a log, a pipe, a scheduled
    job), inside another bar, and in a worker process there is no bar, and the callback is None, which everything
    that takes ``progress=`` understands.

    Parameters
    ----------
    what
        What is being done, beside the bar.
    tells_time
        Whether the bar reckons the time left on a terminal; without, it is what the callback's text says.

    Examples
    --------
    >>> with progress_bar("forecasting") as move:  # fitted.forecast("12M", progress=move)
    ...     move is None
    True
    """
    if not (sys.stderr.isatty() or in_notebook()) or parent_process() or not _one_bar.acquire(blocking=False):
        yield None
        return
    try:
        with _on_terminal(what, tells_time) if sys.stderr.isatty() else _in_cell(what) as move:
            yield move
    finally:
        _one_bar.release()


def in_notebook() -> bool:
    """Whether this is a kernel that shows HTML: Jupyter, VS Code, a hosted notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


@contextmanager
def _on_terminal(what: str, tells_time: bool) -> Iterator[Move]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    plain = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    columns = Progress.get_default_columns() if tells_time else plain
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def move(done: int, total: int, text: str = what) -> None:
            bar.update(task, completed=done, total=total, description=text)

        yield move


@contextmanager
def _in_cell(what: str) -> Iterator[Move]:
    """An element ``<progress>`` that is redrawn in place, when its text changes or another hundredth is done."""
    display = import_module("IPython.display")  # there, where a kernel runs
    handle = display.display(display.HTML(escape(what)), display_id=True)
    shown: tuple[int, str] = (-1, what)

    def move(done: int, total: int, text: str = what) -> None:
        nonlocal shown
        if shown == (now := (100 * done // max(total, 1), text)):
            return
        shown = now
        handle.update(display.HTML(f'<progress value="{done}" max="{total}"></progress> {escape(text)}'))

    try:
        yield move
    finally:
        handle.update(display.HTML(""))
