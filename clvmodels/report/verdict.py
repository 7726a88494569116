"""The verdict: two sentences with the numbers that matter, what not to trust, and where the details are."""

from __future__ import annotations

import math
from collections.abc import Mapping

from clvmodels.prediction import MODEL_ONLY, WITH_MARKET
from clvmodels.report.answers import (
    called,
    customer_answer,
    gap_of,
    missed_by,
    role_of,
    smallest_of_points,
    total_answer,
)
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
from clvmodels.report.chance import CHANCE, FEWEST, paired_lead
from clvmodels.report.contest import contest_blocks, find_contests, where_it_wins
from clvmodels.report.leads import Leads, find_leads, misleads
from clvmodels.report.material import Material, is_historical
from clvmodels.report.measures import QUANTITY_NAMES
from clvmodels.report.numbers import INTERVAL, counted, in_words, listed, per_cent
from clvmodels.report.suspects import doubts

_MOST_DATES = 4
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
    blocks.append(Heading(where_it_wins(material)))
    return [*blocks, *contest_blocks(material), Text([reservations(material)], "note")]


def headline(material: Material) -> Sentence:
    """Exactly two sentences: whom to use for single customers, and whom for the total."""
    quantity = material.main
    return [*_customers(material, quantity), " ", *_total(material, quantity)]


def _customers(material: Material, quantity: str) -> Sentence:
    leads, everyone = find_leads(material, quantity), material.compared(quantity)
    winner, length = leads.customer, in_words(material.scorecard.provenance["horizon"])
    start: Sentence = [
        f"To judge single customers by {_SAID[quantity]} over {length} use ",
        Strong(winner),
    ]
    if len(everyone) == 1:
        return [*start, ", the only one with a forecast: nothing says whether another would do better."]
    if winner in material.formulas:
        start = [*start, f", {role_of(material, winner)}"]
    others = _rivals(material, quantity, leads)
    if not others:
        return [*start, f": {smallest_of_points(material, quantity)}; no model forecast this."]
    gaps = [
        f"{gap_of(material, quantity, 'crps', winner, name)} than that of {what}"
        for name, what in others.items()
    ]
    lows = [paired_lead(material, quantity, "crps", winner, name).low for name in others]
    kind = "" if all(map(math.isnan, lows)) else f" ({CHANCE})"
    said = f"its error per customer (CRPS) is {', and '.join(gaps)}{kind}"
    return [*start, f": {said}{_found(material, quantity, winner, next(iter(others)))}."]


def _rivals(material: Material, quantity: str, leads: Leads) -> dict[str, str]:
    """Against whom the winner is measured, and what they are: the baseline, and the strongest formula."""
    winner, base, everyone = leads.customer, material.baseline, material.compared(quantity)
    if winner in material.formulas:
        return (
            {}
            if leads.customer_model is None
            else {leads.customer_model: f"the best model, {leads.customer_model}"}
        )
    found = {base: called(material, base)} if base is not None and base in everyone and base != winner else {}
    best = material.best(quantity, "crps", material.formulas_of(quantity))
    if best is not None and best not in found:
        found[best] = f"the best {material.one_number}, {best}"
    if not found:
        second = material.best(quantity, "crps", [name for name in everyone if name != winner])
        found = {} if second is None else {second: f"the next best, {second}"}
    return found


def _found(material: Material, quantity: str, winner: str, other: str) -> str:
    """What the predicted best tenth brought, by either, and whether the difference may be chance."""
    ours, theirs = (material.average(quantity, "capture_10", name) for name in (winner, other))
    if math.isnan(ours) or math.isnan(theirs):
        return ""
    lead = paired_lead(material, quantity, "capture_10", winner, other)
    chance = "; the difference may be chance" if lead.is_level and per_cent(ours) != per_cent(theirs) else ""
    return (
        f", and the tenth of customers it puts first brought {per_cent(ours)} of what came "
        f"({per_cent(theirs)} by {_again(material, other)}{chance})"
    )


def _again(material: Material, name: str) -> str:
    """A forecaster who was named before."""
    return name if called(material, name) == name else "the historical formula"


