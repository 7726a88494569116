"""Priors: what is stated is what holds, in any units; what is not stated is left alone; nonsense is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import clvmodels as clv
from clvmodels import LogNormal, plots
from clvmodels.inference.objective import build_objective
from clvmodels.inference.priors import build_prior, default_prior, exponents
from clvmodels.models import PURCHASE_MODELS, REGISTRY, get_model

PARETO = get_model("pareto_nbd")
UNIT = np.array([1.0, 30.0, 1.0, 30.0])
RATE = LogNormal.between(0.05, 0.3, time_unit="W")


def log_moments(
    model: str, priors: dict[str, LogNormal], key: str, unit: np.ndarray = UNIT
) -> tuple[float, float]:
    """Median and sigma of a product of parameters under the prior that was built."""
    chosen = get_model(model)
    prior, c = build_prior(chosen, priors, unit, "W"), exponents(chosen, key)
    return float(np.exp(c @ (prior.mean + np.log(unit)))), float(np.sqrt(c @ prior.covariance @ c))


def test_without_beliefs_the_prior_is_that_of_the_parameters() -> None:
    for model in REGISTRY.values():
        prior = build_prior(model, None, np.ones(len(model.params)), "W")
        np.testing.assert_array_equal(prior.mean, np.log([param.prior_median for param in model.params]))
        np.testing.assert_allclose(prior.sigma, [param.prior_sigma for param in model.params], rtol=1e-15)


@pytest.mark.parametrize(
    "priors",
    [
        {"r": LogNormal(0.7, 0.4)},
        {"alpha": LogNormal.between(3, 40, time_unit="W")},
        {"r / alpha": RATE},
        {
            "r / alpha": RATE,
            "beta / s": LogNormal.between(10, 400, 0.8, time_unit="W"),
            "s": LogNormal(2, 0.1),
        },
    ],
)
def test_the_prior_says_of_each_stated_quantity_what_was_stated(priors: dict[str, LogNormal]) -> None:
    """Killed: the stated belief multiplied onto the default, which pulls it towards the default."""
    for key, belief in priors.items():
        expected = belief.median * (
            float(np.exp(exponents(PARETO, key) @ np.log(UNIT))) if belief.unit_free else 1
        )
        median, sigma = log_moments("pareto_nbd", priors, key)
        assert median == pytest.approx(expected, rel=1e-12)
        assert sigma == pytest.approx(belief.sigma, rel=1e-12)


def test_what_is_not_stated_stays_as_it_was() -> None:
    """Given the stated ratio, everything else is as under the default. Killed: Σ' without the default's share."""
    prior, default = build_prior(PARETO, {"r / alpha": RATE}, UNIT, "W"), default_prior(PARETO)
    np.testing.assert_array_equal(prior.covariance[2:], default.covariance[2:])
    np.testing.assert_array_equal(prior.mean[2:], default.mean[2:])
    c = exponents(PARETO, "r / alpha")
    leftover = np.eye(4) - np.outer(default.covariance @ c, c) / (c @ default.covariance @ c)
    np.testing.assert_allclose(
        leftover @ prior.covariance @ leftover.T, leftover @ default.covariance @ leftover.T, atol=1e-14
    )
    np.testing.assert_allclose(prior.precision @ prior.covariance, np.eye(4), atol=1e-12)


def test_a_stated_parameter_leaves_the_others_alone() -> None:
    prior = build_prior(PARETO, {"r": LogNormal(0.7, 0.4)}, UNIT, "W")
    np.testing.assert_allclose(prior.sigma, [0.4, 2.0, 1.5, 2.0], rtol=1e-14)
    np.testing.assert_allclose(np.exp(prior.mean), [0.7, 1.0, 1.0, 1.0], rtol=1e-14)


def test_slope_and_draws_belong_to_the_density(rng: np.random.Generator) -> None:
    """Killed: a slope with the covariance in place of the precision."""
    prior = build_prior(PARETO, {"r / alpha": RATE}, UNIT, "W")
    z = rng.normal(size=4)
    numeric = [
        (prior.log_density(z + 1e-5 * axis) - prior.log_density(z - 1e-5 * axis)) / 2e-5 for axis in np.eye(4)
    ]
    np.testing.assert_allclose(prior.slope(z), numeric, rtol=1e-7)
    draws = prior.sample(40_000, rng)
    distance = np.einsum(
        "ps,pq,qs->s", *[(draws.T - prior.mean).T, prior.precision, (draws.T - prior.mean).T]
    )
    assert distance.mean() == pytest.approx(4, abs=5 * np.sqrt(8 / 40_000))  # chi-square of 4, n = 40,000


@pytest.mark.parametrize("method", ["map", "laplace", "bootstrap"])
def test_a_belief_in_weeks_is_the_same_in_days_and_dollars_the_same_in_cents(
    method: str, cdnow_rfm: clv.RFM
) -> None:
    """Killed: the belief's own time unit ignored."""
    weeks = cdnow_rfm.take(slice(None, None, 8))
    days = replace(
        weeks,
        recency=weeks.recency * 7,
        T=weeks.T * 7,
        monetary_value=weeks.monetary_value * 100,
        time_unit="D",
    )
    purchase = clv.business_priors("bg_nbd", purchases_per_year=(20, 25), lifetime_purchases=(3, 4))
    cases = [
        ("bg_nbd", purchase, purchase, [1, 7, 1, 1]),
        (
            "gamma_gamma",
            clv.business_priors("gamma_gamma", spend_per_purchase=(80, 90)),
            clv.business_priors("gamma_gamma", spend_per_purchase=(8000, 9000)),
            [1, 1, 100],
        ),
    ]
    for model, here, there, scale in cases:
        one = clv.fit(model, weeks, method=method, priors=here, draws=50)
        other = clv.fit(model, days, method=method, priors=there, draws=50)
        np.testing.assert_allclose(other.draws, one.draws * scale, rtol=1e-6)


