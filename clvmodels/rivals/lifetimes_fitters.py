"""The fitters of the lifetimes package, as they come: their own maximum likelihood, their own point forecasts."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO
from types import ModuleType
from typing import Any

import numpy as np

from clvmodels.errors import ArgumentError, FitError, require
from clvmodels.prediction import DEFAULT_LEVELS, DrawBlock, Forecast, check_margin, check_single, gather
from clvmodels.rfm import CLOCK_FIELDS, RFM, SPEND_FIELDS
from clvmodels.units import Horizon, discount_per_unit, plan_horizon

FITTERS = {
    "bg_nbd": ("BetaGeoFitter", "BG/NBD"),
    "mbg_nbd": ("ModifiedBetaGeoFitter", "MBG/NBD"),
    "pareto_nbd": ("ParetoNBDFitter", "Pareto/NBD"),
}


@dataclass(frozen=True)
class LifetimesCLV:
    """A purchase model and Gamma-Gamma as the lifetimes package fits them: one number per customer.

        value_i = margin · E[spend per purchase | history_i] · Σ_k discount(t_k) · (E[X_i(t_k)] - E[X_i(t_{k-1})])

    **Assumption**: that of the models, with parameters known without error. Nothing of lifetimes is mended: where
    it does not converge, or says nan, a negative number of purchases or a mean spend that does not exist, a
    `FitError` gives the reason. Only its discounting is left out, which guesses the unit of time; the sum above is
    taken in the limit of short steps. Its search for Pareto/NBD starts at ones, where lifetimes starts nearby by lot.

    Parameters
    ----------
    purchase
        ``"bg_nbd"``, ``"mbg_nbd"`` or ``"pareto_nbd"``.
    with_spend
        Whether to fit Gamma-Gamma, too; without it, or without spend in the summary, only purchases are forecast.
    label
        Name in tables and reports.

    Raises
    ------
    ArgumentError
        If lifetimes is not installed, or the purchase model is unknown.

    References
    ----------
    Davidson-Pilon, C. (2021). lifetimes 0.11.3. https://github.com/CamDavidsonPilon/lifetimes

    Examples
    --------
    >>> LifetimesCLV("pareto_nbd").name
    'lifetimes Pareto/NBD × Gamma-Gamma'
    """

    purchase: str = "bg_nbd"
    with_spend: bool = True
    label: str | None = None

    def __post_init__(self) -> None:
        require("lifetimes", "lifetimes")
        if self.purchase not in FITTERS:
            raise ArgumentError(f"purchase={self.purchase!r} is not one of {', '.join(FITTERS)}")

    @property
    def name(self) -> str:
        """The label, or the models."""
        spend = " × Gamma-Gamma" if self.with_spend else ""
        return self.label or f"lifetimes {FITTERS[self.purchase][1]}{spend}"

    def fit(self, rfm: RFM, *, seed: int = 0) -> FittedLifetimes:  # noqa: ARG002  (no chance in it)
        """Fit both models.

        Raises
        ------
        FitError
            If lifetimes does not converge, or its parameters are no numbers or leave the mean spend undefined.
        """
        with _lifetimes(f"{self.name} cannot be fitted") as lifetimes:
            purchase = getattr(lifetimes, FITTERS[self.purchase][0])()
            patterns, _ = rfm.compress()
            columns = patterns.columns((*CLOCK_FIELDS, "weights"))
            start = (
                np.ones(4) if self.purchase == "pareto_nbd" else None
            )  # or it draws from the global stream
            purchase.fit(*columns, initial_params=start)
            spend = _fit_spend(lifetimes, rfm) if self.with_spend and rfm.has_spend else None
        fitted = FittedLifetimes(self.name, rfm, purchase, spend)
        wrong = [name for name, value in fitted.parameters.items() if not np.isfinite(value)]
        if wrong:
            raise FitError(f"{self.name}: parameters that are no numbers: {', '.join(wrong)}")
        if spend is not None and spend.params_["q"] <= 1:
            raise FitError(
                f"{self.name}: q = {spend.params_['q']:.4g} is not above 1, so no mean spend exists, and what "
                "lifetimes gives for it is negative"
            )
        return fitted


@dataclass(frozen=True, eq=False)
class FittedLifetimes:
    """Fitters of lifetimes that have seen their data.

    Attributes
    ----------
    name
        Name in tables and reports.
    rfm
        The customers.
    purchase, spend
        The fitters of lifetimes; `spend` is None without spend.
    """

    name: str
    rfm: RFM
    purchase: Any
    spend: Any

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters of both models by name."""
        fitters = [self.purchase] if self.spend is None else [self.purchase, self.spend]
        return {str(name): float(value) for fitter in fitters for name, value in fitter.params_.items()}

    @property
    def summary(self) -> str:
        """The parameters."""
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.parameters.items())
        spend = "" if self.spend is not None else "; no spend"
        return f"{self.name}: lifetimes' own maximum likelihood, {values}{spend}"

    @property
    def usable(self) -> bool:
        """What could not be used was refused by the fit."""
        return True

    def expected_history(self, age: np.ndarray) -> np.ndarray:
        """(m,) mean repeat purchases of a customer by each age (m,), as lifetimes computes it."""
        with _lifetimes(f"{self.name} has no history"):
            curve = np.asarray(self.purchase.expected_number_of_purchases_up_to_time(np.asarray(age)))
        return np.where(np.asarray(age) > 0, curve, 0.0)

    def forecast(
        self,
        horizon: str | date | datetime,
        *,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        draws: int = 1000,  # noqa: ARG002  (one number, one draw)
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
            Of no effect: there is neither chance nor a quantile.
        observe
            Handed the one block of one draw.

        Raises
        ------
        ArgumentError
            If an argument is outside its range.
        FitError
            If lifetimes gives a customer no number, or a negative one.
        """
        check_margin(margin)
        check_single(self.rfm)
        plan = plan_horizon(horizon, self.rfm.observed_until, self.rfm.time_unit, period)
        discount = discount_per_unit(annual_discount_rate, plan.unit)
        return gather(
            iter([self._block(plan, discount, margin)]),
            self.rfm,
            plan,
            name=self.name,
            is_distribution=False,
            provenance={
                "forecaster": self.name,
                "parameters": self.parameters,
                "window": plan.window,
                "uncertainty": "none: lifetimes gives one number",
                "customers_hash": self.rfm.fingerprint(),
                "annual_discount_rate": annual_discount_rate,
                "margin": margin,
                "draws": 1,
            },
            levels=levels,
            observe=observe,
        )

    def _block(self, plan: Horizon, discount: float, margin: float) -> DrawBlock:
        patterns, pattern_of = self.rfm.compress()
        mean = self._expected(patterns, plan.edges)
        self._check(mean[-1][pattern_of], "number of purchases")
        present = self._present(patterns, plan.edges, mean, discount)
        columns = {"expected_purchases": mean[-1][pattern_of]}
        value = period_value = None
        if self.spend is not None:
            with _lifetimes(f"{self.name} cannot forecast"):
                spend = self.spend.conditional_expected_average_profit(*self.rfm.columns(SPEND_FIELDS))
            columns["expected_spend"] = np.asarray(spend)
            self._check(columns["expected_spend"], "spend")
            value = margin * columns["expected_spend"] * present.sum(axis=0)[pattern_of]
            worth = np.array(  # money that the customers of a pattern spend per purchase
                [math.fsum(part) for part in _groups(margin * columns["expected_spend"], pattern_of)]
            )
            period_value = np.array([math.fsum(row * worth) for row in present])[None]
        return DrawBlock(
            index=np.arange(len(self.rfm)),
            purchases=columns["expected_purchases"][None],
            value=None if value is None else value[None],
            period_purchases=np.array([math.fsum(row * patterns.weights) for row in np.diff(mean, axis=0)])[
                None
            ],
            period_value=period_value,
            columns=columns,
        )

    def _expected(self, patterns: RFM, times: np.ndarray) -> np.ndarray:
        """(K, m) mean purchases until each time; 0 at 0, where some fitters divide by it."""
        columns = patterns.columns(CLOCK_FIELDS)
        ask = self.purchase.conditional_expected_number_of_purchases_up_to_time
        with _lifetimes(f"{self.name} cannot forecast"):
            rows = [
                np.asarray(ask(time, *columns)) if time > 0 else np.zeros(len(patterns)) for time in times
            ]
        return np.array(rows)

    def _present(self, patterns: RFM, edges: np.ndarray, mean: np.ndarray, discount: float) -> np.ndarray:
        """(K, m) discounted mean purchases of each period, ``∫ e^(-δu) dM(u)``.

        By parts, ``[e^(-δu) M(u)] + δ ∫ e^(-δu) M(u) du``: M is smooth, so few Gauss-Legendre nodes do.
        """
        if discount == 0:
            return np.diff(mean, axis=0)
        node, weight = np.polynomial.legendre.leggauss(max(3, math.ceil(24 / (len(edges) - 1))))
        length = np.diff(edges)
        times = edges[:-1, None] + length[:, None] * (node + 1) / 2
        between = self._expected(patterns, times.ravel()).reshape(*times.shape, -1)
        inner = np.einsum("kj,kjm->km", np.exp(-discount * times) * weight * length[:, None] / 2, between)
        return np.diff(np.exp(-discount * edges)[:, None] * mean, axis=0) + discount * inner

    def _check(self, values: np.ndarray, what: str) -> None:
        wrong = ~(np.isfinite(values) & (values >= 0))
        if wrong.any():
            first = ", ".join(map(str, self.rfm.customer_id[wrong][:5].tolist()))
            raise FitError(
                f"{self.name}: lifetimes gives {wrong.sum():,} of {len(wrong):,} customers no expected {what}, or a "
                f"negative one (first: {first})"
            )


def _fit_spend(lifetimes: ModuleType, rfm: RFM) -> Any:
    patterns, _ = rfm.compress(SPEND_FIELDS)
    count, mean, weights = patterns.columns((*SPEND_FIELDS, "weights"))
    known = (count > 0) & (mean > 0)
    if not known.any():
        raise ValueError("no customer has a repeat purchase with a mean spend above 0")
    return lifetimes.GammaGammaFitter().fit(count[known], mean[known], weights=weights[known])


def _groups(values: np.ndarray, group: np.ndarray) -> list[list[float]]:
    """The values of each group 0..m-1."""
    order = np.argsort(group, kind="stable")
    bounds = np.cumsum(np.bincount(group))[:-1]
    return [part.tolist() for part in np.split(values[order], bounds)]


@contextmanager
def _lifetimes(failed: str) -> Iterator[ModuleType]:
    """The package, kept quiet; what it raises becomes a `FitError` that begins with `failed`."""
    said = StringIO()
    with warnings.catch_warnings(), np.errstate(all="ignore"), redirect_stdout(said):
        warnings.simplefilter("ignore")  # written for older NumPy and pandas
        lifetimes = _imported()
        try:
            yield lifetimes
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            stopped = [line.strip() for line in said.getvalue().splitlines() if "message:" in line]
            raise FitError("; ".join([f"{failed}: {reason}", *stopped])) from error


def _imported() -> ModuleType:
    if sys.modules.get("lifetimes") is None:
        import pandas as pd

        before = pd.get_option("mode.chained_assignment")
        import lifetimes

        pd.set_option("mode.chained_assignment", before)  # importing lifetimes changes it for everybody
    import lifetimes

    return lifetimes
