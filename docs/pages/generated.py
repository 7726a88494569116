"""Pages written before each build: the reference, from docstrings and the registry, and the tutorials."""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path

from sphinx.application import Sphinx

import clvmodels
from clvmodels.models import PURCHASE_MODELS, REGISTRY

DOCS = Path(__file__).parents[1]
NOTEBOOKS = DOCS.parent / "notebooks"
OF_A_MODEL = {
    "purchase": (
        "loglik", "p_alive", "expected_purchases", "expected_discounted_purchases", "purchase_pmf",
        "sample_purchase_times",
    ),
    "spend": ("loglik", "expected_spend", "median_spend", "sample_spend"),
}  # fmt: skip


def heading(text: str, line: str = "=") -> str:
    """A heading in reStructuredText."""
    return f"{text}\n{line * len(text)}\n\n"


def rooms() -> dict[str, list[str]]:
    """Public names by the room they live in."""
    found: dict[str, list[str]] = {}
    for name, room in sorted(clvmodels._HOME.items()):
        found.setdefault(room, []).append(name)
    for room in clvmodels._ROOMS:
        if room != "models":  # each has a page of its own
            found[room] = [name for name in getattr(clvmodels, room).__all__ if name not in clvmodels._HOME]
    return found


def page_of_room(room: str, names: list[str]) -> str:
    """Everything public of a room."""
    module = __import__(f"clvmodels.{room}", fromlist=["*"])
    first = (inspect.getdoc(module) or "").split("\n\n")[0]
    owner = f"clvmodels.{room}" if room in clvmodels._ROOMS else "clvmodels"
    text = heading(room) + first + "\n\n"
    for name in names:
        thing = getattr(module, name)
        if inspect.isclass(thing):
            text += f".. autoclass:: {owner}.{name}\n   :members:\n\n"
        elif callable(thing):
            text += f".. autofunction:: {owner}.{name}\n\n"
    return text


def page_of_model(name: str) -> str:
    """The story of a model, its parameters and priors, and its formulas."""
    model = REGISTRY[name]
    kind = "purchase" if name in PURCHASE_MODELS else "spend"
    owner = f"{type(model).__module__}.{type(model).__qualname__}"
    first = next(other for other, like in REGISTRY.items() if type(like) is type(model))
    again = "" if name == first else "   :no-index:\n"  # links lead to the first page that tells of a class
    text = heading(model.title)
    text += f'Name in the registry: ``"{name}"``, a {kind} model. It reads {", ".join(model.needs)}.\n\n'
    text += f".. autoclass:: {owner}\n   :no-members:\n{again}\n"
    text += heading("Parameters", "-")
    text += ".. list-table::\n   :header-rows: 1\n   :widths: 10 60 15 15\n\n"
    text += "   * - parameter\n     - meaning\n     - prior median\n     - prior sigma of its log\n"
    for param in model.params:
        unit = {1: " mean ages", -1: " per mean age"}.get(param.time_power, "")
        unit += {1: " mean amounts", -1: " per mean amount"}.get(param.money_power, "")
        text += f"   * - ``{param.name}``\n     - {param.meaning}\n     - {param.prior_median:g}{unit}\n"
        text += f"     - {param.prior_sigma:g}\n"
    text += "\n" + heading("Formulas", "-")
    for method in OF_A_MODEL[kind]:
        text += f".. automethod:: {owner}.{method}\n{again}\n"
    return text


def write_if_new(path: Path, text: str) -> None:
    """Leave a page alone that has not changed, so that a build reads only what is new."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_pages(app: Sphinx) -> None:
    """The reference of every room and model, and the notebooks as tutorials."""
    folder = DOCS / "reference"
    for room, names in rooms().items():
        write_if_new(folder / "api" / f"{room}.rst", page_of_room(room, names))
    for name in REGISTRY:
        write_if_new(folder / "models" / f"{name}.rst", page_of_model(name))
    (DOCS / "tutorials").mkdir(exist_ok=True)
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        shutil.copy2(notebook, DOCS / "tutorials" / notebook.name)


def show_formulas(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Keep the lines of a formula in a docstring's description: an indented block is taken literally."""
    shown: list[str] = []
    above = ""
    for place, line in enumerate(lines):
        below = lines[place + 1] if place + 1 < len(lines) else ""
        if below and set(below) == {"-"} and line:  # a section: what follows is not prose
            shown += lines[place:]
            break
        starts = line.startswith("    ") and shown[-1:] != [line] and not (shown and shown[-1])
        if (
            starts
            and above
            and not above.startswith((" ", "..", "-", "*", ">>>"))
            and not above[:1].isdigit()
        ):
            shown += ["::", ""]
        shown.append(line)
        above = line or above
    lines[:] = shown


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages once the builder is known."""
    app.connect("autodoc-process-docstring", show_formulas, priority=400)  # before the sections are read
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
