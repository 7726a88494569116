"""What a fit asks of customers, whether they are in memory or in an engine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from clvmodels.errors import ArgumentError

if TYPE_CHECKING:
    from clvmodels.rfm.summary import RFM


MAKE_RFM = "make one of a log with rfm_summary, of a frame of frequency, recency and T with rfm_from_frame"
COARSE = {"spend_log_sum": 2.0**10}
"""Columns whose last bits are the engine's own, because its logarithm is, and how many parts of 1 are seen of them.

Two engines differ by some 1e-15, so they would have to disagree about a billion customers before one of them fell on
the two sides of a step of 2**-10.
"""


@runtime_checkable
class Customers(Protocol):
    """A summary of customers from which patterns can be had: an `RFM`, or an `RFMTable`, which stays in its engine.

    Attributes
    ----------
    time_unit, observed_until, has_spend
        As those of `RFM`.
    names
        Of the columns there are.
    customers
        Their number.
    """

    @property
    def time_unit(self) -> str: ...
    @property
    def observed_until(self) -> datetime | None: ...
    @property
    def has_spend(self) -> bool: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def customers(self) -> float: ...

    def patterns(self, names: Sequence[str]) -> RFM:
        """Unique rows of the named columns, with the number of customers as their weights."""
        ...

    def weighted(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Values of a column, each perhaps once only, and how many customers each stands for."""
        ...

    def fingerprint(self) -> str:
        """Hash of the content, blind to ids and to row order (16 hexadecimal digits)."""
        ...


def check_customers(rfm: Any) -> None:
    """Refuse what is no summary of customers.

    Raises
    ------
    ArgumentError
        If it is none.

    Examples
    --------
    >>> check_customers([3, 2])
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: rfm is of type list, not RFM: make one of a log with rfm_summary, of a frame of
    frequency, recency and T with rfm_from_frame
    """
    if not isinstance(rfm, Customers):
        raise ArgumentError(f"rfm is of type {type(rfm).__name__}, not RFM: {MAKE_RFM}")


def fingerprint(time_unit: str, observed_until: datetime | None, names: Sequence[str], content: int) -> str:
    """Hash of a summary (16 hexadecimal digits) from its clock, the names of its columns and their `hash_of`."""
    text = f"{time_unit} {observed_until} {' '.join(names)} {content % 2**64}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_of(columns: Mapping[str, np.ndarray], weights: np.ndarray) -> int:
    """Hash of rows of floats, columns (n,) each by name, blind to their order.

    Hashes of parts add up, modulo 2**64, to that of the whole. A row counts as often as its weight says. Columns of
    `COARSE` are rounded first.

    Examples
    --------
    >>> one, none = np.array([1.0, 2.0, 2.0]), np.array([])
    >>> whole = hash_of({"T": one}, np.ones(3))
    >>> whole == hash_of({"T": none}, none) + hash_of({"T": one[[1, 0]]}, np.array([2.0, 1.0]))
    True
    """
    times = np.floor(weights)
    seen = [np.round(column * COARSE[name]) if name in COARSE else column for name, column in columns.items()]
    hashes = _row_hashes([*seen, weights - times])
    with np.errstate(over="ignore"):
        return int((hashes * np.maximum(times, 1).astype(np.uint64)).sum(dtype=np.uint64))


def _row_hashes(columns: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) hashes of rows of floats, by the finalizer of splitmix64."""
    hashes = np.full(len(columns[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for column in columns:
        hashes = (hashes ^ (np.ascontiguousarray(column) + 0.0).view(np.uint64)) * np.uint64(
            0xBF58476D1CE4E5B9
        )
        hashes = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
        hashes ^= hashes >> np.uint64(29)
    return hashes
