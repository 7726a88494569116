"""What is believed before the data: log-normal priors, stated per parameter or per product of parameters.

Every prior is a multivariate normal on the unit-free coordinates ``z = log(theta / unit)``. The default
makes them independent, with the medians and sigmas of `Param`. A stated belief is the distribution of a
product of powers of parameters, such as the mean purchase rate ``r / alpha``, hence of a linear function
``y = c·z``. It replaces the default's marginal of y and keeps the default's conditional of z given y
(Jeffrey's rule): the result says of y what was stated, and of everything else as little new as possible.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, check_kind, check_real, nearest
from clvmodels.units import UNIT_NAMES, unit_days

_FACTOR = re.compile(r"\s*([*/]?)\s*([^\s*/]+)\s*")


@dataclass(frozen=True)
class LogNormal:
    """A log-normal belief about a positive quantity.

    Written as ``LogNormal(median, sigma)`` it is free of units: the quantity is measured in the mean age
    of the customers and their mean spend, whatever the data's units. `LogNormal.between` states it in
    units of its own.

    Attributes
    ----------
    median
        Above 0; half of the belief lies below it.
    sigma
        Standard deviation of the logarithm, above 0; 0.1 is about ±10 %.
    unit_free
        Whether `median` is in scales of the data.
    time_unit
        Unit of the time in `median` (``min``, ``h``, ``D``, ``W``), or None if it holds no time.

    Raises
    ------
    ArgumentError
        If median or sigma is not finite and above 0, there is no such unit, or a unit is given where `unit_free`.

    Examples
    --------
    >>> LogNormal(median=1, sigma=0.5).interval(0.9)[1].__round__(3)
    2.276
    """

    median: float
    sigma: float
    unit_free: bool = True
    time_unit: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("median", self.median), ("sigma", self.sigma)):
            check_real(name, value)
            if not 0 < value < math.inf:
                raise ArgumentError(f"{name}={value!r} of a log-normal prior must be finite and above 0")
        if self.time_unit is not None:
            unit_days(self.time_unit)
            if self.unit_free:
                raise ArgumentError(
                    f"time_unit={self.time_unit!r} says nothing of a median in scales of the data; state it in units "
                    "of its own with LogNormal.between, or with unit_free=False"
                )

    @classmethod
    def between(
        cls, low: float, high: float, probability: float = 0.9, *, time_unit: str | None = None
    ) -> LogNormal:
        """The log-normal whose central interval of that probability is (low, high), in units of its own.

        Parameters
        ----------
        low, high
            0 < low < high; money in the currency of the log.
        probability
            Between 0 and 1; equal tails on either side.
        time_unit
            Unit of the time in `low` and `high`; needed where the quantity scales with time. It may differ
            from the unit of the summary.

        Raises
        ------
        ArgumentError
            If the bounds do not ascend from above 0, or the probability does not lie between 0 and 1.

        Examples
        --------
        >>> belief = LogNormal.between(2, 32, time_unit="W")
        >>> belief.median, round(belief.sigma, 4)
        (8.0, 0.8428)
        """
        for name, value in (("low", low), ("high", high), ("probability", probability)):
            check_real(name, value)
        if not 0 < low < high < math.inf:
            raise ArgumentError(f"a prior between {low!r} and {high!r} needs 0 < low < high, both finite")
        if not 0 < probability < 1:
            raise ArgumentError(
                f"probability={probability!r} must lie between 0 and 1; ninety per cent is 0.9"
            )
        reach = NormalDist().inv_cdf((1 + probability) / 2)
        return cls(math.sqrt(low * high), math.log(high / low) / (2 * reach), False, time_unit)

    def interval(self, probability: float = 0.9) -> tuple[float, float]:
        """Central interval of that probability."""
        factor = math.exp(NormalDist().inv_cdf((1 + probability) / 2) * self.sigma)
        return self.median / factor, self.median * factor


Priors = Mapping[str, LogNormal]
"""Beliefs by parameter (``"r"``) or by product of parameters (``"r / alpha"``, ``"p * gamma / q"``)."""


@dataclass(frozen=True, eq=False)
class NormalPrior:
    """Multivariate normal on the coordinates z.

    Attributes
    ----------
    mean
        (P,) centre.
    covariance
        (P, P), positive definite.
    precision
        (P, P) its inverse.
    """

    mean: np.ndarray
    covariance: np.ndarray
    precision: np.ndarray

    @property
    def sigma(self) -> np.ndarray:
        """(P,) marginal standard deviations."""
        return np.sqrt(np.diag(self.covariance))

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Log density up to a constant: a number for (P,), (S,) for (P, S)."""
        deviation = (z.T - self.mean).T
        return np.asarray(-0.5 * np.sum(deviation * (self.precision @ deviation), axis=0))

    def slope(self, z: np.ndarray) -> np.ndarray:
        """(P,) gradient of the log density; its Hessian is ``-precision``."""
        return -self.precision @ (z - self.mean)

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """(P, count) draws of z."""
        normal = rng.standard_normal((len(self.mean), count))
        return self.mean[:, None] + np.linalg.cholesky(self.covariance) @ normal


