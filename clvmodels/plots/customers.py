"""The forecast of chosen customers, one strip each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, SymmetricalLogLocator

from clvmodels.errors import ArgumentError
from clvmodels.plots.palette import (
    INK,
    SERIES,
    beside,
    first_upper,
    grouped,
    label_axes,
    legend_above,
    money_label,
    name_lanes,
    new_axes,
)
from clvmodels.plots.selection import places_of
from clvmodels.prediction import Forecast, quantile_name

if TYPE_CHECKING:
    import pandas as pd

_FLATTENS = 10.0  # times the middle upper bound
_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def customer_values_frame(forecast: Forecast, customers: Sequence[object]) -> pd.DataFrame:
    """Quantiles of the draws of chosen customers: of their value, or of their purchases where there is no spend.

    Parameters
    ----------
    forecast
        Made with ``keep_draws=True``.
    customers
        Their ids, in the order wanted; at least one, each once.

    Returns
    -------
    pandas.DataFrame
        customer_id, nothing (share of draws that are 0), q05, q25, q50, q75, q95, mean.

    Raises
    ------
    ArgumentError
        If the forecast kept no draws, or no customer is named.
    DataError
        If a customer is not in the forecast, or named twice.
    """
    import pandas as pd

    if forecast.draws is None or not forecast.is_distribution:
        raise ArgumentError("this forecast kept no draws of its customers; make it with keep_draws=True")
    places = places_of(forecast.columns["customer_id"], customers, "the forecast")
    draws = forecast.draws[:, places]
    prefix = "purchases" if forecast.value is None else "clv"
    quantiles = np.quantile(draws, _LEVELS, axis=0)
    table = {
        "customer_id": forecast.columns["customer_id"][places],
        "nothing": (draws == 0).mean(axis=0),
        **{quantile_name("", q)[1:]: row for q, row in zip(_LEVELS, quantiles, strict=True)},
        "mean": forecast.columns[f"{prefix}_mean"][places],
    }
    return pd.DataFrame(table)


def plot_customer_values(
    forecast: Forecast, customers: Sequence[object], *, currency: str = "", ax: Axes | None = None
) -> Axes:
    """Draw `customer_values_frame`: per customer the central 90 % and 50 % intervals, median and mean.

    Where one customer would flatten the others (its upper bound is above ten times the middle one), the axis is
    logarithmic from a point on that it names, and linear below, so that 0 has a place.
    """
    frame = customer_values_frame(forecast, customers)
    axes = new_axes(height=1.1 + 0.36 * len(frame)) if ax is None else ax
    lanes = np.arange(len(frame))[::-1]
    axes.hlines(
        lanes, frame["q05"], frame["q95"], color=SERIES[0], linewidth=2, label="90 % predictive interval"
    )
    axes.hlines(lanes, frame["q25"], frame["q75"], color=SERIES[0], linewidth=8, alpha=0.55, label="50 %")
    axes.plot(
        frame["q50"],
        lanes,
        "o",
        color="white",
        markeredgecolor=INK,
        markersize=5.5,
        label="Median",
        clip_on=False,
    )
    axes.plot(frame["mean"], lanes, "D", color=SERIES[1], markersize=4.5, label="Mean", clip_on=False)
    scale = _scale(axes, frame["q95"].to_numpy(dtype=float))
    axes.set_xlim(left=0)
    axes.set_ylim(-0.6, len(frame) - 0.4)
    what = first_upper(money_label(forecast.total.name, currency))
    label_axes(axes, f"{what} within {forecast.horizon.text}{scale}", "Customer")
    names = [f"{identity}" for identity in frame["customer_id"]]
    name_lanes(axes, lanes.tolist(), names)
    for lane, share in zip(lanes, frame["nothing"], strict=True):
        beside(axes, lane, f"{100 * share:.0f} % nothing")
    axes.xaxis.set_major_formatter(FuncFormatter(grouped))
    axes.grid(visible=False, axis="y")
    legend_above(axes)
    return axes


def _scale(axes: Axes, high: np.ndarray) -> str:
    """Set the horizontal scale by the upper bounds; what to say of it."""
    above = high[high > 0]
    middle = float(np.quantile(above, 0.5, method="lower")) if len(above) else 0.0
    if not high.max() > _FLATTENS * middle > 0:
        axes.xaxis.set_major_locator(MaxNLocator(6))
        return ""
    start = 10.0 ** np.floor(np.log10(middle / _FLATTENS))
    axes.set_xscale("symlog", linthresh=start)
    axes.xaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=start))
    return f" (logarithmic from {grouped(start)} on)"
