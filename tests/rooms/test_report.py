"""Report: one file that stands alone, says what the numbers say, and is the same every time."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from rooms.example_scorecard import BGNBD, PARETO, RATE, example_forecast, example_scorecard, with_formula

from clvmodels.backtesting import Scorecard
from clvmodels.criticism import Suspicion
from clvmodels.errors import ArgumentError
from clvmodels.forecast import CLVModel, FittedCLV
from clvmodels.report import Column, Section, Table, Text, cells, write_report
from clvmodels.report.answers import missed_by
from clvmodels.report.calibration import calibration_blocks
from clvmodels.report.customer import customer_section
from clvmodels.report.formula import formula_section
from clvmodels.report.material import Material
from clvmodels.report.suspects import suspects_section
from clvmodels.report.total import total_section
from clvmodels.report.verdict import verdict_section
from clvmodels.rfm import RFM, DataReport, Note

SECTIONS = [
    "verdict",
    "total",
    "ranking",
    "customer",
    "formula",
    "suspects",
    "forecast",
    "data",
    "fits",
    "provenance",
    "glossary",
]
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Tags with their attributes, text by section, and whether every tag was closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.section = ""
        self.words: dict[str, str] = {}
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        if tag == "section":
            self.section = attributes["id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        text = re.sub(r"\s+", " ", data)
        self.words[self.section] = self.words.get(self.section, "") + text

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def scorecard() -> Scorecard:
    return example_scorecard()


@pytest.fixture(scope="module")
def twice() -> Scorecard:
    return example_scorecard(cuts=(31, 39))


@pytest.fixture(scope="module")
def beaten() -> Scorecard:
    """The baseline wins on money, at both origins."""
    return example_scorecard(baseline_wins_money=True, cuts=(31, 39))


@pytest.fixture(scope="module")
def page(scorecard: Scorecard, tmp_path_factory: pytest.TempPathFactory) -> Page:
    path = tmp_path_factory.mktemp("report") / "report.html"
    return Page(write_report(scorecard, path, forecast=example_forecast(), currency="USD"))


@pytest.fixture(scope="module")
def fitted() -> FittedCLV:
    rng = np.random.default_rng(3)
    frequency = rng.poisson(rng.gamma(0.8, 2, 120)).astype(float)
    recency = np.where(frequency > 0, rng.uniform(1, 30, 120), 0.0)
    report = DataReport(500, 480, 400, (Note("rows without a date", 20, ("<b>", "id-2")),))
    rfm = RFM.from_arrays(
        frequency=frequency,
        recency=recency,
        T=np.full(120, 39.0),
        monetary_value=rng.gamma(6, 6, 120),
        observation_end="1998-06-30",
        report=report,
        time_unit="W",
    )
    return CLVModel("bg_nbd").fit(rfm, draws=200)


def test_sections_stand_in_order(page: Page) -> None:
    assert [attributes["id"] for attributes in page.all("section")] == SECTIONS
    assert [attributes["href"] for attributes in page.all("a")] == [f"#{key}" for key in SECTIONS]


def test_page_is_well_formed(page: Page) -> None:
    assert not page.open
    assert page.source.startswith("<!doctype html>")
    assert page.all("html")[0]["lang"] == "en"


def test_page_needs_nothing_but_itself(page: Page) -> None:
    assert "http" not in page.source
    assert "@import" not in page.source
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "img", "object"}
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith("#")
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page.source))


def test_ids_are_unique_and_references_meet_them(page: Page) -> None:
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert max(ids.values()) == 1
    named = set(re.findall(r"url\(#([^)]*)\)", page.source))
    for _, attributes in page.tags:
        named |= set(attributes.get("aria-labelledby", "").split())
        named |= {attributes["href"][1:]} if "href" in attributes else set()
    assert named <= set(ids)


def test_headings_step_down_one_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_figures_and_tables_are_named(page: Page) -> None:
    tags = Counter(tag for tag, _ in page.tags)
    assert tags["figure"] == tags["figcaption"] == tags["svg"] == tags["desc"] == 23
    assert tags["table"] == tags["caption"]
    for attributes in page.all("svg"):
        assert attributes["role"] == "img"
        assert attributes["aria-labelledby"]
    assert all(attributes.get("scope") in {"col", "row"} for attributes in page.all("th"))


def test_figures_follow_light_and_dark(page: Page) -> None:
    drawings = "".join(re.findall(r"<svg.*?</svg>", page.source, re.S))
    colours = set(re.findall(r"#[0-9a-fA-F]{6}\b", drawings))
    assert colours <= {"#ffffff"}
    assert "var(--ink)" in drawings
    assert "prefers-color-scheme: dark" in page.source
    assert "@media print" in page.source


def test_bytes_are_the_same_every_time(scorecard: Scorecard, tmp_path: Path) -> None:
    paths = [
        write_report(scorecard, tmp_path / name, forecast=example_forecast()) for name in ("a.html", "b.html")
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_settings_of_the_reader_leave_no_trace(scorecard: Scorecard, tmp_path: Path) -> None:
    one = write_report(scorecard, tmp_path / "a.html").read_bytes()
    theirs = {"axes.linewidth": 7.0, "font.size": 20.0, "svg.fonttype": "path", "axes.grid": True}
    with mpl.rc_context(theirs):
        assert write_report(scorecard, tmp_path / "b.html").read_bytes() == one
        assert {name: mpl.rcParams[name] for name in theirs} == theirs


def test_times_of_the_run_leave_no_trace(scorecard: Scorecard, tmp_path: Path) -> None:
    slower = replace(scorecard, fits=scorecard.fits.assign(fit_seconds=99.125, forecast_seconds=88.25))
    one = write_report(scorecard, tmp_path / "a.html").read_bytes()
    assert write_report(slower, tmp_path / "b.html").read_bytes() == one


def test_scorecard_alone_is_enough(scorecard: Scorecard, tmp_path: Path) -> None:
    path = write_report(scorecard, tmp_path / "new" / "folder" / "report.html")
    assert path == tmp_path / "new" / "folder" / "report.html"
    keys = [attributes["id"] for attributes in Page(path).all("section")]
    assert keys == [key for key in SECTIONS if key != "forecast"]
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def words_of(sections: Iterable[Section]) -> str:
    """Everything that stands in sections, in one line."""
    return " ".join(_texts(block) for section in sections for block in section.blocks)


def _texts(part: object) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, (list, tuple)):
        return " ".join(map(_texts, part))
    return _texts(list(vars(part).values())) if hasattr(part, "__dict__") else ""


def test_verdict_is_two_sentences_with_the_numbers_that_matter(page: Page, scorecard: Scorecard) -> None:
    words = page.words["verdict"].replace("\u00a0", " ")
    scores = scorecard.table("spend").droplevel("origin")
    best = scores["crps"].idxmin()
    skill, found = 100 * scores.loc[best, "skill_crps"], 100 * scores.loc[[best, RATE], "capture_10"]
    assert f"To judge single customers by money over 39 weeks use {best}: its error per customer" in words
    assert re.search(
        rf"{skill:.1f} % smaller \([\d.]+ to [\d.]+ %\) than that of the historical formula", words
    )
    assert "(central 90 % interval over resampled customers)" in words
    assert f"brought {found[best]:.1f} % of what came ({found[RATE]:.1f} % by the historical formula" in words
    assert "its central 90 % predictive interval held the actual total" in words
    assert "Judged over 39 weeks from 1 origin (1997-09-30), with 300 customers." in words
    assert "no formula wins on any measure beyond chance" in words
    lead = re.search(r'<p class="lead">(.*?)</p>', page.source, re.S)
    assert lead is not None
    assert len(re.findall(r"\.(?= |$)", lead[1].strip())) == 2


def test_verdict_says_where_the_formula_wins(beaten: Scorecard) -> None:
    material = Material(beaten, currency="€")
    words = words_of([verdict_section(material)])
    assert "For the total use" in words
    assert "a formula wins on miss of the total" in words
    assert re.search(r"predictive interval of total money by .* held what came at 0 of 2 origins", words)
    wins = words_of([formula_section(material)]).split("Where the simple formula wins")[1]
    assert f"Money, RMSE of the mean: {RATE} €" in wins
    assert "Money, miss of the total" in wins
    assert "at 2 of 2 origins" in wins
    assert "Nowhere" not in wins


def test_the_report_says_what_to_suspect_where_totals_fail(beaten: Scorecard) -> None:
    """Both models promise twice the money that comes; a check that was given speaks against the seasons."""
    season = Suspicion("seasonality", 40.0, 35.0, 45.0, 0.9, 0.0, "suspect", "Purchases follow the calendar.")
    quiet = Suspicion("spend shape", 1.0, 0.9, 1.1, 0.9, 1.0, "clear", "Amounts vary as they should.")
    material = Material(beaten, suspicions=(season, quiet))
    words = words_of([verdict_section(material)])
    assert "Do not plan with such an interval." in words
    assert "suspect seasonality. Purchases follow the calendar." in words
    assert "spend shape" not in words
    page = words_of([suspects_section(material)])
    assert "Calibration fails here:" in page
    assert "Amounts vary as they should." in page
    assert "35.00 to 45.00" in page
    assert "The log behind the backtest was not given" in words_of([suspects_section(Material(beaten))])


def test_several_horizons_stand_side_by_side(twice: Scorecard) -> None:
    """Killed: means of shares beside shares of means, so that one page has two numbers for one thing."""
    scorecard = twice
    tables = {
        name: pd.concat([getattr(scorecard, name).assign(horizon="13W"), getattr(scorecard, name)])
        for name in ("predictions", "totals", "newcomers")
    }
    early = tables["totals"]["horizon"] == "13W"
    tables["totals"]["mean"] *= np.where(early, 3.0, 1.0)
    whole = replace(scorecard, **tables)
    material = Material(whole.at(), whole=whole)
    assert list(material.by_horizon) == ["13W", "39W"]
    blocks = [*total_section(material).blocks, *customer_section(material).blocks]
    found = {block.key: block for block in blocks if isinstance(block, Table)}
    assert [column.label for column in found["horizons-spend"].columns] == [
        "Forecaster",
        "13 weeks",
        "39 weeks",
    ]
    totals = next(row for row in found["horizons-spend"].rows if row[0].text == RATE)
    for cell, at in zip(totals[1:], material.by_horizon.values(), strict=True):
        assert cell.text in missed_by(at, "spend", RATE)
    assert totals[1] != totals[2]
    smaller = next(row for row in found["skill-horizons-spend"].rows if row[0].text == PARETO)
    assert smaller[1] == smaller[2]
    above = next(row for row in found["differences-spend"].rows if row[0].text == PARETO)
    assert smaller[2].text == above[1].text
    assert re.search(r"^[\d.]+ % \[[\d.]+, [\d.]+\]$", smaller[2].text)


def test_every_lost_measure_is_listed(beaten: Scorecard, tmp_path: Path) -> None:
    """The list is checked against the scores themselves, not against the code that wrote it."""
    source = Page(write_report(beaten, tmp_path / "r.html")).source
    listed = set(re.findall(r"<li>(?:Level: )?(Purchases|Money), ([^:]+):", source))
    labels = {
        "crps": "CRPS", "rmse": "RMSE of the mean", "mae": "MAE of the median", "mae_of_mean": "MAE of the mean",
        "gini": "Gini", "capture_10": "Found in top 10\u00a0%",
    }  # fmt: skip
    for quantity, name in (("purchases", "Purchases"), ("spend", "Money")):
        scores = beaten.table(quantity).groupby("model").mean()
        lead = scores.loc[[PARETO, BGNBD], "crps"].idxmin()
        for metric, label in labels.items():
            sign = -1 if metric in {"gini", "capture_10"} else 1
            if sign * scores.loc[RATE, metric] < sign * scores.loc[lead, metric]:
                assert (name, label) in listed


def test_best_of_a_column_is_bold(page: Page, scorecard: Scorecard) -> None:
    table = re.search(r'<table id="scores-purchases">.*?</table>', page.source, re.S)
    assert table is not None
    rows = {
        match[1]: match[2] for match in re.finditer(r'<th scope="row">([^<]+)</th>(.*?)</tr>', table[0], re.S)
    }
    best = scorecard.table("purchases").droplevel("origin")["rmse"].idxmin()
    second = re.findall(r"<td[^>]*>(.*?)</td>", rows[str(best)])[1]
    assert second.startswith("<strong>")
    assert "a formula gives one number" in page.words["total"]


def test_without_formula_the_report_says_what_it_cannot_say(scorecard: Scorecard, tmp_path: Path) -> None:
    tables = {
        name: getattr(scorecard, name).query("model != @RATE")
        for name in ("predictions", "totals", "tracking")
    }
    alone = replace(scorecard, **tables, baseline=None)
    words = Page(write_report(alone, tmp_path / "r.html")).words
    assert "no formula took part" in words["verdict"]
    assert "cannot say whether a model is worth its effort" in words["formula"]


def test_formulas_alone_can_be_reported(scorecard: Scorecard, tmp_path: Path) -> None:
    tables = {
        name: getattr(scorecard, name).query("model == @RATE")
        for name in ("predictions", "totals", "tracking")
    }
    path = write_report(
        replace(scorecard, **tables), tmp_path / "r.html", forecast=example_forecast(is_distribution=False)
    )
    words = Page(path).words
    assert "nothing to calibrate" in words["customer"]
    assert "One number each, without an interval." in words["total"]
    assert " 0 of 0" not in words["total"]
    assert "a formula gives one number and no interval" in words["forecast"]


def test_purchases_alone_can_be_reported(scorecard: Scorecard, tmp_path: Path) -> None:
    tables = {
        name: getattr(scorecard, name).query("quantity == 'purchases'") for name in ("predictions", "totals")
    }
    words = Page(write_report(replace(scorecard, **tables), tmp_path / "r.html")).words
    assert "Money" not in words["verdict"] + words["total"] + words["ranking"] + words["customer"]


def test_failed_fit_is_told_and_its_forecaster_not_compared(beaten: Scorecard, tmp_path: Path) -> None:
    lost = "origin == '1997-08-05' and model == @PARETO"
    tables = {
        name: getattr(beaten, name).query(f"not ({lost})") for name in ("predictions", "totals", "tracking")
    }
    fits = beaten.fits.copy()
    fits.loc[fits.eval(lost), ["status", "reason"]] = ["failed", "no optimum was found"]
    words = Page(write_report(replace(beaten, **tables, fits=fits), tmp_path / "r.html")).words
    assert f"1 fit failed ({PARETO})" in words["verdict"]
    assert f"use {PARETO}" not in words["verdict"]
    assert "no optimum was found" in words["fits"]
    assert f"Not scored at every origin, so never the best: {PARETO}." in words["customer"]
    assert "failed at 1 of 2 origins" in words["total"]


def test_text_from_outside_stays_text(scorecard: Scorecard, tmp_path: Path) -> None:
    evil = "<script>alert('x')</script> & $\\frac$"
    tables = {
        name: getattr(scorecard, name).assign(model=getattr(scorecard, name)["model"].replace(PARETO, evil))
        for name in ("predictions", "totals", "tracking", "fits")
    }
    ids = [evil, *(f"id-{i}" for i in range(49))]
    path = write_report(
        replace(scorecard, **tables),
        tmp_path / "r.html",
        forecast=example_forecast(ids=ids),
        title=evil,
        currency="<u>",
        top=50,
    )
    page = Page(path)
    assert not page.all("script")
    assert not page.all("u")
    assert evil in page.words["forecast"]
    assert "<script" not in page.source


def test_ids_can_be_hidden_everywhere(scorecard: Scorecard, fitted: FittedCLV, tmp_path: Path) -> None:
    ids = [f"secret-{i}" for i in range(50)]
    report = "rows in 9, used 9, purchases 9\nmerged: 2 (first: secret-1 (old), secret-2)"
    told = replace(scorecard, data=scorecard.data.assign(report=report))
    forecast = example_forecast(ids=ids)
    path = tmp_path / "r.html"
    assert "secret-" in write_report(told, path, forecast=forecast, fitted=fitted).read_text(encoding="utf-8")
    hidden = write_report(told, path, forecast=forecast, fitted=fitted, hash_ids=True)
    text = hidden.read_text(encoding="utf-8")
    assert "secret-" not in text
    assert "first ids withheld" in text
    assert "SHA-256" in text


def test_sections_of_others_stand_behind_the_forecast(scorecard: Scorecard, tmp_path: Path) -> None:
    columns = [Column("Segment", is_number=False), Column("Customers")]
    table = Table("deeds-table", "Who is <b>who</b>", columns, [cells("Best", "7")])
    section = Section("deeds", "What to do", [Text(["Call ", "them & write."]), table])
    page = Page(write_report(scorecard, tmp_path / "r.html", forecast=example_forecast(), sections=[section]))
    keys = [attributes["id"] for attributes in page.all("section")]
    assert keys[keys.index("forecast") + 1] == "deeds"
    assert "Call them & write." in page.words["deeds"]
    assert "Who is <b>who</b>" in page.words["deeds"]
    with pytest.raises(ArgumentError, match="deeds"):
        write_report(scorecard, tmp_path / "r.html", sections=[section, section])


def test_top_limits_the_customers_shown(scorecard: Scorecard, tmp_path: Path) -> None:
    page = Page(write_report(scorecard, tmp_path / "r.html", forecast=example_forecast(), top=3))
    assert "The 3 customers with the highest expected value" in page.words["forecast"]
    best = example_forecast().customers.nlargest(4, "clv_mean")["customer_id"].tolist()
    table = page.source.split('<table id="forecast-top">')[1].split("</table>")[0]
    assert re.findall(r'<th scope="row">([^<]+)', table) == best[:3]
    with pytest.raises(ArgumentError, match="top"):
        write_report(scorecard, tmp_path / "r.html", top=-1)


def test_fits_show_parameters_with_meaning_and_status(
    scorecard: Scorecard, fitted: FittedCLV, tmp_path: Path
) -> None:
    words = Page(write_report(scorecard, tmp_path / "r.html", fitted=fitted)).words
    for posterior in fitted.posteriors:
        assert posterior.status.value in words["fits"]
        for param in posterior.model.params:
            assert param.meaning in words["fits"]
    assert "rows without a date" in words["data"]


def test_provenance_is_told_in_full(page: Page, scorecard: Scorecard) -> None:
    for key, value in {**scorecard.provenance, **example_forecast().provenance}.items():
        assert key.replace("_", " ") in page.words["provenance"]
        if isinstance(value, str | int):
            assert str(value) in page.words["provenance"].replace("\u00a0", " ")


def test_a_failing_report_leaves_the_old_file(scorecard: Scorecard, tmp_path: Path) -> None:
    path = write_report(scorecard, tmp_path / "r.html")
    before = path.read_bytes()
    with pytest.raises(ArgumentError, match="no predictions"):
        write_report(replace(scorecard, predictions=scorecard.predictions.head(0)), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["r.html"]


def test_a_folder_in_the_way_leaves_no_litter(scorecard: Scorecard, tmp_path: Path) -> None:
    (tmp_path / "r.html").mkdir()
    with pytest.raises(ArgumentError, match=r"r\.html' is a folder"):
        write_report(scorecard, tmp_path / "r.html")
    assert [file.name for file in tmp_path.iterdir()] == ["r.html"]


def test_a_device_keeps_its_place(scorecard: Scorecard, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.html")  # as /dev/null would, which a page must not replace
    with pytest.raises(ArgumentError, match=r"r\.html' is a device"):
        write_report(scorecard, tmp_path / "r.html")
    assert (tmp_path / "r.html").is_fifo()


def test_a_hundred_thousand_customers_fit_in_a_mail(scorecard: Scorecard, tmp_path: Path) -> None:
    """Nothing in the page grows with the customers."""
    tables = {
        name: getattr(scorecard, name).query("quantity == 'purchases'") for name in ("predictions", "totals")
    }
    card = larger(replace(scorecard, **tables), 334)
    assert card.predictions["customer_id"].nunique() == 100_200
    assert write_report(card, tmp_path / "r.html").stat().st_size < 1_500_000 / 2  # money takes as much again


def larger(card: Scorecard, times: int) -> Scorecard:
    """Every customer so many times, each with an id of its own and forecasts that differ a little."""
    rows = card.predictions
    every = rows.loc[rows.index.repeat(times)].reset_index(drop=True)
    number = np.tile(np.arange(times), len(rows))
    noise = 1 + 0.01 * np.random.default_rng(1).random(len(every))
    totals = card.totals.copy()
    amounts = [name for name in totals if totals[name].dtype == float]
    totals[amounts] *= times
    ids = every["customer_id"] + "-" + pd.Series(number).astype(str)
    return replace(card, predictions=every.assign(customer_id=ids, mean=every["mean"] * noise), totals=totals)


def test_figures_say_whom_they_leave_out_and_show_the_best_formulas(scorecard: Scorecard) -> None:
    """Killed: the first five of the list, whoever they are."""
    crowd = scorecard
    for number in range(4):
        crowd = with_formula(crowd, f"Poor formula {number}", lambda rows: 9.0 + rows["mean"])
    crowd = with_formula(crowd, "Good formula", lambda rows: 0.9 * rows["actual"])
    words = str(total_section(Material(crowd, top=5)))
    assert "Not drawn: Poor formula 1, Poor formula 2 and Poor formula 3; tables hold them." in words
    assert "Not drawn" not in str(total_section(Material(scorecard, top=5)))


def test_nobody_new_is_a_sentence(scorecard: Scorecard) -> None:
    empty = scorecard.newcomers.assign(mean=0.0, q05=0.0, q95=0.0, actual=0.0)
    words = str(total_section(Material(replace(scorecard, newcomers=empty), top=5)))
    assert "Nobody came for the first time in a holdout" in words
    assert "Customers first seen in the holdout, as a whole" not in words
    expected = replace(
        scorecard, newcomers=empty.assign(mean=np.where(empty["quantity"] == "spend", 0.0, 1.0))
    )
    words = str(total_section(Material(expected, top=5)))
    assert "Customers first seen in the holdout, as a whole" in words
    assert "Left out: origins at which nobody came and nobody was expected." in words
    assert "Cell(text='Purchases'" in words
    assert "Cell(text='Spend'" not in words


def test_pinball_losses_stand_in_the_table(page: Page, scorecard: Scorecard) -> None:
    table = scorecard.table("purchases").droplevel("origin")
    for level in ("05", "25", "50", "75", "95"):
        assert f"{table.loc[PARETO, f'pinball_{level}']:.3f}" in page.words["customer"]
        assert f"Pinball at {int(level)} %" in page.words["customer"].replace("\xa0", " ")


def test_the_calibration_histogram_stands_where_the_fit_is_shown(
    scorecard: Scorecard, fitted: FittedCLV, tmp_path: Path
) -> None:
    page = Page(write_report(scorecard, tmp_path / "page.html", fitted=fitted))
    assert "figure-repeats-title" in page.source
    caption = page.words["portrait"].replace("\xa0", " ")
    assert "central 90 % predictive interval (parameters and chance; no market discrepancy)" in caption
    assert re.search(r"\d of 8 numbers of customers lie inside their interval", caption)


def test_money_in_captions_has_its_currency(page: Page) -> None:
    said = page.words["ranking"] + page.words["customer"] + page.words["total"]
    money = list(re.findall(r"Money per customer.*?each \(", said))
    assert money
    for caption in money:
        assert re.search(r"forecast [\d.,]+ USD, actual [\d.,]+ USD each", caption)
    assert re.search(r"was promised [\d.,]+ USD and brought [\d.,]+ USD each", said)


def test_provenance_is_words_and_round_numbers() -> None:
    from clvmodels.report.future import _in_words

    prior = {"r": {"median": 3.0000000000000004, "stated": False}, "empty": []}
    assert _in_words(prior) == "r (median 3, stated no), empty none"
    assert _in_words([-0.5, None, 2357.0]) == "−0.5; —; 2,357"


def test_customers_above_their_intervals_mean_forecasts_too_low(scorecard: Scorecard) -> None:
    """Killed: the tails taken for each other."""
    rows = scorecard.predictions.copy()
    mine = (rows["model"] == PARETO) & (rows["quantity"] == "purchases")
    rows.loc[mine, "pit"] = np.where(np.arange(mine.sum()) % 5 == 0, 0.99, 0.5)
    words = str(calibration_blocks(Material(replace(scorecard, predictions=rows), top=5)))
    assert "20.0 % of customers came out above their interval and 0.0 % below" in words
    assert "the forecasts are too low rather than too narrow" in words
