"""Numbers as people read them: thousands separated, percentages with one decimal, money with its currency."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from clvmodels.report.blocks import MISSING

INTERVAL, NORMAL_90 = "90 %", 1.6448536269514722  # standard errors to either side that hold so much
CARRIED = "a few draws carry the mean"


def fixed(value: float, decimals: int = 0) -> str:
    """A number with thousands separators; a dash where there is none.

    Examples
    --------
    >>> fixed(1234567.8), fixed(-0.5, 2), fixed(float("nan")), fixed(-0.0001, 2)
    ('1,234,568', '−0.50', '—', '0.00')
    """
    if math.isnan(value):
        return MISSING
    text = f"{value:,.{decimals}f}"
    return text.replace("-", "−") if any(digit in "123456789" for digit in text) else text.lstrip("-")


def with_minus(text: str) -> str:
    """A text whose negative numbers have the sign of all others on the page.

    Examples
    --------
    >>> with_minus("lowest in February (-24 %), -3 % [-15, +12] since 1997-09-30")
    'lowest in February (−24 %), −3 % [−15, +12] since 1997-09-30'
    """
    return re.sub(r"(?<![\w.-])-(?=[\d.])", "−", text)


def per_cent(share: float, *, signed: bool = False) -> str:
    """A share in per cent with one decimal.

    Examples
    --------
    >>> per_cent(0.1234), per_cent(0.1234, signed=True), per_cent(-0.02, signed=True)
    ('12.3 %', '+12.3 %', '−2.0 %')
    """
    if math.isnan(share):
        return MISSING
    text = f"{100 * share:+,.1f} %".replace("-", "−")
    return text if signed and text[1:] != "0.0 %" else text.lstrip("+")


def decimals_for(values: Sequence[float]) -> int:
    """Decimals that suit the largest of some numbers, so that a column lines up.

    Examples
    --------
    >>> decimals_for([12345.0, 0.2]), decimals_for([12.0]), decimals_for([0.2, float("nan")])
    (0, 2, 3)
    """
    finite = [abs(value) for value in values if math.isfinite(value)]
    largest = max(finite, default=0.0)
    return 0 if largest >= 10_000 else 1 if largest >= 1000 else 2 if largest >= 10 else 3


def decimals_apart(values: Sequence[float]) -> int:
    """Decimals of a difference and its bounds, so that none of them is written as 0 which is not near it.

    Examples
    --------
    >>> decimals_apart([1.823, 1.6, 2.0]), decimals_apart([0.00061, -0.00042, 0.0013]), decimals_apart([0.0, 0.0])
    (2, 4, 2)
    """
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    return max(2, min(6, 1 - math.floor(math.log10(max(sizes, default=1.0)))))


def with_currency(text: str, currency: str) -> str:
    """An amount with its currency: a symbol stands before it, a code behind.

    Examples
    --------
    >>> with_currency("1,200", "€"), with_currency("1,200", "EUR"), with_currency("−5", "$")
    ('€1,200', '1,200 EUR', '−$5')
    """
    if not currency or text == MISSING:
        return text
    if currency[-1].isalnum():
        return f"{text} {currency}"
    return f"−{currency}{text[1:]}" if text.startswith("−") else f"{currency}{text}"


_STEPS = {"min": "minute", "h": "hour", "D": "day", "W": "week", "M": "month", "Q": "quarter", "Y": "year"}


def in_words(duration: str) -> str:
    """A duration as people say it.

    Examples
    --------
    >>> in_words("26W"), in_words("1Y"), in_words("what was asked for")
    ('26 weeks', '1 year', 'what was asked for')
    """
    found = re.fullmatch(r"(\d+)([A-Za-z]+)", duration)
    if found is None or found[2] not in _STEPS:
        return duration
    return counted(int(found[1]), _STEPS[found[2]])


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun.

    Examples
    --------
    >>> counted(1, "origin"), counted(1200, "customer")
    ('1 origin', '1,200 customers')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(words: Sequence[str]) -> str:
    """Words in a sentence.

    Examples
    --------
    >>> listed(["MAE", "RMSE", "CRPS"])
    'MAE, RMSE and CRPS'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
