"""How the section on decisions writes money, spans and customers."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from clvmodels.report.blocks import MISSING, Column
from clvmodels.report.numbers import INTERVAL, decimals_for, fixed, with_currency
from clvmodels.value.cashflow_economics import OWN_CURRENCY


@dataclass(frozen=True)
class Writing:
    """Currency, whether figures are drawn, how many customers are named, and how.

    Attributes
    ----------
    currency
        Label of the money.
    pictures
        Whether figures are drawn.
    top
        Customers named in lists.
    hash_ids
        Whether they are named by a hash.
    """

    currency: str
    pictures: bool
    top: int
    hash_ids: bool

    @property
    def about(self) -> str:
        """What all numbers of the section have in common."""
        return (
            f"Money is in {self.currency}. Every interval is central and holds {INTERVAL} of the draws; what it is an "
            "interval of stands in the head of its column. Numbers without one are means."
        )

    def money(self, value: float, decimals: int | None = None) -> str:
        """An amount with its currency; the log's own currency has no sign.

        Examples
        --------
        >>> Writing("EUR", True, 10, False).money(1234.5, 0), Writing(OWN_CURRENCY, True, 10, False).money(-2.5)
        ('1,234 EUR', '−2.500')
        """
        if math.isnan(value):
            return MISSING
        text = _plain(value, decimals_for([value]) if decimals is None else decimals)
        return text if self.currency == OWN_CURRENCY else with_currency(text, self.currency)

    def span(self, low: float, high: float, decimals: int | None = None) -> str:
        """The bounds of an interval, without a currency: the mean beside them has it.

        Examples
        --------
        >>> Writing("EUR", True, 10, False).span(-1.0, 12.0, 0)
        '−1 to 12'
        """
        if math.isnan(low) or math.isnan(high):
            return MISSING
        places = decimals_for([low, high]) if decimals is None else decimals
        return f"{_plain(low, places)} to {_plain(high, places)}"

    def customer(self, identity: object) -> str:
        """A customer's id, or its hash."""
        if not self.hash_ids:
            return str(identity)
        return hashlib.sha256(str(identity).encode()).hexdigest()[:12]


def _plain(value: float, decimals: int) -> str:
    """A number that is not minus nothing."""
    return fixed(value if round(value, decimals) else 0.0, decimals)


def column_pair(label: str, has_interval: bool, kind: str = "predictive") -> list[Column]:
    """A column of means and, of a distribution, one of its interval."""
    pair = [Column(label, "mean")]
    return [*pair, Column(f"{INTERVAL} interval", f"{label.lower()}, {kind}")] if has_interval else pair
