"""What the first order of a new customer brings."""

from __future__ import annotations

from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError, DataError
from clvmodels.forecast.simulation import customer_stream
from clvmodels.rfm import RFM

OBSERVED = "observed"


def first_orders(given: float | str, rfm: RFM, shape: tuple[int, ...], seed: int, label: str) -> np.ndarray:
    """(S, N) spend of first orders.

    Drawn from the observed ones under weights that differ from draw to draw, flat Dirichlet over the
    observations (Rubin's Bayesian bootstrap), or the number given.

    Raises
    ------
    ArgumentError
        If `given` is neither a spend of at least 0 nor ``"observed"``.
    DataError
        If the summary does not hold first orders.

    References
    ----------
    Rubin, D. B. (1981). The Bayesian bootstrap. Annals of Statistics 9. doi:10.1214/aos/1176345338

    Examples
    --------
    >>> rfm = RFM.from_arrays(
    ...     frequency=[0, 0], recency=[0, 0], T=[4, 4], statistics={"spend_first": [10, 30]}, time_unit="W"
    ... )
    >>> spend = first_orders("observed", rfm, (50, 40), 1, "search")
    >>> sorted(set(spend.ravel().tolist()))
    [10.0, 30.0]
    """
    if check_first_order(given) != OBSERVED:
        return np.full(shape, float(given))
    observed = np.sort(observed_first_orders(rfm))  # sorted: the order of customers leaves no trace
    rng = customer_stream(seed, label, "first orders")
    spend = np.empty(shape)
    for row in spend:
        reach = np.cumsum(rng.exponential(size=len(observed)))
        row[:] = observed[np.searchsorted(reach, rng.random(shape[1]) * reach[-1], side="right")]
    return spend


def observed_first_orders(rfm: RFM) -> np.ndarray:
    """(n,) spend of the first orders in a summary.

    Raises
    ------
    DataError
        If the summary does not hold them.
    """
    observed = rfm.statistics.get("spend_first")
    if observed is None:
        raise DataError(
            "the spend of the first purchase is not in the summary",
            column="spend_first",
            fix="make the summary with rfm_summary, or give first_order=<mean spend>, or 0 to leave it out",
        )
    return observed


def check_first_order(given: Any) -> float | str:
    """The spend of the first order, or the word for those observed.

    Raises
    ------
    ArgumentError
        If it is neither.
    """
    if isinstance(given, str) and given == OBSERVED:
        return OBSERVED
    if isinstance(given, bool) or not isinstance(given, int | float | np.number) or not 0 <= given < np.inf:
        raise ArgumentError(
            f"first_order={given!r} must be {OBSERVED!r} or the spend of a first order, at least 0"
        )
    return float(given)
