"""Formulas as MathML, which browsers draw themselves: no script, no font and no image."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx


def draw_inline(writer: Any, node: nodes.Element) -> None:
    """A formula within a line."""
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def draw_block(writer: Any, node: nodes.Element) -> None:
    """A formula of its own, numbered lines and all."""
    writer.body.append(
        writer.starttag(node, "div", CLASS="formula") + convert(node.astext(), display="block") + "</div>\n"
    )
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer to Sphinx."""
    app.add_html_math_renderer("mathml", (draw_inline, None), (draw_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
