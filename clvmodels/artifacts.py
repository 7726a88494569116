"""Fits and scorecards kept in folders: JSON and arrays, never pickle, no customer in a saved fit.

A folder holds its data files and ``manifest.json``, which is written last and names the checksum of
each of them; of itself it holds a checksum, too. A folder without a manifest is therefore unfinished,
and one whose files do not match it has been changed or cut off. Old readers refuse newer schemas.
"""

from __future__ import annotations

import hashlib
import io as memory
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np

from clvmodels.backtesting import Scorecard
from clvmodels.backtesting.scorecard import check_scorecard
from clvmodels.contracts import PurchaseModel
from clvmodels.errors import ArgumentError, ArtifactError, FitStatus, as_path, check_kind
from clvmodels.forecast import Discrepancy, FittedCLV
from clvmodels.inference import Posterior
from clvmodels.inference.objective import Scales
from clvmodels.io import as_json, read_table, replacing, write_json, write_table
from clvmodels.models import REGISTRY
from clvmodels.season import Clock, OnClock

SCHEMA = 1
MANIFEST = "manifest.json"
ARRAYS = "arrays.npz"
_PARTS = ("purchase", "spend")
_STATISTIC = "_statistic_"


def save_fit(fitted: FittedCLV, folder: str | Path) -> Path:
    """Save a fit: its draws, modes and covariances as arrays, the rest as JSON.

    The size depends on the number of draws and parameters (about 60 kB at 1,000 draws), not on the
    number of customers: of these only their number and a hash of the summary are kept.

    Parameters
    ----------
    fitted
        A fit of registered models.
    folder
        Created if need be (its parent must exist); a fit saved there before is replaced.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ArgumentError
        If a model is not in the registry, or the folder cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> from clvmodels.forecast import CLVModel
    >>> from clvmodels.rfm import RFM
    >>> rfm = RFM.from_arrays(
    ...     frequency=[2, 1, 0, 4, 0, 1], recency=[30, 2, 0, 36, 0, 12], T=[39, 38, 37, 39, 36, 38], time_unit="W"
    ... )
    >>> fitted = CLVModel("bg_nbd", spend=None).fit(rfm, method="map")
    >>> folder = tempfile.TemporaryDirectory()
    >>> again = load_fit(save_fit(fitted, Path(folder.name) / "fit"))
    >>> again.forecast("52W", rfm=rfm, draws=20).purchases.mean == fitted.forecast("52W", draws=20).purchases.mean
    True
    >>> folder.cleanup()
    """
    check_kind("fitted", fitted, FittedCLV, "make one with CLVModel().fit(rfm)")
    parts = {name: getattr(fitted, name) for name in _PARTS if getattr(fitted, name) is not None}
    if fitted.clock is not None:  # the clock is saved beside the model that lives on it
        parts["purchase"] = replace(fitted.purchase, model=cast(OnClock, fitted.purchase.model).model)
    for posterior in parts.values():
        if REGISTRY.get(posterior.model.name) != posterior.model:
            raise ArgumentError(
                f"{posterior.model!r} is not the registered model of its name, so a reader could not find it; "
                f"there are {', '.join(sorted(REGISTRY))}"
            )
    buffer = memory.BytesIO()
    np.savez(buffer, **_arrays_of(parts))
    folder = _open_folder(folder, "fit")
    with replacing(folder / ARRAYS) as file:
        file.write(buffer.getvalue())
    content: dict[str, Any] = {
        "name": fitted.name,
        "choices": list(fitted.choices),
        "discrepancy": None if fitted.discrepancy is None else dict(fitted.discrepancy.facts),
        "parts": {name: _facts_of(part) for name, part in parts.items()},
        "clock": None if fitted.clock is None else fitted.clock.facts,
    }
    write_manifest(folder, "fit", content, [ARRAYS])
    return folder


