"""What runs beside the console: flows in Prefect with their progress, and the prediction service's own numbers.

Neither is asked while a page waits: a thread asks both every few seconds as long as somebody looks, and pages show the
newest answer with its age. A neighbour that is down is shown as such and keeps no page from being made.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.console.links import Links
from services.console.replicas import ask_replicas
from services.console.service_numbers import ServiceNumbers

EVERY = 4.0
"""Seconds between two looks while somebody reads pages."""
_ASLEEP = 60.0  # seconds without a reader after which nobody is asked any more
_FIRST = 0.4  # seconds that the first reader waits for an answer
_PATIENCE = 3.0
_STEPS = ("ingest", "prepare", "featurize", "train", "evaluate", "release")
_STATES = ["PENDING", "RUNNING", "PAUSED", "CANCELLING"]
_PROGRESS = re.compile(r"^(\w+) (\d+)/(\d+) (.*)$", re.DOTALL)


@dataclass(frozen=True)
class FlowRun:
    """A flow that runs now: `done` of `steps` are finished, `text` says what it is at."""

    id: str
    flow: str
    problem: str
    state: str
    done: int
    steps: int
    text: str

    @property
    def share(self) -> float:
        """How much of it is done, between 0 and 1."""
        return min(self.done / self.steps, 1.0) if self.steps else 0.0


@dataclass(frozen=True)
class Surroundings:
    """The newest look: `runs` is None where Prefect did not answer, `service` where no replica told its numbers."""

    at: float
    runs: list[FlowRun] | None = None
    service: ServiceNumbers | None = None
    silence: str = ""
    """What keeps some, or all, of the service's numbers away."""


@dataclass
class Neighbours:
    """Looks after Prefect and the service; `start` begins, `close` ends it."""

    links: Links
    clock: Callable[[], float] = time.monotonic
    _wanted: float = field(default=-_ASLEEP, init=False)
    _seen: Surroundings | None = field(default=None, init=False)
    _arrived: threading.Event = field(default_factory=threading.Event, init=False)
    _bell: threading.Event = field(default_factory=threading.Event, init=False)
    _stopped: bool = field(default=False, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> Neighbours:
        """Begin to look whenever somebody reads."""
        self._thread = threading.Thread(target=self._follow, name="neighbours", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Look no more."""
        self._stopped = True
        self._bell.set()
        if self._thread is not None:
            self._thread.join(timeout=2 * _PATIENCE)

    def now(self) -> Surroundings | None:
        """The newest look; the first reader after a pause waits a moment for one, None where none came in time."""
        asleep = self.clock() - self._wanted > _ASLEEP
        self._wanted = self.clock()
        if asleep:
            self._arrived.clear()
            self._bell.set()
            self._arrived.wait(_FIRST)
        found = self._seen
        return None if found is None or self.clock() - found.at > _ASLEEP else found

    def look(self) -> Surroundings:
        """Ask both, now."""
        with httpx.Client(timeout=_PATIENCE, trust_env=False) as client:
            service, silence = ask_replicas(client, self.links.replicas(), self.links.settings.service_key)
            runs = _prefect(client, self.links.prefect_server())
        self._seen = Surroundings(self.clock(), runs, service, silence)
        self._arrived.set()
        return self._seen

    def _follow(self) -> None:
        while not self._stopped:
            if self.clock() - self._wanted <= _ASLEEP:
                self.look()
                self._bell.wait(EVERY)
            else:
                self._bell.wait()
            self._bell.clear()


def start_flow(prefect: str | None, deployment: str) -> str | None:
    """The id of a run of this deployment, started now; None where Prefect cannot (its schedule will)."""
    if prefect is None:
        return None
    try:
        with httpx.Client(base_url=f"{prefect}/api", timeout=_PATIENCE, trust_env=False) as client:
            found = client.get(f"/deployments/name/{deployment}").raise_for_status().json()
            made = client.post(f"/deployments/{found['id']}/create_flow_run", json={"state": {"type": "SCHEDULED"}})
            return str(made.raise_for_status().json()["id"])
    except (httpx.HTTPError, ValueError, KeyError):
        return None


def _prefect(client: httpx.Client, url: str | None) -> list[FlowRun] | None:
    if url is None:
        return None
    try:
        return _running(client, f"{url}/api")
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def _running(client: httpx.Client, api: str) -> list[FlowRun]:
    """Every flow that runs now, the newest first."""

    def ask(what: str, **query: Any) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = client.post(f"{api}/{what}/filter", json=query).raise_for_status().json()
        return answer

    state = {"state": {"type": {"any_": _STATES}}}
    runs = ask("flow_runs", flow_runs=state, sort="START_TIME_DESC", limit=20)
    if not runs:
        return []
    only = {"flow_runs": {"id": {"any_": [run["id"] for run in runs]}}}
    flows = {flow["id"]: flow["name"] for flow in ask("flows", **only)}
    tasks = ask("task_runs", **only, limit=200)
    logs = ask("logs", logs={"flow_run_id": {"any_": [run["id"] for run in runs]}}, sort="TIMESTAMP_DESC", limit=100)
    return [_flow_run(run, flows.get(run["flow_id"], "flow"), tasks, logs) for run in runs]


def _flow_run(run: Mapping[str, Any], flow: str, tasks: list[dict[str, Any]], logs: list[dict[str, Any]]) -> FlowRun:
    mine = [one for one in tasks if one["flow_run_id"] == run["id"]]
    done = len({one["name"].split("-")[0] for one in mine if one["state_type"] == "COMPLETED"})
    told = next((one["message"] for one in logs if one["flow_run_id"] == run["id"]), "")
    found = _PROGRESS.match(told)
    return FlowRun(
        id=run["id"],
        flow=flow,
        problem=_problem(run),
        state=str(run["state_type"]).lower(),
        done=done,
        steps=len(_STEPS) if flow == "training" else max(len(mine), 1),
        text=f"{found[1]} {found[2]} of {found[3]}: {found[4]}" if found else told[:200],
    )


def _problem(run: Mapping[str, Any]) -> str:
    """The name of the problem that a run is about, as far as its parameters tell."""
    told = str((run.get("parameters") or {}).get("problem") or "")
    return told.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".yaml").removesuffix(".yml")
