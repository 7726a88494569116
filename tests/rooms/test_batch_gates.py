"""What each gate measures, by hand: of deliveries, fits, forecasts, and of what became of earlier ones."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from jobs import shop

from clvmodels.batch import Store, gates
from clvmodels.batch.delivery import Delivery, deliver
from clvmodels.batch.gates import Measured
from clvmodels.batch.hindsight import (
    ALL,
    LOOKS_BACK,
    NEXT,
    Window,
    beside,
    bias,
    in_view,
    look_back,
    missed,
    told_before,
    windows,
)
from clvmodels.batch.shelf import Run
from clvmodels.batch.store import asked, why_refit
from clvmodels.config import config_from
from clvmodels.config.jobs import Gate, Gates
from clvmodels.errors import FitStatus
from clvmodels.forecast import FittedCLV
from clvmodels.rfm import RFM
from clvmodels.transactions import Activity

TODAY = date(2025, 6, 30)
TYPES = {"customer_id": "Int64", "date": "String"}


def delivered(days_ago: dict[int, int], dropped: int = 0) -> Delivery:
    """A delivery with so many rows so many days before today."""
    day = np.array([TODAY - timedelta(ago) for ago in sorted(days_ago, reverse=True)], dtype="datetime64[D]")
    rows = np.array([days_ago[ago] for ago in sorted(days_ago, reverse=True)])
    return Delivery(None, {}, TODAY, cast(Any, None), Activity(day, rows, TYPES), dropped, "")


def of_delivery(days_ago: dict[int, int], last: dict[str, Any] | None = None, dropped: int = 0) -> Any:
    found = gates.of_delivery(delivered(days_ago, dropped), None if last is None else {"input": last})
    return {name: value for name, (value, _) in found.items()}


# --- the verdict -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "action", "outcome"),
    [
        (7.0, "block", ["passed"]), (7.1, "block", ["blocked"]), (7.1, "warn", ["warned"]), (7.0, "warn", ["passed"]),
        (99.0, "off", []), (None, "block", ["not judged"]), (float("inf"), "block", ["blocked"]),
        (float("nan"), "block", ["blocked"]),
    ],
)  # fmt: skip
def test_limit_itself_passes_and_what_is_no_number_does_not(
    value: float | None, action: Any, outcome: list[str]
) -> None:
    said = gates.judge(Gates(freshness=Gate(action=action, limit=7)), {"freshness": (value, "old")})
    assert [one.outcome for one in said] == outcome
    assert [(one.gate, one.limit, one.words) for one in said] == [("freshness", 7, "old")] * len(outcome)


# --- the delivery ----------------------------------------------------------------------------------------------


def test_freshness_and_share_of_dropped_rows() -> None:
    found = of_delivery({3: 40, 9: 50, -2: 7}, dropped=10)  # a row of the day after tomorrow is not known yet
    assert found["freshness"] == 3
    assert found["dropped"] == 10 / 100
    assert of_delivery({0: 1})["freshness"] == 0


def test_volume_is_a_factor_either_way() -> None:
    usual = {28: 8, 56: 10, 84: 12}  # each on the last day of a window before the last one
    assert of_delivery({0: 2, **usual, 112: 1})["volume"] == 5
    assert of_delivery({27: 40, **usual, 112: 1})["volume"] == 4
    assert of_delivery({0: 10, **usual, 112: 1})["volume"] == 1
    assert of_delivery({**usual, 112: 1})["volume"] == np.inf
    # a window that the log does not cover to its first day says nothing: the one with 12 rows here
    assert of_delivery({0: 18, 28: 8, 56: 10, 84: 12})["volume"] == 2
    assert of_delivery({0: 18, 28: 8})["volume"] is None
    assert of_delivery({300: 5})["volume"] == 1  # nothing now, nothing usually
    # six windows before the last one are usual, what lies before is long past
    six = dict(zip(range(28, 7 * 28, 28), (6, 6, 6, 8, 8, 8), strict=True))
    assert of_delivery({0: 7, **six, **{28 * k: 900 for k in range(7, 20)}})["volume"] == 1
    # one odd window makes nothing usual: the median of 8, 10 and 100, and not their mean
    assert of_delivery({0: 10, 28: 8, 56: 10, 84: 100, 112: 1})["volume"] == 1
    found = gates.of_delivery(delivered({0: 2, **usual, 112: 1}), None)["volume"]
    assert found == (5, "2 rows in the last 28 days, usually 10")
    assert gates.of_delivery(delivered({0: 18}), None)["volume"] == (None, "fewer than 56 days to compare")


def test_rows_added_to_and_missing_from_the_days_of_the_last_run() -> None:
    last = {"types": TYPES, "as_of": str(TODAY - timedelta(30)), "rows": 100}
    found = of_delivery({1: 50, 30: 60, 40: 50}, last)
    assert (found["late"], found["lost"], found["columns"]) == (0.1, 0.0, 0)
    found = of_delivery({1: 50, 30: 60, 40: 20}, last)
    assert (found["late"], found["lost"], found["columns"]) == (0.0, 0.2, 0)
    other = {**last, "types": {"customer_id": "String", "date": "String", "spend": "Float64"}}
    count, words = gates.of_delivery(delivered({1: 50, 30: 60}), {"input": other})["columns"]
    assert (count, words) == (2, "customer_id is Int64, was String; spend is None, was Float64")
    assert of_delivery({1: 50})["late"] is None


# --- the fit ---------------------------------------------------------------------------------------------------


def fit(
    status: FitStatus = FitStatus.CONVERGED, means: tuple[float, float] = (0.0, 1.0), **diagnostics: float
) -> Any:
    """A fit whose logarithms of two parameters lie at 1 and at 3 around their means, so have the errors 1 and 3."""
    logs = np.array([[means[0] - 1, means[1] - 3], [means[0] + 1, means[1] + 3]])
    return SimpleNamespace(
        model=SimpleNamespace(name="m", title="M"), status=status, reason=None, diagnostics=diagnostics,
        draws=np.exp(logs), names=["r", "alpha"], is_distribution=True,
    )  # fmt: skip


def of_fit(*posteriors: Any, last: Any = None) -> dict[str, float | None]:
    fitted = cast(FittedCLV, SimpleNamespace(posteriors=posteriors))
    return {name: value for name, (value, _) in gates.of_fit(fitted, last).items()}


@pytest.mark.parametrize(
    ("status", "bad"),
    [
        (FitStatus.CONVERGED, 0), (FitStatus.AT_BOUNDARY, 0), (FitStatus.GIVEN, 0), (FitStatus.FAILED, 1),
        (FitStatus.NOT_IDENTIFIED, 1), (FitStatus.UNRELIABLE, 1),
    ],
)  # fmt: skip
def test_fits_that_say_they_are_doubtful_are_counted(status: FitStatus, bad: int) -> None:
    assert of_fit(fit(status), fit())["fit"] == bad
    assert of_fit(fit(status), fit(status))["fit"] == 2 * bad


def test_worst_diagnostic_counts() -> None:
    found = of_fit(fit(k_hat=0.2), fit(k_hat=0.6, r_hat=1.01))
    assert (found["k_hat"], found["r_hat"]) == (0.6, 1.01)
    assert of_fit(fit())["k_hat"] is None


def test_parameters_move_in_standard_errors_of_both_fits() -> None:
    before = gates.parameters_of(cast(FittedCLV, SimpleNamespace(posteriors=[fit()])))
    assert before["m.alpha"] == {"mean": pytest.approx(1), "se": pytest.approx(3)}
    last = {"status": {"m": "CONVERGED"}, "name": "M", "parameters": before}
    assert of_fit(fit(means=(2.0, 1.0)), last=last)["parameters"] == pytest.approx(2 / np.sqrt(2))
    assert of_fit(fit(means=(0.0, -7.0)), last=last)["parameters"] == pytest.approx(8 / np.sqrt(18))
    assert of_fit(fit(means=(2.0, -7.0)), last=last)["parameters"] == pytest.approx(8 / np.sqrt(18))
    assert of_fit(fit(), last=None)["parameters"] is None
    point = fit()
    point.is_distribution = False
    assert of_fit(point, last=last)["parameters"] is None
    assert of_fit(fit(), last={**last, "status": {"n": "CONVERGED"}})["parameters"] is None


# --- the forecast ----------------------------------------------------------------------------------------------


def row(
    inside: bool = True, forecast: float = 10.0, actual: float = 10.0, quantity: str = "value"
) -> dict[str, Any]:
    return {"window": NEXT, "quantity": quantity, "inside": inside, "forecast": forecast, "actual": actual}


def of_forecast(last: Any = None, **measured: Any) -> dict[str, float | None]:
    total = {"horizon": "26W", "quantity": "value", "mean": 80.0}
    empty: dict[str, Any] = {name: [] for name in ("segments", "cohorts", "drift", "hindsight", "singles")}
    found = gates.of_forecast(Measured(**{"totals": [total], "reference": {}, **empty, **measured}), last)
    return {name: value for name, (value, _) in found.items()}


def test_totals_are_compared_with_those_of_their_kind() -> None:
    def totals(horizon: str, quantity: str, mean: float) -> dict[str, Any]:
        return {"totals": [{"horizon": horizon, "quantity": quantity, "mean": mean}]}

    assert of_forecast(totals("26W", "value", 100.0))["total"] == pytest.approx(0.2)
    assert of_forecast(totals("26W", "value", 64.0))["total"] == pytest.approx(0.25)
    assert of_forecast(totals("52W", "value", 64.0))["total"] is None
    assert of_forecast(totals("26W", "purchases", 64.0))["total"] is None
    assert of_forecast(totals("26W", "value", 0.0))["total"] is None
    assert of_forecast()["total"] is None


def test_variable_that_drifted_most_counts() -> None:
    drift = [
        {"variable": "T", "stability": 0.3, "distance": 0.1},
        {"variable": "v", "stability": 0.2, "distance": 0.4},
    ]
    found = of_forecast(drift=drift)
    assert (found["stability"], found["distance"]) == (0.3, 0.4)


def test_coverage_needs_three_windows_and_looks_at_the_last_four() -> None:
    assert of_forecast(hindsight=[row(False)] * 2)["coverage"] is None
    assert of_forecast(hindsight=[row(False), row(), row()])["coverage"] == pytest.approx(1 / 3)
    long_ago = [row(False)] * 5
    assert of_forecast(hindsight=[*long_ago, row(), row(), row(), row(False)])["coverage"] == 0.25
    assert missed([*long_ago, row(), row(), row(), row()], "value") == (0, 4)


def test_bias_looks_at_the_last_three_windows_either_way() -> None:
    long_ago = [row(forecast=99.0)] * 3
    assert of_forecast(hindsight=[*long_ago, row(), row(), row(forecast=13.0)])["bias"] == pytest.approx(0.1)
    assert of_forecast(hindsight=[*long_ago, row(), row(), row(forecast=4.0)])["bias"] == pytest.approx(0.2)
    assert bias([row(actual=0.0)], "value") is None
    to_now = {**row(forecast=99.0), "window": ALL}
    assert bias([row(forecast=12.0), to_now], "value") == pytest.approx(0.2)


def test_value_is_judged_where_there_is_any() -> None:
    rows = [row(quantity="purchases", forecast=15.0), row(forecast=12.0)]
    assert of_forecast(hindsight=rows)["bias"] == pytest.approx(0.2)
    assert of_forecast(hindsight=rows[:1])["bias"] == pytest.approx(0.5)


@pytest.mark.parametrize("covered", [0.87, 0.93])
def test_too_many_customers_within_their_intervals_are_as_bad_as_too_few(covered: float) -> None:
    facts = {"quantity": "value", "as_of": "2025-01-31", "until": "2025-02-28", "segments": []}
    single = {**facts, "covered": covered, "level": 0.9, "customers": 300}
    hindsight = [row()]
    assert of_forecast(hindsight=hindsight, singles=[single])["customers"] == pytest.approx(0.03)


def test_segment_furthest_from_its_forecast_is_named() -> None:
    facts = {"quantity": "value", "as_of": "2025-01-31", "until": "2025-02-28", "covered": 0.9, "level": 0.9}
    one = {"segment": "grow", "is_judged": True, "inside": False, "forecast": 200.0, "actual": 80.0}
    measured: dict[str, Any] = {name: [] for name in ("segments", "cohorts", "drift")}
    measured |= {"totals": [{"horizon": "26W", "quantity": "value", "mean": 80.0}], "reference": {}}
    measured |= {"hindsight": [row()], "singles": [{**facts, "customers": 300, "segments": [one]}]}
    value, words = gates.of_forecast(Measured(**measured), None)["segments"]
    assert value == pytest.approx(0.6)
    assert words == "'grow' of 2025-01-31 brought 40% of its forecast of value up to 2025-02-28"


# --- what runs look back at ------------------------------------------------------------------------------------


def run_of(day: str, ends: list[str], **manifest: Any) -> Run:
    return Run(Path(day), {"run_id": day, "as_of": day, "period_ends": ends, **manifest})


def test_windows_end_with_the_last_period_that_is_over(tmp_path: Path) -> None:
    config = config_from({"log": {"source": "log.csv"}})
    now = deliver(config, shop(40), date(2025, 3, 31))
    long_over = run_of("2024-11-30", ["2025-01-01", "2025-02-01"])
    oldest = run_of("2025-01-31", ["2025-03-01", "2025-04-01", "2025-05-01"])
    last = run_of("2025-02-28", ["2025-03-29", "2025-04-02"])
    found = [
        (one.name, one.run.run_id, one.periods, str(one.until))
        for one in windows(now, [long_over, oldest, last])
    ]
    # the day after today is the first one after a period that is over
    assert found == [(NEXT, "2025-02-28", 1, "2025-03-28"), (ALL, "2025-01-31", 2, "2025-03-31")]
    assert [one.name for one in windows(now, [last])] == [NEXT]
    assert list(windows(now, [run_of("2025-03-30", ["2025-04-02"])])) == []
    assert list(windows(now, [])) == []


def test_runs_come_into_view_until_their_horizon_is_over() -> None:
    """Killed: a horizon that was over the day before; more than a year of runs."""
    today = date(2025, 3, 31)
    last = run_of("2025-02-28", ["2025-05-01"])
    over, just_over = run_of("2025-01-30", ["2025-03-31"]), run_of("2025-01-31", ["2025-04-01"])
    assert in_view([over, just_over, last], today) == [(NEXT, last), (ALL, just_over)]
    assert in_view([over, last], today) == [(NEXT, last)]
    many = [run_of(f"2025-01-{day:02}", ["2025-05-01"]) for day in range(1, 20)]
    assert in_view(many, today) == [(NEXT, many[-1]), (ALL, many[-LOOKS_BACK])]
    assert in_view([], today) == []


def test_forecast_is_held_against_money_by_the_terms_of_then(tmp_path: Path) -> None:
    """By hand. Killed: today's margin or no discount on what came; periods that are not over yet."""
    then = {"margin": 0.5, "discount": 0.1}
    run = Run(
        tmp_path,
        {"run_id": "r", "as_of": "2025-01-31", "horizons": ["26W"], "config": {"said": {"forecast": then}}},
    )
    draws = {"26W value": np.array([[1.0, 2.0, 90.0], [3.0, 4.0, 90.0]])}
    np.savez(tmp_path / "totals.npz", **draws, **{"26W purchases": np.ones((2, 3))})
    rfm = RFM.from_arrays(
        frequency=[0, 1], recency=[0, 2], T=[4, 5], customer_id=["ann", "bob"], time_unit="W"
    )
    weeks = np.array([0.0, 365.25 / 7])  # one purchase at once, one after a year
    after = SimpleNamespace(
        customer=np.array([0, 1]), time=weeks, purchases=np.ones(2), spend=np.array([8.0, 11.0])
    )
    found = look_back(Window(NEXT, run, 2, date(2025, 2, 14), rfm, cast(Any, after)))
    told = {one["quantity"]: one for one in found}
    assert told["value"]["actual"] == pytest.approx(0.5 * (8 + 11 / 1.1))
    assert told["value"]["forecast"] == pytest.approx((1 + 2 + 3 + 4) / 2)
    assert (told["purchases"]["actual"], told["purchases"]["forecast"]) == (2, 2)


