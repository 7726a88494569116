"""`fit`: one door to every way of fitting every model."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any, cast

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, check_choice, whole_number
from clvmodels.inference.bootstrap import Bootstrap
from clvmodels.inference.laplace import Laplace
from clvmodels.inference.method import Draws, MaximumLikelihood, MaximumPosterior, Method
from clvmodels.inference.mode import Mode, find_mode
from clvmodels.inference.nuts import Nuts
from clvmodels.inference.objective import Objective, build_objective
from clvmodels.inference.posterior import Posterior
from clvmodels.inference.priors import Priors, describe_prior
from clvmodels.models import get_model
from clvmodels.prediction import check_seed
from clvmodels.rfm import Customers

METHODS: dict[str, Method] = {
    "mle": MaximumLikelihood(),
    "map": MaximumPosterior(),
    "laplace": Laplace(),
    "nuts": Nuts(),
    "bootstrap": Bootstrap(),
}


def fit(
    model: str | PurchaseModel | SpendModel,
    rfm: Customers,
    *,
    method: str | Method = "laplace",
    priors: Priors | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Posterior:
    """Fit a model to a summary.

    Parameters
    ----------
    model
        Name in the registry, or an instance.
    rfm
        The customers: an `RFM`, or an `RFMTable`, of which only patterns leave the engine.
    method
        ``"mle"`` maximises the likelihood; ``"map"`` adds the weak priors on log parameters, and is
        the mode of the posterior density of those logs; ``"laplace"`` draws from that posterior;
        ``"nuts"`` draws from it by Markov chains, slower, and is what the others are judged by;
        ``"bootstrap"`` refits under random weights of the customers, a spread that stays honest where the
        model is wrong. A method with other settings is given as an instance.
    priors
        Beliefs of your own in place of the weak defaults, by parameter or by product of parameters:
        ``{"r": LogNormal(1, 0.5)}`` in scales of the data, ``{"r / alpha": LogNormal.between(0.05, 0.3,
        time_unit="W")}`` in purchases per week. `business_priors` writes them from what a business knows.
    draws
        Posterior draws of the methods that draw.
    seed
        Of the draws; the same inputs give the same bytes.

    Returns
    -------
    Posterior
        Whatever the outcome; read its `status`, or call `raise_if_failed`.

    Raises
    ------
    ArgumentError
        If the method or the model does not exist, or the priors do not fit the model or the method.
    DataError
        If the summary lacks a column the model needs, or nobody was observed for any time.

    Examples
    --------
    >>> from clvmodels.rfm import RFM
    >>> rfm = RFM.from_arrays(
    ...     frequency=[2, 1, 0, 4, 0, 1], recency=[30, 2, 0, 36, 0, 12], T=[39, 38, 37, 39, 36, 38], time_unit="W"
    ... )
    >>> posterior = fit("bg_nbd", rfm, method="map")
    >>> posterior.names
    ('r', 'alpha', 'a', 'b')
    >>> from clvmodels.inference.priors import LogNormal
    >>> own = fit("bg_nbd", rfm, method="map", priors={"r / alpha": LogNormal.between(0.05, 0.06, time_unit="W")})
    >>> round(own.params["r"] / own.params["alpha"], 2)
    0.05
    """
    check_seed(seed)
    way = get_method(method)
    whole_number("draws", draws, least=2)
    if priors and not way.with_prior:
        raise ArgumentError(f"method {way.name!r} uses no prior; leave priors out, or fit with method='map'")
    chosen = get_model(model)
    objective = build_objective(chosen, rfm, with_prior=way.with_prior, priors=priors)
    mode = find_mode(objective)
    drawn = way.draw(objective, mode, draws, seed)
    facts = describe_fit(objective, rfm, drawn.drawn_by or way.name, seed, priors)
    return assemble(objective, mode, drawn, facts)


def assemble(objective: Objective, mode: Mode, drawn: Draws, provenance: dict[str, Any]) -> Posterior:
    """The posterior that a mode and draws around it make."""
    theta = objective.theta(mode.z)
    size = {"customers": objective.customers, "patterns": float(len(objective.patterns))}
    return Posterior(
        model=objective.model,
        method=provenance["method"],
        draws=objective.theta(drawn.z).T,
        mode=theta,
        covariance=None if mode.covariance is None else mode.covariance * np.outer(theta, theta),
        loglik=objective.loglik(mode.z),
        status=drawn.status,
        reason=drawn.reason,
        diagnostics=size | dict(drawn.diagnostics),
        scales=objective.scales,
        provenance=provenance,
        statistics=drawn.statistics,
    )


def describe_fit(
    objective: Objective, rfm: Customers, method: str, seed: int, priors: Priors | None
) -> dict[str, Any]:
    """Provenance of a fit: model, method, seed, data, versions and priors."""
    packages = ("nutpie", "pymc") if "nuts" in method else ()
    return {
        "model": objective.model.name,
        "method": method,
        "seed": seed,
        "data": rfm.fingerprint(),
        "customers": rfm.customers,
        "time_unit": rfm.time_unit,
        "versions": dict(_versions(packages)),
        "priors": _prior_facts(objective, priors),
    }


def get_method(method: str | Method) -> Method:
    """A method by name, or the instance itself.

    Raises
    ------
    ArgumentError
        If there is none of that name.

    Examples
    --------
    >>> get_method("map").with_prior
    True
    """
    if isinstance(method, Method) and not isinstance(method, type):
        return method
    check_choice("method", method, METHODS)
    return METHODS[cast(str, method)]


@cache
def _versions(further: tuple[str, ...]) -> dict[str, str]:
    return {package: version(package) for package in ("clvmodels", "numpy", "scipy", *further)}


def _prior_facts(objective: Objective, priors: Priors | None) -> dict[str, dict[str, Any]]:
    if not objective.with_prior:
        return {}
    return describe_prior(objective.model, objective.prior, priors, objective.scales.of(objective.model))
