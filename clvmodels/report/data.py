"""The data behind the backtest: what was known at each origin, and the full log."""

from __future__ import annotations

import math

from clvmodels.report.blocks import MISSING, Block, Column, Section, Table, cells
from clvmodels.report.material import Material
from clvmodels.report.numbers import fixed
from clvmodels.rfm import DataReport


def data_section(material: Material) -> Section:
    """What each origin's summary was made of, and who came later."""
    rows = [
        cells(
            str(row["origin"]),
            f"{row['customers']:,}",
            fixed(math.nan if row["rows_used"] is None else float(row["rows_used"])),
            material.discreet(str(row["report"])) or MISSING,
        )
        for row in material.scorecard.data.to_dict("records")
    ]
    columns = [Column("Origin", is_number=False), Column("Customers"), Column("Rows used")]
    by_origin = Table(
        "data-origins",
        "The data known at each origin",
        [*columns, Column("How rows became customers", is_number=False, is_prose=True)],
        rows,
    )
    blocks: list[Block] = [by_origin]
    fitted = None if material.fitted is None else material.fitted.rfm
    source = fitted if material.rfm is None else material.rfm
    if source is not None and source.report is not None:
        blocks.append(_full_log(source.report, material))
    return Section("data", "Data", blocks)


def _full_log(report: DataReport, material: Material) -> Table:
    rows = [
        cells("Rows in", f"{report.rows_in:,}", ""),
        cells("Rows used", f"{report.rows_used:,}", ""),
        cells("Purchases", f"{report.purchases:,}", ""),
    ]
    for note in report.notes:
        first = ", ".join(material.customer(identity) for identity in note.examples)
        rows.append(cells(note.what, f"{note.count:,}", first))
    columns = [Column("", is_number=False), Column("Count"), Column("First ids", is_number=False)]
    return Table("data-log", "The full log behind the forecast", columns, rows)
