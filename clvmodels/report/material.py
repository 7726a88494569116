"""What a report is written from, and the questions every section asks of it."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.forecast import FittedCLV
from clvmodels.plots import latest_origin, models_at
from clvmodels.prediction import Forecast
from clvmodels.report.measures import MEASURES, QUANTITY_NAMES, Measure
from clvmodels.report.numbers import decimals_for, fixed, per_cent, with_currency
from clvmodels.rfm import RFM

if TYPE_CHECKING:
    import pandas as pd

_IDS_SHOWN = re.compile(r"first: .*")


@dataclass(frozen=True, eq=False)
class Material:
    """The nouns of one report and how it writes them."""

    scorecard: Scorecard
    forecast: Forecast | None
    fitted: FittedCLV | None
    rfm: RFM | None
    currency: str
    top: int
    hash_ids: bool

    @cached_property
    def origins(self) -> list[str]:
        """Origins with predictions, oldest first."""
        return sorted(set(self.scorecard.predictions["origin"]))

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
        return [name for name in QUANTITY_NAMES if name in set(self.scorecard.predictions["quantity"])]

    @cached_property
    def formulas(self) -> list[str]:
        """Forecasters that give one number and no distribution."""
        table = self.scorecard.predictions
        distributions = set(table.loc[table["is_distribution"].astype(bool), "model"])
        return [model for model in self.models if model not in distributions]

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
    def _outcomes(self) -> dict[tuple[str, str], pd.DataFrame]:
        groups = self.scorecard.predictions.groupby(["quantity", "model"], sort=False)
        return {
            (str(quantity), str(model)): group.set_index(["origin", "customer_id"])
            for (quantity, model), group in groups
        }

    def outcomes(self, quantity: str, model: str) -> pd.DataFrame | None:
        """What a forecaster said of each customer and what came, by origin and customer; None if nothing."""
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
        sized = [abs(value) for value in values] if MEASURES[metric].aim == "zero" else values
        return sum(sized) / len(sized) if sized else math.nan

    def miss(self, quantity: str, model: str) -> float:
        """Mean distance of a forecaster's totals from the actual ones, NaN where there are none."""
        said, came = (self.values(quantity, f"total_{name}", model) for name in ("mean", "actual"))
        return sum(abs(said[origin] - came[origin]) for origin in said) / len(said) if said else math.nan

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
        text = fixed(value, places)
        return text if quantity == "purchases" else with_currency(text, self.currency)

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
