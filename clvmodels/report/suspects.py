"""What to suspect: where calibration failed, and which of the models' assumptions the data speak against."""

from __future__ import annotations

from collections.abc import Sequence

from clvmodels.criticism import Suspicion
from clvmodels.criticism.drift import ORIGINS, origin_drift
from clvmodels.prediction import MODEL_ONLY
from clvmodels.report.blocks import MISSING, Block, Bullets, Column, Section, Strong, Table, Text, cells
from clvmodels.report.cautions import off_target
from clvmodels.report.leads import find_leads
from clvmodels.report.material import Material
from clvmodels.report.numbers import INTERVAL, counted, fixed, listed, per_cent, with_minus

_SAID = {"purchases": "total purchases", "spend": "total money", "value": "total value"}
_MOST_MISSED = 0.1


def doubts(material: Material) -> list[str]:
    """What speaks against trusting the verdict: totals outside their intervals, and assumptions that do not hold."""
    missed = [
        said
        for quantity in material.quantities
        for said in _missed_total(material, quantity, _leaders(material, quantity))
    ]
    found = [f"{'; '.join(missed)}. {_plan_with(material)}"] if missed else []
    lead = find_leads(material, "purchases").customer_model if "purchases" in material.quantities else None
    for suspicion in checks(material):
        is_others = suspicion.name.startswith(ORIGINS) and suspicion.name != f"{ORIGINS}: {lead}"
        if suspicion.verdict == "suspect" and not is_others:
            found.append(f"suspect {suspicion.name}. {with_minus(material.discreet(suspicion.sentence))}")
    return found


def _plan_with(material: Material) -> str:
    """Which interval of a total is left to plan with."""
    held = [
        list(material.values(quantity, "total_covered", model).values())
        for quantity in material.quantities
        for model in _leaders(material, quantity)
    ]
    if any(map(_is_missed, held)):
        return "Do not plan with such an interval."
    return f"Plan with the wider interval, not with that of the {MODEL_ONLY}."


def _leaders(material: Material, quantity: str) -> list[str]:
    """The models that the verdict names for a quantity."""
    leads = find_leads(material, quantity)
    return [name for name in material.models_of(quantity) if name in (leads.total, leads.customer_model)]


def _missed_total(material: Material, quantity: str, models: Sequence[str]) -> list[str]:
    """Models whose intervals of a total failed at more origins than chance would explain."""
    found = []
    for model in models:
        hits = {
            suffix: list(material.values(quantity, f"total_covered{suffix}", model).values())
            for suffix in ("", "_alone")
        }
        if not any(_is_missed(held) for held in hits.values()):
            continue
        count = counted(len(hits[""]), "origin")
        where = f"{sum(map(int, hits['']))} of {count}"
        what = f"of {_SAID[quantity]} by {model}"
        if not _is_missed(hits[""]):
            found.append(
                f"the central {INTERVAL} predictive interval {what} held what came at {where} only with market "
                f"discrepancy ({MODEL_ONLY}: at {sum(map(int, hits['_alone']))})"
            )
            continue
        alone = f" ({MODEL_ONLY}: at {sum(map(int, hits['_alone']))})" if hits["_alone"] else ""
        found.append(f"the central {INTERVAL} predictive interval {what} held what came at {where}{alone}")
    return found


def _is_missed(held: Sequence[float]) -> bool:
    """Whether an interval failed more often than once in ten, and more than once where there was a second chance."""
    missed = len(held) - sum(held)
    return missed > max(_MOST_MISSED * len(held), 1 if len(held) > 1 else 0)


def checks(material: Material) -> list[Suspicion]:
    """The checks that were given, and drift between origins, which the scorecard alone can show."""
    found = [suspicion for suspicion in material.suspicions if not suspicion.name.startswith(ORIGINS)]
    if len(material.origins) > 1 and "purchases" in material.quantities:
        models = material.models_of("purchases")
        found += [origin_drift(material.scorecard, model) for model in models]
    return found


def suspects_section(material: Material) -> Section:
    """Where calibration failed, and each check of an assumption with its estimate and interval."""
    failed = [
        said
        for quantity in material.quantities
        for said in _missed_total(material, quantity, material.models_of(quantity))
    ] + _missed_customers(material)
    blocks: list[Block] = []
    if failed:
        blocks += [
            Text(["Calibration fails here:"]),
            Bullets([[f"{said[0].upper()}{said[1:]}."] for said in failed]),
        ]
    else:
        blocks.append(Text(["No check of calibration failed beyond chance."]))
    found = checks(material)
    suspects = [suspicion.name for suspicion in found if suspicion.verdict == "suspect"]
    if suspects:
        blocks.append(Text(["Suspect ", Strong(listed(suspects)), ". " + _WHAT_THEN]))
    elif failed and material.suspicions:
        blocks.append(Text([_NO_SUSPECT]))
    if not material.suspicions:
        blocks.append(Text([_NO_LOG], "note"))
    if found:
        blocks.append(_table(material, found))
    blocks.append(Text([_HOW], "note"))
    return Section("suspects", "What to suspect", blocks)


_WHAT_THEN = (
    "The models take for granted that this does not happen, so their intervals do not allow for it: forecasts of "
    "months or cohorts that it touches are wrong in a direction, not by chance."
)
_NO_SUSPECT = (
    "None of the checks below explains it for certain. What they do not look at remains: campaigns, prices, "
    "competitors, changes in how rows are recorded."
)
_NO_LOG = (
    "The log behind the backtest was not given to this report, so only drift between origins could be checked. "
    "Regularity, seasons, cohorts and the assumptions about spend were not."
)
_HOW = (
    "Clear: the interval holds the neutral value, at which the assumption is true. Worth a look: it does not. Suspect: "
    "the whole interval lies beyond what still does no harm. At a level of 90 % one check in ten calls attention to "
    "nothing. No check looks at P(alive), which nobody can observe."
)


def _missed_customers(material: Material) -> list[str]:
    found = []
    for quantity in material.quantities:
        for model in material.models_of(quantity):
            if (value := off_target(material, quantity, model)) is not None:
                found.append(
                    f"the central {INTERVAL} predictive intervals of customers' {quantity} by {model} cover "
                    f"{per_cent(value)} of {counted(int(material.scorecard.data['customers'].min()), 'customer')}"
                )
    return found


def _table(material: Material, found: list[Suspicion]) -> Table:
    rows = []
    for suspicion in found:
        low, high = fixed(suspicion.low, 2), fixed(suspicion.high, 2)
        rows.append(
            cells(
                f"{suspicion.name[0].upper()}{suspicion.name[1:]}",
                suspicion.verdict,
                fixed(suspicion.estimate, 2),
                MISSING if MISSING in (low, high) else f"{low} to {high}",
                fixed(suspicion.neutral, 2),
                with_minus(material.discreet(suspicion.sentence)),
            )
        )
    columns = [
        Column("Check", is_number=False),
        Column("Verdict", is_number=False),
        Column("Estimate"),
        Column("Interval", "level and kind in the finding"),
        Column("Neutral", "if the assumption holds"),
        Column("Finding", is_number=False, is_prose=True),
    ]
    return Table("suspects-table", "What the models take for granted, checked", columns, rows)
