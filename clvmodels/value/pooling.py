"""One fit per channel or cohort, each leaning on the others as far as its own customers leave things open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import shown
from clvmodels.errors import ArgumentError, check_kind, check_real
from clvmodels.forecast import CLVModel, FittedCLV
from clvmodels.inference import LogNormal, Posterior, get_method
from clvmodels.prediction import labelled
from clvmodels.rfm import RFM, check_rfm
from clvmodels.value.cashflow_economics import labels_per_customer

if TYPE_CHECKING:
    import pandas as pd


@shown("table")
@dataclass(frozen=True)
class ChannelFits:
    """A fit per channel.

    Attributes
    ----------
    fits
        By channel, in the order of their names.
    everyone
        The fit of all customers together.
    borrowed
        Channels in which nobody's spend informs a fit, so that the spend of everyone stands in.
    between
        Spread of the channels that was believed: sd of the logarithm of each parameter.
    """

    fits: Mapping[str, FittedCLV]
    everyone: FittedCLV
    borrowed: tuple[str, ...]
    between: float

    @property
    def table(self) -> pd.DataFrame:
        """One row per channel: customers, repeat customers, the parameters, and whose spend they are."""
        import pandas as pd

        rows = [self._row(name, fit) for name, fit in [*self.fits.items(), ("everyone", self.everyone)]]
        fits = [posterior.provenance for posterior in self.everyone.posteriors]
        facts = {
            "forecaster": self.everyone.name,
            "fits": fits,
            "between": self.between,
            "centre": "the customers of the other channels",
            "interval": "none: each fit's mode or mean",
        }
        return labelled(pd.DataFrame(rows).set_index("channel"), facts)

    def _row(self, name: str, fit: FittedCLV) -> dict[str, Any]:
        rfm = fit.rfm
        row: dict[str, Any] = {"channel": name}
        if rfm is not None:
            row |= {"customers": len(rfm), "repeat_customers": int((rfm.frequency > 0).sum())}
        row["usable"] = fit.usable
        if fit.spend is not None:
            row["spend_of"] = "everyone" if name in self.borrowed else name
        for posterior in fit.posteriors:
            row |= posterior.params
        return row


def fit_channels(
    model: CLVModel, rfm: RFM, channel: Any, *, between: float = 0.5, draws: int = 1000, seed: int = 0
) -> ChannelFits:
    r"""Fit a model to each channel (or cohort), with partial pooling.

    The customers of channel c have the parameters :math:`\theta_c`. What is believed of each of them before their
    own histories are read comes from the customers of all *other* channels: log-normal around that fit's
    :math:`\theta_{-c}`, with

    .. math:: \operatorname{sd}(\log\theta_c)^2 = \tau^2 + \operatorname{var}(\log\theta_{-c}).

    A channel of many customers then says what they say; one of few says what the others say, within an interval
    that knows that channels differ by τ. Leaving the channel itself out keeps its customers from
    being counted twice.

    Parameters
    ----------
    model
        A CLV model whose method uses a prior: ``"laplace"``, ``"map"`` or ``"nuts"``, without priors of its own.
    rfm
        Customers of all channels.
    channel
        Label of each customer: an array in the order of the summary, or a mapping or Series by customer id.
    between
        τ, above 0: 0.5 says that two thirds of channels lie within a factor 1.65 of each other's middle. A
        large number, such as 5, is close to separate fits; a small one, such as 0.05, to one fit for all.
    draws, seed
        As in `CLVModel.fit`; each channel has a seed of its own.

    Raises
    ------
    ArgumentError
        If the method uses no prior, the model brings its own, or `between` is not above 0.
    DataError
        If a customer has no channel, or there are channels of unknown customers.
    FitError
        If the fit of the other channels has failed, so that there is nothing to lean on.

    References
    ----------
    Gelman, A. and Hill, J. (2007). Data analysis using regression and multilevel/hierarchical models, chapter 12.
    Cambridge University Press.

    Examples
    --------
    >>> import numpy as np
    >>> from clvmodels import CLVModel, load_cdnow, rfm_summary
    >>> rfm = rfm_summary(
    ...     load_cdnow(), customer_id="customer_id", date="date", spend="spend", period="D", time_unit="W",
    ...     observation_end="1997-09-30",
    ... )
    >>> channel = np.where(rfm.customer_id % 20 == 0, "friends", "search")
    >>> fits = fit_channels(CLVModel("bg_nbd", method="map"), rfm, channel)
    >>> fits.table["customers"].to_dict()
    {'friends': 117, 'search': 2240, 'everyone': 2357}
    """
    _check(model, between)
    check_rfm(rfm)
    labels = labels_per_customer("channel", channel, rfm)
    model, _ = model.settled(rfm, seed=seed)  # what is chosen automatically is chosen once, for all
    everyone = model.fit(rfm, draws=draws, seed=seed)
    model = replace(model, season=everyone.clock)  # channels share the season of the shop
    names = sorted(set(labels.tolist()))
    if len(names) == 1:
        return ChannelFits({names[0]: everyone}, everyone, (), between)
    fits, borrowed = {}, []
    for number, name in enumerate(names):
        mine, others = rfm.take(labels == name), rfm.take(labels != name)
        fits[name], borrows = _lean(model, mine, others, everyone, between, draws, seed + 2 * number + 2)
        borrowed += [name] * borrows
    return ChannelFits(fits, everyone, tuple(borrowed), between)


def _lean(
    model: CLVModel, mine: RFM, others: RFM, everyone: FittedCLV, between: float, draws: int, seed: int
) -> tuple[FittedCLV, bool]:
    """The fit of one channel, and whether its spend is everyone's."""
    silent = _nobody_spends(everyone, mine)
    around = replace(model, spend=None if silent or _nobody_spends(everyone, others) else model.spend)
    rest = around.fit(others, draws=draws, seed=seed)
    leaning = replace(
        model,
        spend=None if silent else model.spend,
        purchase_priors=_priors(rest.purchase, between),
        spend_priors=None if rest.spend is None else _priors(rest.spend, between),
    ).fit(mine, draws=draws, seed=seed)
    borrows = silent and everyone.spend is not None
    return replace(leaning, name=everyone.name, spend=everyone.spend if borrows else leaning.spend), borrows


