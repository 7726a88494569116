"""How many customers a plan brings, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clvmodels.errors import ArgumentError, check_choice, check_real
from clvmodels.prediction import as_numbers


@dataclass(frozen=True)
class NewCustomers:
    """How many customers a plan brings per period, and how sure that is.

    Counts are Poisson around a level that is uncertain itself: gamma for ``"negative_binomial"``, log-normal
    for ``"log_normal"``, whose tail is longer. Mean and sd of each count are those given.

    Parameters
    ----------
    mean
        Expected new customers: one number, or one per period. >= 0.
    sd
        Their standard deviation, likewise, at least that of a Poisson count, sqrt(mean). None: exactly the
        mean, which is then a whole number.
    law
        ``"negative_binomial"`` or ``"log_normal"``.
    common
        Whether one level is drawn for the whole plan (a plan that starts below its goal stays there) or one
        for each period.

    Raises
    ------
    ArgumentError
        If a number is outside its range, or there is no such law.

    Examples
    --------
    >>> counts = NewCustomers(100, 25).sample(4000, 2, np.random.default_rng(1))
    >>> bool((abs(counts.mean(axis=0) - 100) < 2).all() and (abs(counts.std(axis=0) - 25) < 2).all())
    True
    """

    mean: float | Sequence[float]
    sd: float | Sequence[float] | None = None
    law: str = "negative_binomial"
    common: bool = True

    def __post_init__(self) -> None:
        check_choice("law", self.law, ("negative_binomial", "log_normal"))
        mean = numbers("mean", self.mean)
        if self.sd is None:
            if (mean != np.floor(mean)).any():
                raise ArgumentError(f"mean={self.mean!r} without sd must be whole numbers of customers")
            return
        short = np.broadcast_arrays(numbers("sd", self.sd) ** 2 < mean * (1 - 1e-12), mean)[0]
        if short.any():
            raise ArgumentError(
                f"sd={self.sd!r} is below the square root of the mean, and counts of arrivals vary at least as much; "
                "give a larger sd, or None for exactly the mean"
            )

    @property
    def words(self) -> str:
        """The counts in words, as tables and reports say them.

        Examples
        --------
        >>> NewCustomers(200, 60).words
        '200 a period, sd 60 (negative binomial, one level for the whole plan)'
        """
        law = self.law.replace("_", " ")
        level = "one level for the whole plan" if self.common else "a level for each period"
        return f"{_said(self.mean)} a period, " + (
            "exactly" if self.sd is None else f"sd {_said(self.sd)} ({law}, {level})"
        )

    def sample(self, draws: int, periods: int, rng: np.random.Generator) -> np.ndarray:
        """(draws, periods) joint draws of the counts.

        Raises
        ------
        ArgumentError
            If numbers per period do not match the periods, or one gamma level is asked of periods with different
            relative spreads.
        """
        mean = self._per_period("mean", self.mean, periods)
        if self.sd is None:
            return np.tile(mean, (draws, 1))
        sd = self._per_period("sd", self.sd, periods)
        excess = np.maximum(sd**2 - mean, 0.0) / np.where(mean > 0, mean, 1.0) ** 2
        return rng.poisson(mean * self._level(excess, draws, rng)) * 1.0

    def _level(self, excess: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
        """(draws, periods) relative levels with mean 1 and variance `excess` (periods,)."""
        width = 1 if self.common else len(excess)
        if self.law == "log_normal":
            sigma = np.sqrt(np.log1p(excess))
            return np.asarray(np.exp(sigma * rng.standard_normal((draws, width)) - sigma**2 / 2))
        if self.common and not np.allclose(excess, excess[0], rtol=1e-9):
            raise ArgumentError(
                "periods differ in their relative spread, and share no gamma level; use law='log_normal' or "
                "common=False"
            )
        if not excess.any():
            return np.ones((draws, width))
        shape = np.where(excess > 0, 1 / np.where(excess > 0, excess, 1.0), np.inf)[:width]
        drawn = rng.gamma(np.where(excess[:width] > 0, shape, 1.0), size=(draws, width))
        return np.where(excess[:width] > 0, drawn * excess[:width], 1.0)

    @staticmethod
    def _per_period(name: str, given: float | Sequence[float], periods: int) -> np.ndarray:
        values = numbers(name, given)
        if len(values) not in (1, periods):
            raise ArgumentError(
                f"{name} has {len(values)} numbers, but the horizon {periods} periods, of which the first and the last "
                "may be short; end the observation with a month, or give as many numbers"
            )
        return np.broadcast_to(values, (periods,)).copy()


def numbers(name: str, given: float | Sequence[float]) -> np.ndarray:
    """One number, or one per period, as an array.

    Raises
    ------
    ArgumentError
        If they are not finite and at least 0.

    Examples
    --------
    >>> numbers("cac", 20).tolist()
    [20.0]
    """
    if isinstance(given, str | bool):
        check_real(name, given)
    values = np.atleast_1d(as_numbers(name, given))
    if values.ndim != 1 or not len(values) or not ((values >= 0) & np.isfinite(values)).all():
        lone = float(values[0]) if values.shape == (1,) else 0.0
        meant = f"; there is no minus sign, so you may mean {-lone:g}" if -np.inf < lone < 0 else ""
        raise ArgumentError(
            f"{name}={given!r} must be finite and at least 0: one number, or one per period{meant}"
        )
    return values


def _said(given: float | Sequence[float]) -> str:
    values = np.atleast_1d(np.asarray(given, dtype=float))
    return ", ".join(f"{value:g}" for value in (values[:1] if (values == values[0]).all() else values))
