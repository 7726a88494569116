"""`fit`: one door to every way of fitting every model."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, FitStatus
from clvmodels.inference.laplace import draw_laplace
from clvmodels.inference.mode import find_mode
from clvmodels.inference.objective import build_objective
from clvmodels.inference.posterior import Posterior
from clvmodels.models import get_model
from clvmodels.rfm import RFM

METHODS = ("mle", "map", "laplace")
K_HAT_LIMIT = 0.7


def fit(
    model: str | PurchaseModel | SpendModel,
    rfm: RFM,
    *,
    method: str = "laplace",
    draws: int = 1000,
    seed: int = 0,
) -> Posterior:
    """Fit a model to a summary.

    Parameters
    ----------
    model
        Name in the registry, or an instance.
    rfm
        The customers.
    method
        ``"mle"`` maximises the likelihood; ``"map"`` adds the weak priors on log parameters, and is
        the mode of the posterior density of those logs; ``"laplace"`` draws from that posterior.
    draws
        Posterior draws of ``"laplace"``.
    seed
        Of the draws; the same inputs give the same bytes.

    Returns
    -------
    Posterior
        Whatever the outcome; read its `status`, or call `raise_if_failed`.

    Raises
    ------
    ArgumentError
        If the method or the model does not exist.
    DataError
        If the summary lacks a column the model needs, or nobody was observed for any time.

    Examples
    --------
    >>> rfm = RFM.from_arrays(frequency=[2, 1, 0, 4, 0, 1], recency=[30, 2, 0, 36, 0, 12], T=[39, 38, 37, 39, 36, 38])
    >>> posterior = fit("bg_nbd", rfm, method="map")
    >>> posterior.names
    ('r', 'alpha', 'a', 'b')
    """
    if method not in METHODS:
        raise ArgumentError(f"method {method!r} is not one of {', '.join(METHODS)}")
    if draws < 2:
        raise ArgumentError(f"draws={draws} must be at least 2")
    chosen = get_model(model) if isinstance(model, str) else model
    objective = build_objective(chosen, rfm, with_prior=method != "mle")
    mode = find_mode(objective)
    z, status, reason = mode.z[:, None], mode.status, mode.reason
    diagnostics = {"customers": objective.customers, "patterns": float(len(objective.patterns))}
    if method == "laplace" and mode.covariance is not None and status.usable:
        drawn = draw_laplace(objective, mode, draws, np.random.default_rng(seed))
        z = drawn.z
        diagnostics |= {"k_hat": drawn.k_hat, "effective_size": drawn.effective_size, "rounds": drawn.rounds}
        if drawn.k_hat > K_HAT_LIMIT:
            status, reason = FitStatus.UNRELIABLE, FitStatus.UNRELIABLE.value
    theta = objective.theta(mode.z)
    return Posterior(
        model=chosen,
        method=method,
        draws=objective.theta(z).T,
        mode=theta,
        covariance=None if mode.covariance is None else mode.covariance * np.outer(theta, theta),
        loglik=objective.loglik(mode.z),
        status=status,
        reason=reason,
        diagnostics=diagnostics,
        scales=objective.scales,
        provenance=_provenance(chosen, rfm, method, seed),
    )


@cache
def _versions() -> dict[str, str]:
    return {package: version(package) for package in ("clvmodels", "numpy", "scipy")}


def _provenance(model: PurchaseModel | SpendModel, rfm: RFM, method: str, seed: int) -> dict[str, Any]:
    return {
        "model": model.name,
        "method": method,
        "seed": seed,
        "data": rfm.fingerprint(),
        "customers": rfm.customers,
        "time_unit": rfm.time_unit,
        "versions": dict(_versions()),
    }
