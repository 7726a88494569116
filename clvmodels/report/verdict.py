"""The verdict: two sentences with the numbers that matter, what not to trust, and where the details are."""

from __future__ import annotations

import math

from clvmodels.report.answers import customer_answer, gap_of, missed_by, role_of, total_answer
from clvmodels.report.blocks import (
    MISSING,
    Block,
    Column,
    Heading,
    Section,
    Sentence,
    Strong,
    Table,
    Text,
    cells,
)
from clvmodels.report.chance import CHANCE, paired_lead
from clvmodels.report.contest import contest_blocks, find_contests
from clvmodels.report.leads import find_leads, misleads
from clvmodels.report.material import Material
from clvmodels.report.measures import QUANTITY_NAMES
from clvmodels.report.numbers import INTERVAL, counted, listed, per_cent
from clvmodels.report.suspects import doubts

_SAID = {"purchases": "purchases", "spend": "money", "value": "value"}


def verdict_section(material: Material) -> Section:
    """Two sentences on what matters most, what speaks against trusting them, and a line for each quantity."""
    blocks: list[Block] = [Text(headline(material), "lead")]
    blocks += [Text([Strong("Caution: "), doubt], "warning") for doubt in doubts(material)]
    blocks += [_table(material), Text([reservations(material)], "note")]
    return Section("verdict", "Verdict", blocks)


def verdict_in_full(material: Material) -> list[Block]:
    """The verdict with the answers for each quantity, for those who read no page."""
    blocks: list[Block] = [Text(headline(material), "lead")]
    blocks += [Text([Strong("Caution: "), doubt], "warning") for doubt in doubts(material)]
    for quantity in material.quantities:
        blocks.append(Heading(QUANTITY_NAMES[quantity]))
        blocks += [*customer_answer(material, quantity), *total_answer(material, quantity)]
    blocks.append(Heading("Where the simple formula wins"))
    return [*blocks, *contest_blocks(material), Text([reservations(material)], "note")]


def headline(material: Material) -> Sentence:
    """Exactly two sentences: whom to use for single customers, and whom for the total."""
    quantity = material.main
    return [*_customers(material, quantity), " ", *_total(material, quantity)]


def _customers(material: Material, quantity: str) -> Sentence:
    leads, everyone = find_leads(material, quantity), material.compared(quantity)
    winner, base = leads.customer, material.baseline
    start: Sentence = [f"To judge single customers by {_SAID[quantity]} use ", Strong(winner)]
    if len(everyone) == 1:
        return [*start, ", the only one with a forecast: nothing says whether another would do better."]
    if winner in material.formulas:
        other = leads.customer_model
        start = [*start, f", {role_of(material, winner)}"]
    else:
        other = base if base in everyone and base != winner else None
        other = other or material.best(quantity, "crps", [name for name in everyone if name != winner])
    if other is None:
        return [*start, ": no model forecast this."]
    gap = gap_of(material, quantity, "crps", winner, other)
    what = f"its error per customer (CRPS) is {gap} than that of {_called(material, other)}"
    kind = "" if math.isnan(paired_lead(material, quantity, "crps", winner, other).low) else f" ({CHANCE})"
    return [*start, f": {what}{kind}{_found(material, quantity, winner, other)}."]


def _called(material: Material, name: str) -> str:
    if name == material.baseline and name in material.formulas:
        return f"the historical formula, {name}"
    return f"the next best, {name}" if name not in material.formulas else f"the best formula, {name}"


def _found(material: Material, quantity: str, winner: str, other: str) -> str:
    """What the predicted best tenth brought, by either."""
    ours, theirs = (material.average(quantity, "capture_10", name) for name in (winner, other))
    if math.isnan(ours) or math.isnan(theirs):
        return ""
    return (
        f", and the tenth of customers it puts first brought {per_cent(ours)} of what came, "
        f"against {per_cent(theirs)} by the other's ranking"
    )


