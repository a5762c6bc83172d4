"""What an operator sees of the service, as Prometheus metrics."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

if TYPE_CHECKING:
    from pipelines.stores.bundles.release_info import ReleaseInfo

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
_SHARED = "PROMETHEUS_MULTIPROC_DIR"  # where several workers keep their numbers, so that each can tell them all


class Metrics:
    """The service's metrics in a registry of their own, so that two apps in one process do not collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._bound: dict[tuple[Any, ...], Any] = {}
        self.requests = self._counter("requests", "Requests answered", "route", "method", "status")
        self.seconds = self._histogram("request_seconds", "Time to answer", _SECONDS, "route")
        self.rows = self._counter("rows", "Rows predicted and logged", "problem", "version")
        self.labels = self._counter("labels", "Labels received", "problem", "outcome")
        self.errors = self._counter("errors", "Requests refused or failed, by kind of error", "kind")
        self.version = self._gauge("model_version", "Release that answers (0: none)", "max", "problem")
        self.compiled = self._gauge("model_compiled", "Whether its compiled form answers (1) or not", "min", "problem")
        self.swaps = self._counter("swaps", "Releases put into service", "problem")
        self.refusals = self._counter("swap_failures", "Releases that were not put into service", "problem")
        self.registry_up = self._gauge("registry_up", "Whether MLflow answered the last time (1) or not (0)", "min")
        self.log_lag = self._gauge("log_lag_seconds", "How long rows wait, or lately waited, to be durable", "max")
        self.commit = self._histogram(
            "log_commit_seconds", "Time from a row's arrival at the log to its commit", _SECONDS
        )
        self.log_queue = self._gauge("log_queue", "Requests that wait for a commit", "sum")
        self.score_queue = self._gauge("score_queue", "Requests that wait to be scored", "sum")
        self.in_hand = self._gauge("requests_in_hand", "Requests that are being answered", "sum")
        self.workers = self._gauge("workers", "Processes that answer", "sum")
        self.memory = self._gauge("memory_bytes", "Resident memory of these processes", "sum")
        self.cpu = self._counter("cpu_seconds", "CPU that they took")
        self.batch = self._histogram("batch_rows", "Rows scored at once", _ROWS)
        self.trial_rows = self._counter(
            "trial_rows", "Rows of a challenger on trial", "problem", "version", "mode", "outcome"
        )
        self.history_as_of = self._gauge(
            "history_as_of_seconds", "Up to when the history in service knows (seconds since 1970)", "min", "problem"
        )

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request answered."""
        key = (route, method, status)
        bound = self._bound.get(key)
        if bound is None:
            bound = self.requests.labels(route, method, str(status)).inc, self.seconds.labels(route).observe
            self._bound[key] = bound
        bound[0]()
        bound[1](seconds)

    def count_rows(self, info: ReleaseInfo, count: int) -> None:
        """Rows that a release answered."""
        key = (info.problem, info.version)
        bound = self._bound.get(key)
        if bound is None:
            bound = self._bound[key] = self.rows.labels(info.problem, str(info.version)).inc
        bound(count)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format; of all workers where there are several."""
        if _SHARED not in os.environ:
            return generate_latest(self.registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ratchet_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, over: str, *labels: str) -> Gauge:
        """`over`: what the gauge is over several workers, max, min or sum of those that live."""
        mode: Any = {"max": "livemax", "min": "livemin", "sum": "livesum"}[over]
        return Gauge(f"ratchet_{name}", text, labels, registry=self.registry, multiprocess_mode=mode)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"ratchet_{name}", text, labels, buckets=buckets, registry=self.registry)


def forget_worker(pid: int) -> None:
    """A worker that ended counts no more among the gauges."""
    if _SHARED in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
