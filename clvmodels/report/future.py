"""The forecast from the end of the data, and the fits behind it."""

from __future__ import annotations

import json
import math
from datetime import datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels import plots
from clvmodels.inference import Posterior
from clvmodels.prediction import MODEL_ONLY, WITH_MARKET, Forecast, Quantity, quantile_name
from clvmodels.report.blocks import (
    MISSING,
    Block,
    Column,
    Definitions,
    Heading,
    Pair,
    Picture,
    Section,
    Source,
    Table,
    Text,
    cells,
)
from clvmodels.report.drawing import HALF, picture
from clvmodels.report.material import Material
from clvmodels.report.measures import MEASURES, TERMS
from clvmodels.report.numbers import (
    CARRIED,
    INTERVAL,
    NORMAL_90,
    counted,
    decimals_for,
    fixed,
    per_cent,
    with_minus,
)

if TYPE_CHECKING:
    import pandas as pd


def forecast_section(material: Material, forecast: Forecast) -> Section:
    """Totals, periods and the customers with the highest expected value."""
    provenance = forecast.provenance
    count = len(forecast.columns["customer_id"])
    parts = [
        f"{forecast.name}, {_window(forecast)}, {counted(count, 'customer')} known at the end of the data."
    ]
    if "annual_discount_rate" in provenance:
        parts.append(
            f" Value is discounted at {per_cent(provenance['annual_discount_rate'])} a year "
            f"and counts {per_cent(provenance.get('margin', 1.0))} of spend as margin."
        )
    if "uncertainty" in provenance and forecast.is_distribution:
        parts.append(f" The intervals hold {provenance['uncertainty']}.")
    quantities = [item for item in (forecast.purchases, forecast.value) if item is not None]
    blocks: list[Block] = [Text(parts), _totals(material, forecast)]
    blocks.append(Pair([_total_picture(material, forecast, item.name) for item in quantities]))
    blocks.append(Pair([_periods_picture(material, forecast, item.name) for item in quantities]))
    blocks += [_periods_table(material, forecast), _top_customers(material, forecast)]
    return Section("forecast", "Forecast from the end of the data", blocks)


def _window(forecast: Forecast) -> str:
    """The length of the horizon and its first and last day."""
    starts, ends = forecast.horizon.starts, forecast.horizon.ends
    if not starts or not ends:
        return forecast.horizon.text
    return f"{forecast.horizon.text} ({_day(starts[0])} to {_day(ends[-1], exclusive=True)})"


def _totals(material: Material, forecast: Forecast) -> Table:
    rows, astray = [], []
    for item in (forecast.purchases, forecast.value):
        if item is None:
            continue
        texts = [material.amount(item.name, item.mean, 0)]
        if forecast.is_distribution:
            texts += [
                _median(material, item),
                _interval(material, item),
                material.amount(item.name, item.sd, 0),
            ]
            texts.append(MISSING if item.alone is None else _interval(material, item.alone))
            astray += [item.name] if _is_astray(item) else []
        else:
            texts += [MISSING] * 4
        rows.append(cells(item.name.capitalize(), *texts))
    columns = [Column("Total", is_number=False), Column("Mean"), Column("Median")]
    columns += [Column(f"{INTERVAL} interval", "central, predictive"), Column("Standard deviation")]
    columns += [Column(f"{INTERVAL} interval", MODEL_ONLY)]
    if forecast.total.alone is None:
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    notes = [] if forecast.is_distribution else [f"{MISSING} a formula gives one number and no interval."]
    notes += [f"The mean of total {name} lies outside its own interval: {CARRIED}." for name in astray]
    return Table("forecast-totals", "Totals over all customers", columns, rows, notes)


def _interval(material: Material, item: Quantity) -> str:
    low, high = (material.amount(item.name, bound, 0) for bound in item.interval(0.9))
    return f"{low} to {high}"


def _median(material: Material, item: Quantity) -> str:
    return material.amount(item.name, float(np.median(item.draws)), 0)


