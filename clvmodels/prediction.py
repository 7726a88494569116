"""Forecast: a distribution of what customers will buy and be worth, and how it is put together.

Whoever forecasts yields `DrawBlock`s, one per block of customers; `gather` turns the stream into a
`Forecast` and keeps only what a table needs, so memory is bounded by the block. Axes are always
(draw, customer, period).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import card, first_rows, table
from clvmodels.errors import ArgumentError, DataError
from clvmodels.rfm import RFM
from clvmodels.units import STEP_NAMES, Horizon

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
MODEL_ONLY, WITH_MARKET = "model only", "with market discrepancy"
"""What the two bands of a total are called: parameters and chance; and a shock that all customers share."""


@dataclass(frozen=True)
class DrawBlock:
    """The draws of a block of m customers.

    Attributes
    ----------
    index
        (m,) positions of the customers in the RFM, ascending from block to block.
    purchases
        (S, m) purchases in the horizon.
    value
        (S, m) discounted value in the horizon, or None without spend.
    period_purchases, period_value
        (S, K) sums over the block's customers.
    columns
        Further (m,) columns of the customer table, in order.
    alone
        Period sums of purchases and of value of the model alone, (2, S, K), where the other draws hold what moves all
        customers at once, too; else None.
    mean
        (m,) exact means of the value (of the purchases without spend), or None where no closed form knows
        them. Where it is not finite, or None, the mean of the draws stands in.
    """

    index: np.ndarray
    purchases: np.ndarray
    value: np.ndarray | None
    period_purchases: np.ndarray
    period_value: np.ndarray | None
    columns: Mapping[str, np.ndarray]
    mean: np.ndarray | None = None
    alone: np.ndarray | None = None

    def value_mean(self) -> np.ndarray:
        """(m,) means of the value, or of the purchases without spend: exact if known, else of the draws."""
        drawn = over_draws(self.purchases if self.value is None else self.value)
        return drawn if self.mean is None else np.where(np.isfinite(self.mean), self.mean, drawn)


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
        """Mean of the total."""
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
        customers = len(self.columns["customer_id"])
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
        customers = len(self.columns["customer_id"])
        return f"Forecast({self.name}, {self.horizon.text}, {customers:,} customers, {said})"

    def _repr_html_(self) -> str:
        totals = []
        for quantity in (self.purchases, self.value):
            if quantity is not None:
                interval = quantity.interval(0.9) if self.is_distribution else ()
                totals.append([f"total {quantity.name}", quantity.mean, *interval])
        kind = "90 % predictive intervals" if self.is_distribution else "point forecasts: no interval"
        return card(
            f"{self.name}: {len(self.columns['customer_id']):,} customers",
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


def tail_levels(level: float) -> tuple[float, float]:
    """Quantile levels that bound the central interval of a given level.

    Examples
    --------
    >>> [round(tail, 3) for tail in tail_levels(0.9)]
    [0.05, 0.95]
    """
    if not 0 < level < 1:
        raise ArgumentError(f"interval level {level!r} must lie between 0 and 1; ninety per cent is 0.9")
    return (1 - level) / 2, (1 + level) / 2


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """Quantile levels as a sorted tuple.

    Raises
    ------
    ArgumentError
        If one is not strictly between 0 and 1.
    """
    chosen = tuple(sorted(set(levels)))
    if not chosen or not all(0 < level < 1 for level in chosen):
        raise ArgumentError(
            f"levels={tuple(levels)!r} must lie strictly between 0 and 1, e.g. (0.05, 0.5, 0.95)"
        )
    return chosen


def check_margin(margin: float) -> None:
    """Refuse a margin that is no share.

    Raises
    ------
    ArgumentError
        If it does not lie in (0, 1]: most often a percentage given as a number.
    """
    if not 0 < margin <= 1:
        raise ArgumentError(
            f"margin={margin!r} must be a fraction above 0 and at most 1; 35 per cent is 0.35"
        )


def check_seed(seed: object) -> None:
    """Refuse a seed that is no whole number of at least 0.

    Raises
    ------
    ArgumentError
        If it is not.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ArgumentError(f"seed={seed!r} must be a whole number of at least 0")


