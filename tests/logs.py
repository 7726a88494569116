"""Logs that tests of summaries share, and how two summaries are compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clvmodels.errors import DataError
from clvmodels.rfm import RFM
from clvmodels.transactions import rfm_summary

EXACT = (
    "frequency",
    "recency",
    "T",
    "monetary_value",
    "spend_count",
    "spend_sum",
    "spend_first",
    "spend_positive_count",
)


def shop(rows: int = 600, seed: int = 5) -> pd.DataFrame:
    """A log with clock times around leap days and 1970, several rows a day, and zero amounts."""
    rng = np.random.default_rng(seed)
    minutes = rng.integers(0, 300 * 1440, rows)
    date = pd.Timestamp("1967-12-20") + pd.to_timedelta(minutes, unit="min")
    spend = np.where(rng.random(rows) < 0.05, 0.0, rng.gamma(2, 10, rows).round(2))
    return pd.DataFrame({"customer_id": rng.integers(1, 60, rows), "date": date, "spend": spend})


def in_money(rfm: RFM, factor: float) -> RFM:
    """The same customers with amounts in another currency."""
    assert rfm.monetary_value is not None
    statistics = dict(rfm.statistics)
    for name in ("spend_sum", "spend_first"):
        statistics[name] = statistics[name] * factor
    positive = statistics["spend_positive_count"]
    statistics["spend_log_sum"] = statistics["spend_log_sum"] + positive * np.log(factor)
    return replace(rfm, monetary_value=rfm.monetary_value * factor, statistics=statistics)


def columns(rfm: RFM, names: tuple[str, ...] = EXACT) -> dict[str, list[float]]:
    return {name: column.tolist() for name, column in zip(names, rfm.columns(names), strict=True)}


def same(first: RFM, second: RFM) -> None:
    assert first.customer_id.tolist() == second.customer_id.tolist()
    assert columns(first) == columns(second)
    logs = [rfm.statistics["spend_log_sum"] for rfm in (first, second)]
    np.testing.assert_allclose(*logs, rtol=1e-12, atol=1e-12)
    assert first.fingerprint() == second.fingerprint()
    assert first.observed_until == second.observed_until
    assert first.report == second.report


def refused(log: Any, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        rfm_summary(log, **options)
    text = str(caught.value)
    assert "Way out: " in text
    return text


def broken(column: str, row: int, value: Any) -> pd.DataFrame:
    log = shop(30).assign(customer_id=lambda frame: [f"c{number:02}" for number in frame.index])
    log[column] = log[column].astype(object).where(log.index != row, value)
    return log.infer_objects()


def notes(rfm: RFM) -> dict[str, tuple[int, tuple[object, ...]]]:
    return {note.what: (note.count, note.examples) for note in rfm.report.notes}


SMALL = pd.DataFrame(
    [
        ("ann", "2026-01-01", 10.0),
        ("ann", "2026-01-01", 5.0),
        ("ann", "2026-01-08", 20.0),
        ("ann", "2026-01-08", -5.1),
        ("ann", "2026-01-15", 30.0),
        ("ann", "2026-01-15", -30.0),
        ("ann", "2026-01-22", -7.3),
        ("bob", "2026-01-05", 0.0),
        ("bob", "2026-01-06", 0.0),
        ("cid", "2026-02-01", 1.0),
    ],
    columns=["customer_id", "date", "spend"],
)
