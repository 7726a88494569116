"""The configuration: what it reads, whom it sends back and with which words, and that it keeps no secret."""

from __future__ import annotations

import json
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clvmodels.config import Config, config_from, read_config, schema, secret
from clvmodels.errors import ArgumentError

ROOT = Path(__file__).resolve().parents[2]
LOG = {"source": "log.csv"}


def refused(content: dict[str, Any], environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ArgumentError) as caught:
        config_from(content, "clv.toml", environment)
    assert str(caught.value).startswith(("clv.toml", "environment variable "))
    return str(caught.value)


def test_sections_left_out_have_their_defaults() -> None:
    config = config_from({"log": LOG})
    assert (config.model.purchase, config.model.spend) == ("auto", "auto")
    assert config.forecast.margin == 1
    assert config.log.rules["spend"] == "spend"
    assert config_from({"log": {**LOG, "no_spend": True}}).log.rules["spend"] is None


def test_log_keys_are_the_options_of_the_command_line() -> None:
    from clvmodels.cli.options import Log as Options
    from clvmodels.config.sections import Log as Section

    options = {name for name in Options.__dataclass_fields__ if name != "log"}
    assert options <= set(Section.model_fields)
    assert set(Options(Path("log.csv")).rules.items()) == set(Section(source="log.csv").rules.items())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"lug": LOG}, ["[lug]: there is no such section; did you mean 'log'?", "[log]: this section is missing"]),
        ({"log": {"source": "a.csv", "refund": "net"}}, ["[log] refund: there is no such key", "'refunds'?"]),
        ({"log": {"source": "a.csv", "qqq": 1}}, ["there are business_timezone"]),
        ({"log": LOG, "forecast": {"margin": 35}}, ["[forecast] margin", "less than or equal to 1", "not 35"]),
        ({"log": LOG, "forecast": {"horizon": "12X"}}, ["[forecast] horizon.0", "'12X' is not a duration"]),
        ({"log": LOG, "forecast": {"levels": [0.5, 2]}}, ["[forecast] levels.1"]),
        ({"log": LOG, "forecast": {"discount": float("nan")}}, ["[forecast] discount"]),
        ({"log": LOG, "backtest": {"origins": ["1997-02-30"]}}, ["[backtest] origins", "not an ISO date"]),
        ({"log": LOG, "backtest": {"origins": ["1997-02-20"], "step": "4W"}}, ["have no step"]),
        ({"log": LOG, "model": {"purchase": "bgnbd"}}, ["no 'bgnbd'; did you mean 'bg_nbd'?", "pareto_nbd"]),
        ({"log": LOG, "model": {"method": "mcmc"}}, ["[model] method", "nuts"]),
        ({"log": LOG, "models": [{"nam": "zero"}]}, ["[models] 0.nam", "did you mean 'name'?"]),
        ({"log": LOG, "models": [{"name": "historcal"}]}, ["[models] 0: there is no", "did you mean 'historical'?"]),
        ({"log": LOG, "models": [{"name": "bg_nbd", "windows": 2}]}, ["'bg_nbd' has no windows; it takes spend"]),
        ({"log": LOG, "models": [{"name": "stack", "forecasters": ["zero"]}]}, ["[models] 0.forecasters", "2 items"]),
        ({"log": LOG, "models": [{"name": "boosted", "purchase": "bgnbd"}]}, ["[models] 0.purchase", "'bg_nbd'?"]),
        ({"log": LOG, "models": [{"name": "xyz"}]}, ["[models] 0: there is no 'xyz'; there are auto, "]),
        ({"log": LOG, "models": [{"name": " "}]}, ["[models] 0: the name is empty; there are auto, "]),
        ({"log": LOG, "models": [{"name": ""}]}, ["[models] 0.name: this must not be empty"]),
        ({"log": LOG, "model": {"purchase": "xyz"}}, ["there is no 'xyz'; there are auto, "]),
        ({"log": LOG, "backtest": {"horizon": []}}, ["[backtest] horizon: this must not be empty"]),
        ({"log": {"source": "env:DB"}}, ["[log]: a database needs table"]),
        ({"log": {"source": "a.csv", "table": "t"}}, ["belong to a database"]),
        ({"log": 3}, ["[log]: this must be a table of keys, not 3"]),
        ({"log": LOG, "model": {"spend": "gama_gamma"}}, ["[model] spend", "did you mean 'gamma_gamma'?", "auto"]),
        ({"log": {**LOG, "no_spend": True}, "model": {"spend": "gamma_gamma"}}, ["[model] spend"]),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_section_key_and_rule(content: dict[str, Any], words: list[str]) -> None:
    text = refused(content)
    assert all(word in text for word in words), text
    assert "\n" not in text


