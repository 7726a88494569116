"""Calibration of single customers: whether stated distributions and probabilities came true."""

from __future__ import annotations

from functools import partial

from clvmodels import plots
from clvmodels.report.blocks import Block, Heading, Pair, Picture, Text
from clvmodels.report.cautions import is_off, off_target
from clvmodels.report.drawing import HALF, TALL, picture
from clvmodels.report.evidence import figure_models, lead_model
from clvmodels.report.material import Material
from clvmodels.report.measures import CALIBRATION_MEASURES, PINBALL_MEASURES, QUANTITY_NAMES
from clvmodels.report.numbers import INTERVAL, listed, per_cent
from clvmodels.report.scores import score_table


def calibration_blocks(material: Material) -> list[Block]:
    """PIT, coverage with width, and the probability of buying at least once."""
    blocks: list[Block] = [Heading("Are the intervals of customers right?")]
    if len(material.formulas) == len(material.models):
        return [*blocks, Text(["No forecaster gave a distribution, so there is nothing to calibrate."])]
    modelled = [quantity for quantity in material.quantities if material.models_of(quantity)]
    blocks += [Text([_PIT_EXPLAINED]), Pair([_pit_picture(material, quantity) for quantity in modelled])]
    for quantity in modelled:
        caption = f"{QUANTITY_NAMES[quantity]}: calibration of single customers"
        blocks.append(
            score_table(material, quantity, CALIBRATION_MEASURES, f"calibration-{quantity}", caption)
        )
        blocks.append(Text([_coverage_in_words(material, quantity)]))
        caption = f"{QUANTITY_NAMES[quantity]}: losses of the published quantiles of single customers"
        blocks.append(score_table(material, quantity, PINBALL_MEASURES, f"pinball-{quantity}", caption))
    if "purchases" in modelled:
        blocks += [
            Heading("Who buys at least once"),
            Text([_ALIVE_EXPLAINED]),
            _reliability_picture(material),
        ]
    return blocks


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
    off = []
    for model in material.models:
        value = material.average(quantity, "coverage_90", model)
        if not is_off(value):
            continue
        reason = _tails_in_words(material, quantity, model)
        if off_target(material, quantity, model) is None:
            reason += " (or it is chance among so few customers)"
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
    said = material.outcomes(quantity, model)
    if said is None:
        return ""
    below, above = float((said["pit"] < 0.05).mean()), float((said["pit"] > 0.95).mean())
    tails = f"{per_cent(above)} of customers came out above their interval and {per_cent(below)} below (due: 5 % each)"
    if above > 0.05 > below or below > 0.05 > above:
        return f"{tails}; the forecasts are too {'low' if above > below else 'high'} rather than too narrow or too wide"
    return f"{tails}; the intervals are too {'narrow' if below + above > 0.1 else 'wide'}"


def _reliability_picture(material: Material) -> Picture:
    models = [model for model in figure_models(material) if model not in material.formulas]
    return picture(
        "figure-reliability",
        partial(plots.plot_reliability, material.scorecard, models, material.last_origin),
        title="Reliability of the probability of buying at least once",
        description=f"Stated probability against the share of customers who bought, for {listed(models)}; "
        "points on the diagonal are perfectly reliable.",
        caption=f"Reliability, origin {material.last_origin}: customers in groups of about equal size by their stated "
        f"probability. Bars: {INTERVAL} interval of each share as if the forecast were right (normal); a good forecast "
        "meets the diagonal within them.",
        size=TALL,
    )
