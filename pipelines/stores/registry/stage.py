"""A release on stage: the prediction service as a process that serves nothing but this one bundle, on loopback."""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelines.core.errors import Unavailable

START_SECONDS = 90.0  # a cold start takes one or two; a machine that is busy with other trainings much longer
ANSWER_SECONDS = 60.0
STOP_SECONDS = 10.0


class Refused(Exception):
    """The service was up and did not take the release; the message says why."""


class Stage:
    """A connection to the service; `seconds` is how long all answers together have taken."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=ANSWER_SECONDS)
        self.seconds = 0.0

    def predict(self, problem: str, rows: list[dict[str, Any]]) -> tuple[int, Any]:
        """Status and content of the answer to a request with these rows."""
        return self._ask("POST", f"/v1/models/{problem}/predict", json.dumps({"instances": rows}).encode())

    def compiled(self, problem: str) -> bool:
        """Whether the compiled form answers, and not the pipeline."""
        return bool(self._ask("GET", f"/v1/models/{problem}")[1].get("compiled"))

    def ready(self) -> dict[str, Any]:
        """What the service says of itself."""
        return dict(self._ask("GET", "/readyz")[1])

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        started = time.perf_counter()
        try:
            self._connection.request(method, path, body, {"content-type": "application/json"})
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return 0, {"detail": f"no answer: {type(error).__name__}: {error}"}
        self.seconds += time.perf_counter() - started
        try:
            return answer.status, json.loads(content)
        except ValueError:
            return answer.status, {"detail": content[:200].decode("utf-8", "replace")}


@contextmanager
def on_stage(bundle: Path, history: Path | None, place: Path, compiled: str) -> Iterator[Stage]:
    """The service with this bundle as its champion; gone when the block ends, however it ends.

    `place`: a folder for what it writes. Refused when it does not serve the bundle; Unavailable when it does not start.
    """
    process = _start(bundle, history, place, compiled)
    try:
        stage = Stage(_address(process, place))
        try:
            _require_serving(stage, place)
            yield stage
        finally:
            stage.close()
    finally:
        _end(process)


def _start(bundle: Path, history: Path | None, place: Path, compiled: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "services.prediction", "--bundle", str(bundle.absolute()), "--port", "0", "--tied"]
    if history is not None:
        command += ["--history", str(history.absolute())]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RATCHET_")}
    environment = kept | {"RATCHET_COMPILE": compiled, "RATCHET_LOG_LEVEL": "warning", "TMPDIR": str(place.absolute())}
    with (place / "service.log").open("wb") as log:
        return subprocess.Popen(
            command, env=environment, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )


def _address(process: subprocess.Popen[bytes], place: Path) -> str:
    """The address that the service tells once it listens, having tried to load the release."""
    assert process.stdout is not None
    deadline, told = time.monotonic() + START_SECONDS, b""
    while not told.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(process.stdout.fileno(), 4096) if ready else b""
        if not part:
            why = f"ended with {process.wait(STOP_SECONDS)}" if ready else f"was not up after {START_SECONDS:g} s"
            raise Unavailable(f"the service for the rehearsal {why}: {_last_words(place)}")
        told += part
    found = [word for word in told.decode().split() if word.startswith("http://")]
    return found[0]


def _require_serving(stage: Stage, place: Path) -> None:
    if not stage.ready().get("models"):
        raise Refused(f"the service refuses the release: {_last_words(place)}")


def _last_words(place: Path) -> str:
    """The last thing that the service logged, besides the requests that it answered."""
    lines = (place / "service.log").read_text("utf-8", "replace").strip().splitlines()
    for line in reversed(lines):
        try:
            told = json.loads(line)
            if told.get("route") is None:
                return str(told["message"])[:500]
        except (ValueError, KeyError, TypeError, AttributeError):
            return line[:500]
    return "it logged nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its own pid, and that alone: asked first, then without asking."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
