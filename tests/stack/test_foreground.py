"""What a container runs: the stack is looked after, and ends when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipelines.core.settings import Settings
from pipelines.stack import addresses, processes, running

NO_PORTS = {f"RATCHET_{name}_PORT": "0" for name in ("SERVICE", "MLFLOW", "PREFECT", "EVIDENTLY", "CONSOLE")}


@pytest.mark.faults
def test_what_dies_comes_back_and_all_ends_when_told(settings: Settings, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("ratchet")), "up", "--foreground"]
    with (tmp_path / "up.log").open("w") as log:
        up = subprocess.Popen(command, env={**os.environ, **NO_PORTS}, stdout=log, stderr=log)
    try:
        _until(lambda: all(state.answers for state in running.status(settings)), 150)
        service = processes.find(addresses.read_record(settings, "prediction"))
        assert service is not None
        service.kill()
        _until(lambda: _answers_anew(settings, service), 60)
        up.send_signal(signal.SIGTERM)
        assert up.wait(60) == 0
        assert not any(state.running for state in running.status(settings))
    finally:
        up.kill()
        up.wait()
        running.down(settings)


def _answers_anew(settings: Settings, old: psutil.Process) -> bool:
    state = next(one for one in running.status(settings) if one.name == "prediction")
    return state.answers and state.pid != old.pid


def _until(arrived: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not arrived():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.5)