def test_strong_beliefs_move_the_fit_and_weak_ones_do_not(cdnow_rfm: clv.RFM) -> None:
    def rate(priors: dict[str, LogNormal] | None) -> float:
        params = clv.fit("pareto_nbd", cdnow_rfm, method="map", priors=priors).params
        return params["r"] / params["alpha"] * 365.25 / 7

    assert rate(clv.business_priors("pareto_nbd", purchases_per_year=(11.9, 12.1))) == pytest.approx(
        12, rel=0.02
    )
    assert rate(clv.business_priors("pareto_nbd", purchases_per_year=(0.1, 100))) == pytest.approx(
        rate(None), rel=0.01
    )


def test_business_words_are_the_models_own_facts() -> None:
    """The stated quantities, computed by the models themselves. Killed: a year of 52 weeks; b / a without the 1."""
    month = 365.25 / 12
    priors = clv.business_priors("pareto_nbd", purchases_per_year=(6, 6.0001), lifetime_years=(2, 2.0001))
    theta = np.exp(
        build_prior(
            PARETO, {**priors, "s": LogNormal(1e4, 0.01), "r": LogNormal(1e4, 0.01)}, np.ones(4), "D"
        ).mean
    )
    new = clv.RFM.from_arrays(frequency=[0], recency=[0], T=[0], time_unit="D")
    # r and s large: everybody alike, buying 6 times a year and leaving at rate 1/2 a year
    assert PARETO.expected_purchases(theta, new, month)[0] == pytest.approx(
        12 * (1 - np.exp(-1 / 24)), rel=1e-3
    )
    priors = clv.business_priors("bg_nbd", lifetime_purchases=(5, 5.0001))
    bg, big = get_model("bg_nbd"), {"a": LogNormal(1e6, 0.01), "r": LogNormal(1e4, 0.01)}
    theta = np.exp(build_prior(bg, {**priors, **big}, np.ones(4), "D").mean)
    assert bg.expected_purchases(theta, new, 1e3)[0] == pytest.approx(5, rel=1e-3)
    priors = clv.business_priors("gamma_gamma", spend_per_purchase=(40, 40.0001))
    gamma = get_model("gamma_gamma")
    theta = np.exp(build_prior(gamma, {**priors, "q": LogNormal(1e6, 0.01)}, np.ones(3), "D").mean)
    spent = clv.RFM.from_arrays(frequency=[0], recency=[0], T=[1], monetary_value=[0], time_unit="W")
    assert gamma.expected_spend(theta, spent)[0] == pytest.approx(40, rel=1e-3)


def test_the_fit_tells_its_priors_in_words_and_units(cdnow_rfm: clv.RFM) -> None:
    own = clv.business_priors("pareto_nbd", purchases_per_year=(2, 12))
    posterior = clv.fit("pareto_nbd", cdnow_rfm, method="map", priors=own)
    text = str(posterior)
    assert "prior, with probability 90 %: r between" in text
    assert "weeks; s between 0.0848 and 11.8" in text
    low, high = 2 / 365.25 * 7, 12 / 365.25 * 7
    assert f"r / alpha between {low:.3g} and {high:.3g} per week (stated)" in text
    assert posterior.provenance["priors"]["r / alpha"]["stated"]
    table = posterior.summary()
    assert table.loc["s", "prior_low"] == pytest.approx(np.exp(-1.5 * 1.6448536))
    assert "prior" not in str(clv.fit("pareto_nbd", cdnow_rfm, method="mle"))


