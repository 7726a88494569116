"""Parameters and customers on which the laws of purchase models are tried."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from clvmodels.contracts import PurchaseModel
from clvmodels.models import PURCHASE_MODELS
from clvmodels.rfm import RFM

Z = 4.5  # two-sided 7e-6: seeds are fixed, so a law holds for good or fails for good
ROUNDING = 1e-9  # two exact ways to the same number, each accurate to about 1e-11

MODELS = pytest.mark.parametrize("model", PURCHASE_MODELS.values(), ids=list(PURCHASE_MODELS))


def typical(model: PurchaseModel, age: float = 30.0) -> np.ndarray:
    """Near the middle of the priors, for customers of that age; no two shapes alike."""
    return np.array(
        [1.3**k * param.prior_median * age**param.time_power for k, param in enumerate(model.params)]
    )


def hostile(model: PurchaseModel, sigmas: float = 3.0) -> np.ndarray:
    """(P, 3**P) parameters at the middle and that many prior sigmas out, in every combination."""
    steps = [np.exp(param.prior_sigma * np.array([-sigmas, 0.0, sigmas])) for param in model.params]
    return typical(model)[:, None] * np.array(list(itertools.product(*steps))).T


def in_unit(rfm: RFM, factor: float) -> RFM:
    """The same customers, their times in a unit `factor` times as short."""
    return replace(rfm, recency=rfm.recency * factor, T=rfm.T * factor)


def watched(row: np.ndarray, age: np.ndarray, T: np.ndarray) -> RFM:
    """What is known at age T of customers with these repeat purchases."""
    seen = age <= T[row]
    recency = np.zeros(len(T))
    np.maximum.at(recency, row[seen], age[seen])
    return RFM.from_arrays(
        frequency=np.bincount(row[seen], minlength=len(T)), recency=recency, T=T, time_unit="W"
    )


def z_score(difference: np.ndarray) -> float:
    """Of a mean that should be 0."""
    return float(difference.sum() / np.sqrt((difference**2).sum()))


def motley_crowd() -> RFM:
    """New and old, silent and loyal customers, some alike, some about to be cut at their last purchase."""
    histories = [
        (x, share * age if x else 0.0, age)
        for x in (0, 1, 2, 7, 40, 5000)
        for share in (0.0, 0.3, 0.9, 1.0 - 1e-9, 1.0)
        for age in (1e-3, 8.0, 39.0, 2000.0)
    ]
    frequency, recency, T = zip(*histories, (0, 0.0, 0.0), strict=True)
    return RFM.from_arrays(
        frequency=frequency, recency=recency, T=T, customer_id=[f"c{x}" for x in range(len(T))], time_unit="W"
    )
