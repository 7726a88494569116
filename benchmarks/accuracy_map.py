"""Map of the error of every likelihood and gradient against mpmath; writes docs/accuracy.png and docs/accuracy.md.

Each cell is the worst of four cases: shapes from .01 to 100, a last purchase at birth, half-way, just before the end
of observation and at it. Formulas are those of the reference tests, the papers' own, with as many digits as leave 40
after their cancellation. Takes a few minutes. Run by hand:

    python benchmarks/accuracy_map.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import mpmath as mp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clvmodels.models import REGISTRY
from clvmodels.rfm import RFM

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from reference import (  # noqa: E402
    test_bg_nbd,
    test_gamma_gamma,
    test_gamma_gamma_transactions,
    test_mbg_nbd,
    test_pareto_nbd,
)

PICTURE, PAGE = ROOT / "docs" / "accuracy.png", ROOT / "docs" / "accuracy.md"
PURCHASES = (0, 1, 3, 12, 40, 150, 500, 1500, 5000)
AMOUNTS = (1, 2, 4, 12, 40, 150, 500, 1500, 5000)
RATIOS = tuple(10.0**k for k in range(-6, 7))
SHARES = (0.0, 0.5, 1.0 - 1e-7, 1.0)
LEVELS = tuple(range(-16, -5))
ABREAST = 4
INK, MUTED = "#1c2128", "#5c6570"

Case = tuple[tuple[float, ...], tuple[float, ...]]  # parameters, history


@dataclass(frozen=True)
class Panel:
    """One model: what stands below and beside its map, its cases, and the exact log-likelihood."""

    model: str
    below: str
    beside: str
    columns: Sequence[int]
    cases: Callable[[int, float], list[Case]]
    exact: Callable[..., Any]
    digits: int
    customers: Callable[..., RFM]


def purchase_cases(x: int, share: float, T: float, theta: Sequence[float]) -> Case:
    return tuple(theta), (x, share * T if x else 0.0, T)


def pareto_cases(x: int, ratio: float) -> list[Case]:
    """Beta / alpha from 1e-6 to 1e6 around a mean of 10; no whole shapes, where mpmath needs a limit."""
    alpha, beta = 10.0 / np.sqrt(ratio), 10.0 * np.sqrt(ratio)
    shapes = ((0.553, 0.606), (99.7, 0.013), (0.013, 99.7), (3.3, 1.3))
    return [
        purchase_cases(x, share, 39.0, (r, alpha, s, beta))
        for share, (r, s) in zip(SHARES, shapes, strict=True)
    ]


def dropout_cases(x: int, ratio: float) -> list[Case]:
    """T / alpha from 1e-6 to 1e6."""
    shapes = ((0.243, 0.793, 2.43), (100.0, 0.01, 0.01), (0.01, 100.0, 100.0), (3.3, 0.7, 1e6))
    return [
        purchase_cases(x, share, 10.0 * ratio, (r, 10.0, a, b))
        for share, (r, a, b) in zip(SHARES, shapes, strict=True)
    ]


def regular_cases(x: int, ratio: float) -> list[Case]:
    """As `dropout_cases`; regular gaps leave no room for a last purchase at birth, so it comes soon after."""
    shapes = ((0.243, 0.793, 2.43), (100.0, 0.01, 0.01), (0.01, 100.0, 100.0), (3.3, 0.7, 1e6))
    return [
        purchase_cases(x, max(share, 1e-7), 10.0 * ratio, (r, 10.0, a, b))
        for share, (r, a, b) in zip(SHARES, shapes, strict=True)
    ]


def regular_exact(r: Any, alpha: Any, a: Any, b: Any, x: float, t_x: float, T: float) -> Any:
    """The sum over the stages of the open gap, over the density of x - 1 points anywhere before t_x."""
    k, alpha, t_x, silence = 3, alpha / 3, mp.mpf(t_x), mp.mpf(T) - mp.mpf(t_x)
    n = r + k * x
    known = t_x ** (k * x - 1) / mp.gamma(k * x) / (t_x ** (x - 1) / mp.gamma(x)) if x else mp.mpf(1)
    alive = sum(mp.rf(n, j) * silence**j / mp.factorial(j) / (alpha + T) ** (n + j) for j in range(k))
    stay, leave = mp.beta(a, b + x + 1) / mp.beta(a, b), mp.beta(a + 1, b + x) / mp.beta(a, b)
    return mp.log(known * mp.rf(r, k * x) * alpha**r * (alive * stay + leave / (alpha + t_x) ** n))


def spend_cases(n: int, p: float) -> list[Case]:
    """P from 1e-3 to 1e3, q from .01 to 100: p n + q passes through 1."""
    return [((p, q, 15.44), (n, mean)) for q, mean in ((0.01, 20.0), (0.5, 1e4), (3.74, 0.01), (100.0, 20.0))]


def transaction_cases(n: int, p: float) -> list[Case]:
    """As `spend_cases`, first purchases from a twentieth to twenty times what comes later."""
    return [
        ((p, q, 15.44, phi), (n, n * mean, n * (np.log(mean) - 0.2 * (n > 1)), mean * (1 + 0.5 * (n > 1))))
        for q, mean, phi in ((0.01, 20.0, 0.05), (0.5, 1e4, 1.0), (3.74, 0.01, 0.7), (100.0, 20.0, 20.0))
    ]


def spenders(*histories: tuple[float, float]) -> RFM:
    count, mean = zip(*histories, strict=True)
    return test_gamma_gamma.histories(count, mean)


def frequency_cases(n: int, p: float) -> list[Case]:
    """As `transaction_cases`, with twice as many purchases worth from a half to twice as much."""
    growths = (0.5, 1.0, 1.1, 2.0)
    return [
        ((*theta, growth), told)
        for (theta, told), growth in zip(transaction_cases(n, p), growths, strict=True)
    ]


def frequency_exact(p: Any, q: Any, gamma: Any, phi: Any, growth: Any, *told: float) -> Any:
    """The formula on transactions with the level of its customer."""
    level = gamma * growth ** mp.log(mp.mpf(told[0]), 2)
    return test_gamma_gamma_transactions.loglik_as_printed(p, q, level, phi, *told)


DROPOUT = {"below": "repeat purchases x", "beside": "T / α", "columns": PURCHASES, "cases": dropout_cases}
PANELS = (
    Panel(
        "pareto_nbd", "repeat purchases x", "β / α", PURCHASES, pareto_cases,
        test_pareto_nbd.closed_form, 160, test_pareto_nbd.customers,
    ),
    Panel("bg_nbd", **DROPOUT, exact=test_bg_nbd.log_likelihood, digits=80, customers=test_bg_nbd.customers),
    Panel("mbg_nbd", **DROPOUT, exact=test_mbg_nbd.log_likelihood, digits=80, customers=test_mbg_nbd.customers),
    Panel(
        "mbg_cnbd_3", "repeat purchases x", "T / α", PURCHASES, regular_cases,
        regular_exact, 120, test_mbg_nbd.customers,
    ),
    Panel(
        "gamma_gamma", "purchases n", "p", AMOUNTS, spend_cases,
        test_gamma_gamma.loglik_as_printed, 80, spenders,
    ),
    Panel(
        "gamma_gamma_transactions", "purchases n", "p", AMOUNTS, transaction_cases,
        test_gamma_gamma_transactions.loglik_as_printed, 80, test_gamma_gamma_transactions.customers,
    ),
    Panel(
        "gamma_gamma_frequency", "purchases n", "p", AMOUNTS, frequency_cases,
        frequency_exact, 80, test_gamma_gamma_transactions.customers,
    ),
)  # fmt: skip


def rows_of(panel: Panel) -> tuple[float, ...]:
    return tuple(10.0 ** (k / 2) for k in range(-6, 7)) if panel.beside == "p" else RATIOS


def exact_answers(panel: Panel, case: Case) -> tuple[float, np.ndarray]:
    """Log-likelihood, and its derivatives by the logarithms of the parameters."""
    theta, history = case
    with mp.workdps(panel.digits):
        point, step = list(map(mp.mpf, theta)), mp.mpf(10) ** -35
        value = panel.exact(*point, *history)
        moved = ([*point[:k], middle * (1 + step), *point[k + 1 :]] for k, middle in enumerate(point))
        return float(value), np.array(
            [float((panel.exact(*there, *history) - value) / step) for there in moved]
        )


def errors(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Worst error of value and gradient in each cell, absolute or relative, whichever is smaller."""
    model, grid = REGISTRY[panel.model], [(x, ratio) for ratio in rows_of(panel) for x in panel.columns]
    cases = [panel.cases(*cell) for cell in grid]
    flat = [case for cell in cases for case in cell]
    theta = np.array([point for point, _ in flat]).T
    value, slope = model.loglik_grad(theta, panel.customers(*(history for _, history in flat)))
    worst = np.empty((2, len(flat)))
    for i, case in enumerate(flat):
        exact, slopes = exact_answers(panel, case)
        worst[0, i] = abs(value[i] - exact) / max(1.0, abs(exact))
        worst[1, i] = np.max(np.abs(theta[:, i] * slope[:, i] - slopes) / np.maximum(1.0, np.abs(slopes)))
    shape = len(rows_of(panel)), len(panel.columns), -1
    by_value, by_slope = worst.reshape(2, *shape).max(axis=-1)
    return by_value, by_slope


