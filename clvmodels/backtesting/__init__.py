"""Backtests: every origin walks the whole street from raw transactions, then what was said is scored.

origins ──► run (cut, summarise, fit, forecast) ──► Scorecard ──scoring──► scores
"""

from clvmodels.backtesting.run import backtest
from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.backtesting.scoring import score_predictions

__all__ = ["Scorecard", "backtest", "score_predictions"]
