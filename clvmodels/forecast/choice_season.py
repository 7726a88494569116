"""Whether customers live on a seasonal clock: tried at an earlier date, on the totals of single months."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

import numpy as np

from clvmodels.contracts import PurchaseModel
from clvmodels.errors import ArgumentError, ClvError, is_one_of
from clvmodels.forecast.choice import DRAWS, asked_first
from clvmodels.forecast.fitted import FittedCLV
from clvmodels.inference import fit
from clvmodels.metrics import crps_from_draws
from clvmodels.rfm import RFM, Customers
from clvmodels.season import (
    FEWEST_MONTHS,
    SEASON_WORDS,
    SEASONS,
    MonthlySeason,
    OnClock,
    Season,
    full_months,
)
from clvmodels.units import last_observed, shift

TRIED_FROM = 18
"""Months before the window of the trial: with 24 in all, half a year is left to be forecast."""
LONGEST = 12
LEAD = 0.05
"""By how much better monthly totals must be: what chance does to a clock in a shop without seasons is less."""


@dataclass(frozen=True)
class SeasonChoice:
    """A season, or None for the calendar, and the reason in a line."""

    season: Season | None
    reason: str


def as_season(season: str | Season | None) -> Season | str | None:
    """A season from what callers write: an object, None, or a word of `SEASONS`; ``"default"``, ``"auto"`` stay words.

    Raises
    ------
    ArgumentError
        If it is another word, or something else.

    Examples
    --------
    >>> as_season("monthly").level, as_season("auto"), as_season(None)
    (0.9, 'auto', None)
    """
    if season is None or (isinstance(season, Season) and not isinstance(season, type)):
        return season
    if not is_one_of(season, SEASON_WORDS):
        raise ArgumentError(
            f"season={season!r} must be one of {', '.join(map(repr, SEASON_WORDS))}, a Clock, one of "
            f"{', '.join(type(one).__name__ for one in SEASONS.values())}, or None for the calendar"
        )
    word = cast(str, season)
    return SEASONS.get(word, word)


def choose_season(rfm: Customers, model: PurchaseModel, seed: int) -> SeasonChoice:
    """The seasonal clock, if it forecast the months of an earlier window better than the calendar.

    From 24 full months on. The months up to half a year or a year (all but 18) before the end are known, the clock is
    learned from them, and both clocks forecast the totals of the months that follow, with the same shocks. The
    calendar gives way only to a mean CRPS of these totals that is smaller by more than 5 %. A year as a whole tells
    nothing of a season, so months are looked at one by one, of all customers together.

    Parameters
    ----------
    rfm
        The customers. Nothing after the end of its observation is seen.
    model
        The purchase model.
    seed
        Of the forecasts that are compared.
    """
    if not isinstance(rfm, RFM) or rfm.history is None or rfm.observed_until is None:
        return SeasonChoice(None, "none; the summary does not remember its log")
    months = len(full_months(rfm, rfm.observed_until)[0])
    if months < FEWEST_MONTHS:
        return SeasonChoice(None, f"none; {months} full months, and {FEWEST_MONTHS} are needed to know one")
    try:
        plain, seasonal, window = _trial(rfm, model, seed)
    except ClvError as problem:
        return SeasonChoice(None, f"none; it could not be tried ({str(problem).splitlines()[0]})")
    change = seasonal / plain - 1 if plain else 0.0  # a calendar without an error gives way to nothing
    moved = f"{100 * change:+.0f} %".replace("-", "−")
    told = f"CRPS of the totals of {window} {moved} against the calendar"
    if change < -LEAD:
        return SeasonChoice(SEASONS["monthly"], f"a clock of months; {told}")
    return SeasonChoice(
        None, f"none; with a clock of months {told}, where at least −{100 * LEAD:.0f} % are asked for"
    )


def _trial(rfm: RFM, model: PurchaseModel, seed: int) -> tuple[float, float, str]:
    """Mean CRPS of the monthly totals on the calendar and on the clock, and the months in words."""
    until = cast(datetime, rfm.observed_until)
    starts, edges = full_months(rfm, until)
    watched = min(LONGEST, len(starts) - TRIED_FROM)
    cutoff, last = last_observed(starts[-watched]), last_observed(shift(starts[-1], 1, "M"))
    history: Any = rfm.history
    earlier, _ = history.split(cutoff, last)
    clock = MonthlySeason(fewest_months=TRIED_FROM).learn(earlier, model)
    people = earlier.take(asked_first(earlier))
    actual = np.histogram(history.repeat_times(people) - 1e-6, edges[-watched - 1 :])[0].astype(float)
    scores = []
    for tried in (model, OnClock(model, clock)):
        posterior = fit(tried, earlier, method="map", seed=seed)
        posterior.raise_if_failed()
        fitted = FittedCLV("trial", people, posterior, None, None if tried is model else clock)
        scores.append(_score(fitted, last, actual, seed))
    words = f"{watched} months after {cutoff!s}"
    return scores[0], scores[1], words


def _score(fitted: FittedCLV, last: date | datetime, actual: np.ndarray, seed: int) -> float:
    totals = fitted.forecast(last, draws=DRAWS, seed=seed, levels=(0.5,), period="M").purchases
    return float(crps_from_draws(totals.period_draws, actual).mean())
