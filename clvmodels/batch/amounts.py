"""Amounts and intervals of a run, in the words of its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clvmodels.report.numbers import decimals_for, fixed, with_currency

_WHOLE = 100
"""Amounts from which on nobody reads decimals."""


def amount(value: float, quantity: str, currency: str, decimals: int | None = None) -> str:
    """An amount of money, or a number of purchases.

    Examples
    --------
    >>> amount(1234.5, "value", "€"), amount(12.345, "purchases", "€")
    ('€1,234', '12.3')
    """
    usual = 0 if abs(value) >= _WHOLE else min(decimals_for([value]), 1 if quantity == "purchases" else 2)
    return with_currency(
        fixed(value, usual if decimals is None else decimals), currency if quantity == "value" else ""
    )


def span(row: Mapping[str, Any], quantity: str, currency: str) -> str:
    """The interval of a row, from `low` to `high`."""
    decimals = 0 if abs(row["high"]) >= _WHOLE else None
    return f"{amount(row['low'], quantity, currency, decimals)} to {amount(row['high'], quantity, currency, decimals)}"
