"""The speed of each month of the year, learned from a log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import NormalDist

import numpy as np

from clvmodels.contracts import PurchaseModel
from clvmodels.errors import whole_number
from clvmodels.rfm import Customers
from clvmodels.season.clock import Clock
from clvmodels.season.months import learned

FEWEST_MONTHS = 24
"""Every month of the year seen twice: of what was seen once nobody can say whether it comes every year."""
LEAST_MONTHS = 13
"""With fewer no month is seen twice, and a season cannot be told from anything."""
ROUNDS = 2
CENTRED = np.eye(12) - 1 / 12  # a level that all months share is no season
SIZES = np.concatenate([[0.0], np.geomspace(0.005, 1.0, 20)])
"""Standard deviations that are tried, of the logs of the months' speeds and of what comes once."""


@dataclass(frozen=True)
class MonthlySeason:
    """How to learn a `Clock` from the log behind a summary: a speed for each month of the year.

    Repeat purchases per calendar month j are held against those a model expects of customers of these ages, and

        log(actual_j / expected_j) = level + slope j + u[month of j] + e_j,   u ~ N(0, τ²),  e_j ~ N(0, σ² + 1/actual_j)

    with line, τ and σ from the restricted likelihood, averaged over a grid of τ and σ. The months' effects u are
    pulled towards 0 as far as what is seen of a month in one year is not seen in the next (partial pooling); in a
    shop without seasons τ is near 0, and the clock near the calendar. The model is then fitted on the new clock,
    and the months are learned once more: further rounds move them by less than half a per cent.

    Parameters
    ----------
    days
        Factors by date that are known beforehand, as in `Clock`: holidays, promotions.
    level
        Of the bounds of the months' speeds.
    fewest_months
        Full months that the log must hold, at least 13. Below 24 a month that was seen once is believed as far as
        those seen twice agree.

    Examples
    --------
    >>> import clvmodels as clv
    >>> christmas = clv.World(season=(1,) * 10 + (1.5, 2))
    >>> log = clv.simulate(
    ...     "bg_nbd", {"r": 1, "alpha": 8, "a": 1, "b": 9}, customers=800, weeks=130, acquisition_weeks=30,
    ...     world=christmas, seed=2,
    ... )
    >>> clock = MonthlySeason().learn(clv.rfm_summary(log), clv.models.get_purchase_model("bg_nbd"))
    >>> clock.frame().iloc[[5, 11]].round(1).to_dict("list")
    {'month': ['June', 'December'], 'speed': [0.9, 1.6], 'low': [0.8, 1.5], 'high': [0.9, 1.7]}
    """

    days: Mapping[date, float] = field(default_factory=dict, hash=False)
    level: float = 0.9
    fewest_months: int = FEWEST_MONTHS

    @property
    def title(self) -> str:
        """A model on its clock is one with season."""
        return "season"

    def __post_init__(self) -> None:
        Clock(days=self.days, level=self.level)
        whole_number("fewest_months", self.fewest_months, least=LEAST_MONTHS)

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
            If there are fewer than `fewest_months` full months, or 200 repeat purchases in them, or months in which
            the model expects none.
        """
        return learned(rfm, model, Clock(days=self.days), self.fewest_months, ROUNDS, self._estimate)

    def _estimate(self, actual: np.ndarray, expected: np.ndarray, starts: list[datetime]) -> Clock:
        month = np.array([start.month - 1 for start in starts])
        effect, spread = monthly_effects(actual, expected, month)
        reach = NormalDist().inv_cdf((1 + self.level) / 2) * spread
        speed, low, high = (np.exp(effect + side * reach).tolist() for side in (0, -1, 1))
        return Clock(speed, self.days, low, high, self.level)


def monthly_effects(
    actual: np.ndarray, expected: np.ndarray, month: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Effects of the months of the year on the log scale, centred, and their standard deviations, (12,) each.

    Parameters
    ----------
    actual, expected
        (m,) purchases > 0 per calendar month.
    month
        (m,) month of the year, 0 to 11.

    Examples
    --------
    A season that comes every year is believed, a month that was strong once is not.

    >>> month, flat = np.arange(48) % 12, np.full(48, 1000.0)
    >>> every, once = flat.copy(), flat.copy()
    >>> every[11::12], once[11] = 2000, 2000
    >>> [float(monthly_effects(actual, flat, month)[0][11].round(1)) for actual in (every, once)]
    [0.6, 0.0]
    """
    y = np.log(actual / expected)
    step = np.linspace(-1, 1, len(y))
    line = np.stack([np.ones(len(y)), step], axis=1)
    same = (month[:, None] == month).astype(float)
    member = (np.arange(12)[:, None] == month).astype(float)
    found = []
    for tau in SIZES:
        for sigma in SIZES:
            weight, effect, variance = _pooled(y, line, same, member, tau, np.diag(sigma**2 + 1 / actual))
            found.append((weight, effect, variance))
    weights = np.exp(np.array([weight for weight, _, _ in found]) - max(weight for weight, _, _ in found))
    weights /= weights.sum()
    effects = np.array([effect for _, effect, _ in found])
    mean = weights @ effects
    second = weights @ (np.array([variance for _, _, variance in found]) + (effects - mean) ** 2)
    return mean, np.sqrt(second)


def _pooled(
    y: np.ndarray, line: np.ndarray, same: np.ndarray, member: np.ndarray, tau: float, noise: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Restricted log-likelihood of τ and σ, and mean and variance of the effects given them."""
    inverse = np.linalg.inv(noise + tau**2 * same)
    precision = line.T @ inverse @ line
    projection = inverse - inverse @ line @ np.linalg.solve(precision, line.T @ inverse)
    logdet = -np.linalg.slogdet(inverse)[1] + np.linalg.slogdet(precision)[1]
    effect = tau**2 * CENTRED @ member @ projection @ y
    covariance = tau**2 * np.eye(12) - tau**4 * member @ projection @ member.T
    variance = np.einsum("km,mn,kn->k", CENTRED, covariance, CENTRED)
    return float(-0.5 * (logdet + y @ projection @ y)), effect, np.maximum(variance, 0.0)
