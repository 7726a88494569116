"""SegmentRules of segmentation in a small declarative form: tiers of value, buying again or not, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError, DataError, check_kind, check_real, percent_hint
from clvmodels.prediction import as_numbers


@dataclass(frozen=True)
class Segment:
    """The customers of some tiers who will, or will not, buy again.

    Attributes
    ----------
    name
        What people call it.
    tiers
        Names of value tiers.
    buys
        True: those who buy within the horizon; False: those who do not; None: both.
    action
        What to do with them, in words.
    """

    name: str
    tiers: tuple[str, ...]
    buys: bool | None
    action: str


STANDARD = (
    Segment("protect", ("high",), True, "keep them content; no discounts they do not need"),
    Segment("grow", ("low",), True, "show them more of the range"),
    Segment("win back", ("high",), False, "worth a personal offer before they are gone"),
    Segment("let go", ("low",), False, "no spending beyond the ordinary mailing"),
)


@dataclass(frozen=True)
class SegmentRules:
    """Tiers of value and the segments made of them.

    A customer's tier is that of the value drawn if they buy within the horizon; of a customer who does not
    buy in a draw, it is that of their *worth*: the mean value over the draws in which they do buy. A tier by the
    mean value itself would hold the chance to buy twice, and leave hardly anybody to win back.

    Parameters
    ----------
    tiers
        Names from low to high.
    money
        Value at which each tier but the first begins, ascending, above 0; one less than the tiers.
    shares
        The same as shares of the customers, in (0, 1): 0.8 begins the last tier at the worth that
        80 % of the customers stay below. Give one of `money` and `shares`.
    segments
        Together they must hold every pair of a tier and buying or not exactly once.
    at_risk
        Valuable customers whose chance to buy again is below this share are on the list of customers at risk.

    Raises
    ------
    ArgumentError
        If thresholds are not ascending or outside their range, or segments overlap or leave a gap.

    Examples
    --------
    >>> SegmentRules(money=(50,)).segments[0].name
    'protect'
    >>> gold = SegmentRules(
    ...     tiers=("low", "middle", "high"),
    ...     shares=(0.5, 0.9),
    ...     segments=(
    ...         Segment("care", ("middle", "high"), None, "call them"),
    ...         Segment("rest", ("low",), None, "mail them"),
    ...     ),
    ... )
    >>> gold.thresholds(np.arange(1.0, 11.0))
    (6.0, 10.0)
    """

    tiers: tuple[str, ...] = ("low", "high")
    money: tuple[float, ...] | None = None
    shares: tuple[float, ...] | None = None
    segments: tuple[Segment, ...] = STANDARD
    at_risk: float = 0.5

    def __post_init__(self) -> None:
        if self.money is None and self.shares is None:
            object.__setattr__(self, "shares", (0.8,))
        if self.money is not None and self.shares is not None:
            raise ArgumentError("give money thresholds or shares, not both")
        bounds: Any = self.money if self.money is not None else self.shares
        if isinstance(bounds, int | float):
            raise ArgumentError(f"thresholds must be a tuple, such as ({bounds},), not {bounds!r}")
        if not as_numbers("thresholds", bounds).ndim:
            raise ArgumentError(f"thresholds={bounds!r} must be a tuple of numbers, such as (100.0,)")
        check_kind("tiers", self.tiers, Sequence, "write ('low', 'high')")
        if len(bounds) != len(self.tiers) - 1 or len(set(self.tiers)) != len(self.tiers):
            raise ArgumentError(
                f"tiers={self.tiers} must be {len(bounds) + 1} different names, one more than the thresholds {bounds}"
            )
        if not all(np.isfinite(bounds)) or not all(np.diff(bounds) > 0) or bounds[0] <= 0:
            raise ArgumentError(
                f"thresholds {bounds} must ascend from above 0; the first tier begins at nothing"
            )
        if self.shares is not None and bounds[-1] >= 1:
            raise ArgumentError(
                f"shares={self.shares} must lie between 0 and 1: the best fifth begins at 0.8 (amounts go to money=)"
            )
        check_real("at_risk", self.at_risk)
        if not 0 < self.at_risk < 1:
            raise ArgumentError(
                f"at_risk={self.at_risk!r} must be a chance between 0 and 1; "
                f"ten per cent is 0.10{percent_hint(self.at_risk)}"
            )
        self._check_cover()

    def _check_cover(self) -> None:
        check_kind("segments", self.segments, Sequence, "write a tuple of Segment(...)")
        for one in self.segments:
            check_kind("one of segments", one, Segment, "write a tuple of Segment(...)")
        names = [segment.name for segment in self.segments]
        if len(set(names)) != len(names):
            raise ArgumentError(f"segments must have different names, not {names}")
        unknown = {tier for segment in self.segments for tier in segment.tiers} - set(self.tiers)
        if unknown:
            raise ArgumentError(f"segments name tiers {sorted(unknown)}, there are {self.tiers}")
        for tier, buys in product(self.tiers, (True, False)):
            owners = [one.name for one in self.segments if tier in one.tiers and one.buys in (None, buys)]
            if len(owners) != 1:
                who = f"tier {tier!r} {'buying again' if buys else 'not buying again'}"
                raise ArgumentError(
                    f"{who} belongs to {owners or 'no segment'}; it must belong to exactly one"
                )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the segments, in order."""
        return tuple(segment.name for segment in self.segments)

    @property
    def cells(self) -> np.ndarray:
        """(tiers, 2) position of the segment of each tier of those who do not buy, and who do."""
        return np.array(
            [
                [
                    next(
                        i
                        for i, one in enumerate(self.segments)
                        if tier in one.tiers and one.buys in (None, buys)
                    )
                    for buys in (False, True)
                ]
                for tier in self.tiers
            ]
        )

    def thresholds(self, worth: np.ndarray) -> tuple[float, ...]:
        """Money at which the tiers begin, where shares are shares of the customers by their worth (n,).

        A threshold is the value of a customer, so that the result does not hang on interpolation.

        Raises
        ------
        DataError
            If so many customers are worth the same that two tiers begin at one amount, or at nothing.
        """
        if self.money is not None:
            return tuple(float(amount) for amount in self.money)
        ordered = np.sort(worth)
        begins = [
            ordered[min(int(np.floor(share * len(ordered))), len(ordered) - 1)] for share in self.shares or ()
        ]
        if begins[0] <= 0 or not all(np.diff(begins) > 0):
            raise DataError(
                f"shares {self.shares} of the customers begin at the values {[float(b) for b in begins]}: "
                "too many customers are worth the same",
                fix="give money thresholds, or other shares",
            )
        return tuple(float(amount) for amount in begins)


