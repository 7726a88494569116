"""What every metric asks of its arrays, and sums that do not depend on the order of customers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError


def as_columns(named: Mapping[str, Any]) -> list[np.ndarray]:
    """Finite (n,) float arrays of one length, n >= 1, in the order given.

    Raises
    ------
    ArgumentError
        If one is not a column of finite numbers, is empty, or differs in length.
    """
    columns = []
    for name, values in named.items():
        try:
            column = np.asarray(values, dtype=float)
        except (TypeError, ValueError):
            raise ArgumentError(f"{name} must hold numbers; convert it to a numeric type") from None
        if column.ndim != 1 or not column.size:
            raise ArgumentError(
                f"{name} must hold one number per customer; it has the shape {column.shape}: "
                "pass a one-dimensional array with at least one customer"
            )
        if missing := int((~np.isfinite(column)).sum()):
            raise ArgumentError(
                f"{name} holds {missing:,} values that are not finite; leave those customers out"
            )
        columns.append(column)
    lengths = {name: len(column) for name, column in zip(named, columns, strict=True)}
    if len(set(lengths.values())) > 1:
        raise ArgumentError(
            f"arrays differ in length: {lengths}; bring them into one order of customers first"
        )
    return columns


def as_draws(draws: Any, customers: int, least: int = 1, what: str = "draws") -> np.ndarray:
    """(S, n) finite draws (or quantiles) for `customers` customers, S >= `least`; `what` names them in errors.

    Raises
    ------
    ArgumentError
        If the shape does not fit, or a draw is not finite.
    """
    table = np.asarray(draws, dtype=float)
    if table.ndim != 2 or table.shape[1] != customers:
        raise ArgumentError(
            f"{what} must have the shape ({what}, {customers} customers), not {table.shape}; transpose them if needed"
        )
    if len(table) < least:
        raise ArgumentError(
            f"{len(table)} {what} are too few, {least} are needed; judge a point forecast with crps_of_point"
        )
    if not np.isfinite(table).all():
        raise ArgumentError(f"{what} must be finite; find the customers whose forecast is not")
    return table


def as_share(name: str, value: float) -> float:
    """A number strictly between 0 and 1.

    Raises
    ------
    ArgumentError
        If it is not.
    """
    if not 0 < value < 1:
        raise ArgumentError(f"{name}={value!r} must lie strictly between 0 and 1; ten per cent is 0.1")
    return float(value)


def mean_of(values: np.ndarray) -> float:
    """Mean with one rounding, so that the order of customers leaves no trace."""
    return math.fsum(values.tolist()) / len(values)


def ratio(numerator: float, denominator: float) -> float:
    """The quotient, nan where the denominator is 0."""
    return numerator / denominator if denominator else math.nan
