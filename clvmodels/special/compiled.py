"""Loops as machine code. What imports this brings the compiler along: import it where it is used, in a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numba


def compiled[Function: Callable[..., object]](function: Function) -> Function:
    """Machine code for a function, kept on disk where there is a place for it; it lets other threads run.

    Division by zero is that of NumPy: without a branch for it, loops take several numbers at a time.
    Functions that it calls must stand in its own file, since what is kept is made anew when that file changes.
    """
    try:
        ready = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # no folder can be written to: compiled again in every process
        ready = numba.njit(nogil=True, error_model="numpy")(function)
    return cast(Function, ready)
