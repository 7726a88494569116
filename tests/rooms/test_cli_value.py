"""The command that says what to do with a forecast: every part, every kind of mistake, nothing half-written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rooms.shell import Shell, files

import clvmodels as clv
from clvmodels.datasets import load_cdnow
from clvmodels.io import read_table

QUICK = ("value", "log.csv", "--horizon", "12M", "--draws", "30", "--purchase", "bg_nbd", "--out", "out")
KNOWN = ("--customers", "customers.csv")
CHANNELS = ("--channel", "channel", *KNOWN)
PLAIN = {
    "profit_summary", "profit_periods", "profit_customers", "segments", "segment_customers", "at_risk", "low_value",
    "tornado", "elasticities", "calculator",
}  # fmt: skip


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A folder with a log of 150 customers, what is known of them, and what channels, plans and peers look like."""
    monkeypatch.chdir(tmp_path)
    log = load_cdnow("sample")[["customer_id", "date", "spend"]]
    log = log[log["customer_id"] <= 150]
    log.to_csv("log.csv", index=False)
    ids = np.arange(1, 151)
    known = {
        "customer_id": ids,
        "margin": np.where(ids % 2, 0.3, 0.5),
        "channel": np.where(ids % 3, "post", "search"),
        "survey": np.where(ids % 5, "unhappy", "happy"),
        "brought": (ids % 7 == 0) * 1,
        "wrong": np.where(ids == 9, 45, 0.45),
        "words": np.where(ids == 9, "much", "0.45"),
    }
    pd.DataFrame(known).to_csv("customers.csv", index=False)
    pd.DataFrame(known).head(10).to_csv("few.csv", index=False)
    pd.concat([pd.DataFrame(known)] * 2).to_csv("twice.csv", index=False)
    pd.DataFrame({"channel": ["post", "search"], "cac": [12, 18]}).to_csv("cac.csv", index=False)
    pd.DataFrame({"channel": ["post"], "cac": [12]}).to_csv("half.csv", index=False)
    pd.DataFrame({"channel": ["post", "search"], "cac": [12, -18]}).to_csv("minus.csv", index=False)
    pd.DataFrame({"channel": ["post", "post"], "cac": [12, 18]}).to_csv("double.csv", index=False)
    pd.DataFrame({"new_customers": [5] * 12, "sd": [3] * 12, "cac": [9] * 12}).to_csv("plan.csv", index=False)
    peers = {"name": ["shop"], "metric": ["clv_per_customer"], "value": [20], "unit": ["USD"]}
    pd.DataFrame(peers).to_csv("peers.csv", index=False)
    return Shell(capsys)


def tables(folder: str = "out") -> set[str]:
    return {path.name.split(".")[0] for path in Path(folder).iterdir()} - {"contents"}


def test_profit_segments_levers_and_formulas_are_told_of_any_log(shell: Shell) -> None:
    terms = ("--margin", "0.4", "--discount", "0.1", "--cost-per-purchase", "2", "--currency", "USD")
    text = shell.good(*QUICK, *terms, "--seed", "3")
    assert tables() == PLAIN
    assert max(map(len, text.splitlines())) <= 100
    for heading in ("PROFIT, NOT ONLY REVENUE", "WHOM TO PROTECT", "WHAT THE VALUE HANGS ON", "THE FORMULAS"):
        assert heading in text
    assert "Money is in USD" in text
    summary = read_table("out/profit_summary.csv").set_index("flow")
    said = re.search(r"bring\s([\d,]+) USD of profit", text)
    assert said is not None
    assert float(said[1].replace(",", "")) == pytest.approx(summary.loc["profit", "total_mean"], abs=0.51)
    facts = json.loads(Path("out/profit_summary.csv.meta.json").read_text())["attrs"]
    assert (facts["currency"], facts["margin"], facts["seed"]) == ("USD", 0.4, 3)
    rfm = clv.rfm_summary(read_table("log.csv"), spend="spend")
    fitted = clv.CLVModel("bg_nbd").fit(rfm, draws=30, seed=3)
    economics = clv.Economics(0.4, 2, annual_discount_rate=0.1, currency="USD")
    view = clv.profit(fitted, "12M", economics, draws=30, seed=3)
    assert summary.loc["profit", "total_mean"] == pytest.approx(view.profit.mean, rel=1e-12)
    contents = json.loads(Path("out/contents.json").read_text())
    assert set(contents["files"]) == {path.name for path in Path("out").iterdir()} - {"contents.json"}


