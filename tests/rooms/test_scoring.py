"""Forecasts of customers where they are: the same everywhere, however cut, published whole or not at all."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from spark import as_arrow

import clvmodels as clv
from clvmodels.errors import ArgumentError, ArtifactError, DataError
from clvmodels.forecast import delivery, scoring
from clvmodels.forecast.scoring import batches_of

TERMS = {"annual_discount_rate": 0.1, "margin": 0.3, "draws": 40, "seed": 3, "levels": (0.1, 0.5, 0.975)}
WINDOW = {"spend": "spend", "observation_end": "1997-09-30"}


@pytest.fixture(scope="module")
def log(cdnow: pd.DataFrame) -> pd.DataFrame:
    return cdnow[cdnow["customer_id"] % 10 == 0]


@pytest.fixture(scope="module")
def rfm(log: pd.DataFrame) -> clv.RFM:
    return clv.rfm_summary(log, **WINDOW)


@pytest.fixture(scope="module")
def fitted(rfm: clv.RFM) -> clv.FittedCLV:
    return clv.CLVModel("bg_nbd").fit(rfm, draws=40, seed=1)


@pytest.fixture(scope="module")
def wanted(fitted: clv.FittedCLV) -> clv.Forecast:
    return fitted.forecast("12M", **TERMS)


@pytest.fixture(scope="module")
def spark(spark_sessions: tuple[Any, Any]) -> Any:
    return spark_sessions[0].newSession()


def duckdb_table(log: pd.DataFrame) -> clv.RFMTable:
    return clv.rfm_table(duckdb.from_arrow(as_arrow(log)), **WINDOW)


def by_customer(forecast: clv.Forecast) -> pd.DataFrame:
    return forecast.customers.sort_values("customer_id", ignore_index=True)


def same(forecast: clv.Forecast, wanted: clv.Forecast) -> None:
    pd.testing.assert_frame_equal(by_customer(forecast), by_customer(wanted), check_exact=True)
    for ours, theirs in ((forecast.purchases, wanted.purchases), (forecast.value, wanted.value)):
        np.testing.assert_array_equal(ours.period_draws, theirs.period_draws)
        np.testing.assert_array_equal(ours.draws, theirs.draws)
        np.testing.assert_array_equal(ours.alone.draws, theirs.alone.draws)
    assert forecast.periods.equals(wanted.periods)
    assert str(forecast) == str(wanted)
    assert forecast.provenance["customers_hash"]


@pytest.mark.parametrize("size", [7, 8192])
@pytest.mark.parametrize("workers", [1, 3])
def test_files_hold_what_memory_does(
    fitted: clv.FittedCLV,
    wanted: clv.Forecast,
    log: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    workers: int,
) -> None:
    monkeypatch.setattr(scoring, "BATCH", size)
    seen: list[tuple[int, int]] = []
    options = {**TERMS, "out": tmp_path / "clv", "workers": workers}
    same(fitted.forecast("12M", progress=lambda *done: seen.append(done), **options), wanted)
    assert seen[-1] == (len(wanted), len(wanted))
    same(fitted.forecast("12M", rfm=duckdb_table(log), **options), wanted)
    same(clv.load_forecast(tmp_path / "clv"), wanted)
    assert [path.name for path in tmp_path.iterdir()] == ["clv"]


def test_spark_gives_the_same_and_a_worker_that_dies_is_replaced(
    fitted: clv.FittedCLV,
    wanted: clv.Forecast,
    log: pd.DataFrame,
    spark: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = clv.rfm_table(spark.createDataFrame(as_arrow(log)), **WINDOW)
    monkeypatch.setattr("clvmodels.transactions.engines.ROWS_IN_PART", 60)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 25)
    mark = tmp_path / "died"
    deadly = replace(fitted, purchase=replace(fitted.purchase, model=dying(fitted.purchase.model, str(mark))))
    forecast = deadly.forecast("12M", rfm=table, out=tmp_path / "clv", **TERMS)
    same(forecast, wanted)
    assert mark.read_text() == "with a file half written"
    parts = list((tmp_path / "clv" / "customers").iterdir())
    assert len(parts) > 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clv", "died"]
    scorer = fitted.scorer("12M", rfm=table, **TERMS)
    scored = table.native.mapInArrow(scorer, scorer.spark_schema("bigint")).toArrow().to_pandas()
    scored = scored.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(scored, pd.DataFrame(dict(wanted.columns)), check_exact=True)


def test_the_examples_of_the_guide_run_on_spark(spark: Any, log: pd.DataFrame, tmp_path: Path) -> None:
    few = log[log["customer_id"] % 50 == 0]
    guide = Path(__file__).parents[2] / "docs" / "guides" / "spark_and_big_files.md"
    section = guide.read_text(encoding="utf-8").split("## A table on Spark")[1]
    examples = re.findall(r"^```\{code-block\} python\n(.*?)^```", section, re.M | re.S)
    spark.createDataFrame(as_arrow(few)).createOrReplaceTempView("orders")
    names: dict[str, Any] = {"clv": clv, "spark": spark, "shared": tmp_path}
    for example in examples:
        exec(example.replace('saveAsTable("clv")', f"parquet({str(tmp_path / 'clv')!r})"), names)
    assert len(examples) == 2
    found = duckdb.sql(f"SELECT count(*), sum(clv_mean) FROM '{tmp_path}/clv/*.parquet'").fetchall()
    assert found[0][0] == len(names["forecast"]) == few["customer_id"].nunique()
    assert found[0][1] == pytest.approx(names["forecast"].columns["clv_mean"].sum(), rel=1e-12)


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_tables_of_engines_are_backtested(
    log: pd.DataFrame, request: pytest.FixtureRequest, engine: str
) -> None:
    if engine == "duckdb":
        table = duckdb.from_arrow(as_arrow(log))
    else:
        table = request.getfixturevalue("spark").createDataFrame(as_arrow(log))
    contenders = [clv.HistoricalCLV(), clv.CLVModel("bg_nbd", "gamma_gamma", method="map")]
    options = {"origins": 2, "horizon": "13W", "draws": 20, "seed": 1}
    found, wanted = (clv.backtest(rows, contenders, **options) for rows in (table, log))
    pd.testing.assert_frame_equal(found.scores, wanted.scores, check_exact=True)
    assert len(set(wanted.scores["origin"])) == 2


def dying(model: Any, mark: str) -> Any:
    """The model, but the first process that has scored a batch and comes back to it dies."""

    class Dying:
        def __init__(self) -> None:
            self.calls = 0

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(model, name)

        def sample_purchase_times(self, *arguments: Any) -> Any:
            self.calls += 1
            if self.calls == 2 and not os.path.exists(mark):  # noqa: PTH110 - runs in a worker
                with open(mark, "x") as file:  # noqa: PTH123
                    file.write("with a file half written")
                os._exit(1)
            return model.sample_purchase_times(*arguments)

    return Dying()


def cuts(rfm: clv.RFM, scorer: clv.Scorer) -> Iterator[list[pa.RecordBatch]]:
    (whole,) = batches_of(rfm, scorer.needs, ())
    rng = np.random.default_rng(4)
    for pieces in (1, 2, 30):
        shuffled = whole.take(pa.array(rng.permutation(len(rfm))))
        bounds = [0, *sorted(rng.choice(np.arange(1, len(rfm)), pieces - 1, replace=False)), len(rfm)]
        yield [shuffled.slice(low, high - low) for low, high in itertools.pairwise(bounds)]


def test_any_cut_into_batches_adds_up_to_the_same(
    fitted: clv.FittedCLV, wanted: clv.Forecast, rfm: clv.RFM
) -> None:
    scorer = fitted.scorer("12M", **TERMS)
    for batches in cuts(rfm, scorer):
        scored = [scorer.score(batch) for batch in batches]
        purchases, value = scorer.totals(sum(part.totals for part in scored))
        np.testing.assert_array_equal(purchases.period_draws, wanted.purchases.period_draws)
        np.testing.assert_array_equal(value.draws, wanted.value.draws)
        np.testing.assert_array_equal(value.alone.draws, wanted.value.alone.draws)
        rows = pa.Table.from_batches([part.batch for part in scored]).to_pandas()
        rows = rows.sort_values("customer_id", ignore_index=True)
        pd.testing.assert_frame_equal(rows, pd.DataFrame(dict(wanted.columns)), check_exact=True)


def test_totals_are_exact_where_floats_are_not(fitted: clv.FittedCLV) -> None:
    scorer = fitted.scorer("12M", **TERMS)
    sums = np.full((1, 2, 40, 12), 2**53, dtype=np.int64)
    added = sums + np.ones_like(sums) + np.ones_like(sums)  # floats would lose both ones
    quantum = float(scorer.totals(np.ones_like(sums))[1].period_draws[0, 0])
    assert quantum == 2.0 ** np.round(np.log2(quantum))
    assert scorer.totals(added)[1].period_draws[0, 0] == (2**53 + 2) * quantum


def test_without_spend_there_are_purchases_only(rfm: clv.RFM, tmp_path: Path) -> None:
    fitted = clv.CLVModel("bg_nbd", spend=None).fit(rfm, draws=40, seed=1)
    options = {"draws": 40, "levels": (0.5,), "discrepancy": None}
    forecast, wanted = (
        fitted.forecast("26W", out=tmp_path / "f", **options),
        fitted.forecast("26W", **options),
    )
    assert forecast.value is None
    assert forecast.purchases.alone is None
    assert by_customer(forecast).equals(by_customer(wanted))
    assert forecast.total.draws.tolist() == wanted.total.draws.tolist()


def test_ids_keep_their_kind(fitted: clv.FittedCLV, rfm: clv.RFM, tmp_path: Path) -> None:
    texts = np.array([f"c{identity:05}" for identity in rfm.customer_id], dtype=object)
    forecast = fitted.forecast("12M", rfm=replace(rfm, customer_id=texts), out=tmp_path / "f", **TERMS)
    assert sorted(forecast.columns["customer_id"]) == sorted(texts)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_half_is_published(
    fitted: clv.FittedCLV, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "BATCH", 50)
    out = tmp_path / "clv"
    fitted.forecast("12M", out=out, **TERMS)
    before = content(out)

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted.forecast("6M", out=out, progress=stop, **TERMS)
    assert content(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["clv"]


def test_customers_that_went_missing_are_no_forecast(
    fitted: clv.FittedCLV, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_batches = delivery.batches_of
    monkeypatch.setattr(delivery, "batches_of", lambda *arguments: list(all_batches(*arguments))[:0])
    with pytest.raises(DataError, match="235 customers were to be forecast and 0 were"):
        fitted.forecast("12M", out=tmp_path / "clv", **TERMS)
    assert not list(tmp_path.iterdir())


def test_a_file_without_receipt_is_no_part_of_the_forecast(
    fitted: clv.FittedCLV, wanted: clv.Forecast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = delivery.batches_of

    def with_orphan(*arguments: Any) -> Iterator[Any]:
        (folder,) = tmp_path.glob(".clv.*.part/customers")
        (folder / "0123.parquet").write_bytes(b"PAR1")
        yield from batches(*arguments)

    monkeypatch.setattr(delivery, "batches_of", with_orphan)
    same(fitted.forecast("12M", out=tmp_path / "clv", **TERMS), wanted)
    assert [path.name for path in (tmp_path / "clv" / "customers").iterdir()] == ["part-00000.parquet"]


def test_places_that_are_none_are_refused(fitted: clv.FittedCLV, log: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    for out, text in (
        ("s3://bucket/clv", "is no folder on a disk"),
        (tmp_path / "nowhere" / "clv", "create it first"),
        (tmp_path / "file", "holds something else"),
        (tmp_path / "full", "holds something else"),
    ):
        with pytest.raises(ArgumentError, match=text):
            fitted.forecast("12M", out=out, **TERMS)
    with pytest.raises(ArgumentError, match="draws are not kept"):
        fitted.forecast("12M", out=tmp_path / "clv", keep_draws=True, **TERMS)
    with pytest.raises(ArgumentError, match="forecast to files"):
        fitted.forecast("12M", rfm=duckdb_table(log), **TERMS)
    table = clv.rfm_table(log, time_unit="D", **WINDOW)
    with pytest.raises(ArgumentError, match="measured time in weeks, the customers to forecast in days"):
        fitted.forecast("12M", rfm=table, out=tmp_path / "clv", **TERMS)


def test_batches_without_a_column_are_refused(fitted: clv.FittedCLV) -> None:
    scorer = fitted.scorer("12M", **TERMS)
    with pytest.raises(DataError, match="column 'recency': there is no such column among 'customer_id'"):
        next(scorer(iter([pa.record_batch({"customer_id": [1], "frequency": [1.0]})])))


def test_folders_that_are_not_whole_are_refused(fitted: clv.FittedCLV, tmp_path: Path) -> None:
    out = tmp_path / "clv"
    fitted.forecast("12M", out=out, **TERMS)

    def refused(change: Callable[[Path], object], text: str) -> None:
        again = tmp_path / "again"
        shutil.copytree(out, again)
        change(again)
        with pytest.raises(ArtifactError, match=text):
            clv.load_forecast(again)
        shutil.rmtree(again)

    refused(lambda folder: (folder / "manifest.json").unlink(), "no whole forecast")
    refused(lambda folder: next((folder / "customers").iterdir()).unlink(), "lacks 'customers/part-00000")
    refused(lambda folder: (folder / "totals.parquet").unlink(), "lacks 'totals")
    refused(lambda folder: (folder / "totals.parquet").write_bytes(b""), "was changed")
    manifest = json.loads((out / "manifest.json").read_text())
    newer = json.dumps({**manifest, "schema": 99})
    refused(lambda folder: (folder / "manifest.json").write_text(newer), "upgrade")
    with pytest.raises(ArgumentError, match="there is no folder"):
        clv.load_forecast(tmp_path / "nowhere")
    assert manifest["files"][0]["rows"] == manifest["provenance"]["forecast_customers"] == 235
