"""Totals of a backtest: the predictive distribution of each origin and forecaster, and what came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from clvmodels.backtesting.scorecard import Scorecard, check_scorecard
from clvmodels.errors import ArgumentError
from clvmodels.plots.palette import (
    INK,
    first_upper,
    label_axes,
    legend_above,
    money_label,
    name_places,
    new_axes,
    series_styles,
)
from clvmodels.plots.selection import models_at, names_of

if TYPE_CHECKING:
    import pandas as pd

_ROOM = 0.8  # of the distance between two origins


def totals_frame(
    scorecard: Scorecard, quantity: str = "purchases", model: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Totals at every origin, as forecast and as they came.

    Parameters
    ----------
    scorecard
        A backtest; of several horizons the longest is shown.
    quantity
        ``purchases``, ``spend`` or ``value``.
    model
        One forecaster or several; all by default.

    Returns
    -------
    pandas.DataFrame
        origin, model, mean, q05, q25, q50, q75, q95 (of the predictive distribution; a point forecast has its mean and
        q50 alone), actual.

    Raises
    ------
    ArgumentError
        If the scorecard holds no such quantity or forecaster.

    Examples
    --------
    >>> import clvmodels as clv
    >>> card = clv.backtest(clv.load_cdnow(), [clv.HistoricalCLV()], horizon="39W", spend=None)
    >>> totals_frame(card)[["origin", "actual"]].values.tolist()
    [['1997-09-30', 1882.0]]
    """
    check_scorecard(scorecard)
    totals = scorecard.at().totals
    wanted = names_of(model)
    for column, values in (("quantity", [quantity]), ("model", wanted or [])):
        known = list(dict.fromkeys(totals[column]))
        if missing := [value for value in values if value not in known]:
            raise ArgumentError(f"{column} {missing[0]!r} is not in the totals; there are {', '.join(known)}")
    rows = totals[
        (totals["quantity"] == quantity) & (True if wanted is None else totals["model"].isin(wanted))
    ]
    columns = ["origin", "model", "mean", "q05", "q25", "q50", "q75", "q95", "actual"]
    return rows[columns].reset_index(drop=True)


def plot_totals(
    scorecard: Scorecard,
    quantity: str = "purchases",
    model: str | Sequence[str] | None = None,
    *,
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw `totals_frame`: means, thick their central 50 %, thin their central 90 %, and the actual as a black line."""
    frame = totals_frame(scorecard, quantity, model)
    axes = new_axes() if ax is None else ax
    origins = sorted(set(frame["origin"]))
    names = [name for name in models_at(scorecard) if name in set(frame["model"])]
    styles, step = series_styles(models_at(scorecard)), _ROOM / len(names)
    place = frame["origin"].map({origin: i for i, origin in enumerate(origins)}).astype(float)
    for k, name in enumerate(names):
        mine = (frame["model"] == name).to_numpy()
        where = place[mine] + (k - (len(names) - 1) / 2) * step
        _draw_forecaster(axes, where.to_numpy(), frame[mine], styles[name], name)
    came = frame.groupby("origin", observed=True)["actual"].first().reindex(origins)
    middle = np.arange(len(origins))
    axes.hlines(came, middle - 0.47, middle + 0.47, color=INK, linewidth=1.6, label="Actual")
    axes.set_ylim(bottom=0)
    axes.set_xlim(-0.6, len(origins) - 0.4)
    label_axes(axes, "Origin", f"Total {money_label(quantity, currency)}")
    axes.set_ylabel(first_upper(axes.get_ylabel()))
    name_places(axes, middle.tolist(), origins)
    legend_above(axes)
    return axes


def _draw_forecaster(axes: Axes, where: np.ndarray, rows: pd.DataFrame, style: Any, name: str) -> None:
    axes.plot(
        where,
        rows["mean"],
        linestyle="none",
        marker=style.marker,
        color=style.colour,
        markersize=5,
        label=name,
        clip_on=False,
        zorder=3,
    )
    if rows["q05"].notna().any():
        axes.vlines(
            where,
            rows["q05"],
            rows["q95"],
            color=style.colour,
            linewidth=1.6,
            label="90 % predictive interval",
        )
        axes.vlines(where, rows["q25"], rows["q75"], color=style.colour, linewidth=5, alpha=0.45)
