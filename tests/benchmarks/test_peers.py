from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.serving import peers
from benchmarks.serving.release import Release


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No peer is installed for a test of what it is asked."""
    monkeypatch.setattr(peers, "environment_of", lambda peer: tmp_path / peer / "venv" / "bin" / "python")
    monkeypatch.setattr(peers, "PLACE", tmp_path)
    return tmp_path


def test_mlflow_serves_probabilities_from_the_release_s_own_folder(release: Release, installed: Path) -> None:
    server = peers.mlflow(release)
    assert "predict_fn: predict_proba\n" in (installed / "mlflow" / "model" / "MLmodel").read_text()
    body = json.loads(server.encode([0, 1]) or b"")
    assert body == {
        "dataframe_split": {"columns": ["a", "b", "late_7d"], "data": [[1.5, "x", None], [None, None, None]]}
    }
    assert server.read is not None
    assert server.read({"predictions": [[0.4, 0.6]]}) == [0.6]


@pytest.mark.parametrize("batched", [False, True])
def test_mlserver_is_asked_by_column(release: Release, installed: Path, batched: bool) -> None:
    server = peers.mlserver(release, batched)
    settings = json.loads((server.folder / "model-settings.json").read_text())
    assert ("max_batch_size" in settings) is batched
    assert settings["parameters"]["uri"] == str(release.joblib)
    inputs = {one["name"]: one for one in json.loads(server.encode(range(3)) or b"")["inputs"]}
    assert (inputs["a"]["datatype"], inputs["a"]["data"], inputs["a"]["shape"]) == ("FP64", [1.5, None, 3.0], [3, 1])
    assert (inputs["b"]["datatype"], inputs["b"]["data"]) == ("BYTES", ["x", None, "z"])
    server.command(1234)
    assert json.loads((server.folder / "settings.json").read_text())["http_port"] == 1234


def test_bentoml_is_asked_by_row(release: Release) -> None:
    server = peers.bentoml(release)
    assert json.loads(server.encode([2]) or b"") == {"rows": [release.inputs[2]]}


def test_hello_is_only_greeted() -> None:
    assert peers.hello().encode([0]) is None
    assert peers.hello().read is None
