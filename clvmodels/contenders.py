"""Who can be named in a comparison: models, formulas, rules of managers, rivals, and a mixture of the others.

`CONTENDERS` is the registry: a name, how its forecaster is made, and a line about it. What may be said of a contender
is read off its signature, so that command line, configuration and documents learn of a new one here. A name of the form
``module:Class`` stands for a class that somebody else wrote; to make its forecaster is to run that module's code.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from clvmodels.baselines import BASELINES
from clvmodels.contracts import FittedForecaster, Forecaster
from clvmodels.ensemble import Stack
from clvmodels.errors import ArgumentError, ClvError, among, nearest, unknown
from clvmodels.forecast import CLVModel
from clvmodels.models import PURCHASE_MODELS
from clvmodels.rfm import RFM
from clvmodels.rivals import BoostedCLV, LifetimesCLV, RegressionCLV

NO_SPEND = "no_spend"
NOT_SAID = (NO_SPEND, "basis")  # of the whole comparison; and told by the name (historical_all)
MIXTURE = "stack"
OWN = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<made>[^\W\d]\w*)")
"""A class of one's own: ``module:Class``."""


@dataclass(frozen=True)
class Contender:
    """How a forecaster is made that can be named.

    Attributes
    ----------
    make
        From options to the forecaster.
    about
        What it is, in a few words.
    """

    make: Callable[..., Forecaster]
    about: str

    @property
    def options(self) -> tuple[str, ...]:
        """What may be said of it beside its name."""
        settled = self.make.keywords if isinstance(self.make, partial) else {}
        return tuple(
            name for name in inspect.signature(self.make).parameters if name not in {*settled, *NOT_SAID}
        )

    def build(self, *, no_spend: bool = False, **options: Any) -> Forecaster:
        """The forecaster.

        Raises
        ------
        ArgumentError
            If its library is not installed, or an option is not its own or outside its range.
        """
        asks = NO_SPEND in inspect.signature(self.make).parameters
        return self.make(**options, **({NO_SPEND: no_spend} if asks else {}))


def _model(
    purchase: str,
    *,
    spend: str | None = None,
    method: str = "laplace",
    season: str = "default",
    discrepancy: float | Literal["default", "none"] = "default",
    label: str | None = None,
    no_spend: bool = False,
) -> CLVModel:
    if no_spend and spend is not None:
        raise ArgumentError(f"spend = {spend!r} and no_spend exclude each other; leave one of them out")
    return CLVModel(
        purchase,
        None if no_spend else spend or "auto",
        method,
        label=label,
        season=None if season == "none" else season,
        discrepancy=None if discrepancy == "none" else discrepancy,
    )


def _boosted(
    *,
    purchase: str = "auto",
    spend: str | None = None,
    method: str = "laplace",
    windows: int = 3,
    label: str | None = None,
    no_spend: bool = False,
) -> BoostedCLV:
    model = _model(purchase, spend=spend, method=method, no_spend=no_spend)
    return BoostedCLV(model, windows=windows, label=label)


def _lifetimes(*, purchase: str = "bg_nbd", label: str | None = None, no_spend: bool = False) -> LifetimesCLV:
    return LifetimesCLV(purchase, with_spend=not no_spend, label=label)


@dataclass(frozen=True)
class Labelled:
    """A forecaster under another name."""

    forecaster: Forecaster
    name: str

    def fit(self, rfm: RFM, *, seed: int = 0) -> FittedForecaster:
        """The fit of the forecaster itself."""
        return self.forecaster.fit(rfm, seed=seed)


def _own(place: str, *, options: Mapping[str, Any] | None = None, label: str | None = None) -> Forecaster:
    """A forecaster of a class that somebody else wrote; whatever goes wrong in their code is said in its words."""
    try:
        made = _class_at(place)(**dict(options or {}))
    except ClvError:
        raise
    except Exception as problem:
        raise ArgumentError(
            f"it cannot be made with options = {dict(options or {})!r}: {type(problem).__name__}: {problem}"
        ) from problem
    if not isinstance(getattr(made, "name", None), str) or not callable(getattr(made, "fit", None)):
        raise ArgumentError(
            "it makes no forecaster, which has a name (text) and fit(rfm, *, seed): see clvmodels.contracts.Forecaster"
        )
    return made if label is None else Labelled(made, label)


def _class_at(place: str) -> Any:
    module, made = place.split(":")
    try:
        found = import_module(module)
    except ModuleNotFoundError as problem:
        if problem.name is not None and f"{module}.".startswith(f"{problem.name}."):
            raise ArgumentError(
                f"there is no module {problem.name!r}: put {problem.name.split('.')[0]}.py beside the configuration "
                "(on the command line: into the current folder), or install it"
            ) from None
        raise ArgumentError(f"{module} needs {problem.name!r}, which is not installed") from problem
    except Exception as problem:
        raise ArgumentError(f"{module} breaks off: {type(problem).__name__}: {problem}") from problem
    if not callable(getattr(found, made, None)):
        there = [name for name, value in vars(found).items() if inspect.isclass(value)]
        raise ArgumentError(
            f"{module} has no class {made!r}: {nearest(made, there)}it has {', '.join(there) or 'none'}"
        )
    return getattr(found, made)


