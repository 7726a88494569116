"""Linear pools: which mixture of predictive distributions would have scored best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.metrics.door import as_columns, as_draws, mean_of

BLOCK_VALUES = 2**18
MOST_FORECASTERS = 10  # every subset of them is tried: 1,023
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class PoolTerms:
    """All that the CRPS of any mixture of K forecasters needs to know of n customers.

    Attributes
    ----------
    error
        (n, K) mean absolute error of each forecaster's draws, ``E|X_i - y|``.
    spread
        (n, K, K) mean distance between independent draws of two forecasters, ``E|X_i - X_j|``.
    """

    error: np.ndarray
    spread: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[PoolTerms]) -> PoolTerms:
        """The terms of several blocks of customers, or of several origins, as one."""
        if not parts:
            raise ArgumentError("there are no terms to join; give at least one block")
        return cls(
            np.concatenate([one.error for one in parts]), np.concatenate([one.spread for one in parts])
        )

    def crps(self, weights: Any) -> np.ndarray:
        """(n,) CRPS of the mixture with the weights (K,), ``Σ w_i E|X_i - y| - ½ Σ Σ w_i w_j E|X_i - X_j|``."""
        (chosen,) = as_columns({"weights": weights})
        if len(chosen) != self.error.shape[1] or (chosen < 0).any() or abs(chosen.sum() - 1) > ROUNDING:
            raise ArgumentError(
                f"weights={chosen.tolist()} must be {self.error.shape[1]} numbers >= 0 that add up to 1"
            )
        return np.asarray(self.error @ chosen - 0.5 * np.einsum("nij,i,j->n", self.spread, chosen, chosen))


def pool_terms(draws: Sequence[Any], actual: Any, estimator: Literal["fair", "qd"] = "fair") -> PoolTerms:
    """Measure the forecasters of a pool, once; any weights can be scored from the result.

    Draws of one forecaster are compared with draws of another by sorting both together, so the cost is that of
    K (K + 1) / 2 sorts per customer and the memory is a block of customers.

    Forecasters with one seed share their chance draw by draw, and so resemble each other more than independent
    draws would: a mixture would look worse than it is. "fair" leaves out the pairs of draws with the same number.

    Parameters
    ----------
    draws
        K arrays (S_k, n) of finite draws; the numbers of draws may differ, and a point forecast is one draw.
    actual
        (n,) what happened.
    estimator
        Of ``E|X - X'|``, as in `crps_from_draws`: "fair" for draws in the order in which they were drawn, "qd" where
        the rows are evenly spaced quantiles, which are the distribution themselves. A single draw has no spread.

    Raises
    ------
    ArgumentError
        If shapes do not fit, values are not finite, the estimator is unknown, or there are no or more than 10
        forecasters.

    Examples
    --------
    >>> terms = pool_terms([[[0.0], [2.0]], [[3.0]]], [1.0])
    >>> terms.error.tolist(), terms.spread.tolist()
    ([[1.0, 2.0]], [[[2.0, 2.0], [2.0, 0.0]]])
    """
    if estimator not in ("fair", "qd"):
        raise ArgumentError(f"estimator={estimator!r} is neither 'fair' nor 'qd'")
    if not 0 < len(draws) <= MOST_FORECASTERS:
        raise ArgumentError(f"{len(draws)} forecasters were given; a pool takes 1 to {MOST_FORECASTERS}")
    (actual,) = as_columns({"actual": actual})
    tables = [as_draws(table, len(actual)) for table in draws]
    parts = []
    width = max(1, BLOCK_VALUES // sum(len(table) for table in tables))
    for start in range(0, len(actual), width):
        block = slice(start, start + width)
        parts.append(
            _block_terms(
                [np.ascontiguousarray(table[:, block].T) - actual[block, None] for table in tables], estimator
            )
        )
    return PoolTerms.joined(parts)


def _block_terms(errors: list[np.ndarray], estimator: str) -> PoolTerms:
    """Terms of a block from each forecaster's errors (m, S_k)."""
    size = [error.shape[1] for error in errors]
    own = [_pair_sum(error) for error in errors]
    spread = np.zeros((len(errors[0]), len(errors), len(errors)))
    for i, count in enumerate(size):
        spread[:, i, i] = own[i] / max(count * (count - 1 if estimator == "fair" else count), 1)
    for i, j in combinations(range(len(errors)), 2):
        together = _pair_sum(np.concatenate([errors[i], errors[j]], axis=1))
        across = (together - own[i] - own[j]) / 2
        paired = min(size[i], size[j]) if estimator == "fair" and min(size[i], size[j]) > 1 else 0
        across -= np.abs(errors[i][:, :paired] - errors[j][:, :paired]).sum(axis=1)
        spread[:, i, j] = spread[:, j, i] = across / (size[i] * size[j] - paired)
    distance = np.stack([np.abs(error).mean(axis=1) for error in errors], axis=1)
    return PoolTerms(distance, spread)


