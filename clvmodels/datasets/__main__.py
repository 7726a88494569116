"""`python -m clvmodels.datasets data/` writes the small simulated logs that the project ships."""

from __future__ import annotations

import sys
from pathlib import Path

from clvmodels.datasets.samples import write_samples

if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
    sys.exit("usage: python -m clvmodels.datasets FOLDER")
write_samples(Path(sys.argv[1]))
