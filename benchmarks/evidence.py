"""The page docs/evidence.md: benchmarks print their blocks and, with --write, put them between their marks."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "evidence.md"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def signed(change: float) -> str:
    """A relative change in per cent."""
    return f"{100 * change:+.2f} %".replace("-", "−")


def publish(name: str, make: Callable[[], Iterable[str]]) -> None:
    """Print the parts of a block as they are made; with --write, replace the block of that name on the page."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--write", action="store_true", help="replace the block of docs/evidence.md")
    options, began, parts = parser.parse_args(), time.process_time(), []
    for part in make():
        print(part, end="\n\n", flush=True)
        parts.append(part)
    print(f"{(time.process_time() - began) / 60:.1f} minutes of processor time")
    if options.write:
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        page = PAGE.read_text(encoding="utf-8")
        block = begin + "\n\n" + "\n\n".join(parts) + "\n\n" + end
        written = re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: block, page, flags=re.S)
        PAGE.write_text(written, encoding="utf-8")
