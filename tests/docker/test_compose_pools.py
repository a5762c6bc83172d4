"""Flow runs in containers of their own: the worker hands them to the engine beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

POOL = "containers"
SOCKET = Path("/var/run/docker.sock")


@pytest.fixture
def pooled(stack: Any, champion: int, tmp_path: Path) -> Iterator[None]:
    """The worker with a pool of type docker; afterwards it is what it was."""
    if not SOCKET.exists() or os.environ.get("DOCKER_HOST"):
        pytest.skip(f"the engine's socket is not {SOCKET}: the worker could not reach it")
    worker = {
        "environment": {"RATCHET_WORK_POOL_TYPE": "docker", "RATCHET_WORK_POOL": POOL},
        "volumes": [f"{SOCKET}:{SOCKET}"],
        "group_add": [str(SOCKET.stat().st_gid)],
    }
    file = tmp_path / "pool.json"
    file.write_text(json.dumps({"services": {"worker": worker}}))
    stack.compose("-f", str(file), "up", "-d", "--wait", "--no-build", "--no-deps", "worker")
    yield
    stack.compose("up", "-d", "--wait", "--no-build", "--no-deps", "worker")


def test_a_training_runs_in_a_container_of_its_own(stack: Any, pooled: None, champion: int) -> None:
    found = stack.ratchet("train", "flights", "--as-of", "2013-03-01", "--worker")
    assert found["model_digest"]
    newest = stack.ended_runs()[0]
    assert newest["work_pool_name"] == POOL
    assert newest["infrastructure_pid"]  # the container