def _total(material: Material, quantity: str) -> Sentence:
    leads, base = find_leads(material, quantity), material.baseline
    winner, everyone = leads.total, material.compared(quantity)
    same = " too" if winner == leads.customer else ""
    start: Sentence = ["For the total use ", Strong(winner), f"{same}: it "]
    if misleads(material, quantity, winner):
        start = ["For the total trust none of them: even ", Strong(winner), " "]
    parts = [missed_by(material, quantity, winner), _held(material, quantity, winner)]
    if base in everyone and base != winner and base is not None:
        parts.append(f", where {_called(material, base)}, {missed_by(material, quantity, base, short=True)}")
    return [*start, "".join(parts), f"; {_wins(material, quantity)}."]


def _held(material: Material, quantity: str, winner: str) -> str:
    covered = material.values(quantity, "total_covered", winner)
    if not covered:
        return " (a formula gives no interval)" if winner in material.formulas else ""
    hits = sum(map(int, covered.values()))
    where = f"at {hits} of {len(covered)} origins" if len(covered) > 1 else ""
    verb = "held" if hits or len(covered) > 1 else "did not hold"
    return (
        f" and its {INTERVAL} predictive interval {' '.join(filter(None, [verb, 'the actual total', where]))}"
    )


def _wins(material: Material, quantity: str) -> str:
    """Where formulas win, in a clause."""
    if not material.formulas_of(quantity):
        return "no formula took part, so nothing says whether a model is worth its effort"
    if not material.models_of(quantity):
        return "no model took part, so nothing says whether one would do better"
    contests = find_contests(material, quantity)
    won = [contest.label for contest in contests if contest.outcome == "won"]
    level = [contest.label for contest in contests if contest.outcome == "level"]
    if won:
        return f"a formula wins on {listed(won)}"
    return "no formula wins on any measure beyond chance" + (f" (level on {listed(level)})" if level else "")


def _table(material: Material) -> Table:
    """A line for each quantity."""
    rows = []
    for quantity in material.quantities:
        leads, base = find_leads(material, quantity), material.baseline
        off, error = MISSING, MISSING
        if base in material.compared(quantity) and base is not None:
            off = missed_by(material, quantity, base, short=True)
            if leads.customer_model is not None:
                error = gap_of(material, quantity, "crps", leads.customer_model, base)
        total = (
            f"none; least wrong {leads.total}" if misleads(material, quantity, leads.total) else leads.total
        )
        rows.append(
            cells(QUANTITY_NAMES[quantity], leads.customer, total, off, error, _wins(material, quantity))
        )
    label = material.baseline or "the historical formula"
    columns = [
        Column("", is_number=False),
        Column("For single customers", "smallest CRPS", is_number=False),
        Column("For the total", "nearest, or level with it", is_number=False),
        Column("How far the formula is off", f"total of {label}", is_number=False),
        Column("Error of the best model", f"CRPS, against {label}; {CHANCE}", is_number=False),
        Column("Where a formula wins", is_number=False, is_prose=True),
    ]
    return Table("verdict-table", "Whom to use for what", columns, rows)


def reservations(material: Material) -> str:
    """What the verdict rests on, and what it cannot say."""
    counts = material.scorecard.data["customers"]
    people = f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"
    text = f"Judged on {counted(len(material.origins), 'origin')} with {people} customers."
    if len(material.origins) == 1:
        text += " One holdout is one sample of the future: backtest several origins before much money depends on it."
    else:
        overlap = " and overlap" if material.overlaps else ""
        text += f" Holdouts of one log share customers and seasons{overlap}: they are not independent trials."
    text += (
        " “Beyond chance” means that the central 90 % interval over resampled customers leaves 0 out; customers are "
        "drawn with all their origins. That is chance among customers only, not among seasons."
    )
    came = [sum(material.values("purchases", "total_actual", model).values()) for model in material.models]
    if came and not any(came):
        text += " Nobody bought in a holdout: check that the log is complete up to its end."
    fits = material.scorecard.fits
    failed = fits[fits["status"] == "failed"]
    if len(failed):
        names = listed(list(dict.fromkeys(failed["model"])))
        text += f" {counted(len(failed), 'fit')} failed ({names}); forecasters missing at an origin are not compared."
    return text
