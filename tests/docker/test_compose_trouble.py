"""Under light load everything is killed, cut off, filled and restarted; nothing that was acknowledged is lost.

What each fault cost a client goes into the figures, of which docs/reliability.md is made.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
WITHOUT_A_GAP = ("prediction", "mlflow", "prefect", "worker", "console", "evidently", "prometheus", "s3")
"""Services whose death no client may notice for long: the others are on the way of every request."""
IN_THE_LOG = """
import json, sys
from pipelines.core.settings import Settings
from pipelines.core.errors import NotFound
from pipelines.stores.logbook.prediction_log import PredictionLog
log, lost, other = PredictionLog(Settings().database), [], []
asked = json.load(sys.stdin)
for key, value in asked["answers"].items():
    try:
        found = log.get(key)
    except NotFound:
        lost.append(key)
        continue
    if abs(float((found.probabilities or {}).get("True", 0.0)) - value) > 1e-9:
        other.append(key)
unlabelled = [key for key, value in asked["labels"].items() if not any(one.label == value for one in log.labels(key))]
print(json.dumps({"lost": lost, "other": other, "unlabelled": unlabelled}))
"""
DATA = "/var/lib/postgresql/data"
FILL = f"fallocate -l $(df --output=avail -B1 {DATA} | tail -1) {DATA}/ballast; dd if=/dev/zero of={DATA}/crumbs bs=4k"
# In the session that filled the disk, for PostgreSQL may let no other in, and the tables may have room within: it gives
# up once there is none for the next piece of its write-ahead log.
USE_UP_THE_WAL = (
    "SELECT pg_logical_emit_message(false, '', repeat('x', 8000000)), pg_switch_wal() FROM generate_series(1, 40);"
)


@pytest.fixture(scope="module")
def load(stack: Any, loads: Any, champion: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Traffic through the published port from the first fault to the last."""
    scopes = ("--scope", "predict", "--scope", "label", "--scope", "read")
    key = stack.ratchet("keys", "create", f"trouble-{secrets.token_hex(3)}", *scopes)["key"]
    home = Path(os.environ.get("RATCHET_EMBEDDED_HOME") or tmp_path_factory.mktemp("rows"))
    running = loads.Load(stack.url("API"), key, "flights", loads.rows_of(home)).start()
    time.sleep(3)
    yield running
    running.stop()


def note(stack: Any, load: Any, fault: str, start: float, recovered: float | None = None) -> dict[str, Any]:
    """Write down what a fault cost, from its start until now."""
    cost = load.during(start, time.monotonic()) | {"recovered_s": None if recovered is None else round(recovered, 1)}
    stack.figures.setdefault("faults", {})[fault] = cost
    return dict(cost)


@pytest.mark.parametrize("board", ["service", "stack"])
def test_every_panel_has_data_from_the_live_prometheus(load: Any, wait: Any, empty_panels: Any, board: str) -> None:
    wait("each panel has data", lambda: not empty_panels(board), 60)


@pytest.mark.parametrize("service", [*WITHOUT_A_GAP, "proxy", "postgres"])
def test_a_killed_process_comes_back(stack: Any, load: Any, wait: Any, service: str) -> None:
    container, start = stack.containers(service)[0], time.monotonic()
    began = stack.kill(container)
    recovered = wait(f"{service} is well again", lambda: stack.is_well(container, began), 90)
    moment = time.monotonic()
    wait("requests are answered", lambda: load.answered_since(moment), 30)
    cost = note(stack, load, f"kill {service}", start, recovered)
    if service in WITHOUT_A_GAP:
        assert cost["longest_silence_s"] < 5, cost


def test_what_could_not_be_kept_is_not_answered(stack: Any, load: Any, wait: Any, run_docker: Any) -> None:
    network, start = stack.named("stores"), time.monotonic()
    replicas = stack.containers("prediction")
    for one in replicas:
        run_docker("network", "disconnect", network, one)
    time.sleep(1)
    cut = time.monotonic()
    time.sleep(5)
    assert not load.answered_since(cut)
    for one in replicas:
        run_docker("network", "connect", "--alias", "prediction", network, one)
    back = time.monotonic()
    wait("requests are answered", lambda: load.answered_since(back), 60)
    note(stack, load, "cut the service off PostgreSQL and S3, 6 s", start, time.monotonic() - back)


def test_without_its_registry_the_service_goes_on_and_even_starts(stack: Any, load: Any, wait: Any) -> None:
    start = time.monotonic()
    stack.compose("stop", "-t", "5", "mlflow", "s3")
    container = stack.containers("prediction")[0]
    began = stack.kill(container)
    recovered = wait("the replica is well again", lambda: stack.is_well(container, began), 60)
    cost = note(stack, load, "MLflow and S3 down, a replica killed", start, recovered)
    stack.compose("start", "s3", "mlflow")
    assert cost["longest_silence_s"] < 5, cost


