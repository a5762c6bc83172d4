"""What happens in a service's life, under load: no answer fails, and every answer is in the log by its release.

Only where the process itself is killed do requests go without an answer; what was answered is in the log there too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import httpx
import psutil
import pytest

from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.registry.registry_reader import LocalReader
from pipelines.stores.storage.files import digest_file

pytestmark = pytest.mark.faults

LIMIT = 2.0  # seconds after the alias moved
PACE = 0.25  # where MLflow starts beside it: that takes most of a small machine
COMPILED, BETTER, SPARE = 2, 3, 4  # versions; 1 is plain


def all_well(stock: Any, *loads: Any, what: str = "") -> None:
    """Every answer is one, each row of it is in the log by the release that answered, and nothing else is."""
    answers = [answer for load in loads for answer in load.answers]
    failed = [answer for answer in answers if answer.status != 200]
    assert failed == [], f"{len(failed)} of {len(answers)}"
    given = {name: answer.version for answer in answers for name in answer.ids}
    assert len(given) == sum(len(answer.ids) for answer in answers), "an id was given twice"
    logged = stock.logged()
    assert [name for name, version in given.items() if logged.get(name) != version][:3] == []
    unanswered = set(logged) - set(given)
    broken = Counter(one.kind for load in loads for one in load.broken)
    if not broken:
        assert len(unanswered) == 0, "in the log, but never answered"
    told = f"{len(answers)} answers of {len(given)} rows, {len(unanswered)} rows logged beyond, {dict(broken)}"
    print(f"{what}: {told}")  # noqa: T201


def children(pid: int) -> set[int]:
    return {one.pid for one in psutil.Process(pid).children()}


def connections(pid: int, url: str) -> int:
    """How many connections to the service's port a process holds."""
    port = int(url.rsplit(":", 1)[1])
    try:
        held = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return 0
    return sum(one.status == "ESTABLISHED" and one.laddr.port == port for one in held)


