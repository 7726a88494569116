# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 7. A million customers
#
# **Question.** Our log has millions of rows and lives in files, a database or Spark. Does the same code work, and
# are the numbers the same?
#
# The log is simulated, so anybody can run this: a million customers of an invented shop, two years, in a Parquet file.

# %%
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import clvmodels as clv

folder = tempfile.TemporaryDirectory()
file = Path(folder.name) / "log.parquet"
truth = {"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7}
log = clv.simulate(
    "pareto_nbd",
    truth,
    customers=1_000_000,
    weeks=104,
    acquisition_weeks=26,
    spend_params={"p": 6.25, "q": 3.74, "gamma": 15.4},
    resolution="D",
    seed=1,
)
log.to_parquet(file)
print(
    f"{len(log):,} rows of {log['customer_id'].nunique():,} customers, {file.stat().st_size / 1e6:,.0f} MB on disk"
)
del log

# %% [markdown]
# ## The same summary from any engine
#
# DuckDB reads the file in pieces; Polars does so lazily; pandas would need it whole. The work is done by the engine,
# and the summary that comes back is the same.

# %%
files = clv.scan_log(file, spend="spend")  # a query; nothing is read yet
rfm = clv.rfm_summary(files, spend="spend", observation_end="2025-12-28")
rfm

# %%
lazily = clv.rfm_summary(pl.scan_parquet(file), spend="spend", observation_end="2025-12-28")
for name in ("frequency", "recency", "T", "monetary_value"):
    print(f"{name:15} equal to the last bit: {np.array_equal(getattr(rfm, name), getattr(lazily, name))}")
del lazily

# %% [markdown]
# Spark is asked the same way: `clv.rfm_summary(spark.read.parquet("..."), spend="spend")`. Where even one row per
# customer is too much for this machine, `clv.rfm_table` leaves the summary in the engine.
#
# ## A fit sees patterns, not customers
#
# Customers with the same history are one row with a weight.

# %%
patterns, _ = rfm.compress()
print(f"{len(rfm):,} customers, {len(patterns):,} different histories")
purchase = clv.fit("pareto_nbd", rfm, method="laplace", draws=100, seed=1)
purchase

# %% [markdown]
# The truth is known here (r 0.55, alpha 10.6, s 0.61, beta 11.7). With a million customers chance is no longer the
# trouble, and what is left shows: the log knows days only, two purchases of a day are one, and the estimates are off
# by a little more than their intervals. More data of the same kind would not help; finer stamps would.

# %%
spend = clv.fit("gamma_gamma", rfm, method="map")
fitted = clv.FittedCLV("Pareto/NBD × Gamma-Gamma", rfm, purchase, spend)

# %% [markdown]
# ## A forecast streams
#
# Customers pass through in blocks, on all cores; nothing but the table is kept. A customer's numbers do not depend on
# who else is in the block, so a sample forecast alone gives the same rows as the whole.

# %%
some = rfm.take(slice(0, 20_000))
forecast = fitted.forecast("26W", rfm=some, draws=50, seed=1)
alone = fitted.forecast("26W", rfm=rfm.take(slice(5, 6)), draws=50, seed=1)
print("the same alone:", forecast.columns["clv_mean"][5] == alone.columns["clv_mean"][0])
forecast

# %% [markdown]
# For a full run of all customers on your machine, with times and memory, there are scripts:
# `python benchmarks/fit_at_scale.py` and `python benchmarks/forecast_at_scale.py`.

# %%
folder.cleanup()

# %% [markdown]
# **Decision.** Keep the log where it is and let its engine summarise it. A single machine is enough as long as one row
# per customer fits, which is true for tens of millions; beyond that use `rfm_table`, and shard the forecast.
