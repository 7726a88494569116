"""Any engine, any size: each job of the table in docs/scale.md beside its yardstick, and how cost grows.

Every job runs in a process of its own (`scale_jobs.py`), so that the peak of memory is that of the job. Processor
seconds say more than seconds on a machine that has other things to do. With --write the figures take the place of the
earlier ones in docs/scale.md, and the picture that of docs/scale.png.

    python benchmarks/scale.py [rfm rfm100 forecast closed fit growth spark] [--write] [--rows 10000000]
                               [--customers 1000000] [--draws 1000] [--largest 3000000]
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scale_jobs import ROWS_EACH, alone

DOCS = Path(__file__).parents[1] / "docs"
PAGE, PICTURE = DOCS / "scale.md", DOCS / "scale.png"
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)
NODES, CORES_EACH, CLUSTER_CUSTOMERS, IN_TASK = 16, 16, 40_000_000, 20_000


def verdict(is_met: bool, target: str) -> str:
    return f"[target {target}: {'met' if is_met else 'MISSED'}]"


def rfm(folder: str, rows: int) -> Iterator[str]:
    path = alone("made", folder, rows // ROWS_EACH)["path"]
    import duckdb

    ((count,),) = duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()
    jobs = {
        "rfm_table": alone("summarised", path),
        "SQL by hand, the table alone": alone("summarised_by_hand", path, with_report=False),
        "SQL by hand, with what the report tells": alone("summarised_by_hand", path, with_report=True),
    }
    if len({(job["customers"], job["check"]) for job in jobs.values()}) > 1:
        raise SystemExit(f"the summaries differ: {jobs}")
    ours, bare, by_hand = jobs.values()
    yield f"RFM from {count:,} rows of Parquet, {ours['customers']:,} customers, DuckDB with 1 GB"
    for name, job in jobs.items():
        yield f"  {name}: {job['seconds']:.1f} s, processor {job['cpu']:.1f} s, peak {job['peak']:,.0f} MB"
    ratios = [[ours[unit] / job[unit] for unit in ("seconds", "cpu")] for job in (bare, by_hand)]
    yield f"  against the table alone {ratios[0][0]:.2f} x, of processor time {ratios[0][1]:.2f} x"
    met = verdict(ratios[1][0] <= 2 and ours["peak"] <= 2000, "2 x and 2,000 MB")
    yield f"  against the same result {ratios[1][0]:.2f} x, of processor time {ratios[1][1]:.2f} x {met}"
    Path(path).unlink()


def forecast(folder: str, customers: int, draws: int) -> Iterator[str]:
    found = alone("forecast", alone("made", folder, customers)["path"], draws)
    cores = len(os.sched_getaffinity(0))
    free, each = found["cpu"] / cores, found["cpu"] / customers / draws
    yield f"forecast of {found['customers']:,} customers x {draws:,} draws x 12 periods to Parquet"
    yield f"  fit of {found['patterns']:,} patterns: processor {found['fit']:.0f} s"
    yield (
        f"  {found['seconds']:.0f} s, processor {found['cpu']:.0f} s: {free:.0f} s on {cores} free cores, "
        f"{1e9 * each:.0f} ns a draw"
    )
    whole = free * 1000 / draws  # the target is that of a thousand draws
    met = verdict(whole <= 120 and found["peak"] <= 1500, "120 s on free cores and 1,500 MB")
    yield f"  peak {found['peak']:,.0f} MB; all draws at once would be {8e-6 * customers * draws:,.0f} MB {met}"
    yield f"  {found['megabytes']:,.0f} MB written"
    yield from ("", *cluster(each, found["megabytes"] / customers))


def cluster(each: float, megabytes: float) -> Iterator[str]:
    """What many nodes would take at the pace of this machine."""
    seconds, cores = CLUSTER_CUSTOMERS * 1000 * each, NODES * CORES_EACH
    yield f"{CLUSTER_CUSTOMERS:,} customers x 1,000 draws x {1e9 * each:.0f} ns = {seconds:,.0f} core seconds"
    yield f"{NODES} nodes x {CORES_EACH} cores = {cores} cores: {seconds / cores:.0f} s"
    tasks = CLUSTER_CUSTOMERS // IN_TASK
    yield f"{tasks:,} tasks of {IN_TASK:,} customers: {IN_TASK * 1000 * each:.1f} s of a core each"
    yield f"written: {megabytes * CLUSTER_CUSTOMERS / 1000:.1f} GB"


def closed(folder: str, customers: int) -> Iterator[str]:
    found = alone("closed", alone("made", folder, customers)["path"])
    ratio = found["ours"] / found["by_hand"]
    yield f"closed forms of {found['customers']:,} customers, processor time"
    yield f"  closed_form_scores {found['ours']:.2f} s, sum of purchases {found['check_ours']:,.6f}"
    yield f"  one expression of NumPy {found['by_hand']:.2f} s, sum {found['check_by_hand']:,.6f}"
    yield f"  ratio {ratio:.2f} {verdict(ratio <= 1.5, '1.5 x')}"


def spark(folder: str, customers: int, draws: int) -> Iterator[str]:
    found = alone("spark", alone("made", folder, customers)["path"], draws)
    if found["spark_mean"] != found["local_mean"]:
        raise SystemExit(f"Spark and the local path differ: {found}")
    ratio = (found["spark"] - found["start"]) / found["local"]
    yield f"forecast of {found['customers']:,} customers x {draws:,} draws, two workers each"
    yield f"  Spark local[2] {found['spark']:.0f} s, a thousand customers there {found['start']:.0f} s: the start"
    yield f"  two threads of one process {found['local']:.0f} s, the same total to the last bit"
    yield f"  ratio {found['spark'] / found['local']:.2f}, without the start {ratio:.2f} {verdict(ratio <= 2, '2 x')}"


def fit(folder: str, largest: int) -> Iterator[str]:
    yield "fit of spend, prices so fine that nearly all who came back have a pattern of their own; memory it adds"
    yield f"{'customers':>12}{'patterns':>12}{'CPU s':>8}{'CPU us each':>13}{'MB':>8}"
    sizes, found = [size for size in SIZES if 100_000 <= size <= largest], []
    if len(sizes) < 2:
        raise SystemExit("fit compares sizes: --largest must be 300,000 or more")
    for size in sizes:
        path = alone("made", folder, size)["path"]
        found.append(alone("spend_fit", path))
        Path(path).unlink()
        last = found[-1]
        each = last["cpu"] / last["patterns"] * 1e6
        yield f"{size:>12,}{last['patterns']:>12,.0f}{last['cpu']:>8.1f}{each:>13.1f}{last['added']:>8,.0f}"
    first, last = found[0], found[-1]
    patterns = CLUSTER_CUSTOMERS * last["patterns"] / last["customers"]
    growth = (last["added"] - first["added"]) * 1e6 / (last["patterns"] - first["patterns"])
    yield f"{growth:.0f} bytes for each further pattern; {CLUSTER_CUSTOMERS:,} customers at that share of patterns:"
    whole = patterns * growth * 1e-9
    yield f"{patterns:,.0f} patterns x {growth:.0f} bytes = {whole:.1f} GB, and the memory of the engine"


def growth(folder: str, largest: int, draws: int, picture: Path) -> Iterator[str]:
    heads = ("customers", "patterns", "fit CPU s", "forecast s", "CPU s", "CPU us each", "peak MB")
    widths = (10, 10, 11, 12, 8, 13, 9)
    yield "".join(head.rjust(width) for head, width in zip(heads, widths, strict=True))
    found = []
    for size in [size for size in SIZES if size <= largest]:
        path = alone("made", folder, size)["path"]
        found.append(alone("forecast", path, draws))
        Path(path).unlink()
        last = found[-1]
        yield (
            f"{size:>10,}{last['patterns']:>10,}{last['fit']:>11.1f}{last['seconds']:>12.1f}{last['cpu']:>8.1f}"
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


def written(page: str, job: str, command: str, lines: list[str]) -> str:
    """The page with the lines in place of those that stood between the marks of the job."""
    begin, end = f"<!-- figures of {job} -->", f"<!-- end of {job} -->"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(found.findall(page)) != 1:
        raise SystemExit(f"{PAGE} has no one place for the figures of {job}")
    block = "\n".join([begin, "```{code-block} text", f"$ {command}", *lines, "```", end])
    return found.sub(lambda _: block, page)


def main() -> None:
    """Print the figures of the jobs that were asked for, by default all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="rfm rfm100 forecast closed fit growth spark")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--largest", type=int, default=3_000_000)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    options = [word for word in sys.argv[1:] if word not in {*chosen.jobs, "--write"}]
    with tempfile.TemporaryDirectory(prefix="clvmodels-scale-") as folder:
        picture = PICTURE if chosen.write else Path(folder) / PICTURE.name
        work = {
            "rfm": lambda: rfm(folder, chosen.rows),
            "rfm100": lambda: rfm(folder, 100_000_000),
            "closed": lambda: closed(folder, chosen.customers),
            "forecast": lambda: forecast(folder, chosen.customers, chosen.draws),
            "spark": lambda: spark(folder, chosen.customers, 100),
            "fit": lambda: fit(folder, chosen.largest),
            "growth": lambda: growth(folder, chosen.largest, 100, picture),
        }
        if unknown := set(chosen.jobs) - set(work):
            parser.error(f"no such job: {', '.join(sorted(unknown))}")
        for job in chosen.jobs or list(work):
            lines = []
            for line in work[job]():
                lines.append(line)
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
            if chosen.write:
                command = " ".join(["python benchmarks/scale.py", job, *options])
                PAGE.write_text(written(PAGE.read_text(), job, command, lines))


if __name__ == "__main__":
    main()
