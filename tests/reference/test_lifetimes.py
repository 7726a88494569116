"""lifetimes 0.11.3 at the same parameters and customers, wherever its numbers are finite."""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.models import get_purchase_model, get_spend_model

THETA = {
    "bg_nbd": {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881},
    "mbg_nbd": {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614},
    "pareto_nbd": {"r": 0.55328, "alpha": 10.5777, "s": 0.60624, "beta": 11.6687},
}
FITTERS = {"bg_nbd": "BetaGeoFitter", "mbg_nbd": "ModifiedBetaGeoFitter", "pareto_nbd": "ParetoNBDFitter"}


@pytest.fixture(scope="module")
def lifetimes() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # written for older NumPy and pandas
        import lifetimes
    return lifetimes


@pytest.mark.parametrize("name", FITTERS)
def test_purchase_models_agree_customer_by_customer(
    name: str, lifetimes: ModuleType, cdnow_rfm: clv.RFM
) -> None:
    model, theta = get_purchase_model(name), np.array(list(THETA[name].values()))
    peer = getattr(lifetimes, FITTERS[name])()
    peer.params_ = pd.Series(THETA[name])
    columns = (cdnow_rfm.frequency, cdnow_rfm.recency, cdnow_rfm.T)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alive = np.asarray(peer.conditional_probability_alive(*columns))
        expected = np.asarray(peer.conditional_expected_number_of_purchases_up_to_time(39, *columns))
        curve = np.asarray(peer.expected_number_of_purchases_up_to_time(np.array([1.0, 39.0, 52.0])))
    finite = np.isfinite(alive) & np.isfinite(expected)
    assert finite.sum() > 2000
    np.testing.assert_allclose(model.p_alive(theta, cdnow_rfm)[finite], alive[finite], rtol=1e-8)
    ours = model.expected_purchases(theta, cdnow_rfm, 39.0)
    np.testing.assert_allclose(ours[finite], expected[finite], rtol=1e-7)
    history = model.expected_purchases(theta, cdnow_rfm.newcomers(3), np.array([1.0, 39.0, 52.0]))
    np.testing.assert_allclose(history, curve, rtol=1e-7)


def test_gamma_gamma_agrees_customer_by_customer(lifetimes: ModuleType, cdnow_rfm: clv.RFM) -> None:
    theta = {"p": 6.24957, "q": 3.74423, "v": 15.44352}
    peer = lifetimes.GammaGammaFitter()
    peer.params_ = pd.Series(theta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        means = np.asarray(
            peer.conditional_expected_average_profit(cdnow_rfm.frequency, cdnow_rfm.monetary_value)
        )
    ours = get_spend_model("gamma_gamma").expected_spend(np.array(list(theta.values())), cdnow_rfm)
    np.testing.assert_allclose(ours, means, rtol=1e-12)
