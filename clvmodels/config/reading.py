"""Read a configuration: TOML, overrides from the environment, and every mistake with its place and the way out."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from clvmodels.config.jobs import Gates, Publish, Segments, Store
from clvmodels.config.sections import (
    ASIDE,
    AUTO,
    FROM_ENVIRONMENT,
    Backtest,
    Contender,
    Forecast,
    Log,
    Model,
    Report,
    Section,
)
from clvmodels.errors import ArgumentError, nearest, unknown

PREFIX = "CLV__"
_SHOWN = 40  # characters of a refused value


class Config(Section):
    """Everything a configuration says; sections that are left out have their defaults.

    Attributes
    ----------
    log, model, models, forecast, backtest, report, segments, gates, store, publish
        The sections.
    """

    log: Annotated[Log, Field(description="Where the transactions are and how they are read.")]
    model: Annotated[Model, Field(description="The models to fit and forecast with.")] = Model()
    models: Annotated[
        list[Contender],
        ASIDE,
        Field(description="Who takes part in a comparison (of clvmodels compare).", default_factory=list),
    ]
    forecast: Annotated[Forecast, Field(description="How far ahead, at which rates.")] = Forecast()
    backtest: Annotated[
        Backtest, ASIDE, Field(description="Forecasts from earlier dates (of clvmodels compare).")
    ] = Backtest()
    report: Annotated[Report, Field(description="The page that is written.")] = Report()
    segments: Annotated[Segments, Field(description="How customers are divided (of clvmodels run).")] = (
        Segments()
    )
    gates: Annotated[
        Gates, Field(description="What must hold before a run is published (of clvmodels run).")
    ] = Gates()
    store: Annotated[
        Store, Field(description="Where fits are kept, when a new one is made (of clvmodels run).")
    ] = Store()
    publish: Annotated[Publish, Field(description="Where forecasts are published (of clvmodels run).")] = (
        Publish()
    )
    _folder: Path = PrivateAttr(default=Path())

    def path(self, place: str) -> Path:
        """A path of the configuration, which starts at the folder of its file."""
        return self._folder / Path(place).expanduser()

    @property
    def deciding(self) -> dict[str, Any]:
        """What the numbers of a scheduled run, their files and whether they are published depend on, defaults included.

        Where things lie, how long to wait, and what only a comparison reads is no part of it.
        """
        return _without_aside(type(self), self.model_dump(mode="json", by_alias=True))

    @property
    def fingerprint(self) -> str:
        """Hash of what decides (16 hexadecimal digits); secrets are not part of it."""
        said = json.dumps(self.deciding, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def read_config(path: str | Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read and check a configuration.

    A variable ``CLV__SECTION__KEY`` of the environment replaces one key; lists and tables are written there as
    in TOML (``CLV__FORECAST__LEVELS='[0.1, 0.9]'``), everything else as it is.

    Parameters
    ----------
    path
        TOML file.
    environment
        Variables, by default those of this process.

    Raises
    ------
    ArgumentError
        If the file cannot be read, or a key is unknown, missing or has no such value. The message names the
        file, the section, the key and the rule.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise ArgumentError(f"there is no file {str(path)!r}; write one with: clvmodels init") from None
    except OSError as problem:
        raise ArgumentError(f"{str(path)!r} cannot be read: {problem.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ArgumentError(f"{str(path)!r} is not TOML: {problem}") from None
    config = config_from(content, str(path), os.environ if environment is None else environment)
    config._folder = path.parent
    return config


def config_from(
    content: Mapping[str, Any], where: str = "configuration", environment: Mapping[str, str] | None = None
) -> Config:
    """The configuration of a dictionary, checked as `read_config` does.

    Examples
    --------
    >>> config_from({"log": {"source": "log.csv"}}).forecast.horizon
    ['12M']
    >>> config_from({"log": {"source": "log.csv", "refund": "net"}})
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: configuration, [log] refund: there is no such key; did you mean 'refunds'?
    """
    overrides = {name: text for name, text in (environment or {}).items() if name.startswith(PREFIX)}
    merged = _merged(content, overrides)
    if overrides:
        where += f" with {', '.join(sorted(overrides))} of the environment"
    try:
        config = Config.model_validate(merged)
    except ValidationError as problem:
        said = [_sentence(error) for error in problem.errors(include_url=False, include_context=False)]
        raise ArgumentError(f"{where}, " + "; ".join(said)) from None
    except RecursionError:
        raise ArgumentError(f"{where} is nested too deeply to be read") from None
    _check_names(config, where)
    return config


def secret(place: str, environment: Mapping[str, str] | None = None) -> str:
    """The value of ``env:NAME``, from the environment variable of that name.

    Raises
    ------
    ArgumentError
        If the variable is not set.
    """
    name = place.removeprefix(FROM_ENVIRONMENT)
    value = (os.environ if environment is None else environment).get(name, "")
    if not value:
        raise ArgumentError(f"the environment variable {name} is not set; the configuration asks for it")
    return value


def schema() -> dict[str, Any]:
    """The JSON schema of the configuration.

    Examples
    --------
    >>> schema()["required"]
    ['log']
    """
    return Config.model_json_schema(by_alias=True)


def _without_aside(section: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    """What a section says, without the keys that are marked as `ASIDE`."""
    kept = {}
    for name, field in section.model_fields.items():
        key = field.alias or name
        if ASIDE not in field.metadata:
            inner = _model_in(field.annotation)
            kept[key] = _without_aside(inner, said[key]) if isinstance(said[key], dict) else said[key]
    return kept


def _merged(content: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The content with the overrides of the environment in their places."""
    merged = {key: dict(value) if isinstance(value, Mapping) else value for key, value in content.items()}
    for variable in sorted(environment):
        path = [part.lower() for part in variable.removeprefix(PREFIX).split("__")]
        place: Any = merged
        for part in path[:-1]:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict) or not all(path):
            raise ArgumentError(f"environment variable {variable} names no key; write {PREFIX}SECTION__KEY")
        place[path[-1]] = _value(variable, environment[variable])
    return merged


