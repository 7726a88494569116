"""Run the notebooks: each text in notebooks/ becomes an .ipynb beside it, with what its cells showed.

Nothing that changes from run to run is kept (times, process numbers, hosts), so that a run shows a difference only
where a result differs.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import jupytext
import nbclient
import nbformat

FOLDER = Path(__file__).parents[2] / "notebooks"
SECONDS = 300
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook that a text is, without outputs; its cells are numbered, not named by chance."""
    notebook = jupytext.read(path)
    for place, cell in enumerate(notebook.cells):
        cell.id = f"cell-{place + 1}"
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def merged(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Text that came in several pieces, as chance has it, in one."""
    found: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = found[-1] if found else None
        if last and output.output_type == "stream" == last.output_type and output.name == last.name:
            last.text += output.text
        else:
            found.append(output)
    return found


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook after a run from a clean kernel; an error in a cell is an error here."""
    notebook = read(path)
    os.environ.pop("MPLBACKEND", None)  # the kernel draws into its cells
    nbclient.NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "outputs" in cell:
            cell.outputs = merged(cell.outputs)
        for output in cell.get("outputs", []):
            if "text/plain" in output.get("data", {}):
                output["data"]["text/plain"] = ADDRESS.sub("", output["data"]["text/plain"])
    notebook.metadata = read(path).metadata
    return notebook


def main(names: list[str]) -> None:
    """Run the named notebooks, or all."""
    for path in sorted(FOLDER.glob("*.py")):
        if names and path.stem not in names:
            continue
        started = time.perf_counter()
        nbformat.write(run(path), path.with_suffix(".ipynb"))
        print(f"{path.stem}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
