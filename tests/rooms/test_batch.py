"""Scheduled runs: the same bytes every time, one pointer, gates, fits that are kept, and the way back."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from jobs import QUICK, bytes_of, gate, go, look, published, set_up, shelf_of, shop
from scipy.stats import wasserstein_distance

from clvmodels.artifacts import read_manifest, write_manifest
from clvmodels.batch import Shelf, Store, drift, roll_back
from clvmodels.batch.hindsight import bias, missed
from clvmodels.batch.narration import Narrator
from clvmodels.batch.record import cohort_labels
from clvmodels.batch.scoring import MEANINGS, hashed
from clvmodels.batch.shelf import KIND
from clvmodels.cli import main
from clvmodels.config import read_config
from clvmodels.errors import ArgumentError, ArtifactError, DataError
from clvmodels.rfm import RFM
from clvmodels.transactions import activity, rfm_summary


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that ran twice; read only."""
    folder = tmp_path_factory.mktemp("job")
    path = set_up(folder)
    assert go(path, "2025-01-31").code == 0
    assert go(path, "2025-02-28").code == 0
    return folder


@pytest.fixture
def job(two_runs: Path, tmp_path: Path) -> Path:
    """A copy of it to work with; its configuration."""
    shutil.copytree(two_runs, tmp_path / "job")
    return tmp_path / "job" / "clv.toml"


# --- the same inputs, the same bytes -------------------------------------------------------------------------


def test_same_inputs_give_the_same_bytes_elsewhere(two_runs: Path, tmp_path: Path) -> None:
    shuffled = pd.read_csv(two_runs / "log.csv").sample(frac=1, random_state=1)
    path = set_up(tmp_path, shuffled)
    go(path, "2025-01-31")
    go(path, "2025-02-28")
    ours, theirs = bytes_of(tmp_path / "published"), bytes_of(two_runs / "published")
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_running_twice_publishes_once(job: Path) -> None:
    before = bytes_of(job.parent / "published")
    assert go(job, "2025-02-28").code == 99
    assert bytes_of(job.parent / "published") == before


