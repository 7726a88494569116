"""Bringing the scorer to the customers: in memory, in DuckDB and its like, on Spark."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from clvmodels.errors import ClvWarning
from clvmodels.forecast.scoring import Scorer, batches_of
from clvmodels.forecast.stored import RECEIPT, PartWriter, write
from clvmodels.prediction import Forecast
from clvmodels.rfm import RFM
from clvmodels.transactions import RFMTable


def deliver(
    scorer: Scorer,
    target: RFM | RFMTable,
    out: Path,
    provenance: Mapping[str, Any],
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> Forecast:
    """Forecast the customers to files, where they are."""
    moved = None if progress is None else lambda done: progress(done, len(target))

    def work(folder: str) -> Iterable[Mapping[str, Any]]:
        if isinstance(target, RFMTable) and target.is_distributed:
            return target.mapped(PartWriter(scorer, folder), RECEIPT, scorer.order)
        writer = PartWriter(scorer, folder, workers, moved)
        if isinstance(target, RFMTable):
            return target.mapped(writer, RECEIPT, scorer.order)
        receipts = writer(batches_of(target, scorer.needs, scorer.order))
        return [row for receipt in receipts for row in receipt.to_pylist()]

    forecast, without_mean = write(scorer, out, len(target), provenance, work)
    warn_of_missing_means(without_mean)
    return forecast


def warn_of_missing_means(customers: int) -> None:
    """Say that some customers have no mean spend."""
    if customers:
        warnings.warn(
            f"{customers:,} customers have no finite mean spend (its tail is too heavy under some draws): "
            "their expected_spend is infinite and their clv_mean that of the draws; read the median, or spend more "
            "history on the fit",
            ClvWarning,
            stacklevel=4,
        )
