"""Options of the command that turns a forecast into decisions, and what their words mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from clvmodels.cli.deciding_words import is_table, numbers_of, parse_number, read_column, read_named
from clvmodels.errors import ArgumentError, DataError

if TYPE_CHECKING:
    import numpy as np

    from clvmodels.rfm import RFM
    from clvmodels.value import Economics, NewCustomers

NUMBER_OR_COLUMN = "N|COLUMN"


@dataclass(frozen=True)
class Money:
    """What a purchase earns and costs: numbers, or columns of a table of customers."""

    margin: Annotated[
        str,
        typer.Option(
            metavar=NUMBER_OR_COLUMN,
            help="Share of spend left after cost of goods, as 0.35; or a column of --customers.",
        ),
    ] = "1"
    discount: Annotated[
        str, typer.Option(metavar=NUMBER_OR_COLUMN, help="Discount rate, a fraction per year: 0.10 is 10 %.")
    ] = "0"
    cost_per_purchase: Annotated[
        str, typer.Option(metavar=NUMBER_OR_COLUMN, help="Money per purchase: postage, payment, picking.")
    ] = "0"
    cost_per_active_period: Annotated[
        str,
        typer.Option(
            metavar=NUMBER_OR_COLUMN,
            help="Money per customer and period with a purchase: servicing, retention.",
        ),
    ] = "0"
    one_off_cost: Annotated[
        str, typer.Option(metavar=NUMBER_OR_COLUMN, help="Money per customer at the start: a campaign.")
    ] = "0"
    currency: Annotated[
        str | None,
        typer.Option(
            help="Label of the money, as EUR; nothing is converted.", show_default="currency of the log"
        ),
    ] = None
    customers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Table with a row per customer: the id column of the log, and the columns named in other options.",
            show_default=False,
        ),
    ] = None

    def economics(self, rfm: RFM, id_column: str) -> Economics:
        """Margin, costs, rate and currency for the customers of a summary.

        Raises
        ------
        ArgumentError
            If a word is neither a number nor a column, or a number is outside its range.
        DataError
            If the table of customers lacks one.
        """
        from clvmodels.value import Economics

        names = ("margin", "cost_per_purchase", "cost_per_active_period", "one_off_cost")
        given: dict[str, Any] = {
            name: self.number(name, getattr(self, name), rfm, id_column) for name in names
        }
        given["annual_discount_rate"] = self.number("discount", self.discount, rfm, id_column)
        return Economics(**given) if self.currency is None else Economics(**given, currency=self.currency)

    def number(self, name: str, word: str, rfm: RFM, id_column: str) -> float | np.ndarray:
        """A number, or numbers in the order of the summary."""
        value = parse_number(f"--{name.replace('_', '-')}", word, or_column=True)
        if isinstance(value, float):
            return value
        return self.column(f"--{name.replace('_', '-')}", value, rfm, id_column, as_number=True)

    def column(self, option: str, name: str, rfm: RFM, id_column: str, *, as_number: bool) -> np.ndarray:
        """(n,) values of a column of the table of customers, in the order of the summary; others are not used.

        Raises
        ------
        ArgumentError
            If there is no table.
        """
        if self.customers is None:
            wrong = (
                "is no number, and without --customers there is"
                if as_number
                else "needs --customers: there is"
            )
            raise ArgumentError(f"{option} {name!r} {wrong} no table with such a column")
        return read_column(self.customers, name, rfm, id_column, as_number=as_number)


@dataclass(frozen=True)
class Winning:
    """New customers: what they cost, by which channel they come, and how many are planned."""

    cac: Annotated[
        str | None,
        typer.Option(
            metavar="N|FILE",
            help="Cost of winning a customer: a number, or a table with the columns channel and cac.",
            show_default=False,
        ),
    ] = None
    channel: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Column of --customers that says how each one was won.", show_default=False
        ),
    ] = None
    target: Annotated[float, typer.Option(help="LTV:CAC to be reached; three to one is 3.")] = 3.0
    level: Annotated[float, typer.Option(help="Probability asked of CAC ceilings, between 0 and 1.")] = 0.9
    plan: Annotated[
        str | None,
        typer.Option(
            metavar="N|FILE",
            help="New customers per month: a number, or a table with the column new_customers and, if need be, sd and "
            "cac, a row for each month of the horizon.",
            show_default=False,
        ),
    ] = None
    plan_sd: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of the new customers of a month.", show_default="exactly the plan"
        ),
    ] = None

    @property
    def costs(self) -> float | dict[str, float] | None:
        """CAC of everybody, or by channel; None if none was given.

        Raises
        ------
        ArgumentError
            If it is neither a number nor a table of channels.
        DataError
            If a channel is twice in the table.
        """
        if self.cac is None:
            return None
        if not is_table(self.cac):
            return float(parse_number("--cac", self.cac))
        table = read_named(Path(self.cac), "channel", "cac")
        repeated = table["channel"].duplicated(keep=False)
        if repeated.any():
            raise DataError(
                f"{self.cac!r} holds a channel more than once",
                column="channel",
                rows=int(repeated.sum()),
                examples=table.loc[repeated, "channel"].tolist(),
                fix="keep one row per channel",
            )
        return dict(zip(table["channel"].map(str), numbers_of(table, "cac", self.cac), strict=True))

    @property
    def planned(self) -> tuple[NewCustomers, Sequence[float] | None] | None:
        """How many customers a plan brings, and its own CAC if it has one; None if there is no plan.

        Raises
        ------
        ArgumentError
            If it is neither a number nor a table, or spreads are given twice.
        """
        from clvmodels.value import NewCustomers

        if self.plan is None:
            if self.plan_sd is not None:
                raise ArgumentError("--plan-sd needs --plan: the new customers of a month")
            return None
        if not is_table(self.plan):
            return NewCustomers(float(parse_number("--plan", self.plan)), self.plan_sd), None
        table = read_named(Path(self.plan), "new_customers")
        if "sd" in table and self.plan_sd is not None:
            raise ArgumentError(f"--plan-sd and the column sd of {self.plan!r} exclude each other")
        sd: Any = numbers_of(table, "sd", self.plan) if "sd" in table else self.plan_sd
        law = "log_normal" if sd is not None else "negative_binomial"  # months may differ in their spread
        cac = numbers_of(table, "cac", self.plan) if "cac" in table else None
        return NewCustomers(numbers_of(table, "new_customers", self.plan), sd, law), cac


@dataclass(frozen=True)
class Referring:
    """Referrals."""

    referrals: Annotated[
        str | None,
        typer.Option(
            metavar=NUMBER_OR_COLUMN,
            help="Referrals per customer and year, as 0.2; or the column of --customers that counts those so far.",
            show_default=False,
        ),
    ] = None
    incremental: Annotated[
        float | None,
        typer.Option(
            help="Share of the referred who would not have come anyway, 0 to 1.", show_default=False
        ),
    ] = None
    referral_chain: Annotated[
        Literal["first", "all"], typer.Option(help="Count whom customers refer, or whom those refer, too.")
    ] = "first"


@dataclass(frozen=True)
class Asking:
    """Further questions."""

    what_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LEVERS",
            help="A scenario, as retention=0.1,margin=0.05: retention, purchase_rate (fractions), margin (points), "
            "discount (the rate itself); again for the next.",
            show_default=False,
        ),
    ] = None
    best_share: Annotated[float, typer.Option(help="Share of the customers in the upper tier of value.")] = (
        0.2
    )
    last: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The segment_customers table of the last run: labels change only with a lead.",
            show_default=False,
        ),
    ] = None
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help="Explain what changed since a forecast of that day.", show_default=False
        ),
    ] = None
    groups: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of --customers with two groups to compare; again for the next.",
            show_default=False,
        ),
    ] = None
    randomised: Annotated[
        bool, typer.Option("--randomised", help="Chance put customers into the groups.")
    ] = False
    peers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table of peers: name, metric, value, unit.", show_default=False),
    ] = None
    churn: Annotated[
        float | None,
        typer.Option(help="Share lost per quarter, for the formulas.", show_default="measured from the log"),
    ] = None
    backtest: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A saved backtest: how far off formulas and model were.",
            show_default=False,
        ),
    ] = None
