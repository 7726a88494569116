"""From RFM to a posterior: `fit` finds the mode, `Posterior` holds what came out."""

from clvmodels.inference.fitting import METHODS, fit
from clvmodels.inference.posterior import Posterior

__all__ = ["METHODS", "Posterior", "fit"]
