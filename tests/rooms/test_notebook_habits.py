"""Nouns show themselves in notebooks, short and escaped; errors say first what is wrong; bars come and go."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from types import SimpleNamespace

import nbclient
import nbformat
import numpy as np
import polars as pl
import pytest
from rooms.example_decisions import example_decisions

import clvmodels as clv
from clvmodels import cards
from clvmodels.backtesting import Scorecard
from clvmodels.prediction import Forecast
from clvmodels.rfm import RFM

NASTY = "<script>alert('&')</script>"
VOID = {"br"}


class Reader(HTMLParser):
    """Text of a page, its tags, and whether every tag is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


@pytest.fixture(scope="module")
def rfm() -> RFM:
    log = clv.load_cdnow()[:340]
    first = clv.rfm_summary(log, spend="spend", time_unit="W").customer_id[0]
    log["customer_id"] = [NASTY if identity == first else f"z{identity}" for identity in log["customer_id"]]
    return clv.rfm_summary(log, spend="spend", time_unit="W")


@pytest.fixture(scope="module")
def fitted(rfm: RFM) -> clv.FittedCLV:
    return clv.CLVModel("bg_nbd", "gamma_gamma", label="a <b> & c").fit(rfm, seed=1, draws=100)


@pytest.fixture(scope="module")
def forecast(fitted: clv.FittedCLV) -> Forecast:
    return fitted.forecast("26W", draws=50, margin=0.4, seed=1)


def test_summary_shows_units_rows_and_what_was_left_out(rfm: RFM) -> None:
    page = Reader(rfm._repr_html_())
    for words in (
        f"RFM: {len(rfm)} customers",
        "recency (weeks)",
        "T (weeks)",
        f"5 of {len(rfm)} rows",
        "rows in",
        rfm.fingerprint(),
    ):
        assert words in page.text
    assert NASTY in page.text
    assert "script" not in page.tags


def test_posterior_shows_status_interval_and_seed(fitted: clv.FittedCLV) -> None:
    page = Reader(fitted.purchase._repr_html_())
    for words in (
        "BG/NBD by laplace",
        fitted.purchase.status.value,
        "low (90 %)",
        "alpha",
        "seed: 1",
        "weeks",
    ):
        assert words in page.text
    both = Reader(fitted._repr_html_()).text
    assert "BG/NBD by" in both
    assert "Gamma-Gamma by" in both


def test_point_fit_promises_no_interval(rfm: RFM) -> None:
    page = Reader(clv.fit("bg_nbd", rfm, method="mle")._repr_html_())
    assert "90 %" not in page.text


def test_forecast_shows_totals_interval_and_provenance(forecast: Forecast) -> None:
    page = Reader(forecast._repr_html_())
    low, _ = forecast.total.interval(0.9)
    for words in (
        f"a <b> & c: {len(forecast.columns['p_alive'])} customers",
        "26W: ",
        "90 % predictive intervals",
        "a shock shared by all",
        "total value, model only",
        "total value",
        "margin: 0.4",
    ):
        assert words in page.text
    for number in (forecast.total.mean, low, forecast.columns["clv_mean"][0]):
        assert f" {cards.text(number)}" in page.text
    assert NASTY in page.text
    assert "script" not in page.tags


def test_formula_shows_no_interval(rfm: RFM) -> None:
    page = Reader(clv.HistoricalCLV().fit(rfm).forecast("26W")._repr_html_())
    assert "point forecasts: no interval" in page.text
    assert "q95" not in page.text


@pytest.fixture(scope="module")
def scorecard() -> Scorecard:
    log = clv.load_cdnow()[:340]
    return clv.backtest(
        log, [clv.CLVModel("bg_nbd"), clv.HistoricalCLV()], horizon="13W", origins=4, spend="spend", draws=20
    )


def test_scorecard_shows_scores_by_origin(scorecard: Scorecard) -> None:
    page = Reader(scorecard._repr_html_())
    table = scorecard.table("purchases")
    for words in ("2 forecasters, 4 origins", "holdout of 13W", "crps", "12 of 16 rows", "seed: 0"):
        assert words in page.text
    assert f" {cards.text(table['rmse'].iloc[0])} " in page.text


def test_reprs_are_one_short_line(
    rfm: RFM, fitted: clv.FittedCLV, forecast: Forecast, scorecard: Scorecard
) -> None:
    for thing in (forecast.total, rfm, fitted, fitted.purchase, forecast, scorecard, clv.CLVModel()):
        assert len(repr(thing)) < 400, repr(thing)
        assert "\n" not in repr(thing)
    assert repr(forecast) == f"Forecast(a <b> & c, 26W, {len(rfm)} customers, 50 draws)"
    assert repr(scorecard) == "Scorecard(2 forecasters, 4 origins, horizons 13W)"


@pytest.fixture(scope="module")
def decisions() -> clv.Decisions:
    return example_decisions(clv.load_cdnow())


PARTS = (
    "profit",
    "segments",
    "acquisition",
    "channels",
    "plan",
    "referrals",
    "what_if",
    "change",
    "calculator",
)


@pytest.mark.parametrize("part", PARTS)
def test_results_of_decisions_show_units_interval_and_where_they_come_from(
    decisions: clv.Decisions, part: str
) -> None:
    noun = getattr(decisions, part)
    page = Reader(noun._repr_html_())
    line = repr(noun)
    assert len(line) < 400
    assert "\n" not in line
    assert type(noun).__name__ in line
    for shown in (line, page.text):
        assert part == "channels" or "money in USD" in shown  # parameters of a fit are no money
        assert part == "calculator" or "interval: " in shown  # a formula has none
    assert "provenance" in page.text
    assert "array(" not in page.text


