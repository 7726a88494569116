"""Several forecasters as one: `learning` tries them at earlier dates, `mixture` puts their draws together.

The room wraps whatever meets the contract of a forecaster and knows none of them by name.
"""

from clvmodels.ensemble.stack import FittedStack, Stack

__all__ = ["FittedStack", "Stack"]
