"""Stable differences of gamma functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import gammaln, psi

STIRLING_FROM = 16.0
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)


def once_per_value(
    function: Callable[[np.ndarray], np.ndarray], n: np.ndarray, *parameters: np.ndarray
) -> np.ndarray:
    """``function(n)`` for (m,) numbers of which many are equal, such as counts, worked out once for each value.

    Parameters
    ----------
    function
        From (k,) values to (..., k) results, value by value.
    n
        (m,) numbers.
    parameters
        What `function` uses beside its argument. Where one of them differs from place to place of n, all places are
        worked out.

    Examples
    --------
    >>> asked = []
    >>> once_per_value(lambda n: asked.extend(n.tolist()) or n**2, np.array([3.0, 2.0, 3.0])).tolist(), asked
    ([9.0, 4.0, 9.0], [2.0, 3.0])

    Of many small counts the function is asked for every number as far as the largest.

    >>> once_per_value(lambda n: n**2, np.tile([0.0, 3.0], 40))[:2].tolist()
    [0.0, 9.0]
    """
    if np.ndim(n) != 1 or any(np.shape(parameter)[-1:] not in ((), (1,)) for parameter in parameters):
        return function(n)
    most = n.max(initial=0.0)
    if 0.0 <= most < len(n) / 16 and ((place := n.astype(np.intp)) == n).all() and place.min(initial=0) >= 0:
        return np.take(function(np.arange(most + 1.0)), place, axis=-1)  # small counts need not be sorted
    values, place = np.unique(n, return_inverse=True)
    return np.take(function(values), place, axis=-1)


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + e^x), as ``np.logaddexp(0, x)`` and several times as fast.

    Examples
    --------
    >>> softplus(np.array([-np.inf, 0.0, 800.0])).round(6).tolist()
    [0.0, 0.693147, 800.0]
    """
    return np.asarray(np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


def log_rising(z: np.ndarray, n: np.ndarray) -> np.ndarray:
    r"""Logarithm of the rising factorial, :math:`\log \Gamma(z+n) - \log \Gamma(z)`, for z > 0 and n >= 0.

    For large z the difference of Stirling's series is taken term by term, because the two logarithms
    agree in most of their digits.

    Parameters
    ----------
    z, n
        Broadcastable arrays, z > 0, n >= 0 (not necessarily whole).

    Returns
    -------
    np.ndarray
        In the broadcast shape; exactly 0 where n is 0.

    Examples
    --------
    >>> float(np.exp(log_rising(np.array(2.0), np.array(3.0))).round(9))  # 2 * 3 * 4
    24.0
    >>> bool(np.isclose(log_rising(np.array(1e12), np.array(1.0)), np.log(1e12), rtol=1e-15))
    True
    """
    large = np.asarray(z >= STIRLING_FROM)
    if not large.any():
        return np.asarray(gammaln(z + n) - gammaln(z))
    far = np.maximum(z, STIRLING_FROM)
    end = far + n
    leading = (far - 0.5) * np.log1p(n / far) + n * (np.log(end) - 1.0)
    difference = leading + _stirling_sum(end) - _stirling_sum(far)
    if large.all():
        return np.asarray(difference)
    near = np.minimum(z, STIRLING_FROM)
    return np.where(large, difference, gammaln(near + n) - gammaln(near))


def digamma_rise(z: np.ndarray, n: np.ndarray) -> np.ndarray:
    r"""Difference :math:`\psi(z+n) - \psi(z)`, the derivative of `log_rising` by z, for z > 0 and n >= 0.

    Examples
    --------
    >>> float(digamma_rise(np.array(2.0), np.array(2.0)).round(9))  # 1/2 + 1/3
    0.833333333
    """
    large = np.asarray(z >= STIRLING_FROM)
    if not large.any():
        return np.asarray(psi(z + n) - psi(z))
    far = np.maximum(z, STIRLING_FROM)
    end = far + n
    difference = np.log1p(n / far) + n / (2.0 * far * end) + _stirling_slope(end) - _stirling_slope(far)
    if large.all():
        return np.asarray(difference)
    near = np.minimum(z, STIRLING_FROM)
    return np.where(large, difference, psi(near + n) - psi(near))


def _stirling_sum(z: np.ndarray) -> np.ndarray:
    inverse = 1.0 / z
    square = inverse * inverse
    total = np.zeros_like(inverse)
    for coefficient in reversed(STIRLING):
        total = total * square + coefficient
    return total * inverse


def _stirling_slope(z: np.ndarray) -> np.ndarray:
    square = 1.0 / (z * z)
    total = np.zeros_like(square)
    for i, coefficient in reversed(list(enumerate(STIRLING))):
        total = total * square - (2 * i + 1) * coefficient
    return total * square