def _is_astray(item: Quantity) -> bool:
    """Whether the mean lies outside the central interval of the same draws."""
    low, high = item.interval(0.9)
    return not low <= item.mean <= high


def _spread(material: Material, forecast: Forecast, name: str) -> str:
    item = forecast.purchases if name == "purchases" or forecast.value is None else forecast.value
    mean = material.amount(name, item.mean, 0)
    if not forecast.is_distribution:
        return f"{mean}; a formula gives no interval"
    said = f"mean {mean}, central {INTERVAL} predictive interval {_interval(material, item)}"
    if item.alone is not None:
        said += f" {WITH_MARKET} ({MODEL_ONLY}: {_interval(material, item.alone)})"
    return said + (f", median {_median(material, item)} ({CARRIED})" if _is_astray(item) else "")


def _total_picture(material: Material, forecast: Forecast, name: str) -> Picture:
    said = _spread(material, forecast, name)
    return picture(
        f"figure-total-{name}",
        partial(plots.plot_total, forecast, name, currency=material.currency),
        title=f"Distribution of total {name}",
        description=f"Total {name}: {said}.",
        caption=f"Total {name} in the horizon: {said}.",
        size=HALF,
    )


def _periods_picture(material: Material, forecast: Forecast, name: str) -> Picture:
    frame = plots.periods_frame(forecast, name)
    first, last = (material.amount(name, float(frame["mean"].iloc[i])) for i in (0, -1))
    kind = f" with central {INTERVAL} predictive intervals" if forecast.is_distribution else ""
    return picture(
        f"figure-periods-{name}",
        partial(plots.plot_periods, forecast, name, currency=material.currency),
        title=f"Total {name} per period",
        description=f"{len(frame)} periods, from {first} in the first to {last} in the last, on the mean.",
        caption=f"Total {name} per period{kind}. Periods that the window cuts short are lower for that reason alone.",
        size=HALF,
    )


def _periods_table(material: Material, forecast: Forecast) -> Table:
    table = forecast.period_table(0.9)
    names = [item.name for item in (forecast.purchases, forecast.value) if item is not None]
    decimals = {name: decimals_for(list(table[f"{name}_mean"])) for name in names}
    bounds = decimals | {"purchases": 0}  # a total of purchases is a whole number, its mean is not
    rows = []
    for i, label in enumerate(_period_labels(forecast)):
        texts = [label]
        for name in names:
            row = table.iloc[i]
            texts.append(fixed(float(row[f"{name}_mean"]), decimals[name]))
            if forecast.is_distribution:
                low, high = (fixed(float(row[f"{name}_{end}"]), bounds[name]) for end in ("low", "high"))
                texts.append(f"{low} to {high}")
        rows.append(cells(*texts))
    columns = [Column("Period", is_number=False)]
    for name in names:
        unit = material.currency if name != "purchases" else ""
        columns.append(Column(name.capitalize(), ", ".join(filter(None, ["mean", unit]))))
        if forecast.is_distribution:
            columns.append(Column(f"{INTERVAL} interval", f"{name}, central, predictive"))
    return Table("forecast-periods", "Totals per period", columns, rows)


def _period_labels(forecast: Forecast) -> list[str]:
    starts, ends = forecast.horizon.starts, forecast.horizon.ends
    if starts is None or ends is None:
        return [str(period) for period in range(1, len(forecast.horizon.edges))]
    return [f"{_day(start)} to {_day(end, exclusive=True)}" for start, end in zip(starts, ends, strict=True)]


def _day(moment: datetime, *, exclusive: bool = False) -> str:
    if moment.time() != time():
        return f"{moment:%Y-%m-%d %H:%M}"
    return f"{moment - timedelta(days=1) if exclusive else moment:%Y-%m-%d}"


