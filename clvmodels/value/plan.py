"""Present and new customers month by month: an acquisition plan on top of those already there, and its budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import shown
from clvmodels.errors import ArgumentError, check_choice, check_kind, is_one_of, whole_number
from clvmodels.forecast.simulation import customer_stream
from clvmodels.prediction import Quantity, labelled, tail_levels
from clvmodels.rfm import RFM
from clvmodels.units import Horizon, last_observed
from clvmodels.value.cashflow import Cells, Fitted, Window, check_fitted, is_formula, stream_cells
from clvmodels.value.cashflow_economics import Economics, Terms, as_economics
from clvmodels.value.cashflow_tables import period_columns
from clvmodels.value.newcomers import named_newcomers
from clvmodels.value.newcomers_counts import NewCustomers, numbers
from clvmodels.value.newcomers_first import OBSERVED, first_orders
from clvmodels.value.profit import ProfitForecast, profit

if TYPE_CHECKING:
    import pandas as pd

DATES_PER_PERIOD = 8
"""New customers of a period arrive in the middles of as many equal parts of it."""
_GOLDEN = (math.sqrt(5) - 1) / 2  # steps of this share spread any number of points evenly
_MONEY = ("revenue", "profit")


@shown("period_table")
@dataclass(frozen=True)
class AcquisitionForecast:
    """Present and new customers over the same calendar periods, draw by draw under the same parameters.

    Attributes
    ----------
    counts
        (S, K) new customers of each period.
    existing, new
        Cash flows "revenue" and "profit" (before acquisition cost) of either, not discounted.
    horizon
        The window and its periods.
    currency
        Label of the money.
    provenance
        Enough to repeat it.
    """

    counts: np.ndarray
    existing: Mapping[str, Quantity]
    new: Mapping[str, Quantity]
    horizon: Horizon
    currency: str
    provenance: Mapping[str, Any]

    def total(self, name: str) -> Quantity:
        """Joint draws of ``"revenue"`` or ``"profit"`` of present and new customers together."""
        check_choice("name", name, _MONEY)
        flow = self.existing[name].period_draws + self.new[name].period_draws
        return Quantity(name, flow.sum(axis=1), flow)

    def period_table(self, level: float = 0.9) -> pd.DataFrame:
        """New customers, revenue and profit of each period, from present and new customers, with intervals."""
        import pandas as pd

        table = period_columns(self.horizon) | _spread("new_customers", self.counts, level)
        for name in _MONEY:
            for who, flows in (("existing", self.existing), ("new", self.new)):
                table |= _spread(f"{who}_{name}", flows[name].period_draws, level)
            table |= _spread(f"total_{name}", self.total(name).period_draws, level)
        return labelled(pd.DataFrame(table), self.facts(level))

    def facts(self, level: float) -> dict[str, Any]:
        """What a table of this forecast carries in its `attrs`."""
        return {**self.provenance, "interval": f"central {level:.0%} predictive interval"}


def acquisition_plan(
    fitted: Fitted,
    horizon: str | date | datetime,
    new: NewCustomers | float | Sequence[float],
    economics: Economics | None = None,
    *,
    new_economics: Economics | None = None,
    first_order: float | str = OBSERVED,
    draws: int = 500,
    seed: int = 0,
    period: str = "M",
    most_lives: int = 2000,
    label: str = "plan",
) -> AcquisitionForecast:
    """Revenue and profit by calendar month of the customers there are and of those a plan will bring.

    New customers arrive evenly over their month, live their own lives, and share the parameters of each draw
    with the present ones. Money is that of its month: nothing is discounted.

    Parameters
    ----------
    fitted
        A fitted CLV model whose summary has a calendar.
    horizon
        A duration such as ``"12M"`` or the last date.
    new
        New customers per period: `NewCustomers`, or numbers that are certain.
    economics
        Of the present customers; the discount rate is not used.
    new_economics
        Of the new ones, one number each; by default those of the present.
    first_order
        As in `new_customer_value`.
    draws, seed
        Joint draws and their seed.
    period
        ``"M"``, ``"Q"`` or ``"Y"``: calendar periods, the first and last of which may be short.
    most_lives
        Lives that are simulated for each draw. A larger plan lets each life stand for several customers, which
        makes the intervals a little too wide.
    label
        Part of the key of the random streams.

    Raises
    ------
    ArgumentError
        If an argument is outside its range, the summary has no calendar, or the forecaster is a formula.
    DataError
        If first orders are to be drawn and the summary does not hold them.

    Examples
    --------
    >>> from clvmodels import CLVModel, load_cdnow, rfm_summary
    >>> rfm = rfm_summary(
    ...     load_cdnow(), customer_id="customer_id", date="date", spend="spend", period="D", time_unit="W",
    ...     observation_end="1997-09-30",
    ... )
    >>> fitted = CLVModel(method="mle").fit(rfm.take(slice(0, 100)))
    >>> plan = acquisition_plan(fitted, "3M", NewCustomers(10, 5), Economics(margin=0.4), draws=50)
    >>> table = plan.period_table()
    >>> parts = table["existing_revenue_mean"] + table["new_revenue_mean"]
    >>> bool((table["total_revenue_mean"] - parts).abs().max() < 1e-9)
    True
    """
    rfm = _calendar_of(fitted, period)
    new = new if isinstance(new, NewCustomers) else NewCustomers(new)
    whole_number("most_lives", most_lives, least=1)
    economics = replace(as_economics(economics), annual_discount_rate=0.0)
    of_new = economics if new_economics is None else as_economics(new_economics)
    terms = replace(of_new, annual_discount_rate=0.0).of_anyone()
    present = profit(fitted, horizon, economics, draws=draws, seed=seed, period=period)
    plan = present.horizon
    counts = new.sample(draws, len(plan.edges) - 1, customer_stream(seed, label, "new customers"))
    share = max(math.ceil(counts.max(axis=0).sum() / most_lives), 1)
    slots = np.ceil(counts.max(axis=0) / share).astype(int)
    orders = first_orders(first_order, rfm, (draws, int(slots.sum())), seed, label)
    flows = np.zeros((len(_MONEY), *counts.shape))
    window = Window(last_observed(_bounds(plan)[1][-1]), period, draws, seed)
    for k, begin in enumerate(np.cumsum(slots) - slots):
        weights = np.clip(counts[:, k, None] - share * np.arange(slots[k]), 0, share)
        arrivals = _Arrivals(weights, orders[:, begin : begin + slots[k]], terms)
        flows[:, :, k:] += arrivals.flows(fitted, rfm, plan, k, window, f"{label} {k + 1}")
    return AcquisitionForecast(
        counts=counts,
        existing={name: present.flows[name] for name in _MONEY},
        new={name: Quantity(name, flow.sum(axis=1), flow) for name, flow in zip(_MONEY, flows, strict=True)},
        horizon=plan,
        currency=economics.currency,
        provenance=_provenance(present, new, share),
    )


def _provenance(present: ProfitForecast, new: NewCustomers, share: int) -> dict[str, Any]:
    return {
        **present.provenance,
        "new_customers": new.words,
        "customers_per_life": share,
        "discounting": "none",
    }


def budget_table(
    plan: AcquisitionForecast, cac: float | Sequence[float], *, level: float = 0.9
) -> pd.DataFrame:
    """What a plan costs and brings, period by period.

    Parameters
    ----------
    plan
        Present and new customers.
    cac
        Acquisition cost per new customer, >= 0: one number, or one per period.
    level
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Per period: new customers; acquisition_cost; revenue; profit before and after acquisition cost; that
        profit so far; and the probability that it is above 0 so far.

    Raises
    ------
    ArgumentError
        If a cost is negative, or there are not as many as periods.

    Examples
    --------
    >>> from clvmodels import CLVModel, load_cdnow, rfm_summary
    >>> rfm = rfm_summary(
    ...     load_cdnow(), customer_id="customer_id", date="date", spend="spend", period="D", time_unit="W",
    ...     observation_end="1997-09-30",
    ... )
    >>> fitted = CLVModel(method="mle").fit(rfm.take(slice(0, 100)))
    >>> plan = acquisition_plan(fitted, "3M", 10, Economics(margin=0.4), draws=50)
    >>> budget_table(plan, cac=20)["acquisition_cost_mean"].tolist()
    [200.0, 200.0, 200.0]
    """
    import pandas as pd

    check_kind("plan", plan, AcquisitionForecast, "make one with acquisition_plan(fitted, horizon, new)")
    costs = numbers("cac", cac)
    periods = plan.counts.shape[1]
    if len(costs) not in (1, periods):
        raise ArgumentError(f"cac has {len(costs)} numbers, but the plan {periods} periods")
    before, spent = plan.total("profit").period_draws, costs * plan.counts
    after = before - spent
    table = period_columns(plan.horizon)
    for name, draws in (
        ("new_customers", plan.counts),
        ("acquisition_cost", spent),
        ("revenue", plan.total("revenue").period_draws),
        ("profit_before_acquisition", before),
        ("profit", after),
        ("profit_so_far", np.cumsum(after, axis=1)),
    ):
        table |= _spread(name, draws, level)
    table["p_profit_so_far"] = (np.cumsum(after, axis=1) > 0).mean(axis=0)
    return labelled(pd.DataFrame(table), plan.facts(level) | {"cac": costs.tolist()})


@dataclass(frozen=True)
class _Arrivals:
    """The customers acquired in one period: (S, m) what each life counts, and what its first order spends."""

    weights: np.ndarray
    orders: np.ndarray
    terms: Terms

    def flows(
        self, fitted: Fitted, rfm: RFM, plan: Horizon, k: int, window: Window, label: str
    ) -> np.ndarray:
        """(2, S, K - k) revenue and profit from the period of arrival on."""
        draws, lives = self.weights.shape
        flows = np.zeros((len(_MONEY), draws, len(plan.edges) - 1 - k))
        part = np.floor(DATES_PER_PERIOD * ((0.5 + _GOLDEN * np.arange(lives)) % 1)).astype(int)
        newcomers = named_newcomers(rfm, max(lives, 1), label)
        starts, ends = _bounds(plan)
        for number in np.unique(part):
            chosen = np.flatnonzero(part == number)
            at = starts[k] + (ends[k] - starts[k]) * ((int(number) + 0.5) / DATES_PER_PERIOD)
            born = replace(newcomers.take(chosen), observed_until=at)

            def add(cells: Cells, chosen: np.ndarray = chosen) -> None:
                mine = chosen[cells.index]
                money = cells.flows(self.terms.take(np.zeros(len(mine), dtype=int)), self.orders[:, mine])
                for row, name in enumerate(_MONEY):
                    flows[row] += (self.weights[:, mine, None] * money[name]).sum(axis=1)

            stream_cells(fitted, born, np.zeros(len(chosen)), window, add)
        return flows


def _bounds(plan: Horizon) -> tuple[tuple[datetime, ...], tuple[datetime, ...]]:
    return plan.starts or (), plan.ends or ()


def _calendar_of(fitted: Fitted, period: str) -> RFM:
    """The customers of a fit that can be planned with."""
    check_fitted(fitted)
    if is_formula(fitted):
        raise ArgumentError(
            f"{fitted.name!r} is a formula, which does not say how new customers come along; fit a CLVModel"
        )
    if not is_one_of(period, ("M", "Q", "Y")):
        raise ArgumentError(
            f"period={period!r} must be 'M', 'Q' or 'Y': a plan is made by calendar months, quarters or years"
        )
    if fitted.rfm is None:
        raise ArgumentError("a loaded fit holds no customers; fit it again to their summary")
    if fitted.rfm.observed_until is None:
        raise ArgumentError("a plan by calendar months needs a calendar: give observation_end to the summary")
    return fitted.rfm


def _spread(name: str, draws: np.ndarray, level: float) -> dict[str, np.ndarray]:
    low, high = np.quantile(draws, tail_levels(level), axis=0)
    return {f"{name}_mean": draws.mean(axis=0), f"{name}_low": low, f"{name}_high": high}
