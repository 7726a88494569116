"""How a run divides its customers: by value and buying again, or by rules of the user's own.

Both schemes answer the same: names, what a data dictionary says of them, and the segment of every customer with joint
draws of what each segment is worth.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from clvmodels.config.conditions import DRAWN, MEASURES, PAST, Condition
from clvmodels.config.jobs import SegmentRule
from clvmodels.forecast import FittedCLV
from clvmodels.prediction import DrawBlock, Forecast, over_draws
from clvmodels.rfm import RFM, id_text
from clvmodels.units import UNIT_DAYS
from clvmodels.value import SegmentRules, segment_customers

Run = Callable[..., Forecast]
_COMPARES = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}


@dataclass(frozen=True, eq=False)
class Division:
    """Customers by segment.

    Attributes
    ----------
    forecast
        The forecast behind it.
    labels, chance
        (n,) name of the segment, and the chance to belong to it; missing where it is not defined.
    sizes, values
        (S, G) joint draws of the number of customers of each segment, and of the value of those labelled so; sizes are
        None where that chance is not defined.
    """

    forecast: Forecast
    labels: np.ndarray
    chance: np.ndarray
    sizes: np.ndarray | None
    values: np.ndarray


class Scheme(Protocol):
    """A way to divide customers."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the segments."""

    @property
    def told(self) -> list[dict[str, Any]]:
        """What a data dictionary says of each segment."""

    @property
    def chance_told(self) -> str:
        """What a data dictionary says of the chance to belong to a segment."""

    @property
    def valuable_from(self) -> tuple[float, ...]:
        """Value at which valuable customers begin; nothing where rules name what they need."""

    def divide(self, run: Run, rfm: RFM, last: Mapping[Any, str]) -> Division:
        """The segment of every customer; `last` holds those of the last run, by id."""


@dataclass(frozen=True)
class ByValue:
    """By value, and by whether they buy within the horizon, draw by draw (`segment_customers`)."""

    rules: SegmentRules
    lead: float

    @property
    def names(self) -> tuple[str, ...]:
        """Of the segments."""
        return self.rules.names

    @property
    def told(self) -> list[dict[str, Any]]:
        """What a data dictionary says of each segment."""
        return [
            {"segment": one.name, "action": one.action, "tiers": list(one.tiers), "buys": one.buys}
            for one in self.rules.segments
        ]

    @property
    def chance_told(self) -> str:
        """What a data dictionary says of the chance to belong to a segment."""
        return "Chance to belong to that segment: share of draws in which value and purchases put the customer there."

    @property
    def valuable_from(self) -> tuple[float, ...]:
        """Value at which valuable customers begin."""
        return self.rules.money or ()

    def divide(self, run: Run, rfm: RFM, last: Mapping[Any, str]) -> Division:
        """The likeliest segment of every customer, and how likely it is."""
        known = {identity: name for identity, name in last.items() if name in self.names}
        found = segment_customers(run, rfm, self.rules, last=known or None, lead=self.lead)
        place = [self.names.index(label) for label in found.labels]
        chance = found.chances[np.arange(len(place)), place]
        return Division(found.forecast, found.labels, chance, found.sizes, found.values)


