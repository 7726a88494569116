"""Backtests: every origin walks the whole street from raw transactions, then what was said is scored.

origins ──► cut ──► walk (fit, forecast, record), alone or by workers ──► Scorecard ──scoring──► scores
"""

from clvmodels.backtesting.discrepancy import learn_discrepancy
from clvmodels.backtesting.origins import Origins
from clvmodels.backtesting.run import backtest
from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.backtesting.scoring import score_predictions

__all__ = ["Origins", "Scorecard", "backtest", "learn_discrepancy", "score_predictions"]
