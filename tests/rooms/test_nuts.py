"""NUTS: what its chains say, the same bytes from the same seed, and what it declines."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from logs import in_money
from quick_methods import QUICK

import clvmodels as clv
from clvmodels.errors import FitStatus
from clvmodels.inference import METHODS, chains, laplace
from clvmodels.inference.mode import find_mode
from clvmodels.inference.nuts import Nuts
from clvmodels.inference.objective import build_objective
from clvmodels.inference.psis import smooth_weights
from clvmodels.inference.whitening import whiten
from clvmodels.models import REGISTRY, get_model

SHORT = Nuts(chains=2, tune=150, length=300)


@pytest.fixture(scope="module")
def customers(cdnow_rfm: clv.RFM) -> clv.RFM:
    """Every eighth customer of the sample."""
    return cdnow_rfm.take(slice(None, None, 8))


@pytest.mark.parametrize("name", REGISTRY)
def test_chains_and_importance_weights_find_the_same_posterior(name: str, customers: clv.RFM) -> None:
    """Killed: the prior left out of what the chains see; a root that is not transposed in the gradient."""
    chained = clv.fit(name, customers, method=Nuts(chains=2, tune=200, length=600), draws=1200, seed=1)
    weighed = clv.fit(name, customers, method="laplace", draws=4000, seed=2)
    here, there = np.log(chained.draws), np.log(weighed.draws)
    effective = np.array([chained.diagnostics["ess_bulk"], weighed.diagnostics["effective_size"]])
    error = np.hypot(here.std(axis=0) / effective[0] ** 0.5, there.std(axis=0) / effective[1] ** 0.5)
    assert effective[0] > 150
    assert np.all(np.abs(here.mean(axis=0) - there.mean(axis=0)) < 4 * error)
    np.testing.assert_allclose(here.std(axis=0), there.std(axis=0), rtol=4 / (2 * effective[0]) ** 0.5)


def test_the_same_seed_gives_the_same_bytes_however_many_chains_run_at_once(customers: clv.RFM) -> None:
    shuffled = customers.take(np.random.default_rng(5).permutation(len(customers)))
    one = clv.fit(
        "pareto_nbd", customers, method=replace(SHORT, tune=60, length=60, cores=1), draws=100, seed=4
    )
    two = clv.fit(
        "pareto_nbd", shuffled, method=replace(SHORT, tune=60, length=60, cores=2), draws=100, seed=4
    )
    other = clv.fit(
        "pareto_nbd", customers, method=replace(SHORT, tune=60, length=60, cores=2), draws=100, seed=5
    )
    assert one.draws.tobytes() == two.draws.tobytes()
    assert not np.any(one.draws == other.draws)


@pytest.mark.parametrize("name", REGISTRY)
def test_what_the_chains_climb_knows_no_units(name: str, customers: clv.RFM) -> None:
    """Trajectories amplify the last bits of the mode, so what they see is compared instead of where they go."""
    times = {"recency": customers.recency * 604_800, "T": customers.T * 604_800}
    seconds = replace(in_money(customers, 100), **times)
    w = np.random.default_rng(7).normal(size=(5, len(REGISTRY[name].params)))
    seen = []
    for rfm in (customers, seconds):
        objective = build_objective(get_model(name), rfm, with_prior=True)
        part = whiten(objective, find_mode(objective))
        values = [part.value_and_grad(point) for point in w]
        seen.append((np.diff([value for value, _ in values]), [slope for _, slope in values]))
    np.testing.assert_allclose(seen[0][0], seen[1][0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(seen[0][1], seen[1][1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", REGISTRY)
def test_whitened_gradients_are_those_of_whitened_values(name: str, customers: clv.RFM) -> None:
    objective = build_objective(get_model(name), customers, with_prior=True)
    part = whiten(objective, find_mode(objective))
    w = np.full(len(part.centre), 0.3)
    _, slope = part.value_and_grad(w)
    steps = 1e-4 * np.eye(len(w))
    numeric = [(part.value_and_grad(w + s)[0] - part.value_and_grad(w - s)[0]) / 2e-4 for s in steps]
    np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(part.z(w[:, None])[:, 0], part.centre + part.root @ w)


def test_a_head_of_the_draws_holds_every_chain(customers: clv.RFM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed: chains one after the other, so that a forecast with few draws saw only the first."""

    def numbered(parts: list, plan: chains.Plan) -> chains.Chains:
        z = np.arange(plan.chains)[:, None] + np.arange(plan.length) / 1000
        return chains.Chains([np.repeat(z[None], 4, axis=0)], {"diverging": z > 99, "energy": z})

    monkeypatch.setattr("clvmodels.inference.nuts.SAMPLERS", {"nutpie": numbered})
    posterior = clv.fit("bg_nbd", customers, method=Nuts(chains=3, length=100), draws=30)
    energy = posterior.statistics["energy"]
    np.testing.assert_array_equal(energy[:6].astype(int), [0, 1, 2, 0, 1, 2])
    np.testing.assert_allclose(
        energy[::3], np.arange(9, 100, 10) / 1000
    )  # ten evenly spaced, the last included
    assert posterior.chains == 3
    assert len(posterior.draws) == 30


