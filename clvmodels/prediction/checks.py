"""What forecasts refuse, whoever makes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError, DataError, check_real, percent_hint, whole_number
from clvmodels.rfm import RFM, check_rfm


def tail_levels(level: float) -> tuple[float, float]:
    """Quantile levels that bound the central interval of a given level.

    Examples
    --------
    >>> [round(tail, 3) for tail in tail_levels(0.9)]
    [0.05, 0.95]
    """
    check_real("level", level)
    if not 0 < level < 1:
        raise ArgumentError(
            f"interval level {level!r} must lie between 0 and 1; ninety per cent is 0.9{percent_hint(level)}"
        )
    return (1 - level) / 2, (1 + level) / 2


def check_levels(levels: Any) -> tuple[float, ...]:
    """Quantile levels as a sorted tuple.

    Raises
    ------
    ArgumentError
        If one is not strictly between 0 and 1.
    """
    given = tuple(levels) if isinstance(levels, Iterable) and not isinstance(levels, str) else ()
    for level in given:
        check_real("a level of levels", level)
    if not given or not all(0 < level < 1 for level in given):
        raise ArgumentError(
            f"levels={levels!r} must be numbers strictly between 0 and 1, e.g. (0.05, 0.5, 0.95)"
        )
    return tuple(sorted(set(given)))


def as_numbers(name: str, values: Any) -> np.ndarray:
    """Numbers one by one or in a list, as floats.

    Raises
    ------
    ArgumentError
        If they are none.

    Examples
    --------
    >>> as_numbers("pace", ["fast"])
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: pace=['fast'] must be numbers
    """
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}={values!r} must be numbers") from None


def check_margin(margin: float) -> None:
    """Refuse a margin that is no share.

    Raises
    ------
    ArgumentError
        If it does not lie in (0, 1]: most often a percentage given as a number.
    """
    check_real("margin", margin)
    if not 0 < margin <= 1:
        raise ArgumentError(
            f"margin={margin!r} must be a fraction above 0 and at most 1; 35 per cent is 0.35{percent_hint(margin)}"
        )


def check_seed(seed: Any) -> None:
    """Refuse a seed that is no whole number of at least 0.

    Raises
    ------
    ArgumentError
        If it is not.
    """
    whole_number("seed", seed, least=0)


def check_single(rfm: RFM) -> None:
    """Refuse patterns that stand for several customers.

    Every customer lives a life of their own; one life counted several times would make the total look
    far less certain than it is.

    Raises
    ------
    DataError
        If a weight is not 1.
    """
    check_rfm(rfm)
    several = rfm.weights != 1
    if several.any():
        raise DataError(
            "patterns that stand for several customers can be fitted, but not forecast",
            column="weights",
            rows=int(several.sum()),
            examples=rfm.customer_id[several].tolist(),
            fix="forecast the summary of the customers themselves",
        )
