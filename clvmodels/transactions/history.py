"""The log behind a summary, for summaries of earlier dates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.rfm import RFM
from clvmodels.transactions.door import open_log
from clvmodels.transactions.holdout import Holdout, PurchaseEvents, cut, follow, purchases_until
from clvmodels.transactions.rules import Rules
from clvmodels.units import Moment, end_of_observation, last_observed


@dataclass(frozen=True, eq=False)
class LogHistory:
    """A log as it was read, closed at the end of the summary's observation (see `clvmodels.rfm.History`).

    It keeps a reference to the table, not a copy.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")
    >>> earlier, outcome = rfm.history.split("1997-06-30")
    >>> len(earlier), outcome.length, float(outcome.purchases.sum())
    (2357, 13.142857142857142, 725.0)
    """

    transactions: Any
    rules: Rules
    observation_start: Moment | None
    observed_until: datetime

    def split(self, cutoff: Moment, holdout_end: Moment | None = None) -> tuple[RFM, Holdout]:
        """The summary as of an earlier date, and what its customers did until `holdout_end`.

        Parameters
        ----------
        cutoff
            Last observed date of the earlier summary.
        holdout_end
            Last date of the window; by default the end of the observation.

        Raises
        ------
        ArgumentError
            If the window ends after the observation, or does not end after the cutoff.
        DataError
            If nobody had bought by the cutoff.
        """
        end = last_observed(self.observed_until) if holdout_end is None else holdout_end
        self._refuse_later(end)
        rfm, holdout = cut(open_log(self.transactions, self.rules), cutoff, end, self.observation_start)
        return self._with_history(rfm, cutoff), holdout

    def follow(self, cutoff: Moment, until: Moment) -> tuple[RFM, PurchaseEvents]:
        """The summary as of an earlier date, and its customers' purchases from then until another one.

        They are those of ``split(cutoff, until)[1].after``; nothing else is collected, so it takes less memory.

        Examples
        --------
        >>> import pandas as pd, clvmodels as clv
        >>> log = pd.DataFrame({"customer_id": [1, 1, 2], "date": ["2026-01-01", "2026-01-08", "2026-01-09"]})
        >>> rfm = clv.rfm_summary(log, observation_end="2026-01-31", time_unit="D")
        >>> earlier, after = rfm.history.follow("2026-01-05", "2026-01-10")
        >>> earlier.customer_id.tolist(), after.customer.tolist(), after.time.tolist()
        ([1], [0], [3.0])
        """
        self._refuse_later(until)
        rfm, after = follow(open_log(self.transactions, self.rules), cutoff, until, self.observation_start)
        return self._with_history(rfm, cutoff), after

    def _refuse_later(self, end: Moment) -> None:
        if end_of_observation(end) > self.observed_until:
            raise ArgumentError(
                f"the window would end on {end!s}, but this summary was observed until "
                f"{last_observed(self.observed_until)!s}; later rows are none of its business"
            )

    def _with_history(self, rfm: RFM, cutoff: Moment) -> RFM:
        return replace(rfm, history=replace(self, observed_until=end_of_observation(cutoff)))

    def purchases(self, rfm: RFM) -> PurchaseEvents:
        """The purchases of the summary's customers up to the end of its observation, first ones included.

        Examples
        --------
        >>> import pandas as pd, clvmodels as clv
        >>> log = pd.DataFrame({"customer_id": [1, 1, 2], "date": ["2026-01-01", "2026-01-08", "2026-01-05"]})
        >>> rfm = clv.rfm_summary(log, observation_end="2026-01-31", time_unit="D")
        >>> rfm.history.purchases(rfm).time.tolist()
        [-30.0, -23.0, -26.0]
        """
        return purchases_until(open_log(self.transactions, self.rules), rfm, self.observed_until)

    def repeat_times(self, rfm: RFM) -> np.ndarray:
        """(m,) times of the repeat purchases of the summary's customers, ascending.

        Measured from the end of observation in the summary's unit to the end of the purchase's period: at or
        below 0.

        Examples
        --------
        >>> import pandas as pd, clvmodels as clv
        >>> log = pd.DataFrame({"customer_id": [1, 1, 2], "date": ["2026-01-01", "2026-01-08", "2026-01-05"]})
        >>> rfm = clv.rfm_summary(log, observation_end="2026-01-31", time_unit="D")
        >>> rfm.history.repeat_times(rfm).tolist()
        [-23.0]
        """
        events = self.purchases(rfm)
        return np.sort(events.time[~events.is_first])
