"""How far a log's own totals were moved by what no model of single customers knows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from clvmodels.backtesting.scorecard import Scorecard, check_scorecard
from clvmodels.errors import ArgumentError
from clvmodels.forecast import Discrepancy
from clvmodels.forecast.discrepancy import DEFAULT_MONEY, LARGEST

if TYPE_CHECKING:
    import pandas as pd

PRIOR_ORIGINS = 10.0  # that the centre counts for: one log's own origins say little
TWO_TAILS = 2 * 1.6448536269514722  # standard deviations that a central 90 % interval of a normal spans


def learn_discrepancy(scorecard: Scorecard, model: str | None = None) -> Discrepancy:
    r"""The discrepancy of a log from its own earlier origins, pooled with the one that its forecasts held.

    With :math:`e_o = \log(\text{actual} / \text{mean})` of the total at origin o, and v_o the variance of its logarithm
    by the model alone,

    .. math:: \sigma^2 = \frac{k \sigma_0^2 + \max(0, \sum_o (e_o^2 - v_o))}{k + n}, \quad k = 10,

    and the same for money per purchase. The centre :math:`\sigma_0` is what the forecaster's last forecasts held: by
    default 0.18, and 0.15 where they followed a season; that of money is 0.08. A few origins move them a little;
    origins whose holdout overlaps the one before are left out. Use it for a forecast made after the last holdout.

    Parameters
    ----------
    scorecard
        Of a backtest; its longest horizon is read.
    model
        Name of a forecaster with a discrepancy in it; by default the first one.

    Raises
    ------
    ArgumentError
        If there is no such forecaster, or nobody bought anything in a holdout.

    Examples
    --------
    >>> import clvmodels as clv
    >>> log = clv.load_cdnow("sample")
    >>> result = clv.backtest(log, [clv.CLVModel("bg_nbd")], horizon="13W", origins=3, draws=200)
    >>> found = learn_discrepancy(result)
    >>> found.source
    'learned from 3 origins of this log, pooled with the 18 % that its forecasts held'
    >>> 0.15 < found.sigma < 0.2
    True
    """
    check_scorecard(scorecard)
    table = scorecard.at().totals
    held = table.dropna(subset=["alone_q05"]) if "alone_q05" in table else table[:0]
    names = list(dict.fromkeys(held["model"]))
    chosen = names[0] if model is None and names else model
    if chosen not in names:
        asked = "" if model is None else f" {model!r}"
        raise ArgumentError(
            f"no forecaster{asked} with a discrepancy is in this scorecard; there are {', '.join(names) or 'none'}"
        )
    horizon = scorecard.horizons[-1]
    overlapping = scorecard.data["origin"][
        [horizon in str(o).split(", ") for o in scorecard.data["overlaps"]]
    ]
    held = held[(held["model"] == chosen) & ~held["origin"].isin(overlapping)]
    bought = _errors(held[held["quantity"] == "purchases"])
    spent = _errors(held[held["quantity"] == "spend"])
    fits = scorecard.fits
    centre = float(fits["discrepancy"][fits["model"] == chosen].dropna().iloc[-1])
    sigma, money = _pooled(*bought, centre), DEFAULT_MONEY
    if len(spent[0]):
        money = _pooled(spent[0] - bought[0], np.maximum(spent[1] - bought[1], 0.0), DEFAULT_MONEY)
    origins = f"{len(bought[0])} origin{'s' if len(bought[0]) > 1 else ''}"
    return Discrepancy(
        sigma,
        money,
        source=f"learned from {origins} of this log, pooled with the {100 * centre:.3g} % that its forecasts held",
    )


def _errors(totals: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Errors of the logarithm of totals, and the variance that the model alone gives it, (o,) each."""
    columns = (totals[name].to_numpy(dtype=float) for name in ("actual", "mean", "alone_q05", "alone_q95"))
    actual, mean, low, high = columns
    if not (np.minimum(actual, low) > 0).all():
        raise ArgumentError("a total of 0, or that may be 0, has no relative error: choose a longer horizon")
    return np.log(actual / mean), (np.log(high / low) / TWO_TAILS) ** 2


def _pooled(errors: np.ndarray, own: np.ndarray, centre: float) -> float:
    excess = max(0.0, float(np.sum(errors**2 - own)))
    variance = (PRIOR_ORIGINS * centre**2 + excess) / (PRIOR_ORIGINS + len(errors))
    return min(math.sqrt(variance), LARGEST)
