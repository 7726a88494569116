"""Purchases and spend as one Bayesian model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError
from clvmodels.inference.fitting import assemble, describe_fit
from clvmodels.inference.mode import find_mode
from clvmodels.inference.nuts import Nuts
from clvmodels.inference.objective import Objective, build_objective
from clvmodels.inference.posterior import Posterior
from clvmodels.inference.priors import Priors
from clvmodels.inference.pymc_model import pymc_model
from clvmodels.models import get_purchase_model, get_spend_model
from clvmodels.prediction import check_seed
from clvmodels.rfm import RFM

if TYPE_CHECKING:
    import pymc


def joint_model(
    purchase: str | PurchaseModel,
    spend: str | SpendModel,
    rfm: RFM,
    *,
    purchase_priors: Priors | None = None,
    spend_priors: Priors | None = None,
) -> pymc.Model:
    """A PyMC model of when customers buy and what they spend, to sample or to extend.

    As it stands the two parts know nothing of each other, which is what Gamma-Gamma assumes; a variable or a
    potential that names parameters of both links them. See `pymc_model` for the names in it.

    Parameters
    ----------
    purchase, spend
        Names in the registry, or instances.
    rfm
        The customers, with spend.
    purchase_priors, spend_priors
        As `priors` of `fit`.

    Raises
    ------
    ArgumentError, DataError
        As `fit`.
    FitError
        If a part has no interior optimum to scale by.

    Notes
    -----
    To let a prior say that frequent buyers are small spenders, for instance::

        with joint_model("bg_nbd", "gamma_gamma", rfm) as model:
            rate, amount = model["r"] / model["alpha"], model["p"] * model["gamma"] / model["q"]
            pymc.Potential("link", pymc.logp(pymc.Normal.dist(), pymc.math.log(rate * amount)))
            trace = pymc.sample(nuts_sampler="pymc", random_seed=1)
    """
    return pymc_model(*_objectives(purchase, spend, rfm, purchase_priors, spend_priors))


def fit_joint(
    purchase: str | PurchaseModel,
    spend: str | SpendModel,
    rfm: RFM,
    *,
    method: Nuts | None = None,
    purchase_priors: Priors | None = None,
    spend_priors: Priors | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[Posterior, Posterior]:
    """Sample both parts in the same chains: row s of one posterior belongs to row s of the other.

    Parameters
    ----------
    purchase, spend, rfm, purchase_priors, spend_priors
        As `joint_model`.
    method
        Settings of the sampler; None is ``Nuts()``.
    draws, seed
        As `fit`.

    Returns
    -------
    purchase, spend : Posterior
        Each with its own outcome. A part without an interior optimum is its optimum alone.

    Raises
    ------
    ArgumentError, DataError
        As `fit`.
    """
    check_seed(seed)
    if draws < 2:
        raise ArgumentError(f"draws={draws} must be at least 2")
    way = Nuts() if method is None else method
    objectives = _objectives(purchase, spend, rfm, purchase_priors, spend_priors)
    modes = [find_mode(objective) for objective in objectives]
    drawn = way.draw_jointly(objectives, modes, draws, seed)
    first, second = (
        assemble(objective, mode, part, describe_fit(objective, rfm, way.name, seed, priors))
        for objective, mode, part, priors in zip(
            objectives, modes, drawn, (purchase_priors, spend_priors), strict=True
        )
    )
    return first, second


def _objectives(
    purchase: str | PurchaseModel,
    spend: str | SpendModel,
    rfm: RFM,
    purchase_priors: Priors | None,
    spend_priors: Priors | None,
) -> tuple[Objective, Objective]:
    return (
        build_objective(get_purchase_model(purchase), rfm, with_prior=True, priors=purchase_priors),
        build_objective(get_spend_model(spend), rfm, with_prior=True, priors=spend_priors),
    )
