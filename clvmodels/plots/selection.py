"""What a figure shows: of a Scorecard one origin, one horizon, and the forecasters asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.errors import ArgumentError, DataError

if TYPE_CHECKING:
    import pandas as pd


def latest_origin(scorecard: Scorecard) -> str:
    """The most recent origin that was scored."""
    origins = scorecard.predictions["origin"]
    if origins.empty:
        raise ArgumentError("the scorecard holds no predictions: every fit failed; see scorecard.fits")
    return str(origins.max())


def models_at(scorecard: Scorecard, origin: str | None = None) -> list[str]:
    """Forecasters with predictions (at one origin, or at any), in the order of the scorecard."""
    table = scorecard.predictions
    if origin is not None:
        table = table[table["origin"] == origin]
    return [str(name) for name in table["model"].unique()]


def names_of(model: Any) -> list[str] | None:
    """The forecasters asked for; None where all are.

    Raises
    ------
    ArgumentError
        If it is neither a name nor a list of at least one.
    """
    if model is None:
        return None
    names = [model] if isinstance(model, str) else list(model) if isinstance(model, Iterable) else []
    if not names:
        raise ArgumentError(f"model={model!r} must be the name of a forecaster, or a list of at least one")
    return names


def chosen(
    table: pd.DataFrame,
    scorecard: Scorecard,
    origin: str | None,
    model: str | Sequence[str] | None,
    quantity: str | None = None,
) -> pd.DataFrame:
    """The rows of one of the scorecard's tables for one origin, some forecasters and one quantity.

    Of several horizons they are those of the longest; `Scorecard.at` chooses another.

    Raises
    ------
    ArgumentError
        If the table has no such origin, forecaster or quantity; the message lists those there are.
    """
    wanted: dict[str, list[str]] = {"origin": [latest_origin(scorecard) if origin is None else origin]}
    if (names := names_of(model)) is not None:
        wanted["model"] = names
    if quantity is not None:
        wanted["quantity"] = [quantity]
    if len(scorecard.horizons) > 1:
        wanted["horizon"] = scorecard.horizons[-1:]
    for column, values in wanted.items():
        known = table[column].unique().tolist()
        for value in values:
            if value not in known:
                raise ArgumentError(
                    f"{column} {value!r} is not in this table; it has {', '.join(map(str, known))}"
                )
        table = table[table[column].isin(values)]
    return table


def places_of(ids: np.ndarray, customers: object, where: str) -> np.ndarray:
    """Positions of chosen customers, in the order given.

    Raises
    ------
    ArgumentError
        If they are not a list of at least one id.
    DataError
        If one is not among the ids, or named twice.
    """
    wanted = list(customers) if isinstance(customers, Iterable) and not isinstance(customers, str) else []
    if not wanted:
        raise ArgumentError(f"customers={customers!r} must be a list of at least one id")
    there = {identity: i for i, identity in enumerate(ids.tolist())}
    if unknown := [identity for identity in wanted if identity not in there]:
        raise DataError(
            f"customers are not in {where}",
            column="customer_id",
            rows=len(unknown),
            examples=unknown,
            fix="check their type (1 is not '1') and that they bought before its end",
        )
    if len(set(wanted)) < len(wanted):
        raise DataError("a customer is named twice", column="customer_id", fix="name each once")
    return np.array([there[identity] for identity in wanted], dtype=int)
