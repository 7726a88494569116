# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 1. From a log to customer lifetime value in ten minutes
#
# **Question.** We have a list of purchases: who, when, how much. What is each customer worth over the next
# twelve months, all of them together, and how sure can we be?
#
# The log is that of CDNOW, a shop for CDs: everybody in a one-in-ten sample who bought there for the first time
# in the first quarter of 1997, followed until June 1998. Your own log needs the same three columns, in a frame of
# pandas, Polars, pyarrow, DuckDB or Spark.

# %%
import clvmodels as clv

log = clv.load_cdnow("sample")
log[["customer_id", "date", "spend"]].head()

# %% [markdown]
# ## What each customer did
#
# Four numbers per customer are all the models read: how often they came back (`frequency`), how old they were as
# customers at their last purchase (`recency`), how old they are now (`T`), and what they spent per repeat purchase
# (`monetary_value`). The summary also says what became of every row: nothing is dropped in silence.

# %%
rfm = clv.rfm_summary(log, spend="spend", period="D", time_unit="W")
rfm

# %% [markdown]
# Half of these customers never came back. That is normal, and it is the reason why a mean over all of them, times
# a lifespan somebody guessed, is worth so little.
#
# ## A model of buying and leaving
#
# While they are customers, people buy at a rate of their own; one day, unseen, they leave (Pareto/NBD). What they
# spend varies around a level of their own (Gamma-Gamma). The fit below is not one set of parameters but a thousand,
# as plausible as the data make them.

# %%
model = clv.CLVModel(purchase="pareto_nbd", spend="gamma_gamma")
fitted = model.fit(rfm, seed=1)
fitted

# %% [markdown]
# Read the status first: both fits converged. Had one not, it would say so in words, and name the parameter.
#
# ## Twelve months ahead
#
# Each of the draws takes one set of parameters and lives every customer's next year: still there or gone, when
# they buy, what they pay. Money that comes later is discounted at ten per cent a year, and of each dollar 35 cents
# are margin.

# %%
with clv.progress_bar("forecasting") as bar:
    forecast = fitted.forecast(
        "12M", annual_discount_rate=0.10, margin=0.35, seed=1, keep_draws=True, progress=bar
    )
forecast

# %% [markdown]
# Two bands for the totals: that of the *model only* is what chance and doubt about the parameters allow; the wider one
# allows, too, for what moves all customers at once, such as a season or a recession. Plan with the wider one. Single
# customers are another matter: look at the five who are worth most.

# %%
best = forecast.customers.nlargest(5, "clv_mean")
best[["customer_id", "p_alive", "p_purchase", "clv_mean", "clv_q05", "clv_q50", "clv_q95"]].round(2)

# %%
clv.plots.plot_customer_values(forecast, best["customer_id"].tolist(), currency="$")

# %% [markdown]
# And month by month:

# %%
clv.plots.plot_periods(forecast, currency="$")

# %% [markdown]
# ## A table to take away
#
# One row per customer, ready for the warehouse. The interval's level and where the numbers come from travel with
# the frame in `attrs`.

# %%
table = forecast.customers
print(f"{len(table):,} rows, columns: {', '.join(table.columns)}")
print("window:", table.attrs["window"], "| margin:", table.attrs["margin"], "| seed:", table.attrs["seed"])

# %%
share = table.sort_values("clv_mean", ascending=False)["clv_mean"].cumsum() / table["clv_mean"].sum()
top_tenth = share.iloc[len(table) // 10 - 1]
print(f"The best tenth of the customers holds {top_tenth:.0%} of the expected value.")

# %% [markdown]
# **Decision.** Rank by `clv_mean`, not by past spend, when a list has a fixed length; and before money depends on
# the level of these numbers, ask whether the model is any better than the formula you have now. That is the next
# notebook.
