"""Groups of customers: how they are told apart, and what the difference between two of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.baselines.rates import birth_months
from clvmodels.cards import shown
from clvmodels.contracts import FittedForecaster, Forecaster
from clvmodels.errors import ArgumentError, DataError, check_choice, check_kind
from clvmodels.prediction import check_seed, labelled, tail_levels
from clvmodels.rfm import RFM, check_rfm, id_text
from clvmodels.units import UNIT_NAMES
from clvmodels.value.cashflow_economics import OWN_CURRENCY
from clvmodels.value.expectations import (
    Valuation,
    expected_values,
    labels_of,
    p_alive_draws,
    plan_of,
    positions,
)

if TYPE_CHECKING:
    import pandas as pd

SEEDS_APART = 1_000_003
"""Groups are fitted with seeds this far apart: a fit uses a few neighbouring ones for its parts."""


def cohort_labels(rfm: RFM, step: str = "M") -> dict[str, str]:
    """Month, quarter or year of each customer's first purchase, by the text of the id.

    Parameters
    ----------
    rfm
        Customers with a calendar.
    step
        ``"M"``, ``"Q"`` or ``"Y"``.

    Raises
    ------
    ArgumentError
        If there is no calendar, or no such step.

    Examples
    --------
    >>> rfm = RFM.from_arrays(
    ...     frequency=[0, 0], recency=[0, 0], T=[1, 40], time_unit="D", observation_end="2026-05-09"
    ... )
    >>> cohort_labels(rfm), cohort_labels(rfm, "Q")
    ({'0': '2026-05', '1': '2026-03'}, {'0': '2026-Q2', '1': '2026-Q1'})

    The sample of CDNOW came in the first quarter of 1997.

    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30")
    >>> set(cohort_labels(rfm, "Q").values())
    {'1997-Q1'}
    """
    check_choice("step", step, ("M", "Q", "Y"))
    check_rfm(rfm)
    months = birth_months(rfm).astype(int)
    labels = []
    for month in months.tolist():
        year, within = 1970 + month // 12, month % 12
        labels.append(
            {"M": f"{year}-{within + 1:02}", "Q": f"{year}-Q{within // 3 + 1}", "Y": str(year)}[step]
        )
    return {
        id_text(identity): label for identity, label in zip(rfm.customer_id.tolist(), labels, strict=True)
    }


def split_customers(rfm: RFM, labels: Any) -> dict[str, RFM]:
    """One summary per group, in the order of the groups' names.

    Parameters
    ----------
    rfm
        The customers.
    labels
        Label by customer id, a dict or a pandas Series with the ids as index: treatment or control, satisfied or
        not in a survey, channel.

    Raises
    ------
    DataError
        If a customer has no label.
    ArgumentError
        If `labels` is no mapping.

    Examples
    --------
    >>> rfm = RFM.from_arrays(
    ...     frequency=[2, 0], recency=[3, 0], T=[4, 5], customer_id=["ann", "bob"], time_unit="W"
    ... )
    >>> {name: len(part) for name, part in split_customers(rfm, {"ann": "treated", "bob": "control"}).items()}
    {'control': 1, 'treated': 1}

    Of CDNOW, by cohort:

    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30")
    >>> {name: len(part) for name, part in split_customers(rfm, cohort_labels(rfm)).items()}
    {'1997-01': 781, '1997-02': 857, '1997-03': 719}
    """
    check_rfm(rfm)
    found = labels_of(labels, rfm.customer_id, "labels")
    return {name: rfm.take(np.flatnonzero(found == name)) for name in sorted(set(found.tolist()))}


@shown("table")
@dataclass(frozen=True, eq=False)
class GroupComparison:
    """Two groups and the posterior of their difference.

    Attributes
    ----------
    names
        The two groups; differences are the second less the first.
    quantities
        (Q,) names with their units.
    means
        (Q, 2) posterior means.
    draws
        (Q, S, 2) draws of each group's quantity, the groups independent of each other; S is 1 for a formula.
    randomised
        Whether chance decided who came into which group.
    shared
        Customers who are in both groups.
    level
        Of the intervals.
    provenance
        What was fitted, on how many customers, and over which horizon.
    """

    names: tuple[str, str]
    quantities: Mapping[str, str]
    means: np.ndarray
    draws: np.ndarray
    randomised: bool
    shared: int
    level: float
    provenance: Mapping[str, Any]

    @property
    def is_distribution(self) -> bool:
        """Whether draws stand for uncertainty."""
        return self.draws.shape[1] > 1

    @property
    def caution(self) -> str:
        """What the difference means, in plain words."""
        first, second = self.names
        if self.randomised:
            return (
                f"Chance decided who is {second} and who is {first}, so beyond the interval the difference is the "
                "effect of what was done."
            )
        both = (
            f" {self.shared:,} customers are in both groups, which counts them twice." if self.shared else ""
        )
        return (
            f"Customers were not assigned to {first} and {second} by chance. The groups may have differed before, so "
            f"the difference describes them and does not say what caused it.{both}"
        )

    @property
    def table(self) -> pd.DataFrame:
        """One row per quantity: both groups, the difference, and the chance that the second group's is higher."""
        import pandas as pd

        rows = []
        for q, (quantity, unit) in enumerate(self.quantities.items()):
            row: dict[str, Any] = {"quantity": quantity, "unit": unit}
            columns = {name: self.draws[q, :, g] for g, name in enumerate(self.names)}
            columns["difference"] = self.draws[q, :, 1] - self.draws[q, :, 0]
            means = [*self.means[q], self.means[q, 1] - self.means[q, 0]]
            for (name, draws), mean in zip(columns.items(), means, strict=True):
                row[name] = mean
                if self.is_distribution:
                    row[f"{name}_low"], row[f"{name}_high"] = np.quantile(draws, tail_levels(self.level))
            if self.is_distribution:
                row["p_second_higher"] = float(np.mean(columns["difference"] > 0))
            rows.append(row)
        interval = (
            f"central {self.level:.0%} posterior interval"
            if self.is_distribution
            else "none: one draw of the parameters"
        )
        return labelled(
            pd.DataFrame(rows), {**self.provenance, "interval": interval, "caution": self.caution}
        )

    def __str__(self) -> str:
        lines = []
        for row in self.table.to_dict("records"):
            first, second = self.names
            line = (
                f"{row['quantity']} ({row['unit']}): {first} {row[first]:,.4g}, {second} {row[second]:,.4g}, "
            )
            line += f"difference {row['difference']:+,.4g}"
            if self.is_distribution:
                line += f" ({row['difference_low']:+,.4g} to {row['difference_high']:+,.4g})"
                line += f", P({second} higher) {row['p_second_higher']:.0%}"
            lines.append(line)
        return "\n".join([*lines, self.caution])


