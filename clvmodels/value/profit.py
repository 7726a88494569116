"""Profit, not only revenue: what customers leave after margin, costs and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import shown
from clvmodels.prediction import (
    DEFAULT_LEVELS,
    DrawBlock,
    Forecast,
    Quantity,
    check_levels,
    labelled,
    over_draws,
    quantile_name,
    tail_levels,
)
from clvmodels.rfm import RFM
from clvmodels.units import Horizon
from clvmodels.value.cashflow import COMPONENTS, Cells, Fitted, Window, customers_of, stream_cells
from clvmodels.value.cashflow_economics import Economics, Terms, as_economics
from clvmodels.value.cashflow_tables import period_columns

if TYPE_CHECKING:
    import pandas as pd

_WHOLE = {"revenue": "clv_revenue", "profit": "clv_profit"}


@shown("summary")
@dataclass(frozen=True)
class ProfitForecast:
    """What customers bring within a horizon, as revenue and as profit.

    Attributes
    ----------
    name
        Forecaster that made it.
    is_distribution
        Whether draws stand for uncertainty; a formula gives one draw and no intervals.
    columns
        The customer table, (n,) each; `customers` shows it.
    flows
        Joint draws of the cash flows of all customers by name: revenue, margin, purchase_cost, active_cost,
        one_off_cost and profit. Costs are positive; everything is discounted to the start of the horizon.
    horizon
        The window and its periods.
    currency
        Label of the money.
    provenance
        Enough to repeat it.
    draws
        (S, n) profit per draw and customer, if they were kept.
    """

    name: str
    is_distribution: bool
    columns: Mapping[str, np.ndarray]
    flows: Mapping[str, Quantity]
    horizon: Horizon
    currency: str
    provenance: Mapping[str, Any]
    draws: np.ndarray | None = None

    @property
    def revenue(self) -> Quantity:
        """Joint draws of the discounted revenue of all customers."""
        return self.flows["revenue"]

    @property
    def profit(self) -> Quantity:
        """Joint draws of the discounted profit of all customers."""
        return self.flows["profit"]

    @property
    def customers(self) -> pd.DataFrame:
        """One row per customer, revenue and profit side by side; `attrs` carries currency and provenance."""
        import pandas as pd

        interval = "quantiles of the predictive distribution" if self.is_distribution else "none: a formula"
        return labelled(pd.DataFrame(dict(self.columns)), {**self.provenance, "interval": interval})

    @property
    def periods(self) -> pd.DataFrame:
        """The cash flows of each period with 90 % intervals."""
        return self.period_table(0.9)

    def period_table(self, level: float) -> pd.DataFrame:
        """The cash flows of each period: means, a central interval of the profit, and the profit so far.

        The means of a column add up to the mean of its total.
        """
        import pandas as pd

        table = period_columns(self.horizon)
        table |= {f"{name}_mean": flow.period_draws.mean(axis=0) for name, flow in self.flows.items()}
        if self.is_distribution:
            low, high = np.quantile(self.profit.period_draws, tail_levels(level), axis=0)
            table |= {"profit_low": low, "profit_high": high}
        table["profit_so_far_mean"] = np.cumsum(table["profit_mean"])
        return labelled(pd.DataFrame(table), self._facts(level))

    def summary(self, level: float = 0.9) -> pd.DataFrame:
        """From revenue to profit, line by line: total, its interval, and the mean per customer."""
        import pandas as pd

        table: dict[str, Any] = {"flow": list(self.flows)}
        table["total_mean"] = [flow.mean for flow in self.flows.values()]
        if self.is_distribution:
            bounds = [flow.interval(level) for flow in self.flows.values()]
            table |= {"total_low": [low for low, _ in bounds], "total_high": [high for _, high in bounds]}
        customers = len(self.columns["customer_id"])
        table["per_customer_mean"] = [flow.mean / customers for flow in self.flows.values()]
        return labelled(pd.DataFrame(table).set_index("flow"), self._facts(level))

    def _facts(self, level: float) -> dict[str, Any]:
        interval = f"central {level:.0%} predictive interval" if self.is_distribution else "none: a formula"
        return {**self.provenance, "interval": interval}

    def __str__(self) -> str:
        customers = len(self.columns["customer_id"])
        lines = [
            f"{self.name}: {self.provenance['window']}, {customers:,} customers, money in {self.currency}"
        ]
        for name in ("revenue", "profit"):
            flow, interval = self.flows[name], ""
            if self.is_distribution:
                low, high = flow.interval(0.9)
                interval = f", 90 % predictive interval {low:,.0f} to {high:,.0f}"
            lines.append(f"discounted {name}: mean {flow.mean:,.1f}{interval}")
        return "\n".join(lines)


def profit(
    fitted: Fitted,
    horizon: str | date | datetime,
    economics: Economics | None = None,
    *,
    rfm: RFM | None = None,
    draws: int = 1000,
    seed: int = 0,
    levels: tuple[float, ...] = DEFAULT_LEVELS,
    period: str | None = None,
    keep_draws: bool = False,
) -> ProfitForecast:
    r"""What each customer and all together are worth after margin and costs.

    A draw's profit of a customer is, over purchases j at years :math:`t_j` and periods k,

    .. math:: m \sum_j a_j D(t_j) - c_p \sum_k N_k D(\bar t_k) - c_a \sum_k \min(N_k, 1) D(\bar t_k) - c_0,
              \qquad D(t) = (1 + d)^{-t},

    with amounts a, purchases N of a period, its middle :math:`\bar t_k`, margin m, cost per purchase
    :math:`c_p`, per active period :math:`c_a` and once :math:`c_0`, and annual discount rate d. A period is
    active where the customer buys in it; spend is discounted at the time of its purchase, costs in the middle
    of their period.

    Parameters
    ----------
    fitted
        A fitted CLV model or formula. A formula buys evenly: min(N, 1) is then the smaller of 1 and its
        purchases of the period.
    horizon, period, draws, seed, levels
        As in `FittedCLV.forecast`; purchases and revenue are those of the forecast with that seed.
    economics
        Margin, costs, discount rate and currency; by default all revenue is profit.
    rfm
        Customers to value, by default those of the fit.
    keep_draws
        Keep the (draws, customers) matrix of the profit, 8 bytes a cell.

    Returns
    -------
    ProfitForecast
        All its numbers, means included, are those of the draws, so that customers, periods and totals add up.

    Raises
    ------
    ArgumentError
        If an argument is outside its range, or the forecaster knows no spend.
    DataError
        If numbers per customer are missing, of unknown customers, or outside their range.
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
    >>> some = rfm.take(slice(0, 200))
    >>> view = profit(
    ...     fitted, "12M", Economics(margin=0.4, cost_per_purchase=3, currency="USD"), rfm=some, draws=100
    ... )
    >>> view.revenue.mean > view.flows["margin"].mean > view.profit.mean
    True
    >>> gap = view.periods["profit_mean"].sum() - view.customers["clv_profit_mean"].sum()
    >>> bool(abs(gap) < 1e-10 * view.profit.mean)
    True
    """
    economics = as_economics(economics)
    target = customers_of(fitted, rfm)
    terms, levels = economics.of(target), check_levels(levels)
    ledger = _Ledger(terms, levels, keep_draws)
    window = Window(horizon, period, draws, seed)
    forecast = stream_cells(fitted, target, terms.annual_discount_rate, window, ledger.enter)
    columns, kept = ledger.close(len(target))
    facts = profit_facts(forecast, economics, target) | {"levels": levels}
    return ProfitForecast(
        name=fitted.name,
        is_distribution=forecast.is_distribution,
        columns={"customer_id": target.customer_id, **columns},
        flows={name: Quantity(name, flow.sum(axis=1), flow) for name, flow in ledger.flows.items()},
        horizon=forecast.horizon,
        currency=economics.currency,
        provenance=facts,
        draws=kept,
    )


def profit_run(
    fitted: Fitted,
    horizon: str | date | datetime,
    economics: Economics | None = None,
    *,
    rfm: RFM | None = None,
    draws: int = 1000,
    seed: int = 0,
    period: str | None = None,
) -> Callable[..., Forecast]:
    """A forecast of profit ready to be made: what `segment_customers` takes where money is more than revenue.

    Parameters
    ----------
    fitted, horizon, economics, rfm, draws, seed, period
        As in `profit`.

    Returns
    -------
    callable
        Called with ``observe=``, it hands out the draws customer by customer, and returns a `Forecast` whose value
        is the profit.

    Raises
    ------
    ArgumentError
        If an argument is outside its range.
    DataError
        If numbers per customer are missing, of unknown customers, or outside their range.

    Examples
    --------
    >>> from clvmodels import CLVModel, load_cdnow, rfm_summary
    >>> rfm = rfm_summary(load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 100))
    >>> fitted, economics = CLVModel("bg_nbd", method="map").fit(rfm), Economics(margin=0.4, cost_per_purchase=3)
    >>> forecast = profit_run(fitted, "12M", economics, draws=50)()
    >>> bool(abs(forecast.total.mean / profit(fitted, "12M", economics, draws=50).profit.mean - 1) < 1e-12)
    True
    """
    economics = as_economics(economics)
    target = customers_of(fitted, rfm)
    terms, window = economics.of(target), Window(horizon, period, draws, seed)

    def run(*, observe: Callable[[DrawBlock], None] | None = None) -> Forecast:
        blocks = _Blocks(terms, observe)
        forecast = stream_cells(fitted, target, terms.annual_discount_rate, window, blocks.enter)
        return blocks.close(fitted.name, target, forecast, profit_facts(forecast, economics, target))

    return run


def profit_facts(forecast: Forecast, economics: Economics, rfm: RFM) -> dict[str, Any]:
    """Provenance of a value: that of the forecast, with the economics in place of its margin and rate."""
    return {
        **forecast.provenance,
        **economics.facts(),
        "customers_hash": rfm.fingerprint(),
        "active_period": "a period with at least one purchase",
        "discounting": "spend at the time of purchase, costs in the middle of their period",
    }


class _Blocks:
    """Hands on the profit of each block of customers and keeps what the table of a forecast needs."""

    def __init__(self, terms: Terms, observe: Callable[[DrawBlock], None] | None) -> None:
        self.terms, self.observe = terms, observe
        self.index: list[np.ndarray] = []
        self.means: list[dict[str, np.ndarray]] = []
        self.periods: dict[str, Any] = {"purchases": 0.0, "profit": 0.0}

    def enter(self, cells: Cells) -> None:
        """Enter a block of customers."""
        bought, brought = cells.purchases, cells.flows(self.terms.take(cells.index))["profit"]
        sums = bought.sum(axis=1), brought.sum(axis=1)
        block = DrawBlock(cells.index, bought.sum(axis=2), brought.sum(axis=2), *sums, {})
        self.periods = {
            name: self.periods[name] + flow for name, flow in zip(self.periods, sums, strict=True)
        }
        self.index.append(cells.index)
        self.means.append({"purchases_mean": over_draws(block.purchases), "clv_mean": block.value_mean})
        if self.observe is not None:
            self.observe(block)

    def close(self, name: str, rfm: RFM, like: Forecast, facts: Mapping[str, Any]) -> Forecast:
        """The forecast of profit, customers in the order of the summary."""
        order = np.argsort(np.concatenate(self.index))
        columns = {
            key: np.concatenate([part[key] for part in self.means])[order]
            for key in ("purchases_mean", "clv_mean")
        }
        purchases, value = (Quantity(key, flow.sum(axis=1), flow) for key, flow in self.periods.items())
        return Forecast(
            name, like.is_distribution, {"customer_id": rfm.customer_id, **columns}, purchases, value,
            like.horizon, facts,
        )  # fmt: skip


class _Ledger:
    """Adds up the flows of all customers and keeps a few numbers of each."""

    def __init__(self, terms: Terms, levels: tuple[float, ...], keep_draws: bool) -> None:
        self.terms, self.levels, self.keep_draws = terms, levels, keep_draws
        self.flows: dict[str, Any] = dict.fromkeys(COMPONENTS, 0.0)
        self.index: list[np.ndarray] = []
        self.parts: list[dict[str, np.ndarray]] = []
        self.kept: list[np.ndarray] = []

    def enter(self, cells: Cells) -> None:
        """Enter a block of customers."""
        flows = cells.flows(self.terms.take(cells.index))
        for name, flow in flows.items():
            self.flows[name] = self.flows[name] + flow.sum(axis=1)
        totals = {name: flow.sum(axis=2) for name, flow in flows.items()}
        self.index.append(cells.index)
        self.parts.append(_columns(cells.purchases.sum(axis=2), totals, self.levels))
        if self.keep_draws:
            self.kept.append(totals["profit"])

    def close(self, count: int) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """The columns and the kept draws, in the order of the summary."""
        place = np.empty(count, dtype=int)
        place[np.concatenate(self.index)] = np.arange(count)
        names = self.parts[0]
        columns = {name: np.concatenate([part[name] for part in self.parts])[place] for name in names}
        return columns, np.concatenate(self.kept, axis=1)[:, place] if self.keep_draws else None


def _columns(
    purchases: np.ndarray, totals: Mapping[str, np.ndarray], levels: tuple[float, ...]
) -> dict[str, np.ndarray]:
    columns = {"purchases_mean": over_draws(purchases)}
    many = len(purchases) > 1
    for name, flow in totals.items():
        whole = _WHOLE.get(name, name)
        columns[f"{whole}_mean"] = over_draws(flow)
        if many and name in _WHOLE:
            columns[f"{whole}_sd"] = np.sqrt(over_draws((flow - over_draws(flow)) ** 2))
            quantiles = np.quantile(flow, levels, axis=0)
            columns |= {
                quantile_name(whole, level): row for level, row in zip(levels, quantiles, strict=True)
            }
    if many:
        columns["p_profit"] = over_draws(totals["profit"] > 0)
    return columns