def test_every_question_has_a_table_and_a_place_on_the_page(shell: Shell) -> None:
    shell.good(
        "backtest",
        "log.csv",
        "--horizon",
        "26W",
        "--model",
        "historical",
        "--model",
        "lifespan",
        "--out",
        "bt",
    )
    text = shell.good(
        *QUICK, "--margin", "margin", "--customers", "customers.csv", "--cac", "cac.csv", "--channel", "channel",
        "--plan", "plan.csv", "--referrals", "brought", "--incremental", "0.5", "--what-if", "retention=0.1",
        "--since", "1997-12-31", "--groups", "survey", "--peers", "peers.csv", "--backtest", "bt", "--currency", "USD",
        "--page", "page.html", "--format", "json", "--referral-chain", "all", "--observation-end", "1998-06-30",
    )  # fmt: skip
    assert tables() == PLAIN | {
        "acquisition", "payback", "new_customers", "channels", "plan", "budget", "referrals", "what_if", "change",
        "change_groups", "change_customers", "realised", "groups_survey", "benchmark",
    }  # fmt: skip
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith("wrote page.html\n")
    page = Path("page.html").read_text(encoding="utf-8")
    assert 'id="verdict"' in page
    assert 'id="action"' in page
    rows = json.loads(Path("out/acquisition.json").read_text())["rows"]
    assert {row["channel"]: row["cac"] for row in rows} == {"post": 12.0, "search": 18.0}
    budget = json.loads(Path("out/budget.json").read_text())
    assert budget["attrs"]["currency"] == "USD"
    spent = [row["acquisition_cost_mean"] / row["new_customers_mean"] for row in budget["rows"]]
    assert spent == pytest.approx([9.0] * 12)
    record = {
        row["formula"]: row["backtest_origins"]
        for row in json.loads(Path("out/calculator.json").read_text())["rows"]
    }
    assert record["customer value × lifespan"] == 1
    assert record["order value × frequency × lifespan"] == 0  # it took no part


def test_a_formula_can_be_decided_on(shell: Shell) -> None:
    text = shell.good(
        "value", "log.csv", "--horizon", "26W", "--purchase", "historical", "--cac", "20", "--out", "out"
    )
    assert "Historical CLV" in text
    assert "90 % interval" not in text.split("WHAT TO DO WITH IT")[1].replace("Every interval", "")
    assert "acquisition" in tables()


def test_the_same_words_give_the_same_bytes(shell: Shell) -> None:
    one = shell.good(*QUICK, "--page", "a.html", "--hash-ids")
    first = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    two = shell.good(*QUICK, "--page", "b.html", "--hash-ids")
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == first
    assert Path("a.html").read_bytes() == Path("b.html").read_bytes()
    assert one.replace("a.html", "b.html") == two


def test_a_saved_fit_decides_as_a_fresh_one(shell: Shell) -> None:
    shell.good("fit", "log.csv", "--out", "fit", "--purchase", "bg_nbd", "--draws", "30")
    shell.good(*QUICK)
    fresh = read_table("out/profit_customers.csv")
    shell.good("value", "log.csv", "--horizon", "12M", "--draws", "30", "--fit", "fit", "--out", "other")
    pd.testing.assert_frame_equal(read_table("other/profit_customers.csv"), fresh, check_exact=True)


def test_labels_are_held_against_the_last_run(shell: Shell) -> None:
    shell.good(*QUICK)
    table = read_table("out/segment_customers.csv")
    table.assign(segment="grow").to_csv("last.csv", index=False)
    shell.good(*QUICK, "--last", "last.csv")
    now = read_table("out/segment_customers.csv")
    assert set(now["last_segment"]) == {"grow"}
    close = (
        table[["p_protect", "p_grow", "p_win back", "p_let go"]].max(axis=1) - table["p_grow"] <= 0.1 + 1e-12
    )
    assert (now.loc[close, "segment"] == "grow").all()
    assert (now.loc[~close, "segment"] == table.loc[~close, "segment"]).all()


def test_tables_of_an_earlier_run_do_not_stay(shell: Shell) -> None:
    shell.good(*QUICK, "--cac", "20")
    assert "acquisition" in tables()
    Path("out/note.txt").write_text("mine")
    shell.good(*QUICK, "--format", "parquet")
    assert tables() == PLAIN | {"note"}
    assert not list(Path("out").glob("*.csv*"))


