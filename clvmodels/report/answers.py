"""Answers in sentences: who to use for the single customer and for the total of one quantity, and by how much."""

from __future__ import annotations

import math

from clvmodels.prediction import MODEL_ONLY, WITH_MARKET
from clvmodels.report.blocks import Block, Sentence, Strong, Text
from clvmodels.report.chance import CHANCE, paired_lead
from clvmodels.report.leads import Leads, find_leads, level_customers, misleads, nearest_total
from clvmodels.report.material import Material, is_historical
from clvmodels.report.numbers import INTERVAL, counted, fixed, listed, per_cent

RANGES = f"A range behind a difference is its {CHANCE}."


def customer_answer(material: Material, quantity: str) -> list[Block]:
    """Who to use for the single customer, and who is as good."""
    leads = find_leads(material, quantity)
    details = _customer_details(material, quantity, leads)
    blocks: list[Block] = [Text(_customer_sentence(material, quantity, leads))]
    return [*blocks, Text([" ".join([*details, RANGES])], "note")] if details else blocks


def total_answer(material: Material, quantity: str) -> list[Block]:
    """Who to use for the total, and how little it tells."""
    leads = find_leads(material, quantity)
    details = _total_details(material, quantity, leads)
    blocks: list[Block] = [Text(_total_sentence(material, quantity, leads))]
    return [*blocks, Text([" ".join(details)], "note")] if details else blocks


def role_of(material: Material, name: str) -> str:
    """What a forecaster is, in a few words."""
    if name not in material.formulas:
        return "the baseline" if name == material.baseline else "a model"
    if not is_historical(name):
        return "a forecast of one number"
    return "the historical formula" if name == material.baseline else "a historical formula"


def called(material: Material, name: str) -> str:
    """A forecaster by its own name; behind what it is, where it is a historical formula."""
    is_formula = name == material.baseline and name in material.formulas and is_historical(name)
    return f"the historical formula, {name}" if is_formula else name


def _customer_sentence(material: Material, quantity: str, leads: Leads) -> Sentence:
    winner, everyone = leads.customer, material.compared(quantity)
    score = material.amount(quantity, material.average(quantity, "crps", winner))
    if len(everyone) == 1:
        return [
            "Only ",
            Strong(winner),
            f" forecast this (CRPS {score}); there is nothing to compare it with.",
        ]
    start: Sentence = ["For the single customer use ", Strong(winner)]
    if winner in material.formulas:
        smallest = f"its error (CRPS {score}) is the smallest of {len(everyone)} forecasters"
        text = f", {role_of(material, winner)}: {smallest}."
        model = leads.customer_model
        if model is None:
            return [
                *start,
                f", {role_of(material, winner)}: {smallest_of_points(material, quantity)}. No model forecast this.",
            ]
        return [
            *start,
            f"{text} Measured against the best model, {model}, {_gaps(material, quantity, winner, model)}.",
        ]
    formula, one = material.best(quantity, "crps", material.formulas_of(quantity)), material.one_number
    base = material.baseline if material.baseline in everyone else None
    gaps = []
    if base is not None and base != winner:
        role = role_of(material, base) + (f" and here the best {one}" if base == formula != one else "")
        gaps.append(f"{gap_of(material, quantity, 'crps', winner, base)} than that of {role}, {base}")
    if formula is not None and formula != base:
        gap = gap_of(material, quantity, "crps", winner, formula)
        gaps.append(f"{gap} than that of the best {one}, {formula}")
    if not gaps:
        return [*start, f": its error (CRPS {score}) is the smallest of {len(everyone)} forecasters."]
    text = f": its error (CRPS {score}) is {', and '.join(gaps)}."
    return [*start, text + _against_best(material, quantity, winner)]


def smallest_of_points(material: Material, quantity: str) -> str:
    """Why one point forecast of several is named, and what that is worth."""
    count = counted(len(material.compared(quantity)), "forecaster")
    return (
        f"its absolute error per customer is the smallest of {count}, which says little, since it rewards forecasting "
        "nothing where most buy nothing"
    )


