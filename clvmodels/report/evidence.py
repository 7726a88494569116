"""Evidence that several pages show: who appears in figures, and means of groups of customers in the holdout."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from clvmodels import plots
from clvmodels.report.blocks import MISSING, Cell, Column, Picture, Table
from clvmodels.report.drawing import WIDE, picture
from clvmodels.report.leads import find_leads, nearest_total
from clvmodels.report.material import Material
from clvmodels.report.measures import QUANTITY_NAMES
from clvmodels.report.numbers import INTERVAL, counted, decimals_for, fixed, listed

if TYPE_CHECKING:
    import pandas as pd

_MOST_LINES = 5
_GROUPS: dict[str, tuple[Callable[..., pd.DataFrame], Callable[..., Any], str]] = {
    "frequency": (
        plots.holdout_by_frequency_frame,
        plots.plot_holdout_by_frequency,
        "repeat purchases before the origin",
    ),
    "recency": (
        plots.holdout_by_recency_frame,
        plots.plot_holdout_by_recency,
        "age at the last purchase before the origin",
    ),
    "cohort": (plots.holdout_by_cohort_frame, plots.plot_holdout_by_cohort, "month of the first purchase"),
}


def figure_models(material: Material, most: int = _MOST_LINES) -> list[str]:
    """Who appears in the figures: those who lead, the baseline, the best formulas, then others while there is room."""
    at_hand = plots.models_at(material.scorecard, material.last_origin)
    leaders: list[str | None] = [material.baseline]
    for quantity in material.quantities:
        leads = find_leads(material, quantity)
        leaders += [leads.customer, leads.total, leads.customer_model, leads.total_model]
    for quantity in material.quantities:
        formulas = material.formulas_of(quantity)
        leaders += [nearest_total(material, quantity, formulas), material.best(quantity, "crps", formulas)]
    kept = [*dict.fromkeys(model for model in [*leaders, *at_hand] if model in at_hand)][:most]
    return [model for model in at_hand if model in kept]


def not_drawn(material: Material, models: Sequence[str]) -> str:
    """A sentence on who is left out of a figure, so that nobody is missed."""
    others = [
        name for name in plots.models_at(material.scorecard, material.last_origin) if name not in models
    ]
    return f" Not drawn: {listed(others)}; tables hold them." if others else ""


def lead_model(material: Material, quantity: str) -> str | None:
    """The model whose distribution the figures look at more closely."""
    at_hand = plots.models_at(material.scorecard, material.last_origin)
    best = find_leads(material, quantity).customer_model
    if best in at_hand:
        return best
    return next((model for model in at_hand if model not in material.formulas), None)


def groups_picture(
    material: Material, quantity: str, by: str, size: tuple[float, float] = WIDE, most: int = _MOST_LINES
) -> Picture:
    """Holdout means of groups of customers, as they came and as they were forecast.

    Parameters
    ----------
    material, quantity
        What is shown.
    by
        ``frequency``, ``recency`` or ``cohort``.
    size
        In inches.
    most
        Forecasters, at most.
    """
    frame_of, plot, groups = _GROUPS[by]
    models, name, origin = figure_models(material, most), QUANTITY_NAMES[quantity], material.last_origin
    frame = frame_of(material.scorecard, quantity, origin, models)
    worst = _furthest(material, quantity, frame, by)
    return picture(
        f"figure-{by}-{quantity}",
        partial(plot, material.scorecard, quantity, origin, models, currency=material.currency),
        title=f"{name} in the holdout by {groups}",
        description=f"Mean {quantity} per customer in the holdout by {groups}, actual and as forecast by "
        f"{listed(models)}. {worst}",
        caption=f"{name} per customer in the holdout by {groups}, origin {origin}. Bars on the actual: {INTERVAL} "
        f"confidence interval of its mean. {worst}{not_drawn(material, models)}",
        size=size,
    )


def _furthest(material: Material, quantity: str, frame: pd.DataFrame, by: str) -> str:
    """The group where the first forecaster is furthest from the actual, in standard errors."""
    first = frame[frame["model"] == frame["model"].iloc[0]]
    distance = ((first["mean"] - first["actual"]) / first["standard_error"].replace(0.0, math.nan)).abs()
    if distance.isna().all():
        return ""
    row = first.loc[distance.idxmax()]
    forecast, actual = (material.amount(quantity, float(row[name]), 2) for name in ("mean", "actual"))
    return (
        f"{row['model']} is furthest off at {by} {row[by]}: forecast {forecast}, actual {actual} each "
        f"({counted(int(row['customers']), 'customer')})."
    )


def frequency_table(material: Material, quantity: str) -> Table:
    """One column per frequency, so that any number of forecasters fits below each other."""
    frame = plots.holdout_by_frequency_frame(material.scorecard, quantity, material.last_origin)
    models = list(dict.fromkeys(frame["model"]))
    decimals = max(2, decimals_for([*frame["mean"], *frame["actual"]])) if quantity == "purchases" else 2
    groups = frame[frame["model"] == models[0]]
    spreads = [
        MISSING if math.isnan(error) else f"± {fixed(error, decimals)}" for error in groups["standard_error"]
    ]
    rows = [
        ["Customers", *(f"{count:,}" for count in groups["customers"])],
        ["Actual", *(fixed(value, decimals) for value in groups["actual"])],
        ["Standard error of the actual", *spreads],
    ]
    for model in models:
        means = frame.loc[frame["model"] == model, "mean"]
        rows.append([model, *(fixed(value, decimals) for value in means)])
    columns = [Column("Mean per customer", material.unit(quantity), is_number=False)]
    columns += [Column(str(frequency), "before") for frequency in groups["frequency"]]
    caption = f"Mean {QUANTITY_NAMES[quantity].lower()} in the holdout by past frequency, origin {material.last_origin}"
    return Table(f"frequency-{quantity}", caption, columns, [[Cell(text) for text in row] for row in rows])
