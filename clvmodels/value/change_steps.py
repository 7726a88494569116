"""The steps from an old forecast to a new one: what is exchanged, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clvmodels.contracts import FittedForecaster
from clvmodels.errors import ArgumentError, check_kind
from clvmodels.forecast import FittedCLV
from clvmodels.rfm import CLOCK_FIELDS, RFM, SPEND_FIELDS, check_rfm
from clvmodels.value.cashflow import check_fitted
from clvmodels.value.cashflow_economics import OWN_CURRENCY
from clvmodels.value.expectations import Valuation, moved_forward

LOST, NEW = "lost customers", "new customers"
CAUSES = (
    "passage of time",
    "own purchases",
    "own spend per purchase",
    "parameters of purchasing",
    "parameters of spending",
    "margin and discount",
)
FORMULA_CAUSES = ("formula on new data", "margin and discount")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A fit, the customers it is applied to, and the terms: all that a forecast at one date hangs on.

    Attributes
    ----------
    fitted
        A fitted model or formula.
    rfm
        The customers at that date.
    margin, annual_discount_rate
        As in `FittedCLV.forecast`.
    currency
        Label of the money.
    """

    fitted: FittedForecaster
    rfm: RFM
    margin: float = 1.0
    annual_discount_rate: float = 0.0
    currency: str = OWN_CURRENCY


def check_snapshots(old: Snapshot, new: Snapshot) -> None:
    """Refuse two forecasts whose difference would not be one of money, time and customers alone.

    Raises
    ------
    ArgumentError
        If kind of forecaster, model, currency, clock or spend differ, or the dates are swapped.
    """
    for name, snapshot in (("old", old), ("new", new)):
        check_kind(name, snapshot, Snapshot, "write Snapshot(fitted, rfm)")
        check_fitted(snapshot.fitted)
        check_rfm(snapshot.rfm)
    if isinstance(old.fitted, FittedCLV) != isinstance(new.fitted, FittedCLV):
        raise ArgumentError("one forecast is a model's, the other a formula's; compare like with like")
    if old.currency != new.currency:
        raise ArgumentError(
            f"the old forecast is in {old.currency}, the new one in {new.currency}; convert one of them first"
        )
    if old.rfm.has_spend != new.rfm.has_spend:
        raise ArgumentError(
            "one summary knows what customers spent and the other does not; name spend= in both"
        )
    moved_forward(old.rfm, new.rfm)
    if isinstance(old.fitted, FittedCLV) and isinstance(new.fitted, FittedCLV):
        models = [[part.model.name for part in fitted.posteriors] for fitted in (old.fitted, new.fitted)]
        if models[0] != models[1]:
            raise ArgumentError(
                f"the old fit is of {' and '.join(models[0])}, the new one of {' and '.join(models[1])}: what changed "
                "would be the model; fit the same one at both dates"
            )


@dataclass(frozen=True)
class Ladder:
    """Steps from the old to the new forecast of the customers in both: (fit, customers, terms) and causes."""

    steps: Sequence[tuple[FittedForecaster, RFM, Valuation]]
    causes: tuple[str, ...]
    old: Snapshot

    def valuation_of(self, side: Snapshot) -> Valuation:
        """Terms of one of the two sides."""
        return self.steps[0 if side is self.old else -1][2]


def ladder_between(
    old: Snapshot,
    new: Snapshot,
    common: list[str],
    old_at: dict[str, int],
    new_at: dict[str, int],
    plain: Valuation,
) -> Ladder:
    """The steps for the customers in both summaries, given by the texts of their ids."""
    terms = [
        replace(plain, margin=one.margin, annual_discount_rate=one.annual_discount_rate) for one in (old, new)
    ]
    then = old.rfm.take(np.array([old_at[key] for key in common]))
    now = new.rfm.take(np.array([new_at[key] for key in common]))
    if not (isinstance(old.fitted, FittedCLV) and isinstance(new.fitted, FittedCLV)):
        steps: list[Any] = [
            (old.fitted, then, terms[0]),
            (new.fitted, now, terms[0]),
            (new.fitted, now, terms[1]),
        ]
        return Ladder(steps, FORMULA_CAUSES, old)
    waiting = moved_forward(then, now)
    bought = _with_spend_of(now, waiting, old.fitted)
    repriced = replace(old.fitted, purchase=new.fitted.purchase)
    steps = [
        (old.fitted, then, terms[0]),
        (old.fitted, waiting, terms[0]),
        (old.fitted, bought, terms[0]),
        (old.fitted, now, terms[0]),
        (repriced, now, terms[0]),
        (new.fitted, now, terms[0]),
        (new.fitted, now, terms[1]),
    ]
    return Ladder(steps, CAUSES, old)


def _with_spend_of(now: RFM, then: RFM, fitted: FittedCLV) -> RFM:
    """The new summary with the old columns where only the spend model reads them."""
    if fitted.spend is None:
        return now
    own = set(fitted.spend.model.needs) - set(fitted.purchase.model.needs) - set(CLOCK_FIELDS)
    fields = {name: getattr(then, name) for name in SPEND_FIELDS if name in own}
    kept = {name: then.statistics[name] if name in own else values for name, values in now.statistics.items()}
    return replace(now, statistics=kept, report=None, history=None, **fields)
