from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stack.addresses import (
    Record,
    all_records,
    answers,
    choose_port,
    forget_record,
    is_free,
    live_prefect_api,
    read_record,
    run_folder,
    url_of,
    wait_for,
    write_record,
)

RECORD = Record(name="mlflow", token="t", pid=1, created=2.5, port=5000, url="http://127.0.0.1:5000", log="/l")


class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def test_a_record_is_read_as_it_was_written(settings: Settings) -> None:
    assert read_record(settings, "mlflow") is None
    write_record(settings, RECORD)
    assert read_record(settings, "mlflow") == RECORD
    (run_folder(settings) / "other.json").write_text('{"url": "x", "pid": 1, "port": 2}')
    assert all_records(settings) == [RECORD]
    forget_record(settings, "mlflow")
    assert read_record(settings, "mlflow") is None


def test_a_damaged_record_counts_as_none(settings: Settings) -> None:
    run_folder(settings).mkdir(parents=True)
    for damage in ("", "{", "[]", '{"name": "mlflow"}', "null"):
        (run_folder(settings) / "mlflow.json").write_text(damage)
        assert read_record(settings, "mlflow") is None


def test_a_busy_port_is_replaced() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        assert not is_free("127.0.0.1", busy)
        other = choose_port("127.0.0.1", busy)
        assert other != busy
    assert choose_port("127.0.0.1", other) == other
    assert choose_port("127.0.0.1", other, frozenset({other})) != other


def test_addresses_can_be_opened() -> None:
    assert url_of("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert url_of("::1", 80) == "http://[::1]:80"


def test_answers_only_to_success(server: str) -> None:
    assert answers(f"{server}/api/health")
    assert not answers(f"{server}/elsewhere")
    assert not answers(f"http://127.0.0.1:{choose_port('127.0.0.1', 0)}/")


def test_wait_for_an_answer(server: str) -> None:
    wait_for(f"{server}/api/health", seconds=5)
    with pytest.raises(Unavailable, match="does not answer"):
        wait_for(f"{server}/elsewhere", seconds=0.1)


def test_the_prefect_api_is_the_one_that_answers(settings: Settings, server: str) -> None:
    assert live_prefect_api(settings) is None
    prefect = {"name": "prefect", "token": "t", "pid": 1, "created": 1.0, "port": 1, "log": ""}
    write_record(settings, Record(**prefect, url="http://127.0.0.1:9"))
    assert live_prefect_api(settings) is None
    write_record(settings, Record(**prefect, url=server))
    assert live_prefect_api(settings) == f"{server}/api"
    elsewhere = settings.model_copy(update={"prefect_url": "http://elsewhere/api"})
    assert live_prefect_api(elsewhere) == "http://elsewhere/api"