def eventually(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_swap(stock: Any, serve: Any, load: Any) -> None:
    """From plain to compiled, to another compiled one, and back to plain."""
    took = []
    with serve(stock.settings) as service, load(service.url) as clients:
        before = 1
        for version in (COMPILED, BETTER, 1):
            start = time.monotonic()
            moved = stock.promote(version)
            took.append(clients.first(version, start) - (moved - start))
            seen = time.monotonic()
            clients.wait(300)
            assert clients.versions(start) == {before, version}
            assert clients.versions(seen) == {version}, "the release before answered again"
            before = version
    assert clients.broken == []
    assert max(took) <= LIMIT
    all_well(stock, clients, what=f"swapped after {', '.join(f'{one:.2f}' for one in took)} s")


def test_a_rollback_by_command(stock: Any, serve: Any, load: Any) -> None:
    """Two workers; within the limit both are back at the release before, whichever one a client talks to."""
    stock.promote(COMPILED)
    record_moves(stock, [COMPILED, BETTER])
    command = [sys.executable, "-m", "pipelines.cli", "rollback", "loans", "--reason", "a test", "--by", "Ada"]
    environment = os.environ | {"RATCHET_HOME": str(stock.settings.home)}
    reader = LocalReader(stock.settings)
    with serve(stock.settings, RATCHET_WORKERS="2") as service, load(service.url) as clients:
        clients.first(BETTER, stock.promote(BETTER))
        time.sleep(1.0)  # both workers
        start = time.monotonic()
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as rollback:
            eventually(lambda: reader.champions()["loans"] == COMPILED)
            moved = time.monotonic()
            assert rollback.wait(20) == 0, rollback.stdout.read() if rollback.stdout else ""
        took = clients.first(COMPILED, start) + start - moved
        time.sleep(max(0.0, moved + LIMIT - time.monotonic()))
        clients.wait(300)
    reader.close()
    assert clients.broken == []
    assert clients.versions(start) == {BETTER, COMPILED}
    assert clients.versions(moved + LIMIT) == {COMPILED}
    all_well(stock, clients, what=f"back {took:.2f} s after the alias moved, {moved - start + took:.2f} s in all")


def record_moves(stock: Any, versions: Iterable[int]) -> None:
    """What the ledger says where releases were promoted one after the other."""
    ledger = Ledger(stock.settings.database)
    for number, version in enumerate(versions):
        at = datetime(2026, 1, 1 + number, tzinfo=UTC)
        facts = {"problem": "loans", "kind": "release", "outcome": "promote", "version": version}
        ledger.record(f"release:loans:{number}", at=at, **facts)
    ledger.close()


@pytest.mark.parametrize("version", [1, COMPILED], ids=["plain", "compiled"])
def test_a_kill_and_a_start_on_the_same_home(stock: Any, serve: Any, load: Any, version: int) -> None:
    stock.promote(version)
    with serve(stock.settings) as service, load(service.url) as clients:
        clients.wait(500)
        killed = time.monotonic()
        service.stop(signal.SIGKILL)
        with serve(stock.settings) as again:
            clients.url = again.url
            clients.wait(500)
            clients.stop()
    assert {one.kind for one in clients.broken} <= {"lost", "cut", "refused"}
    assert min(one.sent for one in clients.broken) > killed - 1
    assert clients.versions() == {version}
    all_well(stock, clients, what=f"killed, silent for {clients.silence(killed):.2f} s")


def test_a_kill_of_one_worker_of_two(stock: Any, serve: Any, load: Any) -> None:
    stock.promote(COMPILED)
    with serve(stock.settings, RATCHET_WORKERS="2") as service, load(service.url) as clients:
        workers = children(service.handle.pid)
        assert all(connections(pid, service.url) for pid in workers), "both have clients"
        victim = min(workers)
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        clients.wait(500)
        goes_on = clients.silence(killed)
        eventually(lambda: len(children(service.handle.pid) - {victim}) == 2)
        new = (children(service.handle.pid) - workers).pop()

        def serving() -> bool:
            clients.reconnect()
            clients.wait(50)
            return connections(new, service.url) > 0

        eventually(serving)
        came = time.monotonic() - killed
        clients.wait(300)
    assert goes_on < 1
    assert {one.kind for one in clients.broken} <= {"lost", "cut"}, "connections are always taken"
    assert len(clients.broken) <= 8, "at most what the killed one had in hand"
    assert [one for one in clients.broken if one.sent > killed + 1] == []
    all_well(stock, clients, what=f"silent for {goes_on:.3f} s, the new worker had clients after {came:.2f} s")


def test_an_outage_of_the_registry(stock: Any, serve: Any, load: Any, mlflow_server: Any) -> None:
    """It hangs, it is killed, a second service starts without it, and it comes back: then both follow it again."""
    stock.promote(COMPILED)

    def registry(url: str) -> str:
        ready = httpx.get(f"{url}/readyz", timeout=10, trust_env=False)
        assert ready.status_code == 200
        return str(ready.json()["registry"])

    with mlflow_server(stock.settings.home) as mlflow:
        settings, port = stock.settings.model_copy(update={"mlflow_url": mlflow.url}), int(mlflow.url.rsplit(":", 1)[1])
        with serve(settings) as service, load(service.url, PACE) as clients:
            assert registry(service.url) == "ok"
            os.killpg(mlflow.handle.pid, signal.SIGSTOP)
            clients.wait(200)
            os.killpg(mlflow.handle.pid, signal.SIGKILL)  # and its workers
            eventually(lambda: "does not answer" in registry(service.url))
            clients.wait(200)
            with serve(settings) as second:
                with load(second.url, PACE) as before:
                    assert "does not answer" in registry(second.url)
                with mlflow_server(stock.settings.home, port), load(second.url, PACE) as after:
                    eventually(lambda: {registry(one.url) for one in (service, second)} == {"ok"})
                    moved = stock.promote(BETTER)
                    took = [one.first(BETTER, moved) for one in (clients, after)]
                    clients.wait(100)
    loads = (clients, before, after)
    all_well(stock, *loads, what=f"once it was back, swapped after {took[0]:.2f} and {took[1]:.2f} s")
    assert [one.broken for one in loads] == [[], [], []]
    assert [one.versions() for one in loads] == [{COMPILED, BETTER}, {COMPILED}, {COMPILED, BETTER}]
    assert max(took) <= LIMIT


@pytest.mark.parametrize(("version", "workers"), [(1, "1"), (COMPILED, "1"), (COMPILED, "2")])
def test_a_polite_end(stock: Any, serve: Any, load: Any, version: int, workers: str) -> None:
    """What was begun is answered and logged; what comes too late finds a closed connection, never half an answer."""
    stock.promote(version)
    with serve(stock.settings, RATCHET_WORKERS=workers) as service, load(service.url) as clients:
        clients.wait(500)
        told = time.monotonic()
        assert service.stop() == 0
        took = time.monotonic() - told
        clients.stop()
    assert {one.kind for one in clients.broken} <= {"lost", "refused"}
    assert [one for one in clients.broken if one.sent < told] == [], "sent before it was to end, but not answered"
    given = {name for answer in clients.answers for name in answer.ids}
    assert given == set(stock.logged()), "what was scored and logged was answered, too"
    assert "Traceback" not in service.log.read_text()
    all_well(stock, clients, what=f"ended after {took:.2f} s")


def test_a_bad_release(stock: Any, serve: Any, load: Any) -> None:
    """One with a file changed, one with all its digests made to fit: refused; a good one after them is served."""
    bad = {BETTER: "model.skops", SPARE: "ratchet/compiled.json"}
    for version, name in bad.items():
        with stock.artifact(version, name).open("ab") as file:
            file.write(b" ")
    manifest = stock.artifact(SPARE, "manifest.json")
    digests = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(digests | {bad[SPARE]: digest_file(stock.artifact(SPARE, bad[SPARE]))}))
    with serve(stock.settings) as service, load(service.url) as clients:
        for version, reason in ((BETTER, "model.skops"), (SPARE, "manifest")):
            stock.promote(version)

            def about() -> Any:
                return httpx.get(f"{service.url}/v1/models/loans", timeout=10, trust_env=False).json()

            eventually(lambda version=version: about().get("refused", {}).get("version") == version)
            assert reason in about()["refused"]["reason"]
            assert about()["version"] == 1
            clients.wait(300)
        assert clients.versions() == {1}
        took = clients.first(COMPILED, stock.promote(COMPILED))
        clients.wait(100)
    assert clients.broken == []
    assert clients.versions() == {1, COMPILED}
    assert took <= LIMIT
    all_well(stock, clients, what=f"two refused, then a good one after {took:.2f} s")
