"""The run of a backtest: cut, summarise, fit, forecast, compare; once per origin and forecaster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from importlib.metadata import version
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from clvmodels.backtesting.record import Record, weekly_record
from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.contracts import Forecaster
from clvmodels.errors import ArgumentError, ClvError, FitError
from clvmodels.rfm import RFM
from clvmodels.transactions import Holdout, calibration_holdout, rfm_summary
from clvmodels.units import (
    end_of_observation,
    last_observed,
    parse_duration,
    shift,
)

if TYPE_CHECKING:
    import pandas as pd

Moment = str | date | datetime


def backtest(
    transactions: Any,
    forecasters: Sequence[Forecaster],
    *,
    horizon: str,
    origins: int | Sequence[Moment] = 1,
    customer_id: str = "customer_id",
    date: str = "date",
    spend: str | None = "spend",
    period: Literal["min", "h", "D", "W"] = "D",
    time_unit: Literal["min", "h", "D", "W"] = "W",
    observation_start: Moment | None = None,
    first_purchase: Literal["exclude", "include"] = "exclude",
    refunds: Literal["refuse", "drop", "net"] = "refuse",
    zero_spend: Literal["purchase", "drop", "refuse"] = "purchase",
    business_timezone: str | None = None,
    baseline: str | None = None,
    draws: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Scorecard:
    """Forecast from earlier dates, and compare with what the log says happened.

    Every origin starts again from the raw transactions up to that date, so no later row can leak into
    a fit. Customers first seen in a holdout are counted apart and scored nowhere. A forecaster that
    cannot be fitted is a row of `Scorecard.fits` with its reason.

    Parameters
    ----------
    transactions
        A log, as for `rfm_summary`.
    forecasters
        CLV models and historical formulas, each with a name of its own.
    horizon
        Length of every holdout, such as ``"39W"`` or ``"6M"``.
    origins
        The last observed dates, or how many: then the holdouts follow each other and the last one ends
        with the log.
    customer_id, date, spend, period, time_unit, observation_start, first_purchase, refunds, zero_spend, \
business_timezone
        As for `rfm_summary`.
    baseline
        Name of the forecaster that skill is measured against; by default (and where that one could not
        be fitted) the first one that gives a point forecast.
    draws, seed
        Of every forecast.
    progress
        Called with (done, in all, what comes next).

    Returns
    -------
    Scorecard

    Raises
    ------
    ArgumentError
        If two forecasters share a name, or a holdout reaches beyond the log.
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
    columns = {
        "customer_id": customer_id,
        "date": date,
        "spend": spend,
        "business_timezone": business_timezone,
    }
    clock = {"period": period, "time_unit": time_unit, "observation_start": observation_start}
    money = {"first_purchase": first_purchase, "refunds": refunds, "zero_spend": zero_spend}
    options: dict[str, Any] = {**columns, **clock, **money}
    names = _check_names(forecasters, baseline)
    cutoffs = _plan_origins(transactions, origins, horizon, options)
    run = {"horizon": horizon, "draws": draws, "seed": seed}
    records = list(_walks(transactions, forecasters, cutoffs, run, options, progress))
    return _collect(records, names, baseline, run | options)


def _walks(
    transactions: Any,
    forecasters: Sequence[Forecaster],
    cutoffs: Sequence[datetime],
    run: dict[str, Any],
    options: dict[str, Any],
    progress: Callable[[int, int, str], None] | None,
) -> Iterator[Record]:
    """One record per origin and forecaster; the log is cut once per origin."""
    tell = progress or (lambda *_: None)
    done, count = 0, len(cutoffs) * len(forecasters)
    for cutoff in cutoffs:
        rfm, holdout = _cut(transactions, cutoff, run["horizon"], options)
        for forecaster in forecasters:
            tell(done, count, f"{last_observed(cutoff)!s} {forecaster.name}")
            yield _walk(forecaster, rfm, holdout, **run)
            done += 1
    tell(count, count, "done")


