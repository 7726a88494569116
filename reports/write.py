"""Write the sample reports: each log into a folder that goes away again, then one `clvmodels compare`.

Without a name all are written; a name (``cdnow-sample``, ``cdnow-master``, ``seasonal``) writes one. Each takes its
configuration from the file of that name beside this one.
"""

import sys
import tempfile
from pathlib import Path

import clvmodels as clv
from clvmodels.cli import main

HERE = Path(__file__).parent
SEASON = (0.7, 0.6, 0.7, 0.8, 0.8, 0.7, 0.5, 0.5, 0.9, 1.2, 2.2, 2.6)  # speed of the shop, January to December


def seasonal_log():
    """Customers who live by Pareto/NBD and Gamma-Gamma in a shop with a strong Christmas, so that the truth is known."""
    return clv.simulate(
        "pareto_nbd",
        {"r": 0.9, "alpha": 12.0, "s": 0.6, "beta": 40.0},
        customers=3000,
        start="2022-01-03",
        weeks=156,
        acquisition_weeks=104,
        spend_params={"p": 6.0, "q": 4.0, "gamma": 15.0},
        world=clv.World(season=SEASON),
        resolution="D",
        seed=7,
    )


LOGS = {
    "cdnow-sample": lambda: clv.load_cdnow("sample"),
    "cdnow-master": lambda: clv.load_cdnow("master"),
    "seasonal": seasonal_log,
}


def write(name):
    """One report, by the command that anybody can run."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.parquet"
        LOGS[name]()[["customer_id", "date", "spend"]].to_parquet(log, index=False)
        config = Path(folder) / "config.toml"
        config.write_text((HERE / f"{name}.toml").read_text(encoding="utf-8"), encoding="utf-8")
        try:
            main(["compare", str(config), "--out", str(HERE / f"{name}.html")])
        except SystemExit as end:
            if end.code:
                raise


if __name__ == "__main__":  # workers of a backtest read this file, too
    for chosen in sys.argv[1:] or LOGS:
        write(chosen)