def _top_customers(material: Material, forecast: Forecast) -> Table:
    table = forecast.customers
    worth = "clv" if "clv_mean" in table else "purchases"
    levels = sorted(forecast.provenance.get("levels", (0.05, 0.95)))
    low, high = (quantile_name(worth, level) for level in (levels[0], levels[-1]))
    ids = table["customer_id"].map(str)
    ordered = table.assign(_id=ids).sort_values([f"{worth}_mean", "_id"], ascending=[False, True])
    top = ordered.head(material.top)
    share = top[f"{worth}_mean"].sum() / table[f"{worth}_mean"].sum()
    rows = [cells(*_customer(material, row, worth, low, high)) for _, row in top.iterrows()]
    percent = " to ".join(f"{100 * level:g}" for level in (levels[0], levels[-1]))
    label = "CLV" if worth == "clv" else "Purchases"
    unit = material.currency if worth == "clv" else ""
    columns = [
        Column("Customer", is_number=False),
        Column("P(alive)", "never observed"),
        Column("P(buys)", "at least once"),
        Column("Expected purchases"),
        Column(label, ", ".join(filter(None, ["mean", unit]))),
        Column(f"{percent} %", ", ".join(filter(None, ["predictive quantiles", unit]))),
    ]
    whole = counted(len(table), "customer")
    verb, few = ("holds", "This") if len(top) == 1 else ("hold", "These")
    notes = [f"{few} {len(top):,} of {whole} {verb} {per_cent(share)} of the expected total."]
    if low in top and (astray := int((~top[f"{worth}_mean"].between(top[low], top[high])).sum())):
        notes.append(f"For {astray:,} of them the mean lies outside their own quantiles: {CARRIED}.")
    if {"p_alive", "p_purchase"} <= set(top) and forecast.is_distribution:
        notes.append(_of_drawn(len(forecast.total.draws)))
    if material.hash_ids:
        notes.append(
            "Ids are shown as the first 12 digits of their SHA-256; whoever knows the ids can do the same."
        )
    best = "value" if worth == "clv" else "purchases"
    caption = f"The {counted(len(top), 'customer')} with the highest expected {best}"
    return Table("forecast-top", caption, columns, rows, notes)


def _of_drawn(draws: int) -> str:
    """Why P(buys) may come out above P(alive)."""
    reach = fixed(100 * NORMAL_90 * 0.5 / math.sqrt(draws), 1)
    return (
        f"P(buys) is a share of {draws:,} draws, which chance moves by up to {reach} points ({INTERVAL} interval): "
        "it may come out above P(alive)."
    )


def _customer(material: Material, row: pd.Series, worth: str, low: str, high: str) -> list[str]:
    def number(name: str, decimals: int = 2) -> str:
        return fixed(float(row[name]), decimals) if name in row.index else MISSING

    def chance(name: str) -> str:
        return per_cent(float(row[name])) if name in row.index else MISSING

    bounds = f"{number(low)} to {number(high)}" if low in row.index else MISSING
    return [
        material.customer(row["customer_id"]),
        chance("p_alive"),
        chance("p_purchase"),
        number("expected_purchases"),
        number(f"{worth}_mean"),
        bounds,
    ]


def fits_section(material: Material) -> Section:
    """How every fit went; parameters of the fitted models if they are given."""
    rows = [
        cells(
            str(row["origin"]),
            str(row["model"]),
            str(row["status"]),
            with_minus(material.discreet("\n".join(filter(None, [str(row["reason"]), str(row["summary"])]))))
            or MISSING,
        )
        for row in material.scorecard.fits.to_dict("records")
    ]
    columns = [Column(label, is_number=False) for label in ("Origin", "Forecaster", "Outcome")]
    columns.append(Column("What was fitted", is_number=False, is_prose=True))
    blocks: list[Block] = [Table("fits-backtest", "Fits of the backtest", columns, rows)]
    if material.fitted is not None:
        for i, posterior in enumerate(material.fitted.posteriors):
            blocks += _posterior(material, posterior, f"fit-{i + 1}")
    return Section("fits", "Fitted models", blocks)


