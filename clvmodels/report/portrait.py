"""What the model says of its customers: how they differ, what it thinks of their histories, and a few of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from clvmodels import plots
from clvmodels.errors import ArgumentError
from clvmodels.forecast import Discrepancy, FittedCLV
from clvmodels.inference import Posterior
from clvmodels.prediction import Forecast
from clvmodels.report.blocks import Block, Heading, Pair, Picture, Section, Text
from clvmodels.report.drawing import HALF, TALL, picture
from clvmodels.report.material import Material
from clvmodels.report.numbers import INTERVAL, listed
from clvmodels.rfm import RFM
from clvmodels.transactions import Holdout

_LANE = 0.62  # inches


def portrait_section(material: Material, fitted: FittedCLV) -> Section:
    """Heterogeneity and spend, matrices, and chosen customers, as far as what was given allows."""
    rfm = fitted.rfm if material.rfm is None else material.rfm
    blocks: list[Block] = [
        Text([f"{fitted.name}, fitted to the whole log. {_ALIVE}"]),
    ]
    if rfm is not None:
        blocks += [Heading("Does it fit what was seen?"), _tried(partial(_repeats, fitted.purchase, rfm))]
    blocks.append(Heading("How customers differ"))
    blocks += _in_pairs([_trait(material, posterior, name) for posterior, name in _traits(fitted)])
    if rfm is not None and fitted.spend is not None:
        blocks.append(_tried(partial(_spend, material, fitted.spend, rfm)))
    if rfm is not None:
        blocks.append(Heading("What a history tells"))
        blocks += [_tried(partial(_matrix, material, fitted, rfm, which)) for which in ("alive", "expected")]
        blocks += _chosen(material, fitted, rfm)
    return Section("portrait", "What the model says of its customers", blocks)


_ALIVE = (
    "P(alive) is what the model believes, not what anybody saw: a silent customer may be gone or waiting, and no data "
    "tell which."
)


def _tried(draw: Callable[[], Block]) -> Block:
    """A picture, or why there is none: a fit may be too odd to draw, and the page is worth having without it."""
    try:
        return draw()
    except ArgumentError as reason:
        return Text([f"A figure was left out: {reason}."], "note")


def _in_pairs(blocks: list[Block]) -> list[Block]:
    pictures = [block for block in blocks if isinstance(block, Picture)]
    others = [block for block in blocks if not isinstance(block, Picture)]
    return [*([Pair(pictures)] if pictures else []), *others]


def _traits(fitted: FittedCLV) -> list[tuple[Posterior, str]]:
    return [(posterior, name) for posterior in fitted.posteriors for name in plots.trait_names(posterior)]


def _trait(material: Material, posterior: Posterior, name: str) -> Block:
    key = "-".join(["figure-trait", posterior.model.name, *name.split()])
    what = f"{name[:1].upper()}{name[1:]}"
    band = f", with its central {INTERVAL} posterior interval" if posterior.is_distribution else ""
    return _tried(
        partial(
            picture,
            key,
            partial(plots.plot_heterogeneity, posterior, name, currency=material.currency),
            title=f"{what}: how customers differ",
            description=f"Share of customers by {name}, under {posterior.model.title}.",
            caption=f"{what}: share of customers, under {posterior.model.title}{band}.",
            size=HALF,
        )
    )


def _repeats(posterior: Posterior, rfm: RFM) -> Block:
    frame = plots.repeat_purchases_frame(posterior, rfm)
    inside = int(((frame["customers"] >= frame["low"]) & (frame["customers"] <= frame["high"])).sum())
    said = f"{inside} of {len(frame)} numbers of customers lie inside their interval"
    return picture(
        "figure-repeats",
        partial(plots.plot_repeat_purchases, posterior, rfm),
        title="Customers by number of repeat purchases: seen and expected",
        description=f"Customers with 0, 1, 2 and more repeat purchases, and the number {posterior.model.title} expects "
        f"of customers of their ages; {said}.",
        caption=f"Customers by number of repeat purchases in the whole log, and what {posterior.model.title}, fitted "
        f"to it, expects of customers of these ages, with the central {INTERVAL} predictive interval (parameters and "
        f"chance; no market discrepancy). {said[0].upper()}{said[1:]}. It shows fit, not foresight.",
    )


def _spend(material: Material, posterior: Posterior, rfm: RFM) -> Block:
    return picture(
        "figure-spend",
        partial(plots.plot_spend, posterior, rfm, currency=material.currency),
        title="Mean spend per customer: seen and as the model would have it",
        description=f"Share of customers by mean spend, and the central {INTERVAL} predictive interval of "
        f"{posterior.model.title}.",
        caption=f"Mean spend of repeat customers, and of customers simulated from {posterior.model.title} with as many "
        f"purchases; band: central {INTERVAL} predictive interval of each share.",
    )


def _matrix(material: Material, fitted: FittedCLV, rfm: RFM, which: str) -> Block:
    horizon = (
        material.scorecard.provenance["horizon"]
        if material.forecast is None
        else material.forecast.horizon.text
    )
    if which == "alive":
        what, draw = "P(alive)", partial(plots.plot_alive_matrix, fitted.purchase, rfm)
    else:
        what = f"Expected purchases within {horizon}"
        draw = partial(plots.plot_expected_matrix, fitted.purchase, rfm, horizon)
    return picture(
        f"figure-matrix-{which}",
        draw,
        title=f"{what} by recency and number of repeat purchases",
        description=f"{what} of customers as old as the oldest: few purchases long ago at the lower left, many until "
        "recently at the upper right.",
        caption=f"{what} of customers observed as long as the oldest, by recency (age at the last purchase) and repeat "
        "purchases. A frequent customer who has been silent is more surely gone than a rare one. Dots: where there "
        f"are customers. Broken lines: central {INTERVAL} posterior interval of the line.",
        size=TALL,
    )


def chosen_places(rfm: RFM, known: np.ndarray) -> list[int]:
    """Customers worth a look, each for another reason: the busiest, the silent, the new, the middling.

    Parameters
    ----------
    rfm
        The customers.
    known
        (n,) who may be chosen.
    """
    places = np.flatnonzero(known)
    ids = np.array([str(identity) for identity in rfm.customer_id[places]])
    places = places[np.argsort(ids, kind="stable")]
    x, silence, age = rfm.frequency[places], (rfm.T - rfm.recency)[places], rfm.T[places]
    repeats = x[x > 0]
    often = float(np.quantile(repeats, 0.9)) if len(repeats) else 0.0
    middle = float(np.median(repeats)) if len(repeats) else 0.0
    wanted = [
        (x, x > 0),
        (silence, x >= max(often, 1.0)),
        (-np.abs(x - middle) - silence / (1.0 + silence.max()), x > 0),
        (-silence, x > 0),
        (age, x == 0),
        (-age, x == 0),
    ]
    found = [int(places[np.argmax(np.where(held, score, -np.inf))]) for score, held in wanted if held.any()]
    return list(dict.fromkeys(found))


def _chosen(material: Material, fitted: FittedCLV, rfm: RFM) -> list[Block]:
    blocks: list[Block] = []
    known = np.ones(len(rfm), dtype=bool)
    if material.holdout is not None:
        there = set(material.holdout.customer_id.tolist())
        known = np.array([identity in there for identity in rfm.customer_id.tolist()])
    places = chosen_places(rfm, known)
    if material.holdout is not None and places:
        ids = [material.customer(rfm.customer_id[place]) for place in places]
        blocks.append(_tried(partial(_timelines, material, fitted, material.holdout, ids)))
    forecast = material.forecast
    if places and forecast is not None and forecast.is_distribution and forecast.name == fitted.name:
        chosen = rfm.take(np.array(places))
        blocks.append(_tried(partial(_values, material, forecast, fitted, chosen)))
    return [Heading("A few customers"), Text([_WHO]), *blocks] if blocks else []


_WHO = (
    "The busiest customer; the one of the busy who has been silent longest; one in the middle; the one who bought "
    "last; and of those who bought once the first and the last to come."
)


def _timelines(material: Material, fitted: FittedCLV, holdout: Holdout, ids: list[str]) -> Picture:
    shown = replace(holdout, customer_id=_names(material, holdout.customer_id))
    return picture(
        "figure-timelines",
        partial(plots.plot_timelines, fitted.purchase, shown, ids),
        title="Purchases and P(alive) of chosen customers from day to day",
        description=f"A lane for each of {listed(ids)}: ticks are purchases, the path is P(alive) as known then.",
        caption=f"Purchases (ticks) and P(alive) from day to day, with its central {INTERVAL} posterior interval; the "
        "parameters are those of the whole log. P(alive) falls in silence and jumps at a purchase.",
        size=(6.4, 1.3 + _LANE * len(ids)),
    )


def _values(material: Material, forecast: Forecast, fitted: FittedCLV, rfm: RFM) -> Picture:
    """The few again with all their draws: every customer has a stream of their own, so they are the same draws."""
    terms = {name: forecast.provenance[name] for name in ("annual_discount_rate", "margin", "draws", "seed")}
    shock = forecast.provenance.get("discrepancy")
    again = fitted.forecast(
        forecast.horizon.text,
        rfm=rfm,
        keep_draws=True,
        discrepancy=None if shock is None else Discrepancy(**shock),
        **terms,
    )
    names = _names(material, again.columns["customer_id"])
    shown = replace(again, columns={**again.columns, "customer_id": names})
    ids = names.tolist()
    return picture(
        "figure-values",
        partial(plots.plot_customer_values, shown, ids, currency=material.currency),
        title="Forecast of chosen customers",
        description=f"Central {INTERVAL} and 50 % predictive intervals, median and mean for {listed(ids)}.",
        caption=f"{forecast.total.name.capitalize()} of each within {forecast.horizon.text}: median, mean, and central "
        f"50 % and {INTERVAL} predictive intervals; on the right the share of futures in which nothing comes.",
        size=(6.4, 1.1 + 0.4 * len(ids)),
    )


def _names(material: Material, ids: np.ndarray) -> np.ndarray:
    names = np.empty(len(ids), dtype=object)
    names[:] = [material.customer(identity) for identity in ids.tolist()]
    return names
