"""Posterior × RFM × horizon → Forecast.

`model` and `fitted` are what people use, `choice` settles what they leave open, `simulation` draws the futures,
`discrepancy` moves all of them at once; `scoring` is the forecast as a function of batches, `stored` a forecast in
files, and `delivery` brings the two together.
"""

from clvmodels.forecast.closed import closed_form_scores
from clvmodels.forecast.discrepancy import Discrepancy
from clvmodels.forecast.fitted import FittedCLV
from clvmodels.forecast.model import CLVModel
from clvmodels.forecast.scoring import Scorer
from clvmodels.forecast.stored import load_forecast

__all__ = ["CLVModel", "Discrepancy", "FittedCLV", "Scorer", "closed_form_scores", "load_forecast"]
