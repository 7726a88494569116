"""What a customer about to be acquired is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clvmodels.cards import shown
from clvmodels.errors import ArgumentError, whole_number
from clvmodels.prediction import (
    DEFAULT_LEVELS,
    Forecast,
    check_levels,
    labelled,
    over_draws,
    quantile_name,
    tail_levels,
)
from clvmodels.rfm import RFM
from clvmodels.units import Horizon, plan_horizon
from clvmodels.value.cashflow import Cells, Fitted, Window, check_fitted, is_formula, stream_cells
from clvmodels.value.cashflow_economics import Economics, as_economics
from clvmodels.value.newcomers_first import OBSERVED, check_first_order, first_orders, observed_first_orders
from clvmodels.value.profit import profit_facts

if TYPE_CHECKING:
    import pandas as pd

MOST_CELLS = 100_000_000
"""Most numbers (draws, lives, periods) held at a time: 0.8 GB."""


@shown("table")
@dataclass(frozen=True)
class NewCustomerValue:
    """Lives of customers about to be acquired, and what they bring.

    Two questions have different answers. What will *one* new customer bring? That is the spread of all
    lives: wide, however much is known. What will new customers bring *on average*? That is the mean over the
    lives of a draw: a cohort of N customers, whose spread shrinks with N to that of the parameters.

    Attributes
    ----------
    label
        Channel, cohort or forecaster.
    is_distribution
        Whether draws stand for uncertainty; a formula gives one number, that of the average present customer.
    flows
        (S, N, K) discounted profit of each life and period since the first order, which is at time 0.
    revenue
        (S, N) discounted revenue of each life.
    horizon
        The window, counted from the first order, and its periods. Dates are as if that were now.
    currency
        Label of the money.
    provenance
        Enough to repeat it.
    """

    label: str
    is_distribution: bool
    flows: np.ndarray
    revenue: np.ndarray
    horizon: Horizon
    currency: str
    provenance: Mapping[str, Any]

    @property
    def lives(self) -> np.ndarray:
        """(S, N) profit of each life within the horizon."""
        return np.asarray(self.flows.sum(axis=2))

    @property
    def averages(self) -> np.ndarray:
        """(S,) mean profit of the N new customers of each draw."""
        return over_draws(self.lives.T)

    @property
    def mean(self) -> float:
        """Expected profit of a new customer."""
        return float(self.averages.mean())

    def table(self, levels: tuple[float, ...] = DEFAULT_LEVELS) -> pd.DataFrame:
        """Revenue and profit side by side, of one new customer and of the average of N."""
        import pandas as pd

        rows = {
            ("revenue", "one customer"): self.revenue.ravel(),
            ("revenue", "average"): over_draws(self.revenue.T),
            ("profit", "one customer"): self.lives.ravel(),
            ("profit", "average"): self.averages,
        }
        table: dict[str, Any] = {"mean": [values.mean() for values in rows.values()]}
        if self.is_distribution:
            table["sd"] = [values.std() for values in rows.values()]
            for level in check_levels(levels):
                table[quantile_name("value", level)] = [
                    np.quantile(values, level) for values in rows.values()
                ]
        index = pd.MultiIndex.from_tuples(list(rows), names=["view", "of"])
        interval = "quantiles of the predictive distribution" if self.is_distribution else "none: a formula"
        return labelled(pd.DataFrame(table, index=index), {**self.provenance, "interval": interval})

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Central predictive interval of the mean profit of N new customers.

        Raises
        ------
        ArgumentError
            If it is a formula's.
        """
        refuse_chance(self)
        low, high = np.quantile(self.averages, tail_levels(level))
        return float(low), float(high)

    def __str__(self) -> str:
        text = f"{self.label}: a new customer brings {self.mean:,.2f} {self.currency} in {self.horizon.text}"
        if not self.is_distribution:
            return f"{text} (a formula: one number, no interval)"
        (low, high), one = self.interval(0.9), np.quantile(self.lives, (0.05, 0.95))
        return (
            f"{text}; the average of {self.flows.shape[1]:,} between {low:,.2f} and {high:,.2f}, one customer "
            f"between {one[0]:,.2f} and {one[1]:,.2f}, each with probability 90 %"
        )


def refuse_chance(value: NewCustomerValue) -> None:
    """Refuse to speak of probability where there is one number.

    Raises
    ------
    ArgumentError
        If the value is a formula's.
    """
    if not value.is_distribution:
        raise ArgumentError(
            f"{value.label!r} is the number of a formula: it has no spread and no probability; "
            "value new customers with a CLVModel"
        )


