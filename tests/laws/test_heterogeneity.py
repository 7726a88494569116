"""Laws of what models say of the differences between customers."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels.contracts import PurchaseModel, SpendModel, Trait
from clvmodels.models import PURCHASE_MODELS, REGISTRY, SPEND_MODELS
from clvmodels.rfm import RFM

MODELS = pytest.mark.parametrize("model", REGISTRY.values(), ids=list(REGISTRY))
SHARES = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 0.999])


def typical(model: PurchaseModel | SpendModel, time: float = 30.0, money: float = 20.0) -> np.ndarray:
    """Near the middle of the priors; no two shapes alike, and every mean exists."""
    scales = [time**param.time_power * money**param.money_power for param in model.params]
    return np.array(
        [
            1.3**k * param.prior_median * scale
            for k, (param, scale) in enumerate(zip(model.params, scales, strict=True))
        ]
    )


def mean_of(trait: Trait) -> float:
    """Area above the cdf, by the trapezoidal rule in the logarithm of the value: both ends fade smoothly."""
    middle = float(trait.spread.quantile(np.array(0.5)))
    log_ratio = np.linspace(-60.0, 60.0, 200_001)
    x = middle * np.exp(log_ratio)
    return float(np.trapezoid((1.0 - trait.spread.cdf(x)) * x, log_ratio))


@MODELS
def test_shares_add_up_to_one_and_quantiles_undo_them(model: PurchaseModel | SpendModel) -> None:
    """Kills a scale taken for a rate in one of the two directions."""
    for trait in model.heterogeneity(typical(model)):
        assert trait.name
        assert float(trait.spread.cdf(np.array(0.0))) == 0.0
        assert float(trait.spread.cdf(np.array(np.inf))) == 1.0
        values = trait.spread.quantile(SHARES)
        assert np.all(np.diff(values) > 0.0)
        np.testing.assert_allclose(trait.spread.cdf(values), SHARES, rtol=1e-9)
        if trait.time_power == trait.money_power == 0:
            assert float(trait.spread.quantile(np.array(1.0))) == 1.0


@MODELS
def test_units_leave_no_trace(model: PurchaseModel | SpendModel) -> None:
    """Kills a trait declared a chance that is a rate."""
    here, there = (model.heterogeneity(typical(model, *units)) for units in ((30.0, 20.0), (210.0, 5.0)))
    for one, other in zip(here, there, strict=True):
        assert (one.name, one.time_power, one.money_power) == (
            other.name,
            other.time_power,
            other.money_power,
        )
        factor = 7.0**one.time_power * 0.25**one.money_power
        np.testing.assert_allclose(
            other.spread.quantile(SHARES), factor * one.spread.quantile(SHARES), rtol=1e-9
        )


@MODELS
def test_draws_broadcast(model: PurchaseModel | SpendModel) -> None:
    """Kills a spread that knows one parameter vector only."""
    draws = np.stack([typical(model), 1.5 * typical(model)], axis=1)
    for k, trait in enumerate(model.heterogeneity(draws[:, :, None])):
        grid = trait.spread.cdf(np.array([0.1, 0.5, 2.0]))
        assert grid.shape == (2, 3)
        for theta, row in zip(draws.T, grid, strict=True):
            alone = model.heterogeneity(theta)[k].spread.cdf(np.array([0.1, 0.5, 2.0]))
            np.testing.assert_array_equal(row, alone)


@pytest.mark.parametrize("model", PURCHASE_MODELS.values(), ids=list(PURCHASE_MODELS))
def test_first_trait_is_the_rate_of_buying_while_alive(model: PurchaseModel) -> None:
    """Kills a rate that is not the one of the likelihood: where nobody leaves, it is the purchases per time.

    The last parameter of every model is the weight of staying; how purchases begin does not matter between 1,000 and
    2,000 mean waiting times, and customers who have hardly begun by then weigh less than 1e-6 with these shapes.
    """
    theta = typical(model)
    theta[-1] *= 1e11
    rate = model.heterogeneity(theta)[0]
    assert rate.time_power == -1
    newborn = RFM.from_arrays(frequency=[0], recency=[0], T=[0], time_unit="W")
    some, more = (count / mean_of(rate) for count in (1000.0, 2000.0))
    assert model.p_alive_later(theta, newborn, more)[0] > 1.0 - 1e-6
    bought = [model.expected_purchases(theta, newborn, time)[0] for time in (some, more)]
    assert mean_of(rate) == pytest.approx((bought[1] - bought[0]) / (more - some), rel=1e-5)


@pytest.mark.parametrize("model", SPEND_MODELS.values(), ids=list(SPEND_MODELS))
def test_first_trait_is_the_mean_spend_of_a_customer(model: SpendModel) -> None:
    """Kills a level that is not the one of the sampler: its mean is what a stranger's purchase is worth."""
    theta, level = typical(model), model.heterogeneity(typical(model))[0]
    assert level.money_power == 1
    sums = {"spend_positive_count": [1], "spend_sum": [1], "spend_log_sum": [0], "spend_first": [1]}
    stranger = RFM.from_arrays(
        frequency=[1], recency=[1], T=[2], monetary_value=[1.0], statistics=sums, time_unit="W"
    ).newcomers()
    assert mean_of(level) == pytest.approx(model.expected_spend(theta, stranger)[0], rel=1e-6)
