from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx

from pipelines.stack.addresses import wait_for

At = Callable[..., tuple[int, Any, str]]


def test_the_service_answers_and_ends_with_its_command(trained: Any) -> None:
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        command, env=trained.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as service:
        assert service.stdout is not None
        try:
            told = json.loads(service.stdout.readline())
            wait_for(f"{told['url']}/readyz", seconds=60)
            row = {"at": "2026-01-05T10:00:00", "line": "b", "load": 0.9}
            answer = httpx.post(f"{told['url']}/v1/models/late/predict", json={"instances": [row]}, trust_env=False)
            assert answer.status_code == 200, answer.text
            assert answer.json()["predictions"][0]["prediction"] is True
            assert told["pid"] == service.pid
        finally:
            os.kill(service.pid, signal.SIGTERM)
        assert service.wait(timeout=30) in (0, -signal.SIGTERM)


def test_a_busy_port_is_refused(ratchet: At) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, out, _ = ratchet("serve", "--port", taken.getsockname()[1], "--json")
    assert code == 10
    assert "in use" in out["error"]["message"]
