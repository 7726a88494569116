"""Segments: chances counted by hand, labels that do not flap, lists with reasons, and what is refused."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from rooms.drawn import run_of

import clvmodels as clv
from clvmodels.value.segments import segment_customers
from clvmodels.value.segments_reasons import buying_words
from clvmodels.value.segments_rules import Segment, SegmentRules

# Four draws of three customers, written out:
#             ann                  bob                 eve
# draw 1   2 purchases, 100     0, 0                1, 10
# draw 2   1 purchase,   60     0, 0                0, 0
# draw 3   0, 0                 1, 80               2, 30
# draw 4   1 purchase,   20     0, 0                1, 20
# With tiers at 50: ann buys in 3 draws and is then worth (100 + 60 + 20) / 3 = 60, so that the draw in which she does
# not buy is "win back"; bob is worth 80 if he buys, which he does once; eve is worth (10 + 30 + 20) / 3 = 20.
PURCHASES = [[2, 0, 1], [1, 0, 0], [0, 1, 2], [1, 0, 1]]
VALUE = [[100, 0, 10], [60, 0, 0], [0, 80, 30], [20, 0, 20]]
CHANCES = [[0.5, 0.25, 0.25, 0.0], [0.25, 0.0, 0.75, 0.0], [0.0, 0.75, 0.0, 0.25]]


@pytest.fixture
def three() -> clv.RFM:
    return clv.RFM.from_arrays(
        customer_id=["ann", "bob", "eve"],
        frequency=[11, 3, 0],
        recency=[33, 12, 0],
        T=[53, 52, 20],
        monetary_value=[50, 40, 0],
        time_unit="W",
        observation_end="2026-06-30",
    )


def test_chances_labels_and_sizes_are_those_counted_by_hand(three: clv.RFM) -> None:
    found = segment_customers(run_of(three, PURCHASES, VALUE), three, SegmentRules(money=(50,)))
    np.testing.assert_allclose(found.chances, CHANCES, rtol=1e-14)
    assert found.labels.tolist() == ["protect", "win back", "grow"]
    np.testing.assert_allclose(found.worth, [60, 80, 20])
    np.testing.assert_allclose(found.p_buys, [0.75, 0.25, 0.75])
    np.testing.assert_allclose(found.p_low, [0.5, 0.75, 1.0])
    # members per draw: 1 ann protect, bob win back, eve grow; 2 ann protect, bob win back, eve let go; ...
    assert found.sizes.tolist() == [[1, 1, 1, 0], [1, 0, 1, 1], [1, 1, 1, 0], [0, 2, 1, 0]]
    # by label: ann's value is protect's, eve's is grow's, bob's is that of win back
    assert found.values.tolist() == [[100, 10, 0, 0], [60, 0, 0, 0], [0, 30, 80, 0], [20, 20, 0, 0]]


def test_the_table_of_segments_adds_up(three: clv.RFM) -> None:
    run = run_of(three, PURCHASES, VALUE)
    found = segment_customers(run, three, SegmentRules(money=(50,)))
    table = found.table.set_index("segment")
    assert table["customers"].tolist() == [1, 1, 1, 0]
    assert table["expected_size"].sum() == pytest.approx(3)
    assert table["expected_size"].tolist() == [0.75, 1.0, 1.0, 0.25]
    # means: ann 180 / 4 = 45, eve 60 / 4 = 15, bob 80 / 4 = 20, all 80
    assert table["value_mean"].tolist() == [45.0, 15.0, 20.0, 0.0]
    assert table["share_of_value"].tolist() == [0.5625, 0.1875, 0.25, 0.0]
    assert np.isnan(table.loc["let go", "mean_per_customer"])
    assert np.isnan(table.loc["let go", "per_customer_low"])
    # share of protect per draw: 100/110, 1, 0, 1/2; the 90 % interval interpolates at ranks 0.15 and 2.85 of the sorted
    assert table.loc["protect", "share_low"] == pytest.approx(0.15 * 0.5)
    assert table.loc["protect", "share_high"] == pytest.approx(100 / 110 + 0.85 * (1 - 100 / 110))
    assert found.values.sum() == run().value.draws.sum()
    assert found.table.attrs["interval"] == "central 90% predictive interval"
    assert found.table.attrs["tiers"] == {"low": 0.0, "high": 50.0}


def test_a_label_changes_only_with_a_lead(three: clv.RFM) -> None:
    again = partial(segment_customers, run_of(three, PURCHASES, VALUE), three, SegmentRules(money=(50,)))
    last = {"ann": "grow", "bob": "win back", "gone": "let go"}
    # ann: protect 0.5 against grow 0.25, a lead of 0.25
    kept, changed = again(last=last, lead=0.25), again(last=last, lead=0.24)
    assert kept.labels.tolist() == ["grow", "win back", "grow"]
    assert changed.labels.tolist() == ["protect", "win back", "grow"]
    assert changed.customers["is_changed"].tolist() == [True, False, False]
    assert changed.customers["last_segment"].tolist()[:2] == ["grow", "win back"]
    assert again(last=changed.label_of, lead=0.9).labels.tolist() == changed.labels.tolist()


def test_lists_say_why(three: clv.RFM) -> None:
    found = segment_customers(run_of(three, PURCHASES, VALUE), three, SegmentRules(money=(50,)))
    risk = found.at_risk
    assert risk["customer_id"].tolist() == ["bob"]
    assert risk["value_at_stake"].tolist() == [80 * 0.75]
    assert risk["reason"].iloc[0] == (
        "bought 4 times, usually every 4 weeks, silent for 40; chance to buy again within 52W: 25%"
    )
    low = found.low_value(0.75)
    assert low["customer_id"].tolist() == ["eve", "bob"]
    assert low["p_low_value"].tolist() == [1.0, 0.75]
    assert low["reason"].iloc[0].startswith("bought once, 20 weeks ago")
    everybody = SegmentRules(money=(50,), at_risk=0.8)
    assert segment_customers(run_of(three, PURCHASES, VALUE), three, everybody).at_risk[
        "customer_id"
    ].tolist() == [
        "bob",
        "ann",  # 60 · 0.25 = 15 at stake, bob 60
    ]


@pytest.mark.parametrize(
    ("frequency", "recency", "T", "unit", "text"),
    [
        (11, 33, 53, "W", "bought 12 times, usually every 3 weeks, silent for 20"),
        (4, 4.2, 5.2, "W", "bought 5 times, usually every week, silent for 1 week"),
        (4, 1.0, 5.0, "W", "bought 5 times, usually more than once a week, silent for 4 weeks"),
        (4, 12, 12, "D", "bought 5 times, usually every 3 days, silent for less than a day"),
        (1, 9, 10, "h", "bought twice, 9 hours apart, silent for 1 hour"),
        (0, 0, 1500, "D", "bought once, 1,500 days ago"),
    ],
)
def test_words_count_as_people_do(frequency: float, recency: float, T: float, unit: str, text: str) -> None:
    rfm = clv.RFM.from_arrays(frequency=[frequency], recency=[recency], T=[T], time_unit=unit)
    assert buying_words(rfm) == [text]


def test_shares_begin_at_a_customers_value_and_refuse_ties(three: clv.RFM) -> None:
    assert SegmentRules(shares=(0.8,)).thresholds(np.arange(10.0)) == (8.0,)
    assert SegmentRules().shares == (0.8,)
    with pytest.raises(clv.DataError, match="worth the same"):
        SegmentRules(shares=(0.5,)).thresholds(np.zeros(10))
    with pytest.raises(clv.DataError, match="worth the same"):
        SegmentRules(
            tiers=("a", "b", "c"), shares=(0.5, 0.6), segments=(Segment("x", ("a", "b", "c"), None, ""),)
        ).thresholds(np.ones(10))
    found = segment_customers(run_of(three, PURCHASES, VALUE), three, SegmentRules(shares=(0.5,)))
    assert found.thresholds == (60.0,)  # worth 60, 80, 20


def test_worth_sets_the_thresholds_and_exact_means_the_values(three: clv.RFM) -> None:
    """Killed: tiers by the mean value, which counts the chance to buy twice and calls nearly everybody valuable."""
    run = run_of(three, PURCHASES, VALUE, mean=[40, 30, 10])
    found = segment_customers(run, three, SegmentRules(shares=(0.5,)))
    assert found.thresholds == (60.0,)
    assert found.customers["value_mean"].tolist() == [40, 30, 10]


def test_amounts_need_one_forecast_and_shares_two(three: clv.RFM) -> None:
    """A scheduled run names amounts: a second simulation of every customer is half of its time."""
    run, made = run_of(three, PURCHASES, VALUE), []

    def counted(**options: object) -> clv.Forecast:
        made.append(options)
        return run(**options)

    amounts = segment_customers(counted, three, SegmentRules(money=(60,)))
    assert len(made) == 1
    shares = segment_customers(counted, three, SegmentRules(shares=(0.5,)))
    assert len(made) == 3
    np.testing.assert_array_equal(amounts.chances, shares.chances)
    np.testing.assert_array_equal(amounts.worth, shares.worth)


def test_a_customer_who_never_buys_is_worth_their_mean(three: clv.RFM) -> None:
    """A formula's fraction of a purchase does not count as buying, but is worth what it says."""
    run = run_of(three, [[2.0, 0.2, 0.4]], [[100.0, 10.0, 20.0]], is_distribution=False)
    found = segment_customers(run, three, SegmentRules(shares=(0.5,)))
    assert found.worth.tolist() == [100.0, 10.0, 20.0]
    assert found.thresholds == (20.0,)


