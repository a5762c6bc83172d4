"""The whole stack, started and ended by the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from pipelines.core.settings import Settings
from pipelines.stack.addresses import all_records, is_free
from pipelines.stack.lineup import lineup
from pipelines.stack.processes import TOKEN, family

SMALL = "\n".join(
    ["a,b,y", *(f"{row % 17},{row % 5},{str(row % 17 + 3 * (row % 5) > 14).lower()}" for row in range(300))]
)


def test_every_member_has_a_command_and_a_check(settings: Settings) -> None:
    members = lineup(settings)
    ports = {"mlflow": 1, "prefect": 2, "prediction": 3, "evidently": 4, "console": 5}
    assert [member.name for member in members] == ["mlflow", "prefect", "prediction", "evidently", "console", "worker"]
    for member in members:
        assert member.command(ports)[0] == sys.executable
        assert not member.works(ports, "0" * 32)
        assert all(isinstance(value, str) for value in member.environment(ports).values())
    assert members[2].environment(ports)["RATCHET_MLFLOW_URL"] == "http://127.0.0.1:1"
    assert members[5].needs == ("prefect",)


class Stack:
    """`ratchet` in a home of its own, every port chosen freely."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RATCHET_", "PREFECT_"))}
        ports = {f"RATCHET_{name}_PORT": "0" for name in ("MLFLOW", "PREFECT", "SERVICE", "EVIDENTLY", "CONSOLE")}
        self.environment = {**kept, **ports, "RATCHET_HOME": str(self.home)}

    def __call__(self, *arguments: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "pipelines.cli", *arguments, "--json"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=280, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    found = Stack(tmp_path_factory.mktemp("stack"))
    yield found
    found("down")


@pytest.mark.journey
@pytest.mark.timeout(600)
def test_up_trains_on_the_worker_serves_and_ends(stack: Stack, tmp_path: Path) -> None:
    before = {process.pid for process in psutil.process_iter()}
    processes = stack("up")["processes"]
    assert all(one["answers"] for one in processes.values()), processes
    assert stack("up")["processes"] == processes

    (tmp_path / "small.csv").write_text(SMALL + "\n")
    problem = tmp_path / "small.yaml"
    problem.write_text("name: small\ndata: {source: small.csv, target: y}\nlearners: [linear]\nsearch: {trials: 1}\n")
    summary = stack("train", str(problem), "--worker")
    assert (summary["decision"], summary["version"]) == ("promote", 1)
    assert stack("status")["champions"] == [{"problem": "small", "version": 1}]

    pages = httpx.get(f"{processes['console']['url']}/problems/small", trust_env=False, timeout=30)
    assert pages.status_code == 200
    assert "version 1" in pages.text

    url = processes["prediction"]["url"]
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        for _ in range(100):
            answer = client.post("/v1/models/small/predict", json={"instances": [{"a": 3, "b": 1}]})
            if answer.status_code == 200:
                break
            time.sleep(0.1)
        assert answer.json()["model"]["version"] == 1

    settings = Settings(home=stack.home)
    records = all_records(settings)
    assert set(stack("down")["ended"]) == set(processes)
    assert family(record.token for record in records) == []
    assert all(is_free("127.0.0.1", record.port) for record in records if record.port)
    assert all_records(settings) == []
    ours = [one for one in psutil.process_iter() if one.pid not in before and str(stack.home) in str(_environment(one))]
    assert ours == []


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return {}
    return environment if TOKEN in environment else {}
