"""What to do with it: the section on decisions, whole and in parts, of models and formulas."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest
from rooms.example_decisions import example_decisions

import clvmodels as clv
from clvmodels.errors import ArgumentError
from clvmodels.report import Heading, Section, Table, write_sections
from clvmodels.report.action_words import Writing


@pytest.fixture(scope="module")
def decisions(cdnow: pd.DataFrame) -> clv.Decisions:
    return example_decisions(cdnow)


def tables(section: Section) -> dict[str, Table]:
    return {block.key: block for block in section.blocks if isinstance(block, Table)}


def test_every_decision_has_its_place(decisions: clv.Decisions, tmp_path: Path) -> None:
    section = clv.action_section(decisions)
    headings = [block.words for block in section.blocks if isinstance(block, Heading)]
    assert headings == [
        "Profit, not only revenue",
        "Whom to protect, grow, win back and let go",
        "What to pay for a new customer",
        "Present and new customers, by calendar period",
        "What referrals bring",
        "What the value hangs on",
        "What changed from 1997-09-30 to 1998-06-30",
        "Groups compared",
        "Beside others",
        "The formulas people start with",
    ]
    page = write_sections([section], tmp_path / "page.html", title="To do").read_text(encoding="utf-8")
    assert page.count("<svg") == 7
    for key in tables(section):
        assert f'id="{key}"' in page
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)
    assert "nan" not in re.findall(r"\w+", re.sub(r"<svg.*?</svg>|<style.*?</style>", "", page, flags=re.S))
    again = write_sections([clv.action_section(decisions)], tmp_path / "again.html", title="To do")
    assert again.read_text(encoding="utf-8") == page


def test_numbers_are_those_of_the_tables(decisions: clv.Decisions) -> None:
    shown = tables(clv.action_section(decisions, pictures=False))
    profit = decisions.tables["profit_summary"]
    assert shown["action-profit"].rows[-1][1].text == f"{profit.loc['profit', 'total_mean']:,.0f} USD"
    assert shown["action-profit"].rows[2][1].text == f"−{profit.loc['purchase_cost', 'total_mean']:,.0f} USD"
    row = decisions.tables["acquisition"].loc["post"]
    cells = [cell.text for cell in shown["action-acquisition"].rows[0]]
    assert cells[1:4] == ["12.00 USD", f"{row['clv_mean']:.2f} USD", f"{row['ltv_cac_mean']:.2f}"]
    assert cells[-2] == f"{row['cac_ceiling_target']:.2f} USD"
    plan = decisions.tables["plan"]
    last = [cell.text for cell in shown["action-plan"].rows[-1]]
    assert last[4] == f"{plan['total_revenue_mean'].sum():,.0f} USD"
    segments = decisions.tables["segments"]
    assert [row[1].text for row in shown["action-segments"].rows] == [f"{n:,}" for n in segments["customers"]]
    change = decisions.tables["change"]
    assert len(shown["action-change"].rows) == len(change)
    calculator = decisions.tables["calculator"]
    off = shown["action-calculator"].rows[0][-1].text.replace("−", "-")
    assert float(off.split()[0].replace(",", "")) == pytest.approx(
        100 * calculator["backtest_bias"][0], abs=0.051
    )


@pytest.mark.parametrize(
    "part", [one.name for one in fields(clv.Decisions) if one.name not in ("channels", "budget")]
)
def test_parts_stand_alone(decisions: clv.Decisions, part: str) -> None:
    """Whatever is asked, and nothing else, makes a section."""
    alone = clv.Decisions(**{part: getattr(decisions, part)})
    section = clv.action_section(alone, pictures=False)
    assert len(section.blocks) >= 2
    assert sum(isinstance(block, Heading) for block in section.blocks) == 1


def test_a_formula_gets_the_section_without_intervals(cdnow: pd.DataFrame, tmp_path: Path) -> None:
    section = clv.action_section(example_decisions(cdnow, formula=True))
    for table in tables(section).values():
        if table.key == "action-benchmark":
            continue
        assert not [column for column in table.columns if "interval" in column.label], table.key
    write_sections([section], tmp_path / "page.html", title="To do")


def test_customers_are_named_as_asked(decisions: clv.Decisions) -> None:
    shown = tables(clv.action_section(decisions, pictures=False, top=3))["action-at-risk"]
    assert len(shown.rows) == 3
    hidden = tables(clv.action_section(decisions, pictures=False, top=3, hash_ids=True))["action-at-risk"]
    assert all(re.fullmatch(r"[0-9a-f]{12}", row[0].text) for row in hidden.rows)
    assert "action-at-risk" not in tables(clv.action_section(decisions, pictures=False, top=0))
    with pytest.raises(ArgumentError, match="top=-1"):
        clv.action_section(decisions, top=-1)


def test_nothing_is_minus_nothing() -> None:
    writing = Writing("USD", pictures=False, top=0, hash_ids=False)
    assert writing.money(-0.001, 2) == "0.00 USD"
    assert writing.span(-0.0, 0.4, 0) == "0 to 0"


def test_pages_need_sections_with_keys_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="at least one"):
        write_sections([], tmp_path / "page.html", title="")
    with pytest.raises(ArgumentError, match="'a'"):
        write_sections([Section("a", "A"), Section("a", "B")], tmp_path / "page.html", title="")
    assert not list(tmp_path.iterdir())
