"""What others would use, behind the contract of a forecaster: another package, and a regression.

`lifetimes_fitters` asks the lifetimes package; `regression` trains trees (`trees`) on earlier windows of the same
log; `boosting` has trees correct a model instead of replacing it.
"""

from clvmodels.rivals.boosting import BoostedCLV, FittedBoost
from clvmodels.rivals.lifetimes_fitters import FittedLifetimes, LifetimesCLV
from clvmodels.rivals.regression import FittedRegression, RegressionCLV

__all__ = [
    "BoostedCLV",
    "FittedBoost",
    "FittedLifetimes",
    "FittedRegression",
    "LifetimesCLV",
    "RegressionCLV",
]
