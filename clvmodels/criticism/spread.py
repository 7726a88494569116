"""Do amounts vary as Gamma-Gamma takes them to: alike for all customers, and as their means suggest?"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from clvmodels.criticism.suspicion import USUAL, Sampling, Suspicion, judge, not_run
from clvmodels.errors import DataError, FitStatus
from clvmodels.inference import fit
from clvmodels.prediction import check_single
from clvmodels.rfm import RFM
from clvmodels.special.gammas import digamma_rise

SPREAD, SHAPE = "over-dispersed spend", "spend shape"
FEWEST_CUSTOMERS = 50
MOST_PURCHASES = 30  # more are rare, and say no more than these
HARMLESS_SPREAD = (0.6, 1.6)
HARMLESS_SHAPE = (2 / 3, 1.5)
NEWTON_STEPS = 30
LEAST_SPREAD = 1e-9
POOL, MOST_DRAWN = 2000, 200
LEAST_AMOUNT = 1e-300  # a gamma variate of tiny shape underflows


def spend_spread(rfm: RFM, sampling: Sampling = USUAL) -> Suspicion:
    """Whether amounts vary alike for all customers: Gamma-Gamma gives all of them one coefficient of variation.

    For a customer with n amounts above 0, ``D = log(mean amount) - mean(log amount)`` does not know the customer's
    level. If amounts are gamma with the shape p (coefficient of variation 1/√p) whoever buys, then

        E D = ψ(np) - log n - ψ(p),   Var D = ψ'(p)/n - ψ'(np).

    p is found from the sum of D, and the estimate is ``Σ (D - E D)² / Σ Var D``: 1 under Gamma-Gamma, above 1
    where some customers pay the same each time and others vary, or where single amounts stand out.

    Parameters
    ----------
    rfm
        The customers, with ``spend_log_sum``, ``spend_positive_count`` and ``spend_first`` as `rfm_summary` makes.
    sampling
        Level, seed and resamples of the interval. It is the wider of two: over resampled customers, which is too
        narrow for some hundreds of them because a few D carry most of it, and by worlds in which amounts are
        gamma with the p found.

    Returns
    -------
    Suspicion
        Estimate the dispersion, neutral at 1. Evidence by purchases: purchases, customers, mean_d, expected_d,
        variance_d, expected_variance.

    Raises
    ------
    DataError
        If a row of the summary stands for several customers.
    """
    problem, held, whole, sums = _resampled_gaps(rfm, sampling)
    if problem is not None:
        return not_run(SPREAD, problem, sampling, 1.0)
    estimate, p = float(_dispersion(held, whole)[0]), _shape(held, whole)
    low, high = sampling.interval(_dispersion(held, sums))
    least, most = sampling.interval(_dispersion(held, _simulated_gaps(held, whole, p, sampling)))
    low, high = min(low, estimate / most), max(high, estimate / least)
    verdict = judge(low, high, 1.0, HARMLESS_SPREAD)
    mean, variance = _expected_gap(held, p)
    customers, total, squares = whole[:, 0]
    return Suspicion(
        name=SPREAD,
        estimate=estimate,
        low=low,
        high=high,
        level=sampling.level,
        neutral=1.0,
        verdict=verdict,
        sentence=_spread_sentence(verdict, estimate, (low, high), float(p[0]), sampling),
        evidence={
            "purchases": held,
            "customers": customers,
            "mean_d": total / customers,
            "expected_d": mean[0],
            "variance_d": np.maximum(squares / customers - (total / customers) ** 2, 0),
            "expected_variance": variance[0],
        },
    )


def spend_shape(rfm: RFM, sampling: Sampling = USUAL) -> Suspicion:
    """Whether Gamma-Gamma reads the spread of a customer's amounts rightly off the customers' means.

    The fit sees means only, and infers the shape p of single amounts from how means of many purchases differ less
    than means of few. The amounts themselves tell p directly (see `spend_spread`). The estimate is the p of the
    amounts over the p of the means: above 1, a customer's own mean deserves more trust than the model gives it;
    below 1, less. It is off where customers' levels drift, or differ in a way the model does not know.

    Parameters
    ----------
    rfm
        The customers, with ``spend_log_sum``, ``spend_positive_count`` and ``spend_first`` as `rfm_summary` makes.
    sampling
        Level, seed and resamples of the interval. The p of the means varies by its posterior (Laplace), that of the
        amounts by resampled customers.

    Returns
    -------
    Suspicion
        Estimate the ratio, neutral at 1. Evidence: source (amounts, means), p, coefficient_of_variation.

    Raises
    ------
    DataError
        If a row of the summary stands for several customers.
    """
    problem, held, whole, sums = _resampled_gaps(rfm, sampling)
    if problem is not None:
        return not_run(SHAPE, problem, sampling, 1.0)
    posterior = fit("gamma_gamma", rfm, draws=sampling.resamples, seed=sampling.seed)
    if posterior.status is not FitStatus.CONVERGED:
        reason = f"Gamma-Gamma could not be fitted well ({posterior.status.value.split(':')[0]})"
        return not_run(SHAPE, reason, sampling, 1.0)
    of_amounts, of_means = float(_shape(held, whole)[0]), float(posterior.params["p"])
    low, high = sampling.interval(_shape(held, sums) / posterior.draws[:, 0])
    estimate, verdict = of_amounts / of_means, judge(low, high, 1.0, HARMLESS_SHAPE)
    numbers = (
        f"shape {of_amounts:.2g} from amounts, {of_means:.2g} from means, ratio {estimate:.2f} "
        f"[{low:.2f}, {high:.2f}] ({100 * sampling.level:.4g} % interval, bootstrap and posterior)"
    )
    if verdict == "clear":
        sentence = f"Amounts vary within customers as Gamma-Gamma reads off their means: {numbers}."
    else:
        much, what = ("little", "less") if estimate > 1 else ("much", "more")
        sentence = (
            f"Single amounts of a customer vary {what} than Gamma-Gamma reads off the means, {numbers}: it trusts a "
            f"customer's own mean too {much}. Gamma-Gamma on transactions reads the amounts themselves."
        )
    p = np.array([of_amounts, of_means])
    evidence = {"source": np.array(["amounts", "means"]), "p": p, "coefficient_of_variation": 1 / np.sqrt(p)}
    return Suspicion(SHAPE, estimate, low, high, sampling.level, 1.0, verdict, sentence, evidence)


def _resampled_gaps(rfm: RFM, sampling: Sampling) -> tuple[str | None, np.ndarray, np.ndarray, np.ndarray]:
    """What stands in the way, or numbers of purchases (U,) and their sums, (3, 1, U) and resampled (3, R, U)."""
    check_single(rfm)
    nothing = np.zeros(0), np.zeros((3, 0, 0)), np.zeros((3, 0, 0))
    try:
        count, gap = _log_gaps(rfm)
    except DataError:
        return (
            "the summary has no logarithms of amounts; make it with rfm_summary and a spend column",
            *nothing,
        )
    known = count > 1
    if (problem := _too_few(known, gap)) is not None:
        return problem, *nothing
    held = np.unique(count[known])
    powers = known.astype(float), gap, gap * gap
    parts = [[np.where(count == n, power, 0.0) for n in held] for power in powers]
    whole = np.array([[math.fsum(part.tolist()) for part in row] for row in parts])
    sums = sampling.sums(rfm, (part for row in parts for part in row))
    return None, held, whole[:, None, :], np.moveaxis(sums.reshape(len(sums), 3, len(held)), 1, 0)


def _log_gaps(rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
    """Purchases and D of each customer; 0 purchases where an amount is 0 or there are very many."""
    names = ("spend_count", "monetary_value", "spend_log_sum", "spend_positive_count", "spend_first")
    count, mean, logs, positive, first = rfm.columns(names)
    apart = (count <= rfm.frequency) & (first > 0)  # the sums hold the first purchase, the mean does not
    logs, positive = logs - np.log(np.where(apart, first, 1.0)), positive - apart
    usable = (count > 0) & (positive == count) & (count <= MOST_PURCHASES) & (mean > 0)
    gap = np.zeros(len(rfm))
    gap[usable] = np.log(mean[usable]) - logs[usable] / count[usable]
    return np.where(usable, count, 0.0), np.maximum(gap, 0.0)


def _too_few(known: np.ndarray, gap: np.ndarray) -> str | None:
    if known.sum() < FEWEST_CUSTOMERS:
        return f"customers with two amounts above 0: {int(known.sum()):,}; {FEWEST_CUSTOMERS} are needed"
    if gap[known].mean() < LEAST_SPREAD:
        return "every customer pays the same each time, so there is no spread to compare"
    return None


def _expected_gap(count: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of D, (R, U), for numbers of purchases (U,) and shapes (R,)."""
    shape = p[:, None]
    mean = digamma_rise(shape, (count - 1) * shape) - np.log(count)
    variance = special.polygamma(1, shape) / count - special.polygamma(1, count * shape)
    return np.asarray(mean), np.asarray(variance)