def test_the_number_of_draws_is_rounded_up_to_the_chains(customers: clv.RFM) -> None:
    posterior = clv.fit("bg_nbd", customers, method=QUICK["nuts"], draws=101)
    assert len(posterior.draws) == 102


def test_short_chains_are_not_believed_and_the_way_out_is_named(customers: clv.RFM) -> None:
    posterior = clv.fit("bg_nbd", customers, method=QUICK["nuts"], draws=40)
    assert posterior.status is FitStatus.UNRELIABLE
    assert "too few effective draws" in posterior.reason
    assert "Nuts(length=160)" in posterior.reason
    assert "r_hat" in str(posterior)


@pytest.mark.parametrize(
    ("plant", "text"),
    [
        ({"diverging": 3}, r"3 divergent transitions.*target_accept"),
        ({"apart": 5.0}, r"the chains disagree \(R-hat"),
        ({}, "^$"),
    ],
)
def test_what_chains_may_get_wrong_is_told(
    plant: dict, text: str, customers: clv.RFM, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planted(parts: list, plan: chains.Plan) -> chains.Chains:
        shape = (len(parts[0].centre), plan.chains, plan.length)
        z = np.random.default_rng(1).normal(size=shape)
        z[:, 0] += plant.get("apart", 0.0)
        diverging = np.arange(plan.chains * plan.length).reshape(shape[1:]) < plant.get("diverging", 0)
        return chains.Chains([z], {"diverging": diverging})

    monkeypatch.setattr("clvmodels.inference.nuts.SAMPLERS", {"nutpie": planted})
    posterior = clv.fit("bg_nbd", customers, method=Nuts(chains=2), draws=100)
    assert posterior.status is (FitStatus.UNRELIABLE if plant else FitStatus.CONVERGED)
    assert re.search(text, posterior.reason)


def test_a_boundary_is_declined_with_its_reason() -> None:
    n = 200
    rfm = clv.RFM.from_arrays(frequency=np.zeros(n), recency=np.zeros(n), T=np.full(n, 40.0), time_unit="W")
    objective = build_objective(get_model("bg_nbd"), rfm, with_prior=True)
    mode = replace(find_mode(objective), covariance=None, status=FitStatus.AT_BOUNDARY, reason="a → 0")
    drawn = Nuts().draw(objective, mode, 100, 0)
    assert drawn.z.shape == (4, 1)
    assert drawn.status is FitStatus.AT_BOUNDARY
    assert drawn.reason.startswith("a → 0; nuts did not start")
    with pytest.raises(clv.FitError, match="no curvature"):
        whiten(objective, mode)


def test_points_without_a_value_are_walked_around() -> None:
    """Killed: a NaN of the likelihood handed to the sampler's arithmetic."""

    class Half:
        centre = np.zeros(1)

        def value_and_grad(self, w: np.ndarray) -> tuple[float, np.ndarray]:
            return (-0.5 * float(w @ w), -w) if w[0] < 1 else (np.nan, np.full(1, np.nan))

        def z(self, w: np.ndarray) -> np.ndarray:
            return w

    run = chains.run_nutpie([Half()], chains.Plan(2, 100, 200, 0.8, None, 1))
    assert run.z[0].max() < 1
    assert run.statistics["diverging"].any()


def test_a_sampler_that_stops_says_so(customers: clv.RFM, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise RuntimeError("no point to start from\nand a long trace")

    monkeypatch.setattr("clvmodels.inference.nuts.SAMPLERS", {"nutpie": stop})
    posterior = clv.fit("bg_nbd", customers, method="nuts")
    assert posterior.status is FitStatus.UNRELIABLE
    assert "nuts stopped (no point to start from)" in posterior.reason


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"chains": 0}, "chains=0"),
        ({"tune": 3}, "tune=3"),
        ({"length": 5}, "at least 20"),
        ({"cores": 0}, "cores=0"),
        ({"target_accept": 1.0}, "between 0 and 1"),
        ({"sampler": "stan"}, "not one of 'nutpie', 'pymc'"),
    ],
)
def test_settings_outside_their_range_are_refused(options: dict, text: str) -> None:
    with pytest.raises(clv.ArgumentError, match=text):
        Nuts(**options)


