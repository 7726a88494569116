"""A map of the customers: who will buy again, and what they are worth if they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.ticker import FuncFormatter, SymmetricalLogLocator

from clvmodels.plots.palette import (
    INK,
    MUTED,
    grouped,
    label_axes,
    legend_above,
    money_label,
    new_axes,
    per_cent,
    series_styles,
)
from clvmodels.value import Segmentation

if TYPE_CHECKING:
    import pandas as pd


def segment_map_frame(segmentation: Segmentation) -> pd.DataFrame:
    """Where every customer stands.

    Returns
    -------
    pandas.DataFrame
        customer_id, segment, p_buys (within the horizon), worth_if_buying, and p_segment, the chance of the label.
    """
    import pandas as pd

    names = segmentation.rules.names
    place = np.array([names.index(label) for label in segmentation.labels])
    return pd.DataFrame(
        {
            "customer_id": segmentation.rfm.customer_id,
            "segment": segmentation.labels,
            "p_buys": segmentation.p_buys,
            "worth_if_buying": segmentation.worth,
            "p_segment": segmentation.chances[np.arange(len(place)), place],
        }
    )


def plot_segment_map(segmentation: Segmentation, *, ax: Axes | None = None) -> Axes:
    """Draw `segment_map_frame`: a point per customer, the fainter the less sure the label; tiers begin at the lines.

    Worth is on a scale that is even up to the first tier's end and logarithmic above.
    """
    frame = segment_map_frame(segmentation)
    table = segmentation.table.set_index("segment")
    counts, shares = table["customers"].to_dict(), table["share_of_value"].to_dict()
    axes = new_axes(height=4.0) if ax is None else ax
    axes.set_yscale("symlog", linthresh=segmentation.thresholds[0], linscale=1.0)
    for name, style in series_styles(segmentation.rules.names).items():
        part = frame[frame["segment"] == name]
        sure = part["p_segment"].to_numpy()
        axes.scatter(
            part["p_buys"],
            part["worth_if_buying"],
            s=14,
            color=[to_rgba(style.colour, 0.15 + 0.6 * chance) for chance in sure],
            marker=style.marker,
            linewidths=0,
            rasterized=True,
        )
        count, share = counts[name], shares[name]
        noun = "customer" if count == 1 else "customers"
        label = f"{name}: {count:,} {noun}, {share:.0%} of value".replace("%", " %")
        axes.scatter([], [], s=28, color=style.colour, marker=style.marker, label=label)
    for bound in segmentation.thresholds:
        axes.axhline(bound, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.axvline(segmentation.rules.at_risk, color=MUTED, linewidth=0.8)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(bottom=-0.03 * segmentation.thresholds[0])
    worth = (
        "Purchases" if segmentation.forecast.value is None else money_label("Worth", segmentation.currency)
    )
    label_axes(axes, f"Chance to buy within {segmentation.forecast.horizon.text}", f"{worth} if they buy")
    axes.xaxis.set_major_formatter(FuncFormatter(per_cent))
    axes.yaxis.set_major_locator(
        SymmetricalLogLocator(base=10, linthresh=segmentation.thresholds[0], subs=[1, 2, 5])
    )
    axes.yaxis.set_major_formatter(FuncFormatter(grouped))
    legend_above(axes)
    return axes
