"""Posterior × RFM × horizon → Forecast: `model` is what people use, `simulation` draws the futures."""

from clvmodels.forecast.model import CLVModel, FittedCLV

__all__ = ["CLVModel", "FittedCLV"]
