from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipelines.stack.addresses import Record
from pipelines.stack.processes import TOKEN, end, family, find, is_alive, log_end, spawn

Start = Callable[[str], Record]

SLEEPER = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {SLEEPER!r}])
subprocess.Popen([sys.executable, "-c", {SLEEPER!r}], start_new_session=True)
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    records: list[Record] = []

    def begin(code: str) -> Record:
        token, log = uuid.uuid4().hex, tmp_path / f"{len(records)}.log"
        pid, created = spawn([sys.executable, "-c", code], {**os.environ, TOKEN: token}, log)
        records.append(Record("one", token, pid, created, None, None, str(log)))
        return records[-1]

    yield begin
    end(records, grace=0.2)


def _wait_for(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_a_process_is_found_until_it_ends(start: Start) -> None:
    record = start(SLEEPER)
    process = find(record)
    assert process is not None
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert end([record], grace=5) == []
    assert find(record) is None
    assert not is_alive(process)


def test_the_same_pid_with_another_birthday_is_not_ours(start: Start) -> None:
    record = start(SLEEPER)
    stranger = Record(**{**record.__dict__, "created": record.created - 100, "token": "other"})
    assert find(stranger) is None
    assert end([stranger], grace=0.1) == []
    assert find(record) is not None  # it lives on


def test_a_record_without_pid_is_found_by_its_token(start: Start) -> None:
    record = start(SLEEPER)
    unfinished = Record(**{**record.__dict__, "pid": None, "created": None})
    _wait_for(lambda: family([record.token]))
    assert find(unfinished) is None
    assert end([unfinished], grace=0.1) == []
    assert find(record) is None


def test_children_end_too_even_in_a_session_of_their_own(start: Start) -> None:
    record = start(PARENT)
    _wait_for(lambda: len(family([record.token])) == 3)
    assert end([record], grace=5) == []
    assert family([record.token]) == []


def test_orphans_are_found_when_their_parent_was_killed(start: Start) -> None:
    record = start(PARENT)
    _wait_for(lambda: len(family([record.token])) == 3)
    os.kill(record.pid or 0, signal.SIGKILL)
    _wait_for(lambda: find(record) is None)
    assert len(family([record.token])) == 2
    assert end([record], grace=1) == []
    assert family([record.token]) == []


def test_who_does_not_listen_is_killed(start: Start) -> None:
    record = start(STUBBORN)
    _wait_for(lambda: "up" in log_end(Path(record.log)))
    assert end([record], grace=0.4) == []
    assert not psutil.pid_exists(record.pid or 0)


def test_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert log_end(log) == "(no log)"
    log.write_text("")
    assert log_end(log) == "(an empty log)"
    log.write_text("\n".join(map(str, range(10_000))))
    assert log_end(log, 2) == "9998\n9999"
