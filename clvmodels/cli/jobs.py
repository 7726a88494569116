"""The commands of scheduled runs: one configuration, one date, and an exit code that a timer can read."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clvmodels.cli.show import say, text_table, wrote
from clvmodels.errors import ArgumentError, ArtifactError, ClvError, exit_code
from clvmodels.progress import progress_bar

if TYPE_CHECKING:
    from clvmodels.batch import Outcome, Shelf
    from clvmodels.batch.narration import Narrator
    from clvmodels.config import Config

INTERRUPTED = 130
"""Exit code of a run that somebody stopped, as shells have it."""

Configuration = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="Configuration in TOML.", show_default=False)
]
AsOf = Annotated[
    str,
    typer.Option(metavar="DATE", help="Last day of the log that the run knows; it decides everything else."),
]
MetricsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Metrics of the run in the text format of Prometheus.", show_default=False
    ),
]


def run(
    config: Configuration,
    as_of: AsOf,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Go all the way, write nothing.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Forecast only N customers, write nothing.", show_default=False
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run was cut off.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Publish in spite of gates, or again what was withdrawn.")
    ] = False,
    metrics_file: MetricsFile = None,
) -> None:
    """Forecast as of a day, check the forecast against the last one, and publish it. Made for timers.

    Exit codes: 0 published, 2 configuration wrong, 3 log refused, 4 fit or forecast held back, 5 published but a gate
    warned, 75 try again later (another run, a lost database, a full disk), 99 nothing to do, 130 stopped. With
    all but 0 and 5 the last whole forecast stands.

    Example: clvmodels run clv.toml --as-of 2026-10-31
    """
    from clvmodels.batch.narration import Narrator
    from clvmodels.io import check_writable

    narrator = Narrator(sys.stderr, as_json=not sys.stderr.isatty(), facts={"as_of": as_of})
    outcome, code, words, currency = None, 1, "", ""
    try:
        with _warnings_told(narrator):
            if metrics_file is not None:
                check_writable(metrics_file)
            options = {"dry_run": dry_run, "limit": limit, "resume": resume, "force": force}
            outcome, currency = _run(config, as_of, narrator, options)
        code, words = outcome.code, outcome.words
    except (ClvError, OSError, KeyboardInterrupt) as problem:
        code, words = _why(problem)
    finally:
        _write_metrics(metrics_file, narrator, as_of, code, outcome)
    level = "info" if code in (0, 99) else "warning" if code == 5 else "error"
    narrator.tell("ended", level, exit_code=code, words=words)
    if outcome is not None:
        _say(outcome, currency)
    raise typer.Exit(code)


def _why(problem: BaseException) -> tuple[int, str]:
    """The exit code of what ended a run, and a sentence."""
    if isinstance(problem, KeyboardInterrupt):
        return (
            INTERRUPTED,
            "interrupted; the last whole forecast stands, and --resume goes on where this run was",
        )
    words = " ".join(str(problem).split())
    if isinstance(problem, OSError):
        words = f"the system refused: {words}; the last whole forecast stands, --resume goes on when that is mended"
    return exit_code(problem), words


def _run(config: Path, as_of: str, narrator: Narrator, options: dict[str, Any]) -> tuple[Outcome, str]:
    """How a run ended, and the currency of what it says."""
    from clvmodels.batch import Options
    from clvmodels.batch import run as walk
    from clvmodels.config import read_config
    from clvmodels.units import as_datetime

    day = as_datetime(as_of)
    if day != day.replace(hour=0, minute=0, second=0, microsecond=0):
        raise ArgumentError(f"--as-of {as_of!r} must be a day without a clock time, such as 2026-10-31")
    said = read_config(config)
    with progress_bar("forecasting") as move:
        outcome = walk(said, Options(day.date(), **options), narrator, move or (lambda _done, _total: None))
    return outcome, said.report.currency


def _write_metrics(
    path: Path | None, narrator: Narrator, as_of: str, code: int, outcome: Outcome | None
) -> None:
    """Write the metrics of a run, however it ended; that they cannot be written undoes nothing."""
    if path is None:
        return
    from clvmodels.batch.metrics import write_metrics

    try:
        write_metrics(path, as_of, code, outcome, narrator.seconds)
    except (ClvError, OSError) as problem:
        narrator.tell("metrics are missing", "warning", words=" ".join(str(problem).split()))


@contextmanager
def _warnings_told(narrator: Narrator) -> Iterator[None]:
    """Warnings of the block become events of the log."""

    def tell(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        narrator.tell("warning", "warning", kind=category.__name__, words=" ".join(str(message).split()))

    with warnings.catch_warnings():
        warnings.showwarning = tell
        yield


def _say(outcome: Outcome, currency: str) -> None:
    from clvmodels.batch.amounts import amount, span
    from clvmodels.batch.refunds import words_of

    say(outcome.words)
    manifest = outcome.manifest or {}
    for row in manifest.get("totals", []):
        quantity = row["quantity"]
        say(
            f"{quantity} within {row['horizon']}: {amount(row['mean'], quantity, currency)}, "
            f"90 % predictive interval {span(row, quantity, currency)}"
        )
    if manifest.get("refunds"):  # runs of earlier versions tell of none
        say(f"in the log: {words_of(manifest['refunds'], currency)}")


def validate(config: Configuration) -> None:
    """Check a configuration, and that what it names is there; nothing is read, fitted or written.

    Example: clvmodels validate clv.toml
    """
    from clvmodels.config import read_config, secret

    said = read_config(config)
    if said.log.source.startswith("env:"):
        secret(said.log.source)
    elif not _is_there(said.path(said.log.source)):
        raise ArgumentError(f"{config}, [log] source: there is no {str(said.path(said.log.source))!r}")
    for name in (said.publish.target, said.publish.hash_key if said.publish.hash_ids else None):
        if name is not None:
            secret(name)
    for section, folder in (("publish", said.publish.folder), ("store", said.store.folder)):
        if not said.path(folder).parent.is_dir():
            raise ArgumentError(
                f"{config}, [{section}] folder: there is no {str(said.path(folder).parent)!r} to make it in"
            )
    say(f"{config} is in order (fingerprint {said.fingerprint})")


def _is_there(path: Path) -> bool:
    """Whether there is such a file or folder, or one that a pattern fits."""
    root = Path(path.anchor)
    try:
        return path.exists() or any(root.glob(str(path.relative_to(root))))
    except ValueError:  # no pattern that anything could fit
        return False


def init(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Configuration to write.")] = Path("clv.toml"),
    source: Annotated[str, typer.Option(metavar="LOG", help="The log to name in it.")] = "log.csv",
) -> None:
    """Write a configuration with every key, its meaning and its default.

    Example: clvmodels init clv.toml --source sales.csv
    """
    from clvmodels.config import template
    from clvmodels.io import replacing

    if out.exists():
        raise ArgumentError(f"{str(out)!r} is there already; name another file, or remove it first")
    with replacing(out) as file:
        file.write(template(source).encode())
    wrote(out)


def status(config: Configuration) -> None:
    """Say which forecast counts, which fit is in production, and whether a run is unfinished or going on.

    Example: clvmodels status clv.toml
    """
    said, shelf = _shelf(config)
    from clvmodels.batch import Store

    store, pointer = Store(said.path(said.store.folder)), shelf.pointer
    current = f"run {pointer['run_id']} of {pointer['as_of']}" if "run_id" in pointer else "none yet"
    if shelf.lost:
        current += (
            f", which is not on the shelf: make it again with --as-of {pointer['as_of']}, or go back with "
        )
        current += "clvmodels rollback --to RUN"
    say(f"current: {current}")
    say(f"runs: {len(shelf.runs)} ({len(pointer['withdrawn'])} withdrawn)")
    if torn := shelf.torn:
        say(
            f"torn: {len(torn)} without a manifest that can be read, first {str(torn[0])!r}; remove or restore them"
        )
    kept = f"{len(store.versions)} kept, refit: {said.store.refit}"
    missing = "" if store.production in (None, *store.versions) else ", which is not in the store"
    say(f"fit in production: {store.production or 'none yet'}{missing} ({kept})")
    stages = shelf.unfinished
    say(f"unfinished: {', '.join(stages)}; run again with --resume" if stages else "unfinished: none")
    say(f"going on: {'yes' if shelf.is_busy else 'no'}")


def history(config: Configuration) -> None:
    """List the runs with what they forecast and which gates warned; the same as history.html.

    Example: clvmodels history clv.toml
    """
    from clvmodels.batch.amounts import amount, span
    from clvmodels.batch.pages import state_of

    said, shelf = _shelf(config)
    runs, pointer = shelf.runs, shelf.pointer
    if not runs:
        say("no run yet")
        return
    rows = []
    for run in runs:
        total = run.manifest["totals"][0]
        warned = [one["gate"] for one in run.manifest["gates"] if one["outcome"] in ("warned", "blocked")]
        rows.append(
            [
                f"{run.as_of} {run.run_id} {state_of(run, runs, pointer)}"
                + (f"; warned: {', '.join(warned)}" if warned else ""),
                f"{run.manifest['input']['customers']:,}",
                f"{total['quantity']} in {total['horizon']}",
                amount(total["mean"], total["quantity"], said.report.currency),
                span(total, total["quantity"], said.report.currency),
            ]
        )
    say(text_table(["run", "customers", "total", "mean", "90 % interval"], rows))


def rollback(
    config: Configuration,
    to: Annotated[
        str | None, typer.Option(metavar="RUN", help="Run to go back to.", show_default="the one before")
    ] = None,
) -> None:
    """Make an earlier run the one that counts, and put its fit back into production.

    The run that counted is withdrawn: it is published again only with --force.

    Example: clvmodels rollback clv.toml
    """
    from clvmodels.batch import Store, roll_back

    said, shelf = _shelf(config)
    with shelf.locked(said.publish.wait):
        run = roll_back(said, shelf, Store(said.path(said.store.folder)), to)
    say(f"current: run {run.run_id} of {run.as_of}")


def fits(
    config: Configuration,
    promote: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Version to put into production.", show_default=False),
    ] = None,
) -> None:
    """List the fits that are kept, with their models and the last day they know; or put one into production.

    The fit in production forecasts until the policy of [store] refit asks for a new one.

    Example: clvmodels fits clv.toml --promote 2026-10-31-1a2b3c4d
    """
    from clvmodels.batch import Store
    from clvmodels.batch.store import made_of

    said, shelf = _shelf(config)
    store = Store(said.path(said.store.folder))
    if promote is not None:
        with shelf.locked(said.publish.wait):
            store.promote(promote, shelf.pointer.get("run_id"))
        say(f"fit in production: {promote}")
        if said.store.refit == "always":
            say("the next run makes a new fit all the same, since [store] refit is always")
        return
    if not store.versions:
        say("no fit yet")
        return
    rows = []
    for version in store.versions:
        mark = " (in production)" if version == store.production else ""
        try:
            fitted = store.load(version)
        except ArtifactError:
            rows.append(["damaged" + mark, version, "-"])
            continue
        rows.append([fitted.name + mark, version, str(made_of(fitted).get("as_of", "-"))])
    say(text_table(["models", "version", "last day known"], rows))


def _shelf(config: Path) -> tuple[Config, Shelf]:
    from clvmodels.batch import Shelf
    from clvmodels.config import read_config

    said = read_config(config)
    return said, Shelf(said.path(said.publish.folder))
