"""The real service with two workers: both answer, one that is killed comes back, all end together."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from pipelines.stores.prediction_log import PredictionLog


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


def keep_asking(url: str, rows: list[Any], stop: threading.Event, acknowledged: list[str], failed: list[str]) -> None:
    """Send single rows until told to stop, over a new connection after each failure."""
    while not stop.is_set():
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            try:
                while not stop.is_set():
                    answer = client.post("/v1/models/loans/predict", json={"instances": rows})
                    if answer.status_code == 200:
                        acknowledged.append(answer.json()["predictions"][0]["id"])
                    else:
                        failed.append(answer.text)
            except httpx.ConnectError:
                return
            except httpx.HTTPError:  # its worker was killed, or drained
                continue


@pytest.mark.slow
@pytest.mark.faults
def test_what_was_acknowledged_is_kept_when_a_worker_dies_and_when_all_drain(shop: Any, serve: Any, loans: Any) -> None:
    stop, acknowledged, failed = threading.Event(), list[str](), list[str]()
    with serve(shop.settings, RATCHET_WORKERS="2") as service:
        given = (service.url, loans.rows(1), stop, acknowledged, failed)
        threads = [threading.Thread(target=keep_asking, args=given) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        os.kill(children(service.handle.pid).pop(), signal.SIGKILL)
        time.sleep(2.0)
        assert service.stop() == 0
        stop.set()
        for thread in threads:
            thread.join()
    assert len(acknowledged) > 50
    assert failed == []
    log = PredictionLog(shop.settings.database)
    try:
        assert all(log.get(one).problem == "loans" for one in acknowledged)
    finally:
        log.close()


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
