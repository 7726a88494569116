"""How a formula did when it was tried: read from the scores of a backtest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clvmodels.errors import ArgumentError, DataError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("origin", "quantity", "model", "metric", "value")
MONEY = ("value", "spend")


@dataclass(frozen=True)
class BacktestRecord:
    """How far off a forecaster was.

    Attributes
    ----------
    bias, least, largest
        Forecast total over actual total, less 1: mean, least and largest over the origins.
    rmse
        Root mean squared error per customer, mean over the origins.
    origins
        How many there are.
    """

    bias: float
    least: float
    largest: float
    rmse: float
    origins: int

    def __str__(self) -> str:
        between = f" (from {self.least:+.0%} to {self.largest:+.0%})" if self.origins > 1 else ""
        at = f"{self.origins} origin{'s' if self.origins != 1 else ''}"
        return f"its totals were off by {self.bias:+.0%} on average over {at}{between}"


def backtest_record(scores: pd.DataFrame) -> dict[str, BacktestRecord]:
    """The record of every forecaster in money, by name.

    Parameters
    ----------
    scores
        Tidy scores: origin, quantity, model, metric, value. Of the quantities ``value`` and ``spend`` the first
        that is there is read, and of the metrics ``bias_total`` and ``rmse``.

    Raises
    ------
    DataError
        If a column is missing, or there are no scores of money.
    ArgumentError
        If the scores are of several horizons.

    Examples
    --------
    >>> import pandas as pd
    >>> scores = pd.DataFrame({
    ...     "origin": ["1997-06-30", "1997-09-30"], "quantity": "spend", "model": "Cohort average",
    ...     "metric": "bias_total", "value": [0.5, 0.3],
    ... })
    >>> print(backtest_record(scores)["Cohort average"])
    its totals were off by +40% on average over 2 origins (from +30% to +50%)
    """
    missing = [name for name in COLUMNS if name not in getattr(scores, "columns", ())]
    if missing:
        raise DataError(
            f"the table of scores lacks {', '.join(missing)}",
            fix="give the scores of a backtest, as scorecard.scores",
        )
    if "horizon" in scores.columns and len(set(scores["horizon"])) > 1:
        raise ArgumentError(
            f"the scores are of several horizons ({', '.join(map(str, scores['horizon'].unique()))}); choose one, "
            "as scorecard.at('52W').scores"
        )
    quantity = next((name for name in MONEY if (scores["quantity"] == name).any()), None)
    if quantity is None:
        raise DataError(
            "the scores hold no quantity of money", column="quantity", fix="run the backtest with spend="
        )
    money = scores[(scores["quantity"] == quantity) & scores["metric"].isin(["bias_total", "rmse"])]
    found = {}
    for name, rows in money.groupby("model", sort=True):
        bias = rows.loc[rows["metric"] == "bias_total", "value"].to_numpy(dtype=float)
        errors = rows.loc[rows["metric"] == "rmse", "value"].to_numpy(dtype=float)
        if len(bias) == 0:
            continue
        rmse = float(errors.mean()) if len(errors) else np.nan
        found[str(name)] = BacktestRecord(
            float(bias.mean()), float(bias.min()), float(bias.max()), rmse, len(bias)
        )
    return found
