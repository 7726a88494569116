"""Gates: numbers that are compared with their limits before a run is published, each with what it means in words.

Three sets, in the order in which a run meets them: of the delivery, of the fit, of the forecast. A gate that has
nothing to compare with, as in the first run, is not judged and lets the run pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from clvmodels.batch.amounts import amount
from clvmodels.batch.delivery import Delivery
from clvmodels.batch.hindsight import BIASED, bias, missed
from clvmodels.batch.hindsight_customers import (
    FEWEST_CUSTOMERS,
    FEWEST_PURCHASES,
    uncovered,
    worst_segment,
)
from clvmodels.config.jobs import Gates
from clvmodels.errors import FitStatus
from clvmodels.forecast import FittedCLV
from clvmodels.report.numbers import counted
from clvmodels.transactions import Activity

WINDOW, WINDOWS = 28, 6  # days of a window of rows, and how many windows before the last one are usual
FEWEST = 3  # runs that must have been overtaken before their intervals are judged
DRIFT = ("parameters", "total", "stability", "distance", "coverage", "bias", "customers", "segments")
"""Gates that say the world, or the model of it, has changed."""


@dataclass(frozen=True)
class Measured:
    """What a forecast amounts to, before any gate judges it.

    Attributes
    ----------
    totals
        One row per horizon and quantity, the main one first.
    segments, cohorts
        Their sizes and values.
    drift
        Distances to the last run, one row per variable.
    hindsight
        Earlier forecasts beside what happened since.
    singles
        The same of single customers: how many within their intervals, and how far off by segment.
    reference
        The description of the customers that the next run compares with.
    """

    totals: list[dict[str, Any]]
    segments: list[dict[str, Any]]
    cohorts: list[dict[str, Any]]
    drift: list[dict[str, Any]]
    hindsight: list[dict[str, Any]]
    singles: list[dict[str, Any]]
    reference: dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What a gate said.

    Attributes
    ----------
    gate
        Its name.
    outcome
        ``passed``, ``warned``, ``blocked`` or ``not judged``.
    value, limit
        What was measured, and what it was compared with; the value is None where there was nothing to measure.
    words
        What it means, in a sentence.
    """

    gate: str
    outcome: Literal["passed", "warned", "blocked", "not judged"]
    value: float | None
    limit: float
    words: str

    @property
    def as_dict(self) -> dict[str, Any]:
        """For a manifest."""
        return asdict(self)


def judge(gates: Gates, measured: Mapping[str, tuple[float | None, str]]) -> list[Verdict]:
    """Compare what was measured with the limits.

    Parameters
    ----------
    gates
        The section of the configuration.
    measured
        Value and words by gate.

    Examples
    --------
    >>> [verdict] = judge(Gates(), {"freshness": (9.0, "nine days old")})
    >>> verdict.outcome
    'blocked'
    """
    verdicts = []
    for name, (value, words) in measured.items():
        gate = dict(gates)[name]
        if gate.action == "off":
            continue
        if value is None:
            verdicts.append(Verdict(name, "not judged", None, gate.limit, words))
            continue
        outcome: Any = "passed" if value <= gate.limit else "blocked" if gate.action == "block" else "warned"
        verdicts.append(Verdict(name, outcome, float(value), gate.limit, words))
    return verdicts


def of_delivery(delivery: Delivery, last: Mapping[str, Any] | None) -> dict[str, tuple[float | None, str]]:
    """What there is to measure of a delivery, beside what the manifest of the last run says of its own."""
    today, found = np.datetime64(delivery.as_of), delivery.activity
    latest = delivery.days[-1]
    rows_in = delivery.rows + delivery.dropped
    share = delivery.dropped / rows_in
    return {
        "freshness": (float((today - latest).astype(int)), f"the last row is of {latest}"),
        "volume": _volume(found, today),
        "dropped": (share, f"{delivery.dropped:,} of {rows_in:,} rows left out"),
        **_beside_last(delivery, None if last is None else last["input"]),
    }


def _volume(found: Activity, today: np.datetime64) -> tuple[float | None, str]:
    """Factor between the rows of the last window and the median of those before."""
    ends = [today - np.timedelta64(WINDOW * k, "D") for k in range(WINDOWS + 2)]
    counts = [found.until(end) - found.until(before) for end, before in pairwise(ends)]
    whole = [count for count, end in zip(counts[1:], ends[2:], strict=True) if found.day[0] <= end]
    if not whole:
        return None, f"fewer than {2 * WINDOW} days to compare"
    usual = float(np.median(whole))
    words = f"{counts[0]:,} rows in the last {WINDOW} days, usually {usual:,.0f}"
    lower, higher = sorted((float(counts[0]), usual))
    return (higher / lower if lower else (1.0 if higher == 0 else np.inf)), words


def _beside_last(delivery: Delivery, last: Mapping[str, Any] | None) -> dict[str, tuple[float | None, str]]:
    if last is None:
        return dict.fromkeys(("columns", "late", "grown", "lost"), (None, "no earlier run to compare with"))
    types = dict(delivery.activity.types)
    changed = [
        name for name in sorted({*types, *last["types"]}) if types.get(name) != last["types"].get(name)
    ]
    said = "; ".join(f"{name} is {types.get(name)}, was {last['types'].get(name)}" for name in changed)
    then, now = int(last["rows"]), delivery.activity.until(np.datetime64(last["as_of"]))
    words = f"{now:,} rows up to {last['as_of']}, {then:,} when they were first read"
    return {
        "columns": (float(len(changed)), said or "as in the last run"),
        **dict.fromkeys(("late", "grown"), (max(now - then, 0) / then, words)),
        "lost": (max(then - now, 0) / then, words),
    }


