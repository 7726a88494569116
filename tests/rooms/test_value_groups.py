"""Two groups and their difference, and own numbers beside those of peers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rooms.drawn import run_of

import clvmodels as clv
from clvmodels.value.groups import cohort_labels, compare_groups, split_customers
from clvmodels.value.groups_benchmarks import benchmark


@pytest.fixture(scope="module")
def some(cdnow_rfm: clv.RFM) -> clv.RFM:
    return cdnow_rfm.take(slice(0, 600))


def two(frequency: list, T: list, spend: list) -> clv.RFM:
    return clv.RFM.from_arrays(
        frequency=frequency,
        recency=[1.0 if x else 0.0 for x in frequency],
        T=T,
        monetary_value=spend,
        time_unit="W",
        observation_end="2026-06-30",
    )


def test_formulas_differ_by_the_numbers_of_the_spreadsheet() -> None:
    """Treated: 4 times 25 in 20 weeks and nothing, so 50 and 0 in 10 weeks; control: twice 10 in 10 weeks, 20."""
    groups = {"control": two([2], [10], [10]), "treated": two([4, 0], [20, 20], [25, 0])}
    found = compare_groups(clv.HistoricalCLV(), groups, "10W", randomised=False)
    table = found.table.set_index("quantity")
    assert table.loc["mean CLV", ["control", "treated", "difference"]].tolist() == [20.0, 25.0, 5.0]
    years = 70 / 365.25
    assert table.loc["purchase rate", "control"] == pytest.approx(2 / years)
    assert table.loc["purchase rate", "treated"] == pytest.approx(1 / years)
    assert "P(alive)" not in table.index
    assert "p_second_higher" not in table
    assert "none" in found.table.attrs["interval"]


def test_numbers_are_those_of_the_forecasts_of_each_group(some: clv.RFM) -> None:
    odd = {int(one): "odd" if one % 2 else "even" for one in some.customer_id}
    groups = split_customers(some, pd.Series(odd))
    model = clv.CLVModel("bg_nbd")
    found = compare_groups(model, groups, "52W", randomised=False, margin=0.5, draws=200, seed=4)
    even = model.fit(groups["even"], seed=4).forecast("52W", margin=0.5, draws=200)
    table = found.table.set_index("quantity")
    assert table.loc["mean CLV", "even"] == pytest.approx(even.columns["clv_mean"].mean(), rel=1e-12)
    assert table.loc["P(alive)", "even"] == pytest.approx(even.columns["p_alive"].mean(), rel=1e-12)
    per_year = even.columns["expected_purchases"].mean() / even.horizon.years
    assert table.loc["purchase rate", "even"] == pytest.approx(per_year, rel=1e-12)
    difference = found.draws[0, :, 1] - found.draws[0, :, 0]
    assert table.loc["mean CLV", "p_second_higher"] == np.mean(difference > 0)
    assert table.loc["mean CLV", "difference_low"] == pytest.approx(np.quantile(difference, 0.05))
    assert table.loc["mean CLV", "difference"] == pytest.approx(
        table.loc["mean CLV", "odd"] - table.loc["mean CLV", "even"]
    )
    assert "P(odd higher)" in str(found)


def test_the_groups_have_draws_of_their_own(some: clv.RFM) -> None:
    """Two groups with the same histories: draws of one tell nothing of those of the other.

    With one stream for both the correlation would be 1; independent, its z-score is about standard normal.
    """
    twin = replace(some, customer_id=some.customer_id + 10_000)
    found = compare_groups(clv.CLVModel("bg_nbd"), {"a": some, "b": twin}, "52W", randomised=True, draws=400)
    for draws in found.draws:
        assert abs(np.corrcoef(draws.T)[0, 1]) * np.sqrt(400) < 4
    low, high = found.table["difference_low"], found.table["difference_high"]
    assert ((low < 0) & (high > 0)).all()


def test_a_real_difference_is_found() -> None:
    """Simulated buyers at 0.1 and 0.2 purchases a week, who leave alike: the second group is surely higher."""
    life = {"r": 2.0, "s": 1.0, "beta": 40.0}
    groups = {}
    for name, alpha in (("slow", 20.0), ("fast", 10.0)):
        log = clv.simulate("pareto_nbd", {"alpha": alpha, **life}, customers=500, weeks=52, seed=7)
        groups[name] = clv.rfm_summary(log, observation_end="2024-12-29")
    found = compare_groups(clv.CLVModel("pareto_nbd", spend=None), groups, "26W", randomised=False, draws=200)
    table = found.table.set_index("quantity")
    assert table.loc["purchase rate", "p_second_higher"] > 0.999
    assert table.loc["mean CLV", "unit"] == "purchases per customer"


def test_only_chance_may_speak_of_causes(some: clv.RFM) -> None:
    groups = {"before": some.take(slice(0, 300)), "after": some.take(slice(250, 600))}
    plain = clv.HistoricalCLV()
    told = compare_groups(plain, groups, "10W", randomised=False)
    assert "does not say what caused it" in told.caution
    assert "50 customers are in both" in told.caution
    assert told.table.attrs["caution"] == told.caution
    with pytest.raises(clv.DataError, match="both groups"):
        compare_groups(plain, groups, "10W", randomised=True)
    apart = {"a": groups["before"], "b": some.take(slice(300, 600))}
    assert "is the effect of what was done" in compare_groups(plain, apart, "10W", randomised=True).caution
    with pytest.raises(TypeError, match="randomised"):
        compare_groups(plain, apart, "10W")


def test_groups_that_cannot_be_compared_are_refused(some: clv.RFM) -> None:
    plain = clv.HistoricalCLV()
    with pytest.raises(clv.ArgumentError, match="two at a time"):
        compare_groups(plain, {"a": some}, "10W", randomised=False)
    days = clv.RFM.from_arrays(
        frequency=[1], recency=[2], T=[9], monetary_value=[2], time_unit="D", observation_end="1997-09-30"
    )
    with pytest.raises(clv.ArgumentError, match="make both alike"):
        compare_groups(plain, {"a": some, "b": days}, "10W", randomised=False)
    with pytest.raises(clv.DataError, match="no label"):
        split_customers(some, {1: "a"})
    with pytest.raises(clv.DataError, match="no label"):
        split_customers(some, pd.Series(np.nan, index=some.customer_id))


def test_cohorts_are_months_of_first_purchases(cdnow: pd.DataFrame, cdnow_rfm: clv.RFM) -> None:
    first = cdnow.groupby("customer_id")["date"].min()
    labels = cohort_labels(cdnow_rfm)
    assert labels == {str(one): f"{when:%Y-%m}" for one, when in first.items()}
    assert set(cohort_labels(cdnow_rfm, "Q").values()) == {"1997-Q1"}
    assert set(cohort_labels(cdnow_rfm, "Y").values()) == {"1997"}
    with pytest.raises(clv.ArgumentError, match="'M', 'Q', 'Y'"):
        cohort_labels(cdnow_rfm, "W")


PEERS = pd.DataFrame(
    {
        "name": ["book shop", "book shop", "shoe shop"],
        "metric": ["clv_per_customer", "share_buying", "clv_per_customer"],
        "value": [22.0, 0.5, 60.0],
        "unit": ["EUR", "share", "EUR"],
    }
)


@pytest.fixture
def forecasts() -> dict[str, clv.Forecast]:
    """Two customers, four draws: per customer 50, 30, 40, 20 now and 20, 20, 60, 30 last year."""
    rfm = two([2, 1], [10, 10], [10, 10])
    now = run_of(rfm, [[1, 1], [1, 1], [1, 1], [1, 0]], [[60, 40], [20, 40], [50, 30], [40, 0]])
    then = run_of(rfm, [[1, 1], [1, 0], [1, 1], [1, 1]], [[20, 20], [40, 0], [60, 60], [30, 30]])
    return {"2025": then(), "2026": now()}


def test_peers_and_own_past_stand_beside_own_numbers(forecasts: dict) -> None:
    table = benchmark(forecasts, PEERS, currency="EUR")
    clvs = table[table["metric"] == "clv_per_customer"].set_index("name")
    assert clvs["value"].to_dict() == {"2025": 32.5, "2026": 35.0, "book shop": 22.0, "shoe shop": 60.0}
    # now above then in draws 1 (50 > 20) and 2 (30 > 20), below in 3 and 4; above 22 in three of four
    assert clvs["chance_we_are_higher"].dropna().to_dict() == {
        "2025": 0.5,
        "book shop": 0.75,
        "shoe shop": 0.0,
    }
    assert clvs.loc["2026", ["low", "high"]].tolist() == pytest.approx(
        np.quantile([50, 30, 40, 20], [0.05, 0.95])
    )
    assert clvs["unit"].unique().tolist() == ["EUR"]
    buying = table[table["metric"] == "share_buying"].set_index("name")
    assert buying.loc["2026", "value"] == (1 + 0.75) / 2
    assert buying["chance_we_are_higher"].isna().all()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"metric": "ltv"}, "must be one of clv_per_customer"),
        ({"unit": "USD"}, "convert them"),
        ({"value": np.nan}, "must be numbers"),
        ({"value": 62.0, "metric": "share_buying", "unit": "share"}, "62 per cent is 0.62"),
    ],
)
def test_peers_that_cannot_be_read_are_refused(forecasts: dict, change: dict, text: str) -> None:
    with pytest.raises(clv.DataError, match=text):
        benchmark(forecasts, PEERS.assign(**change), currency="EUR")


def test_missing_columns_and_other_horizons_are_refused(forecasts: dict) -> None:
    with pytest.raises(clv.DataError, match="lacks unit"):
        benchmark(forecasts, PEERS.drop(columns="unit"))
    short = clv.ZeroForecast().fit(two([2], [10], [10])).forecast("10W")
    with pytest.raises(clv.ArgumentError, match="same horizon"):
        benchmark({**forecasts, "x": short})
    with pytest.raises(clv.ArgumentError, match="at least one"):
        benchmark({})
    assert len(benchmark({"2026": forecasts["2026"]})) == 3
