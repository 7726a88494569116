"""What a page is made of. The template knows these blocks and nothing of forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MISSING = "—"


@dataclass(frozen=True)
class Strong:
    """A few words that matter within a sentence."""

    words: str


Sentence = Sequence[str | Strong]


@dataclass(frozen=True)
class Text:
    """A paragraph; `style` is ``plain``, ``lead`` or ``note``."""

    parts: Sentence
    style: str = "plain"
    kind: str = "text"


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    words: str
    kind: str = "heading"


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: Sequence[Sentence]
    kind: str = "bullets"


@dataclass(frozen=True)
class Definitions:
    """Terms and what they stand for."""

    items: Sequence[tuple[str, str]]
    kind: str = "definitions"


@dataclass(frozen=True)
class Source:
    """Text as it is, folded away under a title."""

    title: str
    text: str
    kind: str = "source"


@dataclass(frozen=True)
class Column:
    """Head of a column: a label, a hint below it, and whether it holds numbers, words or sentences."""

    label: str
    hint: str = ""
    is_number: bool = True
    is_prose: bool = False


@dataclass(frozen=True)
class Cell:
    """One entry of a table; the best of a column stands out."""

    text: str
    is_best: bool = False


@dataclass(frozen=True)
class Table:
    """A captioned table; the first cell of each row names it."""

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()
    kind: str = "table"


@dataclass(frozen=True)
class Picture:
    """A captioned figure as inline SVG."""

    key: str
    svg: str
    caption: str
    kind: str = "picture"


@dataclass(frozen=True)
class Pair:
    """Pictures side by side where there is room."""

    pictures: Sequence[Picture]
    kind: str = "pair"


Block = Text | Heading | Bullets | Definitions | Source | Table | Picture | Pair


@dataclass(frozen=True)
class Section:
    """A titled part of the page."""

    key: str
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)


def cells(*texts: str) -> list[Cell]:
    """A row of plain cells."""
    return [Cell(text) for text in texts]
