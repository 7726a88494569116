"""A shell that runs commands in a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from clvmodels.cli import main


@dataclass(frozen=True)
class Outcome:
    code: object
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """Runs commands in a folder of its own."""

    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: object) -> Outcome:
        self.capture.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        captured = self.capture.readouterr()
        return Outcome(end.value.code or 0, captured.out, captured.err)

    def good(self, *words: object) -> str:
        outcome = self(*words)
        assert (outcome.code, outcome.err) == (0, ""), outcome.err
        return outcome.out


def files() -> set[str]:
    return {path.as_posix() for path in Path().rglob("*")} - {"log.csv", "log.parquet"}
