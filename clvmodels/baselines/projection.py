"""A rate per customer, carried into the future; and what the formulas read from a summary."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from clvmodels.errors import DataError
from clvmodels.prediction import DEFAULT_LEVELS, DrawBlock, Forecast, check_margin, check_single, gather
from clvmodels.rfm import RFM, check_rfm
from clvmodels.units import Horizon, discount_per_unit, parse_duration, plan_horizon, unit_days


@dataclass(frozen=True, eq=False)
class Projection:
    """A fitted formula: what each customer buys and spends per unit of time, and for how long.

    The value of customer i in a horizon H, with margin μ and continuous discount rate δ, is

        (μ · spend_rate_i - cost_rate) · ∫_0^min(H, duration) e^(-δu) du

    and is cut into periods by the same integral; purchases are ``purchase_rate_i · min(H, duration)``.

    Attributes
    ----------
    name
        Name in tables and reports.
    rfm
        The customers.
    formula
        What was computed, with its numbers.
    purchase_rate
        (n,) purchases per time unit of the summary.
    spend_rate
        (n,) spend per time unit, or None without spend.
    cost_rate
        Money per customer and time unit that margin does not touch.
    duration
        Time units after which everything stops.

    Raises
    ------
    DataError
        If a rate is not finite.
    """

    name: str
    rfm: RFM
    formula: str
    purchase_rate: np.ndarray
    spend_rate: np.ndarray | None
    cost_rate: float = 0.0
    duration: float = math.inf

    def __post_init__(self) -> None:
        for name in ("purchase_rate", "spend_rate"):
            rate = getattr(self, name)
            if rate is not None and not (finite := np.isfinite(rate)).all():
                raise DataError(
                    f"the rates of {self.name!r} must be finite",
                    column=name,
                    rows=int((~finite).sum()),
                    examples=self.rfm.customer_id[~finite].tolist(),
                    fix="divide by a tenure above 0: T is 0 for customers who first bought on the last day",
                )

    @property
    def summary(self) -> str:
        """The formula and its numbers."""
        return f"{self.name}: {self.formula}"

    @property
    def usable(self) -> bool:
        """Arithmetic does not fail to converge."""
        return True

    def expected_history(self, age: np.ndarray) -> None:
        """None: a formula says nothing of customers of whom only the birth is known."""

    def forecast(
        self,
        horizon: str | date | datetime,
        *,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        draws: int = 1000,  # noqa: ARG002  (a formula has one draw)
        seed: int = 0,  # noqa: ARG002  (and no chance)
        levels: tuple[float, ...] = DEFAULT_LEVELS,
        period: str | None = None,
        observe: Callable[[DrawBlock], None] | None = None,
    ) -> Forecast:
        """The customers of the fit over a horizon: one draw, no intervals.

        Parameters
        ----------
        horizon, period
            As in `plan_horizon`.
        annual_discount_rate
            Fraction per year in [0, 1).
        margin
            Share of the spend that counts, in (0, 1].
        draws, seed, levels
            Of no effect: a formula has neither chance nor quantiles.
        observe
            Handed the one block of one draw.

        Raises
        ------
        ArgumentError
            If an argument is outside its range.
        """
        check_margin(margin)
        check_single(self.rfm)
        plan = plan_horizon(horizon, self.rfm.observed_until, self.rfm.time_unit, period)
        discount = discount_per_unit(annual_discount_rate, plan.unit)
        return gather(
            self._blocks(plan, discount, margin),
            self.rfm,
            plan,
            name=self.name,
            is_distribution=False,
            provenance={
                "forecaster": self.name,
                "formula": self.formula,
                "window": plan.window,
                "uncertainty": "none: a formula gives one number",
                "customers_hash": self.rfm.fingerprint(),
                "annual_discount_rate": annual_discount_rate,
                "margin": margin,
                "draws": 1,
            },
            levels=levels,
            observe=observe,
        )

    def _blocks(self, plan: Horizon, discount: float, margin: float) -> Iterator[DrawBlock]:
        bounds = np.minimum(plan.edges, self.duration)
        length, present = np.diff(bounds), present_time(bounds, discount)
        purchases = self.purchase_rate * bounds[-1]
        flow = None if self.spend_rate is None else margin * self.spend_rate - self.cost_rate
        yield DrawBlock(
            index=np.arange(len(self.rfm)),
            purchases=purchases[None],
            value=None if flow is None else (flow * math.fsum(present))[None],
            period_purchases=(total(self.purchase_rate) * length)[None],
            period_value=None if flow is None else (total(flow) * present)[None],
            columns={"expected_purchases": purchases},
        )


def present_time(bounds: np.ndarray, discount: float) -> np.ndarray:
    """Discounted length of each period, ``∫ e^(-δu) du`` between neighbouring bounds.

    Examples
    --------
    >>> present_time(np.array([0.0, 1.0, 3.0]), 0.0).tolist()
    [1.0, 2.0]
    >>> present_time(np.array([0.0, 1.0]), 0.1).round(6).tolist()
    [0.951626]
    """
    length = np.diff(bounds)
    if discount == 0:
        return length
    return np.asarray(np.exp(-discount * bounds[:-1]) * -np.expm1(-discount * length) / discount)


def total(values: np.ndarray) -> float:
    """Sum with one rounding, so that the order of customers leaves no trace."""
    return math.fsum(values.tolist())


def in_units(duration: str, unit: str) -> float:
    """Length of a duration such as ``"13W"`` in a time unit.

    Raises
    ------
    ArgumentError
        If it is no duration, or its step has no fixed length.

    Examples
    --------
    >>> in_units("13W", "D")
    91.0
    """
    count, step = parse_duration(duration)
    return count * unit_days(step) / unit_days(unit)


def tenure(rfm: RFM, least: str) -> np.ndarray:
    """(n,) ages, those below `least` raised to it: a rate over two days is noise, not a habit."""
    check_rfm(rfm)
    return np.maximum(rfm.T, in_units(least, rfm.time_unit))


def repeat_spend(rfm: RFM) -> np.ndarray | None:
    """(n,) spend of the purchases after the first; None without spend.

    Where the mean spend includes the first purchase, that purchase is taken out if it is known.
    """
    if rfm.monetary_value is None or rfm.spend_count is None:
        return None
    first = rfm.statistics.get("spend_first")
    counted = rfm.spend_count * rfm.monetary_value
    if first is None:
        return rfm.frequency * rfm.monetary_value
    return np.where(rfm.spend_count > rfm.frequency, np.maximum(counted - first, 0.0), counted)


def whole_spend(rfm: RFM) -> np.ndarray | None:
    """(n,) spend of all purchases, the first included; None without spend.

    Raises
    ------
    DataError
        If the mean spend leaves the first purchase out and the summary does not hold it.
    """
    if rfm.monetary_value is None or rfm.spend_count is None:
        return None
    counted = rfm.spend_count * rfm.monetary_value
    included = rfm.spend_count > rfm.frequency
    first = rfm.statistics.get("spend_first")
    if included.all():
        return counted
    if first is None:
        raise DataError(
            "the spend of the first purchase is not in the summary",
            column="spend_first",
            rows=int((~included).sum()),
            examples=rfm.customer_id[~included].tolist(),
            fix="make the summary with rfm_summary, give statistics={'spend_first': ...}, "
            "or use a formula of repeat spend such as HistoricalCLV(basis='repeat')",
        )
    return np.where(included, counted, counted + first)
