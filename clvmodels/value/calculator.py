"""The formulas people start with, as a calculator: each number with its arithmetic, its assumption and its record.

The arithmetic is that of the historical formulas that models are tested against, so the record is their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.baselines import AOVFrequencyLifespan, LifespanCLV, NetHistoricalCLV
from clvmodels.cards import shown
from clvmodels.errors import ArgumentError, DataError, check_kind, check_real
from clvmodels.prediction import Forecast, check_single, labelled
from clvmodels.rfm import RFM, check_rfm
from clvmodels.value.calculator_formulas import (
    Calculation,
    Case,
    Lifespan,
    annual_contribution,
    lifespan,
    net_value,
    order_value,
    value_times_lifespan,
)
from clvmodels.value.calculator_record import BacktestRecord, backtest_record
from clvmodels.value.cashflow_economics import OWN_CURRENCY
from clvmodels.value.expectations import Valuation, check_same_customers

if TYPE_CHECKING:
    import pandas as pd

MOST_YEARS = 100


@shown("table")
@dataclass(frozen=True, eq=False)
class Calculator:
    """All formulas side by side, beside a model's answer and the formulas' record.

    Attributes
    ----------
    calculations
        The formulas' answers.
    lifespan
        The lifespan that two of them use.
    model
        The model's forecast over the same horizon, or None.
    record
        How the formulas did in a backtest, by forecaster.
    provenance
        Terms and currency.
    """

    calculations: Sequence[Calculation]
    lifespan: Lifespan
    model: Forecast | None
    record: Mapping[str, BacktestRecord]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row per formula; money per customer.

        formula, steps, assumption, value (over `time`), in_horizon; with a model its mean and 90 % predictive
        interval per customer, and off_model (in_horizon over the model's mean, less 1); with scores the formula's
        bias in the backtest (forecast over actual total, less 1: mean, least and largest over the origins), its
        root mean squared error per customer, and how many origins that is; with both the model's own bias.
        """
        import pandas as pd

        rows = []
        for one in self.calculations:
            row: dict[str, Any] = {
                "formula": one.formula,
                "value": one.value,
                "time": one.time,
                "in_horizon": one.in_horizon,
            }
            if self.model is not None:
                row |= self._beside_model(one.in_horizon, self.model)
            if self.record:
                empty = BacktestRecord(np.nan, np.nan, np.nan, np.nan, 0)
                found = self.record.get(one.backtested_as or "", empty)
                row |= {
                    "backtest_bias": found.bias,
                    "backtest_bias_least": found.least,
                    "backtest_bias_largest": found.largest,
                    "backtest_rmse": found.rmse,
                    "backtest_origins": found.origins,
                }
            rows.append({**row, "steps": one.steps, "assumption": one.assumption})
        return labelled(pd.DataFrame(rows), dict(self.provenance))

    def _beside_model(self, value: float, model: Forecast) -> dict[str, float]:
        count = len(model.columns["customer_id"])
        mean = float(model.columns["clv_mean"].mean())
        row = {"model_mean": mean}
        if model.is_distribution:
            low, high = model.total.interval(0.9)
            row |= {"model_low": low / count, "model_high": high / count}
        row["off_model"] = value / mean - 1 if mean else np.nan
        if self.model_record is not None:
            row["model_backtest_bias"] = self.model_record.bias
        return row

    @property
    def model_record(self) -> BacktestRecord | None:
        """How the model itself did in the backtest, if it took part."""
        return None if self.model is None else self.record.get(self.model.name)

    def __str__(self) -> str:
        currency = self.provenance["currency"]
        lines = []
        for one in self.calculations:
            lines.append(f"{one.formula}: {one.value:,.2f} {currency} per customer ({one.time})")
            lines.append(f"  {one.steps}")
            lines.append(f"  assumes that {one.assumption}")
            if found := self.record.get(one.backtested_as or ""):
                lines.append(f"  in the backtest {found}")
        if self.model is not None:
            mean = float(self.model.columns["clv_mean"].mean())
            lines.append(
                f"{self.model.name}: {mean:,.2f} {currency} per customer ({self.model.horizon.text})"
            )
            lines += [
                f"  {one.formula} says {one.in_horizon:,.2f} for that time" for one in self.calculations
            ]
            if self.model_record is not None:
                lines.append(f"  in the backtest {self.model_record}")
        return "\n".join(lines)


