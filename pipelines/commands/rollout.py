"""`ratchet rollout`: try a challenger beside the champion, end the trial, look how it goes."""

from __future__ import annotations

import getpass
from typing import Annotated, Any, Literal

import typer

from pipelines.commands.arguments import Json, ProblemName, now
from pipelines.commands.names import problem_name
from pipelines.commands.output import number, remark, table, write_result
from pipelines.commands.wiring import read_settings
from pipelines.core.errors import ProblemError


def rollout(
    problem: ProblemName,
    action: Annotated[
        Literal["shadow", "canary", "stop"] | None,
        typer.Argument(help="shadow: scored and logged, never answered; canary: it answers its share; stop: end it."),
    ] = None,
    version: Annotated[int | None, typer.Option(help="[default: the one that the alias challenger points to]")] = None,
    share: Annotated[
        float | None, typer.Option(help="Of the rows [default: as the problem file says, else 0.1].")
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Rows with the same value stay with one release.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Why; it is kept with the decision.")] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who decides [default: your login].")] = None,
    json: Json = False,
) -> None:
    """Put a challenger on trial, or end its trial; without an action show how it goes."""
    from pipelines.steps.try_challenger import Wanted, begin_trial, stop_trial, trial_status

    settings = read_settings()
    name = problem_name(settings, problem)
    if action is None:
        status = trial_status(name, settings)
        write_result(status, json, lambda: _show(status))
        return
    if not reason:
        raise ProblemError("say why with --reason: it is kept with the decision")
    actor = by or getpass.getuser()
    if action == "stop":
        done = stop_trial(name, settings, now(), actor, reason)
        write_result(done, json, lambda: remark(f"{name}: the trial of version {done['version']} is over"))
        return
    begun = begin_trial(name, settings, Wanted(action, version, share, key), now(), actor, reason)
    line = f"{name}: version {begun['version']} is on trial as {action}, share {begun['share']:g}"
    write_result(begun, json, lambda: remark(line))


def _show(status: dict[str, Any]) -> None:
    name, challenger = status["problem"], status["challenger"] or "none"
    remark(f"{name}: champion {status['champion']}, challenger {challenger}, trial: {status['mode']}")
    if status["mode"] == "none":
        return
    remark(f"version {status['version']}, share {status['share']:g}, by {status['actor']}: {status['reason']}")
    if status["mode"] in ("shadow", "canary") and not status["in_effect"]:
        remark("it rests: the alias challenger points to another version")
    loss, rows = status["loss"], []
    for place, (arm, seen) in enumerate(status["arms"].items()):
        time = seen["median_seconds_per_row"]
        milliseconds = number(None if time is None else time * 1e3)
        rows.append((arm, seen["rows"], seen["failed"], milliseconds, loss["labels"][place], number(loss[arm])))
    table("Trial so far", ("arm", "rows", "answers failed", "ms per row", "labels", "loss"), rows)
