"""The data behind the backtest, and how the forecasters compare."""

from __future__ import annotations

import math
from collections.abc import Sequence

from clvmodels.prediction import MODEL_ONLY, WITH_MARKET
from clvmodels.report.blocks import MISSING, Block, Cell, Column, Heading, Section, Table, Text, cells
from clvmodels.report.chance import paired_lead
from clvmodels.report.leads import find_leads
from clvmodels.report.material import Material
from clvmodels.report.measures import (
    CALIBRATION_MEASURES,
    CUSTOMER_MEASURES,
    MEASURES,
    QUANTITY_NAMES,
    RANKING_MEASURES,
    SKILL_MEASURES,
    Measure,
)
from clvmodels.report.numbers import CARRIED, INTERVAL, counted, decimals_for, fixed, listed, per_cent
from clvmodels.rfm import DataReport

BANDS = (
    f"The first interval is that {WITH_MARKET}: it holds a shock that all customers share (season, promotions, the "
    "economy), which no model of single customers knows; the one of the model only holds parameters and chance."
)
NO_INTERVAL = f"{MISSING} a formula gives one number: it has no interval and no probability to judge."


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
    blocks: list[Block] = [by_origin, _newcomers(material)]
    fitted = None if material.fitted is None else material.fitted.rfm
    source = fitted if material.rfm is None else material.rfm
    if source is not None and source.report is not None:
        blocks.append(_full_log(source.report, material))
    return Section("data", "Data", blocks)


def _newcomers(material: Material) -> Table:
    came = {
        (str(row["origin"]), str(row["quantity"])): float(row["actual"])
        for row in material.scorecard.newcomers.to_dict("records")
    }
    rows = [
        cells(
            origin,
            fixed(came[origin, "customers"]),
            fixed(came[origin, "purchases"]),
            material.amount("spend", came.get((origin, "spend"), math.nan), 0),
        )
        for origin in dict.fromkeys(origin for origin, _ in came)
    ]
    columns = [
        Column("Origin", is_number=False),
        Column("New customers"),
        Column("Purchases"),
        Column("Money"),
    ]
    note = (
        "No forecaster can know them at the origin, so they count in no score and in no total of this report."
    )
    return Table("data-newcomers", "Customers first seen in the holdout", columns, rows, [note])


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


def comparison_section(material: Material) -> Section:
    """Totals, single customers and skill, for each quantity apart."""
    baseline = material.baseline
    measured = (
        f"Skill is measured against {baseline}."
        if baseline
        else "No baseline was named, so there is no skill."
    )
    over = ""
    if len(material.origins) > 1:
        over = f" Scores of single customers are means over {len(material.origins)} origins."
    blocks: list[Block] = [Text([f"The best of each column is set in bold. {measured}{over}"])]
    for quantity in material.quantities:
        blocks += [Heading(QUANTITY_NAMES[quantity]), totals_table(material, quantity)]
        names = (*CUSTOMER_MEASURES, *RANKING_MEASURES, *CALIBRATION_MEASURES[:1])
        caption = f"{QUANTITY_NAMES[quantity]} of single customers"
        blocks.append(score_table(material, quantity, names, f"scores-{quantity}", caption))
        if baseline is not None:
            blocks.append(_skill_table(material, quantity, baseline))
            if len(material.origins) > 1:
                blocks.append(_skill_by_origin(material, quantity))
    return Section("comparison", "Comparison", blocks)


def totals_table(material: Material, quantity: str) -> Table:
    """Forecast and actual totals, a row per origin and forecaster."""
    rows, astray = [], []
    for origin in material.origins:
        bias = {model: material.value(quantity, "bias_total", model, origin) for model in material.models}
        nearest = min((abs(value) for value in bias.values() if not math.isnan(value)), default=math.nan)
        for model in material.models:
            if math.isnan(material.value(quantity, "total_mean", model, origin)):
                continue
            if material.is_astray(quantity, model, origin):
                astray.append(model)
            rows.append(_totals_row(material, quantity, model, origin, abs(bias[model]) == nearest))
    unit = material.currency if quantity == "spend" else ""
    columns = [Column("Forecaster", is_number=False)]
    columns += [] if len(material.origins) == 1 else [Column("Origin", is_number=False)]
    columns += [
        Column("Forecast", ", ".join(filter(None, ["mean", unit]))),
        Column("Actual", unit),
        Column("Bias", "nearest 0 is best"),
        Column(f"{INTERVAL} interval", ", ".join(filter(None, ["central, predictive", unit]))),
        Column("Contains the actual"),
        Column(f"{INTERVAL} interval", MODEL_ONLY),
        Column("Contains the actual", MODEL_ONLY),
    ]
    notes = [NO_INTERVAL] if material.formulas else []
    if any(row[-1].text != MISSING for row in rows):
        notes.append(BANDS)
    else:
        columns, rows = columns[:-2], [row[:-2] for row in rows]
    if astray:
        names = listed(list(dict.fromkeys(astray)))
        notes.append(f"Mean outside its own interval, because {CARRIED}: {names}.")
    caption = f"Total {QUANTITY_NAMES[quantity].lower()} of the holdout"
    return Table(f"totals-{quantity}", caption, columns, rows, notes)


