"""Can I trust the total? Totals with their intervals, weeks one by one, other horizons, and newcomers."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from functools import partial
from typing import Any

from clvmodels import plots
from clvmodels.prediction import MODEL_ONLY, WITH_MARKET
from clvmodels.report.answers import total_answer
from clvmodels.report.blocks import (
    MISSING,
    Block,
    Cell,
    Column,
    Heading,
    Pair,
    Picture,
    Section,
    Table,
    Text,
    cells,
)
from clvmodels.report.cautions import CAUTION, joined, of_fit, of_total
from clvmodels.report.drawing import HALF, picture
from clvmodels.report.evidence import figure_models, groups_picture, lead_model, not_drawn
from clvmodels.report.material import Material
from clvmodels.report.measures import QUANTITY_NAMES
from clvmodels.report.numbers import INTERVAL, counted, fixed, in_words, per_cent

NO_INTERVAL = f"{MISSING} a formula gives one number: it has no interval and no probability to judge."


def total_section(material: Material) -> Section:
    """The answer, the totals behind it, and how they came about."""
    blocks: list[Block] = []
    for quantity in material.quantities:
        blocks += [Heading(QUANTITY_NAMES[quantity]), *total_answer(material, quantity)]
        blocks += [totals_table(material, quantity), _totals_picture(material, quantity)]
        if len(material.by_horizon) > 1:
            blocks.append(_by_horizon(material, quantity))
    blocks += [Heading("Week by week"), *_tracking(material)]
    blocks += [Heading("By month of the first purchase"), *_cohorts(material)]
    blocks += [Heading("Customers who were not there yet"), *_newcomers(material)]
    return Section("total", "Can I trust the total?", blocks)


_NEWCOMERS = (
    "Customers first seen in a holdout, their first purchases included. Nobody knows them at the origin, so they count "
    "in no score of single customers and in no total above. Forecasters that can are asked how many will come, at the "
    "rate of the last 13 weeks before the origin, and what they will buy; the intervals allow for chance in both, not "
    "for seasons or campaigns."
)


def totals_table(material: Material, quantity: str) -> Table:
    """Forecast and actual totals, a row per origin and forecaster."""
    rows = []
    for origin in material.origins:
        bias = {model: material.value(quantity, "bias_total", model, origin) for model in material.models}
        away = {model: round(abs(value), 3) for model, value in bias.items()}  # as they are written
        nearest = min((value for value in away.values() if not math.isnan(value)), default=math.nan)
        for model in material.models:
            if not math.isnan(material.value(quantity, "total_mean", model, origin)):
                rows.append(_totals_row(material, quantity, model, origin, away[model] == nearest))
    columns = [Column("Forecaster", is_number=False)]
    columns += [] if len(material.origins) == 1 else [Column("Origin", is_number=False)]
    columns += [
        Column("Forecast", material.unit(quantity, "mean")),
        Column("Actual", material.unit(quantity)),
        Column("Off by", "nearest 0 in bold"),
        Column(f"{INTERVAL} interval", material.unit(quantity, "central", "predictive")),
        Column("Its width", "of the actual"),
        Column(f"{INTERVAL} interval", MODEL_ONLY),
        CAUTION,
    ]
    notes = [NO_INTERVAL] if material.formulas else []
    if any(row[-2].text != MISSING for row in rows):
        notes.append(_BANDS)
    else:
        columns, rows = [*columns[:-2], CAUTION], [[*row[:-2], row[-1]] for row in rows]
    if material.overlaps:
        notes.append(_OVERLAP)
    caption = (
        f"Total {QUANTITY_NAMES[quantity].lower()} of the holdout, {material.scorecard.provenance['horizon']}"
    )
    return Table(f"totals-{quantity}", caption, columns, rows, notes)


def _totals_row(material: Material, quantity: str, model: str, origin: str, is_nearest: bool) -> list[Cell]:
    def said(name: str) -> float:
        return material.value(quantity, f"total_{name}", model, origin)

    def band(suffix: str = "") -> str:
        low, high = (fixed(said(f"{bound}{suffix}")) for bound in ("q05", "q95"))
        return MISSING if low == MISSING else f"{low} to {high}"

    cautions = of_total(material, quantity, model, origin) + of_fit(material, model)
    bias = material.value(quantity, "bias_total", model, origin)
    return [
        *cells(*([model] if len(material.origins) == 1 else [model, origin])),
        *cells(fixed(said("mean")), fixed(said("actual"))),
        Cell(per_cent(bias, signed=True), is_nearest),
        *cells(band(), per_cent(said("width")), band("_alone"), joined(cautions)),
    ]


_BANDS = (
    f"The first interval is that {WITH_MARKET}: it holds a shock that all customers share (season, promotions, the "
    f"economy), which no model of single customers knows. That of the {MODEL_ONLY} holds parameters and chance."
)
_MISSED = (
    f"Mean distance of the totals from the actual ones, as a share of the mean actual total; at how many origins the "
    f"central {INTERVAL} predictive interval held it."
)
_OVERLAP = (
    "Holdouts overlap, so the same purchases are counted at several origins: a forecast that is wrong at one tends to "
    "be wrong at the next. No standard error over origins is given, because there is none."
)


def _totals_picture(material: Material, quantity: str) -> Picture:
    models = figure_models(material)
    name = QUANTITY_NAMES[quantity]
    draw = partial(plots.plot_totals, material.scorecard, quantity, models, currency=material.currency)
    frame = plots.totals_frame(material.scorecard, quantity, models)
    held = frame[frame["q05"].notna()]
    inside = int(((held["actual"] >= held["q05"]) & (held["actual"] <= held["q95"])).sum())
    where = f"inside the central {INTERVAL} predictive interval"
    said = f"In {inside} of {counted(len(held), 'case')} the actual lies {where}"
    if not len(held):
        said = "One number each, without an interval"
    return picture(
        f"figure-totals-{quantity}",
        draw,
        title=f"{name}: distribution of the total against what came",
        description=f"{said}. The table above holds the numbers.",
        caption=f"{name}: the predictive distribution of the total, thick its central 50 %, thin its central "
        f"{INTERVAL}, against the actual total. {said}.{not_drawn(material, models)}",
    )


def _by_horizon(material: Material, quantity: str) -> Table:
    """How far totals are off at each horizon, on average over the origins."""
    rows = []
    for model in material.models:
        row = [model]
        for at in material.by_horizon.values():
            covered = at.values(quantity, "total_covered", model)
            held = f", held {sum(map(int, covered.values()))} of {len(covered)}" if covered else ""
            row.append(per_cent(at.relative_miss(quantity, model)) + held)
        rows.append(cells(*row))
    columns = [Column("Forecaster", is_number=False)]
    columns += [Column(in_words(horizon), "off by, either way") for horizon in material.by_horizon]
    caption = f"{QUANTITY_NAMES[quantity]}: totals by length of the horizon, from the same fits"
    return Table(f"horizons-{quantity}", caption, columns, rows, [_MISSED])


def _tracking(material: Material) -> list[Block]:
    """The leading model with its band, the baseline beside it, and the errors of all."""
    lead, base = lead_model(material, "purchases"), material.baseline
    at_hand = plots.models_at(material.scorecard, material.last_origin)
    models = [model for model in at_hand if model in (lead, base)] or at_hand[:2]
    blocks: list[Block] = [_tracking_picture(material, models, cumulative) for cumulative in (True, False)]
    if base in material.formulas:
        blocks.append(
            Text([f"{base} gives one number and says nothing of single weeks before the origin."], "note")
        )
    rows = []
    for model in material.models:
        errors = [
            material.average("purchases", metric, model)
            for metric in ("cumulative_mape", "cumulative_max", "weekly_mape")
        ]
        if not all(map(math.isnan, errors)):
            rows.append(cells(model, *(per_cent(error / 100) for error in errors)))
    columns = [
        Column("Forecaster", is_number=False),
        Column("Sum so far, mean error", "MAPE of the cumulative curve"),
        Column("Sum so far, largest", "of the cumulative curve"),
        Column("Single weeks", "MAPE; noise alone keeps it above 0"),
    ]
    caption = "Tracking errors of the weeks of the holdout" + (
        "" if len(material.origins) == 1 else f", means over {len(material.origins)} origins"
    )
    return [*blocks, Table("tracking-table", caption, columns, rows)] if rows else blocks


def _tracking_picture(material: Material, models: list[str], cumulative: bool) -> Picture:
    origin = material.last_origin
    frame = plots.tracking_frame(material.scorecard, models, origin, cumulative)
    last = frame.groupby("model", sort=False, observed=True).last()
    what = "Cumulative repeat purchases" if cumulative else "Repeat purchases per week"
    ends = "; ".join(f"{model} {fixed(float(row['mean']))}" for model, row in last.iterrows())
    start = " After the origin forecasts start from what had happened by then." if cumulative else ""
    return picture(
        "figure-tracking-cumulative" if cumulative else "figure-tracking-weekly",
        partial(plots.plot_tracking, material.scorecard, models, origin, cumulative),
        title=f"Tracking: {what.lower()}",
        description=f"{what}, origin {origin}. Last week: actual {fixed(float(last['actual'].iloc[0]))}; {ends}.",
        caption=f"{what} of the customers known at {origin}. Left of the line, what a model expects knowing nothing "
        f"but when customers came; right of it, its forecast with a central {INTERVAL} predictive band for "
        f"{'the sum so far' if cumulative else 'each week'}.{start}",
    )


def _cohorts(material: Material) -> list[Block]:
    return [Pair([groups_picture(material, quantity, "cohort", HALF) for quantity in material.quantities])]


def _newcomers(material: Material) -> list[Block]:
    table = material.scorecard.newcomers
    table = table[table["model"].isin(material.models)].sort_values(["quantity", "origin"], kind="stable")
    is_empty = (table["actual"] == 0) & ~(table["mean"] > 0)
    if is_empty.all():
        return [
            Text(["Nobody came for the first time in a holdout, and no forecaster had expected anybody."])
        ]
    notes = ["Left out: origins at which nobody came and nobody was expected."] if is_empty.any() else []
    table = table[~is_empty]
    rows = [
        _newcomer_row(material, row)
        for row in table.to_dict("records")
        if not math.isnan(row["mean"]) or row["model"] == material.models[0]
    ]
    columns = [
        Column("Of newcomers", is_number=False),
        Column("Origin", is_number=False),
        Column("Forecaster", is_number=False),
        Column("Forecast", "mean"),
        Column("Actual"),
        Column("Off by"),
        Column(f"{INTERVAL} interval", "central, predictive"),
        CAUTION,
    ]
    whole = Table("newcomers", "Customers first seen in the holdout, as a whole", columns, rows, notes)
    return [whole, Text([_NEWCOMERS], "note")]


def _newcomer_row(material: Material, row: Mapping[Hashable, Any]) -> list[Cell]:
    """What came, and what a forecaster had said of it; most of them say nothing."""
    quantity = str(row["quantity"])
    as_money = quantity if quantity == "spend" else "purchases"
    mean, actual, low, high = (
        material.amount(as_money, float(row[name]), 0) for name in ("mean", "actual", "q05", "q95")
    )
    who = "(what came)" if mean == MISSING else str(row["model"])
    is_out = low != MISSING and not row["q05"] <= row["actual"] <= row["q95"]
    off = row["mean"] / row["actual"] - 1 if row["actual"] > 0 else math.nan
    return cells(
        quantity.capitalize(),
        str(row["origin"]),
        who,
        mean,
        actual,
        per_cent(off, signed=True),
        MISSING if low == MISSING else f"{low} to {high}",
        "actual outside" if is_out else "",
    )