def test_a_forecaster_carries_its_priors(cdnow_rfm: clv.RFM) -> None:
    few = cdnow_rfm.take(slice(None, None, 8))
    stated = {"q": LogNormal(4, 0.01)}
    model = clv.CLVModel(
        "bg_nbd",
        "gamma_gamma",
        method="map",
        purchase_priors={"r": LogNormal(0.5, 0.01)},
        spend_priors=stated,
    )
    assert model.name.endswith("(map, own priors)")
    fitted = model.fit(few)
    assert fitted.purchase.params["r"] == pytest.approx(0.5, rel=0.05)
    assert fitted.spend.params["q"] == pytest.approx(4, rel=0.05)
    assert "q between 3.93 and 4.07 (stated)" in fitted.summary


@pytest.mark.parametrize(
    ("priors", "text"),
    [
        ({"alhpa": LogNormal(1, 1)}, "did you mean 'alpha'"),
        ({"r / betta": LogNormal(1, 1)}, "no parameter of Pareto/NBD.*did you mean 'beta'"),
        ({"r / alpha": LogNormal.between(1, 2)}, "does not say in which unit"),
        (
            {"r": LogNormal(1, 1), "alpha": LogNormal(1, 1), "r / alpha": LogNormal(1, 1)},
            "not free of each other",
        ),
        ({"/ r": LogNormal(1, 1)}, "names joined by"),
        ({"r alpha": LogNormal(1, 1)}, "names joined by"),
        ({"": LogNormal(1, 1)}, "names joined by"),
        ({"r / r": LogNormal(1, 1)}, "cancel"),
    ],
)
def test_priors_that_fit_no_parameter_are_refused(
    priors: dict[str, LogNormal], text: str, cdnow_rfm: clv.RFM
) -> None:
    with pytest.raises(clv.ArgumentError, match=text):
        clv.fit("pareto_nbd", cdnow_rfm, priors=priors)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: LogNormal(0, 1), "median=0 .* above 0"),
        (lambda: LogNormal(1, -1), "sigma=-1 .* above 0"),
        (lambda: LogNormal(1, float("nan")), "sigma=nan"),
        (lambda: LogNormal(1, 1, time_unit="months"), "time unit 'months'"),
        (lambda: LogNormal(10, 0.3, time_unit="W"), "with unit_free=False"),  # would mean ten mean ages
        (lambda: LogNormal.between(2, 1), "0 < low < high"),
        (lambda: LogNormal.between(-1, 1), "0 < low < high"),
        (lambda: LogNormal.between(1, 2, 90), "ninety per cent is 0.9"),
        (
            lambda: clv.business_priors("bg_nbd", lifetime_years=(1, 2)),
            "no lifetime_years; it can be told purch",
        ),
        (lambda: clv.business_priors("bg_nbd", lifetime_purchases=(0.5, 2)), "must lie above 1"),
        (
            lambda: clv.business_priors("gamma_gamma", purchases_per_year=(1, 2)),
            "can be told spend_per_purchase",
        ),
        (lambda: clv.business_priors("nobody"), "is no model"),
    ],
)
def test_illegal_beliefs_are_refused(make: object, text: str) -> None:
    with pytest.raises(clv.ArgumentError, match=text):
        make()


def test_maximum_likelihood_refuses_priors(cdnow_rfm: clv.RFM) -> None:
    with pytest.raises(clv.ArgumentError, match="uses no prior"):
        clv.fit("bg_nbd", cdnow_rfm, method="mle", priors={"r": LogNormal(1, 1)})


@pytest.mark.parametrize("name", PURCHASE_MODELS)
def test_prior_predictive_bases_are_what_the_stated_rate_makes(name: str, cdnow_rfm: clv.RFM) -> None:
    """Nobody leaves and everybody buys alike: counts have the stated mean. Killed: ages not taken from the data."""
    names = {param.name for param in get_model(name).params}
    stays = [key for key in ("b / a", "beta / s") if set(key.split(" / ")) <= names]
    priors = {key: LogNormal(1e8, 0.1) for key in stays}
    priors |= {"r / alpha": LogNormal.between(0.0999, 0.1001, time_unit="W")}
    if not stays:
        pytest.skip("who stays for ever has other letters in this model")
    predictive = clv.prior_predictive(
        name, cdnow_rfm, priors=priors | {"r": LogNormal(50, 0.01)}, draws=40, seed=2
    )
    buys = predictive.draws[:, 0]
    life = {"r": 50.0, "alpha": 500.0, "a": 1.0, "b": 1e8, "s": 1.0, "beta": 1e8}
    theta = np.array([life[param.name] for param in get_model(name).params])
    nothing = np.zeros(len(cdnow_rfm))
    newborn = clv.RFM.from_arrays(frequency=nothing, recency=nothing, T=nothing, time_unit="W")
    expected = np.mean(
        get_model(name).expected_purchases(theta, newborn, cdnow_rfm.T)
    )  # at random: 0.1 per week
    error = np.sqrt(expected * (1 + expected / 50) / (500 * 40))  # n = 20,000 customers
    assert abs(buys.mean() - expected) < 4 * error + 0.002 * expected


