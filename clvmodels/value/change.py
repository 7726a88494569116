"""Change: why the value of the same customers was forecast otherwise at two dates.

Causes enter one after another, in a fixed order, and each is worth what its entry changes. The order is part
of the answer: what two causes do together counts for the later one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import shown
from clvmodels.errors import DataError
from clvmodels.prediction import labelled, tail_levels
from clvmodels.units import last_observed
from clvmodels.value.change_steps import LOST, NEW, Ladder, Snapshot, check_snapshots, ladder_between
from clvmodels.value.expectations import (
    Expected,
    Valuation,
    chunks,
    expected_values,
    labels_of,
    positions,
)

if TYPE_CHECKING:
    import pandas as pd


@shown("table")
@dataclass(frozen=True, eq=False)
class Change:
    """What moved the value from one forecast to the next.

    Attributes
    ----------
    causes
        (C,) in the order in which they enter.
    old, new
        (n,) mean value of each customer then and now; 0 where the customer is not there.
    effects
        (C, n) what each cause changes in the mean; they add up to ``new - old``.
    low, high
        (C, n) bounds of each customer's effects over the parameter draws, or None where there is one draw.
    group_names, group_of
        Names of the groups, and (n,) positions of the customers' groups.
    group_draws
        (C, G, S) effects summed over each group, per parameter draw.
    customer_id
        (n,) the customers of either date.
    level
        Of the intervals.
    provenance
        Dates, horizon, order of the causes.
    """

    causes: tuple[str, ...]
    old: np.ndarray
    new: np.ndarray
    effects: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    group_names: tuple[str, ...]
    group_of: np.ndarray
    group_draws: np.ndarray
    customer_id: np.ndarray
    level: float
    provenance: dict[str, Any]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The waterfall: old value, causes, new value; `begins` and `ends` are where each bar stands."""
        import pandas as pd

        old, new = math.fsum(self.old), math.fsum(self.new)
        effects = np.array([math.fsum(row) for row in self.effects])
        ends = old + np.cumsum(effects)
        table: dict[str, Any] = {
            "cause": ["old forecast", *self.causes, "new forecast"],
            "mean": [old, *effects, new],
            "begins": [0.0, old, *ends[:-1], 0.0],
            "ends": [old, *ends, new],
        }
        if self.low is not None:
            bounds = np.quantile(self.group_draws.sum(axis=1), tail_levels(self.level), axis=1)
            for name, bound in zip(("low", "high"), bounds, strict=True):
                table[name] = [np.nan, *bound, np.nan]
        return labelled(pd.DataFrame(table), self.provenance)

    @cached_property
    def groups(self) -> pd.DataFrame:
        """One row per group and cause: mean effect, with intervals over the parameter draws."""
        import pandas as pd

        rows = []
        for g, name in enumerate(self.group_names):
            inside = self.group_of == g
            for c, cause in enumerate(self.causes):
                row = {"group": name, "customers": int(inside.sum()), "cause": cause}
                row["mean"] = math.fsum(self.effects[c, inside])
                if self.low is not None:
                    row["low"], row["high"] = np.quantile(self.group_draws[c, g], tail_levels(self.level))
                rows.append(row)
        return labelled(pd.DataFrame(rows), self.provenance)

    @cached_property
    def customers(self) -> pd.DataFrame:
        """One row per customer: old mean, each cause's effect (with bounds), new mean."""
        import pandas as pd

        table: dict[str, Any] = {"customer_id": self.customer_id, "old_mean": self.old}
        for c, cause in enumerate(self.causes):
            table[cause] = self.effects[c]
            if self.low is not None and self.high is not None:
                table |= {f"{cause} low": self.low[c], f"{cause} high": self.high[c]}
        return labelled(pd.DataFrame(table | {"new_mean": self.new}), self.provenance)

    def __str__(self) -> str:
        table = self.table
        lines = [
            f"{self.provenance['old_date']} to {self.provenance['new_date']}, {self.provenance['horizon']} ahead"
        ]
        for i, cause in enumerate(table["cause"]):
            bounds = ""
            if "low" in table and not np.isnan(table["low"][i]):
                bounds = f" ({table['low'][i]:+,.0f} to {table['high'][i]:+,.0f})"
            sign = "+" if 0 < i < len(table) - 1 else ""
            lines.append(f"{cause:>26}  {format(table['mean'][i], sign + ',.0f')}{bounds}")
        return "\n".join(lines)


