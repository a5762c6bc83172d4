"""The service as a process: how it starts, where it listens, what it holds (load: journeys/test_under_load.py)."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.core.settings import Settings
from pipelines.stores.registry.registry_reader import LocalReader
from services.prediction.champions import Champions
from services.prediction.metrics import Metrics


@pytest.fixture
def filled(shop: Any) -> Settings:
    """A home whose service has been up once: it has its last good copies, and MLflow is not needed."""
    settings: Settings = shop.settings.model_copy(update={"mlflow_url": "http://127.0.0.1:9"})
    champions = Champions(shop.settings, LocalReader(shop.settings), Metrics())
    champions.refresh()
    champions.close()
    return settings


def test_it_starts_without_mlflow_tells_where_and_stays_lean(filled: Settings, loans: Any) -> None:
    command = [sys.executable, "-m", "services.prediction", "--port", "0"]
    environment = {"RATCHET_HOME": str(filled.home), "RATCHET_MLFLOW_URL": str(filled.mlflow_url), "PATH": ""}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        note = filled.home / "run" / "prediction.json"
        told = json.loads(note.read_text())
        assert told["url"] in line
        assert (told["pid"], told["port"] > 0) == (process.pid, True)
        with httpx.Client(base_url=told["url"], timeout=30, trust_env=False) as client:
            content = client.post("/v1/models/loans/predict", json={"instances": loans.rows(1)}).json()
            assert content["model"]["version"] == 1
            assert "does not answer" in client.get("/readyz").json()["registry"]
        maps = Path(f"/proc/{process.pid}/maps")
        mapped = maps.read_text() if maps.exists() else ""
        assert [name for name in ("/mlflow/", "/evidently/", "/prefect/", "/dvc/") if name in mapped] == []
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stdout.close()
    assert not note.exists()


def test_the_app_imports_nothing_heavy() -> None:
    program = "import sys, services.prediction.app; print(*{name.split('.')[0] for name in sys.modules})"
    known = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"mlflow", "evidently", "prefect", "dvc", "optuna", "lightgbm", "duckdb"} & set(known) == set()


def test_a_port_that_is_taken_is_named(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "services.prediction", "--port", str(port)]
        environment = {"RATCHET_HOME": str(settings.home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


def test_where_it_really_binds_decides_whether_keys_are_needed(settings: Settings) -> None:
    """`--host` counts, not the setting; a name that merely turns out to be loopback is none: in doubt, keys."""
    host = "127.1"
    command = [sys.executable, "-m", "services.prediction", "--host", host, "--port", "0"]
    environment = {"RATCHET_HOME": str(settings.home), "RATCHET_HOST": "127.0.0.1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert process.stdout.readline()
        port = json.loads((settings.home / "run" / "prediction.json").read_text())["port"]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            assert [client.get(path).status_code for path in ("/healthz", "/v1/models")] == [200, 401]
    finally:
        process.terminate()
        assert process.wait(30) == 0
        told = process.stderr.read()
        process.stdout.close()
        process.stderr.close()
    assert "ratchet keys create" in told
    assert [json.loads(line)["level"] for line in told.splitlines()], "its log is JSON, line by line"
