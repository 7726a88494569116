"""Posterior × RFM × horizon → Forecast: exact joint predictive draws, streamed over customers.

Draw d uses one parameter vector for all customers, then for each of them its own life: alive or dead,
rate, death, purchase times, an amount per purchase, discounted at the time of the purchase.

Two devices make the bytes independent of how the work is cut. Every customer has a random stream of
their own, keyed by seed and id, so the same customer gets the same draws alone, in a block, in any
order. Every amount is rounded to a multiple of one power of two (2**-24 of the mean spend): sums of
such numbers are exact in double precision, so their order does not matter.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, DataError
from clvmodels.inference import METHODS, Posterior, fit
from clvmodels.models import get_purchase_model, get_spend_model
from clvmodels.prediction import DEFAULT_LEVELS, DrawBlock, Forecast, gather, over_draws
from clvmodels.rfm import RFM
from clvmodels.units import UNIT_NAMES, Horizon, discount_per_unit, plan_horizon

RESOLUTION_BITS = 24


@dataclass(frozen=True)
class CLVModel:
    """A purchase model and a spend model, fitted and forecast together.

    Parameters
    ----------
    purchase
        Name in the registry or an instance.
    spend
        The same for spend; None forecasts purchases only.
    method
        How to fit: ``"laplace"`` (posterior draws), ``"map"`` or ``"mle"``.
    label
        Name in tables and reports; by default the models' titles and the method.

    Examples
    --------
    >>> CLVModel("bg_nbd").name
    'BG/NBD × Gamma-Gamma (laplace)'
    """

    purchase: str | PurchaseModel = "pareto_nbd"
    spend: str | SpendModel | None = "gamma_gamma"
    method: str = "laplace"
    label: str | None = None

    def __post_init__(self) -> None:
        get_purchase_model(self.purchase)
        if self.spend is not None:
            get_spend_model(self.spend)
        if self.method not in METHODS:
            raise ArgumentError(f"method {self.method!r} is not one of {', '.join(METHODS)}")

    @property
    def name(self) -> str:
        """The label, or the models' titles and the method."""
        if self.label is not None:
            return self.label
        titles = [get_purchase_model(self.purchase).title]
        if self.spend is not None:
            titles.append(get_spend_model(self.spend).title)
        return f"{' × '.join(titles)} ({self.method})"

    def fit(self, rfm: RFM, *, method: str | None = None, draws: int = 1000, seed: int = 0) -> FittedCLV:
        """Fit both models to a summary; returns a new object.

        Parameters
        ----------
        rfm
            The customers.
        method
            Overrides the method of the model for this fit.
        draws, seed
            Posterior draws of ``"laplace"`` and their seed.

        Raises
        ------
        DataError
            If spend is to be modelled and the summary holds none, or nobody has a repeat purchase
            with a mean above 0.
        """
        options: dict[str, Any] = {"method": method or self.method, "draws": draws}
        spend = None if self.spend is None else get_spend_model(self.spend)
        if spend is not None:
            _check_spend(spend, rfm)
        return FittedCLV(
            name=self.name
            if method is None
            else CLVModel(self.purchase, self.spend, method, self.label).name,
            rfm=rfm,
            purchase=fit(get_purchase_model(self.purchase), rfm, seed=seed, **options),
            spend=None if spend is None else fit(spend, rfm, seed=seed + 1, **options),
        )


def _check_spend(spend: SpendModel, rfm: RFM) -> None:
    rfm.columns(spend.needs)
    if not spend.informs(rfm).any():
        raise DataError(
            f"no customer has a repeat purchase with a mean spend above 0, so {spend.title} cannot be fitted",
            column="monetary_value",
            fix="use a longer observation, or forecast purchases only with spend=None",
        )


