from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from pipelines.core.errors import Busy, Unavailable
from pipelines.core.settings import Settings
from pipelines.stack.addresses import all_records, answers, is_free, run_folder, url_of
from pipelines.stack.lineup import Member
from pipelines.stack.running import down, status, up


def web(name: str, port: int = 0, needs: tuple[str, ...] = ()) -> Member:
    """A member that is Python's own web server."""
    return Member(
        name=name,
        title=name,
        port=port,
        command=lambda ports: [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(ports[name])],
        works=lambda ports, token: answers(url_of("127.0.0.1", ports[name])),
        needs=needs,
        patience=30,
    )


@pytest.fixture
def home(settings: Settings) -> Iterator[Settings]:
    yield settings
    down(settings)


def test_up_is_idempotent_and_down_leaves_nothing(home: Settings) -> None:
    members, told = [web("one"), web("two", needs=("one",))], []
    states = up(home, lambda name, event: told.append((name, event)), members)
    assert all(state.running and state.answers and state.url for state in states)
    assert told.index(("one", "answers")) < told.index(("two", "starts"))

    again = up(home, members=members)
    assert [state.pid for state in again] == [state.pid for state in states]

    os.kill(states[0].pid or 0, signal.SIGKILL)
    while status(home, members)[0].running:
        time.sleep(0.01)
    mended = up(home, members=members)
    assert mended[0].pid != states[0].pid
    assert mended[1].pid == states[1].pid

    assert down(home) == ["one", "two"]
    assert not any(state.running for state in status(home, members))
    assert all(is_free("127.0.0.1", int((state.url or "").rsplit(":")[-1])) for state in states)
    assert all_records(home) == []
    assert down(home) == []


def test_a_busy_port_is_named_and_replaced(home: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy, told = taken.getsockname()[1], []
        (state,) = up(home, lambda name, event: told.append(event), [web("one", busy)])
    assert state.answers
    assert str(busy) not in (state.url or "")
    assert told[0].startswith(f"port {busy} is in use")


def test_a_member_that_fails_shows_the_end_of_its_log(home: Settings) -> None:
    broken = Member(
        name="broken",
        title="The broken one",
        port=None,
        command=lambda ports: [sys.executable, "-c", "raise SystemExit('no such database')"],
        works=lambda ports, token: False,
    )
    with pytest.raises(Unavailable, match=r"The broken one has ended while starting(.|\n)*no such database"):
        up(home, members=[broken])


def test_a_member_that_never_answers_is_given_up(home: Settings) -> None:
    mute = Member(
        name="mute",
        title="The mute one",
        port=None,
        command=lambda ports: [sys.executable, "-c", "import time; time.sleep(60)"],
        works=lambda ports, token: False,
        patience=0.3,
    )
    with pytest.raises(Unavailable, match="The mute one does not answer"):
        up(home, members=[mute])


def test_down_does_not_touch_whoever_has_the_pid_now(home: Settings) -> None:
    up(home, members=[web("one")])
    record = run_folder(home) / "one.json"
    content = json.loads(record.read_text())
    down(home)
    record.write_text(json.dumps({**content, "pid": os.getpid()}))
    assert down(home) == []  # and this test goes on


def test_one_at_a_time(home: Settings) -> None:
    run_folder(home).mkdir(parents=True)
    with FileLock(run_folder(home) / "stack.lock"), pytest.raises(Busy):
        up(home, members=[web("one")])


def test_logs_are_kept(home: Settings) -> None:
    (state,) = up(home, members=[web("one")])
    limit = time.monotonic() + 5
    while "GET /" not in Path(state.log or "").read_text():
        assert time.monotonic() < limit
        time.sleep(0.05)
