"""The prediction service's own numbers, read from its page for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class ServiceNumbers:
    """Since the last start, of all replicas together: requests, those that failed (5xx), the median's bound."""

    requests: int
    failed: int
    median: float | None
    """Seconds within which half of the requests were answered."""
    serving: Mapping[str, Sequence[int]]
    """The version that answers for each problem; several while replicas change over."""
    replicas: int = 1
    """How many have told their numbers."""

    @property
    def failing(self) -> float:
        """Share of the requests that failed."""
        return self.failed / self.requests if self.requests else 0.0


def read_numbers(*texts: str) -> ServiceNumbers:
    """What the `/metrics` of each replica say, added up.

    >>> read_numbers('ratchet_requests_total{route="/v1/p",method="POST",status="200"} 3.0').requests
    3
    """
    requests: dict[str, float] = {}
    buckets: dict[float, float] = {}
    serving: dict[str, set[int]] = {}
    for text in texts:
        for sample in _samples(text):
            if sample.name == "ratchet_requests_total" and "/v" in sample.labels.get("route", "/v"):
                status = sample.labels.get("status", "")[:1]
                requests[status] = requests.get(status, 0.0) + sample.value
            elif sample.name == "ratchet_request_seconds_bucket" and "/v" in sample.labels.get("route", "/v"):
                bound = float(sample.labels["le"])
                buckets[bound] = buckets.get(bound, 0.0) + sample.value
            elif sample.name == "ratchet_model_version" and sample.value:
                serving.setdefault(sample.labels["problem"], set()).add(int(sample.value))
    total = int(sum(requests.values()))
    return ServiceNumbers(
        requests=total,
        failed=int(requests.get("5", 0)),
        median=_median(buckets),
        serving={name: sorted(versions) for name, versions in serving.items()},
        replicas=len(texts),
    )


def _samples(text: str) -> Iterator[Any]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


def _median(buckets: Mapping[float, float]) -> float | None:
    """The smallest bound that half of the requests lie under."""
    most = max(buckets.values(), default=0.0)
    within = [bound for bound, count in sorted(buckets.items()) if most and count >= most / 2]
    return within[0] if within and within[0] != float("inf") else None
