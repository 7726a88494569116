"""Amounts and intervals of a run, in the words of its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clvmodels.report.numbers import decimals_for, fixed, with_currency


def amount(value: float, quantity: str, currency: str, decimals: int | None = None) -> str:
    """An amount of money, or a number of purchases."""
    text = fixed(value, decimals_for([value]) if decimals is None else decimals)
    return with_currency(text, currency if quantity == "value" else "")


def span(row: Mapping[str, Any], quantity: str, currency: str) -> str:
    """The interval of a row, from `low` to `high`."""
    return f"{amount(row['low'], quantity, currency)} to {amount(row['high'], quantity, currency)}"
