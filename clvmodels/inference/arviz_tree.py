"""A posterior as the tree of data sets that ArviZ reads, so that its summaries, plots and comparisons work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.errors import ArgumentError
from clvmodels.inference.pointwise import check_same_data, log_likelihood
from clvmodels.inference.posterior import Posterior
from clvmodels.inference.priors import LogNormal, build_prior
from clvmodels.rfm import RFM

if TYPE_CHECKING:
    import xarray as xr

PRIOR_DRAWS = 1000
ROWS = ("customer", "pattern")
NAME = "customers"


def to_arviz(posterior: Posterior, rfm: RFM | None = None, *, by: str = "customer") -> xr.DataTree:
    """The draws, and with the customers their log-likelihoods, as a DataTree.

    Groups: ``posterior`` and ``prior`` hold one variable per parameter, in the user's units, with dimensions
    (chain, draw); ``sample_stats`` what Markov chains told of each draw. Given the customers, also
    ``log_likelihood`` with the variable ``customers`` (chain, draw, row); ``observed_data`` with the columns
    the model reads; and ``constant_data`` with the ``weights`` of the rows.

    Parameters
    ----------
    posterior
        With more than one draw.
    rfm
        The customers of the fit; None leaves their groups out.
    by
        ``"customer"`` has a row for each, which is what ``arviz.loo`` takes for granted. ``"pattern"`` has a
        row for each set of alike customers, which is smaller, but ArviZ then counts each of them once; the
        weights say how often they count, and `compare` reads them.

    Returns
    -------
    xarray.DataTree
        8 bytes per draw and row.

    Raises
    ------
    ArgumentError
        If the fit has a single draw, `rfm` is not what was fitted, or customers are asked for where a row
        stands for a broken number of them.

    Examples
    --------
    >>> from clvmodels.inference import fit
    >>> rfm = RFM.from_arrays(
    ...     frequency=[2, 1, 0, 4, 0, 1], recency=[30, 2, 0, 36, 0, 12], T=[39, 38, 37, 39, 36, 38], time_unit="W"
    ... )
    >>> tree = to_arviz(fit("bg_nbd", rfm, draws=50), rfm)
    >>> list(tree.children)
    ['posterior', 'prior', 'log_likelihood', 'observed_data', 'constant_data']
    """
    from arviz_base import from_dict

    if not posterior.is_distribution:
        raise ArgumentError(
            f"{posterior.model.title} by {posterior.method} has a single draw; fit with 'laplace' or 'nuts'"
        )
    if by not in ROWS:
        raise ArgumentError(f"by={by!r} is not one of {', '.join(ROWS)}")
    groups: dict[str, Any] = {"posterior": _by_name(posterior, _by_chain(posterior.draws, posterior.chains))}
    if posterior.provenance.get("priors"):
        groups["prior"] = _by_name(posterior, _prior_draws(posterior)[None])
    if posterior.statistics:
        groups["sample_stats"] = {
            name: _by_chain(values, posterior.chains) for name, values in posterior.statistics.items()
        }
    rows: dict[str, Any] = {}
    if rfm is not None:
        rows = _customer_groups(posterior, rfm, by)
    coords = {by: rows.pop("ids")} if rows else {}
    columns = {name: [by] for group in rows.values() for name in group}
    attrs = {group: _attributes(posterior) for group in groups}
    tree: xr.DataTree = from_dict(groups | rows, coords=coords, dims=columns, attrs=attrs)
    return tree


def _by_chain(values: np.ndarray, chains: int) -> np.ndarray:
    """(S, ...) rows in turn of each chain -> (chain, draw, ...)."""
    return values.reshape(-1, chains, *values.shape[1:]).swapaxes(0, 1)


def _by_name(posterior: Posterior, draws: np.ndarray) -> dict[str, np.ndarray]:
    return {name: draws[..., i] for i, name in enumerate(posterior.names)}


def _prior_draws(posterior: Posterior) -> np.ndarray:
    """(S, P) draws from the prior, built again from what the provenance states of it."""
    time_unit = posterior.provenance["time_unit"]
    stated = {
        key: LogNormal(entry["median"], entry["sigma"], False, time_unit)
        for key, entry in posterior.provenance["priors"].items()
        if entry["stated"]
    }
    unit = posterior.scales.of(posterior.model)
    prior = build_prior(posterior.model, stated, unit, time_unit)
    z = prior.sample(PRIOR_DRAWS, np.random.default_rng(posterior.provenance["seed"]))
    return np.exp(z.T) * unit


def _customer_groups(posterior: Posterior, rfm: RFM, by: str) -> dict[str, Any]:
    check_same_data({posterior.model.name: posterior}, rfm)
    patterns, pattern_of = rfm.compress(posterior.model.needs)
    if by == "pattern":
        rows, weights, ids = np.arange(len(patterns)), patterns.weights, patterns.customer_id
    else:
        whole = np.round(rfm.weights).astype(int)
        if np.any(whole != rfm.weights):
            raise ArgumentError(
                "a row of the summary stands for a broken number of customers, so they cannot be told one by one; "
                "use by='pattern'"
            )
        rows, ids = np.repeat(pattern_of, whole), np.repeat(rfm.customer_id, whole)
        weights = np.ones(len(rows))
    loglik = log_likelihood(posterior, patterns)[:, rows]
    columns = zip(posterior.model.needs, patterns.columns(posterior.model.needs), strict=True)
    return {
        "ids": ids,
        "log_likelihood": {NAME: _by_chain(loglik, posterior.chains)},
        "observed_data": {name: column[rows] for name, column in columns},
        "constant_data": {"weights": weights},
    }


def _attributes(posterior: Posterior) -> dict[str, Any]:
    """What NetCDF can hold of the provenance: text and numbers."""
    facts = {
        key: value for key, value in posterior.provenance.items() if isinstance(value, str | int | float)
    }
    library = {
        "inference_library": "clvmodels",
        "inference_library_version": posterior.provenance["versions"]["clvmodels"],
    }
    return library | facts | {"status": posterior.status.name, "reason": posterior.reason}
