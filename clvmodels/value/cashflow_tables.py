"""What the tables and arguments of this room share."""

from __future__ import annotations

from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.units import STEP_NAMES, Horizon


def period_columns(horizon: Horizon) -> dict[str, Any]:
    """Number and bounds of each period, as dates where there is a calendar."""
    edges, unit = horizon.edges, STEP_NAMES[horizon.unit]
    table: dict[str, Any] = {"period": np.arange(1, len(edges))}
    if horizon.starts is not None and horizon.ends is not None:
        table |= {"start": list(horizon.starts), "end_exclusive": list(horizon.ends)}
    return table | {f"from_{unit}": edges[:-1], f"to_{unit}": edges[1:]}


def whole_number(name: str, value: object, *, least: int) -> int:
    """The value as a whole number.

    Raises
    ------
    ArgumentError
        If it is none, or below `least`.

    Examples
    --------
    >>> whole_number("draws", 1, least=2)
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: draws=1 must be a whole number of at least 2
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ArgumentError(f"{name}={value!r} must be a whole number of at least {least}")
    return int(value)