def _pair_sum(values: np.ndarray) -> np.ndarray:
    """(m,) ``Σ_i Σ_j |x_i - x_j|`` of each row of (m, S)."""
    size = values.shape[1]
    order = 2.0 * np.arange(1, size + 1) - size - 1
    return np.asarray(2 * (np.sort(values, axis=1) * order).sum(axis=1))


def stacking_weights(terms: PoolTerms) -> np.ndarray:
    """Weights of the mixture with the smallest mean CRPS, (K,), at least 0 and adding up to 1.

    The mean CRPS of a mixture is quadratic in its weights, ``e'w - ½ w'Aw``, with e the mean errors and A the
    mean distances between forecasters, so its minimum on the simplex is found exactly: for each subset of the
    forecasters the stationary point solves one linear system, and the best legal one is taken. Where several
    weights are equally good, such as with forecasters that say the same, they share alike.

    Nothing pulls the weights towards equality: a few numbers are learned from many customers. But customers of
    one origin share its shocks, so weights vary more from origin to origin than the number of customers
    suggests; learn them from several origins, all of them earlier than the one they are used for.

    Parameters
    ----------
    terms
        From `pool_terms`, of customers and origins whose outcome was known.

    References
    ----------
    Yao, Y., Vehtari, A., Simpson, D. and Gelman, A. (2018). Using stacking to average Bayesian predictive
    distributions. Bayesian Analysis 13. doi:10.1214/17-BA1091
    Gneiting, T. and Ranjan, R. (2013). Combining predictive distributions. Electronic Journal of Statistics 7.
    doi:10.1214/13-EJS823

    Examples
    --------
    >>> actual = np.arange(200) % 10 / 10
    >>> right, far = np.tile([[0.2], [0.5], [0.8]], 200), np.full((1, 200), 9.0)
    >>> stacking_weights(pool_terms([right, far], actual)).tolist()
    [1.0, 0.0]
    """
    count = terms.error.shape[1]
    error = np.array([mean_of(terms.error[:, i]) for i in range(count)])
    spread = np.array([[mean_of(terms.spread[:, i, j]) for j in range(count)] for i in range(count)])
    scale = max(float(error.max()), np.finfo(float).tiny)

    def rank(weights: np.ndarray) -> tuple[float, float]:
        loss = error @ weights - 0.5 * weights @ spread @ weights
        return round(float(loss) / scale, 9), float(weights @ weights)

    return min(_candidates(error, spread), key=rank)


def _candidates(error: np.ndarray, spread: np.ndarray) -> Iterator[np.ndarray]:
    """The legal stationary point of every subset, among them each forecaster alone."""
    for size in range(1, len(error) + 1):
        for chosen in combinations(range(len(error)), size):
            some = list(chosen)
            weights = np.zeros(len(error))
            weights[some] = _stationary(error[some], spread[np.ix_(some, some)])
            if (weights >= -ROUNDING).all() and abs(weights.sum() - 1) < 1e-6:
                weights[weights < ROUNDING] = 0.0
                yield weights / weights.sum()


def _stationary(error: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Weights adding up to 1 where the quadratic is flat along the simplex; the shortest if there are many."""
    count = len(error)
    scale = max(float(np.abs(spread).max()), float(np.abs(error).max()), np.finfo(float).tiny)
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = spread / scale
    system[count, count] = 0.0
    found = np.linalg.lstsq(system, np.append(error / scale, 1.0), rcond=1e-12)[0]
    return np.asarray(found[:count])
