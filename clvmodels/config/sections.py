"""What may stand in the configuration: one frozen class per section, every key with its meaning and default."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from clvmodels.errors import ArgumentError
from clvmodels.transactions.rules import (
    FirstPurchase,
    Period,
    Refunds,
    ZeroSpend,
    options_as_arguments,
)
from clvmodels.units import as_datetime, parse_duration

AUTO = "auto"
"""Stands for a model that is chosen by what the log holds."""
FROM_ENVIRONMENT = "env:"
"""Starts a value that is kept in an environment variable, because it is a secret."""
ASIDE = "aside"
"""Marks a key on which no number of a scheduled run depends: where things lie, how long to wait, what others read."""


def _as_date_text(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _is_moment(value: str) -> str:
    try:
        as_datetime(value)
    except ArgumentError as problem:
        raise ValueError(str(problem)) from None
    return value


def _is_duration(value: str) -> str:
    try:
        parse_duration(value)
    except ArgumentError as problem:
        raise ValueError(str(problem)) from None
    return value


def _hides_secrets(value: str) -> str:
    if "://" in value or "password=" in value:
        raise ValueError(
            "an address of a database may hold a password, and passwords do not belong in files: "
            f"put it into an environment variable and write '{FROM_ENVIRONMENT}NAME_OF_THE_VARIABLE'"
        )
    return value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Name = Annotated[str, Field(min_length=1)]
Day = Annotated[str, BeforeValidator(_as_date_text), AfterValidator(_is_moment)]
Duration = Annotated[str, AfterValidator(_is_duration)]
Durations = Annotated[list[Duration], BeforeValidator(_as_list), Field(min_length=1)]
Place = Annotated[str, Field(min_length=1), AfterValidator(_hides_secrets)]
Variable = Annotated[str, Field(pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")]
Level = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A section: unknown keys are refused, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Log(Section):
    """Where the transactions are and how they are to be read."""

    source: Annotated[
        Place,
        ASIDE,
        Field(
            description="A .csv, .csv.gz or .parquet file, a folder or a pattern of such files, a .duckdb file, or "
            "env:NAME of the environment variable that holds the address of a PostgreSQL database. Paths "
            "start at the folder of the configuration."
        ),
    ]
    table: Annotated[
        Name | None, ASIDE, Field(description="Table or view, where the source is a database.")
    ] = None
    table_schema: Annotated[
        Name | None, ASIDE, Field(alias="schema", description="Schema of the table, where it has one.")
    ] = None
    customer_column: Annotated[Name, Field(description="Column of customer ids.")] = "customer_id"
    date_column: Annotated[Name, Field(description="Column of dates or stamps (ISO text in CSV).")] = "date"
    spend_column: Annotated[Name, Field(description="Column of amounts, all in one currency.")] = "spend"
    no_spend: Annotated[bool, Field(description="Leave money out: purchases only.")] = False
    period: Annotated[
        Period, Field(description="Rows of a customer in one period are one purchase: min, h, D or W.")
    ] = "D"
    time_unit: Annotated[Period, Field(description="Unit of the models' clock: min, h, D or W.")] = "W"
    observation_start: Annotated[
        Day | None, Field(description="Customers who first bought before this day are left out.")
    ] = None
    first_purchase: Annotated[
        FirstPurchase, Field(description="Whether the first purchase counts in the mean spend.")
    ] = "exclude"
    refunds: Annotated[
        Refunds,
        Field(
            description="Negative spend: refuse (stop), drop (leave out), net (subtract within the period), or match "
            "(take from the order of the same number in order_column)."
        ),
    ] = "refuse"
    order_column: Annotated[
        Name | None, Field(description="Column of order numbers, for refunds = match.")
    ] = None
    zero_spend: Annotated[
        ZeroSpend, Field(description="Zero spend: count as a purchase, leave out, or stop.")
    ] = "purchase"
    business_timezone: Annotated[
        Name | None, Field(description="Whose calendar counts where stamps carry a zone.")
    ] = None
    memory_limit: Annotated[
        Name | None, ASIDE, Field(description="Read files in no more memory than this, as 1GB.")
    ] = None

    @property
    def rules(self) -> dict[str, str | None]:
        """Arguments of `rfm_summary` and `backtest` that say how the rows are read."""
        return options_as_arguments(self)

    @model_validator(mode="after")
    def _names_a_table(self) -> Self:
        is_database = self.source.startswith(FROM_ENVIRONMENT) or self.source.endswith(".duckdb")
        if is_database and self.table is None:
            raise ValueError("a database needs table = the name of the table of transactions")
        if not is_database and (self.table or self.table_schema):
            raise ValueError("table and schema belong to a database; the source names files")
        return self


class Model(Section):
    """The models to fit and forecast with."""

    purchase: Annotated[
        Name,
        Field(
            description="When customers buy: a purchase model, or auto for the one that forecast an earlier window of "
            "the log best."
        ),
    ] = AUTO
    spend: Annotated[
        Name,
        Field(
            description="What a purchase is worth: a spend model, or auto for what the log allows; not used with "
            "no_spend."
        ),
    ] = AUTO
    method: Annotated[Name, Field(description="How to fit: laplace, nuts, bootstrap, map or mle.")] = (
        "laplace"
    )
    season: Annotated[
        Name,
        Field(
            description="Clock that customers live on: monthly learns the pace of the months, from 24 months of a log "
            "on; gaussian_process from 12 months on, and how single calendar months depart from it; auto "
            "does as monthly if that forecast earlier months better than the calendar; none is the calendar; default "
            "is auto where the purchase model is auto, else none."
        ),
    ] = "default"
    label: Annotated[Name | None, Field(description="Name in tables and reports.")] = None
    draws: Annotated[int, Field(ge=2, description="Draws of the parameters.")] = 1000
    seed: Annotated[int, Field(ge=0, description="The same seed gives the same bytes.")] = 0


class Contender(Section):
    """One who takes part in a comparison; which keys a name takes is said where it has no such key."""

    name: Annotated[
        Name,
        Field(
            description="A purchase model, a historical formula, a rule of managers, a rival (regression, boosted, "
            "lifetimes) or stack, a mixture of the others; or a class of your own as module:Class, the module beside "
            "this file or installed. It is imported, so its code runs with your rights: name none you would not run."
        ),
    ]
    options: Annotated[
        dict[str, Any] | None,
        Field(description="Arguments of a class of your own, as { weeks = 13 }; only where the name is one."),
    ] = None
    label: Annotated[Name | None, Field(description="Name in tables and reports.")] = None
    purchase: Annotated[
        Name | None, Field(description="Purchase model that boosted corrects, or that lifetimes fits.")
    ] = None
    spend: Annotated[Name | None, Field(description="Spend model of a purchase model.")] = None
    method: Annotated[Name | None, Field(description="How a purchase model is fitted.")] = None
    season: Annotated[
        Name | None, Field(description="Clock of the customers of a purchase model, as in [model].")
    ] = None
    discrepancy: Annotated[
        float | Literal["default", "none"] | None,
        Field(
            description="Shock that all customers of a purchase model share: default, none, or 0.18 for 18 %."
        ),
    ] = None
    forecasters: Annotated[
        list[Name] | None,
        Field(min_length=2, description="Whom stack mixes, by label or name; without it all the others."),
    ] = None
    windows: Annotated[
        int | None,
        Field(ge=1, description="Earlier windows that regression, boosted and stack learn from, at most."),
    ] = None
    window: Annotated[
        Duration | None, Field(description="Length of the earlier window that a rule or stack learns from.")
    ] = None
    cut: Annotated[
        Duration | None,
        Field(description="Silence after which hiatus_rule gives a customer up; else learned."),
    ] = None
    min_tenure: Annotated[
        Duration | None, Field(description="Shortest time that a formula divides a customer's record by.")
    ] = None
    cohort: Annotated[
        Name | None,
        Field(description="How cohort_average groups: M by month of the first purchase, or ages as 4W wide."),
    ] = None
    churn: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            description="Share of customers lost per period, for formulas with a lifespan; else counted.",
        ),
    ] = None
    period: Annotated[Duration | None, Field(description="Period of that churn.")] = None
    acquisition_cost: Annotated[
        float | None, Field(ge=0, description="Cost of winning a customer, for net_historical.")
    ] = None
    retention_cost: Annotated[
        float | None, Field(ge=0, description="Cost of keeping a customer for a year, for net_historical.")
    ] = None

    @property
    def said(self) -> dict[str, object]:
        """The keys that are given."""
        return self.model_dump(exclude_none=True)


class Forecast(Section):
    """How far a forecast looks, at which rates, and what it says of each customer."""

    horizon: Annotated[
        Durations, Field(description="How far ahead: 52W, 12M, 1Y; or several, the main one first.")
    ] = ["12M"]
    discount: Annotated[float, Field(ge=0, lt=1, description="Fraction per year: 0.10 is 10 %.")] = 0.0
    margin: Annotated[float, Field(gt=0, le=1, description="Share of spend that counts.")] = 1.0
    levels: Annotated[list[Level], Field(min_length=1, description="Quantiles of each customer.")] = [
        0.1,
        0.5,
        0.9,
    ]
    step: Annotated[
        Literal["min", "h", "D", "W", "M", "Q", "Y"],
        Field(description="Step of the totals per period, by which forecasts are later judged."),
    ] = "W"
    draws: Annotated[int, Field(ge=2, description="Draws of the future.")] = 1000
    seed: Annotated[int, Field(ge=0, description="The same seed gives the same bytes.")] = 0


class Backtest(Section):
    """Forecasts from earlier dates, compared with what happened."""

    horizon: Annotated[Durations, Field(description="Length of every holdout, as 39W or 6M; or several.")] = [
        "26W"
    ]
    origins: Annotated[
        Annotated[int, Field(ge=1)] | list[Day] | None,
        Field(description="How many holdouts up to the end of the log, or the last known day of each."),
    ] = None
    step: Annotated[Duration | None, Field(description="From one origin to the next.")] = None
    min_calibration: Annotated[Duration | None, Field(description="What must lie before an origin.")] = None
    first_seen: Annotated[
        tuple[Day, Day] | None, Field(description="Only customers first seen between these days.")
    ] = None
    min_age: Annotated[Duration | None, Field(description="Only customers observed at least this long.")] = (
        None
    )
    observation_end: Annotated[Day | None, Field(description="Last observed day of the log.")] = None
    draws: Annotated[int, Field(ge=2, description="Draws of parameters and of futures.")] = 1000
    seed: Annotated[int, Field(ge=0, description="The same seed gives the same bytes.")] = 0
    workers: Annotated[int, Field(ge=1, description="Processes that share the work.")] = 1

    @model_validator(mode="after")
    def _dates_or_steps(self) -> Self:
        if isinstance(self.origins, list) and self.step is not None:
            raise ValueError(
                "origins given as dates have no step; give a number of origins, or leave step out"
            )
        return self


class Report(Section):
    """The page that is written."""

    out: Annotated[Place | None, ASIDE, Field(description="HTML page to write.")] = None
    title: Annotated[Name | None, ASIDE, Field(description="Title of the page.")] = None
    currency: Annotated[str, Field(description="Symbol or code to write amounts with, as € or EUR.")] = ""
    hash_ids: Annotated[bool, ASIDE, Field(description="Show hashes instead of customer ids.")] = False
