"""Traits against the papers' stories: customers whose traits are known, mixed by the spread of the traits.

With rate λ and chance or rate of leaving given, the mean number of repeat purchases by age t is elementary
(Schmittlein, Morrison & Colombo 1987; Fader, Hardie & Lee 2005; Batislam, Denizel & Filiztekin 2007).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from clvmodels.models import get_purchase_model
from clvmodels.rfm import RFM

SHARES = np.polynomial.legendre.leggauss(300)


def pareto(rate: np.ndarray, leaving: np.ndarray, t: float) -> np.ndarray:
    return rate / leaving * -np.expm1(-leaving * t)


def bg(rate: np.ndarray, leaving: np.ndarray, t: float) -> np.ndarray:
    return -np.expm1(-rate * leaving * t) / leaving


def mbg(rate: np.ndarray, leaving: np.ndarray, t: float) -> np.ndarray:
    return (1.0 - leaving) * bg(rate, leaving, t)


@pytest.mark.parametrize(
    ("name", "theta", "story"),
    [
        ("pareto_nbd", [2.3, 9.0, 1.7, 14.0], pareto),
        ("bg_nbd", [2.3, 9.0, 1.2, 2.4], bg),
        ("mbg_nbd", [2.3, 9.0, 1.2, 2.4], mbg),
    ],
)
def test_mixed_customers_buy_as_the_model_expects(
    name: str, theta: list[float], story: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
) -> None:
    """Kills a and b exchanged, and a chance of leaving that holds for another occasion."""
    model, parameters = get_purchase_model(name), np.array(theta)
    shares, weights = 0.5 * (SHARES[0] + 1.0), 0.5 * SHARES[1]
    rate, leaving = (trait.spread.quantile(shares) for trait in model.heterogeneity(parameters))
    newborn = RFM.from_arrays(frequency=[0], recency=[0], T=[0], time_unit="W")
    for t in (1.0, 39.0):
        mixed = weights @ story(rate[:, None], leaving, t) @ weights
        # 300 nodes lie inside (0, 1); the far tail of the rate is worth about 1e-4 of the mean
        assert mixed == pytest.approx(model.expected_purchases(parameters, newborn, t)[0], rel=1e-3)
