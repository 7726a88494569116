"""Rules of thumb of managers: who has been silent for too long is gone, and the past best stay the best.

Both learn one thing from an earlier window of the summary's own log (`clvmodels.rfm.earlier_windows`), so they
need a summary made by `rfm_summary` or `calibration_holdout`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clvmodels.baselines.projection import Projection, in_units, repeat_spend, tenure, total
from clvmodels.rfm import RFM, EarlierWindow, earlier_windows
from clvmodels.units import UNIT_NAMES


@dataclass(frozen=True)
class HiatusRule:
    """Hiatus rule: a customer silent for longer than the cut is gone, any other goes on as before.

        value_i = 1{T_i - recency_i <= cut} · repeat spend_i / max(T_i, min_tenure) · horizon

    **Assumption**: silence of one length means the same for a customer of every week and one of every year,
    and whoever is active neither leaves nor slows down. Firms choose the cut by experience, such as nine months.
    Here it is learned: an earlier date of the log is taken for today, and whoever bought in the window that
    followed was active. The cut is the one with the best mean of two shares: of the active, those it calls active,
    and of the inactive, those it calls inactive. (Most right calls in all would be a poor aim: where few come back
    it is reached by calling nearly nobody active.)

    Parameters
    ----------
    cut
        Longest silence of an active customer, as ``"26W"``; None learns it.
    window
        Length of the window it is learned from: give the horizon of the forecast. At most, and by default, half
        the observation. Of no effect where the cut is given.
    min_tenure
        Ages below it are raised to it.
    label
        Name in tables and reports.

    Raises
    ------
    ArgumentError
        If a duration is none of fixed length.

    References
    ----------
    Wübben, M. and von Wangenheim, F. (2008). Instant customer base analysis: managerial heuristics often
    "get it right". Journal of Marketing 72. doi:10.1509/jmkg.72.3.82

    Examples
    --------
    Two customers bought four times for 25; one two weeks ago, one ten. The rule lets the first go on.

    >>> rfm = RFM.from_arrays(
    ...     frequency=[4, 4], recency=[18, 10], T=[20, 20], monetary_value=[25, 25], time_unit="W"
    ... )
    >>> HiatusRule(cut="9W").fit(rfm).forecast("10W").customers["clv_mean"].tolist()
    [50.0, 0.0]
    """

    cut: str | None = None
    window: str | None = None
    min_tenure: str = "1W"
    label: str | None = None

    def __post_init__(self) -> None:
        for duration in (self.cut, self.window, self.min_tenure):
            if duration is not None:
                in_units(duration, "W")

    @property
    def name(self) -> str:
        """The label, or the rule."""
        return self.label or ("Hiatus rule" if self.cut is None else f"Hiatus rule ({self.cut})")

    def fit(self, rfm: RFM, *, seed: int = 0) -> Projection:  # noqa: ARG002  (no chance in it)
        """Learn the cut, and the rates of who is active.

        Raises
        ------
        ArgumentError
            If the cut is to be learned and the summary does not remember its log.
        DataError
            If the observation is too short to be cut in two.
        """
        if self.cut is None:
            (window,) = earlier_windows(rfm, _length(self.window, rfm))
            cut, source = _learn_cut(window)
        else:
            cut, source = in_units(self.cut, rfm.time_unit), "given"
        age, spend = tenure(rfm, self.min_tenure), repeat_spend(rfm)
        active = rfm.T - rfm.recency <= cut
        called = total(rfm.weights * active)
        text = f"{_in_words(cut, rfm.time_unit)} ({source}); {called:,.0f} of {rfm.customers:,.0f} are"
        return Projection(
            self.name,
            rfm,
            f"active {text}, and go on at repeat spend / tenure (at least {self.min_tenure})",
            active * rfm.frequency / age,
            None if spend is None else active * spend / age,
        )


@dataclass(frozen=True)
class PastBest:
    """Past best stays best: each customer keeps their share of all repeat spend, and the total repeats itself.

        value_i = repeat spend_i / Σ repeat spend · (repeat spend of all in the last window) / window · horizon

    Purchases likewise. The order of customers is that of their past totals, not of their rates: the rule by
    which firms pick the best tenth or fifth. As a forecast it holds the shares without any shrinkage and sets
    the level by the latest window, which knows already that a crowd slows down.

    **Assumption**: past shares are future shares, however long somebody has been silent, and the next window is
    like the last. Customers without a repeat purchase never come back.

    Parameters
    ----------
    window
        Length of the last window: give the horizon of the forecast. At most, and by default, half the observation.
    label
        Name in tables and reports.

    Raises
    ------
    ArgumentError
        If `window` is no duration of fixed length.

    References
    ----------
    Wübben, M. and von Wangenheim, F. (2008). Instant customer base analysis: managerial heuristics often
    "get it right". Journal of Marketing 72. doi:10.1509/jmkg.72.3.82

    Examples
    --------
    The last 13 weeks of the observation saw 711 repeat purchases, so 13 more weeks will.

    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")
    >>> round(PastBest(window="13W").fit(rfm).forecast("13W").purchases.mean, 6)
    711.0
    """

    window: str | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.window is not None:
            in_units(self.window, "W")

    @property
    def name(self) -> str:
        """The label, or the rule."""
        return self.label or "Past best stays best"

    def fit(self, rfm: RFM, *, seed: int = 0) -> Projection:  # noqa: ARG002  (no chance in it)
        """Shares of each customer, and the total of the last window.

        Raises
        ------
        ArgumentError
            If the summary does not remember its log.
        DataError
            If the observation is too short to be cut in two.
        """
        (window,) = earlier_windows(rfm, _length(self.window, rfm))
        length, spend = window.outcome.length, repeat_spend(rfm)
        purchases = _pace(rfm.frequency, window.summary.frequency, length)
        money = None if spend is None else _pace(spend, repeat_spend(window.summary), length)
        text = f"{total(purchases) * length:,.0f} repeat purchases after {window.cutoff!s} go on at that pace"
        return Projection(self.name, rfm, f"shares of repeat spend so far; {text}", purchases, money)


def _length(window: str | None, rfm: RFM) -> float | None:
    return None if window is None else in_units(window, rfm.time_unit)


def _pace(now: np.ndarray, before: np.ndarray | None, length: float) -> np.ndarray:
    """(n,) rates in proportion to the amounts so far, adding up to the rate of the last window."""
    whole = total(now)
    recent = whole - (0.0 if before is None else total(before))
    return now * (max(recent, 0.0) / length / whole) if whole > 0 else np.zeros(len(now))


def _learn_cut(window: EarlierWindow) -> tuple[float, str]:
    """The cut in time units with the best mean of the two shares called rightly, and what it was learned from.

    Only cuts halfway between two silences that occur (or below all, or above all) differ in what they call.
    Of equally good ones the shortest is taken: it promises least.
    """
    silence, came_back = window.summary.T - window.summary.recency, window.outcome.purchases > 0
    back = int(came_back.sum())
    gone = len(silence) - back
    kinds, which = np.unique(silence, return_inverse=True)
    # what one step further wins, times back * gone: whole numbers, so that ties are ties
    gain = np.bincount(which, weights=np.where(came_back, max(gone, 1), -max(back, 1)))
    cuts = np.concatenate([[-math.inf], (kinds[1:] + kinds[:-1]) / 2, [math.inf]])
    cut = float(cuts[np.argmax(np.concatenate([[0.0], np.cumsum(gain)]))])
    called = silence <= cut
    shares = [
        f"{(called & came_back).sum() / back:.0%} of the {back:,} who came back"
        if back
        else "nobody came back",
        f"{(~called & ~came_back).sum() / gone:.0%} of the {gone:,} who did not" if gone else "everybody did",
    ]
    return cut, f"learned from {window}, called rightly: {', '.join(shares)}"


def _in_words(cut: float, unit: str) -> str:
    if math.isinf(cut):
        return "whatever the silence" if cut > 0 else "is nobody"
    return f"if silent for at most {cut:,.4g} {UNIT_NAMES[unit]}"
