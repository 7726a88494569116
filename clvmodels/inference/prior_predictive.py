"""What the priors take for possible: whole customer bases simulated from them, beside the data.

If the data lie outside of what a prior can produce, the prior is wrong; if it produces bases of a kind that
nobody has seen, it is too wide to help. Neither needs a fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import DataError, whole_number
from clvmodels.inference.objective import measure_scales
from clvmodels.inference.priors import Priors, build_prior
from clvmodels.models import get_purchase_model, get_spend_model
from clvmodels.prediction import check_seed
from clvmodels.rfm import RFM, check_rfm

PURCHASE_STATISTICS = (
    "repeat purchases per customer",
    "share of customers without repeat purchase",
    "last purchase over age, of repeat customers",
    "share of purchases made by the top tenth",
)
SPEND_STATISTICS = (
    "mean spend per purchase",
    "median of customers' mean spend",
    "coefficient of variation of customers' mean spend",
    "share of spend of the top tenth",
)


@dataclass(frozen=True, eq=False)
class PriorPredictive:
    """Summaries of customer bases simulated from the prior, and of the data.

    Attributes
    ----------
    title
        The model.
    names
        (K,) statistics.
    draws
        (S, K) statistics of the simulated bases; NaN where one has no value (no repeat customer).
    observed
        (K,) statistics of the data.
    theta
        (S, P) the parameters, in the units of the data.
    """

    title: str
    names: tuple[str, ...]
    draws: np.ndarray
    observed: np.ndarray
    theta: np.ndarray


def prior_predictive(
    model: str | PurchaseModel,
    rfm: RFM,
    *,
    priors: Priors | None = None,
    draws: int = 200,
    customers: int = 500,
    seed: int = 0,
) -> PriorPredictive:
    """Purchases of customers of the data's ages under parameters drawn from the prior.

    Parameters
    ----------
    model
        Purchase model by name or instance.
    rfm
        The data: ages are taken from it, and its statistics stand beside the simulated ones.
    priors
        As in `fit`; None is the weak default.
    draws
        Simulated bases, at least 1.
    customers
        Most customers in a base; their ages are even quantiles of the data's ages.
    seed
        Of everything that is drawn.

    Returns
    -------
    PriorPredictive
        Free of the order of customers.

    Raises
    ------
    ArgumentError
        If the model does not exist, the priors do not fit it, or draws or customers are below 1.

    Examples
    --------
    >>> rfm = RFM.from_arrays(
    ...     frequency=[2, 1, 0, 4], recency=[30, 2, 0, 36], T=[39, 38, 37, 39], time_unit="W"
    ... )
    >>> predictive = prior_predictive("bg_nbd", rfm, draws=50, seed=1)
    >>> predictive.draws.shape, predictive.names[0], float(predictive.observed[0])
    ((50, 4), 'repeat purchases per customer', 1.75)
    """
    chosen = get_purchase_model(model)
    theta, rng = _draw_theta(chosen, rfm, priors, draws, customers, seed)
    ages = _even_quantiles(rfm.T, rfm.weights, customers)
    simulated = []
    for parameters in theta:
        row, time = chosen.simulate(parameters, ages, rng)
        recency = np.zeros(len(ages))
        recency[row] = time
        counts = np.bincount(row, minlength=len(ages)).astype(float)
        simulated.append(_purchase_statistics(counts, recency, ages, np.ones(len(ages))))
    observed = _purchase_statistics(rfm.frequency, rfm.recency, rfm.T, rfm.weights)
    return PriorPredictive(chosen.title, PURCHASE_STATISTICS, np.array(simulated), observed, theta)


def prior_predictive_spend(
    model: str | SpendModel,
    rfm: RFM,
    *,
    priors: Priors | None = None,
    draws: int = 200,
    customers: int = 500,
    seed: int = 0,
) -> PriorPredictive:
    """Spend of customers with the data's numbers of purchases under parameters drawn from the prior.

    Parameters and results as in `prior_predictive`, with a spend model.

    Raises
    ------
    DataError
        If no customer's spend informs the model.

    Examples
    --------
    >>> rfm = RFM.from_arrays(
    ...     frequency=[2, 4], recency=[30, 36], T=[39, 39], monetary_value=[10.0, 30.0], time_unit="W"
    ... )
    >>> predictive = prior_predictive_spend("gamma_gamma", rfm, draws=50, seed=1)
    >>> round(float(predictive.observed[0]), 2)
    23.33
    """
    chosen = get_spend_model(model)
    check_rfm(rfm)
    rfm.columns(chosen.needs)
    told = rfm.take(chosen.informs(rfm))
    if not len(told) or told.spend_count is None or told.monetary_value is None:
        raise DataError("no customer's spend informs the model", column="monetary_value")
    theta, rng = _draw_theta(chosen, rfm, priors, draws, customers, seed)
    counts = np.round(_even_quantiles(told.spend_count, told.weights, customers)).astype(int)
    row = np.repeat(np.arange(len(counts)), counts)
    unknown = rfm.newcomers(len(counts))
    simulated = []
    for parameters in theta:
        total = np.bincount(row, chosen.sample_spend(parameters, unknown, row, rng), minlength=len(counts))
        simulated.append(_spend_statistics(counts.astype(float), total / counts, np.ones(len(counts))))
    observed = _spend_statistics(told.spend_count, told.monetary_value, told.weights)
    return PriorPredictive(chosen.title, SPEND_STATISTICS, np.array(simulated), observed, theta)


def _draw_theta(
    model: PurchaseModel | SpendModel, rfm: RFM, priors: Priors | None, draws: int, customers: int, seed: int
) -> tuple[np.ndarray, np.random.Generator]:
    """(S, P) parameters from the prior, and the stream that follows."""
    whole_number("draws", draws, least=1)
    whole_number("customers", customers, least=1)
    check_seed(seed)
    rng = np.random.default_rng(seed)
    unit = measure_scales(rfm).of(model)
    prior = build_prior(model, priors, unit, rfm.time_unit)
    return np.exp(prior.sample(draws, rng)).T * unit, rng


def _even_quantiles(values: np.ndarray, weights: np.ndarray, most: int) -> np.ndarray:
    """At most `most` values at even quantiles of the weighted ones: all of them where they are few."""
    count = min(most, max(1, round(float(weights.sum()))))
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    place = np.searchsorted(reached, (np.arange(count) + 0.5) / count).clip(max=len(values) - 1)
    return values[order][place]


def _purchase_statistics(
    frequency: np.ndarray, recency: np.ndarray, age: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    again = frequency > 0
    late = np.nan
    if again.any():
        late = np.average(recency[again] / age[again], weights=weights[again])
    return np.array(
        [
            np.average(frequency, weights=weights),
            np.average(~again, weights=weights),
            late,
            _share_of_top_tenth(frequency, weights),
        ]
    )


def _spend_statistics(count: np.ndarray, mean: np.ndarray, weights: np.ndarray) -> np.ndarray:
    centre = np.average(mean, weights=weights)
    spread = np.sqrt(np.average((mean - centre) ** 2, weights=weights))
    return np.array(
        [
            np.average(mean, weights=weights * count),
            _even_quantiles(mean, weights, 1)[0],
            spread / centre,
            _share_of_top_tenth(count * mean, weights),
        ]
    )


def _share_of_top_tenth(amount: np.ndarray, weights: np.ndarray) -> float:
    """Share of the sum that the largest tenth of customers hold; NaN where there is nothing to share."""
    total = float(np.sum(weights * amount))
    if total <= 0:
        return float("nan")
    order = np.argsort(-amount, kind="stable")
    left = np.maximum(0.1 * weights.sum() - (np.cumsum(weights[order]) - weights[order]), 0.0)
    return float(np.sum(np.minimum(weights[order], left) * amount[order]) / total)
