"""The bundled logs are what the papers used, and simulated logs follow their model and their seed."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clvmodels.datasets import SAMPLE_FILE, World, load_cdnow, load_donations, simulate, write_samples
from clvmodels.errors import ArgumentError, DataError
from clvmodels.models import get_purchase_model
from clvmodels.transactions import rfm_summary

DATA = Path(__file__).parents[2] / "data"
PARETO = {"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7}
BG = {"r": 0.24, "alpha": 4.4, "a": 0.79, "b": 2.43}
SPEND = {"p": 6.25, "q": 3.74, "gamma": 15.4}


@pytest.mark.parametrize("which, rows, customers", [("sample", 6919, 2357), ("master", 69659, 23570)])
def test_cdnow_is_complete(which: Any, rows: int, customers: int) -> None:
    log = load_cdnow(which)
    assert len(log) == rows
    assert sorted(log["customer_id"].unique()) == list(range(1, customers + 1))
    assert (log["date"].min(), log["date"].max()) == (pd.Timestamp("1997-01-01"), pd.Timestamp("1998-06-30"))
    assert log.dtypes.astype(str).to_dict() | {"date": ""} == {
        "customer_id": "int64",
        "date": "",
        "spend": "float64",
        "quantity": "int64",
        **({"master_id": "int64"} if which == "sample" else {}),
    }
    assert log["date"].dtype.kind == "M"
    assert log.notna().all(axis=None)
    assert log["spend"].min() == 0


def test_the_sample_is_part_of_the_master() -> None:
    sample, master = load_cdnow("sample"), load_cdnow("master")
    columns = ["date", "spend", "quantity"]
    part = master[master["customer_id"].isin(sample["master_id"])]
    left, right = (
        table.sort_values([identity, *columns])[columns].reset_index(drop=True)
        for table, identity in ((sample, "master_id"), (part, "customer_id"))
    )
    pd.testing.assert_frame_equal(left, right)


def test_the_master_as_a_summary() -> None:
    # 8,685 patterns of 23,570 customers, counted with an independent program
    rfm = rfm_summary(load_cdnow("master"), observation_end="1997-09-30")
    assert len(rfm) == 23570
    assert len(rfm.compress()[0]) == 8685


def test_donations_as_shipped() -> None:
    donations = load_donations()
    assert list(donations.columns) == ["frequency", "recency", "periods", "weights"]
    assert len(donations) == 22
    assert donations["weights"].sum() == 11104
    assert (donations["frequency"] <= donations["recency"]).all()
    assert set(donations["periods"]) == {6}


def test_loading_imports_neither_lifetimes_nor_pandas_before_it_must() -> None:
    code = (
        "import sys; import clvmodels.datasets as d; assert 'pandas' not in sys.modules;"
        "d.load_cdnow(); d.load_donations(); assert 'lifetimes' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_without_lifetimes_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DataError, match="pip install lifetimes"):
        load_cdnow()


def test_there_is_no_other_cdnow() -> None:
    with pytest.raises(ArgumentError, match="neither 'sample' nor 'master'"):
        load_cdnow("all")  # type: ignore[arg-type]


def test_the_seed_decides_alone() -> None:
    first, again = (
        simulate("pareto_nbd", PARETO, customers=50, spend_params=SPEND, seed=3) for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, again)
    other = simulate("pareto_nbd", PARETO, customers=50, spend_params=SPEND, seed=4)
    assert not first["spend"].equals(other["spend"])
    np.random.default_rng(1)
    without = simulate("pareto_nbd", PARETO, customers=50, seed=3)
    pd.testing.assert_frame_equal(without, first[["customer_id", "date"]])


@pytest.mark.parametrize("model, params", [("pareto_nbd", PARETO), ("bg_nbd", BG)])
@pytest.mark.parametrize("resolution", ["s", "D"])
def test_lives_lie_where_they_were_asked_for(model: str, params: dict[str, float], resolution: Any) -> None:
    log = simulate(
        model,
        params,
        customers=300,
        start="2025-03-01",
        weeks=60,
        acquisition_weeks=10,
        resolution=resolution,
        seed=1,
    )
    births = log.groupby("customer_id")["date"].min()
    assert births.index.tolist() == list(range(1, 301))
    assert births.is_monotonic_increasing
    assert births.min() >= pd.Timestamp("2025-03-01")
    assert births.max() < pd.Timestamp("2025-03-01") + pd.Timedelta(weeks=10)
    assert births.max() > pd.Timestamp("2025-03-01") + pd.Timedelta(weeks=9)
    assert log["date"].max() < pd.Timestamp("2025-03-01") + pd.Timedelta(weeks=60)
    assert log.equals(log.sort_values(["customer_id", "date"], kind="stable"))
    assert (log["date"] == log["date"].dt.normalize()).all() == (resolution == "D")


def test_repeat_purchases_are_as_many_as_the_model_expects() -> None:
    log = simulate("pareto_nbd", PARETO, customers=20_000, weeks=78, acquisition_weeks=60, seed=5)
    counts = log.groupby("customer_id").size() - 1
    rfm = rfm_summary(log, period="min", time_unit="W", observation_end="2025-06-29")
    model = get_purchase_model("pareto_nbd")
    theta = np.array([PARETO[param.name] for param in model.params])
    horizons = np.linspace(18, 78, 121)
    expected = np.mean([model.expected_purchases(theta, rfm.newcomers(), horizon)[0] for horizon in horizons])
    z = (counts.mean() - expected) / (counts.std() / np.sqrt(len(counts)))
    assert abs(z) < 4


def test_amounts_follow_the_spend_model() -> None:
    log = simulate("pareto_nbd", PARETO, customers=20_000, spend_params=SPEND, seed=6)
    firsts = log.groupby("customer_id")["spend"].first()
    expected = SPEND["p"] * SPEND["gamma"] / (SPEND["q"] - 1)
    z = (firsts.mean() - expected) / (firsts.std() / np.sqrt(len(firsts)))
    assert abs(z) < 4
    assert log["spend"].min() >= 0.01
    pairs = log.groupby("customer_id")["spend"].agg(["first", "last", "size"]).query("size > 1")
    assert np.log(pairs["first"]).corr(np.log(pairs["last"])) > 0.4  # one customer, one level of spend


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"model": "pareto"}, "There are"),
        ({"params": {"r": 1}}, "has the parameters r, alpha, s, beta"),
        ({"params": {**PARETO, "r": 0}}, "parameter r=0.0 of pareto_nbd must be finite and above 0"),
        ({"customers": 0}, "at least 1"),
        ({"acquisition_weeks": 0}, "acquisition_weeks=0"),
        ({"weeks": 5}, "at most weeks=5"),
        ({"resolution": "h"}, "not one of 'D', 's'"),
        ({"start": "tomorrow"}, "not an ISO date"),
        ({"spend_params": {"p": 1}}, "has the parameters p, q, gamma"),
        ({"spend": None, "spend_params": SPEND}, "leave out one of the two"),
    ],
)
def test_arguments_without_such_a_value(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        simulate(**{"model": "pareto_nbd", "params": PARETO, "customers": 5, **changes})


def monthly(log: pd.DataFrame, since: str) -> pd.Series:
    repeats = log[(log.groupby("customer_id").cumcount() > 0) & (log["date"] >= since)]
    return repeats.groupby(repeats["date"].dt.month).size()


WORLD = {"customers": 20_000, "weeks": 104, "acquisition_weeks": 1, "spend_params": SPEND, "seed": 8}
# a purchase rate without spread and hardly any dropout: repeat purchases a day are constant in an even world
STEADY = {"r": 1e6, "alpha": 1e7, "s": 1.0, "beta": 1e9}


def test_a_world_without_events_is_no_world() -> None:
    args = {**WORLD, "customers": 200}
    pd.testing.assert_frame_equal(
        simulate("pareto_nbd", PARETO, **args), simulate("pareto_nbd", PARETO, world=World(), **args)
    )


def test_seasons_come_out_as_they_went_in() -> None:
    season = (0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.5, 2)
    log = simulate("pareto_nbd", STEADY, world=World(season=season), start="2023-01-01", **WORLD)
    counts = monthly(log, "2023-02-01")  # the first month is cut by the births
    days = pd.Series(pd.date_range("2023-02-01", "2024-12-28")).dt.month.value_counts().sort_index()
    expected = 20_000 * days / 70 * np.array(season)  # one purchase in ten weeks
    z = (counts - expected) / np.sqrt(expected)
    assert z.abs().max() < 4


def test_a_shock_begins_on_its_day() -> None:
    world = World(shocks=[(date(2023, 7, 1), 0.5)])
    log = simulate("pareto_nbd", STEADY, world=world, start="2023-01-01", **WORLD)
    before = log["date"].between("2023-06-01", "2023-06-30 23:59:59").sum()
    after = log["date"].between("2023-07-01", "2023-07-30 23:59:59").sum()
    assert abs(after - before / 2) / np.sqrt(after + before / 4) < 4


def test_later_cohorts_live_faster() -> None:
    args = {**WORLD, "acquisition_weeks": 52.17857142857143}
    log = simulate("pareto_nbd", STEADY, world=World(cohort_drift=np.log(2)), **args)
    born = log.groupby("customer_id")["date"].transform("min")
    age = log["date"] - born
    window = (age > pd.Timedelta(0)) & (age < pd.Timedelta(weeks=50))
    counts = log[window].groupby("customer_id").size().reindex(range(1, 20_001), fill_value=0)
    early, late = counts.iloc[:200], counts.iloc[-200:]  # born within four days of the ends of the year
    z = (late.mean() - 2 * early.mean()) / np.sqrt((late.var() + 4 * early.var()) / 200)
    assert abs(z) < 4


def test_heavy_tails_keep_the_mean_and_first_purchases_their_ratio() -> None:
    steady = {"p": 400.0, "q": 1e6, "gamma": 1e6 / 8}  # every amount near 50: p * gamma / (q - 1)
    args = {**WORLD, "spend_params": steady}
    log = simulate("pareto_nbd", STEADY, world=World(spend_tail=0.5, first_purchase=0.7), **args)
    is_first = log.groupby("customer_id").cumcount() == 0
    first, later = log.loc[is_first, "spend"], log.loc[~is_first, "spend"]
    z = (later.mean() - 50) / later.sem()
    assert abs(z) < 4
    z = (first.mean() - 35) / first.sem()
    assert abs(z) < 4
    # variance of the logarithm: 0.25 of the tail and 1/400 of the amounts; sd of a sample variance is v sqrt(2/n)
    variance = np.log(later).var()
    assert abs(variance - 0.2525) / (0.2525 * np.sqrt(2 / len(later))) < 4


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"season": (1.0,) * 11}, "season holds 11 speeds"),
        ({"season": (1.0,) * 11 + (-1.0,)}, r"season\[11\]=-1.0 must be finite and above 0"),
        ({"shocks": [(date(2024, 1, 1), 0.0)]}, "the factor of 2024-01-01=0.0"),
        ({"cohort_drift": np.nan}, "cohort_drift=nan must be finite"),
        ({"spend_tail": -1}, "spend_tail=-1 must be finite and at least 0"),
    ],
)
def test_worlds_that_cannot_be(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        World(**changes)


def test_the_shipped_log_is_what_its_command_makes(tmp_path: Path) -> None:
    made = write_samples(tmp_path)
    shipped = (DATA / SAMPLE_FILE).read_bytes()
    assert made.read_bytes() == shipped
    assert hashlib.sha256(shipped).hexdigest() in (DATA / "README.md").read_text(encoding="utf-8")


def test_the_shipped_log_can_be_summarised() -> None:
    log = pd.read_csv(DATA / SAMPLE_FILE)
    assert f"{len(log):,}" in (DATA / "README.md").read_text(encoding="utf-8")
    rfm = rfm_summary(log, spend="spend", observation_end="2025-12-28")
    assert len(rfm) == 1000
    assert rfm.T.max() <= 104


def test_the_command_wants_a_folder(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "clvmodels.datasets"]
    wrong = subprocess.run([*run, str(tmp_path / "nowhere")], capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "usage: python -m clvmodels.datasets FOLDER" in wrong.stderr
    subprocess.run([*run, str(tmp_path)], check=True)
    assert (tmp_path / SAMPLE_FILE).exists()
