"""From RFM to a posterior: `fit` finds the mode, a `Method` draws around it, `Posterior` holds what came out."""

from clvmodels.inference.fitting import METHODS, fit, get_method
from clvmodels.inference.laplace import Laplace
from clvmodels.inference.method import Method
from clvmodels.inference.posterior import Posterior

__all__ = ["METHODS", "Laplace", "Method", "Posterior", "fit", "get_method"]
