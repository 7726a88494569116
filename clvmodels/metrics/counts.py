"""Scores of counts whose predictive probabilities are known exactly, rather than by draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.metrics.door import as_columns

TAIL = 1e-6
ROUNDING = 1e-9  # a sum of thousands of probabilities may exceed 1 by this much


def log_score(probability: Any) -> np.ndarray:
    """Logarithmic score of each customer, ``-log P(Y = y)`` in nats, (n,); 0 is perfect, smaller is better.

    `probability` is what the forecast gave to the count that came: a model's exact probability, averaged over
    the draws of its parameters (the average is the predictive probability; the mean of the logarithms is not).
    Strictly proper and local: it looks at nothing but what happened, so one customer who was called impossible
    costs infinity, and that is said, not cured. Shares of draws are no exact probabilities: a count that no
    draw showed is not impossible; score draws with `crps_from_draws`.

    Parameters
    ----------
    probability
        (n,) in [0, 1].

    Returns
    -------
    (n,)
        Infinite where the probability is 0.

    Raises
    ------
    ArgumentError
        If a probability is missing or outside [0, 1].

    References
    ----------
    Good, I. J. (1952). Rational decisions. JRSS B 14. doi:10.1111/j.2517-6161.1952.tb00104.x

    Examples
    --------
    >>> log_score([1.0, 0.5, 0.0]).round(4).tolist()
    [0.0, 0.6931, inf]
    """
    (chance,) = as_columns({"probability": probability})
    if outside := int(((chance < 0) | (chance > 1 + ROUNDING)).sum()):
        raise ArgumentError(
            f"{outside:,} probabilities lie outside [0, 1]; pass the probability itself, not its logarithm"
        )
    score = np.full(len(chance), np.inf)
    np.log(np.minimum(chance, 1.0), out=score, where=chance > 0)
    return np.abs(score)  # -log 1 is 0, not -0


def rps_from_pmf(pmf: Any, actual: Any) -> np.ndarray:
    """Ranked probability score of each customer's count, ``Σ_k (F(k) - 1{y <= k})²``, (n,); 0 is perfect.

    The CRPS of a count, exact where `crps_from_draws` estimates it, in the unit of the count. Strictly proper.
    The sum runs over the counts given; what lies beyond them is left out, so they must reach every actual
    count and leave no more than a tail of 1e-6, which adds about the square of that.

    Parameters
    ----------
    pmf
        (K, n) probabilities of the counts 0..K-1, such as `purchase_pmf` gives, averaged over the draws.
    actual
        (n,) counts.

    Raises
    ------
    ArgumentError
        If shapes do not fit, a count is no whole number >= 0, probabilities are no distribution, or K is too
        small.

    References
    ----------
    Epstein, E. S. (1969). A scoring system for probability forecasts of ranked categories. Journal of Applied
    Meteorology 8. doi:10.1175/1520-0450(1969)008<0985:ASSFPF>2.0.CO;2

    Examples
    --------
    >>> rps_from_pmf([[0.5, 0.2], [0.5, 0.8]], [0, 1]).round(6).tolist()
    [0.25, 0.04]
    """
    (actual,) = as_columns({"actual": actual})
    table = np.asarray(pmf, dtype=float)
    if table.ndim != 2 or table.shape[1] != len(actual) or not len(table):
        raise ArgumentError(
            f"pmf must have the shape (counts, {len(actual)} customers), not {table.shape}; transpose it if needed"
        )
    if odd := int(((actual < 0) | (actual != np.floor(actual))).sum()):
        raise ArgumentError(f"{odd:,} actual values are no counts; money has crps_from_draws")
    cumulated = np.cumsum(table, axis=0)
    if not ((table >= 0).all() and (cumulated[-1] <= 1 + ROUNDING).all()):
        raise ArgumentError("each column of pmf must hold probabilities that add up to at most 1")
    short = (actual >= len(table)) | (cumulated[-1] < 1 - TAIL)
    if short.any():
        raise ArgumentError(
            f"pmf ends at the count {len(table) - 1}, too early for {int(short.sum()):,} customers "
            f"(actual counts up to {actual.max():.0f}, probability left over up to {1 - cumulated[-1].min():.1e}); "
            "give it more counts"
        )
    happened = actual <= np.arange(len(table))[:, None]
    return np.asarray(((cumulated - happened) ** 2).sum(axis=0))
