"""What a purchase earns and costs: margin, costs, discount rate and currency, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from clvmodels.errors import ArgumentError, DataError, percent_hint
from clvmodels.rfm import RFM
from clvmodels.units import DAYS_PER_YEAR, unit_days

if TYPE_CHECKING:
    import pandas as pd

type PerCustomer = float | str | np.ndarray | Mapping[Any, float] | pd.Series[Any]
"""One number for all; the name of a statistic of the summary; (n,) numbers in the order of the summary; or
numbers by customer id."""

OWN_CURRENCY = "currency of the log"
_SHARES = {"margin": (0.35, "35 per cent"), "annual_discount_rate": (0.10, "ten per cent")}
_COSTS = ("cost_per_purchase", "cost_per_active_period", "one_off_cost")


@dataclass(frozen=True, eq=False)
class Terms:
    """`Economics` spelt out for n customers, (n,) each.

    Attributes
    ----------
    margin, cost_per_purchase, cost_per_active_period, one_off_cost, annual_discount_rate
        As in `Economics`.
    """

    margin: np.ndarray
    cost_per_purchase: np.ndarray
    cost_per_active_period: np.ndarray
    one_off_cost: np.ndarray
    annual_discount_rate: np.ndarray

    def discount(self, time: np.ndarray, unit: str) -> np.ndarray:
        """(n, K) present value of one unit of money at each time (K,) in `unit` from now."""
        rate = np.log1p(self.annual_discount_rate) * unit_days(unit) / DAYS_PER_YEAR
        return np.asarray(np.exp(-np.multiply.outer(rate, time)))

    def take(self, index: np.ndarray) -> Terms:
        """The customers at `index`."""
        return Terms(
            self.margin[index],
            self.cost_per_purchase[index],
            self.cost_per_active_period[index],
            self.one_off_cost[index],
            self.annual_discount_rate[index],
        )


@dataclass(frozen=True, eq=False)
class Economics:
    """Margin, costs, discount rate and currency.

    Everything but the currency is one number for all customers, the name of a statistic of the summary,
    an array in the order of the summary, or a mapping or pandas Series by customer id.

    Parameters
    ----------
    margin
        Share of the spend that is left after the cost of goods, in [0, 1].
    cost_per_purchase
        Money per purchase that does not grow with its amount: postage, payment, picking. >= 0.
    cost_per_active_period
        Money per customer and period in which the customer buys at least once: servicing, retention. >= 0.
        The period is that of the forecast: months unless another is asked for.
    one_off_cost
        Money per customer at the start of the horizon: a campaign, onboarding. >= 0. What it costs to
        win a customer is not among them: see `acquisition`.
    annual_discount_rate
        Fraction per year in [0, 1).
    currency
        Label of the money in every table, such as ``"EUR"``. Nothing is converted.

    Raises
    ------
    ArgumentError
        If a number is outside its range: most often a percentage given as a number, or a cost with a minus sign.

    Examples
    --------
    >>> Economics(margin=0.35, cost_per_purchase=4, currency="EUR")
    Economics(margin 0.35, cost_per_purchase 4, cost_per_active_period 0, one_off_cost 0, annual_discount_rate 0; EUR)
    >>> Economics(margin=35)
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: margin=35 must be a fraction in [0, 1]; 35 per cent is 0.35, so you may mean 0.35
    """

    margin: PerCustomer = 1.0
    cost_per_purchase: PerCustomer = 0.0
    cost_per_active_period: PerCustomer = 0.0
    one_off_cost: PerCustomer = 0.0
    annual_discount_rate: PerCustomer = 0.0
    currency: str = OWN_CURRENCY

    def __post_init__(self) -> None:
        check_currency(self.currency)
        for name, given in self._fields().items():
            if _is_number(given):
                _check_number(name, given)

    def of(self, rfm: RFM) -> Terms:
        """Spell the economics out for the customers of a summary.

        Raises
        ------
        ArgumentError
            If one is neither a number nor numbers per customer.
        DataError
            If numbers per customer are missing, of unknown customers, or outside their range.
        """
        return Terms(**{name: _column(name, given, rfm) for name, given in self._fields().items()})

    def of_anyone(self) -> Terms:
        """Spell the economics out for one customer of whom nothing is known.

        Raises
        ------
        ArgumentError
            If one of them is given per customer.
        """
        for name, given in self._fields().items():
            if not _is_number(given):
                raise ArgumentError(
                    f"{name} is given per customer, but a customer yet to be acquired is none of them; give one number"
                )
        return Terms(**{name: np.array([float(given)]) for name, given in self._fields().items()})

    def facts(self) -> dict[str, Any]:
        """Provenance: the numbers, or the words "per customer"."""
        return {name: _said(given) for name, given in self._fields().items()} | {"currency": self.currency}

    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("margin", *_COSTS, "annual_discount_rate")}

    def __repr__(self) -> str:
        said = ", ".join(
            f"{name} {_short(text)}" for name, text in self.facts().items() if name != "currency"
        )
        return f"Economics({said}; {self.currency})"


def as_economics(given: Any) -> Economics:
    """The economics given; by default all revenue is profit.

    Raises
    ------
    ArgumentError
        If it is a margin alone, or anything else.

    Examples
    --------
    >>> as_economics(0.35)
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: economics=0.35 must be Economics(...); you may mean Economics(margin=0.35)
    """
    if given is None:
        return Economics()
    if not isinstance(given, Economics):
        meant = f"; you may mean Economics(margin={given!r})" if _is_number(given) else ""
        raise ArgumentError(f"economics={given!r} must be Economics(...){meant}")
    return given


def check_currency(currency: object) -> None:
    """Refuse a currency that is no label.

    Raises
    ------
    ArgumentError
        If it is not.

    Examples
    --------
    >>> check_currency(978)
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: currency=978 must be a label such as 'EUR'
    """
    if not isinstance(currency, str) or not currency.strip():
        raise ArgumentError(f"currency={currency!r} must be a label such as 'EUR'")


def per_customer(name: str, given: PerCustomer, rfm: RFM) -> np.ndarray:
    """(n,) finite numbers in the order of the summary, from any of the forms of `PerCustomer`.

    Raises
    ------
    ArgumentError
        If it is neither a number nor numbers per customer.
    DataError
        If customers are missing or unknown, or a number is not finite.

    Examples
    --------
    >>> rfm = RFM.from_arrays(
    ...     frequency=[1, 0], recency=[2, 0], T=[4, 4], customer_id=["ann", "bob"], time_unit="W"
    ... )
    >>> per_customer("margin", {"bob": 0.2, "ann": 0.3}, rfm).tolist()
    [0.3, 0.2]
    """
    if isinstance(given, str):
        return np.asarray(rfm.columns([given])[0], dtype=float)
    values = np.full(len(rfm), float(given)) if _is_number(given) else _by_id(name, given, rfm)
    refuse_rows(name, ~np.isfinite(values), rfm, "values must be finite", "fill in the missing ones")
    return values


def refuse_rows(name: str, broken: np.ndarray, rfm: RFM, rule: str, fix: str) -> None:
    """Raise a `DataError` with the first customers under the mask, if there are any."""
    if broken.any():
        examples = rfm.customer_id[broken].tolist()
        raise DataError(rule, column=name, rows=int(broken.sum()), examples=examples, fix=fix)


def labels_per_customer(name: str, given: Any, rfm: RFM) -> np.ndarray:
    """(n,) texts in the order of the summary, from an array or from labels by customer id.

    Raises
    ------
    DataError
        If a customer has no label, or labels are of unknown customers.

    Examples
    --------
    >>> rfm = RFM.from_arrays(
    ...     frequency=[1, 0], recency=[2, 0], T=[4, 4], customer_id=["ann", "bob"], time_unit="W"
    ... )
    >>> labels_per_customer("channel", {"bob": "search", "ann": "friend"}, rfm).tolist()
    ['friend', 'search']
    """
    import pandas as pd

    values = _aligned(name, given, rfm)
    missing = np.array([pd.isna(label) or not str(label).strip() for label in values])
    refuse_rows(
        name, missing, rfm, "every customer needs a label", "name the missing ones, for instance 'unknown'"
    )
    return np.array([str(label) for label in values], dtype=object)


def _by_id(name: str, given: Any, rfm: RFM) -> np.ndarray:
    try:
        return np.array(_aligned(name, given, rfm), dtype=float)
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise ArgumentError(
            f"{name} must be a number, a column of the summary, or numbers per customer, not {type(given).__name__}"
        ) from None


def _aligned(name: str, given: Any, rfm: RFM) -> list[Any]:
    """The values in the order of the summary; arrays and lists are taken to be in it."""
    import pandas as pd

    if isinstance(given, pd.Series):
        _refuse_repeated(name, given)
    if not isinstance(given, Mapping | pd.Series):
        values = list(np.asarray(given, dtype=object).ravel()) if np.ndim(given) == 1 else [given]
        if np.ndim(given) != 1 or len(values) != len(rfm):
            raise DataError(
                f"needs one value for each of {len(rfm):,} customers, not an array of shape {np.shape(given)}",
                column=name,
                fix="give them in the order of the summary, or a mapping by customer id",
            )
        return values
    by_id = dict(given.items())
    ids = rfm.customer_id.tolist()
    known = set(ids)
    strangers = [identity for identity in by_id if identity not in known]
    missing = [identity for identity in ids if identity not in by_id]
    for found, rule in ((missing, "customers of the summary are missing"), (strangers, "unknown customers")):
        if found:
            raise DataError(
                rule,
                column=name,
                rows=len(found),
                examples=found,
                fix="give every customer of the summary one value, by the id as it is there (1 is not '1')",
            )
    return [by_id[identity] for identity in ids]


def _refuse_repeated(name: str, given: pd.Series[Any]) -> None:
    repeated = given.index.duplicated(keep=False)
    if repeated.any():
        raise DataError(
            "a customer has more than one value",
            column=name,
            rows=int(repeated.sum()),
            examples=given.index[repeated].unique().tolist(),
            fix="keep one row per customer, and use the customer id as the index",
        )


def _is_number(given: object) -> TypeGuard[float]:
    return isinstance(given, int | float | np.integer | np.floating) and not isinstance(given, bool)


def _check_number(name: str, value: float) -> None:
    """Refuse a number outside its range, and guess what was meant."""
    if name in _SHARES:
        closed = name == "margin"
        if not (0 <= value < 1 or (closed and value == 1)):
            share, words = _SHARES[name]
            hint = f"; {words} is {share}{percent_hint(value)}"
            if closed and value < 0:
                hint = "; what a purchase loses belongs to cost_per_purchase"
            raise ArgumentError(f"{name}={value!r} must be a fraction in [0, 1{']' if closed else ')'}{hint}")
    elif not 0 <= value < np.inf:
        hint = f"; costs carry no minus sign, so you may mean {-value:g}" if value < 0 else ""
        raise ArgumentError(f"{name}={value!r} must be a finite amount of at least 0{hint}")


def _column(name: str, given: PerCustomer, rfm: RFM) -> np.ndarray:
    values = per_customer(name, given, rfm)
    if name == "margin":
        broken, rule, fix = (
            (values < 0) | (values > 1),
            "margins must lie in [0, 1]",
            "35 per cent is 0.35; what a purchase loses belongs to cost_per_purchase",
        )
    elif name == "annual_discount_rate":
        broken, rule, fix = (
            (values < 0) | (values >= 1),
            "rates must lie in [0, 1)",
            "ten per cent is 0.10",
        )
    else:
        broken, rule, fix = values < 0, "costs must not be negative", "costs carry no minus sign"
    refuse_rows(name, broken, rfm, rule, fix)
    return values


def _said(given: Any) -> Any:
    if _is_number(given):
        return float(given)
    return f"column {given!r}" if isinstance(given, str) else "per customer"


def _short(fact: Any) -> str:
    return f"{fact:g}" if _is_number(fact) else str(fact)
