"""Fitting: outcomes that are told, smoothed weights against ArviZ, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from quick_methods import QUICK

import clvmodels as clv
from clvmodels.errors import FitStatus
from clvmodels.inference import objective
from clvmodels.inference.objective import build_objective
from clvmodels.inference.psis import smooth_weights
from clvmodels.models import PURCHASE_MODELS, REGISTRY

N = 200


def degenerate_sets() -> dict[str, dict[str, np.ndarray]]:
    """Customers that no purchase model can learn all its parameters from."""
    rng = np.random.default_rng(1)
    last = np.r_[np.zeros(N - 1), 1.0]
    return {
        "everyone once": {"frequency": np.zeros(N), "recency": np.zeros(N), "T": np.linspace(10, 40, N)},
        "one customer": {"frequency": np.array([3]), "recency": np.array([20]), "T": np.array([30])},
        "no churn": {"frequency": rng.poisson(20, N) + 1, "recency": np.full(N, 39.9), "T": np.full(N, 40.0)},
        "one frequency": {
            "frequency": np.full(N, 3),
            "recency": rng.uniform(5, 39, N),
            "T": np.full(N, 40.0),
        },
        "every period": {"frequency": np.full(N, 280), "recency": np.full(N, 40.0), "T": np.full(N, 40.0)},
        "all gone": {"frequency": np.full(N, 5), "recency": np.full(N, 2.0), "T": np.full(N, 400.0)},
        "a giant": {"frequency": 5000 * last, "recency": 39 * last, "T": np.full(N, 40.0)},
    }


@pytest.mark.parametrize("method", QUICK)
@pytest.mark.parametrize("name", PURCHASE_MODELS)
@pytest.mark.parametrize("case", degenerate_sets())
def test_degenerate_data_are_named_and_forecast_all_the_same(case: str, name: str, method: str) -> None:
    columns = degenerate_sets()[case]
    rfm = clv.RFM.from_arrays(**columns, time_unit="W")
    posterior = clv.fit(name, rfm, method=QUICK[method], draws=100)
    assert posterior.status.usable
    if method == "mle":
        assert posterior.status in (FitStatus.AT_BOUNDARY, FitStatus.NOT_IDENTIFIED)
        assert posterior.reason
    expected = posterior.model.expected_purchases(posterior.draws.mean(axis=0), rfm, 52.0)
    seen_rate = columns["frequency"].sum() / columns["T"].sum()
    assert np.all(np.isfinite(expected))
    assert 0 <= expected.mean() < 2 * 52 * max(seen_rate, 1 / columns["T"].sum())


def test_a_boundary_is_named_and_has_no_standard_error() -> None:
    rfm = clv.RFM.from_arrays(**degenerate_sets()["no churn"], time_unit="W")
    posterior = clv.fit("bg_nbd", rfm, method="mle")
    assert posterior.status is FitStatus.AT_BOUNDARY
    assert "a → 0" in posterior.reason
    assert "b → ∞" in str(posterior)
    with pytest.raises(clv.FitError, match="no standard errors"):
        _ = posterior.standard_errors
    posterior.raise_if_failed()


def test_a_parameter_that_rests_on_its_prior_is_named() -> None:
    rfm = clv.RFM.from_arrays(frequency=[3], recency=[20], T=[30], time_unit="W")
    posterior = clv.fit("bg_nbd", rfm, method="map")
    assert posterior.status is FitStatus.NOT_IDENTIFIED
    assert posterior.reason.startswith("a, b:")


def test_failure_is_raised_on_request_only(cdnow_rfm: clv.RFM, monkeypatch: pytest.MonkeyPatch) -> None:
    import clvmodels.inference.mode as mode

    monkeypatch.setattr(mode, "_climb", lambda _, start: start + 3.0)
    posterior = clv.fit("bg_nbd", cdnow_rfm, method="mle")
    assert posterior.status is FitStatus.FAILED
    with pytest.raises(clv.FitError, match=r"BG/NBD, mle: .*(curvature|gradient)"):
        posterior.raise_if_failed()


def test_untrustworthy_weights_are_told(cdnow_rfm: clv.RFM, monkeypatch: pytest.MonkeyPatch) -> None:
    import clvmodels.inference.laplace as laplace

    monkeypatch.setattr(laplace, "smooth_weights", lambda ratios: replace(smooth_weights(ratios), k_hat=0.9))
    posterior = clv.fit("bg_nbd", cdnow_rfm, method="laplace", draws=50)
    assert posterior.status is FitStatus.UNRELIABLE
    assert "intervals may be too narrow" in str(posterior)


def test_a_bent_posterior_is_learned_in_rounds(cdnow_rfm: clv.RFM) -> None:
    bent, plain = (clv.fit(name, cdnow_rfm, seed=1).diagnostics for name in ("pareto_nbd", "bg_nbd"))
    assert bent["rounds"] > 1  # s and beta form a ridge
    assert plain["rounds"] == 1


def test_the_default_posterior_can_be_trusted_on_cdnow(cdnow_rfm: clv.RFM) -> None:
    for name in ("bg_nbd", "pareto_nbd", "gamma_gamma"):
        posterior = clv.fit(name, cdnow_rfm, seed=1)
        assert posterior.status is FitStatus.CONVERGED
        assert posterior.diagnostics["k_hat"] < 0.7
        assert posterior.diagnostics["effective_size"] > 500
        assert posterior.draws.shape == (1000, len(posterior.names))


def test_the_summary_names_interval_and_provenance(cdnow_rfm: clv.RFM) -> None:
    table = clv.fit("bg_nbd", cdnow_rfm, draws=200).summary(level=0.8)
    assert list(table.index) == ["r", "alpha", "a", "b"]
    assert table.attrs["interval"] == "central 80% posterior interval"
    assert table.attrs["data"] == cdnow_rfm.fingerprint()
    assert (table["low"] < table["mean"]).all()
    assert (table["mean"] < table["high"]).all()
    point = clv.fit("bg_nbd", cdnow_rfm, method="mle").summary()
    assert "standard_error" in point.columns


def test_the_log_likelihood_is_not_penalised(cdnow_rfm: clv.RFM) -> None:
    posterior = clv.fit("bg_nbd", cdnow_rfm, method="map")
    by_hand = posterior.model.loglik(posterior.mode, cdnow_rfm).sum()
    assert posterior.loglik == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("name", REGISTRY)
def test_blocks_of_patterns_change_the_last_digits_only(
    cdnow_rfm: clv.RFM, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole = build_objective(REGISTRY[name], cdnow_rfm, with_prior=True)
    z = whole.prior_centre[:, None] + np.random.default_rng(1).normal(0, 0.3, (len(whole.prior_centre), 7))

    def answers() -> list[np.ndarray]:
        value, slope = whole.value_and_grad(z[:, 0])
        return [np.array([value, whole.loglik(z[:, 0])]), slope, whole.log_density(z)]

    wanted, longest, seen = answers(), 97, []
    monkeypatch.setattr(objective, "PATTERNS_AT_ONCE", longest)
    take = clv.RFM.take
    monkeypatch.setattr(clv.RFM, "take", lambda rfm, index: seen.append(take(rfm, index)) or seen[-1])
    for found, right in zip(answers(), wanted, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)
    assert max(map(len, seen)) == longest
    assert sum(map(len, seen)) == 3 * len(whole.patterns)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"method": "mcmc"}, "not one of 'mle', 'map', 'laplace'"),
        ({"draws": 1}, "at least 2"),
    ],
)
def test_options_that_do_not_exist_are_refused(cdnow_rfm: clv.RFM, options: dict, text: str) -> None:
    with pytest.raises(clv.ArgumentError, match=text):
        clv.fit("bg_nbd", cdnow_rfm, **options)


def test_models_that_do_not_exist_are_refused(cdnow_rfm: clv.RFM) -> None:
    with pytest.raises(clv.ArgumentError, match=f"There are {', '.join(sorted(REGISTRY))}"):
        clv.fit("bgnbd", cdnow_rfm)


def test_customers_without_any_time_are_refused() -> None:
    rfm = clv.RFM.from_arrays(frequency=[0, 0], recency=[0, 0], T=[0, 0], time_unit="W")
    with pytest.raises(clv.DataError, match="very end of observation"):
        clv.fit("bg_nbd", rfm)


def test_a_spend_model_without_spend_is_refused() -> None:
    rfm = clv.RFM.from_arrays(frequency=[1, 0], recency=[2, 0], T=[4, 4], time_unit="W")
    with pytest.raises(clv.DataError, match="holds no spend_count"):
        clv.fit("gamma_gamma", rfm)


@pytest.mark.parametrize("tail", [0.3, 0.8, 1.5])
def test_smoothed_weights_agree_with_arviz(tail: float) -> None:
    from arviz_stats.base import array_stats

    log_ratios = tail * np.random.default_rng(3).exponential(
        size=2500
    )  # a whole number of tail draws: ArviZ rounds it down, the paper up
    smoothed = smooth_weights(log_ratios)
    log_weights, k_hat = array_stats.psislw(-log_ratios, r_eff=1.0)  # it takes log-likelihoods
    assert smoothed.k_hat == pytest.approx(float(k_hat), abs=1e-6)
    np.testing.assert_allclose(np.log(smoothed.weights), log_weights, atol=1e-6)


def test_equal_weights_are_left_equal() -> None:
    smoothed = smooth_weights(np.full(400, -7.0))
    np.testing.assert_array_equal(smoothed.weights, np.full(400, 1 / 400))
    assert smoothed.effective_size == pytest.approx(400)


def test_too_few_draws_are_no_evidence() -> None:
    assert smooth_weights(np.array([0.0, 1.0, 2.0])).k_hat == np.inf
    assert smooth_weights(np.array([-3.0])).weights.tolist() == [1.0]


def test_a_few_draws_can_be_asked_for(cdnow_rfm: clv.RFM) -> None:
    """Killed: a first part of the proposals too small to have a tail."""
    for draws in (2, 7):
        posterior = clv.fit("bg_nbd", cdnow_rfm, draws=draws)
        assert posterior.draws.shape == (draws, 4)
        assert posterior.status.usable
