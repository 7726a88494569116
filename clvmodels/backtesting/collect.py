"""From walks to the tables of a Scorecard, column by column, so that no table is ever there twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.backtesting.cut import Cut
from clvmodels.backtesting.record import ALONE, QUANTILES, SAID, Said
from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.backtesting.walk import Walk
from clvmodels.errors import FitError

if TYPE_CHECKING:
    import pandas as pd

_OF_CUSTOMERS = ("customer_id", "frequency", "recency", "T")
_KEYS = ("origin", "horizon", "model", "quantity")


@dataclass(frozen=True, eq=False)
class Known:
    """What the tables need of an origin once its forecasters are done."""

    origin: str
    customers: Mapping[str, np.ndarray]
    actual: Mapping[str, Mapping[str, np.ndarray]]
    newcomers: Mapping[str, Mapping[str, float]]
    row: Mapping[str, Any]

    @classmethod
    def of(cls, cut: Cut, overlaps: Sequence[int]) -> Known:
        """The columns and sums of a cut, without its events."""
        report = cut.rfm.report
        lines = [] if report is None else [str(report)]
        if cut.left_out:
            lines.append(f"customers left out by the cohort rule: {cut.left_out:,}")
        lines += dict.fromkeys(f"holdout: {note}" for holdout in cut.holdouts for note in holdout.notes)
        newcomers = {}
        for text, holdout in zip(cut.horizons, cut.holdouts, strict=True):
            newcomers[text] = {
                "customers": float(holdout.new_customers),
                "purchases": float(holdout.new_purchases),
            }
            if holdout.new_spend is not None:
                newcomers[text]["spend"] = holdout.new_spend
        return cls(
            origin=cut.origin,
            customers={**{name: getattr(cut.rfm, name) for name in _OF_CUSTOMERS}, "cohort": cut.cohort},
            actual=cut.actual,
            newcomers=newcomers,
            row={
                "origin": cut.origin,
                "customers": len(cut.rfm),
                "rows_used": None if report is None else report.rows_used,
                "overlaps": ", ".join(cut.horizons[place] for place in overlaps),
                "report": "\n".join(lines),
            },
        )


@dataclass(frozen=True, eq=False)
class _Block:
    """The rows of one origin, horizon, model and quantity."""

    origin: str
    horizon: str
    model: str
    quantity: str
    known: Known
    said: Said

    def column(self, name: str) -> np.ndarray:
        """One column of these rows; missing where nothing was said."""
        if name in self.known.customers:
            return self.known.customers[name]
        actual = self.known.actual[self.horizon][self.quantity]
        if name == "actual":
            return actual
        if name == "is_distribution":
            return np.full(len(actual), self.said.is_distribution)
        found = self.said.customers[self.quantity].pop(name, None)  # let go of as the column is built
        return np.full(len(actual), np.nan) if found is None else found


def collect(
    walks: Sequence[Walk], known: Sequence[Known], baseline: str | None, provenance: Mapping[str, Any]
) -> Scorecard:
    """The scorecard of all walks, in the order of origins and forecasters.

    Raises
    ------
    FitError
        If no forecaster could be used anywhere.
    """
    import pandas as pd

    done = [walk for walk in walks if walk.is_done]
    if not done:
        reasons = dict.fromkeys(f"{walk.name}: {walk.reason}" for walk in walks)
        raise FitError("no forecaster could be used; " + "; ".join(reasons))
    at = {one.origin: one for one in known}
    blocks = [
        _Block(walk.origin, horizon, walk.name, quantity, at[walk.origin], said)
        for walk in done
        for horizon, said in walk.said.items()
        for quantity in said.customers
    ]
    points = [walk.name for walk in done if not any(said.is_distribution for said in walk.said.values())]
    if baseline not in {walk.name for walk in done}:
        baseline = points[0] if points else None
    versions = {package: version(package) for package in ("clvmodels", "numpy", "scipy", "pandas")}
    return Scorecard(
        totals=_totals(blocks),
        predictions=_predictions(blocks),
        tracking=pd.concat([_tracking(walk) for walk in done], ignore_index=True),
        fits=pd.DataFrame([_fit_row(walk) for walk in walks]),
        newcomers=_newcomers(walks, at),
        data=pd.DataFrame([dict(one.row) for one in known]),
        baseline=baseline,
        provenance={**provenance, "versions": versions},
    )


def _predictions(blocks: Sequence[_Block]) -> pd.DataFrame:
    import pandas as pd

    sizes = [len(block.known.customers["T"]) for block in blocks]
    columns: dict[str, Any] = {name: _labels([getattr(b, name) for b in blocks], sizes) for name in _KEYS}
    for name in _OF_CUSTOMERS:
        columns[name] = np.concatenate([block.column(name) for block in blocks])
    columns["cohort"] = _cohorts(blocks)
    for name in ("is_distribution", *SAID, "actual"):
        columns[name] = np.concatenate([block.column(name) for block in blocks])
    return pd.DataFrame(columns, copy=False)


def _cohorts(blocks: Sequence[_Block]) -> pd.Categorical[Any]:
    """Month of each customer's first purchase; the texts of an origin are sorted once, not for every block."""
    import pandas as pd

    months = {block.origin: block.known.customers["cohort"] for block in blocks}
    names = np.unique(np.concatenate(list(months.values())))
    codes = {origin: np.searchsorted(names, month) for origin, month in months.items()}
    kinds = pd.Index(names.tolist())
    return pd.Categorical.from_codes(
        np.concatenate([codes[block.origin] for block in blocks]), kinds, ordered=True
    )


def _labels(labels: Sequence[str], sizes: Sequence[int]) -> pd.Categorical[Any]:
    """A column of few different texts; origins ascend, so that the last one is the largest."""
    import pandas as pd

    kinds = list(dict.fromkeys(labels))
    codes = np.repeat([kinds.index(label) for label in labels], sizes)
    return pd.Categorical.from_codes(codes, pd.Index(kinds), ordered=kinds == sorted(kinds))


def _totals(blocks: Sequence[_Block]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for block in blocks:
        row = {name: getattr(block, name) for name in _KEYS} | {"is_distribution": block.said.is_distribution}
        said = block.said.totals[block.quantity]
        rows.append(row | {name: said.get(name, np.nan) for name in ("mean", *QUANTILES, *ALONE, "actual")})
    return pd.DataFrame(rows)


def _tracking(walk: Walk) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(walk.weeks)
    for name, value in (("model", walk.name), ("horizon", list(walk.said)[-1]), ("origin", walk.origin)):
        table.insert(0, name, value)
    return table


def _fit_row(walk: Walk) -> dict[str, Any]:
    row: dict[str, Any] = {
        "origin": walk.origin,
        "model": walk.name,
        "status": "ok" if walk.is_done else "failed",
    }
    names = ("convergence", "reason", "warnings", "summary", "fit_seconds", "forecast_seconds", "discrepancy")
    return row | {name: getattr(walk, name) for name in names}


def _newcomers(walks: Sequence[Walk], at: Mapping[str, Known]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for walk in walks:
        for horizon, actual in at[walk.origin].newcomers.items():
            forecast = walk.said[horizon].newcomers if horizon in walk.said else {}
            for quantity, came in actual.items():
                said = forecast.get(quantity, {})
                key = dict(zip(_KEYS, (walk.origin, horizon, walk.name, quantity), strict=True))
                row = {name: said.get(name, np.nan) for name in ("mean", "q05", "q95")}
                rows.append({**key, **row, "actual": came})
    return pd.DataFrame(rows)
