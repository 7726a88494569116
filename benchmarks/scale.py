"""Any engine, any size: each job of the table in docs/scale.md beside its yardstick, and how cost grows.

Logs are made by DuckDB from hashes, in a temporary folder, and every job runs in a process of its own, so that the
peak of memory is that of the job. Processor seconds are those of the process and its children; on a machine that has
other things to do they say more than seconds.

    python benchmarks/scale.py [rfm forecast closed growth spark] [--rows 10000000] [--customers 1000000]
                               [--draws 1000] [--largest 3000000] [--picture docs/scale.png]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

JOBS = ("rfm", "forecast", "closed", "growth", "spark")
DAYS, ROWS_EACH = 730, 5
CLUSTER_CUSTOMERS, CLUSTER_CORES = 40_000_000, 16 * 16
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
    SELECT customer_id, date, sum(spend) AS spend FROM read_parquet('{path}')
    WHERE date <= DATE '2025-12-31' AND spend >= 0 AND customer_id IS NOT NULL GROUP BY ALL
)
SELECT customer_id, count(*) - 1 AS frequency, (max(date) - min(date)) / 7 AS recency,
    (DATE '2025-12-31' - min(date)) / 7 AS T,
    (sum(spend) - arg_min(spend, date)) / greatest(count(*) - 1, 1) AS monetary_value, count(*) - 1 AS spend_count,
    sum(spend) AS spend_sum, sum(ln(spend)) FILTER (spend > 0) AS spend_log_sum,
    count(*) FILTER (spend > 0) AS spend_positive_count, arg_min(spend, date) AS spend_first
FROM days GROUP BY customer_id
"""


# --- the jobs, each in a process of its own --------------------------------------------------------------------


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


def summarised_by_hand(path: str) -> dict[str, Any]:
    import duckdb

    connection = duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(Path(path).parent)})
    connection.execute(BY_HAND.format(path=path))
    ((customers, check),) = connection.execute("SELECT count(*), sum(frequency) FROM summary").fetchall()
    return {"customers": customers, "check": float(check)}


def fitted_to(table: Any, draws: int) -> Any:
    import clvmodels as clv

    return clv.CLVModel("pareto_nbd").fit(table, draws=draws, seed=1)


def forecast(path: str, draws: int) -> dict[str, Any]:
    """Summary, fit and forecast; the last is timed apart."""
    table = table_of(path)
    began = perf_counter()
    fitted = fitted_to(table, draws)
    fit_seconds, begun = perf_counter() - began, cpu()
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
    fitted = clv.CLVModel("bg_nbd", method="map").fit(rfm)
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


def cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


WORK = {
    "summarised": summarised, "summarised_by_hand": summarised_by_hand, "forecast": forecast, "closed": closed_forms,
    "spark": forecast_on_spark, "made": made,
}  # fmt: skip


def alone(name: str, *arguments: Any) -> dict[str, Any]:
    """What a job says in a process of its own, with its seconds, processor seconds and peak in MB."""
    command = [sys.executable, __file__, "--job", name, json.dumps(arguments)]
    began = perf_counter()
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return {"seconds": perf_counter() - began, **found}


def run_job(name: str, arguments: list[Any]) -> None:
    begun = cpu()
    said = WORK[name](*arguments)
    found = said if isinstance(said, dict) else {"path": said}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write("\n" + json.dumps({"cpu": cpu() - begun, "peak": peak, **found}) + "\n")


# --- what is printed -------------------------------------------------------------------------------------------


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def verdict(is_met: bool, target: str) -> str:
    return f"[target {target}: {'met' if is_met else 'MISSED'}]"


