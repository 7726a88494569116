"""What to do with it: the decisions a forecast is made for, as one section of a page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from clvmodels import plots
from clvmodels.errors import check_kind, whole_number
from clvmodels.report.action_acquiring import acquisition_blocks, plan_blocks, referral_blocks
from clvmodels.report.action_comparing import (
    benchmark_blocks,
    calculator_blocks,
    change_blocks,
    group_blocks,
    lever_blocks,
)
from clvmodels.report.action_words import Writing, column_pair
from clvmodels.report.blocks import Block, Cell, Column, Heading, Section, Strong, Table, Text, cells
from clvmodels.report.drawing import TALL, picture
from clvmodels.report.numbers import INTERVAL, per_cent
from clvmodels.value import Decisions, ProfitForecast, Segmentation

if TYPE_CHECKING:
    pass

_FLOWS = {
    "revenue": "Revenue",
    "margin": "Margin after cost of goods",
    "purchase_cost": "Costs of purchases",
    "active_cost": "Costs of active periods",
    "one_off_cost": "One-off costs",
    "profit": "Profit",
}


def action_section(
    decisions: Decisions, *, pictures: bool = True, top: int = 10, hash_ids: bool = False
) -> Section:
    """What to do with it: profit, segments, acquisition, referrals, levers, change and the formulas beside.

    Parameters
    ----------
    decisions
        The answers there are; the others are left out.
    pictures
        Whether figures are drawn.
    top
        Customers named in lists, at least 0.
    hash_ids
        Show customers by a hash of their id.

    Returns
    -------
    Section
        For ``write_report(sections=[...])`` or a page of its own, `write_sections`.

    Raises
    ------
    ArgumentError
        If `decisions` are none, or `top` is no whole number of at least 0.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 100))
    >>> fitted = clv.CLVModel("bg_nbd", method="map").fit(rfm)
    >>> view = clv.profit(fitted, "12M", clv.Economics(margin=0.4, currency="EUR"), draws=50)
    >>> action_section(clv.Decisions(profit=view)).title
    'What to do with it'
    """
    whole_number("top", top, least=0)
    check_kind("decisions", decisions, Decisions, "write Decisions(profit=view), say")
    writing = Writing(decisions.currency, pictures, top, hash_ids)
    blocks: list[Block] = [Text([writing.about])]
    if decisions.profit is not None:
        blocks += _profit_blocks(decisions.profit, writing)
    if decisions.segments is not None:
        blocks += _segment_blocks(decisions.segments, writing)
    if decisions.acquisition is not None:
        blocks += acquisition_blocks(decisions.acquisition, writing)
    if decisions.plan is not None:
        blocks += plan_blocks(decisions.plan, decisions.budget, writing)
    if decisions.referrals is not None:
        blocks += referral_blocks(decisions.referrals, writing)
    blocks += lever_blocks(decisions.tornado, decisions.elasticities, decisions.what_if, writing)
    blocks += change_blocks(decisions.change, decisions.realised, writing)
    blocks += group_blocks(decisions.groups, writing)
    blocks += benchmark_blocks(decisions.benchmark, writing)
    if decisions.calculator is not None:
        blocks += calculator_blocks(decisions.calculator, writing)
    return Section("action", "What to do with it", blocks)


def _profit_blocks(view: ProfitForecast, writing: Writing) -> list[Block]:
    table = view.summary()
    gain = view.profit.mean
    said = f"{view.name}, {view.provenance['window']}: {len(view.columns['customer_id']):,} present customers bring "
    lead: list[str | Strong] = [said, Strong(f"{writing.money(gain, 0)} of profit")]
    if view.is_distribution:
        low, high = view.profit.interval(0.9)
        lead.append(f" ({writing.span(low, high, 0)}, central {INTERVAL} predictive interval)")
    lead.append(f" from {writing.money(view.revenue.mean, 0)} of revenue.")
    rows = []
    for flow, row in zip(table.index, table.to_dict("records"), strict=True):
        cost = -1.0 if str(flow).endswith("_cost") else 1.0
        texts = [_FLOWS[str(flow)], writing.money(cost * row["total_mean"], 0)]
        if view.is_distribution:
            bounds = sorted((cost * row["total_low"], cost * row["total_high"]))
            texts.append(writing.span(bounds[0], bounds[1], 0))
        rows.append(cells(*texts, writing.money(cost * row["per_customer_mean"], 2)))
    columns = [Column("Cash flow", is_number=False), *column_pair("Total", view.is_distribution)]
    columns.append(Column("Per customer", "mean"))
    notes = [f"Discounting: {view.provenance['discounting']}. {_terms_words(view)}"]
    caption = f"From revenue to profit, {view.horizon.text}, discounted to the start"
    return [
        Heading("Profit, not only revenue"),
        Text(lead),
        Table("action-profit", caption, columns, rows, notes),
    ]


def _terms_words(view: ProfitForecast) -> str:
    names = ("margin", "cost_per_purchase", "cost_per_active_period", "one_off_cost", "annual_discount_rate")
    return (
        "Terms: "
        + ", ".join(f"{name.replace('_', ' ')} {_short(view.provenance[name])}" for name in names)
        + "."
    )


def _short(fact: object) -> str:
    return f"{fact:g}" if isinstance(fact, float) else str(fact)


def _segment_blocks(found: Segmentation, writing: Writing) -> list[Block]:
    blocks: list[Block] = [
        Heading("Whom to protect, grow, win back and let go"),
        _segment_table(found, writing),
    ]
    if writing.pictures:
        words = ", ".join(f"{row['segment']} {row['customers']:,}" for row in found.table.to_dict("records"))
        blocks.append(
            picture(
                "action-map",
                partial(plots.plot_segment_map, found),
                title="Map of the segments",
                description=f"Customers by chance to buy and worth: {words}.",
                caption="Every customer by the chance to buy again and what they are worth if they do; faint where "
                "the segment is unsure, value tiers begin at the dashed lines.",
                size=TALL,
            )
        )
    return [*blocks, *_lists(found, writing)]


def _segment_table(found: Segmentation, writing: Writing) -> Table:
    table, many = found.table, found.forecast.is_distribution
    rows = []
    for row in table.to_dict("records"):
        texts = [str(row["segment"]), f"{row['customers']:,}", f"{row['expected_size']:,.0f}"]
        texts.append(writing.money(row["value_mean"], 0))
        texts += [writing.span(row["value_low"], row["value_high"], 0)] if many else []
        texts += [per_cent(row["share_of_value"]), writing.money(row["mean_per_customer"], 2)]
        rows.append(cells(*texts, str(row["action"])))
    columns = [Column("Segment", is_number=False), Column("Customers", "by label")]
    columns += [Column("Expected members", "by chance"), *column_pair("Value", many)]
    columns += [Column("Share of value"), Column("Per customer", "mean")]
    columns.append(Column("What to do", is_number=False))
    tiers = ", ".join(
        f"{name} from {writing.money(bound, 2)}" for name, bound in table.attrs["tiers"].items()
    )
    notes = [f"Tiers: {tiers}, by what a customer is worth if they buy. A label is the likeliest segment."]
    if not many:
        notes.append(
            "A formula has one draw: members are certain by arithmetic, and nothing has an interval."
        )
    caption = f"Segments, value of {found.forecast.horizon.text}"
    return Table("action-segments", caption, columns, rows, notes)


def _lists(found: Segmentation, writing: Writing) -> list[Block]:
    """Those at risk, and how many are of low value."""
    risk, low = found.at_risk, found.low_value()
    blocks: list[Block] = []
    if writing.top and len(risk):
        stake = writing.money(float(risk["value_at_stake"].sum()), 0)
        caption = (
            f"At risk: {len(risk):,} valuable customers who probably will not buy again ({stake} at stake)"
        )
        rows = [_at_risk(row, writing) for row in risk.head(writing.top).to_dict("records")]
        columns = [Column("Customer", is_number=False), Column("At stake"), Column("Chance to buy")]
        columns.append(Column("Why", is_number=False, is_prose=True))
        note = "At stake: what the customer is worth if they buy, times the chance that they do not."
        blocks.append(Table("action-at-risk", caption, columns, rows, [note]))
    if len(low):
        mean = writing.money(float(low["value_mean"].mean()), 2)
        said = f"{len(low):,} customers stay in the lowest tier with a chance of at least {INTERVAL}. On average they "
        blocks.append(Text([f"{said}bring {mean} each, and what is spent on them must cost less."]))
    return blocks


def _at_risk(row: Mapping[Any, Any], writing: Writing) -> list[Cell]:
    return cells(
        writing.customer(row["customer_id"]),
        writing.money(row["value_at_stake"], 2),
        per_cent(row["p_buys"]),
        str(row["reason"]),
    )
