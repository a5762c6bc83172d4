"""What the service promises to beat, and whether this run saw it: met, not met, or not measured."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.serving.findings import Findings, least
from benchmarks.serving.statistics import ratio

BATCHING = ("mlserver-batching", "bentoml")


@dataclass(frozen=True)
class Floor:
    """One promise: `found` has to be at least (or at most) `wanted`, in `unit`."""

    promise: str
    wanted: float
    found: float | None
    at_most: bool = False
    unit: str = "x"

    @property
    def met(self) -> bool | None:
        """None where it was not measured."""
        if self.found is None:
            return None
        return self.found <= self.wanted if self.at_most else self.found >= self.wanted


def floors(found: Findings) -> list[Floor]:
    """Every promise against one run; single rows and 16 clients unless it says otherwise.

    >>> [floor.met for floor in floors(Findings())][:2]
    [None, None]
    """
    return [*_compiled(found), *_generic(found), *_tables(found), *_process(found)]


def _compiled(found: Findings) -> list[Floor]:
    ours = found.cpu("ratchet")
    best = least(found.cpu(peer) for peer in BATCHING)
    tail = None if found.tail is None else ratio(found.tail[1], found.tail[0])
    return [
        Floor("less CPU per request than mlflow models serve", 50, ratio(found.cpu("mlflow"), ours)),
        Floor("less CPU per request than the best of MLServer and BentoML with batching", 12, ratio(best, ours)),
        Floor("the CPU per request of a hello-world FastAPI", 1.5, ratio(ours, found.cpu("hello")), at_most=True),
        Floor("p99 over p50 at 70% of the peak", 3, tail, at_most=True),
    ]


def _generic(found: Findings) -> list[Floor]:
    def more(peer: str, clients: int) -> float | None:
        return ratio(found.rate("generic", clients), found.rate(peer, clients))

    added = None if found.lone is None else found.lone[1] - found.lone[0]
    return [
        Floor("not compiled: the requests/s of mlflow models serve", 10, more("mlflow", 16)),
        Floor("not compiled, 64 clients: the requests/s of mlflow models serve", 30, more("mlflow", 64)),
        Floor("not compiled: the requests/s of BentoML with batching", 2, more("bentoml", 16)),
        Floor("not compiled, 64 clients: the requests/s of BentoML with batching", 5, more("bentoml", 64)),
        Floor("not compiled: what a lone client waits on top of the model", 2.5, added, at_most=True, unit="ms"),
    ]


def _tables(found: Findings) -> list[Floor]:
    many = ratio(found.rate("ratchet", 1, 1000), found.rate("mlflow", 1, 1000))
    columnar = {(one.format, one.rows): ratio(one.service_ms, one.in_process_ms) for one in found.columnar}
    return [
        Floor("1,000 rows of JSON: the rows/s of mlflow models serve", 8, many),
        Floor("1,000 rows of Arrow: the CPU in process", 1.5, columnar.get(("arrow", 1000)), at_most=True),
        Floor("1,000 rows of Parquet: the CPU in process", 1.5, columnar.get(("parquet", 1000)), at_most=True),
    ]


def _process(found: Findings) -> list[Floor]:
    start = found.start("ratchet")
    seconds, memory = (None, None) if start is None else (start.seconds, start.largest_mb)
    return [
        Floor("from a cold start to the first prediction", 2, seconds, at_most=True, unit="s"),
        Floor("memory of a worker", 200, memory, at_most=True, unit="MB"),
    ]
