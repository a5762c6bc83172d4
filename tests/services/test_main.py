"""The service as a process: what it acknowledged survives, swaps are seamless, and it stops politely."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.core.settings import Settings
from pipelines.stores.registry_reader import LocalReader
from services.prediction.champions import Champions
from services.prediction.metrics import Metrics


@dataclass
class Load:
    """Clients that send single rows as fast as they are answered, until told to stop."""

    url: str
    rows: list[dict[str, Any]]
    clients: int = 4
    acknowledged: list[str] = field(default_factory=list)
    versions: list[tuple[float, int]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        for number in range(self.clients):
            self._threads.append(threading.Thread(target=self._run, args=(number,)))
            self._threads[-1].start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 30
        while len(self.acknowledged) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.acknowledged) >= count, self.failures[:3]

    def _run(self, number: int) -> None:
        with httpx.Client(timeout=30, trust_env=False) as client:
            while not self._stop.is_set():
                row = self.rows[number % len(self.rows)]
                try:
                    answer = client.post(f"{self.url}/v1/models/loans/predict", json={"instances": [row]})
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    if isinstance(error, httpx.ConnectError):
                        return
                    continue
                if answer.status_code == 200:
                    content = answer.json()
                    self.versions.append((time.monotonic(), content["model"]["version"]))
                    self.acknowledged += [one["id"] for one in content["predictions"]]
                else:
                    self.failures.append(f"{answer.status_code} {answer.text}")


def logged(settings: Settings) -> set[str]:
    with sqlite3.connect(settings.home / "ratchet.db") as connection:
        found = {row[0] for row in connection.execute("SELECT id FROM predictions")}
    connection.close()
    return found


@pytest.fixture
def filled(shop: Any) -> Settings:
    """A home whose service has been up once: it has its last good copies, and MLflow is not needed."""
    settings: Settings = shop.settings.model_copy(update={"mlflow_url": "http://127.0.0.1:9"})
    champions = Champions(shop.settings, LocalReader(shop.settings), Metrics())
    champions.refresh()
    champions.close()
    return settings


@pytest.mark.faults
def test_a_kill_under_load_loses_nothing_acknowledged(filled: Settings, serve: Any, loans: Any) -> None:
    with serve(filled) as service, Load(service.url, loans.rows(4)) as load:
        load.wait_for(200)
        service.stop(signal.SIGKILL)
    assert len(load.acknowledged) >= 200
    assert set(load.acknowledged) <= logged(filled)


def test_it_stops_politely(filled: Settings, serve: Any, loans: Any) -> None:
    with serve(filled) as service, Load(service.url, loans.rows(4)) as load:
        load.wait_for(100)
        assert service.stop() == 0
    assert set(load.acknowledged) == logged(filled), "what was begun was answered, what was logged was answered"
    refused = [one for one in load.failures if not one.startswith(("ConnectError", "RemoteProtocol", "ReadError"))]
    assert refused == []
    assert "Traceback" not in service.log.read_text()


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


@pytest.mark.slow
def test_a_champion_is_swapped_under_load_and_mlflow_may_die(
    shop: Any, loans: Any, serve: Any, spoiled: Any, mlflow_server: Any
) -> None:
    better = shop.release(loans, 0.01)
    broken = shop.release(loans, 0.001, spoiled)
    with mlflow_server(shop.settings.home) as mlflow:
        settings = shop.settings.model_copy(update={"mlflow_url": mlflow.url})
        with serve(settings) as service, Load(service.url, loans.rows(4)) as load:
            load.wait_for(50)
            shop.promote(loans, better)
            moved = time.monotonic()
            time.sleep(3)
            swapped = min(at for at, version in load.versions if version == better)
            assert swapped - moved <= 2
            shop.promote(loans, broken)
            time.sleep(1.5)
            about = httpx.get(f"{service.url}/v1/models/loans").json()
            assert (about["version"], about["champion"], about["refused"]["version"]) == (
                better,
                broken,
                broken,
            )
            mlflow.stop()
            before = len(load.acknowledged)
            load.wait_for(before + 100)
    assert load.failures == []
    versions = [version for _, version in sorted(load.versions)]
    assert set(Counter(versions)) == {1, better}
    assert set(load.acknowledged) == logged(settings)
    print(f"swapped {swapped - moved:.2f} s after the alias moved, {len(load.acknowledged)} answers")  # noqa: T201