def print_rfm(folder: str, rows: int) -> None:
    path = alone("made", folder, rows // ROWS_EACH)["path"]
    import duckdb

    ((count,),) = duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()
    ours, by_hand = alone("summarised", path), alone("summarised_by_hand", path)
    if (ours["customers"], ours["check"]) != (by_hand["customers"], by_hand["check"]):
        raise SystemExit(f"the two summaries differ: {ours} and {by_hand}")
    ratio, busy = ours["seconds"] / by_hand["seconds"], ours["cpu"] / by_hand["cpu"]
    say(f"RFM from {count:,} rows of Parquet, {ours['customers']:,} customers")
    for name, job in (("rfm_table", ours), ("SQL by hand", by_hand)):
        say(f"  {name}: {job['seconds']:.1f} s, processor {job['cpu']:.1f} s, peak {job['peak']:,.0f} MB")
    met = verdict(ratio <= 2 and ours["peak"] <= 2000, "2 x and 2,000 MB")
    say(f"  ratio {ratio:.2f}, of processor time {busy:.2f} {met}")
    Path(path).unlink()


def print_forecast(folder: str, customers: int, draws: int) -> None:
    found = alone("forecast", alone("made", folder, customers)["path"], draws)
    free = found["cpu"] / len(os.sched_getaffinity(0))
    each = found["cpu"] / customers / draws * 1e9
    say(f"forecast of {found['customers']:,} customers x {draws:,} draws x 12 periods to Parquet")
    say(f"  fit of {found['patterns']:,} patterns: {found['fit']:.0f} s")
    say(
        f"  {found['seconds']:.0f} s, processor {found['cpu']:.0f} s: {free:.0f} s on free cores, {each:.0f} ns a draw"
    )
    whole = free * 1000 / draws  # the target is that of a thousand draws
    met = verdict(whole <= 120 and found["peak"] <= 1500, "120 s on free cores and 1,500 MB")
    say(
        f"  peak {found['peak']:,.0f} MB; all draws at once would be {8e-6 * customers * draws:,.0f} MB {met}"
    )
    minutes = CLUSTER_CUSTOMERS * draws * each * 1e-9 / CLUSTER_CORES / 60
    written = found["megabytes"] * CLUSTER_CUSTOMERS / customers / 1000
    say(f"  {found['megabytes']:,.0f} MB written")
    say(
        f"  at that pace {CLUSTER_CUSTOMERS:,} customers on {CLUSTER_CORES} cores: {minutes:.1f} min, {written:.1f} GB"
    )


def print_closed(folder: str, customers: int) -> None:
    found = alone("closed", alone("made", folder, customers)["path"])
    ratio = found["ours"] / found["by_hand"]
    say(f"closed forms of {found['customers']:,} customers, processor time")
    say(f"  closed_form_scores {found['ours']:.2f} s, sum of purchases {found['check_ours']:,.6f}")
    say(f"  one expression of NumPy {found['by_hand']:.2f} s, sum {found['check_by_hand']:,.6f}")
    say(f"  ratio {ratio:.2f} {verdict(ratio <= 1.5, '1.5 x')}")


def print_spark(folder: str, customers: int, draws: int) -> None:
    found = alone("spark", alone("made", folder, customers)["path"], draws)
    if found["spark_mean"] != found["local_mean"]:
        raise SystemExit(f"Spark and the local path differ: {found}")
    ratio = (found["spark"] - found["start"]) / found["local"]
    say(f"forecast of {found['customers']:,} customers x {draws:,} draws, two workers each")
    say(
        f"  Spark local[2] {found['spark']:.0f} s, a thousand customers there {found['start']:.0f} s: the start"
    )
    say(f"  two threads of one process {found['local']:.0f} s, the same total to the last bit")
    say(f"  ratio without the start {ratio:.2f} {verdict(ratio <= 2, '2 x')}")


def print_growth(folder: str, largest: int, draws: int, picture: Path) -> None:
    sizes = [size for size in (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000) if size <= largest]
    say(
        f"{'customers':>10}{'patterns':>10}{'fit s':>8}{'forecast s':>12}{'CPU s':>8}{'CPU us each':>13}{'peak MB':>9}"
    )
    found = []
    for size in sizes:
        path = alone("made", folder, size)["path"]
        found.append(alone("forecast", path, draws))
        Path(path).unlink()
        last = found[-1]
        say(
            f"{size:>10,}{last['patterns']:>10,}{last['fit']:>8.1f}{last['seconds']:>12.1f}{last['cpu']:>8.1f}"
            f"{last['cpu'] / size * 1e6:>13.1f}{last['peak']:>9,.0f}"
        )
    draw_growth(found, draws, picture)


def draw_growth(found: list[dict[str, Any]], draws: int, picture: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from clvmodels.plots.palette import SERIES

    size = [each["customers"] for each in found]
    figure, (time, memory) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    time.loglog(size, [each["cpu"] for each in found], "o-", color=SERIES[0])
    last = found[-1]
    time.loglog(
        size, [last["cpu"] * each / size[-1] for each in size], "--", color="0.6", label="in proportion"
    )
    time.set(xlabel="customers", ylabel="processor seconds", title=f"Forecast, {draws:,} draws each")
    time.legend(frameon=False)
    memory.semilogx(
        size, [each["peak"] for each in found], "o-", color=SERIES[1], label="peak of the process"
    )
    whole = [8e-6 * each * draws for each in size]
    memory.semilogx(size, whole, "--", color="0.6", label="all draws at once")
    top = 1.4 * max(each["peak"] for each in found)
    memory.set(
        xlabel="customers", ylabel="megabytes", title="Memory: summary, fit and forecast", ylim=(0, top)
    )
    memory.legend(frameon=False, loc="upper left")
    for axes in (time, memory):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=130)
    say(f"drawn: {picture}")


def main() -> None:
    """Print the rows that were asked for, by default all."""
    if sys.argv[1:2] == ["--job"]:
        run_job(sys.argv[2], json.loads(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=", ".join(JOBS))
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--largest", type=int, default=3_000_000)
    parser.add_argument("--picture", type=Path, default=Path(__file__).parents[1] / "docs" / "scale.png")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clvmodels-scale-") as folder:
        work = {
            "rfm": lambda: [print_rfm(folder, rows) for rows in chosen.rows or [10_000_000]],
            "closed": lambda: print_closed(folder, chosen.customers),
            "forecast": lambda: print_forecast(folder, chosen.customers, chosen.draws),
            "spark": lambda: print_spark(folder, chosen.customers, 100),
            "growth": lambda: print_growth(folder, chosen.largest, 100, chosen.picture),
        }
        for job in chosen.jobs or list(work):
            work[job]()


if __name__ == "__main__":
    main()
