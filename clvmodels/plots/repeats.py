"""How many customers came back how often: as it was seen, and as the fitted model would have had it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from clvmodels.contracts import PurchaseModel
from clvmodels.errors import whole_number
from clvmodels.inference import Posterior
from clvmodels.plots.draws import check_unit, over_parameters, percent_text, purchase_model, some_draws
from clvmodels.plots.palette import INK, SERIES, grouped, label_axes, legend_above, new_axes
from clvmodels.prediction import check_seed
from clvmodels.rfm import RFM, check_rfm
from clvmodels.units import unit_days

if TYPE_CHECKING:
    import pandas as pd

MOST_AGES = 256


def repeat_purchases_frame(
    posterior: Posterior, rfm: RFM, most: int = 7, level: float = 0.9, draws: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Customers by number of repeat purchases, and the number that the fit would have expected.

    Of a customer observed for T, nothing but T is told to the model. With customers of ages T_g, n_g of each,

        expected(k) = Σ_g n_g · mean over draws of P(X(T_g) = k)

    and a predictive draw takes one parameter draw and deals the n_g customers to the numbers k by lot.

    Parameters
    ----------
    posterior
        Fit of a purchase model.
    rfm
        The customers, those of the fit as a rule.
    most
        The last group holds everybody with at least so many repeat purchases; at least 1.
    level
        Of the central predictive interval of each number of customers: parameters and chance.
    draws
        Predictive draws, at least 2.
    seed
        Of the lots.

    Returns
    -------
    pandas.DataFrame
        frequency (text, the last one open), customers (actual), mean, low, high (numbers of customers). Beyond 256
        distinct ages, neighbours share their mean age.

    Raises
    ------
    ArgumentError
        If the fit is of spend or has another time unit, or an argument is outside its range.
    FitError
        If the fit has failed.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way. Marketing Science
    24. doi:10.1287/mksc.1040.0098

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow("sample"), observation_end="1997-09-30")
    >>> frame = repeat_purchases_frame(clv.fit("bg_nbd", rfm, method="mle"), rfm)
    >>> frame.iloc[[0, 1, 7]][["frequency", "customers", "mean"]].round(0).to_dict("list")
    {'frequency': ['0', '1', '7+'], 'customers': [1411, 439, 64], 'mean': [1408.0, 460.0, 72.0]}
    """
    import pandas as pd

    most, draws = whole_number("most", most, least=1), whole_number("draws", draws, least=2)
    check_seed(seed)
    check_rfm(rfm)
    model = purchase_model(posterior)
    check_unit(posterior, rfm.time_unit)
    theta = some_draws(posterior, draws)
    ages, heads = _ages(rfm)
    chance = np.stack([_chances(model, theta, rfm, age, most) for age in ages])  # (ages, S, K)
    rng = np.random.default_rng(seed)
    dealt = np.stack(
        [rng.multinomial(heads, chance[:, d % theta.shape[1]]).sum(axis=0) for d in range(draws)]
    )
    group = np.minimum(rfm.frequency, most).astype(int)
    return pd.DataFrame(
        {
            "frequency": [*map(str, range(most)), f"{most}+"],
            "customers": np.bincount(group, rfm.weights, minlength=most + 1).round().astype(int),
            **over_parameters(dealt, level),
            "mean": np.einsum("g,gsk->k", heads, chance) / theta.shape[1],
        }
    )


def _ages(rfm: RFM) -> tuple[np.ndarray, np.ndarray]:
    """Distinct ages and how many customers are of each; many ages are merged with their neighbours."""
    ages, place = np.unique(rfm.T, return_inverse=True)
    heads = np.bincount(place, rfm.weights)
    if len(ages) > MOST_AGES:
        merged = (np.cumsum(heads) - heads / 2) * MOST_AGES / heads.sum()
        place = np.unique(merged.astype(int), return_inverse=True)[1]
        count = np.bincount(place, heads)
        ages, heads = np.bincount(place, heads * ages) / count, count
    return ages, heads.round().astype(int)


def _chances(model: PurchaseModel, theta: np.ndarray, rfm: RFM, age: float, most: int) -> np.ndarray:
    """(S, K) probability of each number of repeat purchases by an age, of a customer born that long ago."""
    stranger = rfm.newcomers()
    if rfm.observed_until is not None:  # on a seasonal clock it matters when somebody was born
        born = rfm.observed_until - timedelta(days=age * unit_days(rfm.time_unit))
        stranger = replace(stranger, observed_until=born)
    counts = np.arange(float(most))[:, None, None]
    exact = np.clip(model.purchase_pmf(theta[:, :, None], stranger, counts, age)[..., 0].T, 0.0, 1.0)
    return np.column_stack([exact, np.maximum(1.0 - exact.sum(axis=1), 0.0)])


def plot_repeat_purchases(
    posterior: Posterior,
    rfm: RFM,
    most: int = 7,
    *,
    level: float = 0.9,
    seed: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw `repeat_purchases_frame`: bars of the customers as they were, points of the model with its interval."""
    frame = repeat_purchases_frame(posterior, rfm, most, level, seed=seed)
    axes = new_axes(height=3.1) if ax is None else ax
    place = np.arange(len(frame))
    axes.bar(place, frame["customers"], width=0.7, color=INK, alpha=0.3, label="Actual")
    reach = [frame["mean"] - frame["low"], frame["high"] - frame["mean"]]
    axes.errorbar(
        place,
        frame["mean"],
        yerr=np.maximum(reach, 0.0),
        fmt="none",
        ecolor=SERIES[0],
        capsize=6,
        label=f"{percent_text(level)} predictive interval",
    )
    axes.plot(
        place, frame["mean"], "o", color=SERIES[0], markersize=3.5, label=f"{posterior.model.title}, expected"
    )
    axes.set_xticks(place, frame["frequency"])
    axes.set_ylim(bottom=0)
    label_axes(axes, "Repeat purchases while observed", "Customers")
    axes.yaxis.set_major_formatter(FuncFormatter(grouped))
    axes.grid(visible=False, axis="x")
    legend_above(axes)
    return axes
