"""The six processes of the stack: what each is started with, and how it shows that it works."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipelines.core.settings import Settings
from pipelines.stack.addresses import answers, url_of
from pipelines.stack.elsewhere import elsewhere, online_workers

Ports = Mapping[str, int]


@dataclass(frozen=True)
class Member:
    """A process of the stack; `port` is the wanted one (None: it listens nowhere), `needs` must answer first."""

    name: str
    title: str
    port: int | None
    command: Callable[[Ports], list[str]]
    works: Callable[[Ports, str], bool]
    """Health check, given the ports and the token of the process asked about."""
    environment: Callable[[Ports], dict[str, str]] = field(default=lambda ports: {})
    named: Callable[[str], list[str]] = field(default=lambda token: [])
    """Further arguments, given the token of the process."""
    needs: tuple[str, ...] = ()
    patience: float = 120.0
    """Seconds until it must answer; a new database on a busy machine takes half a minute."""


def lineup(settings: Settings) -> list[Member]:
    """Every member that runs here, in the order in which they start: what the settings name elsewhere does not.

    The worker belongs to its Prefect server: where that is elsewhere, so is the worker.
    """
    away = {one.name for one in elsewhere(settings)}
    away |= {"worker"} if "prefect" in away else set()
    members = [
        _mlflow(settings),
        _prefect(settings),
        _service(settings, "prediction", "Prediction service: REST API", settings.service_port),
        _evidently(settings),
        _service(settings, "console", "Console: the operators' pages", settings.console_port),
        _worker(settings),
    ]
    return [member for member in members if member.name not in away]


def _mlflow(settings: Settings) -> Member:
    def command(ports: Ports) -> list[str]:
        return [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--host", settings.host, "--port", str(ports["mlflow"])),
            *("--backend-store-uri", settings.tracking_uri, "--serve-artifacts"),
            *("--artifacts-destination", settings.artifacts.as_uri()),
        ]

    return Member(
        name="mlflow",
        title="MLflow: runs and releases",
        port=settings.mlflow_port,
        command=command,
        works=lambda ports, token: answers(f"{url_of(settings.host, ports['mlflow'])}/health"),
        # Ten processes of 270 MB otherwise, for jobs that Ratchet does not give it.
        environment=lambda ports: {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    )


def _prefect(settings: Settings) -> Member:
    return Member(
        name="prefect",
        title="Prefect: flows, schedules, runs",
        port=settings.prefect_port,
        command=lambda ports: [
            *(sys.executable, "-m", "prefect", "server", "start"),
            *("--host", settings.host, "--port", str(ports["prefect"])),
        ],
        works=lambda ports, token: answers(f"{prefect_api(settings, ports)}/health"),
        environment=lambda ports: {"PREFECT_API_URL": prefect_api(settings, ports)},
    )


def _service(settings: Settings, name: str, title: str, port: int) -> Member:
    """One of Ratchet's own, from the module of its name; it reads the registry."""
    return Member(
        name=name,
        title=title,
        port=port,
        command=lambda ports: [sys.executable, "-m", f"services.{name}", "--port", str(ports[name])],
        works=lambda ports, token: answers(f"{url_of(settings.host, ports[name])}/healthz"),
        environment=lambda ports: {"RATCHET_MLFLOW_URL": _mlflow_url(settings, ports)},
    )


def _mlflow_url(settings: Settings, ports: Ports) -> str:
    """The MLflow server that services read: the one that is told, else the one of this lineup."""
    if settings.mlflow_url or settings.tracking_uri.startswith("http"):
        return settings.mlflow_url or settings.tracking_uri
    return url_of(settings.host, ports["mlflow"])


def _evidently(settings: Settings) -> Member:
    def command(ports: Ports) -> list[str]:
        settings.evidently_workspace.mkdir(parents=True, exist_ok=True)
        return [
            *(sys.executable, "-m", "evidently.cli", "ui", "--workspace", str(settings.evidently_workspace)),
            *("--host", settings.host, "--port", str(ports["evidently"])),
        ]

    return Member(
        name="evidently",
        title="Evidently: drift dashboards",
        port=settings.evidently_port,
        command=command,
        works=lambda ports, token: answers(f"{url_of(settings.host, ports['evidently'])}/api/version"),
    )


def _worker(settings: Settings) -> Member:
    return Member(
        name="worker",
        title="Prefect worker: runs the flows",
        port=None,
        command=lambda ports: [sys.executable, "-m", "pipelines.flows.worker", settings.work_pool],
        named=lambda token: [worker_name(token)],
        works=lambda ports, token: worker_name(token) in _online(settings, ports),
        environment=lambda ports: {"PREFECT_API_URL": prefect_api(settings, ports)},
        needs=("prefect",),
    )


def prefect_api(settings: Settings, ports: Ports) -> str:
    """The Prefect API that flows of this stack talk to."""
    return settings.prefect_url or f"{url_of(settings.host, ports['prefect'])}/api"


def worker_name(token: str) -> str:
    """What the worker of one `up` is called on the server: the server remembers earlier ones for a while.

    >>> worker_name("0123456789abcdef")
    'ratchet-01234567'
    """
    return f"ratchet-{token[:8]}"


def _online(settings: Settings, ports: Ports) -> list[str]:
    return online_workers(prefect_api(settings, ports), settings.work_pool) or []
