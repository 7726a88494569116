"""The door: a dataframe of any engine becomes a checked log of whole numbers, or is refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from clvmodels.errors import DataError
from clvmodels.rfm import Note
from clvmodels.transactions import clock, money
from clvmodels.transactions.columns import first_of, plain_columns, row_of
from clvmodels.transactions.rules import Rules

_LARGEST = np.finfo(float).max
_SCALE = 2.0**-64  # sums of scaled amounts stay finite where sums of amounts would not


@dataclass(frozen=True)
class Log:
    """A checked log.

    Attributes
    ----------
    rows
        Columns customer_id, stamp (microseconds), period (number) and, with spend, the three numbers of
        `money` and ``refund`` (1 for a negative row).
    rules
        How it is read.
    rows_in
        Rows before anything was dropped.
    exponent
        Scale of the money.
    has_refunds
        Whether rows with negative spend are among them.
    first_stamp, last_stamp
        Of the rows kept.
    notes
        What was dropped or kept specially.
    """

    rows: nw.LazyFrame[Any]
    rules: Rules
    rows_in: int
    exponent: int
    has_refunds: bool
    first_stamp: int
    last_stamp: int
    notes: tuple[Note, ...]


def open_log(transactions: Any, rules: Rules) -> Log:
    """Check a dataframe against the rules and read its dates and money into whole numbers."""
    frame = plain_columns(transactions, rules)
    dtype = frame.collect_schema()["date"]
    is_text = dtype == nw.String
    rows = frame.lazy()
    counts = _count(rows, rules, is_text)
    _refuse_holes(rows, counts, rules)
    _refuse_money(rows, counts, rules)
    has_clock = bool(counts["clock"]) if is_text else dtype != nw.Date
    kept, notes = _apply_choices(rows, counts, rules)
    exponent = money.exponent_of(counts.get("largest", 0.0))
    kept = _with_numbers(kept, rules, is_text, has_clock, exponent)
    bounds = row_of(
        kept.select(nw.len().alias("rows"), nw.col("stamp").min(), nw.col("stamp").max().alias("last"))
    )
    if not bounds["rows"]:
        raise DataError("no purchase is left", fix="check how refunds and zero spend are treated")
    has_refunds = rules.refunds == "net" and counts.get("negative", 0) > 0
    return Log(
        kept,
        rules,
        counts["rows"],
        exponent,
        has_refunds,
        int(bounds["stamp"]),
        int(bounds["last"]),
        tuple(notes),
    )


def _count(rows: nw.LazyFrame[Any], rules: Rules, is_text: bool) -> dict[str, Any]:
    """One pass over the raw rows for everything the door wants to know."""
    tallies = {"null_ids": _tally(_missing_id(rows)), "null_dates": _tally(nw.col("date").is_null())}
    if is_text:
        length = nw.col("date").str.len_chars()
        tallies |= {"bad_texts": _tally(~_is_iso()), "clock": _tally(length > 10)}
    if rules.spend is not None:
        spend = nw.col("spend")
        tallies |= {
            "bad_spend": nw.when(spend.abs() <= _LARGEST).then(nw.lit(0)).otherwise(nw.lit(1)).sum(),
            "negative": _tally(spend < 0),
            "zero": _tally(spend == 0),
            "largest": spend.abs().max(),
            "scaled_sum": (spend.abs() * _SCALE).sum(),
        }
    counts = row_of(rows.select(nw.len().alias("rows"), **tallies))
    if not counts["rows"]:
        raise DataError("the log has no rows", fix="check the filters before the summary")
    amounts = ("largest", "scaled_sum")
    return {name: count if name in amounts else int(count) for name, count in counts.items()}


def _tally(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0)).sum()


def _is_iso() -> nw.Expr:
    return nw.col("date").str.contains(clock.ISO_TEXT)


def _missing_id(rows: nw.LazyFrame[Any]) -> nw.Expr:
    missing = nw.col("customer_id").is_null()
    return (
        missing | nw.col("customer_id").is_nan()
        if rows.collect_schema()["customer_id"].is_float()
        else missing
    )


def _refuse_holes(rows: nw.LazyFrame[Any], counts: Mapping[str, Any], rules: Rules) -> None:
    if counts["null_ids"]:
        raise DataError(
            "customer ids are missing, first dates shown",
            column=rules.customer_id,
            rows=counts["null_ids"],
            examples=first_of(rows, "date", _missing_id(rows)),
            fix="drop those rows, or give their customers an id",
        )
    if counts["null_dates"]:
        raise DataError(
            "dates are missing, first ids shown",
            column=rules.date,
            rows=counts["null_dates"],
            examples=first_of(rows, "customer_id", nw.col("date").is_null()),
            fix="drop those rows, or find their dates",
        )
    if "bad_texts" not in counts:
        return
    bad, number = ~_is_iso(), counts["bad_texts"]
    if not number:
        rows, bad = clock.with_calendar(rows, is_text=True), clock.no_such_day()
        number = int(row_of(rows.select(bad=_tally(bad)))["bad"])
    if number:
        raise DataError(
            "texts must be ISO dates without time zone, such as 1997-09-30 or 1997-09-30 14:05:00",
            column=rules.date,
            rows=number,
            examples=[repr(text) for text in first_of(rows, "date", bad)],
            fix="convert the column to dates first, in pandas with pd.to_datetime(..., format=...)",
        )


def _refuse_money(rows: nw.LazyFrame[Any], counts: Mapping[str, Any], rules: Rules) -> None:
    def refuse(number: int, rule: str, broken: nw.Expr, fix: str) -> None:
        if number:
            ids = first_of(rows, "customer_id", broken)
            raise DataError(rule, column=rules.spend, rows=number, examples=ids, fix=fix)

    if rules.spend is None:
        return
    spend = nw.col("spend")
    bad = nw.when(spend.abs() <= _LARGEST).then(nw.lit(0)).otherwise(nw.lit(1)) == 1
    refuse(
        counts["bad_spend"],
        "spend must be finite, first ids shown",
        bad,
        "drop those rows, or find their amounts",
    )
    if counts["scaled_sum"] > _LARGEST * _SCALE:
        large = spend.abs() > _LARGEST / counts["rows"]
        refuse(
            int(row_of(rows.select(large=_tally(large)))["large"]),
            "amounts add up to more than a number can hold (1.8e308), ids of the largest shown",
            large,
            "check those amounts",
        )
    if rules.refunds == "refuse":
        refuse(
            counts["negative"],
            "spend is negative, first ids shown",
            spend < 0,
            "choose refunds='drop' to leave such rows out, or refunds='net' to subtract them within a period",
        )
    if rules.zero_spend == "refuse":
        refuse(
            counts["zero"],
            "spend is zero, first ids shown",
            spend == 0,
            "choose zero_spend='purchase' to count such rows as purchases, or zero_spend='drop'",
        )


def _apply_choices(
    rows: nw.LazyFrame[Any], counts: Mapping[str, Any], rules: Rules
) -> tuple[nw.LazyFrame[Any], Sequence[Note]]:
    notes = []
    kept = rows
    cases = (
        ("negative", rules.refunds == "drop", nw.col("spend") < 0, "rows of the log with negative spend"),
        ("zero", rules.zero_spend == "drop", nw.col("spend") == 0, "rows of the log with zero spend"),
    )
    for name, drop, condition, what in cases:
        if not counts.get(name):
            continue
        fate = (
            "left out"
            if drop
            else "subtracted within their period"
            if name == "negative"
            else "kept as purchases"
        )
        notes.append(Note(f"{what} {fate}", counts[name], tuple(first_of(rows, "customer_id", condition))))
        if drop:
            kept = kept.filter(~condition)
    return kept, notes


def _with_numbers(
    rows: nw.LazyFrame[Any], rules: Rules, is_text: bool, has_clock: bool, exponent: int
) -> nw.LazyFrame[Any]:
    rows = clock.numbered(rows, rules.period, is_text=is_text, has_clock=has_clock)
    numbers = ["customer_id", "stamp", "period"]
    if rules.spend is not None:
        refund = nw.when(nw.col("spend") < 0).then(nw.lit(1)).otherwise(nw.lit(0))
        rows = money.with_limbs(rows.with_columns(refund=refund.cast(nw.Int64)), "spend", exponent)
        numbers += [*money.LIMBS, "refund"]
    return rows.select(*numbers)
