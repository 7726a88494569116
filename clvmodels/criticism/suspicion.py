"""Suspicion: what one check found, how sure it is, and the numbers behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clvmodels.errors import DataError
from clvmodels.metrics import resampled_sums
from clvmodels.prediction import check_single, labelled, tail_levels
from clvmodels.rfm import RFM, id_text
from clvmodels.transactions import PurchaseEvents

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["clear", "worth a look", "suspect", "not run"]
CUSTOMER_BOOTSTRAP = "customer bootstrap"


@dataclass(frozen=True)
class Sampling:
    """How an interval is made: its level, and the seed and number of resamples of customers."""

    level: float = 0.9
    seed: int = 0
    resamples: int = 1000

    def __post_init__(self) -> None:
        tail_levels(self.level)

    @property
    def kind(self) -> str:
        """Level and kind of the interval, for a sentence."""
        return f"{100 * self.level:.4g} % {CUSTOMER_BOOTSTRAP}"

    def sums(self, rfm: RFM, columns: Iterable[np.ndarray]) -> np.ndarray:
        """Sums of (n,) columns over resampled customers, (resamples, k), blind to the order of rows."""
        names = np.array([id_text(identity) for identity in rfm.customer_id])
        return resampled_sums(columns, np.argsort(names), seed=self.seed, resamples=self.resamples)

    def interval(self, values: np.ndarray) -> tuple[float, float]:
        """Central interval of resampled values; nan if one of them is not defined."""
        if not np.isfinite(values).all():
            return math.nan, math.nan
        low, high = np.quantile(values, tail_levels(self.level))
        return float(low), float(high)


USUAL = Sampling()


@dataclass(frozen=True, eq=False)
class Suspicion:
    """What one check found.

    Attributes
    ----------
    name
        What is suspected.
    estimate, low, high
        The size of the effect and its interval; nan where the check could not be run.
    level
        Level of the interval, such as 0.9: so often the interval of a world without the effect holds `neutral`.
    neutral
        What `estimate` is where the model's assumption holds.
    verdict
        ``clear``: the interval holds the neutral value. ``worth a look``: it does not. ``suspect``: the whole
        interval lies beyond what still does no harm. ``not run``: the sentence says why.
    sentence
        The finding for a manager.
    evidence
        Equally long columns by name, the numbers behind the finding; `frame` shows them.
    """

    name: str
    estimate: float
    low: float
    high: float
    level: float
    neutral: float
    verdict: Verdict
    sentence: str
    evidence: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers behind the finding; `attrs` says what they belong to."""
        import pandas as pd

        facts = {"check": self.name, "estimate": self.estimate, "verdict": self.verdict, "level": self.level}
        return labelled(pd.DataFrame(dict(self.evidence)), facts)

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}. {self.sentence}"


def judge(low: float, high: float, neutral: float, harmless: tuple[float, float]) -> Verdict:
    """The verdict that an interval deserves; `harmless` is the range of effects that can be lived with.

    Examples
    --------
    >>> judge(0.9, 1.1, 1, (0.8, 1.25)), judge(1.1, 1.6, 1, (0.8, 1.25)), judge(1.3, 1.6, 1, (0.8, 1.25))
    ('clear', 'worth a look', 'suspect')
    """
    if low <= neutral <= high:
        return "clear"
    return "suspect" if low > harmless[1] or high < harmless[0] else "worth a look"


def not_run(name: str, reason: str, sampling: Sampling, neutral: float) -> Suspicion:
    """A check that the data do not allow."""
    nan = math.nan
    return Suspicion(name, nan, nan, nan, sampling.level, neutral, "not run", f"Not checked: {reason}.")


def suspicion_table(suspicions: Iterable[Suspicion]) -> pd.DataFrame:
    """One row per check: name, verdict, estimate, low, high, level, neutral, sentence.

    Examples
    --------
    >>> suspicion_table([not_run("drift", "there is one origin", Sampling(), 1.0)])["verdict"].tolist()
    ['not run']
    """
    import pandas as pd

    names = ("name", "verdict", "estimate", "low", "high", "level", "neutral", "sentence")
    found = list(suspicions)
    columns: dict[str, Any] = {name: [getattr(one, name) for one in found] for name in names}
    return labelled(pd.DataFrame(columns), {"interval": "level and kind stand in each sentence"})


def check_events(rfm: RFM, events: PurchaseEvents) -> None:
    """Refuse purchases that are not the calibration behind the summary.

    Raises
    ------
    DataError
        If a row of the summary stands for several customers, or its frequency is not the number of repeat
        purchases among the events.
    """
    check_single(rfm)
    known = (events.customer >= 0) & (events.customer < len(rfm))
    fix = "pass the holdout's `before` and the summary that calibration_holdout made with it"
    if not known.all() or (events.time > 0).any():
        raise DataError(
            "events must be purchases of the summary's customers up to its end",
            column="events",
            rows=int((~known | (events.time > 0)).sum()),
            fix=fix,
        )
    repeats = np.bincount(events.customer, events.purchases * ~events.is_first, minlength=len(rfm))
    if (odd := repeats != rfm.frequency).any():
        raise DataError(
            "events must hold as many repeat purchases as the summary's frequency",
            column="events",
            rows=int(odd.sum()),
            examples=rfm.customer_id[odd].tolist(),
            fix=fix,
        )
