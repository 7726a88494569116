"""A first configuration: every key with its meaning and default, commented out but for the one that must be given."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from pydantic import BaseModel

from clvmodels.config.reading import Config

_HEAD = """\
Configuration of clvmodels. Keys that are commented out have the value shown, or none.
Paths start at the folder of this file. A variable CLV__SECTION__KEY of the environment replaces a key; secrets
come from the environment only, as env:NAME."""
_WIDTH = 110


def template(source: str = "log.csv") -> str:
    """The text of a commented configuration.

    Parameters
    ----------
    source
        The log to name in it.

    Examples
    --------
    >>> import tomllib
    >>> tomllib.loads(template("sales.csv"))["log"]
    {'source': 'sales.csv'}
    """
    lines = [f"# {line}" for line in _HEAD.splitlines()]
    for name, field in Config.model_fields.items():
        lines += ["", *_comment(field.description or "")]
        if name == "models":
            lines += ["# [[models]]", '# name = "historical"']
            continue
        section: Any = field.annotation
        lines.append(f"[{name}]")
        for key, one in section.model_fields.items():
            lines += _comment(one.description or "", "## ")
            value = _toml(source) if one.is_required() else _toml(one.default)
            shown = f"{one.alias or key} = {value}"
            lines.append(shown if one.is_required() else f"# {shown}")
    return "\n".join(lines) + "\n"


def _comment(text: str, mark: str = "# ") -> list[str]:
    return [mark + line for line in textwrap.wrap(text, _WIDTH - len(mark))]


def _toml(value: Any) -> str:
    """A default as TOML writes it; nothing where there is none, to be filled in."""
    if value is None:
        return ""
    if isinstance(value, BaseModel):
        inner = ", ".join(f"{name} = {_toml(part)}" for name, part in value.model_dump().items())
        return f"{{ {inner} }}"
    return json.dumps(value, ensure_ascii=False)
