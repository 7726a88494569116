"""Posteriors as ArviZ reads them, and models as PyMC does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quick_methods import QUICK

import clvmodels as clv
from clvmodels.inference import LogNormal, Nuts, Posterior, fit_joint, joint_model, pymc_model
from clvmodels.inference.mode import find_mode
from clvmodels.inference.objective import build_objective
from clvmodels.models import get_model


@pytest.fixture(scope="module")
def customers(cdnow_rfm: clv.RFM) -> clv.RFM:
    """Every eighth customer of the sample."""
    return cdnow_rfm.take(slice(None, None, 8))


@pytest.fixture(scope="module")
def chained(customers: clv.RFM) -> Posterior:
    return clv.fit("bg_nbd", customers, method=QUICK["nuts"], draws=80, seed=1)


def test_the_tree_holds_what_arviz_looks_for(chained: Posterior, customers: clv.RFM) -> None:
    """Killed: chains cut one after the other from interleaved draws."""
    tree = chained.to_arviz(customers)
    groups = ["posterior", "prior", "sample_stats", "log_likelihood", "observed_data", "constant_data"]
    assert list(tree.children) == groups
    assert dict(tree["posterior"].sizes) == {"chain": 2, "draw": 40}
    np.testing.assert_array_equal(tree["posterior"]["alpha"].values[1], chained.draws[1::2, 1])
    np.testing.assert_array_equal(tree["sample_stats"]["energy"].values[0], chained.statistics["energy"][::2])
    np.testing.assert_array_equal(tree["observed_data"]["frequency"], customers.frequency)
    np.testing.assert_array_equal(tree["log_likelihood"]["customer"], customers.customer_id)
    by_hand = chained.model.loglik(chained.draws[3], customers)
    np.testing.assert_allclose(tree["log_likelihood"]["customers"].values[1, 1], by_hand, rtol=1e-10)
    assert tree["posterior"].attrs["data"] == customers.fingerprint()


def test_patterns_carry_weights(chained: Posterior, customers: clv.RFM) -> None:
    tree = chained.to_arviz(customers, by="pattern")
    weights = tree["constant_data"]["weights"].values
    total = (tree["log_likelihood"]["customers"].values * weights).sum(axis=2)
    np.testing.assert_allclose(
        total, chained.to_arviz(customers)["log_likelihood"]["customers"].values.sum(axis=2), rtol=1e-10
    )
    assert weights.sum() == len(customers)
    assert len(weights) < len(customers)


def test_rows_that_stand_for_several_customers_are_told_one_by_one(customers: clv.RFM) -> None:
    patterns, _ = customers.compress()
    posterior = clv.fit("bg_nbd", patterns, draws=40)
    tree = posterior.to_arviz(patterns)
    assert tree["log_likelihood"].sizes["customer"] == len(customers)


def test_the_prior_is_the_one_that_was_stated(customers: clv.RFM) -> None:
    belief = LogNormal.between(0.05, 0.06, time_unit="W")
    posterior = clv.fit("bg_nbd", customers, draws=40, priors={"r / alpha": belief})
    prior = posterior.to_arviz()["prior"]
    rate = np.log((prior["r"] / prior["alpha"]).values)
    assert rate.mean() == pytest.approx(np.log(belief.median), abs=5 * belief.sigma / rate.size**0.5)
    assert rate.std() == pytest.approx(belief.sigma, rel=5 / (2 * rate.size) ** 0.5)


@pytest.mark.parametrize("method", ["laplace", "nuts"])
def test_arviz_works_as_its_users_expect(method: str, customers: clv.RFM, tmp_path: Path) -> None:
    import arviz
    from matplotlib import pyplot as plt

    way = {"laplace": "laplace", "nuts": Nuts(chains=2, tune=100, length=200)}[method]
    fits = {name: clv.fit(name, customers, method=way, draws=400) for name in ("bg_nbd", "pareto_nbd")}
    trees = {name: posterior.to_arviz(customers) for name, posterior in fits.items()}
    tree = trees["bg_nbd"]
    table = arviz.summary(tree)
    assert list(table.index) == ["r", "alpha", "a", "b"]
    assert float(table.loc["r", "mean"]) == pytest.approx(fits["bg_nbd"].draws[:, 0].mean(), rel=0.05)
    found = arviz.loo(tree)
    assert found.n_data_points == len(customers)
    assert set(arviz.compare(trees).index) == set(trees)
    arviz.plot_trace(tree)
    arviz.plot_trace_dist(tree)
    arviz.plot_pair(tree)
    plt.close("all")
    tree.to_netcdf(tmp_path / "fit.nc")
    again = arviz.from_netcdf(tmp_path / "fit.nc")
    np.testing.assert_array_equal(again["posterior"]["r"].values, tree["posterior"]["r"].values)
    again.close()


def test_what_arviz_cannot_read_is_refused(chained: Posterior, customers: clv.RFM) -> None:
    with pytest.raises(clv.ArgumentError, match="single draw"):
        clv.fit("bg_nbd", customers, method="map").to_arviz()
    with pytest.raises(clv.ArgumentError, match="not one of customer, pattern"):
        chained.to_arviz(customers, by="row")
    with pytest.raises(clv.ArgumentError, match="not fitted to these customers"):
        chained.to_arviz(customers.take(slice(0, 9)))
    halves = clv.RFM.from_arrays(
        frequency=[1, 0, 3], recency=[2, 0, 5], T=[8, 8, 9], weights=[1, 2.5, 1], time_unit="W"
    )
    with pytest.raises(clv.ArgumentError, match="broken number"):
        clv.fit("bg_nbd", halves, draws=40).to_arviz(halves)


@pytest.mark.parametrize("name", ["pareto_nbd", "gamma_gamma"])
def test_the_pymc_model_is_the_posterior(name: str, customers: clv.RFM) -> None:
    """Killed: the prior counted twice; the Jacobian of the whitening left out."""
    objective = build_objective(get_model(name), customers, with_prior=True)
    mode = find_mode(objective)
    model = pymc_model(objective)
    logp, dlogp = (model.compile_fn(graph, mode="FAST_COMPILE") for graph in (model.logp(), model.dlogp()))
    (latent,) = model.value_vars
    w = 0.2 * np.random.default_rng(2).normal(size=(4, len(mode.z)))
    z = mode.z + w @ np.linalg.cholesky(mode.covariance).T
    found = [float(logp({latent.name: point})) for point in w]
    np.testing.assert_allclose(np.diff(found), np.diff(objective.log_density(z.T)), atol=1e-6)
    slope = dlogp({latent.name: w[0]})
    expected = objective.value_and_grad(z[0])[1] @ np.linalg.cholesky(mode.covariance) * objective.customers
    np.testing.assert_allclose(slope, expected, atol=1e-6)


def test_both_parts_are_sampled_in_the_same_chains(customers: clv.RFM) -> None:
    way = Nuts(chains=2, tune=150, length=300)
    purchase, spend = fit_joint("bg_nbd", "gamma_gamma", customers, method=way, draws=600, seed=1)
    assert purchase.draws.shape == (600, 4)
    assert spend.draws.shape == (600, 3)
    np.testing.assert_array_equal(purchase.statistics["energy"], spend.statistics["energy"])
    for name, posterior in (("bg_nbd", purchase), ("gamma_gamma", spend)):
        alone = clv.fit(name, customers, draws=2000, seed=3)
        error = np.log(alone.draws).std(axis=0) / posterior.diagnostics["ess_bulk"] ** 0.5
        away = np.log(posterior.draws).mean(axis=0) - np.log(alone.draws).mean(axis=0)
        assert np.all(np.abs(away) < 5 * error)
        assert posterior.provenance["method"] == "nuts"


def test_the_joint_model_can_be_extended(customers: clv.RFM) -> None:
    import pymc

    with joint_model("bg_nbd", "gamma_gamma", customers) as model:
        pymc.Deterministic("money per week", model["r"] / model["alpha"] * model["p"] * model["gamma"])
    assert {"r", "alpha", "a", "b", "p", "q", "gamma", "money per week"} <= set(model.named_vars)
    assert [variable.name for variable in model.potentials] == ["loglik_bg_nbd", "loglik_gamma_gamma"]