def load_fit(folder: str | Path) -> FittedCLV:
    """A saved fit. It holds no customers: forecast with ``fitted.forecast(horizon, rfm=...)``.

    Raises
    ------
    ArgumentError
        If there is no such folder.
    ArtifactError
        If the folder holds no finished fit, was changed or cut off, was written by a newer version,
        or names a model or parameters that this version does not know.
    """
    folder = as_path("folder", folder)
    content = read_manifest(folder, "fit")
    try:
        with np.load(memory.BytesIO((folder / ARRAYS).read_bytes()), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        parts = {name: _posterior(folder, name, facts, arrays) for name, facts in content["parts"].items()}
        clock, purchase = None, parts["purchase"]
        if (facts := content.get("clock")) is not None:
            clock = Clock.of_facts(facts)
            purchase = replace(purchase, model=OnClock(cast(PurchaseModel, purchase.model), clock))
        shock = content.get("discrepancy", {})
        return FittedCLV(
            str(content["name"]),
            None,
            purchase,
            parts.get("spend"),
            clock=clock,
            choices=tuple(map(str, content.get("choices", ()))),
            discrepancy=None if shock is None else Discrepancy(**shock),
        )
    except (KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as problem:
        raise _refusal(folder, f"lacks or misstates {problem}") from None


def _arrays_of(parts: Mapping[str, Posterior]) -> dict[str, Any]:
    arrays = {}
    for name, posterior in parts.items():
        arrays[f"{name}_draws"], arrays[f"{name}_mode"] = posterior.draws, posterior.mode
        if posterior.covariance is not None:
            arrays[f"{name}_covariance"] = posterior.covariance
        arrays |= {f"{name}{_STATISTIC}{key}": values for key, values in posterior.statistics.items()}
    return arrays


def _facts_of(posterior: Posterior) -> dict[str, Any]:
    return {
        "model": posterior.model.name,
        "parameters": posterior.names,
        "method": posterior.method,
        "status": posterior.status.name,
        "reason": posterior.reason,
        "loglik": posterior.loglik,
        "diagnostics": posterior.diagnostics,
        "scales": {"time": posterior.scales.time, "money": posterior.scales.money},
        "provenance": posterior.provenance,
    }


def _posterior(
    folder: Path, name: str, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> Posterior:
    model = REGISTRY.get(facts["model"])
    if model is None:
        raise _refusal(
            folder, f"is of the model {facts['model']!r}, and this version has {', '.join(sorted(REGISTRY))}"
        )
    names = [param.name for param in model.params]
    draws, mode = arrays[f"{name}_draws"], arrays[f"{name}_mode"]
    covariance = arrays.get(f"{name}_covariance")
    shapes = {"draws": (len(draws), len(names)), "mode": (len(names),)}
    if facts["parameters"] != names or draws.shape != shapes["draws"] or mode.shape != shapes["mode"]:
        raise _refusal(
            folder,
            f"has the parameters {facts['parameters']} where {model.title} of this version has {names}",
        )
    return Posterior(
        model=model,
        method=facts["method"],
        draws=draws,
        mode=mode,
        covariance=covariance,
        loglik=float(facts["loglik"]),
        status=FitStatus[facts["status"]],
        reason=facts["reason"],
        diagnostics={key: float(value) for key, value in facts["diagnostics"].items()},
        scales=Scales(**facts["scales"]),
        provenance=facts["provenance"],
        statistics=_statistics(f"{name}{_STATISTIC}", arrays),
    )


def _statistics(start: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What Markov chains told of each draw, by its own name."""
    return {key.removeprefix(start): values for key, values in arrays.items() if key.startswith(start)}


def save_scorecard(scorecard: Scorecard, folder: str | Path) -> Path:
    """Save the record of a backtest: each table as Parquet, the rest as JSON.

    Unlike a fit, a scorecard holds a row per customer (what was predicted of whom); treat the folder as
    customer data.

    Parameters
    ----------
    scorecard
        A `Scorecard`.
    folder
        Created if need be (its parent must exist); a scorecard saved there before is replaced.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ArgumentError
        If the folder cannot be written to.
    """
    import pandas as pd

    check_scorecard(scorecard)
    folder = _open_folder(folder, "scorecard")
    values = {field.name: getattr(scorecard, field.name) for field in fields(scorecard)}
    tables = {name: value for name, value in values.items() if isinstance(value, pd.DataFrame)}
    files = [
        path.name for name, table in tables.items() for path in write_table(table, folder / f"{name}.parquet")
    ]
    content = {"values": {name: value for name, value in values.items() if name not in tables}}
    write_manifest(folder, "scorecard", content, files)
    return folder


def load_scorecard(folder: str | Path) -> Scorecard:
    """A saved scorecard, scored again from its tables and without a refit.

    Parameters
    ----------
    folder
        Where it was saved.

    Raises
    ------
    ArgumentError
        If there is no such folder.
    ArtifactError
        If the folder holds no finished scorecard, was changed or cut off, or was written by a newer
        version.

    Examples
    --------
    >>> import tempfile, clvmodels as clv
    >>> log = clv.load_cdnow("sample").head(500)
    >>> scorecard = clv.backtest(log, [clv.HistoricalCLV()], horizon="26W")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = load_scorecard(save_scorecard(scorecard, Path(folder) / "backtest"))
    >>> again.scores.equals(scorecard.scores)
    True
    """
    folder = as_path("folder", folder)
    values = dict(read_manifest(folder, "scorecard")["values"])
    for field in fields(Scorecard):
        file = folder / f"{field.name}.parquet"
        if field.name not in values and file.exists():
            values[field.name] = read_table(file)
    if set(values) != {field.name for field in fields(Scorecard)}:
        raise _refusal(folder, f"holds {sorted(values)}, which is not what this version reads")
    return Scorecard(**values)


def check_folder(folder: str | Path, kind: str) -> Path:
    """A folder that a fit or a scorecard may be saved to.

    Parameters
    ----------
    folder
        Need not exist, its parent must.
    kind
        ``"fit"`` or ``"scorecard"``.

    Raises
    ------
    ArgumentError
        If its parent does not exist, it is a file, or it holds something else that has a manifest.
    """
    folder = as_path("folder", folder)
    if not folder.parent.is_dir():
        raise ArgumentError(
            f"there is no folder {str(folder.parent)!r} to make {folder.name!r} in; create it first"
        )
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(f"{str(folder)!r} is a file; give a folder")
    if (folder / MANIFEST).exists():
        try:
            _check_kind(folder, _parse(folder), kind)
        except ArtifactError as problem:
            raise ArgumentError(f"{problem}. It is not overwritten") from None
    return folder


def _open_folder(folder: str | Path, kind: str) -> Path:
    folder = check_folder(folder, kind)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as problem:
        raise ArgumentError(f"folder {str(folder)!r} cannot be made: {problem.strerror}") from None
    return folder


def write_manifest(folder: Path, kind: str, content: Mapping[str, Any], files: Sequence[str]) -> None:
    """Write the manifest of a folder whose `files` are all there: it says what they are, and that they are whole."""
    manifest = {
        "kind": kind,
        "schema": SCHEMA,
        "clvmodels": version("clvmodels"),
        "files": {name: _checksum((folder / name).read_bytes()) for name in files},
        **as_json(content),
    }
    write_json({**manifest, "sha256": _checksum_of(manifest)}, folder / MANIFEST)


def read_manifest(folder: Path, kind: str, *, check_files: bool = True) -> dict[str, Any]:
    """The manifest, after it and (unless told otherwise) every file it names have been checked.

    Raises
    ------
    ArgumentError
        If there is no such folder.
    ArtifactError
        If it holds nothing of this kind, nothing finished, or something that was changed.
    """
    if not folder.is_dir():
        raise ArgumentError(f"there is no folder {str(folder)!r}; check the path")
    manifest = _parse(folder)
    _check_kind(folder, manifest, kind)
    stated = manifest.pop("sha256", None)
    if stated != _checksum_of(manifest):
        raise _refusal(folder, f"was changed after it was saved ({MANIFEST} does not match its checksum)")
    for name, checksum in manifest["files"].items() if check_files else ():
        try:
            content = (folder / Path(name).name).read_bytes()
        except OSError:
            raise _refusal(folder, f"lacks its file {name}") from None
        if _checksum(content) != checksum:
            raise _refusal(
                folder, f"was changed or cut off after it was saved ({name} does not match its checksum)"
            )
    return manifest


def _parse(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise _refusal(folder, f"has no {MANIFEST}, so nothing was saved there to the end") from None
    except (ValueError, OSError) as problem:
        raise _refusal(folder, f"has a {MANIFEST} that cannot be read ({problem})") from None
    if not isinstance(manifest, dict):
        raise _refusal(folder, f"has a {MANIFEST} that is not an object")
    return manifest


def _check_kind(folder: Path, manifest: Mapping[str, Any], kind: str) -> None:
    schema, found = manifest.get("schema"), manifest.get("kind")
    if found != kind:
        raise _refusal(folder, f"holds a {found!r}, not a {kind}")
    if not isinstance(schema, int) or not 1 <= schema <= SCHEMA:
        raise _refusal(
            folder,
            f"has schema {schema!r} (written by clvmodels {manifest.get('clvmodels')}), "
            f"and this version reads up to {SCHEMA}; upgrade clvmodels",
        )


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checksum_of(manifest: Mapping[str, Any]) -> str:
    return _checksum(json.dumps(manifest, sort_keys=True).encode())


def _refusal(folder: Path, problem: str) -> ArtifactError:
    return ArtifactError(f"folder {str(folder)!r} {problem}. Way out: save it again, or give another folder")
