"""Does the time of the year move purchases? The models know the age of customers, not the calendar."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from clvmodels.contracts import FittedForecaster
from clvmodels.criticism.suspicion import USUAL, Sampling, Suspicion, check_events, judge, not_run
from clvmodels.forecast import CLVModel
from clvmodels.rfm import RFM
from clvmodels.season import MONTHS_OF_YEAR, full_months
from clvmodels.transactions import PurchaseEvents

NAME = "seasonality"
FEWEST_MONTHS = 12
FEWEST_PURCHASES = 200
HARMLESS = (0.0, 10.0)
LEAST_EXPECTED = 1e-9
ROUNDING = 1e-6  # a purchase of a month's last day ends where the month does
NEWTON_STEPS = 25


def seasonality(
    rfm: RFM, events: PurchaseEvents, fitted: FittedForecaster | None = None, sampling: Sampling = USUAL
) -> Suspicion:
    """Repeat purchases per calendar month against what the customers' ages lead to expect.

    The monthly totals are compared with ``Σ_i E[X(age at the month's end)] - E[X(age at its start)]`` under the
    model's curve. Their ratio is taken apart by Poisson regression into a smooth trend (a parabola on the log
    scale), which is the model's or the shop's, and two yearly waves, which are the season:

        log(total_m / expected_m) = trend_m + Σ_{h=1,2} a_h cos(2π h u_m) + b_h sin(2π h u_m),

    with u the month's middle as a part of the year. The estimate is the root mean square of the waves over a
    year, in per cent. The interval holds every size whose waves lie within the bootstrap's distance from those
    found, so at 90 % a shop without seasons is called so about nine times in ten.

    Parameters
    ----------
    rfm
        The customers, with a calendar.
    events
        Their purchases up to the end of observation: ``calibration_holdout(...)[1].before``.
    fitted
        Whose curve is expected. Without one, or if it has none, Pareto/NBD is fitted to the summary.
    sampling
        Level, seed and resamples of the interval.

    Returns
    -------
    Suspicion
        Estimate in per cent, neutral at 0. Evidence per month: month, actual, expected (trend included),
        season (per cent).

    Raises
    ------
    DataError
        If the events do not belong to the summary.
    """
    check_events(rfm, events)
    if rfm.observed_until is None:
        return not_run(NAME, "the summary has no calendar; give it observation_end", sampling, 0.0)
    starts, edges = full_months(rfm, rfm.observed_until)
    if len(starts) < FEWEST_MONTHS:
        reason = (
            f"there are {len(starts)} full months; {FEWEST_MONTHS} are needed to see every month of a year"
        )
        return not_run(NAME, reason, sampling, 0.0)
    expected = _expected(rfm, fitted, edges)
    if expected is None:
        return not_run(NAME, "Pareto/NBD could not be fitted, so nothing says what to expect", sampling, 0.0)
    table, age = expected
    month = np.searchsorted(edges, events.time - ROUNDING) - 1
    kept = (events.purchases > 0) & ~events.is_first & (month >= 0) & (month < len(starts))
    who, month = events.customer[kept], month[kept]
    if len(month) < FEWEST_PURCHASES:
        reason = f"there are {len(month):,} repeat purchases in full months; {FEWEST_PURCHASES} are needed"
        return not_run(NAME, reason, sampling, 0.0)
    count = len(starts)
    actual = np.bincount(month, minlength=count).astype(float)
    total = np.bincount(age) @ table
    columns = [np.bincount(who[month == m], minlength=len(rfm)) for m in range(count)]
    sums = sampling.sums(rfm, [*columns, *(table[age, m] for m in range(count))])
    return _found(starts, actual, total, sums, sampling)


def _expected(
    rfm: RFM, fitted: FittedForecaster | None, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Purchases expected per month by age of customer, (ages, months), and each customer's row (n,)."""
    held, row = np.unique(rfm.T, return_inverse=True)
    ages = np.maximum(held[:, None] + edges, 0.0)
    curve = None if fitted is None else fitted.expected_history(ages.ravel())
    if curve is None:
        own = CLVModel("pareto_nbd", None, "mle").fit(rfm)
        if not own.usable:
            return None
        curve = own.expected_history(ages.ravel())
    return np.diff(curve.reshape(ages.shape), axis=1), row


def _found(
    starts: list[datetime], actual: np.ndarray, total: np.ndarray, sums: np.ndarray, sampling: Sampling
) -> Suspicion:
    count = len(starts)
    design, waves = _design(starts)
    beta = _poisson_fit(design, actual[None], total[None])[0]
    resampled = _poisson_fit(design, sums[:, :count], sums[:, count:])
    size = 100 * _size(beta[-4:])
    reach = float(np.quantile(100 * _size(resampled[:, -4:] - beta[-4:]), sampling.level))
    low, high = max(0.0, float(size) - reach), float(size) + reach
    season = 100 * np.expm1(waves @ beta[-4:])
    verdict = judge(low, high, 0.0, HARMLESS)
    return Suspicion(
        name=NAME,
        estimate=float(size),
        low=low,
        high=high,
        level=sampling.level,
        neutral=0.0,
        verdict=verdict,
        sentence=_sentence(verdict, float(size), (low, high), starts, season, sampling),
        evidence={
            "month": np.array(starts, dtype="datetime64[M]"),
            "actual": actual,
            "expected": total * np.exp(design[:, :-4] @ beta[:-4]),
            "season": season,
        },
    )


def _design(starts: list[datetime]) -> tuple[np.ndarray, np.ndarray]:
    """Trend and waves (months, P), and the waves alone (months, 4), centred over a year."""
    count = len(starts)
    middle = 2 * np.pi * (np.array([start.month for start in starts]) - 0.5) / 12
    waves = np.stack([f(h * middle) for h in (1, 2) for f in (np.cos, np.sin)], axis=1)
    step = np.linspace(-1, 1, count)
    return np.column_stack([np.ones(count), step, step**2, waves]), waves


def _size(waves: np.ndarray) -> np.ndarray:
    """Root mean square over a year of waves with the coefficients (..., 4)."""
    return np.sqrt((waves**2).sum(axis=-1) / 2)


def _poisson_fit(design: np.ndarray, counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Coefficients (R, P) of R log-linear Poisson regressions with an offset, by Newton's method."""
    expected = np.maximum(expected, LEAST_EXPECTED)
    beta = np.zeros((len(counts), design.shape[1]))
    beta[:, 0] = np.log(counts.sum(axis=1) / expected.sum(axis=1))
    for _ in range(NEWTON_STEPS):
        mean = expected * np.exp(beta @ design.T)
        slope = (counts - mean) @ design
        curvature = np.einsum("rm,mp,mq->rpq", mean, design, design)
        step = np.linalg.solve(curvature, slope[..., None])[..., 0]
        beta += step * np.minimum(1, 2 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
        if np.abs(step).max() < 1e-10:
            break
    return beta


def _sentence(
    verdict: str,
    size: float,
    interval: tuple[float, float],
    starts: list[datetime],
    season: np.ndarray,
    sampling: Sampling,
) -> str:
    numbers = f"{size:.0f} % [{interval[0]:.0f}, {interval[1]:.0f}] up or down ({sampling.kind})"
    once = "" if len(starts) >= 24 else " Most months were seen once, so it may be a single event."
    if verdict == "clear":
        return f"No season stands out from the noise of customers: {numbers}."
    peak, trough = (starts[int(pick(season))].month - 1 for pick in (np.argmax, np.argmin))
    return (
        f"Purchases follow the calendar, {numbers}, highest around {MONTHS_OF_YEAR[peak]} ({season.max():+.0f} %) and "
        f"lowest around {MONTHS_OF_YEAR[trough]} ({season.min():+.0f} %): a forecast of part of a year is off by "
        f"as much.{once}"
    )
