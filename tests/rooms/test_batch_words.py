"""What an operator reads of a run: refunds of the log, and amounts that have their unit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jobs import QUICK, go, set_up, shelf_of, shop

from clvmodels.cli import main

MATCH = QUICK.replace('"log.csv"', '"log.csv"\nrefunds = "match"\norder_column = "order"')


def with_refunds(log: pd.DataFrame) -> pd.DataFrame:
    """Every tenth order comes back a week later, every other one of these without the number of its order."""
    sold = log.assign(order=np.arange(len(log)))
    back = sold.iloc[::10].copy()
    back["spend"] = -back["spend"]
    back["date"] = (pd.to_datetime(back["date"]) + pd.Timedelta("7D")).dt.strftime("%Y-%m-%d")
    back["order"] = back["order"].astype("Int64").where(np.arange(len(back)) % 2 == 0)
    return pd.concat([sold, back], ignore_index=True)


def told(path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        main([words[0], str(path), *words[1:]])
    assert ended.value.code in (0, 5)
    said = capsys.readouterr()
    return said.out, said.err


def page_of(path: Path) -> str:
    return (shelf_of(path).runs[-1].folder / "report.html").read_text()


def test_run_tells_of_the_refunds_of_its_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed: refunds after the day of the run; money of one kind under the other; a section that is left out."""
    log = with_refunds(shop(200))
    path = set_up(tmp_path, log, more='[report]\ncurrency = "€"\n', text=MATCH)
    out, _ = told(path, capsys, "run", "--as-of", "2025-01-31")
    known = log[(log["spend"] < 0) & (log["date"] <= "2025-01-31")]
    found = known[known["order"].notna()]
    facts = shelf_of(path).runs[-1].manifest["refunds"]
    assert facts["number"] == len(known)
    assert facts["money"] == pytest.approx(-known["spend"].sum())
    assert facts["matched"] == {"number": len(found), "money": pytest.approx(-found["spend"].sum())}
    assert facts["unmatched"]["number"] == len(known) - len(found)
    assert facts["matched"]["money"] + facts["unmatched"]["money"] == pytest.approx(facts["money"])
    assert facts["gross"] - facts["money"] == pytest.approx(facts["net"])
    assert facts["mean_delay_days"] == 7
    assert f"in the log: {len(known)} refunds of €" in out
    assert f": {len(found)} of €" in out
    page = page_of(path)
    assert "What comes back" in page
    assert "Refunds of no order that is known" in page
    assert "The forecast is of net money" in page


@pytest.mark.parametrize(("rule", "words"), [("drop", "refunds were left out"), ("net", "of net money")])
def test_refunds_without_numbers_are_counted_too(tmp_path: Path, rule: str, words: str) -> None:
    text = QUICK.replace('"log.csv"', f'"log.csv"\nrefunds = "{rule}"\nobservation_start = "2024-02-01"')
    path = set_up(tmp_path, with_refunds(shop(200)), text=text, more="[gates]\ndropped = { limit = 1 }\n")
    manifest: Any = go(path, "2025-01-31").manifest
    assert manifest["refunds"]["number"] > 20
    assert manifest["refunds"]["matched"] is manifest["refunds"]["unmatched"] is None
    assert words in page_of(path)
    assert "who first bought before 2024-02-01" in page_of(path)


@pytest.mark.parametrize("change", ['refunds = "net"', 'refunds = "drop"\nno_spend = true', ""])
def test_log_without_refunds_or_money_has_no_such_section(tmp_path: Path, change: str) -> None:
    text = QUICK.replace('"log.csv"', f'"log.csv"\n{change}').replace(
        'spend = "gamma_gamma"\n', "" if "no_spend" in change else 'spend = "gamma_gamma"\n'
    )
    path = set_up(tmp_path, shop(150), text=text)
    manifest: Any = go(path, "2025-01-31").manifest
    assert manifest["refunds"] is None
    assert "What comes back" not in page_of(path)


@pytest.mark.parametrize("currency", ["€", "EUR"])
def test_every_amount_has_its_unit(tmp_path: Path, capsys: pytest.CaptureFixture[str], currency: str) -> None:
    """Killed: totals of the command line, of the history and of a gate that are bare numbers."""
    path = set_up(tmp_path, shop(200), more=f'[report]\ncurrency = "{currency}"\n')
    money = r"€[\d,.]+" if currency == "€" else r"[\d,.]+ EUR"
    interval = f"{money} to {money}"
    rehearsed, _ = told(path, capsys, "run", "--as-of", "2025-01-31", "--limit", "50")
    first, _ = told(path, capsys, "run", "--as-of", "2025-01-31")
    second, _ = told(path, capsys, "run", "--as-of", "2025-02-28")
    for said in (rehearsed, first, second):
        assert re.search(f"value within 26W: {money}, 90 % predictive interval {interval}\n", said)
        assert re.search(
            r"purchases within 26W: [\d,.]+, 90 % predictive interval [\d,.]+ to [\d,.]+\n", said
        )
    history, _ = told(path, capsys, "history")
    assert len(re.findall(f"value in 26W +{money} +{interval}", history)) == 2
    run = shelf_of(path).runs[-1]
    [gate] = [one for one in run.manifest["gates"] if one["gate"] == "total"]
    assert re.fullmatch(f"value of {money}, was {money}", gate["words"])
    told_of = json.loads((run.folder / "dictionary.json").read_bytes())["columns"]
    assert {one["column"] for one in told_of if one.get("unit") == currency} == {
        "value_mean", "value_p10", "value_p50", "value_p90", "expected_spend"
    }  # fmt: skip


def test_purchases_have_no_currency(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = QUICK.replace("[model]", "no_spend = true\n[model]").replace('spend = "gamma_gamma"\n', "")
    path = set_up(tmp_path, shop(150), more='[report]\ncurrency = "€"\n', text=text)
    out, _ = told(path, capsys, "run", "--as-of", "2025-01-31")
    dictionary = (shelf_of(path).runs[-1].folder / "dictionary.json").read_text()
    assert "€" not in out + dictionary + told(path, capsys, "history")[0]
