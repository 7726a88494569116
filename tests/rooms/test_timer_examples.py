"""The examples for schedulers are what they claim to be, and call the command line as it is."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
from pathlib import Path

import pytest
import yaml

from clvmodels.cli import app

HERE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "timer"
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(HERE.iterdir())}
CALL = re.compile(r"clvmodels (run|validate|status) ([^\n;|'\"]*(?:\"[^\"]*\"[^\n;|'\"]*)*)")


def options_of(command: str) -> set[str]:
    from typer.main import get_command

    found = get_command(app).commands[command]  # type: ignore[attr-defined]
    return {name for parameter in found.params for name in parameter.opts}


def calls(text: str) -> list[tuple[str, list[str]]]:
    prose = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [(command, re.findall(r"--[a-z-]+", rest)) for command, rest in CALL.findall(prose)]


@pytest.mark.parametrize("name", ["airflow_dag.py", "clvmodels.service", "crontab", "github_actions.yml"])
def test_examples_call_commands_with_options_that_exist(name: str) -> None:
    found = calls(TEXTS[name])
    assert found
    for command, options in found:
        assert "--as-of" in options
        assert set(options) <= options_of(command)


def test_airflow_example_is_python_with_one_task() -> None:
    tree = ast.parse(TEXTS["airflow_dag.py"])
    names = [
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert names.count("DAG") == names.count("BashOperator") == 1
    assert "{{ macros.ds_add(data_interval_end | ds, -1) }}" in TEXTS["airflow_dag.py"]


def test_workflow_runs_the_job_after_installing_it() -> None:
    flow = yaml.safe_load(TEXTS["github_actions.yml"])
    assert flow[True]["schedule"][0]["cron"].count(" ") == 4  # YAML reads the key `on` as a truth value
    steps = flow["jobs"]["forecast"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert "pip install" in commands[0]
    assert "clvmodels run" in commands[1]
    assert all("uses" in step or "run" in step for step in steps)


def test_units_have_the_sections_of_systemd() -> None:
    for name, sections in {
        "clvmodels.service": ["Unit", "Service"],
        "clvmodels.timer": ["Unit", "Timer", "Install"],
    }.items():
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(TEXTS[name])
        assert parser.sections() == sections
    words = shlex.split(re.search(r"ExecStart=(.*)", TEXTS["clvmodels.service"])[1])  # type: ignore[index]
    assert words[:2] == ["/bin/sh", "-c"]
    assert "%%F" in words[2]  # systemd would take a single one for its own


def test_cron_line_has_five_fields_and_escapes_per_cent() -> None:
    [line] = [line for line in TEXTS["crontab"].splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\d*,/-]+", field) for field in line.split()[:5])
    assert not re.search(r"(?<!\\)%", line)


def test_dockerfile_does_not_run_as_root() -> None:
    lines = [
        line.split(maxsplit=1) for line in TEXTS["Dockerfile"].splitlines() if line and line[0] not in "# "
    ]
    words = [word for word, _ in lines]
    assert set(words) <= {"FROM", "RUN", "USER", "WORKDIR", "ENTRYPOINT", "CMD"}
    assert words[0] == "FROM"
    assert ":" in lines[0][1]  # a version, not whatever is newest
    assert dict(lines)["USER"] == "clv"
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert ast.literal_eval(dict(lines)["ENTRYPOINT"]) == ["clvmodels"]
