# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 4. A Bayesian workflow
#
# **Question.** The default fit takes a second and calls itself a posterior. When may we trust it, how do we put in
# what we know, and which model do the data prefer?

# %%
import arviz_stats as az
import numpy as np
import pandas as pd

import clvmodels as clv

rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")

# %% [markdown]
# ## 1. What the priors say before any data
#
# The defaults are weak, and stated in scales of the data (mean age, mean spend), so they mean the same in weeks and
# minutes. Draw whole customer bases from them and see whether ours would be a surprise.

# %%
prior = clv.prior_predictive("pareto_nbd", rfm, draws=100, customers=300, seed=1)
clv.plots.plot_prior_predictive(prior)

# %% [markdown]
# Very wide, and that is the intention. If the business knows more, it can say so in its own words; nobody thinks in
# `alpha` and `beta`.

# %%
known = clv.business_priors("pareto_nbd", purchases_per_year=(1, 6), lifetime_years=(0.2, 2))
informed = clv.prior_predictive("pareto_nbd", rfm, priors=known, draws=100, customers=300, seed=1)
clv.plots.plot_prior_predictive(informed)

# %% [markdown]
# ## 2. Three ways to the posterior
#
# `laplace` draws from a normal approximation at the mode and reweights the draws by the true density; `k_hat` judges
# how well that went (below 0.7 is good). `nuts` runs Markov chains, is what the others are judged by, and takes
# longer. `mle` is the optimum alone.

# %%
laplace = clv.fit("pareto_nbd", rfm, method="laplace", priors=known, seed=1)
laplace

# %%
nuts = clv.fit("pareto_nbd", rfm, method=clv.Nuts(chains=2, tune=500, length=1500), priors=known, seed=1)
nuts

# %%
columns = ["low", "high"]
pd.concat({"laplace": laplace.summary()[columns], "nuts": nuts.summary()[columns]}, axis=1).round(3)

# %% [markdown]
# The approximation agrees with the chains, in a fraction of the time. This is checked for every model in simulated
# worlds (simulation-based calibration: the page *Are the intervals right?*).
#
# ## 3. Diagnostics
#
# The fit opens in ArviZ as any other.

# %%
tree = nuts.to_arviz(rfm)
az.summary(tree, kind="diagnostics")

# %%
print(f"divergences: {int(tree['sample_stats']['diverging'].sum())}")

# %% [markdown]
# What do the parameters say about customers? The rates at which they buy, as the model sees them:

# %%
clv.plots.plot_heterogeneity(nuts)

# %% [markdown]
# ## 4. Which model?
#
# By what it says of a customer it has not seen (LOO). Differences come with their standard error.

# %%
fits = {name: clv.fit(name, rfm, seed=1) for name in ("pareto_nbd", "bg_nbd", "mbg_nbd")}
clv.compare(fits, rfm).round(2)

# %% [markdown]
# ## 5. Simulation-based calibration, in small
#
# Draw parameters from the prior, customers from the parameters, fit, and look where the truth lies among the draws.
# If all is right the ranks are uniform. `make sbc` does it with hundreds of worlds and all models; here are twelve,
# enough to see how it goes.

# %%
ranks = []
centre = {"r": 1, "alpha": 10, "s": 1, "beta": 15}  # times in weeks
priors = {
    name: clv.LogNormal(median, 0.3, unit_free=False, time_unit="W" if name in ("alpha", "beta") else None)
    for name, median in centre.items()
}
truths = np.exp(np.random.default_rng(5).normal(np.log(list(centre.values())), 0.3, (12, 4)))
for seed, truth in enumerate(truths):
    parameters = dict(zip(centre, truth.tolist(), strict=True))
    world = clv.simulate("pareto_nbd", parameters, customers=300, weeks=60, spend=None, seed=seed)
    posterior = clv.fit("pareto_nbd", clv.rfm_summary(world), priors=priors, seed=seed, draws=200)
    ranks.append((posterior.draws < truth).mean(axis=0))
print("share of draws below the truth, by parameter, over twelve worlds")
print(np.sort(np.round(ranks, 2), axis=0).T)

# %% [markdown]
# **Decision.** Use `laplace` by default and look at its `k_hat`; use `nuts` when the status says *unreliable*, and
# for the final numbers of a paper. State priors in business terms or leave the defaults. Choose between models by
# LOO only if the difference is several standard errors; else by the backtest, which asks the question that matters.
