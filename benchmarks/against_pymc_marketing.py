"""Posterior of Pareto/NBD and BG/NBD on the CDNOW sample, pymc-marketing beside clvmodels in one run.

pymc-marketing pins older releases of PyMC and NumPy, so it is installed into an environment of its own
that is thrown away afterwards (several minutes the first time). By default it only finds the mode
(`fit(method="map")`); `--nuts` samples, too, which takes ten minutes and more. `--alone` leaves
pymc-marketing out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from time import perf_counter
from typing import Any

import clvmodels as clv

THEIRS = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from pymc_marketing.clv import BetaGeoModel, ParetoNBDModel
data = pd.read_csv(sys.argv[1])
found = {}
for name, kind in (("bg_nbd", BetaGeoModel), ("pareto_nbd", ParetoNBDModel)):
    for method in sys.argv[2:]:
        model = kind()
        began = time.perf_counter()
        options = {} if method == "map" else {"chains": 4, "cores": 2, "random_seed": 1, "progressbar": False}
        trace = model.fit(data, method="map" if method == "map" else "mcmc", **options)
        entry = {"seconds": time.perf_counter() - began}
        if method == "nuts":
            import arviz
            entry["ess"] = float(arviz.summary(trace)["ess_bulk"].min())
        found[name + " " + method] = entry
print(json.dumps(found))
"""


def their_times(rfm: clv.RFM, methods: list[str]) -> dict[str, Any]:
    """Seconds of pymc-marketing's fits, measured in its own environment."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        venv.create(folder / "env", with_pip=True)
        python = str(folder / "env" / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "pymc-marketing"], check=True)
        rfm.to_pandas()[["customer_id", "frequency", "recency", "T"]].to_csv(folder / "rfm.csv", index=False)
        (folder / "theirs.py").write_text(THEIRS, encoding="utf-8")
        command = [python, str(folder / "theirs.py"), str(folder / "rfm.csv"), *methods]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(printed.strip().splitlines()[-1]))


def our_times(rfm: clv.RFM) -> dict[str, dict[str, float]]:
    """Seconds and smallest effective size of our fits; the first, which may compile, is not counted."""
    found = {}
    for name in ("bg_nbd", "pareto_nbd"):
        for method, draws in (("map", 2), ("laplace", 1000), ("nuts", 4000)):
            seconds = []
            for _ in range(2):
                began = perf_counter()
                posterior = clv.fit(name, rfm, method=method, draws=draws, seed=1)
                seconds.append(perf_counter() - began)
            numbers = posterior.diagnostics
            found[f"{name} {method}"] = {"seconds": seconds[-1]}
            if size := numbers.get("effective_size", numbers.get("ess_bulk")):
                found[f"{name} {method}"]["ess"] = size
    return found


def main() -> None:
    """Print the table."""
    rfm = clv.rfm_summary(clv.load_cdnow("sample"), observation_end="1997-09-30")
    ours = our_times(rfm)
    methods = ["map", "nuts"] if "--nuts" in sys.argv else ["map"]
    theirs = {} if "--alone" in sys.argv else their_times(rfm, methods)
    sys.stdout.write(
        f"{'CDNOW sample':24}{'pymc-marketing s':>18}{'ESS':>8}{'clvmodels s':>14}{'ESS':>8}{'ratio':>8}\n"
    )
    for key, entry in ours.items():
        peer = theirs.get(key, {})
        seconds = f"{peer['seconds']:.1f}" if peer else "-"
        ratio = f"{peer['seconds'] / entry['seconds']:.0f}" if peer else "-"
        size, own = (f"{of['ess']:,.0f}" if "ess" in of else "-" for of in (peer, entry))
        sys.stdout.write(f"{key:24}{seconds:>18}{size:>8}{entry['seconds']:14.2f}{own:>8}{ratio:>8}\n")


if __name__ == "__main__":
    main()
