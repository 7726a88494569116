"""From RFM to a posterior: `fit` finds the mode, a `Method` draws around it, `Posterior` holds what came out."""

from clvmodels.inference.bootstrap import Bootstrap
from clvmodels.inference.business import business_priors
from clvmodels.inference.fitting import METHODS, fit, get_method
from clvmodels.inference.laplace import Laplace
from clvmodels.inference.method import Method
from clvmodels.inference.posterior import Posterior
from clvmodels.inference.prior_predictive import PriorPredictive, prior_predictive, prior_predictive_spend
from clvmodels.inference.priors import LogNormal, Priors

__all__ = [
    "METHODS",
    "Bootstrap",
    "Laplace",
    "LogNormal",
    "Method",
    "Posterior",
    "PriorPredictive",
    "Priors",
    "business_priors",
    "fit",
    "get_method",
    "prior_predictive",
    "prior_predictive_spend",
]
