"""What a summary remembers of the log it was made from: the way back to an earlier date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from clvmodels.units import Moment

if TYPE_CHECKING:
    from clvmodels.rfm.summary import RFM


class Outcome(Protocol):
    """What the customers of an earlier summary did afterwards.

    Attributes
    ----------
    customer_id
        (n,) as in the summary, same order.
    purchases, spend
        (n,) purchases and money after the cutoff; `spend` is None without spend.
    length
        Length of the window in the summary's time unit.
    """

    @property
    def customer_id(self) -> np.ndarray: ...
    @property
    def purchases(self) -> np.ndarray: ...
    @property
    def spend(self) -> np.ndarray | None: ...
    @property
    def length(self) -> float: ...


class Purchases(Protocol):
    """Purchases of a summary's customers, one by one.

    Attributes
    ----------
    customer
        (m,) positions in the summary.
    time
        (m,) time of the end of the purchase's period, from the end of observation in the summary's unit.
    purchases
        (m,) 1, or 0 where a row brings only money.
    is_first
        (m,) whether it is the customer's first.
    """

    @property
    def customer(self) -> np.ndarray: ...
    @property
    def time(self) -> np.ndarray: ...
    @property
    def purchases(self) -> np.ndarray: ...
    @property
    def is_first(self) -> np.ndarray: ...


class History(Protocol):
    """The log behind a summary, up to the end of its observation and not a row further.

    Whoever learns from earlier windows (a regression, a choice among models) asks it, and so cannot
    see what the summary itself could not know.
    """

    def split(self, cutoff: Moment, holdout_end: Moment | None = None) -> tuple[RFM, Outcome]:
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
        ...

    def purchases(self, rfm: RFM) -> Purchases:
        """The purchases of the summary's customers up to the end of its observation, first ones included."""
        ...

    def repeat_times(self, rfm: RFM) -> np.ndarray:
        """(m,) times of the repeat purchases of the summary's customers, ascending.

        Measured from the end of observation in the summary's unit to the end of the purchase's period: at or
        below 0.
        """
        ...
