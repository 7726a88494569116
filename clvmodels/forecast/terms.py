"""What a forecast is asked, checked before any work, and what it says of itself."""

from __future__ import annotations

from typing import Any

from clvmodels.contracts import SpendModel
from clvmodels.errors import ArgumentError, whole_number
from clvmodels.forecast.scoring import Scorer
from clvmodels.prediction import check_margin, check_single
from clvmodels.rfm import RFM, check_customers
from clvmodels.transactions import RFMTable
from clvmodels.units import UNIT_NAMES


def check_arguments(
    time_unit: str, target: RFM | RFMTable, margin: float, draws: int, block_size: int, workers: int | None
) -> None:
    """Refuse terms of a forecast that are outside their range, and customers on another clock than the fit.

    Raises
    ------
    ArgumentError, DataError
        With what is wrong.
    """
    check_margin(margin)
    check_customers(target)
    if isinstance(target, RFM):
        check_single(target)
    whole_number("draws", draws, least=2)
    whole_number("block_size", block_size, least=1)
    if workers is not None:
        whole_number("workers", workers, least=1)
    if target.time_unit != time_unit:
        raise ArgumentError(
            f"the fit measured time in {UNIT_NAMES[time_unit]}, the customers to forecast in "
            f"{UNIT_NAMES[target.time_unit]}; summarise them with time_unit={time_unit!r}"
        )


def check_known(spend: SpendModel, target: RFM | RFMTable) -> None:
    """Refuse newcomers where the spend model takes as given what is not known of them.

    Raises
    ------
    ArgumentError
        If all customers have just been born.
    """
    if spend.given and isinstance(target, RFM) and not target.T.any():
        raise ArgumentError(
            f"{spend.title} is told of customers whose {' and '.join(spend.given)} is known, and these have only just "
            "been born; forecast newcomers with a model whose story begins at birth, such as "
            "spend='gamma_gamma_transactions'"
        )


def check_not_kept(is_kept: bool) -> None:
    """Refuse to keep draws of a forecast that goes to files.

    Raises
    ------
    ArgumentError
        If they are to be kept.
    """
    if is_kept:
        raise ArgumentError("with out= draws are not kept; leave keep_draws and observe out")


def in_memory(target: RFM | RFMTable) -> RFM:
    """The customers, if they are in memory.

    Raises
    ------
    ArgumentError
        If they are a table of some engine.
    """
    if not isinstance(target, RFM):
        raise ArgumentError("an RFMTable is forecast to files: name a folder with out=, or pass .collect()")
    return target


def provenance_of(scorer: Scorer, target: RFM | RFMTable) -> dict[str, Any]:
    """Who forecast whom, from which fits, and what the intervals hold."""
    held = "parameters and chance" if scorer.purchase.is_distribution else "chance (one parameter vector)"
    fits = [scorer.purchase] if scorer.spend is None else [scorer.purchase, scorer.spend]
    shock = scorer.discrepancy
    return {
        "forecaster": scorer.name,
        "window": scorer.horizon.window,
        "uncertainty": f"{held} only" if shock is None else f"{held}, and {shock}",
        "discrepancy": None if shock is None else dict(shock.facts),
        "customers_hash": target.fingerprint(),
        "fits": [dict(posterior.provenance) | {"status": posterior.status.name} for posterior in fits],
    }
