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
LAST_RUN = """
import json, urllib.request
from pipelines.core.settings import Settings
ended = {"state": {"type": {"any_": ["COMPLETED"]}}}
last = json.dumps({"sort": "EXPECTED_START_TIME_DESC", "limit": 1, "flow_runs": ended})
headers = {"Content-Type": "application/json"}
ask = urllib.request.Request(Settings().prefect_url + "/flow_runs/filter", last.encode(), headers)
with urllib.request.urlopen(ask) as answer:
    (found,) = json.load(answer)
print(json.dumps({"pool": found["work_pool_name"], "container": found["infrastructure_pid"]}))
"""


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
    ran = stack.python(LAST_RUN)
    assert ran["pool"] == POOL
    assert ran["container"]
