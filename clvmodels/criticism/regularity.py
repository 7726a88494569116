"""Do customers buy at random moments, as the models assume, or at regular intervals?"""

from __future__ import annotations

import numpy as np

from clvmodels.criticism.suspicion import USUAL, Sampling, Suspicion, check_events, judge, not_run
from clvmodels.rfm import RFM
from clvmodels.transactions import PurchaseEvents
from clvmodels.transactions.gaps import erlang_stages, spacing
from clvmodels.units import UNIT_DAYS, UNIT_NAMES, unit_days

NAME = "purchase regularity"
FEWEST_CUSTOMERS = 50
MUCH_LOST = 0.2
HARMLESS = (0.75, 1.3)
BINS = 10


def purchase_regularity(rfm: RFM, events: PurchaseEvents, sampling: Sampling = USUAL) -> Suspicion:
    """Wheat and Morrison's check of the purchase process, free of how often each customer buys and of dropout.

    Take two consecutive gaps between purchases of a customer, the middle ones, and ``M = g1 / (g1 + g2)``. If
    purchases are random (Poisson), M is uniform, whatever the customer's rate and whenever the customer stops.
    If gaps are Erlang with k stages, M is Beta(k, k) with the variance ``v = 1 / (4 (2k + 1))``, so that

        k = (1 - 4 v) / (8 v),

    which is 1 for random purchases, above 1 for regular ones and below 1 for bursts. One M per customer keeps
    heavy buyers from deciding alone. The end of observation cuts long gaps off, which pulls k towards 1.

    Dates are rounded to a period (a day), and several purchases of a period are one. That makes raw gaps look
    regular. Given s = g1 + g2 in periods, random purchases put g1 on 1..s-1 with equal chances, so
    ``(g1 - U) / (s - 1)`` with U uniform is exactly uniform; its second moment, U averaged out, stands for v
    here. Pairs with s < 8 are left out: the choice by s keeps M uniform.

    Parameters
    ----------
    rfm
        The customers.
    events
        Their purchases up to the end of observation: ``calibration_holdout(...)[1].before``.
    sampling
        Level, seed and resamples of the interval.

    Returns
    -------
    Suspicion
        Estimate k, neutral at 1. Evidence: histogram of M (low, high, customers, expected).

    Raises
    ------
    DataError
        If the events do not belong to the summary.

    References
    ----------
    Wheat, R. D. and Morrison, D. G. (1990). Estimating purchase regularity with two interpurchase times. Journal
    of Marketing Research 27. doi:10.1177/002224379002700108
    """
    check_events(rfm, events)
    customer, place, moment, lost, tick = spacing(events, rfm.time_unit)
    if len(place) < FEWEST_CUSTOMERS:
        reason = (
            "customers with two gaps between purchases that are long against the rounding of dates: "
            f"{len(place):,}; {FEWEST_CUSTOMERS} are needed"
        )
        return not_run(NAME, reason, sampling, 1.0)
    columns = np.zeros((2, len(rfm)))
    columns[:, customer] = np.stack([moment, np.ones(len(moment))])
    sums = sampling.sums(rfm, columns)
    low, high = sampling.interval(erlang_stages(sums[:, 0] / sums[:, 1]))
    estimate = float(erlang_stages(np.sort(moment).mean()))
    counts, edges = np.histogram(place, np.linspace(0, 1, BINS + 1))
    expected = np.full(BINS, len(place) / BINS)
    verdict = judge(low, high, 1.0, HARMLESS)
    return Suspicion(
        name=NAME,
        estimate=estimate,
        low=low,
        high=high,
        level=sampling.level,
        neutral=1.0,
        verdict=verdict,
        sentence=_sentence(verdict, estimate, low, high, sampling) + _lost(lost, tick, rfm.time_unit),
        evidence={"low": edges[:-1], "high": edges[1:], "customers": counts, "expected": expected},
    )


def _sentence(verdict: str, k: float, low: float, high: float, sampling: Sampling) -> str:
    numbers = f"k = {k:.2f} [{low:.2f}, {high:.2f}] ({sampling.kind}; 1 is random)"
    if verdict == "clear":
        return f"Customers buy at random moments, as the models assume: {numbers}."
    much = "much" if verdict == "suspect" else "somewhat"
    if k > 1:
        return (
            f"Customers buy {much} more regularly than the models assume, {numbers}: silence says more than the models "
            "read into it, so chances of being alive fall too slowly. They are never observed; compare who buys again."
        )
    return (
        f"Customers buy {much} more in bursts than the models assume, {numbers}: a quiet customer may come back later "
        "than the models expect. Chances of being alive are never observed; compare who buys again."
    )


def _lost(share: float, tick: float, time_unit: str) -> str:
    if share <= MUCH_LOST:
        return ""
    names = {days / unit_days(time_unit): UNIT_NAMES[unit] for unit, days in UNIT_DAYS.items()}
    return (
        f" Dates are rounded to {names[tick]}; {100 * share:.0f} % of the customers with two gaps buy too fast for "
        "that and were left out."
    )
