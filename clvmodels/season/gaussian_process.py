"""Speeds of calendar months as a Gaussian process: a year that comes again, and departures that fade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import product
from statistics import NormalDist

import numpy as np

from clvmodels.contracts import PurchaseModel
from clvmodels.rfm import Customers
from clvmodels.season.clock import Clock
from clvmodels.season.course import Course
from clvmodels.season.months import learned
from clvmodels.units import shift

FEWEST_MONTHS = 12
"""Each month of the year once: what months next to each other share tells a season from what came once."""
ROUNDS = 4
"""In a short log the model first takes some of a season for its own; a fifth round moved months by less than 0.5 %."""
AHEAD = 36
"""Months after the last full one on speeds of their own; what is left of a departure by then is next to nothing."""
CENTRED = np.eye(12) - 1 / 12  # a level that all months share is no season
TAU, SIGMA = 0.3, 0.15
"""Scales of the half-normal priors of τ and σ: a strong month is twice a weak one, a departure a sixth."""
POINTS, MEMORIES = 8, 5
SMOOTH = (0.0, 0.5, 1.0)
"""Lengths of the kernel of the year that are tried; 0 are months that have nothing in common."""


@dataclass(frozen=True)
class GaussianProcessSeason:
    r"""How to learn a `Clock` from 12 months of a log or more: a season, and departures from it that fade.

    Repeat purchases per calendar month j are held against those a model expects of customers of these ages, and

    .. math:: \log(actual_j / expected_j) = level + u[month\ of\ j] + a_j + e_j,
        \quad e_j \sim N(0, 1 / actual_j)

    The season u is a periodic Gaussian process over the months of the year, centred, of standard deviation τ and
    covariance :math:`\exp(-2 \sin^2(\pi d / 12) / \ell^2)` between months d apart: neighbours share strength, which is
    how a single year tells something. The departures a are an AR(1) over calendar months, stationary with standard
    deviation σ and autocorrelation ρ. The level is free, τ half-normal with scale 0.3, σ half-normal with scale 0.15,
    ρ uniform on (0, 1), and ℓ one of 0 (months with nothing in common), 0.5 and 1. These four are integrated over a
    grid of equal prior weights with the restricted likelihood; given them everything is Gaussian and exact.

    Past months run at the speed that was: exp of the posterior mean of u + a. Those ahead run at the speed of their
    season times what is left of the last departure, of which ρ^h remains h months later; beyond three years the season
    is alone. The level is the model's, and no part of the clock. How far a month to come may depart from its speed is
    left to the market discrepancy of a forecast; the smaller one beside a season is taken from 24 months on.

    Parameters
    ----------
    days
        Factors by date that are known beforehand, as in `Clock`: holidays, promotions.
    level
        Of the bounds of the speeds.

    References
    ----------
    Rasmussen & Williams (2006), *Gaussian Processes for Machine Learning*, sections 2.7 and 4.2 (MacKay's periodic
    covariance).

    Examples
    --------
    >>> import clvmodels as clv
    >>> christmas = clv.World(season=(1,) * 10 + (1.5, 2))
    >>> log = clv.simulate(
    ...     "bg_nbd", {"r": 1, "alpha": 8, "a": 1, "b": 9}, customers=800, weeks=70, acquisition_weeks=10,
    ...     world=christmas, seed=2,
    ... )
    >>> clock = GaussianProcessSeason().learn(clv.rfm_summary(log), clv.models.get_purchase_model("bg_nbd"))
    >>> clock.frame().iloc[[5, 11]].round(1).to_dict("list")
    {'month': ['June', 'December'], 'speed': [0.9, 1.6], 'low': [0.8, 1.3], 'high': [1.0, 1.9]}
    """

    days: Mapping[date, float] = field(default_factory=dict, hash=False)
    level: float = 0.9

    @property
    def title(self) -> str:
        """A model on its clock is one with season and departures."""
        return "season and departures"

    def __post_init__(self) -> None:
        Clock(days=self.days, level=self.level)

    def learn(self, rfm: Customers, model: PurchaseModel) -> Clock:
        """The clock of the log behind a summary.

        Parameters
        ----------
        rfm
            A summary that remembers its log; nothing after its end of observation is read.
        model
            Purchase model that says what to expect.

        Raises
        ------
        ArgumentError
            If the summary does not remember its log.
        DataError
            If there are fewer than 12 full months, or 200 repeat purchases in them, or months in which the model
            expects none.
        """
        return learned(rfm, model, Clock(days=self.days), FEWEST_MONTHS, ROUNDS, self._estimate)

    def _estimate(self, actual: np.ndarray, expected: np.ndarray, starts: list[datetime]) -> Clock:
        first = starts[0].month - 1
        mean, spread = year_and_course(actual, expected, first)
        reach = NormalDist().inv_cdf((1 + self.level) / 2) * spread
        speeds = [np.exp(mean + side * reach).tolist() for side in (0, -1, 1)]
        before = shift(starts[0], -1, "M").date()
        single, lowest, highest = (some[12:] for some in speeds)
        course = Course(before, single, lowest, highest, seen=1 + len(actual))
        months, low, high = (some[:12] for some in speeds)
        return Clock(months, self.days, low, high, self.level, course)


def year_kernel(smooth: float) -> np.ndarray:
    """(12, 12) covariance of the months of a year of standard deviation 1, centred.

    Examples
    --------
    Smoother years have more in common between neighbours; none has a level.

    >>> [float(year_kernel(smooth)[0, 1].round(2)) for smooth in (0.0, 0.5, 1.0)]
    [-0.09, 0.48, 0.77]
    >>> bool(np.abs(year_kernel(0.5).sum(axis=0)).max() < 1e-12)
    True
    """
    apart = np.sin(np.pi * (np.arange(12)[:, None] - np.arange(12)) / 12)
    kernel = np.eye(12) if smooth == 0 else np.exp(-2 * (apart / smooth) ** 2)
    centred = CENTRED @ kernel @ CENTRED
    return np.asarray(centred / centred[0, 0])


def grid() -> Iterator[tuple[np.ndarray, float, float]]:
    """Points of equal prior weight: pairs of τ and σ (n, 2), for each ρ and length of the kernel of the year."""
    at = (np.arange(POINTS) + 0.5) / POINTS
    half = np.array([NormalDist().inv_cdf((1 + place) / 2) for place in at])
    sizes = np.array(list(product(TAU * half, SIGMA * half)))
    for memory, smooth in product((np.arange(MEMORIES) + 0.5) / MEMORIES, SMOOTH):
        yield sizes, float(memory), smooth


def year_and_course(actual: np.ndarray, expected: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean and standard deviation of the season and of the speeds of calendar months, on the log scale.

    Parameters
    ----------
    actual, expected
        (m,) purchases > 0 in consecutive calendar months.
    first
        Month of the year of the first of them, 0 to 11.

    Returns
    -------
    tuple
        Two arrays of shape (12 + 1 + m + 36,): u of January to December; then u + a of the month before
        the first, of the m months, and of the 36 after the last.

    Examples
    --------
    A strong month that came once fades; it is not taken for a season.

    >>> flat = np.full(36, 2000.0)
    >>> once = flat.copy()
    >>> once[-1] = 3000
    >>> mean, _ = year_and_course(once, flat, 0)
    >>> mean[[11, 48, 49, 60]].round(1).tolist()
    [0.0, 0.3, 0.2, 0.1]
    """
    count = len(actual)
    time = np.arange(-1, count + AHEAD)
    seen = slice(13, 13 + count)
    place = np.concatenate([np.arange(12), (first + time) % 12])
    noise = np.diag(1 / actual)
    found = []
    for sizes, memory, smooth in grid():
        season = year_kernel(smooth)[place[:, None], place[seen]]
        departure = np.zeros_like(season)
        departure[12:] = memory ** np.abs(np.subtract.outer(time, time[1 : 1 + count]))
        shared = np.tensordot(sizes**2, np.stack([season, departure]), axes=1)
        alone = sizes**2 @ np.stack([np.ones(len(place)), np.arange(len(place)) >= 12])
        found.append(_conditioned(np.log(actual / expected), shared, alone, noise, seen))
    weight, mean, variance = (np.concatenate(parts) for parts in zip(*found, strict=True))
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    centre = weight @ mean
    return centre, np.sqrt(weight @ (variance + (mean - centre) ** 2))


def _conditioned(
    y: np.ndarray, shared: np.ndarray, alone: np.ndarray, noise: np.ndarray, seen: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Restricted log-likelihoods (n,) of y, and posterior means and variances (n, N) of what is behind it.

    A priori it has variances `alone` (n, N) and covariances `shared` (n, N, m) with the m values that are seen, with
    noise and a level of their own.
    """
    inverse = np.linalg.inv(shared[:, seen] + noise)
    per_level = inverse.sum(axis=2)
    precision = per_level.sum(axis=1)
    projection = inverse - per_level[:, :, None] * per_level[:, None, :] / precision[:, None, None]
    logdet = np.log(precision) - np.linalg.slogdet(inverse)[1]
    mean = shared @ (projection @ y)[:, :, None]
    explained = np.einsum("nij,nij->ni", shared @ projection, shared)
    variance = np.maximum(alone - explained, 0.0)
    return -0.5 * (logdet + np.einsum("i,nij,j->n", y, projection, y)), mean[:, :, 0], variance
