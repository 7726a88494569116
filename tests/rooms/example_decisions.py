"""Every decision of a few customers of CDNOW, quickly."""

from __future__ import annotations

import numpy as np
import pandas as pd

import clvmodels as clv

DOLLARS = {"margin": 0.4, "annual_discount_rate": 0.1, "currency": "USD"}
PEERS = pd.DataFrame(
    {"name": ["book shop"], "metric": ["clv_per_customer"], "value": [20.0], "unit": ["USD"]}
)


def example_decisions(log: pd.DataFrame, *, formula: bool = False) -> clv.Decisions:
    """All parts that a model (or a formula) can answer."""
    log = log[log["customer_id"] <= 150]
    rfm, holdout = clv.calibration_holdout(log, cutoff="1997-09-30", holdout_end="1998-06-30", spend="spend")
    model = clv.HistoricalCLV() if formula else clv.CLVModel("bg_nbd")
    options = {} if formula else {"draws": 40}
    now = clv.rfm_summary(log, spend="spend", observation_end="1998-06-30")
    fitted, later = (model.fit(one, **options) for one in (rfm, now))
    economics = clv.Economics(margin=0.4, cost_per_purchase=2, annual_discount_rate=0.1, currency="USD")
    new = clv.new_customer_value(fitted, "12M", economics, customers=30, draws=40, label="post")
    forecast = fitted.forecast("52W", margin=0.4, annual_discount_rate=0.1, draws=40)
    scores = clv.backtest(
        log, [model, clv.NetHistoricalCLV(), clv.LifespanCLV()], horizon="26W", draws=40
    ).scores
    halves = clv.split_customers(rfm, {i: "even" if i % 2 == 0 else "odd" for i in rfm.customer_id.tolist()})
    snapshots = (clv.Snapshot(one, at, 0.4, 0.1, "USD") for one, at in ((fitted, rfm), (later, now)))
    rates = clv.referral_rate(rfm, (np.arange(len(rfm)) % 7 == 0) * 1.0)
    plan = (
        None if formula else clv.acquisition_plan(fitted, "3M", clv.NewCustomers(20, 6), economics, draws=40)
    )
    channel = np.where(rfm.customer_id % 3 == 0, "post", "search")
    return clv.Decisions(
        profit=clv.profit(fitted, "12M", economics, draws=40),
        segments=clv.segment_customers(clv.profit_run(fitted, "12M", economics, draws=40), rfm, currency="USD"),
        acquisition=clv.acquisition({"post": new}, 12.0, target=2, level=0.8),
        channels=None if formula else clv.fit_channels(clv.CLVModel("bg_nbd"), rfm, channel, draws=40),
        plan=plan,
        budget=None if plan is None else clv.budget_table(plan, 12),
        referrals=clv.referral_value(rates, rfm, new, incremental=0.5, annual_discount_rate=0.1),
        tornado=clv.tornado(fitted, rfm, "52W", **DOLLARS),
        elasticities=clv.elasticities(fitted, rfm, "52W", **DOLLARS),
        what_if=clv.what_if(fitted, rfm, "52W", [clv.Scenario(retention=0.1)], draws=40, **DOLLARS),
        change=clv.explain_change(*snapshots, "52W", draws=40),
        realised=clv.compare_with_realised(fitted.forecast("1998-06-30", draws=40), holdout, currency="USD"),
        groups={
            "parity": clv.compare_groups(model, halves, "52W", randomised=False, draws=40, currency="USD")
        },
        benchmark=clv.benchmark({"now": forecast}, PEERS, currency="USD"),
        calculator=clv.calculate_clv(rfm, "52W", model=forecast, scores=scores, **DOLLARS),
    )  # fmt: skip
