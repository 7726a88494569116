"""From RFM to a posterior: `fit` finds the mode, a `Method` draws around it, `Posterior` holds what came out."""

from clvmodels.inference.business import business_priors
from clvmodels.inference.fitting import METHODS, fit, get_method
from clvmodels.inference.laplace import Laplace
from clvmodels.inference.method import Method
from clvmodels.inference.posterior import Posterior
from clvmodels.inference.priors import LogNormal, Priors

__all__ = [
    "METHODS",
    "Laplace",
    "LogNormal",
    "Method",
    "Posterior",
    "Priors",
    "business_priors",
    "fit",
    "get_method",
]
