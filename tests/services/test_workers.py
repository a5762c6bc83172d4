"""The parent of several workers, with small stand-ins for the service: it starts, replaces and ends them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.prediction.workers import METRICS_FOLDER, Workers, shared_metrics

# Answers its pid, as the service does; what it is told decides how it ends.
STAND_IN = """
import asyncio, os, signal, sys
from services.prediction.worker_line import Line

class Answer(asyncio.Protocol):
    def connection_made(self, transport):
        transport.write(str(os.getpid()).encode())
        transport.close()

async def serve():
    loop = asyncio.get_running_loop()
    end = loop.create_future()
    loop.add_signal_handler(signal.SIGTERM, lambda: sys.argv[2] == "polite" and end.set_result(None))
    Line(int(sys.argv[1])).take_connections(Answer)
    await end

sys.exit(3) if sys.argv[2] == "broken" else asyncio.run(serve())
"""


class Crew:
    """Workers run by a thread of the test."""

    def __init__(self, kind: str, drain: float = 5.0) -> None:
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.stop, self.ready = threading.Event(), threading.Event()
        self.forgotten: list[int] = []
        self.code: int | None = None

        def command(line: int) -> list[str]:
            return [sys.executable, "-c", STAND_IN, str(line), kind]

        self.workers = Workers(2, self.listener, drain, command, self.forgotten.append)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        self.code = self.workers.run(self.stop, self.ready.set)

    def ask(self) -> int:
        """The pid of who answers; 0 where the one that took the connection died before it could."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as opened:
            try:
                return int(opened.recv(20) or b"0")
            except ConnectionResetError:
                return 0

    def pids(self, count: int) -> set[int]:
        """The workers that answer, once there are so many."""
        found: set[int] = set()
        deadline = time.monotonic() + 30
        while len(found) < count and time.monotonic() < deadline:
            found |= {self.ask()} - {0}
        return found

    def end(self) -> int | None:
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()
        return self.code


@pytest.fixture
def crew() -> Iterator[Callable[..., Crew]]:
    made: list[Crew] = []

    def start(kind: str, drain: float = 5.0) -> Crew:
        made.append(Crew(kind, drain))
        return made[-1]

    yield start
    for one in made:
        one.end()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_all_answer_and_one_that_is_killed_comes_back(crew: Callable[..., Crew]) -> None:
    mine = crew("polite")
    assert mine.ready.wait(30)
    before = mine.pids(2)
    assert len(before) == 2
    turns = [mine.ask() for _ in range(10)]
    assert turns == turns[:2] * 5, "connections go to one after the other"
    killed = before.pop()
    os.kill(killed, signal.SIGKILL)
    for _ in range(20):
        assert mine.ask() != killed, "meanwhile the other answers"
    now = mine.pids(2)
    assert len(now) == 2
    assert killed not in now
    assert mine.forgotten == [killed]
    assert mine.end() == 0
    assert not any(lives(pid) for pid in now)
    with pytest.raises(ConnectionRefusedError):
        mine.ask()


def test_what_a_dying_one_has_not_taken_is_given_to_another(crew: Callable[..., Crew]) -> None:
    mine = crew("polite")
    assert mine.ready.wait(30)
    stopped, other = sorted(mine.pids(2))
    os.kill(stopped, signal.SIGSTOP)
    found: list[int] = []
    asking = [threading.Thread(target=lambda: found.append(mine.ask())) for _ in range(6)]
    for thread in asking:
        thread.start()
    time.sleep(0.3)
    assert found == [other] * 3, "half of them wait for the one that stands still"
    os.kill(stopped, signal.SIGKILL)
    for thread in asking:
        thread.join()
    assert found == [other] * 6


def test_one_that_cannot_start_ends_the_service(crew: Callable[..., Crew]) -> None:
    mine = crew("broken")
    mine.thread.join(30)
    assert mine.code == 1
    assert not mine.ready.is_set()


def test_one_that_does_not_end_is_killed(crew: Callable[..., Crew], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.prediction.workers._GRACE", 0.1)
    mine = crew("stubborn", drain=0.2)
    assert mine.ready.wait(30)
    pids = mine.pids(2)
    assert mine.end() == 0
    assert not any(lives(pid) for pid in pids)


def test_workers_count_in_one_folder_that_is_gone_afterwards(tmp_path: Path) -> None:
    dead = tmp_path / "prediction-metrics.4194304"  # beyond any pid
    dead.mkdir()
    with shared_metrics(tmp_path):
        folder = Path(os.environ[METRICS_FOLDER])
        assert (folder.is_dir(), folder.parent) == (True, tmp_path)
        assert not dead.exists()
    assert not folder.exists()
    assert METRICS_FOLDER not in os.environ
