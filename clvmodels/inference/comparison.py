"""Which of several models foretells a customer it has not seen: leaving one out, WAIC, AIC and BIC."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clvmodels.errors import ArgumentError, FitStatus
from clvmodels.inference.pointwise import check_same_data, log_likelihood
from clvmodels.inference.posterior import Posterior
from clvmodels.inference.psis import smooth_weights
from clvmodels.prediction import labelled
from clvmodels.rfm import RFM

if TYPE_CHECKING:
    import pandas as pd

K_HAT_LIMIT = 0.7
"""With few draws the limit is lower: ``1 - 1 / log10(draws)``."""
WAIC_LIMIT = 0.4
"""Posterior variance of a customer's log-likelihood above which WAIC is not to be trusted."""


@dataclass(frozen=True, eq=False)
class Pointwise:
    """What each pattern adds to a criterion; shapes (m,).

    Attributes
    ----------
    elpd
        Log predictive density of one customer of the pattern: left out (``loo``) or penalised (``waic``).
    penalty
        How much less that is than with the customer in: its part of the effective number of parameters.
    doubt
        Pareto k̂ of leaving it out, or the posterior variance of its log-likelihood.
    weights
        Customers of the pattern; each of them counts.
    """

    elpd: np.ndarray
    penalty: np.ndarray
    doubt: np.ndarray
    weights: np.ndarray

    @property
    def total(self) -> float:
        """Sum over the customers."""
        return float(self.weights @ self.elpd)

    @property
    def standard_error(self) -> float:
        """Of `total`, from the spread between customers."""
        return spread_of_sum(self.elpd, self.weights)


def compare(posteriors: Mapping[str, Posterior], rfm: RFM) -> pd.DataFrame:
    r"""Models of the same customers, best first.

    Posterior draws are compared by the expected log predictive density of a customer left out,

    .. math:: \mathrm{elpd} = \sum_i w_i \log p(y_i \mid y_{-i}),

    where :math:`w_i` customers share the pattern :math:`y_i` and *one* of them is left out. It comes by
    Pareto-smoothed importance sampling (LOO), with WAIC beside it. Maximum-likelihood fits are compared
    by AIC, with BIC beside it.

    Parameters
    ----------
    posteriors
        By label; at least two, all of purchase models or all of spend models, all fitted to `rfm`, and
        either all with draws from the posterior or all by maximum likelihood.
    rfm
        The customers.

    Returns
    -------
    pandas.DataFrame
        One row per model. With draws: ``elpd_loo`` and its ``se``; ``difference`` to the best, with
        ``difference_se`` from the paired spread between customers; ``p_loo``, the effective number of
        parameters; ``k_hat`` (largest), ``elpd_waic``, ``p_waic``, and ``warning``. By maximum
        likelihood: ``loglik``, ``parameters``, ``aic``, ``difference``, ``bic`` and ``warning``.
        A difference of less than some two of its standard errors, or of less than 4, tells little.

    Raises
    ------
    ArgumentError
        If the posteriors do not answer to the above.

    References
    ----------
    Vehtari, A., Gelman, A. and Gabry, J. (2017). Practical Bayesian model evaluation using leave-one-out
    cross-validation and WAIC. Statistics and Computing 27:1413-1432. doi:10.1007/s11222-016-9696-4

    Examples
    --------
    >>> from clvmodels.inference import fit
    >>> rfm = RFM.from_arrays(
    ...     frequency=[2, 1, 0, 4, 0, 1], recency=[30, 2, 0, 36, 0, 12], T=[39, 38, 37, 39, 36, 38], time_unit="W"
    ... )
    >>> fits = {name: fit(name, rfm, draws=200) for name in ("bg_nbd", "pareto_nbd")}
    >>> sorted(compare(fits, rfm).index)
    ['bg_nbd', 'pareto_nbd']
    """
    _check(posteriors, rfm)
    if all(posterior.is_distribution for posterior in posteriors.values()):
        table = _by_leaving_out(posteriors, rfm)
        criterion = "expected log predictive density, one customer left out; larger is better"
    else:
        table = _by_likelihood(posteriors)
        criterion = "Akaike's information criterion; smaller is better"
    return labelled(table, {"criterion": criterion, "customers": rfm.customers, "data": rfm.fingerprint()})


def leave_one_out(loglik: np.ndarray, weights: np.ndarray) -> Pointwise:
    r"""Leaving out one customer of each pattern, by Pareto-smoothed importance sampling.

    Parameters
    ----------
    loglik
        (S, m) log-likelihood of one customer of each pattern under each posterior draw.
    weights
        (m,) customers of each pattern.

    Returns
    -------
    Pointwise
        `doubt` is k̂; above 0.7 (less with fewer than 2,000 draws) the number is not to be trusted.
    """
    elpd, doubt = np.empty(loglik.shape[1]), np.empty(loglik.shape[1])
    for i, column in enumerate(loglik.T):
        smoothed = smooth_weights(-column)
        elpd[i] = _log_mean(column[:, None], smoothed.weights[:, None])[0]
        doubt[i] = smoothed.k_hat
    return Pointwise(elpd, _log_mean(loglik, 1 / len(loglik)) - elpd, doubt, weights)


