"""How likely each pattern of customers is under each draw of a posterior."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clvmodels.errors import ArgumentError, check_kind
from clvmodels.inference.objective import CELLS_PER_BATCH
from clvmodels.inference.posterior import Posterior
from clvmodels.rfm import RFM, check_rfm


def log_likelihood(posterior: Posterior, patterns: RFM) -> np.ndarray:
    """(S, m) log-likelihood of one customer of each pattern under each draw, weights not applied."""
    batch = max(1, CELLS_PER_BATCH // len(patterns))
    found = np.empty((len(posterior.draws), len(patterns)))
    for start in range(0, len(found), batch):
        theta = posterior.draws[start : start + batch].T[:, :, None]
        found[start : start + batch] = posterior.model.loglik(theta, patterns)
    return found


def check_same_data(posteriors: Mapping[str, Posterior], rfm: RFM) -> None:
    """Refuse posteriors that were not fitted to this summary.

    Raises
    ------
    ArgumentError
        Naming them.
    """
    check_kind("posteriors", posteriors, Mapping, "write {name: posterior}")
    check_rfm(rfm)
    data = rfm.fingerprint()
    others = [name for name, posterior in posteriors.items() if posterior.provenance["data"] != data]
    if others:
        raise ArgumentError(
            f"{', '.join(others)} was not fitted to these customers; give the summary that was fitted, or fit again"
        )
