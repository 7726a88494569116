"""Comparing models: leaving one out and WAIC against ArviZ and by hand, and what cannot be compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels.contracts import Param
from clvmodels.errors import FitStatus
from clvmodels.inference import Posterior, compare, likelihood_ratio
from clvmodels.inference.comparison import leave_one_out, spread_of_sum, waic
from clvmodels.models import get_model

DRAWS = 400  # a fifth of them is a whole number of tail draws, which ArviZ and the paper round differently


@pytest.fixture(scope="module")
def customers(cdnow_rfm: clv.RFM) -> clv.RFM:
    """Every eighth customer of the sample."""
    return cdnow_rfm.take(slice(None, None, 8))


@pytest.fixture(scope="module")
def fits(customers: clv.RFM) -> dict[str, Posterior]:
    return {name: clv.fit(name, customers, draws=DRAWS, seed=1) for name in ("bg_nbd", "pareto_nbd")}


def test_the_table_agrees_with_arviz_on_expanded_weights(
    fits: dict[str, Posterior], customers: clv.RFM
) -> None:
    """Killed: weights left out of the sum; weights left out of the variance; the sign of the log ratios."""
    from arviz_stats import compare as arviz_compare
    from arviz_stats import loo

    table = compare(fits, customers)
    trees = {name: posterior.to_arviz(customers) for name, posterior in fits.items()}
    single = {name: loo(tree, reff=1.0) for name, tree in trees.items()}
    both = arviz_compare(single, round_to="none")
    assert list(table.index) == list(both.index)
    for name, row in table.iterrows():
        assert row["elpd_loo"] == pytest.approx(single[name].elpd, rel=1e-6)
        assert row["se"] == pytest.approx(single[name].se, rel=1e-6)
        assert row["p_loo"] == pytest.approx(single[name].p, rel=1e-4)
        assert row["k_hat"] == pytest.approx(float(single[name].pareto_k.max()), abs=1e-5)
    assert table["difference"].iloc[0] == table["difference_se"].iloc[0] == 0
    difference = abs(both["elpd_diff"].iloc[1])
    assert table["difference"].iloc[1] == pytest.approx(difference, rel=1e-4, abs=1e-6)
    bessel = np.sqrt(len(customers) / (len(customers) - 1))  # ArviZ has it in se but not in dse
    assert table["difference_se"].iloc[1] == pytest.approx(bessel * both["dse"].iloc[1], rel=1e-4)
    assert not table["warning"].str.contains("LOO").any()
    assert table.attrs["customers"] == len(customers)


def test_leaving_one_out_agrees_with_fitting_without_it() -> None:
    """A normal mean with known variance, where the predictive density of the left out is known exactly."""
    rng = np.random.default_rng(8)
    values, weights = np.array([-1.2, 0.1, 0.9]), np.array([6.0, 20.0, 9.0])
    total = weights.sum()
    mean = weights @ values / total
    mu = rng.normal(mean, total**-0.5, size=20_000)
    loglik = stats.norm.logpdf(values, mu[:, None], 1.0)
    without = (mean * total - values) / (total - 1)
    exact = stats.norm.logpdf(values, without, np.sqrt(1 + 1 / (total - 1)))
    found = leave_one_out(loglik, weights)
    np.testing.assert_allclose(found.elpd, exact, atol=0.003)
    assert found.total == pytest.approx(float(weights @ exact), abs=0.05)
    assert found.doubt.max() < 0.5
    np.testing.assert_allclose(waic(loglik, weights).elpd, exact, atol=0.01)
    parameters = weights @ (values - mean) ** 2 / total  # one, times the data's variance over the model's
    assert weights @ waic(loglik, weights).penalty == pytest.approx(parameters, rel=0.1)


def test_the_spread_of_a_sum_counts_weights_as_customers() -> None:
    values, weights = np.array([1.0, 2.0, 5.0]), np.array([3.0, 1.0, 2.0])
    each = np.repeat(values, weights.astype(int))
    assert spread_of_sum(values, weights) == pytest.approx(np.sqrt(len(each) * each.var(ddof=1)))


def test_customers_who_say_nothing_leave_no_trace(customers: clv.RFM) -> None:
    """Killed: the spread between customers taken over those whom a spend model does not read."""
    buyers = customers.take(np.flatnonzero(customers.spend_count > 0))
    tables = []
    for rfm in (customers, buyers):
        one = clv.fit("gamma_gamma", rfm, draws=DRAWS, seed=1)
        tables.append(compare({"one": one, "again": one}, rfm))
    np.testing.assert_allclose(tables[0]["se"], tables[1]["se"], rtol=1e-6)
    np.testing.assert_allclose(tables[0]["elpd_loo"], tables[1]["elpd_loo"], rtol=1e-6)


def test_compressed_customers_compare_as_they_were(fits: dict[str, Posterior], customers: clv.RFM) -> None:
    patterns, _ = customers.compress()
    again = {name: clv.fit(name, patterns, draws=DRAWS, seed=1) for name in fits}
    table = compare(again, patterns).drop(columns="warning")
    np.testing.assert_allclose(table, compare(fits, customers).drop(columns="warning"), rtol=1e-9)


def test_what_cannot_be_believed_is_said(fits: dict[str, Posterior], customers: clv.RFM) -> None:
    wild = replace(
        fits["bg_nbd"], draws=fits["bg_nbd"].draws ** np.array([3, 3, 1, 1]), status=FitStatus.UNRELIABLE
    )
    warning = compare({"wild": wild, "tame": fits["pareto_nbd"]}, customers).loc["wild", "warning"]
    assert warning.startswith("unreliable; LOO rests on")
    assert "WAIC rests on" in warning


def test_likelihood_fits_are_compared_by_aic(customers: clv.RFM) -> None:
    fits = {name: clv.fit(name, customers, method="mle") for name in ("bg_nbd", "pareto_nbd")}
    table = compare(fits, customers)
    best = table.index[0]
    assert table.loc[best, "aic"] == pytest.approx(8 - 2 * fits[best].loglik)
    assert table.loc[best, "bic"] == pytest.approx(4 * np.log(len(customers)) - 2 * fits[best].loglik)
    assert table["difference"].iloc[1] == pytest.approx(table["aic"].iloc[1] - table["aic"].iloc[0])
    assert table.attrs["criterion"].startswith("Akaike")


def test_criteria_of_likelihood_need_the_largest_likelihood(
    fits: dict[str, Posterior], customers: clv.RFM
) -> None:
    for posterior in (fits["bg_nbd"], clv.fit("bg_nbd", customers, method="map")):
        with pytest.raises(clv.FitError, match="method='mle'"):
            _ = posterior.aic
        with pytest.raises(clv.FitError, match="largest likelihood"):
            _ = posterior.bic


def test_what_cannot_be_compared_is_refused(fits: dict[str, Posterior], customers: clv.RFM) -> None:
    spend = clv.fit("gamma_gamma", customers, draws=50)
    best = clv.fit("bg_nbd", customers, method="mle")
    others = clv.fit("bg_nbd", customers.take(slice(0, 100)), draws=50)
    refits = replace(fits["bg_nbd"], method="bootstrap")
    for wrong, text in [
        ({}, "0 posterior given"),
        ({"spend": spend}, "compare like with like"),
        ({"best": best}, "some fits have draws"),
        ({"others": others}, "others was not fitted to these customers"),
        ({"refits": refits}, "refits was fitted by 'bootstrap'"),
    ]:
        with pytest.raises(clv.ArgumentError, match=text):
            compare({**(fits if wrong else {}), **wrong}, customers)


@dataclass(frozen=True)
class FixedB:
    """BG/NBD with b held at a value: a special case of it."""

    b: float
    name: str = "fixed_b"
    title: str = "BG/NBD with b fixed"
    needs: tuple[str, ...] = ("frequency", "recency", "T")

    @property
    def params(self) -> tuple[Param, ...]:
        return get_model("bg_nbd").params[:3]

    def _whole(self, theta: np.ndarray) -> np.ndarray:
        return np.concatenate([theta, np.full((1, *theta.shape[1:]), self.b)])

    def loglik(self, theta: np.ndarray, rfm: clv.RFM) -> Any:
        return get_model("bg_nbd").loglik(self._whole(theta), rfm)

    def loglik_grad(self, theta: np.ndarray, rfm: clv.RFM) -> Any:
        value, slope = get_model("bg_nbd").loglik_grad(self._whole(theta), rfm)
        return value, slope[:3]


def test_a_special_case_is_tested_against_the_whole(cdnow_rfm: clv.RFM) -> None:
    whole = clv.fit("bg_nbd", cdnow_rfm, method="mle")
    near, far = (clv.fit(FixedB(b), cdnow_rfm, method="mle") for b in (whole.params["b"], 60.0))
    same, other = likelihood_ratio(near, whole), likelihood_ratio(far, whole)
    assert same.p_value == pytest.approx(1, abs=1e-3)
    assert other.degrees == 1
    assert other.p_value == pytest.approx(stats.chi2.sf(2 * (whole.loglik - far.loglik), 1))
    assert likelihood_ratio(far, whole, on_boundary=True).p_value == pytest.approx(other.p_value / 2)


def test_what_is_not_nested_is_refused(cdnow_rfm: clv.RFM, customers: clv.RFM) -> None:
    bg, pareto = (clv.fit(name, cdnow_rfm, method="mle") for name in ("bg_nbd", "pareto_nbd"))
    part = clv.fit(FixedB(3.0), cdnow_rfm, method="mle")
    with pytest.raises(clv.ArgumentError, match="no special case"):
        likelihood_ratio(bg, pareto)
    with pytest.raises(clv.ArgumentError, match="no special case"):
        likelihood_ratio(part, replace(bg, loglik=part.loglik - 1))
    with pytest.raises(clv.ArgumentError, match="different customers"):
        likelihood_ratio(clv.fit(FixedB(3.0), customers, method="mle"), bg)
    with pytest.raises(clv.ArgumentError, match="fits by 'mle' that converged"):
        likelihood_ratio(part, clv.fit("bg_nbd", cdnow_rfm, method="map"))
    with pytest.raises(clv.ArgumentError, match="one parameter, and 2 are fixed"):
        likelihood_ratio(replace(part, mode=part.mode[:2]), bg, on_boundary=True)
