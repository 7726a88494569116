"""The formulas one by one: arithmetic, assumption, and the forecaster that stands for each in a backtest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from clvmodels.baselines import (
    AOVFrequencyLifespan,
    LifespanCLV,
    NetHistoricalCLV,
    Projection,
    churn_between_periods,
    net_historical_clv,
)
from clvmodels.baselines.projection import in_units, present_time, tenure, total, whole_spend
from clvmodels.errors import DataError
from clvmodels.rfm import RFM, check_rfm
from clvmodels.units import DAYS_PER_YEAR, Horizon, discount_per_unit, unit_days
from clvmodels.value.expectations import Valuation, plan_of


@dataclass(frozen=True)
class Lifespan:
    """How long customers stay if a constant share of them leaves per period: ``1 / churn`` periods.

    It assumes that churn is the same for all customers and for ever. Measured churn counts who skips a period
    as lost, though some come back.

    Attributes
    ----------
    churn
        Share lost per period, in (0, 1].
    period
        The period, as ``"13W"``.
    years
        The lifespan in years of 365.25 days.
    is_measured
        Whether churn was measured from the summary, not given.
    """

    churn: float
    period: str
    years: float
    is_measured: bool

    def __str__(self) -> str:
        source = "measured" if self.is_measured else "given"
        return f"1 / {self.churn:.4g} ({source} churn per {self.period}) = {self.years:.4g} years"


def lifespan(rfm: RFM, churn: float | None = None, period: str = "13W") -> Lifespan:
    """Lifespan of the average customer, ``1 / churn``.

    Parameters
    ----------
    rfm
        The customers, from whom churn is measured where it is not given (`churn_between_periods`).
    churn
        Share of customers lost per period, in (0, 1].
    period
        Period of the churn, of fixed length.

    Raises
    ------
    ArgumentError
        If churn is no share above 0: most often a percentage given as a number.
    DataError
        If churn cannot be measured, or nobody was lost.

    Examples
    --------
    >>> rfm = RFM.from_arrays(frequency=[1], recency=[2], T=[4], time_unit="W")
    >>> print(lifespan(rfm, churn=0.25, period="52W"))
    1 / 0.25 (given churn per 52W) = 3.986 years

    Measured from CDNOW:

    >>> import clvmodels as clv
    >>> print(lifespan(clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30")))
    1 / 0.4331 (measured churn per 13W) = 0.5753 years
    """
    check_rfm(rfm)
    used = churn_between_periods(rfm, period) if churn is None else churn
    if churn is None and used == 0:
        raise DataError(
            f"nobody was lost between the last two periods of {period}, so a lifespan of 1/churn has no end",
            fix="use a longer period, or give churn=",
        )
    checked = LifespanCLV(churn=used, period=period)
    return Lifespan(used, period, in_units(checked.period, "D") / used / DAYS_PER_YEAR, churn is None)


@dataclass(frozen=True)
class Calculation:
    """One formula's answer.

    Attributes
    ----------
    formula
        Name.
    steps
        The arithmetic with its numbers.
    assumption
        What must be true for the answer to be.
    value
        Money per customer over the formula's own time (so far, or to the end of the lifespan).
    time
        That time, in words.
    in_horizon
        Money per customer within the horizon of the comparison.
    backtested_as
        Forecaster whose record is the formula's, or None where it has none.
    """

    formula: str
    steps: str
    assumption: str
    value: float
    time: str
    in_horizon: float
    backtested_as: str | None


@dataclass(frozen=True)
class Case:
    """What all formulas are applied to.

    Attributes
    ----------
    rfm
        The customers.
    valuation
        Horizon of the comparison, margin and discount.
    min_tenure
        Ages below it are raised to it.
    """

    rfm: RFM
    valuation: Valuation
    min_tenure: str

    @property
    def plan(self) -> Horizon:
        """The window of the comparison."""
        return plan_of(self.valuation, self.rfm)[0]

    def per_customer(self, projection: Projection) -> float:
        """Mean value within the horizon."""
        margin, rate = self.valuation.margin, self.valuation.annual_discount_rate
        forecast = projection.forecast(self.valuation.horizon, margin=margin, annual_discount_rate=rate)
        value = forecast.columns["clv_mean"]
        return total(value) / len(value)

    def lifetime(self, projection: Projection) -> float:
        """Mean value to the end of the lifespan: the mean flow times the discounted lifespan."""
        rate = discount_per_unit(self.valuation.annual_discount_rate, self.rfm.time_unit)
        time = float(present_time(np.array([0.0, projection.duration]), rate)[0])
        return self.flow(projection) * time

    def flow(self, projection: Projection) -> float:
        """Mean contribution per customer and time unit."""
        spend = np.zeros(len(self.rfm)) if projection.spend_rate is None else projection.spend_rate
        return self.valuation.margin * total(spend) / len(spend) - projection.cost_rate

    @property
    def margin_words(self) -> str:
        """The margin as a factor, where it is not 1."""
        margin = self.valuation.margin
        return "" if margin == 1 else f"margin {margin:g} × "

    @property
    def present_words(self) -> str:
        """A remark where the money is discounted."""
        rate = self.valuation.annual_discount_rate
        return f", discounted at {rate:.4g} a year" if rate else ""


def net_value(case: Case, formula: NetHistoricalCLV) -> Calculation:
    """What customers brought so far less what they cost; within the horizon, the same again in proportion."""
    rfm = case.rfm
    spend, heads = _spend(rfm), len(rfm)
    years = total(tenure(rfm, case.min_tenure)) * unit_days(rfm.time_unit) / DAYS_PER_YEAR
    winning, keeping = formula.acquisition_cost * heads, formula.retention_cost * years
    value = net_historical_clv(case.valuation.margin * total(spend), winning, keeping, heads)
    return Calculation(
        "net historical value",
        f"({case.margin_words}{total(spend):,.2f} - {winning:,.2f} to win - {keeping:,.2f} to keep) "
        f"/ {heads:,} customers{_answer(value)}",
        "the future repeats the past in proportion to time: all customers are alike, nobody leaves, and winning "
        "customers costs the same again",
        value,
        "so far",
        case.per_customer(formula.fit(rfm)),
        formula.name,
    )


def value_times_lifespan(case: Case, formula: LifespanCLV, stay: Lifespan) -> Calculation:
    """Mean of the customers' own rates of spending, for as long as customers stay."""
    fitted = formula.fit(case.rfm)
    value = case.lifetime(fitted)
    return Calculation(
        "customer value × lifespan",
        f"{case.margin_words}{_a_year(case, fitted):,.2f} a year × lifespan {stay}{case.present_words}{_answer(value)}",
        "every customer keeps their own rate for exactly 1/churn periods more, however long they have been silent, "
        "and then stops",
        value,
        f"lifespan of {stay.years:.3g} years",
        case.per_customer(fitted),
        formula.name,
    )


def order_value(case: Case, formula: AOVFrequencyLifespan, stay: Lifespan) -> Calculation:
    """Average order value × purchase frequency × lifespan."""
    fitted, rfm = formula.fit(case.rfm), case.rfm
    spent, bought = total(_spend(rfm)), total(rfm.frequency + 1)
    years = total(tenure(rfm, case.min_tenure)) * unit_days(rfm.time_unit) / DAYS_PER_YEAR
    value = case.lifetime(fitted)
    return Calculation(
        "order value × frequency × lifespan",
        f"{case.margin_words}{spent / bought:,.2f} per order × {bought / years:,.4g} orders a year × lifespan "
        f"{stay}{case.present_words}{_answer(value)}",
        "all customers are alike, buy at the average rate whatever they did so far, and stay exactly 1/churn periods "
        "more",
        value,
        f"lifespan of {stay.years:.3g} years",
        case.per_customer(fitted),
        formula.name,
    )


def annual_contribution(case: Case, years: float, retention_cost: float) -> Calculation:
    """Contribution of a customer-year times a number of years."""
    rfm = case.rfm
    unit_years = unit_days(rfm.time_unit) / DAYS_PER_YEAR
    plain = NetHistoricalCLV(0.0, retention_cost, case.min_tenure)
    fitted = replace(plain.fit(rfm), duration=years / unit_years)
    covers = fitted.duration >= case.plan.length
    a_year, value = case.flow(fitted) / unit_years, case.lifetime(fitted)
    return Calculation(
        "annual contribution × years",
        f"({case.margin_words}{_a_year(case, fitted):,.2f} a year - {retention_cost:,.2f} to keep) = {a_year:,.2f} × "
        f"{years:g} years{case.present_words}{_answer(value)}",
        f"every customer brings the same for exactly {years:g} years, a number that was chosen and not measured",
        value,
        f"{years:g} years",
        case.per_customer(fitted),
        plain.name if covers and retention_cost == 0 else None,
    )


def _answer(value: float) -> str:
    return f" = {value:,.2f}"


def _a_year(case: Case, fitted: Projection) -> float:
    """Mean spend per customer and year, before margin and costs."""
    spend = np.zeros(len(case.rfm)) if fitted.spend_rate is None else fitted.spend_rate
    return total(spend) / len(spend) * DAYS_PER_YEAR / unit_days(case.rfm.time_unit)


def _spend(rfm: RFM) -> np.ndarray:
    spend = whole_spend(rfm)
    if spend is None:
        raise DataError("the formulas need spend", column="monetary_value", fix="name spend= in rfm_summary")
    return spend