def explain_change(
    old: Snapshot,
    new: Snapshot,
    horizon: str,
    *,
    groups: Any = None,
    draws: int = 200,
    level: float = 0.9,
) -> Change:
    """Take the difference between two forecasts apart, customer by customer, so that the parts add up.

    Each step is the expected value of a customer after one more thing has become that of the new date:

    1. *passage of time*: the old fit and history at the new date, as if nobody had bought since;
    2. *own purchases*: the new history of purchases;
    3. *own spend per purchase*: the new columns that the spend model reads;
    4. *parameters of purchasing*: those of the new fit;
    5. *parameters of spending* (prices): the same;
    6. *margin and discount*: the new terms.

    Customers known at one date only are *lost customers* or *new customers* with their whole value. A formula has
    no parameters apart from its data, so the first five are one: *formula on new data*.

    Parameters
    ----------
    old, new
        Fit, customers and terms at each date.
    horizon
        A duration; the window begins at each date, so the two windows are equally long and not the same.
    groups
        Label by customer id (dict or pandas Series): cohorts (`cohort_labels`), segments, channels.
    draws
        Parameter draws. Steps under one fit share them, so an interval holds what the data leave open of the
        effect, and no chance of single lives. Between two fits draw s of one is set against draw s of the other.
    level
        Of the intervals.

    Returns
    -------
    Change

    Raises
    ------
    ArgumentError
        If dates, clocks, currencies or kinds of forecasters do not go together.
    DataError
        If no customer is in both summaries, or a customer has no group.

    Examples
    --------
    >>> import clvmodels as clv
    >>> log, model = clv.load_cdnow().query("customer_id <= 300"), clv.CLVModel("bg_nbd")
    >>> then = clv.rfm_summary(log, spend="spend", observation_end="1997-09-30")
    >>> now = clv.rfm_summary(log, spend="spend", observation_end="1997-12-31")
    >>> old, new = (Snapshot(model.fit(rfm, draws=50), rfm) for rfm in (then, now))
    >>> change = explain_change(old, new, "52W", draws=50)
    >>> change.table["cause"].tolist()[1:4]
    ['passage of time', 'own purchases', 'own spend per purchase']
    >>> bool(np.allclose(change.old + change.effects.sum(axis=0), change.new, rtol=1e-12))
    True
    """
    tail_levels(level)
    check_snapshots(old, new)
    old_at, new_at = positions(old.rfm.customer_id), positions(new.rfm.customer_id)
    common = sorted(key for key in old_at if key in new_at)
    if not common:
        raise DataError(
            "no customer is in both summaries",
            column="customer_id",
            rows=len(old_at),
            examples=list(old_at),
            fix="compare the same customers at two dates; check the type of the ids",
        )
    lost = [old_at[key] for key in sorted(old_at) if key not in new_at]
    fresh = [new_at[key] for key in sorted(new_at) if key not in old_at]
    ids = np.concatenate([old.rfm.customer_id.astype(object), new.rfm.customer_id[fresh].astype(object)])
    names, group_of = _grouping(groups, ids)
    ladder = ladder_between(old, new, common, old_at, new_at, Valuation(horizon, draws=draws))
    sums = _Sums.empty(len(ladder.causes) + 2, len(ids), group_of, names, level)
    sums.walk(ladder, np.array([old_at[key] for key in common]))
    for sign, cause, side, chosen, at in ((-1, -2, old, lost, lost), (1, -1, new, fresh, None)):
        _whole(sums, side, chosen, ladder.valuation_of(side), (sign, cause), at)
    return sums.close((*ladder.causes, LOST, NEW), ids, _facts(old, new, horizon, level, len(common)))


