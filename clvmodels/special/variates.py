r"""The compiled loops behind `clvmodels.special.streams`: one row after the other, numbers by address.

Number k of a row that starts at s is :math:`\text{mix}(s + k g)`, all modulo 2^64, with g the odd integer nearest
to 2^64 over the golden ratio and the finaliser of SplitMix64 as the hash. A sampler that rejects goes on to the
next number of its row, whatever other rows do. Import it where numbers are drawn: it brings the compiler along.

References
----------
Steele, Lea & Flood (2014), "Fast Splittable Pseudorandom Number Generators", OOPSLA, for the hash;
Leva (1992), ACM Trans. Math. Software 18(4), for normal variates;
Marsaglia & Tsang (2000), ACM Trans. Math. Software 26(3), for gamma variates;
Hörmann (1993), Insurance: Mathematics and Economics 12(1), for Poisson variates of large mean.
"""

from __future__ import annotations

import math

import numpy as np

from clvmodels.special.compiled import compiled

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S11, S27, S30, S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)
PURCHASE_SHIFT = np.uint64(15)
LARGE_MEAN = 12.0  # from here on Poisson variates are drawn by rejection, below by counting up
MOST_COUNTED = 120  # a Poisson variate of a smaller mean exceeds it once in 1e70


@compiled
def mix(z: np.uint64) -> np.uint64:
    """Hash of a 64-bit integer: one to one, every bit of the result depends on every bit of z."""
    z = (z ^ (z >> S30)) * FIRST
    z = (z ^ (z >> S27)) * SECOND
    return z ^ (z >> S31)


@compiled
def uniform(place: np.uint64) -> float:
    """Uniform variate of an address, an odd multiple of 2**-54: never 0 or 1."""
    return ((mix(place) >> S11) + 0.5) * 2.0**-53


@compiled
def gamma(place: np.uint64, shape: float) -> float:
    """Gamma variate of a shape >= 1, by rejection from a normal variate."""
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        while True:  # x = w / u is standard normal
            place += GOLDEN
            u = uniform(place)
            place += GOLDEN
            w = 1.7156 * (uniform(place) - 0.5)
            across, up = u - 0.449871, abs(w) + 0.386595
            form = across * across + up * (0.196 * up - 0.25472 * across)
            if form < 0.27597 or (form < 0.27846 and w * w <= -4.0 * u * u * math.log(u)):
                break
        x = w / u
        root = 1.0 + c * x
        place += GOLDEN
        if root > 0.0:
            u, v, square = uniform(place), root * root * root, x * x
            if u < 1.0 - 0.0331 * square * square:
                return d * v
            if math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
                return d * v


@compiled
def poisson(place: np.uint64, mean: float, chance: float) -> int:
    """Poisson variate: counted up, or by Hörmann's transformed rejection (PTRS; his letters).

    `chance` is exp(-mean), that of none.
    """
    if mean < LARGE_MEAN:
        u, k = uniform(place), 0
        while u > chance and k < MOST_COUNTED:
            u -= chance
            k += 1
            chance *= mean / k
        return k
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    while True:
        u, v = uniform(place) - 0.5, uniform(place + GOLDEN)
        place += GOLDEN + GOLDEN
        us = 0.5 - abs(u)
        count = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2.0):
            return int(count)
        if count >= 0.0 and (us >= 0.013 or us >= v):
            hat = v * (1.1239 + 1.1328 / (b - 3.4)) / (a / (us * us) + b)
            if math.log(hat) <= count * math.log(mean) - mean - math.lgamma(count + 1.0):
                return int(count)


@compiled
def fill_keys(keys: np.ndarray, out: np.ndarray) -> None:
    """Starts (draws, n) from keys (n, 2)."""
    for d in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[d, j] = mix(mix(keys[j, 0] + GOLDEN * np.uint64(d + 1)) ^ keys[j, 1])


@compiled
def fill_uniform(start: np.ndarray, offset: np.uint64, out: np.ndarray) -> None:
    """Uniform variates."""
    for i in range(len(start)):
        out[i] = uniform(start[i] + offset)


@compiled
def fill_gamma(start: np.ndarray, offset: np.uint64, shape: np.ndarray, out: np.ndarray) -> None:
    """Gamma variates of shapes >= 1."""
    for i in range(len(start)):
        out[i] = gamma(start[i] + offset, shape[i])


@compiled
def fill_poisson(
    start: np.ndarray, offset: np.uint64, mean: np.ndarray, none: np.ndarray, out: np.ndarray
) -> None:
    """Poisson variates; `none` is exp(-mean)."""
    for i in range(len(start)):
        out[i] = poisson(start[i] + offset, mean[i], none[i])


@compiled
def fill_ordered(
    start: np.ndarray, offset: np.uint64, counts: np.ndarray, row: np.ndarray, share: np.ndarray
) -> None:
    """So many ordered uniform variates per row: waiting times over the sum of one more of them."""
    end = 0
    for i in range(len(counts)):
        first, elapsed, place = end, 0.0, start[i] + offset
        end += counts[i]
        for j in range(first, end):
            place += GOLDEN << PURCHASE_SHIFT
            elapsed -= math.log(uniform(place))
            row[j], share[j] = i, elapsed
        if end > first:
            elapsed -= math.log(uniform(start[i] + offset))
        for j in range(first, end):
            share[j] /= elapsed
