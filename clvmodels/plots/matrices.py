"""What a fitted model says of a customer with so many repeat purchases, the last one at such an age."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from clvmodels.contracts import PurchaseModel
from clvmodels.errors import ArgumentError
from clvmodels.inference import Posterior
from clvmodels.plots.draws import check_unit, over_parameters, percent_text, purchase_model, some_draws
from clvmodels.plots.palette import INK, MUTED, grouped, label_axes, legend_above, new_axes, per_cent
from clvmodels.rfm import RFM, check_rfm
from clvmodels.units import UNIT_NAMES, plan_horizon

if TYPE_CHECKING:
    import pandas as pd

_MOST_FREQUENT, _CELLS, _DRAWS = 30, 40, 200
_COLOURS = "cividis"  # Nuñez, Anderton & Renslow (2018): the same to eyes that lack a cone, and grows lighter in grey


def alive_matrix_frame(posterior: Posterior, rfm: RFM, level: float = 0.9) -> pd.DataFrame:
    """P(alive) of customers observed as long as the oldest of `rfm`, by frequency and recency.

    Parameters
    ----------
    posterior
        Fit of a purchase model.
    rfm
        The customers: their largest T is that of every cell, their largest frequency (at most 30) bounds the matrix.
    level
        Of the central posterior interval.

    Returns
    -------
    pandas.DataFrame
        frequency, recency (middle of the cell, in the time unit of `rfm`; 0 where the frequency is 0), T, mean, low,
        high (over at most 200 draws; bounds are missing for a single parameter vector), customers (of `rfm` in the
        cell, whatever their T).

    Raises
    ------
    ArgumentError
        If the fit is of spend or has another time unit, or no customer was observed for any time.
    FitError
        If the fit has failed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow("sample"), observation_end="1997-09-30")
    >>> frame = alive_matrix_frame(clv.fit("bg_nbd", rfm, method="mle"), rfm)
    >>> frame.query("frequency == 7")["mean"].iloc[[0, -1]].round(2).tolist()
    [0.0, 0.91]
    """
    return _matrix_frame(posterior, rfm, level, lambda model, theta, grid: model.p_alive(theta, grid))


def expected_matrix_frame(posterior: Posterior, rfm: RFM, horizon: str, level: float = 0.9) -> pd.DataFrame:
    """Expected purchases within a horizon of the customers of `alive_matrix_frame`.

    Parameters
    ----------
    posterior, rfm, level
        As in `alive_matrix_frame`. The interval is that of the expectation, not of the purchases.
    horizon
        ``"39W"``, ``"12M"``, or the last date of the window.

    Returns
    -------
    pandas.DataFrame
        As `alive_matrix_frame`, in purchases.

    Raises
    ------
    FitError
        If the fit has failed.
    """
    check_rfm(rfm)
    length = float(plan_horizon(horizon, rfm.observed_until, rfm.time_unit).edges[-1])
    return _matrix_frame(
        posterior, rfm, level, lambda model, theta, grid: model.expected_purchases(theta, grid, length)
    )


def _matrix_frame(
    posterior: Posterior,
    rfm: RFM,
    level: float,
    answer: Callable[[PurchaseModel, np.ndarray, RFM], np.ndarray],
) -> pd.DataFrame:
    import pandas as pd

    check_rfm(rfm)
    check_unit(posterior, rfm.time_unit)
    oldest = float(rfm.T.max(initial=0.0))
    if oldest == 0.0:
        raise ArgumentError("no customer was observed for any time, so there is no recency to show")
    most = int(np.clip(rfm.frequency.max(), 1, _MOST_FREQUENT))
    edges = np.linspace(0.0, oldest, _CELLS + 1)
    middle = 0.5 * (edges[:-1] + edges[1:])
    frequency = np.append(0, np.repeat(np.arange(1, most + 1), _CELLS))
    recency = np.append(0.0, np.tile(middle, most))
    grid = RFM.from_arrays(
        frequency=frequency, recency=recency, T=np.full(len(recency), oldest), time_unit=rfm.time_unit
    )
    theta = some_draws(posterior, _DRAWS)[:, :, None]
    values = answer(purchase_model(posterior), theta, grid)
    columns = over_parameters(values, level) | {"customers": _customers(rfm, most, edges)}
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": oldest, **columns})


def _customers(rfm: RFM, most: int, edges: np.ndarray) -> np.ndarray:
    """Customers in each cell: those without repeat purchase, then frequency by frequency."""
    repeat = (rfm.frequency > 0) & (rfm.frequency <= most)
    column = np.clip(np.searchsorted(edges, rfm.recency[repeat], side="left") - 1, 0, _CELLS - 1)
    cell = (rfm.frequency[repeat].astype(int) - 1) * _CELLS + column
    held = np.bincount(cell, weights=rfm.weights[repeat], minlength=most * _CELLS)
    return np.append(rfm.weights[rfm.frequency == 0].sum(), held)


def plot_alive_matrix(posterior: Posterior, rfm: RFM, *, level: float = 0.9, ax: Axes | None = None) -> Axes:
    """Draw `alive_matrix_frame`: colour is the mean, lines are where it is one half.

    Broken lines are where a bound of the posterior interval is one half; dots are cells that hold customers.
    """
    frame = alive_matrix_frame(posterior, rfm, level)
    return _plot_matrix(frame, rfm, "P(alive)", 0.5, per_cent, level, ax)


def plot_expected_matrix(
    posterior: Posterior, rfm: RFM, horizon: str, *, level: float = 0.9, ax: Axes | None = None
) -> Axes:
    """Draw `expected_matrix_frame` as `plot_alive_matrix` does, the lines at a round number of purchases."""
    frame = expected_matrix_frame(posterior, rfm, horizon, level)
    ticks = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(0, frame["mean"].max())
    return _plot_matrix(frame, rfm, f"Expected purchases in {horizon}", float(ticks[1]), grouped, level, ax)


def _plot_matrix(
    frame: pd.DataFrame,
    rfm: RFM,
    what: str,
    line: float,
    number: Callable[..., str],
    level: float,
    ax: Axes | None,
) -> Axes:
    axes = new_axes(height=3.8) if ax is None else ax
    never, cells = frame.iloc[0], frame.iloc[1:]
    most, oldest = int(cells["frequency"].max()), float(never["T"])
    table = {
        name: cells[name].to_numpy().reshape(most, _CELLS) for name in ("recency", "mean", "low", "high")
    }
    picture = np.vstack([np.full((1, _CELLS), never["mean"]), table["mean"]])
    image = axes.imshow(
        picture,
        extent=(0.0, oldest, -0.5, most + 0.5),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap=_COLOURS,
        vmin=0.0,
        vmax=1.0 if number is per_cent else max(float(picture.max()), 1e-9),
    )
    _draw_dots(axes, frame[frame["customers"] > 0])
    text = f"{number(line)}" if number is per_cent else f"{number(line)} purchases"
    _draw_line(axes, table["recency"][0], table["mean"], line, "solid", f"{text}, mean")
    for bound in ("low", "high"):
        label = f"Its {percent_text(level)} posterior interval"
        _draw_line(axes, table["recency"][0], table[bound], line, (0, (4, 2)), label)
    label_axes(axes, f"Recency ({UNIT_NAMES[rfm.time_unit]}; T = {oldest:.4g})", "Repeat purchases")
    axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(visible=False)
    _add_scale(axes, image, number, what)
    legend_above(axes)
    return axes


def _add_scale(axes: Axes, image: AxesImage, number: Callable[..., str], what: str) -> None:
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(number))
    bar.ax.tick_params(colors=MUTED, labelcolor=INK, labelsize=9, length=3)
    bar.set_label(what, color=INK, fontsize=9.5)
    bar.outline.set_visible(False)


def _draw_dots(axes: Axes, held: pd.DataFrame) -> None:
    """A dot in each cell with customers; rasterised, as there may be a thousand."""
    axes.scatter(
        held["recency"],
        held["frequency"],
        s=7.0,
        color=INK,
        edgecolors="white",
        linewidths=0.6,
        rasterized=True,
        label="Cells with customers",
    )


def _draw_line(
    axes: Axes, recency: np.ndarray, table: np.ndarray, line: float, dash: Any, label: str
) -> None:
    """Where a table passes a value, in ink with a white rim: seen on every colour below."""
    if len(table) < 2 or not table.min() < line < table.max():  # bounds of one draw are missing
        return
    rim = [withStroke(linewidth=3.0, foreground="white")]
    frequency = np.arange(1, len(table) + 1)
    axes.contour(recency, frequency, table, [line], colors=INK, linewidths=1.4, linestyles=[dash]).set(
        path_effects=rim
    )
    axes.plot([], [], color=INK, linewidth=1.4, linestyle=dash, label=label)
