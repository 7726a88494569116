"""The pictures of the documents: `make drawings` writes them to docs/drawings, the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

import clvmodels as clv
from clvmodels.plots import INK, MUTED, SERIES, new_axes

FOLDER = Path(__file__).parents[1] / "drawings"
BLUE, RED, GREEN = SERIES[:3]
CUSTOMER = 382
"""One who has bought often; most have not."""


def save(axes: Axes, name: str) -> None:
    """Write a figure without anything that changes from run to run."""
    figure = axes.figure
    figure.set_facecolor("white")
    with mpl.rc_context({"svg.hashsalt": "clvmodels", "svg.fonttype": "path"}):
        figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None, "Creator": None})
    print(f"docs/drawings/{name}.svg")


def span(axes: Axes, start: float, end: float, height: float, text: str, colour: str = INK) -> None:
    """A length with arrows at both ends and its name above."""
    axes.annotate(
        "",
        (end, height),
        (start, height),
        arrowprops={"arrowstyle": "<->", "color": colour, "shrinkA": 0, "shrinkB": 0},
    )
    axes.text((start + end) / 2, height + 0.12, text, ha="center", color=colour, fontsize=9)


def bare(width: float, height: float) -> Axes:
    """Axes of which only the lower line is seen."""
    axes = new_axes(width=width, height=height)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    return axes


def four_numbers() -> Axes:
    """Frequency, recency, T and monetary value on the line of one customer."""
    axes = bare(7.2, 2.6)
    purchases, amounts, end = [4, 14, 21, 33], [30, 20, 40, 24], 48
    axes.hlines(0, purchases[0], end, color=MUTED, linewidth=1)
    axes.plot(purchases[0], 0, "o", markersize=11, markerfacecolor="white", color=BLUE)
    axes.plot(purchases[1:], [0, 0, 0], "o", markersize=11, color=BLUE)
    for place, amount in zip(purchases, amounts, strict=True):
        axes.text(place, -0.42, f"${amount}", ha="center", fontsize=9, color=MUTED)
    axes.axvline(end, color=RED, linestyle="--", linewidth=1.2)
    axes.text(end + 0.4, 0.15, "end of\nobservation", color=RED, fontsize=9)
    axes.text(purchases[0], 0.25, "first\npurchase", ha="center", color=MUTED, fontsize=9)
    span(axes, purchases[0], purchases[-1], 1.0, "recency = 29 weeks (age at the last purchase)")
    span(axes, purchases[0], end, 1.65, "T = 44 weeks (age at the end)")
    span(axes, purchases[-1], end, -1.05, "15 weeks of silence", GREEN)
    axes.text(
        16.5, -1.0, "frequency = 3 repeat purchases, monetary_value = $28\n(the first purchase is in neither)",
        ha="center", va="center", fontsize=9, color=BLUE,
    )  # fmt: skip
    axes.set(xlim=(0, 57), ylim=(-1.5, 2.1), xlabel="Week of the log")
    return axes


def same_count() -> Axes:
    """Three customers with as many purchases, and what a model makes of their silence."""
    axes = bare(7.2, 2.4)
    histories = {"A": [2, 4, 6, 8, 10], "B": [2, 11, 20, 29, 38], "C": [2, 24, 28, 34, 40]}
    end = 42
    rfm = clv.RFM.from_arrays(
        frequency=[4, 4, 4],
        recency=[times[-1] - times[0] for times in histories.values()],
        T=[end - 2] * 3,
        time_unit="W",
    )
    model = clv.models.get_purchase_model("pareto_nbd")
    chances = model.p_alive(np.array([0.553, 10.58, 0.606, 11.67]), rfm)
    for row, ((name, times), chance) in enumerate(zip(histories.items(), chances, strict=True)):
        axes.hlines(-row, times[0], end, color=MUTED, linewidth=1)
        axes.plot(times[:1], [-row], "o", markersize=9, markerfacecolor="white", color=BLUE)
        axes.plot(times[1:], [-row] * 4, "o", markersize=9, color=BLUE)
        axes.text(0, -row, name, va="center", fontsize=10)
        axes.text(end + 1, -row, f"P(alive) = {chance:.2f}", va="center", fontsize=10, color=RED)
    axes.axvline(end, color=RED, linestyle="--", linewidth=1.2)
    axes.set(xlim=(-1, 54), ylim=(-2.6, 0.6), xlabel="Week of the log")
    return axes


def one_customer() -> Axes:
    """The value of one customer in the next year: what may happen, and how little the mean says of it."""
    rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")
    fitted = clv.CLVModel("pareto_nbd").fit(rfm, seed=1)
    forecast = fitted.forecast("52W", rfm=rfm.select([CUSTOMER]), draws=4000, seed=1, keep_draws=True)
    draws, mean = forecast.draws[:, 0], float(forecast.columns["clv_mean"][0])
    axes = new_axes(width=7.2, height=3.0)
    share = np.full(len(draws), 100 / len(draws))
    axes.hist(draws, bins=np.arange(0, 1200, 25), weights=share, color=BLUE, alpha=0.75)
    low, high = np.quantile(draws, [0.05, 0.95])
    axes.axvspan(low, high, color=MUTED, alpha=0.13, zorder=0)
    axes.axvline(mean, color=RED, linewidth=1.5)
    top = axes.get_ylim()[1]
    axes.text(mean + 8, top * 0.92, f"mean ${mean:,.0f}", color=RED, fontsize=9)
    interval = f"90 % predictive interval:\n\\${low:,.0f} to \\${high:,.0f}"
    axes.text(high - 8, top * 0.72, interval, ha="right", color=INK, fontsize=9)
    axes.set(
        xlabel=f"Spend of customer {CUSTOMER} in the next 52 weeks ($)", ylabel="Chance (%)", xlim=(0, 1000)
    )
    return axes


def comparison() -> Axes:
    """What customers bought next, against two forecasts, by how often they had bought before."""
    log = clv.load_cdnow("sample")
    forecasters = [clv.CLVModel("pareto_nbd", label="Pareto/NBD"), clv.HistoricalCLV(label="Simple formula")]
    result = clv.backtest(log, forecasters, horizon="39W", origins=["1997-09-30"], draws=500, seed=1)
    axes = new_axes(width=7.2, height=3.0)
    clv.plots.plot_holdout_by_frequency(result, ax=axes)
    return axes


def main() -> None:
    """Draw everything."""
    FOLDER.mkdir(exist_ok=True)
    for draw in (four_numbers, same_count, one_customer, comparison):
        save(draw(), draw.__name__)


if __name__ == "__main__":
    main()
