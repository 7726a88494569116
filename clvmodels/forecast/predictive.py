"""The probability of a count, averaged over what the fit knows of the parameters."""

from __future__ import annotations

from typing import cast

import numpy as np

from clvmodels.contracts import PurchaseModel
from clvmodels.errors import ArgumentError
from clvmodels.inference import Posterior
from clvmodels.prediction import over_draws
from clvmodels.rfm import RFM

MOST_CELLS = 400_000  # probabilities worked out in all; a wide posterior belongs to few customers
FEWEST_DRAWS = 20
BLOCK_CELLS = 50_000


def purchase_probability(purchase: Posterior, rfm: RFM, purchases: np.ndarray, horizon: float) -> np.ndarray:
    """(n,) predictive probability of exactly `purchases` (n,) in a horizon: the mean over parameter draws.

    See `FittedCLV.purchase_probability`.
    """
    counts = np.asarray(purchases, dtype=float)
    if (
        counts.shape != rfm.T.shape
        or not np.isfinite(counts).all()
        or (counts < 0).any()
        or (counts % 1 > 0).any()
    ):
        raise ArgumentError(f"purchases must be {len(rfm):,} whole numbers of at least 0, one per customer")
    if not 0 <= horizon < np.inf:
        raise ArgumentError(f"horizon={horizon!r} must be a finite time of at least 0")
    model = cast(PurchaseModel, purchase.model)
    columns = np.column_stack([*rfm.columns(model.needs), counts])
    _, first, place = np.unique(columns, axis=0, return_index=True, return_inverse=True)
    some = min(len(purchase.draws), max(FEWEST_DRAWS, MOST_CELLS // len(first)))
    chosen = np.linspace(0, len(purchase.draws) - 1, some).astype(int)  # spread out: chains stay mixed
    theta = purchase.draws[chosen].T[:, :, None]
    step = max(1, BLOCK_CELLS // some)
    parts = [first[start : start + step] for start in range(0, len(first), step)]
    found = np.concatenate(
        [over_draws(model.purchase_pmf(theta, rfm.take(part), counts[part], horizon)) for part in parts]
    )
    return np.asarray(found[place.ravel()])