def _priors(posterior: Posterior, between: float) -> dict[str, LogNormal]:
    """Beliefs about each parameter around another fit, as wide as that fit and the spread of channels."""
    posterior.raise_if_failed()
    unit = posterior.provenance["time_unit"]
    variance = _log_variance(posterior)
    return {
        param.name: LogNormal(
            float(centre),
            float(np.sqrt(between**2 + spread)),
            unit_free=False,
            time_unit=unit if param.time_power else None,
        )
        for param, centre, spread in zip(posterior.model.params, posterior.mode, variance, strict=True)
    }


def _log_variance(posterior: Posterior) -> np.ndarray:
    """(P,) variance of the logarithm of each parameter; that of a point is the curvature at it, if known."""
    if posterior.is_distribution:
        return np.asarray(np.log(posterior.draws).var(axis=0))
    if posterior.covariance is None:
        return np.zeros(len(posterior.mode))
    return np.asarray(np.diag(posterior.covariance) / posterior.mode**2)


def _nobody_spends(everyone: FittedCLV, rfm: RFM) -> bool:
    spend: Any = None if everyone.spend is None else everyone.spend.model
    return spend is not None and not spend.informs(rfm).any()


def _check(model: CLVModel, between: float) -> None:
    check_kind("model", model, CLVModel, "write CLVModel(...)")
    check_real("between", between)
    if not get_method(model.method).with_prior:
        raise ArgumentError(
            f"method {model.method!r} uses no prior, and channels lean on each other through priors; use 'laplace', "
            "'map' or 'nuts', or fit each channel by itself"
        )
    if model.purchase_priors or model.spend_priors:
        raise ArgumentError("the model brings priors of its own; channels get theirs from the other channels")
    if not 0 < between < np.inf:
        raise ArgumentError(
            f"between={between!r} must be above 0; 0.5 lets channels differ by a factor 1.65 or so"
        )
