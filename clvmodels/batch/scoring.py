"""One shard of customers through a fit: the published table, and the sums that all shards add up to."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.batch.division import Division, Scheme, history_of
from clvmodels.forecast import FittedCLV
from clvmodels.prediction import Forecast, quantile_name
from clvmodels.rfm import RFM, id_text

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = 4_000
"""Customers, at most, whose values say where the valuable ones begin."""
KEYS = ("as_of", "customer_id", "model", "horizon")
MEANINGS = {
    "customer_id": "Customer, as in the log, or a keyed hash where the configuration asks for it.",
    "as_of": "Last day of the log that the forecast knows; the date of the run.",
    "horizon": "How far ahead the forecast looks from the end of that day.",
    "model": "Models and method behind the forecast.",
    "model_version": "Version of the fit in the store: the day it was made and a hash of what it was made from.",
    "run_id": "Run that wrote the row: a hash of data, day, version, and of the configuration but for where things "
    "lie; the same run has the same id wherever it is made.",
    "p_alive": "Chance that the customer is still one. Never observed: act on p_buy_in_horizon.",
    "p_buy_in_horizon": "Chance of at least one purchase within the horizon.",
    "purchases_so_far": "Purchases up to that day, the first included.",
    "days_since_purchase": "Days from the last purchase to the end of that day.",
    "expected_purchases": "Mean number of purchases within the horizon.",
    "expected_spend": "Mean spend per purchase, before margin and discounting, in the currency of the log.",
    "value_mean": "Mean value within the horizon: spend times margin, discounted (purchases, where money is left out).",
    "value_p*": "Quantile of that value: value_p10 is exceeded with a chance of 90 %.",
    "segment": "What to do with the customer: by value and whether they buy within the main horizon, or by own rules.",
    "p_segment": "Chance that the customer belongs to that segment.",
    "last_segment": "Segment in the last published run; missing where there is none.",
}
"""The columns of the published table, in their order."""


@dataclass(frozen=True)
class Scoring:
    """What is done to every shard.

    Attributes
    ----------
    fitted, version
        The fit and its name in the store.
    run_id, as_of
        Of the run.
    horizons
        The main one first: segments are of it.
    arguments
        Of `FittedCLV.forecast`, but the horizon.
    scheme
        How customers are divided.
    hash_key
        Key of the hashes that stand for customer ids, or None to publish the ids.
    """

    fitted: FittedCLV
    version: str
    run_id: str
    as_of: date
    horizons: tuple[str, ...]
    arguments: Mapping[str, Any]
    scheme: Scheme
    hash_key: str | None

    def published_ids(self, rfm: RFM) -> np.ndarray:
        """(n,) ids as they are published."""
        if self.hash_key is None:
            return rfm.customer_id
        return np.array([hashed(self.hash_key, one) for one in rfm.customer_id.tolist()], dtype=object)


def hashed(key: str, identity: object) -> str:
    """Keyed hash of a customer id (HMAC-SHA-256, 32 hexadecimal digits); the id counts as text.

    Examples
    --------
    >>> hashed("secret", 7) == hashed("secret", "7") != hashed("other", 7)
    True
    """
    return hmac.new(key.encode(), id_text(identity).encode(), hashlib.sha256).hexdigest()[:32]


def dealt(rfm: RFM, shards: int) -> np.ndarray:
    """(n,) shard of each customer, by a hash of the id: it does not depend on who else is there.

    Examples
    --------
    >>> rfm = RFM.from_arrays(frequency=[0, 0], recency=[0, 0], T=[1, 2], customer_id=["ann", "bob"], time_unit="W")
    >>> dealt(rfm, 8).tolist(), dealt(rfm.take([1, 0]), 8).tolist()
    ([5, 4], [4, 5])
    """
    return (_places(rfm) % np.uint64(shards)).astype(int)


def first_by_hash(rfm: RFM, count: int) -> RFM:
    """The customers of `lowest_by_hash`."""
    return rfm.take(lowest_by_hash(rfm, count))


def lowest_by_hash(rfm: RFM, count: int) -> np.ndarray:
    """Positions of the `count` customers with the lowest hashes, ascending: the same customers in every run."""
    return np.sort(np.argsort(_places(rfm), kind="stable")[:count])


def _places(rfm: RFM) -> np.ndarray:
    digests = (
        hashlib.blake2b(id_text(one).encode(), digest_size=8).digest() for one in rfm.customer_id.tolist()
    )
    return np.frombuffer(b"".join(digests), dtype="<u8")


def score(
    scoring: Scoring, rfm: RFM, last: Mapping[Any, str] | None
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The published rows of a shard of customers, and joint draws of its totals.

    Returns
    -------
    table : pandas.DataFrame
        One row per customer and horizon, customers in the order of the summary.
    totals : dict
        Per horizon ``<horizon> purchases`` and ``<horizon> value``, (S, K) sums per period, and of the main one
        ``segment values`` and, where the chance to belong to one is defined, ``segment sizes``, (S, G).
    """
    import pandas as pd

    main, *others = scoring.horizons
    arguments = {"rfm": rfm, **scoring.arguments}
    before = {} if last is None else last
    found = scoring.scheme.divide(partial(scoring.fitted.forecast, main, **arguments), rfm, before)
    totals: dict[str, np.ndarray] = {"segment values": found.values}  # noqa: PD011 (draws, not a frame)
    if found.sizes is not None:
        totals["segment sizes"] = found.sizes.astype(float)
    forecasts = [found.forecast, *(scoring.fitted.forecast(horizon, **arguments) for horizon in others)]
    tables = []
    for horizon, forecast in zip(scoring.horizons, forecasts, strict=True):
        totals[f"{horizon} purchases"] = forecast.purchases.period_draws
        if forecast.value is not None:
            totals[f"{horizon} value"] = forecast.value.period_draws
        tables.append(_published(scoring, horizon, forecast, rfm, found, before))
    return pd.concat(tables, ignore_index=True), totals


def _published(
    scoring: Scoring, horizon: str, forecast: Forecast, rfm: RFM, found: Division, before: Mapping[Any, str]
) -> pd.DataFrame:
    import pandas as pd

    columns, prefix = forecast.columns, "purchases" if forecast.value is None else "clv"
    count = len(found.labels)
    spend = columns.get("expected_spend", np.full(count, np.nan))
    table = {
        "customer_id": scoring.published_ids(rfm),
        "as_of": np.full(count, scoring.as_of, dtype=object),
        "horizon": horizon,
        "model": scoring.fitted.name,
        "model_version": scoring.version,
        "run_id": scoring.run_id,
        "p_alive": columns["p_alive"],
        "p_buy_in_horizon": columns["p_purchase"],
        **history_of(rfm),
        "expected_purchases": columns["expected_purchases"],
        "expected_spend": np.where(np.isfinite(spend), spend, np.nan),
        "value_mean": columns[f"{prefix}_mean"],
        **{
            f"value_p{quantile_name('', level).removeprefix('_q').lstrip('0')}": columns[
                quantile_name(prefix, level)
            ]
            for level in sorted(set(scoring.arguments["levels"]))
        },
        "segment": found.labels,
        "p_segment": found.chance,
        "last_segment": pd.array([before.get(one) for one in rfm.customer_id.tolist()], dtype="str"),
    }
    return pd.DataFrame(table)
