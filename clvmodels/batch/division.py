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

from clvmodels.config.conditions import Condition
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
        (n,) name of the segment, and the chance to belong to it; missing where rules leave no doubt.
    sizes, values
        (S, G) joint draws of the number of customers of each segment, and of the value of those labelled so.
    """

    forecast: Forecast
    labels: np.ndarray
    chance: np.ndarray
    sizes: np.ndarray
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
        counts = np.bincount(seen.place, minlength=len(self.rules)).astype(float)
        return Division(
            forecast=forecast,
            labels=np.array(self.names, dtype=object)[seen.place],
            chance=np.full(len(rfm), np.nan),
            sizes=np.tile(counts, (len(seen.values), 1)),
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
        written = np.argmax([_hold(rule.conditions, measures, 0.0, count) for rule in self.rules], axis=0)
        nearly = np.array([_hold(rule.conditions, measures, self.lead, count) for rule in self.rules])
        clearly = np.array([_hold(rule.conditions, measures, -self.lead, count) for rule in self.rules])
        taken = np.vstack([np.zeros(count, dtype=bool), np.logical_or.accumulate(clearly, axis=0)[:-1]])
        old, everyone = np.maximum(before, 0), np.arange(count)
        stays = (before >= 0) & nearly[old, everyone] & ~taken[old, everyone]
        return np.where(stays, before, written)


def _hold(
    conditions: Sequence[Condition], measures: Mapping[str, np.ndarray], slack: float, count: int
) -> np.ndarray:
    """(m,) whether all conditions hold with bounds moved by a share, outwards if it is above 0."""
    holds = np.ones(count, dtype=bool)
    for one in conditions:
        outwards = -1 if one.sign in (">=", ">") else 1
        holds &= _COMPARES[one.sign](measures[one.measure], one.bound + outwards * slack * abs(one.bound))
    return holds


class _Labelled:
    """The segment of every customer, and joint draws of what each is worth, block by block."""

    def __init__(self, scheme: ByRules, rfm: RFM, before: np.ndarray) -> None:
        self.scheme, self.before, self.known = scheme, before, history_of(rfm)
        self.place = np.zeros(len(rfm), dtype=int)
        self.values: Any = 0.0

    def observe(self, block: DrawBlock) -> None:
        value = block.purchases if block.value is None else block.value
        measures = {
            **block.columns,
            **{name: column[block.index] for name, column in self.known.items()},
            "p_buy_in_horizon": over_draws(block.purchases > 0),
            "value_mean": block.value_mean(),
        }
        place = self.scheme.place(measures, self.before[block.index])
        self.place[block.index] = place
        groups = range(len(self.scheme.rules))
        self.values = self.values + np.stack([value[:, place == g].sum(axis=1) for g in groups], axis=1)


def history_of(rfm: RFM) -> dict[str, np.ndarray]:
    """(n,) purchases so far, the first included, and days since the last one."""
    return {
        "purchases_so_far": rfm.frequency.astype(np.int64) + 1,
        "days_since_purchase": (rfm.T - rfm.recency) * UNIT_DAYS[rfm.time_unit],
    }


def rules_for(
    fitted: FittedCLV, sample: RFM, horizon: str, arguments: Mapping[str, Any], share: float
) -> SegmentRules:
    """Rules whose valuable customers begin at the worth that a share of a sample stay below."""
    run = partial(fitted.forecast, horizon, rfm=sample, **arguments)
    return SegmentRules(money=segment_customers(run, sample, SegmentRules(shares=(share,))).thresholds)
