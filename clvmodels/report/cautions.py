"""Cautions: what to keep in mind about one forecaster, in a few words for the last column of a table."""

from __future__ import annotations

import math
import re

from clvmodels.prediction import MODEL_ONLY
from clvmodels.report.blocks import Column
from clvmodels.report.chance import Lead
from clvmodels.report.material import Material
from clvmodels.report.numbers import CARRIED, INTERVAL, NORMAL_90, per_cent

CAUTION = Column("Caution", is_number=False)
_ON_TARGET = (0.88, 0.92)
_MOST_OF_TEN = 0.5
_FITS = {
    "AT_BOUNDARY": "a parameter ran to its edge",
    "NOT_IDENTIFIED": "the data do not settle the parameters",
    "UNRELIABLE": "the draws of the parameters failed their check",
}
_WORD = re.compile(r"[A-Z_]+")


def joined(cautions: list[str]) -> str:
    """Cautions in one cell; nothing where there is none."""
    return "; ".join(cautions)


def of_lead(lead: Lead) -> list[str]:
    """Whether a difference may be chance."""
    if math.isnan(lead.size):
        return []
    if math.isnan(lead.low):
        return ["too few customers to say"]
    return ["may be chance"] if lead.is_level else []


def of_fit(material: Material, model: str) -> list[str]:
    """Fits that failed, or that call for care."""
    fits = material.scorecard.fits
    mine = fits[fits["model"] == model]
    failed = int((mine["status"] != "ok").sum())
    found = [f"failed at {failed} of {len(mine)} origins"] if failed else []
    words = {word for text in mine["convergence"] for word in _WORD.findall(str(text))}
    return found + [said for word, said in _FITS.items() if word in words]


def of_customers(material: Material, quantity: str, model: str) -> list[str]:
    """Intervals of single customers that cover too few or too many, and errors that few customers make."""
    found = []
    few = material.average(quantity, "worst_10_share", model)
    if few > _MOST_OF_TEN:
        found.append(f"ten customers make {per_cent(few)} of the squared error")
    off = off_target(material, quantity, model)
    return [f"{INTERVAL} intervals cover {per_cent(off)}", *found] if off is not None else found


def is_off(coverage: float) -> bool:
    """Whether a coverage, as it is written, is outside 88 % to 92 %.

    Examples
    --------
    >>> is_off(0.8797), is_off(0.8794), is_off(math.nan)
    (False, True, False)
    """
    return not math.isnan(coverage) and not _ON_TARGET[0] <= round(coverage, 3) <= _ON_TARGET[1]


def off_target(material: Material, quantity: str, model: str) -> float | None:
    """The coverage of a forecaster's intervals of customers if it is off beyond chance, else None."""
    value = material.average(quantity, "coverage_90", model)
    chance = NORMAL_90 * math.sqrt(0.9 * 0.1 / int(material.scorecard.data["customers"].min()))
    return value if is_off(value) and abs(value - 0.9) > chance else None


def of_total(material: Material, quantity: str, model: str, origin: str) -> list[str]:
    """A total outside its interval, or a mean that a few draws carry."""
    found = []
    if material.value(quantity, "total_covered", model, origin) == 0:
        found.append("actual outside")
    elif material.value(quantity, "total_covered_alone", model, origin) == 0:
        found.append(f"actual outside, {MODEL_ONLY}")
    if material.is_astray(quantity, model, origin):
        found.append(f"mean outside its own interval: {CARRIED}")
    return found
