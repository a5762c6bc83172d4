from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from benchmarks.stack.lag import LagWatch, quantile
from services.prediction.metrics import Metrics


@pytest.fixture
def replica() -> Iterator[tuple[str, Metrics]]:
    """A page of real metrics."""
    metrics = Metrics()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["X-API-Key"] == "k"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(metrics.exposition())

        def log_message(self, *_given: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", metrics
    server.shutdown()
    server.server_close()
    thread.join()


def test_only_what_happened_meanwhile_counts(replica: tuple[str, Metrics], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.stack.lag.EVERY", 0.01)
    url, metrics = replica
    metrics.commit.observe(5.0)
    metrics.log_lag.set(9.0)
    time.sleep(0.01)
    metrics.log_lag.set(0.0)
    with LagWatch([url, "http://127.0.0.1:9"], "k") as watch:
        metrics.log_lag.set(0.5)
        for _ in range(99):
            metrics.commit.observe(0.002)
        metrics.commit.observe(0.2)
        deadline = time.monotonic() + 10
        while not watch.waited().worst and time.monotonic() < deadline:
            time.sleep(0.01)
    waited = watch.waited()
    assert (waited.worst, waited.p99, waited.commits) == (0.5, 0.0025, 100)


def test_nothing_counted_has_no_quantile() -> None:
    assert quantile({}, 0.99) is None
    assert quantile({0.1: 0.0}, 0.99) is None
