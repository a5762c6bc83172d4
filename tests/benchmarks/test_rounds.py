from __future__ import annotations

from typing import Any

from benchmarks.serving.rounds import Case, measure, summary
from benchmarks.serving.servers import Load


def test_a_summary_is_the_median_of_the_rounds() -> None:
    loads = [Load(100, 1.0, cpu, [1.0] * 98 + [5.0, 9.0]) for cpu in (0.03, 0.01, 0.02)]
    found = summary("ours", Case(16), loads)
    assert (found.cpu_ms, found.requests_per_second, found.p50_ms, found.p99_ms) == (0.2, 100.0, 1.0, 5.0)
    assert found.requests == 300
    assert round(found.spread, 9) == 1.0


def test_servers_take_turns_within_each_round() -> None:
    asked: list[tuple[str, int, int]] = []

    class Named:
        def __init__(self, name: str) -> None:
            self.name = self.title = name

    class Server:
        def __init__(self, name: str) -> None:
            self.server = Named(name)

        def load(self, clients: int, seconds: float, rows: int = 1) -> Load:
            asked.append((self.server.name, clients, rows))
            return Load(10, seconds, 0.001, [1.0])

    up: list[Any] = [Server("a"), Server("b")]
    found = measure(up, [Case(1), Case(16)], rounds=2)
    assert asked[:2] == [("a", 4, 1), ("b", 4, 1)]  # not counted: the first requests of a process
    assert asked[2:] == [("a", 1, 1), ("b", 1, 1), ("a", 16, 1), ("b", 16, 1)] * 2
    assert [(one.server, one.clients, one.requests) for one in found] == [
        ("a", 1, 20), ("b", 1, 20), ("a", 16, 20), ("b", 16, 20),
    ]  # fmt: skip
