"""Progress: how much is done, and how long the rest will take."""

from __future__ import annotations

from collections.abc import Callable


class Watch:
    """Counts what is done, and reckons the time left from what each forecaster has cost so far.

    Parameters
    ----------
    names
        Everything there is to do, by the name of the forecaster.
    workers
        How many share the work.
    hear
        Called with (done, in all, text), or None.

    Examples
    --------
    >>> watch = Watch(["a", "a"], 1, lambda *step: print(*step))
    >>> watch.tell("first a")
    0 2 first a
    """

    def __init__(self, names: list[str], workers: int, hear: Callable[[int, int, str], None] | None) -> None:
        self._left, self._workers, self._hear = list(names), workers, hear
        self._all, self._seconds = len(names), dict[str, list[float]]()

    def note(self, name: str, seconds: float) -> None:
        """Cross one thing off the list, with what it cost."""
        self._left.remove(name)
        self._seconds.setdefault(name, []).append(seconds)

    def tell(self, text: str) -> None:
        """Report to whoever listens."""
        if self._hear is None:
            return
        left = self._time_left()
        self._hear(self._all - len(self._left), self._all, text if left is None else f"{text}, {left} left")

    def _time_left(self) -> str | None:
        """The time left in words; None before anything is known, and at the end."""
        if not self._seconds or not self._left:
            return None
        means = {name: sum(costs) / len(costs) for name, costs in self._seconds.items()}
        usual = sum(means.values()) / len(means)
        seconds = sum(means.get(name, usual) for name in self._left) / self._workers
        if seconds < 1:
            return "less than a second"
        return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
