"""The customer bootstrap: what a sum over customers would have been with other customers of the same kind."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.prediction import check_seed

BUNDLES = 2048
FEWEST_RESAMPLES = 100


def resampled_sums(
    columns: Iterable[np.ndarray], order: np.ndarray, *, seed: int, resamples: int
) -> np.ndarray:
    """Sums of columns over customers drawn with replacement, (resamples, k).

    More than 2,048 customers are dealt into so many random bundles, and bundles are drawn: a sum then has the
    same variance and skewness in expectation, at a cost that no longer grows with the resamples. The number
    of customers drawn varies with the size of bundles, so use ratios of sums.

    Parameters
    ----------
    columns
        k columns (n,), read one at a time.
    order
        (n,) positions that bring the customers into an order that does not depend on the rows. Customers who
        tie in it must have the same values.
    seed
        The same for the same bytes; columns of one call are resampled together.
    resamples
        How often, at least 100.

    Raises
    ------
    ArgumentError
        If the seed is no whole number >= 0 or the resamples are too few.

    Examples
    --------
    >>> sums = resampled_sums([np.ones(3), np.arange(3.0)], np.arange(3), seed=1, resamples=100)
    >>> sums.shape, sums[:, 0].tolist() == [3.0] * 100
    ((100, 2), True)
    """
    check_seed(seed)
    if resamples != int(resamples) or resamples < FEWEST_RESAMPLES:
        raise ArgumentError(
            f"resamples={resamples!r} must be a whole number of at least {FEWEST_RESAMPLES}; 2000 is usual"
        )
    bundles = min(len(order), BUNDLES)
    bundle = np.arange(len(order)) % bundles
    if len(order) > bundles:
        bundle = np.random.default_rng([seed, 1]).permutation(bundle)
    sums = [np.bincount(bundle, np.asarray(column, dtype=float)[order], bundles) for column in columns]
    return np.asarray(_times_drawn(bundles, seed, int(resamples)) @ np.stack(sums, axis=1))


@lru_cache(maxsize=1)
def _times_drawn(bundles: int, seed: int, resamples: int) -> np.ndarray:
    """(resamples, bundles) how often each bundle is drawn; kept for the next comparison of the same size."""
    drawn = np.random.default_rng([seed, 2]).integers(bundles, size=(resamples, bundles), dtype=np.int32)
    drawn += np.arange(resamples, dtype=np.int32)[:, None] * bundles
    times = np.bincount(drawn.ravel(), minlength=resamples * bundles).reshape(resamples, bundles)
    times = times.astype(float)
    times.setflags(write=False)
    return times
