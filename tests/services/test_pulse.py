"""What waits is told as it is now, by every worker, whoever answers the scrape."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from services.prediction.metrics import Metrics
from services.prediction.pulse import Pulse, resident


def parts(lag: float, queued: int) -> Any:
    writer = SimpleNamespace(lag=lag, queued=queued)
    return SimpleNamespace(metrics=Metrics(), writer=writer, scorer=SimpleNamespace(queued=3))


def value(metrics: Metrics, name: str) -> float:
    found = metrics.registry.get_sample_value(name)
    assert found is not None
    return found


def test_numbers_are_put_down_without_a_scrape() -> None:
    service = parts(lag=7.5, queued=2)
    pulse = Pulse(service, lambda: 4, every=0.02)
    try:
        deadline = time.monotonic() + 10
        while value(service.metrics, "ratchet_log_lag_seconds") != 7.5:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        service.writer.lag = 0.25
        while value(service.metrics, "ratchet_log_lag_seconds") != 0.25:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        pulse.close()
    metrics = service.metrics
    assert value(metrics, "ratchet_requests_in_hand") == 4
    assert value(metrics, "ratchet_log_queue") == 2
    assert value(metrics, "ratchet_score_queue") == 3
    assert value(metrics, "ratchet_workers") == 1
    assert value(metrics, "ratchet_memory_bytes") > 10_000_000


def test_cpu_is_counted_once_however_often_it_is_put_down() -> None:
    service = parts(lag=0.0, queued=0)
    pulse = Pulse(service, lambda: 0, every=60)
    for _ in range(50):
        pulse.beat()
    pulse.close()
    assert 0 < value(service.metrics, "ratchet_cpu_seconds_total") <= time.process_time()


def test_memory_is_what_the_system_says() -> None:
    assert 10_000_000 < resident() < 10_000_000_000
