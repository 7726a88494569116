"""The command line: every command end to end, every kind of mistake with its exit code, quiet in a pipe."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import duckdb
import pandas as pd
import pytest
from rooms.shell import Shell, files

from clvmodels import __version__
from clvmodels.backtesting import backtest
from clvmodels.cli.options import Log
from clvmodels.contenders import CONTENDERS
from clvmodels.datasets import load_cdnow
from clvmodels.errors import FitStatus
from clvmodels.forecast import CLVModel, FittedCLV
from clvmodels.inference import METHODS
from clvmodels.io import read_table
from clvmodels.models import PURCHASE_MODELS
from clvmodels.report import write_report
from clvmodels.rfm import RFM
from clvmodels.transactions import rules

COMMANDS = ("demo", "summarise", "fit", "forecast", "refunds", "backtest", "report", "compare", "value")
QUICK = ("--draws", "60", "--purchase", "bg_nbd")


@pytest.fixture(scope="module")
def purchases() -> pd.DataFrame:
    """250 customers of CDNOW, their ids written with leading zeros."""
    table = load_cdnow("sample")[["customer_id", "date", "spend"]]
    table = table[table["customer_id"] <= 250].reset_index(drop=True)
    return table.assign(customer_id=table["customer_id"].map("{:05d}".format))


@pytest.fixture
def shell(
    purchases: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """A shell in a folder that holds the log as log.csv and log.parquet."""
    monkeypatch.chdir(tmp_path)
    purchases.to_csv("log.csv", index=False)
    purchases.to_parquet("log.parquet", index=False)
    return Shell(capsys)


# --- help ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_that_can_be_copied(shell: Shell, command: str) -> None:
    text = shell.good(command, "--help")
    assert re.search(rf"^ *Example: clvmodels {command}( \S+)+$", text, re.M)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_heavy(command: str) -> None:
    program = (
        "import sys\nfrom clvmodels.cli import main\n"
        "try:\n    main([sys.argv[1], '--help'])\n"
        "except SystemExit:\n    print('LOADED', *sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, command], capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.split("LOADED")[1].split())
    assert not loaded & {
        "numpy",
        "pandas",
        "scipy",
        "matplotlib",
        "pyarrow",
        "narwhals",
        "rich",
        "numba",
        "pydantic",
    }


def test_help_names_every_method_and_formula(shell: Shell) -> None:
    """Models are listed by the error for a name that does not exist: help must not know the registry."""
    for command in ("fit", "forecast", "backtest"):
        assert set(re.findall(r"\w+", shell.good(command, "--help"))) >= set(METHODS)
    named = set(re.findall(r"\w+", shell.good("backtest", "--help")))
    assert named >= set(CONTENDERS) - set(PURCHASE_MODELS)


def test_choices_are_those_of_the_summary() -> None:
    hints = get_type_hints(Log)
    assert get_args(hints["period"]) == get_args(hints["time_unit"]) == get_args(rules.Period)
    assert get_args(hints["first_purchase"]) == get_args(rules.FirstPurchase)
    assert get_args(hints["refunds"]) == get_args(rules.Refunds)
    assert get_args(hints["zero_spend"]) == get_args(rules.ZeroSpend)


def test_version_and_the_list_of_commands(shell: Shell) -> None:
    assert shell.good("--version") == f"clvmodels {__version__}\n"
    text = shell.good("--help")
    assert all(f"\n  {command}" in text for command in COMMANDS)
    assert "Exit codes: 0 done" in text


def test_the_package_is_the_command() -> None:
    run = [sys.executable, "-m", "clvmodels", "--version"]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.endswith(f"{__version__}\n")


# --- each command --------------------------------------------------------------------------------------------


def test_summarise_is_the_same_from_csv_and_parquet(shell: Shell) -> None:
    texts = [
        shell.good("summarise", f"log.{suffix}", "--out", f"rfm.{suffix}") for suffix in ("csv", "parquet")
    ]
    one, two = read_table("rfm.csv"), read_table("rfm.parquet")
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert one["customer_id"].iloc[0] == "00001"
    assert "rows in 782, used 782" in texts[0]
    assert texts[0].splitlines()[:-1] == texts[1].splitlines()[:-1]
    assert texts[0].splitlines()[-1] == "wrote rfm.csv, rfm.csv.meta.json"
    assert json.loads(Path("rfm.csv.meta.json").read_text())["attrs"]["time_unit"] == "W"
    assert two.attrs["observed_until"].startswith("1998-")


def test_summarise_reads_the_log_as_it_is_told(shell: Shell, purchases: pd.DataFrame) -> None:
    other = purchases.rename(columns={"customer_id": "who", "date": "when", "spend": "paid"})
    other.loc[3, "paid"] = -1.0
    other.to_csv("other.csv.gz", index=False)
    named = ("--customer-column", "who", "--date-column", "when", "--spend-column", "paid")
    chosen = ("--period", "W", "--time-unit", "D", "--refunds", "drop", "--zero-spend", "drop")
    more = ("--observation-end", "1997-09-30", "--first-purchase", "include")
    text = shell.good("summarise", "other.csv.gz", "--out", "rfm.csv", *named, *chosen, *more)
    table = read_table("rfm.csv")
    assert (table["recency"] % 7 == 0).all()
    assert (table["spend_count"] == table["frequency"] + 1).all()
    assert "after observation_end" in text
    shell.good("summarise", "log.csv", "--no-spend", "--out", "bare.csv")
    assert "monetary_value" not in read_table("bare.csv")


def test_a_saved_fit_forecasts_as_a_fresh_one(shell: Shell) -> None:
    text = shell.good("fit", "log.csv", "--out", "fit", *QUICK)
    assert "BG/NBD by laplace" in text
    assert text.endswith("wrote fit\n")
    common = (
        "--horizon",
        "26W",
        "--draws",
        "60",
        "--discount",
        "0.1",
        "--margin",
        "0.35",
        "--levels",
        "0.1,0.9",
    )
    one = shell.good("forecast", "log.csv", *common, "--purchase", "bg_nbd", "--out", "fresh.parquet")
    two = shell.good("forecast", "log.csv", *common, "--fit", "fit", "--out", "saved.parquet")
    fresh, saved = read_table("fresh.parquet"), read_table("saved.parquet")
    pd.testing.assert_frame_equal(fresh, saved, check_exact=True)
    assert [name for name in fresh if "_q" in name] == ["clv_q10", "clv_q90"]
    assert one.splitlines()[:-1] == two.splitlines()[:-1]
    assert fresh.attrs["margin"] == 0.35


def test_forecast_says_totals_units_and_where_they_come_from(shell: Shell) -> None:
    out = ("--out", "clv.csv", "--periods-out", "periods.csv", "--step", "M")
    text = shell.good(
        "forecast", "log.csv", "--horizon", "6M", "--margin", "0.5", "--seed", "3", *QUICK, *out
    )
    assert "90 % predictive interval" in text
    assert "value is 50% of spend in the currency of the log, discounted at 0.0% a year" in text
    assert re.search(r"60 draws,?\s+seed 3", text)
    assert "wrote clv.csv, clv.csv.meta.json, periods.csv, periods.csv.meta.json" in text
    periods = read_table("periods.csv")
    stated = float(re.search(r"total value: mean ([\d,.]+),", text)[1].replace(",", ""))  # type: ignore[index]
    assert periods["value_mean"].sum() == pytest.approx(stated, abs=0.06)
    exact = read_table("clv.csv")["clv_mean"].sum()  # closed form; what is stated is the mean of 60 draws
    assert exact == pytest.approx(stated, rel=0.1)


def test_forecast_without_money(shell: Shell) -> None:
    text = shell.good("forecast", "log.csv", "--no-spend", "--horizon", "26W", "--out", "clv.csv", *QUICK)
    assert "total purchases" in text
    assert "value" not in text
    assert "clv_mean" not in read_table("clv.csv")


def test_backtest_and_its_report(shell: Shell, purchases: pd.DataFrame) -> None:
    names = ("--model", "bg_nbd", "--model", "historical", "--method", "mle")
    text = shell.good("backtest", "log.csv", "--horizon", "26W", *names, "--draws", "60", "--out", "backtest")
    assert text.index("PURCHASES: 26W after 1997-12-27") < text.index("MONEY")
    assert "Where the simple formula wins" in text
    assert max(map(len, text.splitlines())) <= 100
    looks = ("--currency", "€", "--title", "Our shop", "--hash-ids")
    assert shell.good("report", "backtest", "--out", "page.html", *looks) == "wrote page.html\n"
    page = Path("page.html").read_text(encoding="utf-8")
    assert "Our shop" in page
    assert "00087" not in page
    shell.good("report", "backtest", "--out", "page.html", *looks)
    assert Path("page.html").read_text(encoding="utf-8") == page


def test_backtest_takes_a_number_of_origins_or_their_dates(shell: Shell) -> None:
    run = (
        "backtest",
        "log.csv",
        "--horizon",
        "13W",
        "--model",
        "bg_nbd",
        "--method",
        "mle",
        "--no-spend",
        "--draws",
        "9",
    )
    text = shell.good(*run, "--origins", "2", "--out", "two")
    assert re.findall(r"after (\S+),", text) == ["1997-12-27", "1998-03-28"]
    text = shell.good(*run, "--origins", "1997-06-30", "--origins", "1997-09-30", "--out", "dates")
    assert re.findall(r"after (\S+),", text) == ["1997-06-30", "1997-09-30"]
    assert shell(*run, "--origins", "2", "--origins", "1997-09-30", "--out", "both").code == 2
    rolling = ("--origins", "2", "--step", "4W", "--horizon", "26W", "--out", "rolling")
    text = shell.good(*run, *rolling)
    assert "13W after" in text
    assert "26W after" in text
    assert "holdouts of 13W and 26W overlap" in text


def test_a_saved_backtest_gives_the_report_of_the_first_hand(shell: Shell, purchases: pd.DataFrame) -> None:
    model = CLVModel("bg_nbd", method="mle")
    first_hand = backtest(purchases, [model], horizon="26W", draws=60)
    write_report(first_hand, "first.html", title="one")
    same = ("--horizon", "26W", "--model", "bg_nbd", "--method", "mle", "--draws", "60")
    shell.good("backtest", "log.parquet", *same, "--out", "saved")
    shell.good("report", "saved", "--out", "second.html", "--title", "one")
    pages = [
        re.sub(r"\d+\.\d+ s\b", "", Path(name).read_text(encoding="utf-8"))
        for name in ("first.html", "second.html")
    ]
    assert pages[0] == pages[1]


CONFIG = """
[log]
source = "log.csv"
[backtest]
horizon = ["13W", "26W"]
origins = 2
step = "13W"
draws = 60
[[models]]
name = "bg_nbd"
method = "mle"
label = "Ours"
[[models]]
name = "historical"
[model]
purchase = "bg_nbd"
method = "mle"
[forecast]
horizon = "26W"
step = "M"
draws = 60
[report]
out = "page.html"
currency = "€"
hash_ids = true
"""


def test_compare_does_what_the_configuration_says(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config.toml").write_text(CONFIG)
    text = shell.good("compare", "config.toml", "--save", "card")
    assert re.search(r"To judge single customers by money over \d+ weeks? use Ours", text)
    assert text.endswith("wrote page.html, card\n")
    page = Path("page.html").read_text(encoding="utf-8")
    for part in (
        "horizons-purchases",
        "figure-timelines",
        "figure-values",
        "suspects-table",
        "forecast-totals",
    ):
        assert f'id="{part}"' in page
    assert "Spend and frequency" in page
    assert "1998-08-01 to 1998-08-31" in page  # the step of the totals, in months
    assert not re.search(r"(?<![.\d,])00\d\d\d\b", page)
    with duckdb.connect("shop.duckdb") as shop:
        shop.execute("CREATE TABLE sales AS SELECT * FROM 'log.parquet'")
    asked = CONFIG.replace('"log.csv"', '"shop.duckdb"\ntable = "sales"').replace(
        "draws", "workers = 2\ndraws", 1
    )
    Path("shop.toml").write_text(asked)
    shell.good("compare", "shop.toml", "--out", "again.html")  # a query, and processes that share the work
    assert Path("again.html").read_text(encoding="utf-8") == page
    monkeypatch.setenv("CLV__REPORT__TITLE", "From the environment")
    shell.good("compare", "config.toml")
    assert "From the environment" in Path("page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("draws = 60\n[[models]]", "drawz = 60\n[[models]]"), 2, "did you mean 'draws'?"),
        (
            ('name = "historical"', 'name = "historical"\nmethod = "mle"'),
            2,
            "'historical' has no method; it takes min_tenure, label",
        ),
        (('"log.csv"', '"shop.duckdb"\ntable = "sales"'), 2, "shop.duckdb"),
        (('"log.csv"', '"lost.csv"'), 2, "lost.csv"),
        (('"page.html"', '"no/such/folder/page.html"'), 2, "no/such/folder"),
    ],
)
def test_compare_refuses_what_it_cannot_do(
    shell: Shell, change: tuple[str, str], code: int, words: str
) -> None:
    assert change[0] in CONFIG
    Path("config.toml").write_text(CONFIG.replace(*change))
    outcome = shell("compare", "config.toml")
    assert (outcome.code, outcome.out) == (code, "")
    assert words in outcome.err
    assert outcome.err.count("\n") == 1
    assert not Path("page.html").exists()


def test_demo_shows_the_whole_street(shell: Shell) -> None:
    text = shell.good("demo", "--out", "page.html")
    assert max(map(len, text.splitlines())) <= 100
    headings = ["CDNOW SAMPLE", "PURCHASES: 39W after 1997-09-30", "MONEY", "Where the simple formula wins"]
    assert [text.index(heading) for heading in headings] == sorted(map(text.index, headings))
    assert "rows in 6,919, used 6,919" in text
    assert re.search(r"total value: mean [\d,.]+, 90 % predictive interval [\d,]+ to [\d,]+", text)
    assert len(re.findall(r"^customer \d+ ", text, re.M)) == 5
    assert text.endswith("wrote page.html\n")
    assert files() == {"page.html"}


# --- mistakes ------------------------------------------------------------------------------------------------


def spoil(purchases: pd.DataFrame) -> None:
    """Logs that break one rule each."""
    purchases.assign(spend=-1.0).to_csv("negative.csv", index=False)
    purchases.assign(date="1 March 97").to_csv("words.csv", index=False)
    purchases.assign(spend="much").to_csv("much.csv", index=False)
    purchases.drop(columns="spend").to_csv("poor.csv", index=False)
    purchases.head(0).to_csv("nobody.csv", index=False)
    Path("empty.csv").touch()
    Path("cut.parquet").write_bytes(Path("log.parquet").read_bytes()[:500])
    Path("log.xlsx").write_bytes(b"PK")


MISTAKES: list[tuple[int, str, tuple[object, ...]]] = [
    (2, "no file 'gone.csv'", ("forecast", "gone.csv", "--horizon", "26W", "--out", "clv.csv")),
    (2, r"\.csv, \.csv\.gz, \.parquet", ("forecast", "log.xlsx", "--horizon", "26W", "--out", "clv.csv")),
    (2, r"\.csv, \.csv\.gz, \.parquet", ("forecast", "log.csv", "--horizon", "26W", "--out", "clv.xlsx")),
    (2, "no folder", ("forecast", "log.csv", "--horizon", "26W", "--out", "gone/clv.csv")),
    (2, "is a folder", ("forecast", "log.csv", "--horizon", "26W", "--out", "dir.csv")),
    (2, "two tables", ("forecast", "log.csv", "--horizon", "26W", "--out", "a.csv", "--periods-out", "a.csv")),
    (2, "not a duration", ("forecast", "log.csv", "--horizon", "26X", "--out", "clv.csv")),
    (2, "neither a duration", ("forecast", "log.csv", "--horizon", "26", "--out", "clv.csv")),
    (2, "is the log", ("forecast", "log.csv", "--horizon", "26W", "--out", "log.csv")),
    (2, "is the log", ("summarise", "dir.csv", "--out", "dir.csv/rfm.csv")),
    (2, "on or before", ("forecast", "log.csv", "--horizon", "1997-01-01", "--out", "clv.csv", *QUICK)),
    (2, "no purchase model", ("forecast", "log.csv", "--horizon", "26W", "--out", "clv.csv", "--purchase", "x")),
    (2, "no spend model", ("fit", "log.csv", "--out", "fit", "--spend", "x")),
    (2, "method='x'", ("fit", "log.csv", "--out", "fit", "--method", "x")),
    (2, "exclude each other", ("fit", "log.csv", "--out", "fit", "--spend", "gamma_gamma", "--no-spend")),
    (2, "0.35", ("forecast", "log.csv", "--horizon", "26W", "--out", "clv.csv", "--margin", "35")),
    (2, "0.10", ("forecast", "log.csv", "--horizon", "26W", "--out", "clv.csv", "--discount", "10")),
    (2, "levels", ("forecast", "log.csv", "--horizon", "26W", "--out", "clv.csv", "--levels", "5,95", *QUICK)),
    (2, "list of numbers", ("forecast", "log.csv", "--horizon", "26W", "--out", "clv.csv", "--levels", "low")),
    (2, "'x'.*historical", ("backtest", "log.csv", "--horizon", "26W", "--out", "backtest", "--model", "x")),
    (2, "name", ("backtest", "log.csv", "--horizon", "26W", "--out", "b", "--model", "bg_nbd", "--model", "bg_nbd")),
    (2, "mixes", ("backtest", "log.csv", "--horizon", "26W", "--out", "backtest", "--origins", 1, "--origins", 2)),
    (2, "ISO date", ("summarise", "log.csv", "--out", "rfm.csv", "--observation-end", "soon")),
    (2, "no folder", ("report", "gone", "--out", "page.html")),
    (2, "no folder", ("report", "dir.csv", "--out", "gone/page.html")),
    (2, "no folder", ("fit", "log.csv", "--out", "gone/fit")),
    (3, "no such column", ("summarise", "log.csv", "--out", "rfm.csv", "--customer-column", "customer")),
    (3, "no such column", ("fit", "poor.csv", "--out", "fit")),
    (3, "date", ("summarise", "words.csv", "--out", "rfm.csv")),
    (3, "spend.*not String .first: 'much'", ("summarise", "much.csv", "--out", "rfm.csv")),
    (3, "negative|below 0|refund", ("forecast", "negative.csv", "--horizon", "26W", "--out", "clv.csv")),
    (3, "is empty", ("summarise", "empty.csv", "--out", "rfm.csv")),
    (3, "no row", ("summarise", "nobody.csv", "--out", "rfm.csv")),
    (3, "not a whole Parquet", ("summarise", "cut.parquet", "--out", "rfm.csv")),
    (3, "manifest.json", ("forecast", "log.csv", "--horizon", "26W", "--out", "clv.csv", "--fit", "dir.csv")),
    (3, "manifest.json", ("report", "dir.csv", "--out", "page.html")),
]  # fmt: skip


@pytest.mark.parametrize(("code", "message", "words"), MISTAKES)
def test_mistakes_are_one_line_and_leave_nothing(
    shell: Shell, purchases: pd.DataFrame, code: int, message: str, words: tuple[object, ...]
) -> None:
    spoil(purchases)
    Path("dir.csv").mkdir()
    before = files()
    outcome = shell(*words)
    assert outcome.code == code, outcome.err
    assert re.search(message, outcome.err)
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("clvmodels: ")
    assert "Traceback" not in outcome.out + outcome.err
    assert files() == before


@pytest.mark.parametrize(
    "words",
    [
        ("summarise", "log.csv"),
        ("summarise", "log.csv", "--out", "rfm.csv", "--colour", "red"),
        ("summarise", "log.csv", "--out", "rfm.csv", "--refunds", "keep"),
        ("summarise", "log.csv", "--out", "rfm.csv", "--time-unit", "M"),
        ("fit", "log.csv", "--out", "fit", "--draws", "1"),
        ("fit", "log.csv", "--out", "fit", "--seed", "1.5"),
        ("predict",),
    ],
)
def test_wrong_usage_is_refused_by_the_parser(shell: Shell, words: tuple[str, ...]) -> None:
    outcome = shell(*words)
    assert outcome.code == 2
    assert "Error: " in outcome.err
    assert not files()


def test_a_failed_fit_ends_in_4_and_is_not_saved(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = CLVModel.fit

    def failing(model: CLVModel, rfm: RFM, **options: Any) -> FittedCLV:
        fitted = honest(model, rfm, **options)
        failed = replace(fitted.purchase, status=FitStatus.FAILED, reason="no optimum\nwas found")
        return replace(fitted, purchase=failed)

    monkeypatch.setattr(CLVModel, "fit", failing)
    for words in (("fit", "--out", "fit"), ("forecast", "--horizon", "26W", "--out", "clv.csv")):
        outcome = shell(words[0], "log.csv", *words[1:], *QUICK)
        assert (outcome.code, outcome.err) == (4, "clvmodels: BG/NBD, laplace: no optimum was found\n")
    models = ("--model", "bg_nbd", "--draws", "60")
    run = ("backtest", "log.csv", "--horizon", "26W", "--out", "backtest", *models)
    assert shell(*run).code == 4
    assert not files()
    text = " ".join(shell.good(*run, "--model", "historical").split())
    assert "BG/NBD × automatic spend (laplace) at 1997-12-27 could not be used: BG/NBD by laplace" in text
    assert " no optimum was found (k_hat" in text


def test_tampered_fits_and_backtests_are_refused(shell: Shell) -> None:
    shell.good("fit", "log.csv", "--out", "fit", *QUICK)
    manifest = Path("fit/manifest.json")
    manifest.write_text(manifest.read_text().replace("CONVERGED", "AT_BOUNDARY"))
    outcome = shell("forecast", "log.csv", "--horizon", "26W", "--out", "clv.csv", "--fit", "fit")
    assert (outcome.code, outcome.out) == (3, "")
    assert "was changed after it was saved" in outcome.err
    assert not Path("clv.csv").exists()


def test_a_fit_is_used_on_a_log_counted_alike(shell: Shell) -> None:
    shell.good("fit", "log.csv", "--out", "fit", "--period", "W", *QUICK)
    use = ("forecast", "log.csv", "--horizon", "26W", "--out", "clv.csv", "--fit", "fit", "--draws", "60")
    outcome = shell(*use)
    assert outcome.code == 2
    assert "give --period W" in outcome.err
    shell.good(*use, "--period", "W")
    outcome = shell(*use, "--period", "W", "--method", "mle")
    assert outcome.code == 2
    assert "--fit brings its models" in outcome.err


def test_what_was_there_survives_a_mistake(shell: Shell) -> None:
    shell.good("summarise", "log.csv", "--out", "rfm.csv")
    before = Path("rfm.csv").read_bytes()
    assert shell("summarise", "log.csv", "--out", "rfm.csv", "--customer-column", "x").code == 3
    assert Path("rfm.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("number", "code", "words"), [(5, 1, "the system refused"), (28, 75, "no room left")]
)
def test_a_refusal_of_the_system_is_one_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, number: int, code: int, words: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "as the system says")

    monkeypatch.setattr("os.fsync", refuse)
    outcome = shell("summarise", "log.csv", "--out", "rfm.csv")
    assert (outcome.code, outcome.err.count("\n")) == (code, 1)
    assert words in outcome.err
    assert not files()


# --- progress ------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    "words",
    [
        ("forecast", "log.csv", "--horizon", "26W", "--out", "a.csv", *QUICK),
        ("backtest", "log.csv", "--horizon", "26W", "--model", "bg_nbd", "--draws", "60", "--out", "b"),
    ],
)
def test_progress_is_for_terminals_only(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    quiet = shell.good(*words)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert shell(*words).out == quiet
    assert "\x1b[" in terminal.getvalue()


def test_a_pipe_sees_results_and_nothing_else(shell: Shell) -> None:
    run = [
        sys.executable,
        "-m",
        "clvmodels",
        "forecast",
        "log.csv",
        "--horizon",
        "26W",
        "--out",
        "clv.csv",
        *QUICK,
    ]
    result = subprocess.run(run, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    assert result.stdout.endswith("wrote clv.csv, clv.csv.meta.json\n")
