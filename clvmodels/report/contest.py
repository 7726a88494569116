"""Where the simple formula wins: every measure on which a formula is ahead of the leading model, or level with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from clvmodels.report.blocks import Block, Bullets, Sentence, Strong, Text
from clvmodels.report.chance import Lead, paired_lead
from clvmodels.report.leads import find_leads, nearest_total, totals_level
from clvmodels.report.material import Material
from clvmodels.report.measures import CONTESTED, MEASURES, QUANTITY_NAMES
from clvmodels.report.numbers import counted, decimals_apart, decimals_for, fixed, listed

_TOTAL, _LARGE = "bias_total", 100.0


@dataclass(frozen=True)
class Contest:
    """The best formula against the leading model on one measure.

    Attributes
    ----------
    outcome
        ``won`` by the formula, ``level``, ``partly`` (clearly won at some origin, lost on average) or ``lost``.
    label
        The measure.
    text
        Who had what, and how far apart they are.
    """

    outcome: str
    label: str
    text: str


def find_contests(material: Material, quantity: str) -> list[Contest]:
    """Every measure that a formula and a model of one quantity share."""
    leads, formulas = find_leads(material, quantity), material.formulas_of(quantity)
    found = []
    if leads.total_model is not None:
        formula = nearest_total(material, quantity, formulas)
        found += [] if formula is None else [_total(material, quantity, formula, leads.total_model)]
    for metric in CONTESTED:
        if metric == _TOTAL or leads.customer_model is None:
            continue
        formula = material.best(quantity, metric, formulas)
        if formula is not None and not math.isnan(material.average(quantity, metric, leads.customer_model)):
            found.append(_single(material, quantity, metric, formula, leads.customer_model))
    return found


def _total(material: Material, quantity: str, formula: str, model: str) -> Contest:
    misses = {name: material.miss(quantity, name) for name in (formula, model)}
    nearest, other = (formula, model) if misses[formula] < misses[model] else (model, formula)
    outcome = "won" if nearest == formula else "lost"
    if totals_level(material, quantity, nearest, other):
        outcome = "level"
    decimals = 0 if max(misses.values()) >= _LARGE else decimals_for(list(misses.values()))
    first, second = (material.amount(quantity, misses[name], decimals) for name in (formula, model))
    ahead = 0
    for origin in material.origins:
        off = [
            abs(
                material.value(quantity, "total_mean", name, origin)
                - material.value(quantity, "total_actual", name, origin)
            )
            for name in (formula, model)
        ]
        ahead += off[0] < off[1]
    where = _where(material, ahead)
    return Contest(outcome, "miss of the total", f"{formula} {first} against {second} for {model}{where}")


def _single(material: Material, quantity: str, metric: str, formula: str, model: str) -> Contest:
    measure = MEASURES[metric]
    lead = paired_lead(material, quantity, metric, formula, model)
    outcome = "won" if lead.is_clear else "level" if lead.is_level else "lost"
    ahead = 0
    for origin in material.origins:
        ranks = [measure.rank(material.value(quantity, metric, name, origin)) for name in (formula, model)]
        ahead += ranks[0] < ranks[1]
        if outcome == "lost" and ranks[0] < ranks[1]:
            outcome = _at(material, quantity, metric, formula, model, origin)
    averages = [material.average(quantity, metric, name) for name in (formula, model)]
    decimals = decimals_for(averages)
    first, second = (material.written(measure, quantity, value, decimals) for value in averages)
    text = f"{formula} {first} against {second} for {model}"
    return Contest(
        outcome, measure.label, text + _apart(material, quantity, metric, lead) + _where(material, ahead)
    )


def _at(material: Material, quantity: str, metric: str, formula: str, model: str, origin: str) -> str:
    is_clear = paired_lead(material, quantity, metric, formula, model, [origin]).is_clear
    return "partly" if is_clear else "lost"


def _apart(material: Material, quantity: str, metric: str, lead: Lead) -> str:
    """How far the formula is ahead, with its interval, in the unit of the measure."""
    if math.isnan(lead.low):
        return ""
    where, sizes = "ahead", [lead.size, lead.low, lead.high]
    if lead.size < 0:
        where, sizes = "behind", [-lead.size, -lead.high, -lead.low]
    if MEASURES[metric].unit == "share":
        size, low, high = (fixed(100 * value, 1) for value in sizes)
        return f", {where} by {size} points ({low} to {high})"
    if MEASURES[metric].unit == "number":
        size, low, high = (fixed(value, max(3, decimals_apart(sizes))) for value in sizes)
        return f", {where} by {size} ({low} to {high})"
    size, low, high = material.apart(quantity, sizes)
    return f", {where} by {size} ({low} to {high})"


def _where(material: Material, ahead: int) -> str:
    count = len(material.origins)
    return "" if count == 1 else f"; ahead at {ahead} of {count} origins"


def where_it_wins(material: Material) -> str:
    """The heading above `contest_blocks`."""
    simple = "the simple formula" if material.one_number == "formula" else f"a {material.one_number}"
    return f"Where {simple} wins"


def contest_blocks(material: Material) -> list[Block]:
    """What formulas won, where they are level, and what was never compared."""
    if not material.formulas:
        text = "No historical formula took part, so this backtest cannot say whether a model is worth its effort."
        return [Text([text])]
    contests = {quantity: find_contests(material, quantity) for quantity in material.quantities}
    blocks: list[Block] = []
    if not any(contest.outcome == "won" for found in contests.values() for contest in found):
        looked_at = [
            f"for {QUANTITY_NAMES[quantity].lower()}: {listed([contest.label for contest in found])}"
            for quantity, found in contests.items()
            if found
        ]
        if looked_at:
            blocks.append(Text([Strong("Nowhere beyond chance."), f" Looked at: {'; '.join(looked_at)}."]))
    items: list[Sentence] = [
        [before, f"{QUANTITY_NAMES[quantity]}, {contest.label}: {contest.text}."]
        for outcome, before in _BEFORE.items()
        for quantity, found in contests.items()
        for contest in found
        if contest.outcome == outcome
    ]
    blocks += [Bullets(items)] if items else []
    blocks += [
        Text([_nothing_compared(material, quantity)]) for quantity, found in contests.items() if not found
    ]
    count = sum(map(len, contests.values()))
    how = _HOW_JUDGED.format(count=counted(count, "comparison"), one=material.one_number)
    return [*blocks, Text([how], "note")] if count else blocks


_BEFORE = {
    "won": "",
    "partly": "At some origins only, behind on the average: ",
    "level": "Level: ",
}
_HOW_JUDGED = (
    "Ranges are central 90 % intervals over resampled customers, paired. A {one} wins where it is ahead of the leading "
    "model over the whole range; where the range holds 0 the two are level. Of {count}, about one in twenty is won by "
    "chance where two are equally good, and naming the best {one} of each after the fact favours it."
)


def _nothing_compared(material: Material, quantity: str) -> str:
    name = QUANTITY_NAMES[quantity]
    missing = "formula" if material.models_of(quantity) else "model"
    return f"{name}: no {missing} forecast it, so no formula was compared with a model."
