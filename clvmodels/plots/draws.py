"""What the pictures of a fit share: some of its draws, and the mean and interval over them."""

from __future__ import annotations

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.inference import Posterior
from clvmodels.prediction import tail_levels
from clvmodels.units import UNIT_NAMES


def some_draws(posterior: Posterior, most: int) -> np.ndarray:
    """(P, S) draws, evenly spaced and at most so many; a fit of one parameter vector has one.

    Raises
    ------
    FitError
        If the fit has failed.
    """
    posterior.raise_if_failed()
    places = np.linspace(0, len(posterior.draws) - 1, min(most, len(posterior.draws))).astype(int)
    return np.ascontiguousarray(posterior.draws[places].T)


def check_unit(posterior: Posterior, unit: str) -> None:
    """Refuse customers whose times are in another unit than those of the fit.

    Raises
    ------
    ArgumentError
        If they are.
    """
    fitted = posterior.provenance["time_unit"]
    if unit != fitted:
        raise ArgumentError(
            f"the fit measured time in {UNIT_NAMES[fitted]}, these customers in {UNIT_NAMES[unit]}; "
            f"summarise them with time_unit={fitted!r}"
        )


def over_parameters(values: np.ndarray, level: float) -> dict[str, np.ndarray]:
    """Mean, and central interval (missing for a single draw), over the first axis of (S, ...)."""
    low, high = np.full((2, *values.shape[1:]), np.nan)
    if len(values) > 1:
        low, high = np.quantile(values, tail_levels(level), axis=0)
    return {"mean": values.mean(axis=0), "low": low, "high": high}


def percent_text(level: float) -> str:
    """A level for a legend.

    Examples
    --------
    >>> percent_text(0.9), percent_text(0.975)
    ('90 %', '97.5 %')
    """
    return f"{100 * level:g} %"
