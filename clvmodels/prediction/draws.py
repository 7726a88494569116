"""From the draws of blocks of customers to a Forecast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from clvmodels.prediction.checks import check_levels
from clvmodels.prediction.forecast import Forecast, Quantity
from clvmodels.rfm import RFM
from clvmodels.units import Horizon

DEFAULT_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


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

    @cached_property
    def sorted_purchases(self) -> np.ndarray:
        """(m, S) purchases of each customer, ascending: sorted once for whoever asks."""
        return _sorted_counts(self.purchases)

    @cached_property
    def sorted_value(self) -> np.ndarray:
        """(m, S) value of each customer, ascending; the purchases without spend."""
        return self.sorted_purchases if self.value is None else _sorted(self.value)

    @cached_property
    def p_purchase(self) -> np.ndarray:
        """(m,) share of the draws with a purchase."""
        return over_draws(self.purchases > 0)

    @cached_property
    def value_mean(self) -> np.ndarray:
        """(m,) means of the value, or of the purchases without spend: exact if known, else of the draws."""
        if self.mean is not None and np.isfinite(self.mean).all():
            return self.mean
        drawn = over_draws(self.purchases if self.value is None else self.value)
        return drawn if self.mean is None else np.where(np.isfinite(self.mean), self.mean, drawn)

    @cached_property
    def value_sd(self) -> np.ndarray:
        """(m,) standard deviations of the draws of the value, or of the purchases without spend."""
        return np.asarray(self.sorted_value.std(axis=1))


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
    value, alone = None, None
    for block in blocks:
        purchases = purchases + block.period_purchases
        value = _added(value, block.period_value)
        alone = _added(alone, block.alone)
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


def _added(total: np.ndarray | None, part: np.ndarray | None) -> np.ndarray | None:
    return part if total is None or part is None else total + part


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
    prefix = "purchases" if block.value is None else "clv"
    if is_distribution:
        columns["p_purchase"] = block.p_purchase
    columns[f"{prefix}_mean"] = block.value_mean
    if is_distribution:
        columns[f"{prefix}_sd"] = block.value_sd
        for level in levels:
            columns[quantile_name(prefix, level)] = _of_sorted(block.sorted_value, level)
    return columns


def _sorted(draws: np.ndarray) -> np.ndarray:
    """(m, S) from (S, m), each row ascending."""
    rows = np.array(draws.T, dtype=float, order="C")
    rows.sort(axis=1)
    return rows


def _sorted_counts(draws: np.ndarray) -> np.ndarray:
    """As `_sorted`, and quicker where draws are numbers of purchases."""
    if len(draws) < 2:
        return _sorted(draws)
    from clvmodels.special.ordering import fill_sorted_counts

    rows = np.ascontiguousarray(draws.T, dtype=float)
    ordered = np.empty_like(rows)
    return ordered if fill_sorted_counts(rows, ordered) else _sorted(draws)


def _of_sorted(values: np.ndarray, level: float) -> np.ndarray:
    """Quantile of each row of sorted values (m, S), interpolated as `np.quantile` does."""
    place = level * (values.shape[1] - 1)
    below = min(int(place), values.shape[1] - 2)
    low, high, share = values[:, below], values[:, below + 1], place - below
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
