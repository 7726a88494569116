# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 3. Reading uncertainty
#
# **Question.** The table says a customer is worth 40 dollars, "5 % to 95 %: 0 to 130". What does such an interval
# mean for one customer, for a segment, and for the total? And which one belongs into a plan?

# %%
import numpy as np

import clvmodels as clv

rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")
fitted = clv.CLVModel("pareto_nbd").fit(rfm, seed=1)
forecast = fitted.forecast("39W", seed=1, draws=2000, keep_draws=True)
forecast

# %% [markdown]
# ## One customer: life is uncertain
#
# Two very different things are unknown about a customer: *how they are* (rate, level of spend, whether they have
# left), which more data would tell, and *what they will happen to do*, which no data tell.
#
# An interval of the mean answers only the first. Here it is beside the predictive interval, for one good customer.

# %%
good = int(np.argsort(forecast.columns["clv_mean"])[-20])
customer = rfm.take(np.array([good]))
means = np.array(
    [
        fitted.purchase.model.expected_purchases(theta, customer, 39.0)[0]
        for theta in fitted.purchase.draws[:500]
    ]
)
drawn = fitted.forecast("39W", rfm=customer, seed=1, draws=2000).purchases
expected = forecast.columns["expected_purchases"][good]
print(f"customer {rfm.customer_id[good]}: expected purchases {expected:.2f}")
print("90 % interval of the mean:      ", np.quantile(means, [0.05, 0.95]).round(2))
print("90 % predictive interval:       ", drawn.interval(0.9))

# %% [markdown]
# The first interval is narrow because 2,357 customers pin the parameters down; but nobody *buys* a mean. How many
# customers' actual purchases lie in each kind of interval? The holdout knows.

# %%
_, holdout = clv.calibration_holdout(
    clv.load_cdnow("sample"), cutoff="1997-09-30", holdout_end="1998-06-30", spend="spend"
)
position = {identity: place for place, identity in enumerate(holdout.customer_id.tolist())}
actual = holdout.purchases[[position[identity] for identity in rfm.customer_id.tolist()]]
of_mean = np.quantile(
    [fitted.purchase.model.expected_purchases(theta, rfm, 39.0) for theta in fitted.purchase.draws[:500]],
    [0.05, 0.95],
    axis=0,
)
purchases = clv.CLVModel("pareto_nbd", spend=None).fit(rfm, seed=1).forecast("39W", seed=1)
low, high = purchases.columns["purchases_q05"], purchases.columns["purchases_q95"]
print(
    f"inside the 90 % interval of the mean: {np.mean((actual >= of_mean[0]) & (actual <= of_mean[1])):6.1%}"
)
print(f"inside the 90 % predictive interval:  {np.mean((actual >= low) & (actual <= high)):6.1%}")

# %% [markdown]
# An interval of the mean is not wrong; it is an answer to a question nobody in marketing asks. (The predictive one
# holds more than 90 % because purchases are whole numbers: between "0 to 1" and "0 to 2" there is nothing.)
#
# ## A segment: chance averages out, doubt about what all share does not
#
# Totals must be summed draw by draw, because all customers of a draw share its parameters. Adding up the quantiles
# of customers is wrong, and by much:

# %%
draws = forecast.draws
bought = rfm.frequency > 0
for name, members in {
    "20 customers": np.arange(20),
    "repeat buyers": np.flatnonzero(bought),
    "all": slice(None),
}.items():
    total = draws[:, members].sum(axis=1)
    joint = np.quantile(total, [0.05, 0.95])
    added = np.quantile(draws[:, members], [0.05, 0.95], axis=0).sum(axis=1)
    print(
        f"{name:14} mean {total.mean():9,.0f}   joint 90 % {joint[0]:9,.0f} to {joint[1]:9,.0f}"
        f"   quantiles added up {added[0]:7,.0f} to {added[1]:9,.0f}"
    )

# %% [markdown]
# The relative width shrinks as the group grows, but not to nothing:

# %%
sizes = [1, 10, 100, 1000, len(rfm)]
rng = np.random.default_rng(1)
order = rng.permutation(len(rfm))
for size in sizes:
    total = draws[:, order[:size]].sum(axis=1)
    low, high = np.quantile(total, [0.05, 0.95])
    print(f"{size:5,} drawn by lot: half width {(high - low) / 2 / total.mean():6.0%} of the mean")

# %% [markdown]
# ## The total: what moves everybody at once
#
# Here is the total against what came in the 39 weeks after.

# %%
spent = float(holdout.spend.sum())
clv.plots.plot_total(forecast, actual=spent, currency="$")

# %%
low, high = forecast.total.interval(0.9)
where = "inside" if low <= spent <= high else "outside"
print(
    f"forecast {forecast.total.mean:,.0f} ({low:,.0f} to {high:,.0f}), actual {spent:,.0f}: {where} the interval"
)

# %% [markdown]
# The models let customers differ and be lucky, each for themselves. What moves everybody at once, Christmas, a
# recession, a redesign of the shop, is in no model of single customers; left to itself the model is far too sure of a
# total. So every draw holds a shock that all customers share, of the size found across real logs, and both bands are
# drawn. How wide it should be on *your* log, earlier dates can tell (`clv.learn_discrepancy`).

# %%
alone = forecast.total.alone.interval(0.9)
print(f"model only:            {alone[0]:,.0f} to {alone[1]:,.0f}")
print(f"with a shared shock:   {low:,.0f} to {high:,.0f}")

# %% [markdown]
# **Decision.** Show the predictive interval to whoever handles single customers, sum draws (never quantiles) for
# segments, and plan budgets with the wider band of the total.
