from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from benchmarks.serving.load import BadAnswer, Plan, answer_size, read_bodies, request_bytes, run, write_bodies


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pause, status = 0.0, 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(self.pause)
        self.send_response(self.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """The port of a server that sends back what it gets."""
    servers = []

    def start(pause: float = 0.0, status: int = 200) -> int:
        handler = type("Paced", (Handler,), {"pause": pause, "status": status})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return server.server_port

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


REQUESTS = [request_bytes("/p", b"x" * size, {"Content-Type": "text/plain"}) for size in (0, 1, 200_000)]


def test_a_request_is_http() -> None:
    head, _, body = request_bytes("/p", b"{}", {"Authorization": "Bearer k"}).partition(b"\r\n\r\n")
    assert body == b"{}"
    assert head.split(b"\r\n") == [
        b"POST /p HTTP/1.1",
        b"Host: localhost",
        b"Authorization: Bearer k",
        b"Content-Length: 2",
    ]
    assert request_bytes("/", None, {}) == b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_requests_are_kept_as_they_are(tmp_path: Path) -> None:
    write_bodies(REQUESTS, tmp_path / "bodies")
    assert read_bodies(tmp_path / "bodies") == REQUESTS


def test_an_answer_that_is_none_is_told() -> None:
    assert answer_size(b"HTTP/1.1 200 OK\r\ncontent-le") == 0
    with pytest.raises(BadAnswer, match="503"):
        answer_size(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(BadAnswer, match="without Content-Length"):
        answer_size(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_every_client_asks_as_soon_as_it_is_answered(serve: Callable[..., int]) -> None:
    outcome = run(Plan(serve(pause=0.05), "", clients=4, seconds=0.5), REQUESTS)
    assert len(outcome["latencies"]) == outcome["requests"]
    assert 8 <= outcome["requests"] <= 44
    assert all(latency >= 50 for latency in outcome["latencies"])


def test_a_schedule_is_kept_and_a_stall_is_not_hidden(serve: Callable[..., int]) -> None:
    easy = run(Plan(serve(), "", clients=4, seconds=0.5, rate=40), REQUESTS[:2])
    assert easy["requests"] == 20
    stalled = run(Plan(serve(pause=0.1), "", clients=1, seconds=0.5, rate=40), REQUESTS[:2])
    assert max(stalled["latencies"]) > 200  # it counts from when the request was due


def test_a_refusal_ends_the_run(serve: Callable[..., int]) -> None:
    with pytest.raises(BadAnswer, match="429"):
        run(Plan(serve(status=429), "", seconds=0.2), REQUESTS[:1])