@pytest.mark.parametrize("what", ["configuration", "version"])
def test_another_configuration_or_version_is_another_run(
    job: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    first = shelf_of(job).pointer["run_id"]
    if what == "version":
        monkeypatch.setattr("clvmodels.__version__", "99.0")
    else:
        job.write_text(job.read_text() + "[segments]\nshare = 0.5\n")
    outcome = go(job, "2025-02-28")
    assert outcome.code == 0
    assert shelf_of(job).pointer["run_id"] == outcome.run_id != first


def test_forced_again_gives_the_same_bytes(job: Path) -> None:
    before = bytes_of(job.parent / "published")
    assert go(job, "2025-02-28", force=True).code == 0
    assert bytes_of(job.parent / "published") == before


def test_number_of_shards_changes_no_number(two_runs: Path, tmp_path: Path) -> None:
    path = set_up(tmp_path, text=QUICK.replace("shards = 3", "shards = 1"))
    go(path, "2025-01-31")
    go(path, "2025-02-28")
    ours, theirs = (published(folder / "published") for folder in (tmp_path, two_runs))
    ours, theirs = (
        table.drop(columns="run_id").sort_values("customer_id", ignore_index=True) for table in (ours, theirs)
    )
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_forecast_is_that_of_the_library(two_runs: Path) -> None:
    config = read_config(two_runs / "clv.toml", {})
    pointer = json.loads((two_runs / "published" / "current.json").read_bytes())
    told = read_manifest(two_runs / "published" / pointer["path"], "run")
    rfm = rfm_summary(pd.read_csv(two_runs / "log.csv"), spend="spend", observation_end="2025-02-28")
    fitted = Store(config.path("fits")).load(told["model"]["version"])
    forecast = fitted.forecast("26W", rfm=rfm, draws=60, levels=(0.1, 0.5, 0.9), period="W")
    table = published(two_runs / "published").set_index("customer_id").loc[rfm.customer_id]
    for name, theirs in {
        "value_mean": "clv_mean",
        "value_p10": "clv_q10",
        "p_buy_in_horizon": "p_purchase",
    }.items():
        assert (table[name].to_numpy() == forecast.columns[theirs]).all()
    low, high = forecast.total.interval(0.9)
    assert (told["totals"][0]["low"], told["totals"][0]["high"]) == (low, high)
    assert sum(row["value"]["mean"] for row in told["segments"]) == pytest.approx(forecast.total.mean)


# --- what is published ---------------------------------------------------------------------------------------


def test_table_holds_what_its_dictionary_says(two_runs: Path) -> None:
    table = published(two_runs / "published")
    pointer = json.loads((two_runs / "published" / "current.json").read_bytes())
    told = json.loads((two_runs / "published" / pointer["path"] / "dictionary.json").read_bytes())
    assert [column["column"] for column in told["columns"]] == list(table.columns)
    assert all(column["meaning"] for column in told["columns"])
    assert set(MEANINGS) - set(table.columns) == {"value_p*"}
    assert not table.duplicated(told["key"]).any()
    assert table["as_of"].unique().tolist() == [date(2025, 2, 28)]
    assert table["p_segment"].between(0, 1).all()
    assert (table["value_p10"] <= table["value_p50"]).all()


def test_duckdb_reads_all_runs_with_the_date_of_the_folder(two_runs: Path) -> None:
    pattern = f"{two_runs}/published/run_date=*/run_id=*/part-*.parquet"
    relation = duckdb.sql(f"SELECT run_date = as_of AS same, count(*) AS rows FROM '{pattern}' GROUP BY ALL")
    assert len(relation.fetchall()) == 1


def test_query_of_the_guide_reads_the_run_that_counts(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed: a pattern over all runs of a date, which counts a customer twice where the date was run again."""
    job.write_text(job.read_text() + "[segments]\nshare = 0.5\n")
    run = go(job, "2025-02-28", force=True)
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "on_a_timer.md").read_text(encoding="utf-8")
    setting, query, _ = guide.split("```sql\n")[1].split("```")[0].split(";")
    monkeypatch.chdir(job.parent)
    with duckdb.connect() as connection:
        connection.execute(setting)
        found = connection.sql(query).df()
    table = published(job.parent / "published")
    assert set(found["run_id"]) == {run.run_id}
    assert sorted(found["customer_id"]) == sorted(table.loc[table["segment"] == "win back", "customer_id"])


def test_segments_do_not_flap(two_runs: Path) -> None:
    table = published(two_runs / "published")
    known = table.dropna(subset="last_segment")
    assert len(known) < len(table)
    assert (known["segment"] == known["last_segment"]).mean() > 0.8


def test_hashed_ids_hide_the_ids_and_follow_the_customer(two_runs: Path, tmp_path: Path) -> None:
    more = 'hash_ids = true\nhash_key = "env:CLV_TEST_KEY"\n'
    path = set_up(tmp_path, more=more)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLV_TEST_KEY", "s3cret")
        go(path, "2025-01-31")
        go(path, "2025-02-28")
    open_table, table = published(two_runs / "published"), published(tmp_path / "published")
    expected = {hashed("s3cret", one) for one in open_table["customer_id"]}
    assert set(table["customer_id"]) == expected
    assert sorted(table["value_mean"]) == sorted(open_table["value_mean"])
    assert table["last_segment"].notna().sum() == open_table["last_segment"].notna().sum()
    assert not any(b"s3cret" in content for content in bytes_of(tmp_path).values())


def test_several_horizons_and_no_money(tmp_path: Path) -> None:
    text = QUICK.replace('["26W"]', '["13W", "26W"]').replace('spend = "gamma_gamma"\n', "")
    text = text.replace("[model]", "no_spend = true\n[model]")
    go(set_up(tmp_path, text=text), "2025-01-31")
    table = published(tmp_path / "published")
    assert set(table.groupby("customer_id")["horizon"].agg("".join)) == {"13W26W"}
    pivot = table.pivot(index="customer_id", columns="horizon", values="expected_purchases")
    assert (pivot["13W"] <= pivot["26W"]).all()
    assert table["expected_spend"].isna().all()
    assert table.groupby("customer_id")["segment"].nunique().tolist() == [1] * len(pivot)


def test_rehearsals_leave_no_trace(tmp_path: Path) -> None:
    path = set_up(tmp_path)
    before = bytes_of(tmp_path)
    dry, some = go(path, "2025-01-31", dry_run=True), go(path, "2025-01-31", limit=5)
    assert bytes_of(tmp_path) == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["clv.toml", "log.csv"]
    assert dry.manifest is not None
    assert some.manifest is not None
    assert dry.manifest["totals"][0]["mean"] > some.manifest["totals"][0]["mean"] > 0
    with pytest.raises(ArgumentError, match="limit"):
        go(path, "2025-01-31", limit=0)


# --- the pointer ---------------------------------------------------------------------------------------------


def test_earlier_date_is_published_and_the_pointer_stays(job: Path) -> None:
    outcome = go(job, "2025-02-14")
    assert outcome.code in (0, 5)
    assert "stays at 2025-02-28" in outcome.words
    assert look(job.parent / "published") == "2025-02-28"
    assert go(job, "2025-02-14").code == 99


def test_corrected_log_of_the_same_date_replaces(job: Path) -> None:
    log = pd.read_csv(job.parent / "log.csv")
    log.loc[log["date"] == log["date"][3], "spend"] += 1
    log.to_csv(job.parent / "log.csv", index=False)
    first = shelf_of(job).pointer["run_id"]
    assert go(job, "2025-02-28").run_id != first
    shelf = shelf_of(job)
    assert [run.manifest["replaces"] for run in shelf.runs] == [None, None, first]
    assert [str(run.as_of) for run in shelf.standing] == ["2025-01-31", "2025-02-28"]


def test_log_that_changes_back_counts_again(job: Path) -> None:
    path = job.parent / "log.csv"
    original, first = path.read_bytes(), shelf_of(job).pointer["run_id"]
    log = pd.read_csv(path)
    log.loc[3, "spend"] += 1
    log.to_csv(path, index=False)
    second = go(job, "2025-02-28").run_id
    path.write_bytes(original)
    assert go(job, "2025-02-28").code == 0
    assert shelf_of(job).pointer["run_id"] == first
    assert [run.run_id for run in shelf_of(job).standing][-1] == first
    assert shelf_of(job).pointer["withdrawn"] == [second]


def test_run_that_replaces_another_counts_whatever_its_name(tmp_path: Path) -> None:
    """Killed: runs of a day in the order of their names."""
    shelf, day = Shelf(tmp_path), date(2025, 1, 31)
    for name, replaces in (("b", None), ("a", "b")):
        folder = shelf.place(day, name)
        folder.mkdir(parents=True)
        write_manifest(folder, KIND, {"run_id": name, "as_of": str(day), "replaces": replaces}, [])
    assert [run.run_id for run in shelf.runs] == ["b", "a"]
    assert [run.run_id for run in shelf.standing] == ["a"]
    assert shelf.replaced_by(day, "c") == "a"


def test_lost_run_that_is_made_again_after_its_successor_counts(job: Path) -> None:
    """Killed: two runs that replace each other, and a search for the first of them without an end."""
    path, first = job.parent / "log.csv", shelf_of(job).runs[-1]
    original = path.read_bytes()
    log = pd.read_csv(path)
    log.loc[3, "spend"] += 1
    log.to_csv(path, index=False)
    second = go(job, "2025-02-28").run_id
    shutil.rmtree(first.folder)
    path.write_bytes(original)
    assert go(job, "2025-02-28").code == 0
    shelf = shelf_of(job)
    assert {run.manifest["replaces"] for run in shelf.runs} == {None, first.run_id, second}
    assert shelf.pointer["run_id"] == shelf.standing[-1].run_id == first.run_id
    assert go(job, "2025-02-28").code == 99


def test_what_was_withdrawn_stays_so_until_it_counts_again(tmp_path: Path) -> None:
    """Killed: a second way back that forgets what the first one withdrew."""
    shelf = Shelf(tmp_path)
    runs = {}
    for name, day in (("a", date(2025, 1, 31)), ("b", date(2025, 2, 28)), ("c", date(2025, 3, 31))):
        folder = shelf.place(day, name)
        folder.mkdir(parents=True)
        write_manifest(folder, KIND, {"run_id": name, "as_of": str(day), "replaces": None}, [])
        runs[name] = next(run for run in shelf.runs if run.run_id == name)
    shelf.point_to(runs["b"], withdrawing=["c"])
    shelf.point_to(runs["a"], withdrawing=["b", "c"])
    assert shelf.pointer["withdrawn"] == ["c", "b"]
    shelf.point_to(runs["c"])
    assert shelf.pointer["withdrawn"] == ["b"]


def test_rollback_goes_back_and_stays_there(job: Path) -> None:
    config, shelf = read_config(job, {}), shelf_of(job)
    store = Store(config.path("fits"))
    first, second = shelf.runs
    assert store.production == second.manifest["model"]["version"]
    assert roll_back(config, shelf, store).run_id == first.run_id
    assert store.production == first.manifest["model"]["version"]
    assert look(job.parent / "published") == "2025-01-31"
    assert go(job, "2025-02-28").code == 99
    assert look(job.parent / "published") == "2025-01-31"
    with pytest.raises(ArgumentError, match="no earlier run"):
        roll_back(config, shelf, store)
    assert go(job, "2025-02-28", force=True).code == 0
    assert look(job.parent / "published") == "2025-02-28"
    assert shelf.pointer["withdrawn"] == []


def test_rollback_of_a_correction_goes_back_to_what_it_replaced(job: Path) -> None:
    """Killed: back to the day before, where the same day had a forecast that was good."""
    first = shelf_of(job).pointer["run_id"]
    log = pd.read_csv(job.parent / "log.csv")
    log.loc[3, "spend"] += 1
    log.to_csv(job.parent / "log.csv", index=False)
    second = go(job, "2025-02-28").run_id
    config, shelf = read_config(job, {}), shelf_of(job)
    assert roll_back(config, shelf, Store(config.path("fits"))).run_id == first
    assert (shelf.pointer["run_id"], shelf.pointer["withdrawn"]) == (first, [second])
    assert [run.run_id for run in shelf.standing][-1] == first


def test_way_back_leads_to_earlier_days_only(job: Path) -> None:
    """Killed: a second way back that goes on to a later day; a way back to the run that counts, which is withdrawn."""
    config, shelf = read_config(job, {}), shelf_of(job)
    store = Store(config.path("fits"))
    go(job, "2025-03-14", force=True)
    first, second, third = (run.run_id for run in shelf.runs)
    with pytest.raises(
        ArgumentError, match=rf"no run {third} .*there are: {first} of 2025-01-31, {second} of 2025"
    ):
        roll_back(config, shelf, store, third)
    assert roll_back(config, shelf, store, first).run_id == first
    with pytest.raises(
        ArgumentError, match=f"no earlier run to go back to; there are: {second} of 2025-02-28"
    ):
        roll_back(config, shelf, store)
    assert (shelf.pointer["run_id"], shelf.pointer["withdrawn"]) == (first, [third])


def test_rollback_refuses_what_is_not_there(job: Path, tmp_path: Path) -> None:
    config, shelf = read_config(job, {}), shelf_of(job)
    with pytest.raises(ArgumentError, match="no run nonsense"):
        roll_back(config, shelf, Store(config.path("fits")), "nonsense")
    empty = set_up(tmp_path)
    with pytest.raises(ArgumentError, match="nothing is published"):
        roll_back(read_config(empty, {}), shelf_of(empty), Store(tmp_path / "fits"))


def test_rollback_refuses_a_run_that_is_damaged(job: Path) -> None:
    """Killed: a pointer to half of a run, on a shelf that was copied in part."""
    config, shelf = read_config(job, {}), shelf_of(job)
    first, second = shelf.runs
    next(first.folder.glob("part-*.parquet")).unlink()
    with pytest.raises(
        ArtifactError, match=rf"run {first.run_id} of 2025-01-31 .*1 of its 6 files.*part-0000"
    ):
        roll_back(config, shelf, Store(config.path("fits")))
    assert shelf.pointer["run_id"] == second.run_id


def test_damaged_run_is_made_again(job: Path) -> None:
    before = bytes_of(job.parent / "published")
    newest = shelf_of(job).runs[-1].folder
    part = next(newest.glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:-10])
    assert go(job, "2025-02-28").code == 0
    assert bytes_of(job.parent / "published") == before


# --- fits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "days", "fits"), [("28D", 10, 1), ("28D", 31, 2), ("drift", 31, 1), ("always", 10, 2)]
)
def test_policy_says_when_to_fit_again(tmp_path: Path, policy: str, days: int, fits: int) -> None:
    path = set_up(tmp_path, more=f'[store]\nrefit = "{policy}"\n[gates]\nstability = {{action = "off"}}\n')
    go(path, "2025-01-31")
    later = pd.Timestamp("2025-01-31") + pd.Timedelta(days=days)
    outcome = go(path, str(later.date()))
    store = Store(tmp_path / "fits")
    assert len(store.versions) == fits
    assert outcome.manifest is not None
    assert store.production == outcome.manifest["model"]["version"]
    assert outcome.manifest["model"]["fitted_as_of"] == ("2025-01-31" if fits == 1 else str(later.date()))
    assert published(tmp_path / "published")["customer_id"].nunique() > 0


def test_other_model_is_fitted_whatever_the_policy(tmp_path: Path) -> None:
    path = set_up(tmp_path, more='[store]\nrefit = "drift"\n')
    go(path, "2025-01-31")
    path.write_text(path.read_text().replace("bg_nbd", "mbg_nbd"))
    outcome = go(path, "2025-02-07")
    assert outcome.manifest is not None
    assert "MBG/NBD" in outcome.manifest["model"]["name"]


def test_model_is_chosen_by_default_and_the_run_says_which_and_why(tmp_path: Path) -> None:
    named = 'purchase = "bg_nbd"\nspend = "gamma_gamma"\n'
    outcome = go(set_up(tmp_path, text=QUICK.replace(named, "")), "2025-03-31")
    assert outcome.manifest is not None
    told = outcome.manifest["model"]
    reasons = dict(line.split(": ", 1) for line in told["chosen"])
    assert {"purchases", "spend"} <= reasons.keys()
    assert "by mean CRPS of purchases" in reasons["purchases"]
    assert told["name"].startswith(reasons["purchases"].split(",")[0])
    kept = Store(tmp_path / "fits").load(told["version"])
    assert list(kept.choices) == told["chosen"]
    page = (shelf_of(tmp_path / "clv.toml").runs[0].folder / "report.html").read_text()
    assert "Chosen automatically. Purchases: " in page


def test_other_model_than_last_time_is_not_compared_by_its_parameters(job: Path) -> None:
    job.write_text(job.read_text().replace("bg_nbd", "mbg_nbd"))
    outcome = go(job, "2025-03-31")
    [said] = [one for one in (outcome.manifest or {})["gates"] if one["gate"] == "parameters"]
    assert said["outcome"] == "not judged"
    assert "another model than in the last run, which was BG/NBD" in said["words"]


def test_fit_that_a_person_promotes_serves_until_the_policy_asks_for_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed: a run with nothing to do, which put its own fit back."""
    path = set_up(tmp_path, more='[store]\nrefit = "28D"\n')
    go(path, "2025-01-31")
    assert go(path, "2025-03-07").code in (0, 5)
    store = Store(tmp_path / "fits")
    first, second = store.versions
    assert store.production == second
    with pytest.raises(SystemExit) as ended:
        main(["fits", str(path), "--promote", first])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"fit in production: {first}\n"
    assert go(path, "2025-03-07").code == 99
    assert store.production == first
    with pytest.raises(SystemExit):
        main(["fits", str(path)])
    said = [line for line in capsys.readouterr().out.splitlines() if "2025-01-31" in line]
    assert "(in production)" in said[0]
    with pytest.raises(SystemExit) as refused:
        main(["fits", str(path), "--promote", "nonsense"])
    assert refused.value.code == 2
    path.write_text(path.read_text().replace("28D", "52W"))
    assert (go(path, "2025-03-14").manifest or {})["model"]["version"] == first
    assert store.production == first


def test_store_promotes_only_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="no version"):
        Store(tmp_path).promote("2025-01-31-abcdef12")


# --- gates ---------------------------------------------------------------------------------------------------


def cut(log: pd.DataFrame, until: str) -> pd.DataFrame:
    return log[log["date"] <= until]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda log: cut(log, "2025-02-15"), "freshness"),
        (lambda log: pd.concat([log, *[log[log["date"] > "2025-02-01"]] * 9]), "volume"),
        (lambda log: log[log["date"] != log["date"].iloc[40]], "lost"),
        (lambda log: log.assign(customer_id="c" + log["customer_id"].astype(str)), "columns"),
    ],
    ids=["freshness", "volume", "lost", "columns"],
)  # fmt: skip
def test_bad_delivery_is_held_back_and_the_last_forecast_stands(
    tmp_path: Path, change: Any, name: str
) -> None:
    log = shop()
    path = set_up(tmp_path, log)
    go(path, "2025-01-31")
    before = bytes_of(tmp_path / "published")
    change(cut(log, "2025-02-28")).to_csv(tmp_path / "log.csv", index=False)
    outcome = go(path, "2025-02-28")
    assert outcome.code == 3
    assert gate(outcome, name) == "blocked"
    assert name in outcome.words
    assert bytes_of(tmp_path / "published") == before
    assert go(path, "2025-02-28", force=True).code == 5
    assert look(tmp_path / "published") == "2025-02-28"