def _grouping(groups: Any, ids: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    if groups is None:
        return ("all",), np.zeros(len(ids), dtype=int)
    names, group_of = np.unique(labels_of(groups, ids).astype(str), return_inverse=True)
    return tuple(names.tolist()), group_of


@dataclass
class _Sums:
    """Effects by customer, and their draws by group, filled chunk by chunk."""

    old: np.ndarray
    new: np.ndarray
    effects: np.ndarray
    bounds: np.ndarray
    group_of: np.ndarray
    names: tuple[str, ...]
    level: float
    draws: Any = None

    @classmethod
    def empty(
        cls, causes: int, count: int, group_of: np.ndarray, names: tuple[str, ...], level: float
    ) -> _Sums:
        zeros = np.zeros(count)
        bounds = np.zeros((2, causes, count))
        return cls(zeros, zeros.copy(), np.zeros((causes, count)), bounds, group_of, names, level)

    def walk(self, ladder: Ladder, at: np.ndarray) -> None:
        """Climb the ladder with some customers at a time; `at` are their places in the result."""
        for index in chunks(len(at)):
            before = None
            for step, (fitted, rfm, valuation) in enumerate(ladder.steps):
                found = expected_values(fitted, rfm.take(index), valuation)
                if before is None:
                    self.old[at[index]] = found.mean
                else:
                    self.add(step - 1, at[index], found.mean - before.mean, _difference(found, before))
                before = found
            if before is not None:
                self.new[at[index]] = before.mean

    def add(self, cause: int, at: np.ndarray, mean: np.ndarray, draws: np.ndarray) -> None:
        self.effects[cause, at] = mean
        self.bounds[:, cause, at] = np.quantile(draws, tail_levels(self.level), axis=0)
        if self.draws is None or self.draws.shape[-1] < len(draws):
            shape = (len(self.effects), len(self.names), len(draws))
            self.draws = np.zeros(shape) if self.draws is None else _longer(self.draws, len(draws))
        draws = draws[np.arange(self.draws.shape[-1]) % len(draws)]
        for g in np.unique(self.group_of[at]):
            self.draws[cause, g] += draws[:, self.group_of[at] == g].sum(axis=1)

    def close(self, causes: tuple[str, ...], ids: np.ndarray, facts: dict[str, Any]) -> Change:
        spread = self.draws.shape[-1] > 1
        facts["interval"] = facts["interval"] if spread else "none: one draw of the parameters"
        low, high = self.bounds if spread else (None, None)
        return Change(
            causes=causes,
            old=self.old,
            new=self.new,
            effects=self.effects,
            low=low,
            high=high,
            group_names=self.names,
            group_of=self.group_of,
            group_draws=self.draws,
            customer_id=ids,
            level=self.level,
            provenance=facts,
        )


def _difference(after: Expected, before: Expected) -> np.ndarray:
    most = max(len(after.draws), len(before.draws))
    return np.asarray(
        after.draws[np.arange(most) % len(after.draws)] - before.draws[np.arange(most) % len(before.draws)]
    )


def _longer(draws: np.ndarray, length: int) -> np.ndarray:
    return draws[..., np.arange(length) % draws.shape[-1]]


def _whole(
    sums: _Sums,
    side: Snapshot,
    chosen: list[int],
    valuation: Valuation,
    entry: tuple[int, int],
    at: list[int] | None,
) -> None:
    """Count the whole value of customers who are on one side only: `entry` is its sign and its cause."""
    sign, cause = entry
    places = np.array(
        at if at is not None else np.arange(len(sums.old) - len(chosen), len(sums.old)), dtype=int
    )
    for index in chunks(len(chosen)):
        found = expected_values(side.fitted, side.rfm.take(np.array(chosen)[index]), valuation)
        (sums.old if sign < 0 else sums.new)[places[index]] = found.mean
        sums.add(cause, places[index], sign * found.mean, sign * found.draws)


def _facts(old: Snapshot, new: Snapshot, horizon: str, level: float, common: int) -> dict[str, Any]:
    dates = [
        last_observed(side.rfm.observed_until) for side in (old, new) if side.rfm.observed_until is not None
    ]
    return {
        "old_date": str(dates[0]),
        "new_date": str(dates[1]),
        "horizon": horizon,
        "forecaster": [side.fitted.summary.splitlines()[0] for side in (old, new)],
        "customers_hash": [side.rfm.fingerprint() for side in (old, new)],
        "customers_in_both": common,
        "currency": new.currency,
        "margin": (old.margin, new.margin),
        "annual_discount_rate": (old.annual_discount_rate, new.annual_discount_rate),
        "interval": f"central {level:.0%} interval over the draws of the parameters",
        "order": "each cause is worth what its entry changes, after those above it",
    }