def calculate_clv(
    rfm: RFM,
    horizon: str = "52W",
    *,
    margin: float = 1.0,
    annual_discount_rate: float = 0.0,
    churn: float | None = None,
    period: str = "13W",
    years: float = 3.0,
    acquisition_cost: float = 0.0,
    retention_cost: float = 0.0,
    min_tenure: str = "1W",
    currency: str = OWN_CURRENCY,
    model: Forecast | None = None,
    scores: pd.DataFrame | None = None,
) -> Calculator:
    """The historical formulas of CLV, each with its steps, what it assumes, and how far off it has been.

    ==================================  ====================================================================
    formula                             per customer
    ==================================  ====================================================================
    net historical value                (margin · Σ spend - acquisition - retention costs) / customers
    customer value × lifespan           mean of margin · spend / tenure, times lifespan
    order value × frequency × lifespan  margin · Σ spend / Σ purchases · Σ purchases / Σ tenure · lifespan
    annual contribution × years         (margin · Σ spend / Σ tenure in years - retention cost) · years
    ==================================  ====================================================================

    Parameters
    ----------
    rfm
        The customers, with spend (of the first purchase, too).
    horizon
        A duration over which formulas, model and backtest are compared.
    margin, annual_discount_rate
        As in `FittedCLV.forecast`.
    churn, period
        As in `lifespan`.
    years
        Years of the annual contribution, above 0 and at most 100.
    acquisition_cost, retention_cost
        Money per customer, and per customer and year; >= 0.
    min_tenure
        Ages below it are raised to it.
    currency
        Label of the money.
    model
        A model's forecast of the same customers over the same horizon, with the same margin and discount.
    scores
        Table with origin, quantity, model, metric and value, as ``scorecard.at("52W").scores``. Its quantity
        ``value`` is read where there is one, else ``spend``.

    Returns
    -------
    Calculator

    Raises
    ------
    ArgumentError
        If an argument is outside its range, or the model's forecast differs in horizon, margin or discount.
    DataError
        If there is no spend, other customers were forecast, or `scores` lacks a column.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30")
    >>> found = calculate_clv(rfm, "39W", margin=0.4, currency="USD")
    >>> print(found.lifespan)
    1 / 0.4331 (measured churn per 13W) = 0.5753 years
    >>> for name, value in zip(found.table["formula"], found.table["in_horizon"].round(2)):
    ...     print(name, value)
    net historical value 35.02
    customer value × lifespan 27.17
    order value × frequency × lifespan 26.95
    annual contribution × years 35.02
    """
    check_rfm(rfm)
    check_single(rfm)
    check_real("years", years)
    if not rfm.has_spend:
        raise DataError("the formulas need spend", column="monetary_value", fix="name spend= in rfm_summary")
    if not 0 < years <= MOST_YEARS:
        raise ArgumentError(f"years={years!r} must be above 0 and at most {MOST_YEARS}")
    case = Case(rfm, Valuation(horizon, margin, annual_discount_rate, currency=currency), min_tenure)
    stay = lifespan(rfm, churn, period)
    if model is not None:
        _check_model(model, case)
    options: dict[str, Any] = {"churn": stay.churn, "period": period, "min_tenure": min_tenure}
    calculations = (
        net_value(case, NetHistoricalCLV(acquisition_cost, retention_cost, min_tenure)),
        value_times_lifespan(case, LifespanCLV(**options), stay),
        order_value(case, AOVFrequencyLifespan(**options), stay),
        annual_contribution(case, years, retention_cost),
    )
    record = {} if scores is None else backtest_record(scores)
    return Calculator(calculations, stay, model, record, _facts(case, model))


def _facts(case: Case, model: Forecast | None) -> dict[str, Any]:
    terms = case.valuation
    return {
        "window": case.plan.window,
        "margin": terms.margin,
        "annual_discount_rate": terms.annual_discount_rate,
        "currency": terms.currency,
        "unit": f"{terms.currency} per customer",
        "customers_hash": case.rfm.fingerprint(),
        "model": None if model is None else model.name,
        "interval": "central 90% predictive interval of the model's mean; formulas have none",
    }


def _check_model(model: Forecast, case: Case) -> None:
    check_kind("model", model, Forecast, "make one with fitted.forecast(horizon)")
    check_same_customers(model, case.rfm)
    if model.value is None:
        raise ArgumentError("the model forecast purchases only; the formulas are of money")
    length = case.plan.length
    if abs(model.horizon.length - length) > 1e-6 * length:
        raise ArgumentError(
            f"the model's forecast reaches {model.horizon.length:g} units ahead, the formulas {length:g}; "
            f"give horizon={model.horizon.text!r}"
        )
    for name in ("margin", "annual_discount_rate"):
        used = getattr(case.valuation, name)
        if model.provenance.get(name, used) != used:
            raise ArgumentError(
                f"the model's forecast has {name}={model.provenance[name]:g}, the formulas {used:g}"
            )
