"""Draws of several forecasters put together as draws of their mixture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from clvmodels.prediction import DrawBlock, Forecast, over_draws

BLOCK = 256


class DrawTable:
    """Collects what a forecaster yields block by block into tables of all customers."""

    def __init__(self, customers: int) -> None:
        self.purchases: np.ndarray = np.zeros((0, customers))
        self.value: np.ndarray | None = None
        self.expected = np.zeros(customers)
        self.mean = np.zeros(customers)

    def observe(self, block: DrawBlock) -> None:
        """Keep a block."""
        if not len(self.purchases):
            self.purchases = np.zeros((len(block.purchases), len(self.mean)))
            self.value = None if block.value is None else np.zeros_like(self.purchases)
        self.purchases[:, block.index] = block.purchases
        if self.value is not None:
            self.value[:, block.index] = block.value
        expected = block.columns.get("expected_purchases")
        self.expected[block.index] = over_draws(block.purchases) if expected is None else expected
        self.mean[block.index] = block.value_mean


@dataclass(frozen=True, eq=False)
class Part:
    """A member's forecast, and the draws of the mixture that are its own."""

    weight: float
    place: np.ndarray
    forecast: Forecast
    table: DrawTable


def mixture(parts: Sequence[Part], draws: int, customers: int) -> Iterator[DrawBlock]:
    """The members' draws in their places, block by block.

    Members cut customers into blocks of their own, so period sums of a block of the mixture are not known; those of
    all customers are, and stand with the first block.
    """
    priced = parts[0].table.value is not None
    periods = _placed(parts, [part.forecast.purchases.period_draws for part in parts], draws)
    money = _placed(parts, [part.forecast.total.period_draws for part in parts], draws)
    for start in range(0, customers, BLOCK):
        index = np.arange(start, min(start + BLOCK, customers))
        value = None
        if priced:
            worth = [part.table.value[:, index] for part in parts if part.table.value is not None]
            value = _placed(parts, worth, draws)
        yield DrawBlock(
            index=index,
            purchases=_placed(parts, [part.table.purchases[:, index] for part in parts], draws),
            value=value,
            period_purchases=periods if start == 0 else np.zeros_like(periods),
            period_value=None if not priced else money if start == 0 else np.zeros_like(money),
            columns={"expected_purchases": _mean(parts, [part.table.expected[index] for part in parts])},
            mean=_mean(parts, [part.table.mean[index] for part in parts]),
        )


def _placed(parts: Sequence[Part], rows: Sequence[np.ndarray], draws: int) -> np.ndarray:
    """(S, ...) the rows of each part in its places; a single row stands in all of them."""
    table = np.zeros((draws, *rows[0].shape[1:]))
    for part, own in zip(parts, rows, strict=True):
        place = part.place if draws > 1 else np.zeros(1, dtype=int)
        table[place] = own[np.arange(len(place)) % len(own)]
    return table


def _mean(parts: Sequence[Part], means: Sequence[np.ndarray]) -> np.ndarray:
    """(m,) means of the mixture."""
    return np.asarray(sum(part.weight * mean for part, mean in zip(parts, means, strict=True)))


def shares(weights: np.ndarray, draws: int) -> np.ndarray:
    """Whole numbers in proportion to the weights that add up to `draws`: the largest remainders round up."""
    exact = weights / weights.sum() * draws
    count = np.floor(exact).astype(int)
    count[np.argsort(count - exact, kind="stable")[: draws - count.sum()]] += 1
    return count
