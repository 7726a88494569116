"""What a Forecast says of the time after the data: the total, and its periods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from clvmodels.errors import check_choice, check_kind, check_real
from clvmodels.plots.palette import (
    INK,
    MUTED,
    SERIES,
    grouped,
    label_axes,
    legend_above,
    money_label,
    name_places,
    new_axes,
)
from clvmodels.prediction import MODEL_ONLY, WITH_MARKET, Forecast, Quantity

if TYPE_CHECKING:
    import pandas as pd


def _quantity(forecast: Forecast, name: str | None) -> Quantity:
    """The quantity of that name; the forecast's `total` by default."""
    check_kind("forecast", forecast, Forecast, "make one with fitted.forecast(horizon)")
    there = {item.name: item for item in (forecast.purchases, forecast.value) if item is not None}
    if name is None:
        return forecast.total
    check_choice("quantity", name, there)
    return there[name]


def total_frame(forecast: Forecast, quantity: str | None = None, bins: int = 40) -> pd.DataFrame:
    """Histogram of the total's joint draws; bars of purchases are whole numbers wide.

    Parameters
    ----------
    forecast
        A forecast.
    quantity
        ``purchases`` or ``value``; by default the value if there is one.
    bins
        About how many bars, from the smallest draw to the largest.

    Returns
    -------
    pandas.DataFrame
        from, to, share (of the draws).
    """
    import pandas as pd

    total = _quantity(forecast, quantity)
    draws = total.draws
    edges = np.histogram_bin_edges(draws, bins=bins if forecast.is_distribution else 1)
    if forecast.is_distribution and total.name == "purchases":
        width = max(1.0, np.ceil(np.ptp(draws) / bins))
        edges = np.arange(draws.min() - 0.5, draws.max() + width, width)
    counts, edges = np.histogram(draws, bins=edges)
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], "share": counts / len(draws)})


def plot_total(
    forecast: Forecast,
    quantity: str | None = None,
    *,
    actual: float | None = None,
    level: float = 0.9,
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw `total_frame` with the central interval shaded and, where it is known, what happened.

    Where the draws hold what moves all customers at once, the interval of the model alone is a darker band within. A
    formula has one draw: its total is a line.
    """
    total = _quantity(forecast, quantity)
    axes = new_axes(height=2.9) if ax is None else ax
    if forecast.is_distribution:
        frame = total_frame(forecast, total.name)
        for band, name, alpha in bands(total):
            low, high = band.interval(level)
            axes.axvspan(low, high, color=MUTED, alpha=alpha, linewidth=0, label=_interval(level, name))
        axes.bar(
            frame["from"],
            frame["share"],
            width=frame["to"] - frame["from"],
            align="edge",
            color=SERIES[0],
            alpha=0.75,
            label="Draws of the total",
        )
    axes.axvline(total.mean, color=INK, linewidth=1.5, label="Mean of the forecast")
    if actual is not None:
        check_real("actual", actual)
        axes.axvline(actual, color=SERIES[1], linewidth=1.8, linestyle=(0, (5, 2)), label="Actual")
    label_axes(axes, f"Total {money_label(total.name, currency)} in the horizon", "Share of draws")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(grouped))
    axes.grid(visible=False, axis="x")
    legend_above(axes)
    return axes


def bands(quantity: Quantity) -> list[tuple[Quantity, str, float]]:
    """What has an interval, its name (empty where there is but one), and how strongly it is shaded; widest first."""
    if quantity.alone is None:
        return [(quantity, "", 0.18)]
    return [(quantity, WITH_MARKET, 0.18), (quantity.alone, MODEL_ONLY, 0.3)]


def _interval(level: float, name: str) -> str:
    """Words for a legend."""
    kind = f"Central {level:.0%} interval".replace("%", " %")
    return f"{kind}, {name}" if name else kind


def periods_frame(forecast: Forecast, quantity: str | None = None, level: float = 0.9) -> pd.DataFrame:
    """Totals of one quantity per period of the horizon.

    Returns
    -------
    pandas.DataFrame
        period, label (first day, or number where there is no calendar), mean and, for a distribution,
        low and high of the central predictive interval; alone_low and alone_high are those of the model alone, where
        the draws hold what moves all customers at once, too.
    """
    import pandas as pd

    name = _quantity(forecast, quantity).name
    table = forecast.period_table(level)
    starts = forecast.horizon.starts
    labels = [f"{start:%Y-%m-%d}" for start in starts] if starts else [str(n) for n in table["period"]]
    columns = {"period": table["period"], "label": labels, "mean": table[f"{name}_mean"]}
    if forecast.is_distribution:
        columns |= {"low": table[f"{name}_low"], "high": table[f"{name}_high"]}
        if f"{name}_alone_low" in table:
            columns |= {f"alone_{end}": table[f"{name}_alone_{end}"] for end in ("low", "high")}
    return pd.DataFrame(columns)


def plot_periods(
    forecast: Forecast,
    quantity: str | None = None,
    *,
    level: float = 0.9,
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw `periods_frame`: mean and central predictive interval of each period's total.

    Where the draws hold what moves all customers at once, the interval of the model alone is a thicker line within.
    """
    name = _quantity(forecast, quantity).name
    frame = periods_frame(forecast, name, level)
    axes = new_axes(height=3.1) if ax is None else ax
    if forecast.is_distribution:
        prefixes = ("", "alone_") if "alone_low" in frame else ("",)
        for prefix, (_, said, _), width in zip(
            prefixes, bands(_quantity(forecast, name)), (2.2, 5.0), strict=False
        ):
            axes.vlines(
                frame["period"],
                frame[f"{prefix}low"],
                frame[f"{prefix}high"],
                color=SERIES[0],
                linewidth=width,
                alpha=0.55,
                label=_interval(level, said),
            )
    axes.plot(
        frame["period"],
        frame["mean"],
        color=SERIES[0],
        linestyle="none",
        marker="o",
        markersize=5,
        label="Mean",
    )
    name_places(axes, frame["period"].tolist(), frame["label"].tolist())
    axes.set_ylim(bottom=0)
    first_day = "Period, by its first day" if forecast.horizon.starts else "Period"
    label_axes(axes, first_day, f"Total {money_label(name, currency)}")
    legend_above(axes)
    return axes
