from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import psutil
import pytest
from ratchet_client import Client

from pipelines.commands.demo import (
    AGREED,
    MARK,
    OPENING,
    PROBLEM,
    _await_champion,
    _await_history,
    _fresh_home,
)
from pipelines.commands.output import decisive
from pipelines.core.errors import ProblemError
from pipelines.core.settings import Settings
from pipelines.stack.lineup import Member
from pipelines.stack.processes import is_alive
from pipelines.stack.running import up

Ratchet = Callable[..., tuple[int, Any, str]]


@pytest.mark.parametrize("there", [False, True])
def test_a_new_home_is_made_and_marked(settings: Settings, there: bool) -> None:
    home = settings.home / "of" / "the demo"
    if there:
        home.mkdir(parents=True)
    fresh = _fresh_home(home)
    assert fresh.home == home
    assert os.environ["RATCHET_HOME"] == str(home)  # flows read it too
    assert [path.name for path in home.iterdir()] == [MARK]
    assert json.loads((home / MARK).read_text()) == {"problem": PROBLEM}


def test_a_home_that_is_not_the_demo_s_is_left_as_it_is(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "ratchet.db").write_text("years of decisions")
    with pytest.raises(ProblemError, match="holds state that is not the demo's: give another folder with --home"):
        _fresh_home(settings.home)
    assert [path.name for path in settings.home.iterdir()] == ["ratchet.db"]
    assert (settings.home / "ratchet.db").read_text() == "years of decisions"


def test_the_command_refuses_before_it_starts_anything(ratchet: Ratchet, settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "notes.txt").write_text("mine")
    code, out, _ = ratchet("demo", "--home", settings.home, "--json")
    assert (code, out["error"]["type"]) == (ProblemError.exit_code, "ProblemError")
    assert ratchet("demo", "--weeks", "0")[0] == ratchet("demo", "--weeks", "41")[0] == 2
    assert [path.name for path in settings.home.iterdir()] == ["notes.txt"]


def test_an_earlier_demo_is_ended_and_starts_over(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    _fresh_home(settings.home)
    sleeper = Member(
        name="sleeper",
        title="What the earlier demo left running",
        port=None,
        command=lambda ports: [sys.executable, "-S", "-c", "import time; time.sleep(60)"],
        works=lambda ports, token: True,
    )
    (state,) = up(settings, members=[sleeper])
    process = psutil.Process(state.pid)
    assert is_alive(process)
    (settings.home / "ratchet.db").write_text("the last time's decisions")
    fresh = _fresh_home(settings.home)
    assert "starting over" in capsys.readouterr().err
    assert not is_alive(process)
    assert fresh.home == settings.home
    assert [path.name for path in settings.home.iterdir()] == [MARK]


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (["better than the baseline", "better than the champion", "no slice harmed"], "better than the champion"),
        (["enough labels", "worse than the baseline"], "worse than the baseline"),
        (["enough labels", "no slice harmed"], "enough labels"),
        ([], "–"),
        (None, "–"),
    ],
)
def test_the_decisive_reason_is_the_comparison(reasons: list[str] | None, told: str) -> None:
    assert decisive(reasons) == told


@pytest.fixture
def models() -> list[dict[str, Any]]:
    """What the service says of the model, one answer after the other."""
    return []


@pytest.fixture
def client(models: list[dict[str, Any]]) -> Iterator[Client]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            about = models.pop(0) if self.path == f"/v1/models/{PROBLEM}" else {}
            content = json.dumps({"problem": PROBLEM} | about).encode()
            self.send_response(200 if "status" in about else 404)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with Client(f"http://127.0.0.1:{server.server_port}") as client:
            yield client
        server.shutdown()
        thread.join()


def test_the_demo_goes_on_when_the_first_release_serves(client: Client, models: list[dict[str, Any]]) -> None:
    models += [
        {"error": "no release yet"},
        {"status": "loading"},
        *[{"status": "serving"}] * AGREED,
        {"status": "left"},
    ]
    _await_champion(client)
    assert models == [{"status": "left"}]


def test_a_week_begins_when_its_history_is_served(client: Client, models: list[dict[str, Any]]) -> None:
    before, after = "2013-02-28T23:00:00+00:00", "2013-03-01T00:00:00Z"
    moments = [after, before, *[after] * AGREED]  # a replica that has followed, one that has not, then both
    models += [{"status": "serving", "history_as_of": moment} for moment in moments]
    _await_history(client, OPENING)
    assert models == []