@dataclass(frozen=True)
class ByRules:
    """By rules on columns of the published table: the first one that a customer meets.

    A customer stays in the last segment while its rule nearly holds and no earlier one clearly does, each bound being
    moved by the share `lead`; so nobody changes sides with every run.

    Rules about the value, the purchases and the past say of every draw where it puts a customer; the share of draws is
    the chance to belong to a segment. A chance, or a mean per purchase, has no counterpart in a draw: a customer who is
    alive with a chance of a half is so in none. Rules that name one leave that chance undefined.
    """

    rules: tuple[SegmentRule, ...]
    lead: float

    @property
    def names(self) -> tuple[str, ...]:
        """Of the segments."""
        return tuple(rule.name for rule in self.rules)

    @property
    def told(self) -> list[dict[str, Any]]:
        """What a data dictionary says of each segment."""
        return [
            {"segment": one.name, "action": one.action, "when": one.when or "no earlier rule holds"}
            for one in self.rules
        ]

    @property
    def undrawn(self) -> tuple[str, ...]:
        """Measures of the rules that no draw has."""
        named = {one.measure for rule in self.rules for one in rule.conditions}
        return tuple(name for name in MEASURES if name in named - {*DRAWN, *PAST})

    @property
    def chance_told(self) -> str:
        """What a data dictionary says of the chance to belong to a segment."""
        if self.undrawn:
            return f"Missing: the rules name {' and '.join(self.undrawn)}, which no single draw of the future has."
        return (
            "Chance to belong to that segment: share of draws in which the rules as they are written put the customer "
            f"there, with the value of the draw as {DRAWN[0]} and its purchases as {DRAWN[1]}."
        )

    @property
    def valuable_from(self) -> tuple[float, ...]:
        """Nothing: rules name what they need."""
        return ()

    def divide(self, run: Run, rfm: RFM, last: Mapping[Any, str]) -> Division:
        """The segment of every customer by the rules as they are written, or nearly so."""
        texts = {id_text(identity): name for identity, name in last.items() if name in self.names}
        before = [texts.get(id_text(identity)) for identity in rfm.customer_id.tolist()]
        seen = _Labelled(
            self, rfm, np.array([-1 if one is None else self.names.index(one) for one in before])
        )
        forecast = run(observe=seen.observe)
        return Division(
            forecast=forecast,
            labels=np.array(self.names, dtype=object)[seen.place],
            chance=seen.chance,
            sizes=None if self.undrawn else seen.sizes,
            values=seen.values,
        )

    def place(self, measures: Mapping[str, np.ndarray], before: np.ndarray) -> np.ndarray:
        """(m,) position of the segment of each customer.

        Parameters
        ----------
        measures
            (m,) columns by name.
        before
            (m,) position in the last run, -1 where there was none.
        """
        count = len(before)
        written = self.first(measures, before.shape)
        nearly = np.array([_hold(rule.conditions, measures, self.lead, before.shape) for rule in self.rules])
        clearly = np.array(
            [_hold(rule.conditions, measures, -self.lead, before.shape) for rule in self.rules]
        )
        taken = np.vstack([np.zeros(count, dtype=bool), np.logical_or.accumulate(clearly, axis=0)[:-1]])
        old, everyone = np.maximum(before, 0), np.arange(count)
        stays = (before >= 0) & nearly[old, everyone] & ~taken[old, everyone]
        return np.where(stays, before, written)

    def first(self, measures: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """Position of the first rule that holds as it is written, in a shape that all measures fit."""
        return np.argmax([_hold(rule.conditions, measures, 0.0, shape) for rule in self.rules], axis=0)


def _hold(
    conditions: Sequence[Condition], measures: Mapping[str, np.ndarray], slack: float, shape: tuple[int, ...]
) -> np.ndarray:
    """Whether all conditions hold with bounds moved by a share, outwards if it is above 0."""
    holds = np.ones(shape, dtype=bool)
    for one in conditions:
        outwards = -1 if one.sign in (">=", ">") else 1
        holds &= _COMPARES[one.sign](measures[one.measure], one.bound + outwards * slack * abs(one.bound))
    return holds


class _Labelled:
    """The segment of every customer and how likely it is, with joint draws of what each holds, block by block."""

    def __init__(self, scheme: ByRules, rfm: RFM, before: np.ndarray) -> None:
        self.scheme, self.before, self.known = scheme, before, history_of(rfm)
        self.place = np.zeros(len(rfm), dtype=int)
        self.chance = np.full(len(rfm), np.nan)
        self.values: Any = 0.0
        self.sizes: Any = 0.0

    def observe(self, block: DrawBlock) -> None:
        value = block.purchases if block.value is None else block.value
        past = {name: column[block.index] for name, column in self.known.items()}
        measures = {
            **block.columns,
            **past,
            "p_buy_in_horizon": block.p_purchase,
            "value_mean": block.value_mean,
        }
        place = self.scheme.place(measures, self.before[block.index])
        self.place[block.index] = place
        groups = range(len(self.scheme.rules))
        self.values = self.values + np.stack([value[:, place == g].sum(axis=1) for g in groups], axis=1)
        if self.scheme.undrawn:
            return
        drawn = self.scheme.first(
            {**past, **dict(zip(DRAWN, (value, block.purchases), strict=True))}, value.shape
        )
        self.chance[block.index] = over_draws(drawn == place)
        self.sizes = self.sizes + np.stack([(drawn == g).sum(axis=1) for g in groups], axis=1)


def history_of(rfm: RFM) -> dict[str, np.ndarray]:
    """(n,) purchases so far, the first included, and days since the last one."""
    purchases, days = PAST
    return {
        purchases: rfm.frequency.astype(np.int64) + 1,
        days: (rfm.T - rfm.recency) * UNIT_DAYS[rfm.time_unit],
    }


def rules_for(
    fitted: FittedCLV, sample: RFM, horizon: str, arguments: Mapping[str, Any], share: float
) -> SegmentRules:
    """Rules whose valuable customers begin at the worth that a share of a sample stay below."""
    run = partial(fitted.forecast, horizon, rfm=sample, **arguments)
    return SegmentRules(money=segment_customers(run, sample, SegmentRules(shares=(share,))).thresholds)