def test_pymc_samples_the_same_posterior_with_its_own_sampler(customers: clv.RFM) -> None:
    chained = clv.fit("bg_nbd", customers, method=Nuts(2, 100, 150, sampler="pymc"), draws=300, seed=3)
    weighed = clv.fit("bg_nbd", customers, method="laplace", draws=2000, seed=2)
    error = np.log(weighed.draws).std(axis=0) / chained.diagnostics["ess_bulk"] ** 0.5
    assert np.all(np.abs(np.log(chained.draws).mean(axis=0) - np.log(weighed.draws).mean(axis=0)) < 5 * error)
    assert set(chained.statistics) == {"diverging", "energy", "n_steps", "step_size"}


def test_the_registered_method_can_be_believed() -> None:
    assert METHODS["nuts"] == Nuts(
        chains=4, tune=500, length=1000, cores=1, target_accept=0.9, sampler="nutpie"
    )


def test_laplace_hands_over_what_it_cannot_draw_and_says_so(
    customers: clv.RFM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laplace, "smooth_weights", lambda ratios: replace(smooth_weights(ratios), k_hat=0.9))
    alone = clv.fit("bg_nbd", customers, method="laplace", draws=100)
    helped = clv.fit("bg_nbd", customers, method=laplace.Laplace(fallback=QUICK["nuts"]), draws=100)
    direct = clv.fit("bg_nbd", customers, method=QUICK["nuts"], draws=100)
    assert alone.status is FitStatus.UNRELIABLE
    assert helped.draws.tobytes() == direct.draws.tobytes()
    assert helped.reason.endswith(
        "drawn by nuts, since in laplace Pareto k is 0.90, above 0.7, so intervals may be too narrow"
    )
    assert helped.method == helped.provenance["method"] == "laplace, nuts"
    assert helped.diagnostics["k_hat"] == 0.9
    assert "nutpie" in helped.provenance["versions"]


def test_laplace_keeps_what_it_can_draw(customers: clv.RFM) -> None:
    kept = clv.fit("bg_nbd", customers, method=laplace.Laplace(fallback=QUICK["nuts"]), draws=100)
    assert kept.draws.tobytes() == clv.fit("bg_nbd", customers, method="laplace", draws=100).draws.tobytes()
    assert kept.method == "laplace"


def test_few_effective_draws_are_not_believed(customers: clv.RFM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        laplace, "smooth_weights", lambda ratios: replace(smooth_weights(ratios), effective_size=4.0)
    )
    posterior = clv.fit("bg_nbd", customers, method="laplace", draws=100)
    assert posterior.status is FitStatus.UNRELIABLE
    assert "the effective size is 4 for 100 draws" in posterior.reason


def test_a_saved_fit_keeps_its_chains(customers: clv.RFM, tmp_path: Path) -> None:
    fitted = clv.CLVModel("bg_nbd", spend=None).fit(customers, method=QUICK["nuts"], draws=80)
    again = clv.load_fit(clv.save_fit(fitted, tmp_path / "fit")).purchase
    assert again.chains == 2
    for name, values in fitted.purchase.statistics.items():
        np.testing.assert_array_equal(again.statistics[name], values)
