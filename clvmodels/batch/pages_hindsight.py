"""What became of earlier forecasts, for the page of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from clvmodels.batch.amounts import amount, span
from clvmodels.plots import plot_hindsight
from clvmodels.report.blocks import Block, Column, Table, Text, cells
from clvmodels.report.drawing import picture
from clvmodels.report.numbers import fixed, per_cent


def hindsight_blocks(run: Mapping[str, Any], currency: str) -> list[Block]:
    """Earlier forecasts beside what happened since: totals, single customers, and segments.

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
    quantity = "value" if any(row["quantity"] == "value" for row in rows) else "purchases"
    drawn = picture(
        "hindsight-picture",
        partial(plot_hindsight, rows, quantity, currency=currency),
        title="Forecasts and what came",
        description="An interval and a point per run",
        caption=f"What each run forecast for the time to the next one ({quantity}), and what came.",
    )
    found: list[Block] = [drawn, _totals(rows, currency)]
    singles = run["singles"]
    return [*found, _covered(singles), _brought(singles, currency)] if singles else found


def _totals(rows: Sequence[Mapping[str, Any]], currency: str) -> Table:
    columns = [
        Column("run", is_number=False),
        Column("until", is_number=False),
        Column("window", is_number=False),
        Column("quantity", is_number=False),
        Column("forecast"),
        Column("interval", "90 %, predictive"),
        Column("came"),
        Column("forecast over what came"),
    ]
    body = [
        cells(
            row["as_of"],
            row["until"],
            row["window"],
            row["quantity"],
            amount(row["forecast"], row["quantity"], currency),
            span(row, row["quantity"], currency) + ("" if row["inside"] else " (missed)"),
            amount(row["actual"], row["quantity"], currency),
            per_cent(row["forecast"] / row["actual"] - 1, signed=True) if row["actual"] else "—",
        )
        for row in rows
    ]
    note = "Customers known to the earlier run only; whole periods of the forecast that are over."
    return Table("hindsight-table", "Earlier forecasts beside what happened since", columns, body, (note,))


_WINDOW = (
    Column("run", is_number=False),
    Column("until", is_number=False),
    Column("quantity", is_number=False),
)


def _covered(rows: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        "singles-table",
        "Single customers within their intervals",
        [*_WINDOW, Column("customers"), Column("within", "90 % intended"), Column("distance", "of the PIT")],
        [
            cells(
                row["as_of"], row["until"], row["quantity"], f"{row['customers']:,}", per_cent(row["covered"]),
                fixed(row["distance"], 3),
            )
            for row in rows
        ],
        (
            "A sample of the earlier run (4,000 at most), forecast again with its fit for the time that is over.",
            "By the randomised PIT: uniform if forecasts are right; its distance is the largest gap from that.",
        ),
    )  # fmt: skip


def _brought(rows: Sequence[Mapping[str, Any]], currency: str) -> Table:
    columns = [*_WINDOW, Column("segment", is_number=False), Column("customers"), Column("forecast")]
    columns += [Column("interval", "90 %, predictive"), Column("came"), Column("came over forecast")]
    brought = [
        cells(
            row["as_of"], row["until"], row["quantity"], one["segment"], f"{one['customers']:,}",
            amount(one["forecast"], row["quantity"], currency),
            span(one, row["quantity"], currency) + ("" if one["inside"] else " (missed)"),
            amount(one["actual"], row["quantity"], currency),
            per_cent(one["actual"] / one["forecast"] - 1, signed=True) if one["forecast"] else "—",
        )
        for row in rows
        for one in row["segments"]
    ]  # fmt: skip
    note = "The same sample, by the segment that the earlier run published. Gates look at segments with 100 purchases."
    return Table("brought-table", "What segments brought since", columns, brought, (note,))