def draw(axes: Axes, panel: Panel, worst: np.ndarray, last: bool) -> Any:
    """One map: a cell for each pair, its colour the order of magnitude of the error."""
    colours = mpl.colormaps["YlOrRd"].resampled(len(LEVELS) - 1)
    norm = mpl.colors.BoundaryNorm(LEVELS, colours.N)
    image = axes.imshow(
        np.log10(np.maximum(worst, 1.01e-16)), origin="lower", cmap=colours, norm=norm, aspect="auto"
    )
    rows = rows_of(panel)
    axes.set_xticks(range(0, len(panel.columns), 2), [f"{x:,}" for x in panel.columns[::2]], rotation=45)
    axes.set_yticks(range(0, len(rows), 2), [f"$10^{{{np.log10(y):.0f}}}$" for y in rows[::2]])
    axes.set_ylabel(panel.beside, color=INK)
    if last:
        axes.set_xlabel(panel.below, color=INK)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=8, length=3)
    axes.spines[:].set_visible(False)
    return image


def picture(results: Sequence[tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Models side by side, value above gradient, each with its worst cell in words."""
    deep = -(-len(PANELS) // ABREAST)
    figure = Figure(figsize=(3.1 * ABREAST, 6.4 * deep), layout="constrained", facecolor="white")
    axes = figure.subplots(2 * deep, ABREAST)
    for ax in axes.flat:
        ax.set_visible(False)
    for place, (panel, result) in enumerate(zip(PANELS, results, strict=True)):
        above, column = divmod(place, ABREAST)
        for row, (name, worst) in enumerate(zip(("log-likelihood", "gradient"), result, strict=True)):
            ax = axes[2 * above + row, column]
            ax.set_visible(True)
            image = draw(ax, panel, worst, last=row == 1)
            title = f"{REGISTRY[panel.model].title}\n{name}, worst {worst.max():.0e}"
            ax.set_title(title, fontsize=10, color=INK, loc="left")
    bar = figure.colorbar(image, ax=axes, shrink=0.5, ticks=LEVELS[::2], extend="min")
    bar.set_ticklabels([f"$10^{{{level}}}$" for level in LEVELS[::2]])
    bar.set_label("error against mpmath", color=INK)
    return figure


def page(results: Sequence[tuple[np.ndarray, np.ndarray]]) -> str:
    """The text beside the picture."""
    lines = [
        "# Accuracy of the likelihoods",
        "",
        "Every fit rests on log-likelihoods and their derivatives, so they are checked against mpmath, an",
        "independent library, with 40 digits to spare, over far more than data ask for: up to 5,000 purchases, shapes",
        "from 0.01 to 100, times that differ by a factor of a million, a last purchase at birth or at the very end.",
        "",
        "![Error of each model's log-likelihood and gradient, in cells of purchases against a ratio of scales]"
        "(accuracy.png)",
        "",
        "Each cell is the worst of four cases. The error is absolute below 1 and relative above; that of the gradient",
        "is the worst of the derivatives by the logarithm of a parameter.",
        "",
        "| model | cases | worst error, log-likelihood | worst error, gradient |",
        "|---|---|---|---|",
    ]
    for panel, (value, slope) in zip(PANELS, results, strict=True):
        lines.append(
            f"| {REGISTRY[panel.model].title} | {4 * value.size:,} | {value.max():.0e} | {slope.max():.0e} |"
        )
    lines += [
        "",
        "Made by `python benchmarks/accuracy_map.py`. What is promised, and tested with every change in",
        "`tests/reference`, is 1e-8 for values and 1e-6 for derivatives; the same tests hold the predictions",
        "against mpmath.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    found = [errors(panel) for panel in PANELS]
    PAGE.parent.mkdir(exist_ok=True)
    with mpl.rc_context({**mpl.rcParamsDefault, "font.family": ["DejaVu Sans"], "font.size": 9.0}):
        picture(found).savefig(PICTURE, dpi=110, metadata={"Software": None})
    PAGE.write_text(page(found), encoding="utf-8")
    for panel, (value, slope) in zip(PANELS, found, strict=True):
        print(f"{panel.model:12} worst value {value.max():.1e}, worst gradient {slope.max():.1e}")