def waic(loglik: np.ndarray, weights: np.ndarray) -> Pointwise:
    """The widely applicable information criterion on the scale of log densities.

    Parameters and returns are those of `leave_one_out`, but `doubt` is the variance of each log-likelihood;
    above 0.4 the number is not to be trusted.

    References
    ----------
    Watanabe, S. (2010). Asymptotic equivalence of Bayes cross validation and WAIC. JMLR 11:3571-3594.
    """
    penalty = loglik.var(axis=0, ddof=1)
    return Pointwise(_log_mean(loglik, 1 / len(loglik)) - penalty, penalty, penalty, weights)


def spread_of_sum(values: np.ndarray, weights: np.ndarray) -> float:
    r"""Standard error :math:`\sqrt{N s^2}` of a sum over N customers, `weights` of them with each value."""
    customers = weights.sum()
    mean = weights @ values / customers
    return float(np.sqrt(weights @ (values - mean) ** 2 * customers / max(customers - 1, 1)))


def _log_mean(loglik: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """(m,) log of the mean likelihood over the draws, each with its share."""
    top = loglik.max(axis=0)
    return np.asarray(top + np.log(np.sum(share * np.exp(loglik - top), axis=0)))


def _by_leaving_out(posteriors: Mapping[str, Posterior], rfm: RFM) -> pd.DataFrame:
    import pandas as pd

    patterns, _ = rfm.compress(_needs_of_all(posteriors))
    informs = np.zeros(len(patterns), dtype=bool)
    found = {}
    for name, posterior in posteriors.items():
        loglik = log_likelihood(posterior, patterns)
        informs |= np.any(loglik != 0, axis=0)
        found[name] = leave_one_out(loglik, patterns.weights), waic(loglik, patterns.weights)
    weights = np.where(informs, patterns.weights, 0.0)  # customers of whom a spend model knows nothing
    found = {
        name: (replace(a, weights=weights), replace(b, weights=weights)) for name, (a, b) in found.items()
    }
    order = sorted(found, key=lambda name: -found[name][0].total)
    best = found[order[0]][0]
    rows = []
    for name in order:
        left_out, penalised = found[name]
        row = {
            "elpd_loo": left_out.total,
            "se": left_out.standard_error,
            "difference": best.total - left_out.total,
            "difference_se": spread_of_sum(best.elpd - left_out.elpd, weights),
            "p_loo": float(weights @ left_out.penalty),
            "k_hat": float(left_out.doubt[informs].max()),
            "elpd_waic": penalised.total,
            "p_waic": float(weights @ penalised.penalty),
            "warning": _warning(posteriors[name], left_out, penalised),
        }
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index(order, name="model"))


def _warning(posterior: Posterior, left_out: Pointwise, penalised: Pointwise) -> str:
    """What keeps a row from being believed; empty if nothing does."""
    limit = min(K_HAT_LIMIT, 1 - 1 / math.log10(len(posterior.draws)))
    influential = left_out.weights[left_out.doubt > limit].sum()
    vague = penalised.weights[penalised.doubt > WAIC_LIMIT].sum()
    said = [] if posterior.status is FitStatus.CONVERGED else [posterior.status.value.split(":")[0]]
    if influential:
        said.append(f"LOO rests on {_customers(influential)} with Pareto k above {limit:.2f}")
    if vague:
        said.append(f"WAIC rests on {_customers(vague)} with a variance above {WAIC_LIMIT}")
    return "; ".join(said)


def _customers(count: float) -> str:
    return f"{count:,.0f} customer{'' if count == 1 else 's'}"


def _by_likelihood(posteriors: Mapping[str, Posterior]) -> pd.DataFrame:
    import pandas as pd

    order = sorted(posteriors, key=lambda name: posteriors[name].aic)
    rows = [
        {
            "loglik": posterior.loglik,
            "parameters": len(posterior.mode),
            "aic": posterior.aic,
            "difference": posterior.aic - posteriors[order[0]].aic,
            "bic": posterior.bic,
            "warning": "" if posterior.status is FitStatus.CONVERGED else posterior.reason,
        }
        for posterior in (posteriors[name] for name in order)
    ]
    return pd.DataFrame(rows, index=pd.Index(order, name="model"))


def _needs_of_all(posteriors: Mapping[str, Posterior]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(need for posterior in posteriors.values() for need in posterior.model.needs))


def _check(posteriors: Mapping[str, Posterior], rfm: RFM) -> None:
    check_same_data(posteriors, rfm)
    if len(posteriors) < 2:
        raise ArgumentError(f"{len(posteriors)} posterior given; a comparison needs at least two")
    if len({"frequency" in posterior.model.needs for posterior in posteriors.values()}) > 1:
        raise ArgumentError(
            "a purchase model and a spend model foretell different things; compare like with like"
        )
    drawn = [posterior.is_distribution for posterior in posteriors.values()]
    if any(drawn) and not all(drawn):
        raise ArgumentError(
            "some fits have draws and some a single optimum; fit all of them by the same method"
        )
    wrong = {"bootstrap"} if all(drawn) else {"map", "laplace", "nuts"}
    strange = [name for name, posterior in posteriors.items() if posterior.method in wrong]
    if strange:
        raise ArgumentError(
            f"{', '.join(strange)} was fitted by {posteriors[strange[0]].method!r}; comparing takes draws from the "
            "posterior ('laplace', 'nuts'), or maximum likelihood ('mle')"
        )