@pytest.mark.parametrize(("factor", "key"), [(-1, "refunds"), (0, "zero_spend")])
def test_dropped_rows_block(tmp_path: Path, factor: int, key: str) -> None:
    log = shop(100)
    log.loc[::10, "spend"] *= factor
    path = set_up(tmp_path, log, text=QUICK.replace("[model]", f'{key} = "drop"\n[model]'))
    outcome = go(path, "2025-01-31")
    assert (outcome.code, gate(outcome, "dropped")) == (3, "blocked")
    until = log[log["date"] <= "2025-01-31"]
    assert f"of {len(until):,} rows" in outcome.words
    [said] = [one.value for one in outcome.verdicts if one.gate == "dropped"]
    assert said == (until["spend"] <= 0).mean()


def test_gates_of_the_forecast_hold_back_and_say_where_to_look(job: Path) -> None:
    job.write_text(job.read_text() + '[gates]\ntotal = {action = "block", limit = 0.0}\n')
    outcome = go(job, "2025-03-31")
    assert (outcome.code, gate(outcome, "total")) == (4, "blocked")
    assert look(job.parent / "published") == "2025-02-28"
    assert len(shelf_of(job).unfinished) == 1
    forced = go(job, "2025-03-31", force=True, resume=True)
    assert forced.code == 5
    assert look(job.parent / "published") == "2025-03-31"
    assert shelf_of(job).unfinished == []


