"""Report: one self-contained HTML file that a sceptical reader can check.

`blocks` says what a page is made of; `verdict`, then a module for each question (`total`, `ranking`, `customer`,
`formula`, `suspects`), `future` and `portrait` turn nouns into blocks; `drawing` turns plots into inline SVG; `writer`
puts the page together and saves it.
`action` (with `action_acquiring`, `action_comparing` and `action_words`) says what to do with a forecast, `refunds`
what of it may come back.
A section of your own is a `Section` of these blocks, given to `write_report`; `picture` draws a plot for it.
"""

from clvmodels.report.action import action_section
from clvmodels.report.blocks import (
    Bullets,
    Cell,
    Column,
    Definitions,
    Heading,
    Pair,
    Picture,
    Section,
    Strong,
    Table,
    Text,
    cells,
)
from clvmodels.report.drawing import picture
from clvmodels.report.refunds import refunds_section
from clvmodels.report.writer import write_report, write_sections

__all__ = [
    "Bullets",
    "Cell",
    "Column",
    "Definitions",
    "Heading",
    "Pair",
    "Picture",
    "Section",
    "Strong",
    "Table",
    "Text",
    "action_section",
    "cells",
    "picture",
    "refunds_section",
    "write_report",
    "write_sections",
]
