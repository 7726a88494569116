"""Walk: one forecaster fitted at one origin, and what it said of each horizon."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from clvmodels.backtesting.arrivals import newcomer_draws, takes
from clvmodels.backtesting.cut import Cut, Worth
from clvmodels.backtesting.record import LEVELS, QUANTILES, Record, Said, total_of
from clvmodels.backtesting.weeks import weekly_record
from clvmodels.contracts import FittedForecaster, Forecaster
from clvmodels.errors import ClvError, FitError
from clvmodels.metrics import log_score
from clvmodels.prediction import Forecast
from clvmodels.transactions import Holdout
from clvmodels.units import last_observed, unit_days


@dataclass(frozen=True)
class Terms:
    """What every forecast of a backtest has in common; `is_shared` where other processes are at work beside."""

    draws: int
    seed: int
    worth: Worth
    is_shared: bool = False

    def options(self, fitted: FittedForecaster) -> dict[str, Any]:
        """Arguments of every forecast; beside other processes each keeps to one thread."""
        threads = {"workers": 1} if self.is_shared and takes(fitted, "workers") else {}
        return {"draws": self.draws, "seed": self.seed, "levels": (0.5,), **threads}


@dataclass
class Walk:
    """One forecaster at one origin: how the fit went, what it cost, what it said of each horizon.

    `said` and `weeks` are empty where the forecaster failed; `reason` then says why.
    """

    name: str
    origin: str
    said: dict[str, Said] = field(default_factory=dict)
    weeks: dict[str, np.ndarray] = field(default_factory=dict)
    is_done: bool = False
    reason: str = ""
    convergence: str = ""
    warnings: str = ""
    summary: str = ""
    fit_seconds: float = float("nan")
    forecast_seconds: float = float("nan")
    discrepancy: float = float("nan")

    @property
    def seconds(self) -> float:
        """Seconds of fit and forecasts; 0 where it failed."""
        return self.fit_seconds + self.forecast_seconds if self.is_done else 0.0


def walk(forecaster: Forecaster, cut: Cut, terms: Terms) -> Walk:
    """Fit, forecast every horizon from the one fit, and score; a failure becomes a reason, not an error."""
    done = Walk(forecaster.name, cut.origin)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            _go(done, forecaster, cut, terms)
            done.is_done = True
        except ClvError as error:
            done.reason = str(error)
        except Exception as error:  # noqa: BLE001  (a guest that breaks must not take the other rows with it)
            done.reason = f"{type(error).__name__}: {error}"
    done.warnings = "\n".join(dict.fromkeys(str(warning.message) for warning in caught))
    if not done.is_done:
        done.said, done.weeks = {}, {}
    return done


def _go(done: Walk, forecaster: Forecaster, cut: Cut, terms: Terms) -> None:
    began = perf_counter()
    fitted = forecaster.fit(cut.rfm, seed=terms.seed)
    done.fit_seconds = perf_counter() - began
    done.summary = fitted.summary
    posteriors = getattr(fitted, "posteriors", ())
    done.convergence = "; ".join(posterior.status.name for posterior in posteriors)
    if not fitted.usable:
        unusable = [str(posterior) for posterior in posteriors if not posterior.status.usable]
        raise FitError("\n".join(unusable) or fitted.summary)
    for text, holdout in zip(cut.horizons, cut.holdouts, strict=True):
        record = Record(cut.actual[text], cut.lots)
        forecast = fitted.forecast(
            last_observed(holdout.end),
            period="W",
            observe=record.observe,  # it takes the quantiles of both quantities
            **terms.options(fitted),
        )
        customers = record.customers()
        totals = _totals(forecast, cut.actual[text])
        if terms.worth.is_asked and "spend" in customers:
            customers["value"], totals["value"] = _value(fitted, cut, text, holdout, terms)
        if (chance := _chance_of(fitted, cut, text, holdout)) is not None:
            customers["purchases"]["log_score"] = log_score(chance)
        newcomers = _newcomers(fitted, cut, holdout, terms)
        done.said[text] = Said(customers, totals, newcomers, forecast.is_distribution)
    done.forecast_seconds = perf_counter() - began - done.fit_seconds
    done.discrepancy = (forecast.provenance.get("discrepancy") or {}).get("sigma", math.nan)
    done.weeks = weekly_record(cut.rfm, cut.holdouts[-1], fitted, forecast)


def _totals(forecast: Forecast, actual: Mapping[str, np.ndarray]) -> dict[str, dict[str, float]]:
    drawn = {"purchases": forecast.purchases, "spend": forecast.value}
    return {
        quantity: total_of(quantity, total, forecast, actual[quantity])
        for quantity, total in drawn.items()
        if total is not None and quantity in actual
    }


def _value(
    fitted: FittedForecaster, cut: Cut, text: str, holdout: Holdout, terms: Terms
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """What was said of the discounted margin: another forecast from the same fit."""
    actual = cut.actual[text]["value"]
    record = Record({"value": actual}, cut.lots, money="value")
    forecast = fitted.forecast(
        last_observed(holdout.end),
        annual_discount_rate=terms.worth.annual_discount_rate,
        margin=terms.worth.margin,
        period="Y",
        observe=record.observe,
        **terms.options(fitted),
    )
    return record.customers()["value"], total_of("value", forecast.total, forecast, actual)


def _chance_of(fitted: Any, cut: Cut, text: str, holdout: Holdout) -> np.ndarray | None:
    """(n,) predictive probability of the count that came, or None if the forecaster does not know it."""
    ask = getattr(fitted, "purchase_probability", None)
    return None if ask is None else ask(cut.actual[text]["purchases"], holdout.length)


def _newcomers(
    fitted: FittedForecaster, cut: Cut, holdout: Holdout, terms: Terms
) -> dict[str, dict[str, float]]:
    if not takes(fitted, "rfm", "block_size") or not getattr(fitted, "tells_newcomers", True):
        return {}
    drawn = newcomer_draws(
        fitted,
        cut.rfm,
        cut.arrivals,
        last_observed(holdout.end),
        holdout.length * unit_days(holdout.time_unit) / 7,
        options=terms.options(fitted),
    )
    bounds = dict(zip(QUANTILES, LEVELS, strict=True))
    return {
        quantity: {"mean": float(draws.mean())}
        | {name: float(np.quantile(draws, bounds[name])) for name in ("q05", "q95")}
        for quantity, draws in drawn.items()
    }
