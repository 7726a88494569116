"""What of the money in a delivery came back, for the manifest of a run, its page and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clvmodels.batch.amounts import amount
from clvmodels.batch.delivery import Delivery
from clvmodels.config import Config
from clvmodels.report import refunds_section
from clvmodels.report.blocks import Section
from clvmodels.report.numbers import counted, per_cent
from clvmodels.transactions import RefundRecord, refund_record

_READ = ("customer_id", "date", "spend", "period", "zero_spend", "business_timezone", "order_id")


def record_of(config: Config, delivery: Delivery) -> RefundRecord | None:
    """Refunds up to the day of the run; None where there are none, where they stop a run, or money is left out."""
    if config.log.no_spend or config.log.refunds == "refuse":
        return None
    rules = {name: delivery.rules[name] for name in _READ}
    record = refund_record(delivery.table, observation_end=delivery.as_of, **rules)
    return record if record.refunds.any() else None


def facts_of(record: RefundRecord | None) -> dict[str, Any] | None:
    """How many refunds there are, of how much money, and which of them found their order, for a manifest."""
    if record is None:
        return None
    paid, back = float(record.paid.sum()), float(record.back.sum())
    number, found, money = int(record.refunds.sum()), len(record.delay), float(record.matched_back.sum())
    knows = record.facts["refunds"] == "match"
    return {
        "number": number,
        "money": back,
        "gross": paid,
        "net": float(record.net.sum()),
        "share_of_gross": back / paid if paid else None,
        "matched": {"number": found, "money": money} if knows else None,
        "unmatched": {"number": number - found, "money": back - money} if knows else None,
        "mean_delay_days": float(record.delay.mean()) if found else None,
    }


def section_of(record: RefundRecord | None, config: Config) -> list[Section]:
    """The section of the page, where there is anything to tell."""
    if record is None:
        return []
    said = config.log
    note = "The forecast is of net money: refunds are taken off before a model sees a purchase."
    if said.refunds == "drop":
        note = (
            "The forecast is of gross money: refunds were left out. How much of it is expected to come back is told "
            "by clvmodels refunds."
        )
    if said.observation_start is not None:
        note += f" Refunds are those of all customers, also of those who first bought before {said.observation_start}."
    return [refunds_section(record, currency=config.report.currency, note=note)]


def words_of(facts: Mapping[str, Any], currency: str) -> str:
    """The same in a line."""
    share = "" if facts["share_of_gross"] is None else f" ({per_cent(facts['share_of_gross'])} of gross)"
    text = f"{counted(facts['number'], 'refund')} of {amount(facts['money'], 'value', currency)}{share}"
    if facts["matched"] is not None:
        found, lost = (
            f"{facts[which]['number']:,} of {amount(facts[which]['money'], 'value', currency)}"
            for which in ("matched", "unmatched")
        )
        text += f": {found} with their order, {lost} without"
    return text
