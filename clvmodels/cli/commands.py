"""The commands; each imports what it needs when it runs, so that help comes at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clvmodels.cli.options import (
    Ahead,
    Draws,
    FolderOut,
    Log,
    Model,
    ObservationEnd,
    Seed,
    TableOut,
)
from clvmodels.cli.show import forecast_text, say, wrote
from clvmodels.errors import ArgumentError
from clvmodels.progress import progress_bar

if TYPE_CHECKING:
    from clvmodels.forecast import FittedCLV
    from clvmodels.rfm import RFM

SavedFit = Annotated[
    Path | None,
    typer.Option(
        "--fit", metavar="FOLDER", help="A saved fit to use instead of fitting.", show_default=False
    ),
]
PeriodsOut = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Table of totals per period: .csv, .csv.gz or .parquet.", show_default=False
    ),
]
COUNTED_ALIKE = ("period", "time_unit", "first_purchase", "refunds", "zero_spend")
"""Options that must be the same when a fit is made and when it is used."""


def summarise(log: Log, out: TableOut, observation_end: ObservationEnd = None) -> None:
    """Summarise a log: one row per customer with frequency, recency, T and monetary_value.

    Recency and T are ages in --time-unit; monetary_value is the mean spend of the repeat purchases.

    Example: clvmodels summarise log.csv --out rfm.csv --refunds net
    """
    from clvmodels.io import write_table

    check_tables(log.log, out)
    rfm = log.summarise(observation_end)
    table = rfm.to_pandas()
    table.attrs.update(log.rules, customers=len(rfm), observed_until=rfm.observed_until)
    say(data_text(rfm))
    wrote(*write_table(table, out))


def fit(
    log: Log,
    out: FolderOut,
    model: Model,
    observation_end: ObservationEnd = None,
    draws: Draws = 1000,
    seed: Seed = 0,
) -> None:
    """Fit a model of purchases and one of spend to a log, and save the fit without any customer.

    Example: clvmodels fit log.csv --out fit --purchase bg_nbd --method laplace
    """
    from clvmodels.artifacts import check_folder, save_fit

    check_folder(out, "fit")
    wanted = model.build(no_spend=log.no_spend)
    rfm = log.summarise(observation_end)
    say(data_text(rfm))
    with progress_bar(f"fitting {wanted.name}"):
        fitted = wanted.fit(rfm, draws=draws, seed=seed)
    check_fit(fitted)
    say(fitted.summary)
    counted = {name: log.rules[name] for name in COUNTED_ALIKE}
    noted = replace(fitted.purchase, provenance={**fitted.purchase.provenance, "counted": counted})
    wrote(save_fit(replace(fitted, purchase=noted), out))


def forecast(
    log: Log,
    ahead: Ahead,
    out: TableOut,
    model: Model,
    fit: SavedFit = None,
    observation_end: ObservationEnd = None,
    draws: Draws = 1000,
    seed: Seed = 0,
    periods_out: PeriodsOut = None,
) -> None:
    """Forecast what every customer will buy and be worth, with intervals.

    Example: clvmodels forecast log.csv --horizon 12M --out clv.csv --margin 0.35
    """
    from clvmodels.io import write_table

    check_tables(log.log, out, *([] if periods_out is None else [periods_out]))
    arguments = ahead.arguments
    wanted = model.build(no_spend=log.no_spend)
    if fit is not None and model != Model():
        raise ArgumentError(
            "--fit brings its models: leave out --purchase, --spend, --method and --season, or --fit"
        )
    saved = None if fit is None else load_alike(fit, log)
    rfm = log.summarise(observation_end)
    say(data_text(rfm))
    with progress_bar(f"fitting {wanted.name}"):
        fitted = saved or wanted.fit(rfm, draws=draws, seed=seed)
    check_fit(fitted)
    for choice in fitted.choices:
        say(choice)
    with progress_bar("forecasting") as move:
        result = fitted.forecast(rfm=rfm, draws=draws, seed=seed, progress=move, **arguments)
    say(forecast_text(result))
    written = write_table(result.customers, out)
    wrote(*written, *(() if periods_out is None else write_table(result.periods, periods_out)))


def data_text(rfm: RFM) -> str:
    """What became of the rows of a log."""
    return f"{rfm!r}\n{rfm.report}"


def check_tables(log: Path, *paths: Path) -> None:
    """Refuse tables that could not be written, or would take the place of the log, before any work is done."""
    from clvmodels.io import check_writable, table_format

    for path in paths:
        table_format(path)
        check_writable(path)
        if log.resolve() in (path.resolve(), *path.resolve().parents):
            raise ArgumentError(f"{str(path)!r} is the log, or in its folder; write the table elsewhere")
    if len({path.absolute() for path in paths}) < len(paths):
        raise ArgumentError(f"{str(paths[0])!r} is named for two tables; give each a file of its own")


def check_fit(fitted: FittedCLV) -> None:
    """Refuse a fit that failed."""
    for posterior in fitted.posteriors:
        posterior.raise_if_failed()


def load_alike(folder: Path, log: Log) -> FittedCLV:
    """A saved fit whose log was counted as this one will be."""
    from clvmodels.artifacts import load_fit

    fitted = load_fit(folder)
    counted = fitted.purchase.provenance.get("counted", {})
    other = {name: value for name, value in counted.items() if log.rules.get(name) != value}
    if other:
        wanted = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in other.items())
        raise ArgumentError(f"the log of the saved fit was counted in another way; give {wanted}")
    return fitted