CONTENDERS: Mapping[str, Contender] = {
    "auto": Contender(
        partial(_model, "auto"), "the purchase model that an earlier window of the log chooses"
    ),
    **{name: Contender(partial(_model, name), model.title) for name, model in PURCHASE_MODELS.items()},
    **{name: Contender(make, make().name) for name, make in BASELINES.items()},
    "regression": Contender(RegressionCLV, "boosted trees on RFM"),
    "boosted": Contender(_boosted, "a model corrected by boosted trees"),
    "lifetimes": Contender(_lifetimes, "the fitters of the lifetimes package"),
    MIXTURE: Contender(Stack, "a mixture of the others, weighted by what they said of earlier windows"),
}


def contender_of(name: str) -> Contender:
    """Whom a name stands for: one of the registry, or a class of one's own. Nobody else's code is run.

    Raises
    ------
    ArgumentError
        If it stands for nobody, with who could have been meant.
    """
    if name in CONTENDERS:
        return CONTENDERS[name]
    if OWN.fullmatch(name):
        return Contender(partial(_own, name), "a class of your own")
    form = "; a class of your own is written module:Class" if ":" in name else ""
    raise ArgumentError(f"{unknown(name, CONTENDERS)}{form}")


def forecasters_of(
    said: Sequence[Mapping[str, Any]], *, no_spend: bool = False, folder: Path | None = None
) -> list[Forecaster]:
    """The forecasters of a list, in its order.

    Parameters
    ----------
    said
        For each a ``name`` of the registry and options of its own, or a class of one's own as ``module:Class``, whose
        module is imported: what is written there runs. A ``stack`` mixes its ``forecasters``: labels or names of others
        in the list, or names that could stand there; by default all others in the list.
    no_spend
        Whether money is left out. A class of one's own sees that in what it is fitted to.
    folder
        Where modules of one's own are looked for, too, after those that are installed.

    Raises
    ------
    ArgumentError
        If a name or an option does not exist, a library is missing, an option is outside its range, or a class of one's
        own makes no forecaster.

    Examples
    --------
    >>> [one.name for one in forecasters_of([{"name": "bg_nbd", "method": "mle", "label": "Ours"}, {"name": "zero"}])]
    ['Ours', 'Zero forecast']
    >>> forecasters_of([{"name": "zero", "windows": 2}])
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: 'zero' has no windows; it takes label
    """
    for one in said:
        check_contender(one)
    words = [one["name"] for one in said] + [word for one in said for word in one.get("forecasters") or ()]
    if folder is not None and str(folder) not in sys.path and any(map(OWN.fullmatch, words)):
        sys.path.append(str(folder))  # last, so that nothing there stands in for what is installed
    single = [
        None if one["name"] == MIXTURE else _built(one, no_spend=no_spend) for one in said
    ]  # a mixture needs the others first
    others = [(one, made) for one, made in zip(said, single, strict=True) if made is not None]
    return [
        _mixed(one, others, no_spend=no_spend) if made is None else made
        for one, made in zip(said, single, strict=True)
    ]


def check_contender(said: Mapping[str, Any]) -> None:
    """Refuse a name that stands for nobody, and options that are not those of the name; nothing is made.

    Raises
    ------
    ArgumentError
        With what could have been meant.
    """
    name = said["name"]
    known = contender_of(name).options
    foreign = [option for option in said if option != "name" and option not in known]
    if foreign:
        takes = f"it takes {', '.join(known)}" if known else "it takes nothing but its name"
        raise ArgumentError(f"{name!r} has no {foreign[0]}; {takes}")


def _built(said: Mapping[str, Any], *, no_spend: bool) -> Forecaster:
    options = {option: value for option, value in said.items() if option != "name"}
    try:
        return contender_of(said["name"]).build(no_spend=no_spend, **options)
    except ArgumentError as problem:
        raise ArgumentError(f"{said['name']}: {problem}") from None


def _mixed(
    said: Mapping[str, Any], others: Sequence[tuple[Mapping[str, Any], Forecaster]], *, no_spend: bool
) -> Forecaster:
    members = [made for _, made in others]
    if (wanted := said.get("forecasters")) is not None:
        members = [_member(word, others, no_spend=no_spend) for word in wanted]
    return _built({**said, "forecasters": members}, no_spend=no_spend)


def _member(
    word: str, others: Sequence[tuple[Mapping[str, Any], Forecaster]], *, no_spend: bool
) -> Forecaster:
    """Whom a mixture means: one of the list by label, or by a name that only one has, or one of the registry."""
    labelled = [made for one, made in others if one.get("label") == word]
    named = [made for one, made in others if one["name"] == word]
    found = labelled or named
    if len(found) > 1:
        raise ArgumentError(
            f"{MIXTURE}: {len(found)} others are called {word!r}; give each a label of its own and mix by labels"
        )
    if found:
        return found[0]
    if word == MIXTURE or (word not in CONTENDERS and not OWN.fullmatch(word)):
        labels = [one["label"] for one, _ in others if one.get("label")]
        known = {name: None for name in (*labels, *CONTENDERS) if name != MIXTURE}
        raise ArgumentError(f"{MIXTURE}: nobody called {word!r} can be mixed; {among(word, known)}")
    return _built({"name": word}, no_spend=no_spend)