def test_totals_of_another_horizon_are_not_compared(job: Path) -> None:
    """Killed: half a year beside a year, which warned of a total that had doubled."""
    job.write_text(job.read_text().replace("26W", "52W"))
    outcome = go(job, "2025-03-31")
    assert outcome.manifest is not None
    assert gate(outcome, "total") == "not judged"
    assert "value" not in {row["variable"] for row in outcome.manifest["drift"]}
    assert "against the run of" not in (shelf_of(job).runs[-1].folder / "report.html").read_text()
    history = (job.parent / "published" / "history.html").read_text()
    assert "52W" in history
    assert "runs-total" not in history  # nothing of its kind to draw a line with


def test_fit_that_is_not_reliable_is_held_back(job: Path) -> None:
    job.write_text(job.read_text() + "[gates]\nk_hat = {limit = -1.0}\n")
    outcome = go(job, "2025-03-31")
    assert (outcome.code, gate(outcome, "k_hat")) == (4, "blocked")


def test_hindsight_is_what_a_holdout_says(job: Path) -> None:
    outcome = go(job, "2025-03-31")
    assert outcome.manifest is not None
    rows = [row for row in outcome.manifest["hindsight"] if row["window"] == "to the next run"]
    assert [(row["as_of"], row["quantity"]) for row in rows] == [
        ("2025-01-31", "purchases"), ("2025-01-31", "value"), ("2025-02-28", "purchases"), ("2025-02-28", "value"),
    ]  # fmt: skip
    log = pd.read_csv(job.parent / "log.csv")
    known = set(log.loc[log["date"] <= "2025-02-28", "customer_id"])
    since = log[
        (log["date"] > "2025-02-28") & (log["date"] <= rows[-1]["until"]) & log["customer_id"].isin(known)
    ]
    assert rows[-1]["until"] == "2025-03-28"
    assert rows[-1]["actual"] == pytest.approx(since["spend"].sum())
    assert rows[-2]["actual"] == len(since.drop_duplicates(["customer_id", "date"]))
    assert rows[-1]["low"] <= rows[-1]["forecast"] <= rows[-1]["high"]


