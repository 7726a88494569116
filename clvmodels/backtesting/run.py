"""The run of a backtest: cut, summarise, fit, forecast, compare; once per origin and forecaster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from clvmodels.backtesting.collect import Known, collect
from clvmodels.backtesting.cut import Cut, Worth, cut_log
from clvmodels.backtesting.origins import Origins, Window, as_origins, overlapping
from clvmodels.backtesting.progress import Watch
from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.backtesting.walk import Terms
from clvmodels.backtesting.workers import walk_all
from clvmodels.contracts import Forecaster
from clvmodels.errors import ArgumentError, whole_number
from clvmodels.prediction import check_margin, check_seed
from clvmodels.transactions import collected, rfm_summary
from clvmodels.units import Moment, discount_per_unit, unit_days


def backtest(
    transactions: Any,
    forecasters: Sequence[Forecaster],
    *,
    horizon: str | Sequence[str] | None = None,
    origins: Origins | int | Moment | Sequence[Moment] = 1,
    customer_id: str = "customer_id",
    date: str = "date",
    spend: str | None = "spend",
    period: Literal["min", "h", "D", "W"] = "D",
    time_unit: Literal["min", "h", "D", "W"] = "W",
    observation_start: Moment | None = None,
    observation_end: Moment | None = None,
    first_purchase: Literal["exclude", "include"] = "exclude",
    refunds: Literal["refuse", "drop", "net", "match"] = "refuse",
    zero_spend: Literal["purchase", "drop", "refuse"] = "purchase",
    business_timezone: str | None = None,
    order_id: str | None = None,
    annual_discount_rate: float = 0.0,
    margin: float = 1.0,
    baseline: str | None = None,
    draws: int = 1000,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> Scorecard:
    """Forecast from earlier dates, and compare with what the log says happened.

    Every origin starts again from the raw transactions up to that date, so no later row can leak into
    a fit. Customers first seen in a holdout are in no score of single customers; forecasters that can say
    how many will come and what they will buy are compared with them as a whole. A forecaster that
    fails is a row of `Scorecard.fits` with its reason.

    Parameters
    ----------
    transactions
        A log, as for `rfm_summary`.
    forecasters
        CLV models and historical formulas, each with a name of its own.
    horizon
        Length of every holdout, such as ``"39W"`` or ``"6M"``; or several, forecast from the same fit. Left out
        where `origins` is an `Origins`, which holds it.
    origins
        The last observed date or dates; or how many: then the holdouts follow each other and the last one
        ends with the observation; or an `Origins`.
    observation_end
        Last date of the log to be trusted; by default that of its last row.
    customer_id, date, spend, period, time_unit, observation_start, first_purchase, refunds, zero_spend, \
