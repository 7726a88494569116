"""Simulation-based calibration: worlds drawn from the prior, the whole street walked through each of them.

One replication draws parameters from priors, simulates a transaction log from them, cuts it, summarises it,
fits with the same priors, forecasts, and asks where the truth lies among the draws: each parameter, the
distance of all of them together from the posterior mean, and the actual purchases and value that followed the
cut. If sampler, likelihood, prior and forecast are right, every such place is uniform on (0, 1) (Talts,
Betancourt, Simpson, Vehtari & Gelman 2018), whatever the parameters are.

`make sbc` runs it for every registered purchase model (each with a spend model) and method, prints what the
places look like, draws their distributions into docs/calibration.svg and writes the table of docs/calibration.md.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from time import perf_counter

import numpy as np

import clvmodels as clv
from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.models import PURCHASE_MODELS, SPEND_MODELS

SIGMA = 0.5
"""Of the log of every parameter: narrow enough for worlds that look like shops, wide against what they teach."""
WEEKS, MONEY = 20.0, 30.0
"""Time and amount that the medians of the priors are measured in."""
CUSTOMERS, DRAWS = 200, 400
START, CUT, OBSERVED, FOLLOWED = "2024-01-01", "2024-12-30", 52, 26
METHODS = ("laplace", "bootstrap")
DOCS = Path(__file__).parents[1] / "docs"
MARKS = ("<!-- what make sbc prints -->", "<!-- end -->")


@dataclass(frozen=True)
class Replication:
    """One world: the truth and the draws of each quantity by name, and how it went.

    Attributes
    ----------
    truth, draws
        Logs of the parameters, and the totals that followed the cut; one number, and (S,) draws of it.
    customers
        (n,) places of every customer's actual purchases among their draws, ties broken at random.
    status
        Of the fits.
    seed
        Of everything in it.
    """

    truth: dict[str, float]
    draws: dict[str, np.ndarray]
    customers: np.ndarray
    status: tuple[str, ...]
    seed: int

    def places(self, spread: float = 1.0, shift: float = 0.0) -> dict[str, float]:
        """Place in (0, 1) of each truth among its draws, ties broken at random.

        Parameters are first spread around their mean and shifted by so many of their standard deviations: a
        way to plant a mistake.
        """
        rng = np.random.default_rng([self.seed, 99])
        truth, draws = dict(self.truth), dict(self.draws)
        for part, names in self.parts().items():
            log = np.array([draws[name] for name in names])
            centre, sd = log.mean(axis=1, keepdims=True), log.std(axis=1, keepdims=True)
            log = centre + spread * (log - centre) + shift * sd
            draws |= dict(zip(names, log, strict=True))
            at = np.array([truth[name] for name in names])
            middle, root = log.mean(axis=1), np.linalg.cholesky(np.cov(log))
            draws[f"{part} distance"] = np.sum(np.linalg.solve(root, log - middle[:, None]) ** 2, axis=0)
            truth[f"{part} distance"] = float(np.sum(np.linalg.solve(root, at - middle) ** 2))
        return {name: _place(truth[name], draws[name], rng) for name in sorted(truth)}

    def parts(self) -> dict[str, list[str]]:
        """Names of the parameters of the purchase and of the spend model."""
        named = {
            part: [name for name in self.truth if name.startswith(f"{part}:")]
            for part in ("purchase", "spend")
        }
        return {part: names for part, names in named.items() if names}


def _place(truth: float, draws: np.ndarray, rng: np.random.Generator) -> float:
    below, equal = np.sum(draws < truth), np.sum(draws == truth)
    return float((below + rng.random() * (equal + 1)) / (len(draws) + 1))


def narrow_priors(model: PurchaseModel | SpendModel) -> dict[str, clv.LogNormal]:
    """Log-normal priors around the medians that the model declares, in weeks and money."""
    return {
        param.name: clv.LogNormal(
            param.prior_median * WEEKS**param.time_power * MONEY**param.money_power, SIGMA, False, "W"
        )
        for param in model.params
    }


def replicate(purchase: str, spend: str, methods: Sequence[str], seed: int) -> list[Replication]:
    """Draw a world, and walk the street through it with each method."""
    rng = np.random.default_rng([seed, 1])
    models = {"purchase": PURCHASE_MODELS[purchase], "spend": SPEND_MODELS[spend]}
    priors = {part: narrow_priors(model) for part, model in models.items()}
    params = {
        part: {
            name: float(belief.median * np.exp(belief.sigma * rng.standard_normal()))
            for name, belief in beliefs.items()
        }
        for part, beliefs in priors.items()
    }
    log = clv.simulate(
        purchase,
        params["purchase"],
        customers=CUSTOMERS,
        start=START,
        weeks=OBSERVED + FOLLOWED,
        acquisition_weeks=OBSERVED / 2,
        spend=spend,
        spend_params=params["spend"],
        seed=seed,
    )
    before, after = log[log["date"] < CUT], log[log["date"] >= CUT]
    rfm = clv.rfm_summary(before, spend="spend", period="min", time_unit="W", observation_end="2024-12-29")
    truth = {
        f"{part}:{name}": float(np.log(value))
        for part, values in params.items()
        for name, value in values.items()
    }
    truth |= {"future purchases": float(len(after)), "future value": float(after["spend"].sum())}
    bought = after["customer_id"].value_counts().reindex(rfm.customer_id, fill_value=0).to_numpy()
    return [
        _walk(
            clv.CLVModel(
                purchase, spend, method, purchase_priors=priors["purchase"], spend_priors=priors["spend"]
            ),
            rfm,
            truth,
            bought,
            seed,
        )
        for method in methods
    ]


def _walk(
    model: clv.CLVModel, rfm: clv.RFM, truth: dict[str, float], bought: np.ndarray, seed: int
) -> Replication:
    """Fit, forecast, and keep the draws beside the truth."""
    rng, blocks = np.random.default_rng([seed, 2]), []
    fitted = model.fit(rfm, draws=DRAWS, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.ClvWarning)  # means that are infinite are not asked for here
        forecast = fitted.forecast(
            f"{FOLLOWED}W", draws=DRAWS, seed=seed, discrepancy=None, observe=blocks.append
        )
    draws = {
        f"{part}:{name}": np.log(values)
        for part, posterior in zip(("purchase", "spend"), fitted.posteriors, strict=True)
        for name, values in zip(posterior.names, posterior.draws.T, strict=True)
    }
    draws |= {"future purchases": forecast.purchases.draws, "future value": forecast.value.draws}
    each = np.concatenate([block.purchases for block in blocks], axis=1)
    places = np.array([_place(count, column, rng) for count, column in zip(bought, each.T, strict=True)])
    return Replication(
        truth, draws, places, tuple(posterior.status.name for posterior in fitted.posteriors), seed
    )


def pairs() -> list[tuple[str, str]]:
    """Every purchase model, and every spend model whose story begins at birth, at least once.

    Others tell of histories that are cut already; theirs is told in tests/laws/test_calibration.py.
    """
    spends = [name for name, model in SPEND_MODELS.items() if not model.given]
    count = max(len(PURCHASE_MODELS), len(spends))
    turns = zip(cycle(PURCHASE_MODELS), cycle(spends), range(count), strict=False)
    return [(purchase, spend) for purchase, spend, _ in turns]


def z_scores(places: Sequence[float]) -> tuple[float, float]:
    """How far places are from uniform: z of their location, and z of their spread.

    Standard normal scores Φ⁻¹(place) have mean 0 ± 1/√N and mean square 1 ± √(2/N); draws that are too narrow
    raise the second, draws that are too low the first.
    """
    scores = np.array([NormalDist().inv_cdf(place) for place in places])
    return float(scores.mean() * sqrt(len(scores))), float((np.mean(scores**2) - 1) / sqrt(2 / len(scores)))


def ecdf_difference(places: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Empirical distribution function of the places minus that of the uniform, on a grid."""
    return np.asarray(np.searchsorted(np.sort(places), grid, side="right") / len(places) - grid)