def test_what_came_counts_by_the_margin_and_the_discount_of_the_forecast(job: Path) -> None:
    """Killed: what came before a change of the margin, worth half of what had been forecast of it."""
    job.write_text(job.read_text().replace("draws = 60", "draws = 60\nmargin = 0.5\ndiscount = 0.3"))
    go(job, "2025-03-31")
    outcome = go(job, "2025-04-30")
    assert outcome.manifest is not None
    before, after = [
        row
        for row in outcome.manifest["hindsight"]
        if row["quantity"] == "value" and row["window"] == "to the next run"
    ][-2:]
    log = pd.read_csv(job.parent / "log.csv", parse_dates=["date"])

    def since(row: dict[str, Any]) -> pd.DataFrame:
        known = log.loc[log["date"] <= row["as_of"], "customer_id"].unique()
        return log[
            (log["date"] > row["as_of"]) & (log["date"] <= row["until"]) & log["customer_id"].isin(known)
        ]

    assert before["actual"] == pytest.approx(since(before)["spend"].sum())  # at a margin of 1, not discounted
    later = since(after)
    years = (later["date"] - pd.Timestamp(after["as_of"])).dt.days / 365.25
    # a purchase is made within its day
    late, early = (float((0.5 * later["spend"] * 1.3 ** -(years - shift / 365.25)).sum()) for shift in (0, 1))
    assert late * 0.9999 <= after["actual"] <= early * 1.0001
    assert early < 0.5 * later["spend"].sum()


