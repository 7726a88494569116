"""The small logs that the project ships, and how they were made."""

from __future__ import annotations

from pathlib import Path

from clvmodels.datasets.simulation import simulate

SAMPLE_FILE = "simulated_shop.csv"


def write_samples(folder: Path) -> Path:
    """Write the project's own small log, a simulated shop, into a folder.

    Returns
    -------
    Path
        The file written.
    """
    log = simulate(
        "pareto_nbd",
        {"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7},
        customers=1000,
        start="2024-01-01",
        weeks=104,
        acquisition_weeks=26,
        spend_params={"p": 6.25, "q": 3.74, "gamma": 15.4},
        resolution="D",
        seed=2024,
    )
    path = folder / SAMPLE_FILE
    path.write_bytes(log.to_csv(index=False, float_format="%.2f", lineterminator="\n").encode())
    return path
