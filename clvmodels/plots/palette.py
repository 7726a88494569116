"""One look for all figures: the colours, markers and dashes of the series, and the axes they stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba, to_rgba_array
from matplotlib.container import Container
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

INK, MUTED, GRID = "#1c2128", "#5c6570", "#d8dde3"
# Okabe and Ito, "Color universal design" (2008), without black (the actual) and yellow (too pale for lines)
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_DASHES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1, 1.5)))
_FIRST, _LAST = ("Actual", "Perfect foresight"), "90 %"
_MOST_NAMES, _NAMES_PER_INCH = 14, 7.5  # names along an axis, and their letters where they lie flat
_LONGEST_NAME = 18
_LEGEND_LINE = 0.17  # inches
_LETTERS_PER_INCH = 9.5  # of two legend columns side by side, their handles taken off
_LETTERS_OF_ONE = 12.0  # the same of one column


@dataclass(frozen=True)
class SeriesStyle:
    """How one forecaster looks in every figure: colour first, marker and dash for those who see none."""

    colour: str
    marker: str
    dash: Any


def series_styles(models: Sequence[str]) -> dict[str, SeriesStyle]:
    """A style for each forecaster, by its place in the list; colours return after six, with another marker and dash.

    Examples
    --------
    >>> series_styles(["Pareto/NBD", "BG/NBD"])["BG/NBD"].colour
    '#d55e00'
    """
    return {
        model: SeriesStyle(
            SERIES[i % len(SERIES)], _MARKERS[shift % len(_MARKERS)], _DASHES[shift % len(_DASHES)]
        )
        for i, model in enumerate(models)
        for shift in [i + i // len(SERIES)]
    }


class ShownAxes(Axes):
    """Axes of a figure of its own, which a notebook shows as a picture where a cell ends with them."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        cast(Figure, self.figure).savefig(
            buffer, format="png", dpi=100, facecolor="white", metadata={"Software": None}
        )
        return buffer.getvalue()


def new_axes(width: float = 6.4, height: float = 3.4) -> Axes:
    """Axes of a new figure in the house style, on a transparent ground; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
    axes = figure.subplots(subplot_kw={"axes_class": ShownAxes})
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=9, length=3)
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    return axes


def label_axes(axes: Axes, x: str, y: str) -> None:
    """Axis labels, with numbers grouped in thousands along the vertical axis."""
    axes.set_xlabel(x, color=INK, fontsize=9.5)
    axes.set_ylabel(y, color=INK, fontsize=9.5)
    axes.yaxis.set_major_formatter(FuncFormatter(grouped))


def grouped(value: float, _: object = None) -> str:
    """A tick's number with thousands separators and no needless digits.

    Examples
    --------
    >>> grouped(1250000.0), grouped(0.30000000000000004)
    ('1,250,000', '0.3')
    """
    return f"{value:,.10g}".replace("-", "−")


def per_cent(value: float, _: object = None) -> str:
    """A share as a tick in per cent.

    Examples
    --------
    >>> per_cent(0.2)
    '20 %'
    """
    return f"{100 * value:.4g} %"


def legend_above(axes: Axes) -> None:
    """A legend above the axes, where it covers no data; lines first come first, intervals last."""
    handles, names = axes.get_legend_handles_labels()
    there = dict(zip(names, handles, strict=True))
    labels = sorted(there, key=lambda label: (not label.startswith(_FIRST), label.startswith(_LAST)))
    if not labels:
        return
    half = -(-len(labels) // 2)
    needed = sum(max(map(len, column)) for column in (labels[:half], labels[half:] or [""]))
    root = axes.get_figure(root=True)
    inches = root.get_figwidth() if root is not None else 0.0
    columns, longest = (2 if needed <= _LETTERS_PER_INCH * inches else 1), int(_LETTERS_OF_ONE * inches)
    is_house_style = to_rgba(axes.get_facecolor())[3] == 0
    if root is not None and is_house_style and columns == 1:
        root.set_figheight(root.get_figheight() + _LEGEND_LINE * half)
    legend = axes.legend(
        [there[label] for label in labels],
        [label if len(label) <= longest else f"{label[: longest - 1].rstrip()}…" for label in labels],
        loc="lower left",
        bbox_to_anchor=(0, 1.01),
        ncols=columns,
        frameon=False,
        fontsize=9,
        labelcolor=INK if is_house_style else None,
        borderaxespad=0,
        handlelength=2.0,
        handletextpad=0.6,
        columnspacing=1.4,
    )
    for label, handle in zip(labels, legend.legend_handles, strict=True):
        same = [one for one, name in zip(handles, names, strict=True) if name == label]
        is_shared = label.startswith(_LAST) and len(set(map(_colour, same))) > 1
        if is_shared:  # of several series, so of the colour of none
            alpha = to_rgba(handle.get_facecolor())[3] if isinstance(handle, Patch) else 1.0
            cast(Line2D, handle).set_color(to_rgba(MUTED, alpha))


def _colour(handle: Any) -> tuple[float, ...]:
    """The colour of what a legend stands for, be it a line, an area or a container of lines."""
    parts = handle.get_children() if isinstance(handle, Container) else [handle]
    if not parts:  # nothing was there to draw
        return ()
    first: Any = parts[0]
    said = first.get_color() if isinstance(first, Line2D | LineCollection) else first.get_facecolor()
    return tuple(to_rgba_array(said)[0].tolist())


def name_places(axes: Axes, places: Sequence[float], labels: Sequence[str]) -> None:
    """Ticks with names at places, some left out where there are many, slanted where they would meet."""
    step = max(1, -(-len(labels) // _MOST_NAMES))
    shown = list(labels)[::step]
    root = axes.get_figure(root=True)
    slanted = sum(map(len, shown)) > _NAMES_PER_INCH * (root.get_figwidth() if root is not None else 0.0)
    axes.set_xticks(
        list(places)[::step],
        shown,
        rotation=35 if slanted else 0,
        ha="right" if slanted else "center",
        rotation_mode="anchor",
    )


def name_lanes(axes: Axes, places: Sequence[float], names: Sequence[str]) -> None:
    """Names of lanes along the vertical axis, as they are written (no mathematics), long ones cut."""
    axes.set_yticks(list(places), [shortened(name) for name in names])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)


def shortened(name: str) -> str:
    """A name of at most eighteen letters.

    Examples
    --------
    >>> shortened("ann"), shortened("a customer with a long name")
    ('ann', 'a customer with a…')
    """
    flat = " ".join(name.split())
    return flat if len(flat) <= _LONGEST_NAME else f"{flat[: _LONGEST_NAME - 1].rstrip()}…"


def beside(axes: Axes, place: float, text: str) -> None:
    """A short text right of the axes, at a place of the vertical axis."""
    axes.text(1.01, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=INK)


def first_upper(text: str) -> str:
    """The text with a capital at its start.

    Examples
    --------
    >>> first_upper("value (USD)")
    'Value (USD)'
    """
    return text[:1].upper() + text[1:]


def money_label(quantity: str, currency: str) -> str:
    """What an axis counts: purchases, or money with its currency.

    Examples
    --------
    >>> money_label("purchases", "USD"), money_label("spend", "USD"), money_label("value", "")
    ('purchases', 'spend (USD)', 'value')
    """
    return quantity if quantity == "purchases" or not currency else f"{quantity} ({currency})"
