"""A Dask scheduler and workers as a person would start them, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle

_PATIENCE = 120.0  # seconds until a process answers; importing takes long on a busy machine


@dataclass
class DaskProcesses:
    """`address` for RATCHET_DASK; `workers` may be killed."""

    folder: Path
    address: str = ""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    scheduler: subprocess.Popen[bytes] | None = None
    started: int = 0

    def start_scheduler(self, host: str = "127.0.0.1", before: Sequence[str] = ()) -> None:
        """Start it on a free port; `before`: a command to start it by, such as `ip netns exec NAME`."""
        file = self.folder / "scheduler.json"
        options = ["--host", host, "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
        self.scheduler = self._start("scheduler", before, options)
        until = time.monotonic() + _PATIENCE
        while not (file.exists() and file.read_text().strip()):
            assert self.scheduler.poll() is None, (self.folder / "scheduler.log").read_text()
            assert time.monotonic() < until, "the Dask scheduler does not start"
            time.sleep(0.1)
        self.address = json.loads(file.read_text())["address"]

    def start_worker(self, before: Sequence[str] = (), host: str = "127.0.0.1") -> subprocess.Popen[bytes]:
        """Start one more; it registers by itself."""
        self.started += 1
        name = f"worker-{self.started}"
        options = [self.address, "--host", host, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name]
        options += ["--local-directory", str(self.folder / name)]
        self.workers.append(self._start("worker", before, options, name))
        return self.workers[-1]

    def end(self) -> None:
        """End what was started."""
        for process in [*self.workers, *filter(None, [self.scheduler])]:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()

    def _start(self, kind: str, before: Sequence[str], options: list[str], name: str = "") -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RATCHET_")}
        environment = {**kept, "OMP_NUM_THREADS": "1", "DASK_DISTRIBUTED__DIAGNOSTICS__NVML": "false"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[1])
        with (self.folder / f"{name or kind}.log").open("wb") as log:
            return subprocess.Popen(
                [*before, sys.executable, "-m", "dask", kind, *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.folder,
            )


class OnePickle:
    """A cluster of one worker that is this process: what goes there and comes back is pickled, as on a real one."""

    address = "one pickle"
    processes = 1
    folder = Path("/nowhere")

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.shared: list[Any] = []

    def share(self, value: Any) -> Any:
        self.shared.append(cloudpickle.loads(cloudpickle.dumps(value)))
        return self.shared[-1]

    def begin(self, function: Any, shared: Any, item: Any) -> OneWork:
        self.begun.append(item)
        return OneWork(cloudpickle.dumps((function, item)), shared)

    def each(self, function: Any, shared: Any, items: Any, ahead: int | None = None, listener: Any = None) -> Any:
        for work in [self.begin(function, shared, item) for item in items]:
            yield work.result()

    def everywhere(self, function: Any) -> None:
        cloudpickle.loads(cloudpickle.dumps(function))(self.folder)


@dataclass
class OneWork:
    """Work that is done when its result is wanted."""

    what: bytes
    shared: Any
    forgotten: bool = False

    def result(self) -> Any:
        function, item = cloudpickle.loads(self.what)
        return cloudpickle.loads(cloudpickle.dumps(function(self.shared, item)))

    def forget(self) -> None:
        self.forgotten = True


@contextmanager
def dask_processes(folder: Path, workers: int = 2) -> Iterator[DaskProcesses]:
    """A scheduler and workers on loopback; all of them end with the block."""
    started = DaskProcesses(folder)
    try:
        started.start_scheduler()
        for _ in range(workers):
            started.start_worker()
        yield started
    finally:
        started.end()
