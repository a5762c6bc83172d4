"""The images: each installs exactly what its roots need, out of the lock, and serving needs nothing beyond its own."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "infra" / "images"


def load(name: str) -> Any:
    """A program of infra/images, which is no package."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, IMAGES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def closure() -> Any:
    load("subset")  # which it imports by its plain name
    return load("closure")


def test_the_lists_are_what_the_roots_need(closure: Any) -> None:
    wanted = closure.lists()
    there = {path.stem: path.read_text() for path in IMAGES.glob("*.names")}
    assert there == wanted, "run `python infra/images/closure.py`"


def test_every_package_of_an_image_is_pinned_with_hashes() -> None:
    subset, lock = load("subset"), (ROOT / "requirements.lock").read_text()
    for path in IMAGES.glob("*.names"):
        wanted = set(path.read_text().split())
        part = subset.subset(lock, wanted)
        assert len(re.findall(r"^[\w.-]+==", part, re.MULTILINE)) == len(wanted)
        assert part.count("--hash=sha256:") >= len(wanted)


def test_a_package_that_is_not_in_the_lock_is_named() -> None:
    with pytest.raises(ValueError, match="does not pin nosuch"):
        load("subset").subset("a==1 \\\n    --hash=sha256:0\n", {"a", "nosuch"})


def test_serving_leaves_the_platform_out() -> None:
    names = set((IMAGES / "prediction.names").read_text().split())
    lean = set((IMAGES / "lean.names").read_text().split())
    assert lean < names
    assert not names & {
        "mlflow",
        "prefect",
        "dvc",
        "evidently",
        "duckdb",
        "dask",
        "distributed",
        "optuna",
        "matplotlib",
    }
    assert not lean & {"pandas", "scikit-learn", "scipy", "pyarrow", "lightgbm", "botocore"}
    assert len(lean) < 40


def test_what_the_service_imports_at_its_start_is_in_the_lean_image() -> None:
    found = third_parties(ROOT / "services" / "prediction" / "app.py")
    assert installed(found) <= set((IMAGES / "lean.names").read_text().split())


def third_parties(start: Path) -> set[str]:
    """Top-level modules of others that come with a file, and with all of ours that it brings, when it is imported."""
    todo, seen, found = [start], set(), set[str]()
    while todo:
        path = todo.pop()
        if path in seen or not path.exists():
            continue
        seen.add(path)
        for name in imported(ast.parse(path.read_text())):
            if name.split(".")[0] in ("pipelines", "services"):
                base = ROOT / name.replace(".", "/")
                todo += [base.with_suffix(".py"), base / "__init__.py", base.parent.with_suffix(".py")]
            else:
                found.add(name.split(".")[0])
    assert len(seen) > 50
    return found - set(sys.stdlib_module_names)


def imported(tree: ast.Module) -> set[str]:
    """Modules that a file imports as soon as it is imported itself."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def installed(modules: set[str]) -> set[str]:
    """The distributions that give these modules, as the index writes their names."""
    given = metadata.packages_distributions()
    plain = load("subset").plain
    return {plain(given[module][0]) for module in modules if module in given}
