"""Whether what a larger model adds to a smaller one is more than chance."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import special

from clvmodels.errors import ArgumentError, FitStatus, check_kind
from clvmodels.inference.posterior import Posterior

ROUNDING = 1e-6
"""How far below 0 rounding can take a statistic, per unit of log-likelihood."""


@dataclass(frozen=True)
class LikelihoodRatio:
    """Outcome of `likelihood_ratio`.

    Attributes
    ----------
    statistic
        Twice the gain in log-likelihood, >= 0.
    degrees
        Parameters that the smaller model fixes.
    p_value
        Probability of such a gain, or more, if the smaller model is true.
    """

    statistic: float
    degrees: int
    p_value: float


def likelihood_ratio(smaller: Posterior, larger: Posterior, *, on_boundary: bool = False) -> LikelihoodRatio:
    r"""Test a model against a larger one that holds it as a special case (Wilks).

    .. math:: D = 2 (\ell_{larger} - \ell_{smaller}) \sim \chi^2_k

    with k the parameters that the smaller model fixes. That the models are nested is the caller's word: no
    pair of registered models is by itself. Where they are not, `compare` is the tool.

    Parameters
    ----------
    smaller, larger
        Maximum-likelihood fits of the same customers.
    on_boundary
        Whether the smaller model fixes its one parameter at an end of its range (a spread or a rate of 0).
        Half of all samples then gain nothing, and D is 0 or :math:`\chi^2_1` with even odds.

    Raises
    ------
    ArgumentError
        If a fit is not by maximum likelihood, or has not converged inside its range; if the customers differ;
        if `larger` has no more parameters or is less likely than `smaller`, so that they cannot be nested; or if
        more than one parameter is on the boundary, where the law depends on the models.

    References
    ----------
    Self, S. G. and Liang, K.-Y. (1987). Asymptotic properties of maximum likelihood estimators and likelihood
    ratio tests under nonstandard conditions. JASA 82:605-610.
    """
    for name, posterior in (("smaller", smaller), ("larger", larger)):
        check_kind(name, posterior, Posterior, "make one with fit(model, rfm, method='mle')")
        if posterior.method != "mle" or posterior.status is not FitStatus.CONVERGED:
            raise ArgumentError(
                f"{name} is {posterior!r}; the test needs fits by 'mle' that converged, "
                "for at a boundary its law is another"
            )
    if smaller.provenance["data"] != larger.provenance["data"]:
        raise ArgumentError("the two fits are of different customers; fit both to the same summary")
    degrees = len(larger.mode) - len(smaller.mode)
    statistic = 2 * (larger.loglik - smaller.loglik)
    if degrees < 1 or statistic < -ROUNDING * abs(larger.loglik):
        raise ArgumentError(
            f"{smaller.model.title} ({len(smaller.mode)} parameters, log-likelihood {smaller.loglik:,.3f}) is no "
            f"special case of {larger.model.title} ({len(larger.mode)}, {larger.loglik:,.3f}); use compare"
        )
    if on_boundary and degrees > 1:
        raise ArgumentError(f"on_boundary is for one parameter, and {degrees} are fixed; use compare")
    statistic = max(statistic, 0.0)
    p_value = float(special.gammaincc(degrees / 2, statistic / 2))
    if on_boundary:
        p_value = p_value / 2 if statistic > 0 else 1.0
    return LikelihoodRatio(statistic, degrees, p_value)
