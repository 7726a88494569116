"""Own numbers beside those of other periods and of peers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.errors import ArgumentError, DataError, check_kind
from clvmodels.prediction import Forecast, labelled, tail_levels
from clvmodels.value.cashflow_economics import OWN_CURRENCY, check_currency

if TYPE_CHECKING:
    import pandas as pd

METRICS = {
    "clv_per_customer": "money",
    "purchases_per_customer_year": "purchases per year",
    "share_buying": "share",
    "p_alive": "share",
}
"""What a forecast can be compared by, and the unit of each."""
PEER_COLUMNS = ("name", "metric", "value", "unit")


def own_numbers(forecast: Forecast) -> dict[str, np.ndarray]:
    """Draws of each number of a forecast that can be compared; one draw where only a mean is known.

    - ``clv_per_customer``: value of the horizon per customer;
    - ``purchases_per_customer_year``: purchases per customer and year of the horizon;
    - ``share_buying``: share of customers who buy within the horizon (mean of the chances);
    - ``p_alive``: mean P(alive).

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 300))
    >>> forecast = clv.HistoricalCLV().fit(rfm).forecast("52W")
    >>> {name: draws.round(2).tolist() for name, draws in own_numbers(forecast).items()}
    {'clv_per_customer': [59.82], 'purchases_per_customer_year': [1.7]}
    """
    count = len(forecast.columns["customer_id"])
    found = {}
    if forecast.value is not None:
        found["clv_per_customer"] = forecast.value.draws / count
    found["purchases_per_customer_year"] = forecast.purchases.draws / count / forecast.horizon.years
    for column, name in (("p_purchase", "share_buying"), ("p_alive", "p_alive")):
        if column in forecast.columns:
            found[name] = forecast.columns[column].mean(keepdims=True)
    return found


def benchmark(
    own: Mapping[str, Forecast],
    peers: pd.DataFrame | None = None,
    *,
    currency: str = OWN_CURRENCY,
    level: float = 0.9,
) -> pd.DataFrame:
    """The newest own numbers beside those of own earlier periods and of peers.

    Parameters
    ----------
    own
        Forecasts by the name of their period, the newest last.
    peers
        Columns name, metric (one of `METRICS`), value and unit; units must be those of the own numbers.
    currency
        Label of the money, such as ``"EUR"``; the unit of peers' money must be the same.
    level
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        metric, name, kind (own or peer), value, low, high, unit, and chance_we_are_higher: the share of the draws
        in which the newest own number exceeds that row's. Peers are taken as exact; earlier periods have draws of
        their own. Where the newest number has one draw, low, high and the chance are missing.

    Raises
    ------
    DataError
        If a column is missing, a metric is unknown, a unit differs, or a share is not between 0 and 1.
    ArgumentError
        If no forecast is given, or the horizons differ.

    Examples
    --------
    >>> import clvmodels as clv, pandas as pd
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 300))
    >>> forecast = clv.CLVModel("bg_nbd", method="map").fit(rfm).forecast("52W", draws=100, seed=1)
    >>> peers = pd.DataFrame(
    ...     {"name": ["book shop"], "metric": ["clv_per_customer"], "value": [20.0], "unit": ["USD"]}
    ... )
    >>> benchmark({"1998": forecast}, peers, currency="USD").query("metric == 'clv_per_customer'")["kind"].tolist()
    ['own', 'peer']
    """
    import pandas as pd

    newest = _newest(own)
    numbers = {name: own_numbers(forecast) for name, forecast in own.items()}
    check_currency(currency)
    units = {metric: currency if unit == "money" else unit for metric, unit in METRICS.items()}
    known = _peer_rows(peers, units)
    rows = []
    for metric, latest in numbers[newest].items():
        for name, found in numbers.items():
            if metric in found:
                rows.append(
                    _row(metric, name, "own", found[metric], latest if name != newest else None, level)
                )
        rows += [
            _row(metric, name, "peer", np.array([value]), latest, level)
            for name, other, value in known
            if other == metric
        ]
    table = pd.DataFrame(rows)
    table["unit"] = table["metric"].map(units)
    facts = {"currency": currency, "interval": f"central {level:.0%} predictive interval"}
    return labelled(table, {**own[newest].provenance, **facts})


def _newest(own: Mapping[str, Forecast]) -> str:
    check_kind("own", own, Mapping, "write {'this year': forecast}")
    for name, forecast in own.items():
        check_kind(f"own[{name!r}]", forecast, Forecast, "make one with fitted.forecast(horizon)")
    if not own:
        raise ArgumentError("give at least one forecast of your own, by the name of its period")
    lengths = {name: round(forecast.horizon.years, 2) for name, forecast in own.items()}
    if max(lengths.values()) - min(lengths.values()) > 0.02:  # a leap day, or a week against a month's end
        raise ArgumentError(
            f"the forecasts reach differently far ahead (years: {lengths}); give all the same horizon"
        )
    return list(own)[-1]


def _row(
    metric: str, name: str, kind: str, draws: np.ndarray, latest: np.ndarray | None, level: float
) -> dict[str, Any]:
    low, high = np.quantile(draws, tail_levels(level)) if len(draws) > 1 else (np.nan, np.nan)
    chance = np.nan
    if latest is not None and len(latest) > 1:
        chance = float(np.mean(latest > draws[np.arange(len(latest)) % len(draws)]))
    return {
        "metric": metric,
        "name": name,
        "kind": kind,
        "value": float(draws.mean()),
        "low": float(low),
        "high": float(high),
        "chance_we_are_higher": chance,
    }


def _peer_rows(peers: pd.DataFrame | None, units: Mapping[str, str]) -> list[tuple[str, str, float]]:
    import pandas as pd

    if peers is None:
        return []
    missing = [column for column in PEER_COLUMNS if column not in getattr(peers, "columns", ())]
    if missing:
        raise DataError(
            f"the table of peers lacks {', '.join(missing)}",
            fix=f"give the columns {', '.join(PEER_COLUMNS)}",
        )
    _refuse(
        peers, ~peers["metric"].isin(list(METRICS)), "metric", f"must be one of {', '.join(METRICS)}", None
    )
    values = pd.to_numeric(peers["value"], errors="coerce").astype(float)
    _refuse(
        peers, ~np.isfinite(values), "value", "must be numbers", "leave out peers of whom nothing is known"
    )
    expected = peers["metric"].map(units)
    _refuse(
        peers,
        peers["unit"] != expected,
        "unit",
        f"must be those of the own numbers, {dict(units)}",
        "convert them",
    )
    share = peers["metric"].isin([metric for metric, unit in units.items() if unit == "share"])
    outside = share & ~values.between(0, 1)
    _refuse(peers, outside, "value", "shares must lie between 0 and 1", "62 per cent is 0.62")
    return list(zip(peers["name"].astype(str), peers["metric"], values.tolist(), strict=True))


def _refuse(peers: pd.DataFrame, wrong: Any, column: str, rule: str, fix: str | None) -> None:
    if wrong.any():
        raise DataError(
            f"values {rule}" if not rule.startswith("shares") else rule,
            column=column,
            rows=int(wrong.sum()),
            examples=peers.loc[wrong, column].tolist(),
            fix=fix,
        )
