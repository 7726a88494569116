"""What the purchase models say about the future, against mpmath at 30 digits."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from clvmodels.models import PURCHASE_MODELS
from clvmodels.rfm import RFM

TABLE = Path(__file__).with_name("purchase_predictions.csv")
ACCURACY = 1e-8  # relative; promised by the docstrings
UNSEEN = 1e-40  # probabilities below are as good as 0, and lose digits


@pytest.mark.parametrize("name", ["pareto_nbd", "bg_nbd", "mbg_nbd"])
def test_predictions_agree_with_mpmath_over_the_whole_range(name: str) -> None:
    # purchase_predictions.py wrote the table, straight from the definitions
    with TABLE.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.pop("model") == name]
    assert len(rows) > 20
    model = PURCHASE_MODELS[name]
    for row in rows:
        *theta, x, T, horizon, rate, count, discounted, alive_later, pmf = map(float, row.values())
        rfm, point = (
            RFM.from_arrays(frequency=[x], recency=[T if x else 0.0], T=[T], time_unit="W"),
            np.array(theta),
        )
        got = model.expected_discounted_purchases(point, rfm, horizon, rate)[0]
        assert got == pytest.approx(discounted, rel=ACCURACY)
        if np.isfinite(horizon):
            assert model.p_alive_later(point, rfm, horizon)[0] == pytest.approx(
                alive_later, rel=ACCURACY, abs=UNSEEN
            )
        if np.isfinite(pmf):
            assert model.purchase_pmf(point, rfm, count, horizon)[0] == pytest.approx(
                pmf, rel=ACCURACY, abs=UNSEEN
            )
