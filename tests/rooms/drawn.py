"""Forecasts of which every draw was written by hand, ready to be made like any other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import clvmodels as clv
from clvmodels.prediction import DrawBlock, gather
from clvmodels.units import plan_horizon


def in_first_week(values: np.ndarray) -> np.ndarray:
    """(S, 52) everything in the first of 52 weeks."""
    return np.pad(values.sum(axis=1)[:, None], ((0, 0), (0, 51)))


def run_of(
    rfm: clv.RFM,
    purchases: list,
    value: list | None,
    *,
    is_distribution: bool = True,
    block_size: int = 2,
    mean: list | None = None,
) -> Callable[..., clv.Forecast]:
    """A run that hands out the given (draws, customers) tables, two customers at a time."""
    bought = np.array(purchases, dtype=float)
    worth = None if value is None else np.array(value, dtype=float)

    def blocks():
        for start in range(0, len(rfm), block_size):
            part = slice(start, min(start + block_size, len(rfm)))
            yield DrawBlock(
                index=np.arange(part.start, part.stop),
                purchases=bought[:, part],
                value=None if worth is None else worth[:, part],
                period_purchases=in_first_week(bought[:, part]),
                period_value=None if worth is None else in_first_week(worth[:, part]),
                columns={},
                mean=None if mean is None else np.array(mean, dtype=float)[part],
            )

    def run(*, observe=None, keep_draws=False) -> clv.Forecast:
        return gather(
            blocks(),
            rfm,
            plan_horizon("52W", rfm.observed_until, "W"),
            name="by hand",
            is_distribution=is_distribution,
            provenance={"forecaster": "by hand", "window": "52W", "annual_discount_rate": 0.0, "margin": 1.0},
            observe=observe,
            keep_draws=keep_draws,
        )

    return run