def of_fit(fitted: FittedCLV, last: Mapping[str, Any] | None) -> dict[str, tuple[float | None, str]]:
    """What there is to measure of a fit, beside the one that the last run used."""
    doubtful = (FitStatus.FAILED, FitStatus.NOT_IDENTIFIED, FitStatus.UNRELIABLE)
    bad = [one for one in fitted.posteriors if one.status in doubtful]
    said = "; ".join(f"{one.model.title}: {one.reason or one.status.value}" for one in bad)
    measured: dict[str, tuple[float | None, str]] = {"fit": (float(len(bad)), said or "all usable")}
    for name in ("k_hat", "r_hat"):
        values = [one.diagnostics[name] for one in fitted.posteriors if name in one.diagnostics]
        words = "largest of the fits" if values else "the method has none"
        measured[name] = (max(values) if values else None, words)
    return measured | {"parameters": _moved(fitted, last)}


def _moved(fitted: FittedCLV, last: Mapping[str, Any] | None) -> tuple[float | None, str]:
    if last is None:
        return None, "no earlier fit to compare with"
    if set(last["status"]) != {one.model.name for one in fitted.posteriors}:
        return None, f"another model than in the last run, which was {last['name']}"
    before, now = last["parameters"], parameters_of(fitted)
    steps = {}
    for name in sorted(now.keys() & before.keys()):
        then, new = before[name], now[name]
        if then["se"] and new["se"]:
            steps[name] = abs(new["mean"] - then["mean"]) / math.hypot(new["se"], then["se"])
    if not steps:
        return None, "the last fit has no standard errors for the same parameters"
    worst = max(steps, key=lambda name: steps[name])
    words = f"{worst} went from {before[worst]['mean']:.4g} to {now[worst]['mean']:.4g} (logarithms)"
    return float(steps[worst]), words


def parameters_of(fitted: FittedCLV) -> dict[str, dict[str, Any]]:
    """Mean and standard error of the logarithm of each parameter, from the draws; no error where there is one draw.

    Parameters are positive and skewed; their logarithms are near normal, and blind to the unit of money.
    """
    found: dict[str, dict[str, Any]] = {}
    for posterior in fitted.posteriors:
        logs = np.log(np.maximum(np.abs(posterior.draws), np.finfo(float).tiny))
        for position, name in enumerate(posterior.names):
            se = float(logs[:, position].std()) if posterior.is_distribution else None
            found[f"{posterior.model.name}.{name}"] = {"mean": float(logs[:, position].mean()), "se": se}
    return found


def of_forecast(
    measured: Measured, last: Mapping[str, Any] | None, currency: str = ""
) -> dict[str, tuple[float | None, str]]:
    """What there is to measure of a forecast: its total, its customers, and what became of earlier ones."""
    drift, hindsight = measured.drift, measured.hindsight
    total, forecast = measured.totals[0]["mean"], measured.totals[0]["quantity"]
    same = None if last is None else total_like(last, measured.totals[0])
    before = None if same is None else float(same["mean"])
    quantity = "value" if any(row["quantity"] == "value" for row in hindsight) else "purchases"
    misses, windows = missed(hindsight, quantity)
    off = bias(hindsight, quantity)
    found: dict[str, tuple[float | None, str]] = {
        "total": (
            abs(total / before - 1),
            f"{forecast} of {amount(total, forecast, currency)}, was {amount(before, forecast, currency)}",
        )
        if before
        else (None, "no earlier total of the same horizon"),
    }
    for gate, key in (("stability", "stability"), ("distance", "distance")):
        worst = max(drift, key=lambda row: row[key], default=None)
        found[gate] = (
            (None, "no earlier run") if worst is None else (worst[key], f"largest in {worst['variable']}")
        )
    enough = windows >= FEWEST
    found["coverage"] = (
        misses / windows if enough else None,
        f"{misses} of the last {windows} forecasts of {quantity} missed what came until the next run"
        if enough
        else f"{windows} earlier forecasts of {quantity} to judge, and {FEWEST} are needed",
    )
    found["bias"] = (
        None if off is None else abs(off),
        "nothing to compare yet"
        if off is None
        else f"forecasts of {quantity} were {off:+.1%} off, in {counted(min(windows, BIASED), 'window')} up to now",
    )
    return found | _of_singles(measured.singles, quantity)


def total_like(last: Mapping[str, Any], total: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The total of the last run for the same quantity and horizon, None where it had none."""
    alike = (row for row in last["totals"] if all(row[key] == total[key] for key in ("quantity", "horizon")))
    return next(alike, None)


def _of_singles(singles: Sequence[Mapping[str, Any]], quantity: str) -> dict[str, tuple[float | None, str]]:
    covered, worst = uncovered(singles, quantity), worst_segment(singles, quantity)
    found: dict[str, tuple[float | None, str]] = {
        "customers": (None, f"fewer than {FEWEST_CUSTOMERS} customers to compare"),
        "segments": (None, f"no segment with {FEWEST_PURCHASES} purchases to compare"),
    }
    if covered is not None:
        found["customers"] = (
            abs(covered["covered"] - covered["level"]),
            f"{covered['covered']:.1%} of {covered['customers']:,} customers of {covered['as_of']} lay in their "
            f"{covered['level']:.0%} intervals of {quantity} up to {covered['until']}",
        )
    if worst is not None:
        off, row, one = worst
        words = f"{one['segment']!r} of {row['as_of']} brought {one['actual'] / one['forecast']:.0%} of its forecast "
        words += f"of {quantity} up to {row['until']}"
        found["segments"] = (off, words if off else "all within their intervals")
    return found
