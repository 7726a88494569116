"""The registry: one line per model, read by everything that works for every model."""

from __future__ import annotations

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, among
from clvmodels.models.bg_nbd import BGNBD
from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.models.gamma_gamma_frequency import GammaGammaFrequency
from clvmodels.models.gamma_gamma_transactions import GammaGammaTransactions
from clvmodels.models.mbg_cnbd import MBGCNBD
from clvmodels.models.mbg_nbd import MBGNBD
from clvmodels.models.pareto_nbd import ParetoNBD

REGULAR_MODELS: dict[int, PurchaseModel] = {k: MBGCNBD(k) for k in (2, 3, 4)}
"""For customers who buy at regular times, by the stages of a gap: tried where a log shows such customers."""

PURCHASE_MODELS: dict[str, PurchaseModel] = {
    "bg_nbd": BGNBD(),
    "mbg_nbd": MBGNBD(),
    "pareto_nbd": ParetoNBD(),
    **{model.name: model for model in REGULAR_MODELS.values()},
}
SPEND_MODELS: dict[str, SpendModel] = {
    "gamma_gamma": GammaGamma(),
    "gamma_gamma_transactions": GammaGammaTransactions(),
    "gamma_gamma_frequency": GammaGammaFrequency(),
}
REGISTRY: dict[str, PurchaseModel | SpendModel] = {**PURCHASE_MODELS, **SPEND_MODELS}


def get_model(model: str | PurchaseModel | SpendModel) -> PurchaseModel | SpendModel:
    """A model by name, or the instance itself.

    Raises
    ------
    ArgumentError
        If there is none of that name, the message lists those there are; or if it is no model.

    Examples
    --------
    >>> get_model("bg_nbd").title
    'BG/NBD'
    """
    return _look_up(model, REGISTRY, "model", "loglik")


def get_purchase_model(model: str | PurchaseModel) -> PurchaseModel:
    """A purchase model by name, or the instance itself."""
    return _look_up(model, PURCHASE_MODELS, "purchase model", "sample_purchase_times")


def get_spend_model(model: str | SpendModel) -> SpendModel:
    """A spend model by name, or the instance itself."""
    return _look_up(model, SPEND_MODELS, "spend model", "sample_spend")


def _look_up[Model](given: str | Model, models: dict[str, Model], kind: str, answers: str) -> Model:
    """A model of some kind by its name, or the instance itself, known by a function that the kind answers."""
    if isinstance(given, str):
        if given not in models:
            raise ArgumentError(f"{given!r} is no {kind}; {among(given, sorted(models))}")
        return models[given]
    if isinstance(given, type) or not callable(getattr(given, answers, None)):
        raise ArgumentError(
            f"{given!r} is no {kind}: give an instance, or one of {', '.join(sorted(models))}"
        )
    return given