def compare_groups(
    model: Forecaster,
    groups: Mapping[str, RFM],
    horizon: str,
    *,
    randomised: bool,
    margin: float = 1.0,
    annual_discount_rate: float = 0.0,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.9,
    currency: str = OWN_CURRENCY,
) -> GroupComparison:
    """Fit a model to two groups apart, and take the difference of what they are expected to be worth.

    For each group and parameter draw: mean CLV of its customers over the horizon (expected value, without the
    chance of single lives), mean P(alive), and expected purchases per customer and year. The two fits are
    independent, so draws of one are set against draws of the other as they come.

    Parameters
    ----------
    model
        A `CLVModel`, or a formula (then there is one number and no interval).
    groups
        Two summaries by name, as `split_customers` makes them; the difference is the second less the first.
    horizon
        A duration.
    randomised
        Whether chance decided who is in which group. It changes no number, only what may be said of them.
    margin, annual_discount_rate
        As in `FittedCLV.forecast`.
    draws
        Parameter draws that are used.
    seed
        Of the fits; each group has a stream of its own.
    level
        Of the intervals.
    currency
        Label of the money.

    Returns
    -------
    GroupComparison

    Raises
    ------
    ArgumentError
        If there are not two groups, their clocks differ, or randomised groups share customers.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 400))
    >>> halves = split_customers(rfm, {int(one): "odd" if one % 2 else "even" for one in rfm.customer_id})
    >>> found = compare_groups(clv.CLVModel("bg_nbd"), halves, "52W", randomised=False, draws=100)
    >>> found.table["quantity"].tolist()
    ['mean CLV', 'P(alive)', 'purchase rate']
    >>> print(found.caution.split(".")[0])
    Customers were not assigned to even and odd by chance
    """
    tail_levels(level)
    check_seed(seed)
    shared = _check_groups(groups, randomised)
    valuation = Valuation(horizon, margin, annual_discount_rate, draws, currency)
    found = []
    for g, rfm in enumerate(groups.values()):
        found.append(_numbers(model.fit(rfm, seed=seed + SEEDS_APART * g), rfm, valuation))
    kept = [name for name in found[0] if all(name in one for one in found)]
    return GroupComparison(
        names=(next(iter(groups)), list(groups)[-1]),
        quantities={name: _unit(name, groups) for name in kept},
        means=np.array([[one[name][0] for one in found] for name in kept]),
        draws=np.array([_side_by_side([one[name][1] for one in found]) for name in kept]),
        randomised=randomised,
        shared=shared,
        level=level,
        provenance=_group_facts(model, groups, valuation, seed),
    )


