"""Which models to use for the data at hand, and why: tried at an earlier date, never chosen by likelihood.

Regular intervals between rounded dates and flexible tails raise a likelihood without bettering a forecast; so the
candidates forecast a window of the summary's own past, and the score of those forecasts decides. Models of regular
buyers are among them where the gaps between purchases, freed of the rounding, are regular.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ClvError, DataError
from clvmodels.forecast.fitted import FittedCLV
from clvmodels.forecast.simulation import customer_keys
from clvmodels.inference import fit
from clvmodels.metrics import crps_from_draws
from clvmodels.models import PURCHASE_MODELS, REGULAR_MODELS, SPEND_MODELS
from clvmodels.prediction import DrawBlock
from clvmodels.rfm import RFM, Customers, EarlierWindow, earlier_windows
from clvmodels.transactions.gaps import erlang_stages, spacing

AUTO = "auto"
USUAL = "pareto_nbd"
SPEND_ON_MEANS, SPEND_ON_TRANSACTIONS = "gamma_gamma", "gamma_gamma_transactions"
WINDOW = 1 / 3  # of the observation: what is left before it is enough to fit
DRAWS = 100  # of each candidate: the fair CRPS is unbiased from any number, and customers are many
FEWEST_CUSTOMERS, FEWEST_PURCHASES = 100, 50
FEWEST_GAPS = 50  # customers with two gaps, who tell whether purchases are regular
MOST_CUSTOMERS = 50_000  # who are asked; more would not change the answer


@dataclass(frozen=True)
class Choice:
    """A model and the reason for it, in a line."""

    name: str
    reason: str


def choose_purchase(rfm: Customers, seed: int) -> Choice:
    """The purchase model that forecast an earlier window best.

    Every registered model whose columns are there is fitted to what was known by two thirds of the observation and
    forecasts the last third; those of regular buyers only where customers are (`_regular`). The usual one, Pareto/NBD,
    gives way only to a mean CRPS of purchases that is smaller by more than one standard error, paired by customer.

    Parameters
    ----------
    rfm
        The customers. Nothing after the end of its observation is seen.
    seed
        Of the forecasts that are compared.
    """
    title = PURCHASE_MODELS[USUAL].title
    try:
        window = _window(rfm)
    except DataError as problem:
        return Choice(USUAL, f"{title}, as usual; none was tried at an earlier date: {problem.rule}")
    scores: dict[str, np.ndarray] = {}
    failed = []
    regular, seen = _regular(rfm)
    for name, model in PURCHASE_MODELS.items():
        is_tried = model in regular or model not in REGULAR_MODELS.values()
        if is_tried and has_columns(model, window.summary):
            try:
                scores[name] = _scores(model, window, seed)
            except ClvError as problem:
                failed.append(f"{model.title} could not be tried ({str(problem).splitlines()[0]})")
    if USUAL not in scores:
        return Choice(USUAL, f"{title}, as usual; {'; '.join(failed)}")
    best = min(scores, key=lambda name: float(scores[name].mean()))
    gap = scores[USUAL] - scores[best]
    lead, error = float(gap.mean()), float(gap.std()) / math.sqrt(len(gap))
    chosen = best if lead > error else USUAL
    told = ", ".join(f"{PURCHASE_MODELS[name].title} {scores[name].mean():.4g}" for name in sorted(scores))
    words = "the best" if chosen == best else f"within one standard error ({error:.2g}) of the best"
    return Choice(
        chosen,
        f"{PURCHASE_MODELS[chosen].title}, {words} by mean CRPS of purchases ({'; '.join([told, *failed])}) of "
        f"{window}{seen}",
    )


def choose_spend(rfm: Customers) -> Choice:
    """The spend model on single transactions where the summary remembers them, else that on means."""
    single, means = SPEND_MODELS[SPEND_ON_TRANSACTIONS], SPEND_MODELS[SPEND_ON_MEANS]
    if has_columns(single, rfm):
        return Choice(single.name, f"{single.title}, since the summary remembers single transactions")
    return Choice(means.name, f"{means.title}, since the summary holds mean spend and no single transactions")


def has_columns(model: PurchaseModel | SpendModel, rfm: Customers) -> bool:
    """Whether a summary has what a model reads."""
    return set(model.needs) <= set(rfm.names)


def asked_first(rfm: RFM) -> np.ndarray:
    """Positions of the customers who are asked, in an order of their own that no order of rows leaves a trace in."""
    keys = customer_keys(0, rfm.customer_id, "choice")[:, 0]
    return np.argsort(keys, kind="stable")[:MOST_CUSTOMERS]


def _regular(rfm: Customers) -> tuple[list[PurchaseModel], str]:
    """The models of regular buyers that are worth a try, and why, as the end of a sentence; most logs have none.

    Those whose stages lie in the interval (two standard errors) of Wheat and Morrison's estimate, rounded outwards, if
    it lies above 1, which is random.
    """
    if not isinstance(rfm, RFM) or rfm.history is None:
        return [], ""
    moment = spacing(rfm.history.purchases(rfm), rfm.time_unit).moment
    if len(moment) < FEWEST_GAPS:
        return [], ""
    mean, error = float(np.sort(moment).mean()), float(np.sort(moment).std()) / math.sqrt(len(moment))
    low, middle, high = (float(erlang_stages(mean + 2.0 * side * error)) for side in (1, 0, -1))
    if low <= 1.0:
        return [], ""
    most = max(REGULAR_MODELS)
    worth = [
        model for k, model in REGULAR_MODELS.items() if min(math.floor(low), most) <= k <= math.ceil(high)
    ]
    return worth, (
        f"; customers buy at regular times (k = {middle:.2f} [{low:.2f}, {high:.2f}], 1 is random), so models of such "
        "customers were tried, too"
    )


def _window(rfm: Customers) -> EarlierWindow:
    """The last third of the observation.

    Raises
    ------
    DataError
        If there is none, or too little happened in it; the message is half a sentence.
    """
    if not isinstance(rfm, RFM) or rfm.history is None or rfm.observed_until is None:
        raise DataError("the summary does not remember its log")
    (window,) = earlier_windows(rfm, WINDOW * float(rfm.T.max()), 1)
    customers, bought = len(window.summary), window.outcome.purchases.sum()
    if customers < FEWEST_CUSTOMERS or bought < FEWEST_PURCHASES:
        raise DataError(
            f"{customers:,} customers with {bought:,.0f} purchases are too few to tell models apart"
        )
    return window


def _scores(model: PurchaseModel, window: EarlierWindow, seed: int) -> np.ndarray:
    """(n,) CRPS of the purchases in the window, by customers in an order of their own."""
    asked = asked_first(window.summary)
    posterior = fit(model, window.summary, method="map", seed=seed)
    posterior.raise_if_failed()
    found = np.empty(len(asked))
    actual = window.outcome.purchases[asked]

    def observe(block: DrawBlock) -> None:
        found[block.index] = crps_from_draws(block.purchases, actual[block.index])

    fitted = FittedCLV(model.title, window.summary.take(asked), posterior, None)
    fitted.forecast(
        window.last, discrepancy=None, draws=DRAWS, seed=seed, levels=(0.5,), period="Y", observe=observe
    )
    return found
