"""The model file: what was saved comes back bit for bit, and nothing that is not trusted is ever built."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from pipelines.core.digest import model_digest
from pipelines.core.errors import ModelFileError
from pipelines.core.learners import CATALOGUE, make_pipeline, single_threaded
from pipelines.core.schema import Column, Contract
from pipelines.core.scoring import score
from pipelines.stores.bundles.model_file import TRUSTED, load_model, save_model

COLUMNS = (
    Column(name="size", kind="numeric"),
    Column(name="a, b {}[]", kind="numeric"),
    Column(name="colour", kind="categorical", seen=["blue", "red"]),
    Column(name="town", kind="categorical"),
    Column(name="at", kind="datetime"),
    Column(name="note", kind="text"),
)
SMALL = {"lightgbm": "n_estimators", "random_forest": "n_estimators", "histogram_gradient_boosting": "max_iter"}


def _fitted(name: str, task: Any, rows: int = 90) -> tuple[Pipeline, pd.DataFrame]:
    rng = np.random.default_rng(0)
    size = rng.normal(size=rows)
    frame = pd.DataFrame({"size": size, "a, b {}[]": np.where(size > 1, np.nan, rng.random(rows))})
    frame["colour"] = pd.Series(rng.choice(np.array(["red", "blue", None], dtype=object), rows), dtype=object)
    frame["town"] = pd.Series([f"Zürich {n % 40}" for n in range(rows)], dtype=object)
    frame["at"] = np.datetime64("2024-01-01", "us") + np.arange(rows) * np.timedelta64(7, "h")
    frame["note"] = pd.Series(["late fog" if value > 0 else "calm" for value in size], dtype=object)
    classes = {"binary": 2, "multiclass": 4}.get(task)
    names = None if classes is None else [str(code) for code in range(classes)]
    contract = Contract(problem="p", task=task, target="y", classes=names, columns=COLUMNS)
    y = size if task == "regression" else (size > 0).astype(int) + (task == "multiclass") * (size > 1)
    params = {SMALL[name]: 6} if name in SMALL else {}
    return single_threaded(make_pipeline(name, contract, [], task, params, 0, 2).fit(frame, y)), frame


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", CATALOGUE)
def test_a_round_trip_keeps_digest_and_scores(name: str, task: Any, tmp_path: Path) -> None:
    pipeline, frame = _fitted(name, task)
    save_model(pipeline, tmp_path / "model.skops")
    loaded = load_model(tmp_path / "model.skops", model_digest(pipeline))
    np.testing.assert_array_equal(score(loaded, task, frame), score(pipeline, task, frame))
    save_model(loaded, tmp_path / "again.skops")
    assert model_digest(load_model(tmp_path / "again.skops")) == model_digest(pipeline)
    assert os.listdir(tmp_path) != []


def test_every_type_on_the_list_is_needed() -> None:
    needed: set[str] = set()
    for task in ("multiclass", "regression"):
        for name in CATALOGUE:
            needed |= set(skops.io.get_untrusted_types(data=skops.io.dumps(_fitted(name, task)[0])))
    assert needed == TRUSTED


def test_another_model_is_refused(tmp_path: Path) -> None:
    pipeline, _ = _fitted("linear", "regression")
    save_model(pipeline, tmp_path / "model.skops")
    with pytest.raises(ModelFileError, match="is expected"):
        load_model(tmp_path / "model.skops", "0" * 64)


def test_types_that_no_one_vouches_for_are_neither_saved_nor_loaded(tmp_path: Path) -> None:
    pipeline = Pipeline([("call", FunctionTransformer(os.system))])
    with pytest.raises(ModelFileError, match="system"):
        save_model(pipeline, tmp_path / "model.skops")
    assert not (tmp_path / "model.skops").exists()
    (tmp_path / "model.skops").write_bytes(skops.io.dumps(pipeline))
    with pytest.raises(ModelFileError, match=r"not trusted.*system"):
        load_model(tmp_path / "model.skops")


def test_a_pickle_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ModelFileError, match="damaged"):
        load_model(path)
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_model(tmp_path / "gone.skops")


@pytest.mark.parametrize("cut", [0, 10, 0.5, 0.99])
def test_a_file_cut_short_is_damaged(cut: float, tmp_path: Path) -> None:
    pipeline, _ = _fitted("lightgbm", "binary")
    path = tmp_path / "model.skops"
    save_model(pipeline, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(cut if cut > 1 else cut * len(content))])
    with pytest.raises(ModelFileError, match="damaged"):
        load_model(path)


def test_flipped_bytes_are_found(tmp_path: Path) -> None:
    pipeline, _ = _fitted("histogram_gradient_boosting", "binary")
    path = tmp_path / "model.skops"
    save_model(pipeline, path)
    content, digest, found = bytearray(path.read_bytes()), model_digest(pipeline), 0
    for position in range(50, len(content), len(content) // 40):
        changed = content.copy()
        changed[position] ^= 0xFF
        path.write_bytes(changed)
        try:
            load_model(path, digest)  # a byte that means nothing, such as a timestamp, does no harm
        except ModelFileError:
            found += 1
    assert found > 20


def test_a_schema_that_lies_is_damaged(tmp_path: Path) -> None:
    pipeline, _ = _fitted("linear", "regression")
    save_model(pipeline, tmp_path / "model.skops")
    with zipfile.ZipFile(tmp_path / "model.skops") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts["schema.json"])
    schema["__loader__"] = "NoSuchNode"
    parts["schema.json"] = json.dumps(schema).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    (tmp_path / "model.skops").write_bytes(buffer.getvalue())
    with pytest.raises(ModelFileError):
        load_model(tmp_path / "model.skops")
