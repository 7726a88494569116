"""Segments: who belongs where with which chance, what each segment is worth, and who needs attention, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import shown
from clvmodels.errors import ArgumentError, check_kind, check_real, percent_hint
from clvmodels.prediction import DrawBlock, Forecast, labelled, over_draws, tail_levels
from clvmodels.rfm import RFM, check_rfm, id_text
from clvmodels.value.cashflow_economics import OWN_CURRENCY, check_currency
from clvmodels.value.expectations import Run, by_id, check_same_customers, labels_of
from clvmodels.value.segments_reasons import buying_words
from clvmodels.value.segments_rules import SegmentRules, last_positions, settle

if TYPE_CHECKING:
    import pandas as pd

BUYS = 0.5
"""A draw of at least so many purchases buys: one for a distribution, half of one for a formula's fraction."""


@shown("table")
@dataclass(frozen=True, eq=False)
class Segmentation:
    """Customers by segment.

    Attributes
    ----------
    rules
        What was asked.
    thresholds
        Money at which the tiers begin.
    forecast
        The forecast behind it.
    chances
        (n, G) probability of each segment; 0 or 1 where the forecast is a formula's.
    labels
        (n,) names.
    last
        (n,) names of the last run, None where there was none.
    p_buys, worth, p_low
        (n,) chance to buy within the horizon, mean value if they do (the mean where no draw buys), chance that
        the value lies in the lowest tier.
    sizes, values
        (S, G) joint draws of the number of customers in each segment, and of the value of those labelled so.
    rfm
        The customers.
    currency
        Label of the money.
    """

    rules: SegmentRules
    thresholds: tuple[float, ...]
    forecast: Forecast
    chances: np.ndarray
    labels: np.ndarray
    last: np.ndarray
    p_buys: np.ndarray
    worth: np.ndarray
    p_low: np.ndarray
    sizes: np.ndarray
    values: np.ndarray
    rfm: RFM = field(repr=False)
    currency: str = OWN_CURRENCY

    @property
    def label_of(self) -> dict[str, str]:
        """Label by the text of the customer's id: the `last` of the next run."""
        ids = [id_text(identity) for identity in self.rfm.customer_id.tolist()]
        return dict(zip(ids, self.labels.tolist(), strict=True))

    @property
    def customers(self) -> pd.DataFrame:
        """One row per customer: label, action, chances, value."""
        import pandas as pd

        action = {segment.name: segment.action for segment in self.rules.segments}
        table: dict[str, Any] = {
            "customer_id": self.rfm.customer_id,
            "segment": self.labels,
            "action": [action[label] for label in self.labels],
            "last_segment": self.last,
            "is_changed": [
                old is not None and old != new for old, new in zip(self.last, self.labels, strict=True)
            ],
            **{f"p_{name}": self.chances[:, g] for g, name in enumerate(self.rules.names)},
            "p_buys": self.p_buys,
            "value_mean": self._mean,
            "worth_if_buying": self.worth,
        }
        return labelled(pd.DataFrame(table), self._facts)

    @property
    def table(self) -> pd.DataFrame:
        """One row per segment with central 90 % intervals."""
        return self.segment_table(0.9)

    def segment_table(self, level: float) -> pd.DataFrame:
        """One row per segment: customers labelled so, expected members, value, share of value, mean per customer.

        `customers` counts labels and `value` is theirs, over joint draws. `expected_size` counts each customer
        by the chance of membership, and `size_low` to `size_high` is the number who will turn out to belong.
        """
        import pandas as pd

        total = self.values.sum(axis=1)
        share = np.divide(
            self.values, total[:, None], out=np.zeros_like(self.values), where=total[:, None] != 0
        )
        count = np.array([(self.labels == name).sum() for name in self.rules.names])
        mean = np.array([math.fsum(self._mean[self.labels == name]) for name in self.rules.names])
        table: dict[str, Any] = {
            "segment": self.rules.names,
            "action": [segment.action for segment in self.rules.segments],
            "customers": count,
            "expected_size": self.sizes.mean(axis=0),
            "value_mean": mean,
            "share_of_value": mean / (math.fsum(mean) or 1.0),
            "mean_per_customer": np.divide(mean, count, out=np.full(len(mean), np.nan), where=count > 0),
        }
        if self.forecast.is_distribution:
            each = self.values / np.maximum(count, 1)
            each[:, count == 0] = np.nan
            spread = {"size": self.sizes, "value": self.values, "share": share, "per_customer": each}
            for name, draws in spread.items():
                table[f"{name}_low"], table[f"{name}_high"] = np.quantile(draws, tail_levels(level), axis=0)
        interval = f"central {level:.0%} predictive interval" if self.forecast.is_distribution else "none"
        return labelled(pd.DataFrame(table), {**self._facts, "interval": interval})

    @property
    def at_risk(self) -> pd.DataFrame:
        """Customers worth keeping who are likely not to buy again, the largest loss first, with the reason.

        Those whose worth lies above the lowest tier and whose `p_buys` is below ``rules.at_risk``;
        `value_at_stake` is worth times the chance not to buy.
        """
        chosen = (self.worth >= self.thresholds[0]) & (self.p_buys < self.rules.at_risk)
        return self._list(chosen, self.worth * (1 - self.p_buys), "value_at_stake")

    def low_value(self, level: float = 0.9) -> pd.DataFrame:
        """Customers whose value stays in the lowest tier with a chance of at least `level`, the surest first.

        Parameters
        ----------
        level
            In (0, 1].
        """
        if not 0 < level <= 1:
            raise ArgumentError(
                f"level={level!r} must be a chance above 0 and at most 1; ninety per cent is 0.9{percent_hint(level)}"
            )
        return self._list(self.p_low >= level, self.p_low, "p_low_value")

    def _list(self, chosen: np.ndarray, rank: np.ndarray, name: str) -> pd.DataFrame:
        import pandas as pd

        who = by_id(self.rfm)
        who = who[chosen[who]]
        who = who[np.argsort(-rank[who], kind="stable")]  # ties by id: the order of rows leaves no trace
        words = buying_words(self.rfm.take(who))
        horizon = self.forecast.horizon.text
        if self.forecast.is_distribution:
            words = [
                f"{text}; chance to buy again within {horizon}: {chance:.0%}"
                for text, chance in zip(words, self.p_buys[who], strict=True)
            ]
        table = {
            "customer_id": self.rfm.customer_id[who],
            "segment": self.labels[who],
            name: rank[who],
            "p_buys": self.p_buys[who],
            "value_mean": self._mean[who],
            "worth_if_buying": self.worth[who],
            "reason": words,
        }
        return labelled(pd.DataFrame(table), self._facts)

    @property
    def _mean(self) -> np.ndarray:
        return _means(self.forecast)

    @property
    def _facts(self) -> dict[str, Any]:
        certain = "0 or 1 by arithmetic: a formula has one draw, not a probability"
        return {
            **self.forecast.provenance,
            "value": self.forecast.total.name,
            "currency": self.currency,
            "tiers": dict(zip(self.rules.tiers, (0.0, *self.thresholds), strict=True)),
            "interval": "none: means, and chances as shares of the draws",
            "chances": "shares of the joint draws" if self.forecast.is_distribution else certain,
        }


