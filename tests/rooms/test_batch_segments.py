"""Segments by rules of the user's own: read, refused, applied as written, and steady from run to run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jobs import QUICK, bytes_of, go, published, set_up, shelf_of, shop

from clvmodels.batch import Store
from clvmodels.batch.division import ByRules
from clvmodels.config import config_from
from clvmodels.config.jobs import SegmentRule
from clvmodels.errors import ArgumentError
from clvmodels.prediction import DrawBlock
from clvmodels.transactions import rfm_summary

RULES = """
[[segments.rules]]
name = "best"
when = "value_mean >= 60 and days_since_purchase < 90"
action = "thank them"
[[segments.rules]]
name = "rescue"
when = "purchases_so_far >= 3 and p_alive < 0.6"
[[segments.rules]]
name = "others"
"""


def rules(*said: tuple[str, str], lead: float = 0.1) -> ByRules:
    return ByRules(tuple(SegmentRule(name=name, when=when) for name, when in said), lead)


def placed(scheme: ByRules, values: list[float], before: list[int]) -> list[int]:
    return scheme.place({"value_mean": np.array(values)}, np.array(before)).tolist()


# --- what may stand in the configuration ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([{"name": "a", "when": "value > 3"}, {"name": "b"}], ["rules.0.when", "did you mean 'value_mean'?"]),
        ([{"name": "a", "when": "value_mean = 3"}, {"name": "b"}], ["'value_mean = 3' is no condition", ">= > <= <"]),
        ([{"name": "a", "when": "value_mean > 3 or p_alive > 0"}, {"name": "b"}], ["no condition", "write two rules"]),
        ([{"name": "a", "when": "value_mean > many"}, {"name": "b"}], ["'many' is no number"]),
        ([{"name": "a", "when": "value_mean > nan"}, {"name": "b"}], ["'nan' is no number"]),
        ([{"name": "a", "when": "p_alive < 50"}, {"name": "b"}], ["a chance between 0 and 1"]),
        ([{"name": "a", "when": "value_mean > 3 and "}, {"name": "b"}], ["is no condition"]),
        ([{"name": "a"}, {"name": "b"}], ["[segments]: the last rule, and no other"]),
        ([{"name": "a", "when": "value_mean > 3"}], ["takes everybody else"]),
        ([{"name": "a", "when": "value_mean > 3"}, {"name": "a"}], ["different names, not a, a"]),
        ([{"name": "a", "wenn": "value_mean > 3"}, {"name": "b"}], ["rules.0.wenn", "did you mean 'when'?"]),
        ([{"when": "value_mean > 3"}, {"name": "b"}], ["rules.0.name: this key is missing"]),
    ],
)  # fmt: skip
def test_rules_that_make_no_sense_are_refused(said: list[dict[str, Any]], words: list[str]) -> None:
    with pytest.raises(ArgumentError) as caught:
        config_from({"log": {"source": "log.csv"}, "segments": {"rules": said}}, "clv.toml")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_rules_need_no_share_and_no_money_that_is_left_out() -> None:
    two = [{"name": "a", "when": "expected_spend > 3"}, {"name": "b"}]
    with pytest.raises(ArgumentError, match=r"\[segments\]: rules name their own bounds; leave share out"):
        config_from({"log": {"source": "log.csv"}, "segments": {"rules": two, "share": 0.8}})
    with pytest.raises(ArgumentError, match=r"'a' cannot ask for expected_spend"):
        config_from({"log": {"source": "log.csv", "no_spend": True}, "segments": {"rules": two}})


# --- what they do --------------------------------------------------------------------------------------------


def test_first_rule_that_holds_takes_a_customer() -> None:
    scheme = rules(("high", "value_mean >= 100"), ("middle", "value_mean >= 50"), ("low", ""))
    assert placed(scheme, [100, 99.9, 50, 49.9, np.nan], [-1] * 5) == [0, 1, 1, 2, 2]
    strict = rules(("high", "value_mean > 100"), ("low", "value_mean <= 10"), ("rest", ""))
    assert placed(strict, [100, 100.1, 10, 10.1], [-1] * 4) == [2, 0, 1, 2]


def test_customers_stay_until_a_bound_is_clearly_passed() -> None:
    scheme = rules(("high", "value_mean >= 100"), ("middle", "value_mean >= 50"), ("low", ""))
    falling = placed(scheme, [95, 90, 89.9, 46, 44.9, 20], [0, 0, 0, 1, 1, 0])
    assert falling == [0, 0, 1, 1, 2, 2]
    rising = placed(scheme, [54.9, 55, 105, 110, 300], [2, 2, 1, 1, 2])
    assert rising == [2, 1, 1, 0, 0]
    at_once = rules(("high", "value_mean >= 100"), ("low", ""), lead=0)
    assert placed(at_once, [99.9, 100], [0, 1]) == [1, 0]
    below = rules(("silent", "value_mean < 50"), ("rest", ""))
    assert placed(below, [54.9, 55.1, 45.1, 44.9], [0, 0, 1, 1]) == [0, 1, 1, 0]


def test_table_can_be_divided_again_by_hand_and_everything_follows(tmp_path: Path) -> None:
    path = set_up(tmp_path, shop(300), more=RULES)
    outcome = go(path, "2025-01-31")
    table = published(tmp_path / "published")
    best = (table["value_mean"] >= 60) & (table["days_since_purchase"] < 90)
    rescue = (table["purchases_so_far"] >= 3) & (table["p_alive"] < 0.6) & ~best
    expected = np.select([best, rescue], ["best", "rescue"], "others")
    assert set(expected) == {"best", "rescue", "others"}
    assert table["segment"].tolist() == expected.tolist()
    assert table["p_segment"].isna().all()
    log = shop(300)
    last = log[log["date"] <= "2025-01-31"].groupby("customer_id")["date"].agg(["max", "nunique"])
    days = (np.datetime64("2025-01-31") - last["max"].to_numpy("datetime64[D]")).astype(int)
    index = last.index.get_indexer(table["customer_id"])
    np.testing.assert_allclose(table["days_since_purchase"], days[index], atol=1e-9)
    assert table["purchases_so_far"].tolist() == last["nunique"].iloc[index].tolist()

    told = outcome.manifest
    assert told is not None
    rows = {row["segment"]: row for row in told["segments"]}
    for name in rows:
        mine = table[table["segment"] == name]
        assert rows[name]["customers"] == len(mine)
        assert rows[name]["members"] is None
        assert rows[name]["value"]["mean"] == pytest.approx(mine["value_mean"].sum(), rel=0.2)
    assert sum(row["value"]["mean"] for row in told["segments"]) == pytest.approx(told["totals"][0]["mean"])
    folder = shelf_of(path).runs[0].folder
    dictionary = json.loads((folder / "dictionary.json").read_text())
    [meaning] = [one["meaning"] for one in dictionary["columns"] if one["column"] == "p_segment"]
    assert meaning == "Missing: the rules name p_alive, which no single draw of the future has."
    assert dictionary["segments"][0] == {
        "segment": "best", "action": "thank them", "when": "value_mean >= 60 and days_since_purchase < 90"
    }  # fmt: skip
    page = (folder / "report.html").read_text()
    assert "By the rules of the configuration" in page
    assert meaning in page


def test_chance_of_a_segment_is_the_share_of_draws_that_the_rules_put_there(tmp_path: Path) -> None:
    """Killed: the rules moved by the lead; the place in the last run; chances of the mean, which are 0 or 1."""
    said = 'name = "{}"\nwhen = "{}"\n'
    bounds = {"rich": "value_mean > 80 and days_since_purchase < 200", "busy": "expected_purchases >= 2"}
    more = "".join("[[segments.rules]]\n" + said.format(*one) for one in bounds.items())
    path = set_up(tmp_path, shop(150), more=more + '[[segments.rules]]\nname = "others"\n')
    go(path, "2025-01-31")
    outcome = go(path, "2025-02-28")
    assert outcome.manifest is not None
    told = outcome.manifest
    rfm = rfm_summary(pd.read_csv(tmp_path / "log.csv"), spend="spend", observation_end="2025-02-28")
    blocks: list[DrawBlock] = []
    Store(tmp_path / "fits").load(told["model"]["version"]).forecast(
        "26W", rfm=rfm, draws=60, period="W", observe=blocks.append
    )
    value = np.concatenate([np.asarray(block.value) for block in blocks], axis=1)
    purchases = np.concatenate([block.purchases for block in blocks], axis=1)
    table = published(tmp_path / "published").set_index("customer_id").loc[rfm.customer_id]
    rich = (value > 80) & (table["days_since_purchase"].to_numpy() < 200)
    drawn = np.select([rich, purchases >= 2], ["rich", "busy"], "others")
    expected = (drawn == table["segment"].to_numpy(str)).mean(axis=0)
    assert table["p_segment"].tolist() == expected.tolist()
    assert len(set(expected)) > 10
    for row in told["segments"]:
        sizes = (drawn == row["segment"]).sum(axis=1)
        assert row["members"]["mean"] == pytest.approx(sizes.mean())
        assert row["members"]["low"] <= sizes.mean() <= row["members"]["high"]
    assert "share of draws in which the rules" in told["model"]["p_segment"]


def test_rules_about_the_past_leave_no_doubt(tmp_path: Path) -> None:
    rule = '[[segments.rules]]\nname = "known"\nwhen = "purchases_so_far >= 2"\n'
    go(set_up(tmp_path, shop(60), more=rule + '[[segments.rules]]\nname = "new"\n'), "2025-01-31")
    assert (published(tmp_path / "published")["p_segment"] == 1).all()


def test_rules_may_change_between_runs_and_shards_change_nothing(tmp_path: Path) -> None:
    path = set_up(tmp_path, shop(150))
    go(path, "2025-01-31")
    path.write_text(QUICK.replace("shards = 3", "shards = 1") + RULES)
    outcome = go(path, "2025-02-28")
    assert outcome.manifest is not None
    moves = {(move["from"], move["to"]) for move in outcome.manifest["moves"]}
    assert {old for old, _ in moves} & {"protect", "grow", "let go"}
    assert {new for _, new in moves} <= {"best", "rescue", "others"}
    one = published(tmp_path / "published").sort_values("customer_id", ignore_index=True)
    before = bytes_of(tmp_path / "published")
    path.write_text(QUICK + RULES)
    go(path, "2025-02-28")
    assert (
        bytes_of(tmp_path / "published").items() >= {k: v for k, v in before.items() if "run_id" in k}.items()
    )
    three = published(tmp_path / "published").sort_values("customer_id", ignore_index=True)
    assert one.drop(columns="run_id").equals(three.drop(columns="run_id"))
    path.write_text(QUICK)
    assert go(path, "2025-03-31").code in (0, 5)  # and back to the usual segments