def default_prior(model: PurchaseModel | SpendModel) -> NormalPrior:
    """The independent weak priors that the model's parameters declare."""
    mean = np.log([param.prior_median for param in model.params])
    variance = np.array([param.prior_sigma for param in model.params]) ** 2
    return NormalPrior(mean, np.diag(variance), np.diag(1 / variance))


def build_prior(
    model: PurchaseModel | SpendModel, priors: Priors | None, unit: np.ndarray, time_unit: str
) -> NormalPrior:
    r"""The default prior with the marginals of the stated quantities replaced.

    With C (k, P) the exponents of the stated quantities, (μ, S) their stated means and variances, and
    (m, Σ) the default,

    .. math:: K = \Sigma^{-1} + C^\top (S^{-1} - (C \Sigma C^\top)^{-1}) C, \qquad
              m' = m + \Sigma C^\top (C \Sigma C^\top)^{-1} (\mu - C m).

    Parameters
    ----------
    model
        Whose parameters.
    priors
        Stated beliefs; None or empty leaves the default.
    unit
        (P,) unit of each parameter in the data: mean age and mean spend to the parameter's powers.
    time_unit
        Unit of time of the data.

    Raises
    ------
    ArgumentError
        If a key names no parameter, a quantity that holds time comes without its unit, or the stated
        quantities say the same thing twice.
    """
    default = default_prior(model)
    if priors is None:
        return default
    check_kind("priors", priors, Mapping, "write {'r': LogNormal(1, 0.5)}")
    for key, belief in priors.items():
        check_kind(f"the prior on {key!r}", belief, LogNormal, "write LogNormal(...)")
    if not priors:
        return default
    C = np.array([exponents(model, key) for key in priors])
    if np.linalg.matrix_rank(C) < len(C):
        raise ArgumentError(
            f"the priors on {', '.join(priors)} are not free of each other: one of them follows from the rest; "
            "leave it out"
        )
    log_unit = np.log(unit)
    shift = [
        _median_in_scales(model, key, belief, c, log_unit, time_unit)
        for (key, belief), c in zip(priors.items(), C, strict=True)
    ]
    stated = np.diag([belief.sigma**2 for belief in priors.values()])
    gain = default.covariance @ C.T @ np.linalg.inv(C @ default.covariance @ C.T)
    mean = default.mean + gain @ (np.array(shift) - C @ default.mean)
    kept = np.eye(len(mean)) - gain @ C
    covariance = kept @ default.covariance @ kept.T + gain @ stated @ gain.T
    return NormalPrior(mean, (covariance + covariance.T) / 2, np.linalg.inv(covariance))


def exponents(model: PurchaseModel | SpendModel, key: str) -> np.ndarray:
    """(P,) exponents of a product of parameters: ``"r / alpha"`` is (1, -1, 0, 0).

    Raises
    ------
    ArgumentError
        If the key is no product of the model's parameters.

    Examples
    --------
    >>> from clvmodels.models import get_model
    >>> exponents(get_model("gamma_gamma"), "p * gamma / q").tolist()
    [1.0, -1.0, 1.0]
    """
    names = [param.name for param in model.params]
    powers = np.zeros(len(names))
    for sign, name in factors_of(key):
        if name not in names:
            raise _unknown(model, name, names)
        powers[names.index(name)] += -1.0 if sign == "/" else 1.0
    if not powers.any():
        raise ArgumentError(f"the prior on {key!r} says nothing: its parameters cancel")
    return powers


