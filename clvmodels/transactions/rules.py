"""How a log is to be read: what the caller chose, checked before any row is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from clvmodels.errors import ArgumentError, check_choice
from clvmodels.units import unit_days

Period = Literal["min", "h", "D", "W"]
FirstPurchase = Literal["exclude", "include"]
Refunds = Literal["refuse", "drop", "net", "match"]
ZeroSpend = Literal["purchase", "drop", "refuse"]
_CHOICES = {"first_purchase": FirstPurchase, "refunds": Refunds, "zero_spend": ZeroSpend}


@dataclass(frozen=True)
class Rules:
    """How a log is to be read: the names of its columns and the choices of the caller."""

    customer_id: str
    date: str
    spend: str | None
    period: str
    time_unit: str
    first_purchase: str
    refunds: str
    zero_spend: str
    business_timezone: str | None
    order_id: str | None = None

    def __post_init__(self) -> None:
        for name in ("period", "time_unit"):
            unit_days(getattr(self, name))
        for name, choice in _CHOICES.items():
            check_choice(name, getattr(self, name), get_args(choice))
        for name in ("customer_id", "date", "spend", "order_id"):
            column = getattr(self, name)
            is_left_out = column is None and name in ("spend", "order_id")
            is_name = isinstance(column, str | int | tuple) and not isinstance(column, bool)
            if not is_name and not is_left_out:
                raise ArgumentError(f"{name}={column!r} must be the name of a column")
        if len({self.customer_id, self.date, self.spend}) < 3 or self.order_id in (
            self.customer_id,
            self.date,
            self.spend or "",
        ):
            raise ArgumentError("customer_id, date, spend and order_id must name different columns")
        if self.refunds == "match" and (self.order_id is None or self.spend is None):
            raise ArgumentError(
                "refunds='match' finds the order of a refund: name the columns of amounts and of order numbers with "
                "spend= and order_id=, or choose refunds='net', which needs no numbers"
            )
        if self.order_id is not None and self.refunds != "match":
            raise ArgumentError(
                f"order_id={self.order_id!r} is read by refunds='match' only, and refunds is {self.refunds!r}"
            )
        if self.business_timezone is not None:
            try:
                ZoneInfo(self.business_timezone)
            except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
                raise ArgumentError(
                    f"business_timezone={self.business_timezone!r} is no time zone; write e.g. 'Europe/Berlin'"
                ) from None

    @property
    def columns(self) -> dict[str, str]:
        """The caller's column of each role."""
        named = {"customer_id": self.customer_id, "date": self.date, "spend": self.spend}
        named["order_id"] = self.order_id
        return {role: column for role, column in named.items() if column is not None}


class LogOptions(Protocol):
    """How command line and configuration spell the arguments of `rfm_summary`."""

    @property
    def customer_column(self) -> str:
        """Column of customer ids."""

    @property
    def date_column(self) -> str:
        """Column of dates or stamps."""

    @property
    def spend_column(self) -> str:
        """Column of amounts."""

    @property
    def no_spend(self) -> bool:
        """Whether money is left out."""

    @property
    def order_column(self) -> str | None:
        """Column of order numbers."""


_SAME = (
    "period", "time_unit", "observation_start", "first_purchase", "refunds", "zero_spend", "business_timezone"
)  # fmt: skip


def options_as_arguments(said: LogOptions) -> dict[str, Any]:
    """Arguments of `rfm_summary` and `backtest` that say how rows are read; those not named here keep their names."""
    return {
        "customer_id": said.customer_column,
        "date": said.date_column,
        "spend": None if said.no_spend else said.spend_column,
        "order_id": said.order_column,
        **{name: getattr(said, name) for name in _SAME},
    }
