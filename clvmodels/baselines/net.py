"""Net historical CLV: what customers brought, less what they cost, per head."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clvmodels.baselines.projection import Projection, in_units, tenure, total, whole_spend
from clvmodels.errors import ArgumentError, check_real
from clvmodels.rfm import RFM
from clvmodels.units import DAYS_PER_YEAR, unit_days


def net_historical_clv(
    revenue: float, acquisition_cost: float, retention_cost: float, customers: float
) -> float:
    """Net historical CLV of a window, ``(revenue - acquisition cost - retention cost) / customers``.

    Parameters
    ----------
    revenue, acquisition_cost, retention_cost
        Totals of the window, in money, >= 0.
    customers
        Customers of the window, > 0.

    Returns
    -------
    float
        Money per customer; below 0 where customers cost more than they brought.

    Raises
    ------
    ArgumentError
        If an amount is negative or there is no customer.

    Examples
    --------
    A hundred customers brought 50 each; winning and keeping them cost 3,000.

    >>> net_historical_clv(100 * 50, 2000, 1000, 100)
    20.0
    """
    amounts = {"revenue": revenue, "acquisition_cost": acquisition_cost, "retention_cost": retention_cost}
    for name, amount in amounts.items():
        check_real(name, amount)
        if not 0 <= amount < math.inf:
            raise ArgumentError(
                f"{name}={amount!r} must be a finite amount of at least 0; costs carry no minus sign"
            )
    check_real("customers", customers)
    if not customers > 0:
        raise ArgumentError(f"customers={customers!r} must be above 0")
    return (revenue - acquisition_cost - retention_cost) / customers


@dataclass(frozen=True)
class NetHistoricalCLV:
    """Net historical CLV: everybody goes on bringing, net of costs, what the average customer brought so far.

        net   = (Σ spend - Σ acquisition costs - Σ retention costs) / customers      in the observed window
        value = net / mean tenure · horizon                                          the same for everybody

    **Assumption**: customers are all alike, the future repeats the window in proportion to time, nobody
    leaves, and the cost of winning customers recurs like any other (set it to 0 to leave it in the past).
    Margin applies to the spend and not to the costs.

    Parameters
    ----------
    acquisition_cost
        Money per customer, spent once within the window; >= 0.
    retention_cost
        Money per customer and year of tenure; >= 0.
    min_tenure
        Ages below it are raised to it.
    label
        Name in tables and reports.

    Raises
    ------
    ArgumentError
        If a cost is negative, or `min_tenure` is no duration of fixed length.

    References
    ----------
    Gupta, S. et al. (2006). Modeling customer lifetime value. Journal of Service Research 9.
    doi:10.1177/1094670506293810

    Examples
    --------
    Two customers of 20 weeks brought 100 in all and cost 30 each to win: 20 net per head, so 10 in ten weeks.

    >>> rfm = RFM.from_arrays(
    ...     frequency=[2, 0], recency=[18, 0], T=[20, 20], monetary_value=[25, 0],
    ...     statistics={"spend_first": [25, 25]},
    ...     time_unit="W",
    ... )
    >>> NetHistoricalCLV(acquisition_cost=30).fit(rfm).forecast("10W").customers["clv_mean"].tolist()
    [10.0, 10.0]
    """

    acquisition_cost: float = 0.0
    retention_cost: float = 0.0
    min_tenure: str = "1W"
    label: str | None = None

    def __post_init__(self) -> None:
        net_historical_clv(0.0, self.acquisition_cost, self.retention_cost, 1)
        in_units(self.min_tenure, "W")

    @property
    def name(self) -> str:
        """The label, or the formula."""
        return self.label or "Net historical CLV"

    def fit(self, rfm: RFM, *, seed: int = 0) -> Projection:  # noqa: ARG002  (no chance in it)
        """Net value of the average customer per unit of time.

        Raises
        ------
        DataError
            If the summary does not hold the first purchase's spend.
        """
        spend, heads = whole_spend(rfm), total(rfm.weights)
        observed = total(rfm.weights * tenure(rfm, self.min_tenure))
        years = observed * unit_days(rfm.time_unit) / DAYS_PER_YEAR
        winning, keeping = self.acquisition_cost * heads, self.retention_cost * years
        everybody = np.ones(len(rfm))
        text = f"everybody at the average of {heads:,.0f} customers"
        if spend is None:
            return Projection(self.name, rfm, text, _purchases(rfm) / observed * everybody, None)
        revenue = total(rfm.weights * spend)
        net = net_historical_clv(revenue, winning, keeping, heads)
        return Projection(
            self.name,
            rfm,
            f"{text}: ({revenue:,.2f} - {winning:,.2f} - {keeping:,.2f}) / {heads:,.0f} = {net:,.2f} net each, "
            "per mean tenure × horizon",
            _purchases(rfm) / observed * everybody,
            revenue / observed * everybody,
            cost_rate=(winning + keeping) / observed,
        )


def _purchases(rfm: RFM) -> float:
    return total(rfm.weights * (rfm.frequency + 1))
