"""The written rules of the package, each as a checker, each shown to fail on a planted mistake.

Layers and independence of rooms are import-linter contracts in pyproject.toml; what import-linter cannot
see (foreign libraries by submodule, lengths, habits) is read from the syntax trees here.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import types
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "clvmodels"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE, MAX_FUNCTION = 400, 40

# library -> rooms that may import it ("*": every room). What is not named here is imported nowhere.
FOREIGN = {
    "IPython": {"progress"},
    "arviz_base": {"inference"},
    "arviz_stats": {"inference"},
    "duckdb": {"io", "datasets"},
    "ibis": {"io", "transactions"},
    "jinja2": {"report"},
    "lifetimes": {"rivals"},
    "matplotlib": {"plots", "report"},
    "narwhals": {"transactions"},
    "numba": {"forecast", "models", "prediction", "special"},
    "numpy": {"*"},
    "nutpie": {"inference"},
    "pandas": {"*"},
    "pyarrow": {"datasets", "forecast", "io", "transactions"},
    "psycopg": {"io"},
    "pydantic": {"config"},
    "pymc": {"inference"},
    "pytensor": {"inference"},
    "rich": {"progress"},
    "scipy.optimize": {"inference"},
    "scipy.special": {"criticism", "inference", "metrics", "models", "special"},
    "sklearn": {"rivals"},
    "threadpoolctl": {"rivals"},
    "typer": {"cli"},
    "xarray": {"inference"},
}
ONLY_INSIDE_FUNCTIONS = {
    "IPython", "arviz_base", "arviz_stats", "ibis", "lifetimes", "nutpie", "pandas", "psycopg", "pymc", "pytensor",
    "rich", "sklearn",
    "threadpoolctl", "xarray",
}  # fmt: skip
NOT_AT_IMPORT = (
    "arviz", "arviz_base", "arviz_stats", "duckdb", "jinja2", "lifetimes", "matplotlib", "narwhals", "numba",
    "nutpie", "pandas", "polars", "pyarrow", "pydantic", "pymc", "pytensor", "rich", "scipy.optimize", "sklearn",
    "typer", "xarray",
)  # fmt: skip
PASSED_GENERATORS = {
    "BitGenerator",
    "Generator",
    "PCG64",
    "PCG64DXSM",
    "Philox",
    "SeedSequence",
    "default_rng",
}
PROTOCOLS = {"Forecaster", "PurchaseModel", "SpendModel"}


# --- reading the trees ---------------------------------------------------------------------------------------


def room_of(path: Path) -> str:
    """The floor table's name for a file: its folder or module directly under the package."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def dotted(node: ast.AST) -> str:
    """``a.b.c`` for a chain of attributes, and nothing for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{owner}.{node.attr}" if (owner := dotted(node.value)) else ""
    return ""


def lazy_nodes(tree: ast.Module) -> set[ast.AST]:
    """Nodes that do not run on import: bodies of functions and ``if TYPE_CHECKING:`` blocks."""
    lazy: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            lazy.update(inner for inner in ast.walk(node) if inner is not node)
        elif isinstance(node, ast.If) and dotted(node.test).split(".")[-1] == "TYPE_CHECKING":
            lazy.update(inner for statement in node.body for inner in ast.walk(statement))
    return lazy


def foreign_imports(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Each import that leaves the package and the standard library; SciPy is named by its submodule."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            names = [f"scipy.{alias.name}" for alias in node.names] if module == "scipy" else [module]
        elif isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in {
            "import_module",
            "__import__",
        }:
            names = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)]
        for name in names:
            parts = name.split(".")
            if parts[0] not in {"clvmodels", "", *sys.stdlib_module_names}:
                yield node, ".".join(parts[:2]) if parts[0] == "scipy" else parts[0]


def functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """Each function with whether it is public: no name on the way to it starts with an underscore."""

    def descend(node: ast.AST, public: bool) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = public and (not child.name.startswith("_") or child.name == "__init__")
                yield child, inner
                yield from descend(child, False)
            elif isinstance(child, ast.ClassDef):
                yield from descend(child, public and not child.name.startswith("_"))
            else:
                yield from descend(child, public)

    return descend(tree, True)


def model_classes() -> set[str]:
    """Names on which no behaviour may branch: the model classes and the protocols they meet."""
    trees = [ast.parse(path.read_text()) for path in MODULES if room_of(path) == "models"]
    return PROTOCOLS | {node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


# --- the checkers: (tree, source, room) -> complaints --------------------------------------------------------


def long_file(tree: ast.Module, source: str, room: str) -> Iterator[str]:
    if (lines := len(source.splitlines())) > MAX_FILE:
        yield f"{lines} lines, {MAX_FILE} allowed: make the room a folder"


def long_function(tree: ast.Module, source: str, room: str) -> Iterator[str]:
    for function, _ in functions(tree):
        first = function.body[0]
        described = ast.get_docstring(function, clean=False) is not None
        docstring = (first.end_lineno or 0) - first.lineno + 1 if described else 0
        if (lines := (function.end_lineno or 0) - function.lineno + 1 - docstring) > MAX_FUNCTION:
            yield f"line {function.lineno}: {function.name} has {lines} lines, {MAX_FUNCTION} allowed"


def misplaced_library(tree: ast.Module, source: str, room: str) -> Iterator[str]:
    lazy = lazy_nodes(tree)
    for node, library in foreign_imports(tree):
        if not FOREIGN.get(library, set()) & {"*", room}:
            yield f"line {node.lineno}: {library} may not be imported in {room}"
        elif library in ONLY_INSIDE_FUNCTIONS and node not in lazy:
            yield f"line {node.lineno}: {library} is imported inside functions only"


def hidden_randomness(tree: ast.Module, source: str, room: str) -> Iterator[str]:
    lazy = lazy_nodes(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted(node.value) in {"np.random", "numpy.random"}:
            if node.attr not in PASSED_GENERATORS:
                yield f"line {node.lineno}: np.random.{node.attr} draws from a global stream"
        elif isinstance(node, ast.ImportFrom) and node.module == "numpy.random":
            if strange := {alias.name for alias in node.names} - PASSED_GENERATORS:
                yield f"line {node.lineno}: numpy.random.{'/'.join(sorted(strange))} draws from a global stream"
        elif isinstance(node, ast.Import) and any(alias.name == "random" for alias in node.names):
            yield f"line {node.lineno}: the standard library's random is one global stream"
        elif isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] == "default_rng":
            if not node.args and not node.keywords:
                yield f"line {node.lineno}: default_rng() without a seed cannot be repeated"
            elif node not in lazy:
                yield f"line {node.lineno}: a module-level generator is shared by all callers"


def choice_by_model(tree: ast.Module, source: str, room: str) -> Iterator[str]:
    models = model_classes()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in {"isinstance", "issubclass"} and len(node.args) == 2:
                tested = {dotted(inner).split(".")[-1] for inner in ast.walk(node.args[1])} & models
                if tested:
                    yield f"line {node.lineno}: {name} on {', '.join(sorted(tested))}"
            elif name == "hasattr" or (
                name == "getattr" and len(node.args) == 3 and "model" in dotted(node.args[0])
            ):
                yield f"line {node.lineno}: {name} asks what an object is; say it in the contract"
        elif isinstance(node, ast.MatchClass) and dotted(node.cls).split(".")[-1] in models:
            yield f"line {node.lineno}: match on {dotted(node.cls)}"
        elif isinstance(node, ast.Compare) and any(
            isinstance(side, ast.Attribute) and side.attr in {"__name__", "__class__"}
            for side in [node.left, *node.comparators]
        ):
            yield f"line {node.lineno}: a choice by the name of a class"


def swallowed_arguments(tree: ast.Module, source: str, room: str) -> Iterator[str]:
    for function, public in functions(tree):
        if public and function.args.kwarg is not None:
            name = function.args.kwarg.arg
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
            passed_on = [word for call in calls for word in call.keywords if word.arg is None]
            if not any(dotted(word.value) == name for word in passed_on):
                yield f"line {function.lineno}: {function.name} swallows **{name}"


Checker = Callable[[ast.Module, str, str], Iterable[str]]
CHECKERS: list[Checker] = [
    long_file,
    long_function,
    misplaced_library,
    hidden_randomness,
    choice_by_model,
    swallowed_arguments,
]


def complaints(check: Checker, source: str, room: str) -> list[str]:
    return list(check(ast.parse(source), source, room))


@pytest.mark.parametrize("check", CHECKERS)
def test_package_keeps_rule(check: Checker) -> None:
    assert MODULES
    found = [
        f"{path.relative_to(ROOT)}: {complaint}"
        for path in MODULES
        for complaint in complaints(check, path.read_text(encoding="utf-8"), room_of(path))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("check", "room", "source"),
    [
        (long_file, "rfm", "x = 1\n" * 401),
        (long_function, "rfm", "def f():\n" + "    x = 1\n" * 40),
        (long_function, "rfm", "class A:\n    def _f(self):\n        'doc'\n" + "        x = 1\n" * 41),
        (misplaced_library, "rfm", "import scipy.optimize"),
        (misplaced_library, "rfm", "from scipy import special"),
        (misplaced_library, "models", "def f():\n    from scipy.optimize import minimize"),
        (misplaced_library, "models", "import scipy"),
        (misplaced_library, "inference", "from scipy import stats"),
        (misplaced_library, "plots", "import seaborn"),
        (misplaced_library, "forecast", "def f():\n    import matplotlib.pyplot as plt"),
        (misplaced_library, "datasets", "import importlib\nimportlib.import_module('lifetimes')"),
        (misplaced_library, "rfm", "import pandas as pd"),
        (misplaced_library, "rfm", "class A:\n    import pandas as pd"),
        (hidden_randomness, "models", "import numpy as np\ndef f():\n    return np.random.gamma(1.0)"),
        (hidden_randomness, "models", "import numpy\nnumpy.random.seed(1)"),
        (hidden_randomness, "models", "from numpy.random import gamma"),
        (hidden_randomness, "models", "import random"),
        (hidden_randomness, "models", "import numpy as np\nrng = np.random.default_rng(1)"),
        (hidden_randomness, "models", "import numpy as np\ndef f():\n    return np.random.default_rng()"),
        (choice_by_model, "forecast", "isinstance(model, PurchaseModel)"),
        (choice_by_model, "forecast", "isinstance(model, (str, contracts.SpendModel))"),
        (choice_by_model, "forecast", "hasattr(model, 'simulate')"),
        (choice_by_model, "forecast", "getattr(model, 'simulate', None)"),
        (choice_by_model, "forecast", "match model:\n    case PurchaseModel():\n        pass"),
        (choice_by_model, "forecast", "if type(model).__name__ == 'BGNBD':\n    pass"),
        (swallowed_arguments, "plots", "def plot(x, **kwargs):\n    return x"),
        (swallowed_arguments, "plots", "class A:\n    def plot(self, **kwargs):\n        kwargs.get('a')"),
    ],
)
def test_checker_sees_planted_mistake(check: Checker, room: str, source: str) -> None:
    assert complaints(check, source, room)


@pytest.mark.parametrize(
    ("check", "room", "source"),
    [
        (long_file, "rfm", "x = 1\n" * 400),
        (long_function, "rfm", "def f():\n    '''doc\n" + "\n" * 60 + "    '''\n" + "    x = 1\n" * 39),
        (misplaced_library, "models", "import math\nimport numpy as np\nfrom scipy.special import gammaln"),
        (misplaced_library, "rfm", "if TYPE_CHECKING:\n    import pandas as pd"),
        (misplaced_library, "rfm", "def f():\n    import pandas as pd"),
        (hidden_randomness, "models", "def f(seed):\n    return np.random.default_rng(seed)"),
        (choice_by_model, "forecast", "isinstance(model, str)"),
        (swallowed_arguments, "plots", "def plot(x, **kwargs):\n    return draw(x, **kwargs)"),
    ],
)
def test_checker_leaves_honest_code_alone(check: Checker, room: str, source: str) -> None:
    assert not complaints(check, source, room)


# --- floors --------------------------------------------------------------------------------------------------


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package under `folder` with the project's contracts."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from importlinter.cli import lint_imports; "
        "sys.exit(lint_imports(config_filename=sys.argv[2], no_cache=True, no_logo=True))"
    )
    return subprocess.run(
        [sys.executable, "-c", program, str(folder), str(ROOT / "pyproject.toml")],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


def test_floors_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("room", "source", "broken"),
    [
        ("rfm", "def f():\n    from clvmodels.forecast import x", "Floors"),
        ("units", "from clvmodels.special import x", "Floors"),
        ("metrics", "from clvmodels.transactions import x", "Floors"),
        ("attic", "x = 1", "Floors"),
        ("baselines", "from clvmodels.forecast import x", "Forecast and baselines"),
        ("ensemble", "from clvmodels.rivals import x", "The ensemble knows"),
        ("models/one", "from clvmodels.models import two", "Models are blind"),
        (None, None, None),
    ],
)
def test_import_linter_sees_planted_mistake(
    tmp_path: Path, room: str | None, source: str | None, broken: str | None
) -> None:
    rooms = ["errors", "rfm", "units", "special", "metrics", "transactions", "forecast", "baselines"]
    rooms += ["ensemble", "rivals"]
    sources = dict.fromkeys(["__init__", *rooms, "models/__init__", "models/one", "models/two"], "x = 1\n")
    if room is not None and source is not None:
        sources[room] = source
    for name, text in sources.items():
        file = tmp_path / "clvmodels" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    result = lint_imports(tmp_path)
    lines = [line for line in result.stdout.splitlines() if "BROKEN" in line]
    assert (result.returncode == 0) is (broken is None), result.stdout + result.stderr
    assert broken is None or any(line.startswith(broken) for line in lines), result.stdout


# --- the door: laziness and public names ---------------------------------------------------------------------


def loaded_by(statement: str) -> set[str]:
    """Modules in memory after a fresh interpreter ran `statement`."""
    program = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_import_is_light() -> None:
    loaded = loaded_by("import clvmodels")
    assert "clvmodels" in loaded
    assert not loaded & set(NOT_AT_IMPORT)


def test_ways_of_fitting_are_listed_without_loading_samplers() -> None:
    loaded = loaded_by("from clvmodels.inference import METHODS")
    assert not loaded & {"arviz_base", "arviz_stats", "nutpie", "pandas", "pymc", "pytensor", "xarray"}


def test_light_import_check_sees_a_heavy_one() -> None:
    assert loaded_by("import numba") & set(NOT_AT_IMPORT)


def bad_names(package: types.ModuleType) -> list[str]:
    """What is wrong with the list of public names of a package."""
    names = list(package.__all__)
    wrong = [f"{name} is listed twice" for name in sorted({n for n in names if names.count(n) > 1})]
    wrong += [f"{name} is missing from dir()" for name in names if name not in dir(package)]
    for name in names:
        try:
            thing = getattr(package, name)
        except (AttributeError, ImportError) as problem:
            wrong.append(f"{name} does not resolve: {problem}")
            continue
        text = (getattr(thing, "__doc__", None) or "").strip()
        described = callable(thing) or inspect.ismodule(thing)
        if described and (not text or text.startswith(f"{name}(")):  # a dataclass writes its signature
            wrong.append(f"{name} has no docstring")
    own = {
        name
        for name, thing in vars(package).items()
        if not name.startswith("_")
        and (getattr(thing, "__module__", None) or "").startswith(package.__name__)
    }
    return wrong + [f"{name} is public but not listed" for name in sorted(own - set(names))]


def test_public_names_are_listed_once_and_resolve() -> None:
    package = importlib.import_module("clvmodels")
    assert not bad_names(package)
    with pytest.raises(AttributeError):
        package.no_such_name  # noqa: B018


def test_public_names_are_lazy() -> None:
    loaded = {name for name in loaded_by("import clvmodels") if name.startswith("clvmodels.")}
    assert not loaded & {
        f"clvmodels.{room}" for room in ("inference", "models", "forecast", "backtesting", "plots")
    }


def test_public_name_check_sees_planted_mistakes() -> None:
    package = types.ModuleType("planted")
    package.__all__ = ["bare", "bare", "gone"]
    package.bare = lambda: None

    def stray() -> None:
        """Public, described, and not on the list."""

    stray.__module__ = "planted.room"
    package.stray = stray
    text = " | ".join(bad_names(package))
    for complaint in (
        "bare is listed twice",
        "bare has no docstring",
        "gone does not resolve",
        "stray is public",
    ):
        assert complaint in text


# --- the wheel -----------------------------------------------------------------------------------------------


def strangers_and_losses(shipped: set[str], files: set[str]) -> set[str]:
    """What a wheel holds beyond the package and its metadata, and what of the package it lacks."""
    return {name for name in shipped ^ files if not re.match(r"clvmodels-[^/]+\.dist-info/", name)}


def test_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        shipped = set(wheel.namelist())
    files = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
    assert not strangers_and_losses(shipped, {name for name in files if "__pycache__" not in name})


def test_wheel_check_sees_a_stranger_and_a_loss() -> None:
    shipped = {"clvmodels/rfm.py", "clvmodels-0.1.0.dist-info/METADATA", "tests/test_rfm.py"}
    files = {"clvmodels/rfm.py", "clvmodels/report/page.html.j2"}
    assert strangers_and_losses(shipped, files) == {"tests/test_rfm.py", "clvmodels/report/page.html.j2"}


# --- what the text of the repository may not say -------------------------------------------------------------

MACHINE = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users|opt)/\w")
REGISTRY_HOST = re.compile(r"\b(?:pypi|pythonhosted|conda|anaconda|npmjs)\.(?:org|com)\b", re.IGNORECASE)


def foreign_words(text: str) -> list[str]:
    """Machine paths and package registry hosts in a text."""
    return [match[0] for pattern in (MACHINE, REGISTRY_HOST) for match in pattern.finditer(text)]


def project_texts() -> Iterator[tuple[Path, str]]:
    """Every file of the repository that git does not ignore and that is text."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, output.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes())[:8000]:
            yield path, content.decode("utf-8", errors="replace")


def test_texts_name_no_machine_and_no_registry() -> None:
    texts = dict(project_texts())
    assert ROOT / "pyproject.toml" in texts
    found = {
        str(path.relative_to(ROOT)): words for path, text in texts.items() if (words := foreign_words(text))
    }
    assert not found


@pytest.mark.parametrize("folder", ["work", "root", "home", "Users"])
def test_text_check_sees_a_path(folder: str) -> None:
    assert foreign_words(f"see /{folder}/someone")
    assert not foreign_words(f"see example.com/{folder}/page")


@pytest.mark.parametrize("host", ["pypi", "files.pythonhosted"])
def test_text_check_sees_a_registry(host: str) -> None:
    assert foreign_words(f"from {host}" + ".org/simple")
