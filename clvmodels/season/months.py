"""What the log behind a summary says of single calendar months, and the rounds in which a clock is learned from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import cast

import numpy as np

from clvmodels.contracts import PurchaseModel
from clvmodels.errors import ArgumentError, DataError
from clvmodels.inference import fit
from clvmodels.rfm import RFM, Customers
from clvmodels.season.clock import Clock, days_since_1970
from clvmodels.season.model import OnClock
from clvmodels.units import shift, unit_days

FEWEST_PURCHASES = 200
ROUNDING = 1e-6  # a purchase of a month's last day ends where the month does

type Estimate = Callable[[np.ndarray, np.ndarray, list[datetime]], Clock]
"""From actual and expected purchases (m,) of calendar months, and their first instants, to a clock."""


def learned(
    rfm: Customers, model: PurchaseModel, clock: Clock, fewest: int, rounds: int, estimate: Estimate
) -> Clock:
    """The clock that is estimated from purchases per calendar month against those that a model expects.

    The model is fitted on the clock it begins with, the clock is estimated, and the model is fitted on that clock for
    the next round.

    Parameters
    ----------
    rfm
        A summary that remembers its log; nothing after its end of observation is read.
    model
        Purchase model that says what to expect.
    clock
        To begin with: the days that are known beforehand.
    fewest
        Full months that the log must hold.
    rounds
        How often the clock is estimated.
    estimate
        From purchases to the clock.

    Raises
    ------
    ArgumentError
        If the summary does not remember its log.
    DataError
        If there are fewer full months, or 200 repeat purchases in them, or months in which the model expects none.
    """
    if not isinstance(rfm, RFM) or rfm.history is None or rfm.observed_until is None:
        raise ArgumentError(
            "seasons are learned from the log, and this summary does not remember its log: make it with "
            "rfm_summary or calibration_holdout, and fit before select() or take(), or give a Clock"
        )
    starts, edges = full_months(rfm, rfm.observed_until)
    if len(starts) < fewest:
        raise DataError(
            f"there are {len(starts)} full months; {fewest} are needed to tell a season from what came once",
            column="date",
            fix="use a longer log, leave the season out, or give a Clock of speeds that you know",
        )
    times = rfm.history.repeat_times(rfm)
    actual = np.histogram(times - ROUNDING, edges)[0].astype(float)
    if actual.sum() < FEWEST_PURCHASES:
        raise DataError(
            f"there are {actual.sum():,.0f} repeat purchases in full months; {FEWEST_PURCHASES} are needed",
            column="date",
            fix="use a longer log, or leave the season out",
        )
    for _ in range(rounds):
        expected = _expected(OnClock(model, clock), rfm, edges) / clock.month_speeds(starts)
        if not (expected > 0).all():
            raise DataError(
                f"in {(expected <= 0).sum()} of {len(starts)} full months the model expects no purchase at all, "
                "so nothing can be said of their season",
                column="date",
                fix="use a log whose customers still buy, or leave the season out",
            )
        clock = estimate(np.maximum(actual, 0.5), expected, starts)
    return clock


def full_months(rfm: RFM, until: datetime) -> tuple[list[datetime], np.ndarray]:
    """First instants of the calendar months between the first birth and the end, and their edges in time units.

    Examples
    --------
    >>> rfm = RFM.from_arrays(frequency=[0], recency=[0], T=[100], time_unit="D", observation_end="2025-12-31")
    >>> starts, edges = full_months(rfm, rfm.observed_until)
    >>> [start.month for start in starts], edges.tolist()
    ([10, 11, 12], [-92.0, -61.0, -31.0, 0.0])
    """
    born = shift(until, -math.ceil(float(rfm.T.max()) * unit_days(rfm.time_unit)), "D")
    first = datetime(born.year, born.month, 1)
    first = first if first >= born else shift(first, 1, "M")
    moments = [first]
    while (later := shift(moments[-1], 1, "M")) <= until:
        moments.append(later)
    day = unit_days(rfm.time_unit)
    return moments[:-1], np.array([(days_since_1970(at) - days_since_1970(until)) / day for at in moments])


def _expected(model: OnClock, rfm: RFM, edges: np.ndarray) -> np.ndarray:
    """(months,) repeat purchases that the fitted model expects of customers of whom only the birth is known."""
    posterior = fit(model, rfm, method="map")
    posterior.raise_if_failed()
    day, until = unit_days(rfm.time_unit), days_since_1970(cast(datetime, rfm.observed_until))
    held, row = np.unique(rfm.T, return_inverse=True)
    customers = np.bincount(row, rfm.weights)
    birth = model.clock.time(until - held * day)
    ages = np.maximum(model.clock.time(until + edges * day) - birth[:, None], 0.0) / day
    unknown = RFM.from_arrays(
        frequency=np.zeros(ages.size),
        recency=np.zeros(ages.size),
        T=np.zeros(ages.size),
        time_unit=rfm.time_unit,
    )
    curve = model.model.expected_purchases(posterior.mode, unknown, ages.ravel()).reshape(ages.shape)
    return np.asarray(customers @ np.diff(curve, axis=1))
