"""Whoever can be named in a comparison: made with the options of its class, mixed by name, refused in words."""

from __future__ import annotations

import dataclasses
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import clvmodels as clv
from clvmodels.config import config_from, template
from clvmodels.config.sections import Contender as Section
from clvmodels.contenders import CONTENDERS, contender_of, forecasters_of
from clvmodels.ensemble import Stack
from clvmodels.rivals import BoostedCLV, LifetimesCLV, RegressionCLV

IN_PYTHON_ONLY = {
    "basis",  # a name of its own: historical_all
    "with_spend",  # [log] no_spend
    "model",  # purchase, spend and method
    "purchase_priors",
    "spend_priors",
}


def made(*said: dict[str, Any], **options: Any) -> list[Any]:
    return forecasters_of(said, **options)


def refused(*said: dict[str, Any], **options: Any) -> str:
    with pytest.raises(clv.ArgumentError) as caught:
        forecasters_of(said, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", [name for name in CONTENDERS if name != "stack"])
def test_a_name_is_enough(name: str) -> None:
    (one,) = made({"name": name})
    assert one.name
    assert [two.name for two in made({"name": name, "label": "Mine"})] == ["Mine"]


def test_every_option_of_a_class_can_be_written_and_every_key_is_somebodys() -> None:
    keys = set(Section.model_fields) - {"name", *contender_of("module:Class").options} | {"label"}
    taken = {option for one in CONTENDERS.values() for option in one.options}
    assert keys <= taken
    assert taken - keys <= IN_PYTHON_ONLY
    for name, one in CONTENDERS.items():
        example = one.build(
            **({"forecasters": made({"name": "zero"}, {"name": "past_best"})} if name == "stack" else {})
        )
        fields = {field.name for field in dataclasses.fields(example)}  # type: ignore[arg-type]
        missing = fields - keys - IN_PYTHON_ONLY
        assert not missing, f"{name}: {missing} can only be said in Python"


def test_options_arrive_where_they_belong() -> None:
    """Killed: options of a purchase model left behind by boosted; discrepancy "none" taken for the default."""
    boosted, trees, theirs, ours, rule = made(
        {"name": "boosted", "purchase": "mbg_nbd", "spend": "gamma_gamma", "method": "mle", "windows": 2},
        {"name": "regression", "windows": 5},
        {"name": "lifetimes", "purchase": "pareto_nbd"},
        {"name": "bg_nbd", "discrepancy": "none", "season": "monthly", "label": "Ours"},
        {"name": "hiatus_rule", "cut": "9W"},
    )
    assert boosted == BoostedCLV(clv.CLVModel("mbg_nbd", "gamma_gamma", "mle"), windows=2)
    assert trees == RegressionCLV(windows=5)
    assert theirs == LifetimesCLV("pareto_nbd")
    assert (ours.name, ours.purchase, ours.discrepancy) == ("Ours", "bg_nbd", None)
    assert ours.season == "monthly"
    assert rule.cut == "9W"
    (given,) = made({"name": "auto", "discrepancy": 0.3})
    assert given.discrepancy == 0.3


def test_money_left_out_is_left_out_by_all_who_model_it() -> None:
    auto, boosted, theirs = made({"name": "auto"}, {"name": "boosted"}, {"name": "lifetimes"}, no_spend=True)
    assert auto.spend is boosted.model.spend is None
    assert not theirs.with_spend
    assert "exclude each other" in refused({"name": "bg_nbd", "spend": "gamma_gamma"}, no_spend=True)


def test_a_mixture_takes_the_others_as_they_are_in_the_list() -> None:
    """Killed: members made anew from their names, without what was said of them."""
    ours = {"name": "bg_nbd", "method": "mle", "label": "Ours"}
    mixture, *others = made({"name": "stack", "label": "All"}, ours, {"name": "zero"}, {"name": "past_best"})
    assert isinstance(mixture, Stack)
    assert (mixture.name, mixture.forecasters) == ("All", tuple(others))
    some, first, *_ = made(
        {"name": "stack", "forecasters": ["Ours", "past_best"], "window": "13W", "windows": 2},
        ours,
        {"name": "zero"},
    )
    assert some.forecasters == (first, made({"name": "past_best"})[0])
    assert (some.window, some.windows) == ("13W", 2)
    named, first, _ = made({"name": "stack", "forecasters": ["bg_nbd", "zero"]}, ours, {"name": "zero"})
    assert named.forecasters[0] is first


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([{"name": "regressionn"}], "there is no 'regressionn'; did you mean 'regression'? There are auto,"),
        ([{"name": "zero", "windows": 2}], "'zero' has no windows; it takes label"),
        ([{"name": "regression", "windows": 0}], "regression: windows=0 must be a whole number"),
        ([{"name": "lifetimes", "purchase": "auto"}], "lifetimes: purchase='auto' is not one of bg_nbd"),
        ([{"name": "hiatus_rule", "cut": "9X"}], "hiatus_rule: '9X' is not a duration"),
        ([{"name": "stack"}, {"name": "zero"}], "stack: a stack takes two or more forecasters"),
        ([{"name": "stack", "forecasters": ["zero", "bgnbd"]}], "nobody called 'bgnbd' can be mixed; did you mean"),
        ([{"name": "stack", "forecasters": ["zero", "stack"]}], "nobody called 'stack' can be mixed"),
        (
            [
                {"name": "stack", "forecasters": ["bg_nbd", "zero"]},
                {"name": "bg_nbd", "label": "A"},
                {"name": "bg_nbd", "method": "mle", "label": "B"},
            ],
            "2 others are called 'bg_nbd'; give each a label",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named(said: list[dict[str, Any]], words: str) -> None:
    assert words in refused(*said)


# --- classes of one's own ----------------------------------------------------------------------------------


def test_a_class_of_one_s_own_takes_part_by_its_place() -> None:
    """Killed: options lost; the label lost; a mixture that makes its own copy."""
    place = "guest_forecasters:Curious"
    one, two, mixture = made(
        {"name": place, "options": {"weeks": 4}},
        {"name": place, "label": "Mine"},
        {"name": "stack", "forecasters": ["Mine", "zero"]},
    )
    assert (one.name, one.weeks) == ("curious", 4)
    assert (two.name, two.forecaster.weeks) == ("Mine", 13)
    assert mixture.forecasters[0] is two
    (alone,) = made({"name": "stack", "forecasters": [place, "zero"]})
    assert alone.forecasters[0].name == "curious"


BROKEN = {
    "breaks_off": "raise RuntimeError('no luck')",
    "is_no_python": "def (",
    "needs_more": "import surely_not_installed",
    "empty_module": "",
    "says_no": "from clvmodels import ArgumentError\nclass Never:\n    def __init__(self):\n"
    "        raise ArgumentError('not today')",
}


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("breaks_off:Any", None, "breaks_off:Any: breaks_off breaks off: RuntimeError: no luck"),
        ("is_no_python:Any", None, "is_no_python breaks off: SyntaxError"),
        ("needs_more:Any", None, "needs_more needs 'surely_not_installed', which is not installed"),
        ("empty_module:Any", None, "empty_module has no class 'Any': it has none"),
        ("says_no:Never", None, "says_no:Never: not today"),
        (
            "no_such_module:Any",
            None,
            "there is no module 'no_such_module': put no_such_module.py beside the conf",
        ),
        ("no_such.module:Any", None, "there is no module 'no_such': put no_such.py beside"),
        ("guest_forecasters:Moodie", None, "no class 'Moodie': did you mean 'Moody'?"),
        ("guest_forecasters:Moody", {"most": 1}, "cannot be made with options = {'most': 1}: TypeError"),
        ("guest_forecasters:Nameless", None, "makes no forecaster, which has a name (text) and fit("),
        ("pathlib:Path", None, "makes no forecaster"),
        ("guest_forecasters:", None, "a class of your own is written module:Class"),
        ("../guest_forecasters:Moody", None, "a class of your own is written module:Class"),
    ],
)
def test_what_is_wrong_with_a_class_of_one_s_own(
    name: str, options: dict[str, Any] | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, text in BROKEN.items():
        (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    said = {"name": name} if options is None else {"name": name, "options": options}
    assert words in refused(said, folder=tmp_path)


def test_a_folder_of_one_s_own_stands_in_for_nothing_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed: the folder first on the path."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "pydoc_data.py").write_text("raise RuntimeError('mine')", encoding="utf-8")
    assert "has no class 'Any'" in refused({"name": "pydoc_data:Any"}, folder=tmp_path)
    assert "'guest_forecasters:Moody' has no weeks; it takes options, label" in refused(
        {"name": "guest_forecasters:Moody", "weeks": 3}
    )
    assert "'zero' has no options; it takes label" in refused({"name": "zero", "options": {}})


def test_reading_a_configuration_runs_nobody_s_code(tmp_path: Path) -> None:
    said = [{"name": "never_imported:Class", "options": {"weeks": [1, 2]}, "label": "Mine"}]
    config = config_from({"log": {"source": "log.csv"}, "models": said})
    assert config.models[0].said == said[0]


@pytest.mark.parametrize(
    ("name", "library", "package"),
    [
        ("regression", "sklearn", "clvmodels[ml]"),
        ("boosted", "sklearn", "clvmodels[ml]"),
        ("lifetimes", "lifetimes", "lifetimes"),
    ],
)
def test_what_is_not_installed_is_said_before_anything_is_fitted(
    name: str, library: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    text = refused({"name": name})
    assert text == f"{name}: this needs {library}, which is not installed: pip install {package}"


def test_the_first_configuration_says_who_can_take_part() -> None:
    text = template()
    for name in CONTENDERS:
        assert f"\n# {name}: " in text
    examples = re.findall(r"^# (\[\[models\]\]|name = .*)$", text, re.M)
    named = [one["name"] for one in tomllib.loads("\n".join(examples))["models"]]
    assert set(named) <= set(CONTENDERS)
    assert "of regression, boosted, stack)" in " ".join(text.replace("\n## ", " ").split())


def test_rivals_and_their_mixture_run_in_a_comparison(cdnow: Any) -> None:
    """Everybody at once, on few customers: whoever is named has rows under that name, and nobody failed."""
    said = [
        {"name": "bg_nbd", "method": "mle", "label": "Ours"},
        {"name": "lifetimes", "label": "Theirs"},
        {"name": "regression", "label": "Trees"},
        {"name": "boosted", "purchase": "bg_nbd", "method": "mle", "windows": 1, "label": "Boosted"},
        {"name": "stack", "label": "Mixture", "forecasters": ["Ours", "historical"]},
    ]
    few = cdnow[cdnow["customer_id"].isin(cdnow["customer_id"].unique()[::2])]
    card = clv.backtest(few, made(*said), origins=["1997-09-30"], horizon="13W", draws=40, spend="spend")
    assert list(dict.fromkeys(card.scores["model"])) == [one["label"] for one in said]
    assert not card.scores["value"].isna().all()
    assert set(card.fits["status"]) == {"ok"}, card.fits["reason"].tolist()
