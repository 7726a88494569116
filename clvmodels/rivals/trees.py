"""Boosted trees on what a summary says of customers, trained on what they did in earlier windows.

Two regressions, purchases in a window (Poisson loss) and spend per purchase (gamma loss), give each customer two
means. How far outcomes stray from such means is read from customers whose outcome is known, each judged by trees
that had not seen them (five groups of customers, every group left out once).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import cast

import numpy as np

from clvmodels.errors import ArgumentError, require
from clvmodels.rfm import RFM, EarlierWindow, id_text
from clvmodels.units import unit_days

LIBRARY = "sklearn", "clvmodels[ml]"
"""What the trees need, and what to install for it."""
FOLDS = 5
DECIMALS = (
    9  # of days and of mean amounts: what is equal in one unit of time or money is equal in every other
)
NEIGHBOURS = (50, 500)  # least and most customers whose errors stand for one; between them a twentieth
type Curve = Callable[[np.ndarray], np.ndarray]


def features(rfm: RFM, amount: float = 1.0) -> dict[str, np.ndarray]:
    """(n,) columns that the trees may split on, in days and multiples of an amount; nan where there is no such thing.

    Rounded, for trees may split between two numbers that differ by the rounding of a unit only.
    """
    days = unit_days(rfm.time_unit)
    recency, T = rfm.recency * days, rfm.T * days
    silence = T - recency
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.where(rfm.frequency > 0, recency / rfm.frequency, np.nan)
        columns = {
            "frequency": rfm.frequency,
            "recency": recency,
            "T": T,
            "silence": silence,
            "silence / mean gap": np.where(gap > 0, silence / gap, np.nan),
            "frequency / T": rfm.frequency / np.maximum(T, 7.0),
        }
    if rfm.monetary_value is not None and rfm.spend_count is not None:
        columns["mean spend"] = np.where(rfm.spend_count > 0, rfm.monetary_value / amount, np.nan)
        if "spend_first" in rfm.statistics:
            columns["first spend"] = rfm.statistics["spend_first"] / amount
    return {name: np.round(column, DECIMALS) for name, column in columns.items()}


@dataclass(frozen=True, eq=False)
class Lesson:
    """What was learned for windows of one length.

    Attributes
    ----------
    purchases, spend
        Means from an (n, F) table of features, spend in multiples of `amount`; `spend` is None without spend.
    amount
        Mean spend per purchase in the windows, in multiples of which the trees see money.
    length
        Length of the windows.
    level
        (N,) means that trees blind to them gave the customers of the earlier windows, ascending.
    bought, ratio
        (N,) what these customers bought, and what a purchase cost relative to its mean.
    windows
        The windows in words.
    """

    purchases: Curve
    spend: Curve | None
    amount: float
    length: float
    level: np.ndarray
    bought: np.ndarray
    ratio: np.ndarray
    windows: tuple[str, ...]

    @property
    def neighbours(self) -> int:
        """How many customers' errors stand for one."""
        least, most = NEIGHBOURS
        return int(min(len(self.level), np.clip(len(self.level) // 20, least, most)))

    def first_neighbour(self, mean: np.ndarray) -> np.ndarray:
        """(n,) position of the first of the `neighbours` customers whose levels lie around each mean."""
        middle = (np.searchsorted(self.level, mean) + np.searchsorted(self.level, mean, side="right")) // 2
        return np.clip(middle - self.neighbours // 2, 0, len(self.level) - self.neighbours)


def learn(windows: Sequence[EarlierWindow], seed: int) -> Lesson:
    """Train on earlier windows of one length; rows are put in an order of their own first."""
    priced = windows[0].outcome.spend is not None
    bought = np.concatenate([window.outcome.purchases for window in windows])
    money = np.concatenate(
        [np.zeros(len(window.summary)) if window.outcome.spend is None else window.outcome.spend
         for window in windows]
    )  # fmt: skip
    amount = _mean_amount(money, bought)
    tables = [np.column_stack(list(features(window.summary, amount).values())) for window in windows]
    rows = np.concatenate(tables)
    fold = np.concatenate([groups(window.summary.customer_id) for window in windows])
    order = np.lexsort([fold, money, bought, *rows.T])
    rows, bought, money, fold = rows[order], bought[order], money[order], fold[order]
    each = np.round(np.maximum(money, 0.0) / amount / np.maximum(bought, 1.0), DECIMALS)
    purchases, level = _cross_fitted("poisson", rows, bought, np.ones(len(rows)), fold, seed)
    spend, ratio = None, np.zeros(len(rows))
    if priced:
        spend, typical = _cross_fitted("gamma", rows, each, np.where(each > 0, bought, 0.0), fold, seed)
        ratio = np.where(bought > 0, each / typical, 0.0)
    # customers of one level stand in an order of chance, or their neighbours would be chosen by outcome
    lot = np.random.default_rng(seed).permutation(len(rows))
    place = np.lexsort([lot, level])
    return Lesson(
        purchases=purchases,
        spend=spend,
        amount=amount,
        length=windows[0].outcome.length,
        level=level[place],
        bought=bought[place],
        ratio=ratio[place],
        windows=tuple(map(str, windows)),
    )


def _mean_amount(money: np.ndarray, bought: np.ndarray) -> float:
    """Mean spend per purchase, or 1 where nobody spent anything."""
    spent, purchases = math.fsum(money.tolist()), math.fsum(bought.tolist())
    return spent / purchases if spent > 0 and purchases > 0 else 1.0


def groups(customer_ids: np.ndarray) -> np.ndarray:
    """(n,) the customer's group, by a hash of the id: the same in every window and every order."""
    texts = (id_text(identity) for identity in customer_ids.tolist())
    return np.array([hashlib.blake2b(text.encode(), digest_size=4).digest()[0] % FOLDS for text in texts])


def _cross_fitted(
    loss: str, rows: np.ndarray, target: np.ndarray, weight: np.ndarray, fold: np.ndarray, seed: int
) -> tuple[Curve, np.ndarray]:
    """The regression on all rows, and for each row what it gives without the row's group."""
    blind = np.empty(len(rows))
    for group in range(FOLDS):
        out = fold == group
        blind[out] = _regression(loss, rows[~out], target[~out], weight[~out], seed)(rows[out])
    return _regression(loss, rows, target, weight, seed), blind


def _regression(loss: str, rows: np.ndarray, target: np.ndarray, weight: np.ndarray, seed: int) -> Curve:
    """Boosted trees, as mean of the target given the features; the plain mean where nothing can be learned."""
    known = weight > 0
    total = float(np.sum(weight * target))
    if not total > 0:
        return lambda other: np.full(len(other), 0.5 / (len(target) + 1))  # above 0, as means of counts are
    trees = scikit_learn().HistGradientBoostingRegressor(
        loss=loss, learning_rate=0.05, max_iter=100, max_leaf_nodes=8, early_stopping=False, random_state=seed
    )
    trees.fit(rows[known], target[known], sample_weight=weight[known])
    return lambda other: np.asarray(trees.predict(other)) if len(other) else np.zeros(0)


def check_plan(windows: int) -> None:
    """Refuse what cannot be trained, before anything is fitted: trees without their library, or no window.

    Raises
    ------
    ArgumentError
        If scikit-learn is not installed, or `windows` is no whole number of at least 1.
    """
    require(*LIBRARY)
    if type(windows) is not int or windows < 1:
        raise ArgumentError(f"windows={windows!r} must be a whole number of at least 1")


def scikit_learn() -> ModuleType:
    """The part of scikit-learn with the trees.

    Raises
    ------
    ArgumentError
        If scikit-learn is not installed.
    """
    require(*LIBRARY)
    from sklearn import ensemble

    return cast(ModuleType, ensemble)


@contextmanager
def one_thread() -> Iterator[None]:
    """Trees this small are grown quicker by one thread than by several that wait for each other."""
    from threadpoolctl import threadpool_limits  # what scikit-learn counts its threads with

    scikit_learn()  # only libraries that are there can be limited
    with threadpool_limits(limits=1, user_api="openmp"):
        yield
