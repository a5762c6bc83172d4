from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.storage.files import write_json
from services.console.links import Links
from services.console.neighbours import Neighbours, start_flow

RUNS = [
    {
        "id": "r1",
        "flow_id": "f1",
        "name": "x",
        "parameters": {"problem": "/srv/flights.yaml"},
        "state_type": "RUNNING",
        "start_time": "2026-11-22T23:00:00Z",
    }
]
ANSWERS: dict[str, Any] = {
    "/api/flow_runs/filter": RUNS,
    "/api/flows/filter": [{"id": "f1", "name": "training"}],
    "/api/task_runs/filter": [
        {"flow_run_id": "r1", "name": "ingest-a1", "state_type": "COMPLETED"},
        {"flow_run_id": "r1", "name": "prepare-b2", "state_type": "COMPLETED"},
        {"flow_run_id": "r1", "name": "train-c3", "state_type": "RUNNING"},
    ],
    "/api/logs/filter": [{"flow_run_id": "r1", "message": "train 3/10 trying linear"}],
    "/api/deployments/name/reconciling/reconciling": {"id": "d1"},
    "/api/deployments/d1/create_flow_run": {"id": "r2"},
    "/metrics": 'ratchet_requests_total{route="/v1/x",method="POST",status="200"} 3.0\n',
}


class Stack:
    """Prefect and the service, as far as the console asks them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                self.rfile.read(int(self.headers.get("content-length") or 0))
                found = ANSWERS.get(self.path)
                self.send_response(404 if found is None else 200)
                self.end_headers()
                self.wfile.write(found.encode() if isinstance(found, str) else json.dumps(found).encode())

            do_POST = do_GET

            def log_message(self, *given: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    made = Stack()
    for name in ("prefect", "prediction"):
        write_json(settings.home / "run" / "stack" / f"{name}.json", {"url": made.url})
    yield made
    made.close()


def test_flows_are_told_with_their_progress(settings: Settings, stack: Stack) -> None:
    seen = Neighbours(Links(settings)).look()
    assert seen.runs is not None
    (run,) = seen.runs
    assert (run.flow, run.problem, run.state, run.done, run.steps) == ("training", "flights", "running", 2, 6)
    assert run.text == "train 3 of 10: trying linear"
    assert run.share == pytest.approx(1 / 3)
    assert seen.service is not None
    assert seen.service.requests == 3


def test_a_stack_that_is_down_is_told_as_such(settings: Settings) -> None:
    seen = Neighbours(Links(settings)).look()
    assert (seen.runs, seen.service) == (None, None)
    assert seen.silence == "no address of the service is known"
    write_json(settings.home / "run" / "stack" / "prefect.json", {"url": "http://127.0.0.1:9"})
    assert Neighbours(Links(settings)).look().runs is None
    assert start_flow("http://127.0.0.1:9", "reconciling/reconciling") is None
    assert start_flow(None, "reconciling/reconciling") is None


def test_an_answer_that_is_not_understood_is_none(
    settings: Settings, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ANSWERS, "/api/flow_runs/filter", [{"odd": 1}])
    assert Neighbours(Links(settings)).look().runs is None
    monkeypatch.setitem(ANSWERS, "/api/flow_runs/filter", "no JSON")
    assert Neighbours(Links(settings)).look().runs is None


def test_nobody_is_asked_while_nobody_looks(settings: Settings, stack: Stack) -> None:
    neighbours = Neighbours(Links(settings)).start()
    try:
        time.sleep(0.05)
        assert stack.asked == []
        deadline = time.monotonic() + 10
        while (found := neighbours.now()) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert found is not None
        assert found.runs is not None
        asked = len(stack.asked)
        neighbours.now()
        assert len(stack.asked) == asked  # a page does not ask, the thread does
    finally:
        neighbours.close()


def test_a_flow_is_started_by_its_deployment(stack: Stack) -> None:
    assert start_flow(stack.url, "reconciling/reconciling") == "r2"
    assert start_flow(stack.url, "none/none") is None