def factors_of(key: str) -> list[tuple[str, str]]:
    """Sign and name of each factor of a product such as ``"p * gamma / q"``; the first has no sign.

    Raises
    ------
    ArgumentError
        If the text is no such product.

    Examples
    --------
    >>> factors_of("p * gamma / q")
    [('', 'p'), ('*', 'gamma'), ('/', 'q')]
    """
    found = list(_FACTOR.finditer(key))
    signs = [match[1] for match in found]
    if "".join(match[0] for match in found) != key or signs[:1] != [""] or not all(signs[1:]):
        raise ArgumentError(
            f"prior {key!r}: a key is the name of a parameter, or names joined by * and / such as 'r / alpha'"
        )
    return [(match[1], match[2]) for match in found]


def describe_prior(
    model: PurchaseModel | SpendModel, prior: NormalPrior, priors: Priors | None, unit: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Median and sigma, in the units of the data, of every parameter and every stated quantity.

    Returns
    -------
    dict
        By name: median, sigma, time_power, money_power, and whether it was stated.
    """
    names = [param.name for param in model.params]
    powers = np.array([(param.time_power, param.money_power) for param in model.params])
    keys = dict.fromkeys([*names, *(priors or {})])
    described = {}
    for key in keys:
        c = exponents(model, key)
        time, money = (int(power) for power in c @ powers)
        described[key] = {
            "median": float(np.exp(c @ (prior.mean + np.log(unit)))),
            "sigma": float(np.sqrt(c @ prior.covariance @ c)),
            "time_power": time,
            "money_power": money,
            "stated": key in (priors or {}),
        }
    return described


def prior_interval(described: Mapping[str, Any], probability: float = 0.9) -> tuple[float, float]:
    """Central interval of one entry of `describe_prior`."""
    return LogNormal(described["median"], described["sigma"]).interval(probability)


def prior_words(described: Mapping[str, Mapping[str, Any]], time_unit: str) -> str:
    """What `describe_prior` returns as a sentence, with central intervals of 90 % and units.

    Examples
    --------
    >>> entry = {"median": 8.0, "sigma": 0.5, "time_power": 1, "money_power": 0, "stated": True}
    >>> prior_words({"alpha": entry}, "W")
    'alpha between 3.51 and 18.2 weeks (stated)'
    """
    parts = []
    for name, entry in described.items():
        low, high = prior_interval(entry)
        unit = _unit_words(entry["time_power"], UNIT_NAMES[time_unit])
        unit += _unit_words(entry["money_power"], "money")
        parts.append(f"{name} between {low:.3g} and {high:.3g}{unit}{' (stated)' if entry['stated'] else ''}")
    return "; ".join(parts)


def _unit_words(power: int, name: str) -> str:
    """`` weeks``, `` per week``, or the power of a unit."""
    if power == 0:
        return ""
    if power == 1:
        return f" {name}"
    if power == -1:
        return f" per {name.removesuffix('s')}"
    return f" {name}^{power}"


def _median_in_scales(
    model: PurchaseModel | SpendModel,
    key: str,
    belief: LogNormal,
    c: np.ndarray,
    log_unit: np.ndarray,
    time_unit: str,
) -> float:
    """Log median of ``c·z``, from a belief in scales of the data or in units of its own."""
    if belief.unit_free:
        return math.log(belief.median)
    time = float(c @ [param.time_power for param in model.params])
    if time and belief.time_unit is None:
        raise ArgumentError(
            f"{key} of {model.title} is measured in time, and its prior does not say in which unit; "
            "give LogNormal.between(low, high, time_unit='W') or another of min, h, D, W"
        )
    ratio = 0.0 if belief.time_unit is None else math.log(unit_days(belief.time_unit) / unit_days(time_unit))
    return math.log(belief.median) + time * ratio - float(c @ log_unit)


def _unknown(model: PurchaseModel | SpendModel, name: str, names: Sequence[str]) -> ArgumentError:
    said = f"priors: {name!r} is no parameter of {model.title}, which has {', '.join(names)}"
    return ArgumentError("; ".join(filter(None, [said, nearest(name, names).rstrip()])))
