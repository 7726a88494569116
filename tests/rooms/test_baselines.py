"""Historical formulas against a spreadsheet worked out by hand, and against the CDNOW sample.

The spreadsheet, times in weeks:

====  =====  ===========  ============  =======  ==  ==========  ==============  ===============
id    first  repeat       repeat total  recency  T   all spend   weeks silent    repeat per week
====  =====  ===========  ============  =======  ==  ==========  ==============  ===============
ann   10     3 at 20      60            18       20  70          2               3
bob   30     none         0             0        20  30          20              0
cat   5      1 at 15      15            2        40  20          38              0.375
dan   8      4 at 12      48            39       40  56          1               1.2
sum          8            123                    120 176
====  =====  ===========  ============  =======  ==  ==========  ==============  ===============
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from clvmodels import metrics
from clvmodels.baselines import (
    BASELINES,
    AOVFrequencyLifespan,
    CohortAverage,
    HistoricalCLV,
    LifespanCLV,
    NetHistoricalCLV,
    Projection,
    ZeroForecast,
    churn_between_periods,
    net_historical_clv,
)
from clvmodels.contracts import FittedForecaster, Forecaster
from clvmodels.errors import ArgumentError, DataError
from clvmodels.prediction import DrawBlock, Forecast
from clvmodels.rfm import RFM

LEARN_FROM_THE_LOG = {"hiatus_rule", "past_best"}  # test_heuristics has logs
SHEET_FORMULAS = {name: make for name, make in BASELINES.items() if name not in LEARN_FROM_THE_LOG}
FORMULAS = pytest.mark.parametrize("make", SHEET_FORMULAS.values(), ids=list(SHEET_FORMULAS))


@pytest.fixture
def sheet() -> RFM:
    return RFM.from_arrays(
        customer_id=["ann", "bob", "cat", "dan"],
        frequency=[3, 0, 1, 4],
        recency=[18, 0, 2, 39],
        T=[20, 20, 40, 40],
        monetary_value=[20, 0, 15, 12],
        statistics={"spend_first": [10, 30, 5, 8]},
        time_unit="W",
        observation_end="2026-06-30",
    )


def values(forecaster: Forecaster, rfm: RFM, horizon: str, **options: Any) -> list[float]:
    return forecaster.fit(rfm).forecast(horizon, **options).customers["clv_mean"].tolist()


def purchases(forecaster: Forecaster, rfm: RFM, horizon: str) -> list[float]:
    return forecaster.fit(rfm).forecast(horizon).customers["expected_purchases"].tolist()


# --- the spreadsheet ---------------------------------------------------------------------------------------


def test_own_repeat_rate(sheet: RFM) -> None:
    assert values(HistoricalCLV(), sheet, "10W") == pytest.approx([30, 0, 3.75, 12])
    assert purchases(HistoricalCLV(), sheet, "10W") == pytest.approx([1.5, 0, 0.25, 1])
    forecast = HistoricalCLV().fit(sheet).forecast("10W")
    assert forecast.total.mean == pytest.approx(45.75)
    assert forecast.purchases.mean == pytest.approx(2.75)


def test_own_rate_with_the_first_purchase(sheet: RFM) -> None:
    formula = HistoricalCLV(basis="all")
    assert values(formula, sheet, "10W") == pytest.approx([35, 15, 5, 14])
    assert purchases(formula, sheet, "10W") == pytest.approx([2, 0.5, 0.5, 1.25])


def test_cohort_average(sheet: RFM) -> None:
    # ann and bob: 60 in 40 weeks; cat and dan: 63 in 80
    assert values(CohortAverage(cohort="10W"), sheet, "10W") == pytest.approx([15, 15, 7.875, 7.875])
    # ages of 20 and 40 weeks before July 2026 are two months
    assert values(CohortAverage(), sheet, "10W") == pytest.approx([15, 15, 7.875, 7.875])
    assert purchases(CohortAverage(), sheet, "10W") == pytest.approx([0.75, 0.75, 0.625, 0.625])


def test_net_historical_clv(sheet: RFM) -> None:
    # a hundred customers brought 50 each and cost 3,000: 20 net each
    assert net_historical_clv(100 * 50, 3000, 0, 100) == 20
    # 120 weeks are 840/365.25 years: at 36.525 a year retention cost 84; (176 - 20 - 84) / 4 = 18 in 30 weeks
    formula = NetHistoricalCLV(acquisition_cost=5, retention_cost=36.525)
    assert values(formula, sheet, "10W") == pytest.approx([6] * 4)
    assert "= 18.00 net each" in formula.fit(sheet).summary
    # margin is a share of the spend and not of the costs: (88 - 104) / 4 = -4 in 30 weeks
    assert values(formula, sheet, "15W", margin=0.5) == pytest.approx([-2] * 4)


def test_customer_value_times_lifespan(sheet: RFM) -> None:
    # half lost every 13 weeks: 26 weeks of 3.5, 1.5, 0.5 and 1.4
    formula = LifespanCLV(churn=0.5)
    assert values(formula, sheet, "52W") == pytest.approx([91, 39, 13, 36.4])
    assert values(formula, sheet, "10W") == pytest.approx([35, 15, 5, 14])  # the horizon ends first
    per_period = formula.fit(sheet).forecast("52W", period="W").total.period_draws[0]
    assert per_period[:26] == pytest.approx([6.9] * 26)
    assert not per_period[26:].any()


def test_churn_is_measured_from_last_purchases(sheet: RFM) -> None:
    # 20 weeks: ann and dan were seen in the last period, bob and cat in the one before
    assert churn_between_periods(sheet, "20W") == 0.5
    assert values(LifespanCLV(period="20W"), sheet, "52W") == pytest.approx([140, 60, 20, 56])  # 40 weeks
    # 30 weeks: ann and bob are too young to have been there before; dan kept, cat lost
    assert churn_between_periods(sheet, "30W") == 0.5
    # 13 weeks: ann and dan kept; bob lost; cat silent for longer
    assert churn_between_periods(sheet) == pytest.approx(1 / 3)
    twice = replace(sheet, weights=np.array([1.0, 2.0, 1.0, 1.0]))
    assert churn_between_periods(twice) == 0.5


def test_order_value_times_frequency_times_lifespan(sheet: RFM) -> None:
    # 176 / 12 per order, 12 orders in 120 weeks, 26 weeks
    formula = AOVFrequencyLifespan(churn=0.5)
    assert values(formula, sheet, "52W") == pytest.approx([176 / 12 * 0.1 * 26] * 4)
    assert purchases(formula, sheet, "52W") == pytest.approx([2.6] * 4)


def test_zero(sheet: RFM) -> None:
    assert values(ZeroForecast(), sheet, "10W") == [0] * 4
    assert purchases(ZeroForecast(), sheet, "10W") == [0] * 4


def test_discount_and_margin_by_hand(sheet: RFM) -> None:
    # ann's 3 a week over ten weeks, at ten per cent a year: 3 (1 - 1.1^(-70/365.25)) / (log 1.1 · 7/365.25)
    rate = math.log(1.1) * 7 / 365.25
    expected = 3 * (1 - 1.1 ** (-70 / 365.25)) / rate
    forecast = HistoricalCLV().fit(sheet).forecast("10W", annual_discount_rate=0.1, margin=0.35)
    assert forecast.customers["clv_mean"][0] == pytest.approx(0.35 * expected, rel=1e-12)
    weekly = forecast.total.period_draws[0]
    assert len(weekly) == 10
    assert weekly / weekly[0] == pytest.approx(np.exp(-rate * np.arange(10)), rel=1e-12)
    assert forecast.purchases.mean == pytest.approx(2.75)  # purchases are not discounted


def test_tenure_has_a_floor() -> None:
    newcomer = RFM.from_arrays(frequency=[1], recency=[0.2], T=[0.25], monetary_value=[10], time_unit="W")
    assert values(HistoricalCLV(), newcomer, "10W") == [100]  # not 400
    assert values(HistoricalCLV(min_tenure="4W"), newcomer, "10W") == [25]


def test_months_of_cohorts_are_those_of_the_first_purchase() -> None:
    import pandas as pd

    import clvmodels as clv

    log = pd.DataFrame(
        {
            "customer_id": ["jan", "jan", "feb", "feb", "also feb"],
            "date": ["2026-01-31", "2026-02-10", "2026-02-01", "2026-02-03", "2026-02-28"],
            "spend": [1.0, 28.0, 1.0, 58.0, 1.0],
        }
    )
    rfm = clv.rfm_summary(
        log, customer_id="customer_id", date="date", spend="spend", observation_end="2026-02-28"
    )
    found = dict(zip(rfm.customer_id, values(CohortAverage(min_tenure="1D"), rfm, "28D"), strict=True))
    assert found["jan"] == pytest.approx(28.0)  # 28 in 28 days
    assert found["feb"] == found["also feb"] == pytest.approx(58 / 28 * 28)  # 27 days, and the floor of one


@pytest.mark.parametrize("included", [[1, 1, 1, 1], [1, 0, 0, 1]])
def test_a_mean_that_includes_the_first_purchase_gives_the_same(sheet: RFM, included: list[int]) -> None:
    count = sheet.frequency + included
    other = RFM.from_arrays(
        frequency=sheet.frequency,
        recency=sheet.recency,
        T=sheet.T,
        spend_count=count,
        monetary_value=np.where(included, [70 / 4, 30, 20 / 2, 56 / 5], sheet.monetary_value),
        statistics=sheet.statistics,
        observation_end="2026-06-30",
        time_unit="W",
    )
    for make in SHEET_FORMULAS.values():
        assert values(make(), other, "10W") == pytest.approx(values(make(), sheet, "10W"), abs=1e-12)


# --- what holds for every formula --------------------------------------------------------------------------


@FORMULAS
def test_one_draw_and_no_intervals(make: Callable[[], Forecaster], sheet: RFM) -> None:
    seen: list[DrawBlock] = []
    fitted: FittedForecaster = make().fit(sheet, seed=3)
    forecast: Forecast = fitted.forecast(
        "3M", annual_discount_rate=0.1, margin=0.3, draws=7, seed=3, levels=(0.1,), observe=seen.append
    )
    assert not forecast.is_distribution
    assert fitted.usable
    assert forecast.name in fitted.summary
    assert forecast.total.draws.shape == (1,)
    assert len(forecast.periods) == 3
    assert list(forecast.customers) == ["customer_id", "expected_purchases", "clv_mean"]
    assert forecast.customers["clv_mean"].sum() == pytest.approx(forecast.total.mean, rel=1e-12)
    assert forecast.customers["expected_purchases"].sum() == pytest.approx(forecast.purchases.mean, rel=1e-12)
    (block,) = seen
    assert block.index.tolist() == [0, 1, 2, 3]
    assert block.value is not None
    assert block.value.shape == (1, 4)
    assert fitted.expected_history(np.array([1.0])) is None


@FORMULAS
def test_without_spend_only_purchases(make: Callable[[], Forecaster], sheet: RFM) -> None:
    silent = RFM.from_arrays(
        frequency=sheet.frequency,
        recency=sheet.recency,
        T=sheet.T,
        observation_end="2026-06-30",
        time_unit="W",
    )
    forecast = make().fit(silent).forecast("10W")
    assert forecast.value is None
    with_spend = make().fit(sheet).forecast("10W")
    np.testing.assert_array_equal(forecast.purchases.draws, with_spend.purchases.draws)


@FORMULAS
def test_the_order_of_customers_leaves_no_trace(
    make: Callable[[], Forecaster], rng: np.random.Generator
) -> None:
    n = 3000
    age = rng.uniform(1, 60, n)
    frequency = rng.poisson(1.5, n)
    crowd = RFM.from_arrays(
        frequency=frequency,
        recency=age * rng.random(n) * (frequency > 0),
        T=age,
        monetary_value=rng.gamma(2, 20, n),
        statistics={"spend_first": rng.gamma(2, 20, n)},
        observation_end="2026-06-30",
        time_unit="W",
    )
    order = rng.permutation(n)
    here, there = (make().fit(rfm).forecast("13W") for rfm in (crowd, crowd.take(order)))
    assert here.total.mean == there.total.mean
    assert here.purchases.mean == there.purchases.mean
    np.testing.assert_array_equal(here.columns["clv_mean"][order], there.columns["clv_mean"])


@FORMULAS
def test_the_unit_of_time_does_not_matter(make: Callable[[], Forecaster], sheet: RFM) -> None:
    days = replace(sheet, recency=7 * sheet.recency, T=7 * sheet.T, time_unit="D")
    assert values(make(), days, "3M", annual_discount_rate=0.2) == pytest.approx(
        values(make(), sheet, "3M", annual_discount_rate=0.2), rel=1e-12
    )


@FORMULAS
def test_periods_share_out_the_whole(make: Callable[[], Forecaster], sheet: RFM) -> None:
    fitted = make().fit(sheet)
    coarse, fine = (fitted.forecast("1Y", annual_discount_rate=0.15, period=step) for step in ("Y", "W"))
    assert fine.total.mean == pytest.approx(coarse.total.mean, rel=1e-12)
    assert fine.customers["clv_mean"].tolist() == pytest.approx(
        coarse.customers["clv_mean"].tolist(), rel=1e-12
    )


def test_names_tell_the_formulas_apart() -> None:
    names = [make().name for make in BASELINES.values()]
    assert len(set(names)) == len(names)
    assert HistoricalCLV(label="rate").name == "rate"


# --- CDNOW -------------------------------------------------------------------------------------------------


def test_formulas_on_cdnow(cdnow: Any, cdnow_rfm: RFM) -> None:
    """39 weeks ahead; the numbers come from an independent computation on the raw log."""
    import pandas as pd

    dates = pd.to_datetime(cdnow["date"])
    later = cdnow[(dates > "1997-09-30") & (dates <= pd.Timestamp("1997-09-30") + timedelta(weeks=39))]
    by_day = later.groupby(["customer_id", "date"])["spend"].sum().groupby("customer_id")
    count, spend = (
        table.reindex(cdnow_rfm.customer_id, fill_value=0).to_numpy()
        for table in (by_day.size(), by_day.sum())
    )
    repeat = HistoricalCLV().fit(cdnow_rfm).forecast("39W")
    assert repeat.purchases.mean == pytest.approx(2930.1, abs=0.05)
    assert metrics.mae(count, repeat.columns["expected_purchases"]) == pytest.approx(1.0237, abs=5e-5)
    assert metrics.rmse(spend, repeat.columns["clv_mean"]) == pytest.approx(200.0, abs=0.05)
    every = HistoricalCLV(basis="all").fit(cdnow_rfm).forecast("39W")
    assert metrics.rmse(spend, every.columns["clv_mean"]) == pytest.approx(219.2, abs=0.05)
    assert metrics.mae(count, np.zeros(len(count))) == pytest.approx(1882 / 2357)


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda _: HistoricalCLV(basis="both"), "'repeat' nor 'all'"),  # type: ignore[arg-type]
        (lambda _: HistoricalCLV(min_tenure="1M"), "months and years differ"),
        (lambda _: CohortAverage(cohort="Y"), "not a duration"),
        (lambda _: LifespanCLV(churn=0), "without churn a lifespan has no end"),
        (lambda _: LifespanCLV(churn=10), "ten per cent a period is 0.1"),
        (lambda _: AOVFrequencyLifespan(churn=-0.1), "above 0"),
        (lambda _: NetHistoricalCLV(acquisition_cost=-1), "no minus sign"),
        (lambda _: net_historical_clv(1, 1, 1, 0), "customers=0"),
        (lambda rfm: HistoricalCLV().fit(rfm).forecast("10W", margin=35), "35 per cent is 0.35"),
        (
            lambda rfm: HistoricalCLV().fit(rfm).forecast("10W", annual_discount_rate=10),
            "ten per cent is 0.10",
        ),
        (lambda rfm: HistoricalCLV().fit(rfm).forecast("10W", levels=(5,)), "strictly between"),
        (lambda rfm: CohortAverage().fit(replace(rfm, observed_until=None)), "cohort='4W'"),
    ],
)
def test_refused_arguments(call: Callable[[RFM], object], words: str, sheet: RFM) -> None:
    with pytest.raises(ArgumentError, match=words):
        call(sheet)


def test_refused_data(sheet: RFM) -> None:
    unknown_first = replace(sheet, statistics={})
    for make in (HistoricalCLV(basis="all"), LifespanCLV(), AOVFrequencyLifespan(), NetHistoricalCLV()):
        with pytest.raises(DataError, match="basis='repeat'"):
            make.fit(unknown_first)
    assert values(HistoricalCLV(), unknown_first, "10W") == pytest.approx([30, 0, 3.75, 12])
    loyal = replace(sheet, recency=sheet.T)
    with pytest.raises(DataError, match="no end"):
        LifespanCLV().fit(loyal)
    with pytest.raises(DataError, match="churn cannot be measured"):
        LifespanCLV(period="1D").fit(sheet)


def test_a_rate_that_is_no_number_is_refused() -> None:
    rfm = RFM.from_arrays(
        frequency=[1, 0], recency=[2, 0], T=[4, 0], customer_id=["ann", "bob"], time_unit="W"
    )
    with np.errstate(invalid="ignore"), pytest.raises(DataError, match=r"must be finite \(1 row; first: bob"):
        Projection("own", rfm, "per unit of age", rfm.frequency / rfm.T, None)
