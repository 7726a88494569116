"""Gross, refunds and net, side by side: of a log, and of a forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import shown
from clvmodels.errors import ArgumentError, DataError, check_kind
from clvmodels.forecast.simulation import customer_stream
from clvmodels.prediction import Forecast, labelled, tail_levels
from clvmodels.transactions import RefundRecord

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 20  # customers: below that a bootstrap of them says little


@shown("total")
@dataclass(frozen=True, eq=False)
class NetForecast:
    """A forecast of what is sold, what of it is expected to come back, and what stays.

    Attributes
    ----------
    forecast
        Of gross value.
    share
        (S,) draws of the share of money that comes back.
    level
        Of the intervals of the totals.
    """

    forecast: Forecast
    share: np.ndarray
    level: float = 0.9

    @property
    def customers(self) -> pd.DataFrame:
        """One row per customer: customer_id, gross value, expected refunds, net value; all of them means.

        Every customer is expected to send back the same share: that of the log.
        """
        import pandas as pd

        gross = np.asarray(self.forecast.columns["clv_mean"])
        back = gross * float(self.share.mean())
        table = {"customer_id": self.forecast.columns["customer_id"], "gross_value": gross}
        table |= {"expected_refunds": back, "net_value": gross - back}
        return labelled(pd.DataFrame(table), self._facts)

    @property
    def total(self) -> pd.DataFrame:
        """Three rows, gross, refunds and net: mean of the total, and its interval unless a formula's."""
        import pandas as pd

        gross = self.forecast.total.draws
        is_distribution = self.forecast.is_distribution
        back = gross * (np.resize(self.share, len(gross)) if is_distribution else self.share.mean())
        rows = {"gross value": gross, "expected refunds": back, "net value": gross - back}
        table = {"mean": [float(draws.mean()) for draws in rows.values()]}
        if is_distribution:
            for name, tail in zip(("low", "high"), tail_levels(self.level), strict=True):
                table[name] = [float(np.quantile(draws, tail)) for draws in rows.values()]
        return labelled(pd.DataFrame(table, index=pd.Index(list(rows), name="view")), self._facts)

    @property
    def _facts(self) -> Mapping[str, Any]:
        low, high = np.quantile(self.share, tail_levels(self.level))
        return {
            **self.forecast.provenance,
            "interval": f"central {self.level:.0%} predictive interval"
            if self.forecast.is_distribution
            else "none: a formula",
            "refund_share": f"{self.share.mean():.2%}, between {low:.2%} and {high:.2%}",
        }


def net_of_refunds(
    forecast: Forecast, refunds: RefundRecord, *, level: float = 0.9, seed: int = 0
) -> NetForecast:
    r"""What of a forecast of gross value is expected to come back, and what stays.

    The share of money that comes back is that of the log,

    .. math:: \rho = \sum_i r_i \Big/ \sum_i g_i

    over its customers i, with what they paid g and what of it was paid back r. Its uncertainty is that of the Bayesian
    bootstrap: draw d weighs customers by flat Dirichlet weights, and the total of draw d is taken times
    :math:`1 - \rho_d`. Purchases too young for their refunds to have come are left out of both sums
    (`RefundRecord.mature`). That some customers return more than others, and that habits change, is not in it.

    Parameters
    ----------
    forecast
        Of the same log, summarised **gross**: with ``refunds="drop"``. Made of a log that was netted or matched it is
        net already.
    refunds
        What `refund_record` found in the log.
    level
        Of the intervals of the totals.
    seed
        Of the weights.

    Raises
    ------
    ArgumentError
        If the forecast knows no spend, or the level is outside (0, 1).
    DataError
        If nobody paid anything, or fewer than 20 customers did.

    Examples
    --------
    One purchase in ten of the last of these customers is sent back.

    >>> import clvmodels as clv, numpy as np, pandas as pd
    >>> sold = clv.load_cdnow("sample")
    >>> back = sold[sold.index % 10 == 9].assign(spend=lambda rows: -rows["spend"])
    >>> record = clv.refund_record(pd.concat([sold, back]), spend="spend", observation_end="1997-09-30")
    >>> rfm = clv.rfm_summary(sold, spend="spend", observation_end="1997-09-30")
    >>> forecast = clv.CLVModel("bg_nbd", method="map").fit(rfm).forecast("13W", draws=100)
    >>> net = net_of_refunds(forecast, record)
    >>> bool(0.08 < net.share.mean() < 0.12), net.total.index.tolist()
    (True, ['gross value', 'expected refunds', 'net value'])
    """
    check_kind("forecast", forecast, Forecast, "make one with fitted.forecast(horizon)")
    check_kind("refunds", refunds, RefundRecord, "make one with refund_record(log)")
    if forecast.value is None:
        raise ArgumentError(
            "a forecast of purchases only has no value that could come back: forecast spend, too"
        )
    tail_levels(level)
    paid = refunds.mature_paid > 0
    if paid.sum() < FEWEST:
        raise DataError(
            f"{int(paid.sum()):,} customers paid something that is old enough for its refunds to have come; "
            f"{FEWEST} are needed to know their share",
            fix="use a longer log",
        )
    rng = customer_stream(seed, "all", "refunds")
    count = max(len(forecast.value.draws), 2)
    order = np.lexsort((refunds.mature_back[paid], refunds.mature_paid[paid]))
    gross, back = refunds.mature_paid[paid][order], refunds.mature_back[paid][order]
    share = np.empty(count)
    for draw in range(count):
        weights = rng.exponential(size=len(gross))
        share[draw] = (weights @ back) / (weights @ gross)
    return NetForecast(forecast, np.minimum(share, 1.0), level)
