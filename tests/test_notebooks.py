"""The notebooks tell stories that run: from a clean kernel, no function of their own, paired with their outputs."""

from __future__ import annotations

import ast
from pathlib import Path

import jupytext
import nbformat
import pytest
from pages import notebooks

TEXTS = sorted(notebooks.FOLDER.glob("*.py"))


def code(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def kinds(notebook: nbformat.NotebookNode) -> list[list[tuple[str, ...]]]:
    """What each code cell showed: text, a picture, a table."""
    return [
        [(output.output_type, *sorted(output.get("data", {}))) for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def complaints(notebook: nbformat.NotebookNode) -> list[str]:
    """What is wrong with how a notebook is written."""
    first, last = notebook.cells[0].source, notebook.cells[-1].source
    found = [] if "**Question.**" in first else ["begins with no question"]
    found += [] if "**Decision.**" in last else ["ends with no decision"]
    tree = ast.parse(code(notebook))
    own = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda)]
    return found + [f"line {node.lineno} defines a function" for node in own]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_notebook_runs_and_shows_what_is_stored(path: Path) -> None:
    stored = nbformat.read(path.with_suffix(".ipynb"), 4)
    fresh = notebooks.run(path)
    assert [cell.source for cell in stored.cells] == [cell.source for cell in fresh.cells], "make notebooks"
    assert kinds(stored) == kinds(fresh)
    assert stored.metadata == fresh.metadata


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_notebook_asks_answers_and_defines_nothing(path: Path) -> None:
    assert not complaints(notebooks.read(path))


def test_every_text_has_its_notebook() -> None:
    assert TEXTS
    assert {path.stem for path in TEXTS} == {path.stem for path in notebooks.FOLDER.glob("*.ipynb")}


def test_checker_sees_planted_mistakes() -> None:
    planted = jupytext.reads(
        "# %% [markdown]\n# A title\n\n# %%\nf = lambda x: x\n\n\ndef g():\n    pass\n", "py:percent"
    )
    assert len(complaints(planted)) == 4