@dataclass(frozen=True)
class FittedCLV:
    """A CLV model that has seen its data.

    Attributes
    ----------
    name
        Name in tables and reports.
    rfm
        The customers it was fitted to.
    purchase, spend
        The posterior of each part; `spend` is None without spend.
    """

    name: str
    rfm: RFM
    purchase: Posterior
    spend: Posterior | None

    @property
    def posteriors(self) -> tuple[Posterior, ...]:
        """The posteriors there are."""
        return (self.purchase,) if self.spend is None else (self.purchase, self.spend)

    @property
    def usable(self) -> bool:
        """Whether both fits may be used."""
        return all(posterior.status.usable for posterior in self.posteriors)

    @property
    def summary(self) -> str:
        """Both fits in a few lines."""
        lines = [str(posterior) for posterior in self.posteriors]
        if self.spend is not None:
            spend = cast(SpendModel, self.spend.model)
            informs = spend.informs(self.rfm)
            silent = (self.rfm.columns(spend.needs)[0] > 0) & ~informs
            lines.append(f"  spend learned from {informs.sum():,} of {len(informs):,} customers")
            if silent.any():
                first = ", ".join(map(str, self.rfm.customer_id[silent][:5]))
                lines.append(
                    f"  {silent.sum():,} repeat customers spent nothing and inform no spend (first: {first})"
                )
        return "\n".join(lines)

    def forecast(
        self,
        horizon: str | date | datetime,
        *,
        rfm: RFM | None = None,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        draws: int = 1000,
        seed: int = 0,
        levels: tuple[float, ...] = DEFAULT_LEVELS,
        period: str | None = None,
        observe: Callable[[DrawBlock], None] | None = None,
        keep_draws: bool = False,
        block_size: int = 256,
        progress: Callable[[int, int], None] | None = None,
    ) -> Forecast:
        """Joint predictive draws of every customer's purchases and value within a horizon.

        The value of a draw is ``sum over purchases of margin * amount / (1 + rate)**(years until then)``.

        Parameters
        ----------
        horizon
            ``"52W"``, ``"12M"``, ``"1Y"``, or the last date of the window.
        rfm
            Customers to forecast, by default those of the fit; `rfm.newcomers()` for customers who
            have just made their first purchase (which itself is not counted).
        annual_discount_rate
            Fraction per year in [0, 1).
        margin
            Share of the spend that counts, in (0, 1].
        draws
            Joint draws; draw d uses posterior draw d (modulo their number).
        seed
            Of the customers' streams.
        levels
            Quantile levels of the customer table.
        period
            Step of the periods (`plan_horizon`).
        observe
            Called with every `DrawBlock`.
        keep_draws
            Keep the (draws, customers) matrix, 8 bytes a cell.
        block_size
            Customers held in memory at a time; the result does not depend on it.
        progress
            Called with (customers done, customers in all).

        Returns
        -------
        Forecast
            With columns p_alive, expected_purchases and expected_spend (means over the parameter draws
            of the closed forms; spend per purchase, before margin), p_purchase, and mean, sd and
            quantiles of the value (of the purchases where there is no spend).

        Raises
        ------
        ArgumentError
            If an argument is outside its range.
        FitError
            If a fit has failed.
        """
        target = self.rfm if rfm is None else rfm
        _check_arguments(self.rfm, target, margin, draws, block_size)
        for posterior in self.posteriors:
            posterior.raise_if_failed()
        plan = plan_horizon(horizon, target.observed_until, target.time_unit, period)
        discount = discount_per_unit(annual_discount_rate, plan.unit)
        simulation = _Simulation.of(
            self, target, plan, discount=discount, margin=margin, draws=draws, seed=seed
        )
        rates = {"annual_discount_rate": annual_discount_rate, "margin": margin}
        return gather(
            simulation.blocks(block_size, progress),
            target,
            plan,
            name=self.name,
            is_distribution=True,
            provenance=_provenance(self, target, plan) | rates | {"draws": draws, "seed": seed},
            levels=levels,
            observe=observe,
            keep_draws=keep_draws,
        )


def _check_arguments(fitted: RFM, target: RFM, margin: float, draws: int, block_size: int) -> None:
    if not 0 < margin <= 1:
        raise ArgumentError(
            f"margin={margin!r} must be a fraction above 0 and at most 1; 35 per cent is 0.35"
        )
    if draws < 2 or block_size < 1:
        raise ArgumentError(f"draws={draws} must be at least 2 and block_size={block_size} at least 1")
    if target.time_unit != fitted.time_unit:
        raise ArgumentError(
            f"the fit measured time in {UNIT_NAMES[fitted.time_unit]}, the customers to forecast in "
            f"{UNIT_NAMES[target.time_unit]}; summarise them with time_unit={fitted.time_unit!r}"
        )


def _provenance(fitted: FittedCLV, target: RFM, plan: Horizon) -> dict[str, Any]:
    parameters = (
        "parameters and chance" if fitted.purchase.is_distribution else "chance only (one parameter vector)"
    )
    window = f"{plan.text} ({plan.length:g} {UNIT_NAMES[plan.unit]})"
    if plan.starts and plan.ends:
        window = f"{plan.text}: {plan.starts[0]:%Y-%m-%d} to before {plan.ends[-1]:%Y-%m-%d}"
    return {
        "forecaster": fitted.name,
        "window": window,
        "uncertainty": parameters,
        "customers_hash": target.fingerprint(),
        "fits": [
            dict(posterior.provenance) | {"status": posterior.status.name} for posterior in fitted.posteriors
        ],
    }


