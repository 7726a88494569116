"""Posterior × RFM × horizon → Forecast.

`model` is what people use, `simulation` draws the futures, `discrepancy` moves all of them at once.
"""

from clvmodels.forecast.discrepancy import Discrepancy
from clvmodels.forecast.model import CLVModel, FittedCLV

__all__ = ["CLVModel", "Discrepancy", "FittedCLV"]
