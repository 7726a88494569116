"""The command that shows gross, refunds and net side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clvmodels.cli.commands import check_fit, check_tables
from clvmodels.cli.options import DURATION, Currency, Draws, Log, Model, ObservationEnd, Seed, TableOut
from clvmodels.cli.show import say, wrote
from clvmodels.errors import ArgumentError
from clvmodels.progress import progress_bar

if TYPE_CHECKING:
    from clvmodels.transactions import RefundRecord
    from clvmodels.value import NetForecast

Page = Annotated[
    Path | None,
    typer.Option("--page", metavar="FILE", help="HTML page of the same, to write too.", show_default=False),
]
Ahead = Annotated[
    str | None,
    typer.Option(
        "--horizon",
        metavar="LENGTH|DATE",
        help=f"Forecast so far, and show what of it is expected to come back: {DURATION}; or the last day.",
        show_default="the log only",
    ),
]


def refunds(
    log: Log,
    out: TableOut,
    model: Model,
    horizon: Ahead = None,
    observation_end: ObservationEnd = None,
    draws: Draws = 1000,
    seed: Seed = 0,
    page: Page = None,
    currency: Currency = "",
) -> None:
    """Show gross, refunds and net of a log side by side, and of a forecast.

    The forecast is of gross value, and the share of refunds that of the log. With --order-column refunds are taken from
    the order of their number. The table holds one row per customer.

    Example: clvmodels refunds log.csv --out refunds.csv --order-column order --horizon 12M
    """
    from clvmodels.io import check_writable, write_table
    from clvmodels.report import refunds_section, write_sections

    check_tables(log.log, out)
    if page is not None:
        check_writable(page)
    if log.no_spend:
        raise ArgumentError("--no-spend leaves no money that could come back; leave it out")
    if log.observation_start is not None:
        raise ArgumentError("--observation-start leaves customers out, and refunds are those of all of them")
    record = _record(log, observation_end)
    say(record.total.round(2).to_string())
    table, net = record.customers, None
    if horizon is not None:
        net = _ahead(log, model, record, horizon, observation_end, draws, seed)
        ahead = net.customers.rename(columns={name: f"forecast_{name}" for name in net.customers.columns[1:]})
        table = table.merge(ahead, on="customer_id", how="left")
        table.attrs.update(net.customers.attrs)
    wrote(*write_table(table, out))
    if page is not None:
        section = refunds_section(record, net, currency=currency)
        wrote(write_sections([section], page, title="Gross, refunds and net"))


def _record(log: Log, observation_end: str | None) -> RefundRecord:
    from clvmodels.transactions import refund_record

    names = ("customer_id", "date", "spend", "period", "zero_spend", "business_timezone", "order_id")
    rules: dict[str, Any] = {name: log.rules[name] for name in names}
    with log.opened() as rows:
        return refund_record(rows, observation_end=observation_end, **rules)


def _ahead(
    log: Log,
    model: Model,
    record: RefundRecord,
    horizon: str,
    observation_end: str | None,
    draws: int,
    seed: int,
) -> NetForecast:
    """The forecast after refunds; its totals are said."""
    from clvmodels.units import last_observed
    from clvmodels.value import net_of_refunds

    gross = replace(log, refunds="drop", order_column=None)
    end = observation_end or str(
        last_observed(record.facts["observed_until"])
    )  # refunds come after the last purchase
    rfm = gross.summarise(end)
    wanted = model.build(no_spend=False)
    with progress_bar(f"fitting {wanted.name}"):
        fitted = wanted.fit(rfm, draws=draws, seed=seed)
    check_fit(fitted)
    with progress_bar("forecasting") as move:
        forecast = fitted.forecast(horizon, draws=draws, seed=seed, progress=move)
    net = net_of_refunds(forecast, record, seed=seed)
    say(f"forecast of {forecast.horizon.window}, share of refunds {net.customers.attrs['refund_share']}")
    say(net.total.round(2).to_string())
    return net
