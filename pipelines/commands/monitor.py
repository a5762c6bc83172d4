"""`ratchet monitor`: a window of the prediction log, judged."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from pipelines.commands.arguments import AsOf, Json, ProblemName, now, parse_moment
from pipelines.commands.flow_run import flow_run
from pipelines.commands.output import plain, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings


def monitor(
    problem: ProblemName,
    start: Annotated[
        datetime | None, typer.Option(parser=parse_moment, metavar="WHEN", help="[default: one window before the end]")
    ] = None,
    end: Annotated[datetime | None, typer.Option(parser=parse_moment, metavar="WHEN", help="[default: as of]")] = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Judge a window of answered predictions against the champion's reference: healthy, warning or alarm.

    An alarm that the problem's policy acts on makes a retraining request, which is then carried out.
    """
    prepare_tools(read_settings())
    with flow_run("monitoring", "monitoring") as monitoring:
        result = monitoring(problem, start=start, end=end, as_of=as_of or now())
    watched = plain(result["watched"][0])
    write_result({**watched, "dispatched": result["dispatched"]}, json, lambda: _show(watched, result["dispatched"]))


def _show(watched: dict[str, Any], dispatched: list[dict[str, Any]]) -> None:
    rows = [(name.replace("_", " "), value) for name, value in watched.items()]
    table("Verdict", ("what", "value"), rows)
    if dispatched:
        table("Retraining", ("problem", "outcome"), [(one["problem"], one["outcome"]) for one in dispatched])
