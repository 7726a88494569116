"""Lives of chosen customers: when they bought, and what the model thought of them from day to day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import Locator

from clvmodels.inference import Posterior
from clvmodels.plots.draws import check_unit, over_parameters, percent_text, purchase_model, some_draws
from clvmodels.plots.palette import (
    GRID,
    INK,
    MUTED,
    SERIES,
    beside,
    label_axes,
    legend_above,
    name_lanes,
    new_axes,
)
from clvmodels.plots.selection import places_of
from clvmodels.rfm import RFM
from clvmodels.transactions import Holdout
from clvmodels.units import unit_days

if TYPE_CHECKING:
    import pandas as pd

_DRAWS, _POINTS = 200, 160
_HEIGHT = 0.72  # of a path in its lane


def timelines_frame(
    posterior: Posterior, holdout: Holdout, customers: Sequence[object], level: float = 0.9
) -> pd.DataFrame:
    """P(alive) of chosen customers on every day, given what was known of them by then.

    A path falls between purchases and jumps at each. After the cutoff it goes on with the purchases of the holdout,
    the parameters being those of the fit.

    Parameters
    ----------
    posterior
        Fit of a purchase model.
    holdout
        The customers' purchases, from `calibration_holdout` with the time unit of the fit.
    customers
        Their ids, in the order wanted; at least one.
    level
        Of the central posterior interval.

    Returns
    -------
    pandas.DataFrame
        customer_id, time (since the cutoff, in the unit of the fit), date (end of the purchase's period), is_purchase,
        is_holdout, frequency, recency, T (as of that date), mean, low, high (over at most 200 draws; bounds are
        missing for a single parameter vector). Two rows stand at the time of a repeat purchase, without and with it.

    Raises
    ------
    ArgumentError
        If no customer is named, or the fit is of spend or has another time unit.
    DataError
        If a customer was not known at the cutoff, or is named twice.
    FitError
        If the fit has failed.
    """
    import pandas as pd

    check_unit(posterior, holdout.time_unit)
    places = places_of(holdout.customer_id, customers, "the calibration")
    parts = [_history(_times(holdout, place), holdout.length) for place in places]
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rfm = RFM.from_arrays(
        frequency=table["frequency"], recency=table["recency"], T=table["T"], time_unit=holdout.time_unit
    )
    theta = some_draws(posterior, _DRAWS)[:, :, None]
    values = purchase_model(posterior).p_alive(theta, rfm)
    days = table["time"] * unit_days(holdout.time_unit)
    columns = {
        "customer_id": np.repeat(holdout.customer_id[places], [len(part["time"]) for part in parts]),
        "time": table["time"],
        "date": [holdout.start + timedelta(days=day) for day in days.tolist()],
        "is_purchase": table["is_purchase"],
        "is_holdout": table["time"] > 0,
        "frequency": rfm.frequency,
        "recency": rfm.recency,
        "T": rfm.T,
        **over_parameters(values, level),
    }
    return pd.DataFrame(columns)


def _times(holdout: Holdout, place: int) -> np.ndarray:
    """Times of one customer's purchases since the cutoff; rows that bring only money are none."""
    found = [
        events.time[(events.customer == place) & (events.purchases > 0)]
        for events in (holdout.before, holdout.after)
    ]
    return np.concatenate(found)


def _history(bought: np.ndarray, end: float) -> dict[str, np.ndarray]:
    """The summary of one customer at many times, from purchase to purchase and to the end."""
    first, whole = bought[0], end - bought[0]
    times, count, last = [], [], []
    for k, (start, stop) in enumerate(pairwise(np.append(bought, end))):
        points = 2 + int(_POINTS * (stop - start) / whole)
        times.append(np.linspace(start, stop, points))
        count.append(np.full(points, float(k)))
        last.append(np.full(points, start - first))
    time = np.concatenate(times)
    is_purchase = np.concatenate([np.arange(len(part)) == 0 for part in times])
    age, recency = time - first, np.concatenate(last)
    return {
        "time": time,
        "is_purchase": is_purchase,
        "frequency": np.concatenate(count),
        "recency": recency,
        "T": np.maximum(age, recency),
    }


def plot_timelines(
    posterior: Posterior,
    holdout: Holdout,
    customers: Sequence[object],
    *,
    level: float = 0.9,
    ax: Axes | None = None,
) -> Axes:
    """Draw `timelines_frame`: a lane for each customer, purchases as ticks below the path of P(alive)."""
    frame = timelines_frame(posterior, holdout, customers, level)
    ids = list(dict.fromkeys(frame["customer_id"]))
    axes = new_axes(height=1.3 + 0.62 * len(ids)) if ax is None else ax
    lanes = np.arange(len(ids))[::-1].astype(float)
    for lane, identity in zip(lanes, ids, strict=True):
        _draw_life(axes, frame[frame["customer_id"] == identity], lane, level)
    axes.axvline(
        holdout.start,  # type: ignore[arg-type]  # axes of dates take datetimes
        color=MUTED,
        linewidth=1,
        linestyle=(0, (3, 3)),
        label="End of calibration",
    )
    label_axes(axes, "Date", "Customer")
    name_lanes(axes, (lanes + 0.5 * _HEIGHT).tolist(), [f"{identity}" for identity in ids])
    axes.set_ylim(-0.3, len(ids) - 0.1)
    locator: Locator = AutoDateLocator(maxticks=7)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.margins(x=0.01)
    axes.grid(visible=False)
    legend_above(axes)
    return axes


def _draw_life(axes: Axes, life: pd.DataFrame, lane: float, level: float) -> None:
    path = {name: lane + _HEIGHT * life[name] for name in ("mean", "low", "high")}
    dates, bought = life["date"], life.loc[life["is_purchase"], "date"]
    for share in (0, 1):
        axes.axhline(lane + _HEIGHT * share, color=GRID, linewidth=0.7)
        beside(axes, lane + _HEIGHT * share, f"{100 * share} %")
    if life["low"].notna().any():
        axes.fill_between(
            dates,
            path["low"],
            path["high"],
            color=SERIES[0],
            alpha=0.3,
            linewidth=0,
            label=f"{percent_text(level)} posterior interval",
        )
    axes.plot(dates, path["mean"], color=SERIES[0], linewidth=1.6, label="P(alive), mean")
    axes.vlines(bought, lane - 0.2, lane - 0.04, color=INK, linewidth=1.2, label="Purchase")
