"""What commands say: results on stdout as text within 100 columns."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from clvmodels.backtesting import Scorecard
    from clvmodels.prediction import Forecast
    from clvmodels.report.blocks import Sentence

WIDTH = 100
NOTHING = "-"
_WORD = 8  # letters, however wide the numbers are


def say(text: str = "") -> None:
    """A result, on stdout."""
    typer.echo(text)


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int = WIDTH) -> str:
    """Columns in line, the first to the left and wrapped to what the others leave of the width, a word at least.

    Examples
    --------
    >>> print(text_table(["model", "MAE"], [["a long name", "0.5"], ["short", "12"]], width=12))
    model    MAE
    a long   0.5
      name
    short     12
    >>> print(text_table(["model", "a total as wide as the page"], [["a long name", "9"]], width=12))
    model     a total as wide as the page
    a long                              9
      name
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    left = width - sum(widths[1:]) - 2 * (len(head) - 1)
    widths[0] = min(widths[0], max(left, _WORD))
    lines = []
    for name, *cells in (head, *rows):
        first, *more = textwrap.wrap(name, widths[0], subsequent_indent="  ") or [""]
        aligned = [cell.rjust(size) for cell, size in zip(cells, widths[1:], strict=True)]
        lines += ["  ".join([first.ljust(widths[0]), *aligned]), *more]
    return "\n".join(line.rstrip() for line in lines)


def number(value: Any, form: str = ",.0f", scale: float = 1.0, after: str = "") -> str:
    """A number as text, a dash where there is none.

    Examples
    --------
    >>> number(0.1234, "+.1f", 100, " %"), number(float("nan"))
    ('+12.3 %', '-')
    """
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value * scale:{form}}{after}"


_UNITS = {
    "purchases": "PURCHASES",
    "spend": "MONEY ({0}undiscounted, before margin)",
    "value": "VALUE ({0}discounted margin)",
}


def comparison(scorecard: Scorecard, quantity: str, currency: str = "") -> str:
    """Scores of one quantity, a table per origin; amounts of money in the currency of the title."""
    table = scorecard.table(quantity)
    blocks = []
    for origin in dict.fromkeys(table.index.get_level_values("origin")):
        scores = table.xs(origin, level="origin")
        customers = int(scorecard.scores.query("origin == @origin and quantity == @quantity")["n"].max())
        people = f"{customers:,} customer{'' if customers == 1 else 's'}"
        title = _UNITS[quantity].format(f"{currency}, " if currency else "")
        blocks.append(
            f"{title}: {scorecard.provenance['horizon']} after {origin}, {people}, "
            f"actual total {scores['total_actual'].iloc[0]:,.0f}"
        )
        digits = 3 if quantity == "purchases" else 2
        rows = [_scores_of(str(model), row, digits) for model, row in scores.iterrows()]
        head = ["model", "total", "90 % interval", "bias", "CRPS", "RMSE", "MAE", "in 90 %", "top 10 %"]
        blocks.append(text_table(head, rows))
        astray = [str(model) for model, row in scores.iterrows() if _is_astray(row)]
        if astray:
            blocks.append(
                textwrap.fill(
                    f"mean total outside its own interval, a few draws carry it: {', '.join(astray)}", WIDTH
                )
            )
    return "\n".join(blocks)


def _is_astray(scores: Any) -> bool:
    low, high = (scores.get(f"total_{end}", math.nan) for end in ("q05", "q95"))
    return bool(scores["total_mean"] < low or scores["total_mean"] > high)


def _scores_of(model: str, scores: Any, digits: int) -> list[str]:
    interval = NOTHING
    if not math.isnan(scores.get("total_q05", math.nan)):
        interval = f"{scores['total_q05']:,.0f} to {scores['total_q95']:,.0f}"
    return [
        model,
        number(scores["total_mean"]),
        interval,
        number(scores.get("bias_total"), "+.1f", 100, " %"),
        *(number(scores.get(metric), f".{digits}f") for metric in ("crps", "rmse", "mae")),
        *(number(scores.get(metric), ".1f", 100, " %") for metric in ("coverage_90", "capture_10")),
    ]


def verdict(scorecard: Scorecard, currency: str = "") -> str:
    """The verdict of the report as text: who to use for what, and where the historical formula wins."""
    from clvmodels.report.blocks import Bullets, Heading, Text
    from clvmodels.report.material import Material
    from clvmodels.report.verdict import verdict_in_full

    material = Material(scorecard.at(), currency=currency, whole=scorecard)
    lines = ["VERDICT"]
    for block in verdict_in_full(material):
        if isinstance(block, Heading):
            lines.append(f"{block.words}:")
        elif isinstance(block, Text):
            lines.append(filled(block.parts))
        elif isinstance(block, Bullets):
            lines += [filled(item, "- ") for item in block.items]
    return "\n".join(lines)


def filled(sentence: Sentence, before: str = "") -> str:
    """A sentence within the width, later lines indented like the first."""
    text = "".join(part if isinstance(part, str) else part.words for part in sentence)
    return textwrap.fill(before + text, WIDTH, subsequent_indent=" " * len(before))


LEGEND = textwrap.fill(
    "bias: forecast total over actual, minus 1. CRPS, RMSE (of the mean), MAE (of the median) per customer: "
    "lower is better; the CRPS of a formula is its absolute error. in 90 %: customers inside their 90 % "
    "predictive interval. top 10 %: share of the actual total that came from the tenth of customers with "
    "the highest forecasts.",
    WIDTH,
)


def failures(scorecard: Scorecard) -> list[str]:
    """A line per forecaster that could not be used at an origin."""
    failed = scorecard.fits[scorecard.fits["status"] != "ok"]
    return [
        textwrap.fill(f"{row.model} at {row.origin} could not be used: {row.reason}", WIDTH)
        for row in failed.itertuples()
    ]


def forecast_text(forecast: Forecast) -> str:
    """Totals with their intervals, what they are measured in, and where they come from."""
    facts = forecast.provenance
    lines = [str(forecast)]
    if forecast.value is not None:
        lines.append(
            f"value is {facts['margin']:.0%} of spend in the currency of the log, "
            f"discounted at {facts['annual_discount_rate']:.1%} a year"
        )
    fits = ", ".join(f"{fit['model']} {fit['status'].lower().replace('_', ' ')}" for fit in facts["fits"])
    lines.append(
        f"made by clvmodels {facts['fits'][0]['versions']['clvmodels']}: {fits}; {facts['draws']:,} draws, "
        f"seed {facts['seed']}, customers {facts['customers_hash']}"
    )
    return "\n".join(
        textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in "\n".join(lines).splitlines()
    )


def wrote(*paths: Path) -> None:
    """Which files there are now."""
    say("wrote " + ", ".join(map(str, paths)))
