from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.serving import servers
from benchmarks.serving.servers import Load, NotServing, Server, running

ECHO = """
import sys, subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(servers, "PLACE", tmp_path)


def server(code: str) -> Server:
    return Server(
        name="echo",
        title="Echo",
        command=lambda port: [sys.executable, "-S", "-c", code, str(port)],
        path="/",
        encode=lambda positions: b"[%d]" % positions[0],
    )


def test_a_server_is_measured_with_all_its_processes_and_ended_with_them() -> None:
    with running(server(ECHO)) as one:
        tree = one.tree()
        assert len(tree) == 2
        assert one.ask([7]) == [7]
        assert one.started_in > 0
        load = one.load(2, 0.5)
        assert load.requests == len(load.latencies) > 0
        assert 0 <= load.cost < 1000  # the clock of CPU time ticks every 10 ms
        largest, everything = one.memory()
        assert 0 < largest < everything
    assert psutil.wait_procs(tree, timeout=10)[1] == []


def test_a_server_that_ends_at_once_is_told_with_what_it_wrote() -> None:
    with pytest.raises(NotServing, match="no such thing"), running(server("raise SystemExit('no such thing')")):
        pass


def test_costs_are_per_request() -> None:
    load = Load(requests=200, seconds=2.0, cpu=0.1, latencies=[])
    assert (load.rate, load.cost) == (100.0, 0.5)
