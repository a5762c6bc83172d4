"""Killed with SIGKILL at every step and run again, the training flow gives the release of an undisturbed run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.stack.processes import end_orphans
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.registry.registry import Registry

pytestmark = pytest.mark.faults

# The step to be killed in, and how many seconds after it has begun.
KILLS = [("ingest", 0.0), ("ingest", 1.0), ("prepare", 0.0), ("featurize", 0.0), ("train", 0.0), ("train", 0.3)]
KILLS += [("evaluate", 0.0), ("release", 0.0), ("release", 0.3), ("release", 1.0), ("release", 2.0)]
KILLS += [("release", 3.5)]  # the rehearsal takes a while


@dataclass
class Training:
    """A running `ratchet train`; to files, since what a killed process leaves behind would hold a pipe open."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path


def start(problem: Path, home: Path) -> Training:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RATCHET_", "PREFECT_"))}
    command = [sys.executable, "-m", "pipelines.cli", "train", str(problem), "--as-of", "2026-01-01", "--json"]
    home.mkdir(exist_ok=True)
    out, err = home / "out.txt", home / "err.txt"
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.Popen(command, env={**kept, "RATCHET_HOME": str(home)}, stdout=to_out, stderr=to_err)
    return Training(process, out, err)


def finish(training: Training) -> dict[str, Any]:
    assert training.process.wait(timeout=200) == 0, training.err.read_text()
    return json.loads(training.out.read_text().splitlines()[-1])


def kill_in(training: Training, step: str, seconds: float) -> bool:
    """Kill the process in that step; False when it ended before."""
    while f"\n{step} " not in training.err.read_text():
        assert training.process.poll() is None, training.err.read_text()
        time.sleep(0.01)
    time.sleep(seconds)
    ended = training.process.poll() is not None
    training.process.kill()  # the process alone: what it started is left behind, as in life
    training.process.wait()
    return not ended


def decided(summary: dict[str, Any]) -> list[str]:
    """The reasons but those that were measured on the machine: time, and the size of a file with object ids in it."""
    return [one for one in summary["reasons"] if " ms over HTTP" not in one and "the model has" not in one]


@pytest.mark.timeout(1200)
def test_the_same_release_after_a_kill_at_each_step(small: Path, tmp_path: Path) -> None:
    undisturbed = finish(start(small, tmp_path / "undisturbed"))
    home = tmp_path / "killed"
    killed = [kill_in(start(small, home), step, seconds) for step, seconds in KILLS]
    assert all(killed[:8])
    end = finish(start(small, home))
    for name in ("decision", "version", "champion", "model_digest", "snapshot", "run_key", "metrics"):
        assert end[name] == undisturbed[name], name
    assert decided(end) == decided(undisturbed)

    settings = Settings(home=home)
    ledger = Ledger(settings.database)
    assert [entry.outcome for entry in ledger.entries("small")] == ["promote"]
    ledger.close()
    assert [release.version for release in Registry(settings).releases("small")] == [1]
    assert end_orphans(home) == []  # each run has ended the servers that the one before had left
