"""What a report is written from, and the questions every section asks of it."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.baselines import BASELINES
from clvmodels.criticism import Suspicion
from clvmodels.forecast import FittedCLV
from clvmodels.plots import latest_origin, models_at
from clvmodels.prediction import Forecast
from clvmodels.report.measures import MEASURES, QUANTITY_NAMES, Measure
from clvmodels.report.numbers import decimals_apart, decimals_for, fixed, per_cent, with_currency
from clvmodels.rfm import RFM
from clvmodels.transactions import Holdout

_FORMULAS = tuple(make().name for make in BASELINES.values())
_IDS_SHOWN = re.compile(r"first: .*")
_OF_CUSTOMERS = ("mean", "sd", "q05", "q50", "q95", "crps", "pit", "p_purchase", "log_score", "actual")


def is_historical(name: str) -> bool:
    """Whether a name is that of a historical formula or a manager's rule; one of the user's own may be anything.

    Examples
    --------
    >>> is_historical("Historical CLV (own repeat rate)"), is_historical("Hiatus rule (8W)"), is_historical("ours")
    (True, True, False)
    """
    return any(name == known or name.startswith(f"{known} (") for known in _FORMULAS)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What a forecaster said of each customer and what came, by origin and customer.

    Attributes
    ----------
    origin, customer
        (rows,) place of the origin in time, and of the customer in the order of ids as text.
    columns
        (rows,) each, as in the predictions of a `Scorecard`.
    """

    origin: np.ndarray
    customer: np.ndarray
    columns: Mapping[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    @property
    def key(self) -> np.ndarray:
        """(rows,) one number for each origin and customer."""
        return self.origin * (1 << 40) + self.customer

    def take(self, rows: np.ndarray) -> Outcomes:
        """Some of the rows."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Outcomes(self.origin[rows], self.customer[rows], columns)


@dataclass(frozen=True, eq=False)
class Material:
    """The nouns of one report and how it writes them; `scorecard` is that of the longest horizon unless said."""

    scorecard: Scorecard
    forecast: Forecast | None = None
    fitted: FittedCLV | None = None
    rfm: RFM | None = None
    currency: str = ""
    top: int = 0
    hash_ids: bool = False
    suspicions: tuple[Suspicion, ...] = ()
    holdout: Holdout | None = None
    whole: Scorecard | None = None

    @cached_property
    def leads(self) -> dict[Any, Any]:
        """What `chance.paired_lead` has found so far: several pages ask for the same."""
        return {}

    @cached_property
    def by_horizon(self) -> dict[str, Material]:
        """The same questions of every horizon, shortest first."""
        if self.whole is None or len(self.whole.horizons) < 2:
            return {str(self.scorecard.provenance["horizon"]): self}
        *others, longest = self.whole.horizons
        shorter = {name: replace(self, scorecard=self.whole.at(name), whole=None) for name in others}
        return {**shorter, longest: self}

    @property
    def overlaps(self) -> bool:
        """Whether holdouts of this horizon overlap."""
        told = self.scorecard.provenance
        return told["horizon"] in told.get("overlapping_horizons", ())

    @cached_property
    def main(self) -> str:
        """The quantity that the headline is about: the last that a model forecast, which is the dearest."""
        modelled = [quantity for quantity in self.quantities if self.models_of(quantity)]
        return (modelled or self.quantities)[-1]

    @cached_property
    def origins(self) -> list[str]:
        """Origins with predictions, oldest first."""
        return sorted(self.scorecard.predictions["origin"].unique().tolist())

    @cached_property
    def last_origin(self) -> str:
        """The origin that the figures show."""
        return latest_origin(self.scorecard)

    @cached_property
    def models(self) -> list[str]:
        """Forecasters, in the order of the scorecard."""
        return models_at(self.scorecard)

    @cached_property
    def quantities(self) -> list[str]:
        """Quantities that were scored."""
        there = self.scorecard.predictions["quantity"].unique().tolist()
        return [name for name in QUANTITY_NAMES if name in there]

    @cached_property
    def formulas(self) -> list[str]:
        """Forecasters that give one number and no distribution."""
        table = self.scorecard.predictions
        distributions = table.loc[table["is_distribution"].astype(bool), "model"].unique().tolist()
        return [model for model in self.models if model not in distributions]

    @cached_property
    def one_number(self) -> str:
        """What those that give one number are together: formulas, unless somebody else's forecast is among them."""
        return "formula" if all(map(is_historical, self.formulas)) else "forecast of one number"

    @cached_property
    def baseline(self) -> str | None:
        """The forecaster that skill is measured against, if it was scored."""
        name = self.scorecard.baseline
        return name if name in self.models else None

    @cached_property
    def complete(self) -> list[str]:
        """Forecasters scored at every origin; only these are compared on averages."""
        table = self.scorecard.predictions
        seen = table.groupby("model")["origin"].nunique()
        return [model for model in self.models if seen[model] == len(self.origins)]

    def compared(self, quantity: str) -> list[str]:
        """Forecasters of a quantity at every origin; if there is none, all who forecast it anywhere."""
        forecast = [name for name in self.models if self.outcomes(quantity, name) is not None]
        return [name for name in forecast if name in self.complete] or forecast

    def models_of(self, quantity: str) -> list[str]:
        """Those compared that give a distribution."""
        return [name for name in self.compared(quantity) if name not in self.formulas]

    def formulas_of(self, quantity: str) -> list[str]:
        """Those compared that give one number."""
        return [name for name in self.compared(quantity) if name in self.formulas]

    @cached_property
    def _outcomes(self) -> dict[tuple[str, str], Outcomes]:
        table = self.scorecard.predictions
        ids = table["customer_id"].map(str).to_numpy(dtype=str)
        customer = np.unique(ids, return_inverse=True)[1]
        place = {name: i for i, name in enumerate(self.origins)}
        origin = table["origin"].map(place).to_numpy(dtype=int)
        columns = {name: table[name].to_numpy(dtype=float) for name in _OF_CUSTOMERS}
        groups: Any = table.groupby(["quantity", "model"], sort=False, observed=True).indices
        whole = Outcomes(origin, customer, columns)
        return {(str(key[0]), str(key[1])): whole.take(np.asarray(rows)) for key, rows in groups.items()}

    def outcomes(self, quantity: str, model: str) -> Outcomes | None:
        """What a forecaster said of each customer and what came; None if nothing."""
        return self._outcomes.get((quantity, model))

    @cached_property
    def _scores(self) -> dict[tuple[str, str, str, str], float]:
        scores = self.scorecard.scores
        keys = zip(*(scores[name] for name in ("quantity", "metric", "model", "origin")), strict=True)
        return dict(zip(keys, map(float, scores["value"]), strict=True))

    def value(self, quantity: str, metric: str, model: str, origin: str) -> float:
        """One score, NaN where a forecaster has none."""
        return self._scores.get((quantity, metric, model, origin), math.nan)

    def values(self, quantity: str, metric: str, model: str) -> dict[str, float]:
        """The scores a forecaster has, by origin."""
        found = {origin: self.value(quantity, metric, model, origin) for origin in self.origins}
        return {origin: value for origin, value in found.items() if not math.isnan(value)}

    def average(self, quantity: str, metric: str, model: str) -> float:
        """Mean of a score over the origins; the mean size of a bias; NaN where there is none."""
        values = list(self.values(quantity, metric, model).values())
        is_sized = metric in MEASURES and MEASURES[metric].aim == "zero"
        sized = [abs(value) for value in values] if is_sized else values
        return sum(sized) / len(sized) if sized else math.nan

    def miss(self, quantity: str, model: str) -> float:
        """Mean distance of a forecaster's totals from the actual ones, NaN where there are none."""
        said, came = (self.values(quantity, f"total_{name}", model) for name in ("mean", "actual"))
        return sum(abs(said[origin] - came[origin]) for origin in said) / len(said) if said else math.nan

    def relative_miss(self, quantity: str, model: str) -> float:
        """The same as a share of the mean actual total, NaN where nothing came."""
        came = list(self.values(quantity, "total_actual", model).values())
        return len(came) * self.miss(quantity, model) / sum(came) if sum(came) > 0 else math.nan

    def is_astray(self, quantity: str, model: str, origin: str) -> bool:
        """Whether the mean of a total lies outside its own interval."""
        mean, low, high = (
            self.value(quantity, f"total_{name}", model, origin) for name in ("mean", "q05", "q95")
        )
        return mean < low or mean > high

    def best(self, quantity: str, metric: str, among: list[str]) -> str | None:
        """Who is best on the average of a metric; the first of equals, None if nobody has it."""
        measure = MEASURES[metric]
        ranks = {model: measure.rank(self.average(quantity, metric, model)) for model in among}
        scored = [model for model in among if ranks[model] < math.inf]
        return min(scored, key=lambda model: ranks[model], default=None)

    def amount(self, quantity: str, value: float, decimals: int | None = None) -> str:
        """A number of purchases, or an amount of money with its currency."""
        places = decimals_for([value]) if decimals is None else decimals
        if quantity == "purchases":
            return fixed(value, places)
        return with_currency(fixed(value, min(places, 2)), self.currency)

    def apart(self, quantity: str, values: Sequence[float]) -> list[str]:
        """A difference of scores of a quantity and its bounds, with as many decimals as tell them from 0."""
        currency = "" if quantity == "purchases" else self.currency
        return [with_currency(fixed(value, decimals_apart(values)), currency) for value in values]

    def unit(self, quantity: str, *hints: str) -> str:
        """The hint of a column: the currency of an amount of money, and what else there is to say."""
        return ", ".join(filter(None, [self.currency if quantity != "purchases" else "", *hints]))

    def written(self, measure: Measure, quantity: str, value: float, decimals: int | None = None) -> str:
        """A score as the report writes it; amounts get decimals by their size if none are asked for."""
        if measure.unit == "amount":
            return self.amount(quantity, value, decimals)
        if measure.unit == "number":
            return fixed(value, 3)
        return per_cent(value, signed=measure.unit == "signed")

    def customer(self, identity: object) -> str:
        """A customer's id as the report shows it."""
        if not self.hash_ids:
            return str(identity)
        return hashlib.sha256(str(identity).encode()).hexdigest()[:12]

    def discreet(self, text: str) -> str:
        """A text that may quote ids after "first:", without them if ids are not to be shown."""
        return _IDS_SHOWN.sub("first ids withheld)", text) if self.hash_ids else text