@pytest.mark.parametrize("address", ["postgresql://ann:s3cret@host/db", "host=db password=s3cret"])
def test_address_with_a_password_is_refused_and_not_repeated(address: str) -> None:
    text = refused({"log": {"source": address, "table": "orders"}})
    assert "s3cret" not in text
    assert "env:NAME" in text


def test_environment_replaces_keys() -> None:
    environment = {
        "CLV__FORECAST__MARGIN": "0.3",
        "CLV__FORECAST__LEVELS": "[0.1, 0.9]",
        "CLV__BACKTEST__ORIGINS": "3",
        "CLV__LOG__SPEND_COLUMN": "12",
        "CLVX": "else",
    }
    config = config_from({"log": LOG, "forecast": {"margin": 0.5}}, environment=environment)
    assert config.forecast.margin == 0.3
    assert config.forecast.levels == [0.1, 0.9]
    assert config.backtest.origins == 3
    assert config.log.spend_column == "12"


@pytest.mark.parametrize(
    "variable", ["CLV__LOG__TABEL", "CLV__", "CLV__LOG__SOURCE__X", "CLV__LOGS__SOURCE", "CLV__LOG"]
)
def test_environment_is_checked_like_the_file(variable: str) -> None:
    refused({"log": LOG}, {variable: "x"})


def test_environment_says_no_value_of_a_broken_list() -> None:
    assert "CLV__FORECAST__LEVELS" in refused({"log": LOG}, {"CLV__FORECAST__LEVELS": "[s3cret"})


def test_fingerprint_follows_what_is_said_and_not_how() -> None:
    plain = config_from({"log": LOG})
    said = config_from({"log": {**LOG, "period": "D"}, "forecast": {"horizon": "12M"}})
    other = config_from({"log": LOG}, environment={"CLV__FORECAST__MARGIN": "0.5"})
    assert plain.fingerprint == said.fingerprint != other.fingerprint


ASIDE = {
    "log.source", "log.table", "log.schema", "log.memory_limit", "models", "backtest",
    "report.out", "report.title", "report.hash_ids", "store.folder",
    "publish.folder", "publish.wait", "publish.hash_key", "publish.target", "publish.table", "publish.schema",
}  # fmt: skip
"""Keys on which no number of a scheduled run depends; whoever adds one to the configuration decides it here, too."""


def test_fingerprint_is_blind_to_places_and_to_nothing_else() -> None:
    """Killed: a place that decides, a number that does not, and a section that is forgotten."""
    plain = config_from({"log": LOG})
    decides = {
        f"{name}.{key}" if isinstance(said, dict) else name
        for name, said in plain.deciding.items()
        for key in (said if isinstance(said, dict) else [name])
    }
    every = {
        f"{name}.{one.alias or key}" if name not in ASIDE else name
        for name, field in type(plain).model_fields.items()
        for key, one in getattr(field.annotation, "model_fields", {"": field}).items()
    }
    assert decides == every - ASIDE
    assert every >= ASIDE


