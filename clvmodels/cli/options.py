"""Options that commands share, each declared once; dataclasses of options are expanded into them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from clvmodels.errors import ArgumentError, DataError
from clvmodels.progress import progress_bar

if TYPE_CHECKING:
    from clvmodels.forecast import CLVModel
    from clvmodels.rfm import RFM

TimeUnit = Literal["min", "h", "D", "W"]
UNITS = "min, h, D (days) or W (weeks)"
DURATION = "whole number and min, h, D, W, M (months), Q (quarters) or Y, as in 52W, 12M, 1Y"

TableOut = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="Table to write: .csv, .csv.gz or .parquet.")
]
FolderOut = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="Folder to write to; created in a folder that exists.")
]
PageOut = Annotated[Path, typer.Option("--out", metavar="FILE", help="HTML page to write.")]
Draws = Annotated[
    int, typer.Option(min=2, help="Draws of parameters and of futures; more make intervals steadier.")
]
Seed = Annotated[int, typer.Option(min=0, help="Whole number; the same seed gives the same bytes.")]
ObservationEnd = Annotated[
    str | None,
    typer.Option(
        metavar="DATE",
        help="Last observed day, as 2026-06-30; later rows are not used.",
        show_default="last date of the log",
    ),
]
SpendName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What a purchase is worth: a spend model; a name that does not exist lists all.",
        show_default="chosen by what the log holds",
    ),
]
MethodName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="How to fit: laplace, nuts (draws of the posterior), bootstrap (of refits), map or mle (one "
        "parameter vector).",
        show_default="laplace",
    ),
]
SeasonName = Annotated[
    str | None,
    typer.Option(
        metavar="default|auto|monthly|gaussian_process|none",
        help="Clock that customers live on: auto learns the pace of the months, from 24 months of a log on, if that "
        "forecast earlier months better than the calendar; monthly learns it in any case; gaussian_process from 12 "
        "months on, and how single calendar months depart from it.",
        show_default="auto where the purchase model is chosen, else none",
    ),
]
HashIds = Annotated[bool, typer.Option("--hash-ids", help="Show hashes instead of customer ids.")]
Currency = Annotated[str, typer.Option(help="Symbol or code to write amounts with, as € or EUR.")]


@dataclass(frozen=True)
class Log:
    """A log of transactions and how it is to be read."""

    log: Annotated[
        Path,
        typer.Argument(
            metavar="LOG",
            help="Transactions, one a row: a .csv, .csv.gz or .parquet file; for many, a folder or a "
            "quoted pattern.",
            show_default=False,
        ),
    ]
    customer_column: Annotated[
        str, typer.Option(metavar="NAME", help="Column of customer ids; kept as they are.")
    ] = "customer_id"
    date_column: Annotated[
        str, typer.Option(metavar="NAME", help="Column of dates or stamps (ISO text in CSV).")
    ] = "date"
    spend_column: Annotated[
        str, typer.Option(metavar="NAME", help="Column of amounts, all in one currency.")
    ] = "spend"
    no_spend: Annotated[bool, typer.Option("--no-spend", help="Leave money out: purchases only.")] = False
    period: Annotated[
        TimeUnit, typer.Option(help=f"Rows of a customer in one period are one purchase: {UNITS}.")
    ] = "D"
    time_unit: Annotated[TimeUnit, typer.Option(help=f"Unit of the models' clock: {UNITS}.")] = "W"
    observation_start: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Customers who first bought before this day are left out.",
            show_default="first date of the log",
        ),
    ] = None
    first_purchase: Annotated[
        Literal["exclude", "include"],
        typer.Option(help="Whether the first purchase counts in the mean spend."),
    ] = "exclude"
    refunds: Annotated[
        Literal["refuse", "drop", "net", "match"],
        typer.Option(
            help="Negative spend: stop, leave the rows out, subtract within the period, or take from the order "
            "of the same number in --order-column."
        ),
    ] = "refuse"
    order_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Column of order numbers, for --refunds match.", show_default=False
        ),
    ] = None
    zero_spend: Annotated[
        Literal["purchase", "drop", "refuse"],
        typer.Option(help="Zero spend: count as a purchase, leave the rows out, or stop."),
    ] = "purchase"
    business_timezone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="Whose calendar counts where stamps carry a zone, as Europe/Berlin.",
            show_default=False,
        ),
    ] = None

    memory_limit: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Read files in no more memory than this, as 1GB, with the rest on disk.",
            show_default="as many as needed; for many files, 80 % of the machine's",
        ),
    ] = None

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """The rows of the log: a pandas table, or a query where there are many files or little memory.

        Raises
        ------
        DataError
            If there is none, or a file cannot be read.
        """
        from clvmodels.io import connect, read_table, scan, watched

        if self.memory_limit is None and self.log.is_file():
            table = read_table(self.log, customer_id=self.customer_column)
            if table.empty:
                raise DataError(f"{str(self.log)!r} holds no row", fix="check what wrote the log")
            yield table
            return
        connection, rules = connect(self.memory_limit), self.rules
        with progress_bar("reading the log") as move, watched(connection, move):
            columns = [rules[name] for name in ("customer_id", "date", "spend", "order_id")]
            yield scan(connection, self.log, columns)

    def read(self) -> Any:
        """The rows of the log, for longer use."""
        with self.opened() as table:
            return table

    @property
    def rules(self) -> dict[str, Any]:
        """Arguments of `rfm_summary` and `backtest` that say how the rows are read."""
        from clvmodels.transactions.rules import options_as_arguments

        return options_as_arguments(self)

    def summarise(self, observation_end: str | None) -> RFM:
        """One row per customer."""
        from clvmodels.transactions import rfm_summary

        with self.opened() as table:
            return rfm_summary(table, observation_end=observation_end, **self.rules)


@dataclass(frozen=True)
class Model:
    """Which models, fitted how; None stands for the default, so that what was asked for can be told."""

    purchase: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="When customers buy: a purchase model, such as bg_nbd; a name that does not exist lists all.",
            show_default="chosen by an earlier window of the log",
        ),
    ] = None
    spend: SpendName = None
    method: MethodName = None
    season: SeasonName = None

    def build(self, *, no_spend: bool) -> CLVModel:
        """The model asked for.

        Raises
        ------
        ArgumentError
            If a name does not exist, or a spend model is named and money left out.
        """
        from clvmodels.forecast import CLVModel

        season = None if self.season == "none" else self.season or "default"

        if no_spend and self.spend not in (None, "auto"):
            raise ArgumentError(f"--spend {self.spend} and --no-spend exclude each other; give one of them")
        spend = None if no_spend else self.spend or "auto"
        return CLVModel(self.purchase or "auto", spend, self.method or "laplace", season=season)


@dataclass(frozen=True)
class Ahead:
    """How far a forecast looks, at which rates, and what it says of each customer."""

    horizon: Annotated[
        str,
        typer.Option(metavar="LENGTH|DATE", help=f"How far ahead: {DURATION}; or the last day."),
    ]
    discount: Annotated[float, typer.Option(help="Discount rate, a fraction per year: 0.10 is 10 %.")] = 0.0
    margin: Annotated[float, typer.Option(help="Share of spend that counts, above 0 and up to 1.")] = 1.0
    discrepancy: Annotated[
        str,
        typer.Option(
            metavar="default|none|SIGMA",
            help="Shock that all customers share: 0.18 is one standard deviation of 18 %.",
        ),
    ] = "default"
    levels: Annotated[
        str, typer.Option(metavar="LIST", help="Quantiles of each customer, between 0 and 1.")
    ] = "0.05,0.25,0.5,0.75,0.95"
    step: Annotated[
        str | None,
        typer.Option(help="Step of --periods-out: min, h, D, W, M, Q or Y.", show_default="the horizon's"),
    ] = None

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of `FittedCLV.forecast`.

        Raises
        ------
        ArgumentError
            If one of them is outside its range: said before any work is done.
        """
        from clvmodels.prediction import check_margin
        from clvmodels.units import check_horizon, discount_per_unit

        check_horizon(self.horizon)
        check_margin(self.margin)
        discount_per_unit(self.discount, "D")
        return {
            "horizon": self.horizon,
            "annual_discount_rate": self.discount,
            "margin": self.margin,
            "discrepancy": parse_discrepancy(self.discrepancy),
            "levels": parse_levels(self.levels),
            "period": self.step,
        }


