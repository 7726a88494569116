"""The run of a backtest: cut, summarise, fit, forecast, compare; once per origin and forecaster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.metadata import version
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from clvmodels.backtesting.record import Record, weekly_record
from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.contracts import Forecaster
from clvmodels.errors import ArgumentError, ClvError, FitError
from clvmodels.prediction import check_seed
from clvmodels.rfm import RFM
from clvmodels.transactions import Holdout, calibration_holdout, rfm_summary
from clvmodels.units import end_of_observation, last_observed, parse_duration, shift, unit_days

if TYPE_CHECKING:
    import pandas as pd

Moment = str | date | datetime


def backtest(
    transactions: Any,
    forecasters: Sequence[Forecaster],
    *,
    horizon: str,
    origins: int | Moment | Sequence[Moment] = 1,
    customer_id: str = "customer_id",
    date: str = "date",
    spend: str | None = "spend",
    period: Literal["min", "h", "D", "W"] = "D",
    time_unit: Literal["min", "h", "D", "W"] = "W",
    observation_start: Moment | None = None,
    observation_end: Moment | None = None,
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
    fails is a row of `Scorecard.fits` with its reason.

    Parameters
    ----------
    transactions
        A log, as for `rfm_summary`.
    forecasters
        CLV models and historical formulas, each with a name of its own.
    horizon
        Length of every holdout, such as ``"39W"`` or ``"6M"``.
    origins
        The last observed date or dates, or how many: then the holdouts follow each other and the last one
        ends with the observation.
    observation_end
        Last date of the log to be trusted; by default that of its last row.
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
    check_seed(seed)
    columns = {"customer_id": customer_id, "date": date, "spend": spend}
    clock = {"period": period, "time_unit": time_unit, "observation_start": observation_start}
    money = {"first_purchase": first_purchase, "refunds": refunds, "zero_spend": zero_spend}
    options: dict[str, Any] = {**columns, **clock, **money, "business_timezone": business_timezone}
    _check_forecasters(forecasters, baseline)
    windows = _plan_windows(transactions, origins, horizon, observation_end, options)
    run = {"draws": draws, "seed": seed}
    records = list(_walks(transactions, forecasters, windows, run, options, progress))
    return _collect(records, baseline, {"horizon": horizon, **run, **options})


@dataclass(frozen=True)
class _Window:
    """First instant after an origin, and first instant after its holdout."""

    start: datetime
    end: datetime

    @property
    def origin(self) -> date | datetime:
        return last_observed(self.start)

    @property
    def last(self) -> date | datetime:
        return last_observed(self.end)


def _walks(
    transactions: Any,
    forecasters: Sequence[Forecaster],
    windows: Sequence[_Window],
    run: dict[str, int],
    options: dict[str, Any],
    progress: Callable[[int, int, str], None] | None,
) -> Iterator[Record]:
    """One record per origin and forecaster; the log is cut once per origin."""
    tell = progress or (lambda *_: None)
    done, count = 0, len(windows) * len(forecasters)
    for window in windows:
        rfm, holdout = calibration_holdout(
            transactions, cutoff=window.origin, holdout_end=window.last, **options
        )
        for forecaster in forecasters:
            tell(done, count, f"{window.origin!s} {forecaster.name}")
            yield _walk(forecaster, rfm, holdout, window, **run)
            done += 1
    tell(count, count, "done")


def _check_forecasters(forecasters: Any, baseline: str | None) -> None:
    if isinstance(forecasters, str) or not isinstance(forecasters, Sequence):
        raise ArgumentError("forecasters must be a list, such as [CLVModel('bg_nbd'), HistoricalCLV()]")
    if any(isinstance(forecaster, str) for forecaster in forecasters):
        raise ArgumentError(f"forecasters must be objects, not names: CLVModel({forecasters[0]!r}), say")
    names = [forecaster.name for forecaster in forecasters]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled or not names:
        raise ArgumentError(f"forecasters need names of their own; {doubled or 'none'} given: set label=")
    if baseline is not None and baseline not in names:
        raise ArgumentError(f"baseline {baseline!r} is not among the forecasters {names}")


def _plan_windows(
    transactions: Any,
    origins: int | Moment | Sequence[Moment],
    horizon: str,
    observation_end: Moment | None,
    options: dict[str, Any],
) -> list[_Window]:
    """The origins and the ends of their holdouts, ascending."""
    if not isinstance(horizon, str):
        raise ArgumentError(f"horizon={horizon!r} must be a duration such as '39W'")
    count, step = parse_duration(horizon)
    known = rfm_summary(transactions, observation_end=observation_end, **options)
    end = cast(datetime, known.observed_until)
    if isinstance(origins, str | date):
        origins = [origins]
    if isinstance(origins, Sequence):
        starts = sorted({end_of_observation(origin) for origin in origins})
        windows = [_Window(start, shift(start, count, step)) for start in starts]
    else:
        bounds = [shift(end, -count * back, step) for back in range(_check_count(origins), -1, -1)]
        windows = [_Window(*pair) for pair in pairwise(bounds)]
    late = [str(window.origin) for window in windows if window.end > end]
    if late or not windows:
        raise ArgumentError(
            f"the log ends on {last_observed(end)}, before the {horizon} after origin "
            f"{', '.join(late) or '(none given)'} are over; use earlier origins or a shorter horizon"
        )
    first = end - timedelta(days=float(known.T.max()) * unit_days(known.time_unit))
    if windows[0].start <= first:
        raise ArgumentError(
            f"at origin {windows[0].origin} nobody had bought yet: the first purchase is of {first:%Y-%m-%d}; "
            "use fewer or later origins, or a shorter horizon"
        )
    return windows


def _check_count(origins: Any) -> int:
    if isinstance(origins, bool) or not isinstance(origins, int | np.integer) or origins < 1:
        raise ArgumentError(f"origins={origins!r} must be a whole number of at least 1, or dates")
    return int(origins)


def _walk(
    forecaster: Forecaster, rfm: RFM, holdout: Holdout, window: _Window, *, draws: int, seed: int
) -> Record:
    record = Record(forecaster.name, rfm, holdout, seed)
    try:
        began = perf_counter()
        fitted = forecaster.fit(rfm, seed=seed)
        record.fit_seconds = perf_counter() - began
        record.summary = fitted.summary
        if not fitted.usable:
            raise FitError(fitted.summary)
        forecast = fitted.forecast(window.last, period="W", draws=draws, seed=seed, observe=record.observe)
        record.forecast_seconds = perf_counter() - began - record.fit_seconds
        record.finish(forecast, weekly_record(rfm, holdout, fitted, forecast))
    except ClvError as error:
        record.reason = str(error)
    except Exception as error:  # noqa: BLE001  (a guest that breaks must not take the other rows with it)
        record.reason = f"{type(error).__name__}: {error}"
    return record


def _collect(records: Sequence[Record], baseline: str | None, run: dict[str, Any]) -> Scorecard:
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
            "forecasters": list(dict.fromkeys(record.name for record in records)),
            "interval": "central 90 % predictive interval",
            "crps": "fair estimator; the absolute error of a point forecast",
            "versions": {package: version(package) for package in ("clvmodels", "numpy", "scipy", "pandas")},
        },
    )
