"""Markov chains over whitened objectives, by nutpie or by PyMC, and what they say of themselves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clvmodels.errors import FitError
from clvmodels.inference.pymc_model import build_model, latent_name
from clvmodels.inference.whitening import Whitened
from clvmodels.progress import Move, progress_bar

STATISTICS = {"diverging": "diverging", "energy": "energy", "n_steps": "n_steps", "step_size": "step_size"}
"""What is kept of a sampler's own statistics; both samplers call them the same."""
SPREAD_OF_STARTS = 1.5
"""Standard deviation of the starting points in posterior standard deviations: wider than what they look for."""


@dataclass(frozen=True)
class Plan:
    """How to run: chains, steps of adaptation, draws of each chain after it, acceptance to aim at, threads."""

    chains: int
    tune: int
    length: int
    target_accept: float
    cores: int
    seed: int


@dataclass(frozen=True, eq=False)
class Chains:
    """Coordinates of each part (P, chains, length), and statistics by name (chains, length)."""

    z: list[np.ndarray]
    statistics: dict[str, np.ndarray]


def run_nutpie(parts: Sequence[Whitened], plan: Plan) -> Chains:
    """NUTS by nutpie on the sum of the parts' log densities, straight from Python: nothing is compiled.

    Chains run in threads and have random streams of their own, so their draws do not depend on how many
    run at once.

    Raises
    ------
    RuntimeError
        If the sampler finds no point to start from.
    FitError
        If the run was interrupted.
    """
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    ends = np.cumsum([len(part.centre) for part in parts])

    def log_density(w: np.ndarray) -> tuple[float, np.ndarray]:
        pieces = np.split(w, ends[:-1])
        found = [part.value_and_grad(piece) for part, piece in zip(parts, pieces, strict=True)]
        return float(sum(value for value, _ in found)), np.concatenate([slope for _, slope in found])

    model = from_pyfunc(
        int(ends[-1]),
        lambda: log_density,
        lambda *_: lambda w: {"w": w},
        ["float64"],
        [(int(ends[-1]),)],
        ["w"],
        make_initial_point_fn=lambda seed: _start(int(ends[-1]), seed),
    )
    with progress_bar("sampling with NUTS") as move:
        trace = nutpie.sample(
            model,
            draws=plan.length,
            tune=plan.tune,
            chains=plan.chains,
            cores=plan.cores,
            seed=plan.seed,
            target_accept=plan.target_accept,
            progress_bar=False,
            progress_callback=None if move is None else _told(move),
            save_warmup=False,
        )
    w = trace["posterior"]["w"].to_numpy()
    if w.shape[:2] != (plan.chains, plan.length) or not np.isfinite(w).all():
        raise FitError("sampling was interrupted before the chains were complete")
    pieces = np.split(np.moveaxis(w, 2, 0), ends[:-1])
    z = [part.z(piece) for part, piece in zip(parts, pieces, strict=True)]
    return Chains(z, {name: trace["sample_stats"][name].to_numpy() for name in STATISTICS})


def _told(move: Move) -> Callable[[Sequence[Any]], None]:
    """What nutpie calls with the state of every chain, as a bar understands it."""

    def tell(chains: Sequence[Any]) -> None:
        diverged = sum(chain.divergences for chain in chains)
        said = f"sampling with NUTS, {diverged:,} divergences" if diverged else "sampling with NUTS"
        done, total = (
            sum(getattr(chain, name) for chain in chains) for name in ("finished_draws", "total_draws")
        )
        move(done, total, said)

    return tell


def run_pymc(parts: Sequence[Whitened], plan: Plan) -> Chains:
    """NUTS by PyMC on `build_model`, one chain after the other (forked workers and compiled threads do not mix).

    Raises
    ------
    RuntimeError
        If the sampler finds no point to start from.
    """
    import pymc

    names = [latent_name(part.objective) for part in parts]
    starts = [
        {
            name: part.z(_start(len(part.centre), plan.seed + chain))
            for name, part in zip(names, parts, strict=True)
        }
        for chain in range(plan.chains)
    ]
    with build_model(parts):
        trace = pymc.sample(
            draws=plan.length,
            tune=plan.tune,
            chains=plan.chains,
            cores=1,
            random_seed=plan.seed,
            nuts_sampler="pymc",
            target_accept=plan.target_accept,
            init="adapt_diag",
            initvals=starts,
            progressbar=sys.stderr.isatty(),
            quiet=not sys.stderr.isatty(),
            compute_convergence_checks=False,
            compile_kwargs={"mode": "FAST_COMPILE"},  # the graph is a few nodes around one call into Python
        )
    z = [np.moveaxis(trace["posterior"][name].to_numpy(), 2, 0) for name in names]
    return Chains(z, {name: trace["sample_stats"][name].to_numpy() for name in STATISTICS})


def diagnose(z: np.ndarray, statistics: dict[str, np.ndarray]) -> dict[str, float]:
    """Largest R-hat, smallest effective sizes (bulk, and tails of 5 %) over the coordinates, and divergences.

    Parameters
    ----------
    z
        (P, chains, length).

    References
    ----------
    Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. and Bürkner, P.-C. (2021). Rank-normalization, folding,
    and localization: an improved R-hat. Bayesian Analysis 16(2):667-718. doi:10.1214/20-BA1221
    """
    from arviz_stats.base import array_stats

    tails = {"method": "tail", "prob": (0.05, 0.95)}
    return {
        "r_hat": float(np.max([array_stats.rhat(chains) for chains in z])),
        "ess_bulk": float(np.min([array_stats.ess(chains) for chains in z])),
        "ess_tail": float(np.min([array_stats.ess(chains, **tails) for chains in z])),
        "divergences": float(statistics["diverging"].sum()),
        "chains": float(z.shape[1]),
    }


def _start(size: int, seed: int) -> np.ndarray:
    return SPREAD_OF_STARTS * np.random.default_rng(seed).standard_normal(size)
