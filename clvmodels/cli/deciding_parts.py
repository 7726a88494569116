"""The parts of the decisions, each worked out if it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.baselines import BASELINES
from clvmodels.cli.commands import check_fit
from clvmodels.cli.deciding_options import Asking, Money, Referring, Winning
from clvmodels.cli.deciding_words import PEER_COLUMNS, parse_number, parse_scenario, read_named
from clvmodels.cli.options import Log, Model
from clvmodels.contracts import Forecaster
from clvmodels.errors import ArgumentError, DataError
from clvmodels.forecast import CLVModel, FittedCLV
from clvmodels.rfm import RFM, id_text
from clvmodels.transactions import calibration_holdout
from clvmodels.units import last_observed
from clvmodels.value import (
    Acquisition,
    Calculator,
    ChannelFits,
    Decisions,
    Economics,
    GroupComparison,
    NewCustomerValue,
    ProfitForecast,
    Segmentation,
    SegmentRules,
    Snapshot,
    acquisition,
    acquisition_plan,
    benchmark,
    budget_table,
    calculate_clv,
    cohort_labels,
    compare_groups,
    compare_with_realised,
    elasticities,
    explain_change,
    fit_channels,
    new_customer_value,
    profit,
    profit_run,
    referral_rate,
    referral_value,
    segment_customers,
    split_customers,
    tornado,
    what_if,
)

if TYPE_CHECKING:
    from clvmodels.backtesting import Scorecard

EVERYBODY = "all new customers"
MOST_DRAWS = 500
"""Joint draws of new customers and plans, whose every draw tells many lives."""


@dataclass(frozen=True)
class Fitting:
    """How forecasters are fitted: one for the customers, and others for channels, groups and earlier dates.

    Attributes
    ----------
    forecaster
        What is fitted.
    model
        The same as a CLV model, or None for a formula.
    draws, seed
        Of the fits and of the forecasts.
    """

    forecaster: Forecaster
    model: CLVModel | None
    draws: int
    seed: int

    @classmethod
    def of(cls, model: Model, draws: int, seed: int) -> Fitting:
        """The forecaster that was asked for: a formula by its name, or a purchase model with its parts."""
        if model.purchase in BASELINES:
            return cls(BASELINES[model.purchase or ""](), None, draws, seed)
        wanted = model.build(no_spend=False)
        return cls(wanted, wanted, draws, seed)

    @property
    def name(self) -> str:
        """Name of the forecaster."""
        return self.forecaster.name

    def fit(self, rfm: RFM) -> Any:
        """A fit to some customers, refused if it failed."""
        if self.model is None:
            return self.forecaster.fit(rfm, seed=self.seed)
        return self.use(self.model.fit(rfm, draws=self.draws, seed=self.seed), rfm)

    def use(self, fitted: FittedCLV, rfm: RFM) -> FittedCLV:
        """A fit, perhaps a saved one, for these customers."""
        check_fit(fitted)
        return replace(fitted, rfm=rfm)


@dataclass(frozen=True, eq=False)
class Case:
    """The customers, what is known of them, and how their money counts."""

    fitting: Fitting
    fitted: Any
    rfm: RFM
    horizon: str
    economics: Economics
    log: Log
    money: Money

    @property
    def run(self) -> dict[str, Any]:
        """Draws and seed."""
        return {"draws": self.fitting.draws, "seed": self.fitting.seed}

    @property
    def few(self) -> dict[str, Any]:
        """Draws and seed of what tells many lives a draw."""
        return {"draws": min(self.fitting.draws, MOST_DRAWS), "seed": self.fitting.seed}

    @cached_property
    def view(self) -> ProfitForecast:
        """Revenue and profit of the present customers."""
        return profit(self.fitted, self.horizon, self.economics, **self.run)

    @cached_property
    def terms(self) -> dict[str, Any]:
        """One margin and one rate for questions that move them for all: those of all money where they differ."""
        margin, rate = self.economics.margin, self.economics.annual_discount_rate
        if not isinstance(margin, float):
            margin = self.view.flows["margin"].mean / (self.view.revenue.mean or 1.0)
        rate = rate if isinstance(rate, float) else float(np.mean(np.asarray(rate, dtype=float)))
        return {"margin": margin, "annual_discount_rate": rate, "currency": self.economics.currency}

    @cached_property
    def of_anyone(self) -> Economics:
        """The economics of a customer yet to be acquired: averages where the present ones differ."""
        names = ("cost_per_purchase", "cost_per_active_period", "one_off_cost")
        costs: dict[str, Any] = {name: float(np.mean(getattr(self.economics, name))) for name in names}
        return Economics(**costs, **self.terms)

    def column(self, option: str, name: str, *, as_number: bool = False) -> np.ndarray:
        """A column of the table of customers, in the order of the summary."""
        return self.money.column(option, name, self.rfm, self.log.customer_column, as_number=as_number)


def decide(
    case: Case,
    winning: Winning,
    referring: Referring,
    asking: Asking,
    scorecard: Scorecard | None,
    move: Callable[..., None] | None,
) -> Decisions:
    """Work out what was asked for, part by part."""
    steps: dict[str, Callable[[], dict[str, Any]]] = {
        "profit": lambda: {"profit": case.view},
        "new customers": lambda: _acquiring(case, winning),
        "plan": lambda: _planning(case, winning),
        "referrals": lambda: _referring(case, referring),
        "segments": lambda: {"segments": _segments(case, asking)},
        "levers": lambda: _levers(case, asking),
        "change": lambda: {} if asking.since is None else _changing(case, asking.since),
        "groups": lambda: {"groups": {name: _groups(case, name, asking) for name in asking.groups or ()}},
        "formulas": lambda: _comparing(case, asking, scorecard),
    }
    parts: dict[str, Any] = {}
    for number, (name, step) in enumerate(steps.items()):
        if move is not None:
            move(number, len(steps), name)
        parts |= step()
    return Decisions(**parts)


def _acquiring(case: Case, winning: Winning) -> dict[str, Any]:
    costs = winning.costs
    if costs is None:
        return {}
    if winning.channel is None:
        if not isinstance(costs, float):
            raise ArgumentError(
                f"--cac {winning.cac!r} names channels; say with --channel which column of --customers holds each one's"
            )
        fits, pooled = {EVERYBODY: case.fitted}, None
    else:
        fits, pooled = _channel_fits(case, winning.channel)
    values = {name: _newcomers(case, fitted, name) for name, fitted in fits.items()}
    found: Acquisition = acquisition(values, costs, target=winning.target, level=winning.level)
    return {"acquisition": found, "channels": pooled}


def _channel_fits(case: Case, column: str) -> tuple[dict[str, Any], ChannelFits | None]:
    labels = case.column("--channel", column)
    model = case.fitting.model
    if model is not None:
        pooled = fit_channels(model, case.rfm, labels, **case.run)
        return dict(pooled.fits), pooled
    by_id = {id_text(one): label for one, label in zip(case.rfm.customer_id.tolist(), labels, strict=True)}
    return {name: case.fitting.fit(part) for name, part in split_customers(case.rfm, by_id).items()}, None


def _newcomers(case: Case, fitted: Any, label: str) -> NewCustomerValue:
    return new_customer_value(fitted, case.horizon, case.of_anyone, label=label, **case.few)


def _planning(case: Case, winning: Winning) -> dict[str, Any]:
    if winning.planned is None:
        return {}
    counts, own_cac = winning.planned
    found = acquisition_plan(
        case.fitted, case.horizon, counts, case.economics, new_economics=case.of_anyone, **case.few
    )
    costs = winning.costs
    cac = own_cac if own_cac is not None else costs if isinstance(costs, float) else None
    return {"plan": found, "budget": None if cac is None else budget_table(found, cac)}


def _referring(case: Case, referring: Referring) -> dict[str, Any]:
    if referring.referrals is None or referring.incremental is None:
        return {}
    word = parse_number("--referrals", referring.referrals, or_column=True)
    rate: Any = word
    if isinstance(word, str):
        rate = referral_rate(case.rfm, case.column("--referrals", word, as_number=True))
    found = referral_value(
        rate,
        case.rfm,
        _newcomers(case, case.fitted, "referred"),
        incremental=referring.incremental,
        annual_discount_rate=case.terms["annual_discount_rate"],
        chain=referring.referral_chain,
        seed=case.fitting.seed,
    )
    return {"referrals": found}


def _segments(case: Case, asking: Asking) -> Segmentation:
    last = None
    if asking.last is not None:
        table = read_named(asking.last, "customer_id", "segment")
        last = dict(zip(table["customer_id"].map(id_text), table["segment"], strict=True))
    run = profit_run(case.fitted, case.horizon, case.economics, **case.run)
    rules = SegmentRules(shares=(1 - asking.best_share,))
    return segment_customers(run, case.rfm, rules, last=last, currency=case.economics.currency)


def _levers(case: Case, asking: Asking) -> dict[str, Any]:
    fitted, rfm, horizon = case.fitted, case.rfm, case.horizon
    options: dict[str, Any] = {"draws": case.few["draws"], **case.terms}
    found: dict[str, Any] = {
        "tornado": tornado(fitted, rfm, horizon, **options),
        "elasticities": elasticities(fitted, rfm, horizon, **options),
    }
    if asking.what_if:
        scenarios = [parse_scenario(word) for word in asking.what_if]
        found["what_if"] = what_if(fitted, rfm, horizon, scenarios, **case.run, **case.terms)
    return found


def _changing(case: Case, since: str) -> dict[str, Any]:
    """What moved since a forecast of an earlier day, and what came of that forecast."""
    if case.rfm.observed_until is None:
        raise ArgumentError("--since needs a calendar")
    end = str(last_observed(case.rfm.observed_until))
    with case.log.opened() as table:
        then, holdout = calibration_holdout(table, cutoff=since, holdout_end=end, **case.log.rules)
    fitted = case.fitting.fit(then)
    old, new = Snapshot(fitted, then, **case.terms), Snapshot(case.fitted, case.rfm, **case.terms)
    cohorts = cohort_labels(case.rfm, "Q")
    forecast = fitted.forecast(
        end, margin=case.terms["margin"], annual_discount_rate=case.terms["annual_discount_rate"], **case.run
    )
    return {
        "change": explain_change(old, new, case.horizon, groups=cohorts, draws=case.few["draws"]),
        "realised": compare_with_realised(forecast, holdout, currency=case.economics.currency),
    }


def _groups(case: Case, column: str, asking: Asking) -> GroupComparison:
    labels = case.column("--groups", column)
    named = sorted({str(label) for label in labels if label == label})
    if len(named) != 2:
        raise DataError(
            f"there are {len(named)} groups ({', '.join(named[:5])}); two are compared at a time",
            column=column,
            fix="name a column with two labels",
        )
    by_id = {id_text(one): label for one, label in zip(case.rfm.customer_id.tolist(), labels, strict=True)}
    parts = split_customers(case.rfm, by_id)
    options = {"draws": case.few["draws"], "seed": case.fitting.seed, **case.terms}
    return compare_groups(
        case.fitting.forecaster, parts, case.horizon, randomised=asking.randomised, **options
    )


def _comparing(case: Case, asking: Asking, scorecard: Scorecard | None) -> dict[str, Any]:
    """The formulas beside the forecast, and peers."""
    terms = {name: case.terms[name] for name in ("margin", "annual_discount_rate")}
    forecast = case.fitted.forecast(case.horizon, **terms, **case.run)
    scores = None if scorecard is None else scorecard.scores
    found: dict[str, Any] = {}
    calculator: Calculator = calculate_clv(
        case.rfm, case.horizon, churn=asking.churn, model=forecast, scores=scores, **case.terms
    )
    found["calculator"] = calculator
    if asking.peers is not None:
        peers = read_named(asking.peers, *PEER_COLUMNS)
        found["benchmark"] = benchmark({"now": forecast}, peers, currency=case.economics.currency)
    return found
