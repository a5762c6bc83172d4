"""What an operator sees of the service, as Prometheus metrics."""

from __future__ import annotations

from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)


class Metrics:
    """The service's metrics in a registry of their own, so that two apps in one process do not collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ratchet_requests", "Requests answered", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "ratchet_request_seconds", "Time to answer", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self.rows = Counter("ratchet_rows", "Rows predicted and logged", ["problem"], registry=self.registry)
        self.labels = Counter("ratchet_labels", "Labels received", ["problem", "outcome"], registry=self.registry)
        self.errors = Counter(
            "ratchet_errors", "Requests refused or failed, by kind of error", ["kind"], registry=self.registry
        )
        self.version = Gauge(
            "ratchet_model_version", "Release that answers (0: none)", ["problem"], registry=self.registry
        )
        self.swaps = Counter("ratchet_swaps", "Releases put into service", ["problem"], registry=self.registry)
        self.refusals = Counter(
            "ratchet_swap_failures",
            "Releases that were not put into service",
            ["problem"],
            registry=self.registry,
        )
        self.registry_up = Gauge(
            "ratchet_registry_up",
            "Whether MLflow answered the last time (1) or not (0)",
            registry=self.registry,
        )
        self.log_lag = Gauge(
            "ratchet_log_lag_seconds", "Time that rows waited for the last commit", registry=self.registry
        )
        self.log_queue = Gauge("ratchet_log_queue", "Requests that wait for a commit", registry=self.registry)
        self.score_queue = Gauge("ratchet_score_queue", "Requests that wait to be scored", registry=self.registry)
        self.batch = Histogram("ratchet_batch_rows", "Rows scored at once", buckets=_ROWS, registry=self.registry)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class Measured:
    """ASGI middleware that counts and times every request by its route, never by its raw path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = perf_counter(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if route != "unmatched" else "any"
            self._metrics.requests.labels(route, method, str(status)).inc()
            self._metrics.seconds.labels(route).observe(perf_counter() - start)
