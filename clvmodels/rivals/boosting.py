"""Residual boosting: trees that correct a model where it erred at earlier dates of the same log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from clvmodels.contracts import PurchaseModel
from clvmodels.errors import ArgumentError, ClvError
from clvmodels.forecast import CLVModel, Discrepancy, FittedCLV
from clvmodels.inference import Posterior, fit
from clvmodels.prediction import DEFAULT_LEVELS, DrawBlock, Forecast
from clvmodels.rfm import RFM, EarlierWindow, earlier_windows
from clvmodels.rivals.trees import check_plan, features, groups, one_thread, scikit_learn
from clvmodels.units import plan_horizon

if TYPE_CHECKING:
    import pandas as pd

FEWEST_CUSTOMERS = 1000
LOWEST, HIGHEST, POWER = 0.3, 3.0, 0.8
MOST_TREES = 100
LEAST_MEAN = 1e-6  # purchases: below it a model's mean says "none", whatever it is multiplied by


@dataclass(frozen=True)
class BoostedCLV:
    r"""A CLV model whose customers are corrected by what trees learned from its errors at earlier dates.

    At earlier windows of the log, as long as the horizon, the model is fitted to what was known and its means m are
    compared with the purchases y that followed. Small Poisson trees learn

    .. math:: E[y \mid z] = m \, e^{f(z)}

    from what a summary says of a customer (z: frequency, recency, T, silence, spend), with log m as offset; how many
    trees, or none, is decided by customers they had not seen. The multipliers :math:`e^{f}` of today's customers are
    divided by their mean, weighted by what the model forecasts of each, bounded by 0.3 and 3, and raised to the power
    0.8. They multiply each customer's exposure, so that draws stay whole purchases at moments in time. The division
    matters: trees also learn that the last season was a good one, which says nothing of the next.

    Below 1,000 customers, or where the summary does not remember its log, it is the model and says so.

    Parameters
    ----------
    model
        The model to correct.
    windows
        Greatest number of earlier windows to learn from.
    label
        Name in tables and reports.

    Raises
    ------
    ArgumentError
        If scikit-learn is not installed (extra ``ml``), or `windows` is no whole number of at least 1.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")
    >>> fitted = BoostedCLV(clv.CLVModel("bg_nbd", method="mle"), windows=1).fit(rfm)
    >>> forecast = fitted.forecast("13W", draws=20)
    >>> bool(forecast.provenance["multipliers"]["highest"] > 1)
    True
    """

    model: CLVModel = field(default_factory=CLVModel)
    windows: int = 3
    label: str | None = None

    def __post_init__(self) -> None:
        check_plan(self.windows)

    @property
    def name(self) -> str:
        """The label, or the model's name."""
        return self.label or f"{self.model.name}, boosted"

    def fit(self, rfm: RFM, *, draws: int = 1000, seed: int = 0) -> FittedBoost:
        """Fit the model; the trees are grown when a forecast says for which horizon.

        Raises
        ------
        ArgumentError, DataError
            As `CLVModel.fit`.
        """
        fitted = self.model.fit(rfm, draws=draws, seed=seed)
        return FittedBoost(self.name, rfm, fitted, self.windows, seed, _reason(rfm))


