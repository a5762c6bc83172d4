from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
from prefect.client.orchestration import get_client

from pipelines.core.settings import Settings
from pipelines.flows.worker import main


@dataclass
class Became(Exception):
    """Raised where the process would turn into another program."""

    program: str
    arguments: list[str]


def become(program: str, arguments: list[str]) -> None:
    raise Became(program, arguments)


def test_the_worker_registers_and_then_becomes_prefect_s(
    settings: Settings, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["worker", "test-pool", "ratchet-1234"])
    monkeypatch.setattr(os, "execv", become)
    with pytest.raises(Became) as became:
        main()
    with get_client(sync_client=True) as client:
        deployments = {one.name: one.work_pool_name for one in client.read_deployments()}
    assert deployments["training"] == deployments["reconciling"] == "test-pool"
    program, arguments = became.value.program, became.value.arguments
    assert program == arguments[0] == sys.executable

    # What it became is a worker of that name, here of a pool without work and for one look.
    once = [argument.replace("test-pool", "idle-pool") for argument in arguments]
    environment = {**os.environ, "PREFECT_API_URL": prefect_server}
    done = subprocess.run(
        [*once, "--run-once"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    with get_client(sync_client=True) as client:
        (worker,) = client.read_workers_for_work_pool("idle-pool")
        assert worker.name == "ratchet-1234"
        assert client.read_work_pool("idle-pool").type == "process"
