"""What Prometheus is told of the stack: who answers, what flows came to, workers, disk."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.core import GaugeMetricFamily, Metric

_PATIENCE = 2.0  # seconds for one answer: a scrape waits ten for everything
_OVER = timedelta(hours=1)
_ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_MOST = 200  # what Prefect gives at once


@dataclass(frozen=True)
class Flows:
    """What Prefect tells: runs that ended within the last hour, by flow and state, and what waits for a worker."""

    ended: Mapping[tuple[str, str], int]
    late: int
    workers: int


@dataclass(frozen=True)
class StackFacts:
    """The stack as it is seen from the console."""

    up: Mapping[str, bool]
    """By name, those whose address is known."""
    flows: Flows | None
    disks: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Bytes and free bytes, by what lies there."""


def gather_stack(
    database: bool, mlflow: str | None, prefect: str | None, pool: str, places: Mapping[str, Path], now: datetime
) -> StackFacts:
    """Ask MLflow and Prefect at their addresses, and look at the disks of `places`; what does not answer is down."""
    up, flows = {"database": database}, None
    with httpx.Client(timeout=_PATIENCE, trust_env=False) as client:
        if mlflow is not None:
            up["mlflow"] = _answers(client, f"{mlflow.rstrip('/')}/health")
        if prefect is not None:
            flows = read_flows(client, f"{prefect}/api", pool, now)
            up["prefect"] = flows is not None
    return StackFacts(up, flows, _disks(places))


def read_flows(client: httpx.Client, api: str, pool: str, now: datetime) -> Flows | None:
    """What Prefect tells of its runs and of the workers of `pool`; None where it does not answer."""

    def ask(what: str, **query: Any) -> Any:
        return client.post(f"{api}/{what}", json=query).raise_for_status().json()

    over = {"end_time": {"after_": (now - _OVER).isoformat()}, "state": {"type": {"any_": list(_ENDED)}}}
    late = {"state": {"name": {"any_": ["Late"]}}}
    try:
        names = {one["id"]: one["name"] for one in ask("flows/filter", limit=_MOST)}
        runs = ask("flow_runs/filter", flow_runs=over, sort="END_TIME_DESC", limit=_MOST)
        waiting = int(ask("flow_runs/count", flow_runs=late))
        workers = _workers(client, api, pool)
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None
    ended = Counter({(name, state.lower()): 0 for name in names.values() for state in _ENDED})
    ended.update((names.get(run["flow_id"], "unknown"), str(run["state_type"]).lower()) for run in runs)
    return Flows(ended, waiting, workers)


def stack_families(facts: StackFacts) -> Iterable[Metric]:
    """The metrics of the stack."""
    up = _gauge("neighbour_up", "Whether it answers the console (1) or not (0)", "name")
    for name, answers in facts.up.items():
        up.add_metric([name], answers)
    free = _gauge("disk_free_bytes", "Bytes that are free where this lies", "place")
    size = _gauge("disk_size_bytes", "Bytes that there are where this lies", "place")
    for place, (whole, left) in facts.disks.items():
        size.add_metric([place], whole)
        free.add_metric([place], left)
    yield from (up, free, size)
    if facts.flows is not None:
        yield from _flow_families(facts.flows)


def _flow_families(flows: Flows) -> Iterable[Metric]:
    ended = _gauge("flow_runs_ended", "Flow runs that ended within the last hour", "flow", "state")
    for (flow, state), count in flows.ended.items():
        ended.add_metric([flow, state], count)
    late = _gauge("flow_runs_late", "Flow runs that are due and that no worker has taken")
    late.add_metric([], flows.late)
    workers = _gauge("workers_online", "Workers of the pool that Prefect has heard of lately")
    workers.add_metric([], flows.workers)
    return ended, late, workers


def _workers(client: httpx.Client, api: str, pool: str) -> int:
    """How many workers of the pool are online; none where there is no such pool."""
    answer = client.post(f"{api}/work_pools/{pool}/workers/filter", json={"limit": _MOST})
    if answer.status_code == httpx.codes.NOT_FOUND:
        return 0
    return sum(one.get("status") == "ONLINE" for one in answer.raise_for_status().json())


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx.HTTPError:
        return False


def _disks(places: Mapping[str, Path]) -> dict[str, tuple[int, int]]:
    found = {}
    for name, place in places.items():
        try:
            usage = shutil.disk_usage(place)
        except OSError:  # not to be seen from here
            continue
        found[name] = usage.total, usage.free
    return found


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ratchet_{name}", text, labels=labels)
