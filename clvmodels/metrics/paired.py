"""Is one forecaster better than another? Differences of scores of the same customers, with their interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.metrics.door import as_columns, as_share, mean_of
from clvmodels.metrics.resampling import resampled_sums
from clvmodels.prediction import labelled, tail_levels

if TYPE_CHECKING:
    import pandas as pd

FEWEST_CUSTOMERS = 20  # resampling fewer shows too little spread


@dataclass(frozen=True)
class PairedDifference:
    """How much smaller the loss of one forecaster is, on the same customers at one origin.

    Attributes
    ----------
    names
        The two forecasters, A and B.
    percent
        ``100 (1 - loss of A / loss of B)``: above 0, A is better. nan where B's loss is not above 0.
    low, high
        Central interval of `percent` over resampled customers; nan with fewer than 20 customers, or where a
        resample has no loss of B.
    level
        Its level, such as 0.9.
    share_better, share_equal
        Shares of the customers for whom A's score is smaller, and equal.
    losses
        Mean scores (or their roots) of A and B.
    customers, resamples
        How many.
    """

    names: tuple[str, str]
    percent: float
    low: float
    high: float
    level: float
    share_better: float
    share_equal: float
    losses: tuple[float, float]
    customers: int
    resamples: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0

    @property
    def text(self) -> str:
        """The finding in one line, with the interval and its kind."""
        a, b = self.names
        if math.isnan(self.percent):
            return f"{a} and {b} cannot be compared in per cent, because the loss of {b} is not above 0"
        if math.isnan(self.low):
            return f"{a} and {b} differ by {abs(self.percent):.1f} %, with too few customers for an interval"
        kind = f"({100 * self.level:.4g} % customer bootstrap, one origin)"
        if not self.is_clear:
            return f"{a} and {b} cannot be told apart: {self.percent:.1f} % [{self.low:.1f}, {self.high:.1f}] {kind}"
        if self.percent > 0:
            return f"{a} beats {b} by {self.percent:.1f} % [{self.low:.1f}, {self.high:.1f}] {kind}"
        return f"{a} is worse than {b} by {-self.percent:.1f} % [{-self.high:.1f}, {-self.low:.1f}] {kind}"


def paired_difference(
    score_a: Any,
    score_b: Any,
    *,
    seed: int,
    resamples: int = 2000,
    level: float = 0.9,
    root: bool = False,
    names: tuple[str, str] = ("A", "B"),
) -> PairedDifference:
    """Compare two forecasters by their scores of the same customers at one origin.

    The relative difference ``100 (1 - mean a / mean b)``, and its central interval over customers drawn with
    replacement, who keep their pair of scores: what both find hard cancels. Where the customers go is settled by
    their pairs of scores, so the order of rows leaves no trace.

    The interval speaks of other customers of the same kind in the same period. It knows nothing of another
    period: common shocks, and the parameters having been learned from one past, are not in it. Compare
    distributions by CRPS or log score, medians by the absolute error and means by the squared error (with
    `root`): a forecaster judged by another's functional loses for no fault of its own.

    Parameters
    ----------
    score_a, score_b
        (n,) losses (smaller is better) of the same customers in one order.
    seed
        Of the bootstrap.
    resamples
        At least 100.
    level
        Of the interval, strictly between 0 and 1.
    root
        The scores are squared errors, and roots of their means are compared, as `rmse` does.
    names
        The two forecasters in the text.

    Raises
    ------
    ArgumentError
        If arrays do not fit, hold values that are not finite, or are negative under `root`; if seed, resamples
        or level are not legal.

    References
    ----------
    Efron, B. and Tibshirani, R. J. (1993). An introduction to the bootstrap. doi:10.1201/9780429246593

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> hard = rng.gamma(1, 1, 3000)
    >>> found = paired_difference(0.95 * hard, hard + rng.normal(0, 0.1, 3000) ** 2, seed=1)
    >>> found.text
    'A beats B by 6.0 % [5.9, 6.0] (90 % customer bootstrap, one origin)'
    """
    central = as_share("level", level)
    a, b = as_columns({"score_a": score_a, "score_b": score_b})
    if root and (negative := int((a < 0).sum() + (b < 0).sum())):
        raise ArgumentError(
            f"{negative:,} scores are negative, so they are no squared errors; set root=False"
        )
    sums = resampled_sums((a, b), np.lexsort((b, a)), seed=seed, resamples=resamples)
    means = mean_of(a), mean_of(b)
    low, high = np.nan, np.nan
    if len(a) >= FEWEST_CUSTOMERS and (sums[:, 1] > 0).all():
        low, high = np.quantile(_percent(sums[:, 0], sums[:, 1], root), tail_levels(central))
    return PairedDifference(
        names=names,
        percent=float(_percent(means[0], means[1], root)) if means[1] > 0 else np.nan,
        low=float(low),
        high=float(high),
        level=central,
        share_better=float((a < b).mean()),
        share_equal=float((a == b).mean()),
        losses=(math.sqrt(means[0]), math.sqrt(means[1])) if root else means,
        customers=len(a),
        resamples=int(resamples),
    )


def _percent(a: Any, b: Any, root: bool) -> Any:
    quotient = a / b
    return 100 * (1 - (np.sqrt(quotient) if root else quotient))


@dataclass(frozen=True)
class OriginDifferences:
    """Differences of two forecasters at several origins, each by itself.

    Holdouts of several origins overlap, and so do the customers and the data the forecasts were learned from.
    The differences are not independent; there is no common standard error here, and their range is no interval.

    Attributes
    ----------
    by_origin
        The difference at each origin, in the order given.
    """

    by_origin: Mapping[str, PairedDifference]

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest difference in per cent."""
        found = [one.percent for one in self.by_origin.values()]
        return min(found), max(found)

    @property
    def text(self) -> str:
        """At how many origins A was better, and the range of the differences."""
        found = list(self.by_origin.values())
        a, b = found[0].names
        if len(found) == 1:
            return found[0].text
        better, clear = sum(one.percent > 0 for one in found), sum(one.low > 0 for one in found)
        low, high = self.range
        return (
            f"{a} is better than {b} at {better} of {len(found)} origins, beyond the noise of customers at "
            f"{clear}; by {low:.1f} to {high:.1f} % (range over origins, which are not independent)"
        )

    @property
    def table(self) -> pd.DataFrame:
        """One row per origin; `attrs` says what the interval is."""
        import pandas as pd

        rows = [
            {
                "origin": origin,
                "percent": one.percent,
                "low": one.low,
                "high": one.high,
                "share_better": one.share_better,
                "share_equal": one.share_equal,
                "loss_a": one.losses[0],
                "loss_b": one.losses[1],
                "customers": one.customers,
            }
            for origin, one in self.by_origin.items()
        ]
        first = next(iter(self.by_origin.values()))
        kind = f"central {100 * first.level:.4g} % interval over resampled customers, within one origin"
        return labelled(pd.DataFrame(rows), {"a": first.names[0], "b": first.names[1], "interval": kind})


def paired_by_origin(
    scores: Mapping[str, tuple[Any, Any]],
    *,
    seed: int,
    resamples: int = 2000,
    level: float = 0.9,
    root: bool = False,
    names: tuple[str, str] = ("A", "B"),
) -> OriginDifferences:
    """`paired_difference` at each origin by itself, and the range over origins.

    Parameters
    ----------
    scores
        The scores of A and of B, (n,) each, by origin.
    seed, resamples, level, root, names
        As in `paired_difference`.

    Raises
    ------
    ArgumentError
        If there is no origin, or as `paired_difference`.

    Examples
    --------
    >>> hard = np.linspace(1, 2, 50)
    >>> found = paired_by_origin({"May": (0.9 * hard, hard), "June": (0.8 * hard, hard)}, seed=1)
    >>> found.text
    'A is better than B at 2 of 2 origins, beyond the noise of customers at 2; by 10.0 to 20.0 % (range over
    origins, which are not independent)'
    """
    if not scores:
        raise ArgumentError("scores name no origin; give the scores of at least one")
    return OriginDifferences(
        {
            origin: paired_difference(
                a, b, seed=seed, resamples=resamples, level=level, root=root, names=names
            )
            for origin, (a, b) in scores.items()
        }
    )
