"""Can I trust the single customer? Errors with differences and intervals, means of groups, and calibration."""

from __future__ import annotations

from clvmodels.report.answers import customer_answer
from clvmodels.report.blocks import MISSING, Block, Cell, Column, Heading, Section, Table, Text
from clvmodels.report.calibration import calibration_blocks
from clvmodels.report.chance import paired_lead
from clvmodels.report.evidence import frequency_table, groups_picture
from clvmodels.report.material import Material
from clvmodels.report.measures import CUSTOMER_MEASURES, QUANTITY_NAMES
from clvmodels.report.numbers import counted, in_words
from clvmodels.report.scores import BRACKETS, difference_table, percent_smaller, score_table


def customer_section(material: Material) -> Section:
    """The answer, the scores behind it, where forecasts of groups are off, and whether intervals are right."""
    blocks: list[Block] = []
    for quantity in material.quantities:
        caption = f"{QUANTITY_NAMES[quantity]} of single customers"
        blocks += [
            Heading(QUANTITY_NAMES[quantity]),
            *customer_answer(material, quantity),
            score_table(material, quantity, CUSTOMER_MEASURES, f"scores-{quantity}", caption),
            difference_table(material, quantity),
        ]
        if len(material.by_horizon) > 1 and material.baseline is not None:
            blocks.append(_by_horizon(material, quantity, material.baseline))
    blocks.append(Text([_scored(material)], "note"))
    blocks.append(Heading("By what customers had bought before"))
    for quantity in material.quantities:
        blocks += [groups_picture(material, quantity, "frequency"), frequency_table(material, quantity)]
    blocks.append(Heading("By when they last bought"))
    blocks += [groups_picture(material, quantity, "recency") for quantity in material.quantities]
    return Section("customer", "Can I trust the single customer?", [*blocks, *calibration_blocks(material)])


def _scored(material: Material) -> str:
    """What the CRPS was estimated from, and which point is judged by which error."""
    told = material.scorecard.provenance
    draws = f"{told['draws']:,} draws of each customer" if "draws" in told else "draws of each customer"
    crps = told.get("crps", f"fair estimator from {draws}; the absolute error of a point forecast")
    return (
        f"CRPS: {crps}. A point is judged by the error that rewards it: the mean by the RMSE, the median by the MAE. "
        "The MAE of the mean is there for those who will be judged by it. A formula gives one number, which stands for "
        f"both. Scores are means over {counted(len(material.origins), 'origin')}."
    )


def _by_horizon(material: Material, quantity: str, baseline: str) -> Table:
    """By how much each CRPS is smaller than the baseline's at each horizon: the longest as in the table above."""
    rows = []
    for model in material.models:
        leads = [paired_lead(at, quantity, "crps", model, baseline) for at in material.by_horizon.values()]
        texts = [percent_smaller(lead) for lead in leads]
        if any(text != MISSING for text in texts):
            shown = [Cell(text, lead.is_clear) for text, lead in zip(texts, leads, strict=True)]
            rows.append([Cell(model), *shown])
    columns = [Column("Forecaster", is_number=False)]
    columns += [Column(in_words(horizon), "smaller by [90 %]") for horizon in material.by_horizon]
    caption = (
        f"{QUANTITY_NAMES[quantity]}: CRPS against {baseline} by length of the horizon, from the same fits"
    )
    return Table(f"skill-horizons-{quantity}", caption, columns, rows, [BRACKETS])
