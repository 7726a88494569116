"""Is what a purchase is worth unrelated to how often people buy, as Gamma-Gamma takes it to be?"""

from __future__ import annotations

import numpy as np

from clvmodels.criticism.suspicion import USUAL, Sampling, Suspicion, check_events, judge, not_run
from clvmodels.metrics import holdout_by_frequency, spearman
from clvmodels.rfm import RFM
from clvmodels.transactions import PurchaseEvents

NAME = "spend and frequency"
FEWEST_CUSTOMERS = 50
HARMLESS = (-0.1, 0.1)


def spend_and_frequency(rfm: RFM, events: PurchaseEvents, sampling: Sampling = USUAL) -> Suspicion:
    """Whether customers who buy more often spend more, or less, per purchase: Gamma-Gamma takes them as unrelated.

    Spearman's rank correlation of a customer's frequency with the amount of **one** repeat purchase, the middle
    one. The correlation with the mean amount, which is often shown, is not 0 where the assumption holds: the mean
    of many skewed amounts has a higher median than that of few, which alone makes it 0.04 for the parameters of
    CDNOW and 0.14 for exponential amounts. The interval holds ranks fixed, which is right to first order
    where there is no relation.

    Parameters
    ----------
    rfm
        The customers, with spend.
    events
        Their purchases with spend: ``calibration_holdout(..., spend=...)[1].before``.
    sampling
        Level, seed and resamples of the interval.

    Returns
    -------
    Suspicion
        Estimate the correlation, neutral at 0. Evidence by number of repeat purchases: frequency (7 is open),
        customers, mean_spend (of the customers' mean amounts, which the assumption makes equal), standard_error.

    Raises
    ------
    DataError
        If the events do not belong to the summary.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer base
    analysis. Journal of Marketing Research 42. doi:10.1509/jmkr.2005.42.4.415
    """
    check_events(rfm, events)
    if events.spend is None:
        return not_run(NAME, "the log has no amounts", sampling, 0.0)
    customer, amount = _middle_amounts(events)
    frequency = rfm.frequency[customer]
    if len(customer) < FEWEST_CUSTOMERS or len(set(frequency)) < 2 or len(set(amount)) < 2:
        reason = f"customers with a repeat purchase: {len(customer):,}; {FEWEST_CUSTOMERS} are needed, not all alike"
        return not_run(NAME, reason, sampling, 0.0)
    columns = np.zeros((6, len(rfm)))
    columns[:, customer] = _moments(_centred_rank(frequency), _centred_rank(amount))
    low, high = sampling.interval(_correlation(sampling.sums(rfm, columns)))
    estimate = spearman(frequency, amount)
    verdict = judge(low, high, 0.0, HARMLESS)
    numbers = f"rank correlation {estimate:+.2f} [{low:+.2f}, {high:+.2f}] ({sampling.kind})"
    if verdict == "clear":
        sentence = (
            f"How often customers buy tells nothing of what they pay, as Gamma-Gamma assumes: {numbers}."
        )
    else:
        more, wrong = ("more", "low") if estimate > 0 else ("less", "high")
        sentence = (
            f"Customers who buy more often pay {more} per purchase, {numbers}. Gamma-Gamma takes the two as "
            f"unrelated, so the value of frequent customers comes out too {wrong}."
        )
    held = holdout_by_frequency(frequency, _mean_amounts(events, customer))
    evidence = {
        "frequency": held["frequency"],
        "customers": held["customers"],
        "mean_spend": held["actual"],
        "standard_error": held["standard_error"],
    }
    return Suspicion(NAME, estimate, low, high, sampling.level, 0.0, verdict, sentence, evidence)


def _middle_amounts(events: PurchaseEvents) -> tuple[np.ndarray, np.ndarray]:
    """Customers with a repeat purchase, and the amount of their middle one, (m,) each."""
    spend = np.zeros(0) if events.spend is None else events.spend
    kept = (events.purchases > 0) & ~events.is_first
    order = np.lexsort((events.time[kept], events.customer[kept]))
    customer, amount = events.customer[kept][order], spend[kept][order]
    held, start, count = np.unique(customer, return_index=True, return_counts=True)
    return held, amount[start + (count - 1) // 2]


def _mean_amounts(events: PurchaseEvents, customer: np.ndarray) -> np.ndarray:
    spend = np.zeros(0) if events.spend is None else events.spend
    kept = (events.purchases > 0) & ~events.is_first
    size = int(customer.max()) + 1
    total = np.bincount(events.customer[kept], spend[kept], minlength=size)[customer]
    return np.asarray(total / np.bincount(events.customer[kept], minlength=size)[customer])


def _centred_rank(values: np.ndarray) -> np.ndarray:
    """Mean ranks of ties, centred."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(size) - (size - 1) / 2)[group] - (len(values) + 1) / 2)


def _moments(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y])


def _correlation(sums: np.ndarray) -> np.ndarray:
    """Correlations from sums of the moments, (R, 6)."""
    n, x, y, xx, yy, xy = sums.T
    return np.asarray((xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n)))
