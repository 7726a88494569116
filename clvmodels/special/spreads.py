"""How values are spread across customers: shares at or below a value, and the values of shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv, gammainc, gammaincc, gammainccinv, gammaincinv


@dataclass(frozen=True, eq=False)
class GammaSpread:
    """Gamma: `shape` > 0 is a pure number, `rate` > 0 the inverse of a value; arrays that broadcast.

    Examples
    --------
    >>> spread = GammaSpread(np.array(1.0), np.array(2.0))
    >>> float(spread.cdf(np.array(0.5)).round(4)), float(spread.quantile(np.array(0.6321)).round(3))
    (0.6321, 0.5)
    """

    shape: np.ndarray
    rate: np.ndarray

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Share of customers at or below x >= 0."""
        return np.asarray(gammainc(self.shape, self.rate * x))

    def quantile(self, share: np.ndarray) -> np.ndarray:
        """Value at or below which a share in [0, 1] of customers lies."""
        return np.asarray(gammaincinv(self.shape, share) / self.rate)


@dataclass(frozen=True, eq=False)
class BetaSpread:
    """Beta on [0, 1], both parameters > 0; arrays that broadcast.

    Examples
    --------
    >>> spread = BetaSpread(np.array(1.0), np.array(2.0))  # cdf 1 - (1 - x)**2
    >>> float(spread.cdf(np.array(0.5))), float(spread.quantile(np.array(0.75)).round(9))
    (0.75, 0.5)
    """

    a: np.ndarray
    b: np.ndarray

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Share of customers at or below x >= 0; all of them from 1 on."""
        return np.asarray(betainc(self.a, self.b, np.minimum(x, 1.0)))

    def quantile(self, share: np.ndarray) -> np.ndarray:
        """Value at or below which a share in [0, 1] of customers lies."""
        return np.asarray(betaincinv(self.a, self.b, share))


@dataclass(frozen=True, eq=False)
class InverseGammaSpread:
    """`scale` > 0 over a gamma variate of `shape` > 0 and rate 1; arrays that broadcast.

    Examples
    --------
    >>> spread = InverseGammaSpread(np.array(1.0), np.array(2.0))  # cdf exp(-2 / x)
    >>> float(spread.cdf(np.array(2.0)).round(4)), float(spread.quantile(np.exp(-1.0)).round(9))
    (0.3679, 2.0)
    """

    shape: np.ndarray
    scale: np.ndarray

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Share of customers at or below x >= 0."""
        with np.errstate(divide="ignore"):  # nobody is at or below 0
            return np.asarray(gammaincc(self.shape, self.scale / np.asarray(x, dtype=float)))

    def quantile(self, share: np.ndarray) -> np.ndarray:
        """Value at or below which a share in [0, 1] of customers lies."""
        with np.errstate(divide="ignore"):  # everybody is at or below infinity
            return np.asarray(self.scale / gammainccinv(self.shape, share))
