"""Tables of scores: forecasters in rows, measures in columns, the best of each in bold."""

from __future__ import annotations

import math
from collections.abc import Sequence

from clvmodels.report.blocks import MISSING, Cell, Column, Table
from clvmodels.report.cautions import CAUTION, joined, of_customers, of_fit, of_lead
from clvmodels.report.chance import CHANCE, Lead, paired_lead
from clvmodels.report.leads import find_leads
from clvmodels.report.material import Material
from clvmodels.report.measures import CALIBRATION_MEASURES, MEASURES, PAIRED_MEASURES, QUANTITY_NAMES, Measure
from clvmodels.report.numbers import counted, decimals_for, fixed, per_cent

NO_ORDER = f"{MISSING} cannot be said: forecasts that are all equal have no order."
NO_PROBABILITY = (
    f"{MISSING} cannot be said: the log score asks for the exact probability of a count, which not every forecaster "
    "knows at every origin. From draws it would be wrong: a count that no draw showed would cost infinity."
)
NO_DISTRIBUTION = f"{MISSING} a formula gives one number: it has no interval and no probability to judge."


def score_table(material: Material, quantity: str, names: Sequence[str], key: str, caption: str) -> Table:
    """Means over the origins; metrics nobody has, and forecasters without any, are left out."""
    averages = {
        name: {model: _average(material, quantity, name, model) for model in material.models}
        for name in names
    }
    shown = [MEASURES[name] for name in names if any(map(math.isfinite, averages[name].values()))]
    amounts = [averages[m.name][model] for m in shown if m.unit == "amount" for model in material.models]
    decimals = decimals_for(amounts)

    def written(measure: Measure, value: float) -> str:
        return (
            fixed(value, decimals) if measure.unit == "amount" else material.written(measure, quantity, value)
        )

    best = {one.name: written(one, _best(material, one, averages[one.name])) for one in shown}
    rows = []
    for model in material.models:
        if not any(math.isfinite(averages[measure.name][model]) for measure in shown):
            continue
        row = [Cell(model)]
        for measure in shown:
            value = averages[measure.name][model]
            text = written(measure, value)
            is_known = math.isfinite(measure.rank(value)) and model in material.complete
            row.append(Cell(text, is_known and text == best[measure.name]))
        rows.append(row)
    columns = [Column("Forecaster", is_number=False)]
    for measure in shown:
        unit = quantity if measure.unit == "amount" else "purchases"
        columns.append(Column(measure.label, material.unit(unit, measure.hint)))
    is_about_chance = any(name in _OF_CHANCE for name in names)
    return Table(key, caption + _over(material), columns, rows, _notes(material, rows, is_about_chance))


def _average(material: Material, quantity: str, name: str, model: str) -> float:
    """A mean over the origins; none for who made a forecast everywhere and lacks the score where others have it."""
    there = {origin for one in material.complete for origin in material.values(quantity, name, one)}
    is_short = model in material.complete and there > set(material.values(quantity, name, model))
    return math.nan if is_short else material.average(quantity, name, model)


def _over(material: Material) -> str:
    count = len(material.origins)
    return f", origin {material.origins[0]}" if count == 1 else f", means over {count} origins"


_OF_CHANCE = ("log_score", *CALIBRATION_MEASURES)


def _notes(material: Material, rows: Sequence[Sequence[Cell]], is_about_chance: bool) -> list[str]:
    silent = {row[0].text for row in rows if any(cell.text == MISSING for cell in row)}
    notes = [NO_DISTRIBUTION] if silent & set(material.formulas) and is_about_chance else []
    if silent - set(material.formulas) or (silent and not is_about_chance):
        notes.append(NO_PROBABILITY if is_about_chance else NO_ORDER)
    incomplete = [model for model in material.models if model not in material.complete]
    if incomplete:
        notes.append(f"Not scored at every origin, so never the best: {', '.join(incomplete)}.")
    return notes


def _best(material: Material, measure: Measure, average: dict[str, float]) -> float:
    """The best average; who is written as it is shares the bold type."""
    return min((average[model] for model in material.complete), key=measure.rank, default=math.nan)


def difference_table(material: Material, quantity: str) -> Table:
    """How much smaller each forecaster's losses are than the baseline's, with intervals, and what to keep in mind."""
    everyone = [model for model in material.models if material.outcomes(quantity, model) is not None]
    base = material.baseline if material.baseline in everyone else None
    against = base or find_leads(material, quantity).customer
    rows = []
    for model in everyone:
        if model == against:
            continue
        leads = {
            metric: paired_lead(material, quantity, metric, model, against) for metric in PAIRED_MEASURES
        }
        cautions = of_lead(leads["crps"]) + of_customers(material, quantity, model) + of_fit(material, model)
        row = [Cell(model), *(Cell(percent_smaller(lead), lead.is_clear) for lead in leads.values())]
        if len(material.origins) > 1:
            row.append(Cell(_range(material, quantity, model, against)))
        rows.append([*row, Cell(joined(cautions))])
    columns = [Column("Forecaster", is_number=False)]
    columns += [Column(MEASURES[name].label, "smaller by [90 %]") for name in PAIRED_MEASURES]
    if len(material.origins) > 1:
        columns.append(Column("CRPS", f"range over {counted(len(material.origins), 'origin')}, no interval"))
    caption = f"{QUANTITY_NAMES[quantity]}: losses compared with those of {against}, customer by customer"
    notes = [BRACKETS]
    return Table(f"differences-{quantity}", caption, [*columns, CAUTION], rows, notes)


BRACKETS = f"In brackets the {CHANCE}, paired. Bold: smaller beyond chance. Below 0 the loss is larger."


def percent_smaller(lead: Lead) -> str:
    """By how much a loss is smaller, in per cent with its interval; a dash where it has none."""
    if math.isnan(lead.percent):
        return MISSING
    if math.isnan(lead.percent_low):
        return f"{fixed(lead.percent, 1)} %"
    return f"{fixed(lead.percent, 1)} % [{fixed(lead.percent_low, 1)}, {fixed(lead.percent_high, 1)}]"


def _range(material: Material, quantity: str, model: str, against: str) -> str:
    """Smallest and largest difference of the origins, each by itself."""
    ours, theirs = (material.values(quantity, "crps", name) for name in (model, against))
    found = [1 - ours[origin] / theirs[origin] for origin in ours if theirs.get(origin, 0) > 0]
    return f"{per_cent(min(found))} to {per_cent(max(found))}" if found else MISSING
