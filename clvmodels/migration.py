"""For those who come from lifetimes or pymc-marketing: their summary frames and their fits, taken over."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.errors import ArgumentError, DataError
from clvmodels.inference import Posterior, given
from clvmodels.rfm import CLOCK_FIELDS, RFM
from clvmodels.units import Moment

if TYPE_CHECKING:
    import pandas as pd

MODEL_OF = {
    "BetaGeoFitter": "bg_nbd",
    "ModifiedBetaGeoFitter": "mbg_nbd",
    "ParetoNBDFitter": "pareto_nbd",
    "GammaGammaFitter": "gamma_gamma",
}
"""Fitters of lifetimes, and the models of the same story."""
NAME_OF = {"v": "gamma"}
"""Parameters that have another name here."""


def rfm_from_frame(
    frame: pd.DataFrame,
    *,
    time_unit: str,
    observation_end: Moment | None = None,
    customer_id: str = "customer_id",
) -> RFM:
    """A summary frame of lifetimes or pymc-marketing as an `RFM`.

    Both call its columns ``frequency``, ``recency``, ``T`` and (where there is spend) ``monetary_value``; the ids are
    the index in lifetimes and a column in pymc-marketing. Whoever still has the log should rather summarise that
    with `rfm_summary`, which also says what became of its rows.

    Parameters
    ----------
    frame
        One row per customer.
    time_unit
        Unit of `recency` and `T`: ``"D"`` for frames made with ``freq="D"``, which is the default of lifetimes,
        ``"W"`` for ``freq="W"``. A frame does not say it, and nothing can be guessed from the numbers.
    observation_end
        Last observed date, if known; with it horizons may be months and years.
    customer_id
        Column of the ids; without such a column the index is taken.

    Raises
    ------
    ArgumentError
        If it is no pandas frame.
    DataError
        If a column is missing, an id is missing, a rule of `RFM` is broken, or the first purchase was counted
        (``include_first_transaction=True``), which the models must not see.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame(
    ...     {"frequency": [2.0, 0.0], "recency": [213.0, 0.0], "T": [272.0, 272.0], "monetary_value": [22.35, 0.0]},
    ...     index=pd.Index(["ann", "bob"], name="customer_id"),
    ... )
    >>> rfm_from_frame(frame, time_unit="D", observation_end="1997-09-30")
    RFM(2 customers, times in days, observed until 1997-10-01 00:00:00, with spend)
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise ArgumentError(
            f"frame is {type(frame).__name__}, not a pandas frame; convert it, e.g. with .to_pandas()"
        )
    _check_columns(list(map(str, frame.columns)))
    ids = frame[customer_id] if customer_id in frame.columns else frame.index.to_series()
    _check_ids(ids)
    repeated_at_once = (frame["frequency"] > 0) & (frame["recency"] == 0)
    if repeated_at_once.any():
        raise DataError(
            "a repeat purchase cannot fall on the day of the first, but recency is 0 where frequency is above 0",
            column="frequency",
            rows=int(repeated_at_once.sum()),
            examples=ids[repeated_at_once.to_numpy()].tolist(),
            fix="make the frame again without include_first_transaction, which counts the first purchase",
        )
    return RFM.from_arrays(
        frequency=frame["frequency"].to_numpy(),
        recency=frame["recency"].to_numpy(),
        T=frame["T"].to_numpy(),
        monetary_value=frame["monetary_value"].to_numpy() if "monetary_value" in frame.columns else None,
        customer_id=ids.to_numpy(),
        time_unit=time_unit,
        observation_end=observation_end,
    )


def _check_columns(columns: list[str]) -> None:
    missing = [name for name in CLOCK_FIELDS if name not in columns]
    if not missing:
        return
    fix = "make the frame with summary_data_from_transaction_data, or give the log to rfm_summary"
    if all(f"{name}_cal" in columns for name in CLOCK_FIELDS):
        fix = (
            "this frame is of calibration_and_holdout_data: take "
            "frame.filter(like='_cal').rename(columns=lambda name: name.removesuffix('_cal'))"
        )
    raise DataError(f"the frame has no {', '.join(missing)}; it has {', '.join(columns)}", fix=fix)


def _check_ids(ids: pd.Series) -> None:
    missing = ids.isna()
    if missing.any():
        raise DataError(
            "ids must not be missing",
            column="customer_id",
            rows=int(missing.sum()),
            examples=np.flatnonzero(missing).tolist(),
            fix="drop those rows (shown by position), or name the column that holds the ids",
        )


def from_lifetimes(fitter: Any, *, time_unit: str | None = None, rfm: RFM | None = None) -> Posterior:
    """A fitted model of lifetimes as a posterior with one draw.

    Parameters
    ----------
    fitter
        BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter or GammaGammaFitter after ``fit``.
    time_unit
        Unit in which the fitter measured time (``"D"`` or ``"W"``, most often). lifetimes does not know it.
    rfm
        In place of `time_unit`: the customers it was fitted to, on the same clock. Needed for a fitter that was
        saved without its data.

    Returns
    -------
    Posterior
        Of status ``GIVEN``; the reason says where the parameters come from, and whether the likelihood is at its
        maximum there.

    Raises
    ------
    ArgumentError
        If it is no fitter of lifetimes, of a model that is not here, or not fitted; if neither or both of
        `time_unit` and `rfm` are given; or if a parameter is no number above 0, as after a fit that ran away.
    DataError
        If the fitter's own data break a rule of `RFM`.

    Examples
    --------
    >>> import warnings
    >>> purchases, mean_spend = np.array([[2, 1, 4, 1, 3, 2], [20.0, 35.0, 24.0, 90.0, 31.0, 55.0]])
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # lifetimes is written for older NumPy and pandas
    ...     from lifetimes import GammaGammaFitter
    ...     fitter = GammaGammaFitter(penalizer_coef=0.01).fit(purchases, mean_spend)
    >>> posterior = from_lifetimes(fitter, time_unit="W")
    >>> posterior
    Posterior(gamma_gamma, given, 1 draw, GIVEN)
    >>> posterior.provenance["source"]
    'lifetimes 0.11.3 (GammaGammaFitter, penalised by 0.01)'
    """
    name = type(fitter).__name__
    if name not in MODEL_OF:
        raise ArgumentError(f"fitter is a {name}, not one of {', '.join(MODEL_OF)} of lifetimes")
    parameters = getattr(fitter, "params_", None)
    if parameters is None:
        raise ArgumentError(f"this {name} has not been fitted; call its fit first")
    if (time_unit is None) == (rfm is None):
        raise ArgumentError("give time_unit, or the customers as rfm, and not both")
    customers = _customers_of(fitter, str(time_unit)) if rfm is None else rfm
    penalty = float(getattr(fitter, "penalizer_coef", 0.0))
    penalised = f", penalised by {penalty:g}" if penalty else ""
    return given(
        MODEL_OF[name],
        {NAME_OF.get(str(key), str(key)): float(value) for key, value in dict(parameters).items()},
        customers,
        source=f"lifetimes {version('lifetimes')} ({name}{penalised})",
    )


def _customers_of(fitter: Any, time_unit: str) -> RFM:
    """What the fitter was fitted to; it forgets the ids."""
    data = getattr(fitter, "data", None)
    if data is None:
        raise ArgumentError("this fitter was saved without its data; give the customers as rfm")
    columns = {str(name): data[name].to_numpy() for name in data.columns}
    if "T" not in columns:  # of a spend model, which knows no time
        columns |= {"recency": np.zeros(len(data)), "T": np.ones(len(data))}
    return RFM.from_arrays(**columns, time_unit=time_unit)
