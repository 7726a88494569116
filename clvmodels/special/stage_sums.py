"""The compiled loop behind the sums of `clvmodels.special.stages`."""

from __future__ import annotations

import math

import numpy as np

from clvmodels.special.compiled import compiled

MOST_STAGES = 2048
LEFT_OUT = 1e-13  # of a sum, beyond its last term
LARGE, LOG_LARGE = 1e200, 200 * math.log(10.0)


@compiled
def fill_sums(
    gap: int, done: int, n: np.ndarray, tau: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray
) -> None:
    """Mean purchases and the chance of staying (2, m), summed over the number of stages that go by, term by term.

    It is negative binomial; a gap has `gap` stages, of which `done` are over. All terms are positive, and scaled by a
    power of ten that is kept apart, since the first of many stages is as unlikely as you please.
    """
    inverse = 1.0 / np.arange(1.0, 2.0 * MOST_STAGES + 2.0)
    for i in range(len(n)):
        z = tau[i] / (1.0 + tau[i])
        scale, falls = -n[i] * math.log1p(tau[i]), z * n[i]
        chance, stay, purchases, mean, m, place = 1.0, 1.0, 0, 0.0, 0, done
        bought, stays = 0.0, 1.0
        while m < 2 * MOST_STAGES:
            chance *= falls
            m, place = m + 1, place + 1
            falls = z * (n[i] + m) * inverse[m]
            if place == gap:
                mean += stay
                stay *= (b[i] + purchases) / (a[i] + b[i] + purchases)
                purchases, place = purchases + 1, 0
            bought += chance * mean
            stays += chance * stay
            if bought + stays > LARGE:
                chance, bought, stays, scale = (
                    chance / LARGE,
                    bought / LARGE,
                    stays / LARGE,
                    scale + LOG_LARGE,
                )
            most = max(
                z, falls
            )  # the rest is at most a geometric series, the mean growing like a straight line
            if place == 0 and most < 1.0:
                kept = 1.0 - most
                rest, enough = chance * most * (kept * m + 1.0), LEFT_OUT * kept * kept * m
                if rest * mean <= enough * bought and rest * stay <= enough * stays:
                    break
        out[0, i] = math.exp(scale + math.log(bought)) if bought > 0.0 else 0.0
        out[1, i] = math.exp(scale + math.log(stays)) if stays > 0.0 else 0.0
