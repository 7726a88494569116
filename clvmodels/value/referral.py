"""What customers bring by bringing others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import shown
from clvmodels.errors import ArgumentError, check_choice, check_kind, check_real, percent_hint
from clvmodels.forecast.simulation import customer_stream
from clvmodels.prediction import Quantity, check_seed, labelled, over_draws, tail_levels
from clvmodels.rfm import RFM, check_rfm, id_text
from clvmodels.units import DAYS_PER_YEAR, Horizon, unit_days
from clvmodels.value.cashflow import in_order_of_ids
from clvmodels.value.cashflow_economics import PerCustomer, per_customer, refuse_rows
from clvmodels.value.expectations import positions
from clvmodels.value.newcomers import NewCustomerValue

if TYPE_CHECKING:
    import pandas as pd

CHAINS = ("first", "all")


@dataclass(frozen=True)
class ReferralRate:
    """Referrals per customer-year: of customer i Gamma(shape_i, rate_i), or exactly `mean` where the shape is infinite.

    Attributes
    ----------
    customer_id
        (n,) the customers.
    shape, rate
        (n,) of each customer; rate in years.
    average
        Referrals per customer-year of customers of whom nothing is known.
    words
        Where it comes from.
    """

    customer_id: np.ndarray
    shape: np.ndarray
    rate: np.ndarray
    average: float
    words: str

    def of(self, rfm: RFM) -> ReferralRate:
        """The rates of the customers of a summary, in its order; the average stays.

        Raises
        ------
        DataError
            If a customer has no rate.
        """
        known = positions(self.customer_id)
        place = np.array([known.get(id_text(identity), -1) for identity in rfm.customer_id.tolist()])
        refuse_rows(
            "rate", place < 0, rfm, "customers must have a rate", "learn it from counts of all of them"
        )
        return replace(self, customer_id=rfm.customer_id, shape=self.shape[place], rate=self.rate[place])

    @property
    def mean(self) -> np.ndarray:
        """(n,) expected referrals per customer-year."""
        return np.where(np.isfinite(self.shape), self.shape / self.rate, self.rate)


@shown("customers")
@dataclass(frozen=True)
class ReferralValue:
    """What the customers referred within a horizon are worth today.

    Attributes
    ----------
    columns
        (n,) columns of the customer table.
    total
        Joint draws of the sum over all customers.
    reproduction
        Incremental customers that a customer brings within the horizon.
    currency
        Label of the money.
    provenance
        Enough to repeat it.
    """

    columns: Mapping[str, np.ndarray]
    total: Quantity
    reproduction: float
    currency: str
    provenance: Mapping[str, Any]

    @property
    def customers(self) -> pd.DataFrame:
        """One row per customer: rate, expected referrals, and value with (of draws) sd and 90 % interval."""
        import pandas as pd

        return labelled(pd.DataFrame(dict(self.columns)), self.provenance)


def referral_rate(
    rfm: RFM,
    referrals: PerCustomer,
    *,
    years: PerCustomer | None = None,
) -> ReferralRate:
    r"""Referrals per customer-year from counts: those who brought many keep some of their lead.

    Counts :math:`y_i` in :math:`e_i` years are Poisson with a rate that is Gamma(a, b) across customers, so that
    a customer's rate is Gamma(a + y_i, b + e_i). With :math:`\mu = \sum y / \sum e`, moments give

    .. math:: a = \frac{\mu^2 \sum e_i^2}{\sum (y_i - \mu e_i)^2 - \mu \sum e_i}, \qquad b = a / \mu;

    where counts vary no more than Poisson counts do, all customers have the rate μ.

    Parameters
    ----------
    rfm
        The customers.
    referrals
        Customers that each brought so far: whole numbers >= 0, per customer.
    years
        Years over which they were counted, above 0; by default the age T.

    Raises
    ------
    DataError
        If counts are negative or broken, or years are not above 0.

    Examples
    --------
    >>> rfm = RFM.from_arrays(frequency=[0] * 4, recency=[0] * 4, T=[52] * 4, time_unit="W")
    >>> rate = referral_rate(rfm, [0, 0, 0, 4], years=[1, 1, 1, 1])
    >>> rate.mean.round(3).tolist(), rate.average
    ([0.333, 0.333, 0.333, 3.0], 1.0)

    If every tenth customer of CDNOW had brought another within their first half year or so:

    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30")
    >>> round(referral_rate(rfm, (rfm.customer_id % 10 == 0) * 1.0).average, 2)
    0.16
    """
    check_rfm(rfm)
    count = per_customer("referrals", referrals, rfm)
    broken = (count < 0) | (count != np.floor(count))
    refuse_rows(
        "referrals", broken, rfm, "counts must be whole numbers of at least 0", "give counts, not rates"
    )
    known = rfm.T * unit_days(rfm.time_unit) / DAYS_PER_YEAR
    exposure = known if years is None else per_customer("years", years, rfm)
    refuse_rows(
        "years", exposure <= 0, rfm, "years must be above 0", "leave customers out who are not yet observed"
    )
    average = math.fsum(count) / math.fsum(exposure)
    excess = math.fsum((count - average * exposure) ** 2) - average * math.fsum(exposure)
    words = "Gamma-Poisson, fitted to counts by moments"
    if average == 0 or excess <= 0:
        return _certain(rfm, np.full(len(rfm), average), average, words)
    shape = average**2 * math.fsum(exposure**2) / excess
    return ReferralRate(rfm.customer_id, shape + count, shape / average + exposure, average, words)


def referral_value(
    rate: ReferralRate | PerCustomer,
    rfm: RFM,
    new: NewCustomerValue,
    *,
    incremental: float,
    annual_discount_rate: float = 0.0,
    chain: str = "first",
    cost_per_referral: float = 0.0,
    seed: int = 0,
) -> ReferralValue:
    r"""Value today of the customers that present customers will refer within the horizon of `new`.

    Customer i makes Poisson(ρ_i s H) incremental referrals at even times u in the horizon of H years, and each
    referred customer is worth a life of `new` from then on:

    .. math:: E[V_i] = \rho_i\, s \int_0^H (1 + d)^{-u} du \; (\bar v - c) \; / \; (1 - R^*),

    with the mean life v̄, a reward c per referral, and R* = 0 where the chain is cut after the first referrals.
    A customer-year is a year on the books, bought in or not, as the counts behind ρ have it.

    Parameters
    ----------
    rate
        Referrals per customer-year: one number, a column, per customer, or what `referral_rate` learned from counts
        of these customers and perhaps others.
    rfm
        The present customers.
    new
        What a new customer is worth within the horizon, acquisition cost not taken off.
    incremental
        Share s of the referred who would not have come anyway, in [0, 1]. It has no default: taken for 1, it
        credits referrals with customers who were on their way.
    annual_discount_rate
        Fraction per year in [0, 1), from today to the referral; `new` brings its own discounting after it.
    chain
        ``"first"`` counts whom present customers refer. ``"all"`` counts whom those refer, too, and so on, each
        generation within the horizon from its own first order: a geometric series with
        R* = ρ s ∫ (1+d)^-u du at the average ρ. Later generations enter by their mean.
    cost_per_referral
        Reward per incremental referral, >= 0, paid when it happens.
    seed
        Of the customers' streams.

    Raises
    ------
    ArgumentError
        If a number is outside its range, or with chain ``"all"`` a customer brings one or more on average
        (reproduction number R = ρ s H >= 1): the series then grows without end.
    DataError
        If rates per customer are negative, missing, or of unknown customers.

    References
    ----------
    Kumar, V., Petersen, J. A. and Leone, R. P. (2010). Driving profitability by encouraging customer referrals.
    Journal of Marketing 74. doi:10.1509/jmkg.74.5.001

    Examples
    --------
    >>> from clvmodels import CLVModel, load_cdnow, rfm_summary
    >>> rfm = rfm_summary(
    ...     load_cdnow(), customer_id="customer_id", date="date", spend="spend", period="D", time_unit="W",
    ...     observation_end="1997-09-30",
    ... )
    >>> from clvmodels.value import Economics, new_customer_value
    >>> fitted = CLVModel(method="mle").fit(rfm)
    >>> new = new_customer_value(fitted, "12M", Economics(margin=0.4), customers=50, draws=50)
    >>> some = rfm.take(slice(0, 100))
    >>> first = referral_value(0.2, some, new, incremental=0.5)
    >>> both = referral_value(0.2, some, new, incremental=0.5, chain="all")
    >>> round(both.total.mean / first.total.mean, 1)
    1.1
    """
    _check(incremental, annual_discount_rate, chain, cost_per_referral)
    check_seed(seed)
    check_rfm(rfm)
    check_kind("new", new, NewCustomerValue, "make one with new_customer_value(fitted, horizon)")
    given = rate.of(rfm) if isinstance(rate, ReferralRate) else _stated(rate, rfm)
    terms = _Terms.of(given, new.horizon, incremental, annual_discount_rate, chain, cost_per_referral)
    drawn = _draws(given, rfm, new, terms, seed)
    columns = {
        "customer_id": rfm.customer_id,
        "referrals_per_year": given.mean,
        "incremental_referrals_mean": given.mean * incremental * terms.years,
        **_columns(drawn, new.is_distribution),
    }
    total = drawn[:, in_order_of_ids(rfm)].sum(axis=1)
    facts = {
        "currency": new.currency,
        "horizon": new.horizon.text,
        "rate": given.words,
        "incremental": incremental,
        "annual_discount_rate": annual_discount_rate,
        "cost_per_referral": cost_per_referral,
        "chain": "first referrals only" if chain == "first" else "all generations, later ones by their mean",
        "reproduction": terms.reproduction,
        "interval": "central 90% predictive interval" if new.is_distribution else "none: a formula",
        "seed": seed,
        "new_customer": dict(new.provenance),
    }
    quantity = Quantity("referral_value", total, total[:, None])
    return ReferralValue(columns, quantity, terms.reproduction, new.currency, facts)


@dataclass(frozen=True)
class _Terms:
    """The horizon H in years, the share s, the force of discount, ∫ (1+d)^-u du, the reward, R, and 1 / (1 - R*)."""

    years: float
    incremental: float
    force: float
    present: float
    cost: float
    reproduction: float
    later: float

    @classmethod
    def of(
        cls, rate: ReferralRate, horizon: Horizon, share: float, annual_rate: float, chain: str, cost: float
    ) -> _Terms:
        years, force = horizon.years, math.log1p(annual_rate)
        present = years if force == 0 else -math.expm1(-force * years) / force
        reproduction = rate.average * share * years
        if chain == "all" and reproduction >= 1:
            raise ArgumentError(
                f"each customer brings {reproduction:.3g} others within {horizon.text}, and the chain grows without "
                "end; use chain='first', a shorter horizon, or check the rate (per year) and the incremental share"
            )
        later = 1 / (1 - rate.average * share * present) if chain == "all" else 1.0
        return cls(years, share, force, present, cost, reproduction, later)


def _stated(rate: PerCustomer, rfm: RFM) -> ReferralRate:
    values = per_customer("rate", rate, rfm)
    refuse_rows(
        "rate", values < 0, rfm, "referrals per year must not be negative", "give rates of at least 0"
    )
    average = math.fsum(values) / len(values)
    return _certain(rfm, values, average, "stated")


def _certain(rfm: RFM, values: np.ndarray, average: float, words: str) -> ReferralRate:
    return ReferralRate(rfm.customer_id, np.full(len(rfm), np.inf), values, average, words)


def _draws(rate: ReferralRate, rfm: RFM, new: NewCustomerValue, terms: _Terms, seed: int) -> np.ndarray:
    """(S, n) value of the referrals of each customer; of a formula, its expectation."""
    worth, typical = new.lives - terms.cost, new.averages - terms.cost
    if not new.is_distribution:
        return np.asarray(rate.mean * terms.incremental * terms.present * typical[0] * terms.later)[None]
    draws, lives = worth.shape
    value = np.zeros((draws, len(rfm)))
    for i, identity in enumerate(rfm.customer_id.tolist()):
        rng = customer_stream(seed, identity, "referrals")
        certain = not np.isfinite(rate.shape[i])
        level = rate.rate[i] if certain else rng.gamma(rate.shape[i], 1 / rate.rate[i], size=draws)
        count = rng.poisson(level * terms.incremental * terms.years, size=draws)
        draw = np.repeat(np.arange(draws), count)
        present = np.exp(-terms.force * terms.years * rng.random(len(draw)))
        brought = worth[draw, rng.integers(lives, size=len(draw))] + (terms.later - 1) * typical[draw]
        value[:, i] = np.bincount(draw, present * brought, minlength=draws)
    return value


def _columns(drawn: np.ndarray, is_distribution: bool) -> dict[str, np.ndarray]:
    columns = {"referral_value_mean": over_draws(drawn)}
    if is_distribution:
        low, high = np.quantile(drawn, tail_levels(0.9), axis=0)
        sd = np.sqrt(over_draws((drawn - over_draws(drawn)) ** 2))
        columns |= {"referral_value_sd": sd, "referral_value_q05": low, "referral_value_q95": high}
    return columns


def _check(incremental: float, annual_discount_rate: float, chain: str, cost: float) -> None:
    for name, share, words in (
        ("incremental", incremental, "half of the referred"),
        ("annual_discount_rate", annual_discount_rate, "ten per cent"),
    ):
        check_real(name, share)
        if not 0 <= share <= 1 or (name == "annual_discount_rate" and share == 1):
            example = 0.5 if name == "incremental" else 0.1
            raise ArgumentError(
                f"{name}={share!r} must be a fraction from 0 to 1; {words} is {example}{percent_hint(share)}"
            )
    check_choice("chain", chain, CHAINS)
    check_real("cost_per_referral", cost)
    if not 0 <= cost < math.inf:
        raise ArgumentError(
            f"cost_per_referral={cost!r} must be an amount of at least 0; costs carry no minus sign"
            + (f", so you may mean {-cost:g}" if -math.inf < cost < 0 else "")
        )
