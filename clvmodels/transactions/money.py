"""Money that adds up to the same bits in every order and on every engine.

Floating-point sums depend on the order of the rows, and engines add in parallel. So an amount is
split into three whole numbers of 36 bits below what the log can add up to, its largest amount times its rows:
amount = (high·2⁷² + middle·2³⁶ + low)·2^(exponent-108). Whole numbers add exactly; the sum is rounded
at the end. Amounts down to 2⁻⁵⁵ of what the log can add up to are split without loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

LIMBS = ("high", "middle", "low")
LOG_EXPONENT = 10  # logarithms of positive numbers stay below 2**10 in size
LOG_LIMBS = ("high", "middle")  # and need not be finer than 2**-62
_BITS = 36
_WIDTH = 2**_BITS
LARGEST_NUMBER_BEFORE = 2 ** (63 - _BITS) - 1
_SHIFTS = (_BITS, 2 * _BITS, 3 * _BITS)
_LOWEST_EXPONENT = -900  # keeps the powers of two below within the range of a float


def exponent_of(largest: float, rows: int) -> int:
    """Power of two above the sum of so many amounts, none larger than `largest`."""
    return max(math.frexp(largest)[1] + rows.bit_length(), _LOWEST_EXPONENT) if largest else 0


def with_limbs(
    frame: nw.LazyFrame[Any], column: str, exponent: int, prefix: str = "", limbs: Sequence[str] = LIMBS
) -> nw.LazyFrame[Any]:
    """Add the whole numbers of an amount; both signs are split alike, so that refunds cancel exactly.

    Works in stages, because some engines would evaluate a repeated expression again each time.
    """
    names = [prefix + name for name in limbs]
    sign = nw.when(nw.col(column) < 0).then(nw.lit(-1)).otherwise(nw.lit(1)).cast(nw.Int64)
    frame = frame.with_columns(sign=sign, rest=nw.col(column).abs() * 2.0 ** (_BITS - exponent))
    for name in names:
        frame = frame.with_columns(nw.col("rest").floor().alias(name))
        frame = frame.with_columns(rest=(nw.col("rest") - nw.col(name)) * float(_WIDTH))
    return frame.with_columns((nw.col(name).cast(nw.Int64) * nw.col("sign")).alias(name) for name in names)


def summed(prefix: str = "", limbs: Sequence[str] = LIMBS) -> dict[str, nw.Expr]:
    """Sums of the whole numbers, for `agg`."""
    return {prefix + name: nw.col(prefix + name).sum() for name in limbs}


def carried(frame: nw.LazyFrame[Any], prefix: str = "") -> nw.LazyFrame[Any]:
    """Bring sums back to one standard form: middle and low in [0, 2³⁶), the sign in high."""
    high, middle, low = (prefix + name for name in LIMBS)
    frame = frame.with_columns(nw.col(name).cast(nw.Int64) for name in (high, middle, low))
    for lower, upper in ((low, middle), (middle, high)):
        carry = (nw.col(lower).cast(nw.Float64) / float(_WIDTH)).floor().cast(nw.Int64)
        frame = frame.with_columns(
            (nw.col(lower) - carry * _WIDTH).alias(lower), (nw.col(upper) + carry).alias(upper)
        )
    return frame


def with_number_before(frame: nw.LazyFrame[Any], number: str, origin: int) -> nw.LazyFrame[Any]:
    """Add the three carried numbers with another whole number before them: their minima are those of its least row.

    Engines differ in what else they offer for this, and a join or a window would go through all rows once
    more. The least number must be there once, and `number` - `origin` lie between 0 and
    `LARGEST_NUMBER_BEFORE`. See `without_number`.
    """
    place = (nw.col(number) - origin) * _WIDTH
    return frame.with_columns((place + nw.col(name)).alias(f"first_{name}") for name in LIMBS)


def without_number(frame: nw.LazyFrame[Any], number: str, origin: int) -> nw.LazyFrame[Any]:
    """Take the least `number` away from the minima of what `with_number_before` added."""
    place = (nw.col(number) - origin) * _WIDTH
    return frame.with_columns((nw.col(f"first_{name}") - place).alias(f"first_{name}") for name in LIMBS)


def amount(exponent: int, prefix: str = "") -> nw.Expr:
    """The float of carried numbers."""
    high, middle, low = (
        nw.col(prefix + name).cast(nw.Float64) * 2.0 ** (exponent - shift)
        for name, shift in zip(LIMBS, _SHIFTS, strict=True)
    )
    return high + (middle + low)


def with_total(
    frame: nw.LazyFrame[Any], name: str, limbs: Sequence[nw.Expr], exponent: int
) -> nw.LazyFrame[Any]:
    """Add the float of whole numbers (high, middle, low): in the engine what `total` is in memory, to the last bit."""
    names = [f"{name}_{limb}" for limb in LIMBS]
    frame = carried(frame.with_columns(**dict(zip(names, limbs, strict=True))), f"{name}_")
    sign = nw.when(nw.col(names[0]) < 0).then(nw.lit(-1)).otherwise(nw.lit(1)).cast(nw.Int64)
    frame = frame.with_columns(sign.alias(f"{name}_sign"))
    frame = frame.with_columns((nw.col(limb) * nw.col(f"{name}_sign")).alias(limb) for limb in names)
    frame = carried(frame, f"{name}_")
    return frame.with_columns((amount(exponent, f"{name}_") * nw.col(f"{name}_sign")).alias(name))


def is_positive() -> nw.Expr:
    """Whether carried numbers stand for more than zero."""
    above = (nw.col("high") > 0) | (nw.col("middle") > 0) | (nw.col("low") > 0)
    return (nw.col("high") >= 0) & above


def total(limbs: np.ndarray, exponent: int) -> np.ndarray:
    """Floats of (3, n) sums.

    Examples
    --------
    >>> total(np.array([[1], [0], [0]]), 36)
    array([1.])
    >>> float(total(np.array([[0], [0], [-1]]), 108)[0])
    -1.0
    """
    sums = np.asarray(limbs, dtype=np.int64)
    sign = np.where(_carry(sums)[0] < 0, -1, 1)
    parts = zip(_carry(sums * sign), _SHIFTS, strict=True)
    first, second, third = (np.ldexp(part.astype(float), exponent - shift) for part, shift in parts)
    rounded: np.ndarray = sign * (first + (second + third))
    return rounded


def grand_total(limbs: np.ndarray, exponent: int) -> float:
    """Float of the sum of (3, n) whole numbers."""
    return float(total(np.sum(_carry(np.asarray(limbs, dtype=np.int64)), axis=1, keepdims=True), exponent)[0])


def _carry(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same three numbers with middle and low in [0, 2³⁶); exact as floats where high is not negative."""
    high, middle, low = sums
    middle = middle + low // _WIDTH
    return high + middle // _WIDTH, middle % _WIDTH, low % _WIDTH
