"""What the pictures of a fit share: some of its draws, the mean and interval over them, and steps of shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, check_kind
from clvmodels.inference import Posterior
from clvmodels.models import PURCHASE_MODELS, SPEND_MODELS
from clvmodels.plots.palette import SERIES, grouped, label_axes, legend_above, per_cent
from clvmodels.prediction import tail_levels
from clvmodels.units import UNIT_NAMES

if TYPE_CHECKING:
    import pandas as pd


def some_draws(posterior: Posterior, most: int) -> np.ndarray:
    """(P, S) draws, evenly spaced and at most so many; a fit of one parameter vector has one.

    Raises
    ------
    FitError
        If the fit has failed.
    """
    posterior.raise_if_failed()
    places = np.linspace(0, len(posterior.draws) - 1, min(most, len(posterior.draws))).astype(int)
    return np.ascontiguousarray(posterior.draws[places].T)


def purchase_model(posterior: Posterior) -> PurchaseModel:
    """The purchase model of a fit.

    Raises
    ------
    ArgumentError
        If it is the fit of a spend model.
    """
    check_kind("posterior", posterior, Posterior, "pass fitted.purchase")
    if posterior.model.name in SPEND_MODELS:
        raise ArgumentError(f"this is the fit of {posterior.model.title}; pass that of a purchase model")
    return cast(PurchaseModel, posterior.model)


def spend_model(posterior: Posterior) -> SpendModel:
    """The spend model of a fit.

    Raises
    ------
    ArgumentError
        If it is the fit of a purchase model.
    """
    check_kind("posterior", posterior, Posterior, "pass fitted.spend")
    if posterior.model.name in PURCHASE_MODELS:
        raise ArgumentError(f"this is the fit of {posterior.model.title}; pass that of a spend model")
    return cast(SpendModel, posterior.model)


def check_unit(posterior: Posterior, unit: str) -> None:
    """Refuse customers whose times are in another unit than those of the fit.

    Raises
    ------
    ArgumentError
        If they are.
    """
    check_kind("posterior", posterior, Posterior, "pass fitted.purchase")
    fitted = posterior.provenance["time_unit"]
    if unit != fitted:
        raise ArgumentError(
            f"the fit measured time in {UNIT_NAMES[fitted]}, these customers in {UNIT_NAMES[unit]}; "
            f"summarise them with time_unit={fitted!r}"
        )


def over_parameters(values: np.ndarray, level: float) -> dict[str, np.ndarray]:
    """Mean, and central interval (missing for a single draw), over the first axis of (S, ...)."""
    bounds = tail_levels(level)
    low, high = np.full((2, *values.shape[1:]), np.nan)
    if len(values) > 1:
        low, high = np.quantile(values, bounds, axis=0)
    return {"mean": values.mean(axis=0), "low": low, "high": high}


def percent_text(level: float) -> str:
    """A level for a legend.

    Examples
    --------
    >>> percent_text(0.9), percent_text(0.975)
    ('90 %', '97.5 %')
    """
    return f"{100 * level:g} %"


def draw_shares(axes: Axes, bars: pd.DataFrame, mean: str, interval: str) -> None:
    """Mean shares of customers as steps, with a band where there are bounds."""
    edges = np.append(bars["from"], bars["to"].iloc[-1])
    if bars["low"].notna().any():
        axes.stairs(
            bars["high"],
            edges,
            baseline=bars["low"],
            fill=True,
            color=SERIES[0],
            alpha=0.35,
            label=interval,
        )
    axes.stairs(bars["mean"], edges, baseline=None, color=SERIES[0], linewidth=1.8, label=mean)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)


def finish_shares(axes: Axes, bars: pd.DataFrame, x: str, customers: str) -> None:
    """Labels, with the width of a bar, and the legend."""
    width = bars["to"].iloc[0] - bars["from"].iloc[0]
    label_axes(axes, x, f"{customers} per {width:.4g}")
    axes.xaxis.set_major_formatter(FuncFormatter(grouped))
    axes.yaxis.set_major_formatter(FuncFormatter(per_cent))
    axes.grid(visible=False, axis="x")
    legend_above(axes)
