"""From the draws of a forecast to cash flows per customer and period.

A forecaster that draws lives is asked for one customer at a time: the sums per period that it hands out
are then those of the customer. A formula has one draw, in which all customers share one course over time.
Customers are always visited in the order of their ids as texts, so that sums do not depend on the order of
the summary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from inspect import signature
from typing import Any, Protocol, cast

import numpy as np

from clvmodels.errors import ArgumentError, whole_number
from clvmodels.prediction import DrawBlock, Forecast, Quantity
from clvmodels.rfm import RFM, check_rfm
from clvmodels.rfm.checks import id_text
from clvmodels.units import Horizon, plan_horizon
from clvmodels.value.cashflow_economics import Terms

type _Deliver = Callable[[np.ndarray, np.ndarray, np.ndarray], None]
COMPONENTS = ("revenue", "margin", "purchase_cost", "active_cost", "one_off_cost", "profit")


class Fitted(Protocol):
    """A forecaster that has seen its data, and remembers them."""

    @property
    def name(self) -> str:
        """Name in tables."""
        ...

    @property
    def rfm(self) -> RFM | None:
        """The customers, or None for a fit that was loaded."""
        ...

    def forecast(
        self,
        horizon: str | date | datetime,
        *,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        draws: int = 1000,
        seed: int = 0,
        levels: tuple[float, ...] = (0.5,),
        period: str | None = None,
        observe: Callable[[DrawBlock], None] | None = None,
    ) -> Forecast:
        """Forecast the customers it was fitted to."""
        ...

    def expected_history(self, age: np.ndarray) -> np.ndarray | None:
        """Mean repeat purchases by age; None marks a formula, which knows no lives."""
        ...


class _Sampler(Protocol):
    """A forecaster that draws the life of each customer from a stream of their own."""

    def forecast(
        self,
        horizon: str | date | datetime,
        *,
        rfm: RFM,
        annual_discount_rate: float,
        draws: int,
        seed: int,
        levels: tuple[float, ...],
        period: str | None,
        observe: Callable[[DrawBlock], None],
        block_size: int,
    ) -> Forecast:
        """Forecast the given customers."""
        ...


@dataclass(frozen=True)
class Window:
    """How far and how finely to look, and with how many draws.

    Attributes
    ----------
    horizon, period
        As in `plan_horizon`.
    draws, seed
        As in `FittedCLV.forecast`.
    """

    horizon: str | date | datetime
    period: str | None
    draws: int
    seed: int

    def __post_init__(self) -> None:
        whole_number("draws", self.draws, least=1)


@dataclass(frozen=True)
class Cells:
    """What m customers buy, draw by draw and period by period.

    Attributes
    ----------
    index
        (m,) positions of the customers in the summary.
    purchases
        (S, m, K) purchases; a formula's are fractions.
    value
        (S, m, K) spend before margin, discounted at the time of each purchase.
    plan
        The periods.
    """

    index: np.ndarray
    purchases: np.ndarray
    value: np.ndarray
    plan: Horizon

    def flows(self, terms: Terms, first_order: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """The cash flows (S, m, K) by name, discounted; costs are positive numbers.

        With D the present value of money in the middle of a period and N the purchases in it,

            margin = margin · Σ spend D(time)      purchase_cost = cost_per_purchase · N · D
            active_cost = cost_per_active_period · min(N, 1) · D      profit = margin - costs

        and the one-off cost falls at the start of the first period.

        Parameters
        ----------
        terms
            Of the same m customers.
        first_order
            (S, m) spend of an order at time 0 that the draws leave out: it belongs to the first period.
        """
        edges = self.plan.edges
        present = terms.discount((edges[:-1] + edges[1:]) / 2, self.plan.unit)
        revenue = self.value if first_order is None else self.value.copy()
        active = np.minimum(self.purchases, 1.0)
        purchase_cost = (terms.cost_per_purchase[:, None] * present) * self.purchases
        one_off = np.zeros(revenue.shape)
        one_off[:, :, 0] = terms.one_off_cost
        if first_order is not None:
            revenue[:, :, 0] += first_order
            active[:, :, 0] = 1.0
            purchase_cost[:, :, 0] += terms.cost_per_purchase
        margin = terms.margin[:, None] * revenue
        active_cost = (terms.cost_per_active_period[:, None] * present) * active
        profit = margin - purchase_cost - active_cost - one_off
        return dict(
            zip(COMPONENTS, (revenue, margin, purchase_cost, active_cost, one_off, profit), strict=True)
        )


def is_formula(fitted: Fitted) -> bool:
    """Whether the forecaster gives one number where others give draws of lives."""
    return fitted.expected_history(np.zeros(1)) is None


def check_fitted(fitted: Any) -> None:
    """Refuse a model that has seen no customers.

    Raises
    ------
    ArgumentError
        If it cannot forecast.
    """
    if not callable(getattr(fitted, "forecast", None)):
        raise ArgumentError(f"{fitted!r} has seen no customers; give model.fit(rfm)")


def customers_of(fitted: Fitted, rfm: RFM | None) -> RFM:
    """The customers to value: those given, or those of the fit.

    Raises
    ------
    ArgumentError
        If there are none, or others than those of the fit are asked of a formula.
    """
    check_fitted(fitted)
    if rfm is not None and is_formula(fitted) and rfm is not fitted.rfm:
        raise ArgumentError(
            f"{fitted.name!r} is a formula of the customers it was fitted to; fit it to these customers"
        )
    target = fitted.rfm if rfm is None else rfm
    if target is None:
        raise ArgumentError("a loaded fit holds no customers; summarise them and pass rfm=")
    check_rfm(target)
    return target


def stream_cells(
    fitted: Fitted, rfm: RFM, rates: np.ndarray, window: Window, visit: Callable[[Cells], None]
) -> Forecast:
    """Hand the cells of all customers to `visit`, block by block.

    Parameters
    ----------
    rates
        (n,) annual discount rate of each customer.

    Returns
    -------
    Forecast
        The last of the runs, for its periods and its provenance.

    Raises
    ------
    ArgumentError
        If the forecaster knows no spend, or draws lives that it cannot tell customer by customer.
    """
    plan = plan_horizon(window.horizon, rfm.observed_until, rfm.time_unit, window.period)
    run = _run_formula if is_formula(fitted) else _run_lives
    if run is _run_lives and not {"rfm", "block_size"} <= set(signature(fitted.forecast).parameters):
        raise _no_cash_flows(fitted)
    order, forecast = in_order_of_ids(rfm), None

    def deliver(index: np.ndarray, purchases: np.ndarray, value: np.ndarray) -> None:
        visit(Cells(index, purchases, value, plan))

    for rate in np.unique(rates):
        chosen = order[rates[order] == rate]
        forecast = run(fitted, rfm, chosen, float(rate), window, deliver)
    return cast(Forecast, forecast)


def in_order_of_ids(rfm: RFM) -> np.ndarray:
    """(n,) positions of the customers, by their ids as texts.

    Examples
    --------
    >>> rfm = RFM.from_arrays(
    ...     frequency=[1, 0], recency=[2, 0], T=[4, 4], customer_id=["bob", "ann"], time_unit="W"
    ... )
    >>> in_order_of_ids(rfm).tolist()
    [1, 0]
    """
    texts = [id_text(identity) for identity in rfm.customer_id.tolist()]
    return np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=int)


def _run_lives(
    fitted: Fitted, rfm: RFM, chosen: np.ndarray, rate: float, window: Window, deliver: _Deliver
) -> Forecast:
    def observe(block: DrawBlock) -> None:
        if block.period_value is None:
            raise _no_spend(fitted)
        cells = (
            np.asarray(part, dtype=float)[:, None] for part in (block.period_purchases, block.period_value)
        )
        deliver(chosen[block.index], *cells)

    return cast(_Sampler, fitted).forecast(
        window.horizon,
        rfm=rfm.take(chosen),
        annual_discount_rate=rate,
        draws=window.draws,
        seed=window.seed,
        levels=(0.5,),
        period=window.period,
        observe=observe,
        block_size=1,
    )


def _run_formula(
    fitted: Fitted,
    rfm: RFM,  # noqa: ARG001  (a formula has its own customers)
    chosen: np.ndarray,
    rate: float,
    window: Window,
    deliver: _Deliver,
) -> Forecast:
    blocks: list[DrawBlock] = []
    options: dict[str, Any] = {"annual_discount_rate": rate, "period": window.period}
    forecast = fitted.forecast(window.horizon, observe=blocks.append, **options)
    half = fitted.forecast(window.horizon, margin=0.5, **options)
    if forecast.is_distribution:
        raise _no_cash_flows(fitted)
    if forecast.value is None or half.value is None:
        raise _no_spend(fitted)
    if not np.isclose(half.value.mean, 0.5 * forecast.value.mean, rtol=1e-9, atol=0.0):
        raise ArgumentError(
            f"{fitted.name!r} takes off costs of its own; set them to 0 and give costs in Economics"
        )
    purchases = np.concatenate([block.purchases for block in blocks], axis=1)[:, chosen]
    value = np.concatenate([cast(np.ndarray, block.value) for block in blocks], axis=1)[:, chosen]
    deliver(
        chosen,
        purchases[:, :, None] * _course(forecast.purchases),
        value[:, :, None] * _course(forecast.value),
    )
    return forecast


def _course(quantity: Quantity) -> np.ndarray:
    """(1, 1, K) share of each period in the total, the same for every customer of a formula."""
    whole = float(quantity.draws[0])
    shares = quantity.period_draws[0] / whole if whole else np.zeros(quantity.period_draws.shape[1])
    return np.asarray(shares)[None, None]


def _no_cash_flows(fitted: Fitted) -> ArgumentError:
    return ArgumentError(
        f"{fitted.name!r} does not say what each customer buys in each period, draw by draw, and cash flows are made "
        "of that; use a CLVModel, or a formula such as HistoricalCLV"
    )


def _no_spend(fitted: Fitted) -> ArgumentError:
    return ArgumentError(
        f"{fitted.name!r} forecasts purchases only; fit it with a spend model to speak of money"
    )
