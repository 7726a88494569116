"""Every table of decisions says its currency, the kind of its intervals, and where it comes from."""

from __future__ import annotations

import pandas as pd
import pytest
from rooms.example_decisions import example_decisions

import clvmodels as clv
from clvmodels.io import read_table, write_table

PARTS = {
    "profit_summary", "profit_periods", "profit_customers", "segments", "segment_customers", "at_risk", "low_value",
    "acquisition", "payback", "new_customers", "channels", "plan", "budget", "referrals", "tornado", "elasticities",
    "what_if", "change", "change_groups", "change_customers", "realised", "groups_parity", "benchmark", "calculator",
}  # fmt: skip
OF_MODELS_ONLY = {"channels", "plan", "budget"}
PROBABILITIES = ("_q0", "_q9", "_sd", "_low", "_high", "p_customer", "p_average", "p_second")
WITHOUT_MONEY = {"channels"}


@pytest.fixture(scope="module")
def drawn(cdnow: pd.DataFrame) -> clv.Decisions:
    return example_decisions(cdnow)


@pytest.fixture(scope="module")
def formula(cdnow: pd.DataFrame) -> clv.Decisions:
    return example_decisions(cdnow, formula=True)


@pytest.mark.parametrize("kind", ["drawn", "formula"])
def test_every_table_is_labelled(kind: str, request: pytest.FixtureRequest, tmp_path) -> None:
    """Killed: tables of levers, groups, change and segments without a currency."""
    decisions: clv.Decisions = request.getfixturevalue(kind)
    assert set(decisions.tables) == (PARTS - OF_MODELS_ONLY if kind == "formula" else PARTS)
    assert decisions.currency == "USD"
    for name, table in decisions.tables.items():
        facts = table.attrs
        assert name in WITHOUT_MONEY or facts["currency"] == "USD", name
        assert facts["interval"], name
        assert {"forecaster", "new_customer", "channels", "model", "window"} & set(facts), name
        write_table(table, tmp_path / f"{name}.parquet")
        assert read_table(tmp_path / f"{name}.parquet").attrs["interval"] == facts["interval"]


def test_a_formula_shows_neither_intervals_nor_chances(formula: clv.Decisions) -> None:
    """Killed: bounds that equal the mean, which read as certainty."""
    for name, table in formula.tables.items():
        if name in ("benchmark", "tornado"):  # bounds are missing values; ends of the levers are no bounds
            continue
        shown = [column for column in table if any(word in column for word in PROBABILITIES)]
        shown = [column for column in shown if not column.startswith(("change_", "backtest_", "p_low"))]
        assert not shown, (name, shown)
    assert formula.tables["benchmark"][["low", "high"]].isna().all(axis=None)


def test_parts_must_agree_in_currency(drawn: clv.Decisions) -> None:
    with pytest.raises(clv.ArgumentError, match="EUR and USD"):
        clv.Decisions(profit=drawn.profit, tornado=drawn.tornado.assign().pipe(_in_euro))
    with pytest.raises(clv.ArgumentError, match="nothing to decide"):
        clv.Decisions()


def _in_euro(table: pd.DataFrame) -> pd.DataFrame:
    table.attrs = {**table.attrs, "currency": "EUR"}
    return table


def test_tables_of_channels_keep_what_the_channels_share(drawn: clv.Decisions) -> None:
    payback, values = (drawn.tables[name] for name in ("payback", "new_customers"))
    assert payback["channel"].unique().tolist() == ["post"]
    assert payback.columns[0] == values.columns[0] == "channel"
    assert payback.attrs["cac"] == 12.0


def test_profit_that_is_segmented_is_the_profit(drawn: clv.Decisions) -> None:
    """Same seed, same draws, though segments saw them customer by customer in the order of ids."""
    assert drawn.segments is not None
    assert drawn.profit is not None
    found = drawn.segments.customers.set_index("customer_id")["value_mean"]
    expected = drawn.profit.customers.set_index("customer_id")["clv_profit_mean"]
    pd.testing.assert_series_equal(found, expected, check_names=False, rtol=1e-12)
    by_segment = drawn.segments.values  # noqa: PD011  (no pandas)
    assert by_segment.sum(axis=1) == pytest.approx(drawn.profit.profit.draws, rel=1e-12)
