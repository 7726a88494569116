"""Money that adds up to the same bits in every order and on every engine.

Floating-point sums depend on the order of the rows, and engines add in parallel. So an amount is
split into three whole numbers of 30 bits below the largest amount of the log: amount = (high·2⁶⁰ +
middle·2³⁰ + low)·2^(exponent-90). Whole numbers add exactly; the sum is rounded once, at the end.
"""

from __future__ import annotations

import math
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

LIMBS = ("high", "middle", "low")
LOG_EXPONENT = 10  # logarithms of positive numbers stay below 2**10 in size
_LIMB = 2.0**30
_SHIFTS = (30, 60, 90)
_LOWEST_EXPONENT = -900  # keeps the powers of two below within the range of a float


def exponent_of(largest: float) -> int:
    """Power of two not below the largest amount."""
    return max(math.frexp(largest)[1], _LOWEST_EXPONENT) if largest else 0


def with_limbs(frame: nw.LazyFrame[Any], column: str, exponent: int, prefix: str = "") -> nw.LazyFrame[Any]:
    """Add the three whole numbers of an amount; both signs are split alike, so that refunds cancel exactly.

    Works in stages, because some engines would evaluate a repeated expression again each time.
    """
    names = [prefix + name for name in LIMBS]
    sign = nw.when(nw.col(column) < 0).then(nw.lit(-1)).otherwise(nw.lit(1)).cast(nw.Int64)
    frame = frame.with_columns(sign=sign, rest=nw.col(column).abs() * 2.0 ** (30 - exponent))
    for name in names:
        frame = frame.with_columns(nw.col("rest").floor().alias(name))
        frame = frame.with_columns(rest=(nw.col("rest") - nw.col(name)) * _LIMB)
    return frame.with_columns((nw.col(name).cast(nw.Int64) * nw.col("sign")).alias(name) for name in names)


def summed(prefix: str = "") -> dict[str, nw.Expr]:
    """Sums of the three numbers, for `agg`."""
    return {prefix + name: nw.col(prefix + name).sum() for name in LIMBS}


def carried(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Bring sums back to one standard form: middle and low in [0, 2³⁰), the sign in high."""
    frame = frame.with_columns(nw.col(name).cast(nw.Int64) for name in LIMBS)
    for lower, upper in (("low", "middle"), ("middle", "high")):
        carry = (nw.col(lower).cast(nw.Float64) * (1 / _LIMB)).floor().cast(nw.Int64)
        frame = frame.with_columns(
            (nw.col(lower) - carry * int(_LIMB)).alias(lower), (nw.col(upper) + carry).alias(upper)
        )
    return frame


def amount(exponent: int) -> nw.Expr:
    """The float of carried numbers."""
    high, middle, low = (
        nw.col(name).cast(nw.Float64) * 2.0 ** (exponent - shift)
        for name, shift in zip(LIMBS, _SHIFTS, strict=True)
    )
    return high + (middle + low)


def is_positive() -> nw.Expr:
    """Whether carried numbers stand for more than zero."""
    above = (nw.col("high") > 0) | (nw.col("middle") > 0) | (nw.col("low") > 0)
    return (nw.col("high") >= 0) & above


def total(limbs: np.ndarray, exponent: int) -> np.ndarray:
    """Floats of (3, n) sums, rounded once.

    Examples
    --------
    >>> total(np.array([[1], [0], [0]]), 30)
    array([1.])
    """
    high, middle, low = np.asarray(limbs, dtype=np.int64)
    width = int(_LIMB)
    middle = middle + low // width
    high = high + middle // width
    fine = middle % width * width + low % width
    return np.ldexp(high.astype(float), exponent - 30) + np.ldexp(fine.astype(float), exponent - 90)
