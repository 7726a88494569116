"""Fixtures that rooms, laws and reference tests share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.rfm import RFM

os.environ["MPLBACKEND"] = "Agg"  # before any test can import matplotlib: no window, no display


@pytest.fixture(scope="session")
def cdnow() -> pd.DataFrame:
    """Transactions of the CDNOW sample: customer_id, date, spend. Copy it before changing it."""
    import clvmodels as clv

    return clv.load_cdnow("sample")


@pytest.fixture(scope="session")
def cdnow_rfm(cdnow: pd.DataFrame) -> RFM:
    """The sample as the papers use it: days merged, weeks counted, 39 weeks observed."""
    import clvmodels as clv

    return clv.rfm_summary(
        cdnow,
        customer_id="customer_id",
        date="date",
        spend="spend",
        period="D",
        time_unit="W",
        observation_end="1997-09-30",
    )


@pytest.fixture
def rng() -> np.random.Generator:
    """The same stream for every test that asks, whatever ran before it."""
    return np.random.default_rng(20260101)