business_timezone, order_id
        As for `rfm_summary`.
    annual_discount_rate, margin
        If one of them is given, discounted margin is a third quantity, ``value``, forecast and scored beside
        purchases and spend. It takes a second forecast.
    baseline
        Name of the forecaster that skill is measured against; by default (and where that one could not
        be fitted) the first one that gives a point forecast.
    draws, seed
        Of every forecast.
    workers
        Processes that share the work; the result does not depend on it, to the last bit. Each holds the log: what is
        a query is run once, and its columns are kept in memory.
    progress
        Called with (done, in all, what comes next or was done, with the time left).

    Returns
    -------
    Scorecard

    Raises
    ------
    ArgumentError
        If two forecasters share a name, a holdout reaches beyond the log, or (with several workers) a forecaster
        or the log cannot be sent to another process.
    DataError
        If the log breaks a rule of `rfm_summary`, or nobody had bought by an origin.

    Examples
    --------
    >>> import clvmodels as clv
    >>> log = clv.load_cdnow("sample")
    >>> result = clv.backtest(log, [clv.CLVModel("bg_nbd", method="mle")], horizon="39W", draws=50)
    >>> result.totals.query("quantity == 'purchases'")[["origin", "actual"]].values.tolist()
    [['1997-09-30', 1882.0]]
    """
    columns = {"customer_id": customer_id, "date": date, "spend": spend, "order_id": order_id}
    clock = {"period": period, "time_unit": time_unit, "observation_start": observation_start}
    money = {"first_purchase": first_purchase, "refunds": refunds, "zero_spend": zero_spend}
    options: dict[str, Any] = {**columns, **clock, **money, "business_timezone": business_timezone}
    terms = _terms(draws, seed, annual_discount_rate, margin, spend, time_unit)
    _check_forecasters(forecasters, baseline, workers)
    plan = as_origins(origins, horizon)
    windows = _windows(transactions, plan, observation_end, options)
    transactions = collected(transactions, columns.values()) if workers > 1 else transactions
    watch = Watch([one.name for one in forecasters] * len(windows), workers, progress)
    known: list[Known] = []
    cuts = _cuts(transactions, windows, plan, terms, options, known)
    walks = walk_all(cuts, forecasters, terms, watch, transactions, workers)
    return collect(walks, known, baseline, _provenance(forecasters, plan, windows, terms, options))


def _terms(
    draws: int, seed: int, annual_discount_rate: float, margin: float, spend: str | None, time_unit: str
) -> Terms:
    check_seed(seed)
    check_margin(margin)
    discount_per_unit(annual_discount_rate, time_unit)
    worth = Worth(annual_discount_rate, margin)
    if worth.is_asked and spend is None:
        raise ArgumentError("a discount rate or a margin needs spend: name its column, or leave them out")
    return Terms(whole_number("draws", draws, least=2), seed, worth)


def _cuts(
    transactions: Any,
    windows: Sequence[Window],
    plan: Origins,
    terms: Terms,
    options: dict[str, Any],
    known: list[Known],
) -> Iterator[Cut]:
    """The log cut at each origin; what the tables need of it goes to `known`, the rest may be let go of."""
    for window, overlaps in zip(windows, overlapping(windows), strict=True):
        cut = cut_log(transactions, window, plan, terms.worth, terms.seed, options)
        known.append(Known.of(cut, overlaps))
        yield cut


def _check_forecasters(forecasters: Any, baseline: str | None, workers: Any) -> None:
    whole_number("workers", workers, least=1)
    if isinstance(forecasters, str) or not isinstance(forecasters, Sequence):
        raise ArgumentError("forecasters must be a list, such as [CLVModel('bg_nbd'), HistoricalCLV()]")
    for one in forecasters:
        if isinstance(one, type) or not callable(getattr(one, "fit", None)):
            raise ArgumentError(
                f"forecasters must be such as CLVModel('bg_nbd') or HistoricalCLV(), not {one!r}"
            )
    names = [forecaster.name for forecaster in forecasters]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled or not names:
        raise ArgumentError(f"forecasters need names of their own; {doubled or 'none'} given: set label=")
    if baseline is not None and baseline not in names:
        raise ArgumentError(f"baseline {baseline!r} is not among the forecasters {names}")


def _windows(
    transactions: Any, plan: Origins, observation_end: Moment | None, options: dict[str, Any]
) -> list[Window]:
    """The origins and the ends of their holdouts, ascending."""
    everything = rfm_summary(transactions, observation_end=observation_end, **options)
    end = cast(datetime, everything.observed_until)
    first = end - timedelta(days=float(everything.T.max()) * unit_days(everything.time_unit))
    return plan.plan(first, end)


def _provenance(
    forecasters: Sequence[Forecaster],
    plan: Origins,
    windows: Sequence[Window],
    terms: Terms,
    options: dict[str, Any],
) -> dict[str, Any]:
    overlaps = sorted({place for found in overlapping(windows) for place in found})
    run = {
        "horizon": plan.horizons[-1],
        "horizons": list(plan.horizons),
        "overlapping_horizons": [plan.horizons[place] for place in overlaps],
        "step": plan.step,
        "min_calibration": plan.min_calibration,
        "first_seen": None if plan.first_seen is None else [str(moment) for moment in plan.first_seen],
        "min_age": plan.min_age,
        "draws": terms.draws,
        "seed": terms.seed,
        "annual_discount_rate": terms.worth.annual_discount_rate,
        "margin": terms.worth.margin,
    }
    told = {key: value if isinstance(value, int | None) else str(value) for key, value in options.items()}
    return {
        **run,
        **told,
        "forecasters": [one.name for one in forecasters],
        "interval": "central 90 % predictive interval",
        "crps": f"fair estimator from {terms.draws:,} draws; the absolute error of a point forecast",
        "log_score": "exact probabilities of the count, averaged over draws of the parameters and shocks of the market",
        "newcomers": "arrivals at the rate of the last 13 weeks of the calibration, then lives of new customers",
    }
