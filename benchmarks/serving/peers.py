"""The servers that Ratchet is compared with, each in a virtual environment of its own."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.serving.environments import environment_of
from benchmarks.serving.release import PLACE, ROOT, Release
from benchmarks.serving.servers import Server, free_port

BATCH = 64
_FOLDER = Path(__file__).parent / "peers"


def hello() -> Server:
    """The floor: FastAPI that only greets."""
    python = environment_of("hello")
    arguments = ["-m", "uvicorn", "app:app", "--no-access-log", "--log-level", "warning", "--port"]
    return Server(
        name="hello",
        title="hello-world FastAPI",
        command=lambda port: [str(python), *arguments, str(port)],
        path="/",
        encode=lambda positions: None,
        headers={},
        folder=_FOLDER / "hello",
    )


def mlflow(release: Release) -> Server:
    """`mlflow models serve` on the release's own MLflow folder; it answers probabilities as we do."""
    python = environment_of("mlflow")
    folder = PLACE / "mlflow" / "model"
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(release.bundle, folder)
    card = folder / "MLmodel"
    card.write_text(card.read_text().replace("predict_fn: predict\n", "predict_fn: predict_proba\n"))
    names = list(release.inputs[0])

    def encode(positions: Sequence[int]) -> bytes:
        data = [list(row.values()) for row in _inputs(release, positions)]
        return json.dumps({"dataframe_split": {"columns": names, "data": data}}).encode()

    arguments = ["models", "serve", "--model-uri", str(folder), "--env-manager", "local", "--workers", "1", "--port"]
    return Server(
        name="mlflow",
        title="mlflow models serve",
        command=lambda port: [str(python), "-m", "mlflow", *arguments, str(port)],
        path="/invocations",
        encode=encode,
        read=lambda answer: [one[1] for one in answer["predictions"]],
        environment=_found(python, MLFLOW_DISABLE_TELEMETRY="true"),
    )


def mlserver(release: Release, batched: bool) -> Server:
    """MLServer with a runtime as its documentation has one write it; with its adaptive batching or without."""
    python = environment_of("mlserver")
    name = "mlserver-batching" if batched else "mlserver"
    folder = PLACE / "mlserver" / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_FOLDER / "mlserver" / "runtime.py", folder / "runtime.py")
    model: dict[str, Any] = {"name": "flights", "implementation": "runtime.Flights"}
    model["parameters"] = {"uri": str(release.joblib)}
    if batched:
        model |= {"max_batch_size": BATCH, "max_batch_time": 0.002}
    (folder / "model-settings.json").write_text(json.dumps(model))
    texts = {name for row in release.inputs[:500] for name, value in row.items() if isinstance(value, str)}

    def encode(positions: Sequence[int]) -> bytes:
        rows = _inputs(release, positions)
        inputs = [_tensor(name, [row[name] for row in rows], name not in texts) for name in rows[0]]
        return json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs}).encode()

    def command(port: int) -> list[str]:
        ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
        settings = {"host": "127.0.0.1", "parallel_workers": 0, **ports}
        (folder / "settings.json").write_text(json.dumps(settings))
        return [str(python.with_name("mlserver")), "start", str(folder)]

    return Server(
        name=name,
        title="MLServer, batching" if batched else "MLServer",
        command=command,
        path="/v2/models/flights/infer",
        encode=encode,
        read=lambda answer: list(answer["outputs"][0]["data"]),
        environment=_found(python),
        folder=folder,
    )


def bentoml(release: Release) -> Server:
    """BentoML with adaptive batching."""
    python = environment_of("bentoml")
    arguments = ["-m", "bentoml", "serve", "service:Flights", "--host", "127.0.0.1", "--port"]
    own = {"BENTOML_HOME": str(PLACE / "bentoml" / "home"), "BENTOML_DO_NOT_TRACK": "true"}
    own |= {"BENCH_MODEL": str(release.joblib), "BENCH_BATCH": "1000"}  # it counts rows, and takes no larger request

    def encode(positions: Sequence[int]) -> bytes:
        return json.dumps({"rows": _inputs(release, positions)}).encode()

    return Server(
        name="bentoml",
        title="BentoML, batching",
        command=lambda port: [str(python), *arguments, str(port)],
        path="/predict",
        encode=encode,
        read=lambda answer: list(answer),
        environment=_found(python, **own),
        folder=_FOLDER / "bentoml",
    )


def _inputs(release: Release, positions: Sequence[int]) -> list[dict[str, Any]]:
    return [release.inputs[position % len(release.inputs)] for position in positions]


def _tensor(name: str, values: list[Any], numeric: bool) -> dict[str, Any]:
    """A column as the V2 protocol has it; MLServer reads null as a missing number."""
    if numeric:
        return {"name": name, "shape": [len(values), 1], "datatype": "FP64", "data": values}
    return {"name": name, "shape": [len(values), 1], "datatype": "BYTES", "data": values,
            "parameters": {"content_type": "str"}}  # fmt: skip


def _found(python: Path, **more: str) -> dict[str, str]:
    """An environment in which the pipeline's own classes and the peer's tools are found."""
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    return {"PYTHONPATH": str(ROOT), "PATH": path, "VIRTUAL_ENV": str(python.parents[1]), **more}
