"""What a run says while it works: JSON lines for machines, plain lines on a terminal, stage timings for both."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

Progress = Callable[[int, int], None]


@dataclass
class Narrator:
    """Tells events to a stream, and remembers how long stages took.

    Attributes
    ----------
    stream
        Where events go, or None for nowhere.
    as_json
        One JSON object a line, or words.
    facts
        Said with every event, such as the run's id.
    seconds
        Duration of each stage that has ended.
    """

    stream: TextIO | None = None
    as_json: bool = True
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def tell(self, event: str, level: str = "info", **facts: Any) -> None:
        """Say that something happened."""
        self._write(event, level, dict(**facts))

    def _write(self, event: str, level: str, facts: dict[str, Any]) -> None:
        if self.stream is None:
            return
        if self.as_json:
            stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
            line = json.dumps(
                {"time": stamp, "level": level, "event": event, **self.facts, **facts}, default=str
            )
        else:
            told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
            line = ("" if level == "info" else f"{level}: ") + event + (f": {told}" if told else "")
        self.stream.write(line + "\n")
        self.stream.flush()

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, Any]]:
        """Time a stage, and tell when it is over with the facts that the block puts into the dictionary."""
        facts: dict[str, Any] = {}
        began, worked = time.monotonic(), time.process_time()
        yield facts
        self.seconds[name] = time.monotonic() - began
        cost: dict[str, Any] = {
            "seconds": round(self.seconds[name], 3),
            "processor_seconds": round(time.process_time() - worked, 3),
            "peak_mib": peak_memory(),
        }
        self.tell(name, **cost, **facts)


def peak_memory() -> int | None:
    """Most memory that this process ever held, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
