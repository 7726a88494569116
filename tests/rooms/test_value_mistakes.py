"""Mistakes people make with money, percentages and fits: each is told with what was probably meant."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv


@pytest.fixture(scope="module")
def at_hand(cdnow_rfm: clv.RFM) -> SimpleNamespace:
    """A model, its fit to sixty customers, and what is made of it."""
    rfm = cdnow_rfm.take(slice(0, 60))
    model = clv.CLVModel("bg_nbd", method="map")
    fitted = model.fit(rfm)
    new = clv.new_customer_value(fitted, "6M", customers=5, draws=5)
    return SimpleNamespace(rfm=rfm, model=model, fitted=fitted, new=new)


MISTAKES: list[tuple[str, Callable[[SimpleNamespace], object]]] = [
    (r"you may mean Economics\(margin=0.35\)", lambda at: clv.profit(at.fitted, "6M", 0.35)),
    ("so you may mean 0.35", lambda at: clv.profit(at.fitted, "6M", clv.Economics(margin=35))),
    ("so you may mean 2", lambda _: clv.Economics(one_off_cost=-2)),
    ("unknown customers", lambda at: clv.profit(
        at.fitted, "6M", clv.Economics(margin=dict.fromkeys([*at.rfm.customer_id, "zoe"], 0.3)))),
    ("customers of the summary are missing", lambda at: clv.profit(at.fitted, "6M", clv.Economics(margin={1: 0.3}))),
    ("draws=10.5 must be a whole number", lambda at: clv.profit(at.fitted, "6M", draws=10.5)),
    (r"has seen no customers; give model.fit\(rfm\)", lambda at: clv.profit(at.model, "6M")),
    (r"has seen no customers", lambda at: clv.new_customer_value(at.model, "6M")),
    (r"has seen no customers", lambda at: clv.acquisition_plan(at.model, "6M", 5)),
    ("must be 'observed' or the spend", lambda at: clv.new_customer_value(at.fitted, "6M", first_order=None)),
    ("'shop'.* so you may mean 12", lambda at: clv.acquisition({"shop": at.new}, -12)),
    ("cac='12' must be a number", lambda at: clv.acquisition({"shop": at.new}, {"shop": "12"})),
    ("channels without a CAC .1 row; first: mail", lambda at: clv.acquisition(
        {"shop": at.new, "mail": at.new}, {"shop": 3})),
    ("a CAC of unknown channels", lambda at: clv.acquisition({"shop": at.new}, {"shop": 3, "mail": 3})),
    ("must map channels", lambda at: clv.acquisition([at.new], 3)),
    ("so you may mean 0.9", lambda at: clv.acquisition({"shop": at.new}, 3, level=90)),
    ("target='3:1' must be a number", lambda at: clv.acquisition({"shop": at.new}, 3, target="3:1")),
    ("so you may mean 5", lambda at: clv.acquisition_plan(at.fitted, "2M", -5)),
    ("so you may mean 0.5", lambda at: clv.referral_value(0.2, at.rfm, at.new, incremental=50)),
    ("incremental=None must be a number", lambda at: clv.referral_value(0.2, at.rfm, at.new, incremental=None)),
    ("so you may mean 3", lambda at: clv.referral_value(0.2, at.rfm, at.new, incremental=0.5, cost_per_referral=-3)),
    ("so you may mean 0.1", lambda _: clv.Scenario(retention=10)),
    ("'10%' must be a number; you may mean 0.1", lambda _: clv.Scenario(retention="10%")),
    ("write a list, such as", lambda at: clv.what_if(at.fitted, at.rfm, "26W", clv.Scenario(retention=0.1))),
    ("so you may mean 0.8", lambda _: clv.longer_life(80, 84)),
    ("so you may mean 0.4", lambda at: clv.tornado(at.fitted, at.rfm, "26W", margin=40)),
    ("margin='40%' must be a number; you may mean 0.4", lambda at: clv.elasticities(
        at.fitted, at.rfm, "26W", margin="40%")),
    ("so you may mean 0.12", lambda at: clv.what_if(at.fitted, at.rfm, "26W", [clv.Scenario(annual_discount_rate=12)])),
    ("so you may mean 0.43", lambda at: clv.calculate_clv(at.rfm, "26W", churn=43)),
    (r"must be a tuple, such as \(50,\)", lambda _: clv.SegmentRules(money=50)),
    ("so you may mean 0.1", lambda _: clv.SegmentRules(at_risk=10)),
    ("that has been made", lambda at: clv.segment_customers(at.fitted.forecast("26W", draws=5), at.rfm)),
    ("so you may mean 0.1", lambda at: clv.segment_customers(
        partial(at.fitted.forecast, "26W", draws=5), at.rfm, lead=10)),
    ("currency=None must be a label", lambda at: clv.tornado(at.fitted, at.rfm, "26W", currency=None)),
    ("values must be numbers .1 row; first: many", lambda at: clv.benchmark(
        {"now": at.fitted.forecast("26W", draws=5)},
        pd.DataFrame({"name": ["a"], "metric": ["share_buying"], "value": ["many"], "unit": ["share"]}))),
]  # fmt: skip


@pytest.mark.parametrize(("words", "mistake"), MISTAKES)
def test_mistakes_are_told_with_what_was_meant(
    at_hand: SimpleNamespace, words: str, mistake: Callable[[SimpleNamespace], object]
) -> None:
    with pytest.raises(clv.ClvError, match=words):
        mistake(at_hand)


def test_costs_of_channels_may_be_a_series(at_hand: SimpleNamespace) -> None:
    values = {"shop": at_hand.new, "mail": at_hand.new}
    table = clv.acquisition(values, pd.Series({"mail": 3.0, "shop": 4.0})).table
    assert table["cac"].to_dict() == {"shop": 4.0, "mail": 3.0}
    assert clv.acquisition(values, np.float64(5.0)).cac == {"shop": 5.0, "mail": 5.0}