def _shape(count: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The shape p (R,) at which the sum of D is what is expected, by Newton's method in log p.

    `sums` (3, R, U) are customers, sums of D and sums of D² by number of purchases.
    """
    customers, gaps, _ = sums
    target = np.maximum(gaps.sum(axis=1), LEAST_SPREAD)
    p = (customers * (count - 1) / (2 * count)).sum(axis=1) / target  # D is about (n - 1) / (2 n p)
    for _ in range(NEWTON_STEPS):
        mean, _ = _expected_gap(count, p)
        slope = count * special.polygamma(1, count * p[:, None]) - special.polygamma(1, p[:, None])
        # D falls almost like 1/p, so its logarithm is almost straight in log p
        value = (customers * mean).sum(axis=1)
        step = np.log(value / target) / (-p * (customers * slope).sum(axis=1) / value)
        p = p * np.exp(np.clip(step, -2, 2))
        if np.abs(step).max() < 1e-12:
            break
    return np.asarray(p)


def _simulated_gaps(held: np.ndarray, whole: np.ndarray, p: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Customers and sums of D and D², (3, R, U), of worlds with as many customers whose amounts are gamma(p)."""
    rng = np.random.default_rng([sampling.seed, 3])
    sums = np.empty((3, sampling.resamples, len(held)))
    for place, (n, customers) in enumerate(zip(held.astype(int), whole[0, 0], strict=True)):
        amounts = np.maximum(rng.standard_gamma(p[0], (POOL, n)), LEAST_AMOUNT)
        gap = np.log(amounts.mean(axis=1)) - np.log(amounts).mean(axis=1)
        pool = np.stack([np.ones(POOL), gap, gap * gap])
        drawn = min(int(customers), MOST_DRAWN)
        few = pool[:, rng.integers(POOL, size=(sampling.resamples, drawn))].sum(axis=2)
        mean = pool.mean(axis=1)[:, None]  # beyond MOST_DRAWN customers, their sum is normal but for its size
        sums[:, :, place] = customers * mean + (few - drawn * mean) * np.sqrt(customers / drawn)
    return sums


def _dispersion(count: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """``Σ (D - E D)² / Σ Var D`` at the fitted shape, (R,)."""
    customers, gaps, squares = sums
    mean, variance = _expected_gap(count, _shape(count, sums))
    found = squares - 2 * mean * gaps + customers * mean**2
    return np.asarray(found.sum(axis=1) / (customers * variance).sum(axis=1))


def _spread_sentence(
    verdict: str, estimate: float, interval: tuple[float, float], p: float, sampling: Sampling
) -> str:
    numbers = f"dispersion {estimate:.2f} [{interval[0]:.2f}, {interval[1]:.2f}] ({sampling.kind} or wider; 1 is alike)"
    typical = f"a customer's amounts vary by {100 / np.sqrt(p):.0f} % around their mean"
    if verdict == "clear":
        return f"Amounts vary alike for all customers, as Gamma-Gamma assumes: {typical}; {numbers}."
    if estimate > 1:
        return (
            f"Amounts vary more for some customers than for others, {numbers}: on average {typical}, but "
            "Gamma-Gamma trusts the mean of all customers equally, and intervals of their value are off."
        )
    return (
        f"Amounts vary more alike than Gamma-Gamma expects, {numbers}: {typical}; its spread of a customer's "
        "amounts has the wrong form."
    )
