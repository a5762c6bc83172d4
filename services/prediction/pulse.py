"""The numbers of a process that change by themselves, put down every second.

With several workers a scrape is answered by one of them, and the gauges of the others are as they last put them down:
without a pulse a worker that hangs on its log would look well for as long as no scrape comes to it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.prediction.metrics import Metrics
    from services.prediction.service import Service

EVERY = 1.0
"""Seconds between two beats."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Pulse:
    """Puts down what waits, and what the process takes of memory and CPU, until it is closed."""

    def __init__(self, service: Service, in_hand: Callable[[], int], every: float = EVERY) -> None:
        self._service, self._in_hand, self._every = service, in_hand, every
        self._cpu = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Put down nothing more."""
        self._stop.set()
        self._thread.join()

    def beat(self) -> None:
        """Put down everything now."""
        metrics, service = self._service.metrics, self._service
        metrics.workers.set(1)
        metrics.in_hand.set(self._in_hand())
        metrics.log_lag.set(service.writer.lag)
        metrics.log_queue.set(service.writer.queued)
        metrics.score_queue.set(service.scorer.queued)
        metrics.memory.set(resident())
        self._count_cpu(metrics)

    def _count_cpu(self, metrics: Metrics) -> None:
        with self._lock:  # a scrape and the thread may come together
            spent = time.process_time()
            metrics.cpu.inc(spent - self._cpu)
            self._cpu = spent

    def _run(self) -> None:
        self.beat()
        while not self._stop.wait(self._every):
            self.beat()


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a hundred times a minute
            return int(file.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