def _against_best(material: Material, quantity: str, winner: str) -> str:
    """RMSE and MAE against the best formula on each."""
    gaps = []
    for metric, label in _LOSSES.items():
        formula = material.best(quantity, metric, material.formulas_of(quantity))
        if metric != "crps" and formula is not None:
            gaps.append(f"its {label} is {gap_of(material, quantity, metric, winner, formula)} ({formula})")
    return f" Against the best {material.one_number} on each, {listed(gaps)}." if gaps else ""


_LOSSES = {"crps": "CRPS", "rmse": "RMSE of the mean", "mae": "MAE of the median"}


def _gaps(material: Material, quantity: str, model: str, other: str) -> str:
    return listed(
        [
            f"its {label} is {gap_of(material, quantity, metric, model, other)}"
            for metric, label in _LOSSES.items()
        ]
    )


def gap_of(material: Material, quantity: str, metric: str, model: str, other: str) -> str:
    """How much smaller a loss is than another forecaster's, with its interval, and whether that may be chance."""
    ours, theirs = (material.average(quantity, metric, name) for name in (model, other))
    lead = paired_lead(material, quantity, metric, model, other)
    within = [] if math.isnan(lead.percent_low) else [percent_range(lead.percent_low, lead.percent_high)]
    few = math.isnan(lead.low) and not math.isnan(lead.size)
    chance = ["too few customers to say"] if few else ["may be chance"] if lead.is_level else []
    said = ": ".join([*within, *chance])
    return smaller(1 - ours / theirs if theirs else math.nan) + (f" ({said})" if said else "")


def percent_range(low: float, high: float) -> str:
    """An interval of percentages.

    Examples
    --------
    >>> percent_range(-1.23, 4.0)
    '−1.2 to 4.0 %'
    """
    return f"{fixed(low, 1)} to {fixed(high, 1)} %"


def smaller(share: float) -> str:
    """The share of an error that is gone, in words.

    Examples
    --------
    >>> smaller(0.25), smaller(-0.031)
    ('25.0 % smaller', '3.1 % larger')
    """
    if math.isnan(share):
        return "not comparable"
    return f"{per_cent(abs(share))} {'smaller' if share >= 0 else 'larger'}"


def _customer_details(material: Material, quantity: str, leads: Leads) -> list[str]:
    """The rest of the baseline's errors, and who is as good by all that these customers can tell."""
    winner, base, everyone = leads.customer, material.baseline, material.compared(quantity)
    if len(everyone) == 1:
        return []
    details = []
    best = {material.best(quantity, metric, material.formulas_of(quantity)) for metric in _LOSSES}
    if base in everyone and base != winner and winner not in material.formulas and best != {base}:
        others = [
            f"{label} {gap_of(material, quantity, metric, winner, base)}"
            for metric, label in _LOSSES.items()
            if metric != "crps"
        ]
        details.append(f"Against {base}: {listed(others)}.")
    level = level_customers(material, quantity, winner)
    if not level:
        return [*details, f"On CRPS {winner} is ahead of everyone else beyond chance among customers."]
    apart = []
    for name in level:
        lead = paired_lead(material, quantity, "crps", winner, name)
        spread = "too few customers to resample"
        if not math.isnan(lead.low):
            size, low, high = material.apart(quantity, [lead.size, lead.low, lead.high])
            spread = f"{size} behind: {low} to {high}"
        apart.append(f"{name} ({spread})")
    return [*details, f"For the single customer {listed(apart)} cannot be told apart from {winner}."]


