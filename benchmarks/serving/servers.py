"""A server under test: how it is started, asked and ended, and what it costs while it runs."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving.load import Plan, request_bytes, write_bodies
from benchmarks.serving.release import PLACE, ROOT

_PATIENCE = 120.0  # seconds that a start may take


class NotServing(Exception):
    """A server did not start or did not answer as it should; the message says what it wrote last."""


@dataclass(frozen=True)
class Server:
    """One way of serving the model. `encode` makes the body of rows at these positions (None: a GET)."""

    name: str
    title: str
    command: Callable[[int], Sequence[str]]
    path: str
    encode: Callable[[Sequence[int]], bytes | None]
    read: Callable[[Any], list[float]] | None = None
    """From the JSON answer to the second class's probabilities; None: it answers no scores."""
    environment: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    folder: Path = ROOT


@dataclass(frozen=True)
class Load:
    """What one run of the load generator found of one server."""

    requests: int
    seconds: float
    cpu: float
    """Seconds that the server's processes computed for it."""
    latencies: list[float]
    """Milliseconds of each request."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def cost(self) -> float:
        """Milliseconds of the server's CPU time per request."""
        return self.cpu / self.requests * 1000


@dataclass
class Running:
    """A server that answers."""

    server: Server
    port: int
    process: psutil.Process
    started_in: float
    """Seconds from its start as a process to its first answered prediction."""

    def ask(self, positions: Sequence[int]) -> Any:
        """The JSON answer to one request about these rows."""
        status, answer = _ask(self.server, self.port, positions)
        if status != 200:
            raise NotServing(f"{self.server.title} answered {status}: {answer[:500]!r}")
        return json.loads(answer)

    def tree(self) -> list[psutil.Process]:
        """Its processes."""
        return [self.process, *self.process.children(recursive=True)]

    def memory(self) -> tuple[float, float]:
        """Megabytes resident: of its largest process, and of all."""
        sizes = [one.memory_info().rss / 1e6 for one in self.tree()]
        return max(sizes), sum(sizes)

    def load(self, clients: int, seconds: float, rows: int = 1, rate: float | None = None, most: int = 512) -> Load:
        """Ask it from `clients` connections for some seconds, `rows` rows per request."""
        path, encode = self.server.path, self.server.encode
        bodies = [encode(asked) for asked in turns(rows, most)]
        file = PLACE / f"bodies-{self.server.name}-{rows}.bin"
        write_bodies([request_bytes(path, body, self.server.headers) for body in bodies], file)
        before = self._computed()
        outcome = _generate(Plan(self.port, str(file), clients, seconds, rate))
        if "error" in outcome:
            raise NotServing(f"{self.server.title}: {outcome['error']}")
        cpu = self._computed() - before
        return Load(outcome["requests"], outcome["seconds"], cpu, outcome["latencies"])

    def _computed(self) -> float:
        times = [one.cpu_times() for one in self.tree()]
        return sum(one.user + one.system for one in times)


def turns(rows: int, most: int = 512) -> list[range]:
    """Which rows each request asks about, one request after another; then they come again.

    >>> turns(1_000)[-1]
    range(3000, 4000)
    """
    return [range(turn * rows, (turn + 1) * rows) for turn in range(most if rows == 1 else 4)]


@contextmanager
def running(server: Server) -> Iterator[Running]:
    """The server, started, until the block ends; NotServing when it does not come up."""
    port = free_port()
    log = PLACE / "logs" / f"{server.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "true", **server.environment}
    begun = time.perf_counter()
    with log.open("wb") as output:
        handle = subprocess.Popen(
            server.command(port), cwd=server.folder, env=os.environ | environment, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        _await(server, port, handle, log)
        yield Running(server, port, psutil.Process(handle.pid), time.perf_counter() - begun)
    finally:
        _end(handle)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(server: Server, port: int, handle: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    told = ""
    while handle.poll() is None and time.monotonic() < deadline:
        try:
            status, answer = _ask(server, port, [0])
            if status == 200:
                return
            told = f"{status}: {answer[:500]!r}"
        except (OSError, http.client.HTTPException):
            pass  # not listening yet
        time.sleep(0.01)
    raise NotServing(f"{server.title} did not answer {told}\n{log.read_text(errors='replace')[-2000:]}")


def _ask(server: Server, port: int, positions: Sequence[int]) -> tuple[int, bytes]:
    body = server.encode(positions)
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        link.request("GET" if body is None else "POST", server.path, body, dict(server.headers))
        answer = link.getresponse()
        return answer.status, answer.read()
    finally:
        link.close()


def _generate(plan: Plan) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.serving.load"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(vars(plan)), capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def _end(handle: subprocess.Popen[bytes]) -> None:
    """End the server's whole session: some leave workers behind."""
    if handle.poll() is None:
        handle.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            handle.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(handle.pid, signal.SIGKILL)
    handle.wait(20)
