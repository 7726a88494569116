"""The page: sections in order, one template, one file that is there whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clvmodels.backtesting.scorecard import Scorecard, check_scorecard
from clvmodels.criticism import Suspicion
from clvmodels.errors import ArgumentError, as_path, check_kind, whole_number
from clvmodels.forecast import FittedCLV
from clvmodels.io import replacing
from clvmodels.plots import latest_origin
from clvmodels.prediction import Forecast
from clvmodels.report.blocks import Section
from clvmodels.report.customer import customer_section
from clvmodels.report.data import data_section
from clvmodels.report.formula import formula_section
from clvmodels.report.future import fits_section, forecast_section, glossary_section, provenance_section
from clvmodels.report.material import Material
from clvmodels.report.portrait import portrait_section
from clvmodels.report.ranking import ranking_section
from clvmodels.report.suspects import suspects_section
from clvmodels.report.total import total_section
from clvmodels.report.verdict import verdict_section
from clvmodels.rfm import RFM
from clvmodels.transactions import Holdout

_HERE = Path(__file__).parent
_SECTION = "make one as Section(key, title, blocks)"
_SPACED_PER_CENT = re.compile(r"(?<=\d) %")  # a line must not break before the sign


def write_report(
    scorecard: Scorecard,
    path: str | os.PathLike[str],
    *,
    forecast: Forecast | None = None,
    fitted: FittedCLV | None = None,
    rfm: RFM | None = None,
    currency: str = "",
    title: str | None = None,
    top: int = 20,
    hash_ids: bool = False,
    suspicions: Sequence[Suspicion] = (),
    holdout: Holdout | None = None,
    sections: Sequence[Section] = (),
) -> Path:
    """Write one HTML file: the verdict, a page for each question behind it, the forecast, and where it all came from.

    The questions are: can I trust the total, the ranking, the single customer; what would the formula have said;
    and what to suspect where a forecast failed.

    The file needs nothing but itself (no script, no address outside it) and holds no time of day:
    the same arguments give the same bytes. It replaces an older file in one step.

    Parameters
    ----------
    scorecard
        A backtest.
    path
        The file; missing folders are made.
    forecast
        The forecast from the end of the data.
    fitted
        The model behind it, for its parameters and for what it says of customers.
    rfm
        The summary of the whole log, for its data report; by default that of `fitted`.
    currency
        A symbol (``"€"``, set before amounts) or a code (``"EUR"``, set behind).
    title
        Heading of the page.
    top
        Customers in the table of the highest forecasts, at least 0.
    hash_ids
        Show customers by a hash of their id.
    suspicions
        What `criticise` found in the log.
    holdout
        Purchases of customers one by one, from `calibration_holdout`, for the timelines of a few of them.
    sections
        More sections, made of the blocks of this room; they stand behind the forecast. Ids in them are shown as
        they are given.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ArgumentError
        If an argument is of the wrong kind, `top` is negative, the scorecard holds no prediction, a section takes the
        place of another, or the file cannot be written; an older one is then untouched.
    TemporaryError
        If the disk is full.
    """
    target = as_path("path", path)
    whole_number("top", top, least=0)
    check_scorecard(scorecard)
    check_kind("currency", currency, str, "write a symbol or a code, such as EUR")
    _check_parts(forecast, fitted, rfm, holdout)
    _check_each("suspicions", suspicions, Suspicion, "find them with criticise")
    _check_each("sections", sections, Section, _SECTION)
    latest_origin(scorecard)  # refuses a scorecard without predictions
    material = Material(
        scorecard=scorecard.at(),
        forecast=forecast,
        fitted=fitted,
        rfm=rfm,
        currency=currency,
        top=top,
        hash_ids=hash_ids,
        suspicions=tuple(suspicions),
        holdout=holdout,
        whole=scorecard,
    )
    _put(render_page(title or _title(material), _sections(material, sections)), target)
    return target


def write_sections(sections: Sequence[Section], path: str | os.PathLike[str], *, title: str) -> Path:
    """Write ready-made sections as a page of their own, where no backtest stands behind them.

    Parameters
    ----------
    sections
        At least one.
    path
        The file; missing folders are made, an older file is replaced in one step.
    title
        Heading of the page.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ArgumentError
        If there is no section, two share a key, or the file cannot be written; an older one is then untouched.
    TemporaryError
        If the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> from clvmodels.report import Section, Text
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     deeds = Section("deeds", "Deeds", [Text(["Call them."])])
    ...     page = write_sections([deeds], f"{folder}/page.html", title="To do")
    ...     "Call them." in page.read_text(encoding="utf-8")
    True
    """
    _check_each("sections", sections, Section, _SECTION)
    if not sections:
        raise ArgumentError("a page needs at least one section")
    target = as_path("path", path)
    _put(render_page(title, _of_different_keys(list(sections))), target)
    return target


def _check_parts(
    forecast: Forecast | None, fitted: FittedCLV | None, rfm: RFM | None, holdout: Holdout | None
) -> None:
    parts = (
        ("forecast", forecast, Forecast, "make one with fitted.forecast(horizon)"),
        ("fitted", fitted, FittedCLV, "make one with CLVModel().fit(rfm)"),
        ("rfm", rfm, RFM, "make one of a log with rfm_summary"),
        ("holdout", holdout, Holdout, "make one with calibration_holdout"),
    )
    for name, part, kind, fix in parts:
        if part is not None:
            check_kind(name, part, kind, fix)


def _check_each(name: str, parts: Any, kind: type, fix: str) -> None:
    check_kind(name, parts, Sequence, f"write a list: {fix}")
    for part in parts:
        check_kind(f"one of {name}", part, kind, fix)


def _title(material: Material) -> str:
    return "Customer lifetime value: backtest" + (" and forecast" if material.forecast is not None else "")


def _sections(material: Material, more: Sequence[Section]) -> list[Section]:
    sections = [
        verdict_section(material),
        total_section(material),
        ranking_section(material),
        customer_section(material),
        formula_section(material),
        suspects_section(material),
    ]
    if material.forecast is not None:
        sections.append(forecast_section(material, material.forecast))
    sections += more
    if material.fitted is not None:
        sections.append(portrait_section(material, material.fitted))
    ends = [data_section(material), fits_section(material), provenance_section(material), glossary_section()]
    return _of_different_keys([*sections, *ends])


def _of_different_keys(sections: list[Section]) -> list[Section]:
    keys = [section.key for section in sections]
    if doubled := sorted({key for key in keys if keys.count(key) > 1}):
        raise ArgumentError(f"two sections have the key {doubled[0]!r}; give each a key of its own")
    return sections


def render_page(title: str, sections: Sequence[Section]) -> str:
    """A page of sections as HTML."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    page = environment.get_template("page.html.j2").render(title=title, sections=sections, style=style)
    return _SPACED_PER_CENT.sub("\u00a0%", page)


def _put(page: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(page.encode())
