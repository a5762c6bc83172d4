"""The history store: replaced as a whole, read by others meanwhile, never half."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import ModelFileError
from pipelines.core.history import HistoryIndex
from pipelines.core.problem import HistoryFeature, Problem
from pipelines.stores.data.history_store import POINTER, known_until, load_current, save

AS_OF = datetime(2024, 3, 1, tzinfo=UTC)


def _index(rows: int) -> HistoryIndex:
    problem = Problem.model_validate({"name": "p", "data": {"source": "t.csv", "target": "y", "time": "at"}})
    feature = HistoryFeature(name="rate", by=["who"], of="y", window=timedelta(days=7))
    frame = pd.DataFrame({"who": [f"Ünï {n % 3}" for n in range(rows)], "__y": np.arange(rows) * 1.0})
    frame["__time"] = frame["__known_at"] = np.datetime64("2024-01-01", "us") + np.arange(rows) * np.timedelta64(1, "h")
    return HistoryIndex.build(frame, [feature], problem, "regression")


def test_up_to_when_it_knows_is_read_without_opening_it(tmp_path: Path) -> None:
    assert known_until(tmp_path) is None
    save(_index(3), tmp_path, AS_OF).unlink()
    assert known_until(tmp_path) == AS_OF
    (tmp_path / POINTER).write_text('{"file": "x"}')
    assert known_until(tmp_path) is None


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    assert load_current(tmp_path) is None
    index = _index(40)
    save(index, tmp_path, AS_OF)
    found = load_current(tmp_path)
    assert found is not None
    again, as_of = found
    assert as_of == AS_OF
    assert again.names == ["rate"]
    times = np.array(["2024-01-02", "2024-01-03"], "M8[us]")
    for who in (["Ünï 1", "Ünï 2"], [None, "never"]):
        expected = index.lookup({"who": who}, times)["rate"]
        np.testing.assert_array_equal(again.lookup({"who": who}, times)["rate"], expected)


def test_the_same_history_is_the_same_file_and_only_the_one_before_is_kept(tmp_path: Path) -> None:
    paths = [save(_index(rows), tmp_path, AS_OF) for rows in (10, 20, 30, 30)]
    assert paths[2] == paths[3]
    assert sorted(tmp_path.glob("*.npz")) == [paths[3]]
    save(_index(40), tmp_path, AS_OF)
    assert len(sorted(tmp_path.glob("*.npz"))) == 2


def test_damage_is_found_before_anything_is_used(tmp_path: Path) -> None:
    path = save(_index(10), tmp_path, AS_OF)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged"):
        load_current(tmp_path)
    path.unlink()
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_current(tmp_path)
    for pointer in ("{}", "[]", "no JSON", json.dumps({"file": path.name, "sha256": "0", "as_of": "yesterday"})):
        (tmp_path / "current.json").write_text(pointer)
        with pytest.raises(ModelFileError, match="materialise"):
            load_current(tmp_path)
    save(_index(10), tmp_path, AS_OF)
    assert load_current(tmp_path) is not None


def test_no_array_of_objects_is_ever_unpickled(tmp_path: Path) -> None:
    save(_index(10), tmp_path, AS_OF)
    import hashlib
    import io

    buffer = io.BytesIO()
    np.savez(buffer, **{"wanted.0.text": np.array([object()], dtype=object)})
    (tmp_path / "bad.npz").write_bytes(buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    pointer = {"file": "bad.npz", "sha256": digest, "as_of": AS_OF.isoformat()}
    (tmp_path / "current.json").write_text(json.dumps(pointer))
    with pytest.raises(ModelFileError, match="allow_pickle"):
        load_current(tmp_path)
