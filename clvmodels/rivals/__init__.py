"""What others would use, behind the contract of a forecaster: another package, and a regression.

`lifetimes_fitters` asks the lifetimes package; `regression` trains trees (`trees`) on earlier windows of the same
log.
"""

from clvmodels.rivals.lifetimes_fitters import FittedLifetimes, LifetimesCLV
from clvmodels.rivals.regression import FittedRegression, RegressionCLV

__all__ = ["FittedLifetimes", "FittedRegression", "LifetimesCLV", "RegressionCLV"]
