"""The rules that the columns of a summary obey, checked once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from clvmodels.errors import DataError

CLOCK_FIELDS = ("frequency", "recency", "T")
SPEND_FIELDS = ("spend_count", "monetary_value")


def as_columns(
    frequency: Any, recency: Any, age: Any, weights: Any, monetary_value: Any, spend_count: Any
) -> dict[str, np.ndarray]:
    """The given columns by name; weights default to ones and `spend_count` to the frequency."""
    columns = {"frequency": frequency, "recency": recency, "T": age}
    columns["weights"] = np.ones(np.shape(frequency)) if weights is None else weights
    if monetary_value is not None:
        columns["spend_count"] = frequency if spend_count is None else spend_count
        columns["monetary_value"] = monetary_value
    elif spend_count is not None:
        raise DataError("spend_count is given without monetary_value", fix="give both or neither")
    return {name: as_column(name, values) for name, values in columns.items()}


def as_column(name: str, values: Any) -> np.ndarray:
    """A copy of the values as one column of floats."""
    try:
        column = np.asarray(values)
        if column.dtype.kind in "mM":  # NumPy would count nanoseconds
            raise TypeError
        if isinstance(values, np.ma.MaskedArray):
            column = np.ma.filled(values.astype(float), np.nan)
        column = np.array(column, dtype=float) + 0.0  # -0.0 becomes 0.0, or equal customers would hash apart
    except (TypeError, ValueError):
        raise DataError(
            "values must be numbers", column=name, fix="convert the column to a numeric type"
        ) from None
    if column.ndim != 1:
        raise DataError(f"values must form one column, not an array of shape {column.shape}", column=name)
    return column


def as_ids(values: Any) -> np.ndarray:
    """A copy of the ids as they came."""
    ids = np.asarray(values)
    if ids.dtype.kind in "US":  # from the values again: numpy has turned numbers among texts into texts
        ids = np.asarray(values, dtype=object)
    if ids.ndim != 1:
        raise DataError(
            f"values must form one column, not an array of shape {ids.shape}", column="customer_id"
        )
    return ids.copy()


def id_text(identity: object) -> str:
    """The text by which a customer is known, whatever type the id came in.

    A whole number that became a float, as pandas makes it where another id is missing, is still that
    number; every other id is what `str` says.

    Examples
    --------
    >>> id_text(7), id_text(7.0), id_text("7"), id_text("007"), id_text(7.5)
    ('7', '7', '7', '007', '7.5')
    """
    if isinstance(identity, (float, np.floating)) and identity.is_integer():
        return str(int(identity))
    return str(identity)


def check_alike(*columns: Any) -> None:
    """Refuse pandas Series whose labels differ: they are read in the order of their rows."""
    labels = [getattr(column, "index", None) for column in columns]
    indexes = [
        index for index in labels if index is not None and not callable(index)
    ]  # a list has a method of it
    if any(len(index) > 1 and not index.equals(indexes[0]) for index in indexes):
        raise DataError(
            "columns are Series with different indexes", fix="align them, or pass them with .to_numpy()"
        )


def check_lengths(columns: Mapping[str, np.ndarray]) -> None:
    """Refuse columns of different lengths, or without a row."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"columns differ in length: {lengths}", fix="give one value per customer in each")
    if not next(iter(lengths.values())):
        raise DataError("there is no customer", fix="check the filters before the summary")


def check_rules(ids: np.ndarray, columns: Mapping[str, np.ndarray], extra: Mapping[str, np.ndarray]) -> None:
    """Refuse columns that break a rule of `RFM`, with the first ids that do."""
    for name, column in {**columns, **extra}.items():
        _refuse(
            ids,
            name,
            ~np.isfinite(column),
            "values must be finite",
            "find the rows with missing or infinite values",
        )
    for name, column in columns.items():
        _refuse(
            ids, name, column < 0, "values must not be negative", "check the dates and the refunds in the log"
        )
    _refuse_repeated(ids)
    x, t_x, age = (columns[name] for name in CLOCK_FIELDS)
    _refuse(
        ids, "frequency", x != np.floor(x), "values must be whole numbers", "count distinct purchase periods"
    )
    _refuse(
        ids,
        "recency",
        t_x > age,
        "recency must not exceed T",
        "both are ages in the same unit; recency is not time since the last purchase",
    )
    _refuse(
        ids,
        "recency",
        (x == 0) & (t_x > 0),
        "recency must be 0 where frequency is 0",
        "frequency leaves out the first purchase",
    )
    _refuse(ids, "weights", columns["weights"] == 0, "weights must be above 0", "leave those rows out")


def _refuse_repeated(ids: np.ndarray) -> None:
    """Ids must differ, and so must their texts, because a customer's random stream is keyed by the text."""
    fix = "merge rows of a customer with rfm_summary"
    if ids.dtype != object:  # numbers of one dtype that differ have different texts
        _, place, counts = np.unique(ids, return_inverse=True, return_counts=True)
        _refuse(ids, "customer_id", counts[place] > 1, "ids must be unique", fix)
        return
    identities = ids.tolist()
    _refuse(ids, "customer_id", _repeated(identities), "ids must be unique", fix)
    if {type(identity) for identity in identities} != {str}:
        repeated = _repeated([id_text(identity) for identity in identities])
        rule = "ids must be unique as texts, because 7, 7.0 and '7' are one customer"
        _refuse(ids, "customer_id", repeated, rule, "give all ids one type, and " + fix)


def _repeated(identities: list[Any]) -> np.ndarray:
    try:
        counts = Counter(identities)
    except TypeError:
        kinds = sorted({type(identity).__name__ for identity in identities})
        raise DataError(
            f"ids must be single values, not {' or '.join(kinds)}",
            column="customer_id",
            fix="give each customer a number or a text",
        ) from None
    if len(counts) == len(identities):
        return np.zeros(len(identities), dtype=bool)
    return np.array([counts[identity] > 1 for identity in identities])


def _refuse(ids: np.ndarray, column: str, broken: np.ndarray, rule: str, fix: str) -> None:
    if broken.any():
        raise DataError(rule, column=column, rows=int(broken.sum()), examples=ids[broken].tolist(), fix=fix)