_PARAMETER_COLUMNS = {
    "optimum": ("Optimum", ""),
    "mean": ("Mean", "posterior"),
    "sd": ("Standard deviation", "posterior"),
    "low": ("5 %", f"central {INTERVAL} posterior interval, from"),
    "high": ("95 %", "to"),
    "standard_error": ("Standard error", "from the curvature"),
}


def _posterior(material: Material, posterior: Posterior, key: str) -> list[Block]:
    table = posterior.summary(0.9)
    names = [name for name in _PARAMETER_COLUMNS if name in table.columns]
    columns = [Column("Parameter", is_number=False), Column("Meaning", is_number=False, is_prose=True)]
    columns += [Column(*_PARAMETER_COLUMNS[name]) for name in names]
    rows = [
        cells(str(parameter), str(row["meaning"]), *(f"{row[name]:,.4g}".replace("-", "−") for name in names))
        for parameter, row in table.iterrows()
    ]
    notes = []
    if not posterior.is_distribution:
        notes.append("One parameter vector: predictive intervals hold chance only, not uncertain parameters.")
    facts = [("Method", posterior.method), ("Outcome", posterior.status.value)]
    if posterior.reason:
        facts.append(("Reason", material.discreet(posterior.reason)))
    facts.append(("Log-likelihood", fixed(posterior.loglik, 3)))
    facts += [
        (_DIAGNOSTICS.get(name, name), f"{value:,.4g}".replace("-", "−"))
        for name, value in posterior.diagnostics.items()
    ]
    caption = f"Parameters of {posterior.model.title}"
    return [Heading(posterior.model.title), Definitions(facts), Table(key, caption, columns, rows, notes)]


_DIAGNOSTICS = {
    "k_hat": "Pareto k of the importance weights (below 0.7 is good)",
    "effective_size": "Effective number of draws",
    "customers": "Customers",
    "patterns": "Distinct histories",
    "rounds": "Rounds of importance sampling",
}


def provenance_section(material: Material) -> Section:
    """Everything needed to repeat the numbers, for people and as JSON."""
    sources: dict[str, Any] = {
        "backtest": dict(material.scorecard.provenance) | {"baseline": material.scorecard.baseline}
    }
    if material.forecast is not None:
        sources["forecast"] = dict(material.forecast.provenance)
    if material.fitted is not None:
        sources["fits"] = [dict(posterior.provenance) for posterior in material.fitted.posteriors]
    text = json.dumps(sources, indent=2, ensure_ascii=False, default=_plain)
    blocks: list[Block] = []
    for name, content in json.loads(text).items():
        blocks.append(Heading(name.capitalize()))
        items = content if isinstance(content, list) else [content]
        blocks.append(
            Definitions(
                [(key.replace("_", " "), _in_words(value)) for item in items for key, value in item.items()]
            )
        )
    return Section("provenance", "Provenance", [*blocks, Source("The same as JSON", text)])


def _plain(value: Any) -> Any:
    """A NumPy number or array as JSON knows it, anything else as text."""
    convert = getattr(value, "tolist", None)
    return convert() if callable(convert) else str(value)


def _in_words(value: Any) -> str:
    """A value as people read it; what belongs together stands in parentheses."""
    if isinstance(value, dict):
        inner = [(key.replace("_", " "), item) for key, item in value.items()]
        return ", ".join(
            f"{key} ({_in_words(item)})"
            if isinstance(item, dict | list) and item
            else f"{key} {_in_words(item)}"
            for key, item in inner
        )
    if isinstance(value, list):
        return "; ".join(map(_in_words, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.6g}".replace("-", "−")
    return MISSING if value is None else str(value)


def glossary_section() -> Section:
    """Terms and metrics, a line each."""
    metrics = [(measure.label, measure.rewards) for measure in MEASURES.values()]
    blocks: list[Block] = [Heading("Terms"), Definitions(TERMS), Heading("Metrics"), Definitions(metrics)]
    return Section("glossary", "Glossary", blocks)
