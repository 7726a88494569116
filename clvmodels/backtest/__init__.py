"""Backtests: every origin walks the whole street from raw transactions, then what was said is scored.

origins ──► run (cut, summarise, fit, forecast) ──► Scorecard ──scoring──► scores
"""

from clvmodels.backtest.run import backtest
from clvmodels.backtest.scorecard import Scorecard
from clvmodels.backtest.scoring import score_predictions

__all__ = ["Scorecard", "backtest", "score_predictions"]
