"""What would the formula have said? Every historical formula beside the leading model, and where it wins."""

from __future__ import annotations

import math

from clvmodels.report.answers import missed_by
from clvmodels.report.blocks import (
    MISSING,
    Block,
    Cell,
    Column,
    Heading,
    Section,
    Sentence,
    Strong,
    Table,
    Text,
)
from clvmodels.report.cautions import CAUTION, joined, of_fit, of_lead
from clvmodels.report.chance import CHANCE, paired_lead
from clvmodels.report.contest import contest_blocks, where_it_wins
from clvmodels.report.leads import find_leads
from clvmodels.report.material import Material
from clvmodels.report.measures import QUANTITY_NAMES
from clvmodels.report.numbers import decimals_for, fixed, per_cent


def formula_section(material: Material) -> Section:
    """How far each formula was off, and the measures on which one is ahead of the leading model or level with it."""
    blocks: list[Block] = []
    for quantity in material.quantities:
        formulas = [name for name in material.formulas if material.outcomes(quantity, name) is not None]
        if formulas:
            blocks += [Text(_sentence(material, quantity, formulas)), _table(material, quantity, formulas)]
    blocks += [Heading(where_it_wins(material)), *contest_blocks(material)]
    return Section("formula", "What would the formula have said?", blocks)


def _sentence(material: Material, quantity: str, formulas: list[str]) -> Sentence:
    base = material.baseline if material.baseline in formulas else formulas[0]
    leads = find_leads(material, quantity)
    model = leads.total_model if leads.total in material.formulas else leads.total
    start: Sentence = [
        f"{QUANTITY_NAMES[quantity]}: ",
        Strong(str(base)),
        f" {missed_by(material, quantity, str(base))}",
    ]
    if model is None:
        return [*start, "."]
    return [*start, f"; {model} {missed_by(material, quantity, model, short=True)}."]


def _table(material: Material, quantity: str, formulas: list[str]) -> Table:
    """A row per formula, the leading model last."""
    model = find_leads(material, quantity).customer_model
    shown = [*formulas, *([model] if model is not None else [])]
    errors = [material.average(quantity, "crps", name) for name in shown]
    decimals = decimals_for(errors)
    rows = []
    for name, error in zip(shown, errors, strict=True):
        said, came = (
            sum(material.values(quantity, f"total_{what}", name).values()) for what in ("mean", "actual")
        )
        change, cautions = _change(material, quantity, name, model)
        rows.append(
            [
                Cell(name),
                Cell(fixed(said)),
                Cell(fixed(came)),
                Cell(per_cent(said / came - 1 if came > 0 else math.nan, signed=True)),
                Cell(fixed(error, decimals)),
                Cell(change),
                Cell(per_cent(material.average(quantity, "capture_10", name))),
                Cell(joined(cautions + of_fit(material, name))),
            ]
        )
    count = len(material.origins)
    columns = [
        Column("Forecaster", is_number=False),
        Column("It said", material.unit(quantity, "total")),
        Column("It was", material.unit(quantity, "total")),
        Column("Off by", "" if count == 1 else "errors of opposite sign cancel"),
        Column("Error per customer", material.unit(quantity, "CRPS")),
        Column("Larger than the model's", "by [90 %]"),
        Column("Found in top 10 %", "higher is better"),
        CAUTION,
    ]
    over = "" if count == 1 else f", totals added up over {count} origins"
    caption = f"{QUANTITY_NAMES[quantity]}: {_kind(material)}" + (f" and {model}" if model else "") + over
    return Table(f"formulas-{quantity}", caption, columns, rows, [f"In brackets the {CHANCE}, paired."])


def _kind(material: Material) -> str:
    return "the historical formulas" if material.one_number == "formula" else "the forecasts of one number"


def _change(material: Material, quantity: str, name: str, model: str | None) -> tuple[str, list[str]]:
    """How much larger a formula's CRPS is than the model's, and whether that may be chance."""
    if model is None or name == model:
        return MISSING, []
    lead = paired_lead(material, quantity, "crps", name, model)
    low, high = fixed(-lead.percent_high, 1), fixed(-lead.percent_low, 1)
    text = MISSING if math.isnan(lead.percent_low) else f"{fixed(-lead.percent, 1)} % [{low}, {high}]"
    return text, of_lead(lead)