def settle(chances: np.ndarray, last: np.ndarray, lead: float) -> np.ndarray:
    """Label of each customer: the likeliest segment, unless last time's is nearly as likely.

    The label changes only if the chance of the new one exceeds that of the last one by more than `lead`, so
    that customers near a border do not change sides with every run. Ties go to the segment named first.

    Parameters
    ----------
    chances
        (n, G) membership probabilities.
    last
        (n,) position of the last label, -1 where there is none.
    lead
        In [0, 1]; 0 keeps the last label only in a tie.

    Returns
    -------
    (n,) positions of the labels.

    Examples
    --------
    >>> settle(np.array([[0.4, 0.6], [0.45, 0.55]]), np.array([0, 0]), 0.15).tolist()
    [1, 0]
    """
    best = chances.argmax(axis=1)
    rows = np.arange(len(chances))
    ahead = chances[rows, best] - chances[rows, np.maximum(last, 0)]
    return np.where((last >= 0) & (ahead <= lead + 1e-12), last, best)


def last_positions(last: Mapping[str, str] | None, ids: list[str], names: tuple[str, ...]) -> np.ndarray:
    """(n,) position of each customer's last label, -1 where there is none.

    Raises
    ------
    DataError
        If a last label is not among the segments.
    """
    if last is None:
        return np.full(len(ids), -1)
    unknown = sorted(set(last.values()) - set(names))
    if unknown:
        raise DataError(
            f"the last run's labels are not among the segments {names}",
            rows=len(unknown),
            examples=unknown,
            fix="give last=None after a change of the rules, or translate the old names",
        )
    return np.array([names.index(last[one]) if one in last else -1 for one in ids], dtype=int)