MISTAKES: list[tuple[int, str, tuple[str, ...]]] = [
    (2, "margin=35.0 .* you may mean 0.35", ("--margin", "35")),
    (2, "'35%' .* you may mean 0.35", ("--margin", "35%")),
    (2, "'0,35' has a comma; you may mean 0.35", ("--margin", "0,35")),
    (2, "belongs to cost_per_purchase", ("--margin", "-0.2")),
    (2, "'share' is no number", ("--margin", "share")),
    (2, "no column 'share'; it has customer_id, margin", ("--margin", "share", *KNOWN)),
    (3, r"margins must lie in \[0, 1\] \(1 row; first: 9\)", ("--margin", "wrong", *KNOWN)),
    (3, r"holds no number for some customers \(1 row; first: 9\)", ("--margin", "words", *KNOWN)),
    (3, "lacks customers of the log .140 rows; first: 11", ("--margin", "margin", "--customers", "few.csv")),
    (3, "more than once", ("--margin", "margin", "--customers", "twice.csv")),
    (2, "no file", ("--margin", "margin", "--customers", "gone.csv")),
    (2, "annual_discount_rate=10.0 .* you may mean 0.1", ("--discount", "10")),
    (2, "you may mean 3", ("--cost-per-purchase", "-3")),
    (2, "'all new customers' .* you may mean 5", ("--cac", "-5")),
    (2, "names channels; say with --channel", ("--cac", "cac.csv")),
    (2, "needs --cac", ("--channel", "channel")),
    (3, "channels without a CAC .1 row; first: search", ("--cac", "half.csv", *CHANNELS)),
    (2, "'search' .* you may mean 18", ("--cac", "minus.csv", *CHANNELS)),
    (3, "more than once", ("--cac", "double.csv", *CHANNELS)),
    (3, "lacks the column 'channel'", ("--cac", "peers.csv", *CHANNELS)),
    (2, "three to one is 3", ("--cac", "5", "--target", "0")),
    (2, "you may mean 0.9", ("--cac", "5", "--level", "90")),
    (2, "you may mean 3", ("--plan", "-3")),
    (2, "whole numbers of customers", ("--plan", "10.5")),
    (2, "needs --plan", ("--plan-sd", "3")),
    (2, "has 12 numbers", ("--plan", "plan.csv", "--horizon", "6M")),
    (2, "go together", ("--referrals", "0.2")),
    (2, "you may mean 0.5", ("--referrals", "0.2", "--incremental", "50")),
    (2, "grows without end", ("--referrals", "3", "--incremental", "1", "--referral-chain", "all")),
    (2, "you may mean 0.1", ("--what-if", "retention=10")),
    (2, "'price' is no lever", ("--what-if", "price=0.1")),
    (2, "twice", ("--what-if", "retention=0.1,retention=0.2")),
    (2, "turn a margin of 1 into 1.1", ("--what-if", "margin=0.1")),
    (2, "you may mean 0.2", ("--best-share", "20")),
    (3, "lacks the column 'segment'", ("--last", "few.csv")),
    (2, "not after the cutoff", ("--since", "2020-01-01")),
    (2, "needs --customers", ("--groups", "survey")),
    (3, "150 groups", ("--groups", "customer_id", *KNOWN)),
    (2, "name a column with two groups", ("--randomised",)),
    (3, "lacks the column 'name'", ("--peers", "cac.csv")),
    (2, "you may mean 0.43", ("--churn", "43")),
    (2, "no folder 'gone'", ("--backtest", "gone")),
    (2, "not a duration", ("--horizon", "1999-01-01")),
    (2, "no folder 'gone'", ("--page", "gone/page.html")),
    (2, "nothing to decide on", ("--no-spend",)),
    (2, "holds other files", ("--out", ".")),
    (2, "is a file", ("--out", "log.csv")),
]  # fmt: skip


@pytest.mark.parametrize(("code", "message", "words"), MISTAKES)
def test_mistakes_are_one_line_and_leave_nothing(
    shell: Shell, code: int, message: str, words: tuple[str, ...]
) -> None:
    before = files()
    outcome = shell(*QUICK, "--method", "map", *words)
    assert outcome.code == code, outcome.err
    assert re.search(message, outcome.err), outcome.err
    assert outcome.err.count("\n") == 1
    assert files() == before


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("is a formula", ("--purchase", "historical", "--plan", "10")),
        ("leave out --purchase", ("--purchase", "bg_nbd", "--fit", "fit")),
        (
            "--since and --groups: needs fits of its own",
            ("--fit", "fit", "--since", "1997-12-31", "--groups", "survey"),
        ),
        ("no purchase model", ("--purchase", "x")),
    ],
)
def test_parts_that_do_not_go_together(shell: Shell, message: str, words: tuple[str, ...]) -> None:
    outcome = shell("value", "log.csv", "--horizon", "12M", "--out", "out", *words)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert message in outcome.err
    assert not Path("out").exists()
