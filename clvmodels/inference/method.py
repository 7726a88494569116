"""What a way of fitting must do, and the two that stop at the mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from clvmodels.errors import FitStatus
from clvmodels.inference.mode import Mode
from clvmodels.inference.objective import Objective


@dataclass(frozen=True)
class Draws:
    """What a method found: coordinates (P, S), numbers about them, and the outcome of the fit.

    Beside them what a chain tells of each draw, (S,) by name, and the methods that drew them where these
    were not the one asked.
    """

    z: np.ndarray
    diagnostics: Mapping[str, float]
    status: FitStatus
    reason: str
    statistics: Mapping[str, np.ndarray] = field(default_factory=dict)
    drawn_by: str = ""


@runtime_checkable
class Method(Protocol):
    """A way from the mode of an objective to draws of its parameters."""

    @property
    def name(self) -> str:
        """Key in `METHODS`."""
        ...

    @property
    def with_prior(self) -> bool:
        """Whether the objective holds the priors."""
        ...

    def draw(self, objective: Objective, mode: Mode, draws: int, seed: int) -> Draws:
        """Draw parameters; the same seed gives the same bytes."""
        ...


@dataclass(frozen=True)
class MaximumLikelihood:
    """The parameters that make the data most likely, as the only draw."""

    name: ClassVar[str] = "mle"
    with_prior: ClassVar[bool] = False

    def draw(self, objective: Objective, mode: Mode, draws: int, seed: int) -> Draws:  # noqa: ARG002
        """As `Method.draw`."""
        return only_the_mode(mode)


@dataclass(frozen=True)
class MaximumPosterior:
    """The mode of the posterior density of the log parameters, as the only draw."""

    name: ClassVar[str] = "map"
    with_prior: ClassVar[bool] = True

    def draw(self, objective: Objective, mode: Mode, draws: int, seed: int) -> Draws:  # noqa: ARG002
        """As `Method.draw`."""
        return only_the_mode(mode)


def only_the_mode(mode: Mode) -> Draws:
    """The mode as the only draw, with its own outcome."""
    return Draws(mode.z[:, None], {}, mode.status, mode.reason)
