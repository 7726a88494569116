"""What a run says of itself: totals with intervals, segments, cohorts, and the manifest that holds it all."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.batch.delivery import Delivery
from clvmodels.batch.hindsight import day_of
from clvmodels.batch.scoring import MEANINGS, Scoring
from clvmodels.prediction import tail_levels
from clvmodels.rfm import RFM
from clvmodels.units import UNIT_DAYS, plan_horizon

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES = ("clvmodels", "numpy", "scipy", "pandas", "pyarrow", "duckdb")


def spread(draws: np.ndarray) -> dict[str, float]:
    """Mean and central 90 % interval of draws."""
    low, high = np.quantile(draws, tail_levels(0.9)).tolist()
    return {"mean": float(draws.mean()), "low": low, "high": high}


def totals_of(sums: Mapping[str, np.ndarray], horizons: Sequence[str]) -> list[dict[str, Any]]:
    """One row per horizon and quantity, the value (else the purchases) of the main horizon first."""
    return [
        {"horizon": horizon, "quantity": quantity, **spread(sums[f"{horizon} {quantity}"].sum(axis=1))}
        for horizon in horizons
        for quantity in ("value", "purchases")
        if f"{horizon} {quantity}" in sums
    ]


def segments_of(
    sums: Mapping[str, np.ndarray], names: Sequence[str], labels: Mapping[str, int]
) -> list[dict[str, Any]]:
    """One row per segment: how many are labelled so, how many will turn out to belong, and what the first bring."""
    sizes, values = sums.get("segment sizes"), sums["segment values"]
    return [
        {
            "segment": name,
            "customers": labels.get(name, 0),
            "members": None if sizes is None else spread(sizes[:, position]),
            "value": spread(values[:, position]),
        }
        for position, name in enumerate(names)
    ]


def cohort_labels(rfm: RFM) -> np.ndarray:
    """(n,) year and quarter of the first purchase, from the age at the end of observation."""
    end = np.datetime64(rfm.observed_until, "s") - np.timedelta64(1, "s")
    age = np.round(rfm.T * UNIT_DAYS[rfm.time_unit] * 86_400).astype("timedelta64[s]")
    month = (end - age).astype("datetime64[M]").astype(int)
    return np.array([f"{1970 + m // 12} Q{m % 12 // 3 + 1}" for m in month.tolist()], dtype=object)


def cohorts_of(labels: np.ndarray, value: np.ndarray, p_buy: np.ndarray) -> list[dict[str, Any]]:
    """One row per cohort: customers, total mean value, mean chance to buy."""
    return [
        {
            "cohort": name,
            "customers": int((labels == name).sum()),
            "value_mean": float(value[labels == name].sum()),
            "p_buy_mean": float(p_buy[labels == name].mean()),
        }
        for name in sorted(set(labels.tolist()))
    ]


def input_of(delivery: Delivery) -> dict[str, Any]:
    """What was read."""
    days, report = delivery.days, delivery.rfm.report
    return {
        "fingerprint": delivery.fingerprint,
        "as_of": str(delivery.as_of),
        "rows": delivery.rows,
        "dropped": delivery.dropped,
        "first_day": str(days[0]),
        "last_day": str(days[-1]),
        "customers": len(delivery.rfm),
        "purchases": None if report is None else report.purchases,
        "types": dict(delivery.activity.types),
        "notes": []
        if report is None
        else [{"what": note.what, "count": note.count} for note in report.notes],
    }


def period_ends(rfm: RFM, horizon: str, step: str) -> list[str]:
    """First day after each period of a horizon."""
    plan = plan_horizon(horizon, rfm.observed_until, rfm.time_unit, step)
    return [day_of(moment) for moment in plan.ends or ()]


def versions() -> dict[str, str]:
    """Of Python and of the libraries that have a say in the numbers."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def dictionary(scoring: Scoring, table: pd.DataFrame, currency: str) -> dict[str, Any]:
    """The data dictionary of the published table: every column with its type, meaning and unit, where it has one."""
    columns = []
    has_money = scoring.fitted.spend is not None
    for name in table.columns:
        quantile = name.startswith("value_p") and name != "value_p"
        meaning = MEANINGS.get(name, MEANINGS["value_p*"] if quantile else "")
        if name == "p_segment":
            meaning = scoring.scheme.chance_told
        kind = "date" if name == "as_of" else "number" if table[name].dtype.kind == "f" else "text"
        if table[name].dtype.kind in "iu":
            kind = "whole number"
        column = {"column": name, "type": kind, "meaning": meaning}
        if currency and has_money and name.startswith(("value_", "expected_spend")):
            column["unit"] = currency
        columns.append(column)
    return {
        "table": "one row per customer and horizon",
        "key": ["as_of", "customer_id", "model", "horizon"],
        "horizons": list(scoring.horizons),
        "main_horizon": scoring.horizons[0],
        "segments": scoring.scheme.told,
        "valuable_from": list(scoring.scheme.valuable_from),
        "columns": columns,
    }
