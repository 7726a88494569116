"""Mean spend per customer: as it was seen, and as the fitted model would have had it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from clvmodels.errors import ArgumentError, whole_number
from clvmodels.inference import Posterior
from clvmodels.plots.draws import (
    draw_shares,
    finish_shares,
    over_parameters,
    percent_text,
    some_draws,
    spend_model,
)
from clvmodels.plots.palette import INK, new_axes
from clvmodels.prediction import check_seed, check_single
from clvmodels.rfm import RFM

if TYPE_CHECKING:
    import pandas as pd

_SHOWN, _FEW = 0.99, 100


def spend_frame(
    posterior: Posterior, rfm: RFM, level: float = 0.9, bins: int = 40, draws: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Share of customers by mean spend, and the same of customers simulated from the fit.

    Each draw takes parameters from the posterior and gives every customer, as a stranger, as many purchases as the
    customer's own mean is of: so the spread of means of few purchases is compared with its like.

    Parameters
    ----------
    posterior
        Fit of a spend model.
    rfm
        The customers; those who do not inform the fit (no repeat purchase, nothing spent) are left out.
    level
        Of the central predictive interval of each share: parameters and chance.
    bins
        About how many bars, at least 1; fewer for few customers.
    draws
        Simulated customer bases, at least 2.
    seed
        Of the simulation.

    Returns
    -------
    pandas.DataFrame
        from, to (money), customers, actual, mean, low, high (shares in [0, 1]). The last row is open: the customers
        beyond the bars.

    Raises
    ------
    ArgumentError
        If the fit is not of spend, nobody informs it, or an argument is outside its range.
    DataError
        If `rfm` has no spend, or holds patterns of several customers.
    FitError
        If the fit has failed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")
    >>> frame = spend_frame(clv.fit("gamma_gamma", rfm, method="mle"), rfm, draws=20)
    >>> int(frame["customers"].sum()), round(float(frame["mean"].sum()), 9)
    (946, 1.0)
    """
    import pandas as pd

    whole_number("bins", bins, least=1)
    whole_number("draws", draws, least=2)
    check_seed(seed)
    check_single(rfm)
    model = spend_model(posterior)
    count, mean = rfm.columns(("spend_count", "monetary_value"))
    informs = model.informs(rfm) & (count > 0) & (mean > 0)  # some models learn from one-time buyers, too
    if not informs.any():
        raise ArgumentError("no customer has a repeat purchase with a mean spend above 0: nothing to show")
    order = np.argsort(count[informs], kind="stable")
    mean, count, again = mean[informs], count[informs][order], rfm.frequency[informs][order]
    edges = _edges(mean, bins)
    theta = some_draws(posterior, draws)
    rng = np.random.default_rng(seed)
    strangers = replace(rfm.newcomers(len(count)), frequency=again)  # nothing but that is known of them
    row = np.repeat(np.arange(len(count)), count.astype(int))
    shares = np.empty((draws, len(edges) - 1))
    for d in range(draws):
        amounts = model.sample_spend(theta[:, d % theta.shape[1]], strangers, row, rng)
        simulated = np.bincount(row, amounts, minlength=len(count)) / count
        shares[d] = np.histogram(simulated, edges)[0] / len(count)
    customers = np.histogram(mean, edges)[0]
    columns = {"customers": customers, "actual": customers / len(mean), **over_parameters(shares, level)}
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], **columns})


def _edges(mean: np.ndarray, bins: int) -> np.ndarray:
    """Round edges to where 99 % of customers lie, and infinity; wide and far for few customers."""
    bins = min(bins, max(5, int(2 * np.sqrt(len(mean)))))
    top = np.quantile(mean, _SHOWN) if len(mean) >= _FEW else 2.0 * mean.max()
    return np.append(MaxNLocator(bins, steps=[1, 2, 2.5, 5, 10]).tick_values(0.0, float(top)), np.inf)


def plot_spend(
    posterior: Posterior,
    rfm: RFM,
    *,
    level: float = 0.9,
    seed: int = 0,
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw `spend_frame`: bars of the customers as they are, the model's mean as steps, and its band."""
    frame = spend_frame(posterior, rfm, level, seed=seed)
    axes = new_axes(height=3.1) if ax is None else ax
    bars, beyond = frame.iloc[:-1], frame.iloc[-1]
    edges = np.append(bars["from"], bars["to"].iloc[-1])
    axes.stairs(bars["actual"], edges, fill=True, color=INK, alpha=0.3, label="Actual")
    name = posterior.model.title
    draw_shares(axes, bars, f"{name}, mean", f"{percent_text(level)} predictive interval")
    out = f"Beyond: actual {100 * beyond['actual']:.2g} %, mean {100 * beyond['mean']:.2g} %"
    axes.plot([], [], " ", label=out)
    unit = f" ({currency})" if currency else ""
    finish_shares(axes, bars, f"Mean spend per purchase{unit}", "Repeat customers")
    return axes
