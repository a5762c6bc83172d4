"""How long answers waited for the log during a load, looked up every half second at each replica itself."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families

EVERY = 0.5
_COMMITS = "ratchet_log_commit_seconds"


@dataclass(frozen=True)
class Waited:
    """The longest lag that was seen, in seconds, and the bound below which 99 % of the commits were."""

    worst: float
    p99: float | None
    commits: int


@dataclass
class LagWatch:
    """Looks while it is entered; `waited` tells afterwards."""

    urls: Sequence[str]
    key: str
    _worst: float = field(default=0.0, init=False)
    _before: dict[float, float] = field(default_factory=dict, init=False)
    _after: dict[float, float] = field(default_factory=dict, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def __enter__(self) -> LagWatch:
        self._before = self._look()
        self._worst = 0.0  # what was before is not of this load
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._after = self._look()

    def waited(self) -> Waited:
        """What was seen."""
        counts = {bound: count - self._before.get(bound, 0.0) for bound, count in self._after.items()}
        return Waited(self._worst, quantile(counts, 0.99), int(max(counts.values(), default=0)))

    def _follow(self) -> None:
        while not self._stop.wait(EVERY):
            self._look()

    def _look(self) -> dict[float, float]:
        """Commits by their bounds over all replicas; one that does not answer now is left out."""
        found: dict[float, float] = {}
        for url in self.urls:
            try:
                answer = httpx.get(f"{url}/metrics", headers={"X-API-Key": self.key}, timeout=10, trust_env=False)
            except httpx.HTTPError:
                continue
            lag, buckets = read_lag(answer.text)
            self._worst = max(self._worst, lag)
            for bound, count in buckets.items():
                found[bound] = found.get(bound, 0.0) + count
        return found


def read_lag(text: str) -> tuple[float, dict[float, float]]:
    """The lag, and the commits up to each bound, of a page of metrics.

    >>> read_lag('ratchet_log_lag_seconds 0.5\\n')
    (0.5, {})
    """
    lag, buckets = 0.0, {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            if one.name == "ratchet_log_lag_seconds":
                lag = one.value
            elif one.name == f"{_COMMITS}_bucket":
                buckets[float(one.labels["le"])] = one.value
    return lag, buckets


def quantile(counts: dict[float, float], share: float) -> float | None:
    """The bound below which this share of what was counted lies; None where nothing was.

    >>> quantile({0.01: 98.0, 0.1: 99.0, float("inf"): 100.0}, 0.99)
    0.1
    """
    most = max(counts.values(), default=0.0)
    return next((bound for bound, count in sorted(counts.items()) if most and count >= share * most), None)
