r"""The compiled loops behind `clvmodels.special.streams`: one row after the other, numbers by address.

Number k of a row that starts at s is :math:`\text{mix}(s + k g)`, all modulo 2^64, with g the odd integer nearest
to 2^64 over the golden ratio and the finaliser of SplitMix64 as the hash. A sampler that rejects goes on to the
next number of its row, whatever other rows do. Import it where numbers are drawn: it brings the compiler along.

References
----------
Steele, Lea & Flood (2014), "Fast Splittable Pseudorandom Number Generators", OOPSLA, for the hash;
Marsaglia & Tsang (2000), Journal of Statistical Software 5(8), for normal variates;
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
LOWEST, SIGN = np.uint64(255), np.uint64(256)
LARGE_MEAN = 12.0  # from here on Poisson variates are drawn by rejection, below by counting up
LARGE_ODDS = 2.0  # the same of negative binomial ones, whose tails are longer
MOST_COUNTED = (
    200  # a variate that is counted up exceeds it once in 1e28, and meets it by rounding once in 1e15
)
ONE_OVER = 1.0 / np.maximum(np.arange(MOST_COUNTED + 1.0), 1.0)
FEW = 8  # so many uniform variates are put in order one by one, more as waiting times
LAYERS, TAIL = 256, 3.6541528853610088  # where the lowest layer under the normal curve ends
LEAST_GAMMA = 1e-100  # a gamma variate of tiny shape underflows; this keeps amounts and their squares finite


def _layers() -> tuple[np.ndarray, np.ndarray]:
    """Ends of the layers of equal area under exp(-x² / 2), from the lowest up, and the heights there.

    The lowest holds the tail, too: its end is that of a rectangle of the same area.
    """
    height = math.exp(-0.5 * TAIL * TAIL)
    area = TAIL * height + math.sqrt(0.5 * math.pi) * math.erfc(TAIL / math.sqrt(2.0))
    ends = [area / height, TAIL]
    while len(ends) < LAYERS:
        ends.append(math.sqrt(-2.0 * math.log(area / ends[-1] + math.exp(-0.5 * ends[-1] ** 2))))
    end = np.array([*ends, 0.0])
    return end, np.exp(-0.5 * end * end)


END, HEIGHT = _layers()


@compiled
def mix(z: np.uint64) -> np.uint64:
    """Hash of a 64-bit integer: one to one, every bit of the result depends on every bit of z."""
    z = (z ^ (z >> S30)) * FIRST
    z = (z ^ (z >> S27)) * SECOND
    return z ^ (z >> S31)


@compiled
def uniform(place: np.uint64) -> float:
    """Uniform variate of an address, an odd multiple of 2**-54: never 0, and rounded to 1 once in 1e16."""
    return ((mix(place) >> S11) + 0.5) * 2.0**-53


@compiled
def normal(place: np.uint64) -> tuple[float, np.uint64]:
    """Standard normal variate by the ziggurat, and the last place that it used.

    A point is dropped in a layer chosen at random, and nearly always lies under the curve.
    """
    while True:
        place += GOLDEN
        bits = mix(place)
        layer = np.int64(bits & LOWEST)
        sign = 1.0 if bits & SIGN else -1.0  # layer, sign and point use different bits
        x = ((bits >> S11) + 0.5) * 2.0**-53 * END[layer]
        if x < END[layer + 1]:
            return sign * x, place
        place += GOLDEN
        u = uniform(place)
        if layer > 0:
            if HEIGHT[layer] + u * (HEIGHT[layer + 1] - HEIGHT[layer]) < math.exp(-0.5 * x * x):
                return sign * x, place
            continue
        while True:
            beyond = -math.log(u) / TAIL
            place += GOLDEN
            if -2.0 * math.log(uniform(place)) > beyond * beyond:
                return sign * (TAIL + beyond), place
            place += GOLDEN
            u = uniform(place)


@compiled
def gamma(place: np.uint64, shape: float) -> float:
    """Gamma variate of a shape >= 1, by rejection from a normal variate."""
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x, place = normal(place)
        root = 1.0 + c * x
        place += GOLDEN
        if root > 0.0:
            u, v, square = uniform(place), root * root * root, x * x
            if u < 1.0 - 0.0331 * square * square:
                return d * v
            if math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
                return d * v


@compiled
def any_gamma(place: np.uint64, other: np.uint64, shape: float) -> float:
    """Gamma variate of any shape > 0, which may underflow to 0; `other` is the place of the boost below 1."""
    if shape >= 1.0:
        return gamma(place, shape)
    return gamma(place, shape + 1.0) * uniform(other) ** (1.0 / shape)


@compiled
def counted(place: np.uint64, chance: float, first: float, more: float) -> int:
    """Number k by counting up: `chance` is that of 0, and that of k is first + more (k - 1) over k that of k - 1."""
    u, k = uniform(place), 0
    while u > chance and k < MOST_COUNTED:
        u -= chance
        chance *= (first + more * k) * ONE_OVER[k + 1]
        k += 1
    return k


@compiled
def poisson(place: np.uint64, mean: float, chance: float) -> int:
    """Poisson variate: counted up, or by Hörmann's transformed rejection (PTRS; his letters).

    `chance` is exp(-mean), that of none.
    """
    if not mean >= LARGE_MEAN:  # what is no number must not be tried for ever
        return counted(place, chance, mean, 0.0)
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
def fill_amounts(
    start: np.ndarray,
    offsets: np.ndarray,
    row: np.ndarray,
    p: np.ndarray,
    shape: np.ndarray,
    scale: np.ndarray,
    out: np.ndarray,
) -> None:
    """Amounts of rows that ascend: a rate for each row, Gamma(shape, scale), and amounts Gamma(p, rate).

    The offsets, two each, are those of the rates and of the amounts.
    """
    last, place, unit = -1, np.uint64(0), 0.0
    for i in range(len(row)):
        k = row[i]
        if k != last:
            last, place = k, start[k]
            rate = any_gamma(place + offsets[0], place + offsets[1], shape[k])
            unit = scale[k] / max(rate, LEAST_GAMMA)
        out[i] = max(any_gamma(place + offsets[2], place + offsets[3], p[k]), LEAST_GAMMA) * unit
        place += GOLDEN << PURCHASE_SHIFT


@compiled
def fill_negative_binomial(
    start: np.ndarray,
    offsets: np.ndarray,
    shape: np.ndarray,
    odds: np.ndarray,
    none: np.ndarray,
    most: float,
    out: np.ndarray,
) -> None:
    """Poisson variates of means Gamma(shape) times odds, as far as `most`; `none` is (1 + odds) ** -shape.

    Counted up, or of a mean that is drawn. The offsets are those of the count and of the mean, which takes two.
    """
    for i in range(len(start)):
        is_few = shape[i] * odds[i] < LARGE_MEAN and odds[i] <= LARGE_ODDS
        if is_few or not shape[i] * odds[i] >= 0.0:
            share = odds[i] / (1.0 + odds[i])
            out[i] = counted(start[i] + offsets[0], none[i], shape[i] * share, share)
        else:
            mean = min(any_gamma(start[i] + offsets[1], start[i] + offsets[2], shape[i]) * odds[i], most)
            out[i] = poisson(start[i] + offsets[0], mean, math.exp(-mean))


@compiled
def fill_ordered(
    start: np.ndarray,
    offset: np.uint64,
    counts: np.ndarray,
    label: np.ndarray,
    span: np.ndarray,
    row: np.ndarray,
    value: np.ndarray,
) -> None:
    """So many ordered uniform variates in (0, span) per row.

    Few are put in order; many are waiting times over the sum of one more of them.
    """
    end = 0
    for i in range(len(counts)):
        first, elapsed, place = end, 0.0, start[i] + offset
        end += counts[i]
        is_few = counts[i] <= FEW
        for j in range(first, end):
            place += GOLDEN << PURCHASE_SHIFT
            row[j], u = label[i], uniform(place)
            if is_few:
                k = j
                while k > first and value[k - 1] > u:
                    value[k] = value[k - 1]
                    k -= 1
                value[k] = u
            else:
                elapsed -= math.log(u)
                value[j] = elapsed
        whole = span[i]
        if not is_few:
            whole /= elapsed - math.log(uniform(start[i] + offset))
        for j in range(first, end):
            value[j] *= whole