def _total(material: Material, quantity: str) -> Sentence:
    leads, base = find_leads(material, quantity), material.baseline
    winner, everyone = leads.total, material.compared(quantity)
    same = " too" if winner == leads.customer else ""
    start: Sentence = ["For the total use ", Strong(winner), f"{same}: it "]
    if misleads(material, quantity, winner):
        start = ["For the total trust none of them: even ", Strong(winner), " "]
    parts = [missed_by(material, quantity, winner), _held(material, quantity, winner)]
    if base in everyone and base != winner and base is not None:
        named = (
            _again(material, base)
            if base in _rivals(material, quantity, leads)
            else called(material, base) + ","
        )
        parts.append(f", where {named} {missed_by(material, quantity, base, short=True)}")
    return [*start, "".join(parts), f"; {_wins(material, quantity)}."]


def _held(material: Material, quantity: str, winner: str) -> str:
    covered = material.values(quantity, "total_covered", winner)
    if not covered:
        return " (one number, no interval)" if winner in material.formulas else ""
    alone = material.values(quantity, "total_covered_alone", winner)
    hits = sum(map(int, covered.values()))
    where = f"at {hits} of {len(covered)} origins" if len(covered) > 1 else ""
    verb = "held" if hits or len(covered) > 1 else "did not hold"
    said = " ".join(filter(None, [verb, "the actual total", where]))
    kind = f"central {INTERVAL} predictive interval" + (f" {WITH_MARKET}" if alone else "")
    return f" and its {kind} {said}{_alone(alone)}"


def _alone(held: Mapping[str, float]) -> str:
    """Whether the interval of the model alone held it, too."""
    if not held:
        return ""
    hits = sum(map(int, held.values()))
    if len(held) > 1:
        return f" ({MODEL_ONLY}: at {hits})"
    return f" ({MODEL_ONLY}: {'held it, too' if hits else 'not'})"


def _wins(material: Material, quantity: str) -> str:
    """Where formulas win, in a clause."""
    one = material.one_number
    if not material.formulas_of(quantity):
        return "no formula took part, so nothing says whether a model is worth its effort"
    if not material.models_of(quantity):
        return "no model took part, so nothing says whether one would do better"
    contests = find_contests(material, quantity)
    won = [contest.label for contest in contests if contest.outcome == "won"]
    level = [contest.label for contest in contests if contest.outcome == "level"]
    if won:
        return f"a {one} wins on {listed(won)}"
    return f"no {one} wins on any measure beyond chance" + (f" (level on {listed(level)})" if level else "")


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
        Column(_off_head(material), f"total of {label}", is_number=False),
        Column("Error of the best model", f"CRPS, against {label}; {CHANCE}", is_number=False),
        Column(f"Where a {material.one_number} wins", is_number=False, is_prose=True),
    ]
    return Table("verdict-table", "Whom to use for what", columns, rows)


def _off_head(material: Material) -> str:
    base = material.baseline
    return (
        "How far it is off" if base is not None and not is_historical(base) else "How far the formula is off"
    )


def reservations(material: Material) -> str:
    """What the verdict rests on, and what it cannot say."""
    counts = material.scorecard.data["customers"]
    people = f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"
    length, dates = in_words(material.scorecard.provenance["horizon"]), listed(material.origins)
    if len(material.origins) > _MOST_DATES:
        dates = f"{material.origins[0]} to {material.origins[-1]}"
    count = counted(len(material.origins), "origin")
    text = (
        f"Judged over {length} from {count} ({dates}), with {people} customer{'' if people == '1' else 's'}."
    )
    if len(material.origins) == 1:
        text += " One holdout is one sample of the future: backtest several origins before much money depends on it."
    else:
        overlap = " and overlap" if material.overlaps else ""
        text += f" Holdouts of one log share customers and seasons{overlap}: they are not independent trials."
    text += (
        " “Beyond chance” means that the central 90 % interval over resampled customers leaves 0 out; customers are "
        "drawn with all their origins. That is chance among customers only, not among seasons."
    )
    if min(counts) < FEWEST:
        text += f" Fewer than {FEWEST} customers are too few to resample: no difference on this page is beyond chance."
    came = [sum(material.values("purchases", "total_actual", model).values()) for model in material.models]
    if came and not any(came):
        text += " Nobody bought in a holdout: check that the log is complete up to its end."
    fits = material.scorecard.fits
    failed = fits[fits["status"] == "failed"]
    if len(failed):
        names = listed(list(dict.fromkeys(failed["model"])))
        text += f" {counted(len(failed), 'fit')} failed ({names}); forecasters missing at an origin are not compared."
    return text