def test_prior_predictive_knows_neither_order_nor_units(cdnow_rfm: clv.RFM) -> None:
    few = cdnow_rfm.take(slice(None, None, 8))
    shuffled = few.take(np.random.default_rng(3).permutation(len(few)))
    hours = replace(few, recency=few.recency * 168, T=few.T * 168, time_unit="h")
    here, other, small = (
        clv.prior_predictive("bg_nbd", rfm, draws=20, seed=4) for rfm in (few, shuffled, hours)
    )
    np.testing.assert_array_equal(here.draws, other.draws)
    np.testing.assert_allclose(small.draws, here.draws, rtol=1e-9)
    np.testing.assert_allclose(other.observed, here.observed, rtol=1e-12)
    np.testing.assert_allclose(small.observed, here.observed, rtol=1e-12)
    spend = [clv.prior_predictive_spend("gamma_gamma", rfm, draws=20, seed=4) for rfm in (few, shuffled)]
    np.testing.assert_array_equal(spend[0].draws, spend[1].draws)
    cents = replace(few, monetary_value=few.monetary_value * 100)
    dear = clv.prior_predictive_spend("gamma_gamma", cents, draws=20, seed=4)
    np.testing.assert_allclose(dear.draws, spend[0].draws * [100, 100, 1, 1], rtol=1e-9)


def test_observed_statistics_are_those_of_the_data(cdnow_rfm: clv.RFM) -> None:
    observed = clv.prior_predictive("bg_nbd", cdnow_rfm, draws=2).observed
    assert observed[0] == pytest.approx(2457 / 2357)
    assert observed[1] == pytest.approx(1 - 946 / 2357)
    top = np.sort(cdnow_rfm.frequency)[::-1]
    assert observed[3] == pytest.approx((top[:235].sum() + 0.7 * top[235]) / 2457)
    patterns, _ = cdnow_rfm.compress()
    weighted = clv.prior_predictive("bg_nbd", patterns, draws=2)
    np.testing.assert_allclose(weighted.observed, observed, rtol=1e-12)


def test_prior_predictive_without_spend_or_draws_is_refused(cdnow_rfm: clv.RFM) -> None:
    nothing = replace(cdnow_rfm, monetary_value=np.zeros(len(cdnow_rfm)))
    with pytest.raises(clv.DataError, match="informs the model"):
        clv.prior_predictive_spend("gamma_gamma", nothing)
    with pytest.raises(clv.ArgumentError, match="draws=0"):
        clv.prior_predictive("bg_nbd", cdnow_rfm, draws=0)


def test_the_plot_draws_the_frame(cdnow_rfm: clv.RFM) -> None:
    predictive = clv.prior_predictive("pareto_nbd", cdnow_rfm, draws=60, seed=1)
    frame = plots.prior_predictive_frame(predictive)
    assert list(frame["statistic"]) == list(predictive.names)
    assert (frame["q05"] <= frame["q50"]).all()
    assert frame["share_below"].between(0, 1).all()
    given = Figure().subplots()
    assert plots.plot_prior_predictive(predictive, ax=given) is given
    axes = plots.plot_prior_predictive(predictive)
    assert axes.get_xlabel()
    assert axes.get_legend() is not None
    medians = axes.lines[1].get_xdata()
    np.testing.assert_allclose(medians, frame["q50"] / frame["observed"])
    axes.figure.draw_without_rendering()


def test_the_objective_takes_the_stated_prior(cdnow_rfm: clv.RFM) -> None:
    stated = build_objective(PARETO, cdnow_rfm, with_prior=True, priors={"r / alpha": RATE})
    plain = build_objective(PARETO, cdnow_rfm, with_prior=True)
    z = np.full(4, 0.3)
    gap = (stated.value_and_grad(z)[0] - plain.value_and_grad(z)[0]) * stated.customers
    assert gap == pytest.approx(float(stated.prior.log_density(z) - plain.prior.log_density(z)), rel=1e-6)
