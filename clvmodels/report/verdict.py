"""The verdict: who to use for what, by how much, and where the simple formula wins."""

from __future__ import annotations

import math
from dataclasses import dataclass

from clvmodels.report.blocks import Block, Bullets, Heading, Section, Sentence, Strong, Text
from clvmodels.report.material import Material
from clvmodels.report.measures import CONTESTED, MEASURES, QUANTITY_NAMES
from clvmodels.report.numbers import INTERVAL, counted, decimals_for, listed, per_cent

_CHANCE = 2.0


@dataclass(frozen=True)
class Leads:
    """Who leads one quantity.

    Attributes
    ----------
    customer, total
        Best of all for the single customer (CRPS) and for the total (bias).
    customer_model, total_model
        Best of those that give a distribution; None if there is none.
    """

    customer: str
    total: str
    customer_model: str | None
    total_model: str | None


def find_leads(material: Material, quantity: str) -> Leads:
    """The best for each purpose, on the average over the origins."""
    everyone = material.complete or material.models
    models = [model for model in everyone if model not in material.formulas]
    return Leads(
        material.best(quantity, "crps", everyone) or everyone[0],
        material.best(quantity, "bias_total", everyone) or everyone[0],
        material.best(quantity, "crps", models),
        material.best(quantity, "bias_total", models),
    )


def verdict_section(material: Material) -> Section:
    """Two or three sentences per quantity, where the formula wins, and how far to trust it all."""
    blocks: list[Block] = []
    for quantity in material.quantities:
        leads = find_leads(material, quantity)
        blocks.append(Heading(QUANTITY_NAMES[quantity]))
        blocks.append(Text(_customer_sentence(material, quantity, leads), "lead"))
        blocks.append(Text(_total_sentence(material, quantity, leads), "lead"))
    blocks.append(Heading("Where the simple formula wins"))
    blocks += _formula_wins(material)
    blocks.append(Text(_reservations(material), "note"))
    return Section("verdict", "Verdict", blocks)


def _role(material: Material, name: str) -> str:
    if name not in material.formulas:
        return "the baseline" if name == material.baseline else "a model"
    return "the historical formula" if name == material.baseline else "a historical formula"


def _customer_sentence(material: Material, quantity: str, leads: Leads) -> Sentence:
    def crps(model: str) -> float:
        return material.average(quantity, "crps", model)

    winner, base, model = leads.customer, material.baseline, leads.customer_model
    score = material.amount(quantity, crps(winner))
    start: Sentence = ["For the single customer use ", Strong(winner)]
    if winner in material.formulas:
        text = f", {_role(material, winner)}: its error (CRPS {score}) is the smallest."
        if model is not None:
            worse = per_cent(crps(model) / crps(winner) - 1) if crps(winner) else "infinitely"
            text += f" The best model, {model}, is {worse} worse ({material.amount(quantity, crps(model))})."
        return [*start, text]
    if base is None or base == winner:
        return [*start, f": its error (CRPS {score}) is the smallest of {len(material.models)} forecasters."]
    skill = {name: material.average(quantity, f"skill_{name}", winner) for name in ("crps", "rmse", "mae")}
    text = (
        f": its error (CRPS {score}) is {better(skill['crps'])} than that of {base}, {_role(material, base)} "
        f"({material.amount(quantity, crps(base))}); {better(skill['rmse'])} in RMSE, "
        f"{better(skill['mae'])} in MAE of the median."
    )
    return [*start, text + _chance(material, quantity, winner, base)]


def better(skill: float) -> str:
    """A skill in words.

    Examples
    --------
    >>> better(0.25), better(-0.031)
    ('25.0 % better', '3.1 % worse')
    """
    if math.isnan(skill):
        return "not comparable"
    return f"{per_cent(abs(skill))} {'better' if skill >= 0 else 'worse'}"


def _chance(material: Material, quantity: str, winner: str, base: str) -> str:
    """Whether the lead over the baseline, and over the other models, may be chance."""
    text = ""
    if _may_be_chance(material, quantity, winner, base):
        text = f" The lead over {base} is within two standard errors and may be chance."
    models = [model for model in material.complete if model not in (*material.formulas, winner, base)]
    close = [model for model in models if _may_be_chance(material, quantity, winner, model)]
    if close:
        text += (
            f" {listed(close)} cannot be told apart from it (paired difference within two standard errors)."
        )
    return text


def _may_be_chance(material: Material, quantity: str, model: str, other: str) -> bool:
    difference, error = paired_difference(material, quantity, model, other)
    return abs(difference) < _CHANCE * error


def paired_difference(material: Material, quantity: str, model: str, other: str) -> tuple[float, float]:
    """CRPS of `other` minus that of `model`, customer by customer at the last origin: mean and standard error."""
    table = material.scorecard.predictions
    rows = table[(table["origin"] == material.last_origin) & (table["quantity"] == quantity)]
    scores = [rows[rows["model"] == name].set_index("customer_id")["crps"] for name in (other, model)]
    if model == other or any(column.empty for column in scores):
        return math.nan, math.nan
    difference = (scores[0] - scores[1].reindex(scores[0].index)).to_numpy(dtype=float)
    return float(difference.mean()), float(difference.std(ddof=1) / math.sqrt(len(difference)))


