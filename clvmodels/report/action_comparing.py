"""Levers, change, groups, peers and formulas: values beside other values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from clvmodels import plots
from clvmodels.report.action_words import Writing, column_pair
from clvmodels.report.blocks import MISSING, Block, Column, Definitions, Heading, Table, Text, cells
from clvmodels.report.drawing import TALL, picture
from clvmodels.report.numbers import INTERVAL, fixed, per_cent
from clvmodels.value import Calculator, Change, GroupComparison, WhatIf

if TYPE_CHECKING:
    import pandas as pd

_PARAMETERS = "over parameter draws"


def lever_blocks(
    tornado: pd.DataFrame | None, elasticities: pd.DataFrame | None, what_if: WhatIf | None, writing: Writing
) -> list[Block]:
    """What total value hangs on."""
    if tornado is None and elasticities is None and what_if is None:
        return []
    blocks: list[Block] = [Heading("What the value hangs on")]
    if tornado is not None and writing.pictures:
        strongest = tornado["lever"].iloc[0]
        blocks.append(
            picture(
                "action-tornado",
                partial(plots.plot_tornado, tornado),
                title="Total value at either end of each lever",
                description=f"{len(tornado)} levers, the strongest is {strongest}.",
                caption="Total value if one lever moves and the others stay, the strongest lever first.",
                size=TALL,
            )
        )
    if tornado is not None:
        blocks.append(_tornado_table(tornado, writing))
    if elasticities is not None:
        blocks.append(_elasticity_table(elasticities))
    return blocks + ([] if what_if is None else [_scenarios(what_if, writing)])


def _tornado_table(tornado: pd.DataFrame, writing: Writing) -> Table:
    rows = []
    words = plots.tornado_frame(tornado)
    for i, row in enumerate(tornado.to_dict("records")):
        texts = [str(row["lever"])]
        for end in ("low", "high"):
            texts += [str(words[f"{end}_words"].iloc[i]), writing.money(row[f"difference_{end}"], 0)]
        rows.append(cells(*texts))
    columns = [Column("Lever", is_number=False), Column("Down by"), Column("Total changes by", "mean")]
    columns += [Column("Up by"), Column("Total changes by", "mean")]
    note = (
        f"With a margin of {per_cent(tornado.attrs['margin'])} and a discount of "
        f"{per_cent(tornado.attrs['annual_discount_rate'])} a year for all, before costs per purchase, per period and "
        "once."
    )
    return Table("action-tornado-table", f"Levers, {tornado.attrs['horizon']}", columns, rows, [note])


def _elasticity_table(table: pd.DataFrame) -> Table:
    many = "low" in table
    rows = []
    for row in table.to_dict("records"):
        texts = [str(row["lever"]), fixed(row["elasticity"], 3)]
        if many:
            texts.append(f"{fixed(row['low'], 3)} to {fixed(row['high'], 3)}")
        rows.append(
            cells(
                *texts,
                MISSING if row["per_point"] != row["per_point"] else per_cent(row["per_point"], signed=True),
            )
        )
    columns = [Column("Lever", is_number=False), Column("Elasticity")]
    columns += [Column(f"{INTERVAL} interval", _PARAMETERS)] if many else []
    columns.append(Column("Total changes by", "per point of the lever"))
    note = "Elasticity: per cent by which total value moves if the lever moves by one per cent."
    return Table("action-elasticities", "Elasticities of total value", columns, rows, [note])


def _scenarios(found: WhatIf, writing: Writing) -> Table:
    table = found.table
    many, shared = "low" in table, "difference_low" in table
    rows = []
    for i, row in enumerate(table.to_dict("records")):
        texts = [str(row["scenario"]), writing.money(row["mean"], 0)]
        texts += [writing.span(row["low"], row["high"], 0)] if many else []
        texts.append(writing.money(row["difference"], 0) if i else MISSING)
        if shared:
            texts.append(writing.span(row["difference_low"], row["difference_high"], 0) if i else MISSING)
        rows.append(cells(*texts, per_cent(row["change"], signed=True) if i else MISSING))
    columns = [Column("Scenario", is_number=False), *column_pair("Total", many)]
    columns += [*column_pair("Difference", shared, _PARAMETERS), Column("Change")]
    return Table("action-what-if", "What if", columns, rows)


def change_blocks(change: Change | None, realised: pd.DataFrame | None, writing: Writing) -> list[Block]:
    """What moved since an earlier forecast, and what came of it."""
    blocks: list[Block] = []
    if change is not None:
        facts, table = change.provenance, change.table
        blocks += [Heading(f"What changed from {facts['old_date']} to {facts['new_date']}")]
        if writing.pictures:
            old, new = (writing.money(float(table["mean"].iloc[i]), 0) for i in (0, -1))
            blocks.append(
                picture(
                    "action-waterfall",
                    partial(plots.plot_waterfall, change),
                    title="From the old to the new forecast",
                    description=f"From {old} to {new} in {len(table) - 2} steps.",
                    caption=f"Value {facts['horizon']} ahead then and now, and what each cause changed, one after "
                    "the other.",
                    size=(TALL[0], 4.8),
                )
            )
        blocks.append(_change_table(change, writing))
    if realised is not None:
        blocks += [] if blocks else [Heading("What came of the forecast")]
        blocks.append(_realised_table(realised, writing))
    return blocks


def _change_table(change: Change, writing: Writing) -> Table:
    table, rows = change.table, []
    many = "low" in table
    for row in table.to_dict("records"):
        texts = [str(row["cause"]), writing.money(row["mean"], 0)]
        texts += [writing.span(row["low"], row["high"], 0)] if many else []
        rows.append(cells(*texts))
    columns = [Column("Cause", is_number=False), *column_pair("Effect", many, _PARAMETERS)]
    caption = "From the old to the new forecast; the effects add up"
    return Table("action-change", caption, columns, rows, [f"Order: {change.provenance['order']}."])


def _realised_table(realised: pd.DataFrame, writing: Writing) -> Table:
    many, rows = "low" in realised, []
    for row in realised.to_dict("records"):
        texts = [str(row["group"]), f"{row['customers']:,}", writing.money(row["forecast"], 0)]
        texts += [writing.span(row["low"], row["high"], 0)] if many else []
        texts += [writing.money(row["realised"], 0), writing.money(row["difference"], 0)]
        rows.append(cells(*texts, *([per_cent(row["chance_of_less"])] if many else [])))
    columns = [Column("Customers", is_number=False), Column("How many"), *column_pair("Forecast", many)]
    columns += [Column("Realised"), Column("Difference")]
    columns += [Column("Draws below it", "near 0 or 100 %: surprised")] if many else []
    return Table("action-realised", "What was forecast then, and what came", columns, rows)


def group_blocks(groups: Mapping[str, GroupComparison], writing: Writing) -> list[Block]:
    """Two groups of customers and their difference."""
    blocks: list[Block] = []
    for number, (what, found) in enumerate(groups.items(), 1):
        many, rows = found.is_distribution, []
        first, second = found.names
        for row in found.table.to_dict("records"):
            texts = [f"{row['quantity']} ({row['unit']})", *(fixed(row[name], 3) for name in (first, second))]
            texts.append(fixed(row["difference"], 3))
            if many:
                texts.append(writing.span(row["difference_low"], row["difference_high"], 3))
                texts.append(per_cent(row["p_second_higher"]))
            rows.append(cells(*texts))
        columns = [Column("Quantity", is_number=False), Column(first, "mean"), Column(second, "mean")]
        columns += column_pair("Difference", many, "posterior")
        columns += [Column(f"P({second} higher)")] if many else []
        caption = f"{second} against {first}, by {what}"
        key = f"action-groups-{number}"
        blocks += [Table(key, caption, columns, rows), Text([found.caution])]
    return [Heading("Groups compared"), *blocks] if blocks else []


def benchmark_blocks(table: pd.DataFrame | None, writing: Writing) -> list[Block]:
    """Own numbers beside those of other periods and of peers."""
    if table is None:
        return []
    rows = []
    for row in table.to_dict("records"):
        rows.append(
            cells(
                str(row["metric"]).replace("_", " "),
                f"{row['name']} ({row['kind']})",
                fixed(row["value"], 3),
                writing.span(row["low"], row["high"], 3),
                str(row["unit"]),
                per_cent(row["chance_we_are_higher"]),
            )
        )
    columns = [
        Column("Number", is_number=False),
        Column("Whose", is_number=False),
        *column_pair("Value", True),
    ]
    columns += [Column("Unit", is_number=False), Column("Chance that the newest own number is higher")]
    return [Heading("Beside others"), Table("action-benchmark", "Own numbers and peers", columns, rows)]


def calculator_blocks(found: Calculator, writing: Writing) -> list[Block]:
    """The historical formulas beside the model, and how far off they were."""
    table, rows = found.table, []
    modelled, recorded = "model_mean" in table, "backtest_bias" in table
    for row in table.to_dict("records"):
        texts = [str(row["formula"]), writing.money(row["value"], 2), writing.money(row["in_horizon"], 2)]
        if modelled:
            texts += [writing.money(row["model_mean"], 2), per_cent(row["off_model"], signed=True)]
        if recorded:
            texts.append(per_cent(row["backtest_bias"], signed=True))
        rows.append(cells(*texts))
    columns = [Column("Formula", is_number=False), Column("Per customer", "over its own time")]
    columns.append(Column("Within the horizon", "per customer"))
    if modelled:
        columns += [Column("The model's answer", "mean, same horizon"), Column("Formula against model")]
    if recorded:
        columns.append(Column("Off in the backtest", "mean over the origins"))
    notes = [found.provenance["window"]]
    if found.model_record is not None:
        notes.append(f"In the backtest of the model {found.model_record}.")
    notes += (
        [] if recorded else ["No backtest was given, so nothing is said of how far off the formulas were."]
    )
    steps = [
        (row["formula"], f"{row['steps']}. Assumes that {row['assumption']}.")
        for row in table.to_dict("records")
    ]
    return [
        Heading("The formulas people start with"),
        Table("action-calculator", "Historical formulas beside the model", columns, rows, notes),
        Definitions(steps),
    ]
