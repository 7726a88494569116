"""Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25:72)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LEAST_TAIL = 5
NEGLIGIBLE = 1e-12
"""Excess of the largest weight over the tail's cutoff below which all weights count as equal."""


@dataclass(frozen=True)
class SmoothedWeights:
    """Normalised weights (S,), the tail shape k̂ and the effective sample size."""

    weights: np.ndarray
    k_hat: float
    effective_size: float


def smooth_weights(log_ratios: np.ndarray) -> SmoothedWeights:
    """Replace the largest importance ratios by quantiles of a generalised Pareto fit to them.

    Parameters
    ----------
    log_ratios
        (S,) log target minus log proposal, up to a constant; -inf is a weight of 0.

    Returns
    -------
    SmoothedWeights
        Weights add up to 1; the effective size is ``1 / sum(weights**2)``. k̂ below 0.7 means the
        weights can be trusted; it is infinite if fewer than five ratios lie in the tail.

    Examples
    --------
    >>> smooth_weights(np.zeros(100)).effective_size
    100.0
    """
    log_weights = log_ratios - np.max(log_ratios)
    size = len(log_weights)
    tail = math.ceil(min(0.2 * size, 3 * math.sqrt(size)))
    order = np.argsort(log_weights, kind="stable")
    cutoff = log_weights[order[max(size - tail - 1, 0)]]
    in_tail = order[-tail:]
    excess = np.exp(log_weights[in_tail]) - np.exp(cutoff)
    if tail < LEAST_TAIL:
        k_hat = math.inf
    elif excess[-1] <= NEGLIGIBLE:
        k_hat = -math.inf
    else:
        k_hat, sigma = _fit_pareto(np.maximum(excess, np.finfo(float).tiny))
        ranks = (np.arange(tail) + 0.5) / tail
        log_weights = log_weights.copy()
        smoothed = np.log(_pareto_quantiles(ranks, k_hat, sigma) + np.exp(cutoff))
        log_weights[in_tail] = np.minimum(smoothed, 0.0)
    weights = np.exp(log_weights)
    weights /= weights.sum()
    return SmoothedWeights(weights, float(k_hat), float(1 / np.sum(weights**2)))


def _pareto_quantiles(ranks: np.ndarray, shape: float, scale: float) -> np.ndarray:
    survived = np.log1p(-ranks)
    return -scale * survived if shape == 0 else scale * np.expm1(-shape * survived) / shape


def _fit_pareto(excess: np.ndarray) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto by Zhang & Stephens (2009), shape shrunk weakly to 0.5."""
    size = len(excess)
    candidates = 30 + int(math.sqrt(size))
    quartile = excess[int(size / 4 + 0.5) - 1]
    spacing = 1 - np.sqrt(candidates / (np.arange(1, candidates + 1) - 0.5))
    b = spacing / (3 * quartile) + 1 / excess[-1]
    shapes = np.mean(np.log1p(-b[:, None] * excess), axis=1)
    profile = size * (np.log(-b / shapes) - shapes - 1)
    weights = 1 / np.sum(np.exp(profile - profile[:, None]), axis=1)
    b_mean = float(np.sum(b * weights) / np.sum(weights))
    shape = float(np.mean(np.log1p(-b_mean * excess)))
    scale = -shape / b_mean
    return (size * shape + 5) / (size + 10), scale