def _totals_row(material: Material, quantity: str, model: str, origin: str, is_nearest: bool) -> list[Cell]:
    def said(name: str) -> float:
        return material.value(quantity, name, model, origin)

    row = cells(*([model] if len(material.origins) == 1 else [model, origin]))
    row += cells(fixed(said("total_mean")), fixed(said("total_actual")))
    row.append(Cell(per_cent(said("bias_total"), signed=True), is_nearest))
    for suffix in ("", "_alone"):
        low, high = (fixed(said(f"total_{bound}{suffix}")) for bound in ("q05", "q95"))
        covered = {1.0: "yes", 0.0: "no"}.get(said(f"total_covered{suffix}"), MISSING)
        row += cells(MISSING if low == MISSING else f"{low} to {high}", covered)
    return row


def score_table(material: Material, quantity: str, names: Sequence[str], key: str, caption: str) -> Table:
    """Forecasters in rows, metrics in columns; metrics nobody has, and forecasters without any, are left out."""
    averages = {
        name: {model: material.average(quantity, name, model) for model in material.models} for name in names
    }
    shown = [MEASURES[name] for name in names if any(map(math.isfinite, averages[name].values()))]
    amounts = [
        value for measure in shown if measure.unit == "amount" for value in averages[measure.name].values()
    ]
    decimals = decimals_for(amounts)
    best = {measure.name: _best_rank(material, measure, averages[measure.name]) for measure in shown}
    scored = [
        model for model in material.models if any(math.isfinite(averages[m.name][model]) for m in shown)
    ]
    rows = []
    for model in scored:
        row = [Cell(model)]
        for measure in shown:
            value = averages[measure.name][model]
            rank = measure.rank(value)
            is_best = math.isfinite(rank) and rank == best[measure.name] and model in material.complete
            text = (
                fixed(value, decimals)
                if measure.unit == "amount"
                else material.written(measure, quantity, value)
            )
            row.append(Cell(text, is_best))
        rows.append(row)
    columns = [Column("Forecaster", is_number=False)]
    for measure in shown:
        columns.append(Column(measure.label, _hint(material, measure, quantity)))
    has_gaps = any(cell.text == MISSING for row in rows for cell in row)
    notes = [NO_INTERVAL] if has_gaps else []
    incomplete = [model for model in material.models if model not in material.complete]
    if incomplete:
        notes.append(f"Not scored at every origin, so never the best: {', '.join(incomplete)}.")
    return Table(key, caption, columns, rows, notes)


def _best_rank(material: Material, measure: Measure, average: dict[str, float]) -> float:
    return min((measure.rank(average[model]) for model in material.complete), default=math.inf)


def _hint(material: Material, measure: Measure, quantity: str) -> str:
    if measure.unit == "amount" and quantity == "spend" and material.currency:
        return f"{material.currency}, {measure.hint}"
    return measure.hint


def _skill_table(material: Material, quantity: str, baseline: str) -> Table:
    """Skill against the baseline, and the paired difference that says whether it may be chance."""
    table = score_table(material, quantity, SKILL_MEASURES, f"skill-{quantity}", "")
    pairs = {model: paired_lead(material, quantity, "crps", model, baseline) for model in material.models}
    decimals = decimals_for([lead.size for lead in pairs.values()])
    unit = material.currency if quantity == "spend" else ""
    rows = []
    for row in table.rows:
        lead = pairs[row[0].text]
        text = f"{fixed(lead.size, decimals)} ± {fixed(lead.error, decimals)}"
        text = MISSING if math.isnan(lead.error) else text
        base = row[0].text == baseline
        rows.append([*(Cell(cell.text) if base else cell for cell in row), Cell(text)])
    hint = ", ".join(filter(None, [unit, "baseline − forecaster, ± standard error"]))
    return Table(
        f"skill-{quantity}",
        f"{QUANTITY_NAMES[quantity]}: skill against {baseline}",
        [*table.columns, Column("CRPS gained per customer", hint)],
        rows,
        [*_best_formulas(material, quantity), _PAIRED],
    )


_PAIRED = (
    "The gain is paired customer by customer over all origins; within two standard errors of 0 it may be chance "
    "among customers. Chance among seasons is not in it."
)


def _best_formulas(material: Material, quantity: str) -> list[str]:
    """How the leading model compares with the best formula on each measure, in one note."""
    model, formulas = find_leads(material, quantity).customer_model, material.formulas_of(quantity)
    parts = []
    for name in SKILL_MEASURES:
        measure = MEASURES[name.removeprefix("skill_")]
        formula = material.best(quantity, measure.name, formulas)
        if formula is None or model is None:
            continue
        best, ours = (material.average(quantity, measure.name, who) for who in (formula, model))
        gain = per_cent(1 - ours / best if best else math.nan, signed=True)
        parts.append(f"{measure.label} {gain} ({formula}, {material.amount(quantity, best)})")
    return (
        [f"Skill of {model} against the best formula on each measure: {'; '.join(parts)}."] if parts else []
    )


def _skill_by_origin(material: Material, quantity: str) -> Table:
    def skill(model: str, origin: str) -> str:
        return per_cent(material.value(quantity, "skill_crps", model, origin), signed=True)

    rows = [
        cells(model, *(skill(model, origin) for origin in material.origins))
        for model in material.models
        if model != material.baseline
    ]
    return Table(
        f"skill-origins-{quantity}",
        f"{QUANTITY_NAMES[quantity]}: CRPS skill against {material.baseline} at each of "
        f"{counted(len(material.origins), 'origin')}",
        [Column("Forecaster", is_number=False), *(Column(origin) for origin in material.origins)],
        rows,
    )
