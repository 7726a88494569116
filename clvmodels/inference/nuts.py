"""The No-U-Turn Sampler: the reference that quicker ways of drawing are held against."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from clvmodels.errors import ArgumentError, FitStatus, check_choice, check_real, whole_number
from clvmodels.inference.chains import Chains, Plan, diagnose, run_nutpie, run_pymc
from clvmodels.inference.laplace import Laplace
from clvmodels.inference.method import Draws
from clvmodels.inference.mode import Mode
from clvmodels.inference.objective import Objective
from clvmodels.inference.whitening import Whitened, whiten

SAMPLERS = {"nutpie": run_nutpie, "pymc": run_pymc}
R_HAT_LIMIT = 1.01
ESS_PER_CHAIN = 100
DIVERGENT_SHARE = 0.001
"""Share of divergent transitions above which part of the posterior was probably not visited."""
SHORTEST = 20
PILOT = 1000
"""Importance draws whose covariance the chains are scaled by."""


@dataclass(frozen=True)
class Nuts:
    """Draws from the posterior by Hamiltonian Monte Carlo in whitened coordinates.

    Coordinates are scaled by the covariance of a pilot of importance draws (`Laplace`), which knows the bent
    ridges of a posterior better than the curvature at its mode; by that curvature where the pilot refuses its
    own draws. Chains start wider than the posterior, and every one runs `length` draws (or more, if
    `fit` is asked for more). Of these `fit` keeps as many as it was asked for, evenly spaced, rounded up to
    a multiple of the chains; row s of its draws is of chain ``s % chains``. With ``length=1000``,
    ``fit(..., draws=4000)`` keeps all draws of four chains.

    Diagnostics are those of the whole chains: `r_hat` (largest), `ess_bulk` and `ess_tail` (smallest),
    `divergences`, `chains`. The fit is `UNRELIABLE` unless R-hat is below 1.01, both effective sizes are above
    100 per chain, and at most one transition in a thousand diverged.

    Attributes
    ----------
    chains
        At least 1; two are the least for which R-hat means much.
    tune
        Steps of adaptation of each chain, at least 20; not kept. In whitened coordinates a few hundred do.
    length
        Draws of each chain after that, at least 20.
    target_accept
        Acceptance rate that the step size is adapted to, between 0 and 1; nearer 1 is more careful.
        At 0.8 chains overshoot the long tail of Pareto/NBD's s and beta, and some stay there too long.
    sampler
        ``"nutpie"``, or ``"pymc"``, which is slower. Never chosen by what happens to be installed.
    cores
        Chains that run at once, in threads. Results do not depend on it, and more than one is slower where
        the density is evaluated by Python, which lets one thread work at a time.

    Raises
    ------
    ArgumentError
        If a setting is outside its range.

    References
    ----------
    Hoffman, M. D. and Gelman, A. (2014). The No-U-Turn Sampler. JMLR 15:1593-1623.

    Examples
    --------
    >>> Nuts(target_accept=0.99).chains
    4
    """

    chains: int = 4
    tune: int = 500
    length: int = 1000
    target_accept: float = 0.9
    sampler: str = "nutpie"
    cores: int = 1

    name: ClassVar[str] = "nuts"
    with_prior: ClassVar[bool] = True

    def __post_init__(self) -> None:
        least = {"chains": 1, "tune": SHORTEST, "length": SHORTEST, "cores": 1}
        for name, bound in least.items():
            whole_number(name, getattr(self, name), least=bound)
        check_real("target_accept", self.target_accept)
        if not 0 < self.target_accept < 1:
            raise ArgumentError(f"target_accept={self.target_accept} must lie between 0 and 1")
        check_choice("sampler", self.sampler, SAMPLERS)

    def draw(self, objective: Objective, mode: Mode, draws: int, seed: int) -> Draws:
        """As `Method.draw`; where the mode has no curvature to scale by, the mode is the only draw."""
        return self.draw_jointly([objective], [mode], draws, seed)[0]

    def draw_jointly(
        self, objectives: Sequence[Objective], modes: Sequence[Mode], draws: int, seed: int
    ) -> list[Draws]:
        """Draw the parameters of several objectives in the same chains; row s of each belongs to row s of all."""
        can = [mode.covariance is not None and mode.status.usable for mode in modes]
        drawn = {
            i: _declined(mode) for i, (mode, able) in enumerate(zip(modes, can, strict=True)) if not able
        }
        able = [i for i in range(len(modes)) if i not in drawn]
        if able:
            kept = math.ceil(draws / self.chains)
            stride = max(1, self.length // kept)
            plan = Plan(self.chains, self.tune, stride * kept, self.target_accept, self.cores, seed)
            parts = [_whitened(objectives[i], modes[i], seed) for i in able]
            try:
                chains = SAMPLERS[self.sampler](parts, plan)
            except RuntimeError as problem:
                drawn |= {i: _stopped(modes[i], problem) for i in able}
            else:
                drawn |= {
                    i: _judged(z, chains, stride, modes[i]) for i, z in zip(able, chains.z, strict=True)
                }
        return [drawn[i] for i in range(len(modes))]


def _whitened(objective: Objective, mode: Mode, seed: int) -> Whitened:
    pilot = Laplace().draw(objective, mode, PILOT, seed)
    if pilot.status is FitStatus.UNRELIABLE:
        return whiten(objective, mode)
    root = np.linalg.cholesky(np.atleast_2d(np.cov(pilot.z)))
    return Whitened(objective, pilot.z.mean(axis=1), root)


def _declined(mode: Mode) -> Draws:
    return Draws(
        mode.z[:, None],
        {},
        mode.status,
        f"{mode.reason}; nuts did not start, and the optimum is the only draw",
    )


def _stopped(mode: Mode, problem: Exception) -> Draws:
    first = (str(problem).splitlines() or ["no reason given"])[0]
    reason = (
        f"unreliable: nuts stopped ({first}), and the optimum is the only draw; fit with method='laplace'"
    )
    return Draws(mode.z[:, None], {}, FitStatus.UNRELIABLE, reason)


def _judged(z: np.ndarray, chains: Chains, stride: int, mode: Mode) -> Draws:
    diagnostics = diagnose(z, chains.statistics)
    kept = _interleaved(z[:, :, stride - 1 :: stride])
    statistics = {
        name: _interleaved(values[None, :, stride - 1 :: stride])[0]
        for name, values in chains.statistics.items()
    }
    doubts = _doubts(diagnostics, z.shape[2])
    if doubts:
        return Draws(kept, diagnostics, FitStatus.UNRELIABLE, f"unreliable: {'; '.join(doubts)}", statistics)
    return Draws(kept, diagnostics, mode.status, mode.reason, statistics)


def _doubts(found: dict[str, float], length: int) -> list[str]:
    """What failed, each with the way out."""
    doubts = []
    least = ESS_PER_CHAIN * found["chains"]
    longer = f"run longer chains, Nuts(length={4 * length})"
    if not found["r_hat"] < R_HAT_LIMIT:
        doubts.append(f"the chains disagree (R-hat {found['r_hat']:.3f}, not below {R_HAT_LIMIT}): {longer}")
    short = {name: found[name] for name in ("ess_bulk", "ess_tail") if not found[name] > least}
    if short:
        sizes = ", ".join(f"{name} {value:.0f}" for name, value in short.items())
        doubts.append(f"too few effective draws ({sizes}, not above {least:.0f}): {longer}")
    if found["divergences"] > DIVERGENT_SHARE * found["chains"] * length:
        doubts.append(
            f"{found['divergences']:.0f} divergent transitions, so part of the posterior may be missing: "
            "take smaller steps, Nuts(target_accept=0.99)"
        )
    return doubts


def _interleaved(values: np.ndarray) -> np.ndarray:
    """(P, chains, kept) -> (P, kept * chains), first draws of all chains first: any head holds all chains."""
    return values.swapaxes(1, 2).reshape(len(values), -1)
