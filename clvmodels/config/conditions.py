"""Conditions on customers as a configuration writes them: ``value_mean >= 100 and p_alive < 0.5``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from clvmodels.errors import nearest

MEASURES = {
    "value_mean": "mean value within the main horizon",
    "p_alive": "chance that the customer is still one",
    "p_buy_in_horizon": "chance of at least one purchase within the main horizon",
    "expected_purchases": "mean number of purchases within the main horizon",
    "expected_spend": "mean spend per purchase",
    "purchases_so_far": "purchases up to the day of the run, the first included",
    "days_since_purchase": "days from the last purchase to the day of the run",
}
"""What conditions may be about: columns of the published table."""
CHANCES = ("p_alive", "p_buy_in_horizon")
DRAWN, PAST = ("value_mean", "expected_purchases"), ("purchases_so_far", "days_since_purchase")
"""Measures of what a draw of the future has an amount of, and measures of what is over."""
_FORM = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*(\S+)\s*")


@dataclass(frozen=True)
class Condition:
    """A measure, a sign (``>=``, ``>``, ``<=`` or ``<``) and a number."""

    measure: str
    sign: str
    bound: float


def conditions_of(text: str) -> tuple[Condition, ...]:
    """The conditions of a text, which ``and`` joins; an empty text has none.

    Raises
    ------
    ValueError
        If a part is not of the form, its measure is none of `MEASURES`, or its number can never be reached.

    Examples
    --------
    >>> conditions_of("value_mean >= 100 and p_alive < 0.5")[1]
    Condition(measure='p_alive', sign='<', bound=0.5)
    >>> conditions_of("value > 100")
    Traceback (most recent call last):
    ValueError: 'value' is no measure; did you mean 'value_mean'?
    """
    return tuple(_condition(part) for part in re.split(r"\band\b", text)) if text.strip() else ()


def _condition(part: str) -> Condition:
    found = _FORM.fullmatch(part)
    if found is None:
        raise ValueError(
            f"{part.strip()!r} is no condition: write a measure, one of >= > <= <, and a number, as in "
            "'value_mean >= 100 and p_alive < 0.5' (for 'or', write two rules)"
        )
    measure, sign, number = found.groups()
    if measure not in MEASURES:
        known = nearest(measure, MEASURES).rstrip() or f"there are {', '.join(MEASURES)}"
        raise ValueError(f"{measure!r} is no measure; {known}")
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise ValueError(f"{part.strip()!r}: {number!r} is no number")
    if measure in CHANCES and not 0 <= bound <= 1:
        raise ValueError(f"{part.strip()!r}: {measure} is a chance between 0 and 1; half is 0.5")
    return Condition(measure, sign, bound)
