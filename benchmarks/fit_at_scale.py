"""Maximum likelihood of Pareto/NBD on many customers, lifetimes beside clvmodels in one run.

Customers are simulated: born on any of 730 days, days counted, parameters near those of CDNOW. Prints
seconds and the ratio. lifetimes needs minutes for 100,000 customers, so it is run once there and not
on a million; `--alone` leaves it out.
"""

from __future__ import annotations

import sys
import warnings
from time import perf_counter

import numpy as np

import clvmodels as clv
from clvmodels.models import get_purchase_model

DAYS = 730
TRUTH = np.array([0.55, 74.0, 0.61, 82.0])  # r, alpha, s, beta in days


def simulated(customers: int, seed: int) -> clv.RFM:
    """A summary of whole lives, days with a purchase counted once."""
    rng = np.random.default_rng(seed)
    age = rng.integers(1, DAYS + 1, customers).astype(float)
    row, time = get_purchase_model("pareto_nbd").simulate(TRUTH, age, rng)
    row, day = np.unique(np.stack([row, np.ceil(time).astype(int)]), axis=1)
    last = np.zeros(customers)
    np.maximum.at(last, row, day)
    return clv.RFM.from_arrays(
        frequency=np.bincount(row, minlength=customers), recency=np.minimum(last, age), T=age, time_unit="D"
    )


def lifetimes_seconds(rfm: clv.RFM) -> float:
    """One fit by lifetimes."""
    warnings.simplefilter("ignore")
    import lifetimes

    began = perf_counter()
    lifetimes.ParetoNBDFitter().fit(rfm.frequency, rfm.recency, rfm.T)
    return perf_counter() - began


def main() -> None:
    """Print the table."""
    out = sys.stdout.write
    out(f"{'customers':>10}{'patterns':>10}{'lifetimes s':>13}{'clvmodels s':>13}{'ratio':>8}  parameters\n")
    for customers in (10_000, 100_000, 1_000_000):
        rfm = simulated(customers, seed=1)
        patterns = len(rfm.compress()[0])
        began = perf_counter()
        posterior = clv.fit("pareto_nbd", rfm, method="mle")
        ours = perf_counter() - began
        theirs, ratio = "-", "-"
        if customers <= 100_000 and "--alone" not in sys.argv:
            seconds = lifetimes_seconds(rfm)
            theirs, ratio = f"{seconds:.2f}", f"{seconds / ours:.0f}"
        found = ", ".join(f"{name} {value:.4g}" for name, value in posterior.params.items())
        out(f"{customers:10,}{patterns:10,}{theirs:>13}{ours:13.2f}{ratio:>8}  {found}\n")


if __name__ == "__main__":
    main()
