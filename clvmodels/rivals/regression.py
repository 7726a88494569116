"""A regression on the features of customers, as a machine learner would forecast them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.forecast.simulation import customer_stream
from clvmodels.prediction import (
    DEFAULT_LEVELS,
    DrawBlock,
    Forecast,
    check_margin,
    check_seed,
    check_single,
    gather,
)
from clvmodels.rfm import RFM, earlier_windows
from clvmodels.rivals.trees import Lesson, check_plan, features, learn, one_thread
from clvmodels.units import UNIT_NAMES, Horizon, discount_per_unit, plan_horizon

BLOCK = 256
RESOLUTION_BITS = 24
NOT_IN_IT = (
    "chance given the trees; how well the trees are known, and what is common to all customers of a window, is not in "
    "it, so intervals of totals are too narrow"
)


@dataclass(frozen=True)
class RegressionCLV:
    """Boosted trees trained on earlier windows of the same log: the machine learner's alternative.

    With the customer's features z (frequency, recency, T, silence, silence / mean gap, frequency / T, mean and
    first spend) and a window as long as the horizon H,

        μ(z) = E[purchases in a window | z]     (Poisson loss),      m(z) = E[spend per purchase | z]   (gamma loss)

    are learned from windows that end with the observation, one before the other. The distribution comes from
    customers j of those windows whose own μ_j, by trees that had not seen them, is nearest to μ(z): one of them
    is drawn, and μ(z)/μ_j times their purchases happen (a fraction of a purchase happens by lot), each for
    m(z) times their spend per purchase relative to m_j, at times spread evenly over the horizon.

    **Assumption**: the window ahead is like those before, and customers are like younger customers were then: trees
    do not extrapolate, so ages that no earlier customer had reached count as the oldest they saw. No one has been
    watched for longer than half the observation; a longer horizon repeats a shorter window, ``H / length`` times,
    which says too little of those who leave. `forecast` says so in its provenance.

    Parameters
    ----------
    windows
        Greatest number of earlier windows to learn from, as far as the observation reaches.
    label
        Name in tables and reports.

    Raises
    ------
    ArgumentError
        If scikit-learn is not installed (extra ``ml``), or `windows` is no whole number of at least 1.

    References
    ----------
    Malthouse, E. C. and Blattberg, R. C. (2005). Can we predict customer lifetime value? Journal of Interactive
    Marketing 19. doi:10.1002/dir.20027
    Ke, G. et al. (2017). LightGBM: a highly efficient gradient boosting decision tree. NeurIPS 30.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")
    >>> forecast = RegressionCLV().fit(rfm).forecast("13W", draws=50)
    >>> forecast.provenance["windows"]
    ('2,357 customers as of 1997-07-01, watched until 1997-09-30',)
    """

    windows: int = 3
    label: str | None = None

    def __post_init__(self) -> None:
        check_plan(self.windows)

    @property
    def name(self) -> str:
        """The label, or what it is."""
        return self.label or "Boosted trees on RFM"

    def fit(self, rfm: RFM, *, seed: int = 0) -> FittedRegression:
        """Look how far the log reaches back; the trees are trained when a forecast says for which horizon.

        Raises
        ------
        ArgumentError
            If the summary does not remember its log.
        DataError
            If the observation is too short to be cut in two.
        """
        check_seed(seed)
        (longest,) = earlier_windows(rfm)
        return FittedRegression(self.name, rfm, self.windows, longest.outcome.length, int(seed))


@dataclass(frozen=True, eq=False)
class FittedRegression:
    """A regression that knows its log.

    Attributes
    ----------
    name
        Name in tables and reports.
    rfm
        The customers.
    windows
        Greatest number of earlier windows to learn from.
    longest
        Longest window that leaves as much observation before it, in time units.
    seed
        Of the trees and of ties.
    """

    name: str
    rfm: RFM
    windows: int
    longest: float
    seed: int
    lessons: dict[float, Lesson] = field(default_factory=dict, repr=False)

    @property
    def summary(self) -> str:
        """What the trees read, and how far they can look."""
        unit = UNIT_NAMES[self.rfm.time_unit]
        return (
            f"{self.name}: trees on {', '.join(features(self.rfm))}\n"
            f"  horizons of up to {self.longest:.4g} {unit} are learned from windows of their own length (at most "
            f"{self.windows}), longer ones from {self.longest:.4g} {unit} and scaled up\n"
            f"  uncertainty: {NOT_IN_IT}"
        )

    @property
    def usable(self) -> bool:
        """Trees always end."""
        return True

    def expected_history(self, age: np.ndarray) -> None:
        """None: the trees say nothing of customers of whom only the birth is known."""

    def lesson(self, length: float) -> Lesson:
        """What was learned for a horizon of this length, trained at the first call."""
        if length not in self.lessons:
            with one_thread():
                self.lessons[length] = learn(earlier_windows(self.rfm, length, self.windows), self.seed)
        return self.lessons[length]

    def forecast(
        self,
        horizon: str | date | datetime,
        *,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        draws: int = 1000,
        seed: int = 0,
        levels: tuple[float, ...] = DEFAULT_LEVELS,
        period: str | None = None,
        observe: Callable[[DrawBlock], None] | None = None,
    ) -> Forecast:
        """Train for the horizon, and draw the customers' purchases and value in it.

        Parameters
        ----------
        horizon, period
            As in `plan_horizon`.
        annual_discount_rate
            Fraction per year in [0, 1).
        margin
            Share of the spend that counts, in (0, 1].
        draws
            At least 2; given the trees customers are independent.
        seed
            Of the customers' streams.
        levels
            Quantile levels of the customer table.
        observe
            Called with every `DrawBlock`.

        Raises
        ------
        ArgumentError
            If an argument is outside its range.
        """
        check_margin(margin)
        check_single(self.rfm)
        check_seed(seed)
        if draws < 2:
            raise ArgumentError(f"draws={draws} must be at least 2")
        plan = plan_horizon(horizon, self.rfm.observed_until, self.rfm.time_unit, period)
        lesson = self.lesson(plan.length)
        run = {"annual_discount_rate": annual_discount_rate, "margin": margin, "draws": draws, "seed": seed}
        discount = discount_per_unit(annual_discount_rate, plan.unit)
        return gather(
            _Futures.of(self.rfm, lesson, plan, discount, margin, draws, seed).blocks(),
            self.rfm,
            plan,
            name=self.name,
            is_distribution=True,
            provenance={
                "forecaster": self.name,
                "features": tuple(features(self.rfm)),
                "windows": lesson.windows,
                "scaled": plan.length / lesson.length,
                "window": plan.window,
                "uncertainty": NOT_IN_IT,
                "customers_hash": self.rfm.fingerprint(),
                **run,
            },
            levels=levels,
            observe=observe,
        )


@dataclass(frozen=True, eq=False)
class _Futures:
    """The customers' means, and where the errors that stand for theirs begin: (n,) each; and how to draw."""

    rfm: RFM
    lesson: Lesson
    plan: Horizon
    purchases: np.ndarray
    spend: np.ndarray | None
    first: np.ndarray
    discount: float
    margin: float
    draws: int
    seed: int
    quantum: float

    @classmethod
    def of(
        cls, rfm: RFM, lesson: Lesson, plan: Horizon, discount: float, margin: float, draws: int, seed: int
    ) -> _Futures:
        table = np.column_stack(list(features(rfm, lesson.amount).values()))
        with one_thread():
            level = lesson.purchases(table)
            spend = None if lesson.spend is None else lesson.amount * lesson.spend(table)
        scale = 1.0 if spend is None else margin * math.fsum(spend.tolist()) / len(spend)
        return cls(
            rfm=rfm,
            lesson=lesson,
            plan=plan,
            purchases=level * plan.length / lesson.length,
            spend=spend,
            first=lesson.first_neighbour(level),
            discount=discount,
            margin=margin,
            draws=draws,
            seed=seed,
            quantum=2.0 ** (math.floor(math.log2(scale)) - RESOLUTION_BITS),
        )

    def blocks(self) -> Iterator[DrawBlock]:
        for start in range(0, len(self.rfm), BLOCK):
            yield self._block(np.arange(start, min(start + BLOCK, len(self.rfm))))

    def _block(self, index: np.ndarray) -> DrawBlock:
        periods, inner = len(self.plan.edges) - 1, self.plan.edges[1:-1]
        purchases, value = np.zeros((2, len(index), self.draws))
        period_purchases, period_value = np.zeros((2, self.draws * periods))
        for j, customer in enumerate(index):
            row, time, amount = self._customer(int(customer))
            cell = row * periods + np.searchsorted(inner, time)
            purchases[j] = np.bincount(row, minlength=self.draws)
            value[j] = np.bincount(row, amount, minlength=self.draws)
            np.add.at(period_purchases, cell, 1.0)
            np.add.at(period_value, cell, amount)
        columns, mean = self._means(index)
        priced = self.spend is not None
        return DrawBlock(
            index=index,
            purchases=purchases.T,
            value=value.T if priced else None,
            period_purchases=period_purchases.reshape(self.draws, periods),
            period_value=period_value.reshape(self.draws, periods) if priced else None,
            columns=columns,
            mean=mean,
        )

    def _means(self, index: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Means of what `_customer` draws, exactly."""
        near = self.first[index][:, None] + np.arange(self.lesson.neighbours)
        relative = self.lesson.bought[near] / self.lesson.level[near]
        expected = self.purchases[index] * relative.mean(axis=1)
        columns: dict[str, Any] = {"expected_purchases": expected}
        if self.spend is None:
            return columns, expected
        worth = self.purchases[index] * self.spend[index] * (relative * self.lesson.ratio[near]).mean(axis=1)
        columns["expected_spend"] = np.where(expected > 0, worth / np.where(expected > 0, expected, 1), 0.0)
        total = self.discount * self.plan.length
        return columns, self.margin * worth * (-math.expm1(-total) / total if total > 0 else 1.0)

    def _customer(self, customer: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(draw, time, discounted amount) of each future purchase of one customer."""
        rng, lesson = customer_stream(self.seed, self.rfm.customer_id[customer]), self.lesson
        near = self.first[customer] + rng.integers(lesson.neighbours, size=self.draws)
        wanted = lesson.bought[near] * (self.purchases[customer] / lesson.level[near])
        count = np.floor(wanted + rng.random(self.draws)).astype(int)  # whole purchases with the mean wanted
        row = np.repeat(np.arange(self.draws), count)
        time = self.plan.length * (1 - rng.random(len(row)))
        if self.spend is None:
            return row, time, np.zeros(len(row))
        amount = self.margin * self.spend[customer] * lesson.ratio[near[row]] * np.exp(-self.discount * time)
        return row, time, np.rint(amount / self.quantum) * self.quantum
