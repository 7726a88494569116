# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 5. Money: margin, acquisition, referral, segments, what-if
#
# **Question.** How much may we pay for a new customer, when is it paid back, whom do we keep, win back or let go,
# and which lever moves the value of the customer base most?

# %%
from functools import partial

import pandas as pd

import clvmodels as clv

rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend")
fitted = clv.CLVModel("pareto_nbd").fit(rfm, seed=1)

# %% [markdown]
# ## From spend to profit
#
# Value is not revenue. Of each dollar 40 cents are margin, each parcel costs 2 dollars, each active month 50 cents of
# service, and money is discounted at ten per cent a year. These are assumptions: put in yours.

# %%
economics = clv.Economics(
    margin=0.40, cost_per_purchase=2.0, cost_per_active_period=0.5, annual_discount_rate=0.10, currency="USD"
)
year = clv.profit(fitted, "12M", economics, draws=500, seed=1)
low, high = year.profit.interval(0.9)
print(f"revenue {year.revenue.mean:9,.0f} USD")
print(f"profit  {year.profit.mean:9,.0f} USD, 90 % predictive interval {low:,.0f} to {high:,.0f}")

# %% [markdown]
# ## What may a new customer cost?
#
# Someone about to be acquired brings a first order and whatever the model has them buy later.

# %%
new = clv.new_customer_value(fitted, "12M", economics, customers=200, draws=300, seed=1, label="shop")
print(f"a new customer brings {new.mean:.2f} USD in twelve months, the first order included")
clv.acquisition({"shop": new}, {"shop": 8.0}, target=3.0).table.T

# %% [markdown]
# The *average* ceiling is what one may pay when acquiring many; the *customer* ceiling is what a single one brings
# with the stated probability. Most single customers bring only their first order: that is why the two differ so much.

# %%
payback = clv.payback(new, cac=8.0)
clv.plots.plot_payback_chance([payback])

# %% [markdown]
# ## Friends of customers
#
# A customer who brings others is worth more than what they buy. Say that one customer in five refers somebody each
# year, and that half of those would not have come anyway.

# %%
referral = clv.referral_value(0.2, rfm, new, incremental=0.5, annual_discount_rate=0.10, seed=1)
low, high = referral.total.interval(0.9)
print(f"referrals of the next year: {referral.total.mean:,.0f} USD ({low:,.0f} to {high:,.0f})")

# %% [markdown]
# ## Whom to keep, win back, let go
#
# Each draw puts a customer into a segment; the share of draws is the probability of belonging there. Labels come with
# the reason, and do not flap from run to run.

# %%
segments = clv.segment_customers(partial(fitted.forecast, "26W", draws=300, seed=1), rfm, currency="USD")
segments.table

# %%
pd.set_option("display.max_colwidth", None)
segments.at_risk[["customer_id", "segment", "reason"]].head(5)

# %%
clv.plots.plot_segment_map(segments)

# %% [markdown]
# ## What if?
#
# Every scenario lives the same lives with one thing changed, so that differences are not chance.

# %%
scenarios = [
    clv.Scenario(retention=0.10),
    clv.Scenario(purchase_rate=0.10),
    clv.Scenario(margin_points=-0.05, purchase_rate=0.15, label="5 points off, 15 % more orders"),
]
found = clv.what_if(fitted, rfm, "12M", scenarios, margin=0.40, annual_discount_rate=0.10, draws=100, seed=1)
found.table.round(3)

# %%
levers = clv.tornado(fitted, rfm, "12M", margin=0.40, annual_discount_rate=0.10, draws=100)
clv.plots.plot_tornado(levers)

# %% [markdown]
# Retention moves little here because over one year most of those who stay would have stayed anyway. Over five years
# it moves more; try it.
#
# ## And the formulas?
#
# The numbers a spreadsheet would give, with their steps and what they assume:

# %%
calculator = clv.calculate_clv(rfm, "52W", margin=0.40, annual_discount_rate=0.10, currency="USD")
print(calculator.lifespan)
pd.DataFrame(calculator.table)[["formula", "in_horizon"]].round(2)

# %% [markdown]
# **Decision.** Pay for a new customer at most what `acquisition` says at *your* target and certainty, and not more
# than pays back within your patience; give offers to *win back*, not to *protect*; and argue about the margin and
# the order rate before arguing about retention, over this horizon.