def _reason(rfm: RFM) -> str:
    """Why nothing can be learned, or nothing."""
    if len(rfm) < FEWEST_CUSTOMERS:
        return f"{len(rfm):,} customers are fewer than {FEWEST_CUSTOMERS:,}"
    if rfm.history is None:
        return "the summary does not remember its log"
    return ""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What trees learned from the errors of a model in earlier windows.

    Attributes
    ----------
    multiply
        (n,) raw multipliers from an (n, F) table of features.
    rows, means, bought
        What it was learned from: (N, F) features, (N,) means of the model and purchases.
    windows
        The windows in words.
    """

    multiply: Callable[[np.ndarray], np.ndarray]
    rows: np.ndarray
    means: np.ndarray
    bought: np.ndarray
    windows: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FittedBoost:
    """A fitted model, and the trees that correct it.

    Attributes
    ----------
    name
        Name in tables and reports.
    rfm
        The customers.
    fitted
        The model's fit to all the data.
    windows
        Greatest number of earlier windows to learn from.
    seed
        Of the trees.
    reason
        Why nothing is corrected; empty where it is.
    """

    name: str
    rfm: RFM
    fitted: FittedCLV
    windows: int
    seed: int
    reason: str
    lessons: dict[float, Lesson] = field(default_factory=dict, repr=False)

    @property
    def posteriors(self) -> tuple[Posterior, ...]:
        """Those of the model."""
        return self.fitted.posteriors

    @property
    def usable(self) -> bool:
        """Whether the model's fits may be used."""
        return self.fitted.usable

    @property
    def summary(self) -> str:
        """What is corrected, and the model's own summary."""
        told = (
            f"not corrected: {self.reason}"
            if self.reason
            else f"trees on {', '.join(features(self.rfm))} correct each customer's rate, learned from the model's "
            f"errors in up to {self.windows} earlier windows as long as the horizon"
        )
        return "\n".join(
            [f"{self.name}: {told}", *(f"  {line}" for line in self.fitted.summary.splitlines())]
        )

    def expected_history(self, age: np.ndarray) -> np.ndarray:
        """As the model has it."""
        return self.fitted.expected_history(age)

    def lesson(self, length: float) -> Lesson:
        """What was learned for a horizon of this length, at the first call.

        Raises
        ------
        ArgumentError
            If nothing can be learned from these customers.
        """
        if self.reason:
            raise ArgumentError(f"{self.name} corrects nothing: {self.reason}")
        if length not in self.lessons:
            with one_thread():
                model = cast(PurchaseModel, self.fitted.purchase.model)
                self.lessons[length] = _learn(
                    model, earlier_windows(self.rfm, length, self.windows), self.seed
                )
        return self.lessons[length]

    def multipliers(self, length: float) -> np.ndarray:
        """(n,) by how much each customer's exposure is multiplied for a horizon of this length."""
        model = cast(PurchaseModel, self.fitted.purchase.model)
        expected = model.expected_purchases(self.fitted.purchase.mode, self.rfm, length)
        lesson = self.lesson(length)
        with one_thread():
            raw = lesson.multiply(_table(self.rfm))
        return _bounded(raw, np.maximum(expected, LEAST_MEAN))

    def forecast(
        self,
        horizon: str | date | datetime,
        *,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        discrepancy: Literal["default"] | float | Discrepancy | None = "default",
        draws: int = 1000,
        seed: int = 0,
        levels: tuple[float, ...] = DEFAULT_LEVELS,
        period: str | None = None,
        observe: Callable[[DrawBlock], None] | None = None,
        workers: int | None = None,
    ) -> Forecast:
        """The model's forecast with every customer's exposure multiplied.

        Parameters
        ----------
        horizon, annual_discount_rate, margin, discrepancy, draws, seed, levels, period, observe, workers
            As in `FittedCLV.forecast`.

        Raises
        ------
        ArgumentError
            If an argument is outside its range.
        """
        facts: dict[str, Any] = {"forecaster": self.name}
        pace = None
        if self.reason:
            facts["not_corrected"] = self.reason
        else:
            length = plan_horizon(horizon, self.rfm.observed_until, self.rfm.time_unit, period).length
            pace = self.multipliers(length)
            low, middle, high = np.quantile(pace, [0, 0.5, 1]).tolist()
            facts["multipliers"] = {"lowest": low, "median": middle, "highest": high}
            facts["learned_from"] = self.lesson(length).windows
        forecast = self.fitted.forecast(
            horizon,
            annual_discount_rate=annual_discount_rate,
            margin=margin,
            discrepancy=discrepancy,
            pace=pace,
            draws=draws,
            seed=seed,
            levels=levels,
            period=period,
            observe=observe,
            workers=workers,
        )
        return replace(forecast, name=self.name, provenance={**forecast.provenance, **facts})

    def importance(self, horizon: str | date | datetime) -> pd.DataFrame:
        """How much worse the trees fit the windows they learned from when one feature is shuffled.

        Parameters
        ----------
        horizon
            As in `forecast`.

        Returns
        -------
        pandas.DataFrame
            feature, importance: rise of the mean Poisson deviance per customer, as a share of what the trees take off
            that of the model; largest first.
        """
        import pandas as pd

        plan = plan_horizon(horizon, self.rfm.observed_until, self.rfm.time_unit, None)
        lesson = self.lesson(plan.length)

        def deviance(rows: np.ndarray) -> float:
            return _deviance(lesson.bought, lesson.means * lesson.multiply(rows))

        with one_thread():
            best = deviance(lesson.rows)
            gain = max(_deviance(lesson.bought, lesson.means) - best, np.finfo(float).tiny)
            order = np.random.default_rng(self.seed).permutation(len(lesson.rows))
            found = {}
            for place, name in enumerate(features(self.rfm)):
                rows = lesson.rows.copy()
                rows[:, place] = rows[order, place]
                found[name] = (deviance(rows) - best) / gain
        table = pd.DataFrame({"feature": list(found), "importance": list(found.values())})
        return table.sort_values("importance", ascending=False, ignore_index=True)


