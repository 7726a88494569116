"""Posterior: the draws of a fit, with what is needed to trust them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import card, table
from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import FitError, FitStatus
from clvmodels.inference.objective import Scales
from clvmodels.inference.priors import prior_interval, prior_words
from clvmodels.prediction import labelled, tail_levels
from clvmodels.units import UNIT_NAMES

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from clvmodels.rfm import RFM

FACTS = ("source", "seed", "data", "versions")
"""Of the provenance, what the card of a posterior shows."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """What a fit knows of a model's parameters.

    A maximum-likelihood or MAP fit is a posterior with one draw.

    Attributes
    ----------
    model
        The model that was fitted.
    method
        ``mle``, ``map``, ``laplace``, ``nuts`` or ``bootstrap``; ``laplace, nuts`` if the one handed over
        to the other; ``given`` for parameters found elsewhere.
    draws
        (S, P) parameters in the user's units.
    mode
        (P,) parameters at the optimum.
    covariance
        (P, P) inverse curvature at the optimum, or None at a boundary.
    loglik
        Log-likelihood of the customers at the optimum, without prior, in the user's units.
    status, reason
        Outcome, and what it means here.
    diagnostics
        Numbers about the fit: ``customers``, ``patterns``; of Laplace ``k_hat``, ``effective_size``; of NUTS
        ``r_hat``, ``ess_bulk``, ``ess_tail``, ``divergences``, ``chains``.
    scales
        Mean age and mean spend of the data.
    provenance
        Model, method, seed, priors (median and sigma of each, in the data's units), data fingerprint, versions.
    statistics
        What a Markov chain told of each draw, (S,) by name (``diverging``, ``energy``, ...); else empty.
    """

    model: PurchaseModel | SpendModel
    method: str
    draws: np.ndarray
    mode: np.ndarray
    covariance: np.ndarray | None
    loglik: float
    status: FitStatus
    reason: str
    diagnostics: Mapping[str, float]
    scales: Scales
    provenance: Mapping[str, Any]
    statistics: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """(P,) parameter names."""
        return tuple(param.name for param in self.model.params)

    @property
    def params(self) -> dict[str, float]:
        """Parameters at the optimum by name."""
        return dict(zip(self.names, self.mode.tolist(), strict=True))

    @property
    def standard_errors(self) -> dict[str, float]:
        """Square roots of the diagonal of `covariance` by name.

        Raises
        ------
        FitError
            If the optimum lies on a boundary, where there is no standard error.
        """
        if self.covariance is None:
            raise FitError(f"{self.model.title} has no standard errors; {self.reason}")
        return dict(zip(self.names, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    @property
    def is_distribution(self) -> bool:
        """Whether the draws carry parameter uncertainty."""
        return len(self.draws) > 1

    @property
    def chains(self) -> int:
        """Markov chains that the draws are of: row s is of chain ``s % chains``. 1 for independent draws."""
        return int(self.diagnostics.get("chains", 1))

    @property
    def aic(self) -> float:
        """Akaike's criterion ``2 P - 2 loglik``; smaller is better.

        Raises
        ------
        FitError
            If `loglik` is not the largest there is, because priors took part in the fit.
        """
        return 2 * len(self.mode) - 2 * self._maximised_loglik()

    @property
    def bic(self) -> float:
        """Schwarz's criterion ``P log(customers) - 2 loglik``; smaller is better.

        Raises
        ------
        FitError
            As `aic`.
        """
        return len(self.mode) * math.log(self.diagnostics["customers"]) - 2 * self._maximised_loglik()

    def _maximised_loglik(self) -> float:
        self.raise_if_failed()
        if self.status is FitStatus.GIVEN:
            raise FitError(f"AIC and BIC need the largest likelihood; this fit was {self.reason}")
        if self.is_distribution or self.provenance.get("priors"):
            raise FitError(
                f"{self.model.title} was fitted by {self.method} with priors, and AIC and BIC need the largest "
                "likelihood; fit with method='mle', or compare posteriors by leaving customers out (`compare`)"
            )
        return self.loglik

    def to_arviz(self, rfm: RFM | None = None, *, by: str = "customer") -> xr.DataTree:
        """The fit as ArviZ reads it: see `clvmodels.inference.arviz_tree.to_arviz`."""
        from clvmodels.inference.arviz_tree import to_arviz

        return to_arviz(self, rfm, by=by)

    def raise_if_failed(self) -> Posterior:
        """The posterior itself, or a `FitError` if its status is not usable."""
        if not self.status.usable:
            raise FitError(f"{self.model.title}, {self.method}: {self.reason}")
        return self

    def summary(self, level: float = 0.9) -> pd.DataFrame:
        """One row per parameter: meaning, optimum, (with draws) mean, sd and central interval, prior interval.

        `attrs` carries the interval level, the status and the provenance.
        """
        import pandas as pd

        tail_levels(level)
        table: dict[str, Any] = {
            "parameter": self.names,
            "meaning": [param.meaning for param in self.model.params],
            "optimum": self.mode,
        }
        if self.is_distribution:
            low, high = np.quantile(self.draws, tail_levels(level), axis=0)
            table |= {"mean": self.draws.mean(axis=0), "sd": self.draws.std(axis=0), "low": low, "high": high}
        elif self.covariance is not None:
            table["standard_error"] = np.sqrt(np.diag(self.covariance))
        if priors := self.provenance.get("priors"):
            bounds = [prior_interval(priors[name], level) for name in self.names]
            table |= {"prior_low": [low for low, _ in bounds], "prior_high": [high for _, high in bounds]}
        frame = pd.DataFrame(table).set_index("parameter")
        interval = f"central {level:.0%} posterior interval" if self.is_distribution else "none"
        return labelled(frame, {**self.provenance, "interval": interval, "status": self.status.name})

    def __str__(self) -> str:
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.params.items())
        status = self.status.value if not self.reason else self.reason
        numbers = ", ".join(
            f"{key} {self.diagnostics[key]:.4g}"
            for key in ("k_hat", "effective_size", "r_hat", "ess_bulk", "ess_tail", "divergences")
            if key in self.diagnostics
        )
        checks = f" ({numbers})" if numbers else ""
        lines = [f"{self.model.title} by {self.method}: {values}; log-likelihood {self.loglik:,.3f}"]
        lines.append(f"  {status}{checks}")
        if priors := self.provenance.get("priors"):
            lines.append(
                f"  prior, with probability 90 %: {prior_words(priors, self.provenance['time_unit'])}"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        draws = f"{len(self.draws):,} draw{'s' if self.is_distribution else ''}"
        return f"Posterior({self.model.name}, {self.method}, {draws}, {self.status.name})"

    def _repr_html_(self) -> str:
        frame = self.summary().reset_index()
        names = {
            "low": "low (90 %)",
            "high": "high (90 %)",
            "prior_low": "prior low",
            "prior_high": "prior high",
        }
        head = [names.get(name, name.replace("_", " ")) for name in frame.columns]
        checks = {
            name: value for name, value in self.diagnostics.items() if name not in ("customers", "patterns")
        }
        facts = {name: self.provenance[name] for name in FACTS if name in self.provenance}
        interval = "; intervals are central 90 % intervals of the parameter, not of a customer"
        return card(
            f"{self.model.title} by {self.method}",
            [
                self.reason or self.status.value,
                f"{self.provenance['customers']:,.0f} customers, log-likelihood {self.loglik:,.3f}, "
                f"times in {UNIT_NAMES[self.provenance['time_unit']]}{interval if self.is_distribution else ''}",
            ],
            [table(head, frame.to_numpy().tolist())],
            {**checks, "draws": len(self.draws), **facts},
        )
