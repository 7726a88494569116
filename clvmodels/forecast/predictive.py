"""The probability of a count, averaged over what the fit knows of the parameters, and over shocks of the market."""

from __future__ import annotations

from typing import cast

import numpy as np

from clvmodels.contracts import PurchaseModel
from clvmodels.errors import ArgumentError, check_real
from clvmodels.forecast.discrepancy import Discrepancy
from clvmodels.inference import Posterior
from clvmodels.prediction import as_numbers, over_draws
from clvmodels.rfm import RFM, check_rfm
from clvmodels.special.shocks import shock_nodes

MOST_CELLS = 400_000  # probabilities worked out in all; a wide posterior belongs to few customers
FEWEST_DRAWS = 20
BLOCK_CELLS = 50_000


def purchase_probability(
    purchase: Posterior,
    rfm: RFM,
    purchases: np.ndarray,
    horizon: float,
    discrepancy: Discrepancy | None = None,
) -> np.ndarray:
    """(n,) predictive probability of exactly `purchases` (n,) in a horizon: the mean over draws and exposures.

    See `FittedCLV.purchase_probability`.
    """
    check_rfm(rfm)
    counts = as_numbers("purchases", purchases)
    if (
        counts.shape != rfm.T.shape
        or not np.isfinite(counts).all()
        or (counts < 0).any()
        or (counts % 1 > 0).any()
    ):
        raise ArgumentError(f"purchases must be {len(rfm):,} whole numbers of at least 0, one per customer")
    check_real("horizon", horizon)
    if not 0 <= horizon < np.inf:
        raise ArgumentError(f"horizon={horizon!r} must be a finite time of at least 0")
    model = cast(PurchaseModel, purchase.model)
    columns = np.column_stack([*rfm.columns(model.needs), counts])
    _, first, place = np.unique(columns, axis=0, return_index=True, return_inverse=True)
    nodes, weights = (np.ones(1), np.ones(1)) if discrepancy is None else shock_nodes(discrepancy.sigma)
    fewest = FEWEST_DRAWS if len(nodes) == 1 else FEWEST_DRAWS // 2  # shocks spread more than parameters do
    some = min(len(purchase.draws), max(fewest, MOST_CELLS // (len(nodes) * len(first))))
    chosen = np.linspace(0, len(purchase.draws) - 1, some).astype(int)  # spread out: chains stay mixed
    theta = np.repeat(
        purchase.draws[chosen].T[:, :, None], len(nodes), axis=1
    )  # every draw at every exposure
    exposure = horizon * np.tile(nodes, some)[:, None]
    step = max(1, BLOCK_CELLS // theta.shape[1])
    found = []
    for start in range(0, len(first), step):
        part = first[start : start + step]
        pmf = model.purchase_pmf(theta, rfm.take(part), counts[part], exposure)
        over_nodes = (pmf.reshape(some, len(nodes), len(part)) * weights[:, None]).sum(axis=1)
        found.append(over_draws(over_nodes))
    return np.asarray(np.concatenate(found)[place.ravel()])
