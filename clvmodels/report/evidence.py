"""What the scores rest on: tracking, means by frequency, calibration and ranking."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from clvmodels import plots
from clvmodels.report.blocks import MISSING, Block, Cell, Column, Heading, Pair, Picture, Section, Table, Text
from clvmodels.report.comparison import score_table
from clvmodels.report.drawing import HALF, TALL, picture
from clvmodels.report.leads import find_leads
from clvmodels.report.material import Material
from clvmodels.report.measures import CALIBRATION_MEASURES, QUANTITY_NAMES
from clvmodels.report.numbers import INTERVAL, decimals_for, fixed, listed, per_cent

_MOST_LINES = 6
_TOP_SHARES = (0.05, 0.1, 0.2)
_ON_TARGET = (0.88, 0.92)


def shown_models(material: Material, most: int = _MOST_LINES) -> list[str]:
    """Who appears in the figures: those who lead, the baseline, then the others while there is room."""
    at_hand = plots.models_at(material.scorecard, material.last_origin)
    leaders: list[str | None] = [material.baseline]
    for quantity in material.quantities:
        leads = find_leads(material, quantity)
        leaders += [leads.customer, leads.total, leads.customer_model, leads.total_model]
    first = [model for model in at_hand if model in leaders]
    kept = [*first, *(model for model in at_hand if model not in leaders)][:most]
    return [model for model in at_hand if model in kept]


def lead_model(material: Material, quantity: str) -> str | None:
    """The model whose distribution the figures look at more closely."""
    at_hand = plots.models_at(material.scorecard, material.last_origin)
    best = find_leads(material, quantity).customer_model
    if best in at_hand:
        return best
    return next((model for model in at_hand if model not in material.formulas), None)


def tracking_section(material: Material) -> Section:
    """Weeks one by one and added up: the leading model with its band, the baseline beside it."""
    lead, base = lead_model(material, "purchases"), material.baseline
    at_hand = plots.models_at(material.scorecard, material.last_origin)
    models = [model for model in at_hand if model in (lead, base)] or at_hand[:2]
    blocks: list[Block] = [_tracking_picture(material, models, cumulative) for cumulative in (True, False)]
    if base in material.formulas:
        blocks.append(
            Text([f"{base} is a formula: it says nothing of single weeks before the origin."], "note")
        )
    return Section("tracking", "Tracking", blocks)


def _tracking_picture(material: Material, models: list[str], cumulative: bool) -> Picture:
    origin = material.last_origin
    frame = plots.tracking_frame(material.scorecard, models, origin, cumulative)
    last = frame.groupby("model", sort=False).last()
    what = "Cumulative repeat purchases" if cumulative else "Repeat purchases per week"
    ends = "; ".join(f"{model} {fixed(float(row['mean']))}" for model, row in last.iterrows())
    description = (
        f"{what}, origin {origin}. Last week: actual {fixed(float(last['actual'].iloc[0]))}; {ends}."
    )
    start = " After the origin forecasts start from what had happened by then." if cumulative else ""
    caption = (
        f"{what} of the customers known at {origin}. Left of the line, what a model expects knowing nothing "
        f"but when customers came; right of it, its forecast with a central {INTERVAL} predictive band for "
        f"{'the sum so far' if cumulative else 'each week'}.{start}"
    )
    return picture(
        "figure-tracking-cumulative" if cumulative else "figure-tracking-weekly",
        partial(plots.plot_tracking, material.scorecard, models, origin, cumulative),
        title=f"Tracking: {what.lower()}",
        description=description,
        caption=caption,
    )


def frequency_section(material: Material) -> Section:
    """Holdout means by what customers had bought before."""
    blocks: list[Block] = []
    for quantity in material.quantities:
        blocks += [_frequency_picture(material, quantity), _frequency_table(material, quantity)]
    return Section("frequency", "Holdout by past frequency", blocks)


def _frequency_picture(material: Material, quantity: str) -> Picture:
    models = shown_models(material)
    name, origin = QUANTITY_NAMES[quantity], material.last_origin
    draw = partial(
        plots.plot_holdout_by_frequency,
        material.scorecard,
        quantity,
        origin,
        models,
        currency=material.currency,
    )
    return picture(
        f"figure-frequency-{quantity}",
        draw,
        title=f"{name} in the holdout by past frequency",
        description=f"Mean {quantity} per customer in the holdout against repeat purchases before {origin}, actual "
        f"and as forecast by {listed(models)}. The table below holds the numbers.",
        caption=f"{name} per customer in the holdout by repeat purchases before {origin}. Bars on the actual: "
        f"{INTERVAL} confidence interval of its mean. A good forecast falls back towards the mean as customers do.",
    )


def _frequency_table(material: Material, quantity: str) -> Table:
    """One column per frequency, so that any number of forecasters fits below each other."""
    frame = plots.holdout_by_frequency_frame(material.scorecard, quantity, material.last_origin)
    models = list(dict.fromkeys(frame["model"]))
    decimals = max(2, decimals_for([*frame["mean"], *frame["actual"]])) if quantity == "purchases" else 2
    groups = frame[frame["model"] == models[0]]
    spreads = [
        MISSING if math.isnan(error) else f"± {fixed(error, decimals)}" for error in groups["standard_error"]
    ]
    rows = [
        ["Customers", *(f"{count:,}" for count in groups["customers"])],
        ["Actual", *(fixed(value, decimals) for value in groups["actual"])],
        ["Standard error of the actual", *spreads],
    ]
    for model in models:
        means = frame.loc[frame["model"] == model, "mean"]
        rows.append([model, *(fixed(value, decimals) for value in means)])
    unit = material.currency if quantity == "spend" else ""
    columns = [Column("Mean per customer", unit, is_number=False)]
    columns += [Column(str(frequency), "before") for frequency in groups["frequency"]]
    caption = f"Mean {QUANTITY_NAMES[quantity].lower()} in the holdout by past frequency, origin {material.last_origin}"
    return Table(f"frequency-{quantity}", caption, columns, [[Cell(text) for text in row] for row in rows])


def calibration_section(material: Material) -> Section:
    """Whether stated distributions and probabilities came true."""
    if len(material.formulas) == len(material.models):
        text = "No forecaster gave a distribution, so there is nothing to calibrate."
        return Section("calibration", "Calibration", [Text([text])])
    blocks: list[Block] = [Text([_PIT_EXPLAINED])]
    blocks.append(Pair([_pit_picture(material, quantity) for quantity in material.quantities]))
    for quantity in material.quantities:
        caption = f"{QUANTITY_NAMES[quantity]}: calibration of single customers"
        blocks.append(
            score_table(material, quantity, CALIBRATION_MEASURES, f"calibration-{quantity}", caption)
        )
        blocks.append(Text([_coverage_in_words(material, quantity)]))
    blocks += [Heading("Who buys at least once"), Text([_ALIVE_EXPLAINED]), _reliability_picture(material)]
    return Section("calibration", "Calibration", blocks)


_PIT_EXPLAINED = (
    "The PIT is the place of what happened within what was forecast. If the distributions are right, the places "
    "are spread evenly. A U shape means distributions too narrow, a hump too wide, a slope too high or too low. "
    "Counts have ties, which are broken at random; without that the histogram of a perfect model would be jagged."
)
_ALIVE_EXPLAINED = (
    "P(alive) itself is never observed: a silent customer may be gone or may be waiting, and no holdout tells which. "
    "So it cannot be calibrated, and this report does not pretend to. What can be checked is the probability of "
    "buying at least once in the holdout."
)


def _pit_picture(material: Material, quantity: str) -> Picture:
    model = lead_model(material, quantity)
    frame = plots.calibration_frame(material.scorecard, model, quantity, material.last_origin)
    inside = int(((frame["density"] >= frame["band_low"]) & (frame["density"] <= frame["band_high"])).sum())
    name = QUANTITY_NAMES[quantity]
    return picture(
        f"figure-pit-{quantity}",
        partial(plots.plot_calibration, material.scorecard, model, quantity, material.last_origin),
        title=f"{name}: histogram of the randomised PIT",
        description=f"{model}: {inside} of {len(frame)} bars lie inside the {INTERVAL} band of uniform.",
        caption=f"{name}: randomised PIT of {model}, origin {material.last_origin}. {inside} of {len(frame)} bars lie "
        f"inside the grey band, which holds each bar with probability {INTERVAL} if the forecast is right.",
        size=HALF,
    )


def _coverage_in_words(material: Material, quantity: str) -> str:
    low, high = _ON_TARGET
    customers = int(material.scorecard.data["customers"].min())
    chance = 1.645 * math.sqrt(0.9 * 0.1 / customers)
    off = []
    for model in material.models:
        value = material.average(quantity, "coverage_90", model)
        if low <= value <= high or math.isnan(value):
            continue
        reason = _tails_in_words(material, quantity, model)
        if abs(value - 0.9) <= chance:
            reason += f" (or it is chance: ± {100 * chance:.1f} points among {customers:,} customers)"
        off.append(f"{model} covers {per_cent(value)}: {reason}")
    name = QUANTITY_NAMES[quantity]
    if not off:
        return f"{name}: coverage of the central {INTERVAL} predictive intervals lies in 88 % to 92 % for every model."
    return (
        f"{name}: coverage of the central {INTERVAL} predictive intervals is outside 88 % to 92 %. {'; '.join(off)}. "
        "Ties are broken at random, so they do not inflate the coverage of counts."
    )


def _tails_in_words(material: Material, quantity: str, model: str) -> str:
    """Why a coverage is off: one tail too heavy is a matter of place, both of width."""
    predictions = material.scorecard.predictions
    pit = predictions.loc[(predictions["model"] == model) & (predictions["quantity"] == quantity), "pit"]
    below, above = float((pit < 0.05).mean()), float((pit > 0.95).mean())
    tails = f"{per_cent(above)} of customers came out above their interval and {per_cent(below)} below (due: 5 % each)"
    if above > 0.05 > below or below > 0.05 > above:
        return f"{tails}; the forecasts are too {'low' if above > below else 'high'} rather than too narrow or too wide"
    return f"{tails}; the intervals are too {'narrow' if below + above > 0.1 else 'wide'}"


def _reliability_picture(material: Material) -> Picture:
    models = [model for model in shown_models(material) if model not in material.formulas]
    return picture(
        "figure-reliability",
        partial(plots.plot_reliability, material.scorecard, models, material.last_origin),
        title="Reliability of the probability of buying at least once",
        description=f"Stated probability against the share of customers who bought, for {listed(models)}; "
        "points on the diagonal are perfectly reliable.",
        caption=f"Reliability, origin {material.last_origin}: customers in groups of about equal size by their stated "
        f"probability. Bars reach 1.645 standard errors ({INTERVAL}) to either side, as if the forecast were right; "
        "a good forecast meets the diagonal within them.",
        size=TALL,
    )


def ranking_section(material: Material) -> Section:
    """How much of the future the predicted best customers brought."""
    blocks: list[Block] = []
    for quantity in material.quantities:
        blocks += [_gain_picture(material, quantity), _captured(material, quantity)]
    return Section("ranking", "Ranking", blocks)


def _gain_picture(material: Material, quantity: str) -> Picture:
    models, name = shown_models(material), QUANTITY_NAMES[quantity]
    return picture(
        f"figure-gain-{quantity}",
        partial(plots.plot_gain, material.scorecard, quantity, material.last_origin, models),
        title=f"{name}: share found among the customers ranked highest",
        description=f"Gain curves of {listed(models)} between random order and perfect foresight; the vertical line "
        "marks the top tenth. The table below holds the numbers.",
        caption=f"{name}: share of the holdout that came from the customers ranked highest, "
        f"origin {material.last_origin}. Customers with equal forecasts "
        "share their place. The thin vertical line marks the top 10 %.",
    )


def _captured(material: Material, quantity: str) -> Table:
    """Shares found in the predicted top and the Gini, perfect foresight last."""
    frame = plots.gain_frame(material.scorecard, quantity, material.last_origin)
    models = list(dict.fromkeys(frame["model"]))
    places = [round(100 * share) for share in _TOP_SHARES]
    found = {model: frame.loc[frame["model"] == model, "captured"].to_numpy()[places] for model in models}
    best = np.max([found[model] for model in models], axis=0)
    gini = {model: material.value(quantity, "gini", model, material.last_origin) for model in models}
    rows = []
    for model in models:
        shares = [
            Cell(per_cent(float(value)), bool(value == top))
            for value, top in zip(found[model], best, strict=True)
        ]
        rows.append([Cell(model), *shares, Cell(fixed(gini[model], 3), gini[model] == max(gini.values()))])
    perfect = frame.loc[frame["model"] == models[0], "perfect"].to_numpy()[places]
    rows.append(
        [Cell("Perfect foresight"), *(Cell(per_cent(float(value))) for value in perfect), Cell(fixed(1, 3))]
    )
    columns = [Column("Forecaster", is_number=False)]
    columns += [
        Column(f"In the top {share:.0%}".replace("%", " %"), "higher is better") for share in _TOP_SHARES
    ]
    caption = (
        f"{QUANTITY_NAMES[quantity]}: share of the holdout found in the predicted top, {material.last_origin}"
    )
    columns.append(Column("Gini", "1 is perfect, 0 chance"))
    return Table(f"captured-{quantity}", caption, columns, rows)
