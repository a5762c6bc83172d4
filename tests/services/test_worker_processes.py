"""The real service with two workers: both answer, one that is killed comes back, all end together."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest


def children(pid: int) -> set[int]:
    return {one.pid for one in psutil.Process(pid).children()}


def answer(url: str) -> str:
    """One answer over a connection of its own; its text, or empty while the one that accepted died."""
    try:
        return httpx.get(f"{url}/metrics", timeout=20, trust_env=False).text
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return ""


def accepted_by(pids: set[int], url: str) -> set[int]:
    """The workers that hold one of many connections to the service."""
    found: set[int] = set()
    deadline = time.monotonic() + 30
    while found != pids and time.monotonic() < deadline:
        clients = [httpx.Client(base_url=url, timeout=20, trust_env=False) for _ in range(8)]
        for client in clients:
            assert client.get("/healthz").status_code == 200
        port = int(url.rsplit(":", 1)[1])
        for pid in pids:
            held = [one for one in psutil.Process(pid).net_connections("tcp") if one.status == "ESTABLISHED"]
            found |= {pid} if any(one.laddr.port == port for one in held) else set()
        for client in clients:
            client.close()
    return found


@pytest.mark.slow
@pytest.mark.faults
def test_two_workers_behind_one_port(shop: Any, serve: Any) -> None:
    with serve(shop.settings, RATCHET_WORKERS="2", RATCHET_ACCESS_LOG="true") as service:
        note = Path(shop.settings.home / "run" / "prediction.json")
        assert json.loads(note.read_text())["pid"] == service.handle.pid, "one announcement, the parent's"
        workers = children(service.handle.pid)
        assert len(workers) == 2
        assert accepted_by(workers, service.url) == workers
        assert "ratchet_requests_total{" in answer(service.url)

        killed = workers.pop()
        os.kill(killed, signal.SIGKILL)
        for _ in range(20):
            assert httpx.get(f"{service.url}/readyz", timeout=20, trust_env=False).status_code == 200
        deadline = time.monotonic() + 60
        while len(children(service.handle.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        now = children(service.handle.pid)
        assert len(now) == 2
        assert killed not in now
        assert accepted_by(now, service.url) == now

        assert service.stop() == 0
        assert not any(psutil.pid_exists(pid) for pid in now)
        assert not note.exists()
        assert list((shop.settings.home / "run").glob("prediction-metrics.*")) == []
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{service.url}/healthz", trust_env=False)
    lines = [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]
    assert {line["pid"] for line in lines if line.get("route") == "/healthz"} >= workers
    assert any("starting another" in line["message"] for line in lines)


@pytest.mark.slow
@pytest.mark.faults
def test_workers_do_not_outlive_their_parent(shop: Any, serve: Any) -> None:
    with serve(shop.settings, RATCHET_WORKERS="2") as service:
        workers = children(service.handle.pid)
        service.stop(signal.SIGKILL)
        deadline = time.monotonic() + 30
        while any(psutil.pid_exists(pid) for pid in workers) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(psutil.pid_exists(pid) for pid in workers)
