"""Data to learn with: the CDNOW log, the donations summary, and logs simulated from a model.

`python -m clvmodels.datasets data/` writes the small simulated logs that the project ships.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from clvmodels.contracts import Param, PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, DataError
from clvmodels.models import get_purchase_model, get_spend_model
from clvmodels.rfm import RFM
from clvmodels.units import as_datetime

if TYPE_CHECKING:
    import pandas as pd

SECONDS_PER_WEEK = 7 * 86400
SAMPLE_FILE = "simulated_shop.csv"


def load_cdnow(which: Literal["sample", "master"] = "sample") -> pd.DataFrame:
    """Purchases at the CD shop CDNOW, of the customers who first bought in January to March 1997, until June 1998.

    The log behind most papers on the subject. Read from the files that the `lifetimes` wheel carries;
    `lifetimes` itself is not imported.

    Parameters
    ----------
    which
        ``"sample"``: the systematic 1/10 sample that the papers use (2,357 customers, 6,919 rows), or
        ``"master"``: everybody (23,570 customers, 69,659 rows).

    Returns
    -------
    pandas.DataFrame
        One row per transaction in the order of the file: customer_id (int), date (datetime), spend (dollars,
        sometimes 0), quantity (CDs), and for the sample master_id, the customer's id in the master.

    Raises
    ------
    ArgumentError
        If there is no such log.
    DataError
        If `lifetimes` is not installed.

    Examples
    --------
    >>> log = load_cdnow("sample")
    >>> len(log), log["customer_id"].nunique(), log["date"].max().date().isoformat()
    (6919, 2357, '1998-06-30')
    """
    import pandas as pd

    if which not in ("sample", "master"):
        raise ArgumentError(f"which={which!r} is neither 'sample' nor 'master'")
    measures = ["date", "quantity", "spend"]
    ids = ["master_id", "customer_id"] if which == "sample" else ["customer_id"]
    log = pd.read_csv(
        _bundled(f"CDNOW_{which}.txt"),
        sep=r"\s+",
        names=ids + measures,
        skiprows=0 if which == "sample" else 1,
        dtype={"date": str},
    )
    log["date"] = pd.to_datetime(log["date"], format="%Y%m%d")
    return log[["customer_id", "date", "spend", "quantity", *ids[:-1]]]


def load_donations() -> pd.DataFrame:
    """Donations of 11,104 people who first gave to a public radio station in 1995: six yearly chances to give.

    The published example of discrete opportunities (beta-geometric/beta-Bernoulli). It is a summary, not a log,
    and its clock counts opportunities, so it does not fit the models for purchases in continuous time.

    Returns
    -------
    pandas.DataFrame
        One row per pattern: frequency (years with a repeat donation, 0 to 6), recency (the last of these
        years, 0 if none), periods (chances to give, always 6), weights (people with this pattern).

    Raises
    ------
    DataError
        If `lifetimes`, whose wheel carries the file, is not installed.

    Examples
    --------
    >>> donations = load_donations()
    >>> len(donations), int(donations["weights"].sum())
    (22, 11104)
    """
    import pandas as pd

    return pd.read_csv(_bundled("donations.csv"))


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
    _check_lengths(customers, weeks, acquisition_weeks, resolution)
    birth_stream, purchase_stream, spend_stream = np.random.default_rng(seed).spawn(3)
    births = np.sort(birth_stream.uniform(0, acquisition_weeks, customers))
    who, ages = purchase_model.simulate(theta, weeks - births, purchase_stream)
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
        log["spend"] = _spend(get_spend_model(spend), spend_params, customers, row, spend_stream)
    return log


def write_samples(folder: Path) -> Path:
    """Write the project's own small log, a simulated shop, into a folder.

    Returns
    -------
    Path
        The file written.
    """
    log = simulate(
        "pareto_nbd",
        {"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7},
        customers=1000,
        start="2024-01-01",
        weeks=104,
        acquisition_weeks=26,
        spend_params={"p": 6.25, "q": 3.74, "gamma": 15.4},
        resolution="D",
        seed=2024,
    )
    path = folder / SAMPLE_FILE
    path.write_bytes(log.to_csv(index=False, float_format="%.2f", lineterminator="\n").encode())
    return path


def _bundled(name: str) -> Path:
    """Path of a data file inside the `lifetimes` wheel, whose code is not run."""
    spec = importlib.util.find_spec("lifetimes")
    places = [] if spec is None else [Path(place) for place in spec.submodule_search_locations or []]
    for place in places:
        path = place / "datasets" / name
        if path.is_file():
            return path
    raise DataError(
        f"{name} is bundled with lifetimes, which is not installed", fix="pip install lifetimes==0.11.3"
    )


def _theta(model: str, params: tuple[Param, ...], values: Mapping[str, float]) -> np.ndarray:
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
    if customers < 1:
        raise ArgumentError(f"customers={customers!r} must be at least 1")
    if not 0 < acquisition_weeks <= weeks < np.inf:
        raise ArgumentError(
            f"acquisition_weeks={acquisition_weeks!r} must be above 0 and at most weeks={weeks!r}, which is finite"
        )
    if resolution not in ("D", "s"):
        raise ArgumentError(f"resolution={resolution!r} is neither 'D' nor 's'")


def _stamps(start: datetime, weeks: np.ndarray, resolution: str) -> np.ndarray:
    seconds = np.floor(weeks * SECONDS_PER_WEEK).astype("timedelta64[s]")
    return (np.datetime64(start, "s") + seconds).astype(f"datetime64[{resolution}]").astype("datetime64[s]")


def _spend(
    model: SpendModel, params: Mapping[str, float], customers: int, row: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Amounts of purchases of customers about whom nothing is known yet."""
    zeros = np.zeros(customers)
    statistics = {name: zeros for name in model.needs if name not in {"monetary_value", "spend_count"}}
    unknown = RFM.from_arrays(
        frequency=zeros, recency=zeros, T=zeros, monetary_value=zeros, statistics=statistics, time_unit="W"
    )
    amounts = model.sample_spend(_theta(model.name, model.params, params), unknown, row, rng)
    return np.maximum(np.round(amounts, 2), 0.01)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python -m clvmodels.datasets FOLDER")
    write_samples(Path(sys.argv[1]))
