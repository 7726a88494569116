"""The jobs of `scale.py`, each run in a process of its own by `alone`, and the logs they read.

Logs are made by DuckDB from hashes. Processor seconds are those of the process and its children.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

DAYS, ROWS_EACH = 730, 5
TERMS = {"annual_discount_rate": 0.1, "margin": 0.3, "seed": 1}
WINDOW = {"spend": "spend", "observation_end": "2025-12-31"}
LOG = """
COPY (
    WITH people AS (
        SELECT i, hash(i, 1) / 18446744073709551616.0 AS a, hash(i, 2) / 18446744073709551616.0 AS b,
            hash(i, 3) / 18446744073709551616.0 AS c, hash(i, 4) / 18446744073709551616.0 AS d
        FROM range({customers}) t(i)
    ), lives AS (
        SELECT i, floor({days} * a) AS born, least(-ln(b) * 400, {days} - 1 - floor({days} * a)) AS life,
            -ln(c) * 0.012 AS rate, 15 * exp(1.5 * d) AS level, d FROM people
    ), bought AS (
        SELECT i, born, life, level, unnest(range(1 + floor(rate * life + d)::BIGINT)) AS k FROM lives
    )
    SELECT i AS customer_id,
        DATE '2024-01-02' + CAST(born + CASE WHEN k = 0 THEN 0 ELSE ceil(life * hash(i, k, 5) / 18446744073709551616.0)
            END AS INTEGER) AS date,
        round(level * (0.4 + 1.2 * hash(i, k, 6) / 18446744073709551616.0), 2) AS spend
    FROM bought ORDER BY date
) TO '{path}' (FORMAT parquet)
"""
BY_HAND = """
CREATE TEMP TABLE summary AS
WITH days AS (
    SELECT customer_id, date, sum(spend) AS spend{rows} FROM read_parquet('{path}')
    WHERE date <= DATE '2025-12-31' AND spend >= 0 AND customer_id IS NOT NULL GROUP BY ALL
)
SELECT customer_id, count(*) - 1 AS frequency, (max(date) - min(date)) / 7 AS recency,
    (DATE '2025-12-31' - min(date)) / 7 AS T,
    (sum(spend) - arg_min(spend, date)) / greatest(count(*) - 1, 1) AS monetary_value, count(*) - 1 AS spend_count,
    sum(spend) AS spend_sum, sum(ln(spend)) FILTER (spend > 0) AS spend_log_sum,
    count(*) FILTER (spend > 0) AS spend_positive_count, arg_min(spend, date) AS spend_first{counts}
FROM days GROUP BY customer_id
"""
CHECKS = """
SELECT count(*), count(*) FILTER (customer_id IS NULL), count(*) FILTER (date IS NULL),
    count(*) FILTER (spend IS NULL OR NOT isfinite(spend)), count(*) FILTER (spend < 0), count(*) FILTER (spend = 0),
    max(abs(spend)), min(date), max(date)
FROM read_parquet('{path}')
"""
COUNTS = """
SELECT count(*), sum(rows), sum(frequency + 1), sum(spend_sum), max(largest),
    count(*) FILTER (frequency > 0 AND monetary_value = 0)
