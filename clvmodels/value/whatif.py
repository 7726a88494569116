"""What if customers stayed longer, bought more often, left more margin, or money were dearer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import shown
from clvmodels.contracts import FittedForecaster
from clvmodels.errors import ArgumentError, check_choice, check_kind
from clvmodels.forecast import FittedCLV
from clvmodels.prediction import Forecast, as_numbers, labelled, tail_levels
from clvmodels.rfm import RFM, check_rfm
from clvmodels.value.cashflow import check_fitted
from clvmodels.value.cashflow_economics import OWN_CURRENCY
from clvmodels.value.expectations import Valuation, by_id, chunks, expected_values
from clvmodels.value.whatif_levers import Scenario, changed, changed_valuation

if TYPE_CHECKING:
    import pandas as pd

BASE = "as it is"
SWINGS: Mapping[str, tuple[float, float]] = {
    "retention": (-0.1, 0.1),
    "purchase rate": (-0.1, 0.1),
    "margin": (-0.05, 0.05),
    "discount rate": (-0.05, 0.05),
}
"""Ranges of the levers in a tornado: fractions of lifetime and rate, points of margin and discount rate."""
STEP = 1e-3
"""Step of the derivatives: its square, their error, is far below what a percentage shows."""


@shown("table")
@dataclass(frozen=True, eq=False)
class WhatIf:
    """The total under some scenarios.

    Attributes
    ----------
    forecasts
        Forecast of each scenario by name, the first as it is.
    means
        (scenarios,) means of the total, exact where the model knows them.
    expected
        (scenarios, S) expected totals under each parameter draw; the same parameters in every scenario.
    level
        Of the intervals.
    currency
        Label of the money.
    """

    forecasts: Mapping[str, Forecast]
    means: np.ndarray
    expected: np.ndarray
    level: float
    currency: str = OWN_CURRENCY

    @property
    def table(self) -> pd.DataFrame:
        """One row per scenario: mean and predictive interval of the total, and what differs from the first.

        `low` and `high` hold chance and parameters. `difference_low` and `difference_high` are bounds of the
        expected difference over the parameter draws: the luck of single lives is not an effect of a scenario.
        """
        import pandas as pd

        base = next(iter(self.forecasts.values()))
        rows = []
        for i, (name, forecast) in enumerate(self.forecasts.items()):
            row: dict[str, Any] = {"scenario": name, "mean": self.means[i]}
            if forecast.is_distribution:
                row["low"], row["high"] = forecast.total.interval(self.level)
            row["difference"] = self.means[i] - self.means[0]
            if self.expected.shape[1] > 1:
                bounds = np.quantile(self.expected[i] - self.expected[0], tail_levels(self.level))
                row["difference_low"], row["difference_high"] = bounds
            row["change"] = self.means[i] / self.means[0] - 1 if self.means[0] else np.nan
            rows.append(row)
        facts = {
            **base.provenance,
            **_levels(self.level),
            "value": base.total.name,
            "currency": self.currency,
        }
        return labelled(pd.DataFrame(rows), facts)


def what_if(
    fitted: FittedForecaster,
    rfm: RFM,
    horizon: str,
    scenarios: Sequence[Scenario],
    *,
    margin: float = 1.0,
    annual_discount_rate: float = 0.0,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.9,
    currency: str = OWN_CURRENCY,
) -> WhatIf:
    """Forecast the customers as things are and under each scenario, with the same parameters and seed.

    Parameters
    ----------
    fitted
        A fitted CLV model, or a formula.
    rfm
        The customers; of a formula those it was fitted to.
    horizon
        A duration.
    scenarios
        What would be otherwise; names must differ.
    margin, annual_discount_rate, draws, seed
        As in `FittedCLV.forecast`.
    level
        Of the intervals.
    currency
        Label of the money.

    Returns
    -------
    WhatIf

    Raises
    ------
    ArgumentError
        If a scenario leaves the range of its levers, or names repeat.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 200))
    >>> fitted = clv.CLVModel("bg_nbd").fit(rfm, draws=50)
    >>> found = what_if(fitted, rfm, "52W", [Scenario(purchase_rate=0.1), Scenario(retention=0.1)], draws=50)
    >>> found.table["change"].round(3).tolist()
    [0.0, 0.1, 0.009]
    """
    _check_asked(fitted, rfm, level)
    check_kind("scenarios", scenarios, Sequence, "write a list, such as [Scenario(retention=0.1)]")
    if not scenarios or not all(isinstance(one, Scenario) for one in scenarios):
        raise ArgumentError("scenarios must hold at least one Scenario(...), such as Scenario(retention=0.1)")
    valuation = Valuation(horizon, margin, annual_discount_rate, draws, currency)
    every = [Scenario(label=BASE), *scenarios]
    names = [scenario.name for scenario in every]
    if len(set(names)) != len(names):
        raise ArgumentError(f"scenarios must have different names, not {names[1:]}; give them labels")
    means, expected, forecasts = [], [], {}
    for scenario in every:
        then, valued = changed(fitted, scenario), changed_valuation(valuation, scenario)
        mean, total = _total(then, rfm, valued)
        means.append(mean)
        expected.append(total)
        forecasts[scenario.name] = _forecast(then, rfm, valued, seed)
    return WhatIf(forecasts, np.array(means), np.array(expected), level, currency)


def _forecast(fitted: FittedForecaster, rfm: RFM, valuation: Valuation, seed: int) -> Forecast:
    horizon, margin, rate = valuation.horizon, valuation.margin, valuation.annual_discount_rate
    if isinstance(fitted, FittedCLV):
        return fitted.forecast(
            horizon, rfm=rfm, margin=margin, annual_discount_rate=rate, draws=valuation.draws, seed=seed
        )
    return fitted.forecast(horizon, margin=margin, annual_discount_rate=rate)


def _total(fitted: FittedForecaster, rfm: RFM, valuation: Valuation) -> tuple[float, np.ndarray]:
    """Mean of the total, and expected total under each parameter draw, (S,)."""
    means, draws = [], []
    ordered = by_id(rfm)
    for index in chunks(len(rfm)):
        found = expected_values(fitted, rfm.take(ordered[index]), valuation)
        means.append(math.fsum(found.mean))
        draws.append(found.draws.sum(axis=1))
    return math.fsum(means), np.sum(draws, axis=0)


def elasticities(
    fitted: FittedForecaster,
    rfm: RFM,
    horizon: str,
    *,
    margin: float = 1.0,
    annual_discount_rate: float = 0.0,
    draws: int = 200,
    level: float = 0.9,
    currency: str = OWN_CURRENCY,
) -> pd.DataFrame:
    """By how many per cent total CLV moves if a lever moves by one per cent.

        elasticity = (x / V) · dV/dx

    with x the lifetime (retention), the rate of purchases, the margin, or the annual discount rate.

    Parameters
    ----------
    fitted, rfm, horizon, margin, annual_discount_rate
        As in `what_if`.
    draws
        Parameter draws that are used.
    level
        Of the intervals over them.
    currency
        Label of the money.

    Returns
    -------
    pandas.DataFrame
        lever, setting (its present level: 1 for lifetime and rate), elasticity, low, high, and per_point: the change
        of the total, as a fraction, per point of margin or discount rate. Without a discount its elasticity is 0,
        and per_point says what the first point would cost.

    Raises
    ------
    ArgumentError
        If an argument is outside its range, or the total is 0.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 200))
    >>> fitted = clv.CLVModel("bg_nbd", method="map").fit(rfm)
    >>> table = elasticities(fitted, rfm, "52W", margin=0.4, annual_discount_rate=0.1)
    >>> dict(zip(table["lever"], table["elasticity"].round(3).tolist()))
    {'retention': 0.089, 'purchase rate': 1.0, 'margin': 1.0, 'discount rate': -0.043}
    """
    import pandas as pd

    _check_asked(fitted, rfm, level)
    valuation = Valuation(horizon, margin, annual_discount_rate, draws, currency)
    base, base_draws = _total(fitted, rfm, valuation)
    if base == 0:
        raise ArgumentError("the total is 0, so no change of it can be put in per cent")
    rows = []
    for lever, (setting, make) in _levers(valuation).items():
        below = min(STEP, setting) if setting > 0 else 0.0
        above = STEP if lever != "margin" or setting + STEP <= 1 else 0.0
        ends = [
            _total(changed(fitted, one), rfm, changed_valuation(valuation, one))
            for one in map(make, (-below, above))
        ]
        slope = (ends[1][0] - ends[0][0]) / (above + below) / base
        row: dict[str, Any] = {"lever": lever, "setting": setting, "elasticity": setting * slope}
        if len(base_draws) > 1:
            slopes = (ends[1][1] - ends[0][1]) / (above + below) / base_draws
            row["low"], row["high"] = setting * np.quantile(slopes, tail_levels(level))
        row["per_point"] = slope / 100 if lever in ("margin", "discount rate") else np.nan
        rows.append(row)
    return labelled(pd.DataFrame(rows), _facts(fitted, rfm, valuation, level))


def tornado(
    fitted: FittedForecaster,
    rfm: RFM,
    horizon: str,
    swings: Mapping[str, tuple[float, float]] | None = None,
    *,
    margin: float = 1.0,
    annual_discount_rate: float = 0.0,
    draws: int = 200,
    level: float = 0.9,
    currency: str = OWN_CURRENCY,
) -> pd.DataFrame:
    """What each lever does to total CLV between a low and a high setting, the strongest lever first.

    Parameters
    ----------
    fitted, rfm, horizon, margin, annual_discount_rate, draws, level, currency
        As in `elasticities`.
    swings
        (low, high) change of each lever: fractions for ``retention`` and ``purchase rate``, points for ``margin``
        and ``discount rate``. Default: `SWINGS`, cut where a margin would exceed 1 or a rate fall below 0.

    Returns
    -------
    pandas.DataFrame
        lever, change_low, change_high, value_base, value_low, value_high (means of the total at either end), their
        differences from the base with bounds over the parameter draws, and swing, by whose size rows are ordered.

    Raises
    ------
    ArgumentError
        If a lever is unknown, its low end is not below its high end, or it leaves its range.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 200))
    >>> fitted = clv.CLVModel("bg_nbd", method="map").fit(rfm)
    >>> tornado(fitted, rfm, "52W", margin=0.4, annual_discount_rate=0.1)["lever"].tolist()
    ['margin', 'purchase rate', 'discount rate', 'retention']
    """
    import pandas as pd

    _check_asked(fitted, rfm, level)
    valuation = Valuation(horizon, margin, annual_discount_rate, draws, currency)
    chosen = _cut(valuation) if swings is None else _check_swings(swings)
    base, base_draws = _total(fitted, rfm, valuation)
    levers, rows = _levers(valuation), []
    for lever, ends in chosen.items():
        row: dict[str, Any] = {
            "lever": lever,
            "change_low": ends[0],
            "change_high": ends[1],
            "value_base": base,
        }
        for end, change in zip(("low", "high"), ends, strict=True):
            scenario = levers[lever][1](change)
            mean, total = _total(changed(fitted, scenario), rfm, changed_valuation(valuation, scenario))
            row |= {f"value_{end}": mean, f"difference_{end}": mean - base}
            if len(total) > 1:
                bounds = np.quantile(total - base_draws, tail_levels(level))
                row |= {f"difference_{end}_from": bounds[0], f"difference_{end}_to": bounds[1]}
        rows.append({**row, "swing": row["value_high"] - row["value_low"]})
    rows.sort(key=lambda row: -abs(row["swing"]))
    return labelled(pd.DataFrame(rows), _facts(fitted, rfm, valuation, level))


def _levers(valuation: Valuation) -> dict[str, tuple[float, Callable[[float], Scenario]]]:
    """Present setting of each lever, and the scenario that adds a change to it."""
    rate = valuation.annual_discount_rate
    return {
        "retention": (1.0, lambda change: Scenario(retention=change)),
        "purchase rate": (1.0, lambda change: Scenario(purchase_rate=change)),
        "margin": (valuation.margin, lambda change: Scenario(margin_points=change)),
        "discount rate": (rate, lambda change: Scenario(annual_discount_rate=rate + change)),
    }


def _cut(valuation: Valuation) -> dict[str, tuple[float, float]]:
    """The usual swings, as far as margin and discount rate allow."""
    swings = dict(SWINGS)
    low, high = swings["margin"]
    swings["margin"] = (max(low, -valuation.margin / 2), min(high, 1 - valuation.margin))
    low, high = swings["discount rate"]
    swings["discount rate"] = (max(low, -valuation.annual_discount_rate), high)
    return swings


def _check_asked(fitted: Any, rfm: Any, level: float) -> None:
    tail_levels(level)
    check_fitted(fitted)
    check_rfm(rfm)


def _check_swings(swings: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    check_kind("swings", swings, Mapping, "write {'margin': (-0.05, 0.05)}")
    for lever, swing in swings.items():
        check_choice("a lever of swings", lever, SWINGS)
        check_kind(f"the swing of {lever}", swing, tuple, "write (low, high)")
        low, high = as_numbers(f"the swing of {lever}", swing)
        if not low < high:
            raise ArgumentError(
                f"the swing of {lever} must go from low to high, not from {low!r} to {high!r}"
            )
    return dict(swings)


def _levels(level: float) -> dict[str, str]:
    return {
        "interval": f"central {level:.0%} predictive interval of totals",
        "interval_of_differences": f"central {level:.0%} interval over the draws of the parameters",
    }


def _facts(fitted: FittedForecaster, rfm: RFM, valuation: Valuation, level: float) -> dict[str, Any]:
    return {
        "forecaster": fitted.summary.splitlines()[0],
        **valuation.facts(),
        "customers_hash": rfm.fingerprint(),
        "interval": f"central {level:.0%} interval over the draws of the parameters",
    }
