"""What a forecaster expects under each draw of its parameters: forecasts without the chance of single lives.

Two expectations can be subtracted. Two drawn futures cannot, or their difference would be mostly luck: whoever
asks what a cause changes wants the first. Of a forecaster that knows no parameters (a formula) the draws stand
as they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, cast

import numpy as np

from clvmodels.contracts import FittedForecaster, PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError, ClvWarning, DataError, whole_number
from clvmodels.forecast import FittedCLV
from clvmodels.inference import Posterior
from clvmodels.prediction import DrawBlock, Forecast, check_margin, check_single, over_draws
from clvmodels.rfm import RFM, id_text
from clvmodels.season import stretched
from clvmodels.units import UNIT_NAMES, Horizon, discount_per_unit, plan_horizon, unit_days
from clvmodels.value.cashflow_economics import OWN_CURRENCY, check_currency

CUSTOMERS_AT_ONCE = 2048

type Run = Callable[..., Forecast]
"""A forecast ready to be made: ``partial(fitted.forecast, "52W", seed=1)``; it is called with ``observe=``."""


@dataclass(frozen=True)
class Valuation:
    """How purchases become money.

    Attributes
    ----------
    horizon
        A duration such as ``"52W"``, from the end of each summary's observation.
    margin
        Share of the spend that counts, in (0, 1].
    annual_discount_rate
        Fraction per year in [0, 1).
    draws
        Parameter draws that are used, at least 2.
    currency
        Label of the money.
    """

    horizon: str
    margin: float = 1.0
    annual_discount_rate: float = 0.0
    draws: int = 200
    currency: str = OWN_CURRENCY

    def __post_init__(self) -> None:
        check_margin(self.margin)
        check_currency(self.currency)
        whole_number("draws", self.draws, least=2)
        discount_per_unit(self.annual_discount_rate, "D")

    def facts(self) -> dict[str, Any]:
        """What a table of these terms carries in its `attrs`."""
        return asdict(self)


@dataclass(frozen=True)
class Expected:
    """Expected value (purchases where there is no spend) of m customers.

    Attributes
    ----------
    draws
        (S, m) under each draw of the parameters; one row of a formula.
    mean
        (m,) as the forecast's table has it: mean purchases times mean spend where the two are fitted apart.
    purchases
        (S, m) expected purchases, not discounted.
    """

    draws: np.ndarray
    mean: np.ndarray
    purchases: np.ndarray


def plan_of(valuation: Valuation, rfm: RFM) -> tuple[Horizon, float]:
    """The window of a summary, and the discount rate per unit of its clock."""
    plan = plan_horizon(valuation.horizon, rfm.observed_until, rfm.time_unit)
    return plan, discount_per_unit(valuation.annual_discount_rate, plan.unit)


def expected_values(fitted: FittedForecaster, rfm: RFM, valuation: Valuation) -> Expected:
    """Expected value of each customer under each parameter draw.

        E_s[value_i] = margin · E[Σ exp(-δ u) | θ_s, history] · E[spend | θ_s, history]

    The expectation is also over the exposures of the fit's `Discrepancy`, as in a forecast, so the means are those of
    its table.

    Parameters
    ----------
    fitted
        A fitted CLV model, or any other forecaster of the customers in `rfm`.
    rfm
        The customers.
    valuation
        Horizon, margin, discount.

    Returns
    -------
    Expected
        Draw s uses parameter draw s (modulo their number), so two calls with one fit share their parameters.

    Raises
    ------
    ArgumentError
        If the clocks differ or a term is outside its range.
    DataError
        If a formula was fitted to other customers.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 200))
    >>> fitted = clv.CLVModel("bg_nbd").fit(rfm, draws=50)
    >>> found = expected_values(fitted, rfm, Valuation("52W", draws=50))
    >>> table = fitted.forecast("52W", draws=50).customers
    >>> found.draws.shape, bool(np.isclose(found.mean.sum(), table["clv_mean"].sum()))
    ((50, 200), True)
    """
    check_single(rfm)
    if not isinstance(fitted, FittedCLV):
        return _as_drawn(fitted, rfm, valuation)
    for posterior in fitted.posteriors:
        posterior.raise_if_failed()
    unit = fitted.purchase.provenance["time_unit"]
    if rfm.time_unit != unit:
        raise ArgumentError(
            f"the fit measured time in {UNIT_NAMES[unit]}, the customers in {UNIT_NAMES[rfm.time_unit]}; "
            f"summarise them with time_unit={unit!r}"
        )
    plan, discount = plan_of(valuation, rfm)
    model = cast(PurchaseModel, fitted.purchase.model)
    patterns, pattern_of = rfm.compress(model.needs)
    theta = _first(fitted.purchase, valuation.draws)[:, :, None]
    plain = _purchases(fitted, theta, patterns, plan.length, 0.0)
    counted = plain
    if discount > 0 and fitted.spend is not None:
        counted = _purchases(fitted, theta, patterns, plan.length, discount)
    plain, counted = plain[:, pattern_of], counted[:, pattern_of]
    if fitted.spend is None:
        return Expected(plain, over_draws(plain), plain)
    spend = expected_spend(fitted.spend, rfm, valuation.draws)
    mean = valuation.margin * over_draws(counted) * over_draws(spend)
    plain, counted, spend = _of_one_length(plain, counted, spend)
    return Expected(valuation.margin * counted * spend, mean, plain)


def _purchases(fitted: FittedCLV, theta: np.ndarray, patterns: RFM, length: float, rate: float) -> np.ndarray:
    """(S, m) discounted mean purchases, as a forecast has them: over the exposures of the fit's discrepancy."""
    model = cast(PurchaseModel, fitted.purchase.model)
    factors = (1.0,) if fitted.discrepancy is None else fitted.discrepancy.nodes()
    reaches = stretched(fitted.clock, length, np.array(factors), patterns).tolist()
    if_alive = [
        model.purchases_if_alive(theta, patterns, reach, rate / factor)
        for factor, reach in zip(factors, reaches, strict=True)
    ]
    return np.asarray(model.p_alive(theta, patterns) * np.mean(if_alive, axis=0))