@pytest.mark.parametrize(
    ("section", "said", "same"),
    [
        ("log", {"source": "/mnt/other/log.parquet"}, True),
        ("log", {"memory_limit": "1GB"}, True),
        ("log", {"source": "env:DB", "table": "orders", "schema": "sales"}, True),
        ("log", {"refunds": "net"}, False),
        (
            "publish",
            {"folder": "/mnt/shelf", "wait": 60, "target": "env:DB", "table": "t", "schema": "s"},
            True,
        ),
        ("publish", {"shards": 9}, False),
        ("publish", {"hash_ids": True, "hash_key": "env:KEY"}, False),
        ("store", {"folder": "/mnt/fits"}, True),
        ("store", {"refit": "28D"}, False),
        ("report", {"out": "page.html", "title": "Ours", "hash_ids": True}, True),
        ("report", {"currency": "€"}, False),
        ("backtest", {"origins": 3}, True),
        ("gates", {"bias": {"limit": 0.2}}, False),
        ("gates", {"bias": {"action": "block"}}, False),
        ("segments", {"share": 0.5}, False),
        ("segments", {"rules": [{"name": "all"}]}, False),
        ("model", {"seed": 1}, False),
        ("forecast", {"horizon": "6M"}, False),
    ],
)
def test_fingerprint_knows_what_decides(section: str, said: dict[str, Any], same: bool) -> None:
    given = {"log": LOG} | {section: {**(LOG if section == "log" else {}), **said}}
    assert (config_from(given).fingerprint == config_from({"log": LOG}).fingerprint) is same


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "clv.toml").write_text('[log]\nsource = "in/log.csv"\nobservation_start = 2026-01-01\n')
    config = read_config(tmp_path / "clv.toml", {})
    assert config.path(config.log.source) == tmp_path / "in" / "log.csv"
    assert config.log.observation_start == "2026-01-01"
    assert config.path("/a/b") == Path("/a/b")


@pytest.mark.parametrize(
    ("name", "content"), [("gone.toml", None), ("bad.toml", b"[log"), ("bin.toml", b"\xff\xfe"), ("", None)]
)
def test_files_that_are_no_configuration_are_refused(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArgumentError, match=r"toml|read"):
        read_config(path, {})


def test_secrets_come_from_the_environment_only() -> None:
    assert secret("env:DB", {"DB": "postgresql://ann:s3cret@host/db"}).endswith("/db")
    with pytest.raises(ArgumentError, match="DB is not set"):
        secret("env:DB", {})


def test_committed_schema_is_that_of_the_code() -> None:
    committed = json.loads((ROOT / "docs" / "config.schema.json").read_text(encoding="utf-8"))
    assert committed == schema(), "write it again: python -m clvmodels.config > docs/config.schema.json"


def test_every_key_says_what_it_means() -> None:
    for section in schema()["$defs"].values():
        for name, key in section.get("properties", {}).items():
            assert key.get("description"), name


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
nested = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
sections = st.sampled_from(sorted(Config.model_fields))
keys = st.sampled_from(
    sorted({name for section in schema()["$defs"].values() for name in section.get("properties", {})})
)
contents = st.dictionaries(
    sections | st.text(max_size=4),
    st.dictionaries(keys | st.text(max_size=4), nested, max_size=4) | nested,
    max_size=5,
)
environments = st.dictionaries(
    st.builds("CLV__{}__{}".format, sections, keys), st.text(max_size=6), max_size=2
)


@settings(max_examples=150, deadline=None)
@given(contents, environments)
def test_any_content_is_read_or_refused_in_words(
    content: dict[str, Any], environment: dict[str, str]
) -> None:
    with suppress(ArgumentError):
        config_from({"log": LOG, **content}, "clv.toml", environment)


def test_the_guide_shows_a_configuration_that_is_read() -> None:
    from clvmodels.contenders import forecasters_of

    page = (ROOT / "docs" / "guides" / "which_forecast_to_trust.md").read_text(encoding="utf-8")
    config = config_from(tomllib.loads(page.split("```toml\n")[1].split("```")[0]))
    mixture = forecasters_of([one.said for one in config.models])[-1]
    assert mixture.name == "Stack (Ours + Hiatus rule)"