def test_a_full_volume_costs_no_answer(stack: Any, load: Any, wait: Any) -> None:
    start = time.monotonic()
    replica, shelf = ("exec", "-T", "prediction"), "/var/lib/ratchet/serving"
    parts = "; ".join(f"dd if=/dev/zero of={shelf}/ballast{size} bs={size} 2>/dev/null" for size in ("1M", "4k", "1k"))
    left = int(stack.compose(*replica, "sh", "-c", f"{parts}; df --output=avail -BK {shelf} | tail -1").strip(" K\n"))
    assert left < 64, "kilobytes: no file of a release fits"
    container = stack.containers("prediction")[-1]
    began = stack.kill(container)
    wait("the replica is well again", lambda: stack.is_well(container, began), 60)
    moment = time.monotonic()
    wait("requests are answered", lambda: load.answered_since(moment), 30)
    stack.compose(*replica, "sh", "-c", f"rm {shelf}/ballast*")
    cost = note(stack, load, "the volume of releases full, a replica killed", start)
    assert cost["longest_silence_s"] < 5, cost


def test_a_full_disk_of_postgresql_is_told_and_lived_through(
    stack: Any, load: Any, wait: Any, run_docker: Any, disks: Any
) -> None:
    inside, start = ("exec", "-T", "postgres"), time.monotonic()
    if int(stack.compose(*inside, "sh", "-c", f"df --output=avail -BM {DATA} | tail -1").strip(" M\n")) > 2_000:
        pytest.skip("PostgreSQL's volume is no disk of its own (no loop devices here): it is not filled")
    with suppress(AssertionError):  # it ends in the middle
        stack.compose(*inside, "psql", "-qAt", text=f"SELECT 1;\n\\! {FILL}\n{USE_UP_THE_WAL}\n")
    wait("requests are refused", lambda: load.failed_since(start), 60)
    words = ("--rm", "--network=none", "--user=postgres", "--entrypoint=rm", "-v", f"{stack.named('postgres')}:{DATA}")
    run_docker("run", *words, disks.MAKER, "-f", f"{DATA}/ballast", f"{DATA}/crumbs")
    room = time.monotonic()
    wait("requests are answered", lambda: load.answered_since(room), 120)
    note(stack, load, "the disk of PostgreSQL full, its log too", start, time.monotonic() - room)


def test_the_engine_ends_and_starts_again(stack: Any, load: Any, wait: Any) -> None:
    program = os.environ.get("ENGINE_COMMAND")
    if not program:
        pytest.skip("the Docker engine is not ours to end (ENGINE_COMMAND names no program that does, as .ci/engine)")
    containers, start = stack.compose("ps", "-q").split(), time.monotonic()
    subprocess.run([*shlex.split(program), "restart"], cwd=ROOT, check=True, capture_output=True, timeout=180)
    again = time.monotonic()
    wait("requests are answered", lambda: load.answered_since(again), 240)
    wait("everything is well", lambda: all(stack.is_well(one) for one in containers), 300)
    note(stack, load, "the Docker engine ended and started again", start, time.monotonic() - again)


def test_everything_restarted_is_what_it_was(stack: Any, load: Any, wait: Any, champion: int) -> None:
    start, entries = time.monotonic(), stack.ratchet("ledger", "flights")
    stack.compose("down", "-t", "10", seconds=180)
    stack.compose("up", "-d", "--wait", "--no-build", seconds=300)
    moment = time.monotonic()
    wait("requests are answered", lambda: load.answered_since(moment), 60)
    note(stack, load, "everything ended and started again", start, time.monotonic() - start)
    assert stack.ratchet("ledger", "flights") == entries
    assert {one["problem"]: one["version"] for one in stack.ratchet("status")["champions"]}["flights"] >= champion


def test_nothing_acknowledged_was_lost(stack: Any, load: Any) -> None:
    load.stop()
    asked = {"answers": load.answers, "labels": load.labels}
    found = stack.python(IN_THE_LOG, json.dumps(asked))
    stack.figures["acknowledged"] = {
        "answers": len(load.answers), "labels": len(load.labels), "failed": len(load.failures),
        **{name: len(ids) for name, ids in found.items()},
    }  # fmt: skip
    assert found == {"lost": [], "other": [], "unlabelled": []}
    assert len(load.answers) > 500
    assert stack.ratchet("ledger", "--verify")["intact"]
