"""Levers: exactly what is scaled when customers stay longer or buy more often, for every model alike.

A scenario touches the future only: histories, parameters and P(alive) today stay what they are. Let every
customer who is still there live ``f`` times as long from today, and buy ``g`` times as often while there.

Stretching a future by ``f`` makes life last ``f`` times as long and spreads the same purchases over it; counting
each purchase ``f · g`` times then restores and raises the rate. So with m(u) the model's rate of purchases at
time u from today, whatever the model,

    E[value] = f · g · ∫_0^(H/f) e^(-δ f u) m(u) du · spend,

which the contract answers: `expected_discounted_purchases` over H / f at the rate δ f. Means are exact. In the
draws a purchase that counts 1.1 times is followed at once by another in one of ten cases, with an amount of its
own, and one that counts 0.9 times is left out in one of ten.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from clvmodels.baselines import Projection
from clvmodels.contracts import FittedForecaster, Param, PurchaseModel
from clvmodels.errors import ArgumentError, check_real, percent_hint
from clvmodels.forecast import FittedCLV
from clvmodels.rfm import RFM
from clvmodels.special.streams import CALL_BITS, Streams
from clvmodels.value.expectations import Valuation


@dataclass(frozen=True)
class Scenario:
    """What would be otherwise.

    Parameters
    ----------
    retention
        Change of every remaining lifetime, as a fraction: 0.10 lets customers who are still there stay ten per
        cent longer. A retention rate per period is turned into it by `longer_life`.
    purchase_rate
        Change of the rate of purchases while customers stay, as a fraction.
    margin_points
        Added to the margin: 0.05 turns 0.30 into 0.35.
    annual_discount_rate
        In place of the present one, or None.
    label
        Name in tables; by default the levers in words.

    Raises
    ------
    ArgumentError
        If a change is no fraction above -1 and at most 1: most often a percentage given as a number.

    Examples
    --------
    >>> Scenario(retention=0.1, margin_points=-0.02).name
    'retention +10 %, margin -2 points'
    """

    retention: float = 0.0
    purchase_rate: float = 0.0
    margin_points: float = 0.0
    annual_discount_rate: float | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        for name in ("retention", "purchase_rate", "margin_points"):
            change = getattr(self, name)
            check_real(name, change)
            if not -1 < change <= 1:
                raise ArgumentError(
                    f"{name}={change!r} must be a change as a fraction, above -1 and at most 1; "
                    f"ten per cent (or ten points) is 0.10{percent_hint(change)}"
                )

    @property
    def name(self) -> str:
        """The label, or the levers in words."""
        words = []
        for lever, change in (("retention", self.retention), ("purchase rate", self.purchase_rate)):
            if change:
                words.append(f"{lever} {100 * change:+g} %")
        if self.margin_points:
            words.append(f"margin {100 * self.margin_points:+g} points")
        if self.annual_discount_rate is not None:
            words.append(f"discount rate {100 * self.annual_discount_rate:g} %")
        return self.label or ", ".join(words) or "as it is"


def longer_life(retention_now: float, retention_then: float) -> float:
    """Change of the remaining lifetime when a retention rate per period changes: ``(1 - now) / (1 - then) - 1``.

    Parameters
    ----------
    retention_now, retention_then
        Share of customers kept per period, in [0, 1).

    Raises
    ------
    ArgumentError
        If a rate is no share.

    Examples
    --------
    Keeping 84 of 100 customers a year instead of 80 lets them stay 6.25 years instead of 5.

    >>> round(longer_life(0.80, 0.84), 12)
    0.25
    """
    for rate in (retention_now, retention_then):
        if not 0 <= rate < 1:
            raise ArgumentError(
                f"retention rate {rate!r} must be a share in [0, 1); eighty per cent is 0.80{percent_hint(rate)}"
            )
    return (1 - retention_now) / (1 - retention_then) - 1


def changed(fitted: FittedForecaster, scenario: Scenario) -> FittedForecaster:
    """The forecaster in a world where customers stay and buy as the scenario says.

    It forecasts as any other does: hand it to segments, cash flows or `explain_change`. Margin and discount are
    not part of a forecaster: see `changed_valuation`.

    Raises
    ------
    ArgumentError
        If it is neither a fitted CLV model nor a formula.

    Examples
    --------
    A formula that lets customers stay 26 weeks at 5 a week: ten per cent longer are 28.6 weeks.

    >>> import clvmodels as clv
    >>> rfm = clv.RFM.from_arrays(
    ...     frequency=[3], recency=[18], T=[20], monetary_value=[25], statistics={"spend_first": [25]}, time_unit="W"
    ... )
    >>> fitted = clv.LifespanCLV(churn=0.5).fit(rfm)
    >>> round(changed(fitted, Scenario(retention=0.1)).forecast("52W").total.mean, 9)
    143.0
    """
    life, rate = 1 + scenario.retention, 1 + scenario.purchase_rate
    if life == rate == 1:
        return fitted
    if isinstance(fitted, FittedCLV):
        model = Changed(cast(PurchaseModel, fitted.purchase.model), life, rate)
        purchase = replace(fitted.purchase, model=cast(PurchaseModel, model))
        return replace(fitted, name=f"{fitted.name}, {scenario.name}", purchase=purchase)
    if not isinstance(fitted, Projection):
        raise ArgumentError(
            f"{fitted.summary.splitlines()[0]}: neither a fitted CLV model nor a formula, so it has no levers"
        )
    return replace(
        fitted,
        name=f"{fitted.name}, {scenario.name}",
        purchase_rate=rate * fitted.purchase_rate,
        spend_rate=None if fitted.spend_rate is None else rate * fitted.spend_rate,
        duration=life * fitted.duration,
    )


def changed_valuation(valuation: Valuation, scenario: Scenario) -> Valuation:
    """Margin and discount of the scenario.

    Raises
    ------
    ArgumentError
        If the margin would leave (0, 1].
    """
    margin = valuation.margin + scenario.margin_points
    if not 0 < margin <= 1:
        raise ArgumentError(
            f"margin_points={scenario.margin_points!r} would turn a margin of {valuation.margin:g} into {margin:g}, "
            "which must stay above 0 and at most 1; give the present margin with margin="
        )
    rate = scenario.annual_discount_rate
    return replace(
        valuation,
        margin=margin,
        annual_discount_rate=valuation.annual_discount_rate if rate is None else rate,
    )


@dataclass(frozen=True)
class Changed:
    """A purchase model whose future is stretched by `life`, with `life · rate` purchases for one.

    It answers what forecasts ask of a model, and leaves the past to the model itself.

    Attributes
    ----------
    model
        The model.
    life, rate
        Factors above 0.
    """

    model: PurchaseModel
    life: float
    rate: float

    @property
    def name(self) -> str:
        """No key of the registry: such a model is made, and cannot be looked up."""
        return f"{self.model.name}, lifetimes × {self.life:g}, rate × {self.rate:g}"

    @property
    def title(self) -> str:
        """Name people read."""
        return f"{self.model.title} (lifetimes × {self.life:g}, rate × {self.rate:g})"

    @property
    def params(self) -> tuple[Param, ...]:
        """Parameters of the model."""
        return self.model.params

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns the model reads."""
        return self.model.needs

    @property
    def needs_if_alive(self) -> tuple[str, ...]:
        """Those that matter to the future of a customer who is alive."""
        return self.model.needs_if_alive

    @property
    def _copies(self) -> float:
        return self.life * self.rate

    def p_alive(self, theta: np.ndarray, rfm: RFM) -> np.ndarray:
        """Probability of being alive at T: the past is as it was."""
        return self.model.p_alive(theta, rfm)

    def p_alive_later(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        """Probability of being alive at T + horizon: that of the model after horizon / life."""
        return self.model.p_alive_later(theta, rfm, horizon / self.life)

    def expected_purchases(self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray) -> np.ndarray:
        """Mean number of purchases in (T, T + horizon]."""
        return self._copies * self.model.expected_purchases(theta, rfm, horizon / self.life)

    def expected_discounted_purchases(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        """Discounted mean number of purchases in (T, T + horizon]."""
        present = self.model.expected_discounted_purchases(theta, rfm, horizon / self.life, rate * self.life)
        return self._copies * present

    def purchases_if_alive(
        self, theta: np.ndarray, rfm: RFM, horizon: float | np.ndarray, rate: float
    ) -> np.ndarray:
        """Discounted mean number of purchases of a customer known to be alive at T."""
        return self._copies * self.model.purchases_if_alive(theta, rfm, horizon / self.life, rate * self.life)

    def purchase_pmf(
        self,
        theta: np.ndarray,
        rfm: RFM,  # noqa: ARG002  (nothing helps)
        count: float | np.ndarray,  # noqa: ARG002
        horizon: float | np.ndarray,  # noqa: ARG002
    ) -> np.ndarray:
        """Not known in closed form.

        Raises
        ------
        ArgumentError
            Always: count the draws.
        """
        raise ArgumentError(
            f"{self.title}, {len(theta)} parameters: chances of counts in a scenario have no closed form; count the "
            "draws of a forecast"
        )

    def sample_purchase_times(
        self,
        theta: np.ndarray,
        rfm: RFM,
        p_alive: np.ndarray,
        horizon: float | np.ndarray,
        rng: np.random.Generator | Streams,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws of the purchases: those of the model over horizon / life, stretched and counted several times."""
        row, time = self.model.sample_purchase_times(theta, rfm, p_alive, horizon / self.life, rng)
        whole = math.floor(self._copies)
        copies = whole + (_lots(row, rng) < self._copies - whole)
        stretched = np.minimum(self.life * time, np.broadcast_to(horizon, p_alive.shape).ravel()[row])
        return np.repeat(row, copies), np.repeat(stretched, copies)


def _lots(row: np.ndarray, rng: np.random.Generator | Streams) -> np.ndarray:
    """A uniform number for each purchase; of streams those of the last call there is, which nobody else makes."""
    if not isinstance(rng, Streams):
        return rng.random(len(row))
    number = np.arange(len(row)) - np.searchsorted(row, row)
    return Streams(rng.start, itertools.count(2**CALL_BITS - 1)).each(row, number).uniform()
