"""The forecasts of single customers against what they did: how many within their intervals, how far off by segment.

Totals can be right while single customers are not. A run does not keep the draws of every customer, but its fit is in
the store, and the same fit of the same summary makes the same forecast again: here of a sample of its customers, for
just the time that is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clvmodels.batch.hindsight import Window, beside, came
from clvmodels.batch.scoring import lowest_by_hash
from clvmodels.forecast import FittedCLV
from clvmodels.forecast.simulation import customer_keys
from clvmodels.metrics import pit_coverage, pit_distance, randomised_pit
from clvmodels.prediction import DrawBlock
from clvmodels.rfm import RFM

ASKED, DRAWS = 4_000, 200
"""Customers of an earlier run, at most, who are forecast again, and draws of each."""
LEVEL = 0.9
FEWEST_CUSTOMERS, FEWEST_PURCHASES = 300, 100
"""Customers from which on their coverage is told from chance, and purchases, forecast or made, of a segment."""


def look_at_customers(
    window: Window,
    fitted: FittedCLV,
    arguments: Mapping[str, Any],
    segment_of: Callable[[RFM], Sequence[str | None]],
) -> list[dict[str, Any]]:
    """What the forecast of a run said of single customers, and what they did: one row per quantity.

    Whether customers lie in their intervals is told by the randomised PIT, since intervals of counts hold more than
    their level even where the model is right: its share in the central 90 %, and its distance from the diagonal.

    Parameters
    ----------
    window
        The run, and the time since.
    fitted
        The fit it forecast with.
    arguments
        Of `FittedCLV.forecast`, but the horizon.
    segment_of
        Gives the segments in which the run published customers, None for those it did not.
    """
    index = lowest_by_hash(window.customers, ASKED)
    some = window.customers.take(index)
    actual = came(window, arguments["margin"], arguments["annual_discount_rate"], index)
    labels = np.array([label or "" for label in segment_of(some)], dtype=object)
    groups = [str(name) for name in sorted(set(labels.tolist()) - {""})]
    seen = _Seen(actual, _lots(some.customer_id), [labels == name for name in groups])
    fewer = {**arguments, "draws": min(arguments["draws"], DRAWS), "levels": (0.5,), "period": "Y"}
    fitted.forecast(window.until, rfm=some, observe=seen.observe, **fewer)
    is_known = (
        np.maximum(seen.sums["purchases"].mean(axis=0)[:-1], seen.came["purchases"]) >= FEWEST_PURCHASES
    )
    facts = {**window.facts, "customers": len(some), "level": LEVEL}
    return [
        {
            **facts,
            "quantity": name,
            "covered": pit_coverage(seen.pit[name], LEVEL),
            "distance": pit_distance(seen.pit[name]),
            "segments": [
                {
                    "segment": group,
                    "customers": int(seen.inside[g].sum()),
                    "is_judged": bool(is_known[g]),
                    **beside(seen.sums[name][:, g], float(seen.came[name][g])),
                }
                for g, group in enumerate(groups)
            ],
        }
        for name in seen.sums
    ]


def _lots(ids: np.ndarray) -> np.ndarray:
    """(n,) uniform numbers in [0, 1) by which ties of a PIT are settled, each tied to its customer."""
    return (customer_keys(0, ids, "hindsight")[:, 0] >> np.uint64(11)) / 2.0**53


class _Seen:
    """What blocks of draws add up to: the PIT of every customer, and joint draws of every segment."""

    def __init__(self, actual: Mapping[str, np.ndarray], lots: np.ndarray, inside: list[np.ndarray]) -> None:
        self.actual, self.lots, self.inside = actual, lots, inside
        self.pit = {name: np.full(len(lots), np.nan) for name in actual}
        self.sums: dict[str, Any] = {}
        self.came = {name: np.array([values[one].sum() for one in inside]) for name, values in actual.items()}

    def observe(self, block: DrawBlock) -> None:
        for name, draws in (("purchases", block.purchases), ("value", block.value)):
            if draws is None or name not in self.actual:
                continue
            mine = self.actual[name][block.index]
            self.pit[name][block.index] = randomised_pit(draws, mine, self.lots[block.index])
            # the last column is everybody, so that there is one where no segment is known
            sums = [draws[:, one[block.index]].sum(axis=1) for one in self.inside]
            self.sums[name] = self.sums.get(name, 0.0) + np.stack([*sums, draws.sum(axis=1)], axis=1)


def uncovered(rows: Sequence[Mapping[str, Any]], quantity: str) -> Mapping[str, Any] | None:
    """The row whose share of customers within their intervals is furthest from the level, of those with enough."""
    mine = [row for row in rows if row["quantity"] == quantity and row["customers"] >= FEWEST_CUSTOMERS]
    return max(mine, key=lambda row: abs(row["covered"] - row["level"]), default=None)


def worst_segment(
    rows: Sequence[Mapping[str, Any]], quantity: str
) -> tuple[float, Mapping[str, Any], Mapping[str, Any]] | None:
    """The segment furthest from its forecast, as a share of that; 0 for whatever lies within its interval.

    Returns
    -------
    The share, the row of the window, and that of the segment; None where no segment bought enough to say.
    """
    found = [
        (0.0 if one["inside"] else abs(one["actual"] / one["forecast"] - 1), row, one)
        for row in rows
        for one in row["segments"]
        if row["quantity"] == quantity and one["is_judged"] and one["forecast"] > 0
    ]
    return max(found, key=lambda one: one[0], default=None)
