"""What can go wrong, said once: errors, the warning, and the outcome of a fit."""

from __future__ import annotations

import difflib
import errno
import re
import traceback
from collections.abc import Iterable
from enum import Enum
from importlib.util import find_spec
from itertools import islice
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

SHOWN_IDS = 5


class ClvError(Exception):
    """Base of every error that clvmodels raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the message first, then the way to it, outermost call first."""
        frames = [
            frame for frame in traceback.extract_tb(self.__traceback__) if "IPython" not in frame.filename
        ]
        return [f"{type(self).__name__}: {self}", "", *"".join(traceback.format_list(frames)).splitlines()]


class ArgumentError(ClvError, ValueError):
    """An argument outside its legal range. The message names it, the rule and the way out."""


class DataError(ClvError, ValueError):
    """Data that break a rule of the door they came through.

    Parameters
    ----------
    rule
        What must hold, and what came instead, in one sentence.
    column
        Name of the offending column, as the caller spelt it.
    rows
        How many rows (or customers) break the rule.
    examples
        The first offending ids or values; at most five are shown.
    fix
        The way out.

    Examples
    --------
    >>> raise DataError("spend must be finite", column="amount", rows=2, examples=[7, 9], fix="drop them")
    Traceback (most recent call last):
    clvmodels.errors.DataError: column 'amount': spend must be finite (2 rows; first: 7, 9). Way out: drop them.
    """

    def __init__(
        self,
        rule: str,
        *,
        column: str | None = None,
        rows: int | None = None,
        examples: Iterable[object] = (),
        fix: str | None = None,
    ) -> None:
        self.rule, self.column, self.rows, self.fix = rule, column, rows, fix
        self.examples = tuple(islice(examples, SHOWN_IDS))
        super().__init__(self._text())

    def _text(self) -> str:
        where = f"column {self.column!r}: " if self.column is not None else ""
        seen = []
        if self.rows is not None:
            seen.append(f"{self.rows:,} row{'s' if self.rows != 1 else ''}")
        if self.examples:
            seen.append("first: " + ", ".join(str(item) for item in self.examples))
        counted = f" ({'; '.join(seen)})" if seen else ""
        way_out = f" Way out: {self.fix}." if self.fix else ""
        return f"{where}{self.rule}{counted}.{way_out}"


def percent_hint(value: object) -> str:
    """What a number that should be a fraction probably means, where it looks like a percentage.

    Examples
    --------
    >>> percent_hint(35), percent_hint(-0.1)
    (', so you may mean 0.35', '')
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 < value <= 100:
        return ""
    return f", so you may mean {value / 100:g}"


def check_real(name: str, value: Any) -> None:
    """Refuse what is no number.

    Raises
    ------
    ArgumentError
        If it is text, a truth value, or nothing at all.

    Examples
    --------
    >>> check_real("margin", "35%")
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: margin='35%' must be a number; you may mean 0.35
    """
    if not isinstance(value, bool) and isinstance(value, Real):
        return
    share = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    meant = f"; you may mean {float(share[1]) / 100:g}" if share else ""
    raise ArgumentError(f"{name}={value!r} must be a number{meant}")


def whole_number(name: str, value: Any, *, least: int) -> int:
    """The value as a whole number.

    Raises
    ------
    ArgumentError
        If it is none, or below `least`.

    Examples
    --------
    >>> whole_number("draws", 1, least=2)
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: draws=1 must be a whole number of at least 2
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ArgumentError(f"{name}={value!r} must be a whole number of at least {least}")
    return int(value)


def is_one_of(word: object, known: Iterable[str]) -> bool:
    """Whether something is a text, and one of those known."""
    return isinstance(word, str) and word in known


def check_choice(name: str, value: Any, known: Iterable[str]) -> None:
    """Refuse a word that is not one of those known.

    Raises
    ------
    ArgumentError
        If it is not; the message lists them.

    Examples
    --------
    >>> check_choice("method", "lapalce", ["map", "laplace"])
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: method='lapalce' is not one of 'map', 'laplace'; did you mean 'laplace'?
    """
    words = list(known)
    if is_one_of(value, words):
        return
    meant = nearest(value, words) if isinstance(value, str) else ""
    raise ArgumentError(
        f"{name}={value!r} is not one of {', '.join(map(repr, words))}{'; ' if meant else ''}{meant.strip()}"
    )


