"""Can I trust the ranking? How much of the future the predicted best customers brought."""

from __future__ import annotations

from functools import partial

from clvmodels import plots
from clvmodels.report.blocks import (
    Block,
    Cell,
    Column,
    Heading,
    Pair,
    Picture,
    Section,
    Sentence,
    Strong,
    Table,
    Text,
)
from clvmodels.report.cautions import CAUTION, joined, of_lead
from clvmodels.report.chance import CHANCE, SPREAD, Lead, paired_lead
from clvmodels.report.drawing import HALF, picture
from clvmodels.report.evidence import figure_models, lead_model, not_drawn
from clvmodels.report.material import Material
from clvmodels.report.measures import QUANTITY_NAMES, RANKING_MEASURES
from clvmodels.report.numbers import fixed, per_cent
from clvmodels.report.scores import score_table


def ranking_section(material: Material) -> Section:
    """The answer, gain curves, shares found, and what was promised of each tenth."""
    blocks: list[Block] = []
    for quantity in material.quantities:
        if material.best(quantity, "gini", material.compared(quantity)) is None:
            came = any(
                any(material.values(quantity, "total_actual", name).values()) for name in material.models
            )
            why = "there are too few customers, or all are alike" if came else "nothing came"
            text = f"{QUANTITY_NAMES[quantity]}: {why}, so there is no order to find."
            blocks.append(Text([text]))
            continue
        caption = f"{QUANTITY_NAMES[quantity]}: who finds the best customers"
        blocks += [
            Heading(QUANTITY_NAMES[quantity]),
            Text(_answer(material, quantity)),
            _gain_picture(material, quantity),
            score_table(material, quantity, RANKING_MEASURES, f"ranking-{quantity}", caption),
            _differences(material, quantity),
            *_deciles(material, quantity),
        ]
    return Section("ranking", "Can I trust the ranking?", blocks)


def _answer(material: Material, quantity: str) -> Sentence:
    everyone = material.compared(quantity)
    winner = material.best(quantity, "capture_10", everyone) or everyone[0]
    found = per_cent(material.average(quantity, "capture_10", winner))
    start: Sentence = [
        Strong(winner),
        f" found the most: the tenth of customers it puts first brought {found} of what came (chance: 10 %)",
    ]
    ends = f".{_of_all(material, quantity, winner)}"
    base = material.baseline
    if base is None or base == winner or base not in everyone:
        return [*start, ends]
    lead = paired_lead(material, quantity, "capture_10", winner, base)
    return [
        *start,
        f"; the tenth by {base} brought {per_cent(material.average(quantity, 'capture_10', base))}, which is "
        f"{_points(lead)} fewer ({CHANCE}){': it may be chance' if lead.is_level else ''}{ends}",
    ]


def _of_all(material: Material, quantity: str, winner: str) -> str:
    """Who puts all customers in order best, where that is somebody else."""
    best = material.best(quantity, "gini", material.compared(quantity))
    if best is None or best == winner:
        return ""
    ours, theirs = (fixed(material.average(quantity, "gini", name), 3) for name in (best, winner))
    if ours == theirs:
        return ""
    lead = paired_lead(material, quantity, "gini", best, winner)
    chance = ": it may be chance" if lead.is_level else ""
    return f" The order of all customers is best by {best}: Gini {ours}, against {theirs}{chance}."


def _points(lead: Lead) -> str:
    size, low, high = (fixed(100 * value, 1) for value in (lead.size, lead.low, lead.high))
    return f"{size} points [{low}, {high}]"


def _differences(material: Material, quantity: str) -> Table:
    """Each ranking against the baseline's, or against the best where there is no baseline."""
    everyone = material.compared(quantity)
    base = material.baseline if material.baseline in everyone else None
    against = base or material.best(quantity, "gini", everyone) or everyone[0]
    rows = []
    for model in everyone:
        if model == against:
            continue
        gini, found = (
            paired_lead(material, quantity, metric, model, against) for metric in ("gini", "capture_10")
        )
        rows.append(
            [
                Cell(model),
                Cell(f"{fixed(gini.size, 3)} [{fixed(gini.low, 3)}, {fixed(gini.high, 3)}]", gini.is_clear),
                Cell(_points(found), found.is_clear),
                Cell(joined(_both(gini, found))),
            ]
        )
    columns = [
        Column("Forecaster", is_number=False),
        Column("Gini", "ahead by [90 %]"),
        Column("Found in top 10 %", "ahead by [90 %]"),
        CAUTION,
    ]
    caption = f"{QUANTITY_NAMES[quantity]}: rankings compared with that of {against}"
    return Table(
        f"ranking-differences-{quantity}",
        caption,
        columns,
        rows,
        [f"In brackets the {CHANCE}, {SPREAD}. Bold: ahead beyond chance."],
    )


def _both(gini: Lead, found: Lead) -> list[str]:
    """What is level; one phrase where both are."""
    said = [of_lead(lead) for lead in (gini, found)]
    if said[0] == said[1]:
        return said[0]
    return [
        f"{name}: {text}" for name, texts in zip(("Gini", "top 10 %"), said, strict=True) for text in texts
    ]


def _gain_picture(material: Material, quantity: str) -> Picture:
    models, name = figure_models(material), QUANTITY_NAMES[quantity]
    return picture(
        f"figure-gain-{quantity}",
        partial(plots.plot_gain, material.scorecard, quantity, material.last_origin, models),
        title=f"{name}: share found among the customers ranked highest",
        description=f"Gain curves of {len(models)} forecasters between random order and perfect foresight; the "
        "vertical line marks the top tenth. The table below holds the numbers.",
        caption=f"{name}: share of the holdout that came from the customers ranked highest, origin "
        f"{material.last_origin}. Customers with equal forecasts share their place. Bands: {CHANCE}; all curves are of "
        "the same customers, so two may differ clearly though their bands overlap (differences are below). The thin "
        f"vertical line marks the top 10 %.{not_drawn(material, models)}",
    )


def _deciles(material: Material, quantity: str) -> list[Block]:
    """Promise and outcome of each tenth, of the leading model and the baseline."""
    at_hand = plots.models_at(material.scorecard, material.last_origin)
    wanted = dict.fromkeys([lead_model(material, quantity), material.baseline])
    shown = [
        model for model in wanted if model in at_hand and material.outcomes(quantity, str(model)) is not None
    ]
    pictures = [_decile_picture(material, quantity, str(model), i) for i, model in enumerate(shown)]
    return [Pair(pictures)] if pictures else []


def _decile_picture(material: Material, quantity: str, model: str, number: int) -> Picture:
    frame = plots.decile_frame(material.scorecard, quantity, material.last_origin, model)
    best = frame.iloc[0]
    promised, brought = (material.amount(quantity, float(best[name]), 2) for name in ("mean", "actual"))
    said = f"the best tenth was promised {promised} and brought {brought} each"
    return picture(
        f"figure-deciles-{quantity}-{number}",
        partial(
            plots.plot_deciles,
            material.scorecard,
            quantity,
            material.last_origin,
            model,
            currency=material.currency,
        ),
        title=f"{QUANTITY_NAMES[quantity]}: promise and outcome by tenths, {model}",
        description=f"{model}, origin {material.last_origin}: {said}.",
        caption=f"{model}: mean forecast and mean actual of tenths of customers, highest forecast first, origin "
        f"{material.last_origin}; {said}. Bars on the actual: 90 % confidence interval of its mean.",
        size=HALF,
    )
