"""Windows of a summary's own past: the only ones a forecaster may learn from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from clvmodels.errors import ArgumentError, DataError
from clvmodels.rfm.history import Outcome
from clvmodels.rfm.summary import RFM
from clvmodels.units import UNIT_NAMES, last_observed, unit_days

SMALLEST_DAYS = {"min": 1 / 1440, "h": 1 / 24, "D": 1.0, "W": 1.0}


@dataclass(frozen=True, eq=False)
class EarlierWindow:
    """What was known at an earlier date, and what followed.

    Attributes
    ----------
    summary
        The customers as of the start of the window, with a history of their own.
    outcome
        What they did in the window.
    cutoff, last
        Last observed date of the summary, and last date of the window.
    """

    summary: RFM
    outcome: Outcome
    cutoff: date | datetime
    last: date | datetime

    def __str__(self) -> str:
        return f"{len(self.summary):,} customers as of {self.cutoff!s}, watched until {self.last!s}"


def earlier_windows(rfm: RFM, length: float | None = None, most: int = 1) -> tuple[EarlierWindow, ...]:
    """Windows that end with the observation of a summary, one before the other, the latest first.

    The observation before a window is at least as long as the window, so a `length` of more than half the
    observation is cut down to half of it. Lengths are whole days, or whole minutes or hours on such a clock.

    Parameters
    ----------
    rfm
        A summary that remembers its log.
    length
        Length wanted, in the summary's time unit, above 0; by default half the observation.
    most
        Greatest number of windows, at least 1.

    Raises
    ------
    ArgumentError
        If the summary does not remember a log, or `length` or `most` is out of range.
    DataError
        If the observation is too short to be cut.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")
    >>> for window in earlier_windows(rfm, 12.0, most=4):
    ...     print(window)
    2,357 customers as of 1997-07-08, watched until 1997-09-30
    2,357 customers as of 1997-04-15, watched until 1997-07-08
    """
    if rfm.history is None or rfm.observed_until is None:
        raise ArgumentError(
            "this forecaster learns from earlier dates of the log, and this summary does not remember its log: make "
            "it with rfm_summary or calibration_holdout, and fit before select() or take(), which forget it"
        )
    span, smallest = float(rfm.T.max()) * unit_days(rfm.time_unit), SMALLEST_DAYS[rfm.time_unit]
    if (span > 0 and length is not None and not length > 0) or most < 1:
        raise ArgumentError(f"length={length!r} must be above 0 and most={most!r} at least 1")
    wanted = span / 2 if length is None else min(length * unit_days(rfm.time_unit), span / 2)
    steps = int(wanted / smallest + 1e-6)  # a month divided by the unit and multiplied again is whole
    if steps < 1:
        raise DataError(
            f"the oldest customer was observed for {float(rfm.T.max()):.3g} {UNIT_NAMES[rfm.time_unit]}, too short to "
            "learn from an earlier date",
            fix="use a longer observation, or a forecaster that needs no earlier window",
        )
    step, whole = timedelta(days=steps * smallest), int(span / smallest + 1e-6)
    ends = [rfm.observed_until - back * step for back in range(min(most, whole // steps - 1) + 1)]
    found = []
    for end, start in pairwise(ends):
        cutoff, last = last_observed(start), last_observed(end)
        summary, outcome = rfm.history.split(cutoff, last)
        found.append(EarlierWindow(summary, outcome, cutoff, last))
    return tuple(found)
