"""How customers differ in what nobody sees, as a fit has it: rates, chances and levels of spend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from clvmodels.contracts import Trait
from clvmodels.errors import ArgumentError, check_kind, whole_number
from clvmodels.inference import Posterior
from clvmodels.plots.draws import draw_shares, finish_shares, over_parameters, percent_text, some_draws
from clvmodels.plots.palette import INK, first_upper, new_axes
from clvmodels.units import UNIT_NAMES

if TYPE_CHECKING:
    import pandas as pd

_DRAWS, _SHOWN = 1000, 0.99


def trait_names(posterior: Posterior) -> tuple[str, ...]:
    """What the fitted model says of the differences between customers, by name.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow("sample"), observation_end="1997-09-30")
    >>> trait_names(clv.fit("pareto_nbd", rfm, method="mle"))
    ('rate of buying', 'rate of leaving')
    """
    check_kind("posterior", posterior, Posterior, "pass fitted.purchase or fitted.spend")
    return tuple(trait.name for trait in posterior.model.heterogeneity(posterior.mode))


def _trait(posterior: Posterior, name: str | None) -> Trait:
    """A trait with the posterior's draws (S, 1) behind it; the model's first by default."""
    names = trait_names(posterior)
    if name is not None and name not in names:
        raise ArgumentError(f"{posterior.model.title} knows no {name!r}; it knows {', '.join(names)}")
    traits = posterior.model.heterogeneity(some_draws(posterior, _DRAWS)[:, :, None])
    return traits[0 if name is None else names.index(name)]


def _edges(trait: Trait, bins: int) -> np.ndarray:
    """Round edges from 0 to where 99 % of customers lie (median over the draws), or to 1 for a chance."""
    is_chance = trait.time_power == trait.money_power == 0
    top = 1.0 if is_chance else float(np.median(trait.spread.quantile(np.array(_SHOWN))))
    if not 0.0 < top < 1e300:
        raise ArgumentError(
            f"the fitted {trait.name} is so unequal that 99 % of customers lie below {top:g}: no scale shows it"
        )
    return np.array(MaxNLocator(bins, steps=[1, 2, 2.5, 5, 10]).tick_values(0.0, top))


def heterogeneity_frame(
    posterior: Posterior, trait: str | None = None, level: float = 0.9, bins: int = 40
) -> pd.DataFrame:
    """Share of customers between round values of a trait: its density, averaged over each bar.

    A density may be infinite at 0, its average never is.

    Parameters
    ----------
    posterior
        Fit of a purchase or spend model.
    trait
        One of `trait_names`; the first by default: the rate of buying, or the mean spend of a customer.
    level
        Of the central posterior interval of each share.
    bins
        About how many bars, at least 1.

    Returns
    -------
    pandas.DataFrame
        trait, from, to (in the units of the fit; per unit of time for a rate), mean, low, high (shares in [0, 1];
        bounds are missing for a single parameter vector). The last row is open: the customers beyond the bars.

    Raises
    ------
    ArgumentError
        If the model knows no such trait, or customers differ too much to draw.
    FitError
        If the fit has failed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow("sample"), observation_end="1997-09-30")
    >>> frame = heterogeneity_frame(clv.fit("bg_nbd", rfm, method="mle"), "chance of leaving after a repeat purchase")
    >>> round(float(frame["mean"].sum()), 9), float(frame["to"].iloc[-2])
    (1.0, 1.0)
    """
    import pandas as pd

    whole_number("bins", bins, least=1)
    chosen = _trait(posterior, trait)
    edges = np.append(_edges(chosen, bins), np.inf)
    shares = np.diff(chosen.spread.cdf(edges), axis=-1)
    columns = over_parameters(shares, level)
    return pd.DataFrame({"trait": chosen.name, "from": edges[:-1], "to": edges[1:], **columns})


def plot_heterogeneity(
    posterior: Posterior,
    trait: str | None = None,
    *,
    level: float = 0.9,
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw `heterogeneity_frame`, its band, and the median customer."""
    frame = heterogeneity_frame(posterior, trait, level)
    chosen = _trait(posterior, trait)
    axes = new_axes(height=3.1) if ax is None else ax
    bars, beyond = frame.iloc[:-1], frame.iloc[-1]
    draw_shares(axes, bars, f"{posterior.model.title}, mean", f"{percent_text(level)} posterior interval")
    _draw_median(axes, chosen, level)
    if not np.isclose(beyond["mean"], 0.0, atol=1e-12):
        axes.plot([], [], " ", label=f"Beyond: {100 * beyond['mean']:.2g} % of customers")
    finish_shares(axes, bars, _label(chosen, posterior, currency), "Customers")
    return axes


def _draw_median(axes: Axes, trait: Trait, level: float) -> None:
    medians = trait.spread.quantile(np.array(0.5))
    over = {name: float(value[0]) for name, value in over_parameters(medians, level).items()}
    text = f"Median {over['mean']:,.3g}"
    if len(medians) > 1:
        text += f" ({over['low']:,.3g} to {over['high']:,.3g})"
    axes.axvline(over["mean"], color=INK, linewidth=1.3, linestyle=(0, (3, 3)), label=text)


def _label(trait: Trait, posterior: Posterior, currency: str) -> str:
    units = [currency] if trait.money_power and currency else []
    if trait.time_power == -1:
        units.append(f"per {UNIT_NAMES[posterior.provenance['time_unit']].removesuffix('s')}")
    name = first_upper(trait.name)
    return f"{name} ({' '.join(units)})" if units else name
