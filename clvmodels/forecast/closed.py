"""What closed forms say of every customer, at the optimum of the fit: no draws, so no spread."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, check_kind
from clvmodels.rfm import RFM, check_rfm
from clvmodels.units import UNIT_NAMES, plan_horizon

if TYPE_CHECKING:
    from clvmodels.forecast.fitted import FittedCLV

BLOCK = 1 << 14  # customers whose intermediate results stay in the cache


def closed_form_scores(
    fitted: FittedCLV, horizon: str | date | datetime, *, rfm: RFM | None = None
) -> dict[str, np.ndarray]:
    """P(alive), expected purchases and expected spend of each customer, in seconds for millions.

    They are those at the optimum of the fit. A forecast (`FittedCLV.forecast`) also says how
    uncertain they are, and averages over what the fit does not know of its parameters.

    Parameters
    ----------
    fitted
        A fitted CLV model.
    horizon
        ``"52W"``, ``"12M"``, or the last date of the window.
    rfm
        Customers, by default those of the fit.

    Returns
    -------
    dict of (n,) arrays
        ``customer_id``, ``p_alive``, ``expected_purchases`` in the horizon and, with spend, ``expected_spend`` per
        purchase, in the order of the summary.

    Raises
    ------
    ArgumentError
        If there are no customers, or their clock is another than that of the fit.
    FitError
        If a fit has failed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30")
    >>> scores = closed_form_scores(clv.CLVModel("bg_nbd", method="mle").fit(rfm), "39W")
    >>> list(scores), round(float(scores["expected_purchases"].sum()))
    (['customer_id', 'p_alive', 'expected_purchases', 'expected_spend'], 1653)
    """
    from clvmodels.forecast.fitted import FittedCLV

    check_kind("fitted", fitted, FittedCLV, "make one with CLVModel().fit(rfm)")
    target = fitted.rfm if rfm is None else rfm
    if target is None:
        raise ArgumentError("this fit holds no customers; pass them as rfm=")
    check_rfm(target)
    unit = fitted.purchase.provenance["time_unit"]
    if target.time_unit != unit:
        raise ArgumentError(
            f"the fit measured time in {UNIT_NAMES[unit]}, the customers in {UNIT_NAMES[target.time_unit]}; "
            f"summarise them with time_unit={unit!r}"
        )
    for posterior in fitted.posteriors:
        posterior.raise_if_failed()
    length = plan_horizon(horizon, target.observed_until, target.time_unit).length
    model, theta = cast(PurchaseModel, fitted.purchase.model), fitted.purchase.mode
    futures, future_of = target.compress(model.needs_if_alive)  # few, and what costs is worked out for these
    ahead = _in_blocks(futures, lambda some: model.purchases_if_alive(theta, some, length, 0.0))[future_of]
    alive = _in_blocks(target, lambda some: model.p_alive(theta, some))
    scores = {"customer_id": target.customer_id, "p_alive": alive, "expected_purchases": alive * ahead}
    if fitted.spend is not None:
        spend, level = cast(SpendModel, fitted.spend.model), fitted.spend.mode
        scores["expected_spend"] = _in_blocks(target, lambda some: spend.expected_spend(level, some))
    return scores


def _in_blocks(rfm: RFM, work: Callable[[RFM], np.ndarray]) -> np.ndarray:
    return np.concatenate(
        [work(rfm.take(slice(start, start + BLOCK))) for start in range(0, len(rfm), BLOCK)]
    )