def band(count: int, grid: np.ndarray, level: float, rounds: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Bounds over the grid that hold the whole `ecdf_difference` of `count` uniforms with that probability.

    Central binomial intervals, all of one level, which is set by simulation (Säilynoja, Bürkner & Vehtari 2022).
    """
    from scipy.stats import binom

    rng = np.random.default_rng(1)
    tails = []
    for _ in range(rounds):
        below = np.round((ecdf_difference(rng.random(count), grid) + grid) * count)
        tails.append(np.min(np.minimum(binom.cdf(below, count, grid), binom.sf(below - 1, count, grid))))
    tail = np.quantile(tails, 1 - level)
    return binom.ppf(tail, count, grid) / count - grid, binom.isf(tail, count, grid) / count - grid


def customer_scores(worlds: Sequence[Replication]) -> tuple[float, float]:
    """z of location and of spread of all customers' places, worlds being independent and customers in one not.

    In every world the mean of ``place - 1/2`` and of ``(place - 1/2)² - 1/12`` has expectation 0.
    """
    away = np.array(
        [[np.mean(world.customers - 0.5), np.mean((world.customers - 0.5) ** 2) - 1 / 12] for world in worlds]
    )
    location, spread = away.mean(axis=0) / (away.std(axis=0, ddof=1) / sqrt(len(worlds)))
    return float(location), float(spread)


def study(
    replications: int, methods: Sequence[str], workers: int
) -> Iterator[tuple[str, str, list[Replication]]]:
    """All replications of each pair and method, over processes; worlds are the same for each method."""
    with ProcessPoolExecutor(workers) as pool:
        for purchase, spend in pairs():
            jobs = [pool.submit(replicate, purchase, spend, methods, seed) for seed in range(replications)]
            for method, worlds in zip(
                methods, zip(*[job.result() for job in jobs], strict=True), strict=True
            ):
                yield f"{purchase} × {spend}", method, list(worlds)


def draw(panels: Sequence[tuple[str, dict[str, np.ndarray]]], path: Path) -> None:
    """ECDF differences of all quantities, one pair of axes per model and method."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from clvmodels.plots import GRID, INK, MUTED

    columns = 2
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(8.2, 0.5 + 2.35 * rows), layout="constrained", facecolor="white")
    grid = np.linspace(0.01, 0.99, 99)
    for axes, (title, places) in zip(
        figure.subplots(rows, columns, squeeze=False).flat, panels, strict=False
    ):
        count = len(next(iter(places.values())))
        axes.fill_between(grid, *band(count, grid, 1 - 0.05 / len(places)), color=GRID, linewidth=0)
        axes.axhline(0, color=MUTED, linewidth=0.8)
        for name, values in places.items():
            kind = (
                "future" if name.startswith("future") else "distance" if "distance" in name else "parameter"
            )
            colour = {"parameter": "#0072b2", "distance": "#d55e00", "future": "#009e73"}[kind]
            axes.plot(grid, ecdf_difference(values, grid), color=colour, linewidth=1.1, label=kind)
        axes.set_title(title, fontsize=8.5, color=INK, loc="left")
        axes.set_xlim(0, 1)
        axes.tick_params(labelsize=8, colors=MUTED)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(-0.18, 0.18)
        axes.set_xlabel("Place of the truth among the draws", fontsize=8, color=INK)
    figure.supylabel("Share of worlds up to there, minus the place", fontsize=9.5, color=INK)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper right", ncols=3, frameon=False, fontsize=9
    )
    with rc_context({"svg.hashsalt": "clvmodels"}):  # the same picture has the same bytes
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


