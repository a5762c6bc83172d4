"""`ratchet demo`: the wheel turned on the flights of 2013, with every decision left to the data."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json
from pipelines.commands.demo_end import show_story
from pipelines.commands.demo_life import OPENING, PROBLEM, live, told_decision
from pipelines.commands.demo_places import addresses_elsewhere, runs_elsewhere, told_before
from pipelines.commands.output import remark, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

if TYPE_CHECKING:
    from pipelines.core.settings import Settings
    from pipelines.stack.lineup import Member
    from pipelines.stack.running import State

WEEKS = 43  # to the last whole week of 2013
FIRST = frozenset({"mlflow", "prefect", "prediction"})  # of the stack: what the first training and its release need
MARK = "demo.json"  # says that a home belongs to the demo, which starts over in it


def demo(
    home: Annotated[Path, typer.Option(help="Folder of the demo's state; it starts over each time.")] = Path(
        ".ratchet/demo"
    ),
    weeks: Annotated[
        int, typer.Option(min=1, max=WEEKS, help="Weeks of 2013 to live through from 1 March on.")
    ] = WEEKS,
    json: Json = False,
) -> None:
    """Train on January and February 2013, release, serve, then live through the rest of the year by the HTTP API.

    Every flight is asked about; labels come when it has landed. Every week is judged; the problem's policy asks for
    retraining, and the gate promotes or keeps. Nothing is staged: the decisions are the data's. The stack stays up.

    Where settings name a stack that runs elsewhere (RATCHET_SERVICE_URL, RATCHET_PREFECT_URL, RATCHET_MLFLOW_URI),
    it is told there: nothing is started or removed, and a stack that knows the flights already is left as it is.
    """
    started = time.monotonic()
    settings = read_settings()
    if runs_elsewhere(settings):
        if (told := told_before(settings, PROBLEM)) is not None:
            write_result({"decisions": [], "weeks": [], "skipped": told}, json, lambda: remark(told))
            return
        addresses, came_up = addresses_elsewhere(settings), None
    else:
        settings = _fresh_home(home)
        with _stage("The stack: MLflow, Prefect with a worker, the prediction service, the console, Evidently"):
            addresses, came_up = _start(settings)
    prepare_tools(settings)
    with _stage("First training: what was known on 1 March 2013"):
        decisions = [_train(OPENING, "first")]
        addresses |= came_up() if came_up else {}
    with _stage(f"Life: {weeks} weeks of flights over HTTP, labels as they land, each week judged"):
        lived = live(settings, addresses["prediction"], weeks, decisions)
    result = {"decisions": decisions, **lived, "ledger": _ledger(settings)}
    result["seconds"] = round(time.monotonic() - started, 1)
    write_result(result, json, lambda: show_story(settings, addresses, PROBLEM, result))


def _fresh_home(home: Path) -> Settings:
    """An empty home; one that an earlier demo left is taken down and removed, any other is refused."""
    from pipelines.core.errors import ProblemError
    from pipelines.stack import running
    from pipelines.stores.storage.files import write_json

    os.environ["RATCHET_HOME"] = str(home)
    settings = read_settings()
    if settings.home.exists() and any(settings.home.iterdir()):
        if not (settings.home / MARK).exists():
            raise ProblemError(f"{home} holds state that is not the demo's: give another folder with --home")
        remark("An earlier demo is there: ending it and starting over")
        running.down(settings)
        shutil.rmtree(settings.home)
    settings.home.mkdir(parents=True, exist_ok=True)
    write_json(settings.home / MARK, {"problem": PROBLEM})
    return settings


@contextmanager
def _stage(title: str) -> Iterator[None]:
    from rich.console import Console

    console, started = Console(stderr=True), time.monotonic()
    console.print(f"\n[bold]{title}[/bold]")
    yield
    console.print(f"[dim]  {time.monotonic() - started:.0f} s[/dim]")


def _start(
    settings: Settings, members: Sequence[Member] | None = None
) -> tuple[dict[str, str], Callable[[], dict[str, str]]]:
    """What a training needs, up; the rest is started, and comes up while the caller goes on.

    Gives the addresses so far, and a function that waits for all of them.
    """
    from pipelines.stack import running
    from pipelines.stack.lineup import lineup

    known = lineup(settings) if members is None else members
    missing, spawned = {one.name for one in known} - FIRST, Event()

    def tell(name: str, event: str) -> None:
        remark(f"  {name:<12} {event}")
        if event == "starts":
            missing.discard(name)
        if not missing:
            spawned.set()

    found = _addresses(running.up(settings, tell, [one for one in known if one.name in FIRST]))
    aside = ThreadPoolExecutor(1)
    rest: Future[list[State]] = aside.submit(running.up, settings, tell, members)
    aside.shutdown(wait=False)
    while not (spawned.wait(0.05) or rest.done()):  # what they inherit of the environment is what is there by then
        pass
    return found, lambda: _addresses(rest.result())


def _addresses(states: list[State]) -> dict[str, str]:
    return {state.name: state.url for state in states if state.url}


def _train(as_of: datetime, why: str) -> dict[str, Any]:
    """One training by the calendar; the gate decides."""
    from pipelines.commands.live_progress import live_progress
    from pipelines.flows.progress import listening
    from pipelines.flows.training import training

    with live_progress() as listener, listening(listener):
        summary = dict(training(PROBLEM, as_of=as_of, actor=f"demo: {why}"))
    return told_decision(as_of, why, summary)


def _ledger(settings: Settings) -> dict[str, Any]:
    """What the ledger holds by now, and whether it is what was recorded."""
    from pipelines.stores.releases.ledger_verification import verify_ledger

    found = verify_ledger(settings)
    return {"entries": found.entries, "intact": found.intact, "head": found.head}