def test_coverage_and_bias_of_windows() -> None:
    rows = [
        {"window": "to the next run", "quantity": "value", "inside": inside, "forecast": 12.0, "actual": 10.0}
        for inside in (True, False, False)
    ]
    assert missed(rows, "value") == (2, 3)
    assert bias(rows, "value") == pytest.approx(0.2)
    assert bias(rows, "purchases") is None


# --- drift ---------------------------------------------------------------------------------------------------


def rfm_of(values: np.ndarray) -> RFM:
    return RFM.from_arrays(
        frequency=np.zeros(len(values)), recency=np.zeros(len(values)), T=values, time_unit="W"
    )


def test_distance_is_that_of_scipy(rng: np.random.Generator) -> None:
    old, new = rng.gamma(2.0, 10.0, 4000), rng.gamma(3.0, 10.0, 4000)
    row = next(
        row
        for row in drift.compare(drift.describe(rfm_of(old), old), rfm_of(new), new)
        if row["variable"] == "T"
    )
    # a grid of 200 quantiles cuts the tails: half a per cent of the customers at each end
    assert row["distance"] == pytest.approx(wasserstein_distance(old, new) / old.std(), rel=0.02)


def test_stability_index_by_hand() -> None:
    found = drift.stability_index(np.array([0.25, 0.75]), np.array([0.5, 0.5]))
    assert found == pytest.approx(0.25 * np.log(2) + 0.25 * np.log(1.5))
    same = rfm_of(np.arange(1.0, 101.0))
    rows = drift.compare(drift.describe(same, same.T), same, same.T)
    assert [row["stability"] for row in rows] == [0.0] * len(rows)
    assert [row["distance"] for row in rows] == [0.0] * len(rows)


