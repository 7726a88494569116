"""The page: sections in order, one template, one file that is there whole or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clvmodels.backtesting.scorecard import Scorecard
from clvmodels.criticism import Suspicion
from clvmodels.errors import ArgumentError
from clvmodels.forecast import FittedCLV
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
        If `top` is negative, the scorecard holds no prediction, or a section takes the place of another.
    OSError
        If the file cannot be written; an older one is then untouched.
    """
    if top < 0:
        raise ArgumentError(f"top={top} must be at least 0")
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
    target = Path(path)
    replace_file(target, render_page(title or _title(material), _sections(material, sections)))
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
        If there is no section, or two share a key.
    OSError
        If the file cannot be written; an older one is then untouched.

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
    if not sections:
        raise ArgumentError("a page needs at least one section")
    target = Path(path)
    replace_file(target, render_page(title, _of_different_keys(list(sections))))
    return target


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


def replace_file(target: Path, text: str) -> None:
    """Write beside the target, then take its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
