"""Sections of a report as text: the same words and numbers, without the pictures."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from clvmodels.cli.show import WIDTH, filled, text_table

if TYPE_CHECKING:
    from clvmodels.report import Section, Table

NARROWEST = 20
"""Letters that the first column of a table is left with at least."""


def section_text(section: Section) -> str:
    """A section within the width of a terminal.

    Examples
    --------
    >>> from clvmodels.report import Column, Heading, Section, Table, cells
    >>> columns = [Column("Channel", is_number=False), Column("CAC"), Column("Do", is_number=False)]
    >>> table = Table("key", "Channels", columns, [cells("post", "12 EUR", "keep")])
    >>> print(section_text(Section("key", "To do", [Heading("Pay"), table])))
    TO DO
    <BLANKLINE>
    PAY
    Channels
    Channel     CAC
    post     12 EUR
      keep
    """
    from clvmodels.report import Bullets, Definitions, Heading, Table, Text

    lines = [section.title.upper()]
    for block in section.blocks:
        if isinstance(block, Heading):
            lines += ["", block.words.upper()]
        elif isinstance(block, Text):
            lines.append(filled(block.parts))
        elif isinstance(block, Bullets):
            lines += [filled(item, "- ") for item in block.items]
        elif isinstance(block, Definitions):
            lines += [filled([f"{term}: {meaning}"], "- ") for term, meaning in block.items]
        elif isinstance(block, Table):
            lines.append(_table_text(block))
    return "\n".join(lines)


def _table_text(table: Table) -> str:
    """Caption, numbers in columns (lying where they would not fit), words below their row, notes."""
    numbers = [i for i, column in enumerate(table.columns) if column.is_number]
    words = [i for i, column in enumerate(table.columns) if not column.is_number and i > 0]
    head = [table.columns[0].label, *(table.columns[i].label for i in numbers)]
    hints = ["", *(table.columns[i].hint for i in numbers)]
    rows = [[row[0].text, *(row[i].text for i in numbers)] for row in table.rows]
    if _width(head, hints, *rows) > WIDTH:
        labels = [", ".join(filter(None, both)) for both in zip(head, hints, strict=True)]
        head, *rows = [list(column) for column in zip(labels, *rows, strict=True)]
        return "\n".join([*_wrapped(table.caption), _lying(head, rows), *_notes(table)])
    above = [hints] if any(hints) else []
    lines = text_table(head, above + rows).splitlines() if not words else []
    if words:
        said = [[row[i].text for i in words] for row in table.rows]
        plain = text_table(head, above + rows, width=10 * WIDTH).splitlines()  # a line for each row
        for line, more in zip(plain, [[] for _ in range(1 + len(above))] + said, strict=True):
            lines += [
                line,
                *(textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ") for text in more),
            ]
    return "\n".join([*_wrapped(table.caption), *lines, *_notes(table)])


def _lying(head: list[str], rows: list[list[str]]) -> str:
    """A table with what used to be rows as columns, in parts where they are many."""
    widths = [2 + max(map(len, column)) for column in zip(head, *rows, strict=True)]
    parts: list[list[int]] = []
    room = 0
    for i, width in enumerate(widths[1:], 1):
        if width > room:
            parts.append([])
            room = WIDTH - min(widths[0], WIDTH // 2)
        parts[-1].append(i)
        room -= width
    cut = [[[row[i] for i in (0, *taken)] for row in (head, *rows)] for taken in parts]
    return "\n\n".join(text_table(part[0], part[1:]) for part in cut)


def _width(*rows: list[str]) -> int:
    """Width of a table whose first column is wrapped."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return min(first, NARROWEST) + sum(2 + width for width in others)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _notes(table: Table) -> list[str]:
    return [line for note in table.notes for line in _wrapped(note)]
