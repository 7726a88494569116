"""The commands that judge forecasters: run a backtest, and write its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clvmodels.cli.options import (
    Currency,
    Draws,
    FolderOut,
    HashIds,
    Log,
    MethodName,
    Model,
    ObservationEnd,
    PageOut,
    SeasonName,
    Seed,
    SpendName,
)
from clvmodels.cli.show import LEGEND, comparison, failures, say, verdict, wrote
from clvmodels.errors import ArgumentError
from clvmodels.progress import progress_bar

if TYPE_CHECKING:
    from clvmodels.backtesting import Origins as Plan
    from clvmodels.backtesting import Scorecard
    from clvmodels.contracts import Forecaster

DEFAULT_NAMES = ("pareto_nbd", "bg_nbd", "historical")

Holdouts = Annotated[
    list[str],
    typer.Option(
        "--horizon",
        metavar="LENGTH",
        help="Length of every holdout, as 39W or 6M; give it again for another one, forecast from the same fits.",
    ),
]
Step = Annotated[
    str | None,
    typer.Option(
        metavar="LENGTH",
        help="From one origin to the next, as 4W; shorter than the horizon, holdouts overlap.",
        show_default="the horizon",
    ),
]
MinCalibration = Annotated[
    str | None,
    typer.Option(
        metavar="LENGTH",
        help="What must lie before an origin, as 26W; without --origins there are as many as it allows.",
        show_default=False,
    ),
]
Workers = Annotated[
    int, typer.Option(metavar="N", min=1, help="Processes that share the work; the result is the same.")
]
Origins = Annotated[
    list[str] | None,
    typer.Option(
        metavar="N|DATE",
        help="How many holdouts, one after the other up to the end of the log; or the last known day of one, "
        "and the option again for the next.",
        show_default="1",
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Who takes part; give it again for the next. Purchase models, such as bg_nbd; auto chooses one. "
        "Formulas: historical, historical_all, cohort_average, net_historical, lifespan, aov_frequency_lifespan, "
        "zero. Managers' rules: hiatus_rule, past_best. Rivals: regression, boosted, lifetimes. stack mixes the "
        "others. module:Class is a class of your own, and runs that module.",
        show_default=", ".join(DEFAULT_NAMES),
    ),
]


def backtest(
    log: Log,
    horizon: Holdouts,
    out: FolderOut,
    origins: Origins = None,
    step: Step = None,
    min_calibration: MinCalibration = None,
    observation_end: ObservationEnd = None,
    model: Names = None,
    spend: SpendName = None,
    method: MethodName = None,
    season: SeasonName = None,
    draws: Draws = 1000,
    seed: Seed = 0,
    workers: Workers = 1,
) -> None:
    """Forecast from earlier dates, compare with what happened, and save the scorecard.

    Example: clvmodels backtest log.csv --horizon 26W --origins 2 --out backtest
    """
    from clvmodels.artifacts import check_folder, save_scorecard
    from clvmodels.backtesting import backtest as run

    check_folder(out, "scorecard")
    parts = Model(spend=spend, method=method, season=season)
    forecasters = forecasters_of(model or DEFAULT_NAMES, parts, no_spend=log.no_spend)
    with progress_bar("backtest", tells_time=False) as move:
        scorecard = run(
            log.read(),
            forecasters,
            origins=parse_origins(tuple(horizon), origins, step, min_calibration),
            observation_end=observation_end,
            draws=draws,
            seed=seed,
            workers=workers,
            progress=move,
            **log.rules,
        )
    say_scorecard(scorecard)
    wrote(save_scorecard(scorecard, out))


def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A saved backtest.", show_default=False)],
    out: PageOut,
    currency: Currency = "",
    title: Annotated[str | None, typer.Option(help="Title of the page.", show_default=False)] = None,
    hash_ids: HashIds = False,
) -> None:
    """Write the report of a saved backtest as one HTML file; nothing is fitted again.

    Example: clvmodels report backtest --out report.html --currency EUR
    """
    from clvmodels.artifacts import load_scorecard
    from clvmodels.io import check_writable
    from clvmodels.report import write_report

    check_writable(out)
    scorecard = load_scorecard(folder)
    write_report(scorecard, out, currency=currency, title=title, hash_ids=hash_ids)
    wrote(out)


def forecasters_of(names: Sequence[str], model: Model, *, no_spend: bool) -> list[Forecaster]:
    """The forecasters of these names; spend model, method and season are for whoever takes them.

    Raises
    ------
    ArgumentError
        If there is none of a name, a library is missing, or a spend model is given and money left out.
    """
    from clvmodels import contenders

    if no_spend and model.spend is not None:
        raise ArgumentError(f"--spend {model.spend} and --no-spend exclude each other; give one of them")
    parts = {"spend": model.spend, "method": model.method, "season": model.season}
    said: list[dict[str, str]] = []
    for name in names:
        takes = contenders.CONTENDERS[name].options if name in contenders.CONTENDERS else ()
        given = {part: value for part, value in parts.items() if value is not None and part in takes}
        said.append({"name": name, **given})
    try:
        return contenders.forecasters_of(said, no_spend=no_spend, folder=Path.cwd())
    except ArgumentError as problem:
        raise ArgumentError(f"--model: {problem}") from None


def parse_origins(
    horizons: tuple[str, ...],
    words: list[str] | None = None,
    step: str | None = None,
    min_calibration: str | None = None,
) -> Plan:
    """The plan of a backtest from a number of origins, or their dates.

    Examples
    --------
    >>> parse_origins(("13W",), ["3"], step="4W").number
    3
    >>> parse_origins(("13W",), ["1997-06-30", "1997-09-30"]).dates
    ('1997-06-30', '1997-09-30')
    """
    from clvmodels.backtesting import Origins

    if words is None:
        return Origins(horizons, step=step, min_calibration=min_calibration)
    if len(words) == 1 and words[0].isdecimal():
        return Origins(horizons, number=int(words[0]), step=step, min_calibration=min_calibration)
    if any(word.isdecimal() for word in words):
        raise ArgumentError(
            f"--origins {' '.join(words)} mixes a number and dates; give one number, or dates"
        )
    return Origins(horizons, dates=tuple(words), step=step, min_calibration=min_calibration)


def say_scorecard(scorecard: Scorecard, currency: str = "") -> None:
    """The comparison of each quantity, who could not be used, and the verdict."""
    for horizon in scorecard.horizons:
        for quantity in dict.fromkeys(scorecard.scores["quantity"]):
            say(comparison(scorecard.at(horizon), quantity, currency) + "\n")
    say(LEGEND + "\n")
    if overlaps := scorecard.provenance["overlapping_horizons"]:
        say(f"holdouts of {' and '.join(overlaps)} overlap: their origins are not independent\n")
    for failure in failures(scorecard):
        say(failure)
    say(f"{verdict(scorecard, currency)}\n")