def _total_sentence(material: Material, quantity: str, leads: Leads) -> Sentence:
    winner, base = leads.total, material.baseline
    role = f", {_role(material, winner)}" if winner in material.formulas else ""
    said = _missed(material, quantity, winner)
    others = ""
    if base is not None and base != winner:
        others = f" {base} {_missed(material, quantity, base)}."
    over = f" over {len(material.origins)} origins" if len(material.origins) > 1 else ""
    text = f"{role}: it {said}{over}.{others}"
    if winner in material.formulas:
        text += " A formula gives no interval."
        if leads.total_model is not None:
            model = leads.total_model
            text += f" The best model, {model}, {_missed(material, quantity, model)}."
    if leads.total_model is not None:
        text += _covered(material, quantity, leads.total_model)
    return ["For the total use ", Strong(winner), text]


def _missed(material: Material, quantity: str, model: str) -> str:
    """How far a forecaster's totals were from the actual ones."""
    if len(material.origins) > 1:
        missed = per_cent(material.average(quantity, "bias_total", model))
        return f"missed the actual by {missed} on average"
    origin = material.last_origin
    mean, actual = (
        material.amount(quantity, material.value(quantity, metric, model, origin), 0)
        for metric in ("total_mean", "total_actual")
    )
    bias = material.value(quantity, "bias_total", model, origin)
    off = "" if math.isnan(bias) else f" ({per_cent(bias, signed=True)})"
    return f"expected {mean} where {actual} came{off}"


def _covered(material: Material, quantity: str, model: str) -> str:
    """Whether the interval of the total held what happened."""
    covered = material.values(quantity, "total_covered", model)
    if not covered:
        return ""
    kind = f"central {INTERVAL} predictive interval"
    if len(covered) > 1:
        hits = sum(map(int, covered.values()))
        return f" The {kind} of {model} contained the actual total at {hits} of {len(covered)} origins."
    (origin,) = covered
    low, high = (
        material.amount(quantity, material.value(quantity, metric, model, origin), 0)
        for metric in ("total_low", "total_high")
    )
    verb = "contained" if covered[origin] else "did not contain"
    return f" The {kind} of {model}, {low} to {high}, {verb} the actual total."


def formula_wins(material: Material) -> list[str]:
    """Each measure on which a formula is better than the model that leads, on average or at some origin."""
    found = []
    formulas = [name for name in material.formulas if name in material.complete]
    for quantity in material.quantities:
        leads = find_leads(material, quantity)
        for metric in CONTESTED:
            model = leads.total_model if metric == "bias_total" else leads.customer_model
            formula = material.best(quantity, metric, formulas)
            if model is not None and formula is not None:
                text = _contest(material, quantity, metric, formula, model)
                found += [text] if text else []
    return found


def _contest(material: Material, quantity: str, metric: str, formula: str, model: str) -> str:
    """One measure in words if the formula is ahead anywhere, else nothing."""
    measure = MEASURES[metric]
    pairs = [
        [measure.rank(material.value(quantity, metric, name, origin)) for name in (formula, model)]
        for origin in material.origins
    ]
    won = sum(ours < theirs for ours, theirs in pairs)
    averages = [material.average(quantity, metric, name) for name in (formula, model)]
    on_average = measure.rank(averages[0]) < measure.rank(averages[1])
    if not won and not on_average:
        return ""
    decimals = decimals_for(averages)
    first, second = (material.written(measure, quantity, value, decimals).lstrip("+") for value in averages)
    where = ""
    if len(pairs) > 1:
        so = "ahead on average, and" if on_average else "behind on average, but ahead"
        where = f" ({so} at {won} of {len(pairs)} origins)"
    label = measure.label if metric != "bias_total" else "size of the bias of the total"
    return f"{QUANTITY_NAMES[quantity]}, {label}: {formula} {first} against {second} for {model}{where}."


def _formula_wins(material: Material) -> list[Block]:
    if not material.formulas:
        text = "No historical formula took part, so this backtest cannot say whether a model is worth its effort."
        return [Text([text])]
    wins = formula_wins(material)
    if wins:
        return [Bullets([[win] for win in wins])]
    looked_at = []
    for quantity in material.quantities:
        labels = [
            MEASURES[metric].label
            for metric in CONTESTED
            if material.best(quantity, metric, material.formulas) is not None
        ]
        looked_at.append(f"for {QUANTITY_NAMES[quantity].lower()} {listed(labels)}")
    return [Text([Strong("Nowhere in this backtest."), f" Looked at: {'; '.join(looked_at)}."])]


def _reservations(material: Material) -> Sentence:
    counts = material.scorecard.data["customers"]
    people = f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"
    text = f"Judged on {counted(len(material.origins), 'origin')} with {people} customers."
    if len(material.origins) == 1:
        text += " One holdout is one sample of the future: backtest several origins before much money depends on it."
    else:
        text += " Holdouts of one log share customers and seasons; they are not independent trials."
    fits = material.scorecard.fits
    failed = fits[fits["status"] == "failed"]
    if len(failed):
        names = listed(list(dict.fromkeys(failed["model"])))
        text += f" {counted(len(failed), 'fit')} failed ({names}); forecasters missing at an origin are not compared."
    return [text]
