"""The course of a shop: how fast customers lived in single calendar months, and are thought to live in the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Course:
    """Speeds of consecutive calendar months, in place of those of their months of the year.

    Parameters
    ----------
    first
        First day of the first month.
    speeds
        Speeds above 0, on the scale of the months of the `Clock` that holds the course.
    low, high
        Their bounds, at the level of that clock.
    seen
        How many of the months lie before the end of what the course was learned from; the others are foretold.

    Raises
    ------
    ArgumentError
        If `first` is no first of a month, a speed is not finite and above 0, the numbers of speeds and bounds differ,
        or more months are seen than there are.

    Examples
    --------
    >>> course = Course(date(2025, 11, 1), [1.2, 1.9, 0.8], [1.1, 1.8, 0.5], [1.3, 2.0, 1.2], seen=2)
    >>> print(course)
    2 calendar months on speeds of their own, 1 foretold
    """

    first: date
    speeds: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    seen: int

    def __post_init__(self) -> None:
        if self.first.day != 1:
            raise ArgumentError(f"a course begins with {self.first}; give the first day of a month")
        if not len(self.speeds) == len(self.low) == len(self.high):
            counts = f"{len(self.speeds)} speeds, {len(self.low)} and {len(self.high)} bounds"
            raise ArgumentError(f"a course of {counts}; give as many of each")
        if not 0 <= self.seen <= len(self.speeds):
            raise ArgumentError(
                f"seen={self.seen!r} must be from 0 to {len(self.speeds)}, the months there are"
            )
        for at, speed in enumerate(self.speeds):
            if not 0 < speed < np.inf:
                raise ArgumentError(f"speed {at} of the course, {speed!r}, must be finite and above 0")

    @property
    def months(self) -> np.ndarray:
        """(n,) the months as ``datetime64[M]``."""
        return np.datetime64(self.first, "M") + np.arange(len(self.speeds))

    def over(self, mean: float) -> Course:
        """The course with every speed divided by `mean`."""
        speeds, low, high = (
            (np.array(some, dtype=float) / mean).tolist() for some in (self.speeds, self.low, self.high)
        )
        return Course(self.first, tuple(speeds), tuple(low), tuple(high), self.seen)

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Course:
        """The course of its `facts`."""
        first = date.fromisoformat(facts["first"])
        return cls(first, facts["speeds"], facts["low"], facts["high"], int(facts["seen"]))

    @property
    def facts(self) -> dict[str, Any]:
        """What makes the course, in numbers and texts, for a file."""
        bounds = {"low": self.low, "high": self.high}
        return {"first": self.first.isoformat(), "speeds": self.speeds, **bounds, "seen": self.seen}

    def __str__(self) -> str:
        """How many months it holds."""
        return f"{self.seen} calendar months on speeds of their own, {len(self.speeds) - self.seen} foretold"

    def frame(self) -> pd.DataFrame:
        """One row per calendar month: month, speed, low, high, seen (or foretold)."""
        import pandas as pd

        return pd.DataFrame(
            {
                "month": self.months.astype("datetime64[us]"),
                "speed": self.speeds,
                "low": self.low,
                "high": self.high,
                "seen": np.arange(len(self.speeds)) < self.seen,
            }
        )
