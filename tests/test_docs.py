"""The documents tell the truth: their Python runs, and the commands they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"^(?P<fence>```+)(?P<language>[\w-]+)[^\n]*\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.M | re.S
)
SHELL = {"bash", "console", "sh", "shell"}


def blocks(text: str, languages: set[str]) -> list[tuple[int, str]]:
    """Line number of the first line and body of each fenced block in one of the languages."""
    return [
        (text.count("\n", 0, match.start("body")) + 1, match["body"])
        for match in BLOCK.finditer(text)
        if match["language"] in languages
    ]


def run_python(text: str, filename: str) -> dict[str, object]:
    """Run the Python blocks of a document in order, in one namespace; tracebacks show its lines."""
    namespace: dict[str, object] = {"__name__": "document"}
    for line, body in blocks(text, {"python"}):
        exec(compile("\n" * (line - 1) + body, filename, "exec"), namespace)
    return namespace


def make_targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*):", makefile, re.M))


def make_calls(text: str) -> set[str]:
    """Targets that the shell blocks of a document call with ``make``."""
    called: set[str] = set()
    for _, body in blocks(text, SHELL):
        for words in re.findall(r"^\s*(?:\$\s*)?(?:\w+=\S+\s+)*make\b([^#;&|\n]*)", body, re.M):
            called.update(word for word in words.split() if "=" not in word and not word.startswith("-"))
    return called


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_of_document_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_python(document.read_text(encoding="utf-8"), str(document))


def test_readme_shows_python() -> None:
    assert blocks(README.read_text(encoding="utf-8"), {"python"}), "README.md has no python block"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_of_document_exist(document: Path) -> None:
    targets = make_targets((ROOT / "Makefile").read_text(encoding="utf-8"))
    assert targets >= {"demo", "test", "check", "help"}
    assert make_calls(document.read_text(encoding="utf-8")) <= targets


def test_blocks_share_a_namespace_in_order() -> None:
    assert run_python("```python\na = 1\n```\n\ntext\n\n```python\nb = a + 1\n```\n", "planted.md")["b"] == 2


def test_runner_sees_a_planted_mistake_at_its_line() -> None:
    with pytest.raises(ZeroDivisionError) as failure:
        run_python("# Title\n\n```python\na = 0\n1 / a\n```\n", "planted.md")
    assert failure.traceback[-1].lineno == 4  # counted from 0


def test_only_fenced_python_counts_as_python() -> None:
    assert not blocks("```text\npython\n```\n\n`python`\n", {"python"})


def test_make_check_sees_a_planted_target() -> None:
    text = "```console\n$ make check test  # both\n$ VENV=x make -j2 nowhere PYTHON=python3\n```\n\n`make elsewhere`\n"
    assert make_calls(text) == {"check", "test", "nowhere"}
    assert "nowhere" not in make_targets((ROOT / "Makefile").read_text(encoding="utf-8"))