def _total_sentence(material: Material, quantity: str, leads: Leads) -> Sentence:
    winner, everyone = leads.total, material.compared(quantity)
    said = f"it {missed_by(material, quantity, winner)}{held_by(material, quantity, winner)}."
    if len(everyone) == 1:
        return [f"For the total {said}"]
    role = f", {role_of(material, winner)}" if winner in material.formulas else ""
    same = ", as for the single customer" if winner == leads.customer else ""
    text = f"{role}{same}: {said}"
    if winner in material.formulas:
        text += " It is one number and has no interval."
    others: dict[str, str] = {}
    one = material.one_number
    if winner in material.formulas and leads.total_model is not None:
        others[leads.total_model] = "the best model"
    formula = nearest_total(material, quantity, material.formulas_of(quantity))
    for name in (material.baseline, formula):
        if name is not None and name in everyone and name != winner:
            others[name] = role_of(material, name) if name == material.baseline else f"the nearest {one}"
    if formula is not None and formula == material.baseline and formula in others:
        others[formula] = f"{role_of(material, formula)} and nearest of its kind"
    parts: list[str] = []
    for name, what in others.items():
        covered = "" if name in material.formulas else held_by(material, quantity, name)
        parts.append(f"{what}, {name}, {missed_by(material, quantity, name, short=True)}{covered}")
    more = f" {_sentence('; '.join(parts))}" if parts else ""
    if misleads(material, quantity, winner):
        return ["For the total trust none of them. The least wrong is ", Strong(winner), f"{text}{more}"]
    return ["For the total use ", Strong(winner), f"{text}{more}"]


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def missed_by(material: Material, quantity: str, model: str, *, short: bool = False) -> str:
    """How far a forecaster's totals were from the actual ones."""
    came = material.values(quantity, "total_actual", model)
    if len(material.origins) > 1:
        share, miss = material.relative_miss(quantity, model), material.miss(quantity, model)
        size = material.amount(quantity, miss, 0) if math.isnan(share) else per_cent(share)
        return f"missed the actual by {size} on average" + ("" if short else f" over {len(came)} origins")
    (origin,) = came
    said = material.value(quantity, "total_mean", model, origin)
    mean, actual = (material.amount(quantity, value, 0) for value in (said, came[origin]))
    bias = material.value(quantity, "bias_total", model, origin)
    off = "" if math.isnan(bias) else f" ({per_cent(bias, signed=True)})"
    return f"expected {mean}{off}" if short else f"expected {mean} where {actual} came{off}"


def held_by(material: Material, quantity: str, model: str) -> str:
    """Whether the intervals of the total held what happened; nothing for a formula."""
    covered = material.values(quantity, "total_covered", model)
    if not covered:
        return ""
    alone = material.values(quantity, "total_covered_alone", model)
    kind = f"central {INTERVAL} predictive interval" + (f" {WITH_MARKET}" if alone else "")
    if len(covered) > 1:
        hits = sum(map(int, covered.values()))
        text = f"; its {kind} contained the actual total at {hits} of {len(covered)} origins"
        return text + (f" ({MODEL_ONLY}: at {sum(map(int, alone.values()))})" if alone else "")
    (origin,) = covered
    verb = "contained" if covered[origin] else "did not contain"
    text = f"; its {kind}, {_band(material, quantity, model, origin)}, {verb} the actual total"
    if not alone:
        return text
    verb = "contained it" if alone[origin] else "did not"
    return f"{text} ({MODEL_ONLY}: {_band(material, quantity, model, origin, '_alone')}, {verb})"


def _band(material: Material, quantity: str, model: str, origin: str, suffix: str = "") -> str:
    low, high = (
        material.amount(quantity, material.value(quantity, f"total_{bound}{suffix}", model, origin), 0)
        for bound in ("q05", "q95")
    )
    return f"{low} to {high}"


def _total_details(material: Material, quantity: str, leads: Leads) -> list[str]:
    """Who came nearest to the total, where that is not who is named, and how little it tells."""
    if not leads.level_totals:
        return []
    count = counted(len(material.origins), "origin")
    nearest = f"{leads.nearest} came nearest to the total"
    if leads.nearest != leads.total:
        nearest += f" ({missed_by(material, quantity, leads.nearest, short=True)})"
    return [f"{nearest}; on {count} the totals of {listed(leads.level_totals)} cannot be told apart from it."]