def _check_names(forecasters: Sequence[Forecaster], baseline: str | None) -> list[str]:
    names = [forecaster.name for forecaster in forecasters]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled or not names:
        raise ArgumentError(f"forecasters need names of their own; {doubled or 'none'} given: set label=")
    if baseline is not None and baseline not in names:
        raise ArgumentError(f"baseline {baseline!r} is not among the forecasters {names}")
    return names


def _plan_origins(
    transactions: Any, origins: int | Sequence[Moment], horizon: str, options: dict[str, Any]
) -> list[datetime]:
    """First instants after each origin's observation, ascending."""
    count, step = parse_duration(horizon)
    end = rfm_summary(transactions, **options).observed_until
    if end is None:
        raise ArgumentError("the log has no calendar to put origins on")
    if isinstance(origins, int):
        if origins < 1:
            raise ArgumentError(f"origins={origins} must be at least 1, or a list of dates")
        return [shift(end, -count * back, step) for back in range(origins, 0, -1)]
    cutoffs = sorted({end_of_observation(origin) for origin in origins})
    late = [f"{last_observed(cutoff)!s}" for cutoff in cutoffs if shift(cutoff, count, step) > end]
    if late or not cutoffs:
        raise ArgumentError(
            f"the log ends on {last_observed(end)}, before the {horizon} after origin "
            f"{', '.join(late) or '(none given)'} are over; use earlier origins or a shorter horizon"
        )
    return cutoffs


def _cut(transactions: Any, cutoff: datetime, horizon: str, options: dict[str, Any]) -> tuple[RFM, Holdout]:
    end = shift(cutoff, *parse_duration(horizon))
    return calibration_holdout(
        transactions, cutoff=last_observed(cutoff), holdout_end=last_observed(end), **options
    )


def _walk(forecaster: Forecaster, rfm: RFM, holdout: Holdout, horizon: str, draws: int, seed: int) -> Record:
    record = Record(forecaster.name, rfm, holdout, seed)
    try:
        began = perf_counter()
        fitted = forecaster.fit(rfm, seed=seed)
        record.fit_seconds = perf_counter() - began
        record.summary = fitted.summary
        if not fitted.usable:
            raise FitError(fitted.summary)
        forecast = fitted.forecast(horizon, period="W", draws=draws, seed=seed, observe=record.observe)
        record.forecast_seconds = perf_counter() - began - record.fit_seconds
    except ClvError as error:
        record.reason = str(error)
        return record
    record.finish(forecast, weekly_record(rfm, holdout, fitted, forecast))
    return record


def _collect(
    records: Sequence[Record], names: Sequence[str], baseline: str | None, run: dict[str, Any]
) -> Scorecard:
    import pandas as pd

    def stack(tables: list[pd.DataFrame]) -> pd.DataFrame:
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    done = [record for record in records if record.is_done]
    if not done:
        raise FitError("no forecaster could be used; " + "; ".join(record.reason for record in records))
    points = [record.name for record in done if not record.is_distribution]
    if baseline not in {record.name for record in done}:
        baseline = points[0] if points else None
    firsts = {record.origin: record for record in reversed(records)}
    return Scorecard(
        predictions=stack([record.predictions() for record in done]),
        totals=stack([record.totals() for record in done]),
        tracking=stack([record.tracking() for record in done]),
        fits=pd.DataFrame([record.fit_row() for record in records]),
        newcomers=pd.DataFrame([record.newcomer_row() for record in reversed(firsts.values())]),
        data=pd.DataFrame([record.data_row() for record in reversed(firsts.values())]),
        baseline=baseline,
        provenance={
            **{key: value if isinstance(value, int | None) else str(value) for key, value in run.items()},
            "forecasters": list(names),
            "interval": "central 90 % predictive interval",
            "crps": "fair estimator; the absolute error of a point forecast",
            "versions": {package: version(package) for package in ("clvmodels", "numpy", "scipy", "pandas")},
        },
    )
