"""The door: a dataframe of any engine becomes a checked log of whole numbers, or is refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from clvmodels.errors import DataError
from clvmodels.rfm import Note
from clvmodels.transactions import clock, money, wholes
from clvmodels.transactions.columns import first_of, place_of, plain_columns, row_of
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
        `money` (in DuckDB the one of `wholes`) and ``refund`` (1 for a negative row); where refunds are matched,
        spend and order_id, too.
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
    is_text, rows = dtype == nw.String, frame.lazy()
    in_one_pass = (
        isinstance(frame, nw.LazyFrame) and not is_text
    )  # tables in memory stumble over missing dates
    if in_one_pass:
        rows = clock.numbered(rows, rules.period, is_text=False, has_clock=dtype != nw.Date)
    counts = _count(rows, rules, is_text, _bounds(rules) if in_one_pass else {})
    _refuse_holes(rows, counts, rules)
    if not in_one_pass:
        has_clock = counts["clock"] > 0 if is_text else dtype != nw.Date
        rows = clock.numbered(rows, rules.period, is_text=is_text, has_clock=has_clock)
        counts |= _count_numbered(rows, rules, is_text)
    _refuse_money(rows, counts, rules)
    kept, notes = _apply_choices(rows, counts, rules)
    if not counts["kept"]:
        raise DataError("no purchase is left", fix="check how refunds and zero spend are treated")
    exponent = money.exponent_of(counts.get("largest", 0.0), int(counts["rows"]))
    has_refunds = rules.refunds in ("net", "match") and counts.get("negative", 0) > 0
    first_stamp, last_stamp = int(counts["first_stamp"]), int(counts["last_stamp"])
    rows_of_numbers = _with_money(kept, rules, exponent)
    return Log(
        rows_of_numbers,
        rules,
        int(counts["rows"]),
        exponent,
        has_refunds,
        first_stamp,
        last_stamp,
        tuple(notes),
    )


def _count(
    rows: nw.LazyFrame[Any], rules: Rules, is_text: bool, further: Mapping[str, nw.Expr]
) -> dict[str, Any]:
    """One pass over the raw rows for everything the door wants to know."""
    tallies = {"null_ids": _tally(_missing_id(rows)), "null_dates": _tally(_missing_date(rows)), **further}
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
    return counts


def _count_numbered(rows: nw.LazyFrame[Any], rules: Rules, is_text: bool) -> dict[str, Any]:
    """One more pass where dates had to be looked at before they could become numbers."""
    no_days = {"no_days": _tally(clock.no_such_day())} if is_text else {}
    counts = row_of(rows.select(**no_days, **_bounds(rules)))
    _refuse_texts(rows, counts.get("no_days", 0), clock.no_such_day(), rules)
    return counts


def _bounds(rules: Rules) -> dict[str, nw.Expr]:
    """How many rows the caller's choices leave, and the first and last stamp of these."""
    spend, stamp = nw.col("spend"), nw.col("stamp")
    choices = ((rules.refunds == "drop", spend < 0), (rules.zero_spend == "drop", spend == 0))
    dropped = [condition for drop, condition in choices if drop and rules.spend is not None]
    if not dropped:
        return {"kept": nw.len(), "first_stamp": stamp.min(), "last_stamp": stamp.max()}
    is_dropped = nw.any_horizontal(*dropped, ignore_nulls=True)
    stamp = nw.when(~is_dropped).then(stamp)
    return {"kept": _tally(~is_dropped), "first_stamp": stamp.min(), "last_stamp": stamp.max()}


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


def _missing_date(rows: nw.LazyFrame[Any]) -> nw.Expr:
    """Dates that are null, or infinite as databases have them, which no calendar holds."""
    return nw.col("stamp" if "stamp" in rows.collect_schema().names() else "date").is_null()


def _refuse_holes(rows: nw.LazyFrame[Any], counts: Mapping[str, Any], rules: Rules) -> None:
    if counts["null_ids"]:
        raise DataError(
            "customer ids are missing, first dates shown" + place_of(rows, _missing_id(rows)),
            column=rules.customer_id,
            rows=int(counts["null_ids"]),
            examples=first_of(rows, "date", _missing_id(rows)),
            fix="drop those rows, or give their customers an id",
        )
    if counts["null_dates"]:
        raise DataError(
            "dates are missing, first ids shown" + place_of(rows, _missing_date(rows)),
            column=rules.date,
            rows=int(counts["null_dates"]),
            examples=first_of(rows, "customer_id", _missing_date(rows)),
            fix="drop those rows, or find their dates",
        )
    _refuse_texts(rows, counts.get("bad_texts", 0), ~_is_iso(), rules)


def _refuse_texts(rows: nw.LazyFrame[Any], number: int, bad: nw.Expr, rules: Rules) -> None:
    if number:
        raise DataError(
            "texts must be ISO dates without time zone, such as 1997-09-30 or 1997-09-30 14:05:00"
            + place_of(rows, bad),
            column=rules.date,
            rows=int(number),
            examples=[repr(text) for text in first_of(rows, "date", bad)],
            fix="convert the column to dates first, in pandas with pd.to_datetime(..., format=...)",
        )


def _refuse_money(rows: nw.LazyFrame[Any], counts: Mapping[str, Any], rules: Rules) -> None:
    def refuse(number: int, rule: str, broken: nw.Expr, fix: str) -> None:
        if number:
            ids = first_of(rows, "customer_id", broken)
            rule += place_of(rows, broken)
            raise DataError(rule, column=rules.spend, rows=int(number), examples=ids, fix=fix)

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
            "choose refunds='drop' to leave such rows out, refunds='net' to subtract them within a period, or "
            "refunds='match' with order_id= to take them from the order that they take back",
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
        if not counts.get(name) or (name == "negative" and rules.refunds == "match"):
            continue  # of refunds that are matched, the summary tells what became of them
        fate = (
            "left out"
            if drop
            else "subtracted within their period"
            if name == "negative"
            else "kept as purchases"
        )
        notes.append(
            Note(f"{what} {fate}", int(counts[name]), tuple(first_of(rows, "customer_id", condition)))
        )
        if drop:
            kept = kept.filter(~condition)
    return kept, notes


def _with_money(rows: nw.LazyFrame[Any], rules: Rules, exponent: int) -> nw.LazyFrame[Any]:
    numbers = ["customer_id", "stamp", "period"]
    if rules.spend is not None:
        refund = nw.when(nw.col("spend") < 0).then(nw.lit(1)).otherwise(nw.lit(0))
        rows = rows.with_columns(refund=refund.cast(nw.Int64))
        in_one = wholes.are_in(rows)
        rows = wholes.with_whole(rows, exponent) if in_one else money.with_limbs(rows, "spend", exponent)
        numbers += [*(("whole",) if in_one else money.LIMBS), "refund"]
        numbers += ["spend", "order_id"] if rules.refunds == "match" else []
    return rows.select(*numbers)
