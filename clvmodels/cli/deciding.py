"""The command that turns a forecast into decisions: profit, segments, acquisition, plans, levers, change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clvmodels.cli.commands import SavedFit, data_text, load_alike
from clvmodels.cli.deciding_options import Asking, Money, Referring, Winning
from clvmodels.cli.deciding_words import PEER_COLUMNS, parse_scenario, read_named
from clvmodels.cli.options import DURATION, Draws, FolderOut, HashIds, Log, Model, ObservationEnd, Seed
from clvmodels.cli.show import say, wrote
from clvmodels.errors import ArgumentError, percent_hint
from clvmodels.progress import progress_bar

if TYPE_CHECKING:
    from clvmodels.backtesting import Scorecard
    from clvmodels.rfm import RFM
    from clvmodels.value import Decisions

Length = Annotated[
    str,
    typer.Option(
        "--horizon", metavar="LENGTH", help=f"How far ahead, from today or a first order: {DURATION}."
    ),
]
Format = Annotated[Literal["csv", "parquet", "json"], typer.Option("--format", help="Format of the tables.")]
Page = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="HTML page to write, too; with --backtest the whole report with this as a section.",
        show_default=False,
    ),
]
CONTENTS = "contents.json"
TOP = 10


def value(
    log: Log,
    horizon: Length,
    out: FolderOut,
    model: Model,
    money: Money,
    winning: Winning,
    referring: Referring,
    asking: Asking,
    fit: SavedFit = None,
    observation_end: ObservationEnd = None,
    draws: Draws = 1000,
    seed: Seed = 0,
    table_format: Format = "csv",
    page: Page = None,
    hash_ids: HashIds = False,
) -> None:
    """Say what to do with a forecast: profit, segments, levers; with more options what to pay, plan and expect.

    --purchase takes a formula, too, such as historical: one number each, no interval.

    Example: clvmodels value log.csv --horizon 12M --margin 0.35 --cac 20 --out value
    """
    from clvmodels.cli.deciding_parts import Case, Fitting, decide
    from clvmodels.cli.pages import section_text
    from clvmodels.report import action_section
    from clvmodels.units import parse_duration

    parse_duration(horizon)
    claim(out, page)
    check_together(log, model, winning, referring, asking, fit)
    saved = None if fit is None else load_alike(fit, log)
    scorecard = None if asking.backtest is None else load_backtest(asking.backtest)
    fitting = Fitting.of(model, draws, seed)
    rfm = log.summarise(observation_end)
    economics = money.economics(rfm, log.customer_column)
    say(data_text(rfm))
    with progress_bar(f"fitting {fitting.name}"):
        fitted = fitting.fit(rfm) if saved is None else fitting.use(saved, rfm)
    case = Case(fitting, fitted, rfm, horizon, economics, log, money)
    with progress_bar("deciding") as move:
        decisions = decide(case, winning, referring, asking, scorecard, move)
    say(f"\n{section_text(action_section(decisions, pictures=False, top=TOP, hash_ids=hash_ids))}\n")
    wrote(*write_tables(decisions, out, table_format))
    if page is not None:
        wrote(write_page(decisions, page, scorecard, rfm, hash_ids=hash_ids))


def claim(folder: Path, page: Path | None) -> None:
    """Refuse places that could not be written to, before any work is done.

    Raises
    ------
    ArgumentError
        If the folder's parent does not exist, or it holds something else than the tables of an earlier run.
    """
    from clvmodels.io import check_writable

    if not folder.parent.is_dir():
        raise ArgumentError(
            f"there is no folder {str(folder.parent)!r} to make {folder.name!r} in; create it first"
        )
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(f"{str(folder)!r} is a file; give a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CONTENTS).is_file():
        raise ArgumentError(
            f"{str(folder)!r} holds other files; give a new folder, or that of an earlier run"
        )
    if page is not None:
        check_writable(page)


def check_together(
    log: Log, model: Model, winning: Winning, referring: Referring, asking: Asking, fit: Path | None
) -> None:
    """Refuse options that do not go together.

    Raises
    ------
    ArgumentError
        If they do not.
    """
    from clvmodels.baselines import BASELINES

    if log.no_spend:
        raise ArgumentError("--no-spend leaves nothing to decide on: profit and segments need money")
    if fit is not None and model != Model():
        raise ArgumentError(
            "--fit brings its models: leave out --purchase, --spend, --method and --season, or --fit"
        )
    apart = {"--channel": winning.channel, "--since": asking.since, "--groups": asking.groups}
    needs = [option for option, given in apart.items() if given]
    if fit is not None and needs:
        raise ArgumentError(f"{' and '.join(needs)}: needs fits of its own; leave out --fit")
    if winning.plan is not None and model.purchase in BASELINES:
        raise ArgumentError(
            f"--plan: {model.purchase!r} is a formula, which does not say how new customers come along"
        )
    if winning.channel is not None and winning.cac is None:
        raise ArgumentError("--channel needs --cac: a number, or a table with the columns channel and cac")
    if (referring.referrals is None) != (referring.incremental is None):
        raise ArgumentError(
            "--referrals and --incremental go together: half of the referred is --incremental 0.5"
        )
    if asking.randomised and not asking.groups:
        raise ArgumentError("--randomised speaks of --groups; name a column with two groups")
    if not 0 < asking.best_share < 1:
        meant = f"the best fifth is 0.2{percent_hint(asking.best_share)}"
        raise ArgumentError(f"--best-share {asking.best_share!r} must lie between 0 and 1; {meant}")
    check_files(winning, asking)


def check_files(winning: Winning, asking: Asking) -> None:
    """Read what is small and may be mistaken before any work is done: costs, plans, scenarios, peers."""
    _ = winning.costs, winning.planned, [parse_scenario(word) for word in asking.what_if or ()]
    if asking.peers is not None:
        read_named(asking.peers, *PEER_COLUMNS)


def load_backtest(folder: Path) -> Scorecard:
    """A saved backtest of one horizon."""
    from clvmodels.artifacts import load_scorecard

    scorecard = load_scorecard(folder)
    if len(scorecard.horizons) > 1:
        raise ArgumentError(
            f"--backtest {str(folder)!r} has the horizons {', '.join(scorecard.horizons)}; give one of a single horizon"
        )
    return scorecard


def write_tables(decisions: Decisions, folder: Path, table_format: str) -> list[Path]:
    """Write every table, then the list of them; tables of an earlier run that are no longer asked for go."""
    import json

    from clvmodels import __version__
    from clvmodels.io import write_json, write_records, write_table

    folder.mkdir(exist_ok=True)
    contents = folder / CONTENTS
    before = json.loads(contents.read_text(encoding="utf-8"))["files"] if contents.exists() else []
    contents.unlink(missing_ok=True)
    written: list[Path] = []
    for name, table in decisions.tables.items():
        path = folder / f"{name}.{table_format}"
        written += [write_records(table, path)] if table_format == "json" else write_table(table, path)
    names = [path.name for path in written]
    for name in set(before) - set(names):
        (folder / Path(name).name).unlink(missing_ok=True)
    write_json(
        {"files": names, "currency": decisions.currency, "versions": {"clvmodels": __version__}}, contents
    )
    return [folder / CONTENTS]


def write_page(
    decisions: Decisions, page: Path, scorecard: Scorecard | None, rfm: RFM, *, hash_ids: bool
) -> Path:
    """The report of the backtest with the decisions in it, or a page of the decisions alone."""
    from clvmodels.report import action_section, write_report, write_sections
    from clvmodels.value.cashflow_economics import OWN_CURRENCY

    section = action_section(decisions, top=TOP, hash_ids=hash_ids)
    if scorecard is None:
        return write_sections([section], page, title="Customer lifetime value: what to do with it")
    currency = "" if decisions.currency == OWN_CURRENCY else decisions.currency
    return write_report(scorecard, page, rfm=rfm, currency=currency, hash_ids=hash_ids, sections=[section])
