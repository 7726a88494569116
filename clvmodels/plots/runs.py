"""Plots of forecasts made again and again: what each said, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from clvmodels.plots.palette import (
    INK,
    SERIES,
    first_upper,
    label_axes,
    legend_above,
    money_label,
    name_places,
    new_axes,
    series_styles,
)

if TYPE_CHECKING:
    import pandas as pd

_ROOM = 1.08  # of the largest value


def run_totals_frame(manifests: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Total of the main horizon in each run, one row per run: as_of, mean, low, high (90 %).

    Parameters
    ----------
    manifests
        Of scheduled runs, by date.
    """
    import pandas as pd

    rows = [{"as_of": one["as_of"], **one["totals"][0]} for one in manifests]
    return pd.DataFrame(rows)[["as_of", "horizon", "quantity", "mean", "low", "high"]]


def plot_run_totals(
    manifests: Sequence[Mapping[str, Any]], *, currency: str = "", ax: Axes | None = None
) -> Axes:
    """Draw `run_totals_frame`: the total of each run with its 90 % predictive interval."""
    frame = run_totals_frame(manifests)
    axes = new_axes() if ax is None else ax
    place = np.arange(len(frame))
    low, high = frame["mean"] - frame["low"], frame["high"] - frame["mean"]
    gaps = np.maximum(np.array([low, high]), 0.0)
    axes.errorbar(
        place, frame["mean"], yerr=gaps, color=SERIES[0], fmt="o-", capsize=3, markersize=4, linewidth=1.2
    )
    _from_nothing(axes, frame["high"].max())
    name_places(axes, place.tolist(), frame["as_of"].tolist())
    quantity = first_upper(money_label(frame["quantity"].iloc[0], currency))
    label_axes(axes, "Date of the run", f"{quantity} within {frame['horizon'].iloc[0]}")
    return axes


def hindsight_frame(rows: Sequence[Mapping[str, Any]], quantity: str) -> pd.DataFrame:
    """Forecasts beside what came, one row per window from a run to the next.

    Parameters
    ----------
    rows
        ``hindsight`` of a run's manifest.
    quantity
        ``value`` or ``purchases``.
    """
    import pandas as pd

    columns = ["as_of", "until", "forecast", "low", "high", "actual"]
    kept = [row for row in rows if row["quantity"] == quantity and row["window"] == "to the next run"]
    return pd.DataFrame(kept, columns=columns)


def plot_hindsight(
    rows: Sequence[Mapping[str, Any]], quantity: str, *, currency: str = "", ax: Axes | None = None
) -> Axes:
    """Draw `hindsight_frame`: the interval that each run gave for the time to the next one, and what came."""
    frame = hindsight_frame(rows, quantity)
    axes = new_axes() if ax is None else ax
    place = np.arange(len(frame))
    gaps = np.maximum(np.array([frame["forecast"] - frame["low"], frame["high"] - frame["forecast"]]), 0.0)
    axes.errorbar(
        place,
        frame["forecast"],
        yerr=gaps,
        fmt="s",
        color=SERIES[0],
        capsize=3,
        markersize=4,
        label="90 % interval",
    )
    axes.plot(place, frame["actual"], "o", color=INK, markersize=5, label="Actual")
    _from_nothing(axes, float(frame[["high", "actual"]].to_numpy().max(initial=0.0)))
    name_places(axes, place.tolist(), frame["as_of"].tolist())
    label_axes(axes, "Date of the run that forecast", first_upper(money_label(quantity, currency)))
    legend_above(axes)
    return axes


def run_groups_frame(manifests: Sequence[Mapping[str, Any]], groups: str) -> pd.DataFrame:
    """Mean value per customer of each group in each run: as_of, group, customers, value_per_customer.

    Parameters
    ----------
    manifests
        Of scheduled runs, by date.
    groups
        ``segments`` or ``cohorts``.
    """
    import pandas as pd

    rows = []
    for one in manifests:
        for group in one[groups]:
            total = group["value"]["mean"] if groups == "segments" else group["value_mean"]
            count = group["customers"]
            name = group["segment" if groups == "segments" else "cohort"]
            each = total / count if count else np.nan
            rows.append(
                {"as_of": one["as_of"], "group": name, "customers": count, "value_per_customer": each}
            )
    return pd.DataFrame(rows)


def plot_run_groups(
    manifests: Sequence[Mapping[str, Any]],
    groups: str,
    *,
    currency: str = "",
    most: int = 6,
    ax: Axes | None = None,
) -> Axes:
    """Draw `run_groups_frame`: a line per group, the newest `most` of them."""
    frame = run_groups_frame(manifests, groups)
    axes = new_axes() if ax is None else ax
    names = list(dict.fromkeys(frame["group"]))
    names = (names if groups == "segments" else sorted(names))[-most:]
    dates = [one["as_of"] for one in manifests]
    for name, style in series_styles(names).items():
        mine = frame[frame["group"] == name].set_index("as_of")["value_per_customer"].reindex(dates)
        axes.plot(
            range(len(dates)),
            mine,
            color=style.colour,
            marker=style.marker,
            linestyle=style.dash,
            markersize=4,
            label=name,
        )
    _from_nothing(axes, frame.loc[frame["group"].isin(names), "value_per_customer"].max())
    name_places(axes, list(range(len(dates))), dates)
    label_axes(axes, "Date of the run", f"{first_upper(money_label('value', currency))} per customer")
    legend_above(axes)
    return axes


def _from_nothing(axes: Axes, highest: float) -> None:
    """A vertical axis from 0 to a little above the highest value."""
    axes.set_ylim(0, _ROOM * highest if np.isfinite(highest) and highest > 0 else 1.0)
