"""Formulas with a lifespan: what a customer is worth per unit of time, for as long as customers stay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clvmodels.baselines.projection import Projection, in_units, tenure, total, whole_spend
from clvmodels.errors import ArgumentError, DataError, check_real, percent_hint
from clvmodels.rfm import RFM
from clvmodels.units import UNIT_NAMES


@dataclass(frozen=True)
class LifespanCLV:
    """Customer value × lifespan: each customer keeps their own rate for the average lifespan, then stops.

        value_i = spend_i / max(T_i, min_tenure) · min(horizon, period / churn)

    **Assumption**: every customer, however long with the firm, stays exactly 1/churn periods more; churn is
    the same for all and for ever, and until the end nobody slows down. Spend includes the first purchase.

    Parameters
    ----------
    churn
        Share of customers lost per period, in (0, 1]; None measures it with `churn_between_periods`.
    period
        Period of the churn, as ``"13W"``.
    min_tenure
        Ages below it are raised to it.
    label
        Name in tables and reports.

    Raises
    ------
    ArgumentError
        If `churn` is outside (0, 1] (no churn would mean an endless life), or a duration is none.

    References
    ----------
    Berger, P. D. and Nasr, N. I. (1998). Customer lifetime value: marketing models and applications.
    Journal of Interactive Marketing 12. doi:10.1002/(SICI)1520-6653(199824)12:1<17::AID-DIR3>3.0.CO;2-K

    Examples
    --------
    A customer of 20 weeks spent 100 in all, 5 a week. Half are lost every 13 weeks, so the lifespan is
    26 weeks and of a year ahead only 26 weeks count: 130.

    >>> rfm = RFM.from_arrays(
    ...     frequency=[3], recency=[18], T=[20], monetary_value=[25], statistics={"spend_first": [25]}, time_unit="W"
    ... )
    >>> LifespanCLV(churn=0.5).fit(rfm).forecast("52W").total.mean
    130.0
    """

    churn: float | None = None
    period: str = "13W"
    min_tenure: str = "1W"
    label: str | None = None

    def __post_init__(self) -> None:
        _check(self.churn, self.period, self.min_tenure)

    @property
    def name(self) -> str:
        """The label, or the formula."""
        return self.label or "Customer value × lifespan"

    def fit(self, rfm: RFM, *, seed: int = 0) -> Projection:  # noqa: ARG002  (no chance in it)
        """Rates of each customer, and the lifespan.

        Raises
        ------
        DataError
            If churn cannot be measured, or the summary does not hold the first purchase's spend.
        """
        age, spend = tenure(rfm, self.min_tenure), whole_spend(rfm)
        lifespan, text = _lifespan(rfm, self.churn, self.period)
        return Projection(
            self.name,
            rfm,
            f"all spend of each customer / tenure × {text}",
            (rfm.frequency + 1) / age,
            None if spend is None else spend / age,
            duration=lifespan,
        )


@dataclass(frozen=True)
class AOVFrequencyLifespan:
    """Average order value × purchase frequency × lifespan: one number for everybody.

        value = (Σ spend / Σ purchases) · (Σ purchases / Σ max(T, min_tenure)) · min(horizon, period / churn)

    **Assumption**: all customers are alike, and each stays exactly 1/churn periods more. The formula of most
    spreadsheets; it can say what customers bring on average, and not which of them.

    Parameters
    ----------
    churn
        Share of customers lost per period, in (0, 1]; None measures it with `churn_between_periods`.
    period
        Period of the churn, as ``"13W"``.
    min_tenure
        Ages below it are raised to it.
    label
        Name in tables and reports.

    Raises
    ------
    ArgumentError
        If `churn` is outside (0, 1] (no churn would mean an endless life), or a duration is none.

    References
    ----------
    Berger, P. D. and Nasr, N. I. (1998). Customer lifetime value: marketing models and applications.
    Journal of Interactive Marketing 12. doi:10.1002/(SICI)1520-6653(199824)12:1<17::AID-DIR3>3.0.CO;2-K

    Examples
    --------
    Four purchases of 25 and one of 50 are an order value of 30; five in 40 weeks are 0.125 a week; with a
    lifespan of 26 weeks everybody is worth 97.5.

    >>> rfm = RFM.from_arrays(
    ...     frequency=[3, 0], recency=[18, 0], T=[20, 20], monetary_value=[25, 0],
    ...     statistics={"spend_first": [25, 50]},
    ...     time_unit="W",
    ... )
    >>> AOVFrequencyLifespan(churn=0.5).fit(rfm).forecast("52W").customers["clv_mean"].tolist()
    [97.5, 97.5]
    """

    churn: float | None = None
    period: str = "13W"
    min_tenure: str = "1W"
    label: str | None = None

    def __post_init__(self) -> None:
        _check(self.churn, self.period, self.min_tenure)

    @property
    def name(self) -> str:
        """The label, or the formula."""
        return self.label or "Order value × frequency × lifespan"

    def fit(self, rfm: RFM, *, seed: int = 0) -> Projection:  # noqa: ARG002  (no chance in it)
        """Order value, frequency and lifespan of the average customer.

        Raises
        ------
        DataError
            If churn cannot be measured, or the summary does not hold the first purchase's spend.
        """
        spend = whole_spend(rfm)
        purchases = total(rfm.weights * (rfm.frequency + 1))
        frequency = purchases / total(rfm.weights * tenure(rfm, self.min_tenure))
        order = None if spend is None else total(rfm.weights * spend) / purchases
        lifespan, text = _lifespan(rfm, self.churn, self.period)
        value = "" if order is None else f"{order:,.4g} per order × "
        everybody = np.ones(len(rfm))
        return Projection(
            self.name,
            rfm,
            f"{value}{frequency:.4g} orders per unit of time × {text}",
            frequency * everybody,
            None if order is None else order * frequency * everybody,
            duration=lifespan,
        )


def churn_between_periods(rfm: RFM, period: str = "13W") -> float:
    """Share of customers seen in one period and not in the next, from the dates of their last purchases.

        lost / (lost + kept)

    *Lost* bought last in the last period but one; *kept* bought in the last period and had come before it.
    A summary holds only last purchases, so the kept who skipped the period before count as kept, and the
    churn is a little low; customers silent for longer count on neither side. Not a rate of leaving either:
    who skips a period may come back.

    Parameters
    ----------
    rfm
        The customers.
    period
        Its length, as ``"13W"``; two of them are read.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    DataError
        If nobody was seen in the last two periods.
    ArgumentError
        If `period` is no duration of fixed length.

    Examples
    --------
    Last purchases 2, 5 (too young), 15, 20 and 30 weeks ago: one kept, two lost, one gone before.

    >>> rfm = RFM.from_arrays(
    ...     frequency=[1, 1, 0, 1, 1], recency=[38, 4, 0, 20, 10], T=[40, 9, 15, 40, 40], time_unit="W"
    ... )
    >>> round(churn_between_periods(rfm), 4)
    0.6667
    """
    length = in_units(period, rfm.time_unit)
    silence = rfm.T - rfm.recency
    kept = total(rfm.weights[(silence < length) & (length <= rfm.T)])
    lost = total(rfm.weights[(silence >= length) & (silence < 2 * length)])
    if kept + lost == 0:
        raise DataError(
            f"nobody who came before the last {period} bought within the last two, so churn cannot be measured",
            fix="use a longer period, or give churn=",
        )
    return lost / (kept + lost)


def _check(churn: float | None, period: str, min_tenure: str) -> None:
    if churn is not None:
        check_real("churn", churn)
    if churn is not None and not 0 < churn <= 1:
        raise ArgumentError(
            f"churn={churn!r} must be a share above 0 and at most 1: without churn a lifespan has no end; "
            f"ten per cent a period is 0.1{percent_hint(churn)}"
        )
    in_units(period, "W")
    in_units(min_tenure, "W")


def _lifespan(rfm: RFM, churn: float | None, period: str) -> tuple[float, str]:
    """Lifespan in time units, and how it came about."""
    source = "given"
    if churn is None:
        source, churn = "measured", churn_between_periods(rfm, period)
    if churn == 0:
        raise DataError(
            f"nobody was lost between the last two periods of {period}, so a lifespan of 1/churn has no end",
            fix="use a longer period, or give churn=",
        )
    lifespan = in_units(period, rfm.time_unit) / churn
    unit = UNIT_NAMES[rfm.time_unit]
    return (
        lifespan,
        f"lifespan {lifespan:,.4g} {unit} ({source} churn {churn:.4g} per {period}), within the horizon",
    )
