from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import psutil
import pytest

from pipelines.commands.demo import MARK, WEEKS, _fresh_home, _start
from pipelines.commands.demo_life import OPENING, PROBLEM
from pipelines.commands.output import decisive
from pipelines.core.errors import ProblemError
from pipelines.core.settings import Settings
from pipelines.stack.lineup import Member
from pipelines.stack.processes import is_alive
from pipelines.stack.running import down, up

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
    assert ratchet("demo", "--weeks", "0")[0] == ratchet("demo", "--weeks", str(WEEKS + 1))[0] == 2
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


def test_its_weeks_are_those_of_the_year() -> None:
    end = OPENING + timedelta(weeks=WEEKS)
    assert end <= datetime(2014, 1, 1, tzinfo=OPENING.tzinfo) < end + timedelta(weeks=1)


def test_a_training_need_not_wait_for_the_whole_stack(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    ready = settings.home / "ready"

    def member(name: str, works: Callable[[Mapping[str, int], str], bool]) -> Member:
        sleeps = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
        return Member(name=name, title=name, port=None, command=lambda ports: sleeps, works=works)

    members = [member("prefect", lambda ports, token: True), member("console", lambda ports, token: ready.exists())]
    try:
        _, came_up = _start(settings, members)
        told = capsys.readouterr().err
        assert "prefect      answers" in told
        assert "console      starts" in told
        assert "console      answers" not in told
        ready.touch()
        came_up()
        assert "console      answers" in capsys.readouterr().err
    finally:
        down(settings)
