"""A mixture of forecasters: weights by hand, joint draws, and nothing seen of the future."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.ensemble import Stack
from clvmodels.ensemble.mixture import shares
from clvmodels.errors import ArgumentError, DataError, FitError
from clvmodels.prediction import DrawBlock, Forecast, gather
from clvmodels.rfm import RFM
from clvmodels.units import plan_horizon

# observed until 2026-02-10; as of 2026-01-21 (half of 40 days) ann, bob and cat come back once, dan does not
LOG = pd.DataFrame(
    [
        ("ann", "2026-01-01", 5), ("ann", "2026-02-05", 10), ("bob", "2026-01-01", 5), ("bob", "2026-02-01", 10),
        ("cat", "2026-01-10", 5), ("cat", "2026-01-30", 10), ("dan", "2026-01-05", 5),
    ],
    columns=["customer_id", "date", "spend"],
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Says:
    """Says the same of every customer: draws of so many purchases, 10 each, half in the first half."""

    name: str
    draws: tuple[float, ...]
    fails: str = ""
    is_usable: bool = True
    history: float | None = 1.0
    priced: bool = True
    seen: list[Any] = field(default_factory=list)

    def fit(self, rfm: RFM, *, seed: int = 0) -> Said:
        self.seen.append(rfm)
        if self.fails and len(self.seen) > (self.fails == "late"):
            raise FitError(f"{self.name} cannot")
        return Said(self, rfm, seed)


@dataclass(frozen=True, eq=False)
class Said:
    says: Says
    rfm: RFM
    seed: int

    @property
    def usable(self) -> bool:
        return self.says.is_usable

    @property
    def summary(self) -> str:
        return f"{self.says.name} says {self.says.draws}"

    def expected_history(self, age: np.ndarray) -> np.ndarray | None:
        return None if self.says.history is None else self.says.history * age

    def forecast(
        self, horizon: Any, *, draws: int = 1000, levels: Any = (0.5,), period: Any = None,
        annual_discount_rate: float = 0.0, margin: float = 1.0, seed: int = 0,
        observe: Callable[[DrawBlock], None] | None = None,
    ) -> Forecast:  # fmt: skip
        assert (annual_discount_rate, margin) == (0.0, 1.0)
        plan = plan_horizon(horizon, self.rfm.observed_until, self.rfm.time_unit, period)
        many = len(self.says.draws) > 1
        one = np.resize(np.array(self.says.draws, dtype=float), draws if many else 1)
        part = np.full(len(plan.edges) - 1, 1 / (len(plan.edges) - 1))
        size = 3  # blocks that fit nobody else's

        def blocks():
            for start in range(0, len(self.rfm), size):
                index = np.arange(start, min(start + size, len(self.rfm)))
                table = np.repeat(one[:, None], len(index), axis=1)
                sums = table.sum(axis=1)[:, None] * part
                yield DrawBlock(
                    index, table, 10 * table if self.says.priced else None, sums,
                    10 * sums if self.says.priced else None, {},
                )  # fmt: skip

        return gather(
            blocks(), self.rfm, plan, name=self.says.name, is_distribution=many, provenance={},
            levels=levels, observe=observe,
        )  # fmt: skip


def summary(log: pd.DataFrame = LOG, end: str = "2026-02-10", **options: Any) -> RFM:
    return clv.rfm_summary(log, **{"spend": "spend", "observation_end": end, "time_unit": "D", **options})


# --- weights -----------------------------------------------------------------------------------------------


def test_weights_by_hand() -> None:
    """With weight w on 1 and the rest on 0, y = 1 scores (1 - w)² and y = 0 scores w²: best is the share of ones."""
    fitted = Stack([Says("one", (1.0,)), Says("nil", (0.0,))]).fit(summary())
    assert fitted.weights == pytest.approx({"one": 0.75, "nil": 0.25})
    # as multiples of the mean of 3/4: (3/4 · 1/16 + 1/4 · 9/16) / (3/4) = 1/4, for purchases and for spend
    assert fitted.scores == pytest.approx({"one": 1 / 3, "nil": 1.0, "the mixture": 0.25})
    assert "75.0%  one: mean CRPS there 0.3333" in fitted.summary
    assert "4 customers as of 2026-01-21, watched until 2026-02-10" in fitted.summary
    assert "one says (1.0,)" in fitted.summary


def test_all_windows_count() -> None:
    stack = Stack([Says("one", (1.0,)), Says("nil", (0.0,))], window="13D", windows=2)
    fitted = stack.fit(summary())
    assert len(fitted.windows) == 2
    # 2026-01-28 to 02-10: ann, bob and cat of four; 01-15 to 01-28: none of four. So three ones and five nils
    assert fitted.weights["one"] == pytest.approx(3 / 8)


def test_nobody_came_back_and_nobody_paid() -> None:
    """Nil is right everywhere; where nobody spent, purchases decide, whatever the currency."""
    members = [Says("one", (1.0,)), Says("nil", (0.0,))]
    assert Stack(members).fit(summary(LOG[LOG["date"] < "2026-01-20"])).weights == {"one": 0.0, "nil": 1.0}
    free = Stack(members).fit(summary(LOG.assign(spend=0.0)))
    assert free.weights == pytest.approx({"one": 0.75, "nil": 0.25})


def test_rows_after_the_observation_change_no_weight(cdnow: pd.DataFrame) -> None:
    future = cdnow["date"].astype(str) > "1997-09-30"
    changed = cdnow.assign(spend=cdnow["spend"].where(~future, 100 * cdnow["spend"] + 7))
    changed = changed[~future | (changed["customer_id"] % 3 == 0)]
    stack = Stack((clv.CLVModel("bg_nbd", method="mle"), clv.ZeroForecast(), clv.HiatusRule()))
    options = {"spend": "spend", "observation_end": "1997-09-30"}
    here, there = (stack.fit(clv.rfm_summary(log, **options)) for log in (cdnow, changed))
    assert here.weights == there.weights
    assert here.scores == there.scores
    assert 0 < max(here.weights.values()) <= 1


def test_no_summary_reaches_beyond_the_observation() -> None:
    spy = Says("spy", (1.0, 0.0))
    rfm = summary(end="2026-02-03")
    Stack([spy, Says("nil", (0.0,))], window="8D", windows=2).fit(rfm)
    assert len(spy.seen) == 3
    assert [one.observed_until <= rfm.observed_until for one in spy.seen] == [True] * 3
    assert spy.seen[-1] is rfm
    ends = sorted(one.observed_until for one in spy.seen)
    for earlier in ends[:-1]:
        assert earlier < rfm.observed_until


def test_the_mixture_is_no_worse_where_it_was_learned(cdnow_rfm: RFM) -> None:
    members = (clv.CLVModel("pareto_nbd", method="mle"), clv.RegressionCLV(), clv.HistoricalCLV())
    fitted = Stack(members).fit(cdnow_rfm)
    assert sum(fitted.weights.values()) == pytest.approx(1)
    mixture = fitted.scores.pop("the mixture")
    assert mixture <= min(fitted.scores.values()) + 1e-12


# --- the mixture -------------------------------------------------------------------------------------------


@pytest.fixture
def pair() -> Stack:
    # both are needed: learned weights of 3/4 and 1/4 or near it
    return Stack([Says("some", (1.0, 1.0)), Says("nil", (0.0,))])


def test_a_draw_is_one_forecaster_for_all_customers(pair: Stack) -> None:
    seen: list[DrawBlock] = []
    forecast = pair.fit(summary()).forecast("20D", draws=8, observe=seen.append, period="W")
    drawn = np.hstack([block.purchases for block in seen])
    assert drawn.shape == (8, 4)
    assert (drawn == drawn[:, :1]).all()  # all ones or all nils
    assert sorted(forecast.purchases.draws) == pytest.approx([0, 0, 4, 4, 4, 4, 4, 4])
    np.testing.assert_allclose(forecast.purchases.draws, drawn.sum(axis=1))
    np.testing.assert_allclose(forecast.purchases.period_draws.sum(axis=1), drawn.sum(axis=1))
    np.testing.assert_allclose(forecast.total.draws, 10 * forecast.purchases.draws)
    np.testing.assert_allclose(sum(block.period_purchases for block in seen), forecast.purchases.period_draws)
    assert forecast.is_distribution
    assert forecast.columns["expected_purchases"].tolist() == pytest.approx([0.75] * 4)
    assert forecast.columns["clv_mean"].tolist() == pytest.approx([7.5] * 4)
    assert forecast.columns["p_purchase"].tolist() == [0.75] * 4
    assert forecast.provenance["weights"] == pytest.approx({"some": 0.75, "nil": 0.25})


def test_every_draw_of_a_member_is_used_once() -> None:
    """Draws of a member are different here, and all come back."""
    ladder = Says("ladder", tuple(np.linspace(0.5, 1.5, 30)))
    fitted = replace(Stack([ladder, Says("nil", (0.0,))]).fit(summary()), weights={"ladder": 0.6, "nil": 0.4})
    forecast = fitted.forecast("20D", draws=50)
    assert sorted(forecast.purchases.draws / 4) == pytest.approx([0.0] * 20 + list(np.linspace(0.5, 1.5, 30)))


def test_members_who_say_the_same_do_not_draw_the_same(cdnow_rfm: RFM) -> None:
    """The chance of one member is not that of the next, or half of the draws would be worth nothing."""
    twins = [clv.CLVModel("bg_nbd", method="mle", label=name) for name in "ab"]
    fitted = Stack(twins).fit(cdnow_rfm)
    assert list(fitted.weights.values()) == pytest.approx([0.5, 0.5])
    assert len(set(fitted.forecast("4W", draws=20).total.draws.tolist())) == 20


def test_one_point_forecaster_left_is_a_point_forecast() -> None:
    came_back = summary(LOG[LOG["customer_id"] != "dan"])
    forecast = Stack([Says("one", (1.0,)), Says("two", (2.0,))]).fit(came_back).forecast("20D")
    assert not forecast.is_distribution
    assert forecast.total.draws == pytest.approx([30.0])


def test_customers_in_any_order_and_seeds(cdnow: pd.DataFrame) -> None:
    stack = Stack((clv.CLVModel("bg_nbd", method="mle"), clv.RegressionCLV()))
    options = {"spend": "spend", "observation_end": "1997-09-30"}
    totals, tables = [], []
    for log in (cdnow, cdnow.sample(frac=1, random_state=2)):
        fitted = stack.fit(clv.rfm_summary(log, **options), seed=3)
        forecast = fitted.forecast("13W", draws=60, seed=4)
        totals.append(forecast.total.draws)
        tables.append(forecast.customers.sort_values("customer_id", ignore_index=True))
    np.testing.assert_array_equal(*totals)
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert (fitted.forecast("13W", draws=60, seed=5).total.draws != totals[0]).any()


def test_shares_are_whole_and_add_up() -> None:
    assert shares(np.array([0.5, 0.3, 0.2]), 10).tolist() == [5, 3, 2]
    assert shares(np.array([1 / 3, 1 / 3, 1 / 3]), 10).tolist() == [4, 3, 3]
    assert shares(np.array([0.999, 0.001]), 10).tolist() == [10, 0]


def test_history_is_the_mean_of_the_members(pair: Stack) -> None:
    curve = pair.fit(summary()).expected_history(np.array([2.0, 4.0]))
    assert curve is not None
    assert curve.tolist() == pytest.approx([2, 4])
    mute = Stack([Says("some", (1.0, 1.0), history=None), Says("nil", (0.0,))])
    assert mute.fit(summary()).expected_history(np.array([2.0])) is None


@dataclass(frozen=True)
class Line:
    """Whoever expects so many purchases per unit of age."""

    slope: float

    def expected_history(self, age: np.ndarray) -> np.ndarray:
        return self.slope * age


def test_history_is_weighted_as_the_forecast_is(pair: Stack) -> None:
    """Killed: members alike, whatever their weights."""
    members: Any = {"slow": Line(1.0), "fast": Line(5.0)}
    fitted = replace(pair.fit(summary()), members=members, weights={"slow": 0.75, "fast": 0.25})
    np.testing.assert_allclose(fitted.expected_history(np.array([2.0, 4.0])), [4.0, 8.0])


def test_the_chance_of_a_count_is_the_mixture_of_the_members_own(cdnow_rfm: RFM) -> None:
    """Killed: members alike, whatever their weights; log chances mixed; a member who knows none left out."""
    few = cdnow_rfm.take(slice(None, None, 20))
    members = {name: clv.CLVModel(name, None, "mle").fit(few) for name in ("bg_nbd", "pareto_nbd")}
    stack = Stack((clv.ZeroForecast(), clv.HistoricalCLV()))
    fitted = replace(
        stack.fit(cdnow_rfm), rfm=few, members=members, weights={"bg_nbd": 0.3, "pareto_nbd": 0.7}
    )
    counts = np.arange(len(few)) % 4.0
    by_hand = 0.3 * members["bg_nbd"].purchase_probability(counts, 13.0)
    by_hand += 0.7 * members["pareto_nbd"].purchase_probability(counts, 13.0)
    np.testing.assert_allclose(fitted.purchase_probability(counts, 13.0), by_hand, rtol=1e-12)
    nothing = fitted.purchase_probability(np.zeros(len(few)), 13.0)
    assert nothing is not None
    drawn = fitted.forecast("13W", draws=800, seed=3).columns["p_purchase"]
    # shocks of the market are shared by the customers of a draw: 0.01 is five standard errors of their mean
    assert drawn.mean() == pytest.approx(1 - nothing.mean(), abs=0.01)
    silent = replace(
        fitted,
        members=members | {"zero": clv.ZeroForecast().fit(few)},
        weights=fitted.weights | {"zero": 0.0},
    )
    assert silent.purchase_probability(counts, 13.0) is None
    outer = replace(fitted, members={"inner": silent}, weights={"inner": 1.0})
    assert outer.purchase_probability(counts, 13.0) is None
    with pytest.raises(ArgumentError, match="whole numbers"):
        fitted.purchase_probability(counts + 0.5, 13.0)


def test_a_backtest_scores_the_chances_of_a_mixture(cdnow: pd.DataFrame) -> None:
    few = cdnow[cdnow["customer_id"].isin(cdnow["customer_id"].unique()[::4])]
    members = [
        clv.CLVModel("bg_nbd", None, "mle", label="A"),
        clv.CLVModel("mbg_nbd", None, "mle", label="B"),
    ]
    known, mute = Stack(members, label="known"), Stack([*members, clv.RegressionCLV()], label="mute")
    card = clv.backtest(few, [*members, known, mute], horizon="13W", draws=40, spend=None)
    scores = card.table("purchases")["log_score"].droplevel(0)
    assert min(scores["A"], scores["B"]) - 1e-9 <= scores["known"] <= max(scores["A"], scores["B"])
    assert "mute" not in scores.dropna() or "regression" not in card.fits["summary"].iloc[-1]


# --- failures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (Says("broken", (1.0,), fails="early"), "as of 2026-01-21: broken cannot"),
        (Says("broken", (1.0,), fails="late"), "broken cannot"),
        (Says("broken", (1.0,), is_usable=False), "as of 2026-01-21: broken says"),
        (Says("broken", (1.0,), priced=False), "forecasts no value and the others do"),
    ],
    ids=["at the earlier date", "in the end", "unusable", "without value"],
)
def test_who_fails_has_no_weight_and_a_reason(broken: Says, reason: str) -> None:
    broken.seen.clear()
    fitted = Stack([broken, Says("nil", (0.0,)), Says("two", (2.0,))]).fit(summary())
    assert fitted.weights["broken"] == 0
    assert sum(fitted.weights.values()) == pytest.approx(1)
    assert reason in fitted.summary
    assert "left out" in fitted.summary
    assert fitted.usable
    assert fitted.forecast("20D", draws=4).name.startswith("Stack (broken + nil")


def test_nobody_left() -> None:
    with pytest.raises(FitError, match="no forecaster is left; a: as of 2026-01-21: a cannot; b: as of"):
        Stack([Says("a", (1.0,), fails="early"), Says("b", (1.0,), fails="early")]).fit(summary())
    with pytest.raises(FitError, match="no forecaster is left; a: a cannot; b: b cannot"):
        Stack([Says("a", (1.0,), fails="late"), Says("b", (0.0,), fails="late")]).fit(summary())


def test_without_spend_only_purchases() -> None:
    rfm = summary(spend=None)
    stack = Stack([Says("one", (1.0,), priced=False), Says("nil", (0.0,), priced=False)])
    forecast = stack.fit(rfm).forecast("20D", draws=8)
    assert forecast.value is None
    assert sorted(forecast.purchases.draws) == pytest.approx([0, 0, 4, 4, 4, 4, 4, 4])


def test_a_stack_may_be_stacked_and_backtested(cdnow: pd.DataFrame) -> None:
    inner = Stack((clv.HistoricalCLV(), clv.ZeroForecast()), label="inner")
    card = clv.backtest(cdnow, [Stack((inner, clv.HiatusRule()), label="outer")], horizon="26W", draws=20)
    assert card.fits["status"].tolist() == ["ok"]
    assert "inner: weights learned from" in card.fits["summary"].iloc[0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Stack("bg_nbd"), "must be a list"),  # type: ignore[arg-type]
        (lambda: Stack(["bg_nbd", "mbg_nbd"]), r"objects, not names: CLVModel\('bg_nbd'\)"),  # type: ignore[list-item]
        (lambda: Stack([]), "two or more"),
        (lambda: Stack([Says("a", (1.0,))]), "two or more"),
        (lambda: Stack([Says("a", (1.0,)), Says("a", (0.0,))]), "names of their own"),
        (lambda: Stack([Says("a", (1.0,)), Says("b", (0.0,))], window="6M"), "months and years differ"),
        (lambda: Stack([Says("a", (1.0,)), Says("b", (0.0,))], windows=0), "at least 1"),
    ],
)
def test_refused_arguments(make: Callable[[], Stack], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        make()


def test_refused_data(pair: Stack) -> None:
    with pytest.raises(ArgumentError, match="rfm_summary or calibration_holdout"):
        pair.fit(replace(summary(), history=None))
    with pytest.raises(DataError, match="too short"):
        pair.fit(summary(end="2026-01-02"))
    fitted = pair.fit(summary())
    with pytest.raises(ArgumentError, match="at least 2"):
        fitted.forecast("20D", draws=1)
    with pytest.raises(ArgumentError, match="35 per cent"):
        fitted.forecast("20D", margin=35)
