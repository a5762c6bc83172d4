from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipelines.commands.demo_places import addresses_elsewhere, runs_elsewhere, told_before
from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import Ledger

STACK = {
    "mlflow_uri": "http://mlflow:5000",
    "prefect_url": "http://prefect:4200/api",
    "service_url": "http://proxy:8000",
}


@pytest.fixture
def service() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_stack_is_elsewhere_when_all_of_it_is_named() -> None:
    assert runs_elsewhere(Settings(**STACK))
    for name in STACK:
        assert not runs_elsewhere(Settings(**{key: value for key, value in STACK.items() if key != name}))
    assert not runs_elsewhere(Settings(**STACK | {"mlflow_uri": "sqlite:///mlflow.db"}))


def test_the_addresses_are_those_of_the_settings(service: str) -> None:
    settings = Settings(**STACK | {"service_url": f"{service}/"}, evidently_url="http://localhost:8001")
    found = addresses_elsewhere(settings)
    assert found["prediction"] == service
    assert found["prefect"] == "http://prefect:4200"
    assert (found["mlflow"], found["evidently"]) == ("http://mlflow:5000", "http://localhost:8001")


def test_a_stack_that_knows_the_problem_is_left_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert told_before(settings, "flights") is None
    ledger = Ledger(settings.database)
    moment = datetime(2013, 3, 1, tzinfo=UTC)
    ledger.record("release:1", at=moment, problem="flights", kind="release", outcome="promote", version=1)
    ledger.close()
    assert "1 ledger entries" in (told_before(settings, "flights") or "")
    assert told_before(settings, "visits") is None
