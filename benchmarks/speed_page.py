"""Writes docs/speed.md: what the comparisons with lifetimes and pymc-marketing, and a large backtest, print here.

Run it where nothing else runs; it takes some minutes, most of them to install pymc-marketing into an environment that
is thrown away.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "speed.md"
RUNS = ("against_lifetimes.py", "against_pymc_marketing.py", "backtest_at_scale.py")
TEXT = """\
# Speed

Both packages of each comparison run on the same data, one after the other, in one run; seconds are those of one
machine ({cores} cores, {system}), so the ratios are what carries over. `python benchmarks/speed_page.py` writes this
page. PyTensor keeps what it has compiled: the very first run of pymc-marketing on a machine takes several times as
long. The last block has no peer beside it: a backtest of eight origins and six forecasters on the 23,570 customers
of CDNOW. For millions of customers see [scale](scale.md).
"""


def main() -> None:
    """Run them all, and write the page when they are through."""
    parts = [TEXT.format(cores=os.cpu_count(), system=platform.system())]
    for name in RUNS:
        command = [sys.executable, str(HERE / name)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        sys.stdout.write(printed)
        parts.append(f"```console\n$ python benchmarks/{name}\n{printed}```\n")
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
