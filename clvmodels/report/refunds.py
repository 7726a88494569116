"""What comes back: gross, refunds and net of a log, and of a forecast, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.prediction import tail_levels
from clvmodels.report.blocks import MISSING, Block, Cell, Column, Heading, Section, Strong, Table, Text, cells
from clvmodels.report.numbers import counted, decimals_for, fixed, per_cent, with_currency
from clvmodels.transactions import RefundRecord
from clvmodels.value import NetForecast

FOUND, LOST = "of an earlier order", "of no order that is known"
VIEWS = {"gross": "Gross: what was sold", "refunds": "Refunds", "net": "Net: what is left"}
AHEAD = {
    "gross value": "Gross value, before refunds",
    "expected refunds": "Expected refunds",
    "net value": "Net value, what is expected to stay",
}


def refunds_section(
    record: RefundRecord, net: NetForecast | None = None, *, currency: str = "", note: str = ""
) -> Section:
    """Gross, refunds and net of a log, and what of a forecast is expected to come back.

    Parameters
    ----------
    record
        What `refund_record` found in the log.
    net
        The forecast after refunds, from `net_of_refunds`.
    currency
        A symbol (``"€"``, set before amounts) or a code (``"EUR"``, set behind).
    note
        A sentence on the forecast where there is no `net`: why not, or that it is net already.

    Returns
    -------
    Section
        For ``write_report(sections=[...])`` or a page of its own, `write_sections`.

    Raises
    ------
    ArgumentError
        If there is a note although there is a `net`.

    Examples
    --------
    >>> import clvmodels as clv, pandas as pd
    >>> log = pd.DataFrame({
    ...     "customer_id": ["ann", "ann", "ann"], "date": ["2026-01-01", "2026-01-05", "2026-01-05"],
    ...     "spend": [10.0, 30.0, -8.0],
    ... })
    >>> refunds_section(clv.refund_record(log)).blocks[0].parts[1].words
    '20.0 %'
    """
    if net is not None and note:
        raise ArgumentError("a note tells why there is no forecast after refunds, and there is one")
    blocks: list[Block] = [_lead(record, currency), _of_log(record, currency)]
    if net is not None:
        blocks += [
            Heading("What of the forecast is expected to come back"),
            *_of_forecast(net, record, currency),
        ]
    elif note:
        blocks.append(Text([note]))
    return Section("refunds", "What comes back", blocks)


def _lead(record: RefundRecord, currency: str) -> Text:
    total = record.total
    money = _writer(total["value"].tolist(), currency)
    sold, back = (money(float(total["value"][view])) for view in ("gross", "refunds"))
    until = f"{record.facts['observed_until']:%Y-%m-%d}"
    late = float(total["mean_delay_days"]["refunds"])
    parts: list[str | Strong] = [
        f"Of {sold} that customers paid before {until}, {back} (",
        Strong(per_cent(float(total["share_of_gross"]["refunds"]))),
        f") came back in {counted(int(total['number']['refunds']), 'refund')}",
    ]
    parts.append("." if np.isnan(late) else f", {fixed(late, 1)} days after the order in the mean.")
    return Text(parts)


def _of_log(record: RefundRecord, currency: str) -> Table:
    total = record.total
    money = _writer(total["value"].tolist(), currency)
    rows = [
        cells(
            VIEWS[str(view)],
            fixed(float(row["number"])),
            money(float(row["value"])),
            per_cent(float(row["share_of_gross"])),
            fixed(float(row["mean_delay_days"]), 1),
        )
        for view, row in total.iterrows()
    ]
    if record.facts["refunds"] == "match":
        rows[2:2] = _by_order(record, money)
    columns = [
        Column("", is_number=False),
        Column("Number", "purchases or refunds"),
        Column("Money"),
        Column("Share", "of gross"),
        Column("Delay", "mean, days"),
    ]
    if record.facts["refunds"] == "match":
        notes = ["A refund is taken from the order of its number; of what finds none only the money counts."]
        notes += [f"19 of 20 refunds came within {fixed(record.mature)} days."] if len(record.delay) else []
    else:
        notes = [
            f"{MISSING} without order numbers nobody knows which order a refund takes back, nor how late it came."
        ]
    return Table("refunds-log", "Gross, refunds and net of the log", columns, rows, notes)


def _by_order(record: RefundRecord, money: Callable[[float], str]) -> list[list[Cell]]:
    """The refunds that find the order they take back, and those that do not."""
    number, back, paid = len(record.delay), float(record.matched_back.sum()), float(record.paid.sum())
    late = float(record.delay.mean()) if number else np.nan
    other = int(record.refunds.sum()) - number, float(record.back.sum()) - back
    return [
        cells(
            f"Refunds {which}",
            fixed(count),
            money(value),
            per_cent(value / paid if paid else np.nan),
            fixed(days, 1),
        )
        for which, count, value, days in ((FOUND, number, back, late), (LOST, *other, np.nan))
    ]


def _of_forecast(net: NetForecast, record: RefundRecord, currency: str) -> list[Block]:
    total, has_interval = net.total, net.forecast.is_distribution
    level = f"{100 * net.level:g} %"
    money = _writer(total["mean"].tolist(), currency)
    rows = []
    for view, row in total.iterrows():
        texts = [AHEAD[str(view)], money(float(row["mean"]))]
        if has_interval:
            texts.append(f"{money(float(row['low']))} to {money(float(row['high']))}")
        rows.append(cells(*texts))
    columns = [Column("", is_number=False), Column("Total", "mean")]
    columns += [Column(f"{level} interval", "central, predictive")] if has_interval else []
    low, high = np.quantile(net.share, tail_levels(net.level))
    said = f"The share that comes back is learned from the log: {per_cent(float(net.share.mean()))} in the mean, "
    said += f"central {level} interval over reweighted customers {per_cent(float(low))} to {per_cent(float(high))}"
    if record.mature:
        said += f", from purchases at least {fixed(record.mature)} days old, so that their refunds had time to come"
    notes = [f"{said}. That some customers send back more than others is not in it.", *_worth(net)]
    if not has_interval:
        notes.append("A formula gives one number and no interval.")
    caption = f"Gross, expected refunds and net of the forecast, {net.forecast.horizon.window}"
    return [Table("refunds-forecast", caption, columns, rows, notes)]


def _worth(net: NetForecast) -> list[str]:
    """What a unit of value is, where it is not one of spend."""
    told = net.forecast.provenance
    rate, margin = float(told.get("annual_discount_rate", 0.0)), float(told.get("margin", 1.0))
    if rate == 0.0 and margin == 1.0:
        return []
    return [
        f"Not what will be sold, but value: discounted at {per_cent(rate)} a year, and {per_cent(margin)} of spend as "
        "margin; refunds are taken to cost as much of it."
    ]


def _writer(values: Sequence[float], currency: str) -> Callable[[float], str]:
    """Writes amounts of a table with the decimals that suit the largest of them."""
    decimals = decimals_for(values)
    return lambda value: with_currency(fixed(value, decimals), currency)
