"""Forecast: totals and customers, as tables and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import card, first_rows, table
from clvmodels.prediction.checks import tail_levels
from clvmodels.units import STEP_NAMES, Horizon

if TYPE_CHECKING:
    import pandas as pd

MODEL_ONLY, WITH_MARKET = "model only", "with market discrepancy"
"""What the two bands of a total are called: parameters and chance; and a shock that all customers share."""


@dataclass(frozen=True)
class Quantity:
    """Joint draws of a sum over customers.

    Attributes
    ----------
    name
        What is summed.
    draws
        (S,) totals over the horizon.
    period_draws
        (S, K) totals per period.
    alone
        The same of the model alone, where these draws hold what moves all customers at once, too; else None.
    """

    name: str
    draws: np.ndarray
    period_draws: np.ndarray
    alone: Quantity | None = None

    @classmethod
    def by_period(cls, name: str, draws: np.ndarray, alone: np.ndarray | None = None) -> Quantity:
        """The quantity whose draws are the sums over periods of (S, K) draws."""
        model_only = None if alone is None else cls.by_period(name, alone)
        return cls(name, draws.sum(axis=1), draws, model_only)

    @property
    def mean(self) -> float:
        """Mean of the total over the draws, so that means of periods add up to it.

        The closed-form means of the customers add up to nearly the same; what is between them is the chance of the
        draws, least with many of them.
        """
        return float(self.draws.mean())

    @property
    def sd(self) -> float:
        """Standard deviation of the total over the draws."""
        return float(self.draws.std())

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Central (equal-tailed) predictive interval of the total that holds `level` of the draws.

        Examples
        --------
        >>> low, high = Quantity("purchases", np.arange(101.0), np.arange(101.0)[:, None]).interval(0.9)
        >>> round(low, 6), round(high, 6)
        (5.0, 95.0)
        """
        low, high = np.quantile(self.draws, tail_levels(level))
        return float(low), float(high)

    def __repr__(self) -> str:
        return f"Quantity({self.name}, mean {self.mean:,.1f}, {len(self.draws):,} draws)"


@dataclass(frozen=True)
class Forecast:
    """What customers will buy and be worth within a horizon.

    Attributes
    ----------
    name
        Forecaster that made it.
    is_distribution
        Whether draws stand for uncertainty; a formula gives one draw and no intervals.
    columns
        The customer table, (n,) each; `customers` shows it.
    purchases, value
        Joint draws of the totals; `value` is None without spend. `total` is the value, else the purchases.
    horizon
        The window and its periods.
    provenance
        Model, method, seed, rates, versions: enough to repeat it.
    draws
        (S, n) value (or purchases) per draw and customer, if they were kept.
    """

    name: str
    is_distribution: bool
    columns: Mapping[str, np.ndarray]
    purchases: Quantity
    value: Quantity | None
    horizon: Horizon
    provenance: Mapping[str, Any]
    draws: np.ndarray | None = None

    @property
    def total(self) -> Quantity:
        """Joint draws of the sum over all customers."""
        return self.purchases if self.value is None else self.value

    def __len__(self) -> int:
        return int(self.provenance.get("forecast_customers", 0)) or len(self.columns["customer_id"])

    @property
    def customers(self) -> pd.DataFrame:
        """One row per customer; `attrs` carries units, interval levels and provenance."""
        import pandas as pd

        return labelled(pd.DataFrame(dict(self.columns)), self.provenance)

    @property
    def periods(self) -> pd.DataFrame:
        """One row per period of the horizon: bounds, mean and a 90 % predictive interval of the totals.

        Columns ``..._alone_low`` and ``..._alone_high`` bound the interval of the model alone, without what moves all
        customers at once.
        """
        return self.period_table(0.9)

    def period_table(self, level: float) -> pd.DataFrame:
        """As `periods`, with central intervals of another level."""
        import pandas as pd

        edges = self.horizon.edges
        table: dict[str, Any] = {"period": np.arange(1, len(edges))}
        if self.horizon.starts is not None and self.horizon.ends is not None:
            table |= {"start": list(self.horizon.starts), "end_exclusive": list(self.horizon.ends)}
        unit = STEP_NAMES[self.horizon.unit]
        table |= {f"from_{unit}": edges[:-1], f"to_{unit}": edges[1:]}
        for quantity in (self.purchases, self.value):
            if quantity is None:
                continue
            table[f"{quantity.name}_mean"] = quantity.period_draws.mean(axis=0)
            if self.is_distribution:
                for prefix, band in _bands(quantity).items():
                    low, high = np.quantile(band.period_draws, tail_levels(level), axis=0)
                    table |= {f"{prefix}_low": low, f"{prefix}_high": high}
        return labelled(
            pd.DataFrame(table), {**self.provenance, "interval": f"central {level:.0%} predictive interval"}
        )

    def __str__(self) -> str:
        customers = len(self)
        lines = [f"{self.name}: {self.provenance.get('window', self.horizon.text)}, {customers:,} customers"]
        for quantity in (self.purchases, self.value):
            if quantity is None:
                continue
            interval = ""
            if self.is_distribution:
                low, high = quantity.interval(0.9)
                interval = f", 90 % predictive interval {low:,.0f} to {high:,.0f}"
                if quantity.alone is not None:
                    low, high = quantity.alone.interval(0.9)
                    interval += f" ({MODEL_ONLY}: {low:,.0f} to {high:,.0f})"
                    low, high = quantity.interval(0.9)
                if not low <= quantity.mean <= high:
                    interval += f", median {np.median(quantity.draws):,.0f} (a few draws carry the mean)"
            lines.append(f"total {quantity.name}: mean {quantity.mean:,.1f}{interval}")
        if self.is_distribution and "uncertainty" in self.provenance:
            lines.append(f"the intervals hold {self.provenance['uncertainty']}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        said = f"{len(self.total.draws):,} draws" if self.is_distribution else "one number each"
        customers = len(self)
        return f"Forecast({self.name}, {self.horizon.text}, {customers:,} customers, {said})"

    def _repr_html_(self) -> str:
        totals = []
        for quantity in (self.purchases, self.value):
            if quantity is not None:
                interval = quantity.interval(0.9) if self.is_distribution else ()
                totals.append([f"total {quantity.name}", quantity.mean, *interval])
                if quantity.alone is not None:
                    alone = quantity.alone
                    totals.append([f"total {quantity.name}, {MODEL_ONLY}", alone.mean, *alone.interval(0.9)])
        held = f", which hold {self.provenance['uncertainty']}" if "uncertainty" in self.provenance else ""
        kind = f"90 % predictive intervals{held}" if self.is_distribution else "point forecasts: no interval"
        return card(
            f"{self.name}: {len(self):,} customers",
            [f"{self.provenance.get('window', self.horizon.text)}; {kind}"],
            [table(["", "mean", "q05", "q95"][: len(totals[0])], totals), first_rows(self.columns)],
            {
                name: value
                for name, value in self.provenance.items()
                if name not in ("forecaster", "window", "fits")
            },
        )


def _bands(quantity: Quantity) -> dict[str, Quantity]:
    """The quantity by the prefix of its columns, and beside it that of the model alone."""
    found = {quantity.name: quantity}
    return found if quantity.alone is None else found | {f"{quantity.name}_alone": quantity.alone}


def labelled(table: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """The table with units, interval levels and provenance in its `attrs`."""
    table.attrs.update(facts.items())
    return table