def _numbers(fitted: FittedForecaster, rfm: RFM, valuation: Valuation) -> dict[str, tuple[float, np.ndarray]]:
    """Mean and draws of each quantity of one group."""
    expected = expected_values(fitted, rfm, valuation)
    years = plan_of(valuation, rfm)[0].years
    rate = expected.purchases.mean(axis=1) / years
    numbers = {"mean CLV": (float(expected.mean.mean()), expected.draws.mean(axis=1))}
    alive = p_alive_draws(fitted, rfm, valuation.draws)
    if alive is not None:
        numbers["P(alive)"] = (float(alive.mean()), alive)
    return numbers | {"purchase rate": (float(rate.mean()), rate)}


def _unit(quantity: str, groups: Mapping[str, RFM]) -> str:
    if quantity == "mean CLV":
        priced = all(rfm.has_spend for rfm in groups.values())
        return "money per customer" if priced else "purchases per customer"
    return {"P(alive)": "share", "purchase rate": "purchases per customer and year"}[quantity]


def _side_by_side(draws: list[np.ndarray]) -> np.ndarray:
    """(S, 2) the draws of both groups; the shorter ones are used in turn."""
    turns = np.arange(max(map(len, draws)))
    return np.stack([one[turns % len(one)] for one in draws], axis=1)


def _check_groups(groups: Mapping[str, RFM], randomised: bool) -> int:
    """How many customers are in both groups."""
    check_kind("randomised", randomised, bool, "say True or False")
    check_kind("groups", groups, Mapping, "make them with split_customers")
    for rfm in groups.values():
        check_rfm(rfm)
    if len(groups) != 2:
        raise ArgumentError(f"{len(groups)} groups ({', '.join(map(str, groups))}); compare two at a time")
    first, second = groups.values()
    if first.time_unit != second.time_unit or first.has_spend != second.has_spend:
        raise ArgumentError(
            f"one summary is in {UNIT_NAMES[first.time_unit]} {'with' if first.has_spend else 'without'} spend, the "
            f"other in {UNIT_NAMES[second.time_unit]} {'with' if second.has_spend else 'without'}; make both alike"
        )
    known = positions(first.customer_id)
    both = [identity for identity in second.customer_id.tolist() if id_text(identity) in known]
    if both and randomised:
        raise DataError(
            "chance cannot have put customers into both groups",
            column="customer_id",
            rows=len(both),
            examples=both,
            fix="leave them in the group they were assigned to, or say randomised=False",
        )
    return len(both)


def _group_facts(
    model: Forecaster, groups: Mapping[str, RFM], valuation: Valuation, seed: int
) -> dict[str, Any]:
    return {
        "forecaster": model.name,
        **valuation.facts(),
        "seed": seed,
        "customers": {name: len(rfm) for name, rfm in groups.items()},
        "customers_hash": {name: rfm.fingerprint() for name, rfm in groups.items()},
    }
