"""How a noun looks in a notebook: a title, what must be read with it, a small table, and where it comes from.

Stands on the lowest floor, so that every noun can have its card without knowing the report. The markup is plain
(no script, no style sheet), and everything that comes from data is escaped.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import pandas as pd

SHOWN_ROWS = 5
MISSING = "–"
HEADINGS = {
    "customer_id": "customer_id",
    "p_alive": "P(alive)",
    "p_purchase": "P(buys in the horizon)",
    "expected_purchases": "expected purchases",
    "clv_mean": "CLV mean",
    "clv_q05": "CLV q05",
    "clv_q95": "CLV q95",
}
"""Columns of a forecast that its card shows, and what they are called there."""
UNFIT = frozenset({"window", "currency", "interval", "caution", "fits", "channels"})
"""Facts of a table that its card tells elsewhere, or that are records of their own."""


def card(
    title: str,
    lines: Iterable[str] = (),
    tables: Iterable[str] = (),
    provenance: Mapping[str, object] | None = None,
) -> str:
    """A noun as HTML.

    Parameters
    ----------
    title
        What it is.
    lines
        What must be read with the numbers: units, interval level, status.
    tables
        From `table`.
    provenance
        Folded away until a person asks.

    Examples
    --------
    >>> card("Fit <1>", ["converged"], provenance={"seed": 1})
    '<div><b>Fit &lt;1&gt;</b><br>converged<details><summary>provenance</summary>seed: 1</details></div>'
    """
    parts = ["<b>" + html.escape(title) + "</b>"]
    parts += ["<br>" + html.escape(line) for line in lines]
    parts += tables
    if provenance:
        facts = "<br>".join(html.escape(f"{name}: {text(value)}") for name, value in provenance.items())
        parts.append(f"<details><summary>provenance</summary>{facts}</details>")
    return f"<div>{''.join(parts)}</div>"


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, of: int | None = None) -> str:
    """Rows as HTML, as notebooks style tables; `of` tells how many there are where only the first are given.

    Examples
    --------
    >>> table(["id"], [["<b>"]], of=2000)
    '<table class="dataframe"><thead><tr><th>id</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>1 of 2,000 rows'
    """  # noqa: E501
    top = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(text(value))}</td>" for value in row) + "</tr>" for row in rows
    )
    made = f'<table class="dataframe"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return made if of is None or of <= len(rows) else f"{made}{len(rows):,} of {of:,} rows"


def first_rows(columns: Mapping[str, Any], headings: Mapping[str, str] = HEADINGS) -> str:
    """The first rows of columns that there are among `headings` (column name: heading), with their number.

    Examples
    --------
    >>> first_rows({"a": [1.0, 2.0]}, {"a": "a (weeks)", "b": "b"}) == table(["a (weeks)"], [[1.0], [2.0]])
    True
    """
    found = [name for name in headings if name in columns]
    rows = [[columns[name][i] for name in found] for i in range(min(SHOWN_ROWS, len(columns[found[0]])))]
    return table([headings[name] for name in found], rows, of=len(columns[found[0]]))


def shown[Noun: type](by: str, *, rows: int = 12) -> Callable[[Noun], Noun]:
    """Let a class show itself by one of its tables: as a card in a notebook, and in a line elsewhere.

    Units, interval and provenance are what the table carries in its `attrs`; `rows` of it are shown. `by` is the
    name of the table, or of the method that makes it.

    Examples
    --------
    >>> import pandas as pd
    >>> class Sale:
    ...     table = pd.DataFrame({"mean": [3.0]}, index=pd.Index(["profit"], name="flow"))
    >>> Sale.table.attrs = {"currency": "$", "interval": "none: a formula"}
    >>> sale = shown("table")(Sale)()
    >>> sale
    Sale(1 row; money in $; interval: none: a formula)
    >>> "<td>profit</td><td>3</td>" in sale._repr_html_()
    True
    """

    def decorate(noun: Noun) -> Noun:
        def line(self: object) -> str:
            frame = _found(self, by)
            size = f"{len(frame):,} row{'s' if len(frame) != 1 else ''}"
            return f"{noun.__name__}({'; '.join([size, *_facts(frame)])})"

        def page(self: object) -> str:
            frame = _found(self, by)
            facts = {str(name): value for name, value in frame.attrs.items() if name not in UNFIT}
            return card(_words(noun.__name__), _facts(frame), [_frame(frame, rows)], facts)

        for name, method in {"__repr__": line, "_repr_html_": page}.items():
            setattr(noun, name, method)
        return noun

    return decorate


def _found(noun: object, name: str) -> pd.DataFrame:
    found: Any = getattr(noun, name)
    return cast("pd.DataFrame", found() if callable(found) else found)


def _facts(frame: pd.DataFrame) -> list[str]:
    """What must be read with the numbers of a table: window, unit of the money, kind and level of interval."""
    said = {"window": "{}", "currency": "money in {}", "interval": "interval: {}", "caution": "{}"}
    return [words.format(frame.attrs[name]) for name, words in said.items() if name in frame.attrs]


def _frame(frame: pd.DataFrame, rows: int) -> str:
    """The first rows, the index as columns where it has names."""
    flat = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    cells = flat.head(rows).itertuples(index=False, name=None)
    return table([str(name) for name in flat.columns], list(cells), of=len(flat))


def _words(name: str) -> str:
    """The name of a class in words.

    Examples
    --------
    >>> _words("NewCustomerValue")
    'New customer value'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def text(value: object) -> str:
    """A value in a cell: four digits of a number, the date of a midnight, mappings and lists in words.

    Examples
    --------
    >>> text(1234567), text(0.123456), text(1234.5), text(float("nan")), text(datetime(2026, 1, 2))
    ('1,234,567', '0.1235', '1,234', '–', '2026-01-02')
    >>> text({"numpy": "2.5", "draws": 1000}), text([0.05, 0.95]), text(None)
    ('numpy 2.5, draws 1,000', '0.05, 0.95', '–')
    """
    if value is None:
        return MISSING
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value))
    if isinstance(value, datetime) and value.time().isoformat() == "00:00:00":
        return value.date().isoformat()
    if isinstance(value, str | bool | date):
        return str(value)
    return _number(value)


def _number(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if math.isnan(number):
        return MISSING
    if not math.isfinite(number) or number == round(number):
        return f"{number:,.0f}"
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"
