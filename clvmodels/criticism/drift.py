"""Does the shop stay the same? From cohort to cohort within the calibration, and from origin to origin."""

from __future__ import annotations

import math

import numpy as np

from clvmodels.backtesting import Scorecard
from clvmodels.criticism.suspicion import USUAL, Sampling, Suspicion, check_events, judge, not_run
from clvmodels.errors import ArgumentError
from clvmodels.metrics import holdout_by_quantile
from clvmodels.rfm import RFM
from clvmodels.transactions import PurchaseEvents
from clvmodels.units import UNIT_NAMES

COHORTS, ORIGINS = "drift between cohorts", "drift between origins"
FEWEST_CUSTOMERS, FEWEST_PURCHASES = 30, 30
HARMLESS = (0.85, 1 / 0.85)
NORMAL_90 = 1.6448536269514722  # the 95 % quantile of a standard normal: half the width of a 90 % interval
ROUNDING = 1e-9


def cohort_drift(rfm: RFM, events: PurchaseEvents, sampling: Sampling = USUAL) -> Suspicion:
    """Whether later customers buy as much as earlier ones did at the same age; no model is asked.

    The models give every customer the same prospects at birth, whenever that was. The repeat purchases within
    the first w weeks after birth are counted, with w the age that everybody has reached, or half the
    largest age if that is longer; whoever is younger is left out. The estimate is the mean of the later half of the
    cohorts over that of the earlier half.

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
        Estimate the ratio, neutral at 1. Evidence by groups of cohorts, latest first: age_from, age_to (at the
        end), customers, purchases (mean within w), standard_error.

    Raises
    ------
    DataError
        If the events do not belong to the summary.
    """
    check_events(rfm, events)
    window = max(float(rfm.T.min()), float(rfm.T.max()) / 2)
    old_enough = window <= rfm.T
    middle = float(np.median(rfm.T[old_enough]))
    late = old_enough & (middle > rfm.T)
    early = old_enough & ~late
    age = events.time + rfm.T[events.customer]
    counted = (events.purchases > 0) & ~events.is_first & (age <= window + ROUNDING)
    bought = np.bincount(events.customer[counted], minlength=len(rfm)).astype(float)
    fewest = min(late.sum(), early.sum()), min(bought[late].sum(), bought[early].sum())
    if fewest[0] < FEWEST_CUSTOMERS or fewest[1] < FEWEST_PURCHASES:
        reason = (
            f"the smaller of two halves of the cohorts: {int(fewest[0]):,} (customers) and {int(fewest[1]):,} "
            f"(purchases at a common age); {FEWEST_CUSTOMERS} and {FEWEST_PURCHASES} are needed"
        )
        return not_run(COHORTS, reason, sampling, 1.0)
    sums = sampling.sums(rfm, [late, late * bought, early, early * bought])
    low, high = sampling.interval((sums[:, 1] / sums[:, 0]) / (sums[:, 3] / sums[:, 2]))
    estimate = float(bought[late].mean() / bought[early].mean())
    verdict = judge(low, high, 1.0, HARMLESS)
    numbers = f"[{100 * (low - 1):+.0f}, {100 * (high - 1):+.0f}] ({sampling.kind})"
    span = f"{window:.3g} {UNIT_NAMES[rfm.time_unit]}"
    change = f"{100 * (estimate - 1):+.0f} % {numbers}"
    if verdict == "clear":
        sentence = f"Later cohorts bought as earlier ones did in their first {span}: {change}."
    else:
        sentence = (
            f"In their first {span} later cohorts bought {change} against earlier ones, but the models give all the "
            "same prospects: customers have changed, or the time of the year did it."
        )
    table = holdout_by_quantile(rfm.T[old_enough], bought[old_enough], bins=6)
    evidence = {"age_from": table["low"], "age_to": table["high"], "customers": table["customers"]}
    evidence |= {"purchases": table["actual"], "standard_error": table["standard_error"]}
    return Suspicion(COHORTS, estimate, low, high, sampling.level, 1.0, verdict, sentence, evidence)


def origin_drift(scorecard: Scorecard, model: str, quantity: str = "purchases") -> Suspicion:
    """Whether the total a model forecasts goes wrong more and more from origin to origin.

    At each origin ``actual / expected`` of the total; the estimate is the last over the first. Holdouts overlap and
    the origins share customers, so their errors are not independent, and nobody knows how they are related.
    The interval therefore takes the worst case: on the log scale the two predictive standard deviations are
    added, not their squares. It is at least as wide as it says.

    Parameters
    ----------
    scorecard
        Of a backtest with two origins or more; the longest horizon is read.
    model
        A forecaster in it that gives a distribution.
    quantity
        As in the scorecard.

    Returns
    -------
    Suspicion
        Estimate the ratio of ratios, neutral at 1. Evidence by origin: origin, actual, expected, ratio, low and
        high (of the 90 % predictive interval), covered.

    Raises
    ------
    ArgumentError
        If the scorecard has no such model or quantity.
    """
    name = f"{ORIGINS}: {model}"
    worst = Sampling(0.9)
    totals = scorecard.at().totals
    chosen = totals[(totals["model"] == model) & (totals["quantity"] == quantity)].sort_values("origin")
    if not len(chosen):
        raise ArgumentError(
            f"there is no total of {quantity} by {model!r}; there are {sorted(set(totals['model']))}"
        )
    actual, mean, low, high = (
        chosen[column].to_numpy(dtype=float) for column in ("actual", "mean", "q05", "q95")
    )
    usable = np.isfinite(low) & (low < high) & (actual > 0) & (mean > 0)
    if usable.sum() < 2:
        reason = f"{int(usable.sum())} origins have a total with an interval; 2 are needed"
        return not_run(name, reason, worst, 1.0)
    ratio, error = (actual / mean)[usable], ((high - low) / (2 * NORMAL_90 * mean))[usable]
    shift = math.log(ratio[-1] / ratio[0])
    reach = NORMAL_90 * (error[0] + error[-1])
    bounds = math.exp(shift - reach), math.exp(shift + reach)
    verdict = judge(*bounds, 1.0, HARMLESS)
    covered = (low <= actual) & (actual <= high)
    said = _drift_said(verdict, ratio, shift, bounds)
    outside = int((~covered[usable]).sum())
    sentence = f"{said} {outside} of {int(usable.sum())} totals lie outside their own 90 % interval."
    origins = np.array([str(origin) for origin in chosen["origin"]])
    evidence = {"origin": origins, "actual": actual, "expected": mean}
    evidence |= {
        "ratio": actual / np.where(mean > 0, mean, np.nan),
        "low": low,
        "high": high,
        "covered": covered,
    }
    return Suspicion(name, math.exp(shift), *bounds, 0.9, 1.0, verdict, sentence, evidence)


def _drift_said(verdict: str, ratio: np.ndarray, shift: float, bounds: tuple[float, float]) -> str:
    change = f"{100 * math.expm1(shift):+.0f} % [{100 * (bounds[0] - 1):+.0f}, {100 * (bounds[1] - 1):+.0f}]"
    numbers = (
        f"actual over expected went from {ratio[0]:.2f} to {ratio[-1]:.2f}, a change of {change} (90 %, worst case of "
        "dependent origins)"
    )
    if verdict == "clear":
        return f"The forecast of the total holds from origin to origin: {numbers}."
    return f"The forecast of the total moves away from what happens: {numbers}. The shop is changing."