def check_single(rfm: RFM) -> None:
    """Refuse patterns that stand for several customers.

    Every customer lives a life of their own; one life counted several times would make the total look
    far less certain than it is.

    Raises
    ------
    DataError
        If a weight is not 1.
    """
    several = rfm.weights != 1
    if several.any():
        raise DataError(
            "patterns that stand for several customers can be fitted, but not forecast",
            column="weights",
            rows=int(several.sum()),
            examples=rfm.customer_id[several].tolist(),
            fix="forecast the summary of the customers themselves",
        )


def quantile_name(prefix: str, level: float) -> str:
    """Column name of a quantile.

    Examples
    --------
    >>> quantile_name("clv", 0.05), quantile_name("clv", 0.975)
    ('clv_q05', 'clv_q97.5')
    """
    return f"{prefix}_q{100 * level:04.1f}".removesuffix(".0")


def gather(
    blocks: Iterator[DrawBlock],
    rfm: RFM,
    horizon: Horizon,
    *,
    name: str,
    is_distribution: bool,
    provenance: Mapping[str, Any],
    levels: Sequence[float] = DEFAULT_LEVELS,
    observe: Callable[[DrawBlock], None] | None = None,
    keep_draws: bool = False,
) -> Forecast:
    """Turn a stream of blocks into a `Forecast`.

    `observe` sees every block before it is let go. Blocks whose values are multiples of one power of
    two (see `forecast`) add up without rounding, so the totals do not depend on how customers were cut
    into blocks.
    """
    levels = check_levels(levels)
    parts: list[Mapping[str, np.ndarray]] = []
    kept: list[np.ndarray] = []
    purchases: Any = 0.0
    value: Any = None
    alone: Any = None
    for block in blocks:
        purchases = purchases + block.period_purchases
        if block.period_value is not None:
            value = block.period_value if value is None else value + block.period_value
        if block.alone is not None:
            alone = block.alone if alone is None else alone + block.alone
        parts.append({**block.columns, **_spread(block, levels, is_distribution)})
        if keep_draws:
            kept.append(block.purchases if block.value is None else block.value)
        if observe is not None:
            observe(block)
    columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return Forecast(
        name=name,
        is_distribution=is_distribution,
        columns={"customer_id": rfm.customer_id, **columns},
        purchases=Quantity.by_period("purchases", purchases, None if alone is None else alone[0]),
        value=None
        if value is None
        else Quantity.by_period("value", value, None if alone is None else alone[1]),
        horizon=horizon,
        provenance={**provenance, "levels": levels},
        draws=np.concatenate(kept, axis=1) if keep_draws else None,
    )


def over_draws(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of (S, m), added up in the same order whatever m is.

    NumPy adds the rows of a wide array one after another and those of a narrow one pairwise; laid out
    by customer, every column is added pairwise, so a customer's mean does not depend on the block.

    Examples
    --------
    >>> over_draws(np.array([[1.0, 4.0], [3.0, 8.0]])).tolist()
    [2.0, 6.0]
    """
    mean: np.ndarray = np.ascontiguousarray(values.T).mean(axis=1)
    return mean


def _spread(block: DrawBlock, levels: Sequence[float], is_distribution: bool) -> dict[str, np.ndarray]:
    """Mean, sd and quantiles of the draws; only the mean where there is one draw."""
    columns: dict[str, np.ndarray] = {}
    draws = {"purchases": block.purchases} if block.value is None else {"clv": block.value}
    if is_distribution:
        columns["p_purchase"] = over_draws(block.purchases > 0)
    for prefix, values in draws.items():
        columns[f"{prefix}_mean"] = block.value_mean()
        if is_distribution:
            mine = np.array(values.T)  # laid out by customer, as `over_draws` has it
            columns[f"{prefix}_sd"] = mine.std(axis=1)
            mine.sort(axis=1)
            for level in levels:
                columns[quantile_name(prefix, level)] = _of_sorted(mine, level)
    return columns


def _of_sorted(values: np.ndarray, level: float) -> np.ndarray:
    """Quantile of each row of sorted values (m, S), interpolated as `np.quantile` does."""
    place = level * (values.shape[1] - 1)
    below = min(int(place), values.shape[1] - 2)
    low, high, share = values[:, below], values[:, below + 1], place - below
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