def expected_spend(posterior: Posterior, rfm: RFM, draws: int) -> np.ndarray:
    """(S, n) mean spend of a purchase under each draw; the median where a draw has no mean, with a warning."""
    model = cast(SpendModel, posterior.model)
    patterns, pattern_of = rfm.compress(model.needs)
    theta = _first(posterior, draws)[:, :, None]
    spend = model.expected_spend(theta, patterns)[:, pattern_of]
    missing = ~np.isfinite(spend)
    if missing.any():
        warnings.warn(
            f"{missing.any(axis=0).sum():,} customers have no finite mean spend under some draws; the median stands "
            "in for it there",
            ClvWarning,
            stacklevel=3,
        )
        spend = np.where(missing, model.median_spend(theta, patterns)[:, pattern_of], spend)
    return spend


def _of_one_length(*arrays: np.ndarray) -> list[np.ndarray]:
    """The arrays repeated in turn until they have as many draws as the longest."""
    most = max(len(array) for array in arrays)
    return [array[np.arange(most) % len(array)] for array in arrays]


def p_alive_draws(fitted: FittedForecaster, rfm: RFM, draws: int = 200) -> np.ndarray | None:
    """(S,) mean P(alive) over the customers under each parameter draw; None of a forecaster without the notion."""
    if not isinstance(fitted, FittedCLV):
        return None
    model = cast(PurchaseModel, fitted.purchase.model)
    patterns, _ = rfm.compress(model.needs)
    alive = model.p_alive(_first(fitted.purchase, draws)[:, :, None], patterns)
    return np.asarray(alive @ patterns.weights / patterns.weights.sum())


def _first(posterior: Posterior, draws: int) -> np.ndarray:
    """(P, S) the first draws of a posterior."""
    return posterior.draws[:draws].T


def _as_drawn(fitted: FittedForecaster, rfm: RFM, valuation: Valuation) -> Expected:
    """The draws of another forecaster as they are; it knows only the customers it was fitted to."""
    blocks: list[DrawBlock] = []
    forecast = fitted.forecast(
        valuation.horizon,
        margin=valuation.margin,
        annual_discount_rate=valuation.annual_discount_rate,
        draws=valuation.draws,
        observe=blocks.append,
    )
    position = positions(forecast.columns["customer_id"])
    missing = [identity for identity in rfm.customer_id.tolist() if id_text(identity) not in position]
    if missing:
        raise DataError(
            f"{forecast.name} forecasts only the customers it was fitted to, and some are not among them",
            column="customer_id",
            rows=len(missing),
            examples=missing,
            fix="fit it to this summary",
        )
    chosen = [position[id_text(identity)] for identity in rfm.customer_id.tolist()]
    purchases = np.concatenate([block.purchases for block in blocks], axis=1)[:, chosen]
    means = np.concatenate([block.value_mean for block in blocks])[chosen]
    values = [block.purchases if block.value is None else block.value for block in blocks]
    return Expected(np.concatenate(values, axis=1)[:, chosen], means, purchases)