def segment_customers(
    run: Run,
    rfm: RFM,
    rules: SegmentRules | None = None,
    *,
    last: Mapping[Any, str] | None = None,
    lead: float = 0.1,
    currency: str = OWN_CURRENCY,
) -> Segmentation:
    """Give every customer the probability of each segment, and a label that does not flap between runs.

    Per draw a customer buys within the horizon or not, and has a value: that puts the draw into a tier and a
    segment (see `SegmentRules`). The share of draws in a segment is the probability of belonging to it.

    Parameters
    ----------
    run
        A forecast ready to be made: ``partial(fitted.forecast, "52W", seed=1)``, or `profit_run` for tiers of
        profit. It is made once where the rules give the tiers in money, and twice where they give shares, which take
        the worth of all customers to know. Memory is bounded by its block.
    rfm
        The customers it forecasts, for the reasons in words.
    rules
        Tiers and segments; by default the best fifth of the customers is valuable.
    last
        Labels of the last run by customer id (`Segmentation.label_of`).
    lead
        A label changes only if the new segment's chance exceeds that of the last one by more than this share.
    currency
        Label of the money.

    Returns
    -------
    Segmentation

    Raises
    ------
    ArgumentError
        If `lead` is no share.
    DataError
        If `rfm` holds other customers than the forecast, a last label is unknown, or shares make no tiers.

    Examples
    --------
    >>> from functools import partial
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 300))
    >>> fitted = clv.CLVModel("bg_nbd", method="map").fit(rfm)
    >>> found = segment_customers(partial(fitted.forecast, "52W", draws=100, seed=1), rfm)
    >>> found.table["segment"].tolist(), int(found.table["customers"].sum())
    (['protect', 'grow', 'win back', 'let go'], 300)
    >>> print(found.at_risk["reason"].iloc[0].split(";")[0])
    bought 8 times, usually every 3 weeks, silent for 20
    """
    rules = SegmentRules() if rules is None else rules
    check_kind("rules", rules, SegmentRules, "write SegmentRules(...), or leave it out")
    check_rfm(rfm)
    _check(run, lead, currency)
    ids = [id_text(identity) for identity in rfm.customer_id.tolist()]
    before = last_positions(None if last is None else _by_text(last), ids, rules.names)
    thresholds = _thresholds(run, rules)
    seen = _Members(rules, np.array(thresholds), before, lead)
    forecast = run(observe=seen.observe)
    check_same_customers(forecast, rfm)
    order = np.argsort(np.concatenate(seen.index))  # customers may come in any order
    names = np.array(rules.names, dtype=object)
    return Segmentation(
        rules=rules,
        thresholds=thresholds,
        forecast=forecast,
        chances=np.concatenate(seen.chances)[order],
        labels=names[np.concatenate(seen.labels)[order]],
        last=np.array([None if position < 0 else rules.names[position] for position in before], dtype=object),
        p_buys=np.concatenate(seen.p_buys)[order],
        worth=np.concatenate(seen.worth)[order],
        p_low=np.concatenate(seen.p_low)[order],
        sizes=seen.sizes,
        values=seen.values,
        rfm=rfm,
        currency=currency,
    )