def test_bounds_of_an_interval_are_within() -> None:
    """Killed: nobody was to buy, nobody bought, and the forecast missed."""
    assert beside(np.zeros(10), 0.0)["inside"]
    assert not beside(np.zeros(10), 1.0)["inside"]


def test_every_gate_on_the_forecast_says_that_the_world_has_changed() -> None:
    """Killed: a policy on drift that does not hear of single customers or segments."""
    assert set(gates.DRIFT) == {*of_forecast(), "parameters"}


def test_a_year_of_windows_is_kept() -> None:
    rows = [row(forecast=float(k), quantity=name) for k in range(20) for name in ("purchases", "value")]
    kept = told_before(run_of("2025-01-31", [], hindsight=[*rows, {**row(), "window": ALL}]))
    assert [one["forecast"] for one in kept] == [float(k) for k in range(9, 20) for _ in range(2)]
    assert told_before(None) == []


@pytest.mark.parametrize(
    ("policy", "days", "is_fitted"),
    [("28D", 27, False), ("28D", 28, True), ("4W", 27, False), ("4W", 28, True), ("always", 0, True),
     ("drift", 400, False), ("28D", 0, False), ("28D", -1, True), ("drift", -1, True)],
)  # fmt: skip
def test_policy_counts_days_and_never_uses_the_future(policy: str, days: int, is_fitted: bool) -> None:
    config = config_from({"log": {"source": "log.csv"}, "store": {"refit": policy}})
    made = {"as_of": str(TODAY), "asked": asked(config)}
    stored = SimpleNamespace(purchase=SimpleNamespace(provenance={"made": made}))
    store = cast(Store, SimpleNamespace(production="v", versions=["v"], load=lambda _version: stored))
    today = TODAY + timedelta(days)
    assert (why_refit(store, config, today, has_drifted=False) is not None) is is_fitted
    assert (why_refit(store, config, today, has_drifted=True) is not None) is (is_fitted or policy == "drift")
    other = config_from({"log": {"source": "log.csv"}, "store": {"refit": policy}, "model": {"seed": 7}})
    assert "changed since the last fit" in str(why_refit(store, other, TODAY, has_drifted=False))
