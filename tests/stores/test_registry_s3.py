"""MLflow with its artifacts on S3: clients go through the server, and need neither the S3 server nor its keys."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.core.errors import ModelFileError
from pipelines.core.settings import Settings
from pipelines.stack.far_services import far_services
from pipelines.stores.bundles.bundle import write_bundle
from pipelines.stores.registry.lean_registry import LeanRegistry
from pipelines.stores.registry.mlflow_database import create_database
from pipelines.stores.registry.registry import Registry
from pipelines.stores.registry.registry_reader import open_reader
from pipelines.stores.storage.objects import make_bucket, open_objects

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # MLflow keeps connections to its server in a cache; they go when the garbage collector comes.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LARGE = 20_000_000  # bytes: beyond what MLflow moves in one part, as it is set here


@pytest.fixture
def outside(settings: Settings, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of a client that sees MLflow and nothing behind it; the server alone has S3's address and keys."""
    bucket = f"s3://{s3.new_bucket()}"
    inside = settings.model_copy(update={"s3_endpoint": s3.endpoint})
    make_bucket(inside, bucket)
    port = _free_port()
    create_database(tmp_path / "mlflow.db", tmp_path / "unused")  # quicker than MLflow's migrations
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{tmp_path / 'mlflow.db'}", "--serve-artifacts"),
        *("--artifacts-destination", f"{bucket}/mlflow"),
    ]
    given = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_S3_ENDPOINT_URL": s3.endpoint}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=given, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, tmp_path / "log")
        _cut_off(monkeypatch, s3.endpoint)
        yield inside.model_copy(update={"mlflow_uri": url, "archive": bucket})
    finally:
        process.terminate()
        process.wait(30)


def _cut_off(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """From here on this process has no keys, and no way to the S3 server, as a client outside its network."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "MLFLOW_ENABLE_PROXY_MULTIPART_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(LARGE // 4))
    closed, connect = int(endpoint.rsplit(":", 1)[1]), socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[1] == closed:
            raise OSError(f"no route to {address}: S3 is in another network")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + 240
    while True:
        try:
            if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert process.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < limit, log.read_text()[-2000:]
        time.sleep(0.1)


def _release(settings: Settings, folder: Path) -> int:
    folder.mkdir(parents=True)
    (folder / "model.skops").write_bytes(os.urandom(1000) * (LARGE // 1000))
    write_bundle(folder, {"release.json": {"problem": "x"}, "sub/ä b.txt": "text"}, {})
    registry = Registry(settings)
    run = registry.start_run("flights", "key")
    registry.log(run, {"a": 1}, {"m": 0.5}, {"t": "x"}, folder)
    version = registry.register("flights", run, folder, "digest", "key")
    registry.set_alias("flights", "champion", version)
    return version


def test_a_release_goes_in_and_comes_out_through_the_server(
    outside: Settings, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _release(outside, tmp_path / "made") == 1
    told = {finding.check: finding for finding in far_services(outside)}
    assert {finding.level for finding in told.values()} == {"ok"}, told
    assert {"mlflow", "mlflow artifacts", "clock of mlflow"} <= set(told)
    ways: dict[str, Callable[[], Any]] = {
        "rest": lambda: open_reader(outside),
        "mlflow": lambda: Registry(outside),
        "lean": lambda: LeanRegistry(outside),
    }
    for name, make in ways.items():
        opened = make()
        release = opened.champion("flights")
        assert release.source.startswith("mlflow-artifacts:/")
        fetched = opened.fetch(release, tmp_path / name)
        assert (fetched / "model.skops").read_bytes() == (tmp_path / "made" / "model.skops").read_bytes()
        assert (fetched / "ratchet" / "sub" / "ä b.txt").read_text() == "text"
        if name == "rest":
            opened.close()
    _spoil(outside, s3, monkeypatch)
    with closing(open_reader(outside)) as reader, pytest.raises(ModelFileError):
        reader.fetch(reader.release("flights", 1), tmp_path / "into")


def _spoil(settings: Settings, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone with the keys puts other models in the bucket."""
    monkeypatch.undo()
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    place = open_objects(settings, str(settings.archive))
    models = [one for one in place.filesystem.find(place.root) if one.endswith("/model.skops")]
    assert len(models) == 2  # the run's own, and the release's
    for one in models:
        place.filesystem.pipe_file(one, b"someone else's")