def _check(run: Any, lead: float, currency: str) -> None:
    check_currency(currency)
    if not callable(run):
        raise ArgumentError(
            "run must be a forecast ready to be made, partial(fitted.forecast, '52W') or profit_run(fitted, '12M'), "
            f"not a {type(run).__name__} that has been made"
        )
    check_real("lead", lead)
    if not 0 <= lead < 1:
        raise ArgumentError(
            f"lead={lead!r} must be a share in [0, 1); ten points are 0.10{percent_hint(lead)}"
        )


def _by_text(last: Mapping[Any, str]) -> dict[str, str]:
    given = np.array(list(last), dtype=object)
    labels = labels_of(last, given, "last")
    return {id_text(key): str(label) for key, label in zip(given.tolist(), labels, strict=True)}


def _means(forecast: Forecast) -> np.ndarray:
    """(n,) means in the forecast's own table."""
    return forecast.columns["purchases_mean" if forecast.value is None else "clv_mean"]


def _value(block: DrawBlock) -> np.ndarray:
    return block.purchases if block.value is None else block.value


def _totals(value: np.ndarray) -> np.ndarray:
    """(S,) sums over customers. Draws add up exactly in any order; the one row of a formula is rounded once."""
    return np.array([math.fsum(value[0])]) if len(value) == 1 else value.sum(axis=1)


def _thresholds(run: Run, rules: SegmentRules) -> tuple[float, ...]:
    if rules.money is not None:
        return tuple(float(amount) for amount in rules.money)
    worth: list[np.ndarray] = []
    run(observe=lambda block: worth.append(_worth(block, block.purchases >= BUYS)[1]))
    return rules.thresholds(np.concatenate(worth))


def _worth(block: DrawBlock, buys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m,) chance to buy, and (m,) mean value of those draws that do (the mean where none does)."""
    chance, value = over_draws(buys), over_draws(np.where(buys, _value(block), 0.0))
    return chance, np.divide(value, chance, out=block.value_mean.copy(), where=chance > 0)


@dataclass
class _Members:
    """The segment of every draw, the label of every customer, and what the labels are worth."""

    rules: SegmentRules
    thresholds: np.ndarray
    before: np.ndarray
    lead: float
    index: list[np.ndarray] = field(default_factory=list)
    p_buys: list[np.ndarray] = field(default_factory=list)
    worth: list[np.ndarray] = field(default_factory=list)
    chances: list[np.ndarray] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)
    p_low: list[np.ndarray] = field(default_factory=list)
    sizes: Any = 0.0
    values: Any = 0.0

    def observe(self, block: DrawBlock) -> None:
        value, buys = _value(block), block.purchases >= BUYS
        chance, worth = _worth(block, buys)
        tier = np.searchsorted(self.thresholds, np.where(buys, value, worth), side="right")
        segment = self.rules.cells[tier, buys.astype(int)]
        groups = range(len(self.rules.segments))
        member = [segment == g for g in groups]
        chances = np.stack([over_draws(inside) for inside in member], axis=1)
        # a summary of other customers may be too short; it is refused when the forecast is whole
        label = settle(chances, self.before.take(block.index, mode="clip"), self.lead)
        self.sizes = self.sizes + np.stack([inside.sum(axis=1) for inside in member], axis=1)
        self.values = self.values + np.stack([_totals(value[:, label == g]) for g in groups], axis=1)
        self.index.append(block.index)
        self.p_buys.append(chance)
        self.worth.append(worth)
        self.chances.append(chances)
        self.labels.append(label)
        self.p_low.append(over_draws(value < self.thresholds[0]))
