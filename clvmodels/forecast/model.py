"""CLVModel: a purchase and a spend model fitted and forecast together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, DataError
from clvmodels.forecast.choice import AUTO, choose_purchase, choose_spend
from clvmodels.forecast.choice_season import as_season, choose_season
from clvmodels.forecast.discrepancy import Discrepancy, as_discrepancy
from clvmodels.forecast.fitted import FittedCLV
from clvmodels.inference import Method, Priors, fit, get_method
from clvmodels.models import get_purchase_model, get_spend_model
from clvmodels.rfm import RFM, Customers, check_customers
from clvmodels.season import OnClock, Season


@dataclass(frozen=True)
class CLVModel:
    """A purchase model and a spend model, fitted and forecast together.

    Without arguments it is what served best on real logs, for the data at hand: the purchase model that forecast an
    earlier window of the same log best (`clvmodels.forecast.choice`), the spend model on single transactions where
    they are there, from 24 months on a seasonal clock if it forecast earlier months better
    (`clvmodels.forecast.choice_season`), draws from the posterior, and forecasts with market discrepancy. The summary
    of a fit says what was chosen and why.

    Parameters
    ----------
    purchase
        Name in the registry, an instance, or ``"auto"``.
    spend
        The same for spend; None forecasts purchases only.
    method
        How to fit: ``"laplace"`` (posterior draws), ``"map"`` or ``"mle"``.
    label
        Name in tables and reports; by default the models' titles and the method.
    purchase_priors, spend_priors
        Beliefs of your own about the parameters of each part, as in `clvmodels.fit`; the part must be named.
    season
        On which clock customers live: ``"monthly"`` or `MonthlySeason()` learns the speed of each month from the log
        behind the summary (24 months of it at least), ``"gaussian_process"`` or `GaussianProcessSeason()` (12 at
        least) that of each calendar month, too, a `Clock` is given, None is the calendar. ``"auto"`` tries
        ``"monthly"`` against the calendar; ``"default"`` does so where the purchase model is chosen, too, and
        leaves one that is named on the calendar.
    discrepancy
        Of its forecasts, as in `FittedCLV.forecast`; None for the model alone, as published figures have it. The
        default is 0.18, and 0.15 where the clock follows a season of whose months each was seen twice.

    Raises
    ------
    ArgumentError
        If a name does not exist, or there are priors for a model that is still to be chosen.

    Examples
    --------
    >>> CLVModel().name
    'Automatic choice (laplace)'
    >>> CLVModel("bg_nbd", "gamma_gamma").name
    'BG/NBD × Gamma-Gamma (laplace)'
    """

    purchase: str | PurchaseModel = AUTO
    spend: str | SpendModel | None = AUTO
    method: str | Method = "laplace"
    label: str | None = None
    purchase_priors: Priors | None = field(default=None, hash=False)
    spend_priors: Priors | None = field(default=None, hash=False)
    season: str | Season | None = "default"
    discrepancy: Literal["default"] | float | Discrepancy | None = "default"

    def __post_init__(self) -> None:
        if self.purchase != AUTO:
            get_purchase_model(self.purchase)
        if self.spend is not None and self.spend != AUTO:
            get_spend_model(self.spend)
        get_method(self.method)
        as_season(self.season)
        as_discrepancy(self.discrepancy)
        parts = {"purchase": self.purchase_priors, "spend": self.spend_priors}
        unnamed = [part for part, priors in parts.items() if priors and getattr(self, part) == AUTO]
        if unnamed:
            raise ArgumentError(
                f"{unnamed[0]}_priors belong to one model: name it, {unnamed[0]}='auto' chooses one"
            )

    @property
    def name(self) -> str:
        """The label, or the models' titles and the method."""
        if self.label is not None:
            return self.label
        titles = ["Automatic choice" if self.purchase == AUTO else get_purchase_model(self.purchase).title]
        if self.spend == AUTO and self.purchase != AUTO:
            titles.append("automatic spend")
        elif self.spend is not None and self.spend != AUTO:
            titles.append(get_spend_model(self.spend).title)
        elif self.spend is None and self.purchase == AUTO:
            titles.append("no spend")
        season = as_season(self.season)
        if season == AUTO:
            titles[0] += " with season if it helps"
        elif season is not None and not isinstance(season, str):
            titles[0] += f" with {season.title}"
        own = ", own priors" if self.purchase_priors or self.spend_priors else ""
        return f"{' × '.join(titles)} ({get_method(self.method).name}{own})"

    def settled(self, rfm: Customers, *, seed: int = 0) -> tuple[CLVModel, tuple[str, ...]]:
        """The model with all that is automatic chosen for these customers, and what was chosen and why."""
        check_customers(rfm)
        chosen: dict[str, Any] = {}
        reasons = []
        if self.purchase == AUTO:
            choice = choose_purchase(rfm, seed)
            chosen["purchase"] = choice.name
            reasons.append(f"purchases: {choice.reason}")
        season = as_season(self.season)
        if season == AUTO or (season == "default" and self.purchase == AUTO):
            tried = choose_season(rfm, get_purchase_model(chosen.get("purchase", self.purchase)), seed)
            reasons.append(f"season: {tried.reason}")
            season = tried.season
        chosen["season"] = None if isinstance(season, str) else season
        if self.spend == AUTO:
            choice = choose_spend(rfm)
            chosen["spend"] = choice.name
            reasons.append(f"spend: {choice.reason}")
        return replace(self, **chosen), tuple(reasons)

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
        options: dict[str, Any] = {"method": self.method if method is None else method, "draws": draws}
        model, choices = self.settled(rfm, seed=seed)
        purchase = get_purchase_model(model.purchase)
        spend = None if model.spend is None else get_spend_model(model.spend)
        if spend is not None:
            _check_spend(spend, rfm)
        clock = None if model.season is None else cast(Season, model.season).learn(rfm, purchase)
        if clock is not None:
            purchase = OnClock(purchase, clock)
        return FittedCLV(
            name=replace(model, method=options["method"]).name,
            rfm=rfm if isinstance(rfm, RFM) else None,
            purchase=fit(purchase, rfm, seed=seed, priors=self.purchase_priors, **options),
            spend=None
            if spend is None
            else fit(spend, rfm, seed=seed + 1, priors=self.spend_priors, **options),
            clock=clock,
            choices=choices,
            discrepancy=as_discrepancy(self.discrepancy, in_season=clock is not None and clock.is_seasonal),
        )


def _check_spend(spend: SpendModel, rfm: Customers) -> None:
    if not spend.informs(rfm.patterns(spend.needs)).any():
        raise DataError(
            f"no customer has a repeat purchase with a mean spend above 0, so {spend.title} cannot be fitted",
            column="monetary_value",
            fix="use a longer observation, or forecast purchases only: spend=None, on the command line --no-spend, "
            "in a configuration no_spend = true",
        )
