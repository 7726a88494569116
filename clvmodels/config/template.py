"""A first configuration: every key with its meaning and default, commented out but for the one that must be given."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from pydantic import BaseModel

from clvmodels.config.reading import Config
from clvmodels.config.sections import Contender

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
            lines += _contenders()
            continue
        section: Any = field.annotation
        lines.append(f"[{name}]")
        for key, one in section.model_fields.items():
            lines += _comment(one.description or "", "## ")
            value = _toml(source) if one.is_required() else _toml(one.default)
            shown = f"{one.alias or key} = {value}"
            lines.append(shown if one.is_required() else f"# {shown}")
    return "\n".join(lines) + "\n"


def _contenders() -> list[str]:
    """Every name that can take part with what it is, and every key with the names that take it."""
    from clvmodels.contenders import CONTENDERS

    lines = [f"# {name}: {one.about}" for name, one in CONTENDERS.items()]
    for key, field in Contender.model_fields.items():
        takers = [name for name, one in CONTENDERS.items() if key in one.options]
        whose = f" (of {', '.join(takers)})" if len(takers) < len(CONTENDERS) and takers else ""
        lines += _comment(f"{key}: {field.description}{whose}", "## ")
    return [*lines, "# [[models]]", '# name = "auto"', "# [[models]]", '# name = "historical"']


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
