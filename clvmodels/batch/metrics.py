"""Metrics of a run in the text format of Prometheus, for a collector of text files to pick up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from clvmodels.batch.outcome import Outcome
from clvmodels.errors import ArgumentError
from clvmodels.io import replacing
from clvmodels.units import as_datetime

_HELP = {
    "clvmodels_run_exit_code": "Exit code of the last run.",
    "clvmodels_run_as_of_seconds": "Date of the last run, in seconds since 1970.",
    "clvmodels_run_customers": "Customers forecast by the last run.",
    "clvmodels_stage_seconds": "Duration of a stage of the last run.",
    "clvmodels_total": "Total forecast of the last run: its mean, and the bounds of its central 90 % interval.",
    "clvmodels_customers_covered": "Share of customers of an earlier run within their 90 % intervals since.",
    "clvmodels_segment_came": "What a segment of an earlier run brought since, over what was forecast.",
    "clvmodels_gate_value": "What a gate measured.",
    "clvmodels_gate_limit": "What it was compared with.",
    "clvmodels_gate_tripped": "1 where it warned or blocked, else 0.",
}


def write_metrics(
    path: Path, as_of: str, code: int, outcome: Outcome | None, seconds: Mapping[str, float]
) -> None:
    """Write the metrics of a run, whole or not at all.

    Parameters
    ----------
    path
        File to replace.
    as_of
        Date of the run, as it was asked for.
    code
        Exit code.
    outcome
        What came out, None after an error.
    seconds
        Duration of each stage.
    """
    samples: list[tuple[str, dict[str, str], float]] = [("clvmodels_run_exit_code", {}, code)]
    try:
        stamp = as_datetime(as_of).replace(tzinfo=UTC)
        samples.append(
            ("clvmodels_run_as_of_seconds", {}, (stamp - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
        )
    except ArgumentError:
        pass  # no date, no metric of it
    samples += [("clvmodels_stage_seconds", {"stage": stage}, value) for stage, value in seconds.items()]
    if outcome is not None:
        samples += _of_outcome(outcome)
    lines = []
    for name, meaning in _HELP.items():
        mine = [(labels, value) for metric, labels, value in samples if metric == name]
        if mine:
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
            lines += [
                f"{name}{_labels(labels)} {value:.10g}"
                if value % 1
                else f"{name}{_labels(labels)} {value:.0f}"
                for labels, value in mine
            ]
    with replacing(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def _of_outcome(outcome: Outcome) -> list[tuple[str, dict[str, str], float]]:
    samples: list[tuple[str, dict[str, str], float]] = []
    manifest = outcome.manifest or {}
    if "input" in manifest:
        samples.append(("clvmodels_run_customers", {}, manifest["input"]["customers"]))
    for row in manifest.get("totals", []):
        facts = {"quantity": row["quantity"], "horizon": row["horizon"]}
        samples += [
            ("clvmodels_total", {**facts, "bound": bound}, row[bound]) for bound in ("mean", "low", "high")
        ]
    for row in manifest.get("singles", []):
        window = {name: row[name] for name in ("quantity", "window")}
        samples += [("clvmodels_customers_covered", window, row["covered"])]
        for one in row["segments"]:
            if one["forecast"] > 0:
                facts = {**window, "segment": one["segment"]}
                samples += [("clvmodels_segment_came", facts, one["actual"] / one["forecast"])]
    for verdict in outcome.verdicts:
        gate = {"gate": verdict.gate}
        samples += [("clvmodels_gate_limit", gate, verdict.limit)]
        samples += [("clvmodels_gate_tripped", gate, float(verdict.outcome in ("warned", "blocked")))]
        if verdict.value is not None:
            samples += [("clvmodels_gate_value", gate, verdict.value)]
    return samples


def _labels(labels: Mapping[str, str]) -> str:
    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    inner = ",".join(f'{name}="{escaped(text)}"' for name, text in labels.items())
    return f"{{{inner}}}" if inner else ""
