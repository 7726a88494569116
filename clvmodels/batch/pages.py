"""Two pages of HTML for people: what one run found, and how runs went over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from clvmodels.batch.amounts import amount, span
from clvmodels.batch.gates import total_like
from clvmodels.batch.pages_hindsight import customer_blocks, total_blocks
from clvmodels.batch.shelf import Run
from clvmodels.plots import plot_run_groups, plot_run_totals
from clvmodels.report.blocks import Block, Cell, Column, Section, Strong, Table, Text, cells
from clvmodels.report.drawing import picture
from clvmodels.report.numbers import counted, fixed, per_cent
from clvmodels.report.writer import render_page

NEW = "(new)"


def run_page(
    run: Mapping[str, Any], last: Mapping[str, Any] | None, currency: str, more: Sequence[Section] = ()
) -> str:
    """The page of one run.

    Parameters
    ----------
    run, last
        Manifests of this run and of the one before it.
    currency
        Symbol or code.
    more
        Sections on what was read.
    """
    sections = [
        Section("verdict", "What came out", _summary(run, last, currency)),
        Section("gates", "May it be published?", [_gates(run)]),
        Section("hindsight", "What became of earlier forecasts?", _looking_back(run, currency)),
        Section("totals", "How much in all?", [_totals(run, last, currency)]),
        Section("segments", "Who is worth what?", _segments(run, currency)),
        Section("changes", "What changed since the last run?", _changes(run)),
        Section("input", "What was read?", [_input(run)]),
        *more,
        Section("model", "Which model?", [_model(run)]),
    ]
    return render_page(f"Forecast of {run['as_of']}", sections)


def history_page(runs: Sequence[Run], pointer: Mapping[str, Any], currency: str) -> str:
    """The page over all runs, the newest first in its table."""
    withdrawn = set(pointer["withdrawn"])
    every = list({run.as_of: run.manifest for run in runs if run.run_id not in withdrawn}.values())
    # a total of another horizon or quantity is another thing, and no part of a line over time
    standing = [one for one in every if total_like(one, every[-1]["totals"][0]) == one["totals"][0]]
    blocks: list[Block] = [_runs_table(runs, pointer, currency)]
    if len(standing) > 1:
        blocks.append(
            picture(
                "runs-total",
                partial(plot_run_totals, standing, currency=currency),
                title="Total forecast of each run",
                description="One point with a bar per run",
                caption="Total of the main horizon in each run; bars are central 90 % predictive intervals.",
            )
        )
    sections = [Section("runs", "Runs", blocks)]
    if standing:
        sections.append(Section("hindsight", "Forecast and what came", total_blocks(standing[-1], currency)))
    for groups, title in (("segments", "By segment"), ("cohorts", "By cohort of the first purchase")):
        if len(standing) > 1:
            shown = picture(
                f"runs-{groups}",
                partial(plot_run_groups, standing, groups, currency=currency),
                title=f"Value per customer {title.lower()}",
                description="One line per group over the runs",
                caption=f"Mean value per customer within {standing[-1]['horizons'][0]}, {title.lower()} (six at most).",
            )
            sections.append(Section(groups, title, [shown]))
    return render_page("Forecasts over time", sections)


def _looking_back(run: Mapping[str, Any], currency: str) -> list[Block]:
    return [*total_blocks(run, currency), *customer_blocks(run, currency)]


def _summary(run: Mapping[str, Any], last: Mapping[str, Any] | None, currency: str) -> list[Block]:
    total, customers = run["totals"][0], run["input"]["customers"]
    quantity = total["quantity"]
    parts: list[str | Strong] = [
        f"{counted(customers, 'customer')} will {'bring' if quantity == 'value' else 'make'} ",
        Strong(amount(total["mean"], quantity, currency)),
        f" {'of value' if quantity == 'value' else 'purchases'} within {total['horizon']} "
        f"(central 90 % predictive interval {span(total, quantity, currency)}).",
    ]
    if last is not None:
        same = total_like(last, total)
        if same is not None and same["mean"]:
            change = per_cent(total["mean"] / same["mean"] - 1, signed=True)
            parts.append(f" That is {change} against the run of {last['as_of']}.")
    bad = [gate for gate in run["gates"] if gate["outcome"] in ("warned", "blocked")]
    words = f"Gates that {'warned or blocked' if bad else 'warned'}: "
    said = words + (", ".join(gate["gate"] for gate in bad) if bad else "none") + "."
    return [Text(parts, "lead"), Text([said]), Text([_made_of(run)], "note")]


def _made_of(run: Mapping[str, Any]) -> str:
    """What the numbers of a run are, and what made them."""
    ahead, has_money = run["config"]["said"]["forecast"], run["totals"][0]["quantity"] == "value"
    discount = per_cent(ahead["discount"])
    worth = f"Value is spend times a margin of {ahead['margin']:g}, discounted at {discount} a year. "
    return (
        f"{worth if has_money else ''}Intervals are of {ahead['draws']:,} draws with seed {ahead['seed']}. "
        f"Run {run['run_id']} of configuration {run['config']['fingerprint']}, "
        f"model version {run['model']['version']}, clvmodels {run['versions']['clvmodels']}."
    )


def _gates(run: Mapping[str, Any]) -> Table:
    columns = [
        Column("gate", is_number=False),
        Column("outcome", is_number=False),
        Column("value"),
        Column("limit"),
    ]
    columns.append(Column("what it means", is_number=False, is_prose=True))
    rows = [
        [
            Cell(gate["gate"]),
            Cell(gate["outcome"], is_best=gate["outcome"] in ("warned", "blocked")),
            Cell("—" if gate["value"] is None else _short(gate["value"])),
            Cell(_short(gate["limit"])),
            Cell(gate["words"]),
        ]
        for gate in run["gates"]
    ]
    notes = (
        "A gate passes where its value is at most its limit. Not judged: there was nothing to compare with.",
    )
    return Table("gates-table", "Gates, and what they measured", columns, rows, notes)


def _totals(run: Mapping[str, Any], last: Mapping[str, Any] | None, currency: str) -> Table:
    before = (
        {} if last is None else {(row["horizon"], row["quantity"]): row["mean"] for row in last["totals"]}
    )
    columns = [
        Column("horizon", is_number=False),
        Column("quantity", is_number=False),
        Column("mean"),
        Column("interval", "90 %, predictive"),
        Column("last run"),
    ]
    rows = []
    for row in run["totals"]:
        old = before.get((row["horizon"], row["quantity"]))
        rows.append(
            cells(
                row["horizon"],
                row["quantity"],
                amount(row["mean"], row["quantity"], currency),
                span(row, row["quantity"], currency),
                "—" if old is None else amount(old, row["quantity"], currency),
            )
        )
    return Table("totals-table", "Totals of all customers", columns, rows)


def _segments(run: Mapping[str, Any], currency: str) -> list[Block]:
    quantity = run["totals"][0]["quantity"]
    columns = [
        Column("segment", is_number=False),
        Column("customers", "labelled so"),
        Column("will belong", "90 %, predictive"),
        Column("value", "of all labelled, mean"),
        Column("interval", "90 %, predictive"),
    ]
    rows = [
        cells(
            row["segment"],
            f"{row['customers']:,}",
            f"{row['members']['low']:,.0f} to {row['members']['high']:,.0f}" if row["members"] else "—",
            amount(row["value"]["mean"], quantity, currency),
            span(row["value"], quantity, currency),
        )
        for row in run["segments"]
    ]
    start = ", ".join(amount(begin, quantity, currency, 2) for begin in run["model"]["valuable_from"])
    notes = [f"A customer is valuable from {start} on, if they buy within {run['horizons'][0]}."]
    if not start:
        rules = "; ".join(f"{one['segment']} ({one['when']})" for one in run["model"]["segments"])
        notes = [
            f"By the rules of the configuration, the first that holds: {rules}.",
            f"p_segment, and how many will belong. {run['model']['p_segment']}",
        ]
    return [
        Table("segments-table", "Segments", columns, rows, tuple(notes)),
        _cohorts(run, quantity, currency),
    ]


def _cohorts(run: Mapping[str, Any], quantity: str, currency: str) -> Table:
    return Table(
        "cohorts-table",
        "By quarter of the first purchase",
        [
            Column("cohort", is_number=False),
            Column("customers"),
            Column("value", "of all, mean"),
            Column("chance to buy", "mean"),
        ],
        [
            cells(
                row["cohort"],
                f"{row['customers']:,}",
                amount(row["value_mean"], quantity, currency),
                per_cent(row["p_buy_mean"]),
            )
            for row in run["cohorts"]
        ],
    )


def _changes(run: Mapping[str, Any]) -> list[Block]:
    if run["previous"] is None:
        return [Text(["This is the first run."])]
    moves = Table(
        "moves-table",
        "Customers by segment, then and now",
        [Column("from", is_number=False), Column("to", is_number=False, is_prose=True), Column("customers")],
        [cells(row["from"] or NEW, row["to"], f"{row['customers']:,}") for row in run["moves"]],
    )
    drift = Table(
        "drift-table",
        "How far the customers of the two runs are apart",
        [
            Column("variable", is_number=False),
            Column("stability index"),
            Column("Wasserstein distance", "standard deviations"),
        ],
        [
            cells(row["variable"], fixed(row["stability"], 3), f"{float(row['distance']):.3f}")
            for row in run["drift"]
        ],
        ("0.1 and 0.25 are customary bounds of the index, not tests.",),
    )
    return [moves, drift]


def _input(run: Mapping[str, Any]) -> Table:
    told = run["input"]
    facts = {
        "rows that count": f"{told['rows']:,}",
        "rows left out": f"{told['dropped']:,}",
        "first and last day": f"{told['first_day']} to {told['last_day']}",
        "customers": f"{told['customers']:,}",
        "fingerprint": told["fingerprint"],
        **{note["what"]: f"{note['count']:,}" for note in told["notes"]},
    }
    columns = [Column("what", is_number=False), Column("how much", is_number=False)]
    return Table(
        "input-table", "The log as it was delivered", columns, [cells(*item) for item in facts.items()]
    )


def _model(run: Mapping[str, Any]) -> Table:
    model = run["model"]
    rows = [
        cells(name, _short(row["mean"], 4), "—" if row["se"] is None else _short(row["se"]))
        for name, row in model["parameters"].items()
    ]
    status = "; ".join(f"{name} {value.replace('_', ' ').lower()}" for name, value in model["status"].items())
    columns = [
        Column("parameter", is_number=False),
        Column("mean", "of its logarithm"),
        Column("standard error"),
    ]
    caption = f"{model['name']}, fitted to the log up to {model['fitted_as_of']}"
    notes = [f"Version {model['version']}: {status}."]
    notes += [f"Chosen automatically. {line[:1].upper()}{line[1:]}." for line in model["chosen"]]
    return Table("model-table", caption, columns, rows, tuple(notes))


def _short(value: float, digits: int = 3) -> str:
    """A number with so many digits that count."""
    return f"{float(value):.{digits}g}".replace("-", "−")


def _runs_table(runs: Sequence[Run], pointer: Mapping[str, Any], currency: str) -> Table:
    columns = [
        Column("date", is_number=False),
        Column("run", is_number=False),
        Column("state", is_number=False),
        Column("customers"),
        Column("total", "mean, main horizon"),
        Column("interval", "90 %, predictive"),
        Column("gates that warned", is_number=False, is_prose=True),
    ]
    rows = [
        cells(
            str(run.as_of),
            run.run_id,
            state_of(run, runs, pointer),
            f"{run.manifest['input']['customers']:,}",
            amount(total["mean"], total["quantity"], currency) + f" in {total['horizon']}",
            span(total, total["quantity"], currency),
            ", ".join(
                gate["gate"] for gate in run.manifest["gates"] if gate["outcome"] in ("warned", "blocked")
            )
            or "—",
        )
        for run in reversed(runs)
        for total in run.manifest["totals"][:1]
    ]
    return Table("runs-table", "All runs, the newest first", columns, rows)


def state_of(run: Run, runs: Sequence[Run], pointer: Mapping[str, Any]) -> str:
    """Whether a run counts: ``current``, ``withdrawn``, ``replaced`` or ``published``."""
    if run.run_id == pointer.get("run_id"):
        return "current"
    if run.run_id in pointer["withdrawn"]:
        return "withdrawn"
    return "replaced" if any(one.manifest["replaces"] == run.run_id for one in runs) else "published"
