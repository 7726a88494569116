"""Saved fits and scorecards: the same after a round trip, small, and refused when they cannot be trusted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rooms.example_scorecard import example_scorecard

from clvmodels import artifacts
from clvmodels.artifacts import load_fit, load_scorecard, save_fit, save_scorecard
from clvmodels.backtesting import Scorecard
from clvmodels.errors import ArgumentError, ArtifactError
from clvmodels.forecast import CLVModel, FittedCLV
from clvmodels.models import PURCHASE_MODELS
from clvmodels.rfm import RFM
from clvmodels.season import Clock


def customers(count: int, seed: int) -> RFM:
    rng = np.random.default_rng(seed)
    age = rng.integers(10, 40, count).astype(float)
    frequency = rng.poisson(rng.gamma(0.8, 1.5, count))
    return RFM.from_arrays(
        frequency=frequency,
        recency=np.where(frequency > 0, np.floor(age * rng.random(count)), 0),
        T=age,
        monetary_value=rng.gamma(6, 5, count),
        customer_id=[f"secret-{i:05d}" for i in range(count)],
        observation_end="2025-12-31",
        time_unit="W",
    )


@pytest.fixture(scope="module")
def rfm() -> RFM:
    return customers(300, seed=5)


@pytest.fixture(scope="module")
def fitted(rfm: RFM) -> FittedCLV:
    return CLVModel("bg_nbd").fit(rfm, draws=200, seed=3)


@pytest.fixture
def saved(fitted: FittedCLV, tmp_path: Path) -> Path:
    return save_fit(fitted, tmp_path / "fit")


@pytest.mark.parametrize("purchase", sorted(PURCHASE_MODELS))
@pytest.mark.parametrize("method", ["mle", "map", "laplace"])
@pytest.mark.parametrize("spend", ["gamma_gamma", None])
def test_a_loaded_fit_forecasts_the_same(
    rfm: RFM, tmp_path: Path, purchase: str, method: str, spend: str | None
) -> None:
    fitted = CLVModel(purchase, spend, method).fit(rfm, draws=50, seed=1)
    again = load_fit(save_fit(fitted, tmp_path / "fit"))
    few = rfm.take(slice(0, 20))
    one, two = (fit.forecast("26W", rfm=few, draws=40, seed=2) for fit in (fitted, again))
    pd.testing.assert_frame_equal(one.customers, two.customers, check_exact=True)
    np.testing.assert_array_equal(one.total.draws, two.total.draws)
    assert one.provenance == two.provenance


def test_a_fit_on_a_clock_keeps_it(rfm: RFM, tmp_path: Path) -> None:
    """Killed: a clock that is left behind, and one whose months are scaled once more on the way back."""
    season = Clock(months=[1.0] * 10 + [1.7, 2.3], days={date(2026, 1, 5): 3.0})
    fitted = CLVModel("bg_nbd", None, "map", season=season).fit(rfm)
    again = load_fit(save_fit(fitted, tmp_path / "fit"))
    assert again.clock is not None
    assert again.clock.facts == season.facts
    assert "season: fastest in December" in again.summary
    one, two = (fit.forecast("26W", rfm=rfm.take(slice(0, 20)), draws=40, seed=2) for fit in (fitted, again))
    pd.testing.assert_frame_equal(one.customers, two.customers, check_exact=True)
    plain = CLVModel("bg_nbd", None, "map").fit(rfm).forecast("26W", rfm=rfm, draws=40, seed=2)
    assert plain.purchases.mean != fitted.forecast("26W", draws=40, seed=2).purchases.mean


def test_everything_a_posterior_holds_comes_back(fitted: FittedCLV, saved: Path) -> None:
    again = load_fit(saved)
    assert again.name == fitted.name
    assert again.usable
    for before, after in zip(fitted.posteriors, again.posteriors, strict=True):
        np.testing.assert_array_equal(before.draws, after.draws)
        assert after.draws.dtype == np.float64
        assert before.standard_errors == after.standard_errors
        assert replace(before, draws=0, mode=0, covariance=0).__dict__ == (
            replace(after, draws=0, mode=0, covariance=0).__dict__
        )
    assert fitted.summary.startswith(again.summary)


def test_diagnostics_without_a_value_survive(fitted: FittedCLV, tmp_path: Path) -> None:
    odd = replace(fitted.purchase, diagnostics={"k_hat": float("inf")}, covariance=None)
    again = load_fit(save_fit(replace(fitted, purchase=odd), tmp_path / "fit"))
    assert again.purchase.diagnostics == {"k_hat": float("inf")}
    assert again.purchase.covariance is None


def test_a_loaded_fit_asks_for_customers(saved: Path, rfm: RFM) -> None:
    with pytest.raises(ArgumentError, match="rfm="):
        load_fit(saved).forecast("26W", draws=10)
    other_clock = RFM.from_arrays(frequency=[1], recency=[7], T=[70], monetary_value=[3], time_unit="D")
    with pytest.raises(ArgumentError, match="time_unit='W'"):
        load_fit(saved).forecast("26W", rfm=other_clock, draws=10)


def test_size_does_not_grow_with_customers_and_none_is_named(tmp_path: Path) -> None:
    sizes = []
    for count in (200, 5000):
        folder = save_fit(CLVModel("pareto_nbd").fit(customers(count, seed=7)), tmp_path / str(count))
        content = [path.read_bytes() for path in folder.iterdir()]
        assert not any(b"secret-" in part for part in content)
        sizes.append(sum(map(len, content)))
    assert max(sizes) < 100_000
    assert abs(sizes[0] - sizes[1]) < 200


def test_same_fit_same_bytes(fitted: FittedCLV, tmp_path: Path) -> None:
    one, two = (save_fit(fitted, tmp_path / name) for name in ("one", "two"))
    for file in ("manifest.json", "arrays.npz"):
        assert (one / file).read_bytes() == (two / file).read_bytes()


def test_saving_again_replaces(fitted: FittedCLV, saved: Path) -> None:
    save_fit(replace(fitted, name="second"), saved)
    assert load_fit(saved).name == "second"
    assert {path.name for path in saved.iterdir()} == {"manifest.json", "arrays.npz"}


def test_only_registered_models_are_saved(fitted: FittedCLV, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Homemade:
        name: str = "bg_nbd"

    planted = replace(fitted.purchase, model=Homemade())  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="registered"):
        save_fit(replace(fitted, purchase=planted), tmp_path / "fit")
    assert not list(tmp_path.iterdir())


def forge(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest and give it a checksum that fits, as a careful forger would."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest.pop("sha256")
    change(manifest)
    path.write_text(json.dumps({**manifest, "sha256": artifacts._checksum_of(manifest)}))


def set_in(*keys: str, to: object) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        for key in keys[:-1]:
            manifest = manifest[key]
        manifest[keys[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("schema", to=2), "upgrade clvmodels"),
        (set_in("schema", to="1"), "schema '1'"),
        (set_in("kind", to="scorecard"), "not a fit"),
        (set_in("parts", "purchase", "model", to="sbg"), "model 'sbg'"),
        (set_in("parts", "purchase", "model", to="pareto_nbd"), "parameters"),
        (set_in("parts", "purchase", "parameters", to=["a", "b", "r", "alpha"]), "parameters"),
        (set_in("parts", "purchase", "status", to="SPLENDID"), "SPLENDID"),
        (set_in("parts", "purchase", "loglik", to=None), "misstates"),
        (set_in("parts", to={}), "purchase"),
        (set_in("parts", to=3), "misstates"),
        (set_in("files", to={"../arrays.npz": "0"}), "checksum"),
        (set_in("files", to={"gone.npz": "0"}), "gone.npz"),
    ],
    ids=itertools.count(),
)
def test_manifests_this_version_cannot_trust(
    saved: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    forge(saved, change)
    with pytest.raises(ArtifactError, match=message) as refusal:
        load_fit(saved)
    assert "Way out" in str(refusal.value)


def test_a_changed_letter_anywhere_is_seen(saved: Path) -> None:
    for file in sorted(saved.iterdir()):
        content = file.read_bytes()
        for position in np.linspace(0, len(content) - 3, 25).astype(int):
            file.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
            with pytest.raises(ArtifactError):
                load_fit(saved)
        file.write_bytes(content)
    load_fit(saved)


@pytest.mark.parametrize("file", ["manifest.json", "arrays.npz"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.98])
def test_cut_off_files_are_seen(saved: Path, file: str, kept: float) -> None:
    content = (saved / file).read_bytes()
    (saved / file).write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ArtifactError):
        load_fit(saved)


@pytest.mark.parametrize("file", ["manifest.json", "arrays.npz"])
def test_missing_files_are_seen(saved: Path, file: str) -> None:
    (saved / file).unlink()
    with pytest.raises(ArtifactError, match=file):
        load_fit(saved)


def test_a_pickle_is_never_opened(saved: Path) -> None:
    np.savez(saved / "arrays.npz", purchase_draws=np.array([{"a": "pickle"}], dtype=object))
    checksum = artifacts._checksum((saved / "arrays.npz").read_bytes())
    forge(saved, set_in("files", "arrays.npz", to=checksum))
    with pytest.raises(ArtifactError, match="allow_pickle"):
        load_fit(saved)


def test_no_folder_and_a_file_in_its_place(fitted: FittedCLV, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="no folder"):
        load_fit(tmp_path / "nowhere")
    with pytest.raises(ArgumentError, match="create it first"):
        save_fit(fitted, tmp_path / "nowhere" / "fit")
    (tmp_path / "file").touch()
    with pytest.raises(ArgumentError, match="is a file"):
        save_fit(fitted, tmp_path / "file")


@pytest.mark.parametrize(
    "content", ['{"kind": "scorecard", "schema": 1}', '{"app": "something else"}', "[]", "{"]
)
def test_what_lies_there_already_is_not_overwritten(fitted: FittedCLV, tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ArgumentError, match="not overwritten"):
        save_fit(fitted, tmp_path)
    assert (tmp_path / "manifest.json").read_text() == content


@pytest.fixture
def card() -> Scorecard:
    predictions = pd.DataFrame(
        {"customer_id": ["007", "8"], "mean": [1 / 3, np.nan], "is_distribution": [True, False]}
    )
    predictions.attrs = {"units": {"mean": "purchases"}}
    return replace(
        example_scorecard(),
        predictions=predictions,
        totals=pd.DataFrame({"mean": pd.Series(dtype=float)}),
        baseline=None,
        provenance={"horizon": "39W", "levels": [0.1]},
    )


def test_scorecard_round_trip(card: Scorecard, tmp_path: Path) -> None:
    again = load_scorecard(save_scorecard(card, tmp_path / "backtest"))
    pd.testing.assert_frame_equal(again.predictions, card.predictions, check_exact=True)
    pd.testing.assert_frame_equal(again.totals, card.totals)
    assert again.predictions.attrs == card.predictions.attrs
    assert (again.baseline, again.provenance) == (None, card.provenance)


def test_scorecards_that_cannot_be_trusted(card: Scorecard, fitted: FittedCLV, tmp_path: Path) -> None:
    folder = save_scorecard(card, tmp_path / "backtest")
    with pytest.raises(ArtifactError, match="holds a 'scorecard', not a fit"):
        load_fit(folder)
    with pytest.raises(ArtifactError, match="holds a 'fit', not a scorecard"):
        load_scorecard(save_fit(fitted, tmp_path / "fit"))
    card.predictions.head(1).to_parquet(folder / "predictions.parquet")
    with pytest.raises(ArtifactError, match="predictions"):
        load_scorecard(folder)
    (folder / "predictions.parquet").unlink()
    with pytest.raises(ArtifactError, match="predictions"):
        load_scorecard(folder)


def test_scorecard_of_another_shape(card: Scorecard, tmp_path: Path) -> None:
    folder = save_scorecard(card, tmp_path / "backtest")
    forge(folder, set_in("values", "mood", to="fine"))
    with pytest.raises(ArtifactError, match="mood"):
        load_scorecard(folder)
