"""Cut: one origin's customers as they were known, and what they did afterwards, once per horizon."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

import numpy as np

from clvmodels.backtesting.origins import Origins, Window
from clvmodels.errors import ArgumentError
from clvmodels.rfm import RFM, History, Outcome, Purchases, id_text
from clvmodels.transactions import Holdout, PurchaseEvents, calibration_holdout
from clvmodels.units import (
    Moment,
    as_datetime,
    discount_per_unit,
    end_of_observation,
    last_observed,
    parse_duration,
    unit_days,
)


@dataclass(frozen=True)
class Worth:
    """At what rate and margin a purchase counts; with the defaults there is no quantity of that name."""

    annual_discount_rate: float = 0.0
    margin: float = 1.0

    @property
    def is_asked(self) -> bool:
        """Whether value is something else than spend."""
        return self.annual_discount_rate != 0 or self.margin != 1


@dataclass(frozen=True, eq=False)
class Cut:
    """What one origin knew, and what came.

    Attributes
    ----------
    origin
        Last observed date, as text.
    rfm
        The customers known at the origin, with their history.
    horizons, holdouts
        One holdout per horizon, shortest first.
    actual
        What happened, by horizon and quantity, (n,) each.
    lots
        (n,) one uniform number per customer, which settles the ties of a PIT.
    arrivals
        Ages at the origin of all who could have joined, also those too young to be scored; empty for a closed cohort.
    left_out
        Customers known at the origin whom the cohort rule leaves out.
    """

    origin: str
    rfm: RFM
    horizons: tuple[str, ...]
    holdouts: tuple[Holdout, ...]
    actual: Mapping[str, Mapping[str, np.ndarray]]
    lots: np.ndarray
    arrivals: np.ndarray
    left_out: int

    @property
    def cohort(self) -> np.ndarray:
        """(n,) month of each customer's first purchase, such as ``1997-01``."""
        return first_days(self.rfm).astype("datetime64[M]").astype(str)


def cut_log(
    transactions: Any, window: Window, origins: Origins, worth: Worth, seed: int, options: Mapping[str, Any]
) -> Cut:
    """Summarise the log at an origin and collect what followed, horizon by horizon.

    Raises
    ------
    ArgumentError
        If the cohort rule leaves nobody.
    """
    pairs = [
        calibration_holdout(transactions, cutoff=window.origin, holdout_end=last_observed(end), **options)
        for end in window.ends
    ]
    everyone, holdouts = pairs[0][0], tuple(holdout for _, holdout in pairs)
    chosen = cohort_members(everyone, origins)
    if not chosen.any():
        raise ArgumentError(
            f"at origin {window.origin} no customer belongs to the cohort; widen first_seen or min_age"
        )
    rfm = everyone
    if not chosen.all():
        history = None if everyone.history is None else CohortHistory(everyone.history, origins)
        rfm = replace(everyone.take(chosen), history=history)
        holdouts = tuple(_members(holdout, chosen) for holdout in holdouts)
    if origins.is_closed:
        holdouts = tuple(_without_newcomers(holdout) for holdout in holdouts)
    origin = str(window.origin)
    return Cut(
        origin=origin,
        rfm=rfm,
        horizons=origins.horizons,
        holdouts=holdouts,
        actual={
            text: _actual(holdout, worth) for text, holdout in zip(origins.horizons, holdouts, strict=True)
        },
        lots=_lots(rfm.customer_id, f"{seed}|lot|{origin}|"),
        arrivals=everyone.T[:0] if origins.is_closed else everyone.T,
        left_out=int((~chosen).sum()),
    )


def cohort_members(rfm: RFM, origins: Origins) -> np.ndarray:
    """(n,) mask of the customers whom a cohort rule admits."""
    chosen = np.ones(len(rfm), dtype=bool)
    if origins.min_age is not None:
        count, step = parse_duration(origins.min_age)
        least = count * unit_days(step) / unit_days(rfm.time_unit)
        chosen &= least * (1 - 1e-12) <= rfm.T
    if origins.first_seen is not None:
        since, until = origins.first_seen
        born = first_days(rfm)
        if since is not None:
            chosen &= born >= np.datetime64(as_datetime(since), "ms")
        if until is not None:
            chosen &= born < np.datetime64(end_of_observation(until), "ms")
    return chosen


