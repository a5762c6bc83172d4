from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from pipelines.core.digest import model_digest
from pipelines.core.evaluation.reproduction import Finding
from pipelines.steps.find_differences import bundle_findings, input_findings, output_findings
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.bundles.model_file import save_model
from pipelines.stores.checkouts import Sources
from pipelines.stores.code_version import code_folder, code_version
from pipelines.stores.data.snapshots import content_digest
from pipelines.stores.data.tables import write_parquet
from pipelines.stores.problems.problem_files import parse_problem
from pipelines.stores.releases.recipes import Recipe
from pipelines.stores.storage.files import digest_file, write_json

TEXT = "name: x\ndata: {source: x.csv, target: y}\n"
FRAME = pd.DataFrame({"a": [1.0, 2.0, 4.0], "y": [1.0, 2.0, 3.0]})
CONTRACT = {"problem": "x", "task": "regression"}
PRESENT = Sources(code_folder(), None, True, "the present code")


def fitted(alpha: float = 1.0) -> Any:
    return make_pipeline(Ridge(alpha=alpha)).fit(FRAME[["a"]], FRAME["y"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a run leaves, and its snapshot."""
    save_model(fitted(), tmp_path / "model.skops")
    trained = {"digest": model_digest(fitted()), "learner": "linear", "params": {"alpha": 1.0}, "cut_short": False}
    write_json(tmp_path / "trained.json", trained)
    write_json(tmp_path / "scorecard.json", {"metrics": {"rmse": {"value": 0.5}, "mae": {"value": 0.25}}})
    for name in ("rows", "prepared", "features"):
        write_parquet(FRAME, tmp_path / f"{name}.parquet")
    return tmp_path


@pytest.fixture
def recipe() -> Recipe:
    """The recipe of that run: nothing differs."""
    text = json.dumps(CONTRACT, sort_keys=True)
    return Recipe(
        problem="x",
        version=1,
        run_key="k",
        snapshot=content_digest(FRAME),
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
        problem_text=TEXT,
        problem_digest=parse_problem(TEXT, Path("x.yaml")).digest,
        contract=CONTRACT,
        contract_digest=hashlib.sha256(text.encode()).hexdigest(),
        code={"libraries": code_version().libraries, "digest": "c", "commit": None},
        learner="linear",
        params={"alpha": 1.0},
        model_digest=model_digest(fitted()),
        metrics={"rmse": {"value": 0.5, "low": 0.1}},
        tables={"prepared": content_digest(FRAME), "features": content_digest(FRAME)},
    )


def parts(found: list[Finding]) -> list[str]:
    return [one.part for one in found]


def test_nothing_differs(recipe: Recipe, folder: Path) -> None:
    assert input_findings(recipe, folder / "rows.parquet", PRESENT) == []
    assert output_findings(recipe, folder, None) == []
    assert bundle_findings(recipe, None) == []


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"snapshot": "f" * 64}, "snapshot"),
        ({"problem_text": TEXT + "owner: b\n"}, "problem"),
        ({"contract": {**CONTRACT, "task": "binary"}}, "contract"),
        ({"code": {"libraries": {"numpy": "0"}}}, "libraries"),
    ],
)
def test_each_input_that_differs_is_named(recipe: Recipe, folder: Path, change: dict[str, Any], part: str) -> None:
    assert parts(input_findings(replace(recipe, **change), folder / "rows.parquet", PRESENT)) == [part]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"tables": {"prepared": "f", "features": content_digest(FRAME)}}, "prepared"),
        ({"tables": {"features": "f"}}, "features"),
        ({"search": {"cut_short": True}}, "search"),
        ({"learner": "forest"}, "parameters"),
        ({"params": {"alpha": 2.0}}, "parameters"),
        ({"model_digest": "f" * 64}, "model"),
        ({"metrics": {"rmse": {"value": 0.6}}}, "metrics"),
    ],
)
def test_each_output_that_differs_is_named(recipe: Recipe, folder: Path, change: dict[str, Any], part: str) -> None:
    assert parts(output_findings(replace(recipe, **change), folder, None)) == [part]


def test_a_sum_in_another_order_is_no_other_metric(recipe: Recipe, folder: Path) -> None:
    near = replace(recipe, metrics={"rmse": {"value": 0.5000000000000001}, "mae": {"value": 0.25}})
    assert output_findings(near, folder, None) == []


def test_what_is_not_stated_does_not_differ(recipe: Recipe, folder: Path) -> None:
    bare = replace(recipe, problem_digest="", contract_digest="", code={}, learner="", metrics={}, tables={})
    assert input_findings(bare, folder / "rows.parquet", PRESENT) == []
    assert output_findings(bare, folder, None) == []


def test_other_code_is_told_and_its_reading_of_the_problem_is_not_judged(recipe: Recipe, folder: Path) -> None:
    elsewhere = Sources(code_folder(), None, False, "no git here: the present code ran")
    found = input_findings(replace(recipe, problem_digest="f"), folder / "rows.parquet", elsewhere)
    assert [(one.part, one.told) for one in found] == [("code", elsewhere.told)]


def test_a_model_is_laid_beside_the_release_s(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "bundle"
    save_model(fitted(3.0), theirs / "model.skops")
    digest = model_digest(fitted(3.0))
    write_json(theirs / "ratchet" / "release.json", {"model_digest": digest})
    write_json(theirs / "manifest.json", {})
    bundle = Bundle(theirs)
    other = replace(recipe, model_digest=digest, manifest=digest_file(theirs / "manifest.json"))
    (found,) = output_findings(other, folder, bundle)
    assert found.part == "model"
    assert any("alpha: 3.0 -> 1.0" in line for line in found.details)
    assert bundle_findings(other, bundle) == []
    (wrong,) = bundle_findings(replace(recipe, manifest="f"), bundle)
    assert (wrong.part, len(wrong.details)) == ("bundle", 2)
    (theirs / "model.skops").write_bytes(np.zeros(9).tobytes())
    (damaged,) = output_findings(other, folder, Bundle(theirs))
    assert "could not be laid side by side" in damaged.details[0]
