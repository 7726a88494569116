"""FittedCLV: a purchase and a spend model that have seen their data, forecast together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError
from clvmodels.forecast.delivery import deliver, warn_of_missing_means
from clvmodels.forecast.discrepancy import Discrepancy, as_discrepancy
from clvmodels.forecast.predictive import purchase_probability
from clvmodels.forecast.scoring import Scorer
from clvmodels.forecast.simulation import usable_cores
from clvmodels.forecast.stored import check_out
from clvmodels.forecast.terms import check_arguments, check_known, check_not_kept, in_memory, provenance_of
from clvmodels.inference import Posterior
from clvmodels.prediction import (
    DEFAULT_LEVELS,
    DrawBlock,
    Forecast,
    as_numbers,
    check_levels,
    check_seed,
    gather,
)
from clvmodels.rfm import RFM
from clvmodels.season import Clock
from clvmodels.transactions import RFMTable
from clvmodels.units import discount_per_unit, plan_horizon


@dataclass(frozen=True)
class FittedCLV:
    """A CLV model that has seen its data.

    Attributes
    ----------
    name
        Name in tables and reports.
    rfm
        The customers it was fitted to; None for a fit to an `RFMTable`, and for one that was loaded, since
        files hold no customers.
    purchase, spend
        The posterior of each part; `spend` is None without spend.
    clock
        The clock on which customers live, or None for the calendar; `plots.plot_season` draws it.
    choices
        What was chosen automatically and why, a line each.
    discrepancy
        Of its forecasts where they name none of their own.
    """

    name: str
    rfm: RFM | None
    purchase: Posterior
    spend: Posterior | None
    clock: Clock | None = None
    choices: tuple[str, ...] = ()
    discrepancy: Discrepancy | None = field(default_factory=Discrepancy)

    @property
    def posteriors(self) -> tuple[Posterior, ...]:
        """The posteriors there are."""
        return (self.purchase,) if self.spend is None else (self.purchase, self.spend)

    @property
    def tells_newcomers(self) -> bool:
        """Whether the models say anything of customers who are still to come."""
        return self.spend is None or not cast(SpendModel, self.spend.model).given

    @property
    def usable(self) -> bool:
        """Whether both fits may be used."""
        return all(posterior.status.usable for posterior in self.posteriors)

    @property
    def summary(self) -> str:
        """What was chosen and why, and both fits, in a few lines."""
        lines = [*self.choices, *(str(posterior) for posterior in self.posteriors)]
        if self.clock is not None:
            lines.append(f"  season: {self.clock}")
        if self.spend is not None and self.rfm is not None:
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

    def _repr_html_(self) -> str:
        return "".join(posterior._repr_html_() for posterior in self.posteriors)

    def expected_history(self, age: np.ndarray) -> np.ndarray:
        """Mean repeat purchases of a customer by each age, at the optimum of the purchase model.

        Parameters
        ----------
        age
            (m,) ages >= 0 in the time unit of the fit.

        Returns
        -------
        (m,) array
            ``E[X(age)]`` of a customer of whom nothing but the birth is known.
        """
        model = cast(PurchaseModel, self.purchase.model)
        ages = np.atleast_1d(as_numbers("age", age))
        zeros = np.zeros(len(ages))
        time_unit = self.purchase.provenance["time_unit"]
        unknown = RFM.from_arrays(frequency=zeros, recency=zeros, T=zeros, time_unit=time_unit)
        return model.expected_purchases(self.purchase.mode, unknown, ages)

    def purchase_probability(
        self,
        purchases: np.ndarray,
        horizon: float,
        *,
        rfm: RFM | None = None,
        discrepancy: Literal["default"] | float | Discrepancy | None = "default",
    ) -> np.ndarray:
        """Predictive probability of exactly so many purchases, customer by customer.

        ``mean over parameter draws and exposures h of P(X(T, T + h] = purchases | history)``: it belongs to the
        distribution that `forecast` draws from, discrepancy included (a Gauss rule of four exposures). With many
        customers the parameters are known well, and draws are thinned out evenly (10 at least).

        Parameters
        ----------
        purchases
            (n,) whole numbers >= 0.
        horizon
            In the time unit of the fit.
        rfm
            Customers, by default those of the fit.
        discrepancy
            As in `forecast`; None for the probability of the model alone.

        Returns
        -------
        (n,) array

        Raises
        ------
        ArgumentError
            If a count or the horizon is outside its range.
        """
        return purchase_probability(
            self.purchase, self._target(rfm), purchases, horizon, self._shock(discrepancy)
        )

    def forecast(
        self,
        horizon: str | date | datetime,
        *,
        rfm: RFM | RFMTable | None = None,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        discrepancy: Literal["default"] | float | Discrepancy | None = "default",
        pace: np.ndarray | None = None,
        draws: int = 1000,
        seed: int = 0,
        levels: tuple[float, ...] = DEFAULT_LEVELS,
        period: str | None = None,
        out: str | Path | None = None,
        observe: Callable[[DrawBlock], None] | None = None,
        keep_draws: bool = False,
        block_size: int = 256,
        workers: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Forecast:
        """Joint predictive draws of every customer's purchases and value within a horizon.

        The value of a draw is ``sum over purchases of margin * amount / (1 + rate)**(years until then)``.

        Parameters
        ----------
        horizon
            ``"52W"``, ``"12M"``, ``"1Y"``, or the last date of the window.
        rfm
            Customers to forecast, by default those of the fit (a loaded fit has none); `rfm.newcomers()` for
            customers who have just made their first purchase (which itself is not counted). An `RFMTable` is
            forecast where it is, to files.
        annual_discount_rate
            Fraction per year in [0, 1).
        margin
            Share of the spend that counts, in (0, 1].
        discrepancy
            Shocks that all customers share: ``"default"`` (that of the fit, by default `Discrepancy()`), a sigma, a
            `Discrepancy`, or None for the model alone. With one, draws, quantiles and means hold it, and the totals of
            the model alone stand beside those (`Quantity.alone`).
        pace
            (n,) above 0: how fast each customer walks through the model's time, 1 for as fast as it says; for
            forecasters that correct a model (`BoostedCLV`). With a discount means of the value are then those of the
            draws. In memory only.
        draws
            Joint draws; draw d uses posterior draw d (modulo their number).
        seed
            Of the customers' streams.
        levels
            Quantile levels of the customer table.
        period
            Step of the periods (`plan_horizon`).
        out
            A folder to write the forecast to, batch by batch, in memory that does not grow with the customers: Parquet
            files of customers and totals and a manifest, published when all is whole. `load_forecast` reads it again.
            With Spark it lies on a disk that all workers see.
        observe
            Called with every `DrawBlock`.
        keep_draws
            Keep the (draws, customers) matrix, 8 bytes a cell.
        block_size
            Customers held in memory at a time; the result does not depend on it.
        workers
            Threads, by default as many as there are cores; the result does not depend on it.
        progress
            Called with (customers done, customers in all).

        Returns
        -------
        Forecast
            With columns p_alive, expected_purchases and expected_spend (spend per purchase, before
            margin), p_purchase, and mean, sd and quantiles of the value (of the purchases where there is
            no spend). With `out` columns are read from the files when they are asked for, and rows are in the order
            of `Scorer.order`. Means are closed forms averaged over the parameter draws and over two exposures with
            the mean and the variance of those of the discrepancy; sd, quantiles, p_purchase and totals are
            those of the draws.

        Raises
        ------
        ArgumentError
            If an argument is outside its range.
        FitError
            If a fit has failed.
        """
        target = self._target(None) if rfm is None else rfm
        check_arguments(self.purchase.provenance["time_unit"], target, margin, draws, block_size, workers)
        run: dict[str, Any] = {"margin": margin, "draws": draws, "seed": seed}
        run["annual_discount_rate"] = annual_discount_rate
        scorer = self.scorer(
            horizon, rfm=target, discrepancy=discrepancy, levels=levels, period=period, **run
        )
        provenance = provenance_of(scorer, target) | run
        if out is not None:
            check_not_kept(keep_draws or observe is not None or pace is not None)
            return deliver(scorer, target, check_out(out), provenance, workers or usable_cores(), progress)
        target = in_memory(target)
        simulation = scorer.simulation(target).paced(pace)
        blocks = simulation.blocks(block_size, workers or usable_cores(), progress)
        said: dict[str, Any] = {"name": self.name, "is_distribution": True, "provenance": provenance}
        kept: dict[str, Any] = {"levels": levels, "observe": observe, "keep_draws": keep_draws}
        forecast = gather(blocks, target, scorer.horizon, **said, **kept)
        warn_of_missing_means(int(np.isinf(forecast.columns.get("expected_spend", 0.0)).sum()))
        return forecast

    def scorer(
        self,
        horizon: str | date | datetime,
        *,
        rfm: RFM | RFMTable | None = None,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        discrepancy: Literal["default"] | float | Discrepancy | None = "default",
        draws: int = 1000,
        seed: int = 0,
        levels: tuple[float, ...] = DEFAULT_LEVELS,
        period: str | None = None,
    ) -> Scorer:
        """The forecast as a function from Arrow record batches of customers to batches of their forecasts.

        It is what ``forecast(..., out=)`` runs everywhere. Give it to `mapInArrow` of Spark or to anything else that
        hands out batches, where results are to go elsewhere than to a folder.

        Parameters
        ----------
        horizon, annual_discount_rate, margin, discrepancy, draws, seed, levels, period
            As in `forecast`.
        rfm
            Tells when the observation ended, from which the horizon runs.

        Returns
        -------
        Scorer

        Raises
        ------
        ArgumentError, FitError
            As `forecast`.
        """
        target = self._target(None) if rfm is None else rfm
        check_arguments(self.purchase.provenance["time_unit"], target, margin, draws, 1, None)
        for posterior in self.posteriors:
            posterior.raise_if_failed()
        if self.spend is not None:
            check_known(cast(SpendModel, self.spend.model), target)
        plan = plan_horizon(horizon, target.observed_until, target.time_unit, period)
        check_seed(seed)
        return Scorer(
            name=self.name,
            purchase=self.purchase,
            spend=self.spend,
            horizon=plan,
            discount=discount_per_unit(annual_discount_rate, plan.unit),
            margin=margin,
            discrepancy=self._shock(discrepancy),
            draws=draws,
            seed=seed,
            levels=check_levels(levels),
            clock=self.clock,
        )

    def _shock(self, discrepancy: Literal["default"] | float | Discrepancy | None) -> Discrepancy | None:
        return self.discrepancy if discrepancy == "default" else as_discrepancy(discrepancy)

    def _target(self, rfm: RFM | None) -> RFM:
        target = self.rfm if rfm is None else rfm
        if target is None:
            raise ArgumentError(
                "a fit that was loaded or made from an RFMTable holds no customers; pass them as rfm="
            )
        return target
