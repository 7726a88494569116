"""New customers: what to pay for them, what a plan of them brings, and what referrals bring."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels import plots
from clvmodels.report.action_words import Writing, column_pair
from clvmodels.report.blocks import (
    MISSING,
    Block,
    Bullets,
    Cell,
    Column,
    Heading,
    Pair,
    Sentence,
    Strong,
    Table,
    Text,
    cells,
)
from clvmodels.report.drawing import HALF, WIDE, picture
from clvmodels.report.numbers import INTERVAL, per_cent
from clvmodels.value import Acquisition, AcquisitionForecast, ReferralValue

if TYPE_CHECKING:
    import pandas as pd


MOST_CURVES = 5
"""Channels whose payback curves are drawn; the tables hold all."""


def acquisition_blocks(found: Acquisition, writing: Writing) -> list[Block]:
    """What a new customer of each channel brings against what they cost."""
    table = found.table
    is_draws = found.is_distribution
    rows = [
        _channel(str(name), row, is_draws, writing)
        for name, row in zip(table.index, table.to_dict("records"), strict=True)
    ]
    columns = [Column("Channel", is_number=False), Column("CAC"), Column("CLV", "first order included, mean")]
    columns.append(Column("LTV:CAC", "mean"))
    if is_draws:
        columns += [
            Column(f"{INTERVAL} interval", "LTV:CAC of the average"),
            Column("P(CLV > CAC)", "one customer"),
            Column("P(CLV > CAC)", "average"),
            Column(f"P(LTV:CAC > {found.target:g})", "average"),
            Column("CAC ceiling", f"average exceeds it with {found.level:.0%}".replace("%", " %")),
        ]
    columns += [Column("CAC ceiling", f"expected LTV:CAC of {found.target:g}"), Column("Paid back", "period")]
    blocks: list[Block] = [
        Heading("What to pay for a new customer"),
        Bullets([_advice(str(name), row, found, writing) for name, row in table.to_dict("index").items()]),
        Table(
            "action-acquisition",
            f"New customers against their cost, {found.horizon.text} from the first order",
            columns,
            rows,
            [
                "Paid back: the first period by whose end the expected profit so far reaches the CAC.",
                "One customer may fail where the average does not: most customers buy little, a few buy much.",
            ]
            if is_draws
            else ["A formula gives one number: no interval and no probability."],
        ),
    ]
    return blocks + (_acquisition_pictures(found, is_draws) if writing.pictures else [])


def _channel(name: str, row: Mapping[Any, Any], is_draws: bool, writing: Writing) -> list[Cell]:
    texts = [
        name,
        writing.money(row["cac"], 2),
        writing.money(row["clv_mean"], 2),
        f"{row['ltv_cac_mean']:.2f}",
    ]
    if is_draws:
        texts += [
            f"{row['ltv_cac_low']:.2f} to {row['ltv_cac_high']:.2f}",
            per_cent(row["p_customer_clv_above_cac"]),
            per_cent(row["p_average_clv_above_cac"]),
            per_cent(row["p_average_ltv_cac_above_target"]),
            writing.money(row["cac_ceiling_average"], 2),
        ]
    period = f"{row['payback_period']}" if row["payback_period"] else MISSING
    return cells(*texts, writing.money(row["cac_ceiling_target"], 2), period)


def _advice(name: str, row: Mapping[Any, Any], found: Acquisition, writing: Writing) -> Sentence:
    ceiling, aim = writing.money(row["cac_ceiling_target"], 2), f"LTV:CAC of {found.target:g}"
    verdict = "within" if row["cac"] <= row["cac_ceiling_target"] else "above"
    words: list[str | Strong] = [
        f"{name}: a new customer costs {writing.money(row['cac'], 2)} and brings {writing.money(row['clv_mean'], 2)}; "
        f"for an expected {aim} pay at most ",
        Strong(ceiling),
        f" – today's cost is {verdict} it",
    ]
    if "cac_ceiling_average" in row:
        chance = f"{found.level:.0%}".replace("%", " %")
        words.append(
            f". Up to {writing.money(row['cac_ceiling_average'], 2)} the average customer pays back with a "
            f"probability of {chance}; one single customer, up to {writing.money(row['cac_ceiling_customer'], 2)}"
        )
    return [*words, "."]


def _acquisition_pictures(found: Acquisition, is_draws: bool) -> list[Block]:
    channels = list(found.values)
    blocks: list[Block] = [
        picture(
            "action-ceilings",
            partial(plots.plot_cac_ceilings, found),
            title="CAC and its ceilings by channel",
            description=f"{len(channels)} channels: {', '.join(channels)}.",
            caption="What a new customer costs, and the highest cost that each measure allows.",
            size=(WIDE[0], 1.5 + 0.45 * len(channels)),
        )
    ]
    curves = [
        picture(
            f"action-payback-{number}",
            partial(plots.plot_payback, found.payback(name)),
            title=f"Payback curve of {name}",
            description=f"Profit so far per new customer of {name} against a cost of {found.cac[name]:g}.",
            caption=f"{name}: profit so far per new customer, before acquisition.",
            size=HALF,
        )
        for number, name in enumerate(channels[:MOST_CURVES], 1)
    ]
    if is_draws:
        curves.append(
            picture(
                "action-payback-chance",
                partial(plots.plot_payback_chance, [found.payback(name) for name in channels[:MOST_CURVES]]),
                title="Chance of payback",
                description="Probability that one new customer has paid back, by time since the first order.",
                caption="How many of the new customers will have paid back by when.",
                size=HALF,
            )
        )
    return [*blocks, Pair(curves)]


def plan_blocks(plan: AcquisitionForecast, budget: pd.DataFrame | None, writing: Writing) -> list[Block]:
    """Present and new customers by calendar period, and the budget."""
    blocks: list[Block] = [
        Heading("Present and new customers, by calendar period"),
        _plan_table(plan, writing),
    ]
    if writing.pictures:
        mean = writing.money(plan.total("revenue").mean, 0)
        blocks.append(
            picture(
                "action-calendar",
                partial(plots.plot_calendar, plan),
                title="Revenue by calendar period",
                description=f"{plan.counts.shape[1]} periods, {mean} in all.",
                caption="Revenue of existing and new customers by calendar period, means, and the predictive "
                "interval of the total.",
            )
        )
    return blocks + ([] if budget is None else [_budget(budget, writing)])


def _plan_table(plan: AcquisitionForecast, writing: Writing) -> Table:
    rows = []
    for row in plan.period_table().to_dict("records"):
        texts = [f"{row['start']:%Y-%m-%d}", f"{row['new_customers_mean']:,.0f}"]
        texts += [writing.money(row[f"{who}_revenue_mean"], 0) for who in ("existing", "new", "total")]
        rows.append(cells(*texts, writing.span(row["total_revenue_low"], row["total_revenue_high"], 0)))
    total = plan.total("revenue")
    sums = [plan.existing["revenue"].mean, plan.new["revenue"].mean, total.mean]
    texts = ["All periods", f"{plan.counts.sum(axis=1).mean():,.0f}"]
    texts += [writing.money(each, 0) for each in sums]
    rows.append(cells(*texts, writing.span(*total.interval(0.9), 0)))
    columns = [Column("From", is_number=False), Column("New customers", "mean")]
    columns += [
        Column("Existing", "revenue, mean"),
        Column("New", "revenue, mean"),
        *column_pair("Total", True),
    ]
    caption = f"Revenue by calendar period, {plan.horizon.text}, not discounted"
    note = f"New customers: {plan.provenance['new_customers']}. Both kinds share the parameters of each draw."
    return Table("action-plan", caption, columns, rows, [note])


def _budget(budget: pd.DataFrame, writing: Writing) -> Table:
    rows = []
    for row in budget.to_dict("records"):
        rows.append(
            cells(
                f"{row['start']:%Y-%m-%d}",
                writing.money(row["acquisition_cost_mean"], 0),
                writing.money(row["profit_before_acquisition_mean"], 0),
                writing.money(row["profit_mean"], 0),
                writing.span(row["profit_low"], row["profit_high"], 0),
                writing.money(row["profit_so_far_mean"], 0),
                per_cent(row["p_profit_so_far"]),
            )
        )
    columns = [
        Column("From", is_number=False),
        Column("Acquisition cost", "mean"),
        Column("Profit before it", "mean"),
    ]
    columns += [*column_pair("Profit", True), Column("Profit so far", "mean"), Column("P(profit so far > 0)")]
    return Table("action-budget", "Budget, not discounted", columns, rows)


def referral_blocks(found: ReferralValue, writing: Writing) -> list[Block]:
    """What customers bring by bringing others."""
    facts = found.provenance
    words = (
        f"Referrals within {facts['horizon']} are worth {writing.money(found.total.mean, 0)} today"
        + _interval_words(found, writing)
        + f". Counted are {facts['chain']}, {per_cent(facts['incremental'])} of the referred would not have come "
        f"anyway, and a customer brings {found.reproduction:.3g} such customers within the horizon."
    )
    blocks: list[Block] = [Heading("What referrals bring"), Text([words])]
    if writing.top:
        table = found.customers
        order = np.lexsort((np.arange(len(table)), -table["referral_value_mean"].to_numpy()))
        rows = []
        for row in table.iloc[order[: writing.top]].to_dict("records"):
            texts = [writing.customer(row["customer_id"]), f"{row['referrals_per_year']:.2f}"]
            texts.append(writing.money(row["referral_value_mean"], 2))
            if "referral_value_q05" in row:
                texts.append(writing.span(row["referral_value_q05"], row["referral_value_q95"], 2))
            rows.append(cells(*texts))
        columns = [Column("Customer", is_number=False), Column("Referrals", "per year")]
        columns += column_pair("Value", "referral_value_q05" in table)
        caption = "The customers whose referrals are worth most"
        blocks.append(Table("action-referrals", caption, columns, rows))
    return blocks


def _interval_words(found: ReferralValue, writing: Writing) -> str:
    if len(found.total.draws) == 1:
        return ""
    low, high = found.total.interval(0.9)
    return f" ({writing.span(low, high, 0)}, central {INTERVAL} predictive interval)"