def test_card_of_a_comparison_says_what_it_does_not_mean(decisions: clv.Decisions) -> None:
    comparison = decisions.groups["parity"]
    assert comparison.caution in Reader(comparison._repr_html_()).text


def test_card_of_segments_shows_numbers_of_its_table(decisions: clv.Decisions) -> None:
    segments = decisions.segments
    assert segments is not None
    page = Reader(segments._repr_html_())
    for number in segments.table["value_mean"]:
        assert f" {cards.text(number)} " in page.text


def test_card_shows_the_first_rows_and_how_many_there_are(decisions: clv.Decisions) -> None:
    referrals = decisions.referrals
    assert referrals is not None
    page = Reader(referrals._repr_html_())
    assert f"12 of {len(referrals.customers)} rows" in page.text


def test_table_outside_memory_shows_size_engine_and_what_was_left_out() -> None:
    log = clv.load_cdnow()[:340]
    table = clv.rfm_table(pl.from_pandas(log).lazy(), spend="spend", time_unit="W")
    page = Reader(table._repr_html_())
    for shown in (page.text, repr(table)):
        assert f"{len(table)} customers" in shown
        assert "held by polars" in shown
        assert "weeks" in shown
    assert "rows in" in page.text
    assert len(repr(table)) < 200


def test_completion_offers_what_is_meant_to_be_used() -> None:
    assert dir(clv) == sorted(clv.__all__)
    for room in (clv.plots, clv.metrics):
        assert dir(room) == sorted(room.__all__)
        assert "annotations" not in dir(room)


def test_plot_shows_itself(forecast: Forecast) -> None:
    axes = clv.plots.plot_total(forecast)
    assert axes._repr_png_().startswith(b"\x89PNG")


# --- errors --------------------------------------------------------------------------------------------------


def test_message_comes_before_the_way_to_it(rfm: RFM) -> None:
    with pytest.raises(clv.DataError) as caught:
        rfm.select(["nobody"])
    first, blank, *way = caught.value._render_traceback_()
    assert first == f"DataError: {caught.value}"
    assert not blank
    assert "test_notebook_habits.py" in way[0]


# --- bars ----------------------------------------------------------------------------------------------------


class Display:
    """Stands for IPython.display: remembers what the cell shows."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def HTML(self, page: str) -> str:
        return page

    def display(self, page: str, *, display_id: bool) -> Display:
        assert display_id
        self.shown.append(page)
        return self

    def update(self, page: str) -> None:
        self.shown.append(page)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Display]:
    display = Display()
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return display


def test_bar_in_a_cell_moves_by_hundredths_and_goes(cell: Display) -> None:
    with clv.progress_bar("fits & forecasts") as move:
        assert move is not None
        for done in range(1001):
            move(done, 1000)
    assert cell.shown[0] == "fits &amp; forecasts"
    assert cell.shown[-1] == ""
    assert len(cell.shown) == 103
    assert '<progress value="990" max="1000">' in cell.shown[-3]


def test_bar_in_a_cell_tells_new_text_and_goes_after_an_error(cell: Display) -> None:
    def interrupted() -> None:
        with clv.progress_bar("backtest") as move:
            assert move is not None
            move(0, 2, "first")
            move(0, 2, "first, 5 s left")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [page.rpartition("> ")[2] for page in cell.shown] == ["backtest", "first", "first, 5 s left", ""]


@pytest.mark.parametrize(("method", "said"), [("nuts", "sampling with NUTS"), ("bootstrap", "bootstrap")])
def test_slow_methods_move_a_bar_to_the_end(cell: Display, rfm: RFM, method: str, said: str) -> None:
    clv.fit("bg_nbd", rfm, method=method, draws=200, seed=1)
    assert cell.shown[0] == said
    *_, last = (re.findall(r'value="(\d+)" max="(\d+)"', page) for page in cell.shown[1:-1])
    assert last[0][0] == last[0][1] != "0"
    assert cell.shown[-1] == ""


def test_one_bar_at_a_time(cell: Display) -> None:
    with clv.progress_bar("backtest") as outer, clv.progress_bar("bootstrap") as inner:
        assert outer is not None
        assert inner is None
    with clv.progress_bar("afterwards") as move:
        assert move is not None
    assert cell.shown == ["backtest", "", "afterwards", ""]


def test_no_bar_in_a_pipe_or_a_plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for shell in (None, SimpleNamespace(kernel=None)):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        with clv.progress_bar("forecasting") as move:
            assert move is None


def test_in_a_real_kernel() -> None:
    """Card, bar and error of a notebook that runs."""
    cells = [
        "import clvmodels as clv\n"
        "rfm = clv.RFM.from_arrays(frequency=[1], recency=[2], T=[4], time_unit='W', customer_id=['ann'])\nrfm",
        "with clv.progress_bar('counting') as move:\n    move(1, 2)",
        "rfm.select(['bob'])",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True).execute()
    card, bar, error = (cell.outputs[0] for cell in notebook.cells)
    assert "T (weeks)" in card["data"]["text/html"]
    assert bar["data"]["text/html"] == ""  # it came and went
    assert error["traceback"][0].startswith("DataError: column 'customer_id'")
    assert not any("IPython" in line for line in error["traceback"])


# --- cells ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(0.00012346), "0.0001235"),
        (np.int64(4096), "4,096"),
        (np.inf, "inf"),
        (True, "True"),
        (0.0, "0"),
        (-1234.56, "-1,235"),
        ("007", "007"),
    ],
)
def test_values_in_cells(value: object, text: str) -> None:
    assert cards.text(value) == text
