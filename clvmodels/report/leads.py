"""Who leads one quantity: for the single customer, and for the total."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clvmodels.report.chance import paired_lead
from clvmodels.report.material import Material


@dataclass(frozen=True)
class Leads:
    """Who leads one quantity.

    Attributes
    ----------
    customer
        Smallest mean CRPS of all.
    nearest
        Total nearest to the actual one of all.
    total
        Whom to use for the total: `customer` if its total cannot be told apart from the nearest, else `nearest`.
    level_totals
        Everyone else whose total cannot be told apart from the nearest.
    customer_model, total_model
        The same best of those that give a distribution; None if there is none.
    """

    customer: str
    nearest: str
    total: str
    level_totals: Sequence[str]
    customer_model: str | None
    total_model: str | None


def find_leads(material: Material, quantity: str) -> Leads:
    """The best for each purpose, on the average over the origins."""
    everyone = material.compared(quantity)
    models = material.models_of(quantity)
    customer = material.best(quantity, "crps", everyone) or everyone[0]
    nearest = nearest_total(material, quantity, everyone) or everyone[0]
    level = [name for name in everyone if name != nearest and totals_level(material, quantity, nearest, name)]
    return Leads(
        customer=customer,
        nearest=nearest,
        total=customer if customer in level else nearest,
        level_totals=level,
        customer_model=material.best(quantity, "crps", models),
        total_model=nearest_total(material, quantity, models),
    )


def nearest_total(material: Material, quantity: str, among: Sequence[str]) -> str | None:
    """Whose totals miss the actual ones by least, in absolute terms; the first of equals, None if nobody has any."""
    misses = {name: material.miss(quantity, name) for name in among}
    known = [name for name in among if not math.isnan(misses[name])]
    return min(known, key=lambda name: misses[name], default=None)


def totals_level(material: Material, quantity: str, nearest: str, other: str) -> bool:
    """Whether the totals of two forecasters cannot be told apart at any origin.

    A total is one number per origin. Another one is level with the nearest where it lies within the predictive
    interval of the nearest, or no further from it than the nearest is from the actual. Where the nearest is a
    formula without interval, the other's interval must hold both the formula's total and the actual.
    """

    def level_at(origin: str) -> bool:
        def said(name: str, what: str) -> float:
            return material.value(quantity, f"total_{what}", name, origin)

        ours, theirs, actual = said(nearest, "mean"), said(other, "mean"), said(nearest, "actual")
        if abs(theirs - ours) <= abs(ours - actual):
            return True
        if not math.isnan(said(nearest, "q05")):
            return said(nearest, "q05") <= theirs <= said(nearest, "q95")
        return said(other, "q05") <= min(ours, actual) and max(ours, actual) <= said(other, "q95")

    return all(level_at(origin) for origin in material.origins)


def misleads(material: Material, quantity: str, name: str) -> bool:
    """Whether a forecaster's interval of the total failed at more than one origin, and at half of them or more."""
    held = list(material.values(quantity, "total_covered", name).values())
    missed = len(held) - sum(held)
    return missed > 1 and 2 * missed >= len(held)


def level_customers(material: Material, quantity: str, winner: str) -> list[str]:
    """Everyone whose CRPS the winner does not beat beyond chance."""
    return [
        name
        for name in material.compared(quantity)
        if name != winner and not paired_lead(material, quantity, "crps", winner, name).is_clear
    ]