@dataclass(frozen=True)
class Score:
    """z-scores of location and spread of one quantity under a method."""

    models: str
    method: str
    quantity: str
    location: float
    spread: float


def scores_of(models: str, method: str, worlds: Sequence[Replication]) -> Iterator[Score]:
    """The scores of every quantity, customers last."""
    places = [world.places() for world in worlds]
    for name in places[0]:
        yield Score(models, method, name, *z_scores([place[name] for place in places]))
    yield Score(models, method, "purchases of single customers", *customer_scores(worlds))


def told(scores: Sequence[Score], methods: Sequence[str], poor: int, fits: int) -> str:
    """The table with a column pair per method, and in a sentence what it says of each method."""
    by_row: dict[tuple[str, str], dict[str, Score]] = {}
    for score in scores:
        by_row.setdefault((score.models, score.quantity), {})[score.method] = score
    head = "".join(f" {method}: location | spread |" for method in methods)
    lines = [f"| models | quantity |{head}", f"|---|---|{'---:|---:|' * len(methods)}"]
    for (models, quantity), row in by_row.items():
        pairs_of = (f" {row[method].location:+.1f} | {row[method].spread:+.1f} |" for method in methods)
        lines.append(f"| {models} | {quantity} |{''.join(pairs_of)}")
    lines.append("")
    for method in methods:
        values = {
            (one.models, one.quantity, kind): getattr(one, kind)
            for one in scores
            if one.method == method
            for kind in ("location", "spread")
        }
        models, quantity, kind = max(values, key=lambda key: abs(values[key]))
        lines.append(
            f"- `{method}`: of {len(values)} scores, {sum(abs(value) > 3 for value in values.values())} lie beyond 3;"
            f" the largest is {values[models, quantity, kind]:+.1f} ({kind} of {quantity.split(':')[-1]}, {models})."
        )
    lines.append(f"- Of {fits:,} fits, {poor} said that they are not reliable.")
    return "\n".join(lines).replace("| -", "| −").replace("is -", "is −")


def write_page(block: str, page: Path) -> None:
    """Put the table between the marks of the page."""
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n\n{block}\n\n{MARKS[1]}{after}", encoding="utf-8")


def main() -> None:
    """Walk, print the table, draw the picture, and write both into the documents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=DOCS / "calibration.svg")
    parser.add_argument("--page", type=Path, default=DOCS / "calibration.md")
    options = parser.parse_args()
    out, began, panels, scores, poor, fits = sys.stdout.write, perf_counter(), [], [], 0, 0
    for models, method, worlds in study(options.replications, options.methods, options.workers):
        places = [world.places() for world in worlds]
        columns = {name: np.array([place[name] for place in places]) for name in places[0]}
        panels.append((f"{models}, {method}", columns))
        scores += scores_of(models, method, worlds)
        poor += sum(status in {"UNRELIABLE", "FAILED"} for world in worlds for status in world.status)
        fits += 2 * len(worlds)
    draw(panels, options.out)
    block = f"{options.replications} worlds of {CUSTOMERS} customers each.\n\n"
    block += told(scores, options.methods, poor, fits)
    out(f"{block}\n\n{perf_counter() - began:.0f} s; picture in {options.out.name}\n")
    write_page(block, options.page)


if __name__ == "__main__":
    main()
