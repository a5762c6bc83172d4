"""Everything that one run found: what the tables show and the floors are held against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.serving.rounds import Measured


@dataclass(frozen=True)
class Start:
    """What it takes until a server answers, and what it holds in memory then."""

    server: str
    title: str
    seconds: float
    """From its start to its first answered prediction: median."""
    largest_mb: float
    """Resident memory of its largest process under load."""
    all_mb: float


@dataclass(frozen=True)
class Columnar:
    """A columnar body: CPU time in process and in the service."""

    format: str
    rows: int
    in_process_ms: float
    service_ms: float


@dataclass(frozen=True)
class Findings:
    """One run; None where a part was not measured."""

    measured: list[Measured] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    columnar: list[Columnar] = field(default_factory=list)
    tail: tuple[float, float] | None = None
    """p50 and p99 in milliseconds at 70% of the peak, 16 clients."""
    lone: tuple[float, float] | None = None
    """One row by the pipeline in process, and as a lone client of the generic path gets it, in milliseconds."""
    bare_json_ms: float | None = None
    """A thousand rows of JSON read, checked and answered in process: with no look-ups, scoring or log."""
    workers: tuple[float, float] | None = None
    """Requests per second of one worker and of two, 64 clients."""
    skipped: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    """Machine, versions, rounds."""

    def of(self, server: str, clients: int, rows: int = 1) -> Measured | None:
        """One server in one case."""
        return next(
            (one for one in self.measured if (one.server, one.clients, one.rows) == (server, clients, rows)), None
        )

    def cpu(self, server: str, clients: int = 16, rows: int = 1) -> float | None:
        """Milliseconds of CPU time per request."""
        found = self.of(server, clients, rows)
        return None if found is None else found.cpu_ms

    def rate(self, server: str, clients: int, rows: int = 1) -> float | None:
        """Requests per second."""
        found = self.of(server, clients, rows)
        return None if found is None else found.requests_per_second

    def start(self, server: str) -> Start | None:
        """What it takes until this server answers."""
        return next((one for one in self.starts if one.server == server), None)

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return asdict(self)


def least(values: Iterable[float | None]) -> float | None:
    """The smallest of those that were measured.

    >>> least([None, 3.0, 2.0]), least([None])
    (2.0, None)
    """
    known = [value for value in values if value is not None]
    return min(known) if known else None