def check_kind(name: str, value: Any, kinds: type | tuple[type, ...], fix: str) -> None:
    """Refuse what is of another kind; `fix` says how the right one is made.

    Raises
    ------
    ArgumentError
        If it is not of one of these kinds.

    Examples
    --------
    >>> check_kind("log", 3, (list, tuple), "write [3]")
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: log is of type int, not list or tuple: write [3]
    """
    if isinstance(value, kinds):
        return
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    names = " or ".join(kind.__name__ for kind in wanted)
    raise ArgumentError(f"{name} is of type {type(value).__name__}, not {names}: {fix}")


def as_path(name: str, place: Any) -> Path:
    """The path that a text or a path names.

    Raises
    ------
    ArgumentError
        If it is neither.

    Examples
    --------
    >>> as_path("folder", None)
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: folder is of type NoneType, not str or PathLike: name it by a text or a path
    """
    check_kind(name, place, (str, PathLike), "name it by a text or a path")
    return Path(place)


class ArtifactError(ClvError):
    """A saved fit or scorecard that cannot be trusted: unfinished, changed, cut off or of a newer version."""


class FitError(ClvError, RuntimeError):
    """Raised on request (`Posterior.raise_if_failed`) for a fit whose status is not usable."""


class TemporaryError(ClvError):
    """What may go better later without any change: a lock held by another run, a database out of reach, a full disk."""


def exit_code(problem: BaseException) -> int:
    """Exit code of a program that ends with this error, as the command line uses them.

    Examples
    --------
    >>> exit_code(DataError("no rows")), exit_code(ValueError())
    (3, 1)
    """
    if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return 75  # a full disk
    codes = {ArgumentError: 2, DataError: 3, ArtifactError: 3, FitError: 4, TemporaryError: 75}
    return next((code for kind, code in codes.items() if isinstance(problem, kind)), 1)


def nearest(word: str, known: Iterable[str]) -> str:
    """The question after a word that is not known, empty where nothing is like it.

    Examples
    --------
    >>> nearest("regressionn", ["zero", "regression"]), nearest("x", ["zero"])
    ("did you mean 'regression'? ", '')
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}? " if close else ""


def among(word: str, known: Iterable[str]) -> str:
    """What could have been meant by a word that is not known, and all that is known.

    Examples
    --------
    >>> among("regressionn", ["zero", "regression"]), among("x", ["zero"])
    ("did you mean 'regression'? There are zero, regression", 'there are zero')
    """
    names = list(known)
    question = nearest(word, names)
    return f"{question}{'There' if question else 'there'} are {', '.join(names) or 'none'}"


def unknown(word: str, known: Iterable[str]) -> str:
    """The sentence on a name that nothing has.

    Examples
    --------
    >>> unknown("x", ["zero"]), unknown(" ", ["zero"])
    ("there is no 'x'; there are zero", 'the name is empty; there are zero')
    """
    said = f"there is no {word!r}" if word.strip() else "the name is empty"
    return f"{said}; {among(word, known)}"


def require(library: str, package: str) -> None:
    """Refuse to go on without a library; `package` is what to install.

    Raises
    ------
    ArgumentError
        If it is not installed.

    Examples
    --------
    >>> require("numpy", "numpy")
    """
    if find_spec(library) is None:
        raise ArgumentError(f"this needs {library}, which is not installed: pip install {package}")


class ClvWarning(UserWarning):
    """A result that can be used but should be read with the warning beside it."""


class FitStatus(Enum):
    """Outcome of a fit; the value is the text a user should read."""

    CONVERGED = "converged: the gradient vanishes at an interior optimum with positive curvature"
    AT_BOUNDARY = (
        "at boundary: a parameter ran to the edge of what the data can tell apart; "
        "predictions are usable, its value and standard error are not"
    )
    NOT_IDENTIFIED = (
        "not identified: the data leave a direction of the parameters undetermined; "
        "predictions rest on the prior or the starting point"
    )
    UNRELIABLE = (
        "unreliable: the approximation to the posterior failed its own check (Pareto k above 0.7); "
        "intervals may be too narrow"
    )
    GIVEN = "given: the parameters were taken over from elsewhere; nothing was fitted here"
    FAILED = "failed: no optimum was found; do not use the parameters"

    @property
    def usable(self) -> bool:
        """Whether predictions from such a fit may be used (perhaps with care)."""
        return self is not FitStatus.FAILED
