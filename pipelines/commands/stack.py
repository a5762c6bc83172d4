"""`ratchet up`, `down` and `status`: the processes of the stack, and what waits for a person."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json
from pipelines.commands.output import remark, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

if TYPE_CHECKING:
    from pipelines.core.settings import Settings
    from pipelines.stack.running import State

LOOK = 3.0  # seconds between two looks at the stack in the foreground


def up(
    json: Json = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, start again what ends, and end all on SIGTERM or Ctrl-C.")
    ] = False,
) -> None:
    """Start MLflow, Prefect (server and worker), the prediction service, Evidently and the console.

    A second call starts only what is missing. A busy port is replaced by a free one.
    """
    from pipelines.stack import running

    settings = read_settings()
    states = running.up(settings, tell=_tell)
    write_result(_as_json(states), json, lambda: _show(states))
    if foreground:
        _stay(settings)


def _stay(settings: Settings) -> None:
    """What a container runs: look after the stack until told to end it."""
    from pipelines.core.errors import Busy, Unavailable
    from pipelines.stack import running

    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    while not told.wait(LOOK):
        if all(state.running or state.elsewhere for state in running.status(settings)):
            continue
        try:
            running.up(settings, tell=_tell)
        except (Busy, Unavailable) as error:  # told, and tried again at the next look
            remark(str(error))
    running.down(settings, tell=_tell)


def _tell(name: str, event: str) -> None:
    remark(f"{name:<10} {event}")


def down(json: Json = False) -> None:
    """End everything that `up` started, with all that it started in turn; no process and no port is left."""
    from pipelines.stack import running

    ended = running.down(read_settings(), tell=_tell)
    write_result({"ended": ended}, json, lambda: remark("all ended" if ended else "nothing was running"))


def status(json: Json = False) -> None:
    """Show which processes run, which releases are champions, and which retraining requests wait."""
    from pipelines.stack import running

    settings = read_settings()
    prepare_tools(settings)
    states = running.status(settings)
    loop = _state_of_the_loop(settings, states)

    def show() -> None:
        _show(states)
        if loop["champions"]:
            rows = [(one["problem"], one["version"]) for one in loop["champions"]]
            table("Champions", ("problem", "version"), rows)
        if loop["requests"]:
            waiting = [(one["problem"], one["state"], one["reason"]) for one in loop["requests"]]
            table("Retraining requests", ("problem", "state", "reason"), waiting)

    write_result({**_as_json(states), **loop}, json, show)


def _as_json(states: list[State]) -> dict[str, Any]:
    return {"processes": {state.name: state for state in states}}


def _show(states: list[State]) -> None:
    words = {(True, True): "answers", (True, False): "starting or stuck", (False, False): "not running"}
    rows = [
        (
            state.title,
            words[state.running, state.answers] if not state.elsewhere or state.answers else "does not answer",
            state.url or ("–" if state.running else ""),
            "elsewhere" if state.elsewhere else state.pid,
        )
        for state in states
    ]
    table("The stack", ("what", "state", "address", "pid"), rows)


def _state_of_the_loop(settings: Settings, states: list[State]) -> dict[str, Any]:
    from pipelines.stores.decisions.ledger import Ledger
    from pipelines.stores.registry.registry_reader import open_reader

    mlflow = next((state.url for state in states if state.name == "mlflow" and state.answers), None)
    # The server answers in a tenth of the time that importing MLflow takes.
    reader = open_reader(settings.model_copy(update={"mlflow_url": settings.mlflow_url or mlflow}))
    ledger = Ledger(settings.database)
    try:
        versions = {name: release.version for name in reader.problems() if (release := reader.champion(name))}
        waiting = ledger.requests(states=("open", "running"))
    finally:
        reader.close()
        ledger.close()
    names = ("id", "problem", "state", "reason", "flow_run_id")
    return {
        "champions": [{"problem": name, "version": version} for name, version in versions.items()],
        "requests": [{name: getattr(request, name) for name in names} for request in waiting],
    }
