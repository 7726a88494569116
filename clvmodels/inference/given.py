"""Parameters that another program found, as a posterior with one draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, FitStatus, check_kind
from clvmodels.inference.fitting import describe_fit
from clvmodels.inference.mode import find_mode
from clvmodels.inference.objective import Objective, build_objective
from clvmodels.inference.posterior import Posterior
from clvmodels.models import get_model
from clvmodels.prediction import as_numbers
from clvmodels.rfm import RFM

AS_LIKELY = 1e-3
"""Log-likelihood below the maximum that still counts as the maximum: far below what tells parameters apart."""


def given(
    model: str | PurchaseModel | SpendModel, parameters: Mapping[str, float], rfm: RFM, *, source: str
) -> Posterior:
    """Take parameters over from elsewhere: a spreadsheet, a paper, another package.

    Nothing is fitted, and the status says so; but the likelihood of the customers at these parameters is compared
    with its maximum, and the reason tells how far below they are.

    Parameters
    ----------
    model
        Name in the registry, or an instance.
    parameters
        Each parameter of the model by name, above 0, in the units of `rfm`.
    rfm
        The customers they were found on.
    source
        Where they come from; tables and reports repeat it.

    Returns
    -------
    Posterior
        With one draw, so forecasts from it hold chance but no doubt about the parameters.

    Raises
    ------
    ArgumentError
        If a parameter is missing, unknown, or no number above 0.
    DataError
        If the summary lacks a column the model needs.

    Examples
    --------
    >>> rfm = RFM.from_arrays(frequency=[2, 0, 1], recency=[30, 0, 2], T=[39, 38, 37], time_unit="W")
    >>> found = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    >>> given("bg_nbd", found, rfm, source="table 2 of the paper")
    Posterior(bg_nbd, given, 1 draw, GIVEN)
    """
    chosen = get_model(model)
    theta = _checked(chosen, parameters)
    objective = build_objective(chosen, rfm, with_prior=False)
    loglik = objective.loglik(np.log(theta / objective.scales.of(chosen)))
    return Posterior(
        model=chosen,
        method="given",
        draws=theta[None, :],
        mode=theta,
        covariance=None,
        loglik=loglik,
        status=FitStatus.GIVEN,
        reason=f"taken over from {source}, not fitted here; {_verdict(objective, loglik)}",
        diagnostics={"customers": objective.customers, "patterns": float(len(objective.patterns))},
        scales=objective.scales,
        provenance=describe_fit(objective, rfm, "given", 0, None) | {"source": source},
    )


def _checked(model: PurchaseModel | SpendModel, parameters: Mapping[str, Any]) -> np.ndarray:
    """The parameters in the model's order."""
    check_kind("parameters", parameters, Mapping, "write {name: value}")
    names = [param.name for param in model.params]
    if set(parameters) != set(names):
        raise ArgumentError(
            f"{model.title} has the parameters {', '.join(names)}; given are {', '.join(map(str, parameters))}"
        )
    theta = as_numbers("parameters", [parameters[name] for name in names])
    wrong = [name for name, value in zip(names, theta, strict=True) if not (np.isfinite(value) and value > 0)]
    if wrong:
        raise ArgumentError(
            f"parameters of {model.title} must be numbers above 0, and {', '.join(wrong)} "
            f"{'is' if len(wrong) == 1 else 'are'} not: {dict(parameters)}"
        )
    return theta


def _verdict(objective: Objective, loglik: float) -> str:
    """How the likelihood at the given parameters compares with its maximum, in words."""
    best = find_mode(objective)
    if not best.status.usable:
        return f"log-likelihood {loglik:,.3f}, and its maximum was not found to compare with"
    missing = objective.loglik(best.z) - loglik
    if missing <= AS_LIKELY:
        return f"no other parameters make its customers more likely (log-likelihood {loglik:,.3f})"
    return f"log-likelihood {loglik:,.3f}, which is {missing:,.3f} below the maximum that fit(method='mle') finds"
