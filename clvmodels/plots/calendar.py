"""Money by calendar month, of the customers there are and of those a plan brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from clvmodels.plots.palette import INK, SERIES, label_axes, legend_above, money_label, name_places, new_axes
from clvmodels.value import AcquisitionForecast

if TYPE_CHECKING:
    import pandas as pd


def calendar_frame(plan: AcquisitionForecast, quantity: str = "revenue", level: float = 0.9) -> pd.DataFrame:
    """Existing and new customers and their total, per calendar period.

    Parameters
    ----------
    plan
        An acquisition plan.
    quantity
        ``"revenue"`` or ``"profit"`` (before acquisition cost).
    level
        Of the interval of the total.

    Returns
    -------
    pandas.DataFrame
        label (first day of the period), existing, new, total (means), low, high (of the total).
    """
    import pandas as pd

    plan.total(quantity)  # refuses other quantities
    table = plan.period_table(level)
    return pd.DataFrame(
        {
            "label": [f"{start:%Y-%m-%d}" for start in table["start"]],
            "existing": table[f"existing_{quantity}_mean"],
            "new": table[f"new_{quantity}_mean"],
            "total": table[f"total_{quantity}_mean"],
            "low": table[f"total_{quantity}_low"],
            "high": table[f"total_{quantity}_high"],
        }
    )


def plot_calendar(
    plan: AcquisitionForecast,
    quantity: str = "revenue",
    *,
    level: float = 0.9,
    ax: Axes | None = None,
) -> Axes:
    """Draw `calendar_frame`: means of existing and new customers on top of each other, the total with its band."""
    frame = calendar_frame(plan, quantity, level)
    axes = new_axes() if ax is None else ax
    places = np.arange(1, len(frame) + 1)
    bottom = np.zeros(len(frame))
    for name, colour in (("existing", SERIES[0]), ("new", SERIES[4])):
        axes.bar(
            places,
            frame[name],
            bottom=bottom,
            width=0.8,
            color=colour,
            alpha=0.75,
            label=f"{name.capitalize()} customers, mean",
        )
        bottom = bottom + frame[name].to_numpy()
    axes.fill_between(
        places,
        frame["low"],
        frame["high"],
        color=INK,
        alpha=0.16,
        linewidth=0,
        label=f"{level:.0%} predictive interval of the total".replace("%", " %"),
    )
    axes.plot(places, frame["total"], color=INK, marker="o", markersize=4, linewidth=1.3, label="Total, mean")
    name_places(axes, places.tolist(), frame["label"].tolist())
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    label_axes(axes, "Period, by its first day", money_label(quantity.capitalize(), plan.currency))
    legend_above(axes)
    return axes