FROM summary
"""
"""The table alone, and what else `rfm_table` tells: holes and wrong amounts, rows merged, the largest purchase."""


def made(folder: str, customers: int) -> str:
    """The log of so many customers, made once."""
    import duckdb

    path = Path(folder) / f"log-{customers}.parquet"
    if not path.exists():
        connection = duckdb.connect(config={"temp_directory": folder, "memory_limit": "4GB"})
        connection.execute(LOG.format(customers=customers, days=DAYS, path=path))
    return str(path)


def table_of(path: str) -> Any:
    import clvmodels as clv

    return clv.rfm_table(clv.scan_log(path, spend="spend", memory_limit="1GB"), **WINDOW)


def summarised(path: str) -> dict[str, Any]:
    table = table_of(path)
    return {
        "customers": len(table),
        "check": float(table.rows.select("frequency").collect()["frequency"].sum()),
    }


def summarised_by_hand(path: str, *, with_report: bool) -> dict[str, Any]:
    import duckdb

    connection = duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(Path(path).parent)})
    rows, counts = (
        (", count(*) AS rows", ", sum(rows) AS rows, max(spend) AS largest") if with_report else ("", "")
    )
    if with_report:
        connection.execute(CHECKS.format(path=path)).fetchall()
    connection.execute(BY_HAND.format(path=path, rows=rows, counts=counts))
    if with_report:
        connection.execute(COUNTS).fetchall()
    ((customers, check),) = connection.execute("SELECT count(*), sum(frequency) FROM summary").fetchall()
    return {"customers": customers, "check": float(check)}


def fitted_to(table: Any, draws: int) -> Any:
    import clvmodels as clv

    return clv.CLVModel("pareto_nbd", "gamma_gamma").fit(table, draws=draws, seed=1)


def forecast(path: str, draws: int) -> dict[str, Any]:
    """Summary, fit and forecast; the last is timed apart."""
    table = table_of(path)
    begun = cpu()
    fitted = fitted_to(table, draws)
    fit_seconds, begun = cpu() - begun, cpu()
    began = perf_counter()
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        done = fitted.forecast("12M", rfm=table, draws=draws, out=Path(folder) / "clv", **TERMS)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.parquet"))
    seconds = perf_counter() - began
    return {
        "customers": len(table), "seconds": seconds, "cpu": cpu() - begun, "fit": fit_seconds,
        "megabytes": size / 1e6, "check": done.total.mean, "patterns": len(table.patterns()),
    }  # fmt: skip


def forecast_on_spark(path: str, draws: int) -> dict[str, Any]:
    """The forecast of Spark with two threads and of two threads here, from a summary each has, no JVM start counted."""
    import warnings

    os.environ["PYSPARK_PYTHON"] = sys.executable
    warnings.simplefilter("ignore")
    from pyspark.sql import SparkSession

    import clvmodels as clv

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "3g")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    here = table_of(path)
    fitted = fitted_to(here, draws)
    there = clv.rfm_table(session.read.parquet(path), **WINDOW)
    found: dict[str, Any] = {"customers": len(there)}
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        few = clv.rfm_table(session.read.parquet(path).where("customer_id < 1000"), **WINDOW)
        for name, table in (("start", few), ("spark", there), ("local", here)):
            began = perf_counter()
            done = fitted.forecast("12M", rfm=table, draws=draws, out=Path(folder) / name, workers=2, **TERMS)
            found |= {name: perf_counter() - began, f"{name}_mean": done.total.mean}
    session.stop()
    return found


def closed_forms(path: str) -> dict[str, Any]:
    """P(alive), expected purchases and spend of BG/NBD and Gamma-Gamma, and the same as one expression of NumPy."""
    import numpy as np
    from scipy.special import hyp2f1

    import clvmodels as clv

    rfm = table_of(path).collect()
    fitted = clv.CLVModel("bg_nbd", "gamma_gamma", method="map").fit(rfm)
    r, alpha, a, b = fitted.purchase.mode
    p, q, gamma = fitted.spend.mode
    x, recency, age = rfm.frequency, rfm.recency, rfm.T
    horizon = 52.0

    def by_hand() -> tuple[Any, ...]:
        odds = np.where(
            x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + recency)) ** (r + x), 0.0
        )
        alive = 1 / (1 + odds)
        ratio = hyp2f1(r + x, b + x, a + b + x - 1, horizon / (alpha + age + horizon))
        grown = 1 - ((alpha + age) / (alpha + age + horizon)) ** (r + x) * ratio
        expected = (a + b + x - 1) / (a - 1) * grown * alive
        return (
            alive,
            expected,
            p * (gamma + rfm.spend_count * rfm.monetary_value) / (p * rfm.spend_count + q - 1),
        )

    seconds: dict[str, float] = {}
    for name, call in (("ours", lambda: clv.closed_form_scores(fitted, "52W")), ("by_hand", by_hand)):
        taken = []
        for _ in range(3):
            began = cpu()
            result = call()
            taken.append(cpu() - began)
        seconds[name] = min(taken)
        seconds[f"check_{name}"] = float(
            np.sum(result[1] if name == "by_hand" else result["expected_purchases"])
        )
    return {"customers": len(rfm), **seconds}


def spend_fit(path: str) -> dict[str, Any]:
    """The fit of spend where prices are so fine that nearly all who came back have a pattern of their own."""
    import clvmodels as clv

    log = clv.scan_log(path, spend="spend", memory_limit="500MB")
    fine = "spend * (1 + hash(customer_id, date) % 1000003 / 1e9) AS spend"
    table = clv.rfm_table(log.project(f"customer_id, date, {fine}"), **WINDOW)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    before, begun = memory("VmRSS"), cpu()
    found = clv.fit("gamma_gamma", table, draws=100, seed=1)
    used, added = cpu() - begun, memory("VmHWM") - before
    return {"customers": len(table), "patterns": found.diagnostics["patterns"], "cpu": used, "added": added}


def memory(name: str) -> float:
    """Megabytes of this process, as the kernel of Linux tells."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1.024e-3 for line in lines if line.startswith(name))


def cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


WORK = {
    "summarised": summarised, "summarised_by_hand": summarised_by_hand, "forecast": forecast, "closed": closed_forms,
    "spark": forecast_on_spark, "made": made, "spend_fit": spend_fit,
}  # fmt: skip


def alone(name: str, *arguments: Any, **options: Any) -> dict[str, Any]:
    """What a job says in a process of its own, with its seconds, processor seconds and peak in MB."""
    command = [sys.executable, __file__, name, json.dumps(arguments), json.dumps(options)]
    began = perf_counter()
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return {"seconds": perf_counter() - began, **found}


def main(name: str, arguments: str, options: str) -> None:
    """Run a job, here."""
    begun = cpu()
    said = WORK[name](*json.loads(arguments), **json.loads(options))
    found = said if isinstance(said, dict) else {"path": said}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write("\n" + json.dumps({"cpu": cpu() - begun, "peak": peak, **found}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
