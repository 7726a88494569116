"""What became of earlier forecasts, for the pages of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from clvmodels.batch.amounts import amount, span
from clvmodels.batch.hindsight import NEXT
from clvmodels.plots import plot_hindsight
from clvmodels.report.blocks import Block, Column, Table, Text, cells
from clvmodels.report.drawing import picture
from clvmodels.report.numbers import fixed, per_cent

_WHEN = (Column("run", is_number=False), Column("until", is_number=False))


def total_blocks(run: Mapping[str, Any], currency: str) -> list[Block]:
    """Earlier totals beside what happened since, as a picture and a table for each quantity.

    Parameters
    ----------
    run
        Manifest of the run that looks back.
    currency
        Symbol or code.
    """
    rows = run["hindsight"]
    if not rows:
        return [Text(["No earlier run has been overtaken by a whole period yet."])]
    first, *others = _quantities(rows)
    drawn = picture(
        "hindsight-picture",
        partial(plot_hindsight, rows, first, currency=currency),
        title="Forecasts and what came",
        description="An interval and a point per run",
        caption=f"What each run forecast for the time to the next one ({first}), and what came.",
    )
    return [drawn, *(_totals(rows, quantity, currency) for quantity in (first, *others))]


def customer_blocks(run: Mapping[str, Any], currency: str) -> list[Block]:
    """Single customers of earlier runs: how many within their intervals, and what each segment brought.

    Parameters
    ----------
    run
        Manifest of the run that looks back.
    currency
        Symbol or code.
    """
    rows = run["singles"]
    return [_covered(rows), _brought(rows, _quantities(rows)[0], currency)] if rows else []


def _quantities(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The value first, where there is one: it is what gates judge."""
    return sorted({row["quantity"] for row in rows}, reverse=True)


def _totals(rows: Sequence[Mapping[str, Any]], quantity: str, currency: str) -> Table:
    mine = [row for row in rows if row["quantity"] == quantity]
    body = [
        cells(
            row["as_of"],
            row["until"] if row["window"] == NEXT else f"{row['until']} (to now)",
            amount(row["forecast"], quantity, currency),
            span(row, quantity, currency),
            amount(row["actual"], quantity, currency) + ("" if row["inside"] else " (missed)"),
            per_cent(row["forecast"] / row["actual"] - 1, signed=True) if row["actual"] else "—",
        )
        for row in reversed(mine)
    ]
    return Table(
        f"hindsight-{quantity}",
        f"Earlier forecasts of {quantity} beside what came until the next run",
        [
            *_WHEN,
            Column("forecast"),
            Column("interval", "90 %, predictive"),
            Column("came"),
            Column("off", "forecast over what came"),
        ],
        body,
        ("Customers known to the earlier run only; whole periods of the forecast that are over.",),
    )


def _covered(rows: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        "singles-table",
        "Single customers within their intervals",
        [
            *_WHEN,
            Column("quantity", is_number=False),
            Column("customers"),
            Column("within", "90 % intended"),
            Column("distance", "of the PIT"),
        ],
        [
            cells(
                row["as_of"],
                row["until"],
                row["quantity"],
                f"{row['customers']:,}",
                per_cent(row["covered"]),
                fixed(row["distance"], 3),
            )
            for row in rows
        ],
        (
            "A sample of the earlier run (4,000 at most), forecast again with its fit for the time that is over.",
            "By the randomised PIT: uniform if forecasts are right; its distance is the largest gap from that.",
        ),
    )


def _brought(rows: Sequence[Mapping[str, Any]], quantity: str, currency: str) -> Table:
    body = [
        cells(
            row["as_of"],
            row["until"],
            f"{one['segment']} ({one['customers']:,})",
            amount(one["forecast"], quantity, currency),
            span(one, quantity, currency),
            amount(one["actual"], quantity, currency) + ("" if one["inside"] else " (missed)"),
            per_cent(one["actual"] / one["forecast"], signed=False) if one["forecast"] else "—",
        )
        for row in rows
        for one in row["segments"]
        if row["quantity"] == quantity
    ]
    return Table(
        "brought-table",
        f"Forecasts of {quantity} by segment, and what came since",
        [
            *_WHEN,
            Column("segment", "customers", is_number=False, is_prose=True),
            Column("forecast"),
            Column("interval", "90 %, predictive"),
            Column("came"),
            Column("share", "of the forecast"),
        ],
        body,
        (
            "The same sample, by the segment that the run published. Gates look at segments with 100 purchases.",
        ),
    )