def new_customer_value(
    fitted: Fitted,
    horizon: str | date | datetime,
    economics: Economics | None = None,
    *,
    first_order: float | str = OBSERVED,
    customers: int = 200,
    draws: int = 500,
    seed: int = 0,
    period: str | None = None,
    label: str | None = None,
) -> NewCustomerValue:
    """What a customer about to be acquired brings, first order included and acquisition cost not.

    Each draw tells the lives of `customers` new customers under one parameter vector: a first order at time 0,
    and whatever the model has them buy later.

    Parameters
    ----------
    fitted
        A fitted CLV model. For a formula, which knows no new customers, the average of its present ones
        stands for the life after the first order.
    horizon, period
        Window from the first order, and its periods, as in `plan_horizon`.
    economics
        One number for each of margin, costs and rate; by default all revenue is profit.
    first_order
        ``"observed"`` draws the spend of the first order from those in the summary, under random weights
        (Bayesian bootstrap) that stand for how little a few of them say; a number is the spend itself, and 0
        leaves the order's spend out, though not its cost. The first order is drawn apart from the
        later life: that customers who start large go on large is not in the spread.
    customers
        New customers N of each draw; their mean is the "average" of the answers.
    draws, seed
        Joint draws, draw d with posterior draw d, and the seed of the lives.
    label
        Name in tables, and part of the key of the random streams: two channels need two labels.

    Returns
    -------
    NewCustomerValue

    Raises
    ------
    ArgumentError
        If an argument is outside its range, or economics are given per customer.
    DataError
        If first orders are to be drawn and the summary does not hold them.
    FitError
        If the fit has failed.

    Examples
    --------
    >>> from clvmodels import CLVModel, load_cdnow, rfm_summary
    >>> rfm = rfm_summary(
    ...     load_cdnow(), customer_id="customer_id", date="date", spend="spend", period="D", time_unit="W",
    ...     observation_end="1997-09-30",
    ... )
    >>> fitted = CLVModel(method="mle").fit(rfm)
    >>> new = new_customer_value(fitted, "12M", Economics(margin=0.4, currency="USD"), customers=100, draws=50)
    >>> 0.4 * 30 < new.mean < 0.4 * 100
    True
    """
    check_fitted(fitted)
    economics = as_economics(economics)
    terms, label = economics.of_anyone(), fitted.name if label is None else label
    first_order = check_first_order(first_order)
    if fitted.rfm is None:
        raise ArgumentError(
            "a loaded fit holds no customers to tell the clock by; fit it again to their summary"
        )
    window = Window(horizon, period, draws, seed)
    _check_size(fitted.rfm, window, customers)
    cells, forecast = _lives(fitted, fitted.rfm, terms.annual_discount_rate, window, customers, label)
    lives = cells.purchases.shape[1]
    orders = _first_orders(fitted, first_order, cells.purchases.shape[:2], seed, label)
    flows = cells.flows(terms.take(np.zeros(lives, dtype=int)), orders)
    window_words = f"{forecast.horizon.text} from the first order"
    said = {"label": label, "window": window_words, "first_order": first_order, "lives": lives}
    return NewCustomerValue(
        label=label,
        is_distribution=forecast.is_distribution,
        flows=flows["profit"],
        revenue=flows["revenue"].sum(axis=2),
        horizon=forecast.horizon,
        currency=economics.currency,
        provenance=profit_facts(forecast, economics, fitted.rfm) | said,
    )


def named_newcomers(rfm: RFM, count: int, label: str) -> RFM:
    """Newcomers whose ids, and so whose random streams, carry a label.

    Examples
    --------
    >>> rfm = RFM.from_arrays(frequency=[1], recency=[2], T=[4], time_unit="W")
    >>> named_newcomers(rfm, 1, "search").customer_id.tolist()
    ['search: new customer 1']
    """
    newcomers = rfm.newcomers(count)
    names = [f"{label}: {name}" for name in newcomers.customer_id]
    return replace(newcomers, customer_id=np.array(names, dtype=object))


def _check_size(rfm: RFM, window: Window, customers: int) -> None:
    """Refuse numbers of draws and lives that are none, or too many to hold."""
    whole_number("customers", customers, least=1)
    whole_number("draws", window.draws, least=2)
    periods = len(plan_horizon(window.horizon, rfm.observed_until, rfm.time_unit, window.period).edges) - 1
    if window.draws * customers * periods > MOST_CELLS:
        raise ArgumentError(
            f"{window.draws:,} draws of {customers:,} lives of {periods:,} periods are more than {MOST_CELLS:,} "
            "numbers; choose fewer customers or draws, or a longer period"
        )


def _lives(
    fitted: Fitted, rfm: RFM, rate: np.ndarray, window: Window, customers: int, label: str
) -> tuple[Cells, Forecast]:
    """What each life brings after its first order; of a formula, what its average present customer brings."""
    target = rfm if is_formula(fitted) else named_newcomers(rfm, customers, label)
    blocks: list[Cells] = []
    forecast = stream_cells(fitted, target, np.repeat(rate, len(target)), window, blocks.append)
    purchases, value = (
        np.concatenate([getattr(block, name) for block in blocks], axis=1) for name in ("purchases", "value")
    )
    if is_formula(fitted):
        purchases, value = (part.mean(axis=1, keepdims=True) for part in (purchases, value))
    return Cells(np.arange(purchases.shape[1]), purchases, value, blocks[0].plan), forecast


def _first_orders(
    fitted: Fitted, given: float | str, shape: tuple[int, ...], seed: int, label: str
) -> np.ndarray:
    rfm = cast(RFM, fitted.rfm)
    if is_formula(fitted) and given == OBSERVED:
        return np.full(shape, np.sort(observed_first_orders(rfm)).mean())
    return first_orders(given, rfm, shape, seed, label)
