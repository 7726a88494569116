"""Forecasters of guests, in a module that other processes can import."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

import clvmodels as clv
from clvmodels.baselines.projection import Projection
from clvmodels.rfm import RFM


@dataclass(frozen=True)
class Curious:
    """Forecasts what each customer bought in the last weeks, by asking the history; fails where it may not look."""

    name: str = "curious"
    weeks: int = 13

    def fit(self, rfm: RFM, *, seed: int = 0) -> Projection:
        assert rfm.history is not None
        assert rfm.observed_until is not None
        cutoff = datetime.fromordinal(rfm.observed_until.toordinal() - 7 * self.weeks - 1)
        earlier, outcome = rfm.history.split(cutoff.date())
        bought = dict(zip(earlier.customer_id.tolist(), outcome.purchases.tolist(), strict=True))
        rate = [bought.get(identity, 0.0) / outcome.length for identity in rfm.customer_id.tolist()]
        return Projection(self.name, rfm, "purchases of the last weeks", np.array(rate), None)


@dataclass(frozen=True)
class Peeping:
    """Asks the history for what came after the origin."""

    name: str = "peeping"

    def fit(self, rfm: RFM, *, seed: int = 0) -> Projection:
        assert rfm.history is not None
        rfm.history.split("1997-06-30", "1998-06-30")
        raise AssertionError("the future was within reach")


@dataclass(frozen=True)
class Moody:
    """Fails at the origins it does not like."""

    name: str = "moody"
    least: int = 0

    def fit(self, rfm: RFM, *, seed: int = 0) -> Projection:
        if len(rfm) < self.least:
            raise clv.FitError(f"{len(rfm)} customers are too few")
        return clv.HistoricalCLV().fit(rfm, seed=seed)


@dataclass(frozen=True)
class Unfit:
    """Fits, and says that the fit may not be used."""

    name: str = "unfit"

    def fit(self, rfm: RFM, *, seed: int = 0) -> Unfit:
        return self

    @property
    def summary(self) -> str:
        return "the optimum was not found"

    @property
    def usable(self) -> bool:
        return False


class Nameless:
    """Fits, and has no name."""

    def fit(self, rfm: RFM, *, seed: int = 0) -> Projection:
        raise AssertionError("nobody asks a forecaster without a name")
