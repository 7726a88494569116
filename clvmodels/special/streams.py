r"""Random numbers by address: every row of an array has a stream of its own, and all are drawn in one go.

A number is a hash of where it stands, so it depends neither on the other rows nor on their order. It stands in a
row, and there at

.. math:: k = 2^{15} \cdot \text{purchase} + 2^{7} \cdot \text{call} + \text{try},

where the row itself stands at purchase 0; no call comes twice. `clvmodels.special.variates` has the hash and the
samplers.

References
----------
Salmon et al. (2011), "Parallel Random Numbers: As Easy as 1, 2, 3", SC11.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
CALL_BITS, PURCHASE_BITS = 7, 15


@dataclass(frozen=True)
class Streams:
    """A random stream for each of m rows. Every call of a method draws one variate per row.

    Attributes
    ----------
    start
        (m,) where each row's numbers begin, unsigned 64-bit integers.
    calls
        Numbers the calls; shared by all that was taken from one another, so that no number serves twice.

    Examples
    --------
    >>> streams = Streams.keyed(np.array([[1, 2], [3, 4]], dtype=np.uint64), 5)
    >>> bool((streams.uniform() != streams.uniform()).all())
    True
    """

    start: np.ndarray
    calls: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def keyed(cls, keys: np.ndarray, draws: int) -> Streams:
        """Streams of (draws, n) rows, flat: row d n + j belongs to draw d of the key (n, 2) of j."""
        from clvmodels.special import variates

        start = np.empty((draws, len(keys)), dtype=np.uint64)
        variates.fill_keys(keys, start)
        return cls(start.ravel())

    def take(self, rows: np.ndarray) -> Streams:
        """The streams of some rows, going on where they are."""
        return Streams(self.start[rows], self.calls)

    def each(self, row: np.ndarray, number: np.ndarray) -> Streams:
        """A stream of its own for each purchase, given by its row and its number in the row, below 2**20."""
        place = number.astype(np.uint64) << np.uint64(PURCHASE_BITS)
        return Streams(self.start[row] + np.uint64(GOLDEN) * place, self.calls)

    def uniform(self) -> np.ndarray:
        """(m,) uniform variates, never 0."""
        from clvmodels.special import variates

        result = np.empty(len(self.start))
        variates.fill_uniform(self.start, self._offset(), result)
        return result

    def exponential(self) -> np.ndarray:
        """(m,) exponential variates with mean 1."""
        return np.asarray(-np.log(self.uniform()))

    def log_gamma(self, shape: np.ndarray) -> np.ndarray:
        r"""Logarithms of (m,) gamma variates of shape (m,) > 0, finite where the variates themselves underflow.

        For shapes below 1, :math:`G_s = G_{s+1} U^{1/s}`.
        """
        from clvmodels.special import variates

        result, low = np.empty(len(self.start)), np.flatnonzero(shape < 1.0)
        raised = shape
        if len(low):
            raised = shape.copy()
            raised[low] += 1.0
        variates.fill_gamma(self.start, self._offset(), raised, result)
        np.log(result, out=result)
        result[low] += np.log(self.take(low).uniform()) / shape[low]
        return result

    def log_odds(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Log-odds of (m,) beta variates, log(p / (1 - p)) with p ~ Beta(a, b): no digit is lost near 0 or 1."""
        return self.log_gamma(a) - self.log_gamma(b)

    def negative_binomial(self, shape: np.ndarray, odds: np.ndarray, most: float) -> np.ndarray:
        """(m,) Poisson variates of means Gamma(shape) times odds, as integers; a mean above `most` counts as that."""
        from clvmodels.special import variates

        result = np.empty(len(self.start), dtype=np.int64)
        offsets = np.array([self._offset() for _ in range(3)])
        none = np.exp(-shape * np.log1p(odds))
        variates.fill_negative_binomial(self.start, offsets, shape, odds, none, most, result)
        return result

    def amounts(self, row: np.ndarray, p: np.ndarray, shape: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Amounts of purchases, given by their rows, ascending: Gamma(p, rate), one rate ~ Gamma(shape, scale) a row.

        p, shape and scale are (m,). Gamma variates below 1e-100, met for shapes near 0, count as 1e-100.
        """
        from clvmodels.special import variates

        result = np.empty(len(row))
        offsets = np.array([self._offset() for _ in range(4)])
        variates.fill_amounts(self.start, offsets, row, p, shape, scale, result)
        return result

    def ordered(
        self, counts: np.ndarray, label: np.ndarray, span: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Label and value of `counts` (m,) uniform variates in (0, span) per row, ascending within it.

        At most 2**20 per row.
        """
        from clvmodels.special import variates

        size = int(counts.sum())
        row, value = np.empty(size, dtype=np.int64), np.empty(size)
        variates.fill_ordered(self.start, self._offset(), counts, label, span, row, value)
        return row, value

    def _offset(self) -> np.uint64:
        return np.uint64(GOLDEN * (next(self.calls) << CALL_BITS) % 2**64)


def streams_of(rng: np.random.Generator | Streams, rows: np.ndarray) -> Streams:
    """The streams of flat rows: those they have, or new ones that start where the generator says."""
    if isinstance(rng, Streams):
        return rng.take(rows)
    return Streams(rng.integers(0, 2**64, len(rows), dtype=np.uint64))
