"""Logs of customers who live by a model, so that the truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

import numpy as np

from clvmodels.contracts import Param, PurchaseModel, SpendModel
from clvmodels.datasets.world import World
from clvmodels.errors import ArgumentError, check_choice, check_kind, check_real, whole_number
from clvmodels.models import get_purchase_model, get_spend_model
from clvmodels.prediction import check_seed
from clvmodels.units import as_datetime

if TYPE_CHECKING:
    import pandas as pd

SECONDS_PER_WEEK = 7 * 86400


def simulate(
    model: str | PurchaseModel,
    params: Mapping[str, float],
    *,
    customers: int = 1000,
    start: str | date | datetime = "2024-01-01",
    weeks: float = 78,
    acquisition_weeks: float = 12,
    spend: str | SpendModel | None = "gamma_gamma",
    spend_params: Mapping[str, float] | None = None,
    world: World | None = None,
    resolution: Literal["D", "s"] = "s",
    seed: int = 0,
) -> pd.DataFrame:
    """A transaction log of customers who live by a model, so that the truth is known.

    Customers are born (make their first purchase) evenly over the acquisition window and buy as the model
    tells, until they stop or the observation ends.

    Parameters
    ----------
    model
        Purchase model, by name or instance.
    params
        Its parameters by name, above 0, with the **week** as unit of time.
    customers
        Number of customers, at least 1; their ids are 1 to `customers`, in order of birth.
    start
        Date on which the acquisition begins.
    weeks
        Length of the observation from `start`, above 0.
    acquisition_weeks
        Length of the acquisition window, above 0 and at most `weeks`.
    spend
        Spend model by name or instance; only used with `spend_params`.
    spend_params
        Its parameters by name, above 0. Default: the log has no spend.
    world
        What the model does not know of: seasons, shocks, drift between cohorts, heavy tails, a first
        purchase unlike the others. Default: nothing of the kind.
    resolution
        Dates to the second (``"s"``) or to the day (``"D"``).
    seed
        The log depends on the arguments and this number only. Dates are the same with and without spend.

    Returns
    -------
    pandas.DataFrame
        One row per purchase, first purchases included, by customer and date: customer_id (int), date
        (datetime), and with `spend_params` spend (rounded to cents, at least 0.01).

    Raises
    ------
    ArgumentError
        If a model, a parameter or a length is not legal.

    Examples
    --------
    >>> log = simulate(
    ...     "pareto_nbd",
    ...     {"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7},
    ...     customers=100,
    ...     weeks=52,
    ...     spend_params={"p": 6.25, "q": 3.74, "gamma": 15.4},
    ...     seed=1,
    ... )
    >>> log["customer_id"].nunique(), list(log.columns)
    (100, ['customer_id', 'date', 'spend'])
    """
    import pandas as pd

    purchase_model = get_purchase_model(model)
    theta = _theta(purchase_model.name, purchase_model.params, params)
    check_seed(seed)
    world = World() if world is None else world
    check_kind("world", world, World, "write World(...)")
    _check_lengths(customers, weeks, acquisition_weeks, resolution)
    birth_stream, purchase_stream, spend_stream = np.random.default_rng(seed).spawn(3)
    births = np.sort(birth_stream.uniform(0, acquisition_weeks, customers))
    who, ages = world.lives(purchase_model, theta, births, as_datetime(start), weeks, purchase_stream)
    row = np.concatenate([np.arange(customers), who])
    time = np.concatenate([births, births[who] + ages])
    order = np.lexsort((time, row))
    row, time = row[order], np.minimum(time[order], np.nextafter(weeks, 0))
    log = pd.DataFrame({"customer_id": row + 1, "date": _stamps(as_datetime(start), time, resolution)})
    if spend_params is not None:
        if spend is None:
            raise ArgumentError(
                "spend_params are given, but spend=None names no model; leave out one of the two"
            )
        amounts = _spend(get_spend_model(spend), spend_params, row, spend_stream)
        amounts *= world.amount_factors(np.diff(row, prepend=-1) > 0, spend_stream)
        log["spend"] = np.maximum(np.round(amounts, 2), 0.01)
    return log


def _theta(model: str, params: tuple[Param, ...], values: Mapping[str, float]) -> np.ndarray:
    check_kind("params", values, Mapping, "write {name: value}")
    names = [param.name for param in params]
    if set(names) != set(values):
        raise ArgumentError(
            f"{model} has the parameters {', '.join(names)}, not {', '.join(map(str, values))}"
        )
    theta = np.array([float(values[name]) for name in names])
    for name, value in zip(names, theta, strict=True):
        if not 0 < value < np.inf:
            raise ArgumentError(f"parameter {name}={value} of {model} must be finite and above 0")
    return theta


def _check_lengths(customers: int, weeks: float, acquisition_weeks: float, resolution: str) -> None:
    whole_number("customers", customers, least=1)
    check_real("weeks", weeks)
    check_real("acquisition_weeks", acquisition_weeks)
    if not 0 < acquisition_weeks <= weeks < np.inf:
        raise ArgumentError(
            f"acquisition_weeks={acquisition_weeks!r} must be above 0 and at most weeks={weeks!r}, which is finite"
        )
    check_choice("resolution", resolution, ("D", "s"))


def _stamps(start: datetime, weeks: np.ndarray, resolution: str) -> np.ndarray:
    seconds = np.floor(weeks * SECONDS_PER_WEEK).astype("timedelta64[s]")
    return (np.datetime64(start, "s") + seconds).astype(f"datetime64[{resolution}]").astype("datetime64[s]")


def _spend(
    model: SpendModel, params: Mapping[str, float], row: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Amounts of whole lives, the rows of a customer in the order of time."""
    return model.simulate(_theta(model.name, model.params, params), row, np.diff(row, prepend=-1) > 0, rng)
