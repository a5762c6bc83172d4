"""Several rounds over all servers, one after the other within each round, so that a slow minute hits them all."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.serving.servers import Load, Running
from benchmarks.serving.statistics import median, percentile, spread


@dataclass(frozen=True)
class Case:
    """How the servers are asked."""

    clients: int
    rows: int = 1
    seconds: float = 2.0


@dataclass(frozen=True)
class Measured:
    """The medians over the rounds of one server in one case."""

    server: str
    clients: int
    rows: int
    cpu_ms: float
    """CPU time of the server's processes per request."""
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    spread: float
    """Of the CPU time: (largest - smallest) / median over the rounds."""
    requests: int

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return asdict(self)


def measure(servers: Sequence[Running], cases: Sequence[Case], rounds: int) -> list[Measured]:
    """Every server in every case, `rounds` times, interleaved; the first seconds of each server are not counted."""
    for one in servers:
        for rows in sorted({case.rows for case in cases}):
            one.load(4, 1.0, rows)
    found: dict[tuple[int, int], list[Load]] = {}
    for number in range(rounds):
        for place, case in enumerate(cases):
            for which, one in enumerate(servers):
                load = one.load(case.clients, case.seconds, case.rows)
                found.setdefault((which, place), []).append(load)
                say(
                    f"round {number + 1}, {case.clients} clients, {case.rows} rows: {one.server.title} "
                    f"{load.cost:.3f} ms"
                )
    return [
        summary(servers[which].server.name, cases[place], loads)
        for (which, place), loads in sorted(found.items(), key=lambda one: (one[0][1], one[0][0]))
    ]


def summary(server: str, case: Case, loads: Sequence[Load]) -> Measured:
    """What the rounds of one server in one case come to."""
    costs = [one.cost for one in loads]
    return Measured(
        server=server,
        clients=case.clients,
        rows=case.rows,
        cpu_ms=median(costs),
        requests_per_second=median([one.rate for one in loads]),
        p50_ms=median([percentile(one.latencies, 0.5) for one in loads]),
        p99_ms=median([percentile(one.latencies, 0.99) for one in loads]),
        spread=spread(costs),
        requests=sum(one.requests for one in loads),
    )


def say(text: str) -> None:
    """Progress, on stderr: the result is what goes to stdout."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
