"""The whole street once, on the CDNOW sample that every paper on the subject uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvmodels.cli.judging import forecasters_of, say_scorecard
from clvmodels.cli.options import Model, PageOut
from clvmodels.cli.show import forecast_text, number, say, text_table, wrote
from clvmodels.progress import progress_bar

if TYPE_CHECKING:
    from clvmodels.backtesting import Scorecard
    from clvmodels.forecast import FittedCLV
    from clvmodels.prediction import Forecast
    from clvmodels.rfm import RFM

COLUMNS: dict[str, Any] = {"customer_id": "customer_id", "date": "date", "spend": "spend"}
HORIZON, HOLDOUT, TOP = "52W", "39W", 5


def demo(out: PageOut = Path("clv-demo.html")) -> None:
    """Show everything on a bundled log: backtest, verdict, forecast and report, in under a minute.

    The log is the CDNOW sample: 2,357 customers of a CD shop who first bought early in 1997.

    Example: clvmodels demo --out clv-demo.html
    """
    from clvmodels.datasets import load_cdnow
    from clvmodels.io import check_writable
    from clvmodels.report import write_report
    from clvmodels.transactions import rfm_summary

    check_writable(out)
    log = load_cdnow("sample")
    rfm = rfm_summary(log, observation_end="1998-06-30", **COLUMNS)
    say(f"CDNOW SAMPLE\n{rfm!r}\n{rfm.report}\n")
    scorecard = judge(log)
    say_scorecard(scorecard, "$")
    fitted, forecast = look_ahead(rfm)
    say(f"NEXT 52 WEEKS\n{forecast_text(forecast)}\n\n{best_customers(forecast)}\n")
    write_report(scorecard, out, forecast=forecast, fitted=fitted, rfm=rfm, currency="$")
    wrote(out)


def judge(log: Any) -> Scorecard:
    """Backtest of both models against every historical formula, 39 weeks after 39 weeks."""
    from clvmodels.backtesting import backtest
    from clvmodels.baselines import BASELINES

    names = ("pareto_nbd", "bg_nbd", *BASELINES)
    forecasters = forecasters_of(names, Model(), no_spend=False)
    with progress_bar("backtest") as move:
        return backtest(
            log, forecasters, horizon=HOLDOUT, origins=["1997-09-30"], seed=1, progress=move, **COLUMNS
        )


def look_ahead(rfm: RFM) -> tuple[FittedCLV, Forecast]:
    """The model that is chosen automatically, on everything that is known, and its forecast."""
    model = Model().build(no_spend=False)
    with progress_bar(f"fitting {model.name}"):
        fitted = model.fit(rfm, seed=1)
    with progress_bar("forecasting") as move:
        return fitted, fitted.forecast(HORIZON, annual_discount_rate=0.10, seed=1, progress=move)


def best_customers(forecast: Forecast) -> str:
    """The customers with the highest mean value."""
    table = forecast.customers.nlargest(TOP, "clv_mean")
    head = ["highest value", "mean", "90 % interval", "P(alive)", "purchases", "spend each"]
    rows = [
        [
            f"customer {row.customer_id}",
            number(row.clv_mean),
            f"{row.clv_q05:,.0f} to {row.clv_q95:,.0f}",
            number(row.p_alive, ".2f"),
            number(row.expected_purchases, ".1f"),
            number(row.expected_spend, ".2f"),
        ]
        for row in table.itertuples()
    ]
    return text_table(head, rows)