def test_cohorts_are_quarters_of_the_first_purchase() -> None:
    log = pd.DataFrame({"customer_id": [1, 2, 3], "date": ["2024-12-31", "2025-01-01", "2025-03-31"]})
    assert cohort_labels(rfm_summary(log, observation_end="2025-04-30")).tolist() == [
        "2024 Q4",
        "2025 Q1",
        "2025 Q1",
    ]
    assert (
        cohort_labels(rfm_summary(log, observation_end="2025-04-30", time_unit="D")).tolist()[0] == "2024 Q4"
    )


def test_activity_counts_rows_that_count() -> None:
    log = pd.DataFrame(
        {"customer_id": [1, 1, 2], "date": ["2025-01-01", "2025-01-01", "2025-01-03"], "spend": [1, -1, 2.0]}
    )
    found = activity(log, spend="spend", refunds="drop")
    assert found.rows.tolist() == [1, 1]
    assert found.until(np.datetime64("2025-01-02")) == 1
    assert set(found.types) == {"customer_id", "date", "spend"}


# --- other sources, and what is said -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["parquet", "folder", "duckdb"])
def test_other_sources_give_the_same_forecast(two_runs: Path, tmp_path: Path, kind: str) -> None:
    log = shop()
    name = {"parquet": "log.parquet", "folder": "logs", "duckdb": "log.duckdb"}[kind]
    table = """\ntable = 'a"; DROP x'""" if kind == "duckdb" else ""
    text = QUICK.replace('source = "log.csv"', f'source = "{name}"{table}')
    path = set_up(tmp_path, text=text)
    if kind == "duckdb":
        with duckdb.connect(str(tmp_path / name)) as connection:
            connection.execute('CREATE TABLE "a""; DROP x" AS SELECT * FROM log')
    elif kind == "folder":
        (tmp_path / name).mkdir()
        for month, part in log.groupby(log["date"].str[:7]):
            part.to_csv(tmp_path / name / f"{month}.csv", index=False)
    else:
        log.to_parquet(tmp_path / name, index=False)
    go(path, "2025-01-31")
    first = next(one.folder for one in shelf_of(two_runs / "clv.toml").runs)
    theirs = pd.concat([pd.read_parquet(part) for part in sorted(first.glob("part-*"))])
    own = [
        "run_id",
        "model_version",
    ]  # engines differ in the last bit of a logarithm, so hashes of the data do, too
    ours, theirs = (
        table.drop(columns=own).sort_values("customer_id", ignore_index=True)
        for table in (published(tmp_path / "published"), theirs)
    )
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


