"""A running Compose project: its containers, what they have taken of CPU and memory, commands inside, doors outside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

_SOCKET = "/var/run/docker.sock"


class NotThere(Exception):
    """There is no such stack, or a part of it does not run."""


@dataclass(frozen=True)
class Taken:
    """What a service's containers have taken: CPU seconds since they started, and bytes of memory now."""

    cpu: float
    memory: int


@dataclass(frozen=True)
class Project:
    """One Compose project, asked through the engine's own API and the command `docker compose`."""

    name: str
    command: tuple[str, ...] = ("docker", "compose")

    def run(self, *arguments: str, given: str | None = None, patience: float = 900.0) -> str:
        """What `docker compose` says; NotThere with what went wrong."""
        whole = [*self.command, "-p", self.name, *arguments]
        done = subprocess.run(whole, input=given, capture_output=True, text=True, timeout=patience, check=False)
        if done.returncode:
            raise NotThere(f"{' '.join(whole)}: {done.stderr.strip()[-500:] or done.stdout.strip()[-500:]}")
        return done.stdout

    def inside(self, service: str, *command: str, given: str | None = None, patience: float = 900.0) -> str:
        """What a command in a service's container says."""
        return self.run("exec", "-T", service, *command, given=given, patience=patience)

    def port(self, service: str, port: int) -> int:
        """The port of this machine that a service's port is published on."""
        return int(self.run("port", service, str(port)).strip().rsplit(":", 1)[1])

    def containers(self) -> dict[str, list[str]]:
        """The ids of the running containers by service."""
        label = json.dumps({"label": [f"com.docker.compose.project={self.name}"], "status": ["running"]})
        found: dict[str, list[str]] = {}
        for one in ask("/containers/json", filters=label):
            found.setdefault(one["Labels"]["com.docker.compose.service"], []).append(one["Id"])
        if not found:
            raise NotThere(f"no container of the project {self.name} runs: `docker compose up -d --wait` starts it")
        return found

    def addresses(self, service: str) -> list[str]:
        """Addresses of a service's containers in their networks, one of each."""
        found = []
        for container in self.containers().get(service, []):
            networks = ask(f"/containers/{container}/json")["NetworkSettings"]["Networks"]
            found.append(next(one["IPAddress"] for one in networks.values() if one["IPAddress"]))
        return found

    def taken(self) -> dict[str, Taken]:
        """What each service has taken."""
        return {name: sum_up([read(one) for one in ids]) for name, ids in sorted(self.containers().items())}


def read(container: str) -> Mapping[str, Any]:
    """The engine's numbers of a container, now."""
    found: Mapping[str, Any] = ask(f"/containers/{container}/stats", stream="false", **{"one-shot": "true"})
    return found


def sum_up(stats: Sequence[Mapping[str, Any]]) -> Taken:
    """CPU and memory of several containers; what the kernel would give back (files in memory) is not counted.

    >>> sum_up([{"cpu_stats": {"cpu_usage": {"total_usage": 2e9}},
    ...          "memory_stats": {"usage": 100, "stats": {"total_inactive_file": 30}}}])
    Taken(cpu=2.0, memory=70)
    """
    cpu, memory = 0.0, 0
    for one in stats:
        cpu += one["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
        kept = one["memory_stats"].get("stats", {})
        memory += one["memory_stats"].get("usage", 0) - kept.get("total_inactive_file", kept.get("inactive_file", 0))
    return Taken(cpu, memory)


def ask(path: str, **query: str) -> Any:
    """What the engine's API answers."""
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=_SOCKET), base_url="http://docker", timeout=30) as client:
            return client.get(path, params=query).raise_for_status().json()
    except httpx.HTTPError as error:
        raise NotThere(f"the Docker engine does not answer at {_SOCKET} ({error}): is it running?") from error
