"""One load on the stack by its published port, with what it cost every service."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from benchmarks.machine import ROOT
from benchmarks.serving.load import Plan, request_bytes, write_bodies
from benchmarks.serving.statistics import percentile
from benchmarks.stack.compose import NotThere, Project, Taken
from benchmarks.stack.lag import LagWatch

IN_ITS_WAY = ("proxy", "prediction", "postgres")
"""The services that a request goes through."""


@dataclass(frozen=True)
class Outcome:
    """What came of a load; `cpu` and `memory` are by service, CPU in seconds during the load."""

    asked: float | None
    """Requests a second that were wanted; None: as many as there are answers."""
    clients: int
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    lag_ms: float
    """The longest that was seen."""
    commit_p99_ms: float | None
    cpu: Mapping[str, float]
    memory: Mapping[str, int]

    @property
    def rate(self) -> float:
        """Requests answered a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds of what answers for each request: proxy, replicas, database; the others are only there."""
        return 1000 * sum(self.cpu.get(name, 0.0) for name in IN_ITS_WAY) / self.requests if self.requests else 0.0

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {**asdict(self), "rate": self.rate, "cpu_ms": self.cpu_ms}


@dataclass
class Client(AbstractContextManager["Client"]):
    """Somebody with a key who asks the stack by its published port."""

    project: Project
    port: int
    key: str
    folder: Path
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"X-API-Key": self.key}
        base = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def model(self, problem: str | None) -> dict[str, Any]:
        """What the service says of a problem's release (default: of the first one that is served)."""
        served = [
            one["problem"]
            for one in self.http.get("/v1/models").raise_for_status().json()["models"]
            if one["status"] == "serving"
        ]
        if problem not in served and (problem is not None or not served):
            raise NotThere(f"{problem or 'no problem'} is served: train one, or `--profile demo` makes flights")
        found: dict[str, Any] = self.http.get(f"/v1/models/{problem or served[0]}").raise_for_status().json()
        return found

    def predict(self, model: Mapping[str, Any], rows: int) -> list[str]:
        """The ids of the answers to so many rows."""
        body = {"instances": [row_of(model)] * rows}
        answer = self.http.post(f"/v1/models/{model['problem']}/predict", json=body).raise_for_status()
        return [one["id"] for one in answer.json()["predictions"]]

    def load(self, model: Mapping[str, Any], clients: int, seconds: float, rate: float | None = None) -> Outcome:
        """Single rows from so many connections: at this rate, or (None) each again as soon as it is answered."""
        file = self.folder / "bodies.bin"
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        body = json.dumps({"instances": [row_of(model)]}).encode()
        write_bodies([request_bytes(f"/v1/models/{model['problem']}/predict", body, headers)], file)
        replicas = [f"http://{address}:8000" for address in self.project.addresses("prediction")]
        before = self.project.taken()
        with LagWatch(replicas, self.key) as watch:
            told = generate(Plan(self.port, str(file), clients, seconds, rate))
        after, waited = self.project.taken(), watch.waited()
        latencies = told["latencies"] or [float("nan")]
        return Outcome(
            asked=rate,
            clients=clients,
            requests=told["requests"],
            seconds=told["seconds"],
            p50_ms=percentile(latencies, 0.5),
            p99_ms=percentile(latencies, 0.99),
            lag_ms=1000 * waited.worst,
            commit_p99_ms=None if waited.p99 is None else 1000 * waited.p99,
            cpu=spent(before, after),
            memory={name: one.memory for name, one in after.items()},
        )


def row_of(model: Mapping[str, Any]) -> dict[str, Any]:
    """A row as this model wants it, by its own description.

    >>> row_of({"instance": {"example": {"a": 1, "b": None}}})
    {'a': 1}
    """
    return {name: value for name, value in model["instance"]["example"].items() if value is not None}


def spent(before: Mapping[str, Taken], after: Mapping[str, Taken]) -> dict[str, float]:
    """CPU seconds between two looks; a container that was started meanwhile counts from its start."""
    return {name: max(one.cpu - (before[name].cpu if name in before else 0.0), 0.0) for name, one in after.items()}


def generate(plan: Plan) -> dict[str, Any]:
    """A process of its own asks, so that it shares no interpreter with whoever watches."""
    command = [sys.executable, "-m", "benchmarks.serving.load"]
    told = json.dumps(asdict(plan))
    done = subprocess.run(command, cwd=ROOT, input=told, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    if "error" in found:
        raise NotThere(f"the load ended early: {found['error']}")
    return found