def chunks(count: int) -> Iterator[np.ndarray]:
    """Positions 0..count-1, some at a time, so that memory is bounded."""
    for start in range(0, count, CUSTOMERS_AT_ONCE):
        yield np.arange(start, min(start + CUSTOMERS_AT_ONCE, count))


def by_id(rfm: RFM) -> np.ndarray:
    """(n,) order of the customers by the text of their ids, so that sums do not hang on the order of the rows."""
    return np.argsort(np.array([id_text(identity) for identity in rfm.customer_id.tolist()]), kind="stable")


def positions(ids: Sequence[object] | np.ndarray) -> dict[str, int]:
    """Position of each customer by the text of the id, so that 7, 7.0 and "7" are one customer."""
    return {id_text(identity): i for i, identity in enumerate(np.asarray(ids, dtype=object).tolist())}


def check_same_customers(forecast: Forecast, rfm: RFM) -> list[str]:
    """The ids as texts, of a forecast and the summary it was made of.

    Raises
    ------
    DataError
        If they are not the same customers in the same order.
    """
    ids = [id_text(identity) for identity in rfm.customer_id.tolist()]
    if ids != [id_text(identity) for identity in forecast.columns["customer_id"].tolist()]:
        raise DataError(
            f"the forecast is of {len(forecast.columns['customer_id']):,} customers, the summary of {len(rfm):,}, "
            "and they must be the same in the same order",
            column="customer_id",
            fix="give the summary that the forecast was made of",
        )
    return ids


def labels_of(groups: Any, ids: np.ndarray, what: str = "groups") -> np.ndarray:
    """(n,) label of each customer as text, from a mapping of ids (a dict or a pandas Series) to labels.

    Raises
    ------
    DataError
        If a customer has no label.
    ArgumentError
        If `groups` is no mapping.

    Examples
    --------
    >>> labels_of({"7": "web", "8": "shop"}, np.array([8, 7])).tolist()
    ['shop', 'web']
    """
    given = groups if isinstance(groups, Mapping) else getattr(groups, "to_dict", dict)()
    if not given:
        raise ArgumentError(
            f"{what} must map customer ids to labels: a dict, or a pandas Series with the ids as index"
        )
    label_of = {id_text(identity): label for identity, label in given.items() if label == label}
    missing = [identity for identity in ids.tolist() if label_of.get(id_text(identity)) is None]
    if missing:
        raise DataError(
            f"{what} hold no label for some customers",
            column="customer_id",
            rows=len(missing),
            examples=missing,
            fix="give every customer a label, 'unknown' where there is none, or check that the index holds the ids",
        )
    return np.array([str(label_of[id_text(identity)]) for identity in ids.tolist()], dtype=object)


def moved_forward(rfm: RFM, later: RFM) -> RFM:
    """The summary as it would be at the later one's date if nobody had bought since.

    Raises
    ------
    ArgumentError
        If one has no calendar, the clocks differ, or the later one is the earlier.
    """
    if rfm.observed_until is None or later.observed_until is None:
        raise ArgumentError("both summaries need a calendar: set observation_end when you make them")
    if rfm.time_unit != later.time_unit:
        raise ArgumentError(
            f"one summary measures time in {UNIT_NAMES[rfm.time_unit]}, the other in {UNIT_NAMES[later.time_unit]}; "
            "make both with the same time_unit"
        )
    if later.observed_until < rfm.observed_until:
        raise ArgumentError(
            f"the new summary ends {later.observed_until:%Y-%m-%d}, before the old one "
            f"({rfm.observed_until:%Y-%m-%d}); are the two swapped?"
        )
    passed = (later.observed_until - rfm.observed_until) / timedelta(days=unit_days(rfm.time_unit))
    return replace(rfm, T=rfm.T + passed, observed_until=later.observed_until, report=None, history=None)
