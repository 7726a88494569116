"""What forecasters would have said at earlier dates of a log, and what that says of their weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from clvmodels.contracts import FittedForecaster, Forecaster
from clvmodels.ensemble.mixture import DrawTable
from clvmodels.errors import ArgumentError, ClvError, FitError
from clvmodels.metrics import PoolTerms, pool_terms
from clvmodels.rfm import RFM, EarlierWindow

# the fair estimator is unbiased from any number of draws, and few customers need more of them
LEARNING_DRAWS = (100, 1000)
LEARNING_CELLS = 1_000_000  # draws times customers, within these bounds


def try_earlier(
    members: Sequence[Forecaster], past: Sequence[EarlierWindow], seed: int, failed: dict[str, str]
) -> tuple[list[Forecaster], PoolTerms | None]:
    """Who could forecast every earlier window, and how the mixtures of those would have scored.

    `failed` takes the reasons of the others. One window's draws are held at a time.
    """
    scales = _scales(past)
    rounds: list[tuple[list[str], PoolTerms]] = []
    for window in past:
        tables: dict[str, DrawTable] = {}
        for member in members:
            if member.name not in failed:
                try:
                    tables[member.name] = _said(member, window, seed)
                except ClvError as error:
                    failed[member.name] = f"as of {window.cutoff!s}: {error}"
        if tables:
            rounds.append((list(tables), _terms(list(tables.values()), window, scales)))
    left = [member for member in members if member.name not in failed]
    if not left:
        return [], None
    parts = []
    for names, terms in rounds:
        kept = [names.index(member.name) for member in left]
        parts.append(PoolTerms(terms.error[:, kept], terms.spread[:, kept][:, :, kept]))
    return left, PoolTerms.joined(parts)


def _said(member: Forecaster, window: EarlierWindow, seed: int) -> DrawTable:
    """What a forecaster would have said at an earlier date of its window."""
    table = DrawTable(len(window.summary))
    fitted = member.fit(window.summary, seed=seed)
    if not fitted.usable:
        raise FitError(fitted.summary)
    draws = int(np.clip(LEARNING_CELLS // len(window.summary), *LEARNING_DRAWS))
    fitted.forecast(window.last, period="Y", draws=draws, seed=seed, observe=table.observe)
    if window.summary.has_spend and table.value is None:
        raise ArgumentError("it forecasts no value and the others do; such forecasters can only be stacked "
                            "on a summary without spend")  # fmt: skip
    return table


def _terms(tables: Sequence[DrawTable], window: EarlierWindow, scales: Sequence[float]) -> PoolTerms:
    """What the CRPS of any mixture needs to know of a window, purchases and spend each divided by its scale."""
    worth = [table.value for table in tables if table.value is not None]
    questions = zip(([table.purchases for table in tables], worth), _outcomes(window), scales, strict=False)
    return PoolTerms.joined(
        [pool_terms([draws / scale for draws in drawn], actual / scale) for drawn, actual, scale in questions]
    )


def _scales(past: Sequence[EarlierWindow]) -> list[float]:
    """Mean purchases and mean spend of the windows; spend is left out where nobody spent anything."""
    found = []
    for actual in zip(*map(_outcomes, past), strict=True):
        values = np.concatenate(actual)
        found.append(math.fsum(values.tolist()) / len(values))
    purchases, *spend = found
    return [purchases if purchases > 0 else 1.0, *(mean for mean in spend if mean > 0)]


def _outcomes(window: EarlierWindow) -> list[np.ndarray]:
    """Purchases of each customer in a window, and spend if it is known."""
    outcome = window.outcome
    return [outcome.purchases] if outcome.spend is None else [outcome.purchases, outcome.spend]


def fit_members(
    members: Sequence[Forecaster], weights: np.ndarray, rfm: RFM, seed: int, failed: dict[str, str]
) -> list[tuple[str, float, FittedForecaster]]:
    """Name, weight and fit of whoever has a weight and can be fitted to all the data."""
    found = []
    for member, weight in zip(members, weights.tolist(), strict=True):
        if weight <= 0:
            continue
        try:
            fitted = member.fit(rfm, seed=seed)
            if not fitted.usable:
                raise FitError(fitted.summary)
        except ClvError as error:
            failed[member.name] = str(error)
        else:
            found.append((member.name, weight, fitted))
    return found