def first_days(rfm: RFM) -> np.ndarray:
    """(n,) the last moment of the period of each customer's first purchase, in milliseconds."""
    # age counts from the end of the first purchase's period: a moment earlier lies within it
    milliseconds = np.rint(rfm.T * unit_days(rfm.time_unit) * 86_400_000).astype("timedelta64[ms]")
    until = np.datetime64(cast(datetime, rfm.observed_until), "ms")
    return np.asarray(until - milliseconds - np.timedelta64(1, "ms"))


@dataclass(frozen=True, eq=False)
class CohortHistory:
    """The history of a summary, seen through its cohort rule."""

    whole: History
    origins: Origins

    def split(self, cutoff: Moment, holdout_end: Moment | None = None) -> tuple[RFM, Outcome]:
        """As `clvmodels.rfm.History.split`, for the customers whom the rule admits at the cutoff."""
        rfm, outcome = self.whole.split(cutoff, holdout_end)
        chosen = cohort_members(rfm, self.origins)
        if not chosen.any():
            raise ArgumentError(f"at {cutoff!s} no customer belongs to the cohort yet; choose a later cutoff")
        history = None if rfm.history is None else CohortHistory(rfm.history, self.origins)
        return replace(rfm.take(chosen), history=history), _members(cast(Holdout, outcome), chosen)

    def purchases(self, rfm: RFM) -> Purchases:
        """As `clvmodels.rfm.History.purchases`."""
        return self.whole.purchases(rfm)

    def repeat_times(self, rfm: RFM) -> np.ndarray:
        """As `clvmodels.rfm.History.repeat_times`."""
        return self.whole.repeat_times(rfm)


def _members(holdout: Holdout, chosen: np.ndarray) -> Holdout:
    """The holdout of some of its customers; newcomers stay as they are."""
    place = np.cumsum(chosen) - 1

    def kept(events: PurchaseEvents) -> PurchaseEvents:
        mine = chosen[events.customer]
        return PurchaseEvents(
            customer=place[events.customer[mine]],
            time=events.time[mine],
            purchases=events.purchases[mine],
            is_first=events.is_first[mine],
            spend=None if events.spend is None else events.spend[mine],
        )

    return replace(
        holdout,
        customer_id=holdout.customer_id[chosen],
        purchases=holdout.purchases[chosen],
        spend=None if holdout.spend is None else holdout.spend[chosen],
        before=kept(holdout.before),
        after=kept(holdout.after),
    )


def _without_newcomers(holdout: Holdout) -> Holdout:
    spend = None if holdout.new_spend is None else 0.0
    return replace(holdout, new_customers=0, new_purchases=0, new_spend=spend)


def _actual(holdout: Holdout, worth: Worth) -> dict[str, np.ndarray]:
    found = {"purchases": holdout.purchases}
    if holdout.spend is not None:
        found["spend"] = holdout.spend
        if worth.is_asked:
            rate = discount_per_unit(worth.annual_discount_rate, holdout.time_unit)
            amounts = (
                cast(np.ndarray, holdout.after.spend) * np.exp(-rate * holdout.after.time) * worth.margin
            )
            found["value"] = np.bincount(holdout.after.customer, amounts, minlength=len(holdout.purchases))
    return found


def _lots(ids: np.ndarray, key: str) -> np.ndarray:
    """(n,) numbers in [0, 1) that depend on the key and the customer only: 53 bits of a hash."""
    digests = b"".join(
        hashlib.blake2b(f"{key}{id_text(identity)}".encode(), digest_size=8).digest()
        for identity in ids.tolist()
    )
    return np.asarray((np.frombuffer(digests, dtype="<u8") >> 11) * 2.0**-53)
