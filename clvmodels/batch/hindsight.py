"""The forecasts of earlier runs against what happened since: the test that no other gate can replace.

Every run keeps its joint draws of totals per period. When a later run comes, the customers of the earlier one
are followed up to the last period that is over by then. The windows from each run to the next do not overlap;
the one from the oldest run that is kept in view says whether small misses add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from clvmodels.batch.delivery import Delivery
from clvmodels.batch.shelf import Run
from clvmodels.prediction import tail_levels
from clvmodels.rfm import RFM
from clvmodels.transactions import PurchaseEvents
from clvmodels.units import discount_per_unit

LOOKS_BACK = 12
"""Runs that are kept in view."""
COVERED, BIASED = 4, 3
"""Windows whose intervals, and whose totals, are judged: few, so that a change of the world shows at once."""
NEXT, ALL = "to the next run", "to now"


@dataclass(frozen=True)
class Window:
    """The time from an earlier run until now, as far as whole periods of its forecast are over.

    Attributes
    ----------
    name
        To the next run, or to now.
    run
        The earlier run.
    periods
        How many periods of its main horizon are over.
    until
        The last day of these.
    customers, after
        Its customers as of its day, and what they bought from then until that last day.
    """

    name: str
    run: Run
    periods: int
    until: date
    customers: RFM
    after: PurchaseEvents

    @property
    def facts(self) -> dict[str, Any]:
        """What every row on the window says of it."""
        return {
            "window": self.name,
            "run_id": self.run.run_id,
            "as_of": str(self.run.as_of),
            "until": str(self.until),
        }


def windows(delivery: Delivery, runs: Sequence[Run]) -> Iterator[Window]:
    """From the last of the earlier runs to now, and from the oldest one whose horizon is not over; one at a time.

    Parameters
    ----------
    delivery
        The log of now.
    runs
        Earlier runs, by date.
    """
    for name, run in in_view(runs, delivery.as_of):
        if (periods := _over(delivery, run)) > 0:
            until = date.fromisoformat(run.manifest["period_ends"][periods - 1]) - timedelta(days=1)
            yield Window(name, run, periods, until, *delivery.follow(run.as_of, until))


def in_view(runs: Sequence[Run], as_of: date) -> list[tuple[str, Run]]:
    """The earlier runs that a run looks back at, each with the name of its window: the last one, and the oldest."""
    if not runs:
        return []
    last, oldest = runs[-1], _oldest_in_view(runs, as_of)
    return [(NEXT, last)] if oldest.run_id == last.run_id else [(NEXT, last), (ALL, oldest)]


def _oldest_in_view(runs: Sequence[Run], as_of: date) -> Run:
    """The oldest of the last runs whose horizon is not over yet, or the last run."""
    running = [
        run for run in runs[-LOOKS_BACK:] if date.fromisoformat(run.manifest["period_ends"][-1]) > as_of
    ]
    return (running or list(runs[-1:]))[0]


def _over(delivery: Delivery, run: Run) -> int:
    """How many periods of a run's main horizon are over."""
    ends = (date.fromisoformat(text) for text in run.manifest["period_ends"])
    return sum(end <= delivery.as_of + timedelta(days=1) for end in ends)


def told_before(last: Run | None) -> list[dict[str, Any]]:
    """What the last run has told of the windows before its own."""
    rows = [] if last is None else last.manifest["hindsight"]
    return [row for row in rows if row["window"] == NEXT][-2 * (LOOKS_BACK - 1) :]


def look_back(window: Window) -> list[dict[str, Any]]:
    """What a run said of the time since, and what came, by the margin and the discount of then: one row per quantity.

    Parameters
    ----------
    window
        The run, and the time since.
    """
    then = window.run.manifest["config"]["said"]["forecast"]
    actual = {
        name: float(values.sum())
        for name, values in came(window, then["margin"], then["discount"], slice(None)).items()
    }
    main = window.run.manifest["horizons"][0]
    with np.load(window.run.folder / "totals.npz", allow_pickle=False) as archive:
        draws = {
            name: archive[f"{main} {name}"][:, : window.periods].sum(axis=1)
            for name in actual
            if f"{main} {name}" in archive
        }
    facts = {**window.facts, "customers": len(window.customers)}
    return [{**facts, "quantity": name, **beside(draws[name], actual[name])} for name in draws]


def came(window: Window, margin: float, discount: float, some: Any) -> dict[str, np.ndarray]:
    """What customers did: purchases, and where there is money its value, discounted to the day of the run.

    Parameters
    ----------
    window
        The run, and the time since.
    margin, discount
        Of the value.
    some
        Index of the customers wanted.
    """
    events, weights = window.after, {"purchases": window.after.purchases}
    if events.spend is not None:
        rate = discount_per_unit(discount, window.customers.time_unit)
        weights["value"] = margin * events.spend * np.exp(-rate * events.time)
    customers = len(window.customers)
    return {name: np.bincount(events.customer, each, customers)[some] for name, each in weights.items()}


def beside(draws: np.ndarray, actual: float) -> dict[str, Any]:
    """A forecast with its central 90 % interval, and what came."""
    low, high = np.quantile(draws, tail_levels(0.9)).tolist()
    return {
        "forecast": float(draws.mean()),
        "low": low,
        "high": high,
        "actual": actual,
        "inside": bool(low <= actual <= high),
    }


def recent(rows: Sequence[Mapping[str, Any]], quantity: str, count: int) -> list[Mapping[str, Any]]:
    """The last windows from a run to the next one, at most `count`: what is long past no longer says much."""
    return [row for row in rows if row["window"] == NEXT and row["quantity"] == quantity][-count:]


def missed(rows: Sequence[Mapping[str, Any]], quantity: str) -> tuple[int, int]:
    """How many of the recent windows missed the quantity, and how many there are."""
    judged = recent(rows, quantity, COVERED)
    return sum(not row["inside"] for row in judged), len(judged)


def bias(rows: Sequence[Mapping[str, Any]], quantity: str) -> float | None:
    """Forecast over actual less one, over the most recent windows; None where there is nothing to compare."""
    judged = recent(rows, quantity, BIASED)
    came = sum(row["actual"] for row in judged)
    return None if came == 0 else sum(row["forecast"] for row in judged) / came - 1


def day_of(moment: datetime) -> str:
    """The day on which a period is over, as text.

    Examples
    --------
    >>> day_of(datetime(2026, 2, 1))
    '2026-02-01'
    """
    return moment.date().isoformat()
