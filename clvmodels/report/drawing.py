"""Axes → inline SVG: the same bytes every time, unique ids, colours that follow light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.axes import Axes

from clvmodels.plots import GRID, INK, MUTED, SERIES, new_axes
from clvmodels.report.blocks import Picture

WIDE, TALL, HALF = (6.4, 3.4), (6.4, 3.8), (4.6, 2.9)
_OWN_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "clvmodels",
    "text.parse_math": False,
    "text.usetex": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "path.simplify": True,
    "axes.formatter.use_locale": False,
    "axes.unicode_minus": True,
}
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    **{colour: f"var(--series-{i + 1})" for i, colour in enumerate(SERIES)},
}
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def picture(
    key: str,
    draw: Callable[..., Axes],
    *,
    title: str,
    description: str,
    caption: str,
    size: tuple[float, float] = WIDE,
) -> Picture:
    """Draw in the page's own settings, whatever the reader's matplotlibrc says.

    Parameters
    ----------
    key
        Unique on the page; prefix of every id in the figure.
    draw
        Draws on the axes it is given as ``ax``.
    title, description
        What a screen reader says instead of the figure.
    caption
        The text below it.
    size
        Width and height in inches.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_OWN_SETTINGS)
        axes = new_axes(*size)
        draw(ax=axes)
        figure = axes.get_figure(root=True)
        buffer = io.BytesIO()
        if figure is not None:
            figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Picture(key, inline_svg(buffer.getvalue(), key, title, description), caption)


def inline_svg(document: bytes, key: str, title: str, description: str) -> str:
    """An SVG document as an element of an HTML page, named for screen readers.

    Namespaces, metadata and style sheets go; ids that nothing refers to go, the others are prefixed;
    the palette becomes variables of the page's style.
    """
    root = ET.fromstring(document)
    _drop(root, {"metadata", "style"})
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {
            _local(name): _with_variables(value)
            for name, value in element.attrib.items()
            if "XML/1998" not in name
        }
    used = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        _rename(element, used, key)
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-labelledby": f"{key}-title {key}-desc",
    }
    for position, (tag, text) in enumerate({"title": title, "desc": description}.items()):
        label = ET.Element(tag, {"id": f"{key}-{tag}"})
        label.text = text
        root.insert(position, label)
    return ET.tostring(root, encoding="unicode")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _drop(element: ET.Element, tags: set[str]) -> None:
    for child in list(element):
        if _local(child.tag) in tags:
            element.remove(child)
        else:
            _drop(child, tags)


def _with_variables(value: str) -> str:
    return _COLOUR.sub(lambda match: _VARIABLES.get(match[0], match[0]), value)


def _references(element: ET.Element) -> set[str]:
    named = {name for value in element.attrib.values() for name in _REFERENCE.findall(value)}
    href = element.attrib.get("href", "")
    return named | ({href[1:]} if href.startswith("#") else set())


def _rename(element: ET.Element, used: set[str], key: str) -> None:
    identity = element.attrib.pop("id", None)
    for name, value in element.attrib.items():
        renamed = _REFERENCE.sub(rf"url(#{key}-\1)", value)
        if name == "href" and value.startswith("#"):
            renamed = f"#{key}-{value[1:]}"
        element.attrib[name] = renamed
    if identity in used:
        element.attrib["id"] = f"{key}-{identity}"