def test_without_spend_purchases_are_the_value(three: clv.RFM) -> None:
    found = segment_customers(run_of(three, PURCHASES, None), three, SegmentRules(money=(2,)))
    np.testing.assert_allclose(found.chances[0], [0.25, 0.5, 0.0, 0.25])
    assert found.table.attrs["value"] == "purchases"


def test_a_formula_is_certain_and_says_so(cdnow_rfm: clv.RFM) -> None:
    some = cdnow_rfm.take(slice(0, 200))
    found = segment_customers(
        partial(clv.HistoricalCLV().fit(some).forecast, "52W"), some, SegmentRules(money=(50,))
    )
    assert set(np.unique(found.chances)) == {0.0, 1.0}
    assert "formula" in found.table.attrs["chances"]
    assert found.table.attrs["interval"] == "none"
    assert not [name for name in found.table.columns if name.endswith("_low")]
    assert "chance" not in found.low_value()["reason"].iloc[0]


def test_blocks_and_row_order_leave_no_trace(cdnow_rfm: clv.RFM) -> None:
    some = cdnow_rfm.take(slice(0, 120))
    fitted = clv.CLVModel("bg_nbd", method="map").fit(some)
    run = partial(fitted.forecast, "26W", draws=40, seed=3)
    whole = segment_customers(run, some)
    cut = segment_customers(partial(run, block_size=7), some)
    np.testing.assert_array_equal(whole.chances, cut.chances)
    np.testing.assert_array_equal(whole.values, cut.values)
    assert whole.table.equals(cut.table)
    turned = some.take(np.arange(len(some))[::-1])
    other = segment_customers(partial(run, rfm=turned), turned)
    np.testing.assert_array_equal(whole.chances, other.chances[::-1])
    assert whole.table.equals(other.table)