def parse_discrepancy(text: str) -> Any:
    """The discrepancy of a forecast from a word.

    Examples
    --------
    >>> parse_discrepancy("none"), parse_discrepancy("0.2"), parse_discrepancy("default")
    (None, 0.2, 'default')
    """
    if text == "default":
        return text
    try:
        return None if text == "none" else float(text)
    except ValueError:
        raise ArgumentError(
            f"--discrepancy {text!r} must be default, none, or a number such as 0.18"
        ) from None


def parse_levels(text: str) -> tuple[float, ...]:
    """Quantile levels from a list in one word.

    Examples
    --------
    >>> parse_levels("0.05,0.95")
    (0.05, 0.95)
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ArgumentError(
            f"--levels {text!r} is not a list of numbers between 0 and 1, such as 0.05,0.5,0.95"
        ) from None


def expands(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameters annotated with a dataclass of options take these options instead.

    Examples
    --------
    >>> def count(model: Model, draws: int = 10) -> None: ...
    >>> list(inspect.signature(expands(count)).parameters)
    ['purchase', 'spend', 'method', 'season', 'draws']
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            parameters += _parameters_of(groups[parameter.name])
        else:
            parameters.append(
                parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
            )

    def flat(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    functools.update_wrapper(flat, command)
    del flat.__wrapped__  # type: ignore[attr-defined]
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _parameters_of(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
