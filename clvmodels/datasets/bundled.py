"""Public logs, read from the files that the `lifetimes` wheel carries; its code is not run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clvmodels.errors import ArgumentError, DataError

if TYPE_CHECKING:
    import pandas as pd


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
