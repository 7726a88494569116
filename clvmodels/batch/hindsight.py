"""The forecasts of earlier runs against what happened since: the test that no other gate can replace.

Every run keeps its joint draws of totals per period. When a later run comes, the customers of the earlier one
are followed up to the last period that is over by then. The windows from each run to the next do not overlap;
the one from the oldest run that is kept in view says whether small misses add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from clvmodels.batch.delivery import Delivery
from clvmodels.batch.shelf import Run
from clvmodels.prediction import tail_levels
from clvmodels.units import discount_per_unit

LOOKS_BACK = 12
"""Runs that are kept in view."""
COVERED, BIASED = 4, 3
"""Windows whose intervals, and whose totals, are judged: few, so that a change of the world shows at once."""
NEXT, ALL = "to the next run", "to now"


def look_back(
    delivery: Delivery, runs: Sequence[Run], margin: float, discount: float
) -> list[dict[str, Any]]:
    """What the last runs said of the time since, and what came: one row per window and quantity.

    Parameters
    ----------
    delivery
        The log of now.
    runs
        Earlier runs, by date. Of the windows before the last one the last run has told already.
    margin, discount
        Of the value.
    """
    if not runs:
        return []
    last = runs[-1]
    told = [row for row in last.manifest["hindsight"] if row["window"] == NEXT][-2 * (LOOKS_BACK - 1) :]
    rows = [*told, *_window(delivery, last, NEXT, margin, discount)]
    oldest = _oldest_in_view(runs, delivery.as_of)
    if oldest.run_id != last.run_id:
        rows += _window(delivery, oldest, ALL, margin, discount)
    return rows


def _oldest_in_view(runs: Sequence[Run], as_of: date) -> Run:
    """The oldest of the last runs whose horizon is not over yet, or the last run."""
    running = [
        run for run in runs[-LOOKS_BACK:] if date.fromisoformat(run.manifest["period_ends"][-1]) > as_of
    ]
    return (running or list(runs[-1:]))[0]


def _window(
    delivery: Delivery, run: Run, window: str, margin: float, discount: float
) -> list[dict[str, Any]]:
    ends = [date.fromisoformat(text) for text in run.manifest["period_ends"]]
    over = sum(end <= delivery.as_of + timedelta(days=1) for end in ends)
    if not over:
        return []
    until = ends[over - 1] - timedelta(days=1)
    holdout = delivery.after(run.as_of, until)
    customers = len(holdout.customer_id)
    actual = {"purchases": float(holdout.purchases.sum())}
    if holdout.after.spend is not None:
        rate = discount_per_unit(discount, holdout.time_unit)
        actual["value"] = float(np.sum(margin * holdout.after.spend * np.exp(-rate * holdout.after.time)))
    main = run.manifest["horizons"][0]
    with np.load(run.folder / "totals.npz", allow_pickle=False) as archive:
        draws = {
            name: archive[f"{main} {name}"][:, :over].sum(axis=1)
            for name in actual
            if f"{main} {name}" in archive
        }
    facts = {
        "window": window,
        "run_id": run.run_id,
        "as_of": str(run.as_of),
        "until": str(until),
        "customers": customers,
    }
    return [{**facts, "quantity": name, **_beside(draws[name], actual[name])} for name in draws]


def _beside(draws: np.ndarray, actual: float) -> dict[str, Any]:
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
