"""From RFM to a posterior: `fit` finds the mode, a `Method` draws around it, `Posterior` holds what came out."""

from clvmodels.inference.bootstrap import Bootstrap
from clvmodels.inference.business import business_priors
from clvmodels.inference.comparison import compare
from clvmodels.inference.fitting import METHODS, fit, get_method
from clvmodels.inference.given import given
from clvmodels.inference.joint import fit_joint, joint_model
from clvmodels.inference.laplace import Laplace
from clvmodels.inference.method import Method
from clvmodels.inference.nested import LikelihoodRatio, likelihood_ratio
from clvmodels.inference.nuts import Nuts
from clvmodels.inference.posterior import Posterior
from clvmodels.inference.prior_predictive import PriorPredictive, prior_predictive, prior_predictive_spend
from clvmodels.inference.priors import LogNormal, Priors
from clvmodels.inference.pymc_model import pymc_model

__all__ = [
    "METHODS",
    "Bootstrap",
    "Laplace",
    "LikelihoodRatio",
    "LogNormal",
    "Method",
    "Nuts",
    "Posterior",
    "PriorPredictive",
    "Priors",
    "business_priors",
    "compare",
    "fit",
    "fit_joint",
    "get_method",
    "given",
    "joint_model",
    "likelihood_ratio",
    "prior_predictive",
    "prior_predictive_spend",
    "pymc_model",
]
