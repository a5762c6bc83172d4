"""The console's page for Prometheus: what the ledger, the log, the notices, Prefect and the disks say now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from pipelines.core.errors import Unavailable
from pipelines.stores.sql.segment_tables import Segment
from services.console.archive_facts import archive_families
from services.console.desk import Desk
from services.console.problem_facts import ProblemFacts, gather_problems, problem_families
from services.console.stack_facts import gather_stack, stack_families

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
KEPT = 5.0
"""Seconds that a page is given again: several who scrape cost what one costs."""


@dataclass
class MetricsPage:
    """The page, made at most every few seconds and by one request at a time."""

    desk: Desk
    clock: Callable[[], float] = time.monotonic
    _made: tuple[float, bytes] | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format. Where the database does not answer, what it knows is left out."""
        with self._lock:
            if self._made is None or self.clock() - self._made[0] > KEPT:
                registry = CollectorRegistry()
                registry.register(_Now(self.desk))
                self._made = (self.clock(), generate_latest(registry))
            return self._made[1]


class _Now(Collector):
    """Gathers everything when it is asked."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def describe(self) -> Iterable[Metric]:
        """Nothing: to find out what there is would take as long as to tell it."""
        return ()

    def collect(self) -> Iterable[Metric]:
        began = time.perf_counter()
        problems, segments = self._from_database()
        desk, settings = self._desk, self._desk.settings
        places = {
            "home": settings.home,
            **({} if settings.history_root is None else {"history": settings.history_root}),
        }
        addresses = desk.links.mlflow_server(), desk.links.prefect_server()
        stack = gather_stack(problems is not None, *addresses, settings.work_pool, places, desk.clock())
        yield from problem_families(problems or [])
        yield from archive_families(segments)
        yield from stack_families(stack)
        took = GaugeMetricFamily("ratchet_facts_seconds", "Time that it took to gather these numbers")
        took.add_metric([], time.perf_counter() - began)
        yield took

    def _from_database(self) -> tuple[list[ProblemFacts] | None, list[Segment]]:
        try:
            return gather_problems(self._desk), self._desk.log.segments()
        except Unavailable:
            return None, []
