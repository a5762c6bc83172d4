from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import ModelFileError
from pipelines.core.learners import make_pipeline
from pipelines.core.schema import Column, Contract
from pipelines.core.scoring import score
from pipelines.stores.bundles.compiled_file import PLAN, TREES, Proven, compile_release, read_compiled

CONTRACT = Contract(
    problem="toy",
    task="binary",
    target="y",
    classes=["no", "yes"],
    class_type="text",
    columns=(
        Column(name="a", kind="numeric"),
        Column(name="b", kind="categorical", seen=["x", "ü", "\ud800"]),
    ),
)


@pytest.fixture(scope="module")
def trained() -> tuple[Any, pd.DataFrame]:
    source = np.random.default_rng(0)
    frame = pd.DataFrame({"a": source.normal(size=200)})
    frame["b"] = pd.Series(source.choice(np.array(["x", "ü", "\ud800", None], dtype=object), 200), dtype=object)
    y = ((frame["a"] > 0) ^ (frame["b"] == "x")).astype(float)
    pipeline = make_pipeline("histogram_gradient_boosting", CONTRACT, [], "binary", {"max_iter": 10}, 0)
    return pipeline.fit(frame, y), frame


@pytest.fixture
def folder(trained: tuple[Any, pd.DataFrame], tmp_path: Path) -> Path:
    pipeline, frame = trained
    for name, text in compile_release(pipeline, CONTRACT, [], frame).documents.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_what_is_read_back_answers_the_same(trained: tuple[Any, pd.DataFrame], folder: Path) -> None:
    pipeline, frame = trained
    proven = compile_release(pipeline, CONTRACT, [], frame)
    assert proven.serving["compiled"] is True
    assert proven.serving["kernel"] == "trees"
    assert proven.serving["rows"] > 250
    assert proven.serving["largest_difference"] <= proven.serving["tolerance"] == 1e-9
    compiled = read_compiled(folder)
    columns = {name: frame[name].tolist() for name in compiled.reads}
    np.testing.assert_allclose(compiled.score(columns, 200), score(pipeline, "binary", frame), atol=1e-12)


def test_what_has_no_compiled_form_says_why(trained: tuple[Any, pd.DataFrame]) -> None:
    pipeline, frame = trained
    learner = pipeline.steps[1][1]
    kept, learner.estimator_ = learner.estimator_, type("Oracle", (), {"classes_": np.array([0, 1])})()
    try:
        found = compile_release(pipeline, CONTRACT, [], frame)
    finally:
        learner.estimator_ = kept
    assert found == Proven({"compiled": False, "reason": found.serving["reason"]}, {})
    assert "Oracle" in found.serving["reason"]


def test_one_that_differs_is_not_kept(trained: tuple[Any, pd.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, frame = trained
    monkeypatch.setattr(
        "pipelines.core.compilation.compiled.Compiled.score", lambda self, columns, rows: np.full((rows, 2), 0.5)
    )
    found = compile_release(pipeline, CONTRACT, [], frame)
    assert found.documents == {}
    assert "is off by" in found.serving["reason"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (PLAN, None),
        (PLAN, b""),
        (PLAN, b"[]"),
        (PLAN, b"{}"),
        (PLAN, b'{"format": 1}'),
        (PLAN, b"[" * 100_000),
        (PLAN, b"\xff\xfe"),
        (TREES, None),
        (TREES, b""),
        (TREES, b"\xff\xfe"),
        (TREES, b"tree\nversion=v4\n"),
    ],
)
def test_damaged_files_are_refused(folder: Path, name: str, content: bytes | None) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ModelFileError):
        read_compiled(folder)


@pytest.mark.parametrize("part", ["blocks", "model", "classes"])
def test_any_value_of_the_plan_exchanged_is_refused_or_answers(folder: Path, part: str) -> None:
    """Whatever a damaged plan says: it is refused by name, or it is a model; never another error."""
    plan = json.loads((folder / PLAN).read_bytes())

    def places(value: Any, path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [path, *(found for key, one in inner for found in places(one, (*path, key)))]

    for path in places(plan[part], (part,)):
        for other in (None, -1, "x", [[1.0]]):
            changed = json.loads(json.dumps(plan))
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = other
            (folder / PLAN).write_text(json.dumps(changed))
            try:
                read_compiled(folder)
            except ModelFileError:
                continue


def test_serving_it_needs_no_heavy_import(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipelines.stores.bundles.compiled_file import read_compiled; "
        f"read_compiled(Path({str(folder)!r})).score({{'a': [1.0], 'b': [None]}}, 1); "
        "print([m for m in ('pandas', 'sklearn', 'scipy', 'lightgbm', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True
    )
    assert done.stdout == "[]\n"
