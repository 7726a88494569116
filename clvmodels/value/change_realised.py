"""What customers were forecast to be worth, beside what they brought."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.errors import ArgumentError, DataError, check_kind
from clvmodels.prediction import Forecast, labelled, tail_levels
from clvmodels.rfm import id_text
from clvmodels.transactions import Holdout
from clvmodels.units import discount_per_unit
from clvmodels.value.cashflow_economics import OWN_CURRENCY, check_currency
from clvmodels.value.expectations import labels_of

if TYPE_CHECKING:
    import pandas as pd

CLOSE = 1e-6


def realised_value(forecast: Forecast, holdout: Holdout) -> np.ndarray:
    """(n,) value that the forecast's customers brought, with the margin and the discount of the forecast.

        Σ over purchases of margin · amount · exp(-δ · time since the forecast)

    Purchases, not money, where the forecast is of purchases only.

    Parameters
    ----------
    forecast
        Made at the start of the holdout.
    holdout
        What followed, over the same window.

    Raises
    ------
    ArgumentError
        If the windows differ, or the holdout holds no spend.
    DataError
        If the customers differ.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm, holdout = clv.calibration_holdout(clv.load_cdnow(), cutoff="1997-09-30", spend="spend")
    >>> forecast = clv.ZeroForecast().fit(rfm).forecast("1998-06-30")
    >>> round(float(realised_value(forecast, holdout).sum()), 2) == round(float(holdout.spend.sum()), 2)
    True
    """
    _check(forecast, holdout)
    if forecast.value is None:
        return holdout.purchases
    events = holdout.after
    if events.spend is None:
        raise ArgumentError(
            "the forecast is of money, and the holdout holds none; name spend= in calibration_holdout"
        )
    rate = discount_per_unit(forecast.provenance["annual_discount_rate"], holdout.time_unit)
    present = forecast.provenance["margin"] * events.spend * np.exp(-rate * events.time)
    return np.bincount(events.customer, weights=present, minlength=len(holdout.customer_id))


def compare_with_realised(
    forecast: Forecast,
    holdout: Holdout,
    *,
    groups: Any = None,
    level: float = 0.9,
    currency: str = OWN_CURRENCY,
) -> pd.DataFrame:
    """Realised value against the forecast of it: of everybody, and of groups.

    Parameters
    ----------
    forecast
        Made at the start of the holdout; with ``keep_draws=True`` where there are `groups`.
    holdout
        What followed.
    groups
        Label by customer id (dict or pandas Series).
    level
        Of the predictive intervals.
    currency
        Label of the money.

    Returns
    -------
    pandas.DataFrame
        group, customers, forecast, low, high, realised, difference (realised less forecast), and
        chance_of_less: the share of the draws below what was realised, ties counted half; near 0 or 1 the
        forecast was surprised. A formula has neither interval nor chance.

    Raises
    ------
    ArgumentError
        If windows differ, or groups are asked of a forecast without draws.
    DataError
        If customers differ, or one has no group.

    Examples
    --------
    >>> import clvmodels as clv
    >>> log = clv.load_cdnow().query("customer_id <= 300")
    >>> rfm, holdout = clv.calibration_holdout(log, cutoff="1997-09-30", spend="spend", holdout_end="1998-06-30")
    >>> fitted = clv.CLVModel("bg_nbd", method="map").fit(rfm)
    >>> forecast = fitted.forecast("1998-06-30", draws=100, seed=1)
    >>> compare_with_realised(forecast, holdout)["realised"].round(2).tolist()
    [8244.61]
    """
    import pandas as pd

    check_currency(currency)
    actual = realised_value(forecast, holdout)
    mean = forecast.columns["purchases_mean" if forecast.value is None else "clv_mean"]
    rows = [_row("all", mean, forecast.total.draws, actual, forecast.is_distribution, level)]
    if groups is not None:
        if forecast.draws is None and forecast.is_distribution:
            raise ArgumentError(
                "intervals of groups need the draws of the customers: forecast with keep_draws=True"
            )
        labels = labels_of(groups, holdout.customer_id)
        for name in sorted(set(labels)):
            inside = labels == name
            draws = mean[None, inside] if forecast.draws is None else forecast.draws[:, inside]
            rows.append(
                _row(name, mean[inside], draws.sum(axis=1), actual[inside], forecast.is_distribution, level)
            )
    interval = f"central {level:.0%} predictive interval" if forecast.is_distribution else "none"
    facts = {**forecast.provenance, "interval": interval, "value": forecast.total.name, "currency": currency}
    return labelled(pd.DataFrame(rows), facts)


def _row(
    name: str, mean: np.ndarray, draws: np.ndarray, actual: np.ndarray, is_distribution: bool, level: float
) -> dict[str, Any]:
    expected, found = math.fsum(mean), math.fsum(actual)
    row: dict[str, Any] = {"group": name, "customers": len(mean), "forecast": expected}
    if is_distribution:
        row["low"], row["high"] = np.quantile(draws, tail_levels(level))
    row |= {"realised": found, "difference": found - expected}
    if is_distribution:
        row["chance_of_less"] = float(np.mean(draws < found) + np.mean(draws == found) / 2)
    return row


def _check(forecast: Forecast, holdout: Holdout) -> None:
    check_kind("forecast", forecast, Forecast, "make one with fitted.forecast(horizon)")
    check_kind("holdout", holdout, Holdout, "make one with calibration_holdout")
    ids = [id_text(identity) for identity in forecast.columns["customer_id"].tolist()]
    if ids != [id_text(identity) for identity in holdout.customer_id.tolist()]:
        raise DataError(
            f"the forecast is of {len(ids):,} customers, the holdout of {len(holdout.customer_id):,}, "
            "and they must be the same in the same order",
            column="customer_id",
            fix="cut the log with calibration_holdout at the forecast's date and forecast its summary",
        )
    if forecast.horizon.unit != holdout.time_unit:
        raise ArgumentError(
            f"the forecast's clock is {forecast.horizon.unit!r}, the holdout's {holdout.time_unit!r}"
        )
    starts = forecast.horizon.starts
    if starts and starts[0] != holdout.start:
        raise ArgumentError(
            f"the forecast begins {starts[0]:%Y-%m-%d}, the holdout {holdout.start:%Y-%m-%d}: cut the log at the date "
            "of the forecast"
        )
    if abs(forecast.horizon.length - holdout.length) > CLOSE * holdout.length:
        raise ArgumentError(
            f"the forecast reaches {forecast.horizon.length:g} units ahead, the holdout {holdout.length:g}: forecast "
            "until the last date of the holdout, or give holdout_end="
        )
