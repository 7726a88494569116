"""What a caller may ask of a run, and how it can end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from clvmodels.batch.gates import Verdict

DONE, REFUSED, UNFIT, WARNED, NOTHING_TO_DO = 0, 3, 4, 5, 99
"""Exit codes of a run that came to its end; errors have those of the command line."""


@dataclass(frozen=True)
class Options:
    """What a caller may ask for beside the configuration.

    Attributes
    ----------
    as_of
        Last day of the log that the run knows.
    dry_run
        Go all the way, and write nothing.
    limit
        Forecast only so many customers, and write nothing.
    resume
        Trust the finished shards of a run that was cut off.
    force
        Publish in spite of gates that block, and again what was published or withdrawn.
    """

    as_of: date
    dry_run: bool = False
    limit: int | None = None
    resume: bool = False
    force: bool = False

    @property
    def writes(self) -> bool:
        """Whether anything is to be written."""
        return not self.dry_run and self.limit is None


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    code
        0 published; 3 delivery, 4 fit or forecast held back by a gate; 5 published, but a gate warned; 99 nothing
        to do.
    words
        The same in a sentence.
    run_id
        Of the run.
    verdicts
        What the gates said.
    manifest
        What the run says of itself, None where it did not come so far.
    """

    code: int
    words: str
    run_id: str
    verdicts: tuple[Verdict, ...] = ()
    manifest: dict[str, Any] | None = None
