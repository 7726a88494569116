"""CLVModel: a purchase and a spend model fitted and forecast together."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal, cast

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, ClvWarning, DataError
from clvmodels.forecast.discrepancy import Discrepancy, as_discrepancy
from clvmodels.forecast.predictive import purchase_probability
from clvmodels.forecast.simulation import Simulation, usable_cores
from clvmodels.inference import Method, Posterior, Priors, fit, get_method
from clvmodels.models import get_purchase_model, get_spend_model
from clvmodels.prediction import DEFAULT_LEVELS, DrawBlock, Forecast, check_margin, check_single, gather
from clvmodels.rfm import RFM, Customers
from clvmodels.units import UNIT_NAMES, discount_per_unit, plan_horizon


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
    purchase_priors, spend_priors
        Beliefs of your own about the parameters of each part, as in `clvmodels.fit`.

    Examples
    --------
    >>> CLVModel("bg_nbd").name
    'BG/NBD × Gamma-Gamma (laplace)'
    """

    purchase: str | PurchaseModel = "pareto_nbd"
    spend: str | SpendModel | None = "gamma_gamma"
    method: str | Method = "laplace"
    label: str | None = None
    purchase_priors: Priors | None = field(default=None, hash=False)
    spend_priors: Priors | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        get_purchase_model(self.purchase)
        if self.spend is not None:
            get_spend_model(self.spend)
        get_method(self.method)

    @property
    def name(self) -> str:
        """The label, or the models' titles and the method."""
        if self.label is not None:
            return self.label
        titles = [get_purchase_model(self.purchase).title]
        if self.spend is not None:
            titles.append(get_spend_model(self.spend).title)
        own = ", own priors" if self.purchase_priors or self.spend_priors else ""
        return f"{' × '.join(titles)} ({get_method(self.method).name}{own})"

    def fit(
        self, rfm: Customers, *, method: str | Method | None = None, draws: int = 1000, seed: int = 0
    ) -> FittedCLV:
        """Fit both models to a summary; returns a new object.

        Parameters
        ----------
        rfm
            The customers: an `RFM`, or an `RFMTable` where there are more than memory holds. Of a table only
            patterns are taken, once for purchases and once for spend, and the fit does not keep it.
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
            name=self.name if method is None else replace(self, method=method).name,
            rfm=rfm if isinstance(rfm, RFM) else None,
            purchase=fit(
                get_purchase_model(self.purchase), rfm, seed=seed, priors=self.purchase_priors, **options
            ),
            spend=None
            if spend is None
            else fit(spend, rfm, seed=seed + 1, priors=self.spend_priors, **options),
        )


def _check_spend(spend: SpendModel, rfm: Customers) -> None:
    if not spend.informs(rfm.patterns(spend.needs)).any():
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
        The customers it was fitted to; None for a fit to an `RFMTable`, and for one that was loaded, since
        files hold no customers.
    purchase, spend
        The posterior of each part; `spend` is None without spend.
    """

    name: str
    rfm: RFM | None
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
        zeros = np.zeros(len(age))
        time_unit = self.purchase.provenance["time_unit"]
        unknown = RFM.from_arrays(frequency=zeros, recency=zeros, T=zeros, time_unit=time_unit)
        return model.expected_purchases(self.purchase.mode, unknown, age)

    def purchase_probability(
        self, purchases: np.ndarray, horizon: float, *, rfm: RFM | None = None
    ) -> np.ndarray:
        """Predictive probability of exactly so many purchases, customer by customer.

        ``mean over parameter draws of P(X(T, T + horizon] = purchases | history)``. With many customers the
        parameters are known well, and draws are thinned out evenly (20 at least).

        Parameters
        ----------
        purchases
            (n,) whole numbers >= 0.
        horizon
            In the time unit of the fit.
        rfm
            Customers, by default those of the fit.

        Returns
        -------
        (n,) array

        Raises
        ------
        ArgumentError
            If a count or the horizon is outside its range.
        """
        return purchase_probability(self.purchase, self._target(rfm), purchases, horizon)

    def forecast(
        self,
        horizon: str | date | datetime,
        *,
        rfm: RFM | None = None,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        discrepancy: Literal["default"] | float | Discrepancy | None = "default",
        draws: int = 1000,
        seed: int = 0,
        levels: tuple[float, ...] = DEFAULT_LEVELS,
        period: str | None = None,
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
            customers who have just made their first purchase (which itself is not counted).
        annual_discount_rate
            Fraction per year in [0, 1).
        margin
            Share of the spend that counts, in (0, 1].
        discrepancy
            Shocks that all customers share: ``"default"`` (`Discrepancy`), a sigma, or None for the model alone. With
            one, draws, quantiles and means hold it, and the totals of the model alone stand beside those
            (`Quantity.alone`).
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
        workers
            Threads, by default as many as there are cores; the result does not depend on it.
        progress
            Called with (customers done, customers in all).

        Returns
        -------
        Forecast
            With columns p_alive, expected_purchases and expected_spend (spend per purchase, before
            margin), p_purchase, and mean, sd and quantiles of the value (of the purchases where there is
            no spend). Means are closed forms averaged over the parameter draws and over two exposures with
            the mean and the variance of those of the discrepancy; sd, quantiles, p_purchase and totals are
            those of the draws.

        Raises
        ------
        ArgumentError
            If an argument is outside its range.
        FitError
            If a fit has failed.
        """
        target = self._target(rfm)
        _check_arguments(self.purchase.provenance["time_unit"], target, margin, draws, block_size, workers)
        for posterior in self.posteriors:
            posterior.raise_if_failed()
        plan = plan_horizon(horizon, target.observed_until, target.time_unit, period)
        shock = as_discrepancy(discrepancy)
        run: dict[str, Any] = {"margin": margin, "draws": draws, "seed": seed}
        rates = {"discount": discount_per_unit(annual_discount_rate, plan.unit), "discrepancy": shock, **run}
        simulation = Simulation.of(self.purchase, self.spend, target, plan, **rates)
        forecast = gather(
            simulation.blocks(block_size, workers or usable_cores(), progress),
            target,
            plan,
            name=self.name,
            is_distribution=True,
            provenance=_provenance(self, simulation) | {"annual_discount_rate": annual_discount_rate, **run},
            levels=levels,
            observe=observe,
            keep_draws=keep_draws,
        )
        _warn_of_missing_means(forecast)
        return forecast

    def _target(self, rfm: RFM | None) -> RFM:
        target = self.rfm if rfm is None else rfm
        if target is None:
            raise ArgumentError(
                "a fit that was loaded or made from an RFMTable holds no customers; pass them as rfm="
            )
        return target


def _warn_of_missing_means(forecast: Forecast) -> None:
    spend = forecast.columns.get("expected_spend")
    if spend is not None and not np.isfinite(spend).all():
        warnings.warn(
            f"{np.isinf(spend).sum():,} customers have no finite mean spend (its tail is too heavy under some draws): "
            "their expected_spend is infinite and their clv_mean that of the draws; read the median, or spend more "
            "history on the fit",
            ClvWarning,
            stacklevel=3,
        )


def _check_arguments(
    time_unit: str, target: RFM, margin: float, draws: int, block_size: int, workers: int | None
) -> None:
    check_margin(margin)
    check_single(target)
    if draws < 2 or block_size < 1:
        raise ArgumentError(f"draws={draws} must be at least 2 and block_size={block_size} at least 1")
    if workers is not None and workers < 1:
        raise ArgumentError(f"workers={workers} must be at least 1, or None for as many as there are cores")
    if target.time_unit != time_unit:
        raise ArgumentError(
            f"the fit measured time in {UNIT_NAMES[time_unit]}, the customers to forecast in "
            f"{UNIT_NAMES[target.time_unit]}; summarise them with time_unit={time_unit!r}"
        )


def _provenance(fitted: FittedCLV, simulation: Simulation) -> dict[str, Any]:
    held = "parameters and chance" if fitted.purchase.is_distribution else "chance (one parameter vector)"
    shock = simulation.discrepancy
    return {
        "forecaster": fitted.name,
        "window": simulation.plan.window,
        "uncertainty": f"{held} only" if shock is None else f"{held}, and {shock}",
        "discrepancy": None if shock is None else dict(shock.facts),
        "customers_hash": simulation.rfm.fingerprint(),
        "fits": [
            dict(posterior.provenance) | {"status": posterior.status.name} for posterior in fitted.posteriors
        ],
    }