@pytest.mark.parametrize(
    ("source", "table"), [("gone.duckdb", "log"), ("log.duckdb", "gone"), ("fake.duckdb", "log")]
)
def test_duckdb_files_that_do_not_serve_are_refused(tmp_path: Path, source: str, table: str) -> None:
    path = set_up(tmp_path, text=QUICK.replace('"log.csv"', f'"{source}"\ntable = "{table}"'))
    duckdb.connect(str(tmp_path / "log.duckdb")).close()
    (tmp_path / "fake.duckdb").write_text("no database\n")
    with pytest.raises((ArgumentError, DataError), match=source if table == "log" else table):
        go(path, "2025-01-31")


def test_day_before_the_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no row up to 2020-01-01"):
        go(set_up(tmp_path), "2020-01-01")


def test_narrator_tells_json_lines_with_the_run_and_its_stages(job: Path, tmp_path: Path) -> None:
    with (tmp_path / "log.jsonl").open("w") as stream:
        outcome = go(job, "2025-03-31", Narrator(stream))
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    names = [event["event"] for event in events]
    assert names[:3] == ["read", "check the delivery", "fit"]
    assert names[-3:] == ["ready", "shelved", "pointed"]
    assert {event["run_id"] for event in events[1:]} == {outcome.run_id}
    stages = [event for event in events if "seconds" in event]
    assert all(event["seconds"] >= 0 and event["processor_seconds"] >= 0 for event in stages)
    assert [event["peak_mib"] for event in stages] == sorted(event["peak_mib"] for event in stages)


def test_pages_show_the_run_and_name_no_customer(job: Path) -> None:
    log = pd.read_csv(job.parent / "log.csv")
    log["customer_id"] = "ann" + log["customer_id"].astype(str)
    log.to_csv(job.parent / "log.csv", index=False)
    go(job, "2025-03-31", force=True)
    page = (shelf_of(job).runs[-1].folder / "report.html").read_text()
    history = (job.parent / "published" / "history.html").read_text()
    assert "ann1" not in page + history
    assert "http" not in (page + history).replace("http://www.w3.org", "")
    for word in (
        "customers",
        "May it be published?",
        "What became of earlier forecasts?",
        "protect",
        "2025-02-28",
    ):
        assert word in page
    run = shelf_of(job).runs[-1].manifest
    made_of = "Value is spend times a margin of 1, discounted at 0.0 % a year. Intervals are of 60 draws with seed 0. "
    made_of += f"Run {run['run_id']} of configuration {run['config']['fingerprint']}"
    assert made_of in page.replace("\N{NO-BREAK SPACE}", " ")
    assert history.count("run_date") == 0
    assert all(run.run_id in history for run in shelf_of(job).runs)