def _table(rfm: RFM) -> np.ndarray:
    return np.column_stack(list(features(rfm).values()))


def _learn(model: PurchaseModel, windows: Sequence[EarlierWindow], seed: int) -> Lesson:
    """Trees on the errors of a model in earlier windows; rows are put in an order of their own first."""
    rows, means, bought, fold, used = [], [], [], [], []
    for window in windows:
        try:
            posterior = fit(model, window.summary, method="map", seed=seed)
            posterior.raise_if_failed()
        except ClvError:
            continue  # an early window may be too thin for a fit; those that are used are named
        mode = posterior.mode
        rows.append(_table(window.summary))
        means.append(model.expected_purchases(mode, window.summary, window.outcome.length))
        bought.append(window.outcome.purchases)
        fold.append(groups(window.summary.customer_id))
        used.append(str(window))
    if not rows:
        raise ArgumentError(
            f"{model.title} could not be fitted at any earlier date, so nothing can be learned"
        )
    table, mean, actual = (
        np.concatenate(rows),
        np.maximum(np.concatenate(means), LEAST_MEAN),
        np.concatenate(bought),
    )
    group = np.concatenate(fold)
    order = np.lexsort([group, actual, mean, *table.T])
    table, mean, actual, group = table[order], mean[order], actual[order], group[order]
    return Lesson(_grow(table, actual, mean, group, seed), table, mean, actual, tuple(used))


def _grow(
    rows: np.ndarray, bought: np.ndarray, means: np.ndarray, fold: np.ndarray, seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Raw multipliers as trees see them; 1 where nobody bought anything, or trees foretell nobody they had not seen.

    The Poisson likelihood of y with offset log m is that of y / m with weight m. How many trees there are, or none, is
    decided by customers left out, group by group.
    """
    if not bought.sum() > 0:
        return lambda other: np.ones(len(other))
    blind = np.zeros((MOST_TREES, len(rows)))
    for group in np.unique(fold):
        out = fold == group
        if out.all():
            return lambda other: np.ones(len(other))
        trees = _trees(MOST_TREES, seed).fit(
            rows[~out], bought[~out] / means[~out], sample_weight=means[~out]
        )
        blind[:, out] = list(trees.staged_predict(rows[out]))
    losses = [_deviance(bought, means * _bounded(raw, means)) for raw in blind]
    best = int(np.argmin(losses))
    if not losses[best] < _deviance(bought, means):
        return lambda other: np.ones(len(other))
    grown = _trees(best + 1, seed).fit(rows, bought / means, sample_weight=means)
    return lambda other: np.asarray(grown.predict(other))


def _trees(count: int, seed: int) -> Any:
    return scikit_learn().HistGradientBoostingRegressor(
        loss="poisson",
        learning_rate=0.05,
        max_iter=count,
        max_leaf_nodes=4,
        min_samples_leaf=100,
        early_stopping=False,
        random_state=seed,
    )


def _bounded(raw: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Multipliers that are used: without what all customers share, and not far from 1."""
    typical = float(np.average(raw, weights=means))
    return np.asarray(np.clip(raw / typical, LOWEST, HIGHEST) ** POWER)


def _deviance(bought: np.ndarray, means: np.ndarray) -> float:
    """Mean Poisson deviance of means that are brought to the level of what was bought."""
    means = means * (bought.sum() / means.sum())
    safe = np.where(bought > 0, bought, 1.0)
    return float(2 * np.mean(bought * np.log(safe / means) - (bought - means)))
