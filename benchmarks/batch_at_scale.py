"""A scheduled run over a million customers: how long each stage takes, and how much memory it needs at most.

    python benchmarks/batch_at_scale.py [customers] [draws] [runs]

The log is made by DuckDB from a hash of row numbers, four purchases a customer in the mean, over two years. A run is
a process of its own, whose largest resident size is told; it reads with a limit of 1 GB for DuckDB. A second run, a
month later, also looks back at the first. The bound is 2 GiB for at most a million customers, whichever run it is; the
script says whether it was met, and fails where it was not or where a run was not published.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

DAYS = ("2025-11-30", "2025-12-30")
BOUND, MOST = 2.0, 1_000_000  # GiB, for so many customers
CONFIG = """
[log]
source = "log.parquet"
memory_limit = "1GB"
[model]
purchase = "bg_nbd"
[forecast]
horizon = ["26W"]
draws = {draws}
[publish]
shards = 64
"""


def write_log(path: Path, customers: int) -> None:
    duckdb.sql(f"""
        COPY (
            SELECT c AS customer_id,
                   DATE '2024-01-01' + CAST(LEAST(729, hash(c) % 600 + k * (3 + hash(c + 7) % 60)) AS INTEGER) AS date,
                   5.0 + hash(c * 31 + k) % 10000 / 100.0 AS spend
            FROM range({customers}) customers(c), range(10) purchases(k)
            WHERE k <= hash(c + 1) % 8 AND hash(c % 100003 + k * 17) % 5 > 0 OR k = 0
        ) TO '{path}' (FORMAT parquet)
    """)


def main(customers: int = 1_000_000, draws: int = 100, runs: int = 1) -> None:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        write_log(folder / "log.parquet", customers)
        (folder / "clv.toml").write_text(CONFIG.format(draws=draws))
        rows = duckdb.sql(f"SELECT count(*) FROM '{folder}/log.parquet'").fetchall()[0][0]
        print(f"{rows:,} rows, {customers:,} customers, {draws} draws")
        is_good = [run(folder / "clv.toml", as_of) for as_of in DAYS[-runs:]]
        peak = resource.getrusage(resource.RUSAGE_CHILDREN)
        gibibytes = peak.ru_maxrss / 2**20
        is_met = gibibytes <= BOUND
        verdict = (
            ("met" if is_met else "missed") if customers <= MOST else f"only for {MOST:,} customers at most"
        )
        print(
            f"{peak.ru_utime + peak.ru_stime:.0f} s of processor, at most {gibibytes:.2f} GiB resident; "
            f"bound of {BOUND:g} GiB: {verdict}"
        )
        if not all(is_good) or verdict == "missed":
            sys.exit(1)


def run(config: Path, as_of: str) -> bool:
    """Run a job as of a day, say what its stages took, and whether it was published."""
    command = [sys.executable, "-m", "clvmodels", "run", str(config), "--as-of", as_of]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout, end="")
    for line in done.stderr.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            print(line)  # no event of the run, but a traceback, or the words of a library
            continue
        if "seconds" in event:
            print(
                f"{event['event']:20} {event['seconds']:8.1f} s, {event['processor_seconds']:8.1f} s of processor, "
                f"at most {event['peak_mib']:,} MiB so far"
            )
        elif event["level"] != "info":
            print(f"{event['event']}: {event.get('words', '')}")
    return done.returncode in (0, 5)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
