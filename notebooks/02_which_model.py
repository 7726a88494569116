# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 2. Which model, and does it beat the simple formula?
#
# **Question.** A spreadsheet multiplies past spend by time. Is a probability model worth the trouble, on *our*
# data, and which one?
#
# Nobody knows the future, but the past had one: go back to an earlier date, forget everything after it, forecast,
# and look. A backtest does so at several dates, from the raw log, so that nothing leaks.

# %%
import clvmodels as clv

log = clv.load_cdnow("sample")
forecasters = [
    clv.CLVModel("pareto_nbd", label="Pareto/NBD"),
    clv.CLVModel("bg_nbd", label="BG/NBD"),
    clv.HistoricalCLV(label="Own repeat rate"),
    clv.HistoricalCLV(basis="all", label="All past spend"),
    clv.HiatusRule(label="Hiatus rule"),
    clv.ZeroForecast(label="Nobody returns"),
]
with clv.progress_bar("backtest") as bar:
    result = clv.backtest(
        log,
        forecasters,
        horizon="26W",
        origins=["1997-06-30", "1997-09-30", "1997-12-30"],
        draws=200,
        seed=1,
        progress=bar,
    )
result

# %% [markdown]
# ## Who was right about money
#
# Each forecaster said something about every customer. `rmse` punishes large misses, `mae` counts misses as they
# are, `crps` scores the whole distribution (of a formula it is the `mae`), and `bias_total` is how far the sum was
# off. Less is better in all of them.

# %%
columns = ["rmse", "mae", "crps", "bias_total", "coverage_90"]
result.table("spend")[columns].round(3)

# %% [markdown]
# Three things to see.
#
# - Forecasting **zero** for everybody has a smaller `mae` than both formulas: most customers indeed do not return.
#   An error that rewards giving up must never be the only one.
# - The formulas take what happened for what will happen. Their totals are far too high at every date, because they
#   do not know that people leave. The models' totals are nearer, and too low where Christmas falls into the
#   holdout: they know no season.
# - `coverage_90` is the share of customers whose spend fell into the model's 90 % interval. It should be near 0.9,
#   and is, a little below.
#
# ## Is the difference more than luck?
#
# The same customers, paired, resampled: an interval for how much smaller one error is than another.

# %%
from clvmodels.metrics import paired_difference

at = result.predictions[result.predictions["origin"] == result.predictions["origin"].max()]
spend = at[at["quantity"] == "spend"].pivot(index="customer_id", columns="model", values="crps")
difference = paired_difference(
    spend["Pareto/NBD"].to_numpy(),
    spend["Own repeat rate"].to_numpy(),
    names=("Pareto/NBD", "Own repeat rate"),
    seed=1,
)
print(difference.text)

# %% [markdown]
# ## Where the formula goes wrong
#
# Take customers by how often they had bought, and compare what they bought next with what was forecast. A good
# forecast bends towards the mean: the busiest customers were, in part, lucky.

# %%
clv.plots.plot_holdout_by_frequency(result, model=["Pareto/NBD", "Own repeat rate"])

# %% [markdown]
# Week by week, all customers together:

# %%
clv.plots.plot_tracking(result, model=["Pareto/NBD", "BG/NBD"])

# %% [markdown]
# And the list of the best: of all money that came, how much came from those whom each forecaster put first?

# %%
clv.plots.plot_gain(result, "spend", model=["Pareto/NBD", "Own repeat rate", "Hiatus rule"])

# %% [markdown]
# ## The same for people who were not here
#
# One file, no script in it, that says all this in sentences: the verdict first, then what it rests on.

# %%
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    path = clv.write_report(result, Path(folder) / "report.html", currency="$")
    print(f"{path.name}: {path.stat().st_size / 1000:,.0f} kB")

# %% [markdown]
# **Decision.** On this log take Pareto/NBD (or BG/NBD: they hardly differ) for amounts and totals. For choosing
# whom to call, the curve of the own repeat rate lies on that of the model: there the simple formula does as well.
# On your log the answer may be another; that is why the comparison, and not the model, is the product.
