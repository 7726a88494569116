"""Priors in the words of a business: purchases a year, lifetimes, spend; turned into products of parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError
from clvmodels.inference.priors import LogNormal, exponents, factors_of
from clvmodels.models import get_model
from clvmodels.prediction import as_numbers
from clvmodels.units import DAYS_PER_YEAR


@dataclass(frozen=True)
class _Quantity:
    """What a business knows: a product of parameters of given dimension, and the way to state it."""

    product: str
    time_power: int
    money_power: int
    offset: float = 0.0


_QUANTITIES = {
    "purchases_per_year": _Quantity("r / alpha", -1, 0),
    "lifetime_years": _Quantity("beta / s", 1, 0),
    "lifetime_purchases": _Quantity("b / a", 0, 0, offset=1.0),
    "spend_per_purchase": _Quantity("p * gamma / q", 0, 1),
}


def business_priors(
    model: str | PurchaseModel | SpendModel,
    *,
    purchases_per_year: tuple[float, float] | None = None,
    lifetime_years: tuple[float, float] | None = None,
    lifetime_purchases: tuple[float, float] | None = None,
    spend_per_purchase: tuple[float, float] | None = None,
    probability: float = 0.9,
) -> dict[str, LogNormal]:
    """Priors from what a business knows of its customers, each an interval believed with that probability.

    An interval constrains one product of parameters and nothing else: how much customers *differ* (r, s,
    a + b, q) keeps its weak prior.

    Parameters
    ----------
    model
        The purchase or the spend model they are for, by name or instance.
    purchases_per_year
        Purchases a year of the average customer while alive, ``r / alpha``. A year has 365.25 days.
    lifetime_years
        ``beta / s``, the lifetime in years of a customer who leaves at the average rate. It is not the
        average lifetime, which is ``beta / (s - 1)`` and infinite for s <= 1: the few who stay very long pull
        that up. The time in which half of the customers leave is 0.7 (s large) to 1.5 (s = 0.5) times this.
    lifetime_purchases
        ``1 + b / a``, the number of repeat purchases of a customer who leaves with the average probability;
        both ends above 1. It is the only lifetime of models whose customers leave at a purchase; where they may
        leave at the very first one, that one is counted.
    spend_per_purchase
        ``p * gamma / q``, a purchase of a customer with the average rate of spending, in the currency of the
        log. The average over customers is ``q / (q - 1)`` times this.
    probability
        Of each interval.

    Returns
    -------
    dict
        What `fit` takes as `priors`.

    Raises
    ------
    ArgumentError
        If the model knows no such quantity, or an interval is not legal.

    Examples
    --------
    >>> business_priors("pareto_nbd", purchases_per_year=(2, 12), lifetime_years=(0.5, 5)).keys()
    dict_keys(['r / alpha', 'beta / s'])
    >>> business_priors("gamma_gamma", spend_per_purchase=(16, 64))["p * gamma / q"].median
    32.0
    """
    stated = {
        "purchases_per_year": purchases_per_year,
        "lifetime_years": lifetime_years,
        "lifetime_purchases": lifetime_purchases,
        "spend_per_purchase": spend_per_purchase,
    }
    chosen = get_model(model)
    known = [name for name in stated if _is_known_to(chosen, _QUANTITIES[name])]
    priors = {}
    for name, interval in stated.items():
        if interval is None:
            continue
        if name not in known:
            raise ArgumentError(
                f"{chosen.title} has no {name}; it can be told {', '.join(known) or 'nothing'}"
            )
        quantity = _QUANTITIES[name]
        if as_numbers(name, interval).shape != (2,):
            raise ArgumentError(f"{name}={interval!r} must be a pair (low, high)")
        low, high = (bound - quantity.offset for bound in interval)
        if low <= 0:
            raise ArgumentError(f"{name}={interval!r} must lie above {quantity.offset:g}")
        days = DAYS_PER_YEAR**quantity.time_power
        priors[quantity.product] = LogNormal.between(low * days, high * days, probability, time_unit="D")
    return priors


def _is_known_to(model: PurchaseModel | SpendModel, quantity: _Quantity) -> bool:
    """Whether the model has the quantity's letters, and they make up its dimension."""
    powers = {param.name: np.array([param.time_power, param.money_power]) for param in model.params}
    letters = {name for _, name in factors_of(quantity.product)}
    if not letters <= set(powers):
        return False
    dimension = exponents(model, quantity.product) @ np.array(list(powers.values()))
    return bool(np.array_equal(dimension, [quantity.time_power, quantity.money_power]))
