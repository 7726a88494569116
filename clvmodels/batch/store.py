"""Fits in a plain folder: one folder per version, and a file that says which of them is in production."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from clvmodels.artifacts import load_fit, save_fit
from clvmodels.batch.delivery import Delivery
from clvmodels.config import Config
from clvmodels.errors import ArgumentError, ArtifactError, TemporaryError, exit_code
from clvmodels.forecast import CLVModel, FittedCLV
from clvmodels.io import write_json
from clvmodels.units import UNIT_DAYS, parse_duration

ALIAS = "production.json"


@dataclass(frozen=True)
class Store:
    """The fits of a scheduled job.

    Attributes
    ----------
    folder
        Holds one folder per version, and ``production.json``.
    """

    folder: Path

    @property
    def production(self) -> str | None:
        """The version in production, or None before the first."""
        return self._alias[0]

    @property
    def promoted_for(self) -> str | None:
        """The run that counted when that version was put there."""
        return self._alias[1]

    @property
    def _alias(self) -> tuple[str | None, str | None]:
        try:
            said = json.loads((self.folder / ALIAS).read_bytes())
            return str(said["version"]), said.get("run")
        except FileNotFoundError:
            return None, None
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as problem:
            raise ArtifactError(
                f"{str(self.folder / ALIAS)!r} cannot be read ({type(problem).__name__}: {problem}); say again which "
                "version is in production: clvmodels fits --promote VERSION"
            ) from None

    @property
    def versions(self) -> list[str]:
        """Finished versions, oldest first."""
        return sorted(path.parent.name for path in self.folder.glob("*/manifest.json"))

    def open(self) -> None:
        """Make the folder, if need be.

        Raises
        ------
        ArgumentError
            If it cannot be made or written to.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            with TemporaryFile(dir=self.folder):
                pass
        except OSError as problem:
            if exit_code(problem) == exit_code(TemporaryError()):
                raise  # full, not forbidden
            raise ArgumentError(
                f"folder {str(self.folder)!r} cannot be written to: {problem.strerror}; choose another [store] folder"
            ) from None

    def promote(self, version: str, run: str | None = None) -> None:
        """Put a version into production, while a run counts: what a person chooses lasts until the next run does.

        Raises
        ------
        ArgumentError
            If there is no such version.
        """
        if version not in self.versions:
            raise ArgumentError(
                f"there is no version {version!r}; there are {', '.join(self.versions) or 'none'}"
            )
        try:
            is_so = self._alias == (version, run)
        except ArtifactError:
            is_so = False
        if not is_so:
            write_json({"version": version, "run": run}, self.folder / ALIAS)

    def load(self, version: str) -> FittedCLV:
        """The fit of a version, after its checksums have been checked.

        Raises
        ------
        ArtifactError
            If it was changed or cut off.
        """
        try:
            return load_fit(self.folder / version)
        except ArtifactError as problem:
            said = str(problem).partition(". Way out")[0]
            raise ArtifactError(
                f"{said}. Way out: remove that folder and run again, so that it is fitted anew, or promote another fit"
            ) from None

    def keep(self, fitted: FittedCLV, version: str, made: Mapping[str, Any]) -> FittedCLV:
        """Save a fit with how it was `made`, and give it back as it will be loaded."""
        noted = replace(fitted.purchase, provenance={**fitted.purchase.provenance, "made": dict(made)})
        return load_fit(save_fit(replace(fitted, purchase=noted), self.folder / version))

    def has(self, version: str) -> bool:
        """Whether a version is there and whole."""
        try:
            self.load(version)
        except (ArgumentError, ArtifactError):
            return False
        return True


def made_of(fitted: FittedCLV) -> dict[str, Any]:
    """How a stored fit was made: ``as_of`` and ``asked``."""
    return dict(fitted.purchase.provenance.get("made", {}))


def asked(config: Config) -> str:
    """Hash of everything that a fit depends on but the data: models, method, and how the log is read."""
    rules = {**config.log.rules, **config.model.model_dump()}
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()[:16]


def version_of(config: Config, delivery: Delivery) -> str:
    """Name of the fit that a configuration and a delivery make: the same for the same."""
    from clvmodels import __version__

    text = f"{__version__} {asked(config)} {delivery.fingerprint} {delivery.as_of}"
    return f"{delivery.as_of}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def why_refit(store: Store, config: Config, as_of: date, has_drifted: bool) -> str | None:
    """Why a new fit is to be made, in words; None if the one in production will do.

    Raises
    ------
    ArtifactError
        If the fit in production was changed or cut off.
    """
    policy, version = config.store.refit, store.production
    if version is None:
        return "there is no fit yet"
    if version not in store.versions:
        return f"the fit in production, {version}, is no longer in the store"
    made = made_of(store.load(version))
    if made.get("asked") != asked(config):
        return "models, or how the log is read, changed since the last fit"
    age = (as_of - date.fromisoformat(made["as_of"])).days
    if age < 0:
        return f"the fit in production is of {made['as_of']}, after the date of this run"
    if policy == "always":
        return "every run fits"
    if policy == "drift":
        return "the last run drifted" if has_drifted else None
    count, step = parse_duration(policy)
    return f"the last fit is {age} days old" if age >= count * UNIT_DAYS[step] else None


def model_of(config: Config) -> CLVModel:
    """The model of a configuration."""
    asked_for = config.model
    spend = None if config.log.no_spend else asked_for.spend
    season = None if asked_for.season == "none" else asked_for.season
    return CLVModel(asked_for.purchase, spend, asked_for.method, asked_for.label, season=season)


def fit_or_load(
    store: Store, config: Config, delivery: Delivery, *, has_drifted: bool, writes: bool
) -> tuple[str, FittedCLV, str]:
    """The version to forecast with, its fit, and why it was fitted or loaded.

    A fit that is there already under its name is loaded: the same models of the same data are the same fit.
    """
    reason = why_refit(store, config, delivery.as_of, has_drifted)
    if reason is None:
        version = store.production or ""
        return version, store.load(version), f"the fit of {version[:10]} is still in use"
    version = version_of(config, delivery)
    if store.has(version):
        return version, store.load(version), reason
    fitted = model_of(config).fit(delivery.rfm, draws=config.model.draws, seed=config.model.seed)
    if writes and fitted.usable:
        fitted = store.keep(fitted, version, {"as_of": str(delivery.as_of), "asked": asked(config)})
    return version, fitted, reason