@dataclass(frozen=True)
class _Part:
    """A model with the parameters it is simulated under: (P, S') distinct ones, (P, S) one per draw."""

    model: Any
    distinct: np.ndarray
    per_draw: np.ndarray

    @classmethod
    def of(cls, posterior: Posterior, draws: int) -> _Part:
        per_draw = posterior.draws[np.arange(draws) % len(posterior.draws)].T
        return cls(posterior.model, posterior.draws[:draws].T, np.ascontiguousarray(per_draw))


@dataclass(frozen=True)
class _Simulation:
    """One run of the sampler: who, how far, at which rates, from which seed."""

    rfm: RFM
    plan: Horizon
    purchase: _Part
    spend: _Part | None
    discount: float
    margin: float
    draws: int
    seed: int
    quantum: float

    @classmethod
    def of(
        cls,
        fitted: FittedCLV,
        rfm: RFM,
        plan: Horizon,
        *,
        discount: float,
        margin: float,
        draws: int,
        seed: int,
    ) -> _Simulation:
        return cls(
            rfm=rfm,
            plan=plan,
            purchase=_Part.of(fitted.purchase, draws),
            spend=None if fitted.spend is None else _Part.of(fitted.spend, draws),
            discount=discount,
            margin=margin,
            draws=draws,
            seed=seed,
            quantum=2.0 ** (math.floor(math.log2(margin * fitted.purchase.scales.money)) - RESOLUTION_BITS),
        )

    def blocks(self, block_size: int, progress: Callable[[int, int], None] | None) -> Iterator[DrawBlock]:
        count = len(self.rfm)
        for start in range(0, count, block_size):
            index = np.arange(start, min(start + block_size, count))
            yield self._block(index)
            if progress is not None:
                progress(int(index[-1]) + 1, count)

    def _block(self, index: np.ndarray) -> DrawBlock:
        block = self.rfm.take(index)
        p_alive, columns = self._closed_forms(block)
        periods = len(self.plan.edges) - 1
        purchases, value = np.zeros((2, len(index), self.draws))
        period_purchases, period_value = np.zeros((2, self.draws * periods))
        for j in range(len(index)):
            row, time, amount = self._customer(block.take(slice(j, j + 1)), p_alive[:, j])
            cell = row * periods + np.searchsorted(self.plan.edges[1:-1], time)
            purchases[j] = np.bincount(row, minlength=self.draws)
            value[j] = np.bincount(row, amount, minlength=self.draws)
            np.add.at(period_purchases, cell, 1.0)
            np.add.at(period_value, cell, amount)
        priced = self.spend is not None
        return DrawBlock(
            index=index,
            purchases=purchases.T,
            value=value.T if priced else None,
            period_purchases=period_purchases.reshape(self.draws, periods),
            period_value=period_value.reshape(self.draws, periods) if priced else None,
            columns=columns,
        )

    def _closed_forms(self, block: RFM) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """P(alive) per draw (S, m), and the columns that are means of closed forms over the draws."""
        model: PurchaseModel = self.purchase.model
        patterns, pattern_of = block.compress(model.needs)
        theta = self.purchase.distinct[:, :, None]
        alive = model.p_alive(theta, patterns)
        expected = model.expected_purchases(theta, patterns, self.plan.length)
        columns = {
            "p_alive": over_draws(alive)[pattern_of],
            "expected_purchases": over_draws(expected)[pattern_of],
        }
        if self.spend is not None:
            spend: SpendModel = self.spend.model
            spend_patterns, spend_pattern_of = block.compress(spend.needs)
            per_purchase = spend.expected_spend(self.spend.distinct[:, :, None], spend_patterns)
            columns["expected_spend"] = over_draws(per_purchase)[spend_pattern_of]
        return alive[np.arange(self.draws) % len(alive)][:, pattern_of], columns

    def _customer(self, one: RFM, p_alive: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(draw, time, discounted amount) of each future purchase of one customer."""
        rng = customer_stream(self.seed, one.customer_id[0])
        model: PurchaseModel = self.purchase.model
        row, time = model.sample_purchase_times(self.purchase.per_draw, one, p_alive, self.plan.length, rng)
        if self.spend is None:
            return row, time, np.zeros(len(row))
        spend: SpendModel = self.spend.model
        amount = spend.sample_spend(self.spend.per_draw, one, row, rng)
        discounted = amount * (self.margin * np.exp(-self.discount * time))
        return row, time, np.rint(discounted / self.quantum) * self.quantum


def customer_stream(seed: int, customer_id: object) -> np.random.Generator:
    """The random stream of one customer: Philox keyed by a hash of seed and id.

    The id counts as text, so 7 and "7" have the same stream.

    Examples
    --------
    >>> customer_stream(1, 7).random() == customer_stream(1, "7").random()
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ArgumentError(f"seed={seed!r} must be a whole number")
    digest = hashlib.blake2b(f"{seed}|{customer_id}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest, dtype=np.uint64)))
