"""Worker and Prefect server killed with SIGKILL while a retraining runs: it ends in one release, and is told once."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from pipelines.core.settings import Settings
from pipelines.stack import addresses, processes, running
from pipelines.stack.lineup import lineup
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.problems.known_problems import remember_problem
from pipelines.stores.problems.problem_files import load_problem

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ASK = """
import sys
from prefect.deployments import run_deployment
run_deployment("reconciling/reconciling", timeout=0, as_subflow=False)
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Settings]:
    """Prefect and a worker that take any free port; nothing else of the stack is needed."""
    settings = Settings(home=tmp_path / "home", prefect_port=0, rehearsal=False)
    yield settings
    running.down(settings)


def up(settings: Settings) -> None:
    running.up(settings, members=[one for one in lineup(settings) if one.name in ("prefect", "worker")])


def kill(settings: Settings, name: str) -> None:
    """The member and everything that it started, at once and without a word."""
    process = processes.find(addresses.read_record(settings, name))
    assert process is not None
    family = [process, *process.children(recursive=True)]
    for one in family:
        one.kill()
    psutil.wait_procs(family, timeout=30)


def reconcile(settings: Settings) -> None:
    """Have the worker run the reconciling flow now, and not within five minutes."""
    record = addresses.read_record(settings, "prefect")
    assert record is not None
    environment = {**os.environ, "PREFECT_API_URL": f"{record.url}/api", "RATCHET_HOME": str(settings.home)}
    subprocess.run([sys.executable, "-c", ASK], env=environment, check=True, timeout=200)


def until(arrived: Callable[[], bool], seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    while not arrived():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def state(settings: Settings, request: int) -> str:
    with closing(Ledger(settings.database)) as ledger:
        return ledger.find_request(request).state


def let_the_lease_end(settings: Settings) -> None:
    """Two minutes go by."""
    with closing(sqlite3.connect(settings.home / "ratchet.db", timeout=30)) as connection:
        connection.execute("UPDATE requests SET lease_until = '2020-01-01 00:00:00.000000' WHERE state = 'running'")
        connection.commit()


def write_problem(folder: Path) -> Path:
    rows = "\n".join(f"{n % 17},{n % 5},{'yes' if (n * 7) % 17 > 8 else 'no'}" for n in range(300))
    (folder / "small.csv").write_text(f"a,b,y\n{rows}\n")
    path = folder / "small.yaml"
    path.write_text("name: small\ndata: {source: small.csv, target: y}\nlearners: [linear]\nsearch: {trials: 1}\n")
    return path


def test_worker_and_server_die_while_a_retraining_runs(stack: Settings, tmp_path: Path) -> None:
    remember_problem(stack, load_problem(str(write_problem(tmp_path))))
    with closing(Ledger(stack.database)) as ledger:
        request = ledger.request("small", "retrain:v1", reason="an alarm", as_of=NOW, at=NOW).id
    up(stack)
    reconcile(stack)
    until(lambda: state(stack, request) == "running")
    kill(stack, "worker")  # in the middle of the training
    assert state(stack, request) == "running"
    kill(stack, "prefect")
    let_the_lease_end(stack)
    up(stack)
    reconcile(stack)
    until(lambda: state(stack, request) == "done")
    reconcile(stack)
    time.sleep(5)
    with closing(Ledger(stack.database)) as ledger:
        assert [entry.evidence["request"] for entry in ledger.entries("small", "release")] == [request]
        assert [one.state for one in ledger.requests("small")] == ["done"]
        assert [entry.outcome for entry in reversed(ledger.entries("small", "retraining"))] == ["asked", "done"]