def test_more_tiers_and_everybody_in_one_segment(three: clv.RFM) -> None:
    rules = SegmentRules(
        tiers=("low", "middle", "high"),
        money=(15, 90),
        segments=(Segment("care", ("middle", "high"), None, ""), Segment("rest", ("low",), None, "")),
    )
    found = segment_customers(run_of(three, PURCHASES, VALUE), three, rules)
    np.testing.assert_allclose(found.chances, [[1, 0], [1, 0], [0.75, 0.25]])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"money": (-5,)}, "ascend from above 0"),
        ({"money": (5, 3), "tiers": ("a", "b", "c")}, "ascend"),
        ({"money": (5, 9)}, "one more than the thresholds"),
        ({"money": (5,), "shares": (0.5,)}, "not both"),
        ({"money": (float("nan"),)}, "ascend"),
        ({"shares": (80,)}, r"between 0 and 1"),
        ({"at_risk": 10}, r"ten per cent is 0\.10"),
        ({"segments": (Segment("a", ("low",), None, ""),)}, "belongs to no segment"),
        (
            {"segments": (Segment("a", ("low", "high"), None, ""), Segment("b", ("high",), True, ""))},
            "exactly one",
        ),
        ({"segments": (Segment("a", ("lo",), None, ""),)}, "segments name tiers"),
        (
            {"segments": (Segment("a", ("low",), None, ""), Segment("a", ("high",), None, ""))},
            "different names",
        ),
    ],
)
def test_rules_that_make_no_sense_are_refused(options: dict, text: str) -> None:
    with pytest.raises(clv.ArgumentError, match=text):
        SegmentRules(**options)


def test_wrong_customers_labels_and_leads_are_refused(three: clv.RFM) -> None:
    run, rules = run_of(three, PURCHASES, VALUE), SegmentRules(money=(50,))
    with pytest.raises(clv.DataError, match="same order"):
        segment_customers(run, three.take([1, 0, 2]), rules)
    with pytest.raises(clv.DataError, match="not among the segments"):
        segment_customers(run, three, rules, last={"ann": "gold"})
    with pytest.raises(clv.ArgumentError, match=r"0\.10"):
        segment_customers(run, three, rules, lead=10)
    with pytest.raises(clv.ArgumentError, match="ninety per cent"):
        segment_customers(run, three, rules).low_value(90)