def _value(variable: str, text: str) -> Any:
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as problem:
        raise ArgumentError(f"environment variable {variable} is not TOML: {problem}") from None


def _sentence(error: Any) -> str:
    """What is wrong with one key, where it stands, and what came."""
    kind, came, place = error["type"], error["input"], [str(part) for part in error["loc"]]
    if kind != "extra_forbidden":
        place = [part for part in place if not set(part) & set("-[(")]  # pydantic's own words for a type
    section, keys = (place[0], place[1:]) if place else ("", [])
    where = f"[{section}]" + (f" {'.'.join(keys)}" if keys else "") if section else "the file"
    if kind == "extra_forbidden":
        what = "key" if keys else "section"
        return f"{where}: there is no such {what}; {_known(place)}"
    if kind == "missing":
        return f"{where}: this {'key' if keys else 'section'} is missing"
    if kind in ("string_too_short", "too_short") and "at least 1 " in error["msg"]:
        return f"{where}: this must not be empty"
    if kind == "model_type":
        return f"{where}: this must be a table of keys, not {_shown(came)}"
    rule = str(error["msg"]).removeprefix("Value error, ")
    shown = "" if kind == "value_error" else f", not {_shown(came)}"
    return f"{where}: {rule[:1].lower() + rule[1:]}{shown}"


def _known(place: list[str]) -> str:
    """What could have been meant where a key stands that is unknown."""
    names = _names_at(place[:-1])
    return nearest(place[-1], names).rstrip() or f"there are {', '.join(names)}"


def _names_at(place: list[str]) -> list[str]:
    model: Any = Config
    for part in place:
        if part.isdecimal():
            continue
        model = _model_in(model.model_fields[part].annotation)
    return sorted(field.alias or name for name, field in model.model_fields.items())


def _model_in(annotation: Any) -> Any:
    """The section class within an annotation such as ``list[Contender]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _shown(value: object) -> str:
    """A refused value, cut short; what may hold a password is not said again."""
    text = repr(value)
    if "://" in text:
        return "what stands there"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _check_names(config: Config, where: str) -> None:
    """Refuse names of models, contenders and methods that do not exist, and keys that are not of a name."""
    from clvmodels.inference import METHODS
    from clvmodels.models import PURCHASE_MODELS, SPEND_MODELS
    from clvmodels.season import SEASON_WORDS

    seasons = (*SEASON_WORDS, "none")
    purchases: dict[str, Any] = {AUTO: None, **PURCHASE_MODELS}
    spends: dict[str, Any] = {AUTO: None, **SPEND_MODELS}
    named: list[tuple[str, str | None, Collection[str]]] = [
        ("[model] purchase", config.model.purchase, purchases),
        ("[model] spend", config.model.spend, spends),
        ("[model] method", config.model.method, METHODS),
        ("[model] season", config.model.season, seasons),
    ]
    for number, one in enumerate(config.models):
        from clvmodels.contenders import (
            check_contender,
        )  # loads every rival: not for those who compare nobody

        place = f"[models] {number}"
        try:
            check_contender(one.said)
        except ArgumentError as problem:
            raise ArgumentError(f"{where}, {place}: {problem}") from None
        named += [
            (f"{place}.purchase", one.purchase, purchases),
            (f"{place}.spend", one.spend, spends),
            (f"{place}.method", one.method, METHODS),
            (f"{place}.season", one.season, seasons),
        ]
    for place, name, known in named:
        if name is not None and name not in known:
            raise ArgumentError(f"{where}, {place}: {unknown(name, known)}")
    _check_money(config, where)


def _check_money(config: Config, where: str) -> None:
    """Refuse what asks for money where it is left out."""
    if not config.log.no_spend:
        return
    about_spend = [rule.name for rule in config.segments.rules if "expected_spend" in rule.when]
    if about_spend:
        raise ArgumentError(
            f"{where}, [segments] rules: money is left out by [log] no_spend, so {about_spend[0]!r} cannot ask for "
            "expected_spend"
        )
    if config.model.spend != AUTO:
        raise ArgumentError(
            f"{where}, [model] spend: money is left out by [log] no_spend; leave one of them out"
        )
