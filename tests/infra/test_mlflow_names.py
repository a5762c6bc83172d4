"""MLflow as the chart starts it: it answers to the names that our pods and Kubernetes' probes use, and to no other."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def container(charts: ModuleType) -> dict[str, Any]:
    """MLflow's container as the chart has it."""
    found: dict[str, Any] = dict(charts.pods(charts.rendered("")))["ratchet-mlflow"]["containers"][0]
    return found


@pytest.fixture(scope="module")
def address(container: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the variables of that container that say whom it answers."""
    room = tmp_path_factory.mktemp("named")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {one["name"]: one["value"] for one in container["env"] if one["name"].startswith("MLFLOW_SERVER_")}
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{room / 'mlflow.db'}", "--serve-artifacts"),
        *("--artifacts-destination", (room / "artifacts").as_uri()),
    ]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **told}
    with (room / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=room, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        limit = time.monotonic() + 120
        while status(f"http://127.0.0.1:{port}", "/health", f"localhost:{port}") != 200:
            assert process.poll() is None, (room / "log").read_text()[-2000:]
            assert time.monotonic() < limit
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait(5)


def status(address: str, path: str, host: str) -> int | None:
    try:
        return httpx.get(f"{address}{path}", headers={"Host": host}, timeout=10, trust_env=False).status_code
    except httpx.HTTPError:
        return None


def test_it_answers_to_its_own_names_alone(address: str, container: dict[str, Any]) -> None:
    path = "/api/2.0/mlflow/registered-models/search"
    for host in ("ratchet-mlflow:5000", "ratchet-mlflow.ml:5000", "ratchet-mlflow.ml.svc:5000", "localhost:15000"):
        assert status(address, path, host) == 200, host
    assert status(address, path, "evil.example") == 403
    probe = container["readinessProbe"]["httpGet"]
    (header,) = probe["httpHeaders"]
    assert status(address, probe["path"], header["value"]) == 200
