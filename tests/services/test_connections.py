"""Hostile connections against a real server on real sockets; the application behind it answers what it is asked."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from pipelines.core.settings import Settings
from services.prediction.guarding import connections
from services.prediction.guarding.connections import MOST_HEAD, watched

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers once the body is there, by /slow after a while and by /early before it is."""
    import asyncio

    if scope["type"] != "http":
        return
    body = b""
    while scope["path"] != "/early":
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body"):
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    answer = str(len(body)).encode()
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
    if scope["path"] == "/early":
        time.sleep(0.3)  # so that what is sent meanwhile is read in one piece


class Server:
    """The application behind connections with these limits."""

    def __init__(self, settings: Settings) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.port = int(listener.getsockname()[1])
        make: Any = watched(settings)
        config = uvicorn.Config(
            application, loop="uvloop", http=make, ws="none", log_config=None, access_log=False, lifespan="off"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)

    @property
    def open(self) -> int:
        return len(self.server.server_state.connections)

    def connect(self, *parts: bytes) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        for part in parts:
            opened.sendall(part)
        return opened

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()


Start = Callable[..., Server]


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    servers: list[Server] = []

    def run(**changes: Any) -> Server:
        servers.append(Server(settings.model_copy(update=changes)))
        return servers[-1]

    yield run
    for server in servers:
        server.stop()


def read_all(opened: socket.socket) -> bytes:
    """What comes until the other side closes."""
    parts = []
    try:
        while part := opened.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    finally:
        opened.close()
    return b"".join(parts)


def gone_within(opened: socket.socket, seconds: float) -> bool:
    opened.settimeout(seconds)
    try:
        return opened.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    finally:
        opened.close()


def test_two_hundred_that_dribble_do_not_disturb_one_that_does_not(start: Start) -> None:
    server = start(send_seconds=1.5)
    slow = [server.connect(b"POST / HTTP/1.1\r\nHost: x\r\nX-A: ") for _ in range(200)]
    ends: list[float] = []
    stop = threading.Event()

    def dribble() -> None:
        while not stop.wait(0.3):
            for opened in slow:
                try:
                    opened.send(b"a")
                except OSError:
                    continue

    thread = threading.Thread(target=dribble)
    thread.start()
    try:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        begun = time.monotonic()
        while server.open > 1 and time.monotonic() < begun + 15:
            before = time.monotonic()
            client.request("POST", "/", b"abc")
            assert client.getresponse().read() == b"3"
            ends.append(time.monotonic() - before)
            time.sleep(0.02)
        assert server.open == 1, "only the one that behaves is left, on its first connection still"
        assert sorted(ends)[len(ends) // 2] < 0.1
        assert max(ends) < 2.0
        client.close()
    finally:
        stop.set()
        thread.join()
        for opened in slow:
            opened.close()


def test_a_head_may_not_dribble_after_a_first_request_either(start: Start) -> None:
    server = start(send_seconds=0.5)
    opened = server.connect(GET)
    assert b"200 OK" in opened.recv(65536)
    opened.sendall(b"GET / HT")
    assert gone_within(opened, 8)


def test_one_that_says_nothing_is_closed(start: Start) -> None:
    assert gone_within(start(send_seconds=0.5).connect(), 8)


def test_keep_alive_is_kept_and_ends(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start(send_seconds=0.2)
    opened = server.connect(GET)
    assert b"200 OK" in opened.recv(65536)
    time.sleep(2.5)  # longer than a head may take: between requests there is more time
    opened.sendall(GET)
    assert b"200 OK" in opened.recv(65536)
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.5)
    assert gone_within(opened, 8)


def test_a_slow_answer_is_waited_for(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.1)
    opened = start(send_seconds=0.1).connect(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in opened.recv(65536)
    opened.close()


def test_too_many_are_turned_away_and_idle_ones_make_room(start: Start) -> None:
    server = start(max_connections=5)
    kept = [server.connect(GET) for _ in range(5)]
    assert all(b"200 OK" in opened.recv(65536) for opened in kept)
    answer = read_all(server.connect(GET))
    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"connection: close" in head
    assert b"retry-after: 1" in head
    assert json.loads(body)["type"] == "urn:ratchet:too-many-connections"
    time.sleep(4.5)
    opened = server.connect(GET)
    assert b"200 OK" in opened.recv(65536), "those that did nothing were closed"
    for one in [*kept, opened]:
        one.close()


def test_a_flood_of_connections_leaves_nothing_behind(start: Start) -> None:
    server = start(max_connections=3)
    flood = []
    for _ in range(400):
        try:
            flood.append(server.connect(b"GET / HT"))
        except OSError:
            continue
    for opened in flood:
        opened.close()
    deadline = time.monotonic() + 10
    while server.open and time.monotonic() < deadline:
        time.sleep(0.05)
    opened = server.connect(GET)
    assert b"200 OK" in opened.recv(65536)
    opened.close()


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * (MOST_HEAD + 10) + b"\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nHost: x\r\n", *[b"X-A: " + b"a" * 8_000 + b"\r\n"] * 9],
        [b"GET /" + b"a" * MOST_HEAD],
    ],
)
def test_a_head_that_is_too_large_is_refused(start: Start, parts: list[bytes]) -> None:
    answer = read_all(start().connect(*parts))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"aaaa" not in answer


def test_a_large_body_is_no_large_head(start: Start) -> None:
    server, body = start(), b"b" * 300_000
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n"
    opened = server.connect(head + body)
    assert opened.recv(65536).endswith(b"300000")
    opened.sendall(head[:-1])  # the end of the head comes with the body
    time.sleep(0.1)
    opened.sendall(head[-1:] + body)
    assert opened.recv(65536).endswith(b"300000")
    opened.close()


def test_the_body_of_a_request_that_was_answered_early_is_no_head(start: Start) -> None:
    server = start()
    with server.connect(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n") as opened:
        assert opened.recv(65536).startswith(b"HTTP/1.1 200")
        opened.sendall(b"x" * 100_000)
        opened.sendall(GET)
        assert opened.recv(65536).startswith(b"HTTP/1.1 200")


def test_whoever_stops_sending_is_answered_and_let_go(start: Start) -> None:
    server = start()
    asked = server.connect(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    asked.shutdown(socket.SHUT_WR)
    assert b"200 OK" in read_all(asked)
    for part in (b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"):
        half = server.connect(part)
        half.shutdown(socket.SHUT_WR)
        assert read_all(half) == b""
    deadline = time.monotonic() + 5
    while server.open and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.open == 0


def test_what_is_no_http_is_told_so(start: Start) -> None:
    answer = read_all(start().connect(b"\x16\x03\x01\x02\x00 hello\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"hello" not in answer


def test_pipelined_requests_are_answered_in_their_order(start: Start) -> None:
    first = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
    last = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"
    answers = read_all(start().connect(first + last))
    assert answers.count(b"200 OK") == 2
    assert answers.index(b"\r\n\r\n2") < answers.index(b"\r\n\r\n1")


def test_what_is_wrong_after_a_request_does_not_spoil_its_answer(start: Start) -> None:
    answer = read_all(start().connect(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01 nothing\r\n\r\n" + GET))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"200 OK" in answer


def test_a_body_that_is_wrong_is_refused(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    server = start()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert read_all(server.connect(head + b"not a length\r\n")).startswith(b"HTTP/1.1 400 ")
    opened = server.connect(head + b"3\r\nabc\r\n")
    time.sleep(0.2)
    opened.sendall(b"not a length\r\n")
    assert read_all(opened).startswith(b"HTTP/1.1 400 ")
    assert "Exception in ASGI" not in caplog.text
