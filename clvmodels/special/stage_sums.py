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
    gap: int,
    done: int,
    n: np.ndarray,
    tau: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    bought: np.ndarray,
    stays: np.ndarray,
) -> None:
    """Mean purchases and the chance of staying, summed over the number of stages m that go by, all terms positive.

    m is negative binomial; a gap has `gap` stages, of which `done` are over. Terms are scaled by a power of ten that is
    kept apart, since the first of many stages is as unlikely as you please.
    """
    inverse = 1.0 / np.arange(1.0, 2.0 * MOST_STAGES + 2.0)
    for i in range(len(n)):
        z, shape = tau[i] / (1.0 + tau[i]), n[i]
        scale = -shape * math.log1p(tau[i])
        chance, stay, purchases, mean, m = 1.0, 1.0, 0, 0.0, 0
        sum_bought, sum_stays, falls = 0.0, 1.0, z * shape
        while m < 2 * MOST_STAGES - gap:
            for _ in range(gap - 1 if purchases > 0 else gap - 1 - done):  # stages that end with no purchase
                chance *= falls
                m += 1
                falls = z * (shape + m) * inverse[m]
                sum_bought += chance * mean
                sum_stays += chance * stay
            chance *= falls
            m += 1
            falls = z * (shape + m) * inverse[m]
            mean += stay
            stay *= (b[i] + purchases) / (a[i] + b[i] + purchases)
            purchases += 1
            sum_bought += chance * mean
            sum_stays += chance * stay
            if sum_bought + sum_stays > LARGE:
                chance, sum_bought, sum_stays = chance / LARGE, sum_bought / LARGE, sum_stays / LARGE
                scale += LOG_LARGE
            most = max(z, falls)  # the rest is at most a geometric series, the mean growing like a straight line
            if most < 1.0:
                kept = 1.0 - most
                rest = chance * most * (kept * m + 1.0)
                enough = LEFT_OUT * kept * kept * m
                if rest * mean <= enough * sum_bought and rest * stay <= enough * sum_stays:
                    break
        bought[i] = math.exp(scale + math.log(sum_bought)) if sum_bought > 0.0 else 0.0
        stays[i] = math.exp(scale + math.log(sum_stays)) if sum_stays > 0.0 else 0.0
