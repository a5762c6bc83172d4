"""Web servers that answer as the stack's services do, for the tests of whoever asks them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Answers = dict[str, Any]
Serve = Callable[[Answers], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(answers)` gives the address of a new server: JSON or (status, JSON) by path; what is PUT can be read."""
    running: list[ThreadingHTTPServer] = []

    def start(answers: Answers) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answers))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def _handler(answers: Answers) -> type[BaseHTTPRequestHandler]:
    kept: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            found = answers.get(path, (404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}))
            status, content = found if isinstance(found, tuple) else (200, found)
            if path in kept:
                self._send(200, kept[path])
            elif isinstance(content, bytes):
                self._send(status, content)
            else:
                self._send(status, json.dumps(content).encode(), "application/json")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.do_GET()

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            if answers.get("writes", True):
                kept[self.path] = content
                self._send(200, b"{}")
            else:
                self._send(500, b"no bucket")

        def do_DELETE(self) -> None:
            kept.pop(self.path, None)
            self._send(204, b"")

        def _send(self, status: int, content: bytes, kind: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def date_time_string(self, timestamp: float | None = None) -> str:
            """The Date header: of a clock that the test may have set wrong."""
            return super().date_time_string(time.time() + answers.get("ahead", 0))

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return Handler
